/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/acpi.h"
#include "host/vm/aml.h"
#include "tests/unit/host/vm/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLES_GPA 0xe0000ull
#define ROOM_BYTES 0x10000

static u8 tables[ROOM_BYTES];
static struct memory_layout layout;

static u32 build(u32 vcpus)
{
	memset(tables, 0, sizeof(tables));
	memory_layout_set(&layout, 6ull << 30, 128ull << 20, 1ull << 30);
	return acpi_build(tables, sizeof(tables), TABLES_GPA, vcpus, &layout,
			  true);
}

static u64 load(const u8 *at, u32 size)
{
	u64 value = 0;

	memcpy(&value, at, size);
	return value;
}

static u8 sum(const u8 *bytes, u64 size)
{
	u8 total = 0;

	while (size--)
		total = (u8)(total + *bytes++);
	return total;
}

static const u8 *at_gpa(u64 gpa)
{
	assert_in_range(gpa, TABLES_GPA, TABLES_GPA + ROOM_BYTES - 36);
	return tables + (gpa - TABLES_GPA);
}

static const u8 *check_table(u64 gpa, const char *signature)
{
	const u8 *table = at_gpa(gpa);

	assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(table, load(table + 4, 4)), 0);
	return table;
}

static void tables_hang_together(void **state)
{
	const u8 *xsdt, *fadt;

	(void)state;
	assert_true(build(2) > 0);
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	xsdt = check_table(load(tables + 24, 8), "XSDT");
	assert_int_equal(load(xsdt + 4, 4), 36 + 2 * 8);
	fadt = check_table(load(xsdt + 36, 8), "FACP");
	check_table(load(fadt + 140, 8), "DSDT");
	check_table(load(xsdt + 44, 8), "APIC");
	/* HW_REDUCED_ACPI and RESET_REG_SUP */
	assert_int_equal(load(fadt + 112, 4) & 0x100400, 0x100400);
	assert_int_equal(load(fadt + 116 + 4, 8), ACPI_RESET_PORT);
	assert_int_equal(load(fadt + 128, 1), ACPI_RESET_VALUE);
	assert_int_equal(load(fadt + 244 + 4, 8), ACPI_SLEEP_CONTROL_PORT);
	assert_int_equal(load(fadt + 256 + 4, 8), ACPI_SLEEP_STATUS_PORT);
}

static void lists_every_processor(void **state)
{
	const u8 *madt, *entry;
	u32 vcpus, i;

	(void)state;
	for (vcpus = 1; vcpus <= 64; vcpus++) {
		assert_true(build(vcpus) > 0);
		madt = check_table(load(at_gpa(load(tables + 24, 8)) + 44, 8),
				   "APIC");
		assert_int_equal(load(madt + 4, 4), 44 + 8 * vcpus + 12);
		for (i = 0; i < vcpus; i++) {
			entry = madt + 44 + 8 * i;
			assert_int_equal(entry[0], 0);
			assert_int_equal(entry[3], i);
			assert_int_equal(load(entry + 4, 4), 1);
		}
		assert_int_equal(madt[44 + 8 * vcpus], 1);
	}
}

/* Names in AML are four bytes. */
static bool dsdt_says(const char name[4])
{
	const u8 *fadt = at_gpa(load(at_gpa(load(tables + 24, 8)) + 36, 8));
	const u8 *dsdt = at_gpa(load(fadt + 140, 8));

	return memmem(dsdt, load(dsdt + 4, 4), name, 4) != NULL;
}

static void tells_of_hibernation(void **state)
{
	(void)state;
	assert_true(build(1) > 0);
	assert_true(dsdt_says("_S4_"));
	assert_true(dsdt_says("_S5_"));
	memset(tables, 0, sizeof(tables));
	assert_true(acpi_build(tables, sizeof(tables), TABLES_GPA, 1, &layout,
			       false) > 0);
	assert_false(dsdt_says("_S4_"));
	assert_true(dsdt_says("_S5_"));
}

static void refuses_too_little_room(void **state)
{
	u32 need = build(64), room;

	(void)state;
	assert_true(need > 0);
	for (room = 0; room < need; room++) {
		u8 *exact = calloc(1, room ? room : 1);

		assert_non_null(exact);
		assert_int_equal(
			acpi_build(exact, room, TABLES_GPA, 64, &layout, true),
			0);
		free(exact);
	}
	assert_int_equal(
		acpi_build(tables, need, TABLES_GPA, 64, &layout, true), need);
}

