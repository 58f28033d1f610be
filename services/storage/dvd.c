// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Commands of CD and DVD drives (MMC-6). */
#include "services/storage/dvd.h"

#define FRAMES_PER_SECOND 75u
#define LEAD_IN_FRAMES	  150u

#define MSF_BIT 0x02

/* Profiles and features, MMC-6 5. */
#define PROFILE_CD_ROM	   0x0008
#define PROFILE_DVD_ROM	   0x0010
#define CD_MAX_BYTES	   0x2d000000ull /* of which a CD is the limit: 720 MiB */
#define FEATURE_PERSISTENT 0x01
#define FEATURE_CURRENT	   0x01

/* GET EVENT STATUS NOTIFICATION, MMC-6 6.7. */
#define EVENT_POLLED	  0x01
#define EVENT_MEDIA_CLASS 4u
#define EVENT_NONE	  0
#define EVENT_EJECT	  1
#define EVENT_NEW_MEDIA	  2

/* MEDIA PRESENT, MEDIA STATUS: tray open. */
#define MEDIA_PRESENT 0x02
#define TRAY_OPEN     0x01

enum scsi_step dvd_prevent(struct lun *lun, struct scsi_task *task)
{
	u32 bit = 1u << task->nexus;

	if (task->cdb[4] & 0x02)
		return scsi_bad_cdb(task, 4, 1);
	if (task->cdb[4] & 0x01)
		lun->prevented |= bit;
	else
		lun->prevented &= ~bit;
	return scsi_good(task);
}

/* ---- READ TOC/PMA/ATIP (MMC-6 6.25): one session, one data track ---- */

static void put_address(u8 *at, u64 block, bool msf)
{
	u32 frame = (u32)(block + LEAD_IN_FRAMES);

	if (!msf) {
		be32_write(at, (u32)block);
		return;
	}
	/* Beyond what three bytes can say: the last that they can. */
	if (frame > 255u * 60 * FRAMES_PER_SECOND)
		frame = 255u * 60 * FRAMES_PER_SECOND;
	at[1] = (u8)(frame / FRAMES_PER_SECOND / 60);
	at[2] = (u8)(frame / FRAMES_PER_SECOND % 60);
	at[3] = (u8)(frame % FRAMES_PER_SECOND);
}

static u32 put_track(u8 *at, u8 track, u64 block, bool msf)
{
	at[1] = 0x14; /* position known, data track, copying not permitted */
	at[2] = track;
	put_address(at + 4, block, msf);
	return 8;
}

#define TRACK_LEAD_OUT 0xaa

enum scsi_step dvd_read_toc(struct lun *lun, struct scsi_task *task)
{
	const u8 *cdb = task->cdb;
	bool msf = cdb[1] & MSF_BIT;
	/* Older programs have the format in the control byte. */
	u8 format = cdb[2] & 0xf ? cdb[2] & 0xf : cdb[9] >> 6;
	u8 *at = scsi_clear(task, 64);
	u32 bytes = 4;

	if (format > 1)
		return scsi_bad_cdb(task, 2, 3);
	if (!format && cdb[6] > 1 && cdb[6] != TRACK_LEAD_OUT)
		return scsi_bad_cdb(task, 6, 7);
	at[2] = 1;
	at[3] = 1;
	if (format || cdb[6] != TRACK_LEAD_OUT)
		bytes += put_track(at + bytes, 1, 0, msf);
	if (!format)
		bytes += put_track(at + bytes, TRACK_LEAD_OUT, lun->block_count,
				   msf);
	be16_write(at, (u16)(bytes - 2));
	return scsi_answer(task, bytes, be16_read(cdb + 7));
}

/* ---- GET CONFIGURATION (MMC-6 6.6) ---- */

static u16 profile(const struct lun *lun)
{
	if (!lun->medium)
		return 0;
	return lun_size_bytes(lun) > CD_MAX_BYTES ? PROFILE_DVD_ROM
						  : PROFILE_CD_ROM;
}

