/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* vss.* and backup.* over the socket: nobody leaves a guest frozen, nor its
 * writes waiting. */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim_machine/sim_storage.h"

#define DISK_BYTES (8u << 20)

static bool frozen(void)
{
	return SIM_GUEST(sim_guest.frozen);
}

static json_t *keep(void)
{
	return json_pack("{s:b}", "keep", 1);
}

static void test_freeze_and_thaw(void **state)
{
	(void)state;
	sim_ok(sim_client, "vss.check", NULL);
	sim_refused(sim_client, "vss.thaw", NULL, "refused");
	sim_ok(sim_client, "vss.freeze", NULL);
	assert_true(frozen());
	sim_refused(sim_client, "vss.freeze", NULL, "busy");
	sim_refused(sim_client, "vss.check", NULL, "busy");
	assert_string_equal(sim_service(SERVICE_VSS, "primary_status"), "OK");
	sim_ok(sim_client, "vss.thaw", NULL);
	assert_false(frozen());
	sim_refused(sim_client, "vss.thaw", NULL, "refused");
}

static void test_client_gone_thaws(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_ok(other, "vss.freeze", NULL);
	assert_true(frozen());
	vm_client_close(other);
	SIM_UNTIL(!frozen());
}

static void test_kept_freeze_stays(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_ok(other, "vss.freeze", keep());
	vm_client_close(other);
	sim_ok(sim_client, "vm.services", NULL);
	assert_true(frozen());
	assert_int_equal(SIM_GUEST(sim_guest.thaws), 0);
	sim_ok(sim_client, "vss.thaw", NULL);
	assert_false(frozen());
}

/* A refused freeze takes nothing away from the one in force. */
static void test_refused_freeze_keeps_the_thaw(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_ok(other, "vss.freeze", NULL);
	sim_refused(other, "vss.freeze", NULL, "busy");
	sim_refused(other, "vss.freeze", keep(), "busy");
	sim_refused(sim_client, "vss.freeze", keep(), "busy");
	vm_client_close(other);
	SIM_UNTIL(!frozen());
}

/* Who froze earlier has nothing to do with the freeze of another. */
static void test_former_freezer_goes(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_ok(other, "vss.freeze", NULL);
	sim_ok(other, "vss.thaw", NULL);
	sim_ok(sim_client, "vss.freeze", keep());
	vm_client_close(other);
	sim_ok(sim_client, "vm.services", NULL);
	sim_ok(sim_client, "vm.counters", NULL);
	assert_true(frozen());
	assert_int_equal(SIM_GUEST(sim_guest.thaws), 1);
	sim_ok(sim_client, "vss.thaw", NULL);
}

/* Gone before the guest has answered. */
static void test_client_gone_while_freezing(void **state)
{
	struct vm_client *other = sim_connect();
	u32 thaws = SIM_GUEST(sim_guest.thaws);

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = 0);
	sim_send(other, "vss.freeze", NULL);
	SIM_UNTIL(vm_client_send(other, "vm.counters", NULL, SIM_PATIENCE_MS,
				 NULL, NULL) == 0);
	vm_client_close(other);
	sim_ok(sim_client, "vm.counters", NULL);
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = SIM_UNLIMITED);
	sim_guest_kick();
	SIM_UNTIL(SIM_GUEST(sim_guest.thaws) > thaws);
	assert_false(frozen());
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "OK"));
	sim_ok(sim_client, "vss.freeze", NULL);
	sim_ok(sim_client, "vss.thaw", NULL);
}

/* The service goes away, and thaws before. */
static void test_disabled_while_frozen(void **state)
{
	u32 thaws = SIM_GUEST(sim_guest.thaws);

	(void)state;
	sim_ok(sim_client, "vss.freeze", keep());
	sim_ok(sim_client, "vm.disable", json_pack("{s:s}", "service", "vss"));
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "Disabled"));
	SIM_UNTIL(!frozen());
	assert_int_equal(SIM_GUEST(sim_guest.thaws), thaws + 1);
	sim_ok(sim_client, "vm.enable", json_pack("{s:s}", "service", "vss"));
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "OK"));
	assert_false(frozen());
}

