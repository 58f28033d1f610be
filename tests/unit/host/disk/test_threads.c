/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Several threads on one image, each with its queue and with sectors of its
 * own, which lie between the others': every block is everybody's.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/file.h"
#include "host/backend/disk/image.h"

#define MIB	   (1ull << 20)
#define DISK_BYTES (16 * MIB)
#define THREADS	   4
#define STRIPE	   (64u << 10)
#define STRIPES	   (DISK_BYTES / STRIPE / THREADS)
#define ROUNDS	   150
#define DEPTH	   6

struct worker {
	pthread_t thread;
	struct disk *disk;
	struct disk_queue *queue;
	u32 index;
	u64 random;
	u32 seeds[STRIPES];
	u32 left;
	int error;
};

struct job {
	struct disk_request request;
	struct iovec iov;
	struct worker *worker;
	u8 *memory;
};

static u64 random_next(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static u64 stripe_offset(const struct worker *worker, u64 stripe)
{
	return (stripe * THREADS + worker->index) * STRIPE;
}

static void job_done(struct disk_request *request, int error)
{
	struct job *job = (struct job *)request;

	job->worker->left--;
	if (error)
		job->worker->error = error;
}

static void job_begin(struct worker *worker, struct job *job, u64 stripe,
		      u32 seed)
{
	u64 offset = stripe_offset(worker, stripe);

	worker->seeds[stripe] = seed;
	rig_pattern(job->memory, STRIPE, offset, seed);
	job->worker = worker;
	job->iov = (struct iovec){ job->memory, STRIPE };
	job->request = (struct disk_request){
		.op = seed ? DISK_WRITE : DISK_UNMAP,
		.flags = seed % 16 == 1 ? DISK_FUA : 0,
		.offset_bytes = offset,
		.size_bytes = STRIPE,
		.iov = &job->iov,
		.iov_count = 1,
		.done = job_done,
	};
	worker->left++;
	disk_submit(worker->queue, &job->request);
}

static void stripe_check(struct worker *worker, u64 stripe, u8 *memory,
			 u8 *expected)
{
	u64 offset = stripe_offset(worker, stripe);

	rig_pattern(expected, STRIPE, offset, worker->seeds[stripe]);
	if (disk_transfer(worker->queue, DISK_READ, 0, offset, memory,
			  STRIPE) != 0 ||
	    memcmp(memory, expected, STRIPE) != 0)
		worker->error = -EILSEQ;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct job jobs[DEPTH];
	struct lis_error err;
	u32 seed = worker->index * 1000000 + 1;

	if (disk_queue_open(&worker->queue, worker->disk, &err) != 0) {
		worker->error = -ENOMEM;
		return NULL;
	}
	for (int i = 0; i < DEPTH; i++)
		jobs[i].memory = malloc(STRIPE);
	for (int round = 0; round < ROUNDS && !worker->error; round++) {
		u64 first = random_next(worker) % STRIPES;

		for (u64 i = 0; i < DEPTH; i++)
			job_begin(worker, &jobs[i], (first + i * 7) % STRIPES,
				  random_next(worker) % 4 ? seed++ : 0);
		while (worker->left)
			disk_wait(worker->queue);
		if (round % 5 == 0 &&
		    disk_transfer(worker->queue, DISK_FLUSH, 0, 0, NULL, 0))
			worker->error = -EIO;
		stripe_check(worker, first, jobs[0].memory, jobs[1].memory);
	}
	for (u64 stripe = 0; stripe < STRIPES; stripe++)
		stripe_check(worker, stripe, jobs[0].memory, jobs[1].memory);
	for (int i = 0; i < DEPTH; i++)
		free(jobs[i].memory);
	disk_queue_close(worker->queue);
	return NULL;
}

/* Meanwhile blocks that hold nobody's sectors come and go. */
static void resize_some(struct disk *disk)
{
	struct lis_error err;

	for (u64 i = 1; i <= 10; i++) {
		assert_int_equal(
			disk_resize(disk, DISK_BYTES + i % 2 * 8 * MIB, &err),
			0);
		usleep(1000);
	}
}

static void run(const char *path, bool resize)
{
	struct worker workers[THREADS];
	struct disk_options options = { .path = path };
	struct lis_error err;
	struct disk *disk;

	assert_int_equal(disk_open(&disk, &options, &err), 0);
	for (u32 i = 0; i < THREADS; i++) {
		memset(&workers[i], 0, sizeof(workers[i]));
		workers[i].disk = disk;
		workers[i].index = i;
		workers[i].random = i + 77;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	if (resize)
		resize_some(disk);
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].error, 0);
	}
	disk_close(disk);
	disk_open(&disk, &options, &err);
	for (u32 i = 0; i < THREADS; i++) {
		struct rig_disk rig = { disk, NULL };

		assert_int_equal(disk_queue_open(&rig.queue, disk, &err), 0);
		for (u64 k = 0; k < STRIPES; k++)
			rig_expect(&rig, stripe_offset(&workers[i], k), STRIPE,
				   workers[i].seeds[k]);
		disk_queue_close(rig.queue);
	}
	disk_close(disk);
}

