// SPDX-License-Identifier: MIT OR GPL-2.0-only
#define _GNU_SOURCE
#include "tests/unit/guest/vss/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

/* No file system of this machine's has such a number. */
#define DEVICE 0x7700000000ull

struct world *world;
int fds[SYSTEMS];
struct freezer freezer;

static int index_of(int fd)
{
	int i;

	for (i = 0; i < SYSTEMS; i++) {
		if (fds[i] == fd)
			return i;
	}
	return -1;
}

void moment(void)
{
	const struct timespec time = { .tv_nsec = 1000000 };

	nanosleep(&time, NULL);
}

/* A step was taken: how many pages this process has had to be given so far. */
static void step(int what)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	world->faults_last = usage.ru_minflt + usage.ru_majflt;
	if (!world->steps)
		world->faults_first = world->faults_last;
	world->order[world->steps++] = what;
}

static int fake_freeze(int fd)
{
	int i = index_of(fd);

	if (++world->calls == world->fail_at)
		return world->error;
	if (world->frozen[i])
		return EBUSY;
	while (world->hang)
		moment();
	world->frozen[i] = 1;
	step(i + 1);
	return 0;
}

static int fake_thaw(int fd)
{
	int i = index_of(fd);

	world->hang = false;
	if (!world->frozen[i])
		return EINVAL;
	world->frozen[i] = 0;
	step(-(i + 1));
	return 0;
}

static const struct freezer_calls calls = { fake_freeze, fake_thaw };

void world_targets(void)
{
	int i;

	assert_int_equal(freezer_init(&freezer, &calls), 0);
	for (i = 0; i < SYSTEMS; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_int_equal(freezer_add(&freezer, fds[i], "/a"), 0);
		freezer.targets[i].device = DEVICE + (u64)i;
	}
}

void world_begin(void)
{
	memset(world, 0, sizeof(*world));
	world_targets();
}

int frozen_count(void)
{
	int i, count = 0;

	for (i = 0; i < SYSTEMS; i++)
		count += world->frozen[i];
	return count;
}

void wait_thawed(void)
{
	int i;

	for (i = 0; frozen_count() && i < TRY_LIMIT_S * 1000; i++)
		moment();
	assert_int_equal(frozen_count(), 0);
}

int world_setup(void **state)
{
	(void)state;
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return world == MAP_FAILED;
}
