// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What lis-status gathers and says. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include "guest/tools/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KVP   "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}\n"
#define FCOPY "{34d14be3-dee4-41c8-9ae7-6b174977c192}\n"
#define SCSI  "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}\n"

static const char log_text[] = "<6>[    0.5] hv_vmbus: Vmbus version:5.2\n"
			       "<6>[    0.6] hv_vmbus: Vmbus version:5.3\n"
			       "<6>[    0.7] hv_utils: KVP IC version 4.0\n";

struct rig {
	char root[TREE_BYTES];
	char sys[TREE_BYTES + 8], proc[TREE_BYTES + 8];
	struct status status;
};

static int gather(struct rig *rig)
{
	struct status_sources sources = { rig->sys, rig->proc, "/dev", log_text,
					  sizeof(log_text) - 1 };

	return status_gather(&rig->status, &sources);
}

static void rig_make(struct rig *rig)
{
	tree_make(rig->root);
	snprintf(rig->sys, sizeof(rig->sys), "%s/sys", rig->root);
	snprintf(rig->proc, sizeof(rig->proc), "%s/proc", rig->root);
	tree_text(rig->root, "proc/stat", "cpu 1 2\nbtime 1700000000\n");
}

static void process_make(const struct rig *rig, const char *pid,
			 const char *stat, const char *opened)
{
	char path[128];

	snprintf(path, sizeof(path), "proc/%s/stat", pid);
	tree_text(rig->root, path, stat);
	snprintf(path, sizeof(path), "proc/%s/fd/3", pid);
	tree_link(rig->root, path, opened);
}

static const struct status_row *row_of(const struct rig *rig, const char *name)
{
	uint32_t i;

	for (i = 0; i < rig->status.count; i++) {
		const struct status_row *row = &rig->status.rows[i];

		if (row->class && row->class->name &&
		    !strcmp(row->class->name, name))
			return row;
	}
	fail_msg("no row %s", name);
	return NULL;
}

static void test_served(void **state)
{
	const struct status_row *row;
	struct rig rig;

	(void)state;
	rig_make(&rig);
	tree_device(rig.sys, "kvp", KVP, "3\n", "3:0\n", "../drivers/hv_utils");
	process_make(&rig, "7", "7 (other) S 1", "/dev/null");
	process_make(&rig, "42",
		     "42 (a) (b) S 1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 "
		     "0 500 1000 1",
		     "/dev/vmbus/hv_kvp");
	assert_int_equal(gather(&rig), 0);
	assert_string_equal(rig.status.bus_version, "5.3");
	row = row_of(&rig, "Key-Value Pair Exchange");
	assert_int_equal(row->pid, 42);
	assert_string_equal(row->process, "a) (b");
	assert_int_equal(row->since, 1700000000 + 5);
	assert_string_equal(row->version, "4.0");
	assert_int_equal(row->opened, STATUS_OPENED_YES);
	assert_string_equal(row->advice, "");
	assert_false(rig.status.wrong);
	/* What the host does not offer is no fault of the guest's. */
	row = row_of(&rig, "Guest Service Interface");
	assert_null(row->device);
	assert_non_null(strstr(row->advice, "enable"));
	status_free(&rig.status);
	tree_remove(rig.root);
}

static void test_missing(void **state)
{
	const struct status_row *row;
	struct rig rig;

	(void)state;
	rig_make(&rig);
	tree_device(rig.sys, "kvp", KVP, "3\n", "3:0\n", "../drivers/hv_utils");
	tree_device(rig.sys, "scsi", SCSI, "4\n", "4:0\n", NULL);
	tree_device(rig.sys, "fcopy", FCOPY, "5\n", "5:0\n",
		    "../drivers/uio_hv_generic");
	tree_text(rig.sys, "bus/vmbus/devices/fcopy/uio/uio0/name", "x\n");
	process_make(&rig, "9", "9 (lisd) S", "/dev/uio0");
	assert_int_equal(gather(&rig), 0);
	row = row_of(&rig, "Key-Value Pair Exchange");
	assert_true(row->wrong);
	assert_non_null(strstr(row->advice, "install lisd"));
	row = row_of(&rig, "SCSI controller");
	assert_true(row->wrong);
	assert_non_null(strstr(row->advice, "modprobe hv_storvsc"));
	row = row_of(&rig, "Guest Service Interface");
	assert_int_equal(row->pid, 9);
	assert_string_equal(row->node, "/dev/uio0");
	assert_string_equal(row->advice, "");
	assert_true(rig.status.wrong);
	status_free(&rig.status);
	tree_remove(rig.root);
}

static void test_no_bus(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig);
	assert_int_equal(gather(&rig), ENOENT);
	tree_remove(rig.root);
}

/* More devices than there are rows for. */
static void test_many(void **state)
{
	struct rig rig;
	char name[16];
	int i;

	(void)state;
	rig_make(&rig);
	for (i = 0; i < STATUS_ROWS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		tree_device(rig.sys, name, "{unknown}\n", "3\n", "3:0\n", NULL);
	}
	assert_int_equal(gather(&rig), 0);
	assert_int_equal(rig.status.count, STATUS_ROWS_MAX);
	status_free(&rig.status);
	tree_remove(rig.root);
}

static void test_log(void **state)
{
	char version[STATUS_VERSION_BYTES];

	(void)state;
	status_log_version("", 0, "v:", version);
	assert_string_equal(version, "");
	status_log_version("v:v:1.2", 7, "v:", version);
	assert_string_equal(version, "1.2");
	/* Ends where the log ends, and where the memory does. */
	status_log_version("v:1.23456", 5, "v:", version);
	assert_string_equal(version, "1.2");
	status_log_version("v:1111111111111111111111", 24, "v:", version);
	assert_int_equal(strlen(version), STATUS_VERSION_BYTES - 1);
	status_log_version("v:.x", 4, "v:", version);
	assert_string_equal(version, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_served), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_no_bus), cmocka_unit_test(test_many),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
