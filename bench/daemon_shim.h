/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* daemon_shim.h - what daemon.c and the shim that it preloads agree on. */
#ifndef BENCH_DAEMON_SHIM_H
#define BENCH_DAEMON_SHIM_H

#define SHIM_DEVICES "/dev/vmbus/hv_"
#define SHIM_FD	     100

#endif
