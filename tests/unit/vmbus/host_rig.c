/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/sim/bus.h"
#include "tests/unit/vmbus/host_rig.h"

void rig_init_version(struct host_rig *rig, u32 newest)
{
	struct vmbus_host_config config = {
		.channels = rig->channels,
		.channel_count = RIG_CHANNELS,
		.gpadls = rig->gpadls,
		.gpadl_count = RIG_GPADLS,
		.values = rig->values,
		.value_count = RIG_VALUES,
		.messages = rig->messages,
		.message_count = RIG_MESSAGES,
		.vp_count = RIG_VPS,
		.newest_version = newest,
	};

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(vmbus_host_init(&rig->host, &config), VMBUS_OK);
}

void rig_init(struct host_rig *rig)
{
	rig_init_version(rig, 0);
}

static void record(struct host_rig *rig, const struct vmbus_host_action *action)
{
	struct rig_message *message;

	if (rig->slot_busy)
		return;
	assert_true(rig->sent_used < RIG_SENT);
	message = &rig->sent[(rig->sent_first + rig->sent_used++) % RIG_SENT];
	message->vp = action->send.vp;
	message->sint = action->send.sint;
	message->size_bytes = action->send.size_bytes;
	memcpy(message->payload, action->send.payload, action->send.size_bytes);
	vmbus_host_sent(&rig->host);
}

void rig_pump(struct host_rig *rig)
{
	struct vmbus_host_action action;

	if (!rig->slot_busy)
		vmbus_host_resend(&rig->host);
	while (vmbus_host_next(&rig->host, &action)) {
		rig->counts[action.type]++;
		rig->last[action.type] = action;
		if (action.type == VMBUS_HOST_SEND)
			record(rig, &action);
		if (action.type == VMBUS_HOST_OPEN && !rig->slow_open)
			assert_int_equal(vmbus_host_open_done(&rig->host,
							      action.relid,
							      rig->open_status),
					 VMBUS_OK);
		if (action.type == VMBUS_HOST_CLOSE && !rig->slow_close)
			assert_int_equal(
				vmbus_host_close_done(&rig->host, action.relid),
				VMBUS_OK);
		if (sim_host_check(&rig->host))
			fail_msg("%s", sim_host_check(&rig->host));
	}
}

enum vmbus_status rig_post(struct host_rig *rig, const void *payload,
			   u32 size_bytes)
{
	enum vmbus_status status = vmbus_host_receive(
		&rig->host, VMBUS_CONNECTION_ID_CONTACT, payload, size_bytes);

	if (sim_host_check(&rig->host))
		fail_msg("%s", sim_host_check(&rig->host));
	rig_pump(rig);
	return status;
}

static void post_ok(struct host_rig *rig, const void *payload, u32 size_bytes)
{
	assert_int_equal(rig_post(rig, payload, size_bytes), VMBUS_OK);
}

void rig_post_header(struct host_rig *rig, u32 type)
{
	struct vmbus_message_header message = { .type = type };

	post_ok(rig, &message, sizeof(message));
}

void rig_post_relid(struct host_rig *rig, u32 type, u32 relid)
{
	struct vmbus_message_relid message = {
		.header.type = type,
		.relid = relid,
	};

	post_ok(rig, &message, sizeof(message));
}

void rig_post_contact(struct host_rig *rig, u32 version)
{
	struct vmbus_message_contact message = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = version,
		.monitor_to_guest_gpa = 0x1000,
		.monitor_to_host_gpa = 0x2000,
	};

	if (version >= VMBUS_VERSION_5_0)
		message.target.sint = VMBUS_MESSAGE_SINT;
	else
		message.interrupt_page_gpa = 0x3000;
	post_ok(rig, &message, sizeof(message));
}

void rig_post_modify(struct host_rig *rig, u32 relid, u32 target_vp)
{
	struct vmbus_message_modify message = {
		.header.type = VMBUS_MESSAGE_MODIFY,
		.relid = relid,
		.target_vp = target_vp,
	};

	post_ok(rig, &message, sizeof(message));
}

