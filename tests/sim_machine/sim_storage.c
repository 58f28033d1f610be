/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADAPTERS     4
#define CHANNELS     4 /* of one adapter */
#define SLOTS	     48
#define PAGES_MAX    (SIM_DATA_MAX / MACHINE_PAGE_BYTES)
#define LOAD_BYTES   (8 * SIM_BLOCK_BYTES)
#define BLOCK_ABSENT (~0u) /* model: whatever is there is right */

/* One request under way. */
struct io {
	bool used;
	struct sim_request *request; /* NULL: the load's */
	u8 lun;
	bool write;
	u32 block;
	u32 block_count;
	u32 stamp;
	u64 pages[PAGES_MAX];
	u32 page_count;
};

struct channel {
	struct sim_guest_channel *on; /* NULL: none */
	struct storage_vsc vsc;
	struct storage_vsc_slot slots[SLOTS];
	struct io ios[SLOTS];
};

struct adapter {
	bool used;
	struct guid instance;
	struct storage_vsc_shared shared;
	struct channel channels[CHANNELS]; /* the primary first */
};

/* What a block should hold: the number of its last write. */
struct model {
	u32 stamp[SIM_LOAD_BLOCKS];
	bool busy[SIM_LOAD_BLOCKS];
};

struct sim_load sim_loads[8];

static struct adapter adapters[ADAPTERS];
static struct model models[8];
static struct sim_request *wanted; /* NULL: none */
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static u32 channels_open, rescans, resets, stamps;
static bool reset_wanted;
static u64 dice;

static u32 roll(u32 sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (u32)(dice >> 33) % sides;
}

void sim_storage_reset(void)
{
	memset(adapters, 0, sizeof(adapters));
	memset(models, 0, sizeof(models));
	memset(sim_loads, 0, sizeof(sim_loads));
	wanted = NULL;
	channels_open = rescans = resets = 0;
	reset_wanted = false;
	dice = 1;
}

static u32 peek(const u32 *counter)
{
	u32 value;

	sim_guest_lock();
	value = *counter;
	sim_guest_unlock();
	return value;
}

u32 sim_storage_channels(void)
{
	return peek(&channels_open);
}

u32 sim_storage_rescans(void)
{
	return peek(&rescans);
}

u32 sim_storage_resets(void)
{
	return peek(&resets);
}

bool sim_storage_drained(void)
{
	const struct ring *tx;
	bool taken;

	sim_guest_lock();
	tx = &adapters[0].channels[0].on->tx;
	taken = __atomic_load_n(&tx->header->read_index, __ATOMIC_ACQUIRE) ==
		tx->shown;
	sim_guest_unlock();
	return taken;
}

/* ---- channels ---- */

static struct adapter *adapter_of(const struct vmbus_offer *offer)
{
	struct adapter *adapter = adapters;

	while (adapter < adapters + ADAPTERS && adapter->used &&
	       memcmp(&adapter->instance, &offer->instance,
		      sizeof(offer->instance)) != 0)
		adapter++;
	if (adapter == adapters + ADAPTERS)
		return NULL;
	adapter->used = true;
	adapter->instance = offer->instance;
	return adapter;
}

static struct channel *channel_of(const struct sim_guest_channel *on)
{
	for (u32 i = 0; i < ADAPTERS; i++)
		for (u32 j = 0; j < CHANNELS; j++)
			if (adapters[i].channels[j].on == on)
				return &adapters[i].channels[j];
	return NULL;
}

bool sim_storage_offered(struct sim_guest_channel *channel,
			 const struct vmbus_offer *offer)
{
	static const struct guid scsi = STORAGE_TYPE_SCSI;
	static const struct guid ide = STORAGE_TYPE_IDE;
	struct adapter *adapter;

	if (memcmp(&offer->type, &scsi, sizeof(scsi)) != 0 &&
	    memcmp(&offer->type, &ide, sizeof(ide)) != 0)
		return false;
	adapter = adapter_of(offer);
	if (!adapter || offer->subchannel_index >= CHANNELS)
		return false;
	adapter->channels[offer->subchannel_index].on = channel;
	return true;
}

