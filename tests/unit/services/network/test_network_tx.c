// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Frames from a guest through the host end. */
#include "tests/unit/services/network/network_rig.h"

static struct rig rig;

static u32 put_message(u8 *at, const u8 *frame, u32 bytes,
		       const struct network_info *info)
{
	u32 head = network_packet_head_bytes(info);

	network_packet_write(at, head, bytes, info);
	memcpy(at + head, frame, bytes);
	return head + bytes;
}

/* The first frame of a message in pieces of @piece bytes. */
static enum vmbus_status tx_pieces(const u8 *message, u32 bytes, u32 piece,
				   struct network_tx *tx)
{
	u8 *exact = malloc(bytes ? bytes : 1);
	struct ring_vec pieces[2048];
	struct network_tx_cursor cursor;
	enum vmbus_status status;
	u32 count = 0, at;

	if (bytes)
		memcpy(exact, message, bytes);
	for (at = 0; at < bytes; at += piece) {
		pieces[count].base = exact + at;
		pieces[count++].size_bytes =
			bytes - at < piece ? bytes - at : piece;
	}
	assert_int_equal(network_vsp_tx_begin(&cursor, pieces, count),
			 VMBUS_OK);
	memset(tx, 0xee, sizeof(*tx));
	status = network_vsp_tx_next(&rig.vsp[0], &cursor, tx);
	free(exact);
	return status;
}

static void a_frame_is_found_in_pieces_of_every_size(void **state)
{
	u8 frame[1514], message[1600];
	struct network_info info = { 0 };
	u32 bytes = rig_frame(frame, 4, 1460, false), length, piece;
	struct network_tx tx;

	(void)state;
	rig_open(&rig, NULL);
	length = put_message(message, frame, bytes, &info);
	for (piece = 1; piece < 300; piece += 7) {
		assert_int_equal(tx_pieces(message, length, piece, &tx),
				 VMBUS_OK);
		assert_int_equal(tx.head_bytes, NETWORK_HEAD_BYTES);
		assert_memory_equal(tx.head, frame, NETWORK_HEAD_BYTES);
		assert_int_equal(tx.rest_offset_bytes, 44 + NETWORK_HEAD_BYTES);
		assert_int_equal(tx.rest_bytes, bytes - NETWORK_HEAD_BYTES);
		assert_int_equal(tx.tag, NETWORK_UNTAGGED);
		assert_int_equal(tx.vnet.flags, 0);
		assert_int_equal(tx.vnet.gso_type, 0);
	}
	/* Less than a head: all of it is copied. */
	length = put_message(message, frame, 60, &info);
	assert_int_equal(tx_pieces(message, length, length, &tx), VMBUS_OK);
	assert_int_equal(tx.head_bytes, 60);
	assert_int_equal(tx.rest_bytes, 0);
	rig_close(&rig);
}

static void truncated_messages_are_violations(void **state)
{
	struct network_info info = {
		.present = NETWORK_HAS_CHECKSUM | NETWORK_HAS_VLAN,
	};
	u8 frame[64], message[256];
	struct network_tx tx;
	enum vmbus_status status;
	u32 length, i, j;

	(void)state;
	rig_open(&rig, NULL);
	rig_frame(frame, 4, 10, false);
	length = put_message(message, frame, 64, &info);
	for (i = RNDIS_HEADER_BYTES; i < length; i++)
		assert_int_equal(tx_pieces(message, i, 16, &tx),
				 VMBUS_E_NETWORK_RNDIS_LENGTH);
	for (i = 0; i < RNDIS_HEADER_BYTES; i++)
		assert_int_equal(tx_pieces(message, i, 16, &tx), VMBUS_AGAIN);
	/* Any word of the headers overwritten: never beyond the message. */
	for (i = 0; i < length - 64; i += 4) {
		static const u32 lies[] = { 0,	       11,	   12,
					    37,	       0x7fffffff, 0x80000000,
					    0xffffffff };

		for (j = 0; j < PORT_ARRAY_SIZE(lies); j++) {
			u8 copy[256];

			memcpy(copy, message, length);
			memcpy(copy + i, &lies[j], 4);
			status = tx_pieces(copy, length, 50, &tx);
			assert_true(status == VMBUS_OK ||
				    status == VMBUS_AGAIN ||
				    vmbus_status_is_violation(status));
			if (status == VMBUS_OK)
				assert_true(tx.rest_offset_bytes +
						    tx.rest_bytes <=
					    length);
		}
	}
	rig_close(&rig);
}

