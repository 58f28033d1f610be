/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Checksums and segments in software, against sums made the plain way. */
#include "net_rig.h"

#include <string.h>

#include "host/backend/net/offload.h"

static u8 frame[NETWORK_FRAME_MAX_BYTES], part[NETWORK_FRAME_MAX_BYTES];
static u8 data[65536];

/* Every shape of frame that there is to cut or complete. */
static const struct {
	u32 tag;
	u8 version, protocol, options_bytes;
} shapes[] = {
	{ NETWORK_UNTAGGED, 4, NETWORK_PROTOCOL_TCP, 0 },
	{ NETWORK_UNTAGGED, 4, NETWORK_PROTOCOL_TCP, 40 },
	{ NETWORK_UNTAGGED, 6, NETWORK_PROTOCOL_TCP, 12 },
	{ 100, 4, NETWORK_PROTOCOL_TCP, 12 },
	{ 4094, 6, NETWORK_PROTOCOL_TCP, 40 },
	{ NETWORK_UNTAGGED, 4, NETWORK_PROTOCOL_UDP, 0 },
	{ 7u << 13 | 5, 6, NETWORK_PROTOCOL_UDP, 0 },
};

static struct rig_frame shape(u32 index)
{
	struct rig_frame made = { .tag = shapes[index].tag,
				  .version = shapes[index].version,
				  .protocol = shapes[index].protocol,
				  .options_bytes = shapes[index].options_bytes,
				  .source = RIG_IP(10, 1, 2, 3),
				  .destination = RIG_IP(10, 255, 254, 253),
				  .source_port = 50000,
				  .destination_port = 443,
				  .sequence = 0xffffff00,
				  .acknowledge = 77,
				  .flags = RIG_ACK | RIG_PSH | RIG_FIN |
					   RIG_CWR };

	return made;
}

static u32 head_of(u32 bytes)
{
	return bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES;
}

/* The frame in several pieces: the first of @first bytes, then of @each. */
static int pieces_make(struct iovec *pieces, u32 bytes, u32 first, u32 each)
{
	u32 at = 0;
	int count = 0;

	while (at < bytes && count < NET_PIECES_MAX) {
		u32 size = count ? each : first;

		if (size > bytes - at || count == NET_PIECES_MAX - 1)
			size = bytes - at;
		pieces[count].iov_base = frame + at;
		pieces[count++].iov_len = size;
		at += size;
	}
	return count;
}

static void test_checksums_are_completed(void **state)
{
	static const u32 sizes[] = { 0, 1, 2, 3, 15, 16, 17, 18, 1459, 9001 };
	struct iovec pieces[NET_PIECES_MAX];
	struct network_headers headers;
	struct rig_frame from, to;
	struct network_vnet vnet;

	(void)state;
	rig_pattern(data, sizeof(data), 1);
	for (u32 i = 0;
	     i < PORT_ARRAY_SIZE(shapes) * PORT_ARRAY_SIZE(sizes) * 6; i++) {
		u32 size = sizes[i / 6 % PORT_ARRAY_SIZE(sizes)], bytes;
		int count;

		from = shape(i / 6 / PORT_ARRAY_SIZE(sizes));
		bytes = rig_frame_make(frame, &from, data, size, &vnet);
		assert_false(i % 6 == 0 &&
			     rig_frame_read(frame, bytes, &to, &headers));
		assert_true(offload_check(&vnet, frame, head_of(bytes), bytes));
		count = pieces_make(pieces, bytes, 14 + i % 67,
				    1 + i * 7 % 501);
		offload_complete(&vnet, pieces, count, bytes);
		assert_true(rig_frame_read(frame, bytes, &to, &headers));
		assert_int_equal(vnet.flags, 0);
	}
}