void rig_post_teardown(struct host_rig *rig, u32 relid, u32 gpadl)
{
	struct vmbus_message_gpadl_teardown message = {
		.header.type = VMBUS_MESSAGE_GPADL_TEARDOWN,
		.relid = relid,
		.gpadl = gpadl,
	};

	post_ok(rig, &message, sizeof(message));
}

void rig_post_gpadl_header(struct host_rig *rig, u32 relid, u32 gpadl,
			   u32 range_bytes, u32 range_count, const u64 *values,
			   u32 value_count)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
	struct vmbus_message_gpadl_header message = {
		.header.type = VMBUS_MESSAGE_GPADL_HEADER,
		.relid = relid,
		.gpadl = gpadl,
		.range_bytes = (u16)range_bytes,
		.range_count = (u16)range_count,
	};

	memcpy(payload, &message, sizeof(message));
	memcpy(payload + sizeof(message), values, value_count * sizeof(u64));
	post_ok(rig, payload,
		(u32)(sizeof(message) + value_count * sizeof(u64)));
}

void rig_post_gpadl_body(struct host_rig *rig, u32 gpadl, const u64 *values,
			 u32 value_count)
{
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
	struct vmbus_message_gpadl_body message = {
		.header.type = VMBUS_MESSAGE_GPADL_BODY,
		.gpadl = gpadl,
	};

	memcpy(payload, &message, sizeof(message));
	memcpy(payload + sizeof(message), values, value_count * sizeof(u64));
	post_ok(rig, payload,
		(u32)(sizeof(message) + value_count * sizeof(u64)));
}

u64 rig_head(u32 byte_count, u32 byte_offset)
{
	return (u64)byte_offset << 32 | byte_count;
}

void rig_post_gpadl(struct host_rig *rig, u32 relid, u32 gpadl, u32 pages)
{
	u64 values[1 + 512];
	u32 count = pages + 1, sent, i;

	assert_true(count <= 513);
	values[0] = rig_head(pages * VMBUS_PAGE_BYTES, 0);
	for (i = 1; i < count; i++)
		values[i] = 99 + i;
	sent = count < VMBUS_GPADL_HEADER_VALUES ? count
						 : VMBUS_GPADL_HEADER_VALUES;
	rig_post_gpadl_header(rig, relid, gpadl, count * (u32)sizeof(u64), 1,
			      values, sent);
	while (sent < count) {
		u32 more = count - sent;

		if (more > VMBUS_GPADL_BODY_VALUES)
			more = VMBUS_GPADL_BODY_VALUES;
		rig_post_gpadl_body(rig, gpadl, values + sent, more);
		sent += more;
	}
}

void rig_post_open(struct host_rig *rig, u32 relid, u32 gpadl, u32 offset_pages,
		   u32 target_vp)
{
	struct vmbus_message_open message = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = relid,
		.open_id = relid + 1000,
		.ring_gpadl = gpadl,
		.target_vp = target_vp,
		.downstream_page_offset = offset_pages,
		.user_data = { 0xaa, 0xbb },
	};

	post_ok(rig, &message, sizeof(message));
}

void rig_open(struct host_rig *rig, u32 relid)
{
	rig_post_gpadl(rig, relid, relid + 100, 8);
	rig_expect_created(rig, relid, relid + 100, 0);
	rig_post_open(rig, relid, relid + 100, 4, 0);
	rig_expect_opened(rig, relid, 0);
}

struct vmbus_offer rig_device(u8 number, u16 subchannel_index)
{
	struct vmbus_offer offer = {
		.type.bytes = { 0xa1, number },
		.instance.bytes = { 0xb2, number },
		.subchannel_index = subchannel_index,
		.flags = VMBUS_OFFER_NAMED_PIPE,
		.mmio_mib = 8,
		.user_data = { VMBUS_PIPE_MESSAGE, 0, 0, 0, 0x77 },
	};

	return offer;
}

u32 rig_offer(struct host_rig *rig, u8 number, u16 subchannel_index)
{
	struct vmbus_offer offer = rig_device(number, subchannel_index);
	u32 relid = 0;

	offer.context = &rig->channels;
	assert_int_equal(vmbus_host_offer(&rig->host, &offer, &relid),
			 VMBUS_OK);
	rig_pump(rig);
	return relid;
}

