/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Frames that lie in several pieces. */
#include "host/backend/net/backend.h"

size_t net_pieces_put(const struct iovec *pieces, int piece_count,
		      const void *from, size_t bytes)
{
	size_t done = 0;

	for (int i = 0; i < piece_count && done < bytes; i++) {
		size_t part = pieces[i].iov_len < bytes - done
				      ? pieces[i].iov_len
				      : bytes - done;

		port_copy_bulk(pieces[i].iov_base, (const u8 *)from + done,
			       part);
		done += part;
	}
	return done;
}

size_t net_pieces_get(void *to, size_t bytes, const struct iovec *pieces,
		      int piece_count)
{
	size_t done = 0;

	for (int i = 0; i < piece_count && done < bytes; i++) {
		size_t part = pieces[i].iov_len < bytes - done
				      ? pieces[i].iov_len
				      : bytes - done;

		port_copy_bulk((u8 *)to + done, pieces[i].iov_base, part);
		done += part;
	}
	return done;
}

size_t net_pieces_bytes(const struct iovec *pieces, int piece_count)
{
	size_t bytes = 0;

	for (int i = 0; i < piece_count; i++)
		bytes += pieces[i].iov_len;
	return bytes;
}
