/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/unit/host/disk/disk_rig.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/control/backup.h"

#define MIB (1ull << 20)

static sem_t ended;

static void on_ended(void *context)
{
	(void)context;
	sem_post(&ended);
}

/* A folder in the tests' own. */
static char *folder(const char *name)
{
	return strdup(rig_path(name));
}

static struct rig_disk tracked(const char *name, u64 size)
{
	struct disk_options options = { .path = rig_file(name, size),
					.track = true };

	return rig_open(&options);
}

static struct backup *prepare(const char *path, struct rig_disk *rig,
			      const char *last_id)
{
	struct lis_error err = { "" };
	struct backup *backup = NULL;

	assert_int_equal(backup_create(&backup, path, "demovm", false, &err),
			 0);
	assert_int_equal(backup_add(backup, 0, 3, rig->disk, last_id, &err), 0);
	assert_int_equal(backup_images(backup, &err), 0);
	assert_int_equal(backup_moment(backup, &err), 0);
	return backup;
}

static int run(struct backup *backup, struct lis_error *err)
{
	assert_int_equal(backup_start(backup, on_ended, NULL, err), 0);
	sem_wait(&ended);
	return backup_finish(backup, err);
}

/* What an image holds, seen through the whole chain, and by qemu-img. */
static void image_expect(const char *path, const char *file, u64 size,
			 u64 offset, u64 bytes, u32 seed)
{
	struct disk_options options = { .read_only = true };
	struct disk_info info;
	struct rig_disk rig;
	char *name;

	assert_true(asprintf(&name, "%s/%s", path, file) > 0);
	options.path = name;
	rig = rig_open(&options);
	disk_info_get(rig.disk, &info);
	assert_int_equal(info.size_bytes, size);
	rig_expect(&rig, offset, bytes, seed);
	rig_close(&rig);
	free(name);
}

static void test_full_then_changed(void **state)
{
	struct rig_disk rig = tracked("chain", 64 * MIB);
	struct backup_set set;
	struct lis_error err = { "" };
	char *path = folder("chain.backup");
	struct backup *backup;
	json_t *row;

	(void)state;
	rig_write(&rig, 5 * MIB, MIB, 1);
	rig_write(&rig, 20 * MIB, MIB, 2);
	backup = prepare(path, &rig, NULL);
	/* What is written after the moment is not in it. */
	assert_int_equal(backup_start(backup, on_ended, NULL, &err), 0);
	rig_write(&rig, 20 * MIB, MIB, 3);
	sem_wait(&ended);
	assert_int_equal(backup_finish(backup, &err), 0);
	image_expect(path, "disk-0-3.1.vhdx", 64 * MIB, 5 * MIB, MIB, 1);
	image_expect(path, "disk-0-3.1.vhdx", 64 * MIB, 20 * MIB, MIB, 2);

	assert_int_equal(backup_set_open(&set, path, "demovm", false, &err), 0);
	row = backup_set_find(&set, NULL);
	assert_string_equal(json_string_value(json_object_get(row, "id")),
			    backup->id);
	assert_ptr_equal(backup_set_find(&set, "no such"), NULL);
	backup_set_close(&set);

	/* The next is the difference, for whom the last was of this folder. */
	{
		struct backup *next = prepare(path, &rig, backup->id);

		assert_string_equal(next->disks[0].parent, "disk-0-3.1.vhdx");
		assert_int_equal(next->total_bytes, MIB);
		assert_int_equal(run(next, &err), 0);
		backup_free(next);
	}
	image_expect(path, "disk-0-3.2.vhdx", 64 * MIB, 5 * MIB, MIB, 1);
	image_expect(path, "disk-0-3.2.vhdx", 64 * MIB, 20 * MIB, MIB, 3);
	image_expect(path, "disk-0-3.1.vhdx", 64 * MIB, 20 * MIB, MIB, 2);

	/* The process made a backup elsewhere meanwhile: all of it again. */
	{
		struct backup *next = prepare(path, &rig, backup->id);

		assert_ptr_equal(next->disks[0].parent, NULL);
		assert_int_equal(run(next, &err), 0);
		backup_free(next);
	}
	image_expect(path, "disk-0-3.3.vhdx", 64 * MIB, 20 * MIB, MIB, 3);
	backup_free(backup);
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img check -q %s/disk-0-3.1.vhdx "
					 "&& qemu-img check -q "
					 "%s/disk-0-3.3.vhdx",
					 path, path),
				 0);
	rig_close(&rig);
	free(path);
}

/* ---- folders that cannot be made durable ---- */

static int folder_syncs = -1; /* that succeed, before all fail; -1: all do */

