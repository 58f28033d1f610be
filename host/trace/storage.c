/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/trace/storage.h"

#include <stdbool.h>
#include <string.h>

#include "services/storage/scsi.h"
#include "services/storage/wire.h"

#define FIELDS_END                                                             \
	{                                                                      \
		NULL, 0, 0, 0, 0                                               \
	}

/* enum vstor_packet_operation of Linux, without the prefix. */
static const char *const operations[STORAGE_OPERATION_COUNT] = {
	[STORAGE_COMPLETE_IO] = "COMPLETE_IO",
	[STORAGE_REMOVE_DEVICE] = "REMOVE_DEVICE",
	[STORAGE_EXECUTE_SRB] = "EXECUTE_SRB",
	[STORAGE_RESET_LUN] = "RESET_LUN",
	[STORAGE_RESET_ADAPTER] = "RESET_ADAPTER",
	[STORAGE_RESET_BUS] = "RESET_BUS",
	[STORAGE_BEGIN_INITIALIZATION] = "BEGIN_INITIALIZATION",
	[STORAGE_END_INITIALIZATION] = "END_INITIALIZATION",
	[STORAGE_QUERY_PROTOCOL_VERSION] = "QUERY_PROTOCOL_VERSION",
	[STORAGE_QUERY_PROPERTIES] = "QUERY_PROPERTIES",
	[STORAGE_ENUMERATE_BUS] = "ENUMERATE_BUS",
	[STORAGE_FCHBA_DATA] = "FCHBA_DATA",
	[STORAGE_CREATE_SUB_CHANNELS] = "CREATE_SUB_CHANNELS",
	[STORAGE_EVENT_NOTIFICATION] = "EVENT_NOTIFICATION",
};
static const char *const directions[] = { "out", "in", "unspecified" };

#define BODY(member) offsetof(struct storage_packet, member)
static const struct trace_field place_fields[] = {
	{ "path", BODY(srb.path), TRACE_U8, 0, NULL },
	{ "target", BODY(srb.target), TRACE_U8, 0, NULL },
	{ "lun", BODY(srb.lun), TRACE_U8, 0, NULL },
	FIELDS_END,
};
static const struct trace_field request_fields[] = {
	{ "data", BODY(srb.data_in), TRACE_ENUM8, 3, directions },
	{ "bytes", BODY(srb.transfer_bytes), TRACE_U32, 0, NULL },
	FIELDS_END,
};
static const struct trace_field version_fields[] = {
	{ "revision", BODY(version.revision), TRACE_U16, 0, NULL },
	FIELDS_END,
};
static const struct trace_field sub_channel_fields[] = {
	{ "count", BODY(sub_channels), TRACE_U16, 0, NULL },
	FIELDS_END,
};
static const struct trace_field status_fields[] = {
	{ "status", offsetof(struct storage_header, status), TRACE_RESULT32, 0,
	  NULL },
	FIELDS_END,
};

static void cdb_add(struct trace_line *line,
		    const struct storage_packet *packet)
{
	u32 bytes = packet->srb.cdb_length;
	const char *name;

	if (bytes > STORAGE_CDB_BYTES)
		bytes = STORAGE_CDB_BYTES;
	name = bytes ? scsi_command_name(packet->srb.cdb, bytes) : NULL;
	trace_line_add(line, " %s ", name ? name : "cdb");
	trace_line_bytes(line, packet->srb.cdb, bytes);
}

static void sense_add(struct trace_line *line,
		      const struct storage_packet *packet)
{
	u32 bytes = packet->srb.sense_length;

	if (!(packet->srb.srb_status & STORAGE_SRB_AUTOSENSE_VALID))
		return;
	if (bytes > STORAGE_SENSE_BYTES)
		bytes = STORAGE_SENSE_BYTES;
	trace_line_add(line, " sense=");
	trace_line_bytes(line, packet->srb.sense, bytes);
}

/* What a completion answers is not in it; that of an SRB has its length. */
static bool is_srb(const struct storage_packet *packet)
{
	return packet->srb.length == STORAGE_SRB_BYTES ||
	       packet->srb.length == STORAGE_SRB_BYTES_OLD;
}

static void completion_add(struct trace_line *line,
			   const struct storage_packet *packet)
{
	trace_line_fields(line, status_fields, (const u8 *)packet,
			  sizeof(*packet));
	if (!is_srb(packet))
		return;
	trace_line_add(line, " srb=0x%02x scsi=0x%02x bytes=%u",
		       packet->srb.srb_status, packet->srb.scsi_status,
		       packet->srb.transfer_bytes);
	sense_add(line, packet);
}

static void body_add(struct trace_line *line,
		     const struct storage_packet *packet)
{
	const u8 *bytes = (const u8 *)packet;

	switch (packet->header.operation) {
	case STORAGE_EXECUTE_SRB:
		trace_line_fields(line, place_fields, bytes, sizeof(*packet));
		cdb_add(line, packet);
		trace_line_fields(line, request_fields, bytes, sizeof(*packet));
		break;
	case STORAGE_RESET_LUN:
		trace_line_fields(line, place_fields, bytes, sizeof(*packet));
		break;
	case STORAGE_COMPLETE_IO:
		completion_add(line, packet);
		break;
	case STORAGE_QUERY_PROTOCOL_VERSION:
		trace_line_add(line, " version=%u.%u",
			       packet->version.version >> 8,
			       packet->version.version & 0xff);
		trace_line_fields(line, version_fields, bytes, sizeof(*packet));
		break;
	case STORAGE_CREATE_SUB_CHANNELS:
		trace_line_fields(line, sub_channel_fields, bytes,
				  sizeof(*packet));
		break;
	default:
		break;
	}
}

void trace_storage_add(struct trace_line *line, const u8 *payload,
		       size_t payload_bytes)
{
	struct storage_packet packet = { 0 };
	u32 operation;

	if (payload_bytes < STORAGE_PACKET_BYTES_OLD) {
		trace_line_add(line, " (no vstor packet): ");
		trace_line_bytes(line, payload, payload_bytes);
		return;
	}
	memcpy(&packet, payload,
	       payload_bytes < sizeof(packet) ? payload_bytes : sizeof(packet));
	operation = packet.header.operation;
	if (operation < STORAGE_OPERATION_COUNT && operations[operation])
		trace_line_add(line, " %s", operations[operation]);
	else
		trace_line_add(line, " operation %u", operation);
	body_add(line, &packet);
}
