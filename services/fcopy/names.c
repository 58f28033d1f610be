// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* File and folder of a copy, as the start message wants them. */
#include "services/fcopy/names.h"

#define NAME_BYTES (FCOPY_NAME_UNITS * 2)

/* What Linux's driver has room for, without terminator (hv_fcopy.c). */
#define UTF8_LIMIT_BYTES 259

/* The UIO daemon looks beyond the folder when it is longer (seen with 7.2). */
#define UIO_FOLDER_UNITS 131

/* Counting no further than what is refused anyhow. */
static u32 text_bytes(const char *text)
{
	return utf16_text_bytes(text, FCOPY_NAME_UNITS * 4);
}

static bool is_file_name(const char *name, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i++) {
		if (name[i] == '/')
			return false;
	}
	if (bytes <= 2 && name[0] == '.' && (bytes == 1 || name[1] == '.'))
		return false;
	return bytes != 0;
}

enum fcopy_status fcopy_name_write(u8 *units, const char *name,
				   bool utf8_limits)
{
	u32 bytes = text_bytes(name);

	if (!is_file_name(name, bytes))
		return FCOPY_NAME_INVALID;
	port_fill(units, 0, NAME_BYTES);
	switch (utf16_from_utf8(units, FCOPY_NAME_UNITS, NULL, name)) {
	case UTF16_OK:
		break;
	case UTF16_TOO_LONG:
		return FCOPY_NAME_TOO_LONG;
	default:
		return FCOPY_NAME_INVALID;
	}
	if (utf8_limits && bytes > UTF8_LIMIT_BYTES)
		return FCOPY_NAME_TOO_LONG;
	return FCOPY_OK;
}

enum fcopy_status fcopy_folder_write(u8 *units, const char *folder,
				     bool utf8_limits)
{
	u32 bytes = text_bytes(folder), count;
	bool add_slash;

	if (!bytes)
		return FCOPY_FOLDER_INVALID;
	add_slash = folder[0] == '/' && folder[bytes - 1] != '/';
	port_fill(units, 0, NAME_BYTES);
	switch (utf16_from_utf8(units, FCOPY_NAME_UNITS, &count, folder)) {
	case UTF16_OK:
		break;
	case UTF16_TOO_LONG:
		return FCOPY_FOLDER_TOO_LONG;
	default:
		return FCOPY_FOLDER_INVALID;
	}
	if (count + add_slash > FCOPY_NAME_UNITS ||
	    (utf8_limits && bytes + add_slash > UTF8_LIMIT_BYTES))
		return FCOPY_FOLDER_TOO_LONG;
	if (add_slash)
		units[(count - 1) * 2] = '/';
	return FCOPY_OK;
}

static bool is_ascii(const u8 *units)
{
	u32 i;

	for (i = 0; i < FCOPY_NAME_UNITS; i++) {
		if (units[i * 2] > 0x7f || units[i * 2 + 1])
			return false;
	}
	return true;
}

enum fcopy_status fcopy_uio_check(const u8 *name, const u8 *folder)
{
	if (!is_ascii(name) || !is_ascii(folder))
		return FCOPY_NOT_ASCII;
	if (utf16_length(folder, FCOPY_NAME_UNITS) > UIO_FOLDER_UNITS)
		return FCOPY_FOLDER_TOO_LONG_UIO;
	return FCOPY_OK;
}
