// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Backup and file copy behind a device that says anything: messages, random and
 * mutated, to each; as many as LISD_TEST_MESSAGES says. Every one is answered,
 * and nothing ends.
 */
#define _GNU_SOURCE
#include "tests/unit/guest/tools/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hyperv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/lisd/fcopy/fcopy.h"
#include "guest/lisd/fcopy/node.h"
#include "guest/lisd/log.h"
#include "guest/lisd/vss/vss.h"

#define MESSAGES 20000
/* As many as fit into the device before the answers are taken out. */
#define BURST	      16
#define MESSAGE_BYTES 8192

static char root[TREE_BYTES];
static u64 seed = 88172645463325252ull;

/* xorshift64, Marsaglia 2003. */
static u32 any(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 32) % below;
}

static void mutate(u8 *message, u32 size_bytes)
{
	u32 count = any(4);

	while (count-- && size_bytes)
		message[any(any(4) ? (size_bytes < 60 ? size_bytes : 60)
				   : size_bytes)] = (u8)any(256);
}

static u32 fcopy_message(u8 *message)
{
	static const char *const names[] = { "a",   "b", "..",	    ".",
					     "x/y", "",	 "\xff\xfe" };
	static const char *const folders[] = { "/", "/d/e/f", "/d/../..", "" };
	struct fcopy_start *start = (struct fcopy_start *)message;
	struct fcopy_data *data = (struct fcopy_data *)message;
	u32 size = any(8) ? 36 : 1 + any(MESSAGE_BYTES - 1), i;

	memset(message, 0, MESSAGE_BYTES);
	start->header.operation = any(16) ? any(4) : any(300);
	if (!any(10)) {
		for (i = 0; i < size; i++)
			message[i] = (u8)any(256);
	} else if (start->header.operation == FCOPY_OPERATION_START) {
		size = sizeof(*start);
		strcpy((char *)start->name, names[any(7)]);
		strcpy((char *)start->folder, folders[any(4)]);
		start->flags = any(8) ? any(4) : any(1000);
		start->size_bytes = any(8) ? any(20000) : seed;
	} else if (start->header.operation == FCOPY_OPERATION_DATA) {
		size = sizeof(*data);
		data->offset = any(8) ? any(20000) : seed;
		data->size_bytes = any(8) ? any(6145) : any(1u << 31);
		memset(data->data, (int)any(3), sizeof(data->data));
	}
	mutate(message, size);
	return size;
}

static u32 vss_message(u8 *message)
{
	u32 size = any(8) ? sizeof(struct hv_vss_msg) : 1 + any(600), i;

	for (i = 0; i < size; i++)
		message[i] = (u8)any(256);
	if (any(4))
		message[0] = (u8)any(VSS_OP_COUNT);
	/* A freeze is a process: now and then suffices. */
	if (message[0] == VSS_OP_FREEZE && any(50))
		message[0] = VSS_OP_THAW;
	return size;
}

static struct lisd_env env;

static int serve_fcopy(int fd)
{
	static struct copy copy;

	copy_init(&copy, "");
	close(copy.root);
	copy.root = open(root, O_PATH | O_DIRECTORY);
	copy.owner = geteuid();
	return node_run(&env, fd, &copy, -1);
}

static int serve_vss(int fd)
{
	strcpy(env.root, root);
	env.service = &lisd_vss;
	if (lisd_vss.prepare(&env))
		return -1;
	return lisd_vss.run(&env, fd);
}

static void daemon_try(int (*serve)(int fd), u32 (*make)(u8 *message),
		       ssize_t hello_bytes, ssize_t answer_bytes)
{
	static u8 message[MESSAGE_BYTES], answer[MESSAGE_BYTES];
	const char *many = getenv("LISD_TEST_MESSAGES");
	int messages = many ? atoi(many) : MESSAGES;
	int pair[2], status, i, j;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (!pid) {
		close(pair[0]);
		env.stop_fd = eventfd(0, 0);
		env.report_fd = -1;
		log_open("hostile", (enum log_level)0);
		_exit(serve(pair[1]) == LISD_GONE ? 0 : 1);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], answer, sizeof(answer)), hello_bytes);
	assert_int_equal(write(pair[0], message, 4), 4);
	for (i = 0; i < messages; i += BURST) {
		for (j = 0; j < BURST; j++) {
			u32 size = make(message);

			assert_int_equal(write(pair[0], message, size), size);
		}
		for (j = 0; j < BURST; j++)
			assert_int_equal(read(pair[0], answer, sizeof(answer)),
					 answer_bytes);
	}
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_fcopy(void **state)
{
	(void)state;
	tree_make(root);
	daemon_try(serve_fcopy, fcopy_message, 4, 4);
	tree_remove(root);
}

static void test_vss(void **state)
{
	(void)state;
	tree_make(root);
	tree_text(root, "proc/self/mountinfo",
		  "27 1 8:1 / /nowhere/x rw - ext4 /dev/none rw\nnonsense\n");
	daemon_try(serve_vss, vss_message, 12, 12);
	tree_remove(root);
}

/* ---- the sandbox of each ---- */

/* A sanitizer has _exit() make a call that the filter refuses. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

static void sandbox_try(const struct lisd_service *service, bool writes)
{
	char made[TREE_BYTES + 8];
	int status;
	pid_t pid;

	tree_make(root);
	snprintf(made, sizeof(made), "%s/made", root);
	pid = fork();
	if (!pid) {
		char *const arguments[] = { "/bin/true", NULL };
		int fd;

		if (sandbox_enter(service->capabilities, service->rules,
				  service->rule_count))
			leave(1);
		if (execve("/bin/true", arguments, NULL) != -1 ||
		    errno != EPERM)
			leave(2);
		if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM)
			leave(3);
		if (syscall(SYS_ptrace, 0, 0, 0, 0) != -1 || errno != EPERM)
			leave(4);
		fd = (int)syscall(SYS_openat, AT_FDCWD, made, O_RDWR | O_CREAT,
				  0600);
		if ((fd >= 0) != writes)
			leave(5);
		if (syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL) != -1 ||
		    errno != EPERM)
			leave(6);
		leave(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tree_remove(root);
}

/* Calls that a service does not need are refused. */
static void test_sandbox(void **state)
{
	(void)state;
	sandbox_try(&lisd_fcopy, true);
	sandbox_try(&lisd_vss, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_fcopy),
		cmocka_unit_test(test_vss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
