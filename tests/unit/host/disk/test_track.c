/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/backend/disk/track.h"

#define MIB    (1ull << 20)
#define CHUNK  ((u64)TRACK_CHUNK_BYTES)
#define CHUNKS 64u

static struct rig_disk tracked(const char *name)
{
	struct disk_options options = { .path = rig_file(name, CHUNKS * CHUNK),
					.track = true };

	return rig_open(&options);
}

static struct disk_backup *begin(struct rig_disk *rig, bool changed_only)
{
	struct disk_backup *backup = NULL;
	struct lis_error err = { 0 };

	assert_int_equal(
		disk_backup_begin(rig->disk, changed_only, &backup, &err), 0);
	return backup;
}

/* Reads all of a backup into @copy, a whole disk; how much that was. */
static u64 take_all(struct disk_backup *backup, struct disk_queue *queue,
		    u8 *copy)
{
	u64 offset, size, total = 0;

	while (disk_backup_next(backup, &offset, &size)) {
		assert_int_equal(disk_transfer(queue, DISK_READ, 0, offset,
					       copy + offset, size),
				 0);
		disk_backup_taken(backup);
		total += size;
	}
	return total;
}

static void expect(const u8 *copy, u64 offset, u64 size, u32 seed)
{
	u8 *wanted = calloc(1, size);

	if (seed)
		rig_pattern(wanted, size, offset, seed);
	assert_memory_equal(copy + offset, wanted, size);
	free(wanted);
}

static void test_whole_then_changed(void **state)
{
	struct rig_disk rig = tracked("whole");
	u8 *copy = calloc(CHUNKS, CHUNK);
	struct disk_backup *backup;

	(void)state;
	rig_write(&rig, 3 * CHUNK, 2 * CHUNK, 1);
	assert_false(disk_backup_again(rig.disk));
	/* There is none to go on from: all that has data. */
	backup = begin(&rig, true);
	assert_int_equal(disk_backup_bytes(backup), 2 * CHUNK);
	assert_int_equal(disk_backup_disk_bytes(backup), CHUNKS * CHUNK);
	assert_int_equal(take_all(backup, rig.queue, copy), 2 * CHUNK);
	disk_backup_end(backup, true);
	expect(copy, 0, 3 * CHUNK, 0);
	expect(copy, 3 * CHUNK, 2 * CHUNK, 1);
	assert_true(disk_backup_again(rig.disk));

	/* One sector changes its chunk, and nothing else. */
	rig_write(&rig, 4 * CHUNK + 512, 512, 2);
	assert_int_equal(
		disk_transfer(rig.queue, DISK_UNMAP, 0, 9 * CHUNK, NULL, CHUNK),
		0);
	backup = begin(&rig, true);
	assert_int_equal(disk_backup_bytes(backup), 2 * CHUNK);
	assert_int_equal(take_all(backup, rig.queue, copy), 2 * CHUNK);
	disk_backup_end(backup, true);
	expect(copy, 4 * CHUNK + 512, 512, 2);

	backup = begin(&rig, true);
	assert_int_equal(disk_backup_bytes(backup), 0);
	assert_int_equal(take_all(backup, rig.queue, copy), 0);
	disk_backup_end(backup, true);
	rig_close(&rig);
	free(copy);
}

static void test_failed_copy_loses_nothing(void **state)
{
	struct rig_disk rig = tracked("failed");
	u8 *copy = calloc(CHUNKS, CHUNK);
	struct disk_backup *backup;

	(void)state;
	backup = begin(&rig, false);
	disk_backup_end(backup, true);
	rig_write(&rig, 5 * CHUNK, CHUNK, 1);
	backup = begin(&rig, true);
	rig_write(&rig, 7 * CHUNK, CHUNK, 2);
	disk_backup_end(backup, false);
	backup = begin(&rig, true);
	assert_int_equal(take_all(backup, rig.queue, copy), 2 * CHUNK);
	disk_backup_end(backup, true);
	expect(copy, 5 * CHUNK, CHUNK, 1);
	expect(copy, 7 * CHUNK, CHUNK, 2);
	rig_close(&rig);
	free(copy);
}

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

static void write_begin(struct write *write, struct disk_queue *queue,
			void *data, u64 offset, u64 size)
{
	*write = (struct write){
		.request = { .op = DISK_WRITE,
			     .offset_bytes = offset,
			     .size_bytes = size,
			     .iov = &write->iov,
			     .iov_count = 1,
			     .done = write_ended },
		.iov = { data, size },
	};
	disk_submit(queue, &write->request);
	disk_kick(queue);
}

/* The copy is of the moment at which it began, whatever is written since; what
 * somebody waits to overwrite is read first. */