static void lies_about_the_frame_have_names(void **state)
{
	static const struct {
		u32 at, value;
		enum vmbus_status status;
	} rows[] = {
		{ 0, RNDIS_SET, VMBUS_E_NETWORK_RNDIS_TYPE },
		{ 4, 43, VMBUS_E_NETWORK_RNDIS_LENGTH },
		{ 4, 10000, VMBUS_E_NETWORK_RNDIS_LENGTH },
		{ 8, 27, VMBUS_E_NETWORK_RNDIS_DATA },
		{ 8, 10000, VMBUS_E_NETWORK_RNDIS_DATA },
		{ 12, 10000, VMBUS_E_NETWORK_RNDIS_DATA },
		{ 28, 27, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 28, 10000, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 32, 10000, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 32, 17, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 44, 0, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 44, 11, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 44, 17, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 52, 11, VMBUS_E_NETWORK_RNDIS_INFO },
		{ 52, 17, VMBUS_E_NETWORK_RNDIS_INFO },
	};
	struct network_info info = { .present = NETWORK_HAS_VLAN };
	u8 frame[64], message[256];
	struct network_tx tx;
	u32 length, i;

	(void)state;
	rig_open(&rig, NULL);
	rig_frame(frame, 4, 10, false);
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		length = put_message(message, frame, 64, &info);
		memcpy(message + rows[i].at, &rows[i].value, 4);
		assert_int_equal(tx_pieces(message, length, 256, &tx),
				 rows[i].status);
	}
	rig_close(&rig);
}

/* As iPXE sends it: the data stand where the last word would. */
static void a_head_may_end_with_its_fields(void **state)
{
	u8 frame[64], message[256];
	struct network_info info = { 0 };
	struct network_tx tx;
	u32 length, head;

	(void)state;
	rig_open(&rig, NULL);
	rig_frame(frame, 4, 10, false);
	for (head = 28; head <= 36; head += 4) {
		length = put_message(message, frame, 64, &info) - (36 - head);
		memcpy(message + 4, &length, 4);
		memcpy(message + 8, &head, 4);
		memcpy(message + 8 + head, frame, 64);
		assert_int_equal(tx_pieces(message, length, 50, &tx), VMBUS_OK);
		assert_int_equal(tx.head_bytes, 64);
		assert_int_equal(tx.rest_bytes, 0);
		assert_memory_equal(tx.head, frame, 64);
	}
	rig_close(&rig);
}

