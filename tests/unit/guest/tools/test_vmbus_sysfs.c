// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The devices of the VMBus in sysfs, honest and hostile. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include "guest/common/vmbus_class.h"
#include "guest/common/vmbus_sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KVP  "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}"
#define SCSI "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}"

static void test_devices_by_number(void **state)
{
	struct vmbus_sysfs sysfs;
	char root[TREE_BYTES];

	(void)state;
	tree_make(root);
	tree_device(root, "second", SCSI "\n", "12\n", "14:1\n12:0\n13:1\n",
		    "../../bus/vmbus/drivers/hv_storvsc");
	tree_device(root, "first", KVP "\n", "3\n", "3:0\n", NULL);
	assert_int_equal(vmbus_sysfs_read(&sysfs, root), 0);
	assert_int_equal(sysfs.count, 2);
	assert_string_equal(sysfs.devices[0].name, "first");
	assert_int_equal(sysfs.devices[0].id, 3);
	assert_string_equal(sysfs.devices[0].class_id, KVP);
	assert_string_equal(sysfs.devices[0].driver, "");
	assert_null(sysfs.devices[0].broken);
	assert_int_equal(sysfs.devices[1].id, 12);
	assert_string_equal(sysfs.devices[1].driver, "hv_storvsc");
	assert_int_equal(sysfs.devices[1].state, VMBUS_SYSFS_STATE_OPENED);
	assert_int_equal(sysfs.devices[1].channel_count, 3);
	assert_int_equal(sysfs.devices[1].channels[0].relid, 12);
	assert_int_equal(sysfs.devices[1].channels[2].relid, 14);
	assert_int_equal(sysfs.devices[1].channels[2].cpu, 1);
	vmbus_sysfs_free(&sysfs);
	tree_remove(root);
}

static void test_no_bus(void **state)
{
	struct vmbus_sysfs sysfs;
	char root[TREE_BYTES];

	(void)state;
	tree_make(root);
	assert_int_equal(vmbus_sysfs_read(&sysfs, root), ENOENT);
	tree_text(root, "bus/vmbus/devices", "a file");
	assert_int_equal(vmbus_sysfs_read(&sysfs, root), ENOTDIR);
	tree_remove(root);
}

/* Every attribute missing, empty, huge, binary and a number too large. */
static void test_bad_attributes(void **state)
{
	static const char *const names[] = { "id", "class_id", "device_id",
					     "channel_vp_mapping" };
	static char huge[1 << 20];
	struct vmbus_sysfs sysfs;
	char root[TREE_BYTES], path[128];
	size_t i;
	int kind;

	(void)state;
	memset(huge, '7', sizeof(huge));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (kind = 0; kind < 4; kind++) {
			tree_make(root);
			tree_device(root, "a", KVP "\n", "3\n", "3:0\n", NULL);
			strcpy(path, "bus/vmbus/devices/a/");
			strcat(path, names[i]);
			if (kind == 0) {
				char full[256];

				strcat(strcat(strcpy(full, root), "/"), path);
				assert_int_equal(unlink(full), 0);
			} else if (kind == 1) {
				tree_file(root, path, huge, sizeof(huge));
			} else if (kind == 2) {
				tree_file(root, path, "\0\xff\x1b[31m\n", 8);
			} else {
				tree_text(root, path,
					  i ? "\x1b[31mred" : "4294967296");
			}
			assert_int_equal(vmbus_sysfs_read(&sysfs, root), 0);
			assert_int_equal(sysfs.count, 1);
			assert_non_null(sysfs.devices[0].broken);
			assert_string_equal(sysfs.devices[0].broken, names[i]);
			vmbus_sysfs_free(&sysfs);
			tree_remove(root);
		}
	}
}

/* Attributes that are no files, or lead elsewhere, hang and end nothing. */
static void test_odd_entries(void **state)
{
	struct vmbus_sysfs sysfs;
	char root[TREE_BYTES], full[256];

	(void)state;
	tree_make(root);
	tree_device(root, "a", KVP "\n", "3\n", NULL, "/");
	tree_text(root, "bus/vmbus/devices/a/channel_vp_mapping/x", "");
	tree_text(root, "bus/vmbus/devices/stray", "no folder");
	tree_link(root, "bus/vmbus/devices/loop", "loop");
	tree_device(root, "b", NULL, "4\n", "4:0\n", NULL);
	strcat(strcpy(full, root), "/bus/vmbus/devices/b/class_id");
	assert_int_equal(mkfifo(full, 0644), 0);
	tree_text(root, "bus/vmbus/devices/\x1b[31mred/id", "5\n");
	assert_int_equal(vmbus_sysfs_read(&sysfs, root), 0);
	assert_int_equal(sysfs.count, 2);
	assert_string_equal(sysfs.devices[0].name, "a");
	assert_string_equal(sysfs.devices[0].broken, "channel_vp_mapping");
	assert_string_equal(sysfs.devices[0].driver, "");
	assert_string_equal(sysfs.devices[1].broken, "class_id");
	vmbus_sysfs_free(&sysfs);
	tree_remove(root);
}

static void test_channels(void **state)
{
	struct vmbus_sysfs_channel channels[4];
	bool bad;

	(void)state;
#define PARSE(text)                                                            \
	vmbus_sysfs_channels(text, sizeof(text) - 1, channels, 4, &bad)
	assert_int_equal(PARSE(""), 0);
	assert_false(bad);
	assert_int_equal(PARSE("2:1\n1:0"), 2);
	assert_false(bad);
	assert_int_equal(channels[0].relid, 1);
	assert_int_equal(channels[1].cpu, 1);
	assert_int_equal(PARSE("1:0\n:\n-1:0\n1:\n1\n1:2:3\n2:2\n"), 2);
	assert_true(bad);
	assert_int_equal(PARSE("1:\0"
			       "0\n"),
			 0);
	assert_true(bad);
	assert_int_equal(PARSE("4294967295:4294967295\n"), 1);
	assert_false(bad);
	assert_int_equal(PARSE("4294967296:0\n"), 0);
	assert_true(bad);
	assert_int_equal(PARSE("1:0\n2:0\n3:0\n4:0\n5:0\n"), 4);
	assert_true(bad);
#undef PARSE
}

/* No GUID twice, and services before all else, as lis-status wants them. */
static void test_classes(void **state)
{
	const struct vmbus_class *row;
	bool services = true;
	size_t i;

	(void)state;
	for (i = 0; (row = vmbus_class_row(i)); i++) {
		assert_int_equal(strlen(row->id), 38);
		assert_ptr_equal(vmbus_class_find(row->id), row);
		assert_true(services || !row->logged);
		services = row->logged != NULL;
	}
	assert_null(vmbus_class_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices_by_number),
		cmocka_unit_test(test_no_bus),
		cmocka_unit_test(test_bad_attributes),
		cmocka_unit_test(test_odd_entries),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
