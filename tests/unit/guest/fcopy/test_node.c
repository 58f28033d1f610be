// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What the driver of Linux up to 6.9 hands on. */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <string.h>

#include "guest/lisd/fcopy/node.h"

static struct fcopy_request request;
static u8 message[8192];

static void test_node_messages(void **state)
{
	struct fcopy_start *begin = (struct fcopy_start *)message;
	struct fcopy_data *block = (struct fcopy_data *)message;
	u32 size;

	(void)state;
	memset(message, 0, sizeof(message));
	memcpy(begin->name, "\xc4\xaf", 3);
	memcpy(begin->folder, "/tmp/", 6);
	begin->flags = FCOPY_OVERWRITE;
	begin->size_bytes = 7;
	assert_int_equal(node_parse(message, sizeof(*begin), &request),
			 IC_S_OK);
	assert_string_equal(request.name, "\xc4\xaf");
	assert_string_equal(request.folder, "/tmp/");
	assert_int_equal(request.size_bytes, 7);
	for (size = 0; size < sizeof(*begin); size++)
		assert_int_equal(node_parse(message, size, &request),
				 IC_E_INVALID_ARGUMENT);
	begin->flags = 4;
	assert_int_equal(node_parse(message, sizeof(*begin), &request),
			 IC_E_INVALID_ARGUMENT);
	begin->flags = 0;
	memcpy(begin->name, "a/b", 4);
	assert_int_equal(node_parse(message, sizeof(*begin), &request),
			 IC_E_INVALID_NAME);
	/* As long as the driver makes it at most: it may have been cut. */
	memset(begin->name, 'x', 259);
	assert_int_equal(node_parse(message, sizeof(*begin), &request),
			 IC_E_NAME_TOO_LONG);
	memset(begin->name, 'x', sizeof(begin->name));
	assert_int_equal(node_parse(message, sizeof(*begin), &request),
			 IC_E_INVALID_NAME);
	memset(message, 0, sizeof(message));
	block->header.operation = FCOPY_OPERATION_DATA;
	block->size_bytes = FCOPY_BLOCK_BYTES;
	assert_int_equal(node_parse(message, sizeof(*block), &request),
			 IC_S_OK);
	assert_int_equal(node_parse(message, sizeof(*block) - 1, &request),
			 IC_E_INVALID_ARGUMENT);
	block->size_bytes++;
	assert_int_equal(node_parse(message, sizeof(message), &request),
			 IC_E_INVALID_ARGUMENT);
	block->header.operation = FCOPY_OPERATION_COUNT;
	assert_int_equal(node_parse(message, sizeof(message), &request),
			 IC_E_NOT_SUPPORTED);
	block->header.operation = FCOPY_OPERATION_CANCEL;
	assert_int_equal(node_parse(message, 36, &request), IC_S_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
