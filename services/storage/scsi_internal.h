/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* scsi_internal.h - what the files of SCSI commands share. */
#ifndef SERVICES_STORAGE_SCSI_INTERNAL_H
#define SERVICES_STORAGE_SCSI_INTERNAL_H

#include "services/storage/bytes.h"
#include "services/storage/lun_internal.h"
#include "services/storage/scsi.h"

/* For which units, and what must be so before the handler is called. */
#define COMMAND_DISK	0x01u
#define COMMAND_DVD	0x02u
#define COMMAND_ALL	(COMMAND_DISK | COMMAND_DVD)
#define COMMAND_READY	0x04u /* the medium can be used */
#define COMMAND_EXEMPT	0x08u /* no unit attention in its place */
#define COMMAND_PROTECT 0x10u /* refused on a write-protected unit */
/* Under another's reservation: neither flag: the handler decides (which is
 * "always" for most). */
#define COMMAND_READS  0x20u /* conflicts with exclusive access */
#define COMMAND_WRITES 0x40u /* conflicts with any */
#define COMMAND_THIN   0x80u /* of thinly provisioned disks */

/* The command has no service actions. */
#define COMMAND_NO_ACTION 0xffu

/* One row of the table of commands. */
struct scsi_command {
	u8 opcode;
	u8 action; /* service action, in the low 5 bits of byte 1 */
	u8 flags;
	const char *name;
	enum scsi_step (*begin)(struct lun *lun, struct scsi_task *task);
	/* After SCSI_STEP_DATA. */
	enum scsi_step (*data)(struct lun *lun, struct scsi_task *task);
	u8 usage[STORAGE_CDB_BYTES]; /* which bits count, from byte 1 on */
};

extern const struct scsi_command scsi_disk_commands[];
extern const u32 scsi_disk_command_count;
extern const struct scsi_command scsi_dvd_commands[];
extern const u32 scsi_dvd_command_count;

/* The row for @opcode and @action of a unit; NULL when it has none.
 * @opcode_known: whether it has one for another service action */
const struct scsi_command *scsi_find(const struct lun *lun, u8 opcode,
				     u8 action, bool *opcode_known);

/* Row @index of those that the unit has; NULL behind the last. */
const struct scsi_command *scsi_row(const struct lun *lun, u32 index);

/* Length of a CDB by its operation code's group (SPC-4 table 18). */
u32 scsi_cdb_bytes(u8 opcode);

/* ---- ends of a handler ---- */

/* GOOD, without data. */
enum scsi_step scsi_good(struct scsi_task *task);

/* CHECK CONDITION. */
enum scsi_step scsi_fail(struct scsi_task *task, enum sense_code code);

/* The same, ILLEGAL REQUEST with the byte of the CDB (INVALID FIELD IN CDB), or
 * of the parameter list. @bit: the leftmost wrong one, 8: all of the byte. */
enum scsi_step scsi_bad_cdb(struct scsi_task *task, u16 byte, u8 bit);
enum scsi_step scsi_bad_parameter(struct scsi_task *task, u16 byte, u8 bit);

/*
 * GOOD, with the first @bytes of task.buffer as data-in, as many as @allocation
 * (the CDB's allocation length) and the guest's buffer take.
 */
enum scsi_step scsi_answer(struct scsi_task *task, u32 bytes, u32 allocation);

/* Ask for a parameter list of @bytes (not 0); fails when the guest has less. */
enum scsi_step scsi_want(struct scsi_task *task, u32 bytes);

/* The buffer, with its first @bytes zero. */
u8 *scsi_clear(struct scsi_task *task, u32 bytes);

/* ---- blocks (block.c) ---- */

struct scsi_range {
	u64 block;
	u64 count;
};

/* Block and count of a CDB with 6, 10, 12 or 16 bytes in the usual places. */
struct scsi_range scsi_range(const u8 *cdb);

/* A block operation on @range, checked against the end of the medium. */
enum scsi_step scsi_block(struct lun *lun, struct scsi_task *task,
			  enum scsi_block_op op, struct scsi_range range);

/* ---- reservations (reserve.c) ---- */

/* Whether another's reservation forbids a command of these flags. */
bool scsi_conflicts(const struct lun *lun, u8 nexus, u8 flags);
enum scsi_step scsi_conflict(struct scsi_task *task);

/* ---- handlers, by file ---- */

/* inquiry.c */
enum scsi_step scsi_inquiry(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_inquiry_absent(struct scsi_task *task);
/* report.c */
enum scsi_step scsi_test_unit_ready(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_request_sense(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_report_luns(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_log_sense(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_send_diagnostic(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_report_opcodes(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_report_management(struct lun *lun, struct scsi_task *task);
/* mode.c */
enum scsi_step scsi_mode_sense(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_mode_select(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_mode_select_data(struct lun *lun, struct scsi_task *task);
/* block.c */
enum scsi_step scsi_read(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_write(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_write_verify(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_verify(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_synchronize(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_capacity_10(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_capacity_16(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_start_stop(struct lun *lun, struct scsi_task *task);
/* provision.c */
enum scsi_step scsi_write_same(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_write_same_data(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_unmap(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_unmap_data(struct lun *lun, struct scsi_task *task);
/* reserve.c */
enum scsi_step scsi_reserve_in(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_reserve_out(struct lun *lun, struct scsi_task *task);
enum scsi_step scsi_reserve_out_data(struct lun *lun, struct scsi_task *task);

#endif
