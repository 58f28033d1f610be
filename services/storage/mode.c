// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Mode parameters (SPC-4 6.11, 7.5; SBC-3 6.5). */
#include "services/storage/scsi_internal.h"

/* MODE SENSE. */
#define DBD_BIT	  0x08
#define LLBAA_BIT 0x10

enum page_control { CURRENT, CHANGEABLE, DEFAULT, SAVED };

/* MODE SELECT: byte 1. */
#define PF_BIT 0x10
#define SP_BIT 0x01

/* Device specific parameter of a disk. */
#define WP_BIT	   0x80
#define DPOFUA_BIT 0x10

#define WCE_BIT 0x04 /* caching page, byte 2 */
#define SWP_BIT 0x08 /* control page, byte 4 */

#define PAGES_ALL    0x3f
#define SUBPAGES_ALL 0xff
#define SPF_BIT	     0x40

/* The longest page. */
struct page_bytes {
	u8 at[20];
};

/* ---- pages; each fills what is behind code and length ---- */

/* Read-write error recovery, SBC-3 6.5.8; MMC-6 7.3: all zero is well. */
static void page_recovery(const struct lun *lun, enum page_control control,
			  u8 *at)
{
	if (control != CHANGEABLE && lun->kind == LUN_DISK)
		at[2] = 0xc0; /* AWRE, ARRE */
}

static void page_caching(const struct lun *lun, enum page_control control,
			 u8 *at)
{
	bool on = control == CURRENT ? lun->write_cache_on : lun->write_cache;

	at[2] = on ? WCE_BIT : 0;
}

static void page_control_mode(const struct lun *lun, enum page_control control,
			      u8 *at)
{
	if (control == CHANGEABLE) {
		at[4] = SWP_BIT;
		return;
	}
	at[3] = 0x10; /* commands may be done in any order */
	if (control == CURRENT && lun->software_protect)
		at[4] = SWP_BIT;
	be16_write(at + 8, 0xffff); /* busy for how long: not known */
}

static void page_exceptions(const struct lun *lun, enum page_control control,
			    u8 *at)
{
	(void)lun;
	if (control != CHANGEABLE)
		at[2] = 0x08; /* DEXCPT: none are reported */
}

