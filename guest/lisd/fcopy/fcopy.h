/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * fcopy.h - file copy from the host: the service and its settings.
 */
#ifndef GUEST_LISD_FCOPY_FCOPY_H
#define GUEST_LISD_FCOPY_FCOPY_H

#include "guest/lisd/lisd.h"

extern const struct lisd_service lisd_fcopy;

#endif
