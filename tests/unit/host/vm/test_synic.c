/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/synic.h"
#include "tests/unit/host/vm/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MIB	   (1ull << 20)
#define SIMP	   0x10000ull
#define SIEFP	   0x20000ull
#define ON	   1ull
#define SINT	   2
#define SLOT_BYTES 256
#define FLAG_BYTES 256
/* In a slot: type, payload size, flags, payload. */
#define SLOT_SIZE    4
#define SLOT_FLAGS   5
#define SLOT_PAYLOAD 16

static struct memory memory;
static struct synic synic;
static int made_fds[SYNIC_KINDS];
static u32 made[SYNIC_KINDS];
static int make_result;

/* Stands for KVM: an eventfd whose count is the number of interrupts. */
static int make_interrupt(void *context, u32 vp, u32 sint, enum synic_kind kind)
{
	(void)context;
	(void)vp;
	(void)sint;
	if (make_result)
		return make_result;
	made[kind]++;
	made_fds[kind] = eventfd(0, EFD_NONBLOCK);
	return made_fds[kind];
}

static bool told;
static u32 tellings;

static int tell_freed(void *context, u32 vp, u32 sint, int fd, bool on)
{
	(void)context;
	assert_int_equal(vp, 0);
	assert_int_equal(sint, SINT);
	assert_int_equal(fd, made_fds[SYNIC_FREED]);
	assert_int_not_equal(told, on);
	told = on;
	tellings += on;
	return 0;
}

static int set_up(void **state)
{
	struct memory_layout layout;
	struct lis_error err;

	(void)state;
	make_result = 0;
	memset(made, 0, sizeof(made));
	memory_layout_set(&layout, 64 * MIB, 128 * MIB, 1024 * MIB);
	if (memory_create(&memory, &layout, false, &err))
		return -1;
	synic_init(&synic, &memory, 2);
	synic.make_interrupt = make_interrupt;
	synic.tell_freed = tell_freed;
	told = false;
	tellings = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	synic_destroy(&synic);
	memory_destroy(&memory);
	return 0;
}

static u64 interrupts(enum synic_kind kind)
{
	u64 count = 0;

	if (read(made_fds[kind], &count, sizeof(count)) < 0)
		return 0;
	return count;
}

static u8 *slot(void)
{
	return memory.base + SIMP + SINT * SLOT_BYTES;
}

static u32 slot_type(void)
{
	u32 type;

	memcpy(&type, slot(), sizeof(type));
	return type;
}

/* What a guest does: empty the slot, then look whether more is pending. */
static bool guest_takes_message(void)
{
	u32 none = 0;

	memcpy(slot(), &none, sizeof(none));
	return slot()[SLOT_FLAGS] & 1;
}

static void fills_a_slot(void **state)
{
	u8 payload[MACHINE_MESSAGE_MAX_BYTES];

	(void)state;
	memset(payload, 0x5a, sizeof(payload));
	synic_update(&synic, 0, ON, SIMP | ON, 0);
	memset(slot(), 0xff, SLOT_BYTES);
	memset(slot(), 0, 4);
	assert_int_equal(
		synic_post(&synic, 0, SINT, 1, payload, sizeof(payload)), 0);
	assert_int_equal(slot_type(), 1);
	assert_int_equal(slot()[SLOT_SIZE], sizeof(payload));
	assert_int_equal(slot()[SLOT_FLAGS], 0);
	assert_memory_equal(slot() + SLOT_PAYLOAD, payload, sizeof(payload));
	assert_int_equal(interrupts(SYNIC_MESSAGE), 1);
	assert_int_equal(slot()[SLOT_BYTES], 0);
	/* Without a payload there is nothing to copy. */
	guest_takes_message();
	assert_int_equal(synic_post(&synic, 0, SINT, 1, NULL, 0), 0);
	assert_int_equal(slot()[SLOT_SIZE], 0);
}

static void waits_for_the_guest(void **state)
{
	u8 payload[8] = { 1 };

	(void)state;
	synic_update(&synic, 0, ON, SIMP | ON, 0);
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), 0);
	payload[0] = 2;
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), -EAGAIN);
	assert_int_equal(slot()[SLOT_PAYLOAD], 1);
	assert_int_equal(interrupts(SYNIC_MESSAGE), 1);
	assert_true(guest_takes_message());
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), 0);
	assert_int_equal(slot()[SLOT_PAYLOAD], 2);
	assert_false(guest_takes_message());
	assert_int_equal(interrupts(SYNIC_MESSAGE), 1);
}