void sim_storage_opened(struct sim_guest *guest, struct sim_guest_channel *on)
{
	struct channel *channel = channel_of(on);
	struct storage_vsc_options options = { .sub_channels = CHANNELS - 1 };
	struct adapter *adapter = adapters;

	(void)guest;
	while (channel < adapter->channels ||
	       channel >= adapter->channels + CHANNELS)
		adapter++;
	channels_open++;
	if (channel == adapter->channels)
		storage_vsc_shared_init(&adapter->shared, &options);
	storage_vsc_init(&channel->vsc, &adapter->shared,
			 channel == adapter->channels, channel->slots, SLOTS);
}

/* ---- the load's model ---- */

static void block_fill(u8 *at, u8 lun, u32 block, u32 stamp)
{
	const u32 words[4] = { lun, block, stamp, ~stamp };

	for (u32 i = 0; i < SIM_BLOCK_BYTES; i += sizeof(words))
		memcpy(at + i, words, sizeof(words));
}

static bool block_right(const u8 *at, u8 lun, u32 block, u32 stamp)
{
	static const u8 zeros[SIM_BLOCK_BYTES];
	u8 should[SIM_BLOCK_BYTES];

	if (stamp == BLOCK_ABSENT)
		return true;
	if (!stamp)
		return memcmp(at, zeros, sizeof(zeros)) == 0;
	block_fill(should, lun, block, stamp);
	return memcmp(at, should, sizeof(should)) == 0;
}

static void load_ended(struct sim_guest *guest, struct io *io, bool good)
{
	struct sim_load *load = &sim_loads[io->lun];
	struct model *model = &models[io->lun];

	for (u32 i = 0; i < io->block_count; i++) {
		u32 block = io->block + i;

		model->busy[block] = false;
		if (io->write)
			model->stamp[block] = good ? io->stamp : BLOCK_ABSENT;
		else if (good && guest->machine &&
			 !block_right(sim_machine_page_at(guest->machine,
							  io->pages[i]),
				      io->lun, block, model->stamp[block]))
			load->wrong++;
	}
	load->depth--;
	if (good)
		load->done++;
	else
		load->failed++;
}

/* ---- requests ---- */

static void request_answered(struct sim_guest *guest, struct io *io,
			     const struct storage_vsc_event *event)
{
	struct sim_request *request = io->request;

	request->outcome = event->outcome;
	request->transferred = event->result.transferred;
	request->sense =
		sense_read(event->result.sense, event->result.sense_bytes);
	for (u32 i = 0; guest->machine && i < io->page_count; i++) {
		u32 at = i * MACHINE_PAGE_BYTES;
		u32 part = request->bytes - at;

		if (part > MACHINE_PAGE_BYTES)
			part = MACHINE_PAGE_BYTES;
		if (request->direction == STORAGE_DATA_IN)
			memcpy((u8 *)request->data + at,
			       sim_machine_page_at(guest->machine,
						   io->pages[i]),
			       part);
	}
	request->done = true;
	pthread_cond_broadcast(&answered);
}

static void io_end(struct sim_guest *guest, struct io *io,
		   const struct storage_vsc_event *event)
{
	if (io->request)
		request_answered(guest, io, event);
	else
		load_ended(guest, io, event->outcome == STORAGE_OUTCOME_GOOD);
	for (u32 i = 0; guest->machine && i < io->page_count; i++)
		sim_machine_page_give(guest->machine, io->pages[i]);
	io->used = false;
}

void sim_storage_closed(struct sim_guest *guest, struct sim_guest_channel *on)
{
	static const struct storage_vsc_event gone = {
		.outcome = STORAGE_OUTCOME_GONE,
	};
	struct channel *channel = channel_of(on);

	if (!channel)
		return;
	channels_open -= on->open;
	for (u32 i = 0; i < SLOTS; i++)
		if (channel->ios[i].used)
			io_end(guest, &channel->ios[i], &gone);
	memset(channel, 0, sizeof(*channel));
}

