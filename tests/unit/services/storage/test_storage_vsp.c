// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The host end of storage against a guest that breaks the protocol. */
#include "tests/unit/services/storage/scsi_rig.h"

#include "services/storage/vsp.h"

static struct storage_vsp_shared host_shared;
static struct storage_vsp host;
static struct storage_srb srb;
static struct storage_vsp_action action;

static struct {
	struct packet_gpa_range_head head;
	u64 pfns[2];
} range = { { 8192, 0 }, { 5, 6 } };

static struct packet_view view_of(const void *payload, u32 bytes)
{
	struct packet_view view = {
		.type = PACKET_DATA_GPA_DIRECT,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = 77,
		.payload = payload,
		.payload_bytes = bytes,
		.ranges = (const u8 *)&range,
		.range_bytes = sizeof(range),
		.range_count = 1,
	};

	return view;
}

/* Of just @bytes, so that a sanitizer sees a byte too many. */
static enum vmbus_status host_take(const struct storage_packet *packet,
				   u32 bytes)
{
	u8 *payload = malloc(bytes ? bytes : 1);
	struct packet_view view = view_of(payload, bytes);
	enum vmbus_status status;

	memcpy(payload, packet, bytes);
	memset(&action, 0xee, sizeof(action));
	status = storage_vsp_receive(&host, &view, &srb, &action);
	free(payload);
	return status;
}

static struct storage_packet operation(u32 value)
{
	struct storage_packet packet = { .header.operation = value };

	return packet;
}

static struct storage_packet command(void)
{
	struct storage_packet packet = operation(STORAGE_EXECUTE_SRB);

	packet.srb.cdb_length = 10;
	packet.srb.sense_length = 20;
	packet.srb.data_in = STORAGE_DATA_IN;
	packet.srb.transfer_bytes = 8192;
	packet.srb.cdb[0] = 0x28;
	return packet;
}

static u32 status_of_answer(void)
{
	struct storage_packet answer;

	assert_int_equal(action.step, STORAGE_VSP_ANSWER);
	assert_int_equal(action.call.transaction_id, 77);
	memcpy(&answer, action.packet, sizeof(answer));
	assert_int_equal(answer.header.operation, STORAGE_COMPLETE_IO);
	return answer.header.status;
}

static void host_start(const struct storage_vsp_options *options)
{
	assert_int_equal(storage_vsp_shared_init(&host_shared, options),
			 VMBUS_OK);
	storage_vsp_init(&host, &host_shared, true);
}

/* Honest steps up to @state. */
static void host_to(u8 state, const struct storage_vsp_options *options)
{
	static const u32 steps[] = {
		STORAGE_BEGIN_INITIALIZATION,
		STORAGE_QUERY_PROTOCOL_VERSION,
		STORAGE_QUERY_PROPERTIES,
		STORAGE_END_INITIALIZATION,
	};
	struct storage_packet packet;
	u32 i;

	host_start(options);
	for (i = 0; i < state; i++) {
		packet = operation(steps[i]);
		if (steps[i] == STORAGE_QUERY_PROTOCOL_VERSION)
			packet.version.version = STORAGE_VERSION_6_2;
		assert_int_equal(host_take(&packet, 64), VMBUS_OK);
		assert_int_equal(status_of_answer(), STORAGE_NT_SUCCESS);
		assert_int_equal(action.ready, i == 3);
	}
	assert_int_equal(host.state, state);
}

static const struct storage_vsp_options plain = { .sub_channels_max = 3 };

static bool may_be_sent(u32 value)
{
	return value >= STORAGE_EXECUTE_SRB &&
	       value <= STORAGE_CREATE_SUB_CHANNELS &&
	       value != STORAGE_ENUMERATE_BUS;
}

