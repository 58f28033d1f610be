/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * service.h - the row of key-value exchange for the framework.
 *
 * Here: what both ends have in common. Not here: either end.
 */
#ifndef SERVICES_KVP_SERVICE_H
#define SERVICES_KVP_SERVICE_H

#include "services/kvp/wire.h"
#include "services/ic/ic.h"

extern const struct ic_service kvp_service;

#endif
