// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Synthetic storage: both ends over channels, rings and pages of memory. */
#include "tests/unit/services/storage/storage_link.h"

static const u16 versions[] = {
	STORAGE_VERSION_2_0, STORAGE_VERSION_4_2, STORAGE_VERSION_5_1,
	STORAGE_VERSION_6_0, STORAGE_VERSION_6_2,
};

static struct link link;
static struct rig disk;
static u8 data[LINK_DATA_BYTES];

#define READ_10(block, count)  0x28, 0, 0, 0, 0, block, 0, 0, count, 0
#define WRITE_10(block, count) 0x2a, 0, 0, 0, 0, block, 0, 0, count, 0

static void bring_up(u16 host_version, u16 guest_version, u16 sub_channels)
{
	const struct storage_vsp_options host = {
		.version_max = host_version,
		.sub_channels_max = 2,
	};
	const struct storage_vsc_options guest = {
		.version_max = guest_version,
		.sub_channels = sub_channels,
	};

	link_up(&link, &host, &guest, 1);
	rig_disk(&disk);
	link.unit[0] = &disk;
}

static int setup(void **state)
{
	(void)state;
	bring_up(0, 0, 0);
	link_run(&link);
	assert_true(link.ready);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	link_down(&link);
	rig_free(&disk);
	return 0;
}

/* A block is written and read back. */
static void use_disk(u8 pattern)
{
	struct storage_vsc_event event;

	memset(data, pattern, 8192);
	event = COMMAND(&link, 0, STORAGE_DATA_OUT, data, 8192,
			WRITE_10(3, 16));
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(event.result.transferred, 8192);
	memset(data, 0, 8192);
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 8192, READ_10(3, 16));
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(data[0], pattern);
	assert_int_equal(data[8191], pattern);
	event = COMMAND(&link, 0, STORAGE_DATA_UNSPECIFIED, data, 0, 0, 0, 0, 0,
			0, 0);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
}

static void test_all_versions(void **state)
{
	u32 h, g, expected;

	(void)state;
	for (h = 0; h < PORT_ARRAY_SIZE(versions); h++) {
		for (g = 0; g < PORT_ARRAY_SIZE(versions); g++) {
			expected = versions[h < g ? h : g];
			bring_up(versions[h], versions[g], 2);
			assert_int_equal(storage_vsp_version(&link.host), 0);
			link_run(&link);
			assert_true(link.ready);
			assert_int_equal(storage_vsp_version(&link.host),
					 expected);
			assert_int_equal(link.guest.version, expected);
			assert_int_equal(link.guest.transfer_max_bytes,
					 0x100000);
			assert_int_equal(link.channel_count,
					 expected < STORAGE_VERSION_5_1 ? 1
									: 3);
			use_disk((u8)(h * 16 + g + 1));
			teardown(NULL);
		}
	}
}

static void test_no_version(void **state)
{
	const struct storage_vsp_options host = {
		.version_max = STORAGE_VERSION_5_1,
	};
	const struct storage_vsc_options guest = {
		.version_min = STORAGE_VERSION_6_0,
	};

	(void)state;
	link_up(&link, &host, &guest, 2);
	link_run(&link);
	assert_true(link.refused);
	assert_false(link.ready);
	assert_int_equal(link.nt_status, STORAGE_NT_REVISION_MISMATCH);
	assert_int_equal(storage_vsc_reset(&link.vsc[0], STORAGE_RESET_BUS, 0),
			 VMBUS_NOT_READY);
	link_down(&link);
}

static void test_sub_channels(void **state)
{
	static const u8 write[] = { WRITE_10(9, 8) };
	struct link_request *requests[3];
	u32 i;

	(void)state;
	bring_up(0, 0, 7); /* more than the host gives */
	link_run(&link);
	assert_int_equal(link.openable, 2);
	assert_int_equal(link.channel_count, 3);
	for (i = 0; i < 3; i++) {
		memset(data, (int)i + 1, 4096);
		requests[i] = link_send(&link, i, 0, STORAGE_DATA_OUT, data,
					4096, write, sizeof(write));
		assert_non_null(requests[i]);
	}
	link_run(&link);
	for (i = 0; i < 3; i++) {
		assert_true(requests[i]->done);
		assert_int_equal(requests[i]->answer.outcome,
				 STORAGE_OUTCOME_GOOD);
		link_take(&link, requests[i], data, 0);
	}
	teardown(NULL);
}

