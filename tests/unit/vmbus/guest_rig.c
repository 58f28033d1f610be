/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/sim/bus.h"
#include "tests/unit/vmbus/guest_rig.h"
#include "vmbus/messages.h"

void grig_init(struct guest_rig *rig, u32 oldest, u32 newest)
{
	struct vmbus_guest_config config = {
		.channels = rig->channels,
		.channel_count = GRIG_CHANNELS,
		.gpadls = rig->gpadls,
		.gpadl_count = GRIG_GPADLS,
		.jobs = rig->jobs,
		.job_count = GRIG_JOBS,
		.target_vp = 3,
		.target_sint = VMBUS_MESSAGE_SINT,
		.interrupt_page_gpa = 0x111000,
		.monitor_to_guest_gpa = 0x222000,
		.monitor_to_host_gpa = 0x333000,
		.oldest_version = oldest,
		.newest_version = newest,
		.first_gpadl = 500,
	};

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(vmbus_guest_init(&rig->guest, &config), VMBUS_OK);
}

static void record_post(struct guest_rig *rig,
			const struct vmbus_guest_action *action)
{
	u32 at = (rig->posted_first + rig->posted_used) % GRIG_POSTED;

	if (rig->host_busy)
		return;
	assert_true(rig->posted_used++ < GRIG_POSTED);
	rig->posted[at].connection_id = action->send.connection_id;
	rig->posted[at].size_bytes = action->send.size_bytes;
	memcpy(rig->posted[at].payload, action->send.payload,
	       action->send.size_bytes);
	vmbus_guest_sent(&rig->guest);
}

void grig_pump(struct guest_rig *rig)
{
	struct vmbus_guest_action action;

	if (!rig->host_busy)
		vmbus_guest_resend(&rig->guest);
	while (vmbus_guest_next(&rig->guest, &action)) {
		if (sim_guest_check(&rig->guest))
			fail_msg("%s", sim_guest_check(&rig->guest));
		if (action.type == VMBUS_GUEST_SEND) {
			record_post(rig, &action);
			continue;
		}
		assert_true(rig->told_used < GRIG_TOLD);
		rig->told[(rig->told_first + rig->told_used++) % GRIG_TOLD] =
			action;
	}
}

void grig_deliver(struct guest_rig *rig, const void *payload, u32 size_bytes)
{
	assert_int_equal(vmbus_guest_receive(&rig->guest, payload, size_bytes),
			 VMBUS_OK);
	grig_pump(rig);
}

void grig_say(struct guest_rig *rig, u32 type, u32 a, u32 b, u32 c)
{
	u32 words[12] = { type, 0, a, b, c };

	grig_deliver(rig, words, vmbus_message_rule(type)->size_bytes);
}

void grig_say_version(struct guest_rig *rig, u8 supported, u8 state, u32 id)
{
	struct vmbus_message_version_response message = {
		.header.type = VMBUS_MESSAGE_VERSION_RESPONSE,
		.supported = supported,
		.connection_state = state,
		.version_or_connection_id = id,
	};

	grig_deliver(rig, &message, sizeof(message));
}

struct vmbus_message_offer grig_offer(u32 relid, u8 number, u16 subchannel)
{
	struct vmbus_message_offer message = {
		.header.type = VMBUS_MESSAGE_OFFER,
		.type.bytes = { 0xa1, number },
		.instance.bytes = { 0xb2, number },
		.flags = VMBUS_OFFER_NAMED_PIPE,
		.mmio_mib = 8,
		.user_data = { VMBUS_PIPE_MESSAGE, 0, 0, 0, 0x77 },
		.subchannel_index = subchannel,
		.relid = relid,
		.monitor_id = VMBUS_MONITOR_ID_NONE,
		.dedicated_interrupt = 1,
		.connection_id = 0x10000 + relid,
	};

	return message;
}

void grig_say_offer(struct guest_rig *rig, u32 relid, u8 number, u16 subchannel)
{
	struct vmbus_message_offer message =
		grig_offer(relid, number, subchannel);

	grig_deliver(rig, &message, sizeof(message));
}

