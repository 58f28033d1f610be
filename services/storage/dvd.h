/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* dvd.h - the handlers of MMC commands. */
#ifndef SERVICES_STORAGE_DVD_H
#define SERVICES_STORAGE_DVD_H

#include "services/storage/scsi_internal.h"

enum scsi_step dvd_prevent(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_read_toc(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_configuration(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_events(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_mechanism(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_disc(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_track(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_structure(struct lun *lun, struct scsi_task *task);
enum scsi_step dvd_sub_channel(struct lun *lun, struct scsi_task *task);

#endif
