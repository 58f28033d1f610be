// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Hashes, headers, filters: what is decided on a frame's head. */
#include "tests/unit/services/network/network_rig.h"

/* Microsoft, "Verifying the RSS Hash Calculation". */
static const u8 key[NETWORK_RSS_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	u8 source[4], destination[4];
	u16 source_port, destination_port;
	u32 addresses, tcp;
} ipv4[] = {
	{ { 66, 9, 149, 187 },
	  { 161, 142, 100, 80 },
	  2794,
	  1766,
	  0x323e8fc2,
	  0x51ccc178 },
	{ { 199, 92, 111, 2 },
	  { 65, 69, 140, 83 },
	  14230,
	  4739,
	  0xd718262a,
	  0xc626b0ea },
	{ { 24, 19, 198, 95 },
	  { 12, 22, 207, 184 },
	  12898,
	  38024,
	  0xd2d0a5de,
	  0x5c2b394a },
	{ { 38, 27, 205, 30 },
	  { 209, 142, 163, 6 },
	  48228,
	  2217,
	  0x82989176,
	  0xafc7327f },
	{ { 153, 39, 163, 191 },
	  { 202, 188, 127, 2 },
	  44251,
	  1303,
	  0x5d1809c5,
	  0x10e828a2 },
};

static const u8 ipv6_source[16] = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00,
				    0x1f, 0xff, 0,    0,    0,	  0,
				    0,	  0,	0,    0x07 };
static const u8 ipv6_destination[16] = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00,
					 0,    3,    0,	   0,	 0,    0,
					 0,    0,    0,	   1 };

static u32 put_ipv4(u8 *frame, u32 i, u8 protocol)
{
	memset(frame, 0, 128);
	network_put_be16(frame + 12, 0x0800);
	frame[14] = 0x45;
	frame[14 + 9] = protocol;
	memcpy(frame + 26, ipv4[i].source, 4);
	memcpy(frame + 30, ipv4[i].destination, 4);
	network_put_be16(frame + 34, ipv4[i].source_port);
	network_put_be16(frame + 36, ipv4[i].destination_port);
	frame[34 + 12] = 0x50;
	return 14 + 20 + 20;
}

static u32 put_ipv6(u8 *frame, u8 protocol)
{
	memset(frame, 0, 128);
	network_put_be16(frame + 12, 0x86dd);
	frame[14] = 0x60;
	frame[14 + 6] = protocol;
	memcpy(frame + 22, ipv6_source, 16);
	memcpy(frame + 38, ipv6_destination, 16);
	network_put_be16(frame + 54, 2794);
	network_put_be16(frame + 56, 1766);
	frame[54 + 12] = 0x50;
	return 14 + 40 + 20;
}

static struct network_rss rss_of(u32 types)
{
	struct network_rss rss = { .hash = types | NETWORK_HASH_TOEPLITZ };

	memcpy(rss.key, key, sizeof(rss.key));
	return rss;
}

static void hashes_are_those_of_the_specification(void **state)
{
	struct network_rss both =
		rss_of(NETWORK_HASH_TCP_IPV4 | NETWORK_HASH_IPV4);
	struct network_rss addresses = rss_of(NETWORK_HASH_IPV4);
	struct network_rss six =
		rss_of(NETWORK_HASH_TCP_IPV6 | NETWORK_HASH_IPV6);
	u32 i, type, bytes;
	u8 frame[128];

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(ipv4); i++) {
		bytes = put_ipv4(frame, i, NETWORK_PROTOCOL_TCP);
		assert_int_equal(network_rss_hash(&both, frame, bytes, &type),
				 ipv4[i].tcp);
		assert_int_equal(type, NETWORK_HASH_TCP_IPV4);
		assert_int_equal(
			network_rss_hash(&addresses, frame, bytes, &type),
			ipv4[i].addresses);
		assert_int_equal(type, NETWORK_HASH_IPV4);
		/* UDP, which was not asked for, and fragments. */
		bytes = put_ipv4(frame, i, NETWORK_PROTOCOL_UDP);
		assert_int_equal(network_rss_hash(&both, frame, bytes, &type),
				 ipv4[i].addresses);
		bytes = put_ipv4(frame, i, NETWORK_PROTOCOL_TCP);
		frame[20] = 0x20;
		assert_int_equal(network_rss_hash(&both, frame, bytes, &type),
				 ipv4[i].addresses);
	}
	bytes = put_ipv6(frame, NETWORK_PROTOCOL_TCP);
	assert_int_equal(network_rss_hash(&six, frame, bytes, &type),
			 0x40207d3d);
	assert_int_equal(type, NETWORK_HASH_TCP_IPV6);
	bytes = put_ipv6(frame, 59);
	assert_int_equal(network_rss_hash(&six, frame, bytes, &type),
			 0x2cc18cd5);
	assert_int_equal(network_rss_hash(&both, frame, bytes, &type), 0);
	assert_int_equal(type, 0);
}

