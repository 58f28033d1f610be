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

/* Take one code point; returns the bytes that it took, 0 when invalid. */
static u32 utf8_take(const u8 *text, u32 text_bytes, u32 *code_point)
{
	const struct utf8_form *form = NULL;
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(utf8_forms) && !form; i++) {
		if ((text[0] & utf8_forms[i].mask) == utf8_forms[i].lead)
			form = &utf8_forms[i];
	}
	if (!form || form->trail_bytes >= text_bytes)
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

/* Put one code point; returns the bytes that it takes, fitting or not. */
static u32 utf8_put(u32 code_point, char *text, u32 capacity_bytes)
{
	u32 i = PORT_ARRAY_SIZE(utf8_forms) - 1, k;

	while (code_point < utf8_forms[i].first_code_point)
		i--;
	if (utf8_forms[i].trail_bytes >= capacity_bytes)
		return utf8_forms[i].trail_bytes + 1u;
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

enum ic_utf16_result ic_utf16_from_utf8(const char *text, u32 text_bytes,
					u8 *wire, u32 capacity_bytes,
					u32 *wire_bytes)
{
	const u8 *bytes = (const u8 *)text;
	u32 at = 0, used = 0, code_point, taken, need;

	while (at < text_bytes && bytes[at]) {
		taken = utf8_take(bytes + at, text_bytes - at, &code_point);
		if (!taken)
			return IC_UTF16_INVALID;
		at += taken;
		need = code_point > 0xffff ? 4 : 2;
		if (capacity_bytes - used < need)
			return IC_UTF16_TOO_LONG;
		if (code_point > 0xffff) {
			code_point -= 0x10000;
			unit_put(wire + used,
				 SURROGATE_HIGH | code_point >> 10);
			unit_put(wire + used + 2,
				 SURROGATE_LOW | (code_point & 0x3ff));
		} else {
			unit_put(wire + used, code_point);
		}
		used += need;
	}
	if (capacity_bytes - used < 2)
		return IC_UTF16_TOO_LONG;
	unit_put(wire + used, 0);
	*wire_bytes = used + 2;
	return IC_UTF16_OK;
}

/* Take one code point; returns the bytes that it took, 0 when invalid. */
static u32 utf16_take(const u8 *wire, u32 wire_bytes, u32 *code_point)
{
	u32 low;

	*code_point = unit_at(wire);
	if (!is_surrogate(*code_point))
		return 2;
	if (*code_point >= SURROGATE_LOW || wire_bytes < 4)
		return 0;
	low = unit_at(wire + 2);
	if (low < SURROGATE_LOW || low >= SURROGATE_END)
		return 0;
	*code_point = 0x10000 + ((*code_point - SURROGATE_HIGH) << 10) +
		      (low - SURROGATE_LOW);
	return 4;
}

enum ic_utf16_result ic_utf16_to_utf8(const u8 *wire, u32 wire_bytes,
				      char *text, u32 capacity_bytes,
				      u32 *text_bytes)
{
	u32 at = 0, used = 0, code_point, taken, need;

	if (wire_bytes % 2)
		return IC_UTF16_INVALID;
	while (at < wire_bytes && unit_at(wire + at)) {
		taken = utf16_take(wire + at, wire_bytes - at, &code_point);
		if (!taken)
			return IC_UTF16_INVALID;
		at += taken;
		need = utf8_put(code_point, text + used, capacity_bytes - used);
		if (need >= capacity_bytes - used)
			return IC_UTF16_TOO_LONG;
		used += need;
	}
	if (used >= capacity_bytes)
		return IC_UTF16_TOO_LONG;
	text[used] = 0;
	*text_bytes = used;
	return IC_UTF16_OK;
}
