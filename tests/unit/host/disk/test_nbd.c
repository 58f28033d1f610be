/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Disks that qemu-nbd and nbdkit serve, and servers that go away.
 */
#define _GNU_SOURCE
#include "disk_rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/listens.h"

#define MIB (1ull << 20)

static char socket_path[100], uri[150];

static pid_t server_start(const char *const *arguments)
{
	pid_t server;

	unlink(socket_path);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		/* A test that fails leaves nobody behind who holds its output.
		 */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	while (!listens(socket_path)) {
		assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
		usleep(2000);
	}
	return server;
}

static void server_kill(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void names_make(void)
{
	snprintf(socket_path, sizeof(socket_path), "%s", rig_path("nbd.sock"));
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", socket_path);
}

static pid_t qemu_start(const char *path)
{
	return server_start((const char *const[]){
		"qemu-nbd", "-f", "raw", "-t", "-k", socket_path, "--discard",
		"unmap", path, NULL });
}

static pid_t nbdkit_start(const char *path)
{
	return server_start((const char *const[]){
		"nbdkit", "-f", "-U", socket_path, "file", path, NULL });
}

static void use(pid_t (*start)(const char *path))
{
	const char *path = rig_file("disk", 64 * MIB);
	pid_t server;
	struct rig_disk rig;
	struct disk_info info;
	u8 pieces[3 * 4096];
	struct disk_queue *other;
	struct lis_error err;

	names_make();
	server = start(path);
	rig = rig_open_path(uri);
	disk_info_get(rig.disk, &info);
	assert_int_equal(info.format, DISK_FORMAT_NBD);
	assert_int_equal(info.size_bytes, 64 * MIB);
	rig_write(&rig, 512, 512, 1);
	rig_write(&rig, 10 * MIB, 20 * MIB, 2);
	rig_expect(&rig, 0, 512, 0);
	rig_expect(&rig, 512, 512, 1);
	rig_expect(&rig, 10 * MIB, 20 * MIB, 2);
	assert_int_equal(disk_transfer(rig.queue, DISK_ZERO, DISK_FUA, 12 * MIB,
				       NULL, MIB),
			 0);
	if (info.can_unmap)
		assert_int_equal(disk_transfer(rig.queue, DISK_UNMAP, 0,
					       13 * MIB, NULL, MIB),
				 0);
	rig_expect(&rig, 12 * MIB, (info.can_unmap ? 2 : 1) * MIB, 0);
	/* A second queue sees what the first one flushed. */
	rig_flush(&rig);
	assert_int_equal(disk_queue_open(&other, rig.disk, &err), 0);
	assert_int_equal(disk_transfer(other, DISK_READ, 0, 512, pieces, 512),
			 0);
	assert_int_equal(
		disk_transfer(other, DISK_READ, 0, 64 * MIB, pieces, 512),
		-ERANGE);
	disk_queue_close(other);
	rig_close(&rig);
	server_kill(server);
	rig = rig_open_path(path);
	rig_expect(&rig, 512, 512, 1);
	rig_expect(&rig, 14 * MIB, 16 * MIB, 2);
	rig_close(&rig);
}

static void test_qemu_nbd(void **state)
{
	(void)state;
	if (!rig_has("qemu-nbd"))
		skip();
	use(qemu_start);
}

static void test_nbdkit(void **state)
{
	(void)state;
	if (!rig_has("nbdkit"))
		skip();
	use(nbdkit_start);
}

static void *open_disk(void *disk)
{
	struct disk_options options = { .path = uri };
	struct lis_error err;

	return disk_open(disk, &options, &err) == 0 ? disk : NULL;
}

/* The kernel cancels what a thread that ends has begun. */
static void test_thread_that_opened_it_ends(void **state)
{
	struct rig_disk rig = { 0 };
	struct lis_error err;
	pthread_t opener;
	void *opened;
	pid_t server;

	(void)state;
	if (!rig_has("nbdkit"))
		skip();
	names_make();
	server = nbdkit_start(rig_file("disk", 64 * MIB));
	assert_int_equal(pthread_create(&opener, NULL, open_disk, &rig.disk),
			 0);
	assert_int_equal(pthread_join(opener, &opened), 0);
	assert_non_null(opened);
	assert_int_equal(disk_queue_open(&rig.queue, rig.disk, &err), 0);
	rig_write(&rig, 512, 512, 1);
	rig_expect(&rig, 512, 512, 1);
	rig_close(&rig);
	server_kill(server);
}

struct write_job {
	struct disk_request request;
	struct iovec iov;
};

static int left, failed;

static void write_done(struct disk_request *request, int error)
{
	(void)request;
	left--;
	failed += error != 0;
}

static void submit_some(struct rig_disk *rig, struct write_job *jobs, int count,
			u32 seed)
{
	left = count;
	failed = 0;
	for (int i = 0; i < count; i++) {
		jobs[i].iov.iov_len = 65536;
		rig_pattern(jobs[i].iov.iov_base, 65536, (u64)i * 65536, seed);
		jobs[i].request = (struct disk_request){
			.op = DISK_WRITE,
			.offset_bytes = (u64)i * 65536,
			.size_bytes = 65536,
			.iov = &jobs[i].iov,
			.iov_count = 1,
			.done = write_done,
		};
		disk_submit(rig->queue, &jobs[i].request);
	}
	disk_kick(rig->queue);
}

/* Killed with requests under way, and brought back: nothing fails. */
static void test_server_comes_back(void **state)
{
	const char *path = rig_file("disk", 64 * MIB);
	struct write_job jobs[100];
	struct rig_disk rig;
	pid_t server;

	(void)state;
	if (!rig_has("qemu-nbd"))
		skip();
	names_make();
	for (int i = 0; i < 100; i++)
		jobs[i].iov.iov_base = malloc(65536);
	server = qemu_start(path);
	rig = rig_open_path(uri);
	for (u32 round = 1; round <= 3; round++) {
		submit_some(&rig, jobs, 100, round);
		server_kill(server);
		server = qemu_start(path);
		while (left)
			disk_wait(rig.queue);
		assert_int_equal(failed, 0);
		rig_flush(&rig);
		rig_expect(&rig, 0, 100 * 65536, round);
	}
	rig_close(&rig);
	server_kill(server);
	for (int i = 0; i < 100; i++)
		free(jobs[i].iov.iov_base);
}

/* Gone for good: requests fail after the time that was given. */
static void test_server_stays_away(void **state)
{
	struct disk_options options = { .nbd_reconnect_ms = 300 };
	struct rig_disk rig;
	pid_t server;
	u8 buffer[512];

	(void)state;
	if (!rig_has("qemu-nbd"))
		skip();
	names_make();
	server = qemu_start(rig_file("disk", MIB));
	options.path = uri;
	rig = rig_open(&options);
	rig_expect(&rig, 0, MIB, 0);
	server_kill(server);
	assert_int_equal(disk_transfer(rig.queue, DISK_READ, 0, 0, buffer, 512),
			 -ENOTCONN);
	assert_int_equal(disk_transfer(rig.queue, DISK_READ, 0, 0, buffer, 512),
			 -ENOTCONN);
	server = qemu_start(rig_path("disk"));
	while (disk_transfer(rig.queue, DISK_READ, 0, 0, buffer, 512) != 0)
		usleep(10000);
	rig_close(&rig);
	server_kill(server);
}

static int cancelled;

static void cancel_done(struct disk_request *request, int error)
{
	(void)request;
	left--;
	cancelled += error == -ECANCELED;
}

/* What waits for a server can be given up. */
static void test_cancel(void **state)
{
	struct disk_request requests[8];
	u8 buffer[512];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct rig_disk rig;
	pid_t server;

	(void)state;
	if (!rig_has("qemu-nbd"))
		skip();
	names_make();
	server = qemu_start(rig_file("disk", MIB));
	rig = rig_open_path(uri);
	server_kill(server);
	left = 8;
	for (int i = 0; i < 8; i++) {
		requests[i] = (struct disk_request){ .op = DISK_READ,
						     .size_bytes = 512,
						     .iov = &iov,
						     .iov_count = 1,
						     .done = cancel_done };
		disk_submit(rig.queue, &requests[i]);
	}
	/* What is on its way to a dead server when it is given up comes back
	 * to wait: it is given up once more. */
	while (left) {
		for (int i = 0; i < 8; i++)
			disk_cancel(rig.queue, &requests[i]);
		disk_wait(rig.queue);
	}
	assert_int_equal(cancelled, 8);
	rig_close(&rig);
}

/* A server that is there but says nothing: what was sent to it can be given up
 * as well, in a while. */
static void test_cancel_sent(void **state)
{
	struct disk_options options = { .nbd_reconnect_ms = 300 };
	struct disk_request requests[8];
	u8 buffer[512];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct rig_disk rig;
	struct pollfd ready = { .events = POLLIN };
	pid_t server;

	(void)state;
	if (!rig_has("qemu-nbd"))
		skip();
	names_make();
	server = qemu_start(rig_file("disk", MIB));
	options.path = uri;
	rig = rig_open(&options);
	ready.fd = disk_queue_fd(rig.queue);
	kill(server, SIGSTOP);
	assert_int_equal(waitpid(server, NULL, WUNTRACED), server);
	left = 8;
	cancelled = 0;
	for (int i = 0; i < 8; i++) {
		requests[i] = (struct disk_request){ .op = DISK_READ,
						     .size_bytes = 512,
						     .iov = &iov,
						     .iov_count = 1,
						     .done = cancel_done };
		disk_submit(rig.queue, &requests[i]);
		disk_cancel(rig.queue, &requests[i]);
	}
	disk_kick(rig.queue);
	while (left) {
		/* Without this it would be for ever. */
		assert_int_equal(poll(&ready, 1, 20000), 1);
		disk_reap(rig.queue);
	}
	assert_int_equal(cancelled, 8);
	kill(server, SIGCONT);
	while (disk_transfer(rig.queue, DISK_READ, 0, 0, buffer, 512) != 0)
		usleep(10000);
	rig_close(&rig);
	server_kill(server);
}

static void test_refusals(void **state)
{
	struct disk_options options = { .path = uri };
	struct disk *disk;
	struct lis_error err;
	pid_t server;

	(void)state;
	if (!rig_has("nbdkit"))
		skip();
	names_make();
	unlink(socket_path);
	assert_true(disk_open(&disk, &options, &err) < 0);
	assert_non_null(strstr(err.text, "cannot open nbd+unix"));
	rig_file("disk", MIB);
	server = server_start((const char *const[]){ "nbdkit", "-f", "-r", "-U",
						     socket_path, "file",
						     rig_path("disk"), NULL });
	assert_int_equal(disk_open(&disk, &options, &err), -EROFS);
	options.read_only = true;
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	disk_close(disk);
	server_kill(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qemu_nbd),
		cmocka_unit_test(test_nbdkit),
		cmocka_unit_test(test_thread_that_opened_it_ends),
		cmocka_unit_test(test_server_comes_back),
		cmocka_unit_test(test_server_stays_away),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cancel_sent),
		cmocka_unit_test(test_refusals),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, rig_setup_memory, rig_teardown);
}