static void test_units(void **state)
{
	struct storage_vsc_event event;

	(void)state;
	link.unit[63] = &disk;
	event = COMMAND(&link, 7, STORAGE_DATA_IN, data, 36, 0x12, 0, 0, 0, 36,
			0);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
	assert_int_equal(data[0], 0x7f);
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 1024, 0xa0, 0, 0, 0, 0,
			0, 0, 0, 4, 0, 0, 0);
	assert_int_equal(event.result.transferred, 8 + 2 * 8);
	/* Of another target: none. */
	link.target = 1;
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 1024, 0xa0, 0, 0, 0, 0,
			0, 0, 0, 4, 0, 0, 0);
	assert_int_equal(event.result.transferred, 8);
	link.target = 0;
	event = COMMAND(&link, 63, STORAGE_DATA_UNSPECIFIED, data, 0, 0, 0, 0,
			0, 0, 0);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
	/* Beyond what a controller has, too. */
	event = COMMAND(&link, 64, STORAGE_DATA_UNSPECIFIED, data, 0, 0, 0, 0,
			0, 0, 0);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GONE);
	assert_int_equal(event.srb_status, STORAGE_SRB_INVALID_LUN);
	assert_int_equal(event.nt_status, STORAGE_NT_DEVICE_DOES_NOT_EXIST);
	link.unit[63] = NULL;
	event = COMMAND(&link, 63, STORAGE_DATA_UNSPECIFIED, data, 0, 0, 0, 0,
			0, 0, 0);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GONE);
}

static void test_outcomes(void **state)
{
	static const struct {
		enum scsi_error error;
		u8 outcome;
		u8 srb_status;
		u32 sense;
	} rows[] = {
		{ SCSI_E_IO, STORAGE_OUTCOME_SENSE, STORAGE_SRB_ERROR,
		  SENSE_INTERNAL_FAILURE },
		{ SCSI_E_MEDIUM, STORAGE_OUTCOME_SENSE, STORAGE_SRB_ERROR,
		  SENSE_READ_ERROR },
		{ SCSI_E_BUSY, STORAGE_OUTCOME_BUSY, STORAGE_SRB_BUSY,
		  SENSE_NONE },
		{ SCSI_E_ABORTED, STORAGE_OUTCOME_ABORTED, STORAGE_SRB_ABORTED,
		  SENSE_NONE },
	};
	struct storage_vsc_event event;
	u32 i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		disk.fail = rows[i].error;
		event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 512,
				READ_10(0, 1));
		assert_int_equal(event.outcome, rows[i].outcome);
		assert_int_equal(event.srb_status, rows[i].srb_status);
		assert_int_not_equal(event.nt_status, 0);
		assert_int_equal(event.result.transferred, 0);
		assert_int_equal(sense_read(event.result.sense,
					    event.result.sense_bytes),
				 rows[i].sense);
	}
	/* A resize, as Linux wants to hear of it. */
	lun_resize(&disk.lun, RIG_MEDIUM_BYTES / 2);
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 512, READ_10(0, 1));
	assert_int_equal(event.outcome, STORAGE_OUTCOME_RESIZED);
	assert_int_equal(event.srb_status, STORAGE_SRB_ABORTED);
	use_disk(0x5a);
	/* Another nexus' reservation. */
	disk.lun.reservation = LUN_RESERVE_EXCLUSIVE;
	disk.lun.holder = 1;
	disk.lun.registration[1].used = true;
	lun_attend(&disk.lun, LUN_LUNS_CHANGED, LUN_NEXUS_MAX);
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 512, READ_10(0, 1));
	assert_int_equal(event.outcome, STORAGE_OUTCOME_SENSE);
	event = COMMAND(&link, 0, STORAGE_DATA_IN, data, 512, READ_10(0, 1));
	assert_int_equal(event.outcome, STORAGE_OUTCOME_CONFLICT);
	/* Without sense data Linux would not look at the status. */
	assert_int_equal(event.result.sense_bytes, SENSE_FIXED_BYTES);
}

static u32 notice(enum storage_operation operation)
{
	u8 packet[STORAGE_PACKET_BYTES];
	u32 bytes = storage_vsp_notice(&link.vsp[0], operation, packet);

	if (bytes)
		assert_int_equal(sim_send(&link.channel[0]->host, packet, bytes,
					  0, false),
				 VMBUS_OK);
	return bytes;
}

static void test_notices(void **state)
{
	(void)state;
	assert_int_equal(notice(STORAGE_ENUMERATE_BUS), 64);
	assert_int_equal(notice(STORAGE_REMOVE_DEVICE), 64);
	link_run(&link);
	assert_int_equal(link.rescans, 2);
	teardown(NULL);
	/* Not before the guest looks, nor where it does not know them. */
	bring_up(STORAGE_VERSION_2_0, 0, 0);
	assert_int_equal(notice(STORAGE_ENUMERATE_BUS), 0);
	link_run(&link);
	assert_true(link.ready);
	assert_int_equal(notice(STORAGE_ENUMERATE_BUS), 0);
	teardown(NULL);
	bring_up(STORAGE_VERSION_4_2, 0, 0);
	link_run(&link);
	assert_int_equal(notice(STORAGE_ENUMERATE_BUS), 48);
	link_run(&link);
	assert_int_equal(link.rescans, 1);
}

