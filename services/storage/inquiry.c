// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* INQUIRY and the vital product data (SPC-4 6.6, 7.8; SBC-3 6.6). */
#include "services/storage/scsi_internal.h"

#define EVPD_BIT 0x01

#define TYPE_DISK   0x00
#define TYPE_DVD    0x05
#define TYPE_ABSENT 0x7f /* qualifier 011b: no unit can be there; type 1Fh */

#define STANDARD_BYTES 74u
#define VERSION_SPC_4  0x06
#define RMB_BIT	       0x80
#define HISUP_BIT      0x10
#define FORMAT_2       0x02
#define CMDQUE_BIT     0x02
/* Version descriptors (SPC-4 table 141). */
#define DESCRIBES_SAM_5 0x00a0
#define DESCRIBES_SPC_4 0x0460
#define DESCRIBES_SBC_3 0x04c0

/* Designation descriptors (SPC-4 7.8.6). */
#define CODE_BINARY    0x01
#define CODE_ASCII     0x02
#define DESIGNATOR_T10 0x01
#define DESIGNATOR_NAA 0x03

#define VPD_HEADER_BYTES 4u

static u8 peripheral(const struct lun *lun)
{
	return lun->kind == LUN_DVD ? TYPE_DVD : TYPE_DISK;
}

static u32 standard(const struct lun *lun, u8 *at)
{
	at[0] = peripheral(lun);
	at[1] = lun->kind == LUN_DVD ? RMB_BIT : 0;
	at[2] = VERSION_SPC_4;
	at[3] = HISUP_BIT | FORMAT_2;
	at[4] = STANDARD_BYTES - 5;
	at[7] = CMDQUE_BIT;
	port_copy(at + 8, lun->vendor, sizeof(lun->vendor));
	port_copy(at + 16, lun->product, sizeof(lun->product));
	port_copy(at + 32, lun->revision, sizeof(lun->revision));
	be16_write(at + 58, DESCRIBES_SAM_5);
	be16_write(at + 60, DESCRIBES_SPC_4);
	if (lun->kind == LUN_DISK)
		be16_write(at + 62, DESCRIBES_SBC_3);
	return STANDARD_BYTES;
}

/* ---- vital product data; each returns the page's length ---- */

static u32 page_supported(const struct lun *lun, u8 *at);

static u32 page_serial(const struct lun *lun, u8 *at)
{
	port_copy(at, lun->serial, lun->serial_bytes);
	return lun->serial_bytes;
}

static u32 page_identification(const struct lun *lun, u8 *at)
{
	u32 naa = 4u + lun->naa_bytes;

	at[0] = CODE_BINARY;
	at[1] = DESIGNATOR_NAA;
	at[3] = lun->naa_bytes;
	port_copy(at + 4, lun->naa, lun->naa_bytes);
	at += naa;
	at[0] = CODE_ASCII;
	at[1] = DESIGNATOR_T10;
	at[3] = (u8)(sizeof(lun->vendor) + lun->serial_bytes);
	port_copy(at + 4, lun->vendor, sizeof(lun->vendor));
	port_copy(at + 4 + sizeof(lun->vendor), lun->serial, lun->serial_bytes);
	return naa + 4 + at[3];
}

/* SPC-4 7.8.7. */
static u32 page_extended(const struct lun *lun, u8 *at)
{
	at[1] = 0x07;			     /* HEADSUP, ORDSUP, SIMPSUP */
	at[2] = lun->write_cache ? 0x01 : 0; /* V_SUP */
	return 60;
}

