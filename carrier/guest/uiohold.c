// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * uiohold UIO-DEVICE: opens a device of uio_hv_generic and maps all that it
 * has. Says "mapped MAPS" when every page was read and written as it was, then
 * allows interrupts and waits for them. When there are none any more it says
 * "gone: ERROR", reads every page once more, says "touched", and stays as it is
 * until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPS	   5
#define PAGE_BYTES 4096

static int fail(const char *what)
{
	fprintf(stderr, "uiohold: %s: %s\n", what, strerror(errno));
	return 1;
}

static unsigned long map_bytes(const char *device, int map)
{
	char path[128];
	FILE *file;
	unsigned long size = 0;

	snprintf(path, sizeof(path), "/sys/class/uio/%s/maps/map%d/size",
		 strrchr(device, '/') + 1, map);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%lx", &size) != 1)
		size = 0;
	fclose(file);
	return size;
}

/* The last bytes of each page: no index of a ring's is there. */
static void touch(volatile uint32_t *words, unsigned long bytes)
{
	for (unsigned long at = PAGE_BYTES; at <= bytes; at += PAGE_BYTES) {
		uint32_t word = words[at / 4 - 1];

		words[at / 4 - 1] = word;
	}
}

int main(int argc, char **argv)
{
	void *memory[MAPS];
	unsigned long bytes[MAPS];
	int fd, count;
	int32_t on = 1;

	if (argc != 2 || !strrchr(argv[1], '/'))
		return fail("usage: uiohold /dev/uioN");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		return fail(argv[1]);
	for (count = 0; count < MAPS; count++) {
		bytes[count] = map_bytes(argv[1], count);
		if (!bytes[count])
			break;
		memory[count] = mmap(NULL, bytes[count], PROT_READ | PROT_WRITE,
				     MAP_SHARED, fd, (off_t)count * PAGE_BYTES);
		if (memory[count] == MAP_FAILED)
			return fail("mmap");
		touch(memory[count], bytes[count]);
	}
	printf("mapped %d\n", count);
	fflush(stdout);
	if (write(fd, &on, sizeof(on)) != sizeof(on))
		return fail("write");
	while (read(fd, &on, sizeof(on)) == sizeof(on))
		;
	printf("gone: %s\n", strerror(errno));
	while (count--)
		touch(memory[count], bytes[count]);
	printf("touched\n");
	fflush(stdout);
	for (;;)
		pause();
}
