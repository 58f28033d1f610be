/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/config.h"

static char folder[] = "/tmp/lis-test-config-XXXXXX";
static char config_path[64], kernel_path[64];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-') + 1, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/vm.json", folder);
	snprintf(kernel_path, sizeof(kernel_path), "%s/kernel", folder);
	write_file(kernel_path, "kernel");
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size_bytes;
	} good[] = {
		{ "0", 0 },
		{ "17", 17 },
		{ "17b", 17 },
		{ "4K", 4096 },
		{ "4k", 4096 },
		{ "512M", 512ull << 20 },
		{ "512MB", 512ull << 20 },
		{ "1GiB", 1ull << 30 },
		{ "1g", 1ull << 30 },
		{ "2T", 2ull << 40 },
		{ "8388607T", 8388607ull << 40 },
	};
	static const char *const bad[] = { "",
					   "M",
					   "-1",
					   "+1",
					   " 1",
					   "1 M",
					   "1.5G",
					   "1X",
					   "1MM",
					   "1MiBB",
					   "0x10",
					   "8388608T",
					   "99999999999999999999" };
	uint64_t size_bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(size_parse(good[i].text, &size_bytes), 0);
		assert_int_equal(size_bytes, good[i].size_bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(size_parse(bad[i], &size_bytes), -EINVAL);
}

static void test_defaults(void **state)
{
	struct run_config config;

	(void)state;
	run_config_init(&config);
	assert_string_equal(config.name, "");
	assert_null(config.kernel);
	assert_int_equal(config.cpus, 1);
	assert_int_equal(config.memory_bytes, RUN_MEMORY_BYTES_DEFAULT);
	assert_int_equal(config.console, RUN_CONSOLE_STDIO);
	assert_false(config.service_enabled[SERVICE_FCOPY]);
	assert_true(config.service_enabled[SERVICE_HEARTBEAT]);
	assert_true(config.service_enabled[SERVICE_VSS]);
	run_config_release(&config);
}

static void test_file(void **state)
{
	struct run_config config;
	struct lis_error err;
	char expected[128];

	(void)state;
	write_file(config_path,
		   "{\"name\": \"demo\", \"kernel\": \"kernel\","
		   " \"initrd\": \"/boot/initrd\", \"append\": \"quiet\","
		   " \"cpus\": 4, \"memory\": \"1G\", \"low_mmio\": 134217728,"
		   " \"high_mmio\": \"1G\", \"huge_pages\": true,"
		   " \"hibernation\": true,"
		   " \"console\": \"none\", \"detach\": true,"
		   " \"enable\": [\"fcopy\"], \"disable\": [\"VSS\"]}");
	run_config_init(&config);
	assert_int_equal(run_config_load(&config, config_path, &err), 0);
	snprintf(expected, sizeof(expected), "%s/kernel", folder);
	assert_string_equal(config.kernel, expected);
	assert_string_equal(config.initrd, "/boot/initrd");
	assert_string_equal(config.name, "demo");
	assert_string_equal(config.command_line, "quiet");
	assert_int_equal(config.cpus, 4);
	assert_int_equal(config.memory_bytes, 1ull << 30);
	assert_int_equal(config.low_mmio_bytes, 128ull << 20);
	assert_int_equal(config.high_mmio_bytes, 1ull << 30);
	assert_true(config.huge_pages);
	assert_true(config.hibernation);
	assert_true(config.detach);
	assert_int_equal(config.console, RUN_CONSOLE_NONE);
	assert_true(config.service_enabled[SERVICE_FCOPY]);
	assert_false(config.service_enabled[SERVICE_VSS]);
	run_config_release(&config);
}

