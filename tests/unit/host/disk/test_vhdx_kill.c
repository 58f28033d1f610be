/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A process that writes to a VHDX is killed at any moment: what it had flushed
 * is there, the rest is old or new, sector by sector, and qemu-img finds the
 * image clean. LIS_TEST_LONG=1 kills ten times as often.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/backend/disk/image.h"

#define MIB	   (1ull << 20)
#define DISK_BYTES (24 * MIB)
#define SECTORS	   (DISK_BYTES / 512)
#define THREADS	   2
#define BATCH	   8
#define WRITE_MAX  (192u << 10)

/* What a sector may hold: every write has a number of its own. */
struct sector_model {
	u64 flushed;   /* the number that was flushed last */
	u64 issued;    /* the newest one that was begun */
	bool zero_old; /* what was flushed last are zeros */
	bool zero_new; /* what was begun last are zeros */
	bool zero_any; /* zeros were begun since the flush */
	bool touched;  /* since the flush */
};

/* Shared with the process that is killed. */
static struct model {
	u64 next;
	u64 flushes;
	struct sector_model sectors[SECTORS];
} * model;

struct worker {
	pthread_t thread;
	struct disk *disk;
	u32 index;
	u64 random;
	struct disk_queue *queue;
	u32 left;
};

struct job {
	struct disk_request request;
	struct iovec iov;
	struct worker *worker;
	u64 *memory;
};

static u64 random_next(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static u64 word_of(u64 sector, u64 number, u64 i)
{
	return (number * 0x9e3779b97f4a7c15ull ^ (sector * 64 + i)) *
	       0xbf58476d1ce4e5b9ull;
}

static void job_done(struct disk_request *request, int error)
{
	struct job *job = (struct job *)request;

	if (error)
		_exit(100 + (-error) % 100);
	job->worker->left--;
}

/* Every sector of a batch is begun once only, so that order does not matter. */
static bool sectors_claim(u8 *claimed, u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		if (claimed[i])
			return false;
	}
	memset(claimed + first, 1, count);
	return true;
}

static void job_begin(struct worker *worker, struct job *job, u8 *claimed)
{
	u64 half = SECTORS / THREADS;
	u64 count = 1 + random_next(worker) % (WRITE_MAX / 512), first;
	bool zero = random_next(worker) % 8 == 0;
	u64 number = __atomic_add_fetch(&model->next, 1, __ATOMIC_SEQ_CST);

	if (zero && random_next(worker) % 2)
		count = 2 * MIB / 512 + random_next(worker) % 64;
	first = worker->index * half + random_next(worker) % (half - count);
	if (random_next(worker) % 2 == 0)
		first &= ~7ull;
	if (!sectors_claim(claimed, first, count))
		return;
	for (u64 i = 0; i < count; i++) {
		struct sector_model *sector = &model->sectors[first + i];

		sector->touched = true;
		sector->zero_new = zero;
		sector->zero_any |= zero;
		sector->issued = number;
		for (u64 k = 0; k < 64 && !zero; k++)
			job->memory[i * 64 + k] =
				k ? word_of(first + i, number, k) : number;
	}
	job->worker = worker;
	job->iov = (struct iovec){ job->memory, count * 512 };
	job->request = (struct disk_request){
		.op = !zero	   ? DISK_WRITE
		      : number % 2 ? DISK_UNMAP
				   : DISK_ZERO,
		.flags = DISK_MAY_UNMAP,
		.offset_bytes = first * 512,
		.size_bytes = count * 512,
		.iov = &job->iov,
		.iov_count = 1,
		.done = job_done,
	};
	worker->left++;
	disk_submit(worker->queue, &job->request);
}

