// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* eject DEVICE: open the tray of a DVD drive. */
#include <fcntl.h>
#include <linux/cdrom.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2)
		return 2;
	fd = open(argv[1], O_RDONLY | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, CDROMEJECT) < 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