/* Each wrong file with a word that its message must have. */
static void test_wrong_files(void **state)
{
	static const struct {
		const char *text, *word;
	} wrong[] = {
		{ "", "line 1" },
		{ "{", "line 1" },
		{ "[]", "JSON object" },
		{ "{\"cpus\": 1, \"cpus\": 2}", "duplicate" },
		{ "{\"speed\": 1}", "\"speed\" in" },
		{ "{\"name\": 1}", "a string" },
		{ "{\"name\": \"a b\"}", "1 to 64" },
		{ "{\"kernel\": 1}", "a path" },
		{ "{\"kernel\": \"\"}", "a path" },
		{ "{\"initrd\": null}", "a path" },
		{ "{\"append\": []}", "a string" },
		{ "{\"cpus\": 0}", "from 1 to 64" },
		{ "{\"cpus\": 65}", "from 1 to 64" },
		{ "{\"cpus\": \"two\"}", "from 1 to 64" },
		{ "{\"cpus\": 1.5}", "a number" },
		{ "{\"memory\": \"lots\"}", "512M" },
		{ "{\"memory\": -1}", "512M" },
		{ "{\"memory\": true}", "a size" },
		{ "{\"huge_pages\": 1}", "true or false" },
		{ "{\"console\": \"vga\"}", "stdio, socket" },
		{ "{\"console\": 1}", "\"stdio\"" },
		{ "{\"detach\": \"yes\"}", "true or false" },
		{ "{\"enable\": \"vss\"}", "a list" },
		{ "{\"enable\": [1]}", "a list" },
		{ "{\"disable\": [\"x\"]}", "no service" },
	};
	struct run_config config;
	struct lis_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		write_file(config_path, wrong[i].text);
		run_config_init(&config);
		assert_int_equal(run_config_load(&config, config_path, &err),
				 -EINVAL);
		if (!strstr(err.text, wrong[i].word))
			fail_msg("%s: %s", wrong[i].text, err.text);
		assert_non_null(strstr(err.text, "vm.json"));
		run_config_release(&config);
	}
	run_config_init(&config);
	assert_int_equal(run_config_load(&config, "/nowhere/x", &err), -ENOENT);
	run_config_release(&config);
}

static void test_check(void **state)
{
	struct run_config config;
	struct lis_error err;
	char text[RUN_COMMAND_LINE_BYTES_MAX + 2];

	(void)state;
	run_config_init(&config);
	assert_int_equal(run_config_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--name"));
	run_config_set_name(&config, "--name", "demo", &err);
	assert_int_equal(run_config_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--kernel"));
	run_config_set_text(&config.kernel, "/nowhere/kernel", &err);
	assert_int_equal(run_config_check(&config, &err), -ENOENT);
	run_config_set_text(&config.kernel, folder, &err);
	assert_int_equal(run_config_check(&config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "regular file"));
	run_config_set_text(&config.kernel, kernel_path, &err);
	assert_int_equal(run_config_check(&config, &err), 0);

	run_config_set_text(&config.initrd, "/nowhere/initrd", &err);
	assert_int_equal(run_config_check(&config, &err), -ENOENT);
	assert_non_null(strstr(err.text, "initrd"));
	run_config_set_text(&config.initrd, kernel_path, &err);

	memset(text, 'x', sizeof(text));
	text[RUN_COMMAND_LINE_BYTES_MAX + 1] = '\0';
	run_config_set_text(&config.command_line, text, &err);
	assert_int_equal(run_config_check(&config, &err), -EINVAL);
	config.command_line[RUN_COMMAND_LINE_BYTES_MAX] = '\0';
	assert_int_equal(run_config_check(&config, &err), 0);

	config.detach = true;
	assert_int_equal(run_config_check(&config, &err), 0);
	run_config_set_console(&config, "--console", "stdio", &err);
	assert_int_equal(run_config_check(&config, &err), -EINVAL);
	run_config_set_console(&config, "--console", "socket", &err);
	assert_int_equal(run_config_check(&config, &err), 0);
	run_config_release(&config);
}

static void test_ranges(void **state)
{
	static const struct {
		uint64_t memory, low, high;
		int ret;
	} cases[] = {
		{ 64ull << 20, 0, 0, 0 },
		{ 62ull << 20, 0, 0, -EINVAL },
		{ 65ull << 20, 0, 0, -EINVAL },
		{ 1ull << 40, 0, 0, 0 },
		{ (1ull << 40) + (2 << 20), 0, 0, -EINVAL },
		{ 64ull << 20, 64ull << 20, 2ull << 20, 0 },
		{ 64ull << 20, 2ull << 30, 1ull << 40, 0 },
		{ 64ull << 20, 62ull << 20, 0, -EINVAL },
		{ 64ull << 20, (2ull << 30) + (2 << 20), 0, -EINVAL },
		{ 64ull << 20, (64ull << 20) + 4096, 0, -EINVAL },
		{ 64ull << 20, 0, 4096, -EINVAL },
		{ 64ull << 20, 0, 2ull << 40, -EINVAL },
	};
	struct run_config config;
	struct lis_error err;

	(void)state;
	run_config_init(&config);
	run_config_set_name(&config, "--name", "demo", &err);
	run_config_set_text(&config.kernel, kernel_path, &err);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		config.memory_bytes = cases[i].memory;
		config.low_mmio_bytes = cases[i].low;
		config.high_mmio_bytes = cases[i].high;
		assert_int_equal(run_config_check(&config, &err), cases[i].ret);
	}
	run_config_release(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