/* Free slots are told of from the first busy one on, until nobody cares. */
static void tells_of_free_slots_when_one_was_busy(void **state)
{
	(void)state;
	synic_update(&synic, 0, ON, SIMP | ON, 0);
	for (u32 i = 1; i <= 2; i++) {
		assert_int_equal(synic_post(&synic, 0, SINT, 1, NULL, 0), 0);
		assert_false(told);
		for (u32 j = 0; j < 3; j++)
			assert_int_equal(
				synic_post(&synic, 0, SINT, 1, NULL, 0),
				-EAGAIN);
		assert_true(told);
		assert_int_equal(tellings, i);
		assert_int_equal(interrupts(SYNIC_FREED), 0);
		guest_takes_message();
		synic_quiet(&synic);
		synic_quiet(&synic);
	}
	assert_int_equal(made[SYNIC_MESSAGE], 1);
	assert_int_equal(made[SYNIC_FREED], 1);
}

static void signals_once_until_cleared(void **state)
{
	u8 *flags = memory.base + SIEFP + SINT * FLAG_BYTES;

	(void)state;
	synic_update(&synic, 0, ON, 0, SIEFP | ON);
	assert_int_equal(synic_signal(&synic, 0, SINT, 0), 0);
	assert_int_equal(synic_signal(&synic, 0, SINT, 0), 0);
	assert_int_equal(interrupts(SYNIC_EVENT), 1);
	assert_int_equal(synic_signal(&synic, 0, SINT, 9), 0);
	assert_int_equal(interrupts(SYNIC_EVENT), 1);
	assert_int_equal(flags[0], 1);
	assert_int_equal(flags[1], 2);
	flags[0] = 0;
	assert_int_equal(synic_signal(&synic, 0, SINT, 0), 0);
	assert_int_equal(interrupts(SYNIC_EVENT), 1);
	assert_int_equal(synic_signal(&synic, 0, SINT, MACHINE_EVENT_FLAGS - 1),
			 0);
	assert_int_equal(flags[FLAG_BYTES - 1], 0x80);
	assert_int_equal(flags[FLAG_BYTES], 0);
}

static void refuses_what_is_out_of_range(void **state)
{
	u8 payload[MACHINE_MESSAGE_MAX_BYTES + 1] = { 0 };

	(void)state;
	synic_update(&synic, 0, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(synic_post(&synic, 2, SINT, 1, payload, 8), -EINVAL);
	assert_int_equal(synic_post(&synic, 0, 16, 1, payload, 8), -EINVAL);
	assert_int_equal(synic_post(&synic, 0, SINT, 0, payload, 8), -EINVAL);
	assert_int_equal(
		synic_post(&synic, 0, SINT, 1, payload, sizeof(payload)),
		-EINVAL);
	assert_int_equal(synic_signal(&synic, 2, SINT, 1), -EINVAL);
	assert_int_equal(synic_signal(&synic, 0, 16, 1), -EINVAL);
	assert_int_equal(synic_signal(&synic, 0, SINT, MACHINE_EVENT_FLAGS),
			 -EINVAL);
}

static void is_off_until_all_is_on(void **state)
{
	static const struct {
		u64 control, message, event;
	} off[] = {
		{ 0, SIMP | ON, SIEFP | ON },
		{ ON, SIMP, SIEFP },
		{ ON, 64 * MIB | ON, 64 * MIB | ON },
		{ ON, ~0ull, ~0ull },
	};
	u8 payload[8] = { 0 };
	u32 i;

	(void)state;
	assert_int_equal(synic_post(&synic, 1, SINT, 1, payload, 8), -ENXIO);
	assert_int_equal(synic_signal(&synic, 1, SINT, 1), -ENXIO);
	for (i = 0; i < PORT_ARRAY_SIZE(off); i++) {
		synic_update(&synic, 1, off[i].control, off[i].message,
			     off[i].event);
		assert_int_equal(synic_post(&synic, 1, SINT, 1, payload, 8),
				 -ENXIO);
		assert_int_equal(synic_signal(&synic, 1, SINT, 1), -ENXIO);
	}
	synic_update(&synic, 1, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(synic_post(&synic, 1, SINT, 1, payload, 8), 0);
	assert_int_equal(synic_signal(&synic, 1, SINT, 1), 0);
	/* The other processor's registers are its own. */
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), -ENXIO);
}

