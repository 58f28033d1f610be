/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * GPADLs out of headers and bodies, beside a simple model of the same.
 *
 * Input: messages of a byte for their kind, then their choices; values are
 * taken from the input where it says so. After each message the engine and the
 * model must have answered the same, and hold the same GPADLs with the same
 * values.
 */
#include "tests/fuzz/bytes.h"
#include "tests/sim/bus.h"

#define CHANNELS 3
#define GPADLS	 12
#define VALUES	 120
#define IDS	 8

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

enum model_state { NONE, ASSEMBLING, REFUSING, READY };

/* By relid less one and id; each is also the place in the order of arrival. */
struct model {
	enum model_state state;
	u32 range_count;
	u32 announced;
	u32 received;
	u64 values[8192];
};

static struct vmbus_host host;
static struct vmbus_host_channel channels[CHANNELS];
static struct vmbus_host_gpadl gpadls[GPADLS];
static u64 pool[VALUES];
static struct vmbus_host_message messages[4];
static struct model models[CHANNELS][IDS];
static u32 last_answer, last_type;
static u64 violations;

static void pump(void)
{
	struct vmbus_host_action action;

	while (vmbus_host_next(&host, &action)) {
		u32 words[5] = { 0 };

		if (action.type == VMBUS_HOST_VIOLATION)
			violations++;
		if (action.type != VMBUS_HOST_SEND)
			continue;
		memcpy(words, action.send.payload,
		       action.send.size_bytes < sizeof(words)
			       ? action.send.size_bytes
			       : sizeof(words));
		last_type = words[0];
		last_answer = words[4];
		vmbus_host_sent(&host);
	}
}

static void post(const void *payload, u32 size_bytes)
{
	u8 *copy = malloc(size_bytes ? size_bytes : 1);
	const char *wrong;

	memcpy(copy, payload, size_bytes);
	last_type = 0;
	violations = 0;
	require(!vmbus_host_receive(&host, 4, copy, size_bytes),
		"a message was not taken");
	free(copy);
	pump();
	wrong = sim_host_check(&host);
	require(!wrong, wrong);
}

static void expect(u32 type, u32 answer, bool violation)
{
	require(last_type == type, "another answer than expected");
	require(type != VMBUS_MESSAGE_GPADL_CREATED || last_answer == answer,
		"another result than expected");
	require(violations == violation, "a violation more or less");
}

/* ---- the model ---- */

static u32 model_used(bool values)
{
	u32 relid, id, used = 0;

	for (relid = 0; relid < CHANNELS; relid++)
		for (id = 0; id < IDS; id++) {
			const struct model *model = &models[relid][id];

			if (model->state == NONE)
				continue;
			if (!values)
				used++;
			else if (model->state != REFUSING)
				used += model->announced;
		}
	return used;
}

static struct model *model_assembling(u32 id)
{
	u32 relid;

	for (relid = 0; relid < CHANNELS; relid++)
		if (models[relid][id].state == ASSEMBLING ||
		    models[relid][id].state == REFUSING)
			return &models[relid][id];
	return NULL;
}

static bool model_well_formed(const struct model *model)
{
	u32 at = 0, range;

	for (range = 0; range < model->range_count; range++) {
		u64 bytes, offset, pages;

		if (at >= model->announced)
			return false;
		bytes = model->values[at] & 0xffffffffu;
		offset = model->values[at] >> 32;
		pages = (offset + bytes + 4095) / 4096;
		if (!bytes || offset > 4095)
			return false;
		at += 1 + (u32)pages;
		if (at > model->announced)
			return false;
	}
	return at == model->announced;
}

/* What a message's values make of it, and what the answer must be. */
static void model_append(struct model *model, const u8 *data, u32 size_bytes)
{
	u32 count = size_bytes / 8;

	if (size_bytes % 8 || count > model->announced - model->received) {
		model->state = NONE;
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_INVALID, true);
		return;
	}
	memcpy(model->values + model->received, data, size_bytes);
	model->received += count;
	if (model->received < model->announced) {
		expect(0, 0, false);
	} else if (model->state == REFUSING) {
		model->state = NONE;
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_NO_RESOURCES,
		       false);
	} else if (!model_well_formed(model)) {
		model->state = NONE;
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_INVALID, true);
	} else {
		model->state = READY;
		expect(VMBUS_MESSAGE_GPADL_CREATED, 0, false);
	}
}

static void model_compare(void)
{
	struct vmbus_host_gpadl_view view;
	u32 relid, id;

	for (relid = 0; relid < CHANNELS; relid++)
		for (id = 0; id < IDS; id++) {
			const struct model *model = &models[relid][id];
			bool ready = !vmbus_host_gpadl_find(&host, relid + 1,
							    id, &view);

			require(ready == (model->state == READY),
				"a GPADL at one of both only");
			if (!ready)
				continue;
			require(view.value_count == model->announced &&
					view.range_count == model->range_count,
				"a GPADL of another size");
			require(!memcmp(view.values, model->values,
					8 * (size_t)view.value_count),
				"a GPADL of other values");
		}
	require(host.values_live == model_used(true), "other space is used");
}

/* ---- messages ---- */

static u32 fill(struct bytes *bytes, u8 *values, u32 pages, u32 count)
{
	u8 how = bytes_u8(bytes);
	u64 head = (u64)pages * 4096;
	u32 i;

	for (i = 0; i < count; i++)
		memcpy(values + 8 * i, &(u64){ 7 * i + pages }, 8);
	memcpy(values, &head, 8);
	if (how & 1)
		bytes_take(bytes, values, 8);
	if (how & 2)
		bytes_take(bytes, values + 8 * (how >> 4), 8);
	return how >> 2 & 1 ? how >> 5 : 0;
}

