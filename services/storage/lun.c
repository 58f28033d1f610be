// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* A logical unit. */
#include "services/storage/lun_internal.h"
#include "services/storage/bytes.h"

#define TRANSFER_MAX_BYTES 0x100000u

/*
 * Those of a Hyper-V host's disks: Linux (storvsc_device_configure) lets
 * WRITE SAME pass and believes the newer VPD pages only of this vendor.
 */
#define VENDOR	     "Msft"
#define PRODUCT_DISK "Virtual Disk"
#define PRODUCT_DVD  "Virtual DVD-ROM"
#define REVISION     "1.0"

/* ---- words that are read without the lock ---- */

void lun_update(struct lun *lun)
{
	u32 gate = 0;
	u32 nexus;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		if (lun->attention[nexus])
			gate |= LUN_GATE_ATTENTION << nexus;
	}
	if (lun->reservation)
		gate |= LUN_GATE_RESERVED;
	if (lun_not_ready(lun))
		gate |= LUN_GATE_NOT_READY;
	if (lun->read_only || lun->software_protect)
		gate |= LUN_GATE_READ_ONLY;
	if (lun->write_cache && !lun->write_cache_on)
		gate |= LUN_GATE_WRITE_THRU;
	port_store(&lun->gate, gate);
}

enum sense_code lun_not_ready(const struct lun *lun)
{
	if (!lun->medium)
		return lun->tray_open ? SENSE_NO_MEDIUM_TRAY_OPEN
				      : SENSE_NO_MEDIUM;
	if (lun->offline)
		return SENSE_NOT_READY_CAUSE_UNKNOWN;
	if (lun->stopped)
		return SENSE_UNIT_STOPPED;
	return SENSE_NONE;
}

u64 lun_size_bytes(const struct lun *lun)
{
	return port_load(&lun->block_count) << lun->block_shift;
}

static void set_size(struct lun *lun, u64 size_bytes)
{
	port_store(&lun->block_count, size_bytes >> lun->block_shift);
}

/* ---- making one ---- */

static u32 text_bytes(const char *text, u32 limit)
{
	u32 bytes = 0;

	while (text && bytes < limit && text[bytes])
		bytes++;
	return bytes;
}

/* A field of ASCII, filled up with spaces; what is not printable is a dot. */
static void set_text(char *field, u32 field_bytes, const char *text,
		     const char *otherwise)
{
	u32 i, bytes;

	if (!text_bytes(text, 1))
		text = otherwise;
	bytes = text_bytes(text, field_bytes);
	for (i = 0; i < field_bytes; i++) {
		char c = i < bytes ? text[i] : ' ';

		field[i] = c < 0x20 || c > 0x7e ? '.' : c;
	}
}

static void set_serial(struct lun *lun, const char *serial)
{
	static const char digits[] = "0123456789abcdef";
	u32 i;

	lun->serial_bytes = (u8)text_bytes(serial, LUN_SERIAL_MAX);
	if (lun->serial_bytes) {
		set_text(lun->serial, lun->serial_bytes, serial, "");
		return;
	}
	for (i = 0; i < sizeof(lun->identity); i++) {
		lun->serial[2 * i] = digits[lun->identity[i] >> 4];
		lun->serial[2 * i + 1] = digits[lun->identity[i] & 0xf];
	}
	lun->serial_bytes = 2 * sizeof(lun->identity);
}

/*
 * Without a registered number of our own, the name is "locally assigned" (SPC-4
 * 7.8.6.6, NAA 3h): 60 bits, here of the identity (FNV-1a, 64 bits).
 */
static void set_naa(struct lun *lun, const struct lun_options *options)
{
	u64 hash = 0xcbf29ce484222325ull;
	u32 i;

	lun->naa_bytes = options->naa_bytes;
	if (lun->naa_bytes) {
		port_copy(lun->naa, options->naa, lun->naa_bytes);
		return;
	}
	for (i = 0; i < sizeof(lun->identity); i++)
		hash = (hash ^ lun->identity[i]) * 0x100000001b3ull;
	lun->naa_bytes = 8;
	be64_write(lun->naa, hash >> 4 | 0x3ull << 60);
}

static bool power_of_two(u32 value)
{
	return value && !(value & (value - 1));
}

static u8 exponent(u32 value)
{
	u8 shift = 0;

	while (value >>= 1)
		shift++;
	return shift;
}

static enum vmbus_status set_blocks(struct lun *lun,
				    const struct lun_options *options)
{
	u32 block = options->block_bytes;
	u32 physical, unit;

	if (!block)
		block = options->kind == LUN_DVD ? LUN_DVD_BLOCK_BYTES : 512;
	physical = options->physical_bytes ? options->physical_bytes : block;
	unit = options->unmap_unit_bytes ? options->unmap_unit_bytes : physical;
	if (options->kind == LUN_DVD ? block != LUN_DVD_BLOCK_BYTES
				     : block != 512 && block != 4096)
		return VMBUS_BAD_ARGUMENT;
	if (!power_of_two(physical) || physical < block || unit % block)
		return VMBUS_BAD_ARGUMENT;
	lun->block_bytes = block;
	lun->block_shift = exponent(block);
	lun->physical_exponent = exponent(physical / block);
	if (lun->physical_exponent > 15)
		return VMBUS_BAD_ARGUMENT;
	lun->unmap_unit_blocks = unit / block;
	return VMBUS_OK;
}

