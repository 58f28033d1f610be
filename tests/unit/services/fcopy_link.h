/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * fcopy_link.h - both ends of file copy back to back, with a guest that treats
 * its one file as Linux's daemon does.
 */
#ifndef TESTS_UNIT_SERVICES_FCOPY_LINK_H
#define TESTS_UNIT_SERVICES_FCOPY_LINK_H

#include "tests/unit/services/ic_link.h"

#include "services/fcopy/vsc.h"
#include "services/fcopy/vsp.h"

#define FCOPY_LINK_BYTES (1024 * 1024)

/* What is wrong with the guest. */
enum fcopy_link_fault {
	FCOPY_LINK_SOUND,
	FCOPY_LINK_NO_DAEMON, /* the driver answers IC_E_FAIL */
	FCOPY_LINK_READ_ONLY, /* folders are there, nothing can be created */
	FCOPY_LINK_DISK_FULL, /* at the third block */
	FCOPY_LINK_NO_CANCEL, /* the UIO daemon */
};

struct fcopy_link {
	struct fcopy_vsp vsp;
	struct fcopy_vsc vsc;
	u64 now_100ns;
	/* The guest. */
	enum fcopy_link_fault fault;
	bool uio; /* answers with transaction id ~0 */
	bool folder_there;
	bool file_there;
	bool file_open;
	u32 folders_made;
	u32 start_count; /* that were no question */
	u32 cancel_count;
	u32 complete_count;
	u32 write_count;
	u32 forced_status; /* every answer's, unless 0 */
	u64 file_bytes;
	struct fcopy_request start; /* the newest that was no question */
	/* The host. */
	u64 fill_bytes; /* blocks filled */
};

extern struct fcopy_link fcopy_link;
extern u8 fcopy_link_source[FCOPY_LINK_BYTES];
extern u8 fcopy_link_target[FCOPY_LINK_BYTES];

/* Start anew, with a folder and no file in the guest. */
void fcopy_link_start(const struct fcopy_vsp_options *options);

/* The same, and run until the probe is over. */
void fcopy_link_open(const struct fcopy_vsp_options *options);

/* The host's next packet, with the block that it wants; false for none. */
bool fcopy_link_host_sends(struct ic_link_packet *packet);

/* The guest's answer to it. */
void fcopy_link_guest_answers(const struct ic_link_packet *request,
			      struct ic_link_packet *answer);

enum vmbus_status fcopy_link_host_takes(const struct ic_link_packet *packet);

/* Run until the host has nothing more to send. */
void fcopy_link_run(void);

/* The one event there is, with this status. */
struct fcopy_event fcopy_link_ended(enum fcopy_status status);

#endif