static void test_point_in_time(void **state)
{
	struct rig_disk rig = tracked("point");
	struct lis_error err = { 0 };
	struct disk_queue *reader;
	u8 *copy = calloc(CHUNKS, CHUNK), *data = malloc(2 * CHUNK);
	struct disk_backup *backup, *second;
	struct write write;
	u64 offset, size;

	(void)state;
	rig_write(&rig, 0, CHUNKS * CHUNK, 1);
	assert_int_equal(disk_queue_open(&reader, rig.disk, &err), 0);
	backup = begin(&rig, false);
	assert_int_equal(disk_backup_begin(rig.disk, false, &second, &err),
			 -EBUSY);
	assert_int_equal(disk_resize(rig.disk, CHUNK, &err), -EBUSY);

	rig_pattern(data, 2 * CHUNK, 40 * CHUNK + 512, 2);
	write_begin(&write, rig.queue, data, 40 * CHUNK + 512, CHUNK);
	disk_reap(rig.queue);
	assert_false(write.ended);
	for (u64 wanted = 40; wanted < 42; wanted++) {
		assert_true(disk_backup_next(backup, &offset, &size));
		assert_int_equal(offset, wanted * CHUNK);
		assert_int_equal(disk_transfer(reader, DISK_READ, 0, offset,
					       copy + offset, size),
				 0);
		disk_reap(rig.queue);
		assert_false(write.ended);
		disk_backup_taken(backup);
	}
	while (!write.ended)
		disk_wait(rig.queue);
	assert_int_equal(write.error, 0);
	take_all(backup, reader, copy);
	disk_backup_end(backup, true);
	expect(copy, 0, CHUNKS * CHUNK, 1);

	/* It is in the next. */
	backup = begin(&rig, true);
	assert_int_equal(take_all(backup, reader, copy), 2 * CHUNK);
	disk_backup_end(backup, true);
	expect(copy, 40 * CHUNK + 512, CHUNK, 2);
	disk_queue_close(reader);
	rig_close(&rig);
	free(copy);
	free(data);
}

/* A backup that is given up lets the writes go that waited for it. */
static void test_given_up(void **state)
{
	struct rig_disk rig = tracked("given_up");
	u8 *data = calloc(1, CHUNK);
	struct disk_backup *backup;
	struct write write;

	(void)state;
	rig_write(&rig, 0, CHUNKS * CHUNK, 1);
	backup = begin(&rig, false);
	write_begin(&write, rig.queue, data, 3 * CHUNK, CHUNK);
	disk_reap(rig.queue);
	assert_false(write.ended);
	disk_backup_end(backup, false);
	while (!write.ended)
		disk_wait(rig.queue);
	assert_int_equal(write.error, 0);
	rig_expect(&rig, 3 * CHUNK, CHUNK, 0);
	rig_close(&rig);
	free(data);
}

/* Who gives up a write that waits need not wait for the backup. */
static void test_cancelled_write(void **state)
{
	struct rig_disk rig = tracked("cancelled");
	struct lis_error err = { 0 };
	struct disk_queue *reader;
	u8 *copy = calloc(CHUNKS, CHUNK), *data = calloc(1, CHUNK);
	struct disk_backup *backup;
	struct write writes[4];
	u64 offset, size;

	(void)state;
	rig_write(&rig, 0, CHUNKS * CHUNK, 1);
	assert_int_equal(disk_queue_open(&reader, rig.disk, &err), 0);
	backup = begin(&rig, false);
	for (u32 i = 0; i < 4; i++)
		write_begin(&writes[i], rig.queue, data, i * CHUNK, CHUNK);
	/* From the middle and the end of those that wait, one of them twice. */
	disk_cancel(rig.queue, &writes[1].request);
	disk_cancel(rig.queue, &writes[3].request);
	disk_cancel(rig.queue, &writes[3].request);
	while (!writes[1].ended || !writes[3].ended)
		disk_wait(rig.queue);
	assert_int_equal(writes[1].error, -ECANCELED);
	assert_int_equal(writes[3].error, -ECANCELED);
	/* Another takes its place in the list. */
	write_begin(&writes[3], rig.queue, data, 3 * CHUNK, CHUNK);
	disk_reap(rig.queue);
	assert_false(writes[0].ended);
	assert_false(writes[2].ended);
	assert_false(writes[3].ended);

	/* The first is let go, and given up before it knows. */
	assert_true(disk_backup_next(backup, &offset, &size));
	assert_int_equal(offset, 0);
	assert_int_equal(
		disk_transfer(reader, DISK_READ, 0, offset, copy, size), 0);
	disk_backup_taken(backup);
	disk_cancel(rig.queue, &writes[0].request);
	while (!writes[0].ended)
		disk_wait(rig.queue);
	assert_int_equal(writes[0].error, -ECANCELED);

	take_all(backup, reader, copy);
	while (!writes[2].ended || !writes[3].ended)
		disk_wait(rig.queue);
	assert_int_equal(writes[2].error, 0);
	assert_int_equal(writes[3].error, 0);
	disk_backup_end(backup, true);
	expect(copy, 0, CHUNKS * CHUNK, 1);
	rig_expect(&rig, 0, 2 * CHUNK, 1);
	rig_expect(&rig, 2 * CHUNK, 2 * CHUNK, 0);
	disk_queue_close(reader);
	rig_close(&rig);
	free(copy);
	free(data);
}