static u32 put_profiles(const struct lun *lun, u8 *at)
{
	be16_write(at, PROFILE_DVD_ROM);
	at[2] = profile(lun) == PROFILE_DVD_ROM;
	be16_write(at + 4, PROFILE_CD_ROM);
	at[6] = profile(lun) == PROFILE_CD_ROM;
	return 8;
}

static u32 put_core(const struct lun *lun, u8 *at)
{
	(void)lun;
	be32_write(at, 1); /* physical interface: SCSI family */
	at[4] = 0x01;	   /* DBE: device busy events */
	return 8;
}

static u32 put_morphing(const struct lun *lun, u8 *at)
{
	(void)lun;
	at[0] = 0x02; /* OCEVENT */
	return 4;
}

static u32 put_removable(const struct lun *lun, u8 *at)
{
	(void)lun;
	at[0] = 0x29; /* tray; ejects; locks */
	return 4;
}

static u32 put_random(const struct lun *lun, u8 *at)
{
	be32_write(at, lun->block_bytes);
	be16_write(at + 4, 16); /* blocking */
	return 8;
}

static u32 put_nothing(const struct lun *lun, u8 *at)
{
	(void)lun;
	(void)at;
	return 0;
}

static u32 put_cd_read(const struct lun *lun, u8 *at)
{
	(void)lun;
	(void)at;
	return 4;
}

static const struct feature {
	u16 code;
	u8 bits;     /* version, persistent, current */
	u16 profile; /* current with this one only; 0: always; 1: any */
	u32 (*fill)(const struct lun *lun, u8 *at);
} features[] = {
	{ 0x0000, FEATURE_PERSISTENT << 1, 0, put_profiles },
	{ 0x0001, 2 << 2 | FEATURE_PERSISTENT << 1, 0, put_core },
	{ 0x0002, 1 << 2 | FEATURE_PERSISTENT << 1, 0, put_morphing },
	{ 0x0003, FEATURE_PERSISTENT << 1, 0, put_removable },
	{ 0x0010, 0, 1, put_random },
	{ 0x001d, 0, 1, put_nothing }, /* multi-read */
	{ 0x001e, 0, PROFILE_CD_ROM, put_cd_read },
	{ 0x001f, 0, PROFILE_DVD_ROM, put_nothing }, /* DVD read */
};

static bool is_current(const struct lun *lun, const struct feature *feature)
{
	if (!feature->profile)
		return true;
	if (feature->profile == 1)
		return lun->medium;
	return feature->profile == profile(lun);
}

static u32 put_feature(const struct lun *lun, const struct feature *feature,
		       u8 *at)
{
	u32 bytes = feature->fill(lun, at + 4);

	be16_write(at, feature->code);
	at[2] = feature->bits;
	if (is_current(lun, feature))
		at[2] |= FEATURE_CURRENT;
	at[3] = (u8)bytes;
	return 4 + bytes;
}

enum scsi_step dvd_configuration(struct lun *lun, struct scsi_task *task)
{
	/* 0: all from the first on, 1: the current of them, 2: that one. */
	u8 which = task->cdb[1] & 0x03;
	u16 first = be16_read(task->cdb + 2);
	u8 *at = scsi_clear(task, 256);
	u32 i, bytes = 8;

	if (which == 3)
		return scsi_bad_cdb(task, 1, 1);
	for (i = 0; i < PORT_ARRAY_SIZE(features); i++) {
		const struct feature *feature = &features[i];

		if (which == 2 ? feature->code != first : feature->code < first)
			continue;
		if (which == 1 && !is_current(lun, feature))
			continue;
		bytes += put_feature(lun, feature, at + bytes);
	}
	be32_write(at, bytes - 4);
	be16_write(at + 6, profile(lun));
	return scsi_answer(task, bytes, be16_read(task->cdb + 7));
}

