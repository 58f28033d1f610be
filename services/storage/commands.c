// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The tables of commands. A row's last column is its CDB usage data. */
#include "services/storage/dvd.h"

#define NONE COMMAND_NO_ACTION

/* Usage of the block and count bytes in CDBs of 10, 12 and 16 bytes. */
#define RANGE_10 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04
#define RANGE_12 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04
#define RANGE_16                                                               \
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,      \
		0xff, 0, 0x04

/* What a disk's commands need before they begin. */
#define DISK	  COMMAND_DISK
#define DISK_READ (COMMAND_DISK | COMMAND_READY | COMMAND_READS)
#define DISK_WRITE                                                             \
	(COMMAND_DISK | COMMAND_READY | COMMAND_WRITES | COMMAND_PROTECT)
#define DISK_FLUSH (COMMAND_DISK | COMMAND_READY | COMMAND_WRITES)
#define DVD	   COMMAND_DVD
#define DVD_READ   (COMMAND_DVD | COMMAND_READY | COMMAND_READS)

/* Usage from byte 1 on; byte 0 is the operation code. */
#define ROW(opcode, action, flags, name, begin, data, ...)                     \
	{                                                                      \
		opcode, action, flags, name, begin, data,                      \
		{                                                              \
			0, __VA_ARGS__                                         \
		}                                                              \
	}

