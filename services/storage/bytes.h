/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bytes.h - big-endian numbers, as SCSI has them, at any alignment.
 */
#ifndef SERVICES_STORAGE_BYTES_H
#define SERVICES_STORAGE_BYTES_H

#include "vmbus/port.h"

static inline u16 be16_read(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static inline u32 be24_read(const u8 *at)
{
	return (u32)at[0] << 16 | (u32)at[1] << 8 | at[2];
}

static inline u32 be32_read(const u8 *at)
{
	return (u32)be16_read(at) << 16 | be16_read(at + 2);
}

static inline u64 be64_read(const u8 *at)
{
	return (u64)be32_read(at) << 32 | be32_read(at + 4);
}

static inline void be16_write(u8 *at, u16 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static inline void be24_write(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 16);
	be16_write(at + 1, (u16)value);
}

static inline void be32_write(u8 *at, u32 value)
{
	be16_write(at, (u16)(value >> 16));
	be16_write(at + 2, (u16)value);
}

static inline void be64_write(u8 *at, u64 value)
{
	be32_write(at, (u32)(value >> 32));
	be32_write(at + 4, (u32)value);
}

#endif
