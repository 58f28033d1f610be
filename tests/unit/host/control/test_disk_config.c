/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/control/disk_config.h"

static struct run_disk disk;
static struct lis_error error;

static int parse(const char *text)
{
	run_disk_release(&disk);
	run_disk_init(&disk);
	return run_disk_parse(&disk, "--disk", text, &error);
}

static void test_path_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("/images/root.vhdx"), 0);
	assert_string_equal(disk.path, "/images/root.vhdx");
	assert_null(disk.format);
	assert_int_equal(disk.controller, RUN_DISK_ANY);
	assert_int_equal(disk.lun, RUN_DISK_ANY);
	assert_int_equal(disk.logical_sector_bytes, 0);
	assert_false(disk.read_only || disk.dvd || disk.cached);
}

static void test_everything(void **state)
{
	(void)state;
	assert_int_equal(
		parse("a,,b,format=vhd,controller=3,lun=63,read-only,cached,"
		      "sector=512e,iops=100,bytes-per-second=10M,"
		      "serial=A b=c"),
		0);
	assert_string_equal(disk.path, "a,b");
	assert_string_equal(disk.format, "vhd");
	assert_int_equal(disk.controller, 3);
	assert_int_equal(disk.lun, 63);
	assert_true(disk.read_only && disk.cached);
	assert_int_equal(disk.logical_sector_bytes, 512);
	assert_int_equal(disk.physical_sector_bytes, 4096);
	assert_int_equal(disk.iops, 100);
	assert_int_equal(disk.bytes_per_second, 10 << 20);
	assert_string_equal(disk.serial, "A b=c");
	assert_int_equal(parse("x,controller=ide,lun=3,dvd=true,cached=false"),
			 0);
	assert_int_equal(disk.controller, RUN_DISK_IDE);
	assert_true(disk.dvd);
	assert_false(disk.cached);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *complaint;
	} cases[] = {
		{ "", "needs the path" },
		{ ",lun=1", "needs the path" },
		{ "x,lun=64", "0 to 63" },
		{ "x,lun=-1", "0 to 63" },
		{ "x,lun=", "0 to 63" },
		{ "x,lun", "needs a value" },
		{ "x,controller=4", "0 to 3, or ide" },
		{ "x,controller=ide,lun=4", "0 to 3" },
		{ "x,format=qcow2", "raw, vhdx, vhd or nbd" },
		{ "x,sector=1024", "512, 512e or 4096" },
		{ "x,read-only=yes", "true or false" },
		{ "x,iops=many", "a number" },
		{ "x,bytes-per-second=fast", "a size" },
		{ "x,serial=\t", "printable" },
		{ "x,colour=red", "has no \"colour\"" },
		{ "x,", "has no \"\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_non_null(strstr(error.text, cases[i].complaint));
		assert_non_null(strstr(error.text, "--disk: "));
	}
}

/* What is written as JSON is read back the same. */
static void test_there_and_back(void **state)
{
	static const char *const texts[] = {
		"a",
		"a,format=raw,controller=0,lun=0,sector=512,serial=x",
		"b,controller=ide,dvd,read-only,cached,sector=4096",
		"c,sector=512e,iops=7,bytes-per-second=8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct run_disk back;
		json_t *one, *other;

		assert_int_equal(parse(texts[i]), 0);
		one = run_disk_json(&disk);
		run_disk_init(&back);
		assert_int_equal(run_disk_load(&back, "test", one, &error), 0);
		other = run_disk_json(&back);
		assert_true(json_equal(one, other));
		json_decref(one);
		json_decref(other);
		run_disk_release(&back);
	}
}

static void test_wrong_json(void **state)
{
	json_t *object = json_pack("{s:s, s:[i]}", "path", "a", "lun", 1);

	(void)state;
	run_disk_release(&disk);
	run_disk_init(&disk);
	assert_int_equal(run_disk_load(&disk, "x", object, &error), -EINVAL);
	assert_non_null(strstr(error.text, "\"lun\""));
	json_decref(object);
	object = json_object();
	run_disk_release(&disk);
	assert_int_equal(run_disk_load(&disk, "x", object, &error), -EINVAL);
	json_decref(object);
}

static int teardown(void **state)
{
	(void)state;
	run_disk_release(&disk);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_alone),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_wrong_json),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
