/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * scsi_rig.h - a logical unit with a medium in memory.
 *
 * Here: what a caller of scsi.h does, in one call. Not here: a transport.
 */
#ifndef TESTS_UNIT_SERVICES_STORAGE_SCSI_RIG_H
#define TESTS_UNIT_SERVICES_STORAGE_SCSI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/storage/bytes.h"
#include "services/storage/scsi.h"

#define RIG_DATA_BYTES	 0x100000u
#define RIG_MEDIUM_BYTES 0x400000u /* of memory; a unit may claim more */

struct rig {
	struct lun lun;
	bool absent;	/* commands are for a unit that is not there */
	bool elsewhere; /* and neither is the target */
	u8 nexus;
	u64 units;
	enum scsi_error fail; /* of the next block operation */
	u64 fail_at;	      /* how far that one came */
	struct scsi_task task;
	enum scsi_step first_step;
	u32 flushes;
	u32 unmapped;	/* ranges */
	bool short_way; /* the last command went it */
	u8 *medium;
	u8 *data; /* the guest's buffer */
	u64 buffer[SCSI_BUFFER_BYTES / 8];
};

/* A unit with power-on told already to each nexus. Ends the test on failure. */
void rig_make(struct rig *rig, const struct lun_options *options);

/* A thin disk of 4 MiB with 512-byte blocks and a write cache. */
void rig_disk(struct rig *rig);
void rig_free(struct rig *rig);

/* Run a command; the block operation is done on the medium. The CDB is padded
 * with zeros. Returns the status. */
u8 rig_run(struct rig *rig, u8 direction, u32 transfer_bytes, const u8 *cdb,
	   u32 cdb_bytes);

#define RUN(rig, direction, bytes, ...)                                        \
	rig_run(rig, direction, bytes, (const u8[]){ __VA_ARGS__ },            \
		sizeof((const u8[]){ __VA_ARGS__ }))
#define IN(rig, bytes, ...)  RUN(rig, STORAGE_DATA_IN, bytes, __VA_ARGS__)
#define OUT(rig, bytes, ...) RUN(rig, STORAGE_DATA_OUT, bytes, __VA_ARGS__)
#define NO(rig, ...)	     RUN(rig, STORAGE_DATA_UNSPECIFIED, 0, __VA_ARGS__)

/* Sense key and codes of the last answer: 0xKKAAQQ. */
u32 rig_sense(const struct rig *rig);

/* The field that its sense data points at, ~0: none. */
u32 rig_field(const struct rig *rig);

#define assert_good(expression) assert_int_equal(expression, SCSI_GOOD)
#define assert_sense(rig, expression, code)                                    \
	do {                                                                   \
		assert_int_equal(expression, SCSI_CHECK_CONDITION);            \
		assert_int_equal(rig_sense(rig), code);                        \
	} while (0)
#define assert_bad_cdb(rig, expression, byte)                                  \
	do {                                                                   \
		assert_sense(rig, expression, SENSE_FIELD_IN_CDB);             \
		assert_int_equal(rig_field(rig), byte);                        \
	} while (0)

#endif
