/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A frame and its virtio header, of which nothing is true: checked, completed,
 * cut.
 */
#include "bytes.h"

#include <sys/uio.h>

#include "host/backend/net/offload.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void cut_all(const struct network_vnet *vnet, const u8 *frame, u32 bytes)
{
	struct offload_cut cut = { 0 };
	u32 payload = 0, next, header;

	offload_cut_begin(&cut, vnet, frame, bytes);
	header = cut.header_bytes;
	while ((next = offload_cut_bytes(&cut)) != 0) {
		u8 *part = malloc(next);

		require(next > header && next <= header + vnet->gso_size,
			"a part's size is not of the segment");
		offload_cut_next(&cut, part);
		require(memcmp(part + header, frame + header + payload,
			       next - header) == 0,
			"a part has other data than the segment");
		payload += next - header;
		free(part);
	}
	require(header + payload == bytes, "the parts are not the segment");
}

/* In two pieces as in one. */
static void complete(struct network_vnet vnet, u8 *frame, u32 bytes, u32 first)
{
	u8 *copy = malloc(bytes);
	struct network_vnet again = vnet;
	struct iovec whole = { copy, bytes };
	struct iovec pieces[2] = { { frame, first },
				   { frame + first, bytes - first } };

	memcpy(copy, frame, bytes);
	offload_complete(&vnet, pieces, 2, bytes);
	offload_complete(&again, &whole, 1, bytes);
	require(memcmp(copy, frame, bytes) == 0,
		"a checksum depends on the pieces");
	require(!(vnet.flags & NETWORK_VNET_NEEDS_CSUM),
		"a completed frame still wants a checksum");
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bytes input = { data, size };
	struct network_vnet vnet;
	u32 bytes, first;
	u8 *frame;

	bytes_take(&input, &vnet, sizeof(vnet));
	first = bytes_u32(&input);
	bytes = (u32)input.left;
	frame = malloc(bytes);
	bytes_take(&input, frame, bytes);
	if (offload_check(&vnet, frame,
			  bytes < NETWORK_HEAD_BYTES ? bytes
						     : NETWORK_HEAD_BYTES,
			  bytes)) {
		if (vnet.gso_type != NETWORK_GSO_NONE)
			cut_all(&vnet, frame, bytes);
		if (vnet.flags & NETWORK_VNET_NEEDS_CSUM)
			complete(vnet, frame, bytes, first % bytes);
	}
	free(frame);
	return 0;
}
