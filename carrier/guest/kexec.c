// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * kexec [-p] KERNEL INITRD COMMAND-LINE: loads a kernel by kexec_file_load(2),
 * which hands the ACPI root pointer on by itself, and starts it. With -p it
 * starts when this one crashes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int kernel, initrd;
	unsigned long flags = 0;

	if (argc == 5 && !strcmp(argv[1], "-p")) {
		flags = KEXEC_FILE_ON_CRASH;
		argv++;
		argc--;
	}
	if (argc != 4) {
		fprintf(stderr,
			"usage: kexec [-p] KERNEL INITRD COMMAND-LINE\n");
		return 2;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (kernel < 0)
		return fail(argv[1]);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (initrd < 0)
		return fail(argv[2]);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
		    argv[3], flags))
		return fail("loading the kernel");
	if (flags)
		return 0;
	sync();
	reboot(LINUX_REBOOT_CMD_KEXEC);
	return fail("starting the kernel");
}