static void frames_come_in_batches(void **state)
{
	struct network_info info = { 0 };
	u8 frame[64], *message = calloc(1, 1000);
	struct network_tx_cursor cursor;
	struct ring_vec piece = { message, 0 };
	struct network_tx tx;
	u32 i, length;

	(void)state;
	rig_open(&rig, NULL);
	rig_frame(frame, 4, 10, false);
	for (i = 0; i < 5; i++) {
		frame[63] = (u8)i;
		/* The third is too short to be a frame. */
		length = put_message(message + piece.size_bytes, frame,
				     i == 2 ? 13 : 64, &info);
		/* Padded to 8 by the message's own length, as Linux does. */
		memcpy(message + piece.size_bytes + 4,
		       &(u32){ (length + 7) & ~7u }, 4);
		piece.size_bytes += (length + 7) & ~7u;
	}
	assert_int_equal(network_vsp_tx_begin(&cursor, &piece, 1), VMBUS_OK);
	for (i = 0; i < 5; i++) {
		if (i == 2)
			continue;
		assert_int_equal(network_vsp_tx_next(&rig.vsp[0], &cursor, &tx),
				 VMBUS_OK);
		assert_int_equal(tx.head_bytes, 64);
		assert_int_equal(tx.head[63], i);
		network_vsp_tx_count(&rig.vsp[0], &tx, true);
	}
	assert_int_equal(network_vsp_tx_next(&rig.vsp[0], &cursor, &tx),
			 VMBUS_AGAIN);
	assert_int_equal(rig.shared.counters[0].tx_frames, 4);
	assert_int_equal(rig.shared.counters[0].tx_bytes, 256);
	assert_int_equal(rig.shared.counters[0].tx_dropped, 1);
	piece.size_bytes = NETWORK_TRANSFER_MAX_BYTES + 1;
	assert_int_equal(network_vsp_tx_begin(&cursor, &piece, 1),
			 VMBUS_E_NETWORK_TRANSFER);
	free(message);
	rig_close(&rig);
}

/* One frame with this information. */
static enum vmbus_status tx_frame(const u8 *frame, u32 bytes,
				  const struct network_info *info,
				  struct network_tx *tx)
{
	static u8 message[70000];
	u32 length = put_message(message, frame, bytes, info);

	return tx_pieces(message, length, 4096, tx);
}

static void checksums_are_left_to_the_backend(void **state)
{
	struct network_info info = { .present = NETWORK_HAS_CHECKSUM };
	struct network_tx tx;
	u8 frame[1600];
	u32 bytes, i;

	(void)state;
	rig_open(&rig, NULL);
	for (i = 0; i < 4; i++) {
		u8 version = i & 1 ? 6 : 4;
		u32 tcp = version == 4 ? 34 : 54;

		bytes = rig_frame(frame, version, 100, false);
		info.checksum = (version == 4 ? RNDIS_TX_IPV4 : RNDIS_TX_IPV6) |
				RNDIS_TX_TCP |
				(i & 2 ? 0 : tcp << RNDIS_TX_OFFSET_SHIFT);
		assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
		assert_int_equal(tx.vnet.flags, NETWORK_VNET_NEEDS_CSUM);
		assert_int_equal(tx.vnet.csum_start, tcp);
		assert_int_equal(tx.vnet.csum_offset, NETWORK_TCP_CSUM);
		assert_int_equal(tx.vnet.gso_type, NETWORK_GSO_NONE);
	}
	/* The header's own checksum is finished here. */
	bytes = rig_frame(frame, 4, 100, false);
	i = network_be16(frame + 24);
	network_put_be16(frame + 24, 0xdead);
	info.checksum = RNDIS_TX_IPV4 | RNDIS_TX_IP_HEADER;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(network_be16(tx.head + 24), i);
	assert_int_equal(tx.vnet.flags, 0);
	/* UDP by the guest's word, behind what we do not read. */
	frame[12] = 0x88;
	info.checksum = RNDIS_TX_UDP | 50u << RNDIS_TX_OFFSET_SHIFT;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.vnet.csum_start, 50);
	assert_int_equal(tx.vnet.csum_offset, NETWORK_UDP_CSUM);
	/* Outside the frame: dropped. */
	info.checksum = RNDIS_TX_UDP | 0x3ffu << RNDIS_TX_OFFSET_SHIFT;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	info.checksum = RNDIS_TX_UDP;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	assert_int_equal(rig.shared.counters[0].tx_dropped, 2);
	rig_close(&rig);
}

/* What Linux does to the headers of a segment to be cut (netvsc_xmit). */
static void prepare_lso(u8 *frame, u8 version)
{
	u32 tcp = version == 4 ? 34 : 54;
	u32 sum = version == 4 ? network_checksum(frame + 26, 8, 6)
			       : network_checksum(frame + 22, 32, 6);

	if (version == 4) {
		network_put_be16(frame + 16, 0);
		network_put_be16(frame + 24, 0);
	} else {
		network_put_be16(frame + 18, 0);
	}
	network_put_be16(frame + tcp + 16, sum);
}

