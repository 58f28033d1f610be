// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Packet messages, headers and hashes, as both ends read them: any bytes in any
 * pieces; what is read can be written and is then read the same.
 */
#include "services/network/frame.h"
#include "services/network/packet.h"
#include "services/network/rss.h"
#include "tests/fuzz/bytes.h"

#define PIECES 6

static void check_headers(const u8 *head, u32 bytes)
{
	struct network_rss rss = { .hash = 0xffff01, .table_count = 2 };
	struct network_headers headers;
	u32 type, hash;

	network_frame_headers(head, bytes, &headers);
	require(headers.ip_version == 0 || headers.ip_version == 4 ||
			headers.ip_version == 6,
		"version");
	if (headers.ip_version)
		require(headers.ip_offset +
					(headers.ip_version == 4 ? 20u : 40u) <=
				bytes,
			"IP header");
	if (headers.transport_offset)
		require(headers.transport_offset + 8u <= bytes, "transport");
	rss.hash = NETWORK_HASH_TOEPLITZ | 0xffff00;
	memcpy(rss.key, head, bytes < 40 ? bytes : 40);
	hash = network_rss_hash(&rss, head, bytes, &type);
	require(!(type & (type - 1)), "type");
	require(network_rss_channel(&rss, hash, type) < 2, "channel");
}

static void write_again(const struct network_packet *packet)
{
	u32 head = network_packet_head_bytes(&packet->info);
	u8 *memory = malloc(head);
	struct ring_vec pieces[2] = { { memory, head }, { NULL, 0 } };
	struct network_packet again;
	u8 *data = malloc(packet->frame_bytes ? packet->frame_bytes : 1);

	network_packet_write(memory, head, packet->frame_bytes, &packet->info);
	pieces[1].base = data;
	pieces[1].size_bytes = packet->frame_bytes;
	require(network_packet_read(pieces, 2, 0, head + packet->frame_bytes,
				    &again) == VMBUS_OK,
		"what was written is not read");
	require(again.frame_bytes == packet->frame_bytes &&
			again.frame_offset == head &&
			!memcmp(&again.info, &packet->info, sizeof(again.info)),
		"what was written is read as something else");
	free(memory);
	free(data);
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };
	struct ring_vec pieces[PIECES];
	struct network_packet packet;
	enum vmbus_status status;
	u32 count = bytes_below(&bytes, PIECES), i, total, offset = 0;
	u8 head[NETWORK_HEAD_BYTES];

	for (i = 0; i <= count && i < PIECES; i++) {
		u32 size =
			i == count ? (u32)bytes.left % 4096 : bytes_u8(&bytes);
		u8 *at = malloc(size ? size : 1);

		bytes_take(&bytes, at, size);
		pieces[i].base = at;
		pieces[i].size_bytes = size;
	}
	count = i;
	total = network_pieces_bytes(pieces, count);
	while (offset < total) {
		status = network_packet_read(pieces, count, offset,
					     total - offset, &packet);
		if (status) {
			require(vmbus_status_is_violation(status), "status");
			break;
		}
		require(packet.bytes >= 44 && packet.bytes <= total - offset &&
				packet.frame_offset + packet.frame_bytes <=
					packet.bytes,
			"frame");
		write_again(&packet);
		i = packet.frame_bytes < sizeof(head) ? packet.frame_bytes
						      : sizeof(head);
		require(network_pieces_copy(pieces, count,
					    offset + packet.frame_offset, head,
					    i),
			"copy");
		check_headers(head, i);
		offset += packet.bytes;
	}
	i = total < sizeof(head) ? total : sizeof(head);
	network_pieces_copy(pieces, count, 0, head, i);
	check_headers(head, i);
	for (i = 0; i < count; i++)
		free((void *)(uintptr_t)pieces[i].base);
	return 0;
}
