/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of file copy (Guest Service Interface).
 *
 * Here: one copy at a time into the guest. Not here: files of the host; the
 * caller fills the blocks that are asked for.
 *
 * Use: as services/kvp/vsp.h, and while fcopy_vsp_wanted() gives a block: read
 * it from the file into fcopy_vsp_block() and call fcopy_vsp_filled().
 *
 * What Linux does (drivers/hv/hv_fcopy.c and tools/hv/hv_fcopy_daemon.c of 6.1,
 * tools/hv/hv_fcopy_uio_daemon.c from 6.10):
 * - up to 6.9 the driver answers IC_E_FAIL while its daemon is missing, and
 *   after 30 s when it hangs; from 6.10 the channel is opened by the daemon;
 * - the daemon answers a start with 0, IC_E_FILE_EXISTS or IC_E_FAIL, and data
 *   with 0, IC_E_DISK_FULL or IC_E_FAIL;
 * - it creates only those folders that are followed by a slash: one is added;
 * - a name over 259 bytes of UTF-8 is cut off by the driver (utf8_limits);
 * - cancel closes whatever descriptor the last copy had: it is sent only when
 *   a start succeeded. The UIO daemon refuses it, and keeps the file open
 *   until a complete;
 * - the UIO daemon takes one packet per interrupt and answers with transaction
 *   id ~0: never two packets under way;
 * - the UIO daemon (seen with 7.2) takes every name for ASCII and writes to
 * some other place when it is not (utf8_limits).
 *
 * IC_E_FAIL for a start tells nothing, so the engine asks further: a start for
 * the name "." without overwriting changes nothing in the guest, and is
 * answered with IC_E_FILE_EXISTS exactly when its folder is there. So a missing
 * folder, a file that cannot be created and a missing daemon are told apart.
 */
#ifndef SERVICES_FCOPY_VSP_H
#define SERVICES_FCOPY_VSP_H

#include "services/fcopy/service.h"
#include "services/ic/call.h"
#include "services/ic/utf16.h"

/* Space that fcopy_vsp_transmit() may need in a packet's payload. */
#define FCOPY_VSP_PACKET_MAX FCOPY_PACKET_MAX_BYTES

struct fcopy_vsp_options {
	u64 timeout_100ns; /* for each message; 0: 35 s */
	bool utf8_limits;  /* refuse what Linux guests cut off or garble */
};

enum fcopy_status {
	FCOPY_OK = 0,

	/* Refused, nothing was sent. */
	FCOPY_BUSY,	    /* another copy is under way */
	FCOPY_NOT_READY,    /* the guest has not opened or not negotiated */
	FCOPY_NAME_INVALID, /* empty, ".", "..", with a slash, no UTF-8 */
	FCOPY_NAME_TOO_LONG,
	FCOPY_FOLDER_INVALID, /* empty or not valid UTF-8 */
	FCOPY_FOLDER_TOO_LONG,
	FCOPY_FLAGS_INVALID,
	FCOPY_NOT_ASCII, /* which this guest would garble (utf8_limits) */
	FCOPY_FOLDER_TOO_LONG_UIO, /* as it would a folder of over 131 */

	/* How a copy ends. */
	FCOPY_EXISTS,	   /* and FCOPY_OVERWRITE was not given */
	FCOPY_NO_FOLDER,   /* and FCOPY_CREATE_PATH was not given */
	FCOPY_NOT_CREATED, /* the guest could not create the file or folder */
	FCOPY_NO_DAEMON,   /* nothing in the guest takes the file */
	FCOPY_DISK_FULL,
	FCOPY_ACCESS_DENIED,
	FCOPY_NOT_WRITTEN, /* the guest could not write or close the file */
	FCOPY_GUEST_ERROR, /* another one: see guest_status */
	FCOPY_NO_ANSWER,   /* the deadline passed */
	FCOPY_CANCELLED,   /* as asked by fcopy_vsp_cancel() */
	FCOPY_CLOSED,	   /* the channel was closed */
	FCOPY_STATUS_COUNT
};

/*
 * fcopy_status_text - the status as a clause of plain English, without capital
 * and full stop, with the limit where it is one; never NULL.
 */
const char *fcopy_status_text(enum fcopy_status status);

/* The copy ended. */
struct fcopy_event {
	enum fcopy_status status;
	u32 guest_status;  /* HRESULT that the guest answered, 0 without one */
	u64 sent_bytes;	   /* confirmed by the guest */
	bool partial_left; /* a part of the file may be left in the guest */
};

/* Where a copy is; all but idle and wanting have a message under way. */
enum fcopy_vsp_state {
	FCOPY_VSP_IDLE,
	FCOPY_VSP_WANTING, /* waits for the caller to fill the block */
	FCOPY_VSP_STARTING,
	FCOPY_VSP_WRITING,
	FCOPY_VSP_COMPLETING,
	FCOPY_VSP_CANCELLING,
	FCOPY_VSP_CLOSING_FILE,	 /* the guest does not know cancel */
	FCOPY_VSP_ASKING_FOLDER, /* is the folder there? */
	FCOPY_VSP_ASKING_ROOT,	 /* is anybody there? */
	FCOPY_VSP_STATE_COUNT
};