static void test_held_too_long(void **state)
{
	json_t *event;

	(void)state;
	sim_ok(sim_client, "events.follow", NULL);
	sim_ok(sim_client, "vss.freeze", json_pack("{s:i}", "timeout_ms", 300));
	event = sim_notified(sim_client, "event", "thawed");
	assert_string_equal(
		json_string_value(json_object_get(event, "service")), "VSS");
	json_decref(event);
	assert_false(frozen());
}

static void test_freeze_fails(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.freeze_status = IC_E_ACCESS_DENIED);
	sim_refused(sim_client, "vss.freeze", NULL, "guest-error");
	assert_false(frozen());
	SIM_GUEST(sim_guest.freeze_status = 0);
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "OK"));
	sim_ok(sim_client, "vss.freeze", NULL);
	sim_ok(sim_client, "vss.thaw", NULL);
}

static void test_no_daemon(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.no_daemon[SERVICE_VSS] = true);
	sim_refused(sim_client, "vss.freeze", NULL, "no-daemon");
	SIM_UNTIL(sim_status_is(SERVICE_VSS, "No Contact"));
	SIM_GUEST(sim_guest.no_daemon[SERVICE_VSS] = false);
}

static void test_bad_parameters(void **state)
{
	(void)state;
	sim_refused(sim_client, "vss.freeze",
		    json_pack("{s:i}", "timeout_ms", -1), "");
	sim_refused(sim_client, "vss.freeze",
		    json_pack("{s:I}", "timeout_ms", (json_int_t)900001), "");
	sim_refused(sim_client, "vss.freeze",
		    json_pack("{s:s}", "timeout_ms", "long"), "");
	sim_refused(sim_client, "vss.freeze", json_pack("{s:i}", "keep", 1),
		    "");
	assert_int_equal(SIM_GUEST(sim_guest.freezes), 0);
}

static void test_thaw_cuts_freeze_short(void **state)
{
	uint64_t freeze, thaw;
	char reason[32];

	(void)state;
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = 0);
	freeze = sim_send(sim_client, "vss.freeze", NULL);
	thaw = sim_send(sim_client, "vss.thaw", NULL);
	assert_null(sim_answer(sim_client, freeze, reason));
	assert_string_equal(reason, "cancelled");
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = SIM_UNLIMITED);
	sim_guest_kick();
	json_decref(sim_answer(sim_client, thaw, reason));
	assert_string_equal(reason, "");
	assert_false(frozen());
}

static void test_restart_while_frozen(void **state)
{
	(void)state;
	sim_ok(sim_client, "vss.freeze", NULL);
	SIM_GUEST(sim_guest.frozen = false);
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	sim_all_ok();
	sim_refused(sim_client, "vss.thaw", NULL, "refused");
	sim_ok(sim_client, "vss.freeze", NULL);
	sim_ok(sim_client, "vss.thaw", NULL);
}

/* ---- backups ---- */

static char folder[SIM_FOLDER_BYTES], image[96], target[96];

static void disk_prepare(struct run_config *config)
{
	struct lis_error error;
	struct run_disk *disk = run_config_add_disk(config, &error);

	assert_non_null(disk);
	assert_int_equal(run_disk_parse(disk, "test", image, &error), 0);
	sim_storage_reset();
}

/* A disk full of data, every bit of which is copied. */
static int backup_setup(void **state)
{
	u8 *data = malloc(DISK_BYTES);
	u8 sector[512];
	int code, fd;

	sim_folder_make(folder);
	snprintf(image, sizeof(image), "%s/disk", folder);
	snprintf(target, sizeof(target), "%s/backup", folder);
	memset(data, 0x5a, DISK_BYTES);
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, DISK_BYTES), DISK_BYTES);
	close(fd);
	free(data);
	sim_vm_prepare = disk_prepare;
	code = sim_vm_setup(state);
	sim_vm_prepare = NULL;
	SIM_UNTIL(sim_storage_channels() == 2);
	/* Past the unit attention of a disk that was just put in. */
	SIM_UNTIL(sim_storage_read(0, 0, sector, sizeof(sector)) ==
		  STORAGE_OUTCOME_GOOD);
	return code;
}

static int backup_teardown(void **state)
{
	int code = sim_vm_teardown(state);
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return code;
}

