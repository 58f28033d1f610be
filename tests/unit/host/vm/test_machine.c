/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What can be said of a machine without KVM: which configurations are refused,
 * and that an error is one sentence. The rest is in tests/vm.
 */
#include "host/vm/machine.h"
#include "tests/unit/host/vm/unit.h"

#include <errno.h>
#include <string.h>

#define MIB (1ull << 20)

static const struct machine_config good = { .vcpus = 1,
					    .memory_bytes = 128 * MIB,
					    .kernel = "/nonexistent" };

static void refuses(struct machine_config config, const char *says)
{
	struct lis_error err = { "" };
	struct machine *machine = (struct machine *)1;

	assert_int_equal(machine_create(&machine, &config, &err), -EINVAL);
	assert_null(machine);
	assert_says(err, says);
	assert_null(strchr(err.text, '\n'));
}

static void refuses_wrong_configurations(void **state)
{
	struct machine_config config;

	(void)state;
	config = good;
	config.vcpus = 0;
	refuses(config, "1 to 64 vCPUs");
	config.vcpus = 65;
	refuses(config, "not 65");
	config = good;
	config.memory_bytes = 62 * MIB;
	refuses(config, "64 MiB");
	config.memory_bytes = 65 * MIB;
	refuses(config, "steps of 2 MiB");
	config.memory_bytes = MACHINE_MEMORY_MAX_BYTES + 2 * MIB;
	refuses(config, "1 TiB");
	config = good;
	config.mmio_low_bytes = 2 * MIB;
	refuses(config, "low MMIO window");
	config.mmio_low_bytes = 4096 * MIB;
	refuses(config, "low MMIO window");
	config = good;
	config.mmio_high_bytes = 1;
	refuses(config, "high MMIO window");
	config = good;
	config.kernel = NULL;
	refuses(config, "no kernel");
}

static void destroying_nothing_does_nothing(void **state)
{
	(void)state;
	machine_destroy(NULL);
}

static void errors_chain(void **state)
{
	struct lis_error err;

	(void)state;
	assert_int_equal(lis_error_set(&err, ENOENT, "cannot open %s", "x"),
			 -ENOENT);
	assert_int_equal(lis_error_prefix(&err, -ENOENT, "machine %d", 7),
			 -ENOENT);
	assert_string_equal(err.text, "machine 7: cannot open x");
	assert_int_equal(lis_error_set(NULL, EINVAL, "nobody reads it"),
			 -EINVAL);
	assert_int_equal(lis_error_prefix(NULL, -EINVAL, "nor this"), -EINVAL);
}

static void long_errors_are_cut(void **state)
{
	char text[2000];
	struct lis_error err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	lis_error_set(&err, EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	lis_error_prefix(&err, -EINVAL, "before");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "before: xxx", 11), 0);
	lis_error_prefix(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_wrong_configurations),
		cmocka_unit_test(destroying_nothing_does_nothing),
		cmocka_unit_test(errors_chain),
		cmocka_unit_test(long_errors_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
