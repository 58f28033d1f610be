/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* IPv4 datagrams from fragments, in every order and with every lie. */
#include "host/backend/net/reassembly.h"
#include "net_rig.h"

#include <string.h>

#define MORE 0x2000u
#define TAG  4u

static u8 payload[65535];

struct piece {
	u32 at, bytes;
	bool more;
};

/* A frame with a part of the payload; returns its bytes. */
static u32 make(u8 *frame, u16 id, const struct piece *piece, u32 options)
{
	u8 *ip = frame + NETWORK_ETHERNET_BYTES;
	u32 header = 20 + options;

	memset(frame, 0, NETWORK_ETHERNET_BYTES + header);
	memcpy(frame,
	       "\x52\x55\x0a\x00\x02\x02\x02\x00\x00\x00\x00\x07\x08\x00", 14);
	ip[0] = (u8)(0x40 | header / 4);
	network_put_be16(ip + 2, header + piece->bytes);
	network_put_be16(ip + 4, id);
	network_put_be16(ip + 6, (piece->more ? MORE : 0) | piece->at / 8);
	memcpy(ip + 8, "\x40\x11\x00\x00\x0a\x00\x02\x0f\x0a\x00\x02\x02", 12);
	memset(ip + 20, 1, options);
	memcpy(ip + header, payload + piece->at, piece->bytes);
	return NETWORK_ETHERNET_BYTES + header + piece->bytes;
}

static u32 add(struct reassembly *state, u16 id, u32 at, u32 bytes, bool more,
	       u64 now_ns, const u8 **whole)
{
	const struct piece piece = { at, bytes, more };
	static u8 frame[66000];

	return reassembly_add(state, frame, make(frame, id, &piece, 0),
			      NETWORK_ETHERNET_BYTES, now_ns, whole);
}

static void check_whole(const u8 *whole, u32 got, u32 bytes, u32 options)
{
	const u8 *ip = whole + NETWORK_ETHERNET_BYTES;
	u32 header = 20 + options;

	assert_int_equal(got, NETWORK_ETHERNET_BYTES + header + bytes);
	assert_int_equal(network_be16(ip + 2), header + bytes);
	assert_int_equal(network_be16(ip + 6), 0);
	assert_int_equal(network_checksum(ip, header, 0), 0xffff);
	assert_memory_equal(ip + header, payload, bytes);
}

static int set_up(void **state)
{
	(void)state;
	rig_pattern(payload, sizeof(payload), 1);
	return 0;
}

static void test_any_order(void **state)
{
	static const struct piece pieces[] = { { 0, 1480, true },
					       { 1480, 1480, true },
					       { 2960, 41, false } };
	static const u8 orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 }
	};
	struct reassembly held = { 0 };
	const u8 *whole = NULL;

	(void)state;
	for (u32 i = 0; i < 6; i++) {
		for (u32 j = 0; j < 3; j++) {
			const struct piece *piece = &pieces[orders[i][j]];
			u32 got = add(&held, 7, piece->at, piece->bytes,
				      piece->more, 0, &whole);

			if (j < 2)
				assert_int_equal(got, 0);
			else
				check_whole(whole, got, 3001, 0);
		}
	}
	reassembly_free(&held);
}

/* The first fragment's options stay, and count. */
static void test_options(void **state)
{
	static const struct piece first = { 0, 64, true };
	struct reassembly held = { 0 };
	const u8 *whole;
	u8 frame[256];
	u32 got;

	(void)state;
	assert_int_equal(add(&held, 1, 64, 8, false, 0, &whole), 0);
	got = reassembly_add(&held, frame, make(frame, 1, &first, 40),
			     NETWORK_ETHERNET_BYTES, 0, &whole);
	check_whole(whole, got, 72, 40);
	reassembly_free(&held);
}

/* Two fragments of a datagram may differ in whether they have a tag. */
static void test_tags_differ(void **state)
{
	static const struct piece first = { 0, 64, true };
	struct reassembly held = { 0 };
	const u8 *whole;
	u8 frame[256];
	u32 bytes, got;

	(void)state;
	bytes = make(frame, 1, &first, 0);
	memmove(frame + 12 + TAG, frame + 12, bytes - 12);
	memcpy(frame + 12, "\x81\x00\x00\x05", TAG);
	assert_int_equal(reassembly_add(&held, frame, bytes + TAG,
					NETWORK_ETHERNET_BYTES + TAG, 0,
					&whole),
			 0);
	got = add(&held, 1, 64, 8, false, 0, &whole);
	check_whole(whole + TAG, got - TAG, 72, 0);
	reassembly_free(&held);
}

