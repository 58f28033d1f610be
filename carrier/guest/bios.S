/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A kernel that is just enough of a BIOS to start one other, in real mode: iPXE
 * as a Linux kernel (ipxe.lkrn), which asks for memory, characters and ticks.
 * It is started as boot.rst's 32-bit protocol says, hands the command line and
 * the memory map on, and shows what is printed on the serial port.
 *
 * LKRN: the file with the other kernel.
 */
#define CODE_SEGMENT	0xf000
#define CODE		0xf0000
#define LOADED		0x10000
#define PAYLOAD		0x100000
#define COMMAND_LINE	0x90000
#define COMMAND_LINE_BYTES 2048
#define BASE_KIB	639

/* boot_params: the memory map and its entries, the command line. */
#define PARAMS_E820_COUNT 0x1e8
#define PARAMS_E820	  0x2d0
#define E820_BYTES	  20
#define E820_MAX	  16
#define HEADER_SETUP_SECTORS 0x1f1
#define HEADER_LOADER	     0x210
#define HEADER_COMMAND_LINE  0x228

#define SERIAL_PORT   0x3f8
#define SLEEP_PORT    0x600
#define SLEEP_S5      0x34
#define TICKS	      0x46c
/* Not one of a PC's interrupts: iPXE takes that of the real-time clock for its
 * random numbers, and acknowledges it as the old controller's. */
#define TICK_VECTOR   0x78
/* 18.2 a second, of KVM's local APIC that counts ns. */
#define TICK_NS	      54925000

#define MSR_APIC_BASE 0x1b
#define APIC_X2	      0xc00
#define MSR_APIC_EOI  0x80b
#define MSR_APIC_SPURIOUS 0x80f
#define MSR_APIC_TIMER	  0x832
#define MSR_APIC_COUNT	  0x838
#define MSR_APIC_DIVIDE	  0x83e
#define TIMER_PERIODIC	  0x20000

#define OFFSET(symbol) (symbol - bios)
#define FAR(symbol) ((CODE_SEGMENT << 16) + OFFSET(symbol))

	.text
	.code32
	.globl _start
_start:
	cld
	mov	%esi, %ebx
	mov	HEADER_COMMAND_LINE(%ebx), %esi
	mov	$COMMAND_LINE, %edi
	mov	$COMMAND_LINE_BYTES, %ecx
	rep movsb
	mov	$bios, %esi
	mov	$CODE, %edi
	mov	$(bios_end - bios), %ecx
	rep movsb
	movzbl	PARAMS_E820_COUNT(%ebx), %eax
	mov	%eax, CODE + OFFSET(e820_count)
	imul	$E820_BYTES, %eax, %ecx
	lea	PARAMS_E820(%ebx), %esi
	mov	$(CODE + OFFSET(e820)), %edi
	rep movsb

	/* Interrupt vectors, then the BIOS data area behind them. */
	xor	%edi, %edi
	mov	$FAR(ignore), %eax
	mov	$256, %ecx
	rep stosl
	xor	%eax, %eax
	mov	$64, %ecx
	rep stosl
	movl	$FAR(video), 0x10 * 4
	movl	$FAR(equipment), 0x11 * 4
	movl	$FAR(base_memory), 0x12 * 4
	movl	$FAR(fail), 0x13 * 4
	movl	$FAR(memory), 0x15 * 4
	movl	$FAR(keyboard), 0x16 * 4
	movl	$FAR(off), 0x18 * 4
	movl	$FAR(off), 0x19 * 4
	movl	$FAR(time), 0x1a * 4
	movl	$FAR(tick), TICK_VECTOR * 4
	movw	$(BASE_KIB * 64), 0x40e
	movw	$BASE_KIB, 0x413
	movb	$3, 0x449
	movw	$80, 0x44a
	movb	$24, 0x484

	movzbl	lkrn + HEADER_SETUP_SECTORS, %edx
	inc	%edx
	shl	$9, %edx
	mov	$lkrn, %esi
	mov	$LOADED, %edi
	mov	%edx, %ecx
	rep movsb
	mov	$PAYLOAD, %edi
	mov	$(lkrn_end - lkrn), %ecx
	sub	%edx, %ecx
	rep movsb
	movl	$COMMAND_LINE, LOADED + HEADER_COMMAND_LINE
	movb	$0xff, LOADED + HEADER_LOADER

	lgdt	gdt_where
	ljmp	$8, $OFFSET(leave)

	.balign 8
gdt:
	.quad	0
	.quad	0x00009b0f0000ffff /* code at CODE, of 16 bits */
	.quad	0x000093000000ffff /* data from 0 */
gdt_where:
	.word	. - gdt - 1
	.long	gdt

	/* What follows runs at CODE, in real mode. */
	.balign 16
	.code16
