// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * clockoffset PTP-DEVICE COUNT: how far the guest's clock is ahead of the
 * host's, in ns, one line a second. The device is hv_utils' own, which tells
 * the host's time of the last sample plus the reference time since.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static long long time_ns(const struct ptp_clock_time *time)
{
	return time->sec * 1000000000ll + time->nsec;
}

int main(int argc, char **argv)
{
	struct ptp_sys_offset offset;
	int count, fd;

	if (argc != 3) {
		fprintf(stderr, "usage: clockoffset PTP-DEVICE COUNT\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0) {
		fprintf(stderr, "clockoffset: %s: %s\n", argv[1],
			strerror(errno));
		return 1;
	}
	for (count = atoi(argv[2]); count > 0; count--) {
		memset(&offset, 0, sizeof(offset));
		offset.n_samples = 1;
		/* System clock, device, system clock. */
		if (ioctl(fd, PTP_SYS_OFFSET, &offset)) {
			fprintf(stderr, "clockoffset: %s: %s\n", argv[1],
				strerror(errno));
			return 1;
		}
		printf("%lld\n",
		       (time_ns(&offset.ts[0]) + time_ns(&offset.ts[2])) / 2 -
			       time_ns(&offset.ts[1]));
		if (count > 1)
			sleep(1);
	}
	return 0;
}
