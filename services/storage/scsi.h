/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * scsi.h - from a CDB to an answer, or to what is to be done with the medium.
 *
 * Here: the SCSI commands of disks (SPC-4, SBC-3) and DVD drives (MMC-6). Not
 * here: transport (vsp.h), data of the medium (the caller).
 *
 * Use, for each command:
 *
 *	storage_srb_task(&srb, &task); task.nexus, .units, .buffer = ...
 *	if (scsi_begin_io(lun, &task))		(no lock)
 *		step = SCSI_STEP_BLOCK;
 *	else
 *		lock; step = scsi_begin(lun, &task); unlock;
 *	SCSI_STEP_DATA:  copy task.data_bytes bytes of the guest's data into
 *			 task.buffer; lock; step = scsi_data(lun, &task); unlock
 *	SCSI_STEP_BLOCK: do task.block, then scsi_finish(&task, error)
 *	SCSI_STEP_DONE:  for data-in, copy task.data_bytes bytes of task.buffer
 *			 to the guest, as many as it gave room for already
 *	answer with task.result
 */
#ifndef SERVICES_STORAGE_SCSI_H
#define SERVICES_STORAGE_SCSI_H

#include "services/storage/lun.h"
#include "vmbus/status.h"

/* Of task.buffer: the longest parameter list or answer. */
#define SCSI_BUFFER_BYTES 4096u

/* Ranges of one UNMAP (VPD page B0). */
#define SCSI_UNMAP_RANGES_MAX 255u

/* Bytes of one WRITE SAME, and of an UNMAP (VPD page B0). */
#define SCSI_WRITE_SAME_MAX_BYTES 0x10000000u
#define SCSI_UNMAP_MAX_BYTES	  0x40000000ull

enum scsi_step {
	SCSI_STEP_DONE,	 /* task.result is the answer */
	SCSI_STEP_DATA,	 /* the engine needs data-out */
	SCSI_STEP_BLOCK, /* the caller does task.block */
};

enum scsi_block_op {
	SCSI_READ,    /* medium to guest */
	SCSI_WRITE,   /* guest to medium */
	SCSI_FLUSH,   /* all that was written is durable; no range */
	SCSI_VERIFY,  /* can be read; no data goes to the guest */
	SCSI_ZERO,    /* the range reads as zeros afterwards */
	SCSI_PATTERN, /* task.buffer's block_bytes, again and again */
	SCSI_UNMAP,   /* extent_count ranges: scsi_extent() */
};

struct scsi_block {
	u8 op;		/* enum scsi_block_op */
	bool fua;	/* durable before it is answered; SCSI_FLUSH after */
	bool may_unmap; /* SCSI_ZERO: space may be given back */
	u32 pattern_bytes;
	u32 extent_count;
	u64 offset_bytes; /* multiple of the logical block, within the medium */
	u64 size_bytes;	  /* the same; 0: nothing to do but a flush with fua */
};

struct scsi_extent {
	u64 offset_bytes;
	u64 size_bytes;
};

/* How the caller's work on the medium ended. */
enum scsi_error {
	SCSI_OK = 0,
	SCSI_E_IO,	 /* not the medium's fault: internal target failure */
	SCSI_E_MEDIUM,	 /* could not be read or written (EIO) */
	SCSI_E_NO_SPACE, /* ENOSPC, EDQUOT, when it is not waited for */
	SCSI_E_READ_ONLY,
	SCSI_E_OFFLINE,	     /* the backend is gone (ENOTCONN, ENODEV) */
	SCSI_E_BUSY,	     /* EAGAIN, ENOMEM: the guest shall try again */
	SCSI_E_ABORTED,	     /* by a reset */
	SCSI_E_GUEST_MEMORY, /* the guest's pages cannot be reached */
};

/* What a command did besides, for the caller to act upon. */
#define SCSI_NOTICE_EJECT 0x1u /* the guest opened the tray */
#define SCSI_NOTICE_LOAD  0x2u /* the guest closed it */
#define SCSI_NOTICE_ABORT                                                      \
	0x4u /* cancel tasks of the nexuses in abort_nexuses */

struct scsi_task {
	/* The caller's. */
	u8 cdb[STORAGE_CDB_BYTES];
	u8 cdb_bytes;	    /* 1 to 16 */
	u8 nexus;	    /* below LUN_NEXUS_MAX */
	u8 direction;	    /* enum storage_direction */
	u32 transfer_bytes; /* of the guest's data buffer */
	u64 units;	    /* which LUNs the controller has, a bit each */
	bool elsewhere;	    /* for a target that has none of them */
	void *buffer;	    /* SCSI_BUFFER_BYTES, aligned to 8 */

	/* The engine's. */
	struct scsi_block block;
	u32 data_bytes; /* in buffer */
	u32 abort_nexuses;
	u8 notice; /* SCSI_NOTICE_, or-ed; when the step is DONE */
	u8 block_shift;
	struct scsi_result result;
};

/*
 * scsi_begin_io - the short way for READ and WRITE of 6 to 16 bytes on a disk
 * with nothing special about it. Needs no lock and no buffer.
 * Returns true: do task.block. False: nothing happened, call scsi_begin().
 */
bool scsi_begin_io(const struct lun *lun, struct scsi_task *task);

/*
 * scsi_begin - take a command.
 * @lun: NULL when there is no such unit: INQUIRY says so, REPORT LUNS tells
 *       which there are, all others fail with result.no_unit
 * Never fails otherwise than by a result.
 */
enum scsi_step scsi_begin(struct lun *lun, struct scsi_task *task);

/*
 * scsi_data - after SCSI_STEP_DATA: task.data_bytes of the parameter list are
 * in task.buffer. Returns SCSI_STEP_DONE or SCSI_STEP_BLOCK.
 */
enum scsi_step scsi_data(struct lun *lun, struct scsi_task *task);

/* scsi_extent - range @index of an UNMAP, below block.extent_count. */
struct scsi_extent scsi_extent(const struct scsi_task *task, u32 index);

/*
 * scsi_finish - after SCSI_STEP_BLOCK: sets task.result. Needs no lock.
 * @done_bytes: with an error, how far it came, where that is known (for the
 *              block number in the sense data); else 0
 */
void scsi_finish(struct scsi_task *task, enum scsi_error error, u64 done_bytes);

/* scsi_command_name - "READ(10)"; NULL when the operation code is not known. */
const char *scsi_command_name(const u8 *cdb, u32 cdb_bytes);

#endif