void rig_connect(struct host_rig *rig, u32 version, u32 count)
{
	u32 i;

	rig_init(rig);
	for (i = 0; i < count; i++)
		assert_int_equal(rig_offer(rig, (u8)i, 0), i + 1);
	rig_post_contact(rig, version);
	rig_expect(rig, VMBUS_MESSAGE_VERSION_RESPONSE);
	rig_post_header(rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	for (i = 0; i < count; i++)
		rig_expect(rig, VMBUS_MESSAGE_OFFER);
	rig_expect(rig, VMBUS_MESSAGE_OFFERS_DELIVERED);
	rig_expect_silence(rig);
	rig_expect_no_violation(rig);
}

const void *rig_expect(struct host_rig *rig, u32 type)
{
	struct vmbus_message_header header;
	struct rig_message *message;

	if (!rig->sent_used)
		fail_msg("no message was sent where type %u belongs", type);
	message = &rig->sent[rig->sent_first];
	rig->sent_first = (rig->sent_first + 1) % RIG_SENT;
	rig->sent_used--;
	memcpy(&header, message->payload, sizeof(header));
	assert_int_equal(header.type, type);
	assert_int_equal(header.padding, 0);
	return message->payload;
}

void rig_expect_created(struct host_rig *rig, u32 relid, u32 gpadl, u32 status)
{
	const struct vmbus_message_gpadl_created *message =
		rig_expect(rig, VMBUS_MESSAGE_GPADL_CREATED);

	assert_int_equal(message->relid, relid);
	assert_int_equal(message->gpadl, gpadl);
	assert_int_equal(message->status, status);
}

void rig_expect_torndown(struct host_rig *rig, u32 gpadl)
{
	const struct vmbus_message_gpadl_torndown *message =
		rig_expect(rig, VMBUS_MESSAGE_GPADL_TORNDOWN);

	assert_int_equal(message->gpadl, gpadl);
}

void rig_expect_opened(struct host_rig *rig, u32 relid, u32 status)
{
	const struct vmbus_message_open_result *message =
		rig_expect(rig, VMBUS_MESSAGE_OPEN_RESULT);

	assert_int_equal(message->relid, relid);
	assert_int_equal(message->open_id, relid + 1000);
	assert_int_equal(message->status, status);
}

void rig_expect_relid(struct host_rig *rig, u32 type, u32 relid)
{
	const struct vmbus_message_relid *message = rig_expect(rig, type);

	assert_int_equal(message->relid, relid);
}

void rig_expect_silence(struct host_rig *rig)
{
	struct vmbus_message_header header;

	if (!rig->sent_used)
		return;
	memcpy(&header, rig->sent[rig->sent_first].payload, sizeof(header));
	fail_msg("a message of type %u was sent", header.type);
}

void rig_expect_violation(struct host_rig *rig, enum vmbus_status reason,
			  u32 relid)
{
	const struct vmbus_host_action *last = &rig->last[VMBUS_HOST_VIOLATION];

	assert_int_equal(rig->counts[VMBUS_HOST_VIOLATION], 1);
	assert_string_equal(vmbus_status_text(last->violation.reason),
			    vmbus_status_text(reason));
	assert_int_equal(last->relid, relid);
	rig->counts[VMBUS_HOST_VIOLATION] = 0;
}

void rig_expect_no_violation(struct host_rig *rig)
{
	if (rig->counts[VMBUS_HOST_VIOLATION])
		fail_msg("%s", vmbus_status_text(rig->last[VMBUS_HOST_VIOLATION]
							 .violation.reason));
}

void rig_expect_empty(struct host_rig *rig)
{
	u32 i;

	assert_int_equal(vmbus_host_version(&rig->host), 0);
	for (i = 0; i < RIG_GPADLS; i++)
		assert_int_equal(rig->gpadls[i].state, HOST_GPADL_FREE);
	for (i = 0; i < RIG_CHANNELS; i++)
		assert_true(rig->channels[i].state == HOST_CHANNEL_FREE ||
			    rig->channels[i].state == HOST_CHANNEL_KNOWN);
	assert_int_equal(rig->host.values_live, 0);
}