static void a_table_leads_to_channels(void **state)
{
	struct network_rss rss = { .table_count = 4, .table = { 0, 1, 2, 1 } };

	(void)state;
	assert_int_equal(network_rss_channel(&rss, 6, NETWORK_HASH_IPV4), 2);
	assert_int_equal(network_rss_channel(&rss, 6, 0), 0);
	rss.table_count = 0;
	assert_int_equal(network_rss_channel(&rss, 6, NETWORK_HASH_IPV4), 0);
}

/* Every head of every length, in memory of just that length. */
static void headers_are_not_sought_beyond_the_head(void **state)
{
	struct network_headers headers;
	u8 frame[128];
	u32 bytes, length;

	(void)state;
	bytes = put_ipv4(frame, 0, NETWORK_PROTOCOL_TCP);
	for (length = 0; length <= bytes; length++) {
		u8 *exact = malloc(length ? length : 1);

		memcpy(exact, frame, length);
		network_frame_headers(exact, length, &headers);
		assert_int_equal(headers.ip_version, length >= 34 ? 4 : 0);
		assert_int_equal(headers.transport_offset,
				 length >= 54 ? 34 : 0);
		assert_int_equal(headers.payload_offset, length >= 54 ? 54 : 0);
		free(exact);
	}
	bytes = put_ipv6(frame, NETWORK_PROTOCOL_UDP);
	for (length = 0; length <= bytes; length++) {
		u8 *exact = malloc(length ? length : 1);

		memcpy(exact, frame, length);
		network_frame_headers(exact, length, &headers);
		assert_int_equal(headers.ip_version, length >= 54 ? 6 : 0);
		assert_int_equal(headers.transport_offset,
				 length >= 62 ? 54 : 0);
		assert_int_equal(headers.payload_offset, length >= 62 ? 62 : 0);
		free(exact);
	}
}

static void headers_that_lie_are_not_found(void **state)
{
	struct network_headers headers;
	u8 frame[128];
	u32 bytes = put_ipv4(frame, 0, NETWORK_PROTOCOL_TCP);

	(void)state;
	frame[14] = 0x44;
	network_frame_headers(frame, bytes, &headers);
	assert_int_equal(headers.ip_version, 0);
	frame[14] = 0x65;
	network_frame_headers(frame, bytes, &headers);
	assert_int_equal(headers.ip_version, 0);
	frame[14] = 0x4f;
	network_frame_headers(frame, bytes, &headers);
	assert_int_equal(headers.ip_version, 0);
	put_ipv4(frame, 0, NETWORK_PROTOCOL_TCP);
	frame[34 + 12] = 0x40;
	network_frame_headers(frame, bytes, &headers);
	assert_int_equal(headers.transport_offset, 34);
	assert_int_equal(headers.payload_offset, 0);
	/* A later fragment has no transport header. */
	put_ipv4(frame, 0, NETWORK_PROTOCOL_TCP);
	frame[21] = 1;
	network_frame_headers(frame, bytes, &headers);
	assert_true(headers.fragment);
	assert_int_equal(headers.transport_offset, 0);
}

static void extension_headers_are_stepped_over(void **state)
{
	struct network_headers headers;
	u8 frame[128];
	u32 bytes = put_ipv6(frame, 0);

	(void)state;
	/* Hop by hop of 8, options of 16, then UDP. */
	frame[54] = 60;
	frame[55] = 0;
	frame[62] = NETWORK_PROTOCOL_UDP;
	frame[63] = 1;
	network_frame_headers(frame, 54 + 8 + 16 + 8, &headers);
	assert_int_equal(headers.protocol, NETWORK_PROTOCOL_UDP);
	assert_int_equal(headers.transport_offset, 54 + 24);
	/* One that says it is longer than the head. */
	frame[63] = 0xff;
	network_frame_headers(frame, sizeof(frame), &headers);
	assert_int_equal(headers.transport_offset, 0);
	/* Fragments, the first and another. */
	bytes = put_ipv6(frame, 44);
	frame[54] = NETWORK_PROTOCOL_UDP;
	frame[56] = frame[57] = 0;
	network_frame_headers(frame, bytes, &headers);
	assert_true(headers.fragment);
	assert_int_equal(headers.transport_offset, 62);
	frame[57] = 8;
	network_frame_headers(frame, bytes, &headers);
	assert_true(headers.fragment);
	assert_int_equal(headers.transport_offset, 0);
}

