/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/aml.h"

#include <string.h>

/* ACPI 6.4 table 20.2, and 20.2.2 to 20.2.5. */
#define OP_ZERO		   0x00
#define OP_ONE		   0x01
#define OP_NAME		   0x08
#define OP_BYTE		   0x0a
#define OP_WORD		   0x0b
#define OP_DWORD	   0x0c
#define OP_STRING	   0x0d
#define OP_QWORD	   0x0e
#define OP_SCOPE	   0x10
#define OP_BUFFER	   0x11
#define OP_PACKAGE	   0x12
#define OP_EXTENDED	   0x5b
#define OP_EXTENDED_DEVICE 0x82

#define NAME_BYTES 4
/* Room kept for what comes before a buffer: its length as a word. */
#define BUFFER_LENGTH_BYTES 3

/* ACPI 6.4 chapter 6.4: resource descriptors. */
#define RESOURCE_IRQ	     0x22
#define RESOURCE_IO	     0x47
#define RESOURCE_END	     0x79
#define RESOURCE_QWORD_SPACE 0x8a
#define QWORD_SPACE_BYTES    0x2b
#define SPACE_MEMORY	     0
#define SPACE_FIXED_PRODUCER 0x0c /* minimum and maximum fixed */
#define MEMORY_READ_WRITE    0x01

static void put(struct aml *aml, const void *bytes, u32 count)
{
	if (aml->failed || count > aml->size_bytes - aml->used_bytes) {
		aml->failed = true;
		return;
	}
	memcpy(aml->bytes + aml->used_bytes, bytes, count);
	aml->used_bytes += count;
}

static void put_byte(struct aml *aml, u8 value)
{
	put(aml, &value, 1);
}

void aml_init(struct aml *aml, void *bytes, u32 size_bytes)
{
	memset(aml, 0, sizeof(*aml));
	aml->bytes = bytes;
	aml->size_bytes = size_bytes;
}

static void open_block(struct aml *aml, bool resources)
{
	if (aml->failed || aml->depth == AML_DEPTH_MAX) {
		aml->failed = true;
		return;
	}
	aml->open[aml->depth].at = aml->used_bytes;
	aml->open[aml->depth].resources = resources;
	aml->depth++;
}

static void insert(struct aml *aml, u32 at, const u8 *bytes, u32 count)
{
	if (aml->failed || count > aml->size_bytes - aml->used_bytes) {
		aml->failed = true;
		return;
	}
	memmove(aml->bytes + at + count, aml->bytes + at, aml->used_bytes - at);
	memcpy(aml->bytes + at, bytes, count);
	aml->used_bytes += count;
}

/*
 * 20.2.4: one byte for up to 63, else the low four bits and up to three more
 * bytes, their number in the top two bits. The length counts itself.
 */
static u32 encode_length(u8 *bytes, u32 content)
{
	u32 more, i, length;

	if (content + 1 < 64) {
		bytes[0] = (u8)(content + 1);
		return 1;
	}
	for (more = 1; more < 3; more++)
		if (content + 1 + more < 1u << (4 + 8 * more))
			break;
	length = content + 1 + more;
	bytes[0] = (u8)(more << 6 | (length & 0xf));
	for (i = 0; i < more; i++)
		bytes[1 + i] = (u8)(length >> (4 + 8 * i));
	return 1 + more;
}

void aml_end(struct aml *aml)
{
	u8 length[4];
	u32 at, content;

	if (aml->failed || !aml->depth) {
		aml->failed = true;
		return;
	}
	aml->depth--;
	at = aml->open[aml->depth].at;
	if (aml->open[aml->depth].resources) {
		u8 size[BUFFER_LENGTH_BYTES] = { OP_WORD };

		/* A checksum of zero means that there is none (6.4.2.9). */
		put(aml, (u8[]){ RESOURCE_END, 0 }, 2);
		content = aml->used_bytes - at;
		size[1] = (u8)content;
		size[2] = (u8)(content >> 8);
		insert(aml, at, size, sizeof(size));
	}
	content = aml->used_bytes - at;
	insert(aml, at, length, encode_length(length, content));
}

