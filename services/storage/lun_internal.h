/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* lun_internal.h - what the command files know of a unit besides lun.h. */
#ifndef SERVICES_STORAGE_LUN_INTERNAL_H
#define SERVICES_STORAGE_LUN_INTERNAL_H

#include "services/storage/lun.h"

/* Write the gate anew; after any change of what it is made of. */
void lun_update(struct lun *lun);

/* Why the medium cannot be used; SENSE_NONE: it can. */
enum sense_code lun_not_ready(const struct lun *lun);

/* The most urgent unit attention of @nexus, which is taken; else SENSE_NONE. */
enum sense_code lun_next_attention(struct lun *lun, u8 nexus);

/* Take back, or add, one condition for one nexus. */
void lun_unattend(struct lun *lun, enum lun_attention attention, u8 nexus);
void lun_attend_one(struct lun *lun, enum lun_attention attention, u8 nexus);

#endif