static void checksums_add_up(void **state)
{
	/* RFC 1071, 3. */
	static const u8 data[8] = { 0x00, 0x01, 0xf2, 0x03,
				    0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(network_checksum(data, 8, 0), 0xddf2);
	assert_int_equal(network_checksum(data, 7, 0), 0xdcfb);
	assert_int_equal(network_checksum(data, 0, 0xffffffff), 0xffff);
}

static void a_filter_passes_what_it_says(void **state)
{
	struct network_filter filter = { .address = { 2, 0, 0, 0, 0, 1 } };
	static const u8 own[6] = { 2, 0, 0, 0, 0, 1 };
	static const u8 other[6] = { 2, 0, 0, 0, 0, 2 };
	static const u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const u8 all[6] = { 255, 255, 255, 255, 255, 255 };
	/* Bits, then own, other, group, broadcast. */
	static const struct {
		u32 bits;
		bool passes[4];
	} rows[] = {
		{ 0, { 0, 0, 0, 0 } },
		{ NETWORK_FILTER_DIRECTED, { 1, 0, 0, 0 } },
		{ NETWORK_FILTER_BROADCAST, { 0, 0, 0, 1 } },
		{ NETWORK_FILTER_ALL_MULTICAST, { 0, 0, 1, 0 } },
		{ NETWORK_FILTER_MULTICAST, { 0, 0, 0, 0 } },
		{ NETWORK_FILTER_PROMISCUOUS, { 1, 1, 1, 1 } },
	};
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		filter.packet_filter = rows[i].bits;
		assert_int_equal(network_filter_passes(&filter, own),
				 rows[i].passes[0]);
		assert_int_equal(network_filter_passes(&filter, other),
				 rows[i].passes[1]);
		assert_int_equal(network_filter_passes(&filter, group),
				 rows[i].passes[2]);
		assert_int_equal(network_filter_passes(&filter, all),
				 rows[i].passes[3]);
	}
	filter.packet_filter = NETWORK_FILTER_MULTICAST;
	filter.multicast_count = 1;
	memcpy(filter.multicast[0], group, 6);
	assert_true(network_filter_passes(&filter, group));
}

static void vlans_are_kept_apart(void **state)
{
	struct network_vlan open = { .mode = NETWORK_VLAN_OPEN };
	struct network_vlan access = { .mode = NETWORK_VLAN_ACCESS, .id = 7 };
	struct network_vlan trunk = { .mode = NETWORK_VLAN_TRUNK,
				      .allowed = { [0] = 1u << 9 } };
	struct network_vlan native = { .mode = NETWORK_VLAN_TRUNK,
				       .id = 5,
				       .allowed = { [0] = 1u << 9 } };
	/* Which way, the tag, whether it passes, the tag then. */
	const struct {
		const struct network_vlan *vlan;
		bool in;
		u32 tag;
		bool passes;
		u32 then;
	} rows[] = {
		{ &open, false, 3, true, 3 },
		{ &open, true, NETWORK_UNTAGGED, true, NETWORK_UNTAGGED },
		{ &access, false, NETWORK_UNTAGGED, true, 7 },
		{ &access, false, 0xe000, true, 0xe007 },
		{ &access, false, 7, false, 7 },
		{ &access, false, 8, false, 8 },
		{ &access, true, 7, true, NETWORK_UNTAGGED },
		{ &access, true, 0xe007, true, NETWORK_UNTAGGED },
		{ &access, true, 8, false, 8 },
		{ &access, true, NETWORK_UNTAGGED, false, NETWORK_UNTAGGED },
		{ &trunk, false, 9, true, 9 },
		{ &trunk, false, 10, false, 10 },
		{ &trunk, false, NETWORK_UNTAGGED, true, NETWORK_UNTAGGED },
		{ &trunk, true, 0x2009, true, 0x2009 },
		{ &trunk, true, 10, false, 10 },
		{ &trunk, true, NETWORK_UNTAGGED, true, NETWORK_UNTAGGED },
		{ &native, false, NETWORK_UNTAGGED, true, 5 },
		{ &native, false, 5, false, 5 },
		{ &native, true, 5, true, NETWORK_UNTAGGED },
		{ &native, true, NETWORK_UNTAGGED, false, NETWORK_UNTAGGED },
		{ &native, true, 9, true, 9 },
	};
	u32 i, tag;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		tag = rows[i].tag;
		assert_int_equal(rows[i].in
					 ? network_vlan_in(rows[i].vlan, &tag)
					 : network_vlan_out(rows[i].vlan, &tag),
				 rows[i].passes);
		assert_int_equal(tag, rows[i].then);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_specification),
		cmocka_unit_test(a_table_leads_to_channels),
		cmocka_unit_test(headers_are_not_sought_beyond_the_head),
		cmocka_unit_test(headers_that_lie_are_not_found),
		cmocka_unit_test(extension_headers_are_stepped_over),
		cmocka_unit_test(checksums_add_up),
		cmocka_unit_test(a_filter_passes_what_it_says),
		cmocka_unit_test(vlans_are_kept_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
