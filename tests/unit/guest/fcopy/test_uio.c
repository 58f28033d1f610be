// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Finding the device of file copy in sysfs, whatever its instance. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/lisd/fcopy/uio.h"

#define FCOPY "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n"
#define OTHER "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}\n"

static struct lisd_env env;
static char node[LISD_PATH_BYTES], sys[LISD_PATH_BYTES];

static int setup(void **state)
{
	(void)state;
	memset(&env, 0, sizeof(env));
	tree_make(env.root);
	snprintf(sys, sizeof(sys), "%.64s/sys", env.root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(env.root);
	return 0;
}

static void test_any_instance(void **state)
{
	char expected[LISD_PATH_BYTES];

	(void)state;
	assert_int_equal(uio_find(&env, node), UIO_NONE);
	tree_device(sys, "other", OTHER, "1\n", "1:0\n", NULL);
	assert_int_equal(uio_find(&env, node), UIO_NONE);
	tree_device(sys, "12345678-0000-1111-2222-333344445555", FCOPY, "2\n",
		    "2:0\n", NULL);
	assert_int_equal(uio_find(&env, node), UIO_UNBOUND);
	tree_text(sys,
		  "bus/vmbus/devices/12345678-0000-1111-2222-333344445555/uio/"
		  "uio17/name",
		  "x");
	assert_int_equal(uio_find(&env, node), UIO_BOUND);
	snprintf(expected, sizeof(expected), "%.64s/dev/uio17", env.root);
	assert_string_equal(node, expected);
}

static void test_odd_names(void **state)
{
	(void)state;
	tree_device(sys, "a", FCOPY, "2\n", "2:0\n", "../drivers/hv_utils");
	assert_int_equal(uio_find(&env, node), UIO_OTHER);
	tree_text(sys, "bus/vmbus/devices/a/uio/uio/x", "");
	tree_text(sys, "bus/vmbus/devices/a/uio/uio1x/x", "");
	tree_text(sys, "bus/vmbus/devices/a/uio/uio123456789/x", "");
	tree_text(sys, "bus/vmbus/devices/a/uio/..uio1/x", "");
	assert_int_equal(uio_find(&env, node), UIO_OTHER);
}

static void test_bind(void **state)
{
	char text[64] = "", path[LISD_PATH_BYTES];
	int fd;

	(void)state;
	assert_int_equal(uio_bind(&env), ENOENT);
	tree_text(sys, "bus/vmbus/drivers/uio_hv_generic/new_id", "");
	assert_int_equal(uio_bind(&env), 0);
	snprintf(path, sizeof(path),
		 "%.64s/bus/vmbus/drivers/uio_hv_generic/new_id", sys);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_string_equal(text, "34d14be3-dee4-41c8-9ae7-6b174977c192");
}

/* Rings whose size is missing, none, or beyond all bounds: no mapping. */
static void test_ring_sizes(void **state)
{
	static const char *const sizes[] = {
		NULL, "", "x", "0x0", "0xffffffffffffffff", "0x1001"
	};
	struct copy copy;
	char device[LISD_PATH_BYTES];
	size_t i;
	int fd;

	(void)state;
	assert_true(copy_init(&copy, ""));
	snprintf(device, sizeof(device), "%.64s/dev/uio3", env.root);
	tree_text(env.root, "dev/uio3", "");
	env.stop_fd = env.report_fd = -1;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i])
			tree_text(sys, "class/uio/uio3/maps/map0/size",
				  sizes[i]);
		fd = open(device, O_RDWR);
		assert_int_not_equal(uio_run(&env, fd, device, &copy, 1),
				     LISD_STOP);
		close(fd);
	}
	close(copy.root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_any_instance),
		TEST(test_odd_names),
		TEST(test_bind),
		TEST(test_ring_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
