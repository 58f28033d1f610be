/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * offload.h - checksums and segments in software, for ends that cannot.
 *
 * Here: what a network card would do to one frame: check its virtio header,
 * complete its checksum, cut a TCP segment into frames. Not here: where frames
 * come from.
 *
 * Sources: OASIS virtio 1.2, 5.1.6.2 and 5.1.6.4; RFC 1071, 9293, 3168.
 */
#ifndef HOST_BACKEND_NET_OFFLOAD_H
#define HOST_BACKEND_NET_OFFLOAD_H

#include <sys/uio.h>

#include "services/network/frame.h"
#include "vmbus/port.h"

/**
 * offload_check - whether a frame is what its virtio header says.
 * @vnet: from somebody who may lie; what has no meaning in it is set to 0
 * @head: at least what the frame has or NETWORK_HEAD_BYTES of it
 * @frame_bytes: of the whole frame
 *
 * A segment that passes has all its headers in the head, and what
 * offload_cut_begin() needs is true of it.
 */
bool offload_check(struct network_vnet *vnet, const u8 *head, u32 head_bytes,
		   u32 frame_bytes);

/**
 * offload_complete - write the checksum that NETWORK_VNET_NEEDS_CSUM asks for.
 * @vnet: checked; the wish is taken out of it
 * @pieces: the frame of @frame_bytes. May be shared memory, then the checksum
 *	is of what it was at some moment
 *
 * Of a segment to be cut: as if it were sent in one.
 */
void offload_complete(struct network_vnet *vnet, const struct iovec *pieces,
		      int piece_count, u32 frame_bytes);

/* A segment that is being cut; {0} is none. */
struct offload_cut {
	const u8 *frame;
	u32 frame_bytes;
	u32 header_bytes; /* Ethernet to TCP */
	u32 sent_bytes;	  /* of the payload */
	u32 size_bytes;	  /* of each frame's payload */
	u32 index;
	struct network_headers headers;
};

/**
 * offload_cut_begin - start cutting a segment.
 * @frame: private, stays until all is cut
 * @vnet: of offload_check(), with a gso_type
 */
void offload_cut_begin(struct offload_cut *cut, const struct network_vnet *vnet,
		       const u8 *frame, u32 frame_bytes);

/* Size in bytes of the next frame, 0: no more. */
u32 offload_cut_bytes(const struct offload_cut *cut);

/**
 * offload_cut_next - make the next frame, checksums and all.
 * @to: offload_cut_bytes() in size
 *
 * CWR stays on the first frame, FIN and PSH on the last.
 */
void offload_cut_next(struct offload_cut *cut, u8 *to);

#endif