static void segments_cross_uncut(void **state)
{
	struct network_info info = { .present = NETWORK_HAS_LSO };
	static u8 frame[70000];
	struct network_tx tx;
	u32 bytes, sum;
	u8 version;

	(void)state;
	rig_open(&rig, NULL);
	for (version = 4; version <= 6; version += 2) {
		u32 tcp = version == 4 ? 34 : 54;

		bytes = rig_frame(frame, version, 60000, false);
		prepare_lso(frame, version);
		info.lso = RNDIS_LSO_V2 | 1448 | tcp << RNDIS_LSO_OFFSET_SHIFT |
			   (version == 6 ? RNDIS_LSO_IPV6 : 0);
		assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
		assert_int_equal(tx.vnet.gso_type, version == 4
							   ? NETWORK_GSO_TCP4
							   : NETWORK_GSO_TCP6);
		assert_int_equal(tx.vnet.gso_size, 1448);
		assert_int_equal(tx.vnet.hdr_len, tcp + 20);
		assert_int_equal(tx.vnet.csum_start, tcp);
		assert_int_equal(tx.vnet.flags, NETWORK_VNET_NEEDS_CSUM);
		assert_int_equal(tx.head_bytes + tx.rest_bytes, bytes);
		if (version == 4) {
			assert_int_equal(network_be16(tx.head + 16), 60040);
			assert_int_equal(network_checksum(tx.head + 14, 20, 0),
					 0xffff);
			sum = network_checksum(tx.head + 26, 8, 60020 + 6);
		} else {
			assert_int_equal(network_be16(tx.head + 18), 60020);
			sum = network_checksum(tx.head + 22, 32, 60020 + 6);
		}
		assert_int_equal(network_be16(tx.head + tcp + 16), sum);
		/* With a tag everything moves. */
		tx.tag = 0x2005;
		network_tx_put_tag(&tx);
		assert_int_equal(tx.vnet.csum_start, tcp + 4);
		assert_int_equal(tx.vnet.hdr_len, tcp + 24);
		assert_int_equal(network_be16(tx.head + 12), 0x8100);
		assert_int_equal(network_be16(tx.head + 14), 0x2005);
		assert_memory_equal(tx.head, frame, 12);
		assert_int_equal(network_frame_tag(tx.head, tx.head_bytes),
				 0x2005);
	}
	rig_close(&rig);
}

static void segments_that_cannot_be_cut_are_dropped(void **state)
{
	struct network_info info = { .present = NETWORK_HAS_LSO };
	static u8 frame[70000];
	struct network_tx tx;
	u32 bytes = rig_frame(frame, 4, 3000, false), dropped = 0;

	(void)state;
	rig_open(&rig, NULL);
	prepare_lso(frame, 4);
	/* Of the older kind, without a size, of the other version. */
	info.lso = 1448;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	info.lso = RNDIS_LSO_V2;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	info.lso = RNDIS_LSO_V2 | 1448 | RNDIS_LSO_IPV6;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	info.lso = RNDIS_LSO_V2 | 1448;
	frame[23] = NETWORK_PROTOCOL_UDP;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	frame[23] = NETWORK_PROTOCOL_TCP;
	frame[20] = 0x20;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	frame[20] = 0;
	/* A TCP header that goes on behind the frame. */
	bytes = rig_frame(frame, 4, 10, false);
	frame[34 + 12] = 0xf0;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	/* Longer than an IP packet can be. */
	bytes = rig_frame(frame, 4, 65500, false);
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_AGAIN);
	dropped = 7;
	assert_int_equal(rig.shared.counters[0].tx_dropped, dropped);
	/* One segment is no segment to be cut. */
	bytes = rig_frame(frame, 4, 1448, false);
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.vnet.gso_type, NETWORK_GSO_NONE);
	assert_int_equal(tx.vnet.flags, NETWORK_VNET_NEEDS_CSUM);
	rig_close(&rig);
}