/* ---- events, status, the disc ---- */

static u8 media_status(const struct lun *lun)
{
	return (lun->medium ? MEDIA_PRESENT : 0) |
	       (lun->tray_open ? TRAY_OPEN : 0);
}

enum scsi_step dvd_events(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 8);
	bool media = task->cdb[4] & 1u << EVENT_MEDIA_CLASS;
	u32 bytes = 4;

	/* Without polling the command would wait for an event. */
	if (!(task->cdb[1] & EVENT_POLLED))
		return scsi_bad_cdb(task, 1, 0);
	at[2] = 0x80; /* NEA: no class that was asked for */
	at[3] = 1u << EVENT_MEDIA_CLASS;
	if (media) {
		at[2] = EVENT_MEDIA_CLASS;
		at[4] = lun->eject_event    ? EVENT_EJECT
			: lun->medium_event ? EVENT_NEW_MEDIA
					    : EVENT_NONE;
		at[5] = media_status(lun);
		bytes = 8;
		if (lun->eject_event)
			lun->eject_event = false;
		else
			lun->medium_event = false;
	}
	be16_write(at, (u16)(bytes - 2));
	return scsi_answer(task, bytes, be16_read(task->cdb + 7));
}

enum scsi_step dvd_mechanism(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 8);

	at[1] = lun->tray_open ? 0x10 : 0;
	return scsi_answer(task, 8, be16_read(task->cdb + 8));
}

/* Standard disc information (MMC-6 6.22.3.1): complete, one session. */
enum scsi_step dvd_disc(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 34);

	(void)lun;
	if (task->cdb[1] & 0x07)
		return scsi_bad_cdb(task, 1, 2);
	be16_write(at, 32);
	at[2] = 0x0e; /* last session complete, disc finalized */
	at[3] = 1;
	at[4] = 1;
	at[5] = 1;
	at[6] = 1;
	at[7] = 0x20; /* unrestricted use */
	be32_write(at + 16, 0xffffffffu);
	be32_write(at + 20, 0xffffffffu);
	return scsi_answer(task, 34, be16_read(task->cdb + 7));
}

/* READ TRACK INFORMATION (MMC-6 6.26). */
enum scsi_step dvd_track(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 36);

	be16_write(at, 34);
	at[2] = 1;
	at[3] = 1;
	at[5] = 0x04; /* data track */
	at[6] = 0x01; /* data mode 1 */
	be32_write(at + 24, (u32)lun->block_count);
	return scsi_answer(task, 36, be16_read(task->cdb + 7));
}

/* READ DVD STRUCTURE, format 0 (MMC-6 6.24.3.2): one layer. */
enum scsi_step dvd_structure(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 32);
	u64 last = lun->block_count ? lun->block_count - 1 : 0;

	if (task->cdb[7])
		return scsi_bad_cdb(task, 7, 7);
	if (profile(lun) != PROFILE_DVD_ROM)
		return scsi_fail(task, SENSE_MODE_FOR_TRACK);
	be16_write(at, 20 - 2);
	at[4] = 0x01; /* DVD-ROM, version 1 */
	at[5] = 0x0f; /* 120 mm, rate not specified */
	at[6] = 0x01; /* embossed layer */
	be24_write(at + 9, 0x30000);
	be24_write(at + 13, (u32)(0x30000 + last));
	return scsi_answer(task, 20, be16_read(task->cdb + 8));
}

/* READ SUB-CHANNEL (MMC-3): no audio is being played. */
enum scsi_step dvd_sub_channel(struct lun *lun, struct scsi_task *task)
{
	u8 *at = scsi_clear(task, 4);

	(void)lun;
	if (task->cdb[2] & 0x40)
		return scsi_bad_cdb(task, 2, 6);
	at[1] = 0x15;
	return scsi_answer(task, 4, be16_read(task->cdb + 7));
}
