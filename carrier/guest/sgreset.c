// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * sgreset DISK: has the SCSI controller of a disk reset, as sg_reset --host.
 */
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int what = SG_SCSI_RESET_HOST;
	int fd;

	if (argc != 2) {
		fputs("usage: sgreset DISK\n", stderr);
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, SG_SCSI_RESET, &what)) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	return 0;
}