static struct link_request *hold_one(u8 lun)
{
	static const u8 cdb[] = { READ_10(0, 8) };
	struct link_request *request = link_send(&link, 0, lun, STORAGE_DATA_IN,
						 data, 4096, cdb, sizeof(cdb));

	assert_non_null(request);
	return request;
}

static void test_reset(void **state)
{
	struct link_request *first, *second, *third;

	(void)state;
	link.unit[5] = &disk;
	link.hold = true;
	first = hold_one(0);
	second = hold_one(5);
	link_run(&link);
	assert_int_equal(link.held_count, 2);
	/* Of one unit: the other's task goes on. */
	assert_int_equal(storage_vsc_reset(&link.vsc[0], STORAGE_RESET_LUN, 5),
			 VMBUS_OK);
	assert_int_equal(storage_vsc_reset(&link.vsc[0], STORAGE_RESET_BUS, 0),
			 VMBUS_AGAIN);
	link_run(&link);
	assert_int_equal(link.resets_done, 1);
	assert_true(second->done);
	assert_int_equal(second->answer.outcome, STORAGE_OUTCOME_ABORTED);
	assert_int_equal(second->answer.result.status, SCSI_TASK_ABORTED);
	assert_false(first->done);
	assert_int_equal(link.held_count, 1);
	/* Of a unit that cannot be: nothing. */
	assert_int_equal(
		storage_vsc_reset(&link.vsc[0], STORAGE_RESET_LUN, 200),
		VMBUS_OK);
	link_run(&link);
	assert_int_equal(link.resets_done, 2);
	assert_int_equal(link.held_count, 1);
	/* Of all. */
	third = hold_one(5);
	assert_int_equal(storage_vsc_reset(&link.vsc[0], STORAGE_RESET_BUS, 0),
			 VMBUS_OK);
	link_run(&link);
	assert_int_equal(link.resets_done, 3);
	assert_int_equal(first->answer.outcome, STORAGE_OUTCOME_ABORTED);
	assert_int_equal(third->answer.outcome, STORAGE_OUTCOME_ABORTED);
	assert_int_equal(link.held_count, 0);
	link_take(&link, first, data, 0);
	link_take(&link, second, data, 0);
	link_take(&link, third, data, 0);
	link.hold = false;
	use_disk(0x21);
}

/* More than rings and slots take, in every order of answers. */
static void test_pressure(void **state)
{
	static const u8 cdb[] = { READ_10(0, 16) };
	struct link_request *request;
	u32 sent = 0, full = 0, done = 0, i;

	(void)state;
	while (done < 2000) {
		request = sent < 2000 ? link_send(&link, 0, 0, STORAGE_DATA_IN,
						  data, 8192, cdb, sizeof(cdb))
				      : NULL;
		if (request) {
			sent++;
			continue;
		}
		full++;
		link.hold = full % 3 != 0;
		link_run(&link);
		for (i = 0; i < PORT_ARRAY_SIZE(link.requests); i++) {
			if (!link.requests[i].done)
				continue;
			assert_int_equal(link.requests[i].answer.outcome,
					 STORAGE_OUTCOME_GOOD);
			link.requests[i].done = false;
			link_take(&link, &link.requests[i], data, 8192);
			done++;
		}
	}
	assert_int_equal(done, 2000);
	assert_true(full > 10);
	assert_int_equal(link.vsc[0].used_count, 0);
}

static void test_reopen(void **state)
{
	const struct storage_vsp_options host = { 0 };
	u64 cookie, sum = 0;
	u32 i, count = 0;

	(void)state;
	link.hold = true;
	for (i = 0; i < 3; i++)
		sum += (u64)(hold_one(0) - link.requests);
	link_run(&link);
	sim_pair_close(link.channel[0]);
	while (storage_vsc_abandon(&link.vsc[0], &cookie)) {
		sum -= cookie;
		count++;
	}
	assert_int_equal(count, 3);
	assert_int_equal(sum, 0);
	link.held_count = 0;
	link.hold = false;
	link.ready = false;
	sim_pair_reopen(link.channel[0]);
	assert_int_equal(storage_vsp_shared_init(&link.host, &host), VMBUS_OK);
	storage_vsp_init(&link.vsp[0], &link.host, true);
	assert_int_equal(
		storage_vsc_shared_init(&link.guest,
					&(struct storage_vsc_options){ 0 }),
		VMBUS_OK);
	assert_int_equal(storage_vsc_init(&link.vsc[0], &link.guest, true,
					  link.slots[0], LINK_SLOTS),
			 VMBUS_OK);
	link_run(&link);
	assert_true(link.ready);
	use_disk(0x33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_no_version),
		cmocka_unit_test(test_sub_channels),
		cmocka_unit_test_setup_teardown(test_units, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outcomes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pressure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
