/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Fragments of which nothing is true, in every order: each comes in memory of
 * its own size, and what is said to be whole is a datagram without fragments.
 */
#include "bytes.h"

#include "host/backend/net/reassembly.h"

#define STEP_NS	     (REASSEMBLY_NS / 16)
#define BYTES_MAX    2048u
#define OFFSET_LIMIT 24u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A header that is right, so that what is behind the first checks is reached;
 * the input then changes what it likes. */
static u32 make(struct bytes *input, u8 *frame)
{
	u32 options = bytes_below(input, 11) * 4, header = 20 + options;
	u32 bytes = bytes_u8(input) * 8u % 1024u + bytes_below(input, 8);
	u8 *ip = frame + NETWORK_ETHERNET_BYTES;
	u32 at = bytes_below(input, OFFSET_LIMIT);

	memset(frame, 0, BYTES_MAX);
	network_put_be16(frame + 12, 0x0800);
	ip[0] = (u8)(0x40 | header / 4);
	network_put_be16(ip + 2, header + bytes);
	ip[5] = bytes_below(input, 20);
	network_put_be16(ip + 6, (bytes_u8(input) & 1 ? 0x2000u : 0) | at);
	if (bytes_u8(input) % 16 == 0)
		ip[bytes_below(input, 20)] = bytes_u8(input);
	bytes += NETWORK_ETHERNET_BYTES + header;
	return bytes_u8(input) % 16 ? bytes : bytes_u8(input);
}

static void check(const u8 *whole, u32 bytes)
{
	struct network_headers headers;

	network_frame_headers(
		whole, bytes < NETWORK_HEAD_BYTES ? bytes : NETWORK_HEAD_BYTES,
		&headers);
	require(headers.ip_version == 4 && !headers.fragment,
		"what is whole is a fragment, or no IPv4");
	require(headers.ip_offset + (u32)network_be16(whole +
						      headers.ip_offset + 2) ==
			bytes,
		"the length of what is whole is wrong");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bytes input = { data, size };
	struct reassembly held = { 0 };
	u8 frame[BYTES_MAX];
	u64 now_ns = 0;

	while (input.left) {
		u32 bytes = make(&input, frame);
		u8 *copy = malloc(bytes ? bytes : 1);
		struct network_headers headers;
		const u8 *whole;

		memcpy(copy, frame, bytes);
		network_frame_headers(copy, bytes, &headers);
		if (headers.ip_version == 4)
			bytes = reassembly_add(&held, copy, bytes,
					       headers.ip_offset, now_ns,
					       &whole);
		else
			bytes = 0;
		free(copy);
		if (bytes)
			check(whole, bytes);
		now_ns += bytes_u8(&input) % 8 ? 0 : STEP_NS;
	}
	reassembly_free(&held);
	return 0;
}