/* The C library's, for the whole program. */
int fsync(int fd)
{
	struct stat st;

	if (folder_syncs >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (folder_syncs == 0) {
			errno = EIO;
			return -1;
		}
		folder_syncs--;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Once the list has the backup, its images stay, whatever is not certain. */
static void test_folder_not_durable(void **state)
{
	struct rig_disk rig = tracked("durable", 16 * MIB);
	struct lis_error err = { "" };
	char *path = folder("durable.backup");
	struct backup_set set;
	struct backup *backup;

	(void)state;
	rig_write(&rig, 0, MIB, 1);
	backup = prepare(path, &rig, NULL);
	folder_syncs = 0;
	assert_int_equal(run(backup, &err), -EIO);
	folder_syncs = -1;
	backup_free(backup);
	assert_int_equal(rig_run("test -z \"$(ls -A %s)\"", path), 0);

	backup = prepare(path, &rig, NULL);
	folder_syncs = 1;
	assert_int_equal(run(backup, &err), 0);
	folder_syncs = -1;
	assert_non_null(strstr(err.text, "loss of power"));
	assert_int_equal(backup_set_open(&set, path, "demovm", false, &err), 0);
	assert_string_equal(json_string_value(json_object_get(
				    backup_set_find(&set, NULL), "id")),
			    backup->id);
	backup_set_close(&set);
	backup_free(backup);
	image_expect(path, "disk-0-3.1.vhdx", 16 * MIB, 0, MIB, 1);
	rig_close(&rig);
	free(path);
}

/* A folder that is removed under it: nothing is counted as a backup. */
static void test_failure_keeps_what_was_there(void **state)
{
	struct rig_disk rig = tracked("failing", 16 * MIB);
	struct lis_error err = { "" };
	char *path = folder("failing.backup");
	struct backup *backup, *next;
	struct backup_set set;
	char id[BACKUP_ID_BYTES];

	(void)state;
	rig_write(&rig, 0, MIB, 1);
	backup = prepare(path, &rig, NULL);
	assert_int_equal(run(backup, &err), 0);
	memcpy(id, backup->id, sizeof(id));
	backup_free(backup);

	rig_write(&rig, 2 * MIB, MIB, 2);
	/* The parent is gone: the image cannot be made. */
	assert_int_equal(rig_run("mv %s/disk-0-3.1.vhdx %s/away", path, path),
			 0);
	assert_int_equal(backup_create(&backup, path, "demovm", false, &err),
			 0);
	assert_int_equal(backup_add(backup, 0, 3, rig.disk, id, &err), 0);
	assert_true(backup_images(backup, &err) < 0);
	assert_true(err.text[0]);
	assert_true(backup_finish(backup, &err) < 0);
	backup_free(backup);
	assert_int_equal(rig_run("test ! -e %s/disk-0-3.2.vhdx", path), 0);
	assert_int_equal(rig_run("mv %s/away %s/disk-0-3.1.vhdx", path, path),
			 0);
	assert_int_equal(backup_set_open(&set, path, "demovm", false, &err), 0);
	assert_int_equal(
		json_array_size(json_object_get(set.manifest, "backups")), 1);
	backup_set_close(&set);

	next = prepare(path, &rig, id);
	assert_int_equal(next->total_bytes, MIB);
	assert_int_equal(run(next, &err), 0);
	backup_free(next);
	image_expect(path, "disk-0-3.2.vhdx", 16 * MIB, 2 * MIB, MIB, 2);
	rig_close(&rig);
	free(path);
}

static void test_cancelled(void **state)
{
	struct rig_disk rig = tracked("cancelled", 16 * MIB);
	struct lis_error err = { "" };
	char *path = folder("cancelled.backup");
	struct backup *backup;

	(void)state;
	rig_write(&rig, 0, 8 * MIB, 1);
	backup = prepare(path, &rig, NULL);
	backup_cancel(backup);
	assert_int_equal(run(backup, &err), -ECANCELED);
	backup_free(backup);
	assert_int_equal(rig_run("test -z \"$(ls -A %s)\"", path), 0);
	rig_close(&rig);
	free(path);
}

/* ---- writes that wait ---- */

struct write {
	struct disk_request request;
	struct iovec iov;
	bool ended;
	int error;
};

static void write_ended(struct disk_request *request, int error)
{
	struct write *write = (struct write *)request;

	write->ended = true;
	write->error = error;
}

/* Zeros a megabyte at the disk's start, as a guest would. */
static void write_begin(struct write *write, struct rig_disk *rig)
{
	*write = (struct write){
		.request = { .op = DISK_ZERO,
			     .size_bytes = MIB,
			     .done = write_ended },
	};
	disk_submit(rig->queue, &write->request);
	disk_kick(rig->queue);
	disk_reap(rig->queue);
}

static void write_expect_end(struct write *write, struct rig_disk *rig)
{
	while (!write->ended)
		disk_wait(rig->queue);
	assert_int_equal(write->error, 0);
}

/* Who has stopped copying keeps no write waiting, long before the guest has
 * said that it thawed. */
static void test_ended_copying_holds_nothing(void **state)
{
	struct rig_disk rig = tracked("holding", 16 * MIB);
	struct lis_error err = { "" };
	char *path = folder("holding.backup");
	struct backup *backup;
	struct write write;

	(void)state;
	rig_write(&rig, 0, 8 * MIB, 1);
	backup = prepare(path, &rig, NULL);
	write_begin(&write, &rig);
	assert_false(write.ended);
	backup_cancel(backup);
	assert_int_equal(backup_start(backup, on_ended, NULL, &err), 0);
	write_expect_end(&write, &rig);
	sem_wait(&ended);
	assert_int_equal(backup_finish(backup, &err), -ECANCELED);
	backup_free(backup);

	/* Cancelled before the moment: there is none. */
	rig_write(&rig, 0, 8 * MIB, 1);
	assert_int_equal(backup_create(&backup, path, "demovm", false, &err),
			 0);
	assert_int_equal(backup_add(backup, 0, 3, rig.disk, NULL, &err), 0);
	assert_int_equal(backup_images(backup, &err), 0);
	backup_cancel(backup);
	assert_int_equal(backup_moment(backup, &err), -ECANCELED);
	write_begin(&write, &rig);
	write_expect_end(&write, &rig);
	assert_int_equal(backup_finish(backup, &err), -ECANCELED);
	backup_free(backup);
	rig_close(&rig);
	free(path);
}

/* The moment of a later disk fails: the earlier ones have none either. */
static void test_moment_of_one_fails(void **state)
{
	struct rig_disk rig = tracked("moments", 16 * MIB);
	struct rig_disk plain = rig_open_path(rig_file("untracked", MIB));
	struct lis_error err = { "" };
	char *path = folder("moments.backup");
	struct backup *backup;
	struct write write;

	(void)state;
	rig_write(&rig, 0, 8 * MIB, 1);
	assert_int_equal(backup_create(&backup, path, "demovm", false, &err),
			 0);
	assert_int_equal(backup_add(backup, 0, 0, rig.disk, NULL, &err), 0);
	assert_int_equal(backup_add(backup, 0, 1, plain.disk, NULL, &err), 0);
	assert_int_equal(backup_images(backup, &err), 0);
	assert_int_equal(backup_moment(backup, &err), -ENOTSUP);
	write_begin(&write, &rig);
	write_expect_end(&write, &rig);
	assert_int_equal(backup_finish(backup, &err), -ECANCELED);
	backup_free(backup);
	assert_int_equal(rig_run("test -z \"$(ls -A %s)\"", path), 0);
	rig_close(&plain);
	rig_close(&rig);
	free(path);
}

/* A disk that is slow to copy keeps no other disk's writes waiting. */
static void test_disks_do_not_wait_for_each_other(void **state)
{
	struct rig_disk slow = tracked("slow", 16 * MIB);
	struct rig_disk quick = tracked("quick", 16 * MIB);
	struct lis_error err = { "" };
	char *path = folder("two.backup");
	struct backup *backup;
	struct write write;

	(void)state;
	rig_write(&slow, 0, MIB, 1);
	rig_write(&quick, 0, MIB, 2);
	disk_limits_set(slow.disk, 1, 0);
	assert_int_equal(backup_create(&backup, path, "demovm", false, &err),
			 0);
	assert_int_equal(backup_add(backup, 0, 0, slow.disk, NULL, &err), 0);
	assert_int_equal(backup_add(backup, 0, 1, quick.disk, NULL, &err), 0);
	assert_int_equal(backup_images(backup, &err), 0);
	assert_int_equal(backup_moment(backup, &err), 0);
	assert_int_equal(backup_start(backup, on_ended, NULL, &err), 0);
	write_begin(&write, &quick);
	write_expect_end(&write, &quick);
	/* Of the slow one, several chunks are still to be read. */
	assert_true(__atomic_load_n(&backup->copied_bytes, __ATOMIC_RELAXED) +
			    2 * TRACK_CHUNK_BYTES <
		    backup->total_bytes);
	disk_limits_set(slow.disk, 0, 0);
	sem_wait(&ended);
	assert_int_equal(backup_finish(backup, &err), 0);
	image_expect(path, "disk-0-0.1.vhdx", 16 * MIB, 0, MIB, 1);
	image_expect(path, "disk-0-1.1.vhdx", 16 * MIB, 0, MIB, 2);
	backup_free(backup);
	rig_close(&quick);
	rig_close(&slow);
	free(path);
}

static void manifest_put(const char *path, const char *text)
{
	char *name;
	FILE *file;

	assert_true(asprintf(&name, "%s/manifest.json", path) > 0);
	file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(name);
}

#define DISK(file)                                                             \
	"{\"controller\": 0, \"lun\": 0, \"size_bytes\": 1, "                  \
	"\"copied_bytes\": 1, \"parent\": null, \"file\": \"" file "\"}"
#define MANIFEST(version, disk)                                                \
	"{\"version\": " version ", \"vm\": \"demovm\", \"backups\": [{"       \
	"\"id\": \"00000000-0000-4000-8000-000000000000\", \"time\": \"\", "   \
	"\"consistency\": \"crash\", \"disks\": [" disk "]}]}"

static void test_manifests(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"version\": 1, \"vm\": \"demovm\"}",
		MANIFEST("2", DISK("disk")),
		MANIFEST("1", DISK("../disk")),
		MANIFEST("1", DISK("/etc/passwd")),
		MANIFEST("1", DISK("")),
		MANIFEST("1", "{}"),
	};
	struct lis_error err = { "" };
	char *path = folder("manifests");
	struct backup_set set;

	(void)state;
	assert_int_equal(backup_set_open(&set, path, "demovm", false, &err),
			 -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(bad); i++) {
		manifest_put(path, bad[i]);
		assert_int_equal(
			backup_set_open(&set, path, "demovm", true, &err),
			-EINVAL);
	}
	manifest_put(path, MANIFEST("1", DISK("disk")));
	assert_int_equal(backup_set_open(&set, path, "other", true, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "demovm"));
	assert_int_equal(backup_set_open(&set, path, "demovm", true, &err), 0);
	backup_set_close(&set);
	free(path);
}

/* A folder whose newest backup is the end of a chain of so many. */
static void chain_put(const char *path, u32 length)
{
	json_t *backups = json_array();
	json_t *manifest = json_pack("{s:i, s:s, s:O}", "version", 1, "vm",
				     "demovm", "backups", backups);
	char id[BACKUP_ID_BYTES], file[32], parent[32] = "", *text;

	for (u32 i = 1; i <= length; i++) {
		snprintf(id, sizeof(id), "%08u-0000-4000-8000-000000000000", i);
		snprintf(file, sizeof(file), "disk-0-3.%u.vhdx", i);
		json_array_append_new(
			backups,
			json_pack("{s:s, s:s, s:s, s:[{s:i, s:i, s:I, s:i, "
				  "s:s, s:s?}]}",
				  "id", id, "time", "", "consistency", "crash",
				  "disks", "controller", 0, "lun", 3,
				  "size_bytes", (json_int_t)MIB, "copied_bytes",
				  0, "file", file, "parent",
				  parent[0] ? parent : NULL));
		strcpy(parent, file);
	}
	text = json_dumps(manifest, 0);
	manifest_put(path, text);
	free(text);
	json_decref(backups);
	json_decref(manifest);
}

/* An image opens with 31 parents and no more: the next is a full one in time.
 */
static void test_chain_ends(void **state)
{
	static const struct {
		u32 length;
		bool again;
	} rows[] = { { 1, true }, { 30, true }, { 31, false }, { 32, false } };
	struct rig_disk rig = tracked("long", MIB);
	struct disk_backup *moment;
	struct lis_error err = { "" };
	char *path = folder("long.backup");
	char id[BACKUP_ID_BYTES];

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(disk_backup_begin(rig.disk, false, &moment, &err), 0);
	disk_backup_end(moment, true);
	for (size_t i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		struct backup *backup;

		chain_put(path, rows[i].length);
		snprintf(id, sizeof(id), "%08u-0000-4000-8000-000000000000",
			 rows[i].length);
		assert_int_equal(
			backup_create(&backup, path, "demovm", false, &err), 0);
		assert_int_equal(backup_add(backup, 0, 3, rig.disk, id, &err),
				 0);
		assert_int_equal(backup->disks[0].parent != NULL,
				 rows[i].again);
		backup_free(backup);
	}
	rig_close(&rig);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_then_changed),
		cmocka_unit_test(test_failure_keeps_what_was_there),
		cmocka_unit_test(test_folder_not_durable),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_ended_copying_holds_nothing),
		cmocka_unit_test(test_moment_of_one_fails),
		cmocka_unit_test(test_disks_do_not_wait_for_each_other),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_chain_ends),
	};

	sem_init(&ended, 0, 0);
	return cmocka_run_group_tests_name("backup", tests, rig_setup,
					   rig_teardown);
}
