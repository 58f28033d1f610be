/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/pcapng.h"

#include "host/pcapng/block.h"

#include <errno.h>
#include <string.h>

#define DATA_BYTES_MAX	  (1u << 20)
#define COMMENT_BYTES_MAX 8192u
#define NAME_BYTES_MAX	  1024u

static int block_write(FILE *file, const void *block, u32 bytes)
{
	return fwrite(block, 1, bytes, file) == bytes ? 0 : -EIO;
}

int pcapng_begin(FILE *file, const char *vm_name)
{
	_Alignas(4) u8 room[PCAPNG_BEGINNING_ROOM_BYTES + NAME_BYTES_MAX];

	if (strlen(vm_name) >= NAME_BYTES_MAX / 2)
		return -EINVAL;
	return block_write(file, room,
			   pcapng_beginning(room, "lis " LIS_VERSION,
					    PCAPNG_LINKTYPE_USER0, 0, "vmbus",
					    vm_name));
}

static void pseudo_make(u8 pseudo[PCAPNG_PSEUDO_BYTES],
			const struct pcapng_record *record)
{
	memset(pseudo, 0, PCAPNG_PSEUDO_BYTES);
	pseudo[0] = PCAPNG_PSEUDO_VERSION;
	pseudo[1] = PCAPNG_PSEUDO_BYTES;
	pseudo[2] = record->packet ? 2 : 1;
	pseudo[3] = record->to_host ? 1 : 2;
	memcpy(pseudo + 4, &record->relid, 4);
	memcpy(pseudo + 8, &record->vp, 4);
	pseudo[12] = record->service;
}

/* Pseudo header and data lie together in the file, padded at their end. */
int pcapng_write(FILE *file, const struct pcapng_record *record)
{
	static _Alignas(4)
		u8 room[DATA_BYTES_MAX + PCAPNG_PSEUDO_BYTES +
			COMMENT_BYTES_MAX + PCAPNG_PACKET_ROOM_BYTES];
	size_t comment_bytes = record->comment ? strlen(record->comment) : 0;
	struct pcapng_packet packet = {
		.time_ns = record->time_ns,
		.kept_bytes = (u32)record->size_bytes + PCAPNG_PSEUDO_BYTES,
		.whole_bytes = (u32)record->size_bytes + PCAPNG_PSEUDO_BYTES,
		.inbound = record->to_host,
		.lost = record->lost,
	};
	u8 pseudo[PCAPNG_PSEUDO_BYTES];
	struct pcapng_block block;

	if (record->size_bytes > DATA_BYTES_MAX ||
	    comment_bytes > COMMENT_BYTES_MAX)
		return -EINVAL;
	pseudo_make(pseudo, record);
	block = pcapng_packet_start(room, &packet);
	pcapng_put(&block, pseudo, sizeof(pseudo));
	pcapng_put(&block, record->data, (u32)record->size_bytes);
	pcapng_put_text(&block, PCAPNG_OPTION_COMMENT, record->comment);
	return block_write(file, room, pcapng_packet_end(&block, &packet));
}
