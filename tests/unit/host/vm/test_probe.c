/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/probe.h"
#include "tests/unit/host/vm/unit.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Stands for a KVM that has all but one capability. */
static int all_but(void *context, int capability)
{
	return capability != *(int *)context;
}

static void a_full_kvm_is_fine(void **state)
{
	struct lis_error err = { "" };
	int missing = -1;

	(void)state;
	assert_int_equal(probe_check(12, all_but, &missing, &err), 0);
}

static void names_what_is_missing(void **state)
{
	static const struct {
		int capability;
		const char *says;
	} cases[] = {
		{ KVM_CAP_HYPERV_SYNIC2, "HYPERV_SYNIC2" },
		{ KVM_CAP_HYPERV_EVENTFD, "HYPERV_EVENTFD" },
		{ KVM_CAP_HYPERV_VP_INDEX, "HYPERV_VP_INDEX" },
		{ KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE" },
		{ KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI" },
	};
	struct lis_error err;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(cases); i++) {
		int missing = cases[i].capability;

		err.text[0] = 0;
		assert_int_equal(probe_check(12, all_but, &missing, &err),
				 -EOPNOTSUPP);
		assert_says(err, cases[i].says);
		assert_says(err, "`lis run --carrier`");
		assert_null(strchr(err.text, '\n'));
	}
	assert_int_equal(probe_check(11, all_but, &(int){ -1 }, &err),
			 -EOPNOTSUPP);
	assert_says(err, "11");
}

static void says_that_there_is_no_kvm(void **state)
{
	struct lis_error err = { "" };

	(void)state;
	assert_int_equal(probe_open("/nonexistent/kvm", &err), -ENOENT);
	assert_says(err, "no KVM");
	assert_says(err, "`lis run --carrier`");
	/* Something else in its place. */
	assert_int_equal(probe_open("/dev/null", &err), -ENODEV);
	assert_says(err, "/dev/null is not KVM");
}

static void says_that_permission_is_missing(void **state)
{
	char path[] = "/tmp/test-probe-XXXXXX";
	struct lis_error err = { "" };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	close(fd);
	if (!geteuid() && seteuid(65534)) {
		unlink(path);
		print_message("skipped: cannot become another user\n");
		skip();
	}
	assert_int_equal(probe_open(path, &err), -EACCES);
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	unlink(path);
	assert_says(err, "permission");
	assert_says(err, "group");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_kvm_is_fine),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(says_that_there_is_no_kvm),
		cmocka_unit_test(says_that_permission_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
