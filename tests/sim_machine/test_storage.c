/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Disks of a whole VM process: a guest that reads and writes through several
 * channels at once, and what happens to it meanwhile.
 */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_vm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/listens.h"
#include "tests/sim_machine/sim_storage.h"

#define DISK_BYTES (8u << 20)
#define SECTOR	   512u

/* Requests of a load: enough for all that is checked to happen. */
#define LOAD_REQUESTS 300u

static char folder[SIM_FOLDER_BYTES];
static char paths[3][64];

static void image_make(char path[64], const char *name)
{
	int fd;

	snprintf(path, 64, "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	close(fd);
}

static void prepare(struct run_config *config)
{
	struct lis_error error;
	struct run_disk *disk = run_config_add_disk(config, &error);

	assert_non_null(disk);
	assert_int_equal(run_disk_parse(disk, "test", paths[0], &error), 0);
	sim_storage_reset();
}

static int setup(void **state)
{
	int code;

	sim_folder_make(folder);
	for (u32 i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "disk%u", i);
		image_make(paths[i], name);
	}
	sim_vm_prepare = prepare;
	code = sim_vm_setup(state);
	SIM_UNTIL(sim_storage_channels() == 2);
	return code;
}

static int teardown(void **state)
{
	int code = sim_vm_teardown(state);

	for (u32 i = 0; i < 3; i++)
		unlink(paths[i]);
	assert_int_equal(rmdir(folder), 0);
	return code;
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void fill(u8 *at, u32 bytes, u32 seed)
{
	for (u32 i = 0; i < bytes; i++) {
		seed = seed * 1103515245u + 12345u;
		at[i] = (u8)(seed >> 16);
	}
}

/* What the host's file holds is what the guest wrote. */
static void file_expect(const char *path, u64 offset, const u8 *data, u32 bytes)
{
	u8 *found = malloc(bytes);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, found, bytes, (off_t)offset), bytes);
	assert_memory_equal(found, data, bytes);
	close(fd);
	free(found);
}

/* The first requests meet the unit attention of a disk that was just put in. */
static void attention_take(u8 lun)
{
	u8 sector[SECTOR];

	for (int i = 0; i < 4; i++)
		if (sim_storage_read(lun, 0, sector, SECTOR) ==
		    STORAGE_OUTCOME_GOOD)
			return;
	fail_msg("the disk does not become ready");
}

/* ---- plain ---- */

static void test_sizes(void **state)
{
	static const u32 sizes[] = { SECTOR,	    3 * SECTOR, 4096,
				     4096 + SECTOR, 65536,	1u << 20 };
	u8 *data = malloc(1u << 20), *back = malloc(1u << 20);

	(void)state;
	attention_take(0);
	for (u32 i = 0; i < PORT_ARRAY_SIZE(sizes); i++) {
		u64 sector = 7 + 100 * i;

		fill(data, sizes[i], i + 1);
		assert_int_equal(sim_storage_write(0, sector, data, sizes[i]),
				 STORAGE_OUTCOME_GOOD);
		memset(back, 0, sizes[i]);
		assert_int_equal(sim_storage_read(0, sector, back, sizes[i]),
				 STORAGE_OUTCOME_GOOD);
		assert_memory_equal(back, data, sizes[i]);
		file_expect(paths[0], sector * SECTOR, data, sizes[i]);
	}
	/* Beyond the end. */
	assert_int_equal(sim_storage_read(0, DISK_BYTES / SECTOR, back, SECTOR),
			 STORAGE_OUTCOME_SENSE);
	free(data);
	free(back);
}

/* Commands that are neither a read nor a write: what the host's part of them
 * is, not what SCSI says of them. */