static void test_the_longest(void **state)
{
	struct reassembly held = { 0 };
	const u8 *whole;
	u32 got = 0;

	(void)state;
	for (u32 at = 0; at < 65515; at += 8) {
		u32 bytes = 65515 - at < 8 ? 65515 - at : 8;

		assert_int_equal(got, 0);
		got = add(&held, 3, at, bytes, at + bytes < 65515, 0, &whole);
	}
	check_whole(whole, got, 65515, 0);
	/* Beyond it. */
	assert_int_equal(add(&held, 4, 65512, 8, false, 0, &whole), 0);
	assert_int_equal(add(&held, 4, 0, 65512, true, 0, &whole), 0);
	reassembly_free(&held);
}

/* What would be too long with the first one's options is none. */
static void test_too_long_with_options(void **state)
{
	static const struct piece first = { 0, 64, true };
	struct reassembly held = { 0 };
	const u8 *whole;
	u8 frame[256];

	(void)state;
	assert_int_equal(add(&held, 1, 64, 65448, false, 0, &whole), 0);
	assert_int_equal(reassembly_add(&held, frame,
					make(frame, 1, &first, 40),
					NETWORK_ETHERNET_BYTES, 0, &whole),
			 0);
	reassembly_free(&held);
}

/* After each of these the datagram is forgotten or as it was: what is then
 * sent right makes it whole only where nothing contradicted. */
static void test_lies(void **state)
{
	static const struct {
		struct piece piece;
		bool harms;
	} lies[] = {
		{ { 8, 32, true }, false },  /* came before */
		{ { 32, 16, true }, true },  /* overlaps the end */
		{ { 0, 16, false }, true },  /* ends before what is there */
		{ { 96, 16, true }, true },  /* behind the end */
		{ { 72, 16, false }, true }, /* another end */
		{ { 48, 13, true },
		  false }, /* ends within a block: no fragment */
		{ { 40, 56, true },
		  true }, /* reaches the end, and more comes */
	};
	const u8 *whole;

	(void)state;
	for (u32 i = 0; i < PORT_ARRAY_SIZE(lies); i++) {
		const struct piece *piece = &lies[i].piece;
		struct reassembly held = { 0 };
		u32 got;

		assert_int_equal(add(&held, 1, 8, 32, true, 0, &whole), 0);
		assert_int_equal(add(&held, 1, 88, 8, false, 0, &whole), 0);
		assert_int_equal(add(&held, 1, piece->at, piece->bytes,
				     piece->more, 0, &whole),
				 0);
		assert_int_equal(add(&held, 1, 0, 8, true, 0, &whole), 0);
		got = add(&held, 1, 40, 48, true, 0, &whole);
		if (lies[i].harms)
			assert_int_equal(got, 0);
		else
			check_whole(whole, got, 96, 0);
		reassembly_free(&held);
	}
}

/* Every cut of a frame, and headers that lie about their length. */
static void test_cut_short(void **state)
{
	static const struct piece piece = { 0, 64, true };
	struct reassembly held = { 0 };
	const u8 *whole;
	u8 frame[128];
	u32 bytes = make(frame, 9, &piece, 0);

	(void)state;
	for (u32 cut = 0; cut < bytes; cut++)
		assert_int_equal(reassembly_add(&held, frame, cut,
						NETWORK_ETHERNET_BYTES, 0,
						&whole),
				 0);
	frame[NETWORK_ETHERNET_BYTES] = 0x44;
	reassembly_add(&held, frame, bytes, NETWORK_ETHERNET_BYTES, 0, &whole);
	frame[NETWORK_ETHERNET_BYTES] = 0x45;
	network_put_be16(frame + NETWORK_ETHERNET_BYTES + 2, 20);
	reassembly_add(&held, frame, bytes, NETWORK_ETHERNET_BYTES, 0, &whole);
	for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++)
		assert_null(held.datagrams[i]);
	reassembly_free(&held);
}

static u32 held_count(const struct reassembly *held)
{
	u32 count = 0;

	for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++)
		count += held->datagrams[i] != NULL;
	return count;
}

/* The oldest goes for a new one, and time takes them all. */
static void test_bounds(void **state)
{
	struct reassembly held = { 0 };
	const u8 *whole;
	u32 got;

	(void)state;
	for (u32 i = 0; i < REASSEMBLY_DATAGRAMS + 1; i++)
		assert_int_equal(add(&held, (u16)i, 0, 8, true, i, &whole), 0);
	assert_int_equal(held_count(&held), REASSEMBLY_DATAGRAMS);
	assert_int_equal(add(&held, 0, 8, 8, false, 20, &whole), 0);
	got = add(&held, 2, 8, 8, false, 21, &whole);
	check_whole(whole, got, 16, 0);
	assert_int_equal(add(&held, 3, 8, 8, false, 3 + REASSEMBLY_NS, &whole),
			 0);
	assert_int_equal(
		add(&held, 500, 8, 8, false, 100 + 2 * REASSEMBLY_NS, &whole),
		0);
	assert_int_equal(held_count(&held), 1);
	reassembly_free(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_tags_differ),
		cmocka_unit_test(test_the_longest),
		cmocka_unit_test(test_too_long_with_options),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
