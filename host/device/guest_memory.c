/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/device/guest_memory.h"

#include <string.h>

struct pieces {
	struct iovec *iov;
	u32 max;
	u32 count;
};

static bool piece_add(struct pieces *pieces, u8 *at, u32 bytes)
{
	struct iovec *last = &pieces->iov[pieces->count];

	if (pieces->count && (u8 *)last[-1].iov_base + last[-1].iov_len == at) {
		last[-1].iov_len += bytes;
		return true;
	}
	if (pieces->count == pieces->max)
		return false;
	last->iov_base = at;
	last->iov_len = bytes;
	pieces->count++;
	return true;
}

static bool range_map(struct machine *machine,
		      const struct packet_gpa_range *range, u32 bytes,
		      struct pieces *pieces)
{
	u32 offset = range->offset_bytes;

	for (u32 i = 0; bytes; i++) {
		u64 pfn = packet_gpa_pfn(range, i);
		u32 part = MACHINE_PAGE_BYTES - offset;
		u8 *at;

		if (part > bytes)
			part = bytes;
		/* A number that has no address must not become another one. */
		if (pfn > UINT64_MAX / MACHINE_PAGE_BYTES)
			return false;
		at = machine_memory(machine, pfn * MACHINE_PAGE_BYTES + offset,
				    part);
		if (!at || !piece_add(pieces, at, part))
			return false;
		bytes -= part;
		offset = 0;
	}
	return true;
}

bool guest_memory_map(struct machine *machine, const struct packet_view *view,
		      u32 bytes, struct iovec *iov, u32 iov_max, u32 *iov_count)
{
	struct pieces pieces = { .iov = iov, .max = iov_max };
	struct packet_gpa_range range;
	u32 cursor = 0;

	while (bytes && packet_next_gpa_range(view, &cursor, &range)) {
		u32 part = range.size_bytes < bytes ? range.size_bytes : bytes;

		if (!range_map(machine, &range, part, &pieces))
			return false;
		bytes -= part;
	}
	*iov_count = pieces.count;
	return !bytes;
}

u32 guest_memory_read(const struct iovec *iov, u32 iov_count, void *to,
		      u32 bytes)
{
	u32 done = 0;

	for (u32 i = 0; i < iov_count && done < bytes; i++) {
		u32 part = bytes - done;

		if (part > iov[i].iov_len)
			part = (u32)iov[i].iov_len;
		memcpy((u8 *)to + done, iov[i].iov_base, part);
		done += part;
	}
	return done;
}

u32 guest_memory_write(const struct iovec *iov, u32 iov_count, const void *from,
		       u32 bytes)
{
	u32 done = 0;

	for (u32 i = 0; i < iov_count && done < bytes; i++) {
		u32 part = bytes - done;

		if (part > iov[i].iov_len)
			part = (u32)iov[i].iov_len;
		memcpy(iov[i].iov_base, (const u8 *)from + done, part);
		done += part;
	}
	return done;
}
