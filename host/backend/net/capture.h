/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * capture.h - frames of one port as a pcapng file.
 *
 * Here: the ring between workers and a writing thread, and the file's blocks.
 * Not here: what is captured (queue.c), who may have it (host/control).
 *
 * Frames are as they pass between guest and port: segments are not cut yet,
 * checksums may be unfinished, tags are in the frame. Direction "inbound" is
 * to the guest.
 *
 * Source: draft-ietf-opsawg-pcapng, 4.1 to 4.3 and 4.6.
 */
#ifndef HOST_BACKEND_NET_CAPTURE_H
#define HOST_BACKEND_NET_CAPTURE_H

#include <sys/uio.h>

#include "host/vm/error.h"
#include "vmbus/port.h"

struct net_capture;

struct net_capture_options {
	int fd;		    /* file, pipe or socket; the capture's */
	u32 snap_bytes;	    /* of each frame, at most; 0: all */
	u32 ring_bytes;	    /* frames that wait for the writer; 0: 4 MiB */
	u32 close_ms;	    /* to write them in at the end; 0: 500 */
	const char *name;   /* of the interface, as people know it */
	const char *vm;	    /* its description */
	const char *writer; /* the section's application: "lis 1.2.3" */
};

struct net_capture_counters {
	u64 frames;  /* that went into the ring */
	u64 dropped; /* the writer was too slow for them */
	int error;   /* negative errno that ended the writing, or 0 */
};

/**
 * net_capture_open - begin a file and the thread that writes it.
 * @options: copied
 *
 * Result: 0, -ENOMEM or what the kernel says to a thread, negative. The fd is
 * closed in any case.
 */
int net_capture_open(struct net_capture **capture,
		     const struct net_capture_options *options,
		     struct lis_error *err);

/**
 * net_capture_close - write what waits, for close_ms at most, and end.
 *
 * No port has the capture any more. NULL does nothing.
 */
void net_capture_close(struct net_capture *capture);

/**
 * net_capture_frame - one frame of @bytes; never waits for the writer.
 *
 * Any thread; frames of several threads are in the order of these calls.
 */
void net_capture_frame(struct net_capture *capture, bool to_guest,
		       const struct iovec *pieces, int piece_count,
		       size_t bytes);

/* net_capture_counters - any thread. */
void net_capture_counters(struct net_capture *capture,
			  struct net_capture_counters *counters);

#endif
