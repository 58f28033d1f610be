/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The same work on an image again and again: with every operation on its file
 * failing in turn, and with the power failing before every one. After that,
 * what was flushed is there, all else is old or new, and the image is whole.
 */
#define _GNU_SOURCE
#include "disk_rig.h"
#include "power.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/backend/disk/file.h"
#include "host/backend/disk/image.h"

#define MIB	   (1ull << 20)
#define DISK_BYTES (12 * MIB)
#define SECTORS	   (DISK_BYTES / 512)
#define WRITE_MAX  (300u * 1024)
#define STEPS	   70

/* --- what sectors may hold --- */

#define SEEDS 12

static struct sector_model {
	u32 seeds[SEEDS];
	u8 count;
	u8 first_ok; /* a flush leaves what is from here on */
} sectors[SECTORS];

static u64 operation; /* that failed in this round */

static void model_reset(u32 seed)
{
	memset(sectors, 0, sizeof(sectors));
	for (u64 i = 0; i < SECTORS; i++) {
		sectors[i].count = 1;
		sectors[i].seeds[0] = seed;
	}
}

static void model_flush(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		struct sector_model *sector = &sectors[i];

		sector->count -= sector->first_ok;
		memmove(sector->seeds, sector->seeds + sector->first_ok,
			sector->count * sizeof(sector->seeds[0]));
		sector->first_ok = 0;
	}
}

static void model_write(u64 first, u64 count, u32 seed, bool ok)
{
	for (u64 i = first; i < first + count; i++) {
		struct sector_model *sector = &sectors[i];

		assert_true(sector->count < SEEDS);
		if (ok)
			sector->first_ok = sector->count;
		sector->seeds[sector->count++] = seed;
	}
}

/* A close is no flush: when it fails, old data may be back. */
static void model_reopen(void)
{
	for (u64 i = 0; i < SECTORS; i++)
		sectors[i].first_ok = 0;
}

/* Room for one more write everywhere in the range. */
static bool model_room(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		if (sectors[i].count == SEEDS)
			return false;
	}
	return true;
}

static void model_verify(const char *path)
{
	struct disk_options options = { .path = path,
					.cache = DISK_CACHE_BUFFERED };
	struct rig_disk rig = rig_open(&options);
	u8 *memory = malloc(MIB);

	for (u64 at = 0; at < DISK_BYTES; at += MIB) {
		assert_int_equal(
			disk_transfer(rig.queue, DISK_READ, 0, at, memory, MIB),
			0);
		for (u64 k = 0; k < MIB; k += 512) {
			u64 i = (at + k) / 512;
			bool fits = false;
			u64 expected[64];

			for (u8 s = 0; s < sectors[i].count && !fits; s++) {
				rig_pattern(expected, 512, at + k,
					    sectors[i].seeds[s]);
				fits = memcmp(expected, memory + k, 512) == 0;
			}
			if (!fits)
				fail_msg("sector %llu holds %llx, not one of "
					 "%u writes from number %u on; "
					 "operation %llu",
					 (unsigned long long)i,
					 *(unsigned long long *)(memory + k),
					 sectors[i].count, sectors[i].seeds[0],
					 (unsigned long long)operation);
		}
	}
	free(memory);
	rig_close(&rig);
}

/* --- the work --- */

struct work {
	const char *path;
	struct disk *disk;
	struct disk_queue *queue;
	u64 random;
	u32 seed;
};

static bool work_open(struct work *work)
{
	struct disk_options options = { .path = work->path };
	struct lis_error err;

	if (disk_open(&work->disk, &options, &err) != 0)
		return false;
	assert_int_equal(disk_queue_open(&work->queue, work->disk, &err), 0);
	return true;
}

static void work_close(struct work *work)
{
	disk_queue_close(work->queue);
	disk_close(work->disk);
}

static void work_write(struct work *work, u8 *memory)
{
	u64 count = 1 + power_random(&work->random) % (WRITE_MAX / 512);
	u64 kind = power_random(&work->random) % 8, first;
	u32 flags = kind == 1 ? DISK_FUA : 0, seed = 0;
	int ret;

	if (kind == 0)
		count = 3 * MIB / 512;
	first = power_random(&work->random) % (SECTORS - count);
	if (!model_room(first, count))
		return;
	if (kind == 0) {
		ret = disk_transfer(work->queue, DISK_UNMAP, 0, first * 512,
				    NULL, count * 512);
	} else {
		seed = ++work->seed;
		rig_pattern(memory, count * 512, first * 512, seed);
		ret = disk_transfer(work->queue, DISK_WRITE, flags, first * 512,
				    memory, count * 512);
	}
	model_write(first, count, seed, ret == 0);
	if (ret == 0 && (flags & DISK_FUA))
		model_flush(first, count);
}