/* Head and page numbers of one GPA range; its bytes. */
static u32 range_put(const struct io *io, u32 bytes, bool bad, u8 *at)
{
	struct packet_gpa_range_head head = { .size_bytes = bytes };

	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	for (u32 i = 0; i < io->page_count; i++) {
		u64 pfn = bad && i + 1 == io->page_count ? ~0ull >> 12
							 : io->pages[i];

		memcpy(at + i * sizeof(pfn), &pfn, sizeof(pfn));
	}
	return (u32)sizeof(head) + io->page_count * (u32)sizeof(u64);
}

static bool io_send(struct channel *channel, struct io *io,
		    const struct storage_vsc_command *command, bool bad)
{
	static u8 ranges[8 + 8 * PAGES_MAX];
	u8 bytes[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { .base = bytes };
	struct packet_out out = { .vec = &vec, .vec_count = 1 };

	if (storage_vsc_command(&channel->vsc, command,
				(u64)(io - channel->ios), bytes,
				&vec.size_bytes, &out.transaction_id))
		return false;
	out.type = PACKET_DATA_INBAND;
	out.flags = PACKET_FLAG_COMPLETION_REQUESTED;
	if (io->page_count) {
		out.type = PACKET_DATA_GPA_DIRECT;
		out.ranges = ranges;
		out.range_bytes =
			range_put(io, command->transfer_bytes, bad, ranges);
		out.range_count = 1;
	}
	if (packet_write(&channel->on->tx, &out) == VMBUS_OK)
		return true;
	storage_vsc_unsent(&channel->vsc, out.transaction_id);
	return false;
}

static struct io *io_take(struct sim_guest *guest, struct channel *channel,
			  u32 bytes)
{
	struct io *io = channel->ios;

	while (io < channel->ios + SLOTS && io->used)
		io++;
	if (io == channel->ios + SLOTS)
		return NULL;
	memset(io, 0, offsetof(struct io, pages));
	io->used = true;
	io->page_count = (bytes + MACHINE_PAGE_BYTES - 1) / MACHINE_PAGE_BYTES;
	for (u32 i = 0; i < io->page_count; i++)
		io->pages[i] = sim_machine_page(guest->machine);
	return io;
}

static void io_give(struct sim_guest *guest, struct io *io)
{
	for (u32 i = 0; i < io->page_count; i++)
		sim_machine_page_give(guest->machine, io->pages[i]);
	io->used = false;
}

static void request_send(struct sim_guest *guest, struct channel *channel)
{
	struct sim_request *request = wanted;
	struct io *io = io_take(guest, channel, request->bytes);
	struct storage_vsc_command command = {
		.lun = request->lun,
		.cdb = request->cdb,
		.cdb_bytes = request->cdb_bytes,
		.direction = request->direction,
		.transfer_bytes = request->bytes,
		.timeout_s = 30,
	};

	if (!io)
		return;
	io->request = request;
	for (u32 i = 0; i < io->page_count; i++) {
		u32 at = i * MACHINE_PAGE_BYTES;
		u32 part = request->bytes - at;

		if (part > MACHINE_PAGE_BYTES)
			part = MACHINE_PAGE_BYTES;
		if (request->direction == STORAGE_DATA_OUT)
			memcpy(sim_machine_page_at(guest->machine,
						   io->pages[i]),
			       (u8 *)request->data + at, part);
	}
	if (io_send(channel, io, &command, request->bad_pages))
		wanted = NULL;
	else
		io_give(guest, io);
}

static void rw16(u8 cdb[16], bool write, u64 sector, u32 sectors)
{
	memset(cdb, 0, 16);
	cdb[0] = write ? 0x8a : 0x88;
	for (u32 i = 0; i < 8; i++)
		cdb[2 + i] = (u8)(sector >> (56 - 8 * i));
	for (u32 i = 0; i < 4; i++)
		cdb[10 + i] = (u8)(sectors >> (24 - 8 * i));
}

static bool load_send(struct sim_guest *guest, struct channel *channel, u8 lun)
{
	struct model *model = &models[lun];
	u32 count = 1 + roll(LOAD_BYTES / SIM_BLOCK_BYTES);
	u32 block = roll(SIM_LOAD_BLOCKS - count);
	struct storage_vsc_command command = { .lun = lun, .cdb_bytes = 16 };
	u8 cdb[16];
	struct io *io;

	for (u32 i = 0; i < count; i++)
		if (model->busy[block + i])
			return false;
	io = io_take(guest, channel, count * SIM_BLOCK_BYTES);
	if (!io)
		return false;
	io->lun = lun;
	io->block = block;
	io->block_count = count;
	io->write = roll(2);
	io->stamp = ++stamps;
	for (u32 i = 0; io->write && i < count; i++)
		block_fill(sim_machine_page_at(guest->machine, io->pages[i]),
			   lun, block + i, io->stamp);
	rw16(cdb, io->write, (u64)block * (SIM_BLOCK_BYTES / 512),
	     count * (SIM_BLOCK_BYTES / 512));
	command.cdb = cdb;
	command.direction = io->write ? STORAGE_DATA_OUT : STORAGE_DATA_IN;
	command.transfer_bytes = count * SIM_BLOCK_BYTES;
	if (!io_send(channel, io, &command, false)) {
		io_give(guest, io);
		return false;
	}
	for (u32 i = 0; i < count; i++)
		model->busy[block + i] = true;
	sim_loads[lun].depth++;
	return true;
}

/* ---- a turn ---- */

static void question_send(struct channel *channel)
{
	u8 bytes[STORAGE_PACKET_BYTES];
	struct ring_vec vec = { .base = bytes };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.vec = &vec,
		.vec_count = 1,
	};

	vec.size_bytes =
		storage_vsc_transmit(&channel->vsc, bytes, &out.transaction_id);
	if (vec.size_bytes && packet_write(&channel->on->tx, &out))
		sim_guest.wrong = "no space for a question";
}