/* Each operation in each state, cut at each length. */
static void test_every_packet(void **state)
{
	struct storage_packet packet;
	enum vmbus_status status;
	u32 value, bytes;
	u8 at;

	(void)state;
	for (at = STORAGE_VSP_BEGIN; at <= STORAGE_VSP_READY; at++) {
		for (value = 0; value < 18; value++) {
			for (bytes = 0; bytes <= 64; bytes++) {
				host_to(at, &plain);
				packet = command();
				packet.header.operation = value;
				status = host_take(&packet, bytes);
				if (bytes < 12)
					assert_int_equal(status,
							 VMBUS_E_STORAGE_SHORT);
				else if (!may_be_sent(value))
					assert_int_equal(
						status,
						VMBUS_E_STORAGE_OPERATION);
				else if (bytes == 64)
					assert_int_equal(status, VMBUS_OK);
				else
					assert_true(
						status == VMBUS_OK ||
						status ==
							VMBUS_E_STORAGE_SHORT);
				if (status == VMBUS_OK &&
				    action.step == STORAGE_VSP_ANSWER)
					assert_int_equal(action.packet_bytes,
							 bytes);
			}
		}
	}
}

/* What comes out of turn is answered so, and changes nothing. */
static void test_order(void **state)
{
	static const u32 expected[] = {
		STORAGE_BEGIN_INITIALIZATION,
		STORAGE_QUERY_PROTOCOL_VERSION,
		STORAGE_QUERY_PROPERTIES,
		STORAGE_END_INITIALIZATION,
	};
	struct storage_packet packet;
	u32 value;
	u8 at;

	(void)state;
	for (at = STORAGE_VSP_BEGIN; at < STORAGE_VSP_READY; at++) {
		for (value = STORAGE_EXECUTE_SRB;
		     value <= STORAGE_CREATE_SUB_CHANNELS; value++) {
			if (!may_be_sent(value) || value == expected[at] ||
			    value == STORAGE_FCHBA_DATA ||
			    (value == STORAGE_CREATE_SUB_CHANNELS &&
			     at == STORAGE_VSP_END))
				continue;
			host_to(at, &plain);
			packet = operation(value);
			assert_int_equal(host_take(&packet, 64), VMBUS_OK);
			assert_int_equal(status_of_answer(),
					 STORAGE_NT_INVALID_DEVICE_STATE);
			assert_int_equal(host.state, at);
		}
	}
	/* Initialization once only. */
	host_to(STORAGE_VSP_READY, &plain);
	packet = operation(STORAGE_BEGIN_INITIALIZATION);
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_INVALID_DEVICE_STATE);
	/* Fibre channel it is not. */
	packet = operation(STORAGE_FCHBA_DATA);
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_INVALID_DEVICE_REQUEST);
}

static void test_versions(void **state)
{
	struct storage_packet packet =
		operation(STORAGE_QUERY_PROTOCOL_VERSION);
	u32 version, known = 0;

	(void)state;
	host_to(STORAGE_VSP_VERSION, &plain);
	for (version = 0; version < 0x10000; version++) {
		packet.version.version = (u16)version;
		host.state = STORAGE_VSP_VERSION;
		assert_int_equal(host_take(&packet, 16), VMBUS_OK);
		if (status_of_answer() == STORAGE_NT_SUCCESS) {
			known++;
			assert_int_equal(host.state, STORAGE_VSP_PROPERTIES);
		} else {
			assert_int_equal(status_of_answer(),
					 STORAGE_NT_REVISION_MISMATCH);
			assert_int_equal(host.state, STORAGE_VSP_VERSION);
		}
		assert_int_equal(be16_read(action.packet + 12),
				 (u16)(version << 8 | version >> 8));
	}
	assert_int_equal(known, 5);
	assert_int_equal(
		storage_vsp_shared_init(
			&host_shared,
			&(struct storage_vsp_options){ .version_max = 0x600 }),
		VMBUS_OK);
	assert_int_equal(
		storage_vsp_shared_init(
			&host_shared,
			&(struct storage_vsp_options){ .version_max = 0x601 }),
		VMBUS_BAD_ARGUMENT);
	assert_int_equal(storage_vsp_shared_init(&host_shared,
						 &(struct storage_vsp_options){
							 .ide_target = 2 }),
			 VMBUS_BAD_ARGUMENT);
}

