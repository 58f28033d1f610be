// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Which file systems are frozen, by mount tables as kernels write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/lisd/vss/mounts.h"

#define CAPACITY 64

struct table {
	struct mounts mounts;
	struct mount list[CAPACITY];
	char text[8192];
};

/* For loop devices (major 7): the mount that holds the file of each minor. */
static u32 loop_files[16];

static enum mounts_backing backing(void *context, u32 major, u32 minor,
				   u32 *file_mount_id)
{
	(void)context;
	if (major == 43)
		return MOUNTS_BACKING_REMOTE;
	if (major != 7)
		return MOUNTS_BACKING_DISK;
	*file_mount_id = loop_files[minor];
	return MOUNTS_BACKING_LOOP;
}

static void read_table(struct table *table, const char *text)
{
	strcpy(table->text, text);
	assert_true(mounts_parse(&table->mounts, table->text, strlen(text),
				 table->list, CAPACITY));
	mounts_choose(&table->mounts, backing, NULL);
}

static const struct mount *at(const struct table *table, const char *point)
{
	u32 i;

	for (i = 0; i < table->mounts.count; i++) {
		if (!strcmp(table->mounts.list[i].point, point))
			return &table->mounts.list[i];
	}
	return NULL;
}

static void assert_frozen(const struct table *table, const char *point)
{
	assert_non_null(at(table, point));
	assert_null(at(table, point)->skip);
}

static void assert_skipped(const struct table *table, const char *point,
			   const char *why)
{
	assert_non_null(at(table, point));
	assert_non_null(at(table, point)->skip);
	assert_non_null(strstr(at(table, point)->skip, why));
}

static void test_usual_machine(void **state)
{
	struct table table;

	(void)state;
	read_table(&table,
		   "21 27 0:19 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
		   "22 27 0:20 / /proc rw shared:14 - proc proc rw\n"
		   "23 27 0:5 / /dev rw shared:2 - devtmpfs udev rw\n"
		   "26 27 0:23 / /run rw shared:5 - tmpfs tmpfs rw\n"
		   "27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
		   "30 27 8:2 / /home rw shared:30 master:2 - xfs /dev/sda2 "
		   "rw,attr2\n");
	assert_int_equal(table.mounts.count, 2);
	assert_int_equal(table.mounts.bad, 0);
	assert_frozen(&table, "/");
	assert_frozen(&table, "/home");
	/* Reverse mount order begins at the end. */
	assert_string_equal(table.mounts.list[1].point, "/home");
}

static void test_network_fuse_squashfs_ro_and_bind_mounts(void **state)
{
	struct table table;

	(void)state;
	read_table(&table,
		   "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		   "30 27 0:50 / /nfs rw - nfs4 server:/x rw,vers=4.2\n"
		   "31 27 0:51 / /cifs rw - cifs //server/x rw\n"
		   "32 27 0:52 / /sshfs rw - fuse.sshfs user@host: rw\n"
		   "33 27 8:17 / /ntfs rw - fuseblk /dev/sdb1 rw\n"
		   "34 27 7:1 / /snap ro - squashfs /dev/loop1 ro\n"
		   "35 27 0:53 / /merged rw - overlay overlay rw,lowerdir=/a\n"
		   "36 27 8:3 / /media ro - ext4 /dev/sda3 ro\n"
		   "37 27 8:1 /srv /bind rw - ext4 /dev/sda1 rw\n"
		   "38 27 8:1 /srv /robind ro - ext4 /dev/sda1 rw\n"
		   "39 27 8:4 / /romount ro - ext4 /dev/sda4 rw\n"
		   "40 27 11:0 / /cd ro - iso9660 /dev/sr0 ro\n"
		   "41 27 43:0 / /nbd rw - ext4 /dev/nbd0 rw\n"
		   "42 27 0:54 / /9p rw - 9p tag rw\n");
	assert_frozen(&table, "/");
	assert_skipped(&table, "/nfs", "network");
	assert_skipped(&table, "/cifs", "network");
	assert_skipped(&table, "/9p", "network");
	assert_skipped(&table, "/sshfs", "process");
	assert_skipped(&table, "/ntfs", "process");
	assert_skipped(&table, "/snap", "read-only");
	assert_skipped(&table, "/merged", "other file systems");
	assert_skipped(&table, "/media", "read-only");
	assert_ptr_equal(at(&table, "/bind")->skip, mounts_duplicate);
	assert_ptr_equal(at(&table, "/robind")->skip, mounts_duplicate);
	/* Only this mount is read-only: the file system may change. */
	assert_frozen(&table, "/romount");
	assert_skipped(&table, "/cd", "read-only");
	assert_skipped(&table, "/nbd", "disk is on a network");
}

static void test_device_numbers_of_four_digits(void **state)
{
	struct table table;

	(void)state;
	read_table(&table, "1027 1 4095:1048575 / / rw - ext4 /dev/x rw\n"
			   "99999 1 1234:5678 / /a rw - ext4 /dev/y rw\n"
			   "4294967295 1 1234:5679 / /b rw - ext4 /dev/z rw\n");
	assert_int_equal(table.mounts.count, 3);
	assert_int_equal(at(&table, "/")->major, 4095);
	assert_int_equal(at(&table, "/")->minor, 1048575);
	assert_frozen(&table, "/a");
	assert_frozen(&table, "/b");
}