/* MMC-3 annex; many programs still read it. */
static void page_capabilities(const struct lun *lun, enum page_control control,
			      u8 *at)
{
	(void)lun;
	if (control == CHANGEABLE)
		return;
	at[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
	at[4] = 0x70; /* multi-session, mode 2 forms 1 and 2 */
	at[6] = 0x29; /* tray, ejects, locks */
	be16_write(at + 8, 0x1b90); /* kB/s, of no meaning */
	be16_write(at + 14, 0x1b90);
}

static const struct mode_page {
	u8 code;
	u8 bytes; /* with code and length */
	u8 kinds; /* COMMAND_DISK, COMMAND_DVD */
	void (*fill)(const struct lun *lun, enum page_control control, u8 *at);
} pages[] = {
	/* In ascending order, as "all pages" must be. */
	{ 0x01, 12, COMMAND_ALL, page_recovery },
	{ 0x08, 20, COMMAND_DISK, page_caching },
	{ 0x0a, 12, COMMAND_DISK, page_control_mode },
	{ 0x1c, 12, COMMAND_ALL, page_exceptions },
	{ 0x2a, 20, COMMAND_DVD, page_capabilities },
};

static bool has_page(const struct lun *lun, const struct mode_page *page)
{
	return page->kinds &
	       (lun->kind == LUN_DVD ? COMMAND_DVD : COMMAND_DISK);
}

static u32 put_page(const struct lun *lun, const struct mode_page *page,
		    enum page_control control, u8 *at)
{
	at[0] = page->code;
	at[1] = page->bytes - 2;
	page->fill(lun, control, at);
	return page->bytes;
}

/* ---- MODE SENSE ---- */

/* Block descriptor: short, or of 16 bytes (LLBAA). */
static u32 put_blocks(const struct lun *lun, bool wide, u8 *at)
{
	if (lun->kind == LUN_DVD)
		return 0;
	if (wide) {
		be64_write(at, lun->block_count);
		be32_write(at + 12, lun->block_bytes);
		return 16;
	}
	be32_write(at, lun->block_count > 0xffffffffu ? 0xffffffffu
						      : (u32)lun->block_count);
	be24_write(at + 5, lun->block_bytes);
	return 8;
}

static u8 device_specific(const struct lun *lun)
{
	u8 bits = lun->read_only || lun->software_protect ? WP_BIT : 0;

	return lun->kind == LUN_DVD ? 0 : bits | DPOFUA_BIT;
}

static void put_header(const struct lun *lun, bool six, bool wide,
		       u32 block_bytes, u32 bytes, u8 *at)
{
	if (six) {
		at[0] = (u8)(bytes - 1);
		at[2] = device_specific(lun);
		at[3] = (u8)block_bytes;
		return;
	}
	be16_write(at, (u16)(bytes - 2));
	at[3] = device_specific(lun);
	at[4] = wide ? 0x01 : 0;
	be16_write(at + 6, (u16)block_bytes);
}

enum scsi_step scsi_mode_sense(struct lun *lun, struct scsi_task *task)
{
	const u8 *cdb = task->cdb;
	bool six = scsi_cdb_bytes(cdb[0]) == 6;
	bool wide = !six && (cdb[1] & LLBAA_BIT) && lun->kind == LUN_DISK;
	u32 allocation = six ? cdb[4] : be16_read(cdb + 7);
	enum page_control control = cdb[2] >> 6;
	u8 code = cdb[2] & 0x3f;
	u8 *at = scsi_clear(task, 256);
	u32 header = six ? 4 : 8;
	u32 i, block_bytes = 0, bytes;
	bool found = false;

	if (control == SAVED)
		return scsi_fail(task, SENSE_SAVING_NOT_SUPPORTED);
	if (cdb[3] && cdb[3] != SUBPAGES_ALL)
		return scsi_bad_cdb(task, 3, 7);
	if (!(cdb[1] & DBD_BIT))
		block_bytes = put_blocks(lun, wide, at + header);
	bytes = header + block_bytes;
	for (i = 0; i < PORT_ARRAY_SIZE(pages); i++) {
		if (!has_page(lun, &pages[i]) ||
		    (code != PAGES_ALL && code != pages[i].code))
			continue;
		bytes += put_page(lun, &pages[i], control, at + bytes);
		found = true;
	}
	if (!found)
		return scsi_bad_cdb(task, 2, 5);
	put_header(lun, six, wide && block_bytes, block_bytes, bytes, at);
	return scsi_answer(task, bytes, allocation);
}

/* ---- MODE SELECT ---- */

enum scsi_step scsi_mode_select(struct lun *lun, struct scsi_task *task)
{
	const u8 *cdb = task->cdb;
	bool six = scsi_cdb_bytes(cdb[0]) == 6;
	u32 bytes = six ? cdb[4] : be16_read(cdb + 7);

	(void)lun;
	if (!(cdb[1] & PF_BIT))
		return scsi_bad_cdb(task, 1, 4);
	if (cdb[1] & SP_BIT)
		return scsi_bad_cdb(task, 1, 0);
	return bytes ? scsi_want(task, bytes) : scsi_good(task);
}

/* The block descriptor may only say what is so. */
static bool blocks_match(const struct lun *lun, bool wide, const u8 *at)
{
	u64 count = wide ? be64_read(at) : be32_read(at);
	u32 bytes = wide ? be32_read(at + 12) : be24_read(at + 5);
	u64 all = wide ? ~0ull : 0xffffffffu;

	return bytes == lun->block_bytes &&
	       (!count || count == all || count == lun->block_count);
}

/*
 * A page may differ from what is so in the changeable bits alone. Returns the
 * first byte that is wrong, or its length.
 */
static u32 page_check(const struct lun *lun, const struct mode_page *page,
		      const u8 *from)
{
	struct page_bytes now = { 0 }, mask = { 0 };
	u32 i;

	put_page(lun, page, CURRENT, now.at);
	put_page(lun, page, CHANGEABLE, mask.at);
	for (i = 2; i < page->bytes; i++) {
		if ((now.at[i] ^ from[i]) & ~mask.at[i])
			break;
	}
	return i;
}

/* Where the pages begin, 0 when header or block descriptor are wrong (the
 * answer is set). */
static u32 select_pages(struct lun *lun, struct scsi_task *task)
{
	const u8 *at = task->buffer;
	bool six = scsi_cdb_bytes(task->cdb[0]) == 6;
	u32 header = six ? 4 : 8;
	bool wide = !six && (at[4] & 0x01);
	u32 block_bytes = six ? at[3] : be16_read(at + 6);

	if (task->data_bytes < header ||
	    block_bytes > task->data_bytes - header)
		scsi_fail(task, SENSE_PARAMETER_LENGTH);
	else if (block_bytes && block_bytes != (wide ? 16 : 8))
		scsi_bad_parameter(task, six ? 3 : 6, 7);
	else if (block_bytes && !blocks_match(lun, wide, at + header))
		scsi_bad_parameter(task, (u16)header, 7);
	else
		return header + block_bytes;
	return 0;
}

static const struct mode_page *find_page(const struct lun *lun, u8 code)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(pages); i++) {
		if (pages[i].code == code && has_page(lun, &pages[i]))
			return &pages[i];
	}
	return NULL;
}

