/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/paths.h"

static char folder[] = "/tmp/lis-test-paths-XXXXXX";

static int setup(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-') + 1, "XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void test_names(void **state)
{
	char long_name[VM_NAME_BYTES_MAX + 2];

	(void)state;
	assert_true(vm_name_valid("a"));
	assert_true(vm_name_valid("Z9_.-x"));
	assert_true(vm_name_valid("0"));
	assert_false(vm_name_valid(NULL));
	assert_false(vm_name_valid(""));
	assert_false(vm_name_valid(".a"));
	assert_false(vm_name_valid("-a"));
	assert_false(vm_name_valid("_a"));
	assert_false(vm_name_valid("a/b"));
	assert_false(vm_name_valid("a b"));
	assert_false(vm_name_valid("\xc3\xa4"));
	memset(long_name, 'a', sizeof(long_name));
	long_name[VM_NAME_BYTES_MAX + 1] = '\0';
	assert_false(vm_name_valid(long_name));
	long_name[VM_NAME_BYTES_MAX] = '\0';
	assert_true(vm_name_valid(long_name));
}

/* Which of the four places is chosen. */
static void test_order(void **state)
{
	char path[PATH_MAX], expected[PATH_MAX];
	struct lis_error err;

	(void)state;
	setenv("LIS_RUNTIME_DIR", folder, 1);
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	assert_int_equal(runtime_dir_find(path, sizeof(path), false, &err), 0);
	assert_string_equal(path, folder);

	setenv("LIS_RUNTIME_DIR", "", 1);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err), 0);
	snprintf(expected, sizeof(expected), "%s/lis", folder);
	assert_string_equal(path, expected);

	unsetenv("LIS_RUNTIME_DIR");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	runtime_dir_find(path, sizeof(path), false, &err);
	if (geteuid() == 0)
		snprintf(expected, sizeof(expected), "/run/lis");
	else
		snprintf(expected, sizeof(expected), "/tmp/lis-%u",
			 (unsigned int)geteuid());
	assert_string_equal(path, expected);
}

static void test_made_safe(void **state)
{
	char path[PATH_MAX], wanted[PATH_MAX];
	struct lis_error err;
	struct stat st;

	(void)state;
	snprintf(wanted, sizeof(wanted), "%s/run", folder);
	setenv("LIS_RUNTIME_DIR", wanted, 1);
	umask(0);
	assert_int_equal(runtime_dir_find(path, sizeof(path), false, &err),
			 -ENOENT);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err), 0);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	chmod(path, 0710);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err),
			 -EPERM);
	assert_non_null(strstr(err.text, "chmod 700"));
}

static void test_refused(void **state)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct lis_error err;

	(void)state;
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink(folder, link), 0);
	setenv("LIS_RUNTIME_DIR", link, 1);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err),
			 -EPERM);
	setenv("LIS_RUNTIME_DIR", "relative", 1);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err),
			 -EINVAL);
	snprintf(link, sizeof(link), "%s/a/b", folder);
	setenv("LIS_RUNTIME_DIR", link, 1);
	assert_int_equal(runtime_dir_find(path, sizeof(path), true, &err),
			 -ENOENT);
	assert_int_equal(runtime_dir_find(path, 4, true, &err), -ENAMETOOLONG);
}

static void test_socket_path(void **state)
{
	char path[VM_SOCKET_PATH_BYTES], expected[PATH_MAX];
	struct lis_error err;

	(void)state;
	setenv("LIS_RUNTIME_DIR", folder, 1);
	assert_int_equal(
		vm_socket_path(path, sizeof(path), "demo", false, &err), 0);
	snprintf(expected, sizeof(expected), "%s/demo.sock", folder);
	assert_string_equal(path, expected);
	assert_int_equal(
		vm_socket_path(path, sizeof(path), "de/mo", false, &err),
		-EINVAL);
	assert_int_equal(vm_socket_path(path, 10, "demo", false, &err),
			 -ENAMETOOLONG);
}

static void touch(const char *name)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
}

static void test_list(void **state)
{
	struct lis_error err;
	char **names;
	size_t count;

	(void)state;
	setenv("LIS_RUNTIME_DIR", folder, 1);
	touch("beta.sock");
	touch("alpha.sock");
	touch("alpha.lock");
	touch(".sock");
	touch("not valid.sock");
	assert_int_equal(vm_names_list(&names, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(names[0], "alpha");
	assert_string_equal(names[1], "beta");
	assert_null(names[2]);
	vm_names_free(names);

	setenv("LIS_RUNTIME_DIR", "/tmp/lis-no-such-folder", 1);
	assert_int_equal(vm_names_list(&names, &count, &err), 0);
	assert_int_equal(count, 0);
	vm_names_free(names);
	vm_names_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_made_safe, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket_path, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
