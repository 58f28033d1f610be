/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * crc32c.h - the Castagnoli checksum (RFC 3720, appendix B.4), as VHDX has it.
 */
#ifndef HOST_BACKEND_DISK_CRC32C_H
#define HOST_BACKEND_DISK_CRC32C_H

#include "vmbus/port.h"

/* crc: 0, or the result for what goes before. */
u32 crc32c(u32 crc, const void *data, u64 size_bytes);

#endif