static void event_take(struct sim_guest *guest, struct channel *channel,
		       const struct storage_vsc_event *event)
{
	switch (event->kind) {
	case STORAGE_VSC_COMPLETED:
		io_end(guest, &channel->ios[event->cookie], event);
		break;
	case STORAGE_VSC_RESET_DONE:
		resets++;
		for (u32 i = 0; i < SLOTS; i++)
			if (channel->ios[i].used && event->nt_status)
				sim_guest.wrong = "the reset failed";
		break;
	case STORAGE_VSC_RESCAN:
		rescans++;
		break;
	case STORAGE_VSC_REFUSED:
		sim_guest.wrong = "storage was refused";
		break;
	default:
		break;
	}
}

static bool answer_take(struct sim_guest *guest, struct channel *channel)
{
	struct storage_vsc_event event = { 0 };
	struct packet_view view;
	enum vmbus_status status = packet_peek_copy(
		&channel->on->rx, &view, guest->packet, sizeof(guest->packet));

	if (status == VMBUS_OK) {
		status = storage_vsc_receive(&channel->vsc, &view, &event);
		packet_consume(&channel->on->rx, &view);
		event_take(guest, channel, &event);
	} else if (status == VMBUS_AGAIN) {
		return false;
	}
	if (status)
		guest->wrong = vmbus_status_text(status);
	return !status;
}

static bool is_first(const struct channel *channel)
{
	return channel >= adapters[0].channels &&
	       channel < adapters[0].channels + CHANNELS;
}

