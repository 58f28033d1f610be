/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * pcapng.h - traces as files for other tools.
 *
 * Here: pcapng files with the link type LINKTYPE_USER0 and the pseudo header of
 * docs/trace.md. Not here: blocks (host/pcapng); decoding (decode.h), whose
 * line goes into each packet's comment.
 */
#ifndef HOST_TRACE_PCAPNG_H
#define HOST_TRACE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vmbus/port.h"

#define PCAPNG_LINKTYPE_USER0 147
#define PCAPNG_PSEUDO_BYTES   16
#define PCAPNG_PSEUDO_VERSION 1

/* One message or packet, with what the pseudo header tells of it. */
struct pcapng_record {
	u64 time_ns;  /* since 1970-01-01 UTC */
	bool to_host; /* else to the guest */
	bool packet;  /* of a ring, else a channel message */
	u32 relid;    /* 0: none */
	u32 vp;	      /* of a message; ~0: none */
	u8 service;   /* 1 + enum service_index; 0: none of them */
	u64 lost;     /* records dropped just before this one */
	const void *data;
	size_t size_bytes;   /* up to 1 MiB */
	const char *comment; /* NULL: none */
};

/*
 * Writes the blocks that begin a file: section header and one interface, whose
 * description is vm_name.
 * Returns 0; -EIO when a write failed; -EINVAL: the name is too long.
 */
int pcapng_begin(FILE *file, const char *vm_name);

/* Writes one record; one thread. Returns 0; -EIO; -EINVAL: too large. */
int pcapng_write(FILE *file, const struct pcapng_record *record);

#endif