static void post_header(struct bytes *bytes)
{
	struct {
		struct vmbus_message_gpadl_header head;
		u8 values[27 * 8];
	} message = {
		.head.header.type = VMBUS_MESSAGE_GPADL_HEADER,
		.head.relid = 1 + bytes_below(bytes, CHANNELS + 1),
		.head.gpadl = bytes_below(bytes, IDS),
		.head.range_count = 1,
	};
	u32 pages = bytes_below(bytes, 100);
	u32 carried = bytes_below(bytes, 28) * 8;
	struct model *model;
	bool room;

	message.head.range_bytes = (u16)(8 + 8 * pages);
	if (carried > message.head.range_bytes)
		carried = message.head.range_bytes;
	carried += fill(bytes, message.values, pages, 27);
	if (carried > sizeof(message.values))
		carried = sizeof(message.values);
	if (bytes_u8(bytes) == 99)
		bytes_take(bytes, &message.head.range_bytes, 4);
	room = model_used(false) + VMBUS_HOST_GPADL_SPARE < GPADLS &&
	       message.head.range_bytes / 8 <= VALUES - model_used(true);
	post(&message, (u32)sizeof(message.head) + carried);

	if (message.head.relid > CHANNELS) {
		expect(0, 0, true);
		return;
	}
	model = &models[message.head.relid - 1][message.head.gpadl];
	if (!message.head.range_count || message.head.range_bytes % 8 ||
	    message.head.range_bytes < message.head.range_count * 16 ||
	    model->state != NONE || model_assembling(message.head.gpadl)) {
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_INVALID, true);
		return;
	}
	if (model_used(false) == GPADLS) {
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_NO_RESOURCES,
		       false);
		return;
	}
	model->state = room ? ASSEMBLING : REFUSING;
	model->range_count = message.head.range_count;
	model->announced = message.head.range_bytes / 8;
	model->received = 0;
	model_append(model, message.values, carried);
}

static void post_body(struct bytes *bytes)
{
	struct {
		struct vmbus_message_gpadl_body head;
		u8 values[28 * 8];
	} message = {
		.head.header.type = VMBUS_MESSAGE_GPADL_BODY,
		.head.number = bytes_u8(bytes),
		.head.gpadl = bytes_below(bytes, IDS),
	};
	struct model *model = model_assembling(message.head.gpadl);
	u32 size = bytes_below(bytes, 30) * 8;

	/* As often as not exactly what is missing. */
	if (size > 224)
		size = model ? 8 * (model->announced - model->received) : 8;
	size += fill(bytes, message.values, 0, 28);
	if (size > sizeof(message.values))
		size = sizeof(message.values);
	post(&message, (u32)sizeof(message.head) + size);
	if (!model) {
		expect(0, 0, true);
	} else if (!size) {
		model->state = NONE;
		expect(VMBUS_MESSAGE_GPADL_CREATED, VMBUS_RESULT_INVALID, true);
	} else {
		model_append(model, message.values, size);
	}
}

static void post_teardown(struct bytes *bytes)
{
	struct vmbus_message_gpadl_teardown message = {
		.header.type = VMBUS_MESSAGE_GPADL_TEARDOWN,
		.relid = 1 + bytes_below(bytes, CHANNELS),
		.gpadl = bytes_below(bytes, IDS),
	};
	struct model *model = &models[message.relid - 1][message.gpadl];

	post(&message, sizeof(message));
	if (model->state == READY) {
		model->state = NONE;
		expect(VMBUS_MESSAGE_GPADL_TORNDOWN, 0, false);
	} else {
		expect(0, 0, true);
	}
}

static void begin(void)
{
	const struct vmbus_host_config config = {
		.channels = channels,
		.channel_count = CHANNELS,
		.gpadls = gpadls,
		.gpadl_count = GPADLS,
		.values = pool,
		.value_count = VALUES,
		.messages = messages,
		.message_count = PORT_ARRAY_SIZE(messages),
		.vp_count = 1,
	};
	const struct vmbus_message_contact contact = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = VMBUS_VERSION_4_1,
	};
	const struct vmbus_message_header ask = {
		.type = VMBUS_MESSAGE_REQUEST_OFFERS,
	};
	u32 i, id, relid;

	require(!vmbus_host_init(&host, &config), "init");
	for (i = 0; i < CHANNELS; i++) {
		struct vmbus_offer offer = { .type.bytes = { (u8)i } };

		require(!vmbus_host_offer(&host, &offer, &relid), "offer");
		for (id = 0; id < IDS; id++)
			models[i][id].state = NONE;
	}
	post(&contact, sizeof(contact));
	post(&ask, sizeof(ask));
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct bytes bytes = { input, input_bytes };

	begin();
	while (bytes.left) {
		switch (bytes_u8(&bytes) % 8) {
		case 0:
		case 1:
		case 2:
			post_header(&bytes);
			break;
		case 3:
			post_teardown(&bytes);
			break;
		default:
			post_body(&bytes);
			break;
		}
		model_compare();
	}
	vmbus_host_reset(&host);
	pump();
	require(!host.gpadl_used && !host.values_live, "a GPADL is left");
	return 0;
}
