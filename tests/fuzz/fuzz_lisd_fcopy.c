/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a host or a driver asks of file copy, down to the file system.
 *
 * Input: a byte that says by which way, then messages: for the node, each a
 * u16 with its size and that many bytes; for the channel, what the ring from
 * the host holds, its first four bytes being the write index. Files are made
 * below a folder in /dev/shm, which stays the only one that is touched.
 */
#define _GNU_SOURCE
#include "tests/fuzz/bytes.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/fcopy/channel.h"
#include "guest/lisd/fcopy/node.h"
#include "guest/lisd/log.h"

#define HALF_BYTES (16u << 10)
#define STEPS	   64

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char root[] = "/dev/shm/lis-fuzz-XXXXXX";
static struct copy copy;
static struct channel channel;
static u8 rings[2 * HALF_BYTES] __attribute__((aligned(4096)));

static int drop(const char *path, const struct stat *status, int type,
		struct FTW *where)
{
	(void)status;
	(void)type;
	return where->level ? remove(path) : 0;
}

static void clean(void)
{
	nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void end(void)
{
	clean();
	rmdir(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	require(mkdtemp(root), "no folder in /dev/shm");
	atexit(end);
	require(copy_init(&copy, root), "no root");
	close(copy.root);
	copy.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	copy.owner = geteuid();
	log_open("fuzz", (enum log_level)0);
	return 0;
}

static void node(struct bytes *bytes)
{
	static struct fcopy_request request;
	u8 *message;
	u16 size;

	while (bytes->left) {
		bytes_take(bytes, &size, sizeof(size));
		size %= NODE_MESSAGE_BYTES;
		message = malloc(size ? size : 1);
		if (!message)
			return;
		bytes_take(bytes, message, size);
		if (node_parse(message, size, &request) == IC_S_OK)
			copy_serve(&copy, &request);
		free(message);
	}
}

static void ring(struct bytes *bytes)
{
	struct ring_header *header = (struct ring_header *)(rings + HALF_BYTES);
	bool signal;
	int i;

	memset(rings, 0, sizeof(rings));
	ring_format(rings);
	ring_format(rings + HALF_BYTES);
	require(channel_init(&channel, rings, sizeof(rings)) == VMBUS_OK,
		"no channel");
	for (i = 0; i < STEPS && bytes->left; i++) {
		header->write_index = bytes_u32(bytes);
		bytes_take(bytes, rings + HALF_BYTES + RING_HEADER_BYTES,
			   HALF_BYTES - RING_HEADER_BYTES);
		if (channel_serve(&channel, &copy, &signal))
			break;
		/* The host has read all answers. */
		((struct ring_header *)rings)->read_index =
			((struct ring_header *)rings)->write_index;
	}
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };

	if (bytes_u8(&bytes) & 1)
		ring(&bytes);
	else
		node(&bytes);
	copy_cancel(&copy);
	require(copy.fd < 0 && copy.folder < 0, "something stays open");
	clean();
	return 0;
}