enum vmbus_status lun_init(struct lun *lun, const struct lun_options *options)
{
	port_fill(lun, 0, sizeof(*lun));
	if (options->kind > LUN_DVD ||
	    (options->naa_bytes && options->naa_bytes != 8 &&
	     options->naa_bytes != 16))
		return VMBUS_BAD_ARGUMENT;
	if (set_blocks(lun, options))
		return VMBUS_BAD_ARGUMENT;
	lun->transfer_max_bytes = options->transfer_max_bytes
					  ? options->transfer_max_bytes
					  : TRANSFER_MAX_BYTES;
	if (lun->transfer_max_bytes < lun->block_bytes)
		return VMBUS_BAD_ARGUMENT;
	lun->kind = (u8)options->kind;
	lun->read_only = options->read_only || options->kind == LUN_DVD;
	lun->write_cache = options->write_cache && options->kind == LUN_DISK;
	lun->thin = options->thin && options->kind == LUN_DISK;
	lun->unmap_zeroes = lun->thin && options->unmap_zeroes;
	lun->rotational = options->rotational;
	port_copy(lun->identity, options->identity, sizeof(lun->identity));
	set_naa(lun, options);
	set_serial(lun, options->serial);
	set_text(lun->vendor, sizeof(lun->vendor), options->vendor, VENDOR);
	set_text(lun->product, sizeof(lun->product), options->product,
		 options->kind == LUN_DVD ? PRODUCT_DVD : PRODUCT_DISK);
	set_text(lun->revision, sizeof(lun->revision), options->revision,
		 REVISION);
	set_size(lun, options->size_bytes);
	lun->medium = options->kind == LUN_DISK || options->size_bytes;
	lun_reset(lun, LUN_POWER_ON);
	return VMBUS_OK;
}

/* ---- unit attentions ---- */

static const enum sense_code attention_sense[LUN_ATTENTION_COUNT] = {
	[LUN_POWER_ON] = SENSE_POWER_ON,
	[LUN_BUS_RESET] = SENSE_BUS_RESET,
	[LUN_DEVICE_RESET] = SENSE_DEVICE_RESET,
	[LUN_MEDIUM_CHANGED] = SENSE_MEDIUM_CHANGED,
	[LUN_MODE_CHANGED] = SENSE_MODE_CHANGED,
	[LUN_RESERVATIONS_PREEMPTED] = SENSE_RESERVATIONS_PREEMPTED,
	[LUN_RESERVATIONS_RELEASED] = SENSE_RESERVATIONS_RELEASED,
	[LUN_REGISTRATIONS_PREEMPTED] = SENSE_REGISTRATIONS_PREEMPTED,
	[LUN_CAPACITY_CHANGED] = SENSE_CAPACITY_CHANGED,
	[LUN_INQUIRY_CHANGED] = SENSE_INQUIRY_CHANGED,
	[LUN_LUNS_CHANGED] = SENSE_LUNS_CHANGED,
};

enum sense_code lun_next_attention(struct lun *lun, u8 nexus)
{
	u32 i;

	for (i = 0; i < LUN_ATTENTION_COUNT; i++) {
		if (!(lun->attention[nexus] & 1u << i))
			continue;
		lun->attention[nexus] &= (u16) ~(1u << i);
		lun_update(lun);
		return attention_sense[i];
	}
	return SENSE_NONE;
}

void lun_unattend(struct lun *lun, enum lun_attention attention, u8 nexus)
{
	lun->attention[nexus] &= (u16) ~(1u << attention);
	lun_update(lun);
}

void lun_attend_one(struct lun *lun, enum lun_attention attention, u8 nexus)
{
	lun->attention[nexus] |= (u16)(1u << attention);
	lun_update(lun);
}

void lun_attend(struct lun *lun, enum lun_attention attention, u8 except)
{
	u32 nexus;

	for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++) {
		if (nexus != except)
			lun->attention[nexus] |= (u16)(1u << attention);
	}
	lun_update(lun);
}

/* ---- what the administrator does ---- */

void lun_resize(struct lun *lun, u64 size_bytes)
{
	set_size(lun, size_bytes);
	lun_attend(lun, LUN_CAPACITY_CHANGED, LUN_NEXUS_MAX);
}

void lun_set_read_only(struct lun *lun, bool read_only)
{
	read_only = read_only || lun->kind == LUN_DVD;
	if (lun->read_only == read_only)
		return;
	lun->read_only = read_only;
	/* The write protect bit is in the mode parameters' header. */
	lun_attend(lun, LUN_MODE_CHANGED, LUN_NEXUS_MAX);
}

void lun_set_offline(struct lun *lun, bool offline)
{
	lun->offline = offline;
	lun_update(lun);
}

void lun_insert(struct lun *lun, u64 size_bytes)
{
	lun->medium = true;
	lun->tray_open = false;
	lun->stopped = false;
	lun->medium_event = true;
	set_size(lun, size_bytes);
	lun_attend(lun, LUN_MEDIUM_CHANGED, LUN_NEXUS_MAX);
}

bool lun_remove(struct lun *lun, bool force)
{
	if (lun->prevented && !force) {
		lun->eject_event = true;
		return false;
	}
	lun->medium = false;
	lun->medium_event = false;
	lun->prevented = 0;
	set_size(lun, 0);
	lun_update(lun);
	return true;
}

void lun_reset(struct lun *lun, enum lun_attention attention)
{
	u32 nexus;

	lun->write_cache_on = lun->write_cache;
	lun->software_protect = false;
	lun->stopped = false;
	lun->prevented = 0;
	if (attention == LUN_POWER_ON) {
		lun->reservation = LUN_RESERVE_NONE;
		lun->generation = 0;
		port_fill(lun->registration, 0, sizeof(lun->registration));
		/* It stands for all that was told before. */
		for (nexus = 0; nexus < LUN_NEXUS_MAX; nexus++)
			lun->attention[nexus] = 0;
	}
	lun_attend(lun, attention, LUN_NEXUS_MAX);
}