struct fcopy_vsp {
	struct ic_vsp ic;
	struct ic_call call;
	struct fcopy_vsp_options options;
	enum fcopy_vsp_state state;
	enum fcopy_vsp_state late_state; /* of what was given up on */
	bool quiet; /* not for a user: a probe, or a late cancel */
	bool probe_wanted;
	bool cancel_wanted;
	bool cancel_owed; /* when the late answer comes */
	bool partial_left;
	bool contact;  /* somebody in the guest takes files */
	bool answered; /* some answer came since init */
	bool silent;   /* the newest message was not answered in time */
	bool uio;      /* Linux's UIO daemon answers */
	bool event_ready;
	u32 flags;
	u32 block_bytes;
	u32 guest_status;
	enum fcopy_status outcome; /* of a copy that is being cancelled */
	u64 size_bytes;
	u64 sent_bytes;
	struct fcopy_event event;
	u8 folder[FCOPY_NAME_UNITS * 2]; /* UTF-16, zero behind its end */
	u8 name[FCOPY_NAME_UNITS * 2];
	u8 block[FCOPY_BLOCK_BYTES];
};

/*
 * fcopy_vsp_init - make ready for a channel that was just opened. A probe is
 * sent as soon as versions are settled.
 * @options: copied; NULL for all defaults
 * Returns VMBUS_OK.
 */
enum vmbus_status fcopy_vsp_init(struct fcopy_vsp *vsp,
				 const struct fcopy_vsp_options *options);

/*
 * fcopy_vsp_receive - take one packet from the guest; as kvp_vsp_receive().
 * Returns VMBUS_OK, VMBUS_AGAIN (take the event first), or those of
 * ic_vsp_receive(), also VMBUS_E_IC_SHORT (an answer without a header).
 */
enum vmbus_status fcopy_vsp_receive(struct fcopy_vsp *vsp, const void *data,
				    u32 size_bytes, u64 transaction_id,
				    u64 now_100ns);

/* fcopy_vsp_transmit - the next packet's payload; as kvp_vsp_transmit(). */
u32 fcopy_vsp_transmit(struct fcopy_vsp *vsp, u64 now_100ns, void *buffer,
		       u32 capacity_bytes, u64 *transaction_id);

/* fcopy_vsp_deadline_100ns - when to call transmit again; IC_NEVER: no need. */
u64 fcopy_vsp_deadline_100ns(const struct fcopy_vsp *vsp);

/*
 * fcopy_vsp_next_event - how the copy ended, once per copy that
 * fcopy_vsp_start() accepted. Returns false when it has not.
 */
bool fcopy_vsp_next_event(struct fcopy_vsp *vsp, struct fcopy_event *event);

/* fcopy_vsp_status - measured, as kvp_vsp_status(). */
enum ic_status fcopy_vsp_status(const struct fcopy_vsp *vsp, u64 now_100ns);

/* fcopy_vsp_detail - that of ic_vsp_detail(). */
enum ic_detail fcopy_vsp_detail(const struct fcopy_vsp *vsp, u64 now_100ns);

/* fcopy_vsp_probe - as kvp_vsp_probe(): FCOPY_OK or FCOPY_NOT_READY. */
enum fcopy_status fcopy_vsp_probe(struct fcopy_vsp *vsp, u64 now_100ns);

/*
 * fcopy_vsp_start - copy a file.
 * @folder: where to in the guest, UTF-8, absolute
 * @name: the file's name there, UTF-8
 * @flags: FCOPY_OVERWRITE, FCOPY_CREATE_PATH, or-ed
 * @size_bytes: of the file, may be 0
 * Returns FCOPY_OK when it began: one event follows. Else the reason:
 * FCOPY_BUSY, FCOPY_NOT_READY, FCOPY_NO_ANSWER (the guest still owes an answer
 * to an earlier copy), or what is wrong with the arguments.
 */
enum fcopy_status fcopy_vsp_start(struct fcopy_vsp *vsp, const char *folder,
				  const char *name, u32 flags, u64 size_bytes,
				  u64 now_100ns);

/*
 * fcopy_vsp_wanted - whether the caller must fill a block now.
 * @offset, @size_bytes: set to what part of the file; size is 1 to
 *                       FCOPY_BLOCK_BYTES
 */
bool fcopy_vsp_wanted(const struct fcopy_vsp *vsp, u64 *offset,
		      u32 *size_bytes);

/* fcopy_vsp_block - FCOPY_BLOCK_BYTES of memory to read the block into. */
void *fcopy_vsp_block(struct fcopy_vsp *vsp);

/*
 * fcopy_vsp_filled - the wanted block is there. If it cannot be read, call
 * fcopy_vsp_cancel() instead. Returns VMBUS_OK, or VMBUS_BAD_ARGUMENT when none
 * was wanted.
 */
enum vmbus_status fcopy_vsp_filled(struct fcopy_vsp *vsp, u64 now_100ns);

/*
 * fcopy_vsp_cancel - stop the copy; the event follows when the guest has
 * removed its part. Returns FCOPY_OK, also when it is already ending;
 * FCOPY_NOT_READY when no copy is under way.
 */
enum fcopy_status fcopy_vsp_cancel(struct fcopy_vsp *vsp, u64 now_100ns);

/* fcopy_vsp_progress - bytes confirmed by the guest, and the file's size. */
void fcopy_vsp_progress(const struct fcopy_vsp *vsp, u64 *sent_bytes,
			u64 *size_bytes);

/* fcopy_vsp_closed - the channel was closed: a copy ends with FCOPY_CLOSED. */
void fcopy_vsp_closed(struct fcopy_vsp *vsp);

#endif