/* A name segment is padded with underscores. */
static void put_segment(struct aml *aml, const char *name)
{
	char segment[NAME_BYTES];
	size_t length = strlen(name);

	if (length > NAME_BYTES) {
		aml->failed = true;
		return;
	}
	memset(segment, '_', sizeof(segment));
	memcpy(segment, name, length);
	put(aml, segment, sizeof(segment));
}

void aml_scope(struct aml *aml, const char *path)
{
	put_byte(aml, OP_SCOPE);
	open_block(aml, false);
	if (path[0] == '\\') {
		put_byte(aml, '\\');
		path++;
	}
	put_segment(aml, path);
}

void aml_device(struct aml *aml, const char *name)
{
	put_byte(aml, OP_EXTENDED);
	put_byte(aml, OP_EXTENDED_DEVICE);
	open_block(aml, false);
	put_segment(aml, name);
}

void aml_name(struct aml *aml, const char *name)
{
	put_byte(aml, OP_NAME);
	put_segment(aml, name);
}

void aml_integer(struct aml *aml, u64 value)
{
	if (value <= 1) {
		put_byte(aml, value ? OP_ONE : OP_ZERO);
	} else if (value <= UINT8_MAX) {
		put_byte(aml, OP_BYTE);
		put(aml, &value, 1);
	} else if (value <= UINT16_MAX) {
		put_byte(aml, OP_WORD);
		put(aml, &value, 2);
	} else if (value <= UINT32_MAX) {
		put_byte(aml, OP_DWORD);
		put(aml, &value, 4);
	} else {
		put_byte(aml, OP_QWORD);
		put(aml, &value, 8);
	}
}

void aml_string(struct aml *aml, const char *text)
{
	put_byte(aml, OP_STRING);
	put(aml, text, (u32)strlen(text) + 1);
}

static u32 hex_digit(char c)
{
	return (u32)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* 19.3.4: three 5-bit letters and four digits, the bytes in reading order. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	u32 value = 0;
	u32 i;
	u8 bytes[4];

	for (i = 0; i < 3; i++)
		value = value << 5 | ((u32)id[i] & 0x1f);
	for (i = 3; i < 7; i++)
		value = value << 4 | hex_digit(id[i]);
	for (i = 0; i < 4; i++)
		bytes[i] = (u8)(value >> (24 - 8 * i));
	put_byte(aml, OP_DWORD);
	put(aml, bytes, sizeof(bytes));
}

void aml_package(struct aml *aml, u8 elements)
{
	put_byte(aml, OP_PACKAGE);
	open_block(aml, false);
	put_byte(aml, elements);
}

void aml_resources(struct aml *aml)
{
	put_byte(aml, OP_BUFFER);
	open_block(aml, true);
}

void aml_memory(struct aml *aml, u64 gpa, u64 size_bytes)
{
	u8 head[6] = { RESOURCE_QWORD_SPACE, QWORD_SPACE_BYTES, 0, SPACE_MEMORY,
		       SPACE_FIXED_PRODUCER, MEMORY_READ_WRITE };
	u64 fields[5] = { 0, gpa, gpa + size_bytes - 1, 0, size_bytes };

	put(aml, head, sizeof(head));
	put(aml, fields, sizeof(fields));
}

void aml_io(struct aml *aml, u16 port, u8 size)
{
	u8 bytes[8] = { RESOURCE_IO,	 1, (u8)port, (u8)(port >> 8), (u8)port,
			(u8)(port >> 8), 1, size };

	put(aml, bytes, sizeof(bytes));
}

void aml_irq(struct aml *aml, u32 irq)
{
	u16 mask = (u16)(1u << irq);

	put_byte(aml, RESOURCE_IRQ);
	put(aml, &mask, sizeof(mask));
}