static void test_grown_disk(void **state)
{
	struct rig_disk rig = tracked("grown");
	struct lis_error err = { 0 };
	u8 *copy = calloc(2 * CHUNKS, CHUNK);
	struct disk_backup *backup;

	(void)state;
	disk_backup_end(begin(&rig, false), true);
	assert_int_equal(disk_resize(rig.disk, 2 * CHUNKS * CHUNK, &err), 0);
	rig_write(&rig, (2 * CHUNKS - 1) * CHUNK, CHUNK, 3);
	backup = begin(&rig, true);
	assert_int_equal(disk_backup_disk_bytes(backup), 2 * CHUNKS * CHUNK);
	take_all(backup, rig.queue, copy);
	disk_backup_end(backup, true);
	expect(copy, (2 * CHUNKS - 1) * CHUNK, CHUNK, 3);
	rig_close(&rig);
	free(copy);
}

static void test_not_tracked(void **state)
{
	struct rig_disk rig = rig_open_path(rig_file("plain", MIB));
	struct lis_error err = { 0 };
	struct disk_backup *backup;

	(void)state;
	assert_int_equal(disk_backup_begin(rig.disk, false, &backup, &err),
			 -ENOTSUP);
	assert_false(disk_backup_again(rig.disk));
	rig_close(&rig);
}

/* ---- a copy under load ---- */

#define COUNTER_CHUNKS 32u
#define ROUNDS	       400u

struct load {
	struct disk *disk;
	bool stop;
};

/*
 * Writes a number to each chunk in turn, then the next number: at any moment no
 * chunk is more than one behind the first, and none before another is behind.
 */
static void *load_run(void *context)
{
	struct load *load = context;
	struct lis_error err = { 0 };
	struct disk_queue *queue;
	u64 *sector = aligned_alloc(4096, 4096);

	assert_int_equal(disk_queue_open(&queue, load->disk, &err), 0);
	for (u64 round = 1; round < ROUNDS; round++) {
		for (u64 i = 0; i < COUNTER_CHUNKS; i++) {
			for (u32 k = 0; k < 512; k++)
				sector[k] = round;
			assert_int_equal(disk_transfer(queue, DISK_WRITE, 0,
						       i * CHUNK, sector, 4096),
					 0);
		}
	}
	__atomic_store_n(&load->stop, true, __ATOMIC_RELEASE);
	disk_queue_close(queue);
	free(sector);
	return NULL;
}

static void test_consistent_under_load(void **state)
{
	struct rig_disk rig = tracked("load");
	struct load load = { .disk = rig.disk };
	u8 *copy = calloc(CHUNKS, CHUNK);
	u64 last = 0, backups = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, load_run, &load), 0);
	while (!__atomic_load_n(&load.stop, __ATOMIC_ACQUIRE)) {
		struct disk_backup *backup = begin(&rig, true);
		u64 before, value;

		take_all(backup, rig.queue, copy);
		disk_backup_end(backup, true);
		memcpy(&before, copy, sizeof(before));
		assert_true(before >= last);
		last = before;
		for (u64 i = 1; i < COUNTER_CHUNKS; i++) {
			memcpy(&value, copy + i * CHUNK, sizeof(value));
			assert_true(value == before || value + 1 == before);
			before = value;
		}
		assert_true(last == before || last == before + 1);
		backups++;
	}
	pthread_join(thread, NULL);
	assert_true(backups > 0);
	rig_close(&rig);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_then_changed),
		cmocka_unit_test(test_failed_copy_loses_nothing),
		cmocka_unit_test(test_point_in_time),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_cancelled_write),
		cmocka_unit_test(test_grown_disk),
		cmocka_unit_test(test_not_tracked),
		cmocka_unit_test(test_consistent_under_load),
	};

	return cmocka_run_group_tests_name("track", tests, rig_setup,
					   rig_teardown);
}