static void flush(struct worker *worker)
{
	u64 half = SECTORS / THREADS, first = worker->index * half;

	if (disk_transfer(worker->queue, DISK_FLUSH, 0, 0, NULL, 0) != 0)
		_exit(98);
	for (u64 i = first; i < first + half; i++) {
		struct sector_model *sector = &model->sectors[i];

		if (!sector->touched)
			continue;
		/* Killed in between, all of these still hold. */
		sector->zero_old = sector->zero_new;
		sector->flushed = sector->issued;
		sector->zero_any = false;
		sector->touched = false;
	}
	__atomic_add_fetch(&model->flushes, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct job jobs[BATCH];
	u8 *claimed = malloc(SECTORS);
	struct lis_error err;

	if (disk_queue_open(&worker->queue, worker->disk, &err) != 0)
		_exit(97);
	for (int i = 0; i < BATCH; i++)
		jobs[i].memory = aligned_alloc(4096, 3 * MIB);
	for (;;) {
		u64 batches = 1 + random_next(worker) % 4;

		while (batches--) {
			memset(claimed, 0, SECTORS);
			for (int i = 0; i < BATCH; i++)
				job_begin(worker, &jobs[i], claimed);
			while (worker->left)
				disk_wait(worker->queue);
		}
		flush(worker);
	}
	return NULL;
}

static void child_run(const char *path, u64 seed)
{
	struct worker workers[THREADS];
	struct disk_options options = { .path = path };
	struct lis_error err;
	struct disk *disk;

	if (disk_open(&disk, &options, &err) != 0)
		_exit(99);
	for (u32 i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .disk = disk,
					      .index = i,
					      .random = seed * 77 + i + 1 };
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			_exit(96);
	}
	for (;;)
		pause();
}

/* Whether the sector is as it may be; the model takes over what is there. */
static void sector_check(u64 i, const u64 *words)
{
	struct sector_model *sector = &model->sectors[i];
	bool zero = true;

	for (int k = 0; k < 64; k++)
		zero = zero && words[k] == 0;
	if (zero) {
		if (!sector->zero_old && !sector->zero_any)
			fail_msg("sector %llu: zeros, but %llu was flushed",
				 (unsigned long long)i,
				 (unsigned long long)sector->flushed);
	} else {
		u64 number = words[0];

		/* A flush that was not noted yet may have been done. */
		if (number < sector->flushed || number > sector->issued)
			fail_msg("sector %llu: %llu, but %llu to %llu belong "
				 "there",
				 (unsigned long long)i,
				 (unsigned long long)number,
				 (unsigned long long)sector->flushed,
				 (unsigned long long)sector->issued);
		for (u64 k = 1; k < 64; k++)
			assert_int_equal(words[k], word_of(i, number, k));
		sector->flushed = sector->issued = number;
	}
	sector->zero_old = sector->zero_new = zero;
	sector->zero_any = sector->touched = false;
}

static void image_verify(const char *path)
{
	struct rig_disk rig = rig_open_path(path);
	u64 *words = malloc(MIB);

	for (u64 at = 0; at < DISK_BYTES; at += MIB) {
		assert_int_equal(
			disk_transfer(rig.queue, DISK_READ, 0, at, words, MIB),
			0);
		for (u64 i = 0; i < MIB / 512; i++)
			sector_check(at / 512 + i, words + i * 64);
	}
	free(words);
	rig_close(&rig);
}

/* The kernel ends the transfers of a killed process, and lets go then. */
static void transfers_wait(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	close(fd);
}

static void one_round(const char *path, u32 round)
{
	int status;
	u64 begun = model->next;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		child_run(path, round + 1);
	/* Not before it has begun, then at any moment. */
	while (__atomic_load_n(&model->next, __ATOMIC_SEQ_CST) == begun) {
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
		usleep(200);
	}
	usleep(rand() % 20000);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	transfers_wait(path);
	if (round % 4 == 0 && rig_has("qemu-img")) {
		/* The other reader of our log. */
		assert_int_equal(rig_run("cp --sparse=always %s %s.theirs && "
					 "qemu-img check -q -r all -f vhdx "
					 "%s.theirs >/dev/null && mv %s.theirs "
					 "%s",
					 path, path, path, path, path),
				 0);
	}
	image_verify(path);
	if (rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img check -q -f vhdx %s", path),
				 0);
}

static void test_killed(void **state)
{
	u32 rounds = getenv("LIS_TEST_LONG") ? 200 : 20;
	struct image_options options = {
		.path = rig_path("k.vhdx"),
		.size_bytes = DISK_BYTES,
		.block_bytes = MIB,
	};
	struct lis_error err;

	(void)state;
	model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(model != MAP_FAILED);
	for (u64 i = 0; i < SECTORS; i++)
		model->sectors[i].zero_old = true;
	srand((unsigned int)getpid());
	assert_int_equal(image_create(&options, &err), 0);
	for (u32 round = 0; round < rounds; round++)
		one_round(options.path, round);
	/* Otherwise nothing was proved. */
	assert_true(model->flushes > 0);
	munmap(model, sizeof(*model));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
