/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/rtc.h"

#define INDEX_MASK 0x7f

/* MC146818A, table 1; the century is where IBM's PC AT keeps it. */
enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEK_DAY = 0x06,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_CONTROL_A = 0x0a,
	RTC_CONTROL_B = 0x0b,
	RTC_CONTROL_D = 0x0d,
	RTC_CENTURY = 0x32,
};

/* 32768 Hz, 1024 Hz; never in the middle of an update. */
#define CONTROL_A_RUNNING      0x26
#define CONTROL_B_24_HOURS     0x02
#define CONTROL_D_BATTERY_GOOD 0x80

#define DAY_S 86400
/* The Gregorian calendar repeats itself every 400 years. */
#define DAYS_OF_400_YEARS 146097
#define THURSDAY	  4

static bool is_leap(u32 year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static u32 month_days(u32 year, u32 month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30,
				   31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && is_leap(year));
}

/* Split days since 1970; libc's way would read the time zone's file. */
static void split_days(u64 days, u32 *year, u32 *month, u32 *day)
{
	*year = 1970 + (u32)(days / DAYS_OF_400_YEARS) * 400;
	days %= DAYS_OF_400_YEARS;
	while (days >= 365u + is_leap(*year)) {
		days -= 365u + is_leap(*year);
		*year += 1;
	}
	*month = 0;
	while (days >= month_days(*year, *month)) {
		days -= month_days(*year, *month);
		*month += 1;
	}
	*day = (u32)days;
}

static u8 decimal(u64 value)
{
	return (u8)((value / 10 % 10) << 4 | value % 10);
}

u8 rtc_read(u8 index, u64 now_s)
{
	u32 year, month, day;

	split_days(now_s / DAY_S, &year, &month, &day);
	switch (index & INDEX_MASK) {
	case RTC_SECONDS:
		return decimal(now_s % 60);
	case RTC_MINUTES:
		return decimal(now_s / 60 % 60);
	case RTC_HOURS:
		return decimal(now_s / 3600 % 24);
	case RTC_WEEK_DAY:
		/* Sunday is 1. */
		return decimal((now_s / DAY_S + THURSDAY) % 7 + 1);
	case RTC_DAY:
		return decimal(day + 1);
	case RTC_MONTH:
		return decimal(month + 1);
	case RTC_YEAR:
		return decimal(year % 100);
	case RTC_CENTURY:
		return decimal(year / 100);
	case RTC_CONTROL_A:
		return CONTROL_A_RUNNING;
	case RTC_CONTROL_B:
		return CONTROL_B_24_HOURS;
	case RTC_CONTROL_D:
		return CONTROL_D_BATTERY_GOOD;
	}
	return 0;
}
