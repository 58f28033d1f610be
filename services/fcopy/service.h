/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the row of file copy for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_FCOPY_SERVICE_H
#define SERVICES_FCOPY_SERVICE_H

#include "services/fcopy/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service fcopy_service;

#endif