static void test_loop_mounts(void **state)
{
	static const char text[] =
		"27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"28 27 0:40 / /run rw - tmpfs tmpfs rw\n"
		"30 27 7:0 / /loop rw - ext4 /dev/loop0 rw\n"
		"31 30 7:1 / /loop/in rw - ext4 /dev/loop1 rw\n"
		"32 27 7:2 / /gone rw - ext4 /dev/loop2 rw\n"
		"33 27 8:5 / /ro ro - ext4 /dev/sda5 ro\n"
		"34 27 7:3 / /onro rw - ext4 /dev/loop3 rw\n";
	struct table table;

	(void)state;
	/* Its file is on the root, and the other's is on it. */
	loop_files[0] = 27;
	loop_files[1] = 30;
	loop_files[2] = 0;
	loop_files[3] = 33;
	read_table(&table, text);
	assert_frozen(&table, "/");
	assert_skipped(&table, "/loop", "file system that is frozen");
	/* Written through what is held by the root: nothing to gain. */
	assert_skipped(&table, "/gone", "not known");
	assert_frozen(&table, "/onro");
	/* No kernel gives one number to two mounts: found by a fuzzer. */
	loop_files[0] = 2;
	read_table(&table, "2 1 0:24 / /a rw - nfs x rw\n"
			   "2 1 7:0 / /loop rw - ext4 /dev/loop0 rw\n");
	assert_skipped(&table, "/loop", "file system that is frozen");
	/* In a tmpfs, which is not frozen, it is a disk like any other. */
	loop_files[0] = 28;
	read_table(&table, text);
	assert_frozen(&table, "/loop");
	assert_skipped(&table, "/loop/in", "file system that is frozen");
}

static void test_btrfs_subvolumes_once(void **state)
{
	struct table table;

	(void)state;
	read_table(&table, "27 1 0:24 /@ / rw - btrfs /dev/sda1 rw,subvol=/@\n"
			   "28 27 0:24 /@home /home rw - btrfs /dev/sda1 rw\n");
	assert_frozen(&table, "/");
	assert_ptr_equal(at(&table, "/home")->skip, mounts_duplicate);
}

static void test_escapes(void **state)
{
	struct table table;

	(void)state;
	read_table(&table, "27 1 8:1 / /a\\040b\\134\\011\\012 rw - ext4 "
			   "/dev/disk\\040x rw\n"
			   "28 1 8:2 / /\\000\\9\\01 rw - ext4 /dev/y rw\n");
	assert_string_equal(table.mounts.list[0].point, "/a b\\\t\n");
	assert_string_equal(table.mounts.list[0].source, "/dev/disk x");
	assert_string_equal(table.mounts.list[1].point, "/?\\9\\01");
}

/* Every line cut short anywhere, and lines that no kernel writes. */
static void test_bad_lines(void **state)
{
	static const char line[] =
		"27 1 8:1 / /mnt rw shared:1 - ext4 /dev/sda1 rw\n";
	static const char *const lines[] = {
		"x 1 8:1 / / rw - ext4 /dev/a rw\n",
		"1 1 8 / / rw - ext4 /dev/a rw\n",
		"1 1 8:1x / / rw - ext4 /dev/a rw\n",
		"1 1 99999999999:1 / / rw - ext4 /dev/a rw\n",
		"1 1 8:1 / mnt rw - ext4 /dev/a rw\n",
		"1 1 8:1 / / rw ext4 /dev/a rw\n",
		"1 1 8:1 / / rw -\n",
		" \n",
		"-\n",
	};
	struct mount list[4];
	struct mounts mounts;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line); i++) {
		/* Memory exactly as large, so that a sanitizer sees more. */
		char *copy = malloc(i ? i : 1);

		assert_non_null(copy);
		memcpy(copy, line, i);
		assert_true(mounts_parse(&mounts, copy, i, list, 4));
		assert_int_equal(
			mounts.count,
			i == sizeof(line) - 1 || i == sizeof(line) ? 1 : 0);
		free(copy);
	}
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		strcpy(text, lines[i]);
		strcat(text, line);
		assert_true(mounts_parse(&mounts, text, strlen(text), list, 4));
		assert_int_equal(mounts.bad, 1);
		assert_int_equal(mounts.count, 1);
	}
	memcpy(text, "1 1 8:1 /\0/ rw\n", 15);
	assert_true(mounts_parse(&mounts, text, 15, list, 4));
	assert_int_equal(mounts.bad, 1);
	strcpy(text, line);
	strcat(text, line);
	assert_false(mounts_parse(&mounts, text, strlen(text), list, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_machine),
		cmocka_unit_test(test_network_fuse_squashfs_ro_and_bind_mounts),
		cmocka_unit_test(test_device_numbers_of_four_digits),
		cmocka_unit_test(test_loop_mounts),
		cmocka_unit_test(test_btrfs_subvolumes_once),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
