/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/pcapng.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SECTION	      0x0a0d0d0au
#define BLOCK_INTERFACE	      1
#define BLOCK_ENHANCED_PACKET 6
#define BYTE_ORDER_MAGIC      0x1a2b3c4du

#define OPTION_END		     0
#define OPTION_COMMENT		     1
#define OPTION_SECTION_APPLICATION   4
#define OPTION_INTERFACE_NAME	     2
#define OPTION_INTERFACE_DESCRIPTION 3
#define OPTION_INTERFACE_RESOLUTION  9
#define OPTION_PACKET_FLAGS	     2
#define OPTION_PACKET_DROPPED	     4

#define DIRECTION_INBOUND  1u
#define DIRECTION_OUTBOUND 2u

#define DATA_BYTES_MAX	  (1u << 20)
#define COMMENT_BYTES_MAX 8192u

/* Where a block's end goes: everything before is written as it is made. */
struct block {
	FILE *file;
	u32 total_bytes;
};

static u32 padded(size_t bytes)
{
	return (u32)(bytes + 3) & ~3u;
}

/* All numbers of the file are in this machine's order, little-endian. */
static void put(FILE *file, const void *data, size_t bytes)
{
	static const char zero[4];

	fwrite(data, 1, bytes, file);
	fwrite(zero, 1, padded(bytes) - bytes, file);
}

static void put_u32(FILE *file, u32 value)
{
	put(file, &value, sizeof(value));
}

static u32 option_bytes(size_t bytes)
{
	return 4 + padded(bytes);
}

static void put_option(FILE *file, u16 code, const void *data, size_t bytes)
{
	u16 head[2] = { code, (u16)bytes };

	put(file, head, sizeof(head));
	put(file, data, bytes);
}

static void put_text(FILE *file, u16 code, const char *text)
{
	put_option(file, code, text, strlen(text));
}

/* body_bytes: between the two total lengths, options included. */
static struct block block_begin(FILE *file, u32 type, u32 body_bytes)
{
	struct block block = { file, body_bytes + 12 };

	put_u32(file, type);
	put_u32(file, block.total_bytes);
	return block;
}

static int block_end(const struct block *block)
{
	put_u32(block->file, block->total_bytes);
	return ferror(block->file) ? -EIO : 0;
}

static int put_section(FILE *file)
{
	static const char application[] = "lis " LIS_VERSION;
	struct block block =
		block_begin(file, BLOCK_SECTION,
			    16 + option_bytes(strlen(application)) + 4);
	u16 version[2] = { 1, 0 };
	u64 section_bytes = ~0ull; /* not known */

	put_u32(file, BYTE_ORDER_MAGIC);
	put(file, version, sizeof(version));
	put(file, &section_bytes, sizeof(section_bytes));
	put_text(file, OPTION_SECTION_APPLICATION, application);
	put_u32(file, OPTION_END);
	return block_end(&block);
}

static int put_interface(FILE *file, const char *vm_name)
{
	static const char name[] = "vmbus";
	struct block block = block_begin(file, BLOCK_INTERFACE,
					 8 + option_bytes(strlen(name)) +
						 option_bytes(strlen(vm_name)) +
						 option_bytes(1) + 4);
	u16 link_type[2] = { PCAPNG_LINKTYPE_USER0, 0 };
	u8 resolution = 9; /* a unit of time is 10^-9 s */

	put(file, link_type, sizeof(link_type));
	put_u32(file, 0); /* no limit on a packet's length */
	put_text(file, OPTION_INTERFACE_NAME, name);
	put_text(file, OPTION_INTERFACE_DESCRIPTION, vm_name);
	put_option(file, OPTION_INTERFACE_RESOLUTION, &resolution, 1);
	put_u32(file, OPTION_END);
	return block_end(&block);
}

int pcapng_begin(FILE *file, const char *vm_name)
{
	int ret = put_section(file);

	return ret < 0 ? ret : put_interface(file, vm_name);
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
static void put_data(FILE *file, const struct pcapng_record *record)
{
	u8 pseudo[PCAPNG_PSEUDO_BYTES];

	pseudo_make(pseudo, record);
	put(file, pseudo, sizeof(pseudo));
	put(file, record->data, record->size_bytes);
}

int pcapng_write(FILE *file, const struct pcapng_record *record)
{
	u32 size_bytes = (u32)record->size_bytes + PCAPNG_PSEUDO_BYTES;
	size_t comment_bytes = record->comment ? strlen(record->comment) : 0;
	u32 flags = record->to_host ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
	struct block block;

	if (record->size_bytes > DATA_BYTES_MAX ||
	    comment_bytes > COMMENT_BYTES_MAX)
		return -EINVAL;
	block = block_begin(
		file, BLOCK_ENHANCED_PACKET,
		20 + padded(size_bytes) +
			(comment_bytes ? option_bytes(comment_bytes) : 0) +
			option_bytes(4) + option_bytes(8) + 4);
	put_u32(file, 0); /* the one interface */
	put_u32(file, (u32)(record->time_ns >> 32));
	put_u32(file, (u32)record->time_ns);
	put_u32(file, size_bytes);
	put_u32(file, size_bytes);
	put_data(file, record);
	if (comment_bytes)
		put_option(file, OPTION_COMMENT, record->comment,
			   comment_bytes);
	put_option(file, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
	put_option(file, OPTION_PACKET_DROPPED, &record->lost,
		   sizeof(record->lost));
	put_u32(file, OPTION_END);
	return block_end(&block);
}
