/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* daemon_shim.h - what daemon_cost.c and the shim that it preloads agree on. */
#ifndef BENCH_DAEMON_SHIM_H
#define BENCH_DAEMON_SHIM_H

#define SHIM_DEVICE "/dev/vmbus/hv_kvp"
#define SHIM_FD	    100

#endif
