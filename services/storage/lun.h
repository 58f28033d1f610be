/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * lun.h - a logical unit: a disk or a DVD drive, as SCSI sees it.
 *
 * Here: geometry, identity, mode parameters, unit attentions, persistent
 * reservations. Not here: commands (scsi.h), where the bytes are (the caller).
 *
 * Threads: one lock per logical unit, the caller's. Every function takes a unit
 * that is locked, unless it says otherwise; scsi_begin_io() takes none, for it
 * reads only the words that are stored whole (the gate, the size).
 *
 * A nexus is one initiator's way to the unit: the number of the controller (or
 * guest) through which its commands come, below LUN_NEXUS_MAX.
 */
#ifndef SERVICES_STORAGE_LUN_H
#define SERVICES_STORAGE_LUN_H

#include "services/storage/sense.h"
#include "vmbus/status.h"

#define LUN_NEXUS_MAX	    8u
#define LUN_PER_CONTROLLER  64u
#define LUN_NAA_BYTES	    16u
#define LUN_SERIAL_MAX	    36u
#define LUN_DVD_BLOCK_BYTES 2048u

enum lun_kind {
	LUN_DISK, /* direct access, SBC-3 */
	LUN_DVD,  /* CD/DVD drive, MMC-6, read-only */
};

struct lun_options {
	enum lun_kind kind;
	u64 size_bytes;	    /* rounded down to blocks; DVD without medium: 0 */
	u32 block_bytes;    /* logical: 512 or 4096; DVD: 2048; 0: 512 */
	u32 physical_bytes; /* power of two times block_bytes; 0: the same */
	bool read_only;
	bool write_cache;	/* writes are durable after a flush only */
	bool thin;		/* UNMAP is worth while */
	bool unmap_zeroes;	/* what is unmapped reads as zeros */
	bool rotational;	/* else VPD page B1 says: solid state */
	u32 unmap_unit_bytes;	/* granularity of UNMAP; 0: physical_bytes */
	u32 transfer_max_bytes; /* of one request; 0: 1 MiB */
	/* Name of the unit over its whole life, e.g. the image's GUID. */
	u8 identity[16];
	/* World wide name in NAA form, 8 or 16 bytes; 0: made of identity. */
	u8 naa_bytes;
	u8 naa[LUN_NAA_BYTES];
	/* ASCII, cut at the standard's width; empty or NULL: the default. */
	const char *serial;   /* default: identity in hexadecimal */
	const char *vendor;   /* default "Msft", see lun.c */
	const char *product;  /* default "Virtual Disk" or "Virtual DVD-ROM" */
	const char *revision; /* default "1.0" */
};

/* Unit attention conditions, the most urgent first (SPC-4 5.14: a reset goes
 * before all others). Bits of lun.attention. */
enum lun_attention {
	LUN_POWER_ON,
	LUN_BUS_RESET,
	LUN_DEVICE_RESET,
	LUN_MEDIUM_CHANGED,
	LUN_MODE_CHANGED,
	LUN_RESERVATIONS_PREEMPTED,
	LUN_RESERVATIONS_RELEASED,
	LUN_REGISTRATIONS_PREEMPTED,
	LUN_CAPACITY_CHANGED,
	LUN_INQUIRY_CHANGED,
	LUN_LUNS_CHANGED,
	LUN_ATTENTION_COUNT
};

/* Bits of lun.gate: why scsi_begin_io() has to leave a command to
 * scsi_begin(). */
#define LUN_GATE_ATTENTION  0x1u /* shifted by the nexus */
#define LUN_GATE_RESERVED   0x100u
#define LUN_GATE_NOT_READY  0x200u
#define LUN_GATE_READ_ONLY  0x400u
#define LUN_GATE_WRITE_THRU 0x800u /* the write cache was switched off */

_Static_assert(LUN_NEXUS_MAX <= 8, "a bit of the gate for each");

