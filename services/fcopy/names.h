/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * names.h - file and folder of a copy, as the start message wants them.
 *
 * Here: checks and conversion. For services/fcopy/vsp.c only.
 */
#ifndef SERVICES_FCOPY_NAMES_H
#define SERVICES_FCOPY_NAMES_H

#include "services/fcopy/vsp.h"

/*
 * fcopy_name_write - write a file's name to @units (FCOPY_NAME_UNITS units of
 * wire memory), zero behind its end. @utf8_limits: see fcopy_vsp_options.
 * Returns FCOPY_OK, FCOPY_NAME_INVALID or FCOPY_NAME_TOO_LONG.
 */
enum fcopy_status fcopy_name_write(u8 *units, const char *name,
				   bool utf8_limits);

/*
 * fcopy_folder_write - the same for its folder, with a slash added to an
 * absolute one that does not end in it: Linux creates and checks only folders
 * that a slash follows. Returns FCOPY_OK, FCOPY_FOLDER_INVALID or
 * FCOPY_FOLDER_TOO_LONG.
 */
enum fcopy_status fcopy_folder_write(u8 *units, const char *folder,
				     bool utf8_limits);

/*
 * fcopy_uio_check - whether what both have written is safe with Linux's UIO
 * daemon. Returns FCOPY_OK, FCOPY_NOT_ASCII or FCOPY_FOLDER_TOO_LONG_UIO.
 */
enum fcopy_status fcopy_uio_check(const u8 *name, const u8 *folder);

#endif
