/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A message from the system bus, and what is read from it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lisd/kvp/dbus.h"
#include "guest/lisd/kvp/dns.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void read_as(const struct dbus_reader *body, u8 what)
{
	struct dbus_reader reader = *body;
	char list[64] = "";

	switch (what % 6) {
	case 0:
		dbus_get_variant(&reader, "a(iiay)");
		(void)dns_resolved(&reader, 2, list, sizeof(list));
		break;
	case 1:
		(void)dns_manager4(&reader, list, sizeof(list));
		break;
	case 2:
		(void)dns_manager6(&reader, list, sizeof(list));
		break;
	case 3:
		assert(strlen(dbus_get_string(&reader)) < DBUS_MESSAGE_BYTES);
		break;
	case 4:
		(void)dbus_get_u32(&reader);
		(void)dbus_get_array(&reader, 8);
		(void)dbus_get_string(&reader);
		break;
	default:
		(void)dns_resolved(&reader, 0, list, sizeof(list));
		break;
	}
	assert(strlen(list) < sizeof(list));
	assert(reader.at <= reader.bytes);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dbus_reader body;
	struct dbus_head head;
	u32 bytes;
	u8 what, *copy;

	if (size < 17)
		return 0;
	what = *data++;
	size--;
	bytes = dbus_length(data);
	if (!bytes || bytes > size)
		return 0;
	copy = malloc(bytes);
	if (!copy)
		return 0;
	memcpy(copy, data, bytes);
	if (dbus_parse(copy, bytes, &head, &body)) {
		assert(strlen(head.error) < DBUS_MESSAGE_BYTES);
		read_as(&body, what);
	}
	free(copy);
	return 0;
}
