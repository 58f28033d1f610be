/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The helper outside of the sandbox, and hooks that it runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "folder.h"
#include "guest/lisd/kvp/apply.h"
#include "guest/lisd/kvp/runner.h"

#define LIMIT_MS 20000

static struct lisd_env env;
static struct runner runner;
static struct runner_result result;
static char hooks[LISD_PATH_BYTES];

static void hook_make(const char *name, const char *text)
{
	char path[LISD_PATH_BYTES], full[LISD_PATH_BYTES];

	snprintf(path, sizeof(path), "/hooks/%s", name);
	folder_write(&env, path, text);
	assert_int_equal(chmod(lisd_path(&env, full, path), 0755), 0);
}

static int set_up(void **state)
{
	(void)state;
	folder_make_below(&env, "/tmp");
	folder_write(&env, "/hooks/there", "");
	lisd_path(&env, hooks, "/hooks");
	return runner_start(&runner, hooks);
}

static int tear_down(void **state)
{
	(void)state;
	runner_stop(&runner);
	folder_drop(&env);
	return 0;
}

static void run(enum runner_program program, const char *argument, int limit_ms)
{
	runner_run(&runner, program, argument, limit_ms, &result);
}

static void test_output_and_status(void **state)
{
	(void)state;
	hook_make("hv_get_dns_info", "#!/bin/sh\necho \"$# $1\"\nexit 3\n");
	run(RUNNER_HOOK_DNS, "eth0", LIMIT_MS);
	assert_int_equal(result.status, 3);
	assert_string_equal(result.output, "1 eth0\n");
	hook_make("hv_set_ifconfig", "#!/bin/sh\necho \"$1 $2\"\n");
	run(RUNNER_HOOK_SET, "eth0", LIMIT_MS);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.output,
			    "/var/lib/hyperv/ifcfg-eth0 "
			    "/var/lib/hyperv/eth0.nmconnection\n");
}

static void test_not_there(void **state)
{
	(void)state;
	run(RUNNER_HOOK_DHCP, "eth0", LIMIT_MS);
	assert_int_equal(result.status, -ENOENT);
}

/* Nothing that a shell or an option parser would see more in. */
static void test_arguments_are_names(void **state)
{
	static const char *const bad[] = { "-a",  "a b",  "a;b", "$(a)",
					   "a/b", "a\nb", "\xff" };
	u32 i;

	(void)state;
	hook_make("hv_get_dns_info", "#!/bin/sh\necho ran\n");
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		run(RUNNER_HOOK_DNS, bad[i], LIMIT_MS);
		assert_int_equal(result.status, -EINVAL);
		assert_string_equal(result.output, "");
	}
	run(RUNNER_PROGRAMS, "eth0", LIMIT_MS);
	assert_int_equal(result.status, -EINVAL);
	run(RUNNER_HOOK_DNS, "br-0.5:1@x_y", LIMIT_MS);
	assert_int_equal(result.status, 0);
}

static void test_hangs(void **state)
{
	(void)state;
	hook_make("hv_get_dns_info", "#!/bin/sh\necho begun\nsleep 1000\n");
	run(RUNNER_HOOK_DNS, "eth0", 500);
	assert_int_equal(result.status, -ETIMEDOUT);
	/* It serves the next. */
	hook_make("hv_get_dns_info", "#!/bin/sh\necho again\n");
	run(RUNNER_HOOK_DNS, "eth0", LIMIT_MS);
	assert_string_equal(result.output, "again\n");
}

/* What it leaves behind may hold the output open, as a DHCP client does. */
static void test_leaves_a_child(void **state)
{
	(void)state;
	hook_make("hv_get_dns_info", "#!/bin/sh\nsleep 30 &\necho done\n");
	run(RUNNER_HOOK_DNS, "eth0", LIMIT_MS);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.output, "done\n");
}

static void test_too_much_output(void **state)
{
	(void)state;
	hook_make("hv_get_dns_info",
		  "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x\n");
	run(RUNNER_HOOK_DNS, "eth0", LIMIT_MS);
	assert_int_equal(result.status, 0);
	assert_int_equal(strlen(result.output), RUNNER_OUTPUT_BYTES - 1);
}

/* A distribution's own scripts are asked in place of what is built in. */
static void test_hooks_are_asked(void **state)
{
	static struct network network;
	static struct hv_kvp_ipaddr_value wire;
	char setting[LISD_PATH_BYTES + 16];

	(void)state;
	hook_make("hv_get_dns_info", "#!/bin/sh\necho 192.0.2.1\necho junk\n"
				     "echo 2001:db8::1\n");
	hook_make("hv_get_dhcp_info", "#!/bin/sh\necho Enabled\n");
	network.env = &env;
	network.runner = runner;
	/* The settings that exist are those of the table's services. */
	snprintf(setting, sizeof(setting), "kvp.hooks=%s", hooks);
	assert_null(lisd_setting_add(&env, setting));
	strcpy((char *)wire.adapter_id, "00:00:00:00:00:00");
	assert_int_equal(network_get(&network, &wire), HV_S_OK);
	assert_string_equal((char *)wire.dns_addr, "192.0.2.1;2001:db8::1");
	assert_int_equal(wire.dhcp_enabled, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_and_status),	TEST(test_not_there),
		TEST(test_arguments_are_names), TEST(test_hangs),
		TEST(test_leaves_a_child),	TEST(test_too_much_output),
		TEST(test_hooks_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
