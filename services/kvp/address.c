// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* IP addresses as text and as bytes. */
#include "services/kvp/address.h"

#define GROUPS 8

bool address_number_parse(u32 *number, const char *text, u32 bytes, u32 most)
{
	u32 i;

	if (!bytes || bytes > 9 || (text[0] == '0' && bytes > 1))
		return false;
	*number = 0;
	for (i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*number = *number * 10 + (u32)(text[i] - '0');
	}
	return *number <= most;
}

/* Characters before the next @separator, or all. */
static u32 part_bytes(const char *text, u32 bytes, char separator)
{
	u32 i = 0;

	while (i < bytes && text[i] != separator)
		i++;
	return i;
}

bool address_ipv4_parse(u8 address[4], const char *text, u32 bytes)
{
	u32 i, part, number;

	for (i = 0; i < 4; i++) {
		part = part_bytes(text, bytes, '.');
		if (!address_number_parse(&number, text, part, 255))
			return false;
		address[i] = (u8)number;
		text += part;
		bytes -= part;
		if (i == 3)
			break;
		if (!bytes)
			return false;
		text++;
		bytes--;
	}
	return !bytes;
}

static bool hex_parse(u32 *number, const char *text, u32 bytes)
{
	u32 i, digit;

	if (!bytes || bytes > 4)
		return false;
	*number = 0;
	for (i = 0; i < bytes; i++) {
		char lower = (char)(text[i] | 0x20);

		if (text[i] >= '0' && text[i] <= '9')
			digit = (u32)(text[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			digit = (u32)(lower - 'a') + 10;
		else
			return false;
		*number = *number << 4 | digit;
	}
	return true;
}

/*
 * Groups separated by single colons, into @address; the last two may be an
 * IPv4 address when the text ends here. Returns how many there are, @most + 1
 * when they are not valid or too many.
 */
static u32 groups_parse(u8 *address, const char *text, u32 bytes, u32 most,
			bool text_ends)
{
	u32 count = 0, part, number;

	while (bytes) {
		part = part_bytes(text, bytes, ':');
		if (text_ends && part == bytes && count + 2 <= most &&
		    address_ipv4_parse(address + (size_t)count * 2, text, part))
			return count + 2;
		if (count == most || !hex_parse(&number, text, part))
			return most + 1;
		address[count * 2] = (u8)(number >> 8);
		address[count * 2 + 1] = (u8)number;
		count++;
		text += part;
		bytes -= part;
		if (!bytes)
			break;
		/* A colon needs a group behind it. */
		if (bytes == 1)
			return most + 1;
		text++;
		bytes--;
	}
	return count;
}

bool address_ipv6_parse(u8 address[16], const char *text, u32 bytes)
{
	u8 tail[2 * GROUPS];
	u32 head_bytes = 0, head, rest;

	while (head_bytes + 1 < bytes &&
	       !(text[head_bytes] == ':' && text[head_bytes + 1] == ':'))
		head_bytes++;
	port_fill(address, 0, 16);
	if (head_bytes + 1 >= bytes)
		return groups_parse(address, text, bytes, GROUPS, true) ==
		       GROUPS;
	/* "::" stands for one group at least. */
	head = groups_parse(address, text, head_bytes, GROUPS - 1, false);
	if (head > GROUPS - 1)
		return false;
	rest = groups_parse(tail, text + head_bytes + 2, bytes - head_bytes - 2,
			    GROUPS - 1 - head, true);
	if (rest > GROUPS - 1 - head)
		return false;
	port_copy(address + 16 - (size_t)rest * 2, tail, (size_t)rest * 2);
	return true;
}

u32 address_number_format(char *text, u32 number)
{
	char digits[10];
	u32 count = 0, used = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		text[used++] = digits[--count];
	text[used] = 0;
	return used;
}

u32 address_ipv4_format(char *text, const u8 address[4])
{
	u32 i, used = 0;

	for (i = 0; i < 4; i++) {
		if (i)
			text[used++] = '.';
		used += address_number_format(text + used, address[i]);
	}
	return used;
}

static u32 hex_format(char *text, u32 number)
{
	static const char digits[] = "0123456789abcdef";
	u32 used = 0, shift;

	for (shift = 12; shift && !(number >> shift); shift -= 4)
		;
	for (;; shift -= 4) {
		text[used++] = digits[number >> shift & 0xf];
		if (!shift)
			return used;
	}
}

/* The longest run of two or more zero groups, the first of equals. */
static u32 longest_zeros(const u8 address[16], u32 *first)
{
	u32 longest = 1, run = 0, i;

	*first = GROUPS;
	for (i = 0; i < GROUPS; i++) {
		run = address[i * 2] || address[i * 2 + 1] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			*first = i + 1 - run;
		}
	}
	return longest;
}

u32 address_ipv6_format(char *text, const u8 address[16])
{
	u32 first, zeros = longest_zeros(address, &first), i = 0, used = 0;

	while (i < GROUPS) {
		if (i == first) {
			text[used++] = ':';
			text[used++] = ':';
			i += zeros;
			continue;
		}
		if (i && i != first + zeros)
			text[used++] = ':';
		used += hex_format(text + used, (u32)address[i * 2] << 8 |
							address[i * 2 + 1]);
		i++;
	}
	text[used] = 0;
	return used;
}
