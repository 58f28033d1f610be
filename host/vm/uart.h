/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * uart.h - the registers of a 16550A serial port (National Semiconductor
 * PC16550D datasheet, table II and section 8).
 *
 * Here: the port as a state machine without a clock: a byte written is sent at
 * once. Not here: where bytes go, how an interrupt is raised, locks.
 */
#ifndef HOST_VM_UART_H
#define HOST_VM_UART_H

#include "vmbus/port.h"

#define UART_BASE_PORT 0x3f8
#define UART_PORTS     8
#define UART_IRQ       4
/*
 * More than the 16 bytes of the real FIFO, so that typing needs fewer steps; a
 * guest sees only "there is one more".
 */
#define UART_INPUT_BYTES 256

struct uart {
	u8 interrupt_enable;
	u8 fifo_control;
	u8 line_control;
	u8 modem_control;
	u8 scratch;
	u8 divisor_low;
	u8 divisor_high;
	bool transmit_interrupt; /* "holding register empty" not yet seen */
	u32 input_at;		 /* oldest byte */
	u32 input_count;
	u8 input[UART_INPUT_BYTES];
};

/** uart_init - the state after a hardware reset. */
void uart_init(struct uart *uart);

/**
 * uart_read - the guest reads a register.
 * @offset: 0..7 from the base port
 */
u8 uart_read(struct uart *uart, u32 offset);

/**
 * uart_write - the guest writes a register.
 * @offset: 0..7 from the base port
 *
 * Result: true when @value is a byte to send (it is not kept here).
 */
bool uart_write(struct uart *uart, u32 offset, u8 value);

/**
 * uart_input - bytes arrive on the line.
 *
 * Result: how many were taken; 0 when the buffer is full.
 */
u32 uart_input(struct uart *uart, const u8 *bytes, u32 size_bytes);

/** uart_input_room - how many bytes uart_input would take now. */
u32 uart_input_room(const struct uart *uart);

/** uart_interrupt - the state of the interrupt line. */
bool uart_interrupt(const struct uart *uart);

#endif