static void tags_are_taken_from_beside_and_within(void **state)
{
	struct network_info info = {
		.present = NETWORK_HAS_VLAN | NETWORK_HAS_CHECKSUM,
		.vlan = 5 | RNDIS_VLAN_CFI | 0x123u << RNDIS_VLAN_ID_SHIFT,
		.checksum = RNDIS_TX_TCP | 34u << RNDIS_TX_OFFSET_SHIFT,
	};
	struct network_tx tx;
	u8 frame[1600];
	u32 bytes;

	(void)state;
	rig_open(&rig, NULL);
	bytes = rig_frame(frame, 4, 10, false);
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.tag, 5u << 13 | 1u << 12 | 0x123);
	assert_int_equal(tx.head_bytes, bytes);
	/* In the frame, with the guest's offset counted from its start. */
	bytes = rig_frame(frame, 4, 10, true);
	info.present = NETWORK_HAS_CHECKSUM;
	info.checksum = RNDIS_TX_TCP | 38u << RNDIS_TX_OFFSET_SHIFT;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.tag, 0x6009);
	assert_int_equal(tx.head_bytes, bytes - 4);
	assert_int_equal(tx.vnet.csum_start, 34);
	network_tx_put_tag(&tx);
	assert_int_equal(tx.head_bytes, bytes);
	assert_memory_equal(tx.head, frame, bytes);
	assert_int_equal(tx.vnet.csum_start, 38);
	rig_close(&rig);
}

/* So that a guest gets no tag past its VLAN mode. */
static void no_tag_hides_behind_another(void **state)
{
	struct network_info info = { .present = NETWORK_HAS_VLAN };
	struct network_tx tx;
	u8 frame[200], twice[200];
	u32 bytes = rig_frame(frame, 4, 10, true);

	(void)state;
	rig_open(&rig, NULL);
	/* A priority beside the frame does not hide the VLAN within. */
	info.vlan = 5;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.tag, 0x6009);
	assert_int_equal(network_frame_tag(tx.head, tx.head_bytes),
			 NETWORK_UNTAGGED);
	/* A VLAN beside it goes around the other, as it should. */
	info.vlan = 7u << RNDIS_VLAN_ID_SHIFT;
	assert_int_equal(tx_frame(frame, bytes, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.tag, 7);
	assert_int_equal(network_frame_tag(tx.head, tx.head_bytes), 0x6009);
	/* Both within, the outer one of no VLAN. */
	memcpy(twice, frame, 12);
	network_put_be16(twice + 12, 0x8100);
	network_put_be16(twice + 14, 0xe000);
	memcpy(twice + 16, frame + 12, bytes - 12);
	info.present = 0;
	assert_int_equal(tx_frame(twice, bytes + 4, &info, &tx), VMBUS_AGAIN);
	network_put_be16(twice + 14, 0xe008);
	assert_int_equal(tx_frame(twice, bytes + 4, &info, &tx), VMBUS_OK);
	assert_int_equal(tx.tag, 0xe008);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_found_in_pieces_of_every_size),
		cmocka_unit_test(truncated_messages_are_violations),
		cmocka_unit_test(lies_about_the_frame_have_names),
		cmocka_unit_test(a_head_may_end_with_its_fields),
		cmocka_unit_test(frames_come_in_batches),
		cmocka_unit_test(checksums_are_left_to_the_backend),
		cmocka_unit_test(segments_cross_uncut),
		cmocka_unit_test(segments_that_cannot_be_cut_are_dropped),
		cmocka_unit_test(tags_are_taken_from_beside_and_within),
		cmocka_unit_test(no_tag_hides_behind_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