static void test_sub_channel_requests(void **state)
{
	struct storage_packet packet = operation(STORAGE_CREATE_SUB_CHANNELS);

	(void)state;
	host_to(STORAGE_VSP_READY, &plain);
	packet.sub_channels = 4;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_INVALID_PARAMETER);
	packet.sub_channels = 0;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_SUCCESS);
	packet.sub_channels = 3;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(action.step, STORAGE_VSP_SUB_CHANNELS);
	assert_int_equal(action.sub_channels, 3);
	/* Before the end of initialization, as Windows does. */
	host_to(STORAGE_VSP_END, &plain);
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(action.step, STORAGE_VSP_SUB_CHANNELS);
	/* A sub-channel waits for the primary; then it takes requests only. */
	storage_vsp_init(&host, &host_shared, false);
	packet = command();
	assert_int_equal(host_take(&packet, 64), VMBUS_NOT_READY);
	host_to(STORAGE_VSP_READY, &plain);
	storage_vsp_init(&host, &host_shared, false);
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(action.step, STORAGE_VSP_SRB);
	packet = operation(STORAGE_RESET_LUN);
	assert_int_equal(host_take(&packet, 20), VMBUS_OK);
	assert_int_equal(action.step, STORAGE_VSP_RESET);
	packet = operation(STORAGE_CREATE_SUB_CHANNELS);
	packet.sub_channels = 1;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_INVALID_DEVICE_STATE);
	/* There were none before 5.1. */
	host_to(STORAGE_VSP_END, &plain);
	host.version = STORAGE_VERSION_4_2;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(status_of_answer(), STORAGE_NT_INVALID_DEVICE_REQUEST);
}

static void test_requests(void **state)
{
	struct storage_packet packet = command();
	struct packet_view view;
	u32 i;

	(void)state;
	host_to(STORAGE_VSP_READY, &plain);
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(srb.transfer_bytes, 8192);
	assert_int_equal(srb.call.transaction_id, 77);
	/* More than the pages, more than the limit, no pages at all. */
	packet.srb.transfer_bytes = 8193;
	assert_int_equal(host_take(&packet, 64), VMBUS_E_STORAGE_TRANSFER);
	range.head.size_bytes = 0xffffffff;
	packet.srb.transfer_bytes = 0x100001;
	assert_int_equal(host_take(&packet, 64), VMBUS_E_STORAGE_TRANSFER);
	range.head.size_bytes = 8192;
	packet = command();
	view = view_of(&packet, 64);
	view.type = PACKET_DATA_INBAND;
	view.ranges = NULL;
	view.range_bytes = view.range_count = 0;
	assert_int_equal(storage_vsp_receive(&host, &view, &srb, &action),
			 VMBUS_E_STORAGE_TRANSFER);
	packet.srb.transfer_bytes = 0;
	assert_int_equal(storage_vsp_receive(&host, &view, &srb, &action),
			 VMBUS_OK);
	packet.srb.cdb_length = 16;
	assert_int_equal(storage_vsp_receive(&host, &view, &srb, &action),
			 VMBUS_OK);
	/* A CDB of no length that there is. */
	packet.srb.cdb_length = 0;
	assert_int_equal(host_take(&packet, 64), VMBUS_E_STORAGE_CDB);
	packet.srb.cdb_length = 17;
	assert_int_equal(host_take(&packet, 64), VMBUS_E_STORAGE_CDB);
	/* Any direction is one of three. */
	packet = command();
	packet.srb.data_in = 0xff;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(srb.direction, STORAGE_DATA_UNSPECIFIED);
	/* What wants no answer, and what is no request. */
	view = view_of(&packet, 64);
	view.flags = 0;
	assert_int_equal(storage_vsp_receive(&host, &view, &srb, &action),
			 VMBUS_E_STORAGE_TYPE);
	for (i = 0; i < 20; i++) {
		view = view_of(&packet, 64);
		view.type = (u16)i;
		assert_int_equal(
			storage_vsp_receive(&host, &view, &srb, &action) !=
				VMBUS_E_STORAGE_TYPE,
			i == PACKET_DATA_GPA_DIRECT || i == PACKET_DATA_INBAND);
	}
}

