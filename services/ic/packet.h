/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * packet.h - the two headers of every packet, for both ends of the framework.
 *
 * Here: bytes to checked fields and back. Not here: what a message means. For
 * services/ic/ only; services use ic.h.
 */
#ifndef SERVICES_IC_PACKET_H
#define SERVICES_IC_PACKET_H

#include "services/ic/ic.h"

struct ic_packet {
	struct ic_pipe_header pipe;
	struct ic_header header;
	const u8 *body;
	u32 space_bytes; /* of the pipe message from the body on */
};

/*
 * ic_packet_parse - copy and check both headers of @size_bytes at @data.
 * The payload of a ring packet is padded to 8 bytes, so that the pipe header
 * may tell of less than what is there, but never of more.
 * Returns VMBUS_OK, VMBUS_E_IC_SHORT or VMBUS_E_IC_SIZE.
 */
enum vmbus_status ic_packet_parse(struct ic_packet *packet, const void *data,
				  u32 size_bytes);

/* ic_packet_message - the fields of @packet that services see. */
void ic_packet_message(const struct ic_packet *packet,
		       struct ic_message *message);

/*
 * ic_packet_build - both headers at @buffer, for a body of
 * header->body_bytes. Returns the payload's size, 0 when it does not fit.
 */
u32 ic_packet_build(void *buffer, u32 capacity_bytes, u32 pipe_type,
		    const struct ic_header *header);

/* ic_versions_load - version number @index of an unaligned array. */
u32 ic_versions_load(const u8 *versions, u32 index);

/*
 * ic_service_version_count - how many of the service's versions, from the
 * oldest, are no newer than @newest (0: all). 0 when @newest is none of them.
 */
u32 ic_service_version_count(const struct ic_service *service, u32 newest);

extern const u32 ic_framework_versions[2]; /* oldest first */

#endif