static const char *image(const char *name, const char *parent)
{
	struct image_options options = {
		.path = rig_path(name),
		.size_bytes = DISK_BYTES,
		.block_bytes = MIB,
		.parent = parent,
	};
	struct lis_error err;

	unlink(options.path);
	assert_int_equal(image_create(&options, &err), 0);
	return options.path;
}

static void test_raw(void **state)
{
	(void)state;
	run(rig_file("t.raw", DISK_BYTES), true);
}

static void test_vhdx(void **state)
{
	(void)state;
	run(image("t.vhdx", NULL), true);
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img check -q -f vhdx %s",
					 rig_path("t.vhdx")),
				 0);
}

static void test_chain(void **state)
{
	(void)state;
	run(image("c.vhdx", image("p.vhdx", NULL)), false);
}

static void test_vhd(void **state)
{
	(void)state;
	run(image("t.vhd", NULL), false);
}

/* --- a queue that closes while another one flushes --- */

static u32 syncs;

static int syncs_begin(struct file_hook *hook, enum file_kind kind,
		       u64 offset_bytes, u64 size_bytes,
		       const struct iovec *iov, u32 iov_count, u64 *cookie)
{
	(void)hook, (void)offset_bytes, (void)size_bytes;
	(void)iov, (void)iov_count, (void)cookie;
	syncs += kind == FILE_SYNC;
	return 0;
}

static void syncs_end(struct file_hook *hook, enum file_kind kind, bool durable,
		      u64 cookie, int error)
{
	(void)hook, (void)kind, (void)durable, (void)cookie, (void)error;
}

static struct file_hook syncs_hook = { syncs_begin, syncs_end };

struct flush {
	struct disk_request request;
	bool ended;
	int error;
	u32 syncs; /* so far, when it ended */
};

static void flush_done(struct disk_request *request, int error)
{
	struct flush *flush = (struct flush *)request;

	flush->ended = true;
	flush->error = error;
	flush->syncs = syncs;
}

static void flush_begin(struct disk_queue *queue, struct flush *flush)
{
	*flush = (struct flush){
		.request = { .op = DISK_FLUSH, .done = flush_done },
	};
	disk_submit(queue, &flush->request);
}

/* It does not do the other's work, of which there may be no end. */
static void test_close_during_flush(void **state)
{
	struct rig_disk rig = rig_open_path(image("f.vhdx", NULL));
	struct rig_disk other = { .disk = rig.disk };
	struct flush ours, others;
	struct lis_error err;

	(void)state;
	assert_int_equal(disk_queue_open(&other.queue, rig.disk, &err), 0);
	rig_write(&rig, 0, MIB, 1);
	file_hook = &syncs_hook;
	flush_begin(rig.queue, &ours);
	rig_write(&other, MIB, MIB, 2);
	flush_begin(other.queue, &others);
	while (!ours.ended)
		disk_wait(rig.queue);
	disk_queue_close(rig.queue);
	assert_int_equal(ours.error, 0);
	assert_int_equal(syncs, ours.syncs);
	assert_false(others.ended);
	while (!others.ended)
		disk_wait(other.queue);
	assert_int_equal(others.error, 0);
	assert_true(syncs > ours.syncs);
	file_hook = NULL;
	rig_close(&other);
	rig = rig_open_path(rig_path("f.vhdx"));
	rig_expect(&rig, 0, MIB, 1);
	rig_expect(&rig, MIB, MIB, 2);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_vhdx),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_vhd),
		cmocka_unit_test(test_close_during_flush),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
