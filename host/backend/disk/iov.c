/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/backend/disk/file.h"

#include <string.h>

u32 iov_part(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
	     u64 size_bytes, struct iovec *part)
{
	u32 parts = 0;

	for (u32 i = 0; i < iov_count && size_bytes; i++) {
		u64 piece_bytes = iov[i].iov_len;

		if (skip_bytes >= piece_bytes) {
			skip_bytes -= piece_bytes;
			continue;
		}
		piece_bytes -= skip_bytes;
		if (piece_bytes > size_bytes)
			piece_bytes = size_bytes;
		part[parts].iov_base = (char *)iov[i].iov_base + skip_bytes;
		part[parts++].iov_len = piece_bytes;
		size_bytes -= piece_bytes;
		skip_bytes = 0;
	}
	return parts;
}

enum walk { WALK_GATHER, WALK_SCATTER, WALK_ZERO };

static void walk(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		 char *buffer, u64 size_bytes, enum walk how)
{
	for (u32 i = 0; i < iov_count && size_bytes; i++) {
		u64 piece_bytes = iov[i].iov_len;
		char *piece;

		if (skip_bytes >= piece_bytes) {
			skip_bytes -= piece_bytes;
			continue;
		}
		piece = (char *)iov[i].iov_base + skip_bytes;
		piece_bytes -= skip_bytes;
		if (piece_bytes > size_bytes)
			piece_bytes = size_bytes;
		if (how == WALK_GATHER)
			memcpy(buffer, piece, piece_bytes);
		else if (how == WALK_SCATTER)
			memcpy(piece, buffer, piece_bytes);
		else
			memset(piece, 0, piece_bytes);
		if (how != WALK_ZERO)
			buffer += piece_bytes;
		size_bytes -= piece_bytes;
		skip_bytes = 0;
	}
}

void iov_gather(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		void *buffer, u64 size_bytes)
{
	walk(iov, iov_count, skip_bytes, buffer, size_bytes, WALK_GATHER);
}

void iov_scatter(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		 const void *buffer, u64 size_bytes)
{
	walk(iov, iov_count, skip_bytes, (char *)buffer, size_bytes,
	     WALK_SCATTER);
}

void iov_fill_zero(const struct iovec *iov, u32 iov_count, u64 skip_bytes,
		   u64 size_bytes)
{
	walk(iov, iov_count, skip_bytes, NULL, size_bytes, WALK_ZERO);
}
