/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/boot.h"
#include "tests/unit/host/vm/kernel_file.h"
#include "tests/unit/host/vm/unit.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1ull << 20)

static char folder[] = "/tmp/test-boot-XXXXXX";
static char kernel[64], initrd[64], other[64];
static struct memory memory;

static void write_file(const char *path, const void *bytes, u64 size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static int make_memory(u64 bytes)
{
	struct memory_layout layout;
	struct lis_error err;

	memory_layout_set(&layout, bytes, 128 * MIB, 1024 * MIB);
	return memory_create(&memory, &layout, false, &err);
}

static int set_up(void **state)
{
	u8 bytes[KERNEL_FILE_BYTES];

	(void)state;
	kernel_file_fill(bytes);
	write_file(kernel, bytes, sizeof(bytes));
	write_file(initrd, "initial memory", 14);
	return make_memory(64 * MIB);
}

static int tear_down(void **state)
{
	(void)state;
	memory_destroy(&memory);
	unlink(kernel);
	unlink(initrd);
	unlink(other);
	return 0;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(kernel, sizeof(kernel), "%s/kernel", folder);
	snprintf(initrd, sizeof(initrd), "%s/initrd", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int load(const char *kernel_path, const char *initrd_path,
		const char *command_line, struct lis_error *err)
{
	struct boot_files files = { .kernel = kernel_path,
				    .initrd = initrd_path,
				    .command_line = command_line };
	struct boot_entry entry;
	int ret;

	err->text[0] = 0;
	ret = boot_load(&memory, &files, &entry, err);
	if (!ret) {
		assert_int_equal(entry.gpa, KERNEL_FILE_LOAD_GPA + 0x200);
		assert_true(entry.long_mode);
	}
	return ret;
}

static void puts_everything_in_place(void **state)
{
	struct boot_params params;
	struct lis_error err;
	u64 gpa;
	u32 i;

	(void)state;
	assert_int_equal(load(kernel, initrd, "console=ttyS0", &err), 0);
	for (i = 0; i < KERNEL_FILE_CODE_BYTES; i++)
		assert_int_equal(memory.base[KERNEL_FILE_LOAD_GPA + i], (u8)i);
	memcpy(&params, memory.base + BOOT_PARAMS_GPA, sizeof(params));
	assert_int_equal(params.hdr.type_of_loader, 0xff);
	assert_int_equal(params.acpi_rsdp_addr, BOOT_ACPI_GPA);
	assert_string_equal((char *)memory.base + params.hdr.cmd_line_ptr,
			    "console=ttyS0");
	gpa = params.hdr.ramdisk_image;
	assert_int_equal(params.hdr.ramdisk_size, 14);
	assert_int_equal(gpa % 4096, 0);
	assert_in_range(gpa, 63 * MIB, 64 * MIB - 14);
	assert_memory_equal(memory.base + gpa, "initial memory", 14);
	assert_int_equal(params.e820_entries, 4);
}

/* The state at a 32-bit kernel's beginning: flat 32-bit code at the front. */
static void starts_a_32_bit_kernel(void **state)
{
	u8 bytes[KERNEL_FILE_BYTES];
	struct boot_files files = { .kernel = other };
	struct boot_entry entry;
	struct lis_error err;
	u64 code;

	(void)state;
	kernel_file_fill(bytes);
	kernel_file_set(bytes, KERNEL_FILE_XLOADFLAGS, 0, 2);
	write_file(other, bytes, sizeof(bytes));
	assert_int_equal(boot_load(&memory, &files, &entry, &err), 0);
	assert_int_equal(entry.gpa, KERNEL_FILE_LOAD_GPA);
	assert_false(entry.long_mode);
	memcpy(&code, memory.base + BOOT_GDT_GPA + BOOT_GDT_CODE, sizeof(code));
	/* Intel SDM volume 3, 3.4.5: bit 54 is D, bit 53 is L. */
	assert_int_equal(code >> 53 & 3, 2);
	unlink(other);
}

/* An unpacked kernel: each segment at its own address, a header made up. */
static void loads_an_unpacked_kernel(void **state)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segments[2];
		u8 bytes[1024];
	} file = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_entry = 2 * MIB,
			.e_phoff = sizeof(file.head),
			.e_phentsize = sizeof(file.segments[0]),
			.e_phnum = 2,
		},
		.segments = {
			{ .p_type = PT_LOAD, .p_paddr = 2 * MIB,
			  .p_offset = sizeof(file) - 1024, .p_filesz = 1000,
			  .p_memsz = 5000 },
			{ .p_type = PT_LOAD, .p_paddr = 9 * MIB,
			  .p_offset = sizeof(file) - 24, .p_filesz = 24,
			  .p_memsz = MIB },
		},
	};
	struct boot_files files = { .kernel = other, .initrd = initrd };
	struct boot_params params;
	struct boot_entry entry;
	struct lis_error err;

	(void)state;
	memset(file.bytes, 0xc3, sizeof(file.bytes));
	write_file(other, &file, sizeof(file));
	assert_int_equal(boot_load(&memory, &files, &entry, &err), 0);
	assert_int_equal(entry.gpa, 2 * MIB);
	assert_true(entry.long_mode);
	assert_memory_equal(memory.base + 2 * MIB, file.bytes, 1000);
	assert_int_equal(memory.base[2 * MIB + 1000], 0);
	assert_memory_equal(memory.base + 9 * MIB, file.bytes, 24);
	memcpy(&params, memory.base + BOOT_PARAMS_GPA, sizeof(params));
	assert_int_equal(params.hdr.header, 0x53726448);
	assert_int_equal(params.hdr.ramdisk_size, 14);
	assert_true(params.hdr.ramdisk_image >= 10 * MIB);
	/* Memory that it says it uses, and the machine does not have. */
	file.segments[1].p_memsz = 64 * MIB;
	write_file(other, &file, sizeof(file));
	assert_int_equal(boot_load(&memory, &files, &entry, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at least 74 MiB"));
	/* Cut short. */
	write_file(other, &file, sizeof(file) - 1);
	assert_int_equal(boot_load(&memory, &files, &entry, &err), -EINVAL);
	assert_non_null(strstr(err.text, other));
	unlink(other);
}

static void tells_the_memory_map(void **state)
{
	struct boot_e820_entry table[5];
	struct memory_layout layout;
	u64 total = 0;
	u32 count, i;

	(void)state;
	memory_layout_set(&layout, 6144 * MIB, 128 * MIB, 1024 * MIB);
	count = boot_e820(&layout, table);
	assert_int_equal(count, 5);
	for (i = 0; i < count; i++) {
		if (i)
			assert_true(table[i].addr >=
				    table[i - 1].addr + table[i - 1].size);
		if (table[i].type == 1)
			total += table[i].size;
	}
	/* All but what lies between 640 KiB and 1 MiB. */
	assert_int_equal(total, 6144 * MIB - 0x60000);
	assert_int_equal(table[3].addr + table[3].size, 0xf8000000);
	assert_int_equal(table[4].addr, 1ull << 32);
}

/* Real-mode code where a PC begins: it writes the ACPI reset register. */
static void resets_at_the_reset_vector(void **state)
{
	static const u8 code[] = { 0xba, 0x02, 0x06, 0xb0, 0x01, 0xee };
	struct lis_error err;

	(void)state;
	assert_int_equal(load(kernel, NULL, NULL, &err), 0);
	assert_memory_equal(memory.base + 0xffff0, code, sizeof(code));
}

/* Walks the tables as a CPU would. */
static void maps_4_gib_to_itself(void **state)
{
	struct lis_error err;
	u64 gpa;

	(void)state;
	assert_int_equal(load(kernel, NULL, NULL, &err), 0);
	for (gpa = 0; gpa < 1ull << 32; gpa += 2 * MIB) {
		u64 entry;

		memcpy(&entry, memory.base + BOOT_PAGE_TABLES_GPA, 8);
		assert_int_equal(entry & 0xfff, 3);
		memcpy(&entry,
		       memory.base + (entry & ~0xfffull) + (gpa >> 30) * 8, 8);
		assert_int_equal(entry & 0xfff, 3);
		memcpy(&entry,
		       memory.base + (entry & ~0xfffull) +
			       (gpa >> 21 & 0x1ff) * 8,
		       8);
		assert_int_equal(entry, gpa | 0x83);
	}
}

static void command_lines_have_a_limit(void **state)
{
	char text[KERNEL_FILE_COMMAND_LINE_MAX + 2];
	struct lis_error err;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[KERNEL_FILE_COMMAND_LINE_MAX + 1] = 0;
	assert_int_equal(load(kernel, NULL, text, &err), -EINVAL);
	assert_says(err, "256 bytes");
	assert_says(err, "at most 255");
	text[KERNEL_FILE_COMMAND_LINE_MAX] = 0;
	assert_int_equal(load(kernel, NULL, text, &err), 0);
}

static void says_which_file_is_wrong(void **state)
{
	struct lis_error err;

	(void)state;
	assert_int_equal(load("/nonexistent", NULL, NULL, &err), -ENOENT);
	assert_says(err, "/nonexistent");
	assert_int_equal(load(kernel, "/nonexistent", NULL, &err), -ENOENT);
	assert_int_equal(load(folder, NULL, NULL, &err), -EINVAL);
	assert_says(err, "not a regular file");
	assert_int_equal(load("/dev/zero", NULL, NULL, &err), -EINVAL);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(load(other, NULL, NULL, &err), -EINVAL);
	assert_int_equal(load(kernel, other, NULL, &err), -EINVAL);
	assert_int_equal(unlink(other), 0);
	write_file(other, "", 0);
	assert_int_equal(load(kernel, other, NULL, &err), -EINVAL);
	assert_says(err, "is empty");
	assert_int_equal(load(other, NULL, NULL, &err), -EINVAL);
	assert_says(err, other);
	assert_says(err, "not a usable bzImage");
}

static void says_that_memory_is_too_small(void **state)
{
	u8 bytes[KERNEL_FILE_BYTES];
	struct lis_error err;

	(void)state;
	kernel_file_fill(bytes);
	kernel_file_set(bytes, KERNEL_FILE_INIT_SIZE, 49 * MIB, 4);
	write_file(other, bytes, sizeof(bytes));
	assert_int_equal(load(other, NULL, NULL, &err), -EINVAL);
	assert_says(err, "needs at least 66 MiB");
	assert_says(err, "has 64 MiB");
	/* All of memory, so that nothing is left for the initrd. */
	kernel_file_set(bytes, KERNEL_FILE_INIT_SIZE, 48 * MIB, 4);
	write_file(other, bytes, sizeof(bytes));
	assert_int_equal(load(other, NULL, NULL, &err), 0);
	assert_int_equal(load(other, initrd, NULL, &err), -EINVAL);
	assert_says(err, "more memory");
}

static void keeps_the_initrd_below_the_kernels_limit(void **state)
{
	u8 bytes[KERNEL_FILE_BYTES];
	struct boot_params params;
	struct lis_error err;

	(void)state;
	kernel_file_fill(bytes);
	kernel_file_set(bytes, KERNEL_FILE_INITRD_ADDR_MAX, 32 * MIB - 1, 4);
	write_file(other, bytes, sizeof(bytes));
	assert_int_equal(load(other, initrd, NULL, &err), 0);
	memcpy(&params, memory.base + BOOT_PARAMS_GPA, sizeof(params));
	assert_int_equal(params.hdr.ramdisk_image, 32 * MIB - 4096);
	kernel_file_set(bytes, KERNEL_FILE_INITRD_ADDR_MAX, 0, 4);
	write_file(other, bytes, sizeof(bytes));
	assert_int_equal(load(other, initrd, NULL, &err), -EINVAL);
}

#define BOOT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOOT_TEST(puts_everything_in_place),
		BOOT_TEST(starts_a_32_bit_kernel),
		BOOT_TEST(loads_an_unpacked_kernel),
		cmocka_unit_test(tells_the_memory_map),
		BOOT_TEST(resets_at_the_reset_vector),
		BOOT_TEST(maps_4_gib_to_itself),
		BOOT_TEST(command_lines_have_a_limit),
		BOOT_TEST(says_which_file_is_wrong),
		BOOT_TEST(says_that_memory_is_too_small),
		BOOT_TEST(keeps_the_initrd_below_the_kernels_limit),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
