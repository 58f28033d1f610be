/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/elf_kernel.h"
#include "tests/unit/host/vm/unit.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB	   (1ull << 20)
#define SEGMENTS   3
#define FILE_BYTES 65536ull
#define HEAD_BYTES 1024

static u8 bytes[FILE_BYTES];
static struct elf_kernel kernel;
static struct lis_error err;

struct file64 {
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENTS];
};

struct file32 {
	Elf32_Ehdr head;
	Elf32_Phdr segments[SEGMENTS];
};

static struct file64 *make64(void)
{
	static const struct file64 file = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_entry = 16 * MIB,
			.e_phoff = sizeof(file.head),
			.e_phentsize = sizeof(file.segments[0]),
			.e_phnum = SEGMENTS,
		},
		.segments = {
			{ .p_type = PT_LOAD, .p_paddr = 16 * MIB,
			  .p_offset = 4096, .p_filesz = 8192,
			  .p_memsz = 8192 },
			{ .p_type = PT_NOTE, .p_offset = ~0ull },
			{ .p_type = PT_LOAD, .p_paddr = 20 * MIB,
			  .p_offset = 16384, .p_filesz = FILE_BYTES - 16384,
			  .p_memsz = MIB },
		},
	};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &file, sizeof(file));
	return (struct file64 *)bytes;
}

static struct file32 *make32(void)
{
	static const struct file32 file = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32,
				     ELFDATA2LSB },
			.e_type = ET_EXEC,
			.e_machine = EM_386,
			.e_entry = 16 * MIB + 64,
			.e_phoff = sizeof(file.head),
			.e_phentsize = sizeof(file.segments[0]),
			.e_phnum = 1,
		},
		.segments = {
			{ .p_type = PT_LOAD, .p_paddr = 16 * MIB,
			  .p_offset = 4096, .p_filesz = 8192,
			  .p_memsz = 2 * MIB },
		},
	};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &file, sizeof(file));
	return (struct file32 *)bytes;
}

static int parse(void)
{
	err.text[0] = 0;
	return elf_parse(&kernel, bytes, HEAD_BYTES, FILE_BYTES, &err);
}

static void refuses(const char *why)
{
	assert_int_equal(parse(), -EINVAL);
	assert_non_null(strstr(err.text, why));
}

static void reads_64_bits(void **state)
{
	(void)state;
	make64();
	assert_true(elf_is(bytes, HEAD_BYTES));
	assert_int_equal(parse(), 0);
	assert_int_equal(kernel.segment_count, 2);
	assert_int_equal(kernel.load_gpa, 16 * MIB);
	assert_int_equal(kernel.end_gpa, 21 * MIB);
	assert_int_equal(kernel.entry_gpa, 16 * MIB);
	assert_true(kernel.long_mode);
	assert_int_equal(kernel.segments[1].gpa, 20 * MIB);
	assert_int_equal(kernel.segments[1].offset, 16384);
	assert_int_equal(kernel.segments[1].file_bytes, FILE_BYTES - 16384);
}

static void reads_32_bits(void **state)
{
	(void)state;
	make32();
	assert_int_equal(parse(), 0);
	assert_int_equal(kernel.segment_count, 1);
	assert_int_equal(kernel.end_gpa, 18 * MIB);
	assert_int_equal(kernel.entry_gpa, 16 * MIB + 64);
	assert_false(kernel.long_mode);
}

static void refuses_other_files(void **state)
{
	(void)state;
	make64()->head.e_machine = EM_AARCH64;
	refuses("another processor");
	make64()->head.e_machine = EM_386;
	refuses("another processor");
	make64()->head.e_ident[EI_DATA] = ELFDATA2MSB;
	refuses("another processor");
	make64()->head.e_ident[EI_CLASS] = 3;
	refuses("neither 32 nor 64");
	make64()->head.e_type = ET_DYN;
	refuses("not an executable");
	make64()->head.e_phentsize = 1;
	refuses("unknown size");
	make64()->head.e_phnum = 0;
	refuses("no segment");
	assert_false(elf_is("\177EL", 3));
	assert_false(elf_is("MZxx", 4));
}

static void refuses_lying_headers(void **state)
{
	struct file64 *file;

	(void)state;
	make64()->head.e_phoff = ~0ull;
	refuses("not at its beginning");
	make64()->head.e_phnum = 0xffff;
	refuses("not at its beginning");
	make64()->head.e_entry = 16 * MIB - 1;
	refuses("entry point");
	make64()->head.e_entry = 0xffffffff81000000ull;
	refuses("entry point");
	make64()->segments[0].p_offset = ~0ull;
	refuses("not in the file");
	make64()->segments[2].p_filesz++;
	refuses("not in the file");
	make64()->segments[0].p_memsz = 1;
	refuses("not in the file");
	make64()->segments[0].p_paddr = MIB - 1;
	refuses("below 1 MiB");
	make64()->segments[0].p_paddr = 1ull << 32;
	refuses("above 4 GiB");
	make64()->segments[2].p_memsz = ~0ull;
	refuses("above 4 GiB");
	file = make64();
	file->head.e_phnum = ELF_SEGMENTS_MAX + 1;
	for (u32 i = 0; i <= ELF_SEGMENTS_MAX; i++)
		memcpy(bytes + sizeof(file->head) + i * sizeof(Elf64_Phdr),
		       &file->segments[0], sizeof(Elf64_Phdr));
	refuses("more than 12");
}

/* No byte behind the head is looked at. */
static void takes_any_length(void **state)
{
	(void)state;
	for (u32 length = 0; length < HEAD_BYTES; length++) {
		u8 *head = malloc(length ? length : 1);
		bool whole = length >= sizeof(struct file64);

		assert_non_null(head);
		make64();
		memcpy(head, bytes, length);
		assert_int_equal(
			elf_parse(&kernel, head, length, FILE_BYTES, &err),
			whole ? 0 : -EINVAL);
		free(head);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_64_bits),
		cmocka_unit_test(reads_32_bits),
		cmocka_unit_test(refuses_other_files),
		cmocka_unit_test(refuses_lying_headers),
		cmocka_unit_test(takes_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
