/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What one end does at the worst moment of the other: just before its store
 * into the header takes place. The header is write-protected, and the fault of
 * that store runs the peer; so each race happens every time.
 */
#define _GNU_SOURCE
#include "tests/unit/vmbus/ring_pair.h"

#include <signal.h>
#include <sys/mman.h>

static struct {
	struct ring_memory memory;
	struct ring tx;
	struct ring rx;
	void (*meanwhile)(void); /* NULL once it has been run */
	bool signalled; /* what meanwhile() was told to do for the other end */
} race;

static void on_fault(int number)
{
	void (*meanwhile)(void) = race.meanwhile;

	/* A fault of anything else comes again, and then ends the test. */
	if (!meanwhile)
		signal(number, SIG_DFL);
	race.meanwhile = NULL;
	mprotect(race.memory.header, RING_HEADER_BYTES, PROT_READ | PROT_WRITE);
	if (meanwhile)
		meanwhile();
}

/* Have @meanwhile run at the next store into the header. */
static void arm(void (*meanwhile)(void))
{
	struct sigaction action = { .sa_handler = on_fault };

	/* cmocka puts its own handler in place as each test begins. */
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	race.meanwhile = meanwhile;
	assert_int_equal(
		mprotect(race.memory.header, RING_HEADER_BYTES, PROT_READ), 0);
}

static int setup(void **state)
{
	struct ring_memory *memory = &race.memory;

	(void)state;
	memory->size_bytes = RING_PAIR_BYTES;
	memory->header = mmap(NULL, RING_HEADER_BYTES + RING_PAIR_BYTES,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory->header == MAP_FAILED)
		return -1;
	memory->data = (u8 *)memory->header + RING_HEADER_BYTES;
	ring_format(memory->header);
	race.signalled = false;
	if (ring_init_writer(&race.tx, memory->header, memory->data,
			     RING_PAIR_BYTES, false) ||
	    ring_init_reader(&race.rx, memory->header, memory->data,
			     RING_PAIR_BYTES, false))
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(race.memory.header, RING_HEADER_BYTES + RING_PAIR_BYTES);
}

static void read_and_release(void)
{
	ring_pair_read(&race.rx, 1);
	race.signalled = ring_release(&race.rx);
}

static void write_and_publish(void)
{
	assert_int_equal(ring_pair_write(&race.tx), VMBUS_OK);
	race.signalled = ring_publish(&race.tx);
}

static void fill_and_wait(void)
{
	ring_pair_fill(&race.tx);
	race.signalled = ring_publish(&race.tx);
}

/* Space comes as the writer asks to be told of space: it must look again. */
static void test_release_before_waiting(void **state)
{
	(void)state;
	while (race.tx.available_bytes >= RING_PAIR_PACKET_BYTES)
		assert_int_equal(ring_pair_write(&race.tx), VMBUS_OK);
	ring_publish(&race.tx);
	arm(read_and_release);
	assert_int_equal(ring_pair_write(&race.tx), VMBUS_OK);
	assert_null(race.meanwhile);
	assert_false(race.signalled);
	assert_int_equal(race.memory.header->pending_send_bytes, 0);
}

/* A packet comes as the reader asks for signals: it must look again. */
static void test_publish_before_unmask(void **state)
{
	(void)state;
	ring_mask(&race.rx);
	arm(write_and_publish);
	assert_true(ring_unmask(&race.rx));
	assert_null(race.meanwhile);
	assert_false(race.signalled);
}

/* The reader finishes and sleeps as the writer publishes: it must be woken. */
static void test_release_before_publish(void **state)
{
	(void)state;
	write_and_publish();
	assert_int_equal(ring_pair_write(&race.tx), VMBUS_OK);
	arm(read_and_release);
	assert_true(ring_publish(&race.tx));
	assert_null(race.meanwhile);
}

/* The writer begins to wait as the reader releases: it must be woken. */
static void test_wait_before_release(void **state)
{
	(void)state;
	write_and_publish();
	ring_pair_read(&race.rx, 1);
	arm(fill_and_wait);
	assert_true(ring_release(&race.rx));
	assert_null(race.meanwhile);
	assert_int_not_equal(race.memory.header->pending_send_bytes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_release_before_waiting,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_before_unmask,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_release_before_publish,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_before_release, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
