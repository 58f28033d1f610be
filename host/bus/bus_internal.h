/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * bus_internal.h - what the files of this room share, and nobody else sees.
 */
#ifndef HOST_BUS_BUS_INTERNAL_H
#define HOST_BUS_BUS_INTERNAL_H

#include <pthread.h>

#include "host/bus/bus.h"

/* Four controllers and eight network adapters with a channel for each of 64
 * processors, and the rest. */
#define BUS_CHANNELS 896
#define BUS_GPADLS   1792
/* 1 GiB of guest memory in GPADLs: an adapter's buffers have up to 46 MiB. */
#define BUS_GPADL_VALUES 262144
#define BUS_MESSAGES	 128
#define BUS_INBOX	 64
/* After so many notices of free slots that nobody waited for, they are not
 * wanted any more. */
#define BUS_IDLE_NOTICES 16
/* So many violations of a guest are told one by one. */
#define BUS_VIOLATIONS_TOLD 16

struct bus_message {
	u32 connection_id;
	u32 size_bytes;
	u8 payload[VMBUS_SYNIC_PAYLOAD_MAX];
};

/* Messages from vCPU threads to the loop. */
struct bus_inbox {
	pthread_mutex_t lock;
	struct bus_message slots[BUS_INBOX];
	unsigned int first;
	unsigned int count;
};

/* Packets that workers saw and nobody was shown yet: more are dropped. */
#define BUS_TRACES 1024

/* One packet for the watcher, from a worker's thread. */
struct bus_trace {
	struct bus_trace *next;
	const char *name;
	u32 relid;
	enum bus_direction direction;
	u32 head_bytes;
	u32 payload_bytes;
	u8 bytes[]; /* head, then payload */
};

/* Packets from workers to the loop, in the order seen. */
struct bus_traces {
	pthread_mutex_t lock;
	struct bus_trace *first;
	struct bus_trace **last;
	unsigned int count;
};

/* An eventfd that the guest writes by HvSignalEvent; freed by its close. */
struct bus_signal {
	uv_poll_t poll;		     /* first; not of a worker's channel */
	struct bus_channel *channel; /* NULL once closing */
	int fd;
	u32 monitor_id; /* in use, or VMBUS_MONITOR_ID_NONE */
};

/* A GPADL that an owner has mapped. */
struct bus_gpadl {
	struct bus_gpadl *next;
	u32 id;
	u32 page_count;
	void *pages;
};

struct bus_channel {
	struct bus *bus;
	struct bus_channel *next;
	const struct bus_channel_ops *ops;
	void *context;
	const char *name;
	u32 relid;
	u32 target_vp; /* atomic: the guest moves it while a worker signals */
	bool open;
	enum vmbus_status failure; /* VMBUS_OK: none; atomic */
	bool failure_told;
	bool rescinding;
	struct bus_signal *signal;
	void *in_rings; /* the mappings: guest to host, host to guest */
	void *out_rings;
	u32 in_pages;
	u32 out_pages;
	struct bus_gpadl *gpadls;
	struct ring rx;
	struct ring tx;
	struct bus_channel_counters counters; /* atomic, of one writer */
	/* Of a hostile bus: the rings, which are the test's once seized. */
	pthread_mutex_t hostile_lock;
	bool seized; /* written on the loop, by the lock */
	u32 serial;  /* of all channels that were ever offered */
};

struct bus {
	uv_loop_t *loop;
	uv_async_t wake;      /* inbox, traces, or a channel failed */
	uv_poll_t *slot_poll; /* NULL when detached */
	struct bus_watcher watcher;
	struct machine *machine;
	struct vmbus_host engine;
	struct vmbus_host_channel *channel_table;
	struct vmbus_host_gpadl *gpadl_table;
	u64 *value_table;
	struct vmbus_host_message *message_table;
	struct bus_inbox inbox;
	struct bus_channel *channels;
	u32 message_sint;
	struct bus_page *page; /* atomic; NULL: from 2.4 on there is none */
	u64 monitor_gpa;       /* of the guest's page to the host; 0: none */
	bool slot_busy;	       /* a message waits for its slot */
	u32 idle_notices;      /* of free slots, while none did */
	bool pumping;
	bool pump_again;
	bool trace_messages;
	bool trace_packets; /* atomic */
	struct bus_traces traces;
	struct bus_counters counters;
	bool hostile;	    /* hostile.h */
	bool hostile_seize; /* channels that are offered from now on */
	u32 hostile_serial; /* of the newest channel */
};

/* Do what the engine wants, and feed it what the guest posted. */
void bus_pump(struct bus *bus);

/* Tell of channels that failed and take their offers back (channel.c). */
void bus_channels_settle(struct bus *bus);

/* Show the watcher a packet, or leave it for the loop to show (trace.c). */
void bus_trace_packet(struct bus_channel *channel, enum bus_direction direction,
		      const struct packet_view *view);
void bus_traces_init(struct bus_traces *traces);
void bus_traces_show(struct bus *bus);
void bus_traces_release(struct bus_traces *traces);

/* The engine's actions on one channel (channel.c). */
void bus_channel_start(struct bus_channel *channel,
		       const struct vmbus_host_action *action);
void bus_channel_stop(struct bus_channel *channel);
void bus_channel_forget(struct bus_channel *channel);

/* Interrupt the guest, whether it wants that or not. */
void bus_channel_interrupt(struct bus_channel *channel);

/*
 * Around every touch of a ring by its owner (hostile.c). False: the test has
 * seized the channel, and there is nothing to leave.
 */
bool bus_hostile_lock(struct bus_channel *channel);
void bus_hostile_unlock(struct bus_channel *channel);
void bus_hostile_begin(struct bus_channel *channel);

static inline bool bus_rings_enter(struct bus_channel *channel)
{
	return !channel->bus->hostile || bus_hostile_lock(channel);
}

static inline void bus_rings_leave(struct bus_channel *channel)
{
	if (channel->bus->hostile)
		bus_hostile_unlock(channel);
}

/* The interrupt page of an old guest (page.c). 0; -ENOMEM; -EINVAL: it is not
 * memory, or its connection cannot be made. */
int bus_page_open(struct bus *bus, u64 gpa);
void bus_page_close(struct bus *bus);
/* Interrupt by it; false: there is none. Any thread that has a channel. */
bool bus_page_interrupt(struct bus *bus, u32 relid);

/* The guest wants a GPADL back, or the channel closes (gpadl.c). */
void bus_gpadl_teardown(struct bus *bus, struct bus_channel *channel, u32 relid,
			u32 gpadl);
void bus_channel_gpadls_unmap(struct bus_channel *channel);
/* Where a GPADL's pages are that are mapped; false: they are not. */
bool bus_gpadl_mapped(struct bus_channel *channel, u32 gpadl, void **at,
		      u32 *bytes);

#endif
