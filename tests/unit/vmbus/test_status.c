/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Every status has a clause of its own. */
#include "vmbus/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_status_texts(void **state)
{
	u32 i, j;

	(void)state;
	for (i = 0; i < VMBUS_STATUS_COUNT; i++) {
		const char *text = vmbus_status_text((enum vmbus_status)i);

		assert_string_not_equal(text, "unknown status");
		assert_true(text[0] >= 'a' && text[0] <= 'z');
		assert_int_not_equal(text[strlen(text) - 1], '.');
		for (j = 0; j < i; j++)
			assert_string_not_equal(
				text, vmbus_status_text((enum vmbus_status)j));
		assert_int_equal(
			vmbus_status_is_violation((enum vmbus_status)i),
			i > VMBUS_BAD_ARGUMENT);
	}
	assert_string_equal(
		vmbus_status_text((enum vmbus_status)VMBUS_STATUS_COUNT),
		"unknown status");
	assert_string_equal(vmbus_status_text((enum vmbus_status) - 1),
			    "unknown status");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
