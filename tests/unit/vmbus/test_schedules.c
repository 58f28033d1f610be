/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Thousands of schedules: two well-behaved ends doing anything at any time.
 * What must hold at every step is in tests/sim (check.c, actors*.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/sim/actors.h"
#include "vmbus/messages.h"

#define MOVES 200

static struct actors actors;

static void run(u64 seed, u32 version, u32 busy_percent)
{
	struct sim_bus_config config = {
		.seed = seed,
		.host_newest = version,
		.busy_percent = busy_percent,
	};

	actors_init(&actors, &config, MOVES);
	actors_run(&actors);
	actors_finish(&actors);
}

static void schedules_at_the_newest_version(void **state)
{
	u64 seed, opens = 0, connections = 0;

	(void)state;
	for (seed = 0; seed < 2000; seed++) {
		run(seed, 0, 0);
		opens += actors.opens;
		connections += actors.connections;
	}
	/* Else the schedules do not go where the trouble is. */
	assert_true(opens > 2500);
	assert_true(connections > 2500);
}

static void schedules_at_every_version(void **state)
{
	const struct vmbus_version_rule *versions;
	u32 count, i;
	u64 seed;

	(void)state;
	versions = vmbus_versions(&count);
	for (i = 0; i < count; i++) {
		/* The guest end reads no interrupt page. */
		if (!versions[i].offered ||
		    versions[i].version < VMBUS_VERSION_2_4)
			continue;
		for (seed = 0; seed < 150; seed++)
			run(seed * 31 + i, versions[i].version, 0);
	}
}

static void schedules_under_pressure(void **state)
{
	u64 seed;

	(void)state;
	for (seed = 0; seed < 600; seed++)
		run(seed + 100000, 0, 30 + seed % 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_at_the_newest_version),
		cmocka_unit_test(schedules_at_every_version),
		cmocka_unit_test(schedules_under_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
