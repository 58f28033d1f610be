/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What is in a DVD drive of a whole VM process comes and goes: by the
 * administrator, by the guest, and while it is read.
 */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim_machine/sim_storage.h"

#define BLOCK	  LUN_DVD_BLOCK_BYTES
#define BLOCKS	  64u
#define READS	  6u
#define DISCS	  2u
#define DRIVE_LUN 1

static char folder[SIM_FOLDER_BYTES];
/* A disk, and what is put into the drive, whose bytes are its number. */
static char paths[1 + DISCS][64];

static void image_make(u32 index)
{
	u8 *data = malloc(BLOCKS * BLOCK);
	/* The second one is shorter. */
	u32 bytes = BLOCKS * BLOCK / (index == 2 ? 2 : 1);
	int fd;

	snprintf(paths[index], sizeof(paths[index]), "%s/%u.iso", folder,
		 index);
	fd = open(paths[index], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	memset(data, (int)index, bytes);
	assert_int_equal(write(fd, data, bytes), bytes);
	close(fd);
	free(data);
}

static void prepare(struct run_config *config)
{
	struct lis_error error;

	for (u32 i = 0; i < 2; i++) {
		struct run_disk *disk = run_config_add_disk(config, &error);

		assert_non_null(disk);
		assert_int_equal(run_disk_parse(disk, "test", paths[i], &error),
				 0);
		disk->dvd = i == DRIVE_LUN;
	}
	sim_storage_reset();
}

static int setup(void **state)
{
	int code;

	sim_folder_make(folder);
	for (u32 i = 0; i <= DISCS; i++)
		image_make(i);
	sim_vm_prepare = prepare;
	code = sim_vm_setup(state);
	SIM_UNTIL(sim_storage_channels() == 2);
	return code;
}

static int teardown(void **state)
{
	int code = sim_vm_teardown(state);

	for (u32 i = 0; i <= DISCS; i++)
		unlink(paths[i]);
	assert_int_equal(rmdir(folder), 0);
	return code;
}

#define MEDIUM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static json_t *drive(void)
{
	return json_pack("{s:i, s:i}", "controller", 0, "lun", DRIVE_LUN);
}

static json_t *drive_with(const char *key, json_t *value)
{
	json_t *params = drive();

	json_object_set_new(params, key, value);
	return params;
}

static void insert(u32 disc)
{
	sim_ok(sim_client, "disk.insert",
	       drive_with("path", json_string(paths[disc])));
}

/* ---- the guest ---- */

static void command(struct sim_request *request, u8 code, u8 byte_4)
{
	*request = (struct sim_request){ .lun = DRIVE_LUN,
					 .cdb = { code, [4] = byte_4 },
					 .cdb_bytes = 6 };
	request->direction = STORAGE_DATA_UNSPECIFIED;
	sim_storage_do(request);
}

/* The sense of TEST UNIT READY; 0: it is. */
static u32 unready(void)
{
	struct sim_request request;

	command(&request, 0x00, 0);
	return request.outcome == STORAGE_OUTCOME_GOOD ? 0 : request.sense;
}

static void read_fill(struct sim_request *request, u32 block, u8 data[BLOCK])
{
	*request = (struct sim_request){
		.lun = DRIVE_LUN,
		.cdb = { 0x28, [5] = (u8)block, [8] = 1 },
		.cdb_bytes = 10,
		.direction = STORAGE_DATA_IN,
		.data = data,
		.bytes = BLOCK,
	};
}

/* Every attention is taken, until the drive answers what it is. */
static u32 settled(void)
{
	u32 sense = unready();

	for (int i = 0; i < 6 && sense != 0 && sense != SENSE_NO_MEDIUM &&
			sense != SENSE_NO_MEDIUM_TRAY_OPEN;
	     i++)
		sense = unready();
	return sense;
}

static void read_expect(u32 disc)
{
	u8 data[BLOCK];

	for (u32 block = 0; block < BLOCKS / 2; block += 7) {
		struct sim_request request;

		memset(data, 0xff, sizeof(data));
		read_fill(&request, block, data);
		sim_storage_do(&request);
		assert_int_equal(request.outcome, STORAGE_OUTCOME_GOOD);
		for (u32 i = 0; i < BLOCK; i++)
			assert_int_equal(data[i], disc);
	}
}

/* What lis disk list has of the drive. */
static bool listed(const char *key)
{
	json_t *answer = sim_call(sim_client, "disk.list", NULL);
	json_t *row =
		json_array_get(json_object_get(answer, "disks"), DRIVE_LUN);
	bool is = json_is_true(json_object_get(row, key));

	assert_string_equal(json_string_value(json_object_get(row, "kind")),
			    "dvd");
	json_decref(answer);
	return is;
}

/* ---- tests ---- */

static void test_eject_and_insert(void **state)
{
	(void)state;
	assert_int_equal(settled(), 0);
	read_expect(1);
	sim_ok(sim_client, "disk.eject", drive());
	assert_false(listed("medium"));
	assert_int_equal(unready(), SENSE_NO_MEDIUM);
	sim_refused(sim_client, "disk.eject", drive(), "io");
	sim_ok(sim_client, "disk.set", drive());
	insert(2);
	assert_true(listed("medium"));
	assert_int_equal(unready(), SENSE_MEDIUM_CHANGED);
	assert_int_equal(unready(), 0);
	read_expect(2);
	/* In one step. */
	insert(1);
	assert_int_equal(unready(), SENSE_MEDIUM_CHANGED);
	assert_int_equal(settled(), 0);
	read_expect(1);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(settled(), 0);
	sim_refused(sim_client, "disk.eject",
		    json_pack("{s:i, s:i}", "controller", 0, "lun", 0),
		    "refused");
	sim_refused(sim_client, "disk.insert",
		    json_pack("{s:i, s:i, s:s}", "controller", 0, "lun", 0,
			      "path", paths[2]),
		    "refused");
	sim_refused(sim_client, "disk.eject",
		    json_pack("{s:i, s:i}", "controller", 0, "lun", 9),
		    "not-found");
	sim_refused(sim_client, "disk.insert", drive(), "");
	sim_refused(sim_client, "disk.resize",
		    drive_with("size_bytes", json_integer(1 << 20)), "refused");
	/* What cannot be opened leaves the drive as it is. */
	sim_refused(sim_client, "disk.insert",
		    drive_with("path", json_string("/nowhere/at.all")),
		    "not-found");
	assert_int_equal(unready(), 0);
	read_expect(1);
}

static void test_locked(void **state)
{
	struct sim_request request;

	(void)state;
	assert_int_equal(settled(), 0);
	command(&request, 0x1e, 1);
	assert_int_equal(request.outcome, STORAGE_OUTCOME_GOOD);
	assert_true(listed("locked"));
	sim_refused(sim_client, "disk.eject", drive(), "refused");
	sim_refused(sim_client, "disk.insert",
		    drive_with("path", json_string(paths[2])), "refused");
	read_expect(1);
	command(&request, 0x1b, 2);
	assert_int_equal(request.sense, SENSE_MEDIUM_REMOVAL_PREVENTED);
	sim_ok(sim_client, "disk.eject", drive_with("force", json_true()));
	assert_int_equal(unready(), SENSE_NO_MEDIUM);
	assert_false(listed("locked"));
}

static void test_guest_ejects(void **state)
{
	struct vm_client *other = sim_connect();
	struct sim_request request;

	(void)state;
	assert_int_equal(settled(), 0);
	sim_ok(other, "events.follow", NULL);
	read_expect(1);
	command(&request, 0x1b, 2);
	assert_int_equal(request.outcome, STORAGE_OUTCOME_GOOD);
	json_decref(sim_notified(other, "event", "disk-ejected"));
	SIM_UNTIL(!listed("medium"));
	assert_int_equal(unready(), SENSE_NO_MEDIUM_TRAY_OPEN);
	/* It closes the tray: there is nothing in it. */
	command(&request, 0x1b, 3);
	assert_int_equal(unready(), SENSE_NO_MEDIUM);
	/* One that comes in after an ejection that nobody saw to stays. */
	for (u32 i = 0; i < 8; i++) {
		insert(2 - i % 2);
		json_decref(sim_notified(other, "event", "disk-inserted"));
		assert_int_equal(settled(), 0);
		read_expect(2 - i % 2);
		if (i % 3 == 0)
			command(&request, 0x1b, 2);
	}
	vm_client_close(other);
}

/* Requests that wait in the host when the disc goes: they end, and none reads
 * from the disc that comes after it. */
static void test_while_read(void **state)
{
	static u8 data[READS][BLOCK];
	struct sim_request reads[READS];

	(void)state;
	assert_int_equal(settled(), 0);
	for (u32 round = 0; round < 6; round++) {
		u32 disc = 1 + round % 2;

		sim_ok(sim_client, "disk.set",
		       drive_with("iops", json_integer(1)));
		for (u32 i = 0; i < READS; i++) {
			memset(data[i], 0xff, BLOCK);
			read_fill(&reads[i], i, data[i]);
			sim_storage_begin(&reads[i]);
			SIM_UNTIL(sim_storage_taken());
		}
		/* By the limit, most of them are not done by now. */
		if (round % 3 == 2)
			sim_ok(sim_client, "disk.eject", drive());
		sim_ok(sim_client, "disk.set", drive());
		insert(3 - disc);
		for (u32 i = 0; i < READS; i++) {
			SIM_UNTIL(SIM_GUEST(reads[i].done));
			if (reads[i].outcome == STORAGE_OUTCOME_GOOD)
				assert_int_equal(data[i][0], disc);
		}
		assert_int_not_equal(unready(), 0);
		assert_int_equal(settled(), 0);
		read_expect(3 - disc);
	}
}

/* The drive itself goes, and the guest goes, meanwhile. */
static void test_detach_and_restart(void **state)
{
	struct vm_client *other = sim_connect();
	u32 boots = SIM_GUEST(sim_guest.boots);

	(void)state;
	assert_int_equal(settled(), 0);
	sim_ok(sim_client, "disk.eject", drive());
	sim_guest_do(sim_guest_restart, NULL);
	SIM_UNTIL(SIM_GUEST(sim_guest.boots) > boots);
	SIM_UNTIL(sim_storage_channels() == 2);
	assert_int_equal(settled(), SENSE_NO_MEDIUM);
	insert(2);
	assert_int_equal(settled(), 0);
	read_expect(2);
	for (u32 i = 0; i < 4; i++) {
		u64 id = sim_send(other, "disk.insert",
				  drive_with("path", json_string(paths[1])));
		char reason[32] = "";
		json_t *answer;

		sim_ok(sim_client, "disk.detach", drive());
		answer = sim_answer(other, id, reason);
		if (!answer)
			assert_string_equal(reason, "not-found");
		json_decref(answer);
		sim_ok(sim_client, "disk.attach",
		       json_pack("{s:s, s:i, s:b}", "path", paths[2], "lun",
				 DRIVE_LUN, "dvd", 1));
	}
	assert_int_equal(settled(), 0);
	read_expect(2);
	vm_client_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEDIUM_TEST(test_eject_and_insert),
		MEDIUM_TEST(test_refusals),
		MEDIUM_TEST(test_locked),
		MEDIUM_TEST(test_guest_ejects),
		MEDIUM_TEST(test_while_read),
		MEDIUM_TEST(test_detach_and_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