static void aml_lengths(void **state)
{
	/* Content behind the length byte, and the encoding wanted. */
	static const struct {
		u32 content;
		u8 bytes[3];
		u32 count;
	} cases[] = {
		{ 62, { 63 }, 1 },
		{ 63, { 0x41, 0x04 }, 2 },
		{ 4093, { 0x4f, 0xff }, 2 },
		{ 4094, { 0x81, 0x00, 0x01 }, 3 },
	};
	static u8 buffer[8192];
	struct aml aml;
	u32 i, n;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(cases); i++) {
		aml_init(&aml, buffer, sizeof(buffer));
		aml_scope(&aml, "ABCD");
		for (n = 4; n < cases[i].content; n++)
			aml_integer(&aml, 0);
		aml_end(&aml);
		assert_false(aml.failed);
		assert_int_equal(buffer[0], 0x10);
		assert_memory_equal(buffer + 1, cases[i].bytes, cases[i].count);
		assert_int_equal(aml.used_bytes,
				 1 + cases[i].count + cases[i].content);
	}
}

static void aml_integers(void **state)
{
	static const struct {
		u64 value;
		u8 bytes[9];
		u32 count;
	} cases[] = {
		{ 0, { 0x00 }, 1 },
		{ 1, { 0x01 }, 1 },
		{ 2, { 0x0a, 2 }, 2 },
		{ 0xff, { 0x0a, 0xff }, 2 },
		{ 0x100, { 0x0b, 0x00, 0x01 }, 3 },
		{ 0x10000, { 0x0c, 0, 0, 1, 0 }, 5 },
		{ 1ull << 32, { 0x0e, 0, 0, 0, 0, 1, 0, 0, 0 }, 9 },
	};
	struct aml aml;
	u8 buffer[16];
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(cases); i++) {
		aml_init(&aml, buffer, sizeof(buffer));
		aml_integer(&aml, cases[i].value);
		assert_int_equal(aml.used_bytes, cases[i].count);
		assert_memory_equal(buffer, cases[i].bytes, cases[i].count);
	}
}

static void aml_misuse_fails(void **state)
{
	struct aml aml;
	u8 buffer[64];
	u32 i;

	(void)state;
	aml_init(&aml, buffer, sizeof(buffer));
	aml_end(&aml);
	assert_true(aml.failed);
	aml_init(&aml, buffer, sizeof(buffer));
	aml_name(&aml, "TOOLONG");
	assert_true(aml.failed);
	aml_init(&aml, buffer, sizeof(buffer));
	for (i = 0; i <= AML_DEPTH_MAX; i++)
		aml_package(&aml, 1);
	assert_true(aml.failed);
}

static void write_file(const char *path, const u8 *bytes, u64 size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static char *read_file(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = 0;
	fclose(file);
	return text;
}

/* A disassembler that we did not write agrees on what the DSDT says. */
static void disassembles(void **state)
{
	static const char *const says[] = {
		"Scope (\\_SB)",
		"Device (VMOD)",
		"\"ACPI0004\"",
		"QWordMemory (ResourceProducer",
		"0x00000000F8000000, // Range Minimum",
		"0x00000000FEBFFFFF, // Range Maximum",
		"0x0000000006C00000, // Length",
		"0x00000001C0000000, // Range Minimum",
		"0x00000001FFFFFFFF, // Range Maximum",
		"Device (VMBS)",
		"Name (_HID, \"VMBUS\")",
		"Name (_STA, 0x0F)",
		"EisaId (\"PNP0501\")",
		"0x03F8,             // Range Minimum",
		"IRQNoFlags ()",
		"{4}",
		"Name (_S4, Package (0x02)",
		"Name (_S5, Package (0x02)",
	};
	char folder[] = "/tmp/test-acpi-XXXXXX";
	char path[64], command[128];
	const u8 *fadt, *dsdt;
	const char *text;
	u32 i;

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1")) {
		print_message(
			"skipped: iasl (acpica-tools) is not installed\n");
		skip();
	}
	assert_true(build(2) > 0);
	fadt = at_gpa(load(at_gpa(load(tables + 24, 8)) + 36, 8));
	dsdt = at_gpa(load(fadt + 140, 8));
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/dsdt.aml", folder);
	write_file(path, dsdt, load(dsdt + 4, 4));
	snprintf(command, sizeof(command), "iasl -d %s >%s/log 2>&1", path,
		 folder);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/dsdt.dsl", folder);
	text = read_file(path);
	for (i = 0; i < PORT_ARRAY_SIZE(says); i++)
		if (!strstr(text, says[i]))
			fail_msg("the disassembly lacks: %s", says[i]);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_hang_together),
		cmocka_unit_test(lists_every_processor),
		cmocka_unit_test(tells_of_hibernation),
		cmocka_unit_test(refuses_too_little_room),
		cmocka_unit_test(aml_lengths),
		cmocka_unit_test(aml_integers),
		cmocka_unit_test(aml_misuse_fails),
		cmocka_unit_test(disassembles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
