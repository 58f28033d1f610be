// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The guest end of storage against a host that breaks the protocol. */
#include "tests/unit/services/storage/scsi_rig.h"

#include "services/storage/vsc.h"

#define SLOTS 4

static struct storage_vsc_shared guest_shared;
static struct storage_vsc guest;
static struct storage_vsc_slot slots[SLOTS];
static struct storage_vsc_event event;

static u64 asked;

static bool guest_asks(void)
{
	struct storage_packet packet;

	return storage_vsc_transmit(&guest, &packet, &asked) != 0;
}

static enum vmbus_status
guest_take_as(u16 type, u64 id, const struct storage_packet *packet, u32 bytes)
{
	u8 *payload = malloc(bytes ? bytes : 1);
	struct packet_view view = {
		.type = type,
		.transaction_id = id,
		.payload = payload,
		.payload_bytes = bytes,
	};
	enum vmbus_status status;

	memcpy(payload, packet, bytes);
	status = storage_vsc_receive(&guest, &view, &event);
	free(payload);
	return status;
}

static enum vmbus_status guest_take(u64 id, const struct storage_packet *packet)
{
	return guest_take_as(PACKET_COMPLETION, id, packet, 64);
}

static struct storage_packet done(u32 nt_status)
{
	struct storage_packet packet = {
		.header.operation = STORAGE_COMPLETE_IO,
		.header.status = nt_status,
	};

	return packet;
}

static const struct storage_vsc_options modest = { .sub_channels = 2 };

static void guest_to(u8 state)
{
	struct storage_packet packet;

	assert_int_equal(storage_vsc_shared_init(&guest_shared, &modest),
			 VMBUS_OK);
	assert_int_equal(
		storage_vsc_init(&guest, &guest_shared, true, slots, SLOTS),
		VMBUS_OK);
	while (guest.state < state) {
		assert_true(guest_asks());
		assert_false(guest_asks()); /* one at a time */
		packet = done(0);
		if (guest.state == STORAGE_VSC_PROPERTIES) {
			packet.properties.transfer_max_bytes = 0x40000;
			packet.properties.flags = 1;
			packet.properties.sub_channels_max = 2;
		}
		assert_int_equal(guest_take(asked, &packet), VMBUS_OK);
	}
	assert_int_equal(guest.state, state);
}

static void test_refused(void **state)
{
	struct storage_packet packet = done(STORAGE_NT_IO_DEVICE_ERROR);
	u32 tries = 0;
	u8 at;

	(void)state;
	for (at = STORAGE_VSC_BEGIN; at <= STORAGE_VSC_END; at++) {
		guest_to(at);
		tries = 0;
		while (guest_asks()) {
			assert_int_equal(guest_take(asked, &packet), VMBUS_OK);
			tries++;
		}
		assert_int_equal(tries, at == STORAGE_VSC_VERSION ? 5 : 1);
		assert_int_equal(event.kind, STORAGE_VSC_REFUSED);
		assert_int_equal(event.nt_status, STORAGE_NT_IO_DEVICE_ERROR);
	}
	/* Without sub-channels one can live. */
	guest_to(STORAGE_VSC_SUB_CHANNELS);
	assert_true(guest_asks());
	assert_int_equal(guest_take(asked, &packet), VMBUS_OK);
	assert_int_equal(event.kind, STORAGE_VSC_NOTHING);
	assert_int_equal(guest.state, STORAGE_VSC_RUNNING);
	assert_int_equal(
		storage_vsc_shared_init(
			&guest_shared,
			&(struct storage_vsc_options){ .version_max = 0x400 + 1,
						       .version_min = 0x400 }),
		VMBUS_BAD_ARGUMENT);
	assert_int_equal(
		storage_vsc_init(&guest, &guest_shared, true, slots, 0),
		VMBUS_BAD_ARGUMENT);
}

/* Each packet at each length, in each state, answering and not. */
static void test_every_packet(void **state)
{
	static const u16 types[] = { PACKET_COMPLETION, PACKET_DATA_INBAND,
				     PACKET_DATA_GPA_DIRECT };
	struct storage_packet packet;
	enum vmbus_status status;
	u32 value, bytes, type;
	u8 at;

	(void)state;
	for (at = STORAGE_VSC_BEGIN; at <= STORAGE_VSC_RUNNING; at++) {
		for (value = 0; value < 18; value++) {
			for (bytes = 0; bytes <= 64; bytes++) {
				for (type = 0; type < 3; type++) {
					guest_to(at);
					guest_asks();
					packet = done(0);
					packet.header.operation = value;
					status = guest_take_as(types[type],
							       asked, &packet,
							       bytes);
					assert_true(status == VMBUS_OK ||
						    vmbus_status_is_violation(
							    status));
					if (bytes < 12)
						assert_int_not_equal(status,
								     VMBUS_OK);
				}
			}
		}
	}
}

static const u8 cdb[] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0 };

static u64 guest_command(u64 cookie)
{
	const struct storage_vsc_command request = {
		.cdb = cdb,
		.cdb_bytes = sizeof(cdb),
		.direction = STORAGE_DATA_IN,
		.transfer_bytes = 512,
	};
	struct storage_packet packet;
	u32 bytes;
	u64 id;

	assert_int_equal(storage_vsc_command(&guest, &request, cookie, &packet,
					     &bytes, &id),
			 VMBUS_OK);
	assert_int_equal(bytes, 64);
	assert_int_equal(packet.srb.cdb_length, sizeof(cdb));
	assert_int_equal(packet.srb.srb_flags,
			 STORAGE_SRB_QUEUE_ACTION_ENABLE |
				 STORAGE_SRB_DISABLE_SYNCH_TRANSFER |
				 STORAGE_SRB_DATA_IN);
	return id;
}

