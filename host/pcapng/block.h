/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * block.h - the blocks of pcapng files.
 *
 * Here: a block put together in the caller's memory, and the kinds that every
 * file of ours has. Not here: what is captured, files (host/backend/net
 * captures adapters, host/trace the bus).
 *
 * Source: draft-ietf-opsawg-pcapng.
 */
#ifndef HOST_PCAPNG_BLOCK_H
#define HOST_PCAPNG_BLOCK_H

#include "vmbus/port.h"

enum pcapng_block_type {
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6, /* an enhanced one */
	PCAPNG_SECTION = 0x0a0d0d0a,
};

#define PCAPNG_OPTION_COMMENT		 1
#define PCAPNG_OPTION_STATISTICS_DROPPED 5 /* isb_ifdrop */

/* What stands around a packet's data, comment aside, at the most. */
#define PCAPNG_PACKET_ROOM_BYTES 96u
/* The section and the interface, texts aside. */
#define PCAPNG_BEGINNING_ROOM_BYTES 128u

/* A block under way: the caller's memory has room for all that is put. */
struct pcapng_block {
	u8 *base;
	u32 bytes; /* so far; all of it after pcapng_end() */
};

/* pcapng_start - begin a block at @base, which is aligned to 4. */
struct pcapng_block pcapng_start(void *base, enum pcapng_block_type type);

/* pcapng_put - some bytes, filled up to a multiple of 4 with zeros. */
void pcapng_put(struct pcapng_block *block, const void *data, u32 bytes);

/* pcapng_put_u32 - a number, in this machine's order: little-endian. */
void pcapng_put_u32(struct pcapng_block *block, u32 value);

/* pcapng_put_option - after the block's own members; up to 65535 bytes. */
void pcapng_put_option(struct pcapng_block *block, u16 code, const void *data,
		       u32 bytes);

/* pcapng_put_text - the same; NULL or an empty text is left out. */
void pcapng_put_text(struct pcapng_block *block, u16 code, const char *text);

/* pcapng_end - the block is whole. Returns its bytes. */
u32 pcapng_end(struct pcapng_block *block);

/*
 * pcapng_beginning - a whole section block and one interface block.
 * @writer: the program; @name, @description: of the interface
 * @snap_bytes: the most that is kept of a packet; 0: no limit
 * Returns the bytes at @base.
 */
u32 pcapng_beginning(void *base, const char *writer, u16 link_type,
		     u32 snap_bytes, const char *name, const char *description);

/* One packet, its data aside. */
struct pcapng_packet {
	u64 time_ns;	 /* since 1970-01-01 UTC */
	u32 kept_bytes;	 /* of the data that follows */
	u32 whole_bytes; /* that the packet had */
	bool inbound;	 /* to whose interface it is, else from it */
	u64 lost;	 /* packets, just before it */
};

/* pcapng_packet_start - a packet block up to its data, which comes next. */
struct pcapng_block pcapng_packet_start(void *base,
					const struct pcapng_packet *packet);

/* pcapng_packet_end - the options after the data, and the end. As
 * pcapng_end(). */
u32 pcapng_packet_end(struct pcapng_block *block,
		      const struct pcapng_packet *packet);

#endif
