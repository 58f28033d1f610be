// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * scribble UIO-DEVICE ROUNDS: a hostile guest. Maps the rings of a channel that
 * uio_hv_generic holds, writes random words over both header pages and into the
 * data, and signals the host, ROUNDS times.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER_BYTES 4096
/* Both indices, the interrupt mask, the pending send size. */
#define HEADER_WORDS 4

static int fail(const char *what)
{
	fprintf(stderr, "scribble: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Mostly plausible, so that not all is caught by the first check. */
static uint32_t random_word(size_t ring_bytes)
{
	switch (random() % 4) {
	case 0:
		return (uint32_t)random() * 2u;
	case 1:
		return (uint32_t)(random() % (long)ring_bytes);
	case 2:
		return (uint32_t)(random() % (long)ring_bytes) & ~7u;
	default:
		return (uint32_t)ring_bytes - 8 + (uint32_t)(random() % 16);
	}
}

static void scribble(volatile uint32_t *ring, size_t ring_bytes)
{
	size_t data_words = (ring_bytes - HEADER_BYTES) / sizeof(*ring);

	ring[random() % HEADER_WORDS] = random_word(ring_bytes - HEADER_BYTES);
	for (int i = 0; i < 16; i++)
		ring[HEADER_BYTES / sizeof(*ring) +
		     (size_t)random() % data_words] = random_word(ring_bytes);
}

static long map_bytes(const char *device)
{
	char path[128];
	FILE *file;
	long size = 0;

	snprintf(path, sizeof(path), "/sys/class/uio/%s/maps/map0/size",
		 strrchr(device, '/') + 1);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%li", &size) != 1)
		size = 0;
	fclose(file);
	return size;
}

int main(int argc, char **argv)
{
	const int32_t on = 1;
	uint8_t *rings;
	long size;
	int fd;

	if (argc != 3 || !strrchr(argv[1], '/')) {
		fprintf(stderr, "usage: scribble UIO-DEVICE ROUNDS\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		return fail(argv[1]);
	size = map_bytes(argv[1]);
	if (size < 4 * HEADER_BYTES)
		return fail("size of the rings");
	rings = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     0);
	if (rings == MAP_FAILED)
		return fail("mapping the rings");
	for (int round = atoi(argv[2]); round > 0; round--) {
		size_t half = (size_t)size / 2;

		scribble((volatile uint32_t *)(rings + random() % 2 * half),
			 half);
		if (write(fd, &on, sizeof(on)) < 0 && errno != EIO)
			return fail("signalling the host");
	}
	return 0;
}
