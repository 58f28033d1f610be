/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <time.h>

#define MIB (1ull << 20)

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct disk_request requests[64];
static u8 memory[65536];
static struct iovec iov = { memory, sizeof(memory) };
static int left, cancelled, failed;

static void request_done(struct disk_request *request, int error)
{
	(void)request;
	left--;
	cancelled += error == -ECANCELED;
	failed += error && error != -ECANCELED;
}

static void submit_all(struct rig_disk *rig, int count)
{
	left = count;
	cancelled = failed = 0;
	for (int i = 0; i < count; i++) {
		requests[i] = (struct disk_request){
			.op = i % 2 ? DISK_READ : DISK_WRITE,
			.iov = &iov,
			.iov_count = 1,
			.size_bytes = sizeof(memory),
			.offset_bytes = (u64)i * sizeof(memory),
			.done = request_done,
		};
		disk_submit(rig->queue, &requests[i]);
	}
	disk_kick(rig->queue);
}

static struct rig_disk limited(u64 iops, u64 bytes_per_second)
{
	struct disk_options options = {
		.path = rig_file("disk", 16 * MIB),
		.iops = iops,
		.bytes_per_second = bytes_per_second,
	};

	return rig_open(&options);
}

/* A limit makes it last at least so long; nothing bounds it from above. */
static void test_slow_down(void **state)
{
	static const struct {
		u64 iops, bytes_per_second;
	} limits[] = { { 200, 0 }, { 0, 200 * 65536 }, { 200, 1 << 30 } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rig_disk rig =
			limited(limits[i].iops, limits[i].bytes_per_second);
		double begun = seconds();

		submit_all(&rig, 40);
		while (left)
			disk_wait(rig.queue);
		/* 39 steps of 5 ms after the first, less the burst of 50. */
		assert_true(seconds() - begun > 0.14);
		assert_int_equal(failed, 0);
		rig_close(&rig);
	}
}

static void test_cancel_and_change(void **state)
{
	struct rig_disk rig = limited(1, 0);

	(void)state;
	submit_all(&rig, 64);
	for (int i = 63; i > 31; i--)
		disk_cancel(rig.queue, &requests[i]);
	while (left > 31)
		disk_wait(rig.queue);
	assert_int_equal(cancelled, 32);
	/* Otherwise the rest would take half a minute. */
	disk_limits_set(rig.disk, 0, 0);
	while (left)
		disk_wait(rig.queue);
	assert_int_equal(cancelled, 32);
	assert_int_equal(failed, 0);
	/* Cancelled while its timer runs: closing waits for that. */
	disk_limits_set(rig.disk, 1, 0);
	submit_all(&rig, 2);
	disk_cancel(rig.queue, &requests[1]);
	while (left)
		disk_wait(rig.queue);
	rig_close(&rig);
}

/* --- no memory for the filter --- */

static bool limit_fails;

int __real_limit_open(struct disk **disk, u64 iops, u64 bytes_per_second,
		      struct lis_error *err);
int __wrap_limit_open(struct disk **disk, u64 iops, u64 bytes_per_second,
		      struct lis_error *err);

int __wrap_limit_open(struct disk **disk, u64 iops, u64 bytes_per_second,
		      struct lis_error *err)
{
	if (limit_fails)
		return lis_error_set(err, ENOMEM, "out of memory");
	return __real_limit_open(disk, iops, bytes_per_second, err);
}

/* Callers close what they were given, be the result what it may. */
static void test_opening_fails(void **state)
{
	struct disk_options options = { .path = rig_file("disk", 1 << 20),
					.track = true };
	struct disk *disk = NULL;
	struct lis_error err;

	(void)state;
	limit_fails = true;
	assert_int_equal(disk_open(&disk, &options, &err), -ENOMEM);
	limit_fails = false;
	assert_null(disk);
	/* It was closed: its lock is free. */
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_down),
		cmocka_unit_test(test_cancel_and_change),
		cmocka_unit_test(test_opening_fails),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
