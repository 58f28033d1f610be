/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int lis_error_set(struct lis_error *err, int code, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return -code;
}

int lis_error_prefix(struct lis_error *err, int code, const char *format, ...)
{
	struct lis_error cause;
	va_list args;
	size_t length;

	if (!err)
		return code;
	cause = *err;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	length = strlen(err->text);
	snprintf(err->text + length, sizeof(err->text) - length, ": %s",
		 cause.text);
	return code;
}