#define BACKUP_TEST(name)                                                      \
	cmocka_unit_test_setup_teardown(name, backup_setup, backup_teardown)

static json_t *into_target(void)
{
	return json_pack("{s:s}", "directory", target);
}

/* From now on the guest takes so many messages of the service. */
static void guest_takes(u32 count)
{
	SIM_GUEST(sim_guest.allowance[SERVICE_VSS] = count);
	sim_guest_kick();
}

/* Whether a message of the service waits for the guest to take it. */
static bool asked_something(void)
{
	return !SIM_GUEST(ring_empty(&sim_guest_channel(SERVICE_VSS)->rx));
}

static void write_expect(void)
{
	static const u8 data[4096];

	assert_int_equal(sim_storage_write(0, 64, data, sizeof(data)),
			 STORAGE_OUTCOME_GOOD);
}

static void test_backup(void **state)
{
	(void)state;
	sim_ok(sim_client, "backup.start", into_target());
	assert_false(frozen());
	write_expect();
	sim_ok(sim_client, "backup.start", into_target());
	assert_int_equal(SIM_GUEST(sim_guest.thaws), 2);
}

/* Nobody knows whether such a guest held still: it is asked again, and what was
 * copied is no backup. */
static void test_backup_of_a_guest_that_thawed_by_itself(void **state)
{
	(void)state;
	SIM_GUEST(sim_guest.thaw_refusals = 1);
	sim_refused(sim_client, "backup.start", into_target(), "guest-error");
	assert_false(frozen());
	assert_int_equal(SIM_GUEST(sim_guest.thaws), 2);
	write_expect();
	sim_ok(sim_client, "backup.start", into_target());
}

/* What its guest writes in order to thaw must not wait for a copying that has
 * ended. */
static void test_backup_cancelled_while_freezing(void **state)
{
	struct vm_client *other = sim_connect();
	json_t *event;

	(void)state;
	sim_ok(sim_client, "events.follow", NULL);
	guest_takes(0);
	sim_send(other, "backup.start", into_target());
	SIM_UNTIL(asked_something());
	vm_client_close(other);
	sim_ok(sim_client, "vm.counters", NULL);
	/* It freezes, and does not thaw. */
	guest_takes(1);
	json_decref(sim_notified(sim_client, "event", "frozen"));
	write_expect();
	guest_takes(SIM_UNLIMITED);
	SIM_UNTIL(!frozen());
	event = sim_notified(sim_client, "event", "backup");
	assert_non_null(
		strstr(json_string_value(json_object_get(event, "text")),
		       "cancelled"));
	json_decref(event);
	sim_ok(sim_client, "backup.start", into_target());
}

/* What can be known before is: nobody is frozen for it. */
static void test_backup_without_a_target(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(mkdir(target, 0700), 0);
	snprintf(path, sizeof(path), "%s/disk-0-0.1.vhdx", target);
	assert_int_equal(mkdir(path, 0700), 0);
	sim_refused(sim_client, "backup.start", into_target(), "io");
	assert_int_equal(SIM_GUEST(sim_guest.freezes), 0);
	write_expect();
	assert_int_equal(rmdir(path), 0);
	sim_ok(sim_client, "backup.start", into_target());
}

/* Its disks stay where they are, from the freeze on. */
static void test_detach_during_backup(void **state)
{
	struct vm_client *other = sim_connect();
	json_t *place = json_pack("{s:i, s:i}", "controller", 0, "lun", 0);
	json_t *size = json_pack("{s:i, s:i, s:i}", "controller", 0, "lun", 0,
				 "size_bytes", 2 * DISK_BYTES);
	uint64_t backup;
	char reason[32];

	(void)state;
	guest_takes(0);
	backup = sim_send(other, "backup.start", into_target());
	SIM_UNTIL(asked_something());
	sim_refused(sim_client, "disk.detach", json_incref(place), "busy");
	sim_refused(sim_client, "disk.resize", json_incref(size), "busy");
	guest_takes(1);
	json_decref(sim_notified(other, "backup.progress", NULL));
	sim_refused(sim_client, "disk.detach", json_incref(place), "busy");
	guest_takes(SIM_UNLIMITED);
	json_decref(sim_answer(other, backup, reason));
	assert_string_equal(reason, "");
	sim_ok(sim_client, "disk.resize", size);
	sim_ok(sim_client, "disk.detach", place);
	vm_client_close(other);
}

