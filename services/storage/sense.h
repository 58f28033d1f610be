/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sense.h - SCSI status and sense data.
 *
 * Here: codes, building fixed sense data, reading it. Not here: which command
 * fails how (scsi.h).
 *
 * Sources: SAM-5 (status), SPC-4 4.5 (sense data) and annex D.2 (additional
 * sense codes).
 */
#ifndef SERVICES_STORAGE_SENSE_H
#define SERVICES_STORAGE_SENSE_H

#include "services/storage/wire.h"

enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_CONDITION_MET = 0x04,
	SCSI_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
	SCSI_TASK_SET_FULL = 0x28,
	SCSI_TASK_ABORTED = 0x40,
};

enum sense_key {
	SENSE_NO_SENSE = 0x0,
	SENSE_RECOVERED_ERROR = 0x1,
	SENSE_NOT_READY = 0x2,
	SENSE_MEDIUM_ERROR = 0x3,
	SENSE_HARDWARE_ERROR = 0x4,
	SENSE_ILLEGAL_REQUEST = 0x5,
	SENSE_UNIT_ATTENTION = 0x6,
	SENSE_DATA_PROTECT = 0x7,
	SENSE_ABORTED_COMMAND = 0xb,
	SENSE_MISCOMPARE = 0xe,
};

/* Key, additional sense code and its qualifier in one: 0xKKAAQQ. */
enum sense_code {
	SENSE_NONE = 0x000000,
	SENSE_NOT_READY_CAUSE_UNKNOWN = 0x020400,
	SENSE_BECOMING_READY = 0x020401,
	SENSE_UNIT_STOPPED = 0x020402, /* initializing command required */
	SENSE_NO_MEDIUM = 0x023a00,
	SENSE_NO_MEDIUM_TRAY_OPEN = 0x023a02,
	SENSE_WRITE_ERROR = 0x030c00,
	SENSE_READ_ERROR = 0x031100,
	SENSE_INTERNAL_FAILURE = 0x044400,
	SENSE_PARAMETER_LENGTH = 0x051a00, /* parameter list length error */
	SENSE_OPERATION_CODE = 0x052000,
	SENSE_LBA_RANGE = 0x052100,
	SENSE_FIELD_IN_CDB = 0x052400,
	SENSE_UNIT_NOT_SUPPORTED = 0x052500,
	SENSE_FIELD_IN_PARAMETERS = 0x052600,
	SENSE_PARAMETER_VALUE = 0x052602,
	SENSE_RELEASE_RESERVATION = 0x052604, /* invalid release */
	SENSE_SAVING_NOT_SUPPORTED = 0x053900,
	SENSE_MEDIUM_REMOVAL_PREVENTED = 0x055302,
	SENSE_REGISTRATION_RESOURCES = 0x055504,
	SENSE_MODE_FOR_TRACK = 0x056400, /* illegal mode for this track */
	SENSE_MEDIUM_CHANGED = 0x062800,
	SENSE_POWER_ON = 0x062900, /* power on, reset or bus device reset */
	SENSE_BUS_RESET = 0x062902,
	SENSE_DEVICE_RESET = 0x062903,
	SENSE_MODE_CHANGED = 0x062a01,
	SENSE_RESERVATIONS_PREEMPTED = 0x062a03,
	SENSE_RESERVATIONS_RELEASED = 0x062a04,
	SENSE_REGISTRATIONS_PREEMPTED = 0x062a05,
	SENSE_CAPACITY_CHANGED = 0x062a09,
	SENSE_INQUIRY_CHANGED = 0x063f03,
	SENSE_LUNS_CHANGED = 0x063f0e,
	SENSE_WRITE_PROTECTED = 0x072700,
	SENSE_SPACE_ALLOCATION = 0x072707,
	SENSE_OVERLAPPED = 0x0b4e00,
	SENSE_MISCOMPARE_VERIFY = 0x0e1d00,
};

#define SENSE_FIXED_BYTES 18u

/* How a command ended. */
struct scsi_result {
	u8 status;	 /* enum scsi_status */
	u8 sense_bytes;	 /* 0 without sense data */
	bool no_unit;	 /* there is no such logical unit */
	u32 transferred; /* bytes of data moved */
	u8 sense[STORAGE_SENSE_BYTES];
};

/*
 * sense_set - make @result a CHECK CONDITION with fixed format sense data.
 * Nothing was transferred.
 */
void sense_set(struct scsi_result *result, enum sense_code code);

/*
 * sense_set_field - the same, pointing at the byte of the CDB or the parameter
 * list that is wrong (SPC-4 4.5.2.4.2).
 * @bit: its leftmost wrong bit, 0 to 7; more: none told
 */
void sense_set_field(struct scsi_result *result, enum sense_code code, u16 byte,
		     u8 bit);

/* sense_set_information - the same, with the number of the block, where 32 bits
 * hold it. */
void sense_set_information(struct scsi_result *result, enum sense_code code,
			   u64 information);

/* sense_read - key and codes out of sense data of either format; SENSE_NONE
 * when it is none. */
u32 sense_read(const u8 *sense, u32 sense_bytes);

#endif