/* A page may hold anything before it becomes a message page. */
static void zeroes_new_pages_only(void **state)
{
	u8 payload[8] = { 0 };

	(void)state;
	memset(memory.base + SIMP, 0xff, 4096);
	memset(memory.base + SIEFP, 0xff, 4096);
	synic_update(&synic, 0, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(memory.base[SIMP + 4095], 0);
	assert_int_equal(memory.base[SIEFP + 4095], 0);
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), 0);
	/* Written again as it was: what is in it stays. */
	synic_update(&synic, 0, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(slot_type(), 1);
	/* Off and on again, as a second kernel does. */
	synic_update(&synic, 0, ON, SIMP, SIEFP | ON);
	synic_update(&synic, 0, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(slot_type(), 0);
}

/* No slot is written and no flag set when nobody could be told. */
static void leaves_memory_alone_without_interrupt(void **state)
{
	u8 payload[8] = { 0 };

	(void)state;
	make_result = -EMFILE;
	synic_update(&synic, 0, ON, SIMP | ON, SIEFP | ON);
	assert_int_equal(synic_post(&synic, 0, SINT, 1, payload, 8), -EMFILE);
	assert_int_equal(synic_signal(&synic, 0, SINT, 1), -EMFILE);
	assert_int_equal(slot_type(), 0);
	assert_int_equal(memory.base[SIEFP + SINT * FLAG_BYTES], 0);
}

#define ROUNDS 20000

static void *move_pages(void *argument)
{
	u32 i;

	(void)argument;
	for (i = 0; i < ROUNDS; i++)
		synic_update(&synic, 0, i & 1, (SIMP + (i % 3) * 4096) | ON,
			     (SIEFP + (i % 5) * 4096) | (i & 2));
	return NULL;
}

/* The guest moves its pages while the host posts: only known answers. */
static void survives_moving_pages(void **state)
{
	u8 payload[8] = { 0 };
	pthread_t mover;
	u32 i;

	(void)state;
	assert_int_equal(pthread_create(&mover, NULL, move_pages, NULL), 0);
	for (i = 0; i < ROUNDS; i++) {
		int post = synic_post(&synic, 0, SINT, 1, payload, 8);
		int signal = synic_signal(&synic, 0, SINT, i % 2048);

		assert_true(post == 0 || post == -EAGAIN || post == -ENXIO);
		assert_true(signal == 0 || signal == -ENXIO);
	}
	pthread_join(mover, NULL);
}

#define MESSAGES 20000

static u32 taken;
static int pending_fd;

/* A guest that follows the protocol: it writes EOM when told to. */
static void *take_messages(void *argument)
{
	u8 *page = memory.base + SIMP;
	u32 *type = (u32 *)(page + SINT * SLOT_BYTES);
	u64 one = 1;

	(void)argument;
	while (taken < MESSAGES) {
		u32 number;

		if (!__atomic_load_n(type, __ATOMIC_ACQUIRE))
			continue;
		memcpy(&number, (u8 *)type + SLOT_PAYLOAD, sizeof(number));
		if (number != taken)
			break;
		taken++;
		__atomic_store_n(type, 0, __ATOMIC_SEQ_CST);
		if (__atomic_load_n((u8 *)type + SLOT_FLAGS, __ATOMIC_SEQ_CST) &
		    1)
			if (write(pending_fd, &one, sizeof(one)) < 0)
				break;
	}
	return NULL;
}

/* None is lost, and a busy slot is always followed by an EOM. */
static void hands_over_every_message(void **state)
{
	pthread_t guest;
	u32 sent = 0;

	(void)state;
	taken = 0;
	pending_fd = eventfd(0, 0);
	assert_true(pending_fd >= 0);
	synic_update(&synic, 0, ON, SIMP | ON, 0);
	assert_int_equal(pthread_create(&guest, NULL, take_messages, NULL), 0);
	while (sent < MESSAGES) {
		u64 count;
		int ret = synic_post(&synic, 0, SINT, 1, &sent, sizeof(sent));

		if (!ret) {
			sent++;
			continue;
		}
		assert_int_equal(ret, -EAGAIN);
		/* Blocks for ever if the hand-over has a hole. */
		assert_int_equal(read(pending_fd, &count, sizeof(count)),
				 sizeof(count));
	}
	pthread_join(guest, NULL);
	assert_int_equal(taken, MESSAGES);
	close(pending_fd);
}

#define SYNIC_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNIC_TEST(fills_a_slot),
		SYNIC_TEST(waits_for_the_guest),
		SYNIC_TEST(tells_of_free_slots_when_one_was_busy),
		SYNIC_TEST(signals_once_until_cleared),
		SYNIC_TEST(refuses_what_is_out_of_range),
		SYNIC_TEST(is_off_until_all_is_on),
		SYNIC_TEST(zeroes_new_pages_only),
		SYNIC_TEST(leaves_memory_alone_without_interrupt),
		SYNIC_TEST(survives_moving_pages),
		SYNIC_TEST(hands_over_every_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