static void test_other_commands(void **state)
{
	static const u8 zeros[65536];
	u8 data[65536], parameters[24] = { 0, 22, 0, 16 };
	struct sim_request same = { .cdb = { 0x93 },
				    .cdb_bytes = 16,
				    .direction = STORAGE_DATA_OUT,
				    .data = data,
				    .bytes = SECTOR };
	struct sim_request unmap = { .cdb = { 0x42, [8] = 24 },
				     .cdb_bytes = 10,
				     .direction = STORAGE_DATA_OUT,
				     .data = parameters,
				     .bytes = 24 };
	struct sim_request verify = { .cdb = { 0x8f, [12] = 1 },
				      .cdb_bytes = 16 };
	struct sim_request flush = { .cdb = { 0x35 }, .cdb_bytes = 10 };

	(void)state;
	attention_take(0);
	fill(data, sizeof(data), 5);
	assert_int_equal(sim_storage_write(0, 0, data, sizeof(data)),
			 STORAGE_OUTCOME_GOOD);
	/* 1000 blocks of the first one. */
	same.cdb[12] = 1000 >> 8;
	same.cdb[13] = 1000 & 0xff;
	same.cdb[9] = 200;
	sim_storage_do(&same);
	assert_int_equal(same.outcome, STORAGE_OUTCOME_GOOD);
	for (u32 i = 0; i < 1000; i++)
		file_expect(paths[0], (200u + i) * SECTOR, data, SECTOR);
	verify.cdb[13] = 0xff;
	verify.direction = STORAGE_DATA_UNSPECIFIED;
	sim_storage_do(&verify);
	assert_int_equal(verify.outcome, STORAGE_OUTCOME_GOOD);
	/* 128 blocks from 0. */
	parameters[8 + 11] = 128;
	sim_storage_do(&unmap);
	assert_int_equal(unmap.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(sim_storage_read(0, 0, data, sizeof(data)),
			 STORAGE_OUTCOME_GOOD);
	assert_memory_equal(data, zeros, sizeof(data));
	flush.direction = STORAGE_DATA_UNSPECIFIED;
	sim_storage_do(&flush);
	assert_int_equal(flush.outcome, STORAGE_OUTCOME_GOOD);
}

static void test_pages_that_are_none(void **state)
{
	u8 data[8192] = { 0 };
	struct sim_request request = {
		.cdb = { 0x2a, [8] = 16 },
		.cdb_bytes = 10,
		.direction = STORAGE_DATA_OUT,
		.data = data,
		.bytes = sizeof(data),
		.bad_pages = true,
	};

	(void)state;
	attention_take(0);
	sim_storage_do(&request);
	assert_int_not_equal(request.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(sim_storage_write(0, 0, data, sizeof(data)),
			 STORAGE_OUTCOME_GOOD);
}

static void test_no_such_unit(void **state)
{
	u8 data[SECTOR];

	(void)state;
	assert_int_equal(sim_storage_read(5, 0, data, SECTOR),
			 STORAGE_OUTCOME_GONE);
}

/* ---- under load ---- */

static void load_set(u8 lun, bool on)
{
	sim_guest_lock();
	sim_loads[lun].on = on;
	sim_guest_unlock();
	sim_guest_kick();
}

static u64 load_done(u8 lun)
{
	return SIM_GUEST(sim_loads[lun].done);
}

static void load_more(u8 lun)
{
	u64 from = load_done(lun);

	SIM_UNTIL(load_done(lun) >= from + LOAD_REQUESTS);
}

static void load_end(u8 lun)
{
	load_set(lun, false);
	SIM_UNTIL(SIM_GUEST(sim_loads[lun].depth) == 0);
	assert_int_equal(SIM_GUEST(sim_loads[lun].wrong), 0);
}

static void test_load(void **state)
{
	json_t *answer, *disk;

	(void)state;
	attention_take(0);
	load_set(0, true);
	load_more(0);
	load_more(0);
	load_end(0);
	assert_int_equal(SIM_GUEST(sim_loads[0].failed), 0);
	answer = sim_call(sim_client, "disk.list", NULL);
	disk = json_array_get(json_object_get(answer, "disks"), 0);
	assert_true(json_integer_value(json_object_get(disk, "reads")) > 0);
	assert_true(json_integer_value(json_object_get(disk, "writes")) > 0);
	assert_string_equal(json_string_value(json_object_get(disk, "path")),
			    paths[0]);
	json_decref(answer);
}

static void test_unload(void **state)
{
	(void)state;
	load_set(0, true);
	for (int i = 0; i < 4; i++) {
		u32 connections = SIM_GUEST(sim_guest.connections);

		load_more(0);
		sim_guest_do(sim_guest_unload, NULL);
		SIM_UNTIL(SIM_GUEST(sim_guest.connections) > connections);
		SIM_UNTIL(sim_storage_channels() == 2);
	}
	load_more(0);
	load_end(0);
	sim_all_ok();
}

static void test_restart(void **state)
{
	(void)state;
	load_set(0, true);
	for (int i = 0; i < 3; i++) {
		u32 boots = SIM_GUEST(sim_guest.boots);

		load_more(0);
		sim_guest_do(sim_guest_restart, NULL);
		SIM_UNTIL(SIM_GUEST(sim_guest.boots) > boots);
	}
	load_more(0);
	load_end(0);
	sim_all_ok();
}

static void test_kernel_crash(void **state)
{
	(void)state;
	load_set(0, true);
	load_more(0);
	sim_guest_do(sim_guest_crash_kernel, NULL);
	load_more(0);
	load_end(0);
	sim_all_ok();
}

static void test_reset(void **state)
{
	(void)state;
	load_set(0, true);
	for (u32 i = 0; i < 5; i++) {
		load_more(0);
		sim_guest_do(sim_storage_send_reset, NULL);
		SIM_UNTIL(sim_storage_resets() > i);
	}
	load_more(0);
	load_end(0);
}

static void test_pause(void **state)
{
	(void)state;
	load_set(0, true);
	load_more(0);
	sim_ok(sim_client, "vm.pause", NULL);
	sim_ok(sim_client, "vm.resume", NULL);
	load_more(0);
	load_end(0);
	assert_int_equal(SIM_GUEST(sim_loads[0].wrong), 0);
}

static void test_turn_off(void **state)
{
	(void)state;
	load_set(0, true);
	load_more(0);
	sim_ok(sim_client, "vm.stop", json_pack("{s:s}", "mode", "turn-off"));
	SIM_UNTIL(!sim_vm_running());
}

/* ---- hot add and remove ---- */

static json_t *place(int lun)
{
	return json_pack("{s:i, s:i}", "controller", 0, "lun", lun);
}

static void attach(const char *path, int lun)
{
	u32 before = sim_storage_rescans();
	json_t *answer =
		sim_call(sim_client, "disk.attach",
			 json_pack("{s:s, s:i}", "path", path, "lun", lun));

	assert_int_equal(json_integer_value(json_object_get(answer, "lun")),
			 lun);
	json_decref(answer);
	SIM_UNTIL(sim_storage_rescans() > before);
}

static void test_hot_remove(void **state)
{
	u8 data[SECTOR];

	(void)state;
	load_set(0, true);
	for (u8 i = 0; i < 4; i++) {
		attach(paths[1], 3);
		attention_take(3);
		load_set(3, true);
		load_more(3);
		sim_ok(sim_client, "disk.detach", place(3));
		load_set(3, false);
		SIM_UNTIL(SIM_GUEST(sim_loads[3].depth) == 0);
		assert_int_equal(sim_storage_read(3, 0, data, SECTOR),
				 STORAGE_OUTCOME_GONE);
	}
	assert_int_equal(SIM_GUEST(sim_loads[3].wrong), 0);
	load_more(0);
	load_end(0);
}

/* An IDE disk's channel comes and goes with it. */
static void test_ide(void **state)
{
	json_t *ide = json_pack("{s:s, s:i}", "controller", "ide", "lun", 2);

	(void)state;
	for (int i = 0; i < 3; i++) {
		sim_ok(sim_client, "disk.attach",
		       json_pack("{s:s, s:s, s:i}", "path", paths[1],
				 "controller", "ide", "lun", 2));
		SIM_UNTIL(sim_storage_channels() == 3);
		sim_ok(sim_client, "disk.detach", json_incref(ide));
		SIM_UNTIL(sim_storage_channels() == 2);
	}
	/* Both at once. */
	for (int i = 0; i < 3; i++) {
		sim_ok(sim_client, "disk.attach",
		       json_pack("{s:s, s:s, s:i}", "path", paths[1],
				 "controller", "ide", "lun", 2));
		sim_ok(sim_client, "disk.detach", json_incref(ide));
	}
	json_decref(ide);
	attention_take(0);
}

static void test_refusals(void **state)
{
	(void)state;
	sim_refused(sim_client, "disk.attach",
		    json_pack("{s:s, s:i}", "path", paths[1], "lun", 0),
		    "exists");
	sim_refused(sim_client, "disk.attach",
		    json_pack("{s:s}", "path", "/nowhere/at.all"), "not-found");
	sim_refused(sim_client, "disk.attach",
		    json_pack("{s:s, s:i}", "path", paths[1], "lun", 64), "");
	sim_refused(sim_client, "disk.attach", NULL, "");
	sim_refused(sim_client, "disk.detach", place(9), "not-found");
	sim_refused(sim_client, "disk.resize",
		    json_pack("{s:i, s:i, s:i}", "controller", 1, "lun", 0,
			      "size_bytes", 1 << 20),
		    "not-found");
	sim_refused(sim_client, "disk.resize", place(0), "");
}

static void test_resize(void **state)
{
	u8 capacity[32] = { 0 };
	struct sim_request request = {
		.cdb = { 0x9e, 0x10, [13] = sizeof(capacity) },
		.cdb_bytes = 16,
		.direction = STORAGE_DATA_IN,
		.data = capacity,
		.bytes = sizeof(capacity),
	};

	(void)state;
	attention_take(0);
	sim_ok(sim_client, "disk.resize",
	       json_pack("{s:i, s:i, s:i}", "controller", 0, "lun", 0,
			 "size_bytes", 2 * DISK_BYTES));
	sim_storage_do(&request);
	assert_int_equal(request.outcome, STORAGE_OUTCOME_RESIZED);
	sim_storage_do(&request);
	assert_int_equal(request.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(capacity[6] << 8 | capacity[7],
			 2 * DISK_BYTES / SECTOR - 1);
}

static void limit(int iops)
{
	sim_ok(sim_client, "disk.set",
	       json_pack("{s:i, s:i, s:i}", "controller", 0, "lun", 0, "iops",
			 iops));
}

/* What waits for its turn is aborted by a reset, and goes on without limit. */
static void test_limit(void **state)
{
	(void)state;
	attention_take(0);
	limit(1);
	load_set(0, true);
	SIM_UNTIL(SIM_GUEST(sim_loads[0].depth) > 8);
	sim_guest_do(sim_storage_send_reset, NULL);
	SIM_UNTIL(sim_storage_resets() == 1);
	assert_true(SIM_GUEST(sim_loads[0].failed) > 0);
	limit(0);
	load_more(0);
	load_end(0);
}

/* Nobody waits for what waits for its turn. */
static void test_restart_with_limit(void **state)
{
	u32 boots = SIM_GUEST(sim_guest.boots);

	(void)state;
	attention_take(0);
	limit(1);
	load_set(0, true);
	SIM_UNTIL(SIM_GUEST(sim_loads[0].depth) > 8);
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) > boots);
	limit(0);
	load_more(0);
	load_end(0);
}

/* ---- a disk over the network ---- */

static char nbd_socket[64];

static pid_t nbd_serve(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	execlp("nbdkit", "nbdkit", "-f", "-U", nbd_socket, "file", paths[2],
	       NULL);
	_exit(127);
}

static void nbd_kill(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(nbd_socket);
}

/* The server dies under load, and comes back. */
static void test_nbd(void **state)
{
	char uri[96];
	pid_t server;

	(void)state;
	if (system("command -v nbdkit >/dev/null") != 0)
		skip();
	snprintf(nbd_socket, sizeof(nbd_socket), "%s/nbd", folder);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", nbd_socket);
	server = nbd_serve();
	SIM_UNTIL(listens(nbd_socket));
	attach(uri, 3);
	attention_take(3);
	load_set(0, true);
	load_set(3, true);
	load_more(3);
	nbd_kill(server);
	load_more(0);
	server = nbd_serve();
	load_more(3);
	load_end(3);
	load_end(0);
	sim_ok(sim_client, "disk.detach", place(3));
	nbd_kill(server);
}

/* A reset whose channel closes before all have ended what it covers: the next
 * one waits for the same requests, once. */
static void test_reset_after_reset(void **state)
{
	char uri[96];
	pid_t server;
	u32 before;

	(void)state;
	if (system("command -v nbdkit >/dev/null") != 0)
		skip();
	snprintf(nbd_socket, sizeof(nbd_socket), "%s/nbd", folder);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", nbd_socket);
	server = nbd_serve();
	SIM_UNTIL(listens(nbd_socket));
	attach(uri, 3);
	attention_take(3);
	attention_take(0);
	/* The server keeps what it has; the limit's end shows the reset. */
	kill(server, SIGSTOP);
	limit(1);
	SIM_GUEST(sim_loads[0].primary = sim_loads[3].primary = true);
	load_set(3, true);
	SIM_UNTIL(SIM_GUEST(sim_loads[3].depth) > 8);
	load_set(3, false);
	load_set(0, true);
	SIM_UNTIL(SIM_GUEST(sim_loads[0].depth) > 8);
	load_set(0, false);
	/* One that is in the ring yet is not what the reset covers. */
	SIM_UNTIL(sim_storage_drained());
	sim_guest_do(sim_storage_send_sub_reset, NULL);
	SIM_UNTIL(SIM_GUEST(sim_loads[0].failed) > 0);
	sim_guest_do(sim_storage_close_sub, NULL);
	/* A server that is silent for ten seconds, as on a slow machine, is
	 * given up: then the first one was answered. */
	before = sim_storage_resets();
	sim_guest_do(sim_storage_send_reset, NULL);
	sim_ok(sim_client, "disk.list", NULL);
	kill(server, SIGCONT);
	SIM_UNTIL(sim_storage_resets() == before + 1);
	SIM_UNTIL(SIM_GUEST(sim_loads[3].depth) == 0);
	limit(0);
	sim_ok(sim_client, "disk.detach", place(3));
	nbd_kill(server);
}

/* A server that says nothing: neither the VM nor its end wait for it. */
static void test_silent_server(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char uri[160];

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/nbd", folder);
	assert_int_equal(
		bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", address.sun_path);
	sim_send(sim_client, "disk.attach", json_pack("{s:s}", "path", uri));
	load_set(0, true);
	load_more(0);
	load_end(0);
	sim_all_ok();
	close(server);
	unlink(address.sun_path);
}

/* ---- a guest that breaks the protocol ---- */

static void test_garbage(void **state)
{
	(void)state;
	attention_take(0);
	sim_guest_do(sim_storage_send_garbage, NULL);
	SIM_UNTIL(sim_storage_channels() == 0);
	/* Everything else goes on; a restart brings the disk back. */
	sim_all_ok();
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(sim_storage_channels() == 2);
	attention_take(0);
}

static void test_trace(void **state)
{
	struct vm_client *other = sim_connect();
	u8 data[SECTOR];
	bool found = false;

	(void)state;
	sim_ok(other, "trace.follow",
	       json_pack("{s:b, s:b}", "messages", 0, "packets", 1));
	attention_take(0);
	assert_int_equal(sim_storage_read(0, 0, data, SECTOR),
			 STORAGE_OUTCOME_GOOD);
	while (!found) {
		json_t *trace = sim_notified(other, "trace", NULL);

		found = !strcmp(
			json_string_value(json_object_get(trace, "service")),
			"SCSI Controller 0");
		json_decref(trace);
	}
	vm_client_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(test_sizes),
		DISK_TEST(test_other_commands),
		DISK_TEST(test_pages_that_are_none),
		DISK_TEST(test_no_such_unit),
		DISK_TEST(test_load),
		DISK_TEST(test_unload),
		DISK_TEST(test_restart),
		DISK_TEST(test_kernel_crash),
		DISK_TEST(test_reset),
		DISK_TEST(test_pause),
		DISK_TEST(test_turn_off),
		DISK_TEST(test_hot_remove),
		DISK_TEST(test_ide),
		DISK_TEST(test_refusals),
		DISK_TEST(test_resize),
		DISK_TEST(test_limit),
		DISK_TEST(test_restart_with_limit),
		DISK_TEST(test_nbd),
		DISK_TEST(test_reset_after_reset),
		DISK_TEST(test_silent_server),
		DISK_TEST(test_garbage),
		DISK_TEST(test_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