/* Goes on whatever fails. */
static void work_do(struct work *work)
{
	u8 *memory = malloc(WRITE_MAX);
	bool open = work_open(work);

	for (int step = 0; step < STEPS && open; step++) {
		if (power_random(&work->random) % 5 == 0) {
			if (disk_transfer(work->queue, DISK_FLUSH, 0, 0, NULL,
					  0) == 0)
				model_flush(0, SECTORS);
		} else {
			work_write(work, memory);
		}
		if (step == STEPS / 2) {
			work_close(work);
			model_reopen();
			open = work_open(work);
		}
	}
	if (open)
		work_close(work);
	free(memory);
}

/* What is worked on. */
static const struct kind {
	enum disk_format format;
	const char *name;
	bool differencing;
} kind_vhdx = { DISK_FORMAT_VHDX, "i.vhdx", false },
  kind_chain = { DISK_FORMAT_VHDX, "c.vhdx", true },
  kind_vhd = { DISK_FORMAT_VHD, "i.vhd", false };

#define PARENT_SEED 999983u

static void create(const struct image_options *options)
{
	struct lis_error err;

	unlink(options->path);
	if (image_create(options, &err) != 0)
		fail_msg("%s", err.text);
}

/* A parent that is written all over. */
static const char *parent(void)
{
	struct image_options options = {
		.path = rig_path("parent.vhdx"),
		.size_bytes = DISK_BYTES,
		.block_bytes = MIB,
	};
	struct rig_disk rig;

	create(&options);
	rig = rig_open_path(options.path);
	rig_write(&rig, 0, DISK_BYTES, PARENT_SEED);
	rig_close(&rig);
	return options.path;
}

static const char *image(const struct kind *kind)
{
	struct image_options options = {
		.path = rig_path(kind->name),
		.format = kind->format,
		.size_bytes = DISK_BYTES,
		.block_bytes = MIB,
	};

	if (kind->differencing && access(rig_path("parent.vhdx"), F_OK) != 0)
		parent();
	if (kind->differencing)
		options.parent = rig_path("parent.vhdx");
	create(&options);
	model_reset(kind->differencing ? PARENT_SEED : 0);
	return options.path;
}

static void verify(const char *path, const struct kind *kind, bool qemu)
{
	file_hook = NULL;
	model_verify(path);
	if (qemu && kind == &kind_vhdx && rig_has("qemu-img"))
		assert_int_equal(rig_run("qemu-img check -q -f vhdx %s", path),
				 0);
}

static u64 step_of(u64 total, u64 wanted)
{
	u64 step = getenv("LIS_TEST_LONG") ? 1 : total / wanted;

	return step ? step : 1;
}

static void fault_loop(const struct kind *kind, int error)
{
	u64 total = ~0ull;

	power.record = false;
	for (u64 n = 1; n <= total;
	     n += step_of(total == ~0ull ? 1 : total, 8)) {
		struct work work = { .path = image(kind),
				     .random = 88172645463325252ull };

		power_begin(work.path);
		power.fail_at = operation = n;
		power.error = error;
		work_do(&work);
		/* The first time tells how many there are. */
		if (total == ~0ull)
			total = power.begun;
		verify(work.path, kind, n % 4 == 1);
	}
}

static void test_vhdx_faults(void **state)
{
	(void)state;
	fault_loop(&kind_vhdx, -EIO);
	fault_loop(&kind_vhdx, -ENOSPC);
}

static void test_vhd_faults(void **state)
{
	(void)state;
	fault_loop(&kind_vhd, -EIO);
	fault_loop(&kind_vhd, -ENOSPC);
}

static void test_chain_faults(void **state)
{
	(void)state;
	fault_loop(&kind_chain, -EIO);
	fault_loop(&kind_chain, -ENOSPC);
}

static void power_loop(const struct kind *kind)
{
	u64 total = 0;

	power.record = true;
	for (u64 n = 1; total == 0 || n <= total; n += step_of(total, 14)) {
		struct work work = { .path = image(kind),
				     .random = 88172645463325252ull +
					       n * 0x9e3779b97f4a7c15ull };

		power_begin(work.path);
		/* The first time shows how many there are. */
		power.off_at = operation = total ? n : 0;
		power.random = n * 0x9e3779b97f4a7c15ull;
		work_do(&work);
		if (total == 0)
			total = power.begun;
		file_hook = NULL;
		power_back(work.path);
		verify(work.path, kind, n % 4 == 1);
	}
	power_forget();
}

static void test_vhdx_power(void **state)
{
	(void)state;
	power_loop(&kind_vhdx);
}

static void test_vhd_power(void **state)
{
	(void)state;
	power_loop(&kind_vhd);
}

static void test_chain_power(void **state)
{
	(void)state;
	power_loop(&kind_chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vhdx_faults),
		cmocka_unit_test(test_chain_faults),
		cmocka_unit_test(test_vhd_faults),
		cmocka_unit_test(test_vhdx_power),
		cmocka_unit_test(test_chain_power),
		cmocka_unit_test(test_vhd_power),
	};

	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