/* Whether every page from @start on can be taken; else the answer is set. */
static bool select_check(struct lun *lun, struct scsi_task *task, u32 start)
{
	const u8 *at = task->buffer;
	const struct mode_page *page;
	u32 left, wrong;

	for (; start < task->data_bytes; start += page->bytes) {
		left = task->data_bytes - start;
		page = find_page(lun, at[start] & 0x7f);
		if (!page) {
			scsi_bad_parameter(task, (u16)start, 5);
			return false;
		}
		if (left < 2 || left < page->bytes) {
			scsi_fail(task, SENSE_PARAMETER_LENGTH);
			return false;
		}
		if (at[start + 1] != page->bytes - 2) {
			scsi_bad_parameter(task, (u16)(start + 1), 7);
			return false;
		}
		wrong = page_check(lun, page, at + start);
		if (wrong < page->bytes) {
			scsi_bad_parameter(task, (u16)(start + wrong), 8);
			return false;
		}
	}
	return true;
}

enum scsi_step scsi_mode_select_data(struct lun *lun, struct scsi_task *task)
{
	bool cache = lun->write_cache_on, protect = lun->software_protect;
	const u8 *at = task->buffer;
	u32 start = select_pages(lun, task);
	u32 bytes = task->data_bytes;

	if (!start || !select_check(lun, task, start))
		return SCSI_STEP_DONE;
	/* All or nothing: only now. */
	for (; start < bytes; start += at[start + 1] + 2u) {
		if ((at[start] & 0x7f) == 0x08)
			lun->write_cache_on = at[start + 2] & WCE_BIT;
		else if ((at[start] & 0x7f) == 0x0a)
			lun->software_protect = at[start + 4] & SWP_BIT;
	}
	scsi_good(task);
	task->result.transferred = bytes;
	if (cache == lun->write_cache_on && protect == lun->software_protect)
		return SCSI_STEP_DONE;
	lun_attend(lun, LUN_MODE_CHANGED, task->nexus);
	if (!cache || lun->write_cache_on)
		return SCSI_STEP_DONE;
	/* A cache that goes off is written out first. */
	task->data_bytes = bytes;
	task->block.op = SCSI_FLUSH;
	return SCSI_STEP_BLOCK;
}