const struct scsi_command scsi_disk_commands[] = {
	ROW(0x00, NONE, DISK | COMMAND_READY, "TEST UNIT READY",
	    scsi_test_unit_ready, NULL, 0, 0, 0, 0, 0x04),
	ROW(0x03, NONE, DISK | COMMAND_EXEMPT, "REQUEST SENSE",
	    scsi_request_sense, NULL, 0x01, 0, 0, 0xff, 0x04),
	ROW(0x08, NONE, DISK_READ, "READ(6)", scsi_read, NULL, 0x1f, 0xff, 0xff,
	    0xff, 0x04),
	ROW(0x0a, NONE, DISK_WRITE, "WRITE(6)", scsi_write, NULL, 0x1f, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x12, NONE, DISK | COMMAND_EXEMPT, "INQUIRY", scsi_inquiry, NULL,
	    0x01, 0xff, 0xff, 0xff, 0x04),
	ROW(0x15, NONE, DISK | COMMAND_WRITES, "MODE SELECT(6)",
	    scsi_mode_select, scsi_mode_select_data, 0x11, 0, 0, 0xff, 0x04),
	ROW(0x1a, NONE, DISK | COMMAND_READS, "MODE SENSE(6)", scsi_mode_sense,
	    NULL, 0x08, 0xff, 0xff, 0xff, 0x04),
	ROW(0x1b, NONE, DISK, "START STOP UNIT", scsi_start_stop, NULL, 0x01, 0,
	    0x0f, 0xf7, 0x04),
	ROW(0x1d, NONE, DISK | COMMAND_WRITES, "SEND DIAGNOSTIC",
	    scsi_send_diagnostic, NULL, 0xf4, 0, 0xff, 0xff, 0x04),
	ROW(0x25, NONE, DISK | COMMAND_READY, "READ CAPACITY(10)",
	    scsi_capacity_10, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0x04),
	ROW(0x28, NONE, DISK_READ, "READ(10)", scsi_read, NULL, 0x18, RANGE_10),
	ROW(0x2a, NONE, DISK_WRITE, "WRITE(10)", scsi_write, NULL, 0x18,
	    RANGE_10),
	ROW(0x2e, NONE, DISK_WRITE, "WRITE AND VERIFY(10)", scsi_write_verify,
	    NULL, 0x10, RANGE_10),
	ROW(0x2f, NONE, DISK_READ, "VERIFY(10)", scsi_verify, NULL, 0x10,
	    RANGE_10),
	ROW(0x35, NONE, DISK_FLUSH, "SYNCHRONIZE CACHE(10)", scsi_synchronize,
	    NULL, 0x02, RANGE_10),
	ROW(0x41, NONE, DISK_WRITE, "WRITE SAME(10)", scsi_write_same,
	    scsi_write_same_data, 0x08, RANGE_10),
	ROW(0x42, NONE, DISK_WRITE | COMMAND_THIN, "UNMAP", scsi_unmap,
	    scsi_unmap_data, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x4d, NONE, DISK, "LOG SENSE", scsi_log_sense, NULL, 0, 0xff, 0, 0,
	    0xff, 0xff, 0xff, 0xff, 0x04),
	ROW(0x55, NONE, DISK | COMMAND_WRITES, "MODE SELECT(10)",
	    scsi_mode_select, scsi_mode_select_data, 0x10, 0, 0, 0, 0, 0, 0xff,
	    0xff, 0x04),
	ROW(0x5a, NONE, DISK | COMMAND_READS, "MODE SENSE(10)", scsi_mode_sense,
	    NULL, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x5e, 0x00, DISK, "PERSISTENT RESERVE IN, READ KEYS",
	    scsi_reserve_in, NULL, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x5e, 0x01, DISK, "PERSISTENT RESERVE IN, READ RESERVATION",
	    scsi_reserve_in, NULL, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x5e, 0x02, DISK, "PERSISTENT RESERVE IN, REPORT CAPABILITIES",
	    scsi_reserve_in, NULL, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x5e, 0x03, DISK, "PERSISTENT RESERVE IN, READ FULL STATUS",
	    scsi_reserve_in, NULL, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x5f, 0x00, DISK, "PERSISTENT RESERVE OUT, REGISTER",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x5f, 0x01, DISK, "PERSISTENT RESERVE OUT, RESERVE",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0xff, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x5f, 0x02, DISK, "PERSISTENT RESERVE OUT, RELEASE",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0xff, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x5f, 0x03, DISK, "PERSISTENT RESERVE OUT, CLEAR", scsi_reserve_out,
	    scsi_reserve_out_data, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04),
	ROW(0x5f, 0x04, DISK, "PERSISTENT RESERVE OUT, PREEMPT",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0xff, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x5f, 0x05, DISK, "PERSISTENT RESERVE OUT, PREEMPT AND ABORT",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0xff, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x5f, 0x06, DISK,
	    "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY",
	    scsi_reserve_out, scsi_reserve_out_data, 0, 0, 0, 0, 0xff, 0xff,
	    0xff, 0xff, 0x04),
	ROW(0x88, NONE, DISK_READ, "READ(16)", scsi_read, NULL, 0x18, RANGE_16),
	ROW(0x8a, NONE, DISK_WRITE, "WRITE(16)", scsi_write, NULL, 0x18,
	    RANGE_16),
	ROW(0x8e, NONE, DISK_WRITE, "WRITE AND VERIFY(16)", scsi_write_verify,
	    NULL, 0x10, RANGE_16),
	ROW(0x8f, NONE, DISK_READ, "VERIFY(16)", scsi_verify, NULL, 0x10,
	    RANGE_16),
	ROW(0x91, NONE, DISK_FLUSH, "SYNCHRONIZE CACHE(16)", scsi_synchronize,
	    NULL, 0x02, RANGE_16),
	ROW(0x93, NONE, DISK_WRITE, "WRITE SAME(16)", scsi_write_same,
	    scsi_write_same_data, 0x09, RANGE_16),
	ROW(0x9e, 0x10, DISK | COMMAND_READY, "READ CAPACITY(16)",
	    scsi_capacity_16, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff,
	    0xff, 0, 0x04),
	ROW(0xa0, NONE, DISK | COMMAND_EXEMPT, "REPORT LUNS", scsi_report_luns,
	    NULL, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	ROW(0xa3, 0x0c, DISK | COMMAND_READS,
	    "REPORT SUPPORTED OPERATION CODES", scsi_report_opcodes, NULL, 0,
	    0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	ROW(0xa3, 0x0d, DISK | COMMAND_READS,
	    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
	    scsi_report_management, NULL, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
	    0, 0x04),
	ROW(0xa8, NONE, DISK_READ, "READ(12)", scsi_read, NULL, 0x18, RANGE_12),
	ROW(0xaa, NONE, DISK_WRITE, "WRITE(12)", scsi_write, NULL, 0x18,
	    RANGE_12),
	ROW(0xae, NONE, DISK_WRITE, "WRITE AND VERIFY(12)", scsi_write_verify,
	    NULL, 0x10, RANGE_12),
	ROW(0xaf, NONE, DISK_READ, "VERIFY(12)", scsi_verify, NULL, 0x10,
	    RANGE_12),
};

const u32 scsi_disk_command_count = PORT_ARRAY_SIZE(scsi_disk_commands);

const struct scsi_command scsi_dvd_commands[] = {
	ROW(0x00, NONE, DVD | COMMAND_READY, "TEST UNIT READY",
	    scsi_test_unit_ready, NULL, 0, 0, 0, 0, 0x04),
	ROW(0x03, NONE, DVD | COMMAND_EXEMPT, "REQUEST SENSE",
	    scsi_request_sense, NULL, 0x01, 0, 0, 0xff, 0x04),
	ROW(0x12, NONE, DVD | COMMAND_EXEMPT, "INQUIRY", scsi_inquiry, NULL,
	    0x01, 0xff, 0xff, 0xff, 0x04),
	ROW(0x1a, NONE, DVD | COMMAND_READS, "MODE SENSE(6)", scsi_mode_sense,
	    NULL, 0x08, 0xff, 0xff, 0xff, 0x04),
	ROW(0x1b, NONE, DVD, "START STOP UNIT", scsi_start_stop, NULL, 0x01, 0,
	    0x0f, 0xf7, 0x04),
	ROW(0x1e, NONE, DVD, "PREVENT ALLOW MEDIUM REMOVAL", dvd_prevent, NULL,
	    0, 0, 0, 0x03, 0x04),
	ROW(0x25, NONE, DVD | COMMAND_READY, "READ CAPACITY(10)",
	    scsi_capacity_10, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0x04),
	ROW(0x28, NONE, DVD_READ, "READ(10)", scsi_read, NULL, 0x18, RANGE_10),
	ROW(0x2f, NONE, DVD_READ, "VERIFY(10)", scsi_verify, NULL, 0x10,
	    RANGE_10),
	ROW(0x42, NONE, DVD | COMMAND_READY, "READ SUB-CHANNEL",
	    dvd_sub_channel, NULL, 0x02, 0x40, 0xff, 0, 0, 0xff, 0xff, 0xff,
	    0x04),
	ROW(0x43, NONE, DVD | COMMAND_READY, "READ TOC/PMA/ATIP", dvd_read_toc,
	    NULL, 0x02, 0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xc4),
	ROW(0x46, NONE, DVD | COMMAND_EXEMPT, "GET CONFIGURATION",
	    dvd_configuration, NULL, 0x03, 0xff, 0xff, 0, 0, 0, 0xff, 0xff,
	    0x04),
	ROW(0x4a, NONE, DVD | COMMAND_EXEMPT, "GET EVENT STATUS NOTIFICATION",
	    dvd_events, NULL, 0x01, 0, 0, 0xff, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x51, NONE, DVD | COMMAND_READY, "READ DISC INFORMATION", dvd_disc,
	    NULL, 0x07, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0x52, NONE, DVD | COMMAND_READY, "READ TRACK INFORMATION",
	    dvd_track, NULL, 0x07, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	ROW(0x5a, NONE, DVD | COMMAND_READS, "MODE SENSE(10)", scsi_mode_sense,
	    NULL, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04),
	ROW(0xa0, NONE, DVD | COMMAND_EXEMPT, "REPORT LUNS", scsi_report_luns,
	    NULL, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	ROW(0xa3, 0x0c, DVD | COMMAND_READS, "REPORT SUPPORTED OPERATION CODES",
	    scsi_report_opcodes, NULL, 0, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0, 0x04),
	ROW(0xa8, NONE, DVD_READ, "READ(12)", scsi_read, NULL, 0x18, RANGE_12),
	ROW(0xad, NONE, DVD | COMMAND_READY, "READ DISC STRUCTURE",
	    dvd_structure, NULL, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xc0, 0x04),
	ROW(0xbd, NONE, DVD, "MECHANISM STATUS", dvd_mechanism, NULL, 0, 0, 0,
	    0, 0, 0, 0, 0xff, 0xff, 0, 0x04),
};

const u32 scsi_dvd_command_count = PORT_ARRAY_SIZE(scsi_dvd_commands);