/* SBC-3 6.6.4; offsets in the standard count the header. */
static u32 page_limits(const struct lun *lun, u8 *at)
{
	u32 unit = lun->unmap_unit_blocks;

	at[0] = 0x01; /* WSNZ: no WRITE SAME of "all the rest" */
	be16_write(at + 2, (u16)(1u << lun->physical_exponent));
	be32_write(at + 4, lun->transfer_max_bytes >> lun->block_shift);
	if (lun->thin) {
		be32_write(at + 16,
			   (u32)(SCSI_UNMAP_MAX_BYTES >> lun->block_shift));
		be32_write(at + 20, SCSI_UNMAP_RANGES_MAX);
		be32_write(at + 24, unit);
		be32_write(at + 28, 1u << 31); /* UGAVALID, alignment 0 */
	}
	be64_write(at + 32, SCSI_WRITE_SAME_MAX_BYTES >> lun->block_shift);
	return 60;
}

/* SBC-3 6.6.2. */
static u32 page_characteristics(const struct lun *lun, u8 *at)
{
	be16_write(at, lun->rotational ? 0 : 1); /* 1: does not rotate */
	return 60;
}

/* SBC-3 6.6.6. */
static u32 page_provisioning(const struct lun *lun, u8 *at)
{
	if (lun->thin) {
		at[1] = 0xe0; /* LBPU, LBPWS, LBPWS10 */
		at[2] = 0x02; /* thin */
	}
	if (lun->unmap_zeroes)
		at[1] |= 0x04; /* LBPRZ */
	return 4;
}

static const struct vpd_page {
	u8 code;
	bool dvd;
	u32 (*fill)(const struct lun *lun, u8 *at);
} pages[] = {
	{ 0x00, true, page_supported },
	{ 0x80, true, page_serial },
	{ 0x83, true, page_identification },
	{ 0x86, false, page_extended },
	{ 0xb0, false, page_limits },
	{ 0xb1, false, page_characteristics },
	{ 0xb2, false, page_provisioning },
};

static bool has_page(const struct lun *lun, const struct vpd_page *page)
{
	return page->dvd || lun->kind == LUN_DISK;
}

static u32 page_supported(const struct lun *lun, u8 *at)
{
	u32 i, count = 0;

	for (i = 0; i < PORT_ARRAY_SIZE(pages); i++) {
		if (has_page(lun, &pages[i]))
			at[count++] = pages[i].code;
	}
	return count;
}

static enum scsi_step vital(struct lun *lun, struct scsi_task *task,
			    u32 allocation)
{
	u8 *at = scsi_clear(task, 256);
	u32 i, bytes;

	for (i = 0; i < PORT_ARRAY_SIZE(pages); i++) {
		if (pages[i].code != task->cdb[2] || !has_page(lun, &pages[i]))
			continue;
		bytes = pages[i].fill(lun, at + VPD_HEADER_BYTES);
		at[0] = peripheral(lun);
		at[1] = pages[i].code;
		be16_write(at + 2, (u16)bytes);
		return scsi_answer(task, VPD_HEADER_BYTES + bytes, allocation);
	}
	return scsi_bad_cdb(task, 2, 7);
}

enum scsi_step scsi_inquiry(struct lun *lun, struct scsi_task *task)
{
	u32 allocation = be16_read(task->cdb + 3);

	if (task->cdb[1] & EVPD_BIT)
		return vital(lun, task, allocation);
	if (task->cdb[2])
		return scsi_bad_cdb(task, 2, 7);
	return scsi_answer(task, standard(lun, scsi_clear(task, 96)),
			   allocation);
}

/*
 * No unit here. The version makes Linux ask for the list of units (REPORT
 * LUNS) instead of trying each number in turn.
 */
enum scsi_step scsi_inquiry_absent(struct scsi_task *task)
{
	u8 *at;

	if ((task->cdb[1] & EVPD_BIT) || task->cdb[2])
		return scsi_bad_cdb(task, 2, 7);
	at = scsi_clear(task, 36);
	at[0] = TYPE_ABSENT;
	at[2] = VERSION_SPC_4;
	at[3] = HISUP_BIT | FORMAT_2;
	at[4] = 36 - 5;
	at[7] = CMDQUE_BIT;
	port_fill(at + 8, ' ', 28);
	return scsi_answer(task, 36, be16_read(task->cdb + 3));
}
