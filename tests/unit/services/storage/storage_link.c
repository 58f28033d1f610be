// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include "tests/unit/services/storage/storage_link.h"

#define RING_PAGES 5

/* ---- the host's device ---- */

/* Data between the guest's pages and the unit's buffer. */
static void copy_data(struct link *link, const struct link_task *task,
		      struct rig *rig, u32 bytes, bool to_guest)
{
	u8 *at;

	if (!task->page_count || !bytes)
		return;
	at = sim_map(&link->pair->memory, task->pfns, task->page_count, false,
		     true);
	assert_non_null(at);
	if (to_guest)
		memcpy(at, rig->data, bytes);
	else
		memcpy(rig->data, at, bytes);
	sim_unmap(&link->pair->memory, at, task->pfns, task->page_count, false,
		  true);
}

static void complete(struct link *link, const struct link_task *task,
		     const struct scsi_result *result)
{
	u8 packet[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { packet, 0 };
	struct packet_out out = {
		.type = PACKET_COMPLETION,
		.transaction_id = task->srb.call.transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	vec.size_bytes = storage_vsp_complete(&task->srb, result, packet);
	assert_int_equal(
		sim_send_packet(&link->channel[task->channel]->host, &out),
		VMBUS_OK);
}

static void execute(struct link *link, const struct link_task *task)
{
	static struct rig nobody;
	const struct storage_srb *srb = &task->srb;
	struct rig *rig = &nobody;
	u32 i;

	if (srb->unit != STORAGE_UNIT_NONE && link->unit[srb->unit])
		rig = link->unit[srb->unit];
	if (rig == &nobody && !nobody.data) {
		nobody.absent = true;
		nobody.data = calloc(1, RIG_DATA_BYTES);
	}
	rig->units = 0;
	for (i = 0; i < LUN_PER_CONTROLLER; i++)
		rig->units |= link->unit[i] ? 1ull << i : 0;
	if (srb->direction != STORAGE_DATA_IN)
		copy_data(link, task, rig, srb->transfer_bytes, false);
	rig->elsewhere = srb->elsewhere;
	rig_run(rig, srb->direction, srb->transfer_bytes, srb->cdb,
		srb->cdb_bytes);
	if (srb->direction != STORAGE_DATA_OUT)
		copy_data(link, task, rig, rig->task.result.transferred, true);
	complete(link, task, &rig->task.result);
	if (rig == &nobody) {
		free(nobody.data);
		memset(&nobody, 0, sizeof(nobody));
	}
}

static void remember_pages(struct link_task *task,
			   const struct packet_view *view)
{
	struct packet_gpa_range range;
	u32 cursor = 0, i;

	while (packet_next_gpa_range(view, &cursor, &range)) {
		assert_int_equal(range.offset_bytes, 0);
		for (i = 0; i < range.pfn_count; i++)
			task->pfns[task->page_count++] =
				packet_gpa_pfn(&range, i);
	}
}

static void abort_tasks(struct link *link, const struct storage_reset *reset)
{
	const struct scsi_result aborted = { .status = SCSI_TASK_ABORTED };
	u32 i, kept = 0;

	for (i = 0; i < link->held_count; i++) {
		if (storage_reset_covers(reset, &link->held[i].srb))
			complete(link, &link->held[i], &aborted);
		else
			link->held[kept++] = link->held[i];
	}
	link->held_count = kept;
	link->resets++;
}

static void answer(struct link *link, u32 channel,
		   const struct storage_call *call, u32 nt_status)
{
	u8 packet[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { packet, 0 };
	struct packet_out out = {
		.type = PACKET_COMPLETION,
		.transaction_id = call->transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	vec.size_bytes = storage_vsp_answer(call, nt_status, packet);
	assert_int_equal(sim_send_packet(&link->channel[channel]->host, &out),
			 VMBUS_OK);
}

static void offer_channel(struct link *link)
{
	struct vmbus_offer offer = {
		.type = STORAGE_TYPE_SCSI,
		.instance = STORAGE_TYPE_SCSI,
		.flags = VMBUS_OFFER_ENUMERATE,
		.subchannel_index = (u16)link->channel_count,
	};
	u32 index = link->channel_count;

	assert_true(index < LINK_CHANNELS);
	link->channel[index] = sim_pair_open(link->pair, &offer, RING_PAGES);
	storage_vsp_init(&link->vsp[index], &link->host, index == 0);
	assert_int_equal(storage_vsc_init(&link->vsc[index], &link->guest,
					  index == 0, link->slots[index],
					  LINK_SLOTS),
			 VMBUS_OK);
	link->channel_count++;
}

static void act(struct link *link, u32 channel, const struct packet_view *view,
		const struct storage_vsp_action *action, struct link_task *task)
{
	struct ring_vec vec = { action->packet, action->packet_bytes };
	struct packet_out out = {
		.type = PACKET_COMPLETION,
		.transaction_id = action->call.transaction_id,
		.vec = &vec,
		.vec_count = 1,
	};

	switch (action->step) {
	case STORAGE_VSP_ANSWER:
		assert_int_equal(
			sim_send_packet(&link->channel[channel]->host, &out),
			VMBUS_OK);
		break;
	case STORAGE_VSP_SRB:
		/* The longer request came with 5.1. */
		assert_int_equal(task->srb.timeout_s,
				 storage_vsp_version(&link->host) <
						 STORAGE_VERSION_5_1
					 ? 0
					 : 60);
		task->channel = channel;
		task->page_count = 0;
		remember_pages(task, view);
		assert_true(link->held_count < LINK_HELD);
		link->held[link->held_count++] = *task;
		break;
	case STORAGE_VSP_SUB_CHANNELS:
		link->sub_channels_wanted = action->sub_channels;
		answer(link, channel, &action->call, STORAGE_NT_SUCCESS);
		break;
	case STORAGE_VSP_RESET:
		abort_tasks(link, &action->reset);
		answer(link, channel, &action->call, STORAGE_NT_SUCCESS);
		break;
	}
}

/* One packet from the guest, when there is space for its answer. */
static bool host_turn(struct link *link, u32 channel)
{
	struct sim_end *end = &link->channel[channel]->host;
	u32 most = packet_ring_bytes(0, STORAGE_PACKET_BYTES);
	struct storage_vsp_action action;
	struct link_task task = { 0 };
	struct packet_view view;
	u8 buffer[1024];

	if (ring_free_bytes(&end->tx) < most * (link->held_count + 2) ||
	    link->held_count == LINK_HELD ||
	    !sim_receive(end, buffer, sizeof(buffer), &view))
		return false;
	assert_int_equal(storage_vsp_receive(&link->vsp[channel], &view,
					     &task.srb, &action),
			 VMBUS_OK);
	act(link, channel, &view, &action, &task);
	return true;
}

void link_release(struct link *link)
{
	struct link_task task = link->held[0];

	assert_true(link->held_count);
	link->held_count--;
	memmove(link->held, link->held + 1,
		link->held_count * sizeof(link->held[0]));
	execute(link, &task);
}

/* ---- the guest's driver ---- */

static void note(struct link *link, const struct storage_vsc_event *event)
{
	struct link_request *request;

	switch (event->kind) {
	case STORAGE_VSC_READY:
		link->ready = true;
		break;
	case STORAGE_VSC_REFUSED:
		link->refused = true;
		link->nt_status = event->nt_status;
		break;
	case STORAGE_VSC_OPENABLE:
		link->openable = event->sub_channels;
		break;
	case STORAGE_VSC_RESCAN:
		link->rescans++;
		break;
	case STORAGE_VSC_RESET_DONE:
		link->resets_done++;
		break;
	case STORAGE_VSC_COMPLETED:
		assert_true(event->cookie < PORT_ARRAY_SIZE(link->requests));
		request = &link->requests[event->cookie];
		assert_true(request->used && !request->done);
		request->done = true;
		request->answer = *event;
		break;
	}
}

static bool guest_turn(struct link *link, u32 channel)
{
	struct sim_end *end = &link->channel[channel]->guest;
	u32 most = packet_ring_bytes(0, STORAGE_PACKET_BYTES);
	u8 buffer[256], packet[STORAGE_PACKET_BYTES];
	struct storage_vsc_event event;
	struct packet_view view;
	u32 bytes = 0;
	u64 id;

	if (ring_free_bytes(&end->tx) >= most)
		bytes = storage_vsc_transmit(&link->vsc[channel], packet, &id);
	if (bytes)
		assert_int_equal(sim_send(end, packet, bytes, id, true),
				 VMBUS_OK);
	if (!sim_receive(end, buffer, sizeof(buffer), &view))
		return bytes;
	assert_int_equal(
		storage_vsc_receive(&link->vsc[channel], &view, &event),
		VMBUS_OK);
	note(link, &event);
	return true;
}

static struct link_request *free_request(struct link *link)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(link->requests); i++) {
		if (!link->requests[i].used)
			return &link->requests[i];
	}
	return NULL;
}

static void give_pages(struct link *link, struct link_request *request)
{
	while (request->page_count)
		sim_page_give(&link->pair->memory,
			      request->pfns[--request->page_count]);
	request->used = false;
}

static void take_pages(struct link *link, struct link_request *request,
		       const void *data, u32 bytes)
{
	u8 *at;

	memset(request, 0, sizeof(*request));
	request->used = true;
	if (!bytes)
		return;
	while (request->page_count * 4096 < bytes)
		request->pfns[request->page_count++] =
			sim_page_take(&link->pair->memory);
	at = sim_map(&link->pair->memory, request->pfns, request->page_count,
		     false, false);
	memcpy(at, data, bytes);
	sim_unmap(&link->pair->memory, at, request->pfns, request->page_count,
		  false, false);
}

static enum vmbus_status send_request(struct link *link, u32 channel,
				      const struct link_request *request,
				      const u8 *packet, u32 packet_bytes,
				      u32 bytes)
{
	struct {
		struct packet_gpa_range_head head;
		u64 pfns[LINK_PAGES];
	} range = { .head = { bytes, 0 } };
	struct ring_vec vec = { packet, packet_bytes };
	struct packet_out out = {
		.type = bytes ? PACKET_DATA_GPA_DIRECT : PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = request->id,
		.vec = &vec,
		.vec_count = 1,
	};

	if (bytes) {
		memcpy(range.pfns, request->pfns, sizeof(range.pfns));
		out.ranges = &range;
		out.range_bytes = sizeof(range.head) + request->page_count * 8;
		out.range_count = 1;
	}
	return sim_send_packet(&link->channel[channel]->guest, &out);
}

struct link_request *link_send(struct link *link, u32 channel, u8 lun,
			       u8 direction, void *data, u32 bytes,
			       const u8 *cdb, u32 cdb_bytes)
{
	const struct storage_vsc_command command = {
		.target = link->target,
		.lun = lun,
		.cdb = cdb,
		.cdb_bytes = (u8)cdb_bytes,
		.direction = direction,
		.transfer_bytes = bytes,
		.timeout_s = 60,
	};
	struct link_request *request = free_request(link);
	u8 packet[STORAGE_PACKET_BYTES];
	enum vmbus_status status;
	u32 packet_bytes;

	assert_true(bytes <= LINK_DATA_BYTES);
	if (!request)
		return NULL;
	take_pages(link, request, data, bytes);
	status = storage_vsc_command(&link->vsc[channel], &command,
				     (u64)(request - link->requests), packet,
				     &packet_bytes, &request->id);
	if (status == VMBUS_OK) {
		status = send_request(link, channel, request, packet,
				      packet_bytes, bytes);
		if (status)
			storage_vsc_unsent(&link->vsc[channel], request->id);
	}
	if (status == VMBUS_OK)
		return request;
	assert_int_equal(status, VMBUS_AGAIN);
	give_pages(link, request);
	return NULL;
}

void link_take(struct link *link, struct link_request *request, void *data,
	       u32 bytes)
{
	u8 *at;

	if (bytes && request->page_count) {
		at = sim_map(&link->pair->memory, request->pfns,
			     request->page_count, false, false);
		memcpy(data, at, bytes);
		sim_unmap(&link->pair->memory, at, request->pfns,
			  request->page_count, false, false);
	}
	give_pages(link, request);
}

/* ---- both ---- */

static bool turn(struct link *link)
{
	bool moved = false;
	u32 i;

	for (i = 0; i < link->channel_count; i++) {
		while (host_turn(link, i))
			moved = true;
		while (guest_turn(link, i))
			moved = true;
	}
	while (!link->hold && link->held_count) {
		link_release(link);
		moved = true;
	}
	while (link->sub_channels_wanted) {
		link->sub_channels_wanted--;
		offer_channel(link);
		moved = true;
	}
	return moved;
}

void link_run(struct link *link)
{
	while (turn(link))
		;
}

struct storage_vsc_event link_command(struct link *link, u8 lun, u8 direction,
				      void *data, u32 bytes, const u8 *cdb,
				      u32 cdb_bytes)
{
	struct storage_vsc_event event;
	struct link_request *request =
		link_send(link, 0, lun, direction, data, bytes, cdb, cdb_bytes);

	assert_non_null(request);
	link_run(link);
	assert_true(request->done);
	event = request->answer;
	link_take(link, request, data,
		  direction == STORAGE_DATA_OUT ? 0 : bytes);
	return event;
}

void link_up(struct link *link, const struct storage_vsp_options *host,
	     const struct storage_vsc_options *guest, u64 seed)
{
	memset(link, 0, sizeof(*link));
	link->pair = sim_pair_create(&(struct sim_pair_config){ .seed = seed });
	assert_int_equal(storage_vsp_shared_init(&link->host, host), VMBUS_OK);
	assert_int_equal(storage_vsc_shared_init(&link->guest, guest),
			 VMBUS_OK);
	offer_channel(link);
}

void link_down(struct link *link)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(link->requests); i++) {
		if (link->requests[i].used)
			give_pages(link, &link->requests[i]);
	}
	for (i = link->channel_count; i--;)
		sim_pair_close(link->channel[i]);
	sim_pair_destroy(link->pair);
}