static void test_answers(void **state)
{
	struct storage_packet packet = done(0);
	u64 id, late;

	(void)state;
	guest_to(STORAGE_VSC_RUNNING);
	packet.srb.srb_status = STORAGE_SRB_SUCCESS;
	packet.srb.transfer_bytes = 512;
	/* None is under way. */
	assert_int_equal(guest_take(0, &packet), VMBUS_E_STORAGE_TRANSACTION);
	assert_int_equal(guest_take(1, &packet), VMBUS_E_STORAGE_TRANSACTION);
	assert_int_equal(guest_take(asked, &packet),
			 VMBUS_E_STORAGE_TRANSACTION);
	id = guest_command(0xc0de);
	assert_int_equal(guest_take(id + 1, &packet),
			 VMBUS_E_STORAGE_TRANSACTION);
	assert_int_equal(guest_take(id | 1ull << 40, &packet),
			 VMBUS_E_STORAGE_TRANSACTION);
	assert_int_equal(guest_take(id + (1 << 16), &packet),
			 VMBUS_E_STORAGE_TRANSACTION);
	/* Cut off, or too much of it. */
	assert_int_equal(guest_take_as(PACKET_COMPLETION, id, &packet, 40),
			 VMBUS_E_STORAGE_SHORT);
	packet.srb.transfer_bytes = 513;
	assert_int_equal(guest_take(id, &packet), VMBUS_E_STORAGE_TRANSFER);
	packet.srb.transfer_bytes = 512;
	assert_int_equal(guest_take(id, &packet), VMBUS_OK);
	assert_int_equal(event.kind, STORAGE_VSC_COMPLETED);
	assert_int_equal(event.cookie, 0xc0de);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_GOOD);
	/* Twice; and late, when the slot has another request. */
	assert_int_equal(guest_take(id, &packet), VMBUS_E_STORAGE_TRANSACTION);
	late = id;
	id = guest_command(1);
	assert_int_not_equal(id, late);
	assert_int_equal(guest_take(late, &packet),
			 VMBUS_E_STORAGE_TRANSACTION);
	/* More sense data than there can be. */
	packet.srb.srb_status = 0x84;
	packet.srb.scsi_status = SCSI_CHECK_CONDITION;
	packet.srb.sense_length = 255;
	assert_int_equal(guest_take(id, &packet), VMBUS_OK);
	assert_int_equal(event.result.sense_bytes, 20);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_ERROR);
	/* A failure without any reason. */
	id = guest_command(2);
	packet.srb.srb_status = STORAGE_SRB_TIMEOUT;
	packet.srb.scsi_status = SCSI_GOOD;
	assert_int_equal(guest_take(id, &packet), VMBUS_OK);
	assert_int_equal(event.outcome, STORAGE_OUTCOME_ERROR);
}

static void test_slots(void **state)
{
	const struct storage_vsc_command bad[] = {
		{ .cdb = cdb, .cdb_bytes = 0 },
		{ .cdb = cdb, .cdb_bytes = 17 },
		{ .cdb = cdb, .cdb_bytes = 10, .transfer_bytes = 0x40001 },
	};
	const struct storage_vsc_command write = {
		.cdb = cdb,
		.cdb_bytes = 10,
		.direction = STORAGE_DATA_OUT,
	};
	struct storage_packet packet;
	u64 id[SLOTS], cookie;
	u32 i, bytes;

	(void)state;
	guest_to(STORAGE_VSC_END);
	assert_int_equal(storage_vsc_command(&guest, &bad[0], 0, &packet,
					     &bytes, &cookie),
			 VMBUS_NOT_READY);
	guest_to(STORAGE_VSC_RUNNING);
	for (i = 0; i < PORT_ARRAY_SIZE(bad); i++)
		assert_int_equal(storage_vsc_command(&guest, &bad[i], 0,
						     &packet, &bytes, &cookie),
				 VMBUS_BAD_ARGUMENT);
	assert_int_equal(storage_vsc_command(&guest, &write, 0, &packet, &bytes,
					     &cookie),
			 VMBUS_OK);
	assert_int_equal(packet.srb.srb_flags,
			 STORAGE_SRB_QUEUE_ACTION_ENABLE |
				 STORAGE_SRB_DISABLE_SYNCH_TRANSFER |
				 STORAGE_SRB_DATA_OUT);
	storage_vsc_unsent(&guest, cookie);
	for (i = 0; i < SLOTS; i++)
		id[i] = guest_command(i);
	assert_int_equal(
		storage_vsc_command(&guest,
				    &(struct storage_vsc_command){
					    .cdb = cdb, .cdb_bytes = 10 },
				    0, &packet, &bytes, &cookie),
		VMBUS_AGAIN);
	storage_vsc_unsent(&guest, id[2]);
	storage_vsc_unsent(&guest, id[2]); /* once only */
	assert_int_equal(guest.used_count, SLOTS - 1);
	id[2] = guest_command(22);
	for (i = 0; storage_vsc_abandon(&guest, &cookie); i++)
		assert_int_equal(cookie, i == 2 ? 22 : i);
	assert_int_equal(i, SLOTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_packet),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