/* In UDP no checksum is 0, which would say that there is none. */
static void test_a_sum_of_zero_is_sent_as_ones(void **state)
{
	struct rig_frame from = shape(5), to;
	struct network_headers headers;
	struct network_vnet vnet;
	struct iovec piece = { frame, 0 };
	u32 zeros = 0, bytes;

	(void)state;
	for (u32 i = 0; i < 65536; i++) {
		u8 payload[2] = { (u8)(i >> 8), (u8)i };
		const u8 *checksum;

		bytes = rig_frame_make(frame, &from, payload, 2, &vnet);
		piece.iov_len = bytes;
		checksum = frame + vnet.csum_start + vnet.csum_offset;
		offload_complete(&vnet, &piece, 1, bytes);
		assert_false(checksum[0] == 0 && checksum[1] == 0);
		zeros += checksum[0] == 255 && checksum[1] == 255;
		assert_true(rig_frame_read(frame, bytes, &to, &headers));
	}
	assert_true(zeros > 0);
}

/* One segment, cut into frames that are looked at one by one. */
static void cut_check(u32 index, u32 size, u16 mss)
{
	struct rig_frame from = shape(index), to;
	struct network_headers headers;
	struct network_vnet vnet;
	struct offload_cut cut = { 0 };
	u32 bytes = rig_frame_make(frame, &from, data, size, &vnet);
	u32 seen = 0, frames = 0, next;
	u16 id = 0;

	rig_frame_segment(&vnet, &from, bytes - size, mss);
	assert_true(offload_check(&vnet, frame, head_of(bytes), bytes));
	assert_int_equal(vnet.hdr_len, bytes - size);
	offload_cut_begin(&cut, &vnet, frame, bytes);
	while ((next = offload_cut_bytes(&cut)) != 0) {
		memset(part, 0xaa, next + 1);
		offload_cut_next(&cut, part);
		assert_int_equal(part[next], 0xaa);
		assert_true(rig_frame_read(part, next, &to, &headers));
		assert_int_equal(headers.payload_offset, bytes - size);
		assert_int_equal(to.tag, from.tag);
		assert_int_equal(to.source, from.source);
		assert_int_equal(to.destination_port, from.destination_port);
		assert_int_equal(to.sequence, from.sequence + seen);
		assert_int_equal(to.acknowledge, from.acknowledge);
		if (from.version == 4) {
			const u8 *ip = part + headers.ip_offset;

			id = (u16)(ip[4] << 8 | ip[5]);
			assert_int_equal(id, (u16)(0xfffe + frames));
		}
		next -= headers.payload_offset;
		assert_int_equal(next, size - seen < mss ? size - seen : mss);
		assert_memory_equal(part + headers.payload_offset, data + seen,
				    next);
		seen += next;
		assert_int_equal(
			to.flags,
			RIG_ACK | (frames ? 0 : RIG_CWR) |
				(seen == size ? RIG_PSH | RIG_FIN : 0));
		frames++;
	}
	assert_int_equal(seen, size);
	assert_int_equal(frames, (size + mss - 1u) / mss);
}

static void test_segments_are_cut(void **state)
{
	(void)state;
	rig_pattern(data, sizeof(data), 2);
	for (u32 i = 0; i < 5; i++) {
		cut_check(i, 1, 1400);
		cut_check(i, 1400, 1400);
		cut_check(i, 1401, 1400);
		cut_check(i, 5600, 1400);
		cut_check(i, 60001, 1448);
		cut_check(i, 60000, 8);
		cut_check(i, 65400, 65399);
	}
}