void grig_connect(struct guest_rig *rig, u32 version, u32 count)
{
	u32 i;

	grig_init(rig, version, version);
	assert_int_equal(vmbus_guest_connect(&rig->guest), VMBUS_OK);
	grig_pump(rig);
	grig_expect(rig, VMBUS_MESSAGE_CONTACT);
	grig_say_version(rig, 1, 0, 4);
	assert_int_equal(grig_told(rig, VMBUS_GUEST_CONNECTED)->version,
			 version);
	assert_int_equal(vmbus_guest_request_offers(&rig->guest), VMBUS_OK);
	grig_pump(rig);
	grig_expect(rig, VMBUS_MESSAGE_REQUEST_OFFERS);
	for (i = 1; i <= count; i++) {
		grig_say_offer(rig, i, (u8)i, 0);
		assert_int_equal(grig_told(rig, VMBUS_GUEST_OFFERED)->relid, i);
		assert_int_equal(vmbus_guest_set_context(&rig->guest, i,
							 &rig->channels[i]),
				 VMBUS_OK);
	}
	grig_say(rig, VMBUS_MESSAGE_OFFERS_DELIVERED, 0, 0, 0);
	grig_told(rig, VMBUS_GUEST_OFFERS_DELIVERED);
	grig_told_nothing(rig);
	grig_expect_silence(rig);
}

u32 grig_lend(struct guest_rig *rig, u32 relid, u32 pages)
{
	static u64 pfns[4096];
	u32 id, sent;

	assert_int_equal(vmbus_guest_gpadl_create(&rig->guest, relid, 0,
						  pages * 4096, pfns, &id),
			 VMBUS_OK);
	grig_pump(rig);
	grig_expect(rig, VMBUS_MESSAGE_GPADL_HEADER);
	for (sent = 26; sent < pages; sent += 28)
		grig_expect(rig, VMBUS_MESSAGE_GPADL_BODY);
	grig_say(rig, VMBUS_MESSAGE_GPADL_CREATED, relid, id, 0);
	assert_int_equal(grig_told(rig, VMBUS_GUEST_GPADL_READY)->gpadl.id, id);
	return id;
}

u32 grig_open(struct guest_rig *rig, u32 relid)
{
	u32 id = grig_lend(rig, relid, 8);

	assert_int_equal(vmbus_guest_open(&rig->guest, relid, id, 4, 0, NULL),
			 VMBUS_OK);
	grig_pump(rig);
	grig_expect(rig, VMBUS_MESSAGE_OPEN);
	grig_say(rig, VMBUS_MESSAGE_OPEN_RESULT, relid, relid, 0);
	assert_int_equal(grig_told(rig, VMBUS_GUEST_OPENED)->status, 0);
	return id;
}

const void *grig_expect(struct guest_rig *rig, u32 type)
{
	u32 got;

	if (!rig->posted_used)
		fail_msg("no message was posted where type %u belongs", type);
	rig->last = rig->posted[rig->posted_first];
	rig->posted_first = (rig->posted_first + 1) % GRIG_POSTED;
	rig->posted_used--;
	memcpy(&got, rig->last.payload, sizeof(got));
	assert_int_equal(got, type);
	return rig->last.payload;
}

void grig_expect_silence(struct guest_rig *rig)
{
	if (rig->posted_used)
		fail_msg("a message of type %u was posted",
			 rig->posted[rig->posted_first].payload[0]);
}

const struct vmbus_guest_action *grig_told(struct guest_rig *rig,
					   enum vmbus_guest_action_type type)
{
	const struct vmbus_guest_action *action = &rig->told[rig->told_first];

	if (!rig->told_used)
		fail_msg("nothing was told where %u belongs", type);
	rig->told_first = (rig->told_first + 1) % GRIG_TOLD;
	rig->told_used--;
	if (action->type == VMBUS_GUEST_VIOLATION && action->type != type)
		fail_msg("%s", vmbus_status_text(action->violation.reason));
	assert_int_equal(action->type, type);
	return action;
}

void grig_told_nothing(struct guest_rig *rig)
{
	if (rig->told_used)
		fail_msg("action %u was told", rig->told[rig->told_first].type);
}

void grig_told_violation(struct guest_rig *rig, enum vmbus_status reason,
			 u32 relid)
{
	const struct vmbus_guest_action *action =
		grig_told(rig, VMBUS_GUEST_VIOLATION);

	assert_string_equal(vmbus_status_text(action->violation.reason),
			    vmbus_status_text(reason));
	assert_int_equal(action->relid, relid);
	grig_told_nothing(rig);
}