bios:
leave:
	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$0xfe, %al
	mov	%eax, %cr0
	ljmp	$CODE_SEGMENT, $OFFSET(real)
real:
	xor	%ax, %ax
	mov	%ax, %ss
	mov	$0x7c00, %sp
	mov	$CODE_SEGMENT, %ax
	mov	%ax, %ds
	lidt	OFFSET(vectors_where)

	mov	$MSR_APIC_BASE, %ecx
	rdmsr
	or	$APIC_X2, %eax
	wrmsr
	xor	%edx, %edx
	mov	$MSR_APIC_SPURIOUS, %ecx
	mov	$0x1ff, %eax
	wrmsr
	mov	$MSR_APIC_DIVIDE, %ecx
	mov	$0xb, %eax
	wrmsr
	mov	$MSR_APIC_TIMER, %ecx
	mov	$(TIMER_PERIODIC | TICK_VECTOR), %eax
	wrmsr
	mov	$MSR_APIC_COUNT, %ecx
	mov	$TICK_NS, %eax
	wrmsr

	mov	$(LOADED >> 4), %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	sti
	ljmp	$((LOADED >> 4) + 0x20), $0

vectors_where:
	.word	0x3ff
	.long	0

ignore:
	iret

	/* Local APIC: a tick. */
tick:
	push	%eax
	push	%ecx
	push	%edx
	push	%ds
	xor	%ax, %ax
	mov	%ax, %ds
	incl	TICKS
	mov	$MSR_APIC_EOI, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%ds
	pop	%edx
	pop	%ecx
	pop	%eax
	iret

	/* int 0x10: a character to show; where the cursor is; the mode. */
video:
	cmp	$0x0e, %ah
	je	1f
	cmp	$0x03, %ah
	je	2f
	cmp	$0x0f, %ah
	je	3f
	iret
1:
	push	%dx
	mov	$SERIAL_PORT, %dx
	out	%al, %dx
	pop	%dx
	iret
2:
	xor	%cx, %cx
	xor	%dx, %dx
	iret
3:
	mov	$0x5003, %ax
	xor	%bh, %bh
	iret

equipment:
	xor	%ax, %ax
	iret

base_memory:
	mov	$BASE_KIB, %ax
	iret

	/* int 0x15: the memory map, by its index in ebx. */
memory:
	cmp	$0xe820, %eax
	jne	fail
	cmp	$0x534d4150, %edx
	jne	fail
	cmp	%cs:OFFSET(e820_count), %ebx
	jae	fail
	push	%ds
	push	%si
	push	%di
	mov	$CODE_SEGMENT, %si
	mov	%si, %ds
	imul	$E820_BYTES, %bx, %si
	add	$OFFSET(e820), %si
	mov	$E820_BYTES, %ecx
	cld
	rep movsb
	pop	%di
	pop	%si
	pop	%ds
	mov	$E820_BYTES, %ecx
	mov	%edx, %eax
	inc	%ebx
	cmp	%cs:OFFSET(e820_count), %ebx
	jb	good
	xor	%ebx, %ebx
	jmp	good

	/* int 0x16: no key, ever. */
keyboard:
	push	%bp
	mov	%sp, %bp
	orw	$0x40, 6(%bp)
	pop	%bp
	iret

	/* int 0x1a: ticks, no clock; PCI with one bus and nothing on it, as
	 * who finds no PCI BIOS may look at every place of 256. */
time:
	cmp	$0xb101, %ax
	je	1f
	cmp	$0xb108, %ax
	jb	2f
	cmp	$0xb10a, %ax
	ja	2f
	mov	$0xffffffff, %ecx
	xor	%ah, %ah
	jmp	good
1:
	mov	$0x20494350, %edx
	mov	$0x0210, %bx
	xor	%cl, %cl
	mov	$1, %ax
	jmp	good
2:
	test	%ah, %ah
	jnz	fail
	push	%ds
	xor	%dx, %dx
	mov	%dx, %ds
	mov	TICKS, %dx
	mov	TICKS + 2, %cx
	xor	%al, %al
	pop	%ds
good:
	push	%bp
	mov	%sp, %bp
	andw	$0xfffe, 6(%bp)
	pop	%bp
	iret

fail:
	mov	$0x86, %ah
	push	%bp
	mov	%sp, %bp
	orw	$1, 6(%bp)
	pop	%bp
	iret

	/* int 0x18, 0x19: nothing else is to be started. */
off:
	mov	$SLEEP_PORT, %dx
	mov	$SLEEP_S5, %al
	out	%al, %dx
1:
	hlt
	jmp	1b

	.balign 4
e820_count:
	.long	0
e820:
	.space	E820_MAX * E820_BYTES
bios_end:

	.balign 4096
lkrn:
	.incbin LKRN
lkrn_end:
