/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/hypercall.h"
#include "tests/unit/host/vm/unit.h"

#include <string.h>

#define MIB	     (1ull << 20)
#define POST_MESSAGE 0x5cull
#define SIGNAL_EVENT 0x5dull
#define FAST	     (1ull << 16)
#define INPUT_GPA    0x3000ull
#define INPUT_BYTES  256

static struct memory memory;
static u32 calls;
static u32 got_connection, got_type, got_size;
static u8 got_payload[MACHINE_MESSAGE_MAX_BYTES];
static u16 answer;

static u16 post(void *context, u32 connection_id, u32 message_type,
		const void *payload, u32 size_bytes)
{
	assert_ptr_equal(context, &memory);
	calls++;
	got_connection = connection_id;
	got_type = message_type;
	got_size = size_bytes;
	memcpy(got_payload, payload, size_bytes);
	return answer;
}

static int set_up(void **state)
{
	struct memory_layout layout;
	struct lis_error err;

	(void)state;
	calls = 0;
	answer = MACHINE_HV_SUCCESS;
	memory_layout_set(&layout, 64 * MIB, 128 * MIB, 1024 * MIB);
	return memory_create(&memory, &layout, false, &err);
}

static int tear_down(void **state)
{
	(void)state;
	memory_destroy(&memory);
	return 0;
}

static void write_input(u64 gpa, u32 connection, u32 type, u32 size)
{
	u32 head[4] = { connection, 0, type, size };

	memcpy(memory.base + gpa, head, sizeof(head));
	memset(memory.base + gpa + sizeof(head), 0x77,
	       MACHINE_MESSAGE_MAX_BYTES);
}

static u64 call(u64 input, u64 first, u64 second)
{
	struct hypercall hypercall = { .input = input,
				       .parameters = { first, second } };

	return hypercall_run(&hypercall, &memory, post, &memory);
}

static void posts_a_message(void **state)
{
	(void)state;
	write_input(INPUT_GPA, 4, 1, 240);
	assert_int_equal(call(POST_MESSAGE, INPUT_GPA, 0), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(got_connection, 4);
	assert_int_equal(got_type, 1);
	assert_int_equal(got_size, 240);
	assert_int_equal(got_payload[239], 0x77);
	/* The last place in a page, and the last in memory. */
	write_input(64 * MIB - INPUT_BYTES, 1, 1, 0);
	assert_int_equal(call(POST_MESSAGE, 64 * MIB - INPUT_BYTES, 0), 0);
	assert_int_equal(calls, 2);
}

static void passes_the_answer_on(void **state)
{
	(void)state;
	write_input(INPUT_GPA, 9, 1, 8);
	answer = MACHINE_HV_INSUFFICIENT_BUFFERS;
	assert_int_equal(call(POST_MESSAGE, INPUT_GPA, 0),
			 MACHINE_HV_INSUFFICIENT_BUFFERS);
}

static void bounds_the_size(void **state)
{
	static const u32 sizes[] = { 241, 256, 4096, UINT32_MAX };
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(sizes); i++) {
		write_input(INPUT_GPA, 1, 1, sizes[i]);
		assert_int_equal(call(POST_MESSAGE, INPUT_GPA, 0),
				 MACHINE_HV_INVALID_PARAMETER);
	}
	/* Types that are the hypervisor's own. */
	write_input(INPUT_GPA, 1, 0x80000010, 8);
	assert_int_equal(call(POST_MESSAGE, INPUT_GPA, 0),
			 MACHINE_HV_INVALID_PARAMETER);
	assert_int_equal(calls, 0);
}

static void bounds_the_input(void **state)
{
	static const struct {
		u64 gpa;
		u16 status;
	} cases[] = {
		{ INPUT_GPA + 1, MACHINE_HV_INVALID_ALIGNMENT },
		{ INPUT_GPA + 4, MACHINE_HV_INVALID_ALIGNMENT },
		{ INPUT_GPA + 4096 - INPUT_BYTES + 8,
		  MACHINE_HV_INVALID_ALIGNMENT },
		{ 64 * MIB, MACHINE_HV_INVALID_PARAMETER },
		{ 0xfee00000, MACHINE_HV_INVALID_PARAMETER },
		{ UINT64_MAX - 4095, MACHINE_HV_INVALID_PARAMETER },
		{ UINT64_MAX - 7, MACHINE_HV_INVALID_ALIGNMENT },
	};
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(cases); i++)
		assert_int_equal(call(POST_MESSAGE, cases[i].gpa, 0),
				 cases[i].status);
	assert_int_equal(calls, 0);
}

static void takes_the_fast_form(void **state)
{
	(void)state;
	assert_int_equal(call(POST_MESSAGE | FAST, 4, 1), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(got_connection, 4);
	assert_int_equal(got_type, 1);
	assert_int_equal(got_size, 0);
	/* A payload would not fit into registers. */
	assert_int_equal(call(POST_MESSAGE | FAST, 4, 1 | 8ull << 32),
			 MACHINE_HV_INVALID_HYPERCALL_INPUT);
	assert_int_equal(calls, 1);
}

static void refuses_other_shapes(void **state)
{
	static const u64 bits[] = { 1ull << 17, 1ull << 26, 1ull << 32,
				    1ull << 43, 1ull << 48, 1ull << 59 };
	u32 i;

	(void)state;
	write_input(INPUT_GPA, 1, 1, 8);
	for (i = 0; i < PORT_ARRAY_SIZE(bits); i++)
		assert_int_equal(call(POST_MESSAGE | bits[i], INPUT_GPA, 0),
				 MACHINE_HV_INVALID_HYPERCALL_INPUT);
	assert_int_equal(calls, 0);
}

static void refuses_other_calls(void **state)
{
	u64 code;

	(void)state;
	for (code = 0; code <= UINT16_MAX; code++)
		if (code != POST_MESSAGE && code != SIGNAL_EVENT)
			assert_int_equal(call(code, INPUT_GPA, INPUT_GPA),
					 MACHINE_HV_INVALID_HYPERCALL_CODE);
	/* Only connections that nobody registered come here. */
	assert_int_equal(call(SIGNAL_EVENT | FAST, 0x10001, 0),
			 MACHINE_HV_INVALID_CONNECTION_ID);
	assert_int_equal(calls, 0);
}

static void without_a_receiver_there_is_no_connection(void **state)
{
	struct hypercall hypercall = { .input = POST_MESSAGE,
				       .parameters = { INPUT_GPA } };

	(void)state;
	write_input(INPUT_GPA, 1, 1, 8);
	assert_int_equal(hypercall_run(&hypercall, &memory, NULL, NULL),
			 MACHINE_HV_INVALID_CONNECTION_ID);
}

#define HYPERCALL_TEST(name)                                                   \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HYPERCALL_TEST(posts_a_message),
		HYPERCALL_TEST(passes_the_answer_on),
		HYPERCALL_TEST(bounds_the_size),
		HYPERCALL_TEST(bounds_the_input),
		HYPERCALL_TEST(takes_the_fast_form),
		HYPERCALL_TEST(refuses_other_shapes),
		HYPERCALL_TEST(refuses_other_calls),
		HYPERCALL_TEST(without_a_receiver_there_is_no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
