/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * rtc.h - the clock of a PC, for reading only (Motorola MC146818A datasheet).
 *
 * Without one, Linux waits for it twice while booting, and starts in 1970.
 * Here: its registers. Not here: alarms and interrupts; it has none.
 */
#ifndef HOST_VM_RTC_H
#define HOST_VM_RTC_H

#include "vmbus/port.h"

#define RTC_INDEX_PORT 0x70
#define RTC_DATA_PORT  0x71

/**
 * rtc_read - value of a register.
 * @index: as the guest wrote it to RTC_INDEX_PORT; bit 7 does not count
 * @now_s: seconds since 1970, UTC, below the year 10000
 */
u8 rtc_read(u8 index, u64 now_s);

#endif