static void speed_set(int bytes_per_second)
{
	sim_ok(sim_client, "disk.set",
	       json_pack("{s:i, s:i, s:i}", "controller", 0, "lun", 0,
			 "bytes_per_second", bytes_per_second));
}

/* A request that moves no data, and has no limit, waits for a copying that has
 * one; the guest is frozen still. */
static struct sim_request *slow_backup_begin(struct vm_client *client,
					     int bytes_per_second)
{
	static u8 parameters[24] = {
		0, 22, 0, 16, [8 + 6] = 0x20, [8 + 11] = 128
	};
	static struct sim_request unmap = { .cdb = { 0x42, [8] = 24 },
					    .cdb_bytes = 10,
					    .direction = STORAGE_DATA_OUT,
					    .data = parameters,
					    .bytes = 24 };
	struct sim_request ready = { .cdb_bytes = 6,
				     .direction = STORAGE_DATA_UNSPECIFIED };
	json_int_t bytes;
	json_t *progress;

	sim_ok(sim_client, "events.follow", NULL);
	speed_set(bytes_per_second);
	guest_takes(1);
	sim_send(client, "backup.start", into_target());
	/* The first chunk is read at once, and has to be another one. */
	do {
		progress = sim_notified(client, "backup.progress", NULL);
		bytes = json_integer_value(json_object_get(progress, "bytes"));
		json_decref(progress);
	} while (!bytes);
	sim_storage_begin(&unmap);
	SIM_UNTIL(sim_storage_taken());
	/* By then the host has it, through whichever channel. */
	for (int i = 0; i < 4; i++)
		sim_storage_do(&ready);
	return &unmap;
}

static void test_turn_off_during_backup(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	slow_backup_begin(other, 32768);
	sim_ok(sim_client, "vm.stop", json_pack("{s:s}", "mode", "turn-off"));
	SIM_UNTIL(!sim_vm_running());
	vm_client_close(other);
}

/* Its images may be half made, its guest half frozen. */
static void test_turn_off_as_backup_begins(void **state)
{
	struct vm_client *other = sim_connect();

	(void)state;
	sim_send(other, "backup.start", into_target());
	sim_ok(sim_client, "vm.stop", json_pack("{s:s}", "mode", "turn-off"));
	SIM_UNTIL(!sim_vm_running());
	vm_client_close(other);
}

static void test_restart_during_backup(void **state)
{
	struct vm_client *other = sim_connect();
	struct sim_request *waiting;

	(void)state;
	/* Longer for a chunk than the test would wait. */
	waiting = slow_backup_begin(other, 500);
	assert_false(SIM_GUEST(waiting->done));
	SIM_GUEST(sim_guest.frozen = false);
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) == 2);
	guest_takes(SIM_UNLIMITED);
	speed_set(0);
	json_decref(sim_notified(sim_client, "event", "backup"));
	sim_all_ok();
	sim_ok(sim_client, "backup.start", into_target());
	vm_client_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_freeze_and_thaw),
		SIM_TEST(test_client_gone_thaws),
		SIM_TEST(test_kept_freeze_stays),
		SIM_TEST(test_refused_freeze_keeps_the_thaw),
		SIM_TEST(test_former_freezer_goes),
		SIM_TEST(test_client_gone_while_freezing),
		SIM_TEST(test_disabled_while_frozen),
		SIM_TEST(test_held_too_long),
		SIM_TEST(test_freeze_fails),
		SIM_TEST(test_no_daemon),
		SIM_TEST(test_bad_parameters),
		SIM_TEST(test_thaw_cuts_freeze_short),
		SIM_TEST(test_restart_while_frozen),
		BACKUP_TEST(test_backup),
		BACKUP_TEST(test_backup_of_a_guest_that_thawed_by_itself),
		BACKUP_TEST(test_backup_cancelled_while_freezing),
		BACKUP_TEST(test_backup_without_a_target),
		BACKUP_TEST(test_detach_during_backup),
		BACKUP_TEST(test_turn_off_during_backup),
		BACKUP_TEST(test_turn_off_as_backup_begins),
		BACKUP_TEST(test_restart_during_backup),
	};

	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
