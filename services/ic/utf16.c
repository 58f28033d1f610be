// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Text of the wire to and from UTF-8. */
#include "services/ic/utf16.h"

#define CODE_POINT_MAX 0x10ffffu
#define SURROGATE_HIGH 0xd800u
#define SURROGATE_LOW  0xdc00u
#define SURROGATE_END  0xe000u

/* What the first byte of a UTF-8 sequence tells. */
static const struct utf8_form {
	u8 mask;
	u8 lead;
	u8 trail_bytes;
	u32 first_code_point; /* smaller ones have a shorter form */
} utf8_forms[] = {
	{ 0x80, 0x00, 0, 0x0 },
	{ 0xe0, 0xc0, 1, 0x80 },
	{ 0xf0, 0xe0, 2, 0x800 },
	{ 0xf8, 0xf0, 3, 0x10000 },
};

static bool is_surrogate(u32 code_point)
{
	return code_point >= SURROGATE_HIGH && code_point < SURROGATE_END;
}

/*
 * Take one code point; returns the bytes that it took, 0 when invalid. The
 * terminator is no trailing byte, so that a truncated sequence ends there.
 */
static u32 utf8_take(const u8 *text, u32 *code_point)
{
	const struct utf8_form *form = NULL;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(utf8_forms) && !form; i++) {
		if ((text[0] & utf8_forms[i].mask) == utf8_forms[i].lead)
			form = &utf8_forms[i];
	}
	if (!form)
		return 0;
	*code_point = text[0] & (u8)~form->mask;
	for (i = 1; i <= form->trail_bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code_point = *code_point << 6 | (text[i] & 0x3f);
	}
	if (*code_point < form->first_code_point ||
	    *code_point > CODE_POINT_MAX || is_surrogate(*code_point))
		return 0;
	return form->trail_bytes + 1u;
}

/* Put one code point; returns the bytes that it took, 0 when no space. */
static u32 utf8_put(u32 code_point, char *text, u32 capacity_bytes)
{
	u32 i = PORT_ARRAY_SIZE(utf8_forms) - 1, k;

	while (code_point < utf8_forms[i].first_code_point)
		i--;
	if (utf8_forms[i].trail_bytes >= capacity_bytes)
		return 0;
	for (k = utf8_forms[i].trail_bytes; k > 0; k--) {
		text[k] = (char)(0x80 | (code_point & 0x3f));
		code_point >>= 6;
	}
	text[0] = (char)(utf8_forms[i].lead | code_point);
	return utf8_forms[i].trail_bytes + 1u;
}

static void unit_put(u8 *wire, u32 unit)
{
	wire[0] = (u8)unit;
	wire[1] = (u8)(unit >> 8);
}

static u32 unit_at(const u8 *wire)
{
	return (u32)wire[1] << 8 | wire[0];
}

u32 utf16_text_bytes(const char *text, u32 capacity_bytes)
{
	u32 bytes = 0;

	while (bytes < capacity_bytes && text[bytes])
		bytes++;
	return bytes;
}

u32 utf16_length(const void *units, u32 capacity_units)
{
	const u8 *wire = units;
	u32 count = 0;

	while (count < capacity_units && unit_at(wire + (size_t)count * 2))
		count++;
	return count;
}

enum utf16_status utf16_from_utf8(void *units, u32 capacity_units,
				  u32 *unit_count, const char *text)
{
	const u8 *bytes = (const u8 *)text;
	u8 *wire = units;
	u32 used = 0, code_point, taken, need;

	while (*bytes) {
		taken = utf8_take(bytes, &code_point);
		if (!taken)
			return UTF16_INVALID;
		bytes += taken;
		need = code_point > 0xffff ? 2 : 1;
		if (capacity_units - used < need)
			return UTF16_TOO_LONG;
		if (need == 2) {
			code_point -= 0x10000;
			unit_put(wire, SURROGATE_HIGH | code_point >> 10);
			unit_put(wire + 2,
				 SURROGATE_LOW | (code_point & 0x3ff));
		} else {
			unit_put(wire, code_point);
		}
		wire += (size_t)need * 2;
		used += need;
	}
	if (used == capacity_units)
		return UTF16_TOO_LONG;
	unit_put(wire, 0);
	if (unit_count)
		*unit_count = used + 1;
	return UTF16_OK;
}

/* Take one code point; returns the units that it took, 0 when invalid. */
static u32 utf16_take(const u8 *wire, u32 unit_count, u32 *code_point)
{
	u32 low;

	*code_point = unit_at(wire);
	if (!*code_point)
		return 0;
	if (!is_surrogate(*code_point))
		return 1;
	if (*code_point >= SURROGATE_LOW || unit_count < 2)
		return 0;
	low = unit_at(wire + 2);
	if (low < SURROGATE_LOW || low >= SURROGATE_END)
		return 0;
	*code_point = 0x10000 + ((*code_point - SURROGATE_HIGH) << 10) +
		      (low - SURROGATE_LOW);
	return 2;
}

enum utf16_status utf16_to_utf8(char *text, u32 capacity_bytes,
				const void *units, u32 unit_count)
{
	const u8 *wire = units;
	u32 at = 0, used = 0, code_point, taken;

	while (at < unit_count) {
		taken = utf16_take(wire + (size_t)at * 2, unit_count - at,
				   &code_point);
		if (!taken) {
			text[0] = 0;
			return UTF16_INVALID;
		}
		at += taken;
		/* The last byte is the terminator's. */
		taken = utf8_put(code_point, text + used,
				 capacity_bytes - 1 - used);
		if (!taken) {
			text[0] = 0;
			return UTF16_TOO_LONG;
		}
		used += taken;
	}
	text[used] = 0;
	return UTF16_OK;
}
