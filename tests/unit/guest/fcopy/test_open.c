// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Waiting for a device of either kind, and for none. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/lisd/fcopy/fcopy.h"

#define DEVICE "sys/bus/vmbus/devices/a"

static struct lisd_env env;
static int stop;

static int setup(void **state)
{
	int ends[2];

	(void)state;
	memset(&env, 0, sizeof(env));
	env.service = &lisd_fcopy;
	env.report_fd = -1;
	tree_make(env.root);
	/* As if the driver were loaded: the test loads none. */
	tree_text(env.root, "sys/bus/vmbus/drivers/uio_hv_generic/new_id", "");
	tree_text(env.root, "run/x", "");
	snprintf(env.device, sizeof(env.device), "%.64s/dev/hv_fcopy",
		 env.root);
	if (pipe(ends))
		return 1;
	env.stop_fd = ends[0];
	stop = ends[1];
	return lisd_fcopy.prepare(&env);
}

static int teardown(void **state)
{
	(void)state;
	close(env.stop_fd);
	close(stop);
	tree_remove(env.root);
	return 0;
}

static void test_the_kernels_node(void **state)
{
	int fd;

	(void)state;
	tree_text(env.root, "dev/hv_fcopy", "");
	fd = lisd_fcopy.open(&env);
	assert_true(fd >= 0);
	close(fd);
}

/* The driver makes its node before it is ready for what comes by it. */
static void test_a_driver_that_is_not_through(void **state)
{
	int fd;

	(void)state;
	tree_text(env.root, "dev/hv_fcopy", "");
	tree_text(env.root, DEVICE "/class_id",
		  "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n");
	tree_text(env.root, DEVICE "/state", "3\n");
	fd = lisd_fcopy.open(&env);
	assert_true(fd >= 0);
	close(fd);
	tree_text(env.root, DEVICE "/state", "2\n");
	assert_int_equal(write(stop, "", 1), 1);
	assert_int_equal(lisd_fcopy.open(&env), -1);
	/* That of another class says nothing of this one. */
	tree_text(env.root, DEVICE "/class_id",
		  "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}\n");
	fd = lisd_fcopy.open(&env);
	assert_true(fd >= 0);
	close(fd);
}

static void test_the_uio_node(void **state)
{
	int fd;

	(void)state;
	tree_text(env.root, DEVICE "/class_id",
		  "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n");
	tree_text(env.root, DEVICE "/uio/uio3/name", "x");
	tree_text(env.root, "dev/uio3", "");
	fd = lisd_fcopy.open(&env);
	assert_true(fd >= 0);
	close(fd);
}

/* None is offered: waited for until told to stop, which is no failure. */
static void test_none_until_told_to_stop(void **state)
{
	(void)state;
	assert_int_equal(write(stop, "", 1), 1);
	assert_int_equal(lisd_fcopy.open(&env), -1);
	/* Found, and gone before it is opened. */
	tree_text(env.root, DEVICE "/class_id",
		  "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n");
	tree_text(env.root, DEVICE "/uio/uio3/name", "x");
	assert_int_equal(lisd_fcopy.open(&env), -1);
}

/* One that is there and cannot be opened is a failure, not a reason to wait. */
static void test_one_that_cannot_be_opened(void **state)
{
	(void)state;
	tree_link(env.root, "dev/hv_fcopy", "hv_fcopy");
	assert_int_equal(lisd_fcopy.open(&env), -2);
	unlink(env.device);
	tree_text(env.root, DEVICE "/class_id",
		  "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n");
	tree_text(env.root, DEVICE "/uio/uio3/name", "x");
	tree_link(env.root, "dev/uio3", "uio3");
	assert_int_equal(lisd_fcopy.open(&env), -2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_kernels_node),
		TEST(test_a_driver_that_is_not_through),
		TEST(test_the_uio_node),
		TEST(test_none_until_told_to_stop),
		TEST(test_one_that_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