static void new_requests(struct sim_guest *guest, struct channel *channel)
{
	if (!is_first(channel) || !adapters[0].shared.version)
		return;
	/* Now through one channel, now through another. */
	if (wanted && (channels_open < 2 || roll(2)))
		request_send(guest, channel);
	for (u8 lun = 0; lun < 8; lun++) {
		if (sim_loads[lun].primary && channel != adapters[0].channels)
			continue;
		for (u32 tries = 0; sim_loads[lun].on && tries < 16; tries++)
			load_send(guest, channel, lun);
	}
}

/* The driver may be waiting for its sub-channels still: run() tries again. */
static void reset_try(void)
{
	struct channel *first = &adapters[0].channels[0];

	if (reset_wanted &&
	    storage_vsc_reset(&first->vsc, STORAGE_RESET_BUS, 0) == VMBUS_OK)
		reset_wanted = false;
}

void sim_storage_run(struct sim_guest *guest, struct sim_guest_channel *on)
{
	struct channel *channel = channel_of(on);

	while (answer_take(guest, channel))
		;
	reset_try();
	question_send(channel);
	new_requests(guest, channel);
	if (wanted)
		sim_machine_kick(guest->machine);
}

/* ---- what tests want ---- */

void sim_storage_begin(struct sim_request *request)
{
	sim_guest_lock();
	request->done = false;
	wanted = request;
	if (sim_guest.machine)
		sim_machine_kick(sim_guest.machine);
	sim_guest_unlock();
}

bool sim_storage_taken(void)
{
	bool taken;

	sim_guest_lock();
	taken = !wanted;
	sim_guest_unlock();
	return taken;
}

void sim_storage_do(struct sim_request *request)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	sim_storage_begin(request);
	sim_guest_lock();
	while (!request->done) {
		pthread_mutex_t *lock = sim_guest_mutex();

		if (pthread_cond_timedwait(&answered, lock, &until)) {
			fprintf(stderr, "no answer to a request (%02x)\n",
				request->cdb[0]);
			abort();
		}
	}
	sim_guest_unlock();
}

static u8 transfer(bool write, u8 lun, u64 sector, void *data, u32 bytes)
{
	struct sim_request request = {
		.lun = lun,
		.cdb_bytes = 16,
		.direction = write ? STORAGE_DATA_OUT : STORAGE_DATA_IN,
		.data = data,
		.bytes = bytes,
	};

	rw16(request.cdb, write, sector, bytes / 512);
	sim_storage_do(&request);
	return request.outcome;
}

u8 sim_storage_read(u8 lun, u64 sector, void *data, u32 bytes)
{
	return transfer(false, lun, sector, data, bytes);
}

u8 sim_storage_write(u8 lun, u64 sector, const void *data, u32 bytes)
{
	return transfer(true, lun, sector, (void *)data, bytes);
}

void sim_storage_send_garbage(struct sim_guest *guest, void *context)
{
	static const u8 bytes[STORAGE_PACKET_BYTES] = { 0xee, 0xee };
	struct ring_vec vec = { bytes, sizeof(bytes) };
	struct packet_out out = {
		.type = PACKET_DATA_INBAND,
		.vec = &vec,
		.vec_count = 1,
	};

	(void)guest;
	(void)context;
	packet_write(&adapters[0].channels[0].on->tx, &out);
}

void sim_storage_send_reset(struct sim_guest *guest, void *context)
{
	(void)guest;
	(void)context;
	reset_wanted = true;
}

void sim_storage_send_sub_reset(struct sim_guest *guest, void *context)
{
	(void)context;
	if (storage_vsc_reset(&adapters[0].channels[1].vsc, STORAGE_RESET_BUS,
			      0) != VMBUS_OK)
		guest->wrong = "a sub-channel sends no reset";
}

void sim_storage_close_sub(struct sim_guest *guest, void *context)
{
	struct sim_guest_channel *on = adapters[0].channels[1].on;

	if (vmbus_guest_close(&guest->engine, on->relid) != VMBUS_OK)
		guest->wrong = "a sub-channel does not close";
	sim_storage_closed(guest, on);
	on->open = false;
	(void)context;
}