/* A task takes nothing over from the one before in its memory. */
static void test_task(void **state)
{
	struct storage_packet packet = command();
	struct scsi_task task;
	struct scsi_result before;

	(void)state;
	host_to(STORAGE_VSP_READY, &plain);
	packet.srb.path = 1;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	memset(&task, 0xee, sizeof(task));
	before = task.result;
	storage_srb_task(&srb, &task);
	assert_memory_equal(task.cdb, packet.srb.cdb, 16);
	assert_int_equal(task.cdb_bytes, 10);
	assert_int_equal(task.nexus, 0);
	assert_int_equal(task.direction, STORAGE_DATA_IN);
	assert_int_equal(task.transfer_bytes, 8192);
	assert_int_equal(task.units, 0);
	assert_true(task.elsewhere);
	assert_null(task.buffer);
	assert_false(task.block.fua);
	assert_false(task.block.may_unmap);
	assert_int_equal(task.block.size_bytes, 0);
	assert_int_equal(task.block.extent_count, 0);
	assert_int_equal(task.data_bytes, 0);
	assert_int_equal(task.abort_nexuses, 0);
	assert_int_equal(task.notice, 0);
	/* The result is set by the end alone. */
	assert_memory_equal(&task.result, &before, sizeof(before));
	scsi_finish(&task, SCSI_OK, 0);
	assert_int_equal(task.result.status, SCSI_GOOD);
	assert_int_equal(task.result.sense_bytes, 0);
}

static u8 unit_at(u8 path, u8 target, u8 lun)
{
	struct storage_packet packet = command();

	packet.srb.path = path;
	packet.srb.target = target;
	packet.srb.lun = lun;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	return srb.unit;
}

static void test_addresses(void **state)
{
	static const struct storage_vsp_options ide = { .ide = true,
							.ide_target = 1 };

	(void)state;
	host_to(STORAGE_VSP_READY, &plain);
	assert_int_equal(unit_at(0, 0, 0), 0);
	assert_int_equal(unit_at(0, 0, 63), 63);
	assert_int_equal(unit_at(0, 0, 64), STORAGE_UNIT_NONE);
	assert_int_equal(unit_at(0, 0, 255), STORAGE_UNIT_NONE);
	assert_false(srb.elsewhere);
	assert_int_equal(unit_at(1, 0, 0), STORAGE_UNIT_NONE);
	assert_true(srb.elsewhere);
	assert_int_equal(unit_at(0, 1, 0), STORAGE_UNIT_NONE);
	assert_true(srb.elsewhere);
	/* An IDE disk: whatever the path. */
	host_to(STORAGE_VSP_READY, &ide);
	assert_int_equal(unit_at(0, 1, 0), 0);
	assert_int_equal(unit_at(1, 1, 0), 0);
	assert_int_equal(unit_at(0, 0, 0), STORAGE_UNIT_NONE);
	assert_int_equal(unit_at(0, 1, 1), STORAGE_UNIT_NONE);
}

static void test_answers(void **state)
{
	struct storage_packet packet = command(), answer;
	struct scsi_result result;

	(void)state;
	host_to(STORAGE_VSP_READY, &plain);
	sense_set(&result, SENSE_LBA_RANGE);
	/* As long as the request; sense data as much as it has room for. */
	packet.srb.sense_length = 20;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(storage_vsp_complete(&srb, &result, &answer), 64);
	assert_int_equal(answer.srb.length, 52);
	assert_int_equal(answer.srb.srb_status, 0x84);
	assert_int_equal(answer.srb.sense_length, 18);
	assert_int_equal(answer.srb.sense[12], 0x21);
	packet.srb.sense_length = 8;
	assert_int_equal(host_take(&packet, 48), VMBUS_OK);
	assert_int_equal(storage_vsp_complete(&srb, &result, &answer), 48);
	assert_int_equal(answer.srb.length, 36);
	assert_int_equal(answer.srb.sense_length, 8);
	assert_int_equal(answer.srb.sense[12], 0);
	packet.srb.sense_length = 0;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	storage_vsp_complete(&srb, &result, &answer);
	assert_int_equal(answer.srb.srb_status, STORAGE_SRB_ERROR);
	assert_int_equal(answer.srb.scsi_status, SCSI_CHECK_CONDITION);
	packet.srb.sense_length = 255;
	assert_int_equal(host_take(&packet, 64), VMBUS_OK);
	assert_int_equal(srb.sense_max_bytes, 20);
	assert_int_equal(host_take(&packet, 48), VMBUS_OK);
	assert_int_equal(srb.sense_max_bytes, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_packet),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_sub_channel_requests),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_task),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
