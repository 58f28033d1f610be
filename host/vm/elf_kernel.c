/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/elf_kernel.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define LOWEST_GPA 0x100000ull
#define END_GPA	   (1ull << 32)

/* One header of either class. */
struct program_header {
	u32 type;
	u64 gpa;
	u64 offset;
	u64 file_bytes;
	u64 memory_bytes;
};

static int bad(struct lis_error *err, const char *why)
{
	return lis_error_set(err, EINVAL, "not a usable ELF kernel: %s", why);
}

bool elf_is(const void *head, u32 head_bytes)
{
	return head_bytes >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static struct program_header header_at(const u8 *at, bool wide)
{
	Elf64_Phdr head64;
	Elf32_Phdr head32;

	if (wide) {
		memcpy(&head64, at, sizeof(head64));
		return (struct program_header){
			head64.p_type,	 head64.p_paddr, head64.p_offset,
			head64.p_filesz, head64.p_memsz,
		};
	}
	memcpy(&head32, at, sizeof(head32));
	return (struct program_header){
		head32.p_type,	 head32.p_paddr, head32.p_offset,
		head32.p_filesz, head32.p_memsz,
	};
}

static int segment_add(struct elf_kernel *kernel,
		       const struct program_header *header, u64 file_bytes,
		       struct lis_error *err)
{
	struct elf_segment *segment = &kernel->segments[kernel->segment_count];

	if (header->type != PT_LOAD || !header->memory_bytes)
		return 0;
	if (kernel->segment_count == ELF_SEGMENTS_MAX)
		return bad(err, "it has more than 12 segments");
	if (header->file_bytes > header->memory_bytes ||
	    header->offset > file_bytes ||
	    header->file_bytes > file_bytes - header->offset)
		return bad(err, "a segment is not in the file, which may be "
				"cut short");
	if (header->gpa < LOWEST_GPA || header->gpa >= END_GPA ||
	    header->memory_bytes > END_GPA - header->gpa)
		return bad(err, "a segment's physical address is below 1 MiB "
				"or above 4 GiB");
	segment->gpa = header->gpa;
	segment->offset = header->offset;
	segment->file_bytes = header->file_bytes;
	if (!kernel->segment_count || header->gpa < kernel->load_gpa)
		kernel->load_gpa = header->gpa;
	if (header->gpa + header->memory_bytes > kernel->end_gpa)
		kernel->end_gpa = header->gpa + header->memory_bytes;
	kernel->segment_count++;
	return 0;
}

/* The two classes differ in widths, not in order. */
static int identity_check(const Elf64_Ehdr *head, struct lis_error *err)
{
	bool wide = head->e_ident[EI_CLASS] == ELFCLASS64;

	if (!wide && head->e_ident[EI_CLASS] != ELFCLASS32)
		return bad(err, "its class is neither 32 nor 64 bits");
	if (head->e_ident[EI_DATA] != ELFDATA2LSB ||
	    head->e_machine != (wide ? EM_X86_64 : EM_386))
		return bad(err, "it is for another processor than x86");
	if (head->e_type != ET_EXEC)
		return bad(err, "it is not an executable file");
	return 0;
}

int elf_parse(struct elf_kernel *kernel, const void *head, u32 head_bytes,
	      u64 file_bytes, struct lis_error *err)
{
	u64 table, entry_bytes, count;
	Elf64_Ehdr head64;
	Elf32_Ehdr head32;
	int ret;

	memset(kernel, 0, sizeof(*kernel));
	if (head_bytes < sizeof(head64) || file_bytes < head_bytes)
		return bad(err, "the file is too short");
	memcpy(&head64, head, sizeof(head64));
	memcpy(&head32, head, sizeof(head32));
	ret = identity_check(&head64, err);
	if (ret)
		return ret;
	kernel->long_mode = head64.e_ident[EI_CLASS] == ELFCLASS64;
	table = kernel->long_mode ? head64.e_phoff : head32.e_phoff;
	count = kernel->long_mode ? head64.e_phnum : head32.e_phnum;
	entry_bytes =
		kernel->long_mode ? head64.e_phentsize : head32.e_phentsize;
	kernel->entry_gpa = kernel->long_mode ? head64.e_entry : head32.e_entry;
	if (entry_bytes !=
	    (kernel->long_mode ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return bad(err, "its program headers have an unknown size");
	if (table > head_bytes || count > (head_bytes - table) / entry_bytes)
		return bad(err, "its program headers are not at its beginning");
	for (u64 i = 0; i < count; i++) {
		struct program_header header =
			header_at((const u8 *)head + table + i * entry_bytes,
				  kernel->long_mode);

		ret = segment_add(kernel, &header, file_bytes, err);
		if (ret)
			return ret;
	}
	if (!kernel->segment_count)
		return bad(err, "it has no segment to load");
	if (kernel->entry_gpa < kernel->load_gpa ||
	    kernel->entry_gpa >= kernel->end_gpa)
		return bad(err, "its entry point is in no segment: it must be "
				"a physical address");
	return 0;
}