/* Persistent reservation types (SPC-4 table 214); 0: none is held. */
enum lun_reservation {
	LUN_RESERVE_NONE = 0,
	LUN_RESERVE_WRITE_EXCLUSIVE = 1,
	LUN_RESERVE_EXCLUSIVE = 3,
	LUN_RESERVE_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	LUN_RESERVE_EXCLUSIVE_REGISTRANTS = 6,
	LUN_RESERVE_WRITE_EXCLUSIVE_ALL = 7,
	LUN_RESERVE_EXCLUSIVE_ALL = 8,
};

struct lun_registration {
	bool used;
	u64 key;
};

/* Caller-owned; fields are the room's own. */
struct lun {
	u32 gate;	 /* atomic */
	u64 block_count; /* atomic */
	u32 block_bytes;
	u8 block_shift;
	u8 physical_exponent; /* logical blocks per physical, a power of two */
	u8 kind;
	bool read_only;
	bool write_cache;      /* there is one */
	bool write_cache_on;   /* WCE */
	bool software_protect; /* SWP */
	bool thin;
	bool unmap_zeroes;
	bool rotational;
	bool medium;	   /* present; always, for a disk */
	bool stopped;	   /* START STOP UNIT */
	bool tray_open;	   /* DVD */
	bool offline;	   /* by lun_set_offline() */
	bool medium_event; /* DVD: not told by GET EVENT STATUS yet */
	bool eject_event;
	u32 prevented; /* nexuses that forbid removal, a bit each */
	u32 unmap_unit_blocks;
	u32 transfer_max_bytes;
	u8 naa_bytes;
	u8 naa[LUN_NAA_BYTES];
	u8 identity[16];
	char serial[LUN_SERIAL_MAX];
	u8 serial_bytes;
	char vendor[8];
	char product[16];
	char revision[4];
	u16 attention[LUN_NEXUS_MAX]; /* bits by enum lun_attention */
	u32 generation;		      /* of persistent reservations */
	u8 reservation;		      /* enum lun_reservation */
	u8 holder;		      /* nexus, but for the _ALL types */
	struct lun_registration registration[LUN_NEXUS_MAX];
};

/*
 * lun_init - make a unit. Power-on is a unit attention for every nexus.
 * Returns VMBUS_OK, or VMBUS_BAD_ARGUMENT: a size is not as said above.
 */
enum vmbus_status lun_init(struct lun *lun, const struct lun_options *options);

/* lun_size_bytes - of the medium, 0 without one. Needs no lock. */
u64 lun_size_bytes(const struct lun *lun);

/*
 * lun_resize - the medium is larger or smaller now: every nexus is told by a
 * unit attention (CAPACITY DATA HAS CHANGED). A task that began before may
 * still reach beyond the new end: the caller lets those end first when it
 * shrinks.
 */
void lun_resize(struct lun *lun, u64 size_bytes);

/* lun_set_read_only - from now on writes are refused, or no longer. */
void lun_set_read_only(struct lun *lun, bool read_only);

/* lun_set_offline - the backend is gone: commands for the medium are answered
 * NOT READY until it is back. */
void lun_set_offline(struct lun *lun, bool offline);

/*
 * lun_insert, lun_remove - DVD: a medium is in the drive now, or was taken out
 * by the administrator. lun_remove() returns false when the guest forbids it
 * and @force is not set.
 */
void lun_insert(struct lun *lun, u64 size_bytes);
bool lun_remove(struct lun *lun, bool force);

/*
 * lun_reset - what a reset does to the unit: mode parameters are the default
 * again, removal is allowed, and every nexus gets a unit attention. Persistent
 * reservations stay (SPC-4 5.13.1).
 * @attention: LUN_POWER_ON (which also ends all registrations: there is no
 *             persistence through power loss), LUN_BUS_RESET, LUN_DEVICE_RESET
 */
void lun_reset(struct lun *lun, enum lun_attention attention);

/* lun_attend - a condition to tell each nexus. @except: LUN_NEXUS_MAX: none. */
void lun_attend(struct lun *lun, enum lun_attention attention, u8 except);

/*
 * lun_nexus_lost - the initiator behind @nexus is gone (its VM ended): what it
 * registered and holds is released.
 */
void lun_nexus_lost(struct lun *lun, u8 nexus);

#endif