/* A good segment with one thing made wrong. */
static void test_lies_are_found(void **state)
{
	static const struct network_vnet good = {
		.flags = NETWORK_VNET_NEEDS_CSUM,
		.gso_type = NETWORK_GSO_TCP4,
		.gso_size = 1400,
		.csum_start = 34,
		.csum_offset = NETWORK_TCP_CSUM,
	};
	struct rig_frame from = shape(0);
	struct network_vnet vnet;
	u32 bytes = rig_frame_make(frame, &from, data, 5000, NULL);
	u32 head = head_of(bytes);

	(void)state;
#define LIE(field, value)                                                      \
	do {                                                                   \
		vnet = good;                                                   \
		vnet.field = (value);                                          \
		assert_false(offload_check(&vnet, frame, head, bytes));        \
	} while (0)
	vnet = good;
	assert_true(offload_check(&vnet, frame, head, bytes));
	vnet = good;
	vnet.gso_type |= NETWORK_GSO_ECN;
	assert_true(offload_check(&vnet, frame, head, bytes));
	LIE(flags, 0);
	LIE(flags, NETWORK_VNET_DATA_VALID);
	LIE(gso_type, NETWORK_GSO_TCP6);
	LIE(gso_type, NETWORK_GSO_UDP);
	LIE(gso_type, 5);
	LIE(gso_type, NETWORK_GSO_ECN);
	LIE(gso_size, 0);
	LIE(gso_size, 7);
	LIE(csum_start, 33);
	LIE(csum_start, 0xffff);
	LIE(csum_offset, NETWORK_UDP_CSUM);
	LIE(csum_offset, 0xffff);
	vnet = good;
	/* No data, or headers that are not all there. */
	assert_false(offload_check(&vnet, frame, 54, 54));
	vnet = good;
	assert_false(offload_check(&vnet, frame, 53, bytes));
	frame[46] = 0xf0; /* a longer TCP header: it is still in the head */
	vnet = good;
	assert_true(offload_check(&vnet, frame, head, bytes));
	assert_int_equal(vnet.hdr_len, 94);
	vnet = good;
	assert_false(offload_check(&vnet, frame, 93, bytes));
	frame[46] = 0x40; /* shorter than one can be */
	vnet = good;
	assert_false(offload_check(&vnet, frame, head, bytes));
	frame[46] = 0x50;
	frame[20] = 0x20; /* a fragment */
	vnet = good;
	assert_false(offload_check(&vnet, frame, head, bytes));
	frame[20] = 0;
	frame[23] = NETWORK_PROTOCOL_UDP;
	vnet = good;
	assert_false(offload_check(&vnet, frame, head, bytes));
#undef LIE
}

/* Each good frame cut short at each length is good or found out. */
static void test_every_truncation(void **state)
{
	struct network_headers headers;
	struct offload_cut cut;
	struct network_vnet vnet, given;
	struct rig_frame to;

	(void)state;
	for (u32 i = 0; i < PORT_ARRAY_SIZE(shapes); i++) {
		struct rig_frame from = shape(i);
		u32 whole = rig_frame_make(frame, &from, data, 100, &given);

		if (from.protocol == NETWORK_PROTOCOL_TCP)
			rig_frame_segment(&given, &from, whole - 100, 40);
		for (u32 bytes = 0; bytes <= whole; bytes++) {
			vnet = given;
			if (!offload_check(&vnet, frame, head_of(bytes),
					   bytes)) {
				assert_true(bytes < whole);
				continue;
			}
			assert_true(bytes >=
				    vnet.csum_start + vnet.csum_offset + 2u);
			if (vnet.gso_type == NETWORK_GSO_NONE)
				continue;
			offload_cut_begin(&cut, &vnet, frame, bytes);
			while (offload_cut_bytes(&cut)) {
				u32 size = offload_cut_bytes(&cut);

				offload_cut_next(&cut, part);
				assert_true(rig_frame_read(part, size, &to,
							   &headers));
			}
		}
	}
}

static void test_what_is_not_asked_for_is_cleared(void **state)
{
	struct network_vnet vnet = { .flags = NETWORK_VNET_DATA_VALID | 0xf0,
				     .hdr_len = 5,
				     .gso_size = 6,
				     .csum_start = 7,
				     .csum_offset = 8 };
	static const struct network_vnet plain = { .num_buffers = 1 };

	(void)state;
	assert_true(offload_check(&vnet, frame, 60, 60));
	assert_memory_equal(&vnet, &plain, sizeof(vnet));
	assert_false(offload_check(&vnet, frame, 13, 13));
	assert_false(offload_check(&vnet, frame, NETWORK_HEAD_BYTES,
				   NETWORK_FRAME_MAX_BYTES + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums_are_completed),
		cmocka_unit_test(test_a_sum_of_zero_is_sent_as_ones),
		cmocka_unit_test(test_segments_are_cut),
		cmocka_unit_test(test_lies_are_found),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_what_is_not_asked_for_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
