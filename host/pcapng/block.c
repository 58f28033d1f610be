/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/pcapng/block.h"

#include <string.h>

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

#define OPTION_END		     0
#define OPTION_SECTION_APPLICATION   4
#define OPTION_INTERFACE_NAME	     2
#define OPTION_INTERFACE_DESCRIPTION 3
#define OPTION_INTERFACE_RESOLUTION  9
#define OPTION_PACKET_FLAGS	     2
#define OPTION_PACKET_DROPPED	     4

#define DIRECTION_INBOUND  1u
#define DIRECTION_OUTBOUND 2u

void pcapng_put(struct pcapng_block *block, const void *data, u32 bytes)
{
	u32 padding = (4 - bytes % 4) % 4;

	memcpy(block->base + block->bytes, data, bytes);
	memset(block->base + block->bytes + bytes, 0, padding);
	block->bytes += bytes + padding;
}

void pcapng_put_u32(struct pcapng_block *block, u32 value)
{
	pcapng_put(block, &value, sizeof(value));
}

void pcapng_put_option(struct pcapng_block *block, u16 code, const void *data,
		       u32 bytes)
{
	u16 head[2] = { code, (u16)bytes };

	pcapng_put(block, head, sizeof(head));
	pcapng_put(block, data, bytes);
}

void pcapng_put_text(struct pcapng_block *block, u16 code, const char *text)
{
	if (text && *text)
		pcapng_put_option(block, code, text, (u32)strlen(text));
}

struct pcapng_block pcapng_start(void *base, enum pcapng_block_type type)
{
	struct pcapng_block block = { .base = base };

	pcapng_put_u32(&block, type);
	pcapng_put_u32(&block, 0); /* its length, when it is known */
	return block;
}

u32 pcapng_end(struct pcapng_block *block)
{
	u32 total_bytes;

	pcapng_put_u32(block, OPTION_END);
	total_bytes = block->bytes + 4;
	pcapng_put_u32(block, total_bytes);
	memcpy(block->base + 4, &total_bytes, sizeof(total_bytes));
	return total_bytes;
}

u32 pcapng_beginning(void *base, const char *writer, u16 link_type,
		     u32 snap_bytes, const char *name, const char *description)
{
	struct pcapng_block block = pcapng_start(base, PCAPNG_SECTION);
	u16 version[2] = { 1, 0 }, link[2] = { link_type, 0 };
	u64 section_bytes = ~0ull; /* not known */
	u8 resolution = 9;	   /* a unit of time is 10^-9 s */
	u32 bytes;

	pcapng_put_u32(&block, BYTE_ORDER_MAGIC);
	pcapng_put(&block, version, sizeof(version));
	pcapng_put(&block, &section_bytes, sizeof(section_bytes));
	pcapng_put_text(&block, OPTION_SECTION_APPLICATION, writer);
	bytes = pcapng_end(&block);
	block = pcapng_start((u8 *)base + bytes, PCAPNG_INTERFACE);
	pcapng_put(&block, link, sizeof(link));
	pcapng_put_u32(&block, snap_bytes);
	pcapng_put_text(&block, OPTION_INTERFACE_NAME, name);
	pcapng_put_text(&block, OPTION_INTERFACE_DESCRIPTION, description);
	pcapng_put_option(&block, OPTION_INTERFACE_RESOLUTION, &resolution, 1);
	return bytes + pcapng_end(&block);
}

struct pcapng_block pcapng_packet_start(void *base,
					const struct pcapng_packet *packet)
{
	struct pcapng_block block = pcapng_start(base, PCAPNG_PACKET);

	pcapng_put_u32(&block, 0); /* the one interface */
	pcapng_put_u32(&block, (u32)(packet->time_ns >> 32));
	pcapng_put_u32(&block, (u32)packet->time_ns);
	pcapng_put_u32(&block, packet->kept_bytes);
	pcapng_put_u32(&block, packet->whole_bytes);
	return block;
}

u32 pcapng_packet_end(struct pcapng_block *block,
		      const struct pcapng_packet *packet)
{
	u32 flags = packet->inbound ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;

	pcapng_put_option(block, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
	pcapng_put_option(block, OPTION_PACKET_DROPPED, &packet->lost,
			  sizeof(packet->lost));
	return pcapng_end(block);
}
