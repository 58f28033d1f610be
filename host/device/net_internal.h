/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * net_internal.h - what the files of the network device share.
 *
 *	struct adapters		all adapters of a VM
 *	struct adapter		one offer, and the port behind it
 *	struct adapter_channel	one channel of an adapter
 *	struct net_worker	the thread that serves an open channel
 *
 * Locks: adapter.lock for the list of channels and what an administrator sets;
 * adapter_channel.turn is held by a sub-channel's worker while it is in the
 * engine, and by the primary's worker, taken inside adapter.lock: for all of
 * them while a buffer comes or goes, for one while frames go into its ring. A
 * sub-channel's worker takes adapter.lock only outside its turn. The rest
 * belongs to the loop's thread, or to the worker's own.
 */
#ifndef HOST_DEVICE_NET_INTERNAL_H
#define HOST_DEVICE_NET_INTERNAL_H

#include <pthread.h>

#include "host/device/channel_thread.h"
#include "host/device/net.h"

/* The longest packet: a page range for each page of the longest transfer. */
#define NET_PACKET_BYTES 4096
/* Page ranges of it, and the part in a section of the send buffer. */
#define NET_TRANSFER_PIECES 130
/*
 * Of a slot of the receive buffer, at least: the longest segment takes nine, so
 * few pieces are read into and told of, and the 16 MiB that Linux lends have
 * 2048.
 */
#define NET_SLOT_BYTES 8192
/* Frames to the guest in one turn of a worker. */
#define NET_TURN_FRAMES 64
/* Packets of the guest in one turn. */
#define NET_TURN_PACKETS 128
/*
 * A completion of what lay in the send buffer only gives its section back, and
 * Linux had the frame's own memory back when it filled that. Nobody waits for
 * it, so it comes with the next thing that is worth an interrupt, but after so
 * many, or so long.
 */
#define NET_LAZY_COMPLETIONS 32
#define NET_LAZY_MS	     1

struct adapters {
	struct adapters_host host;
	struct machine *machine;
	struct adapter *adapters[RUN_NETS_MAX]; /* NULL: none */
	uv_async_t wake; /* workers want something done */
	bool closed;
};

/* What the primary's worker has the loop do while it waits. */
enum errand {
	ERRAND_NONE,
	ERRAND_MAP,	     /* a buffer */
	ERRAND_UNMAP,	     /* it */
	ERRAND_SUB_CHANNELS, /* offer them */
};

struct net_errand {
	u32 what; /* atomic: enum errand */
	u32 done; /* enum errand: the last one */
	u32 gpadl;
	bool receive_buffer;
	u32 sub_channels; /* wanted, then granted */
	/* What came of a map; NULL: it failed. */
	void *base;
	u32 bytes;
	struct network_slot *slots;
};

/* Bits of a worker's calls. */
enum {
	CALL_STOP = 1 << 0,
	CALL_ERRAND = 1 << 1, /* is done */
	CALL_READ = 1 << 2,   /* what was left in the ring can be read now */
	CALL_CONFIG = 1 << 3, /* an administrator, or the port's link */
	CALL_WANTED = 1 << 4, /* the guest wants its buffers back */
	CALL_SLOTS = 1 << 5,  /* some of the receive buffer are free again */
	CALL_ROOM = 1 << 6,   /* a sub-channel's ring takes frames again */
};

struct adapter_channel {
	struct adapter *adapter;
	struct adapter_channel *next;
	struct bus_channel *channel; /* NULL: released */
	u16 index;		     /* 0: the primary */
	struct net_worker *worker;   /* NULL: not open */
	pthread_mutex_t turn;
};

/* A buffer of the guest's: for the loop, which GPADL it is. */
struct adapter_buffer {
	bool mapped;
	u32 gpadl;
	bool wanted; /* by the guest; atomic */
};

struct adapter {
	struct adapters *adapters;
	u32 number;
	char name[32];
	struct run_net config;
	struct net_port *port;
	uv_poll_t *news; /* of the port */
	bool gone_told;
	struct net_capture *capture;
	int capture_fd;
	struct adapter_channel *channels; /* the primary first */
	bool leaving;
	struct adapter_buffer receive;
	struct adapter_buffer send;
	struct network_slot *slots;
	struct network_vsp_shared vsp;
	u32 starved; /* atomic: workers that wait for a receive slot */
	u32 queues;
	bool by_function; /* atomic: frames go by the virtual function */
	pthread_mutex_t lock;
	/* Under the lock. */
	struct network_vlan vlan;
	u32 function; /* serial number of the virtual function; 0: none */
	bool link_up;
	u64 speed_bps;
	u8 address[RUN_NET_MAC_BYTES]; /* that the guest uses */
};

struct net_worker {
	struct adapter_channel *place;
	struct adapter *adapter;
	struct bus_channel *channel;
	struct machine *machine;
	struct channel_thread thread;
	struct net_queue *queue;
	struct net_errand errand;
	struct network_vsp vsp;
	struct network_vlan vlan;
	bool link_up;
	bool stopping;
	bool stalled;	 /* the next packet waits for a call */
	bool waits;	 /* for the loop */
	bool port_ready; /* it may have frames */
	bool starved;	 /* for slots; in adapter.starved */
	bool slots_back; /* that others may wait for */
	bool buffers_wanted;
	bool has_receive;
	bool has_send;
	bool sent;   /* something is to be kicked */
	bool urgent; /* what is in the ring is to be shown to the guest */
	u32 lazy;    /* completions in it that can wait */
	/* A packet of the guest with frames, being worked at. */
	bool transfer;
	bool blocked; /* its frame waits until the port takes it */
	struct packet_view view;
	struct network_vsp_action action;
	struct network_tx_cursor cursor;
	struct network_tx tx;
	u32 piece_count;
	struct ring_vec pieces[NET_TRANSFER_PIECES];
	struct iovec iov[NET_TRANSFER_PIECES];
	/* Frames to the guest. */
	struct network_rx_place slots;
	/* By channel; of a sub-channel's worker there is one, its own. */
	struct network_rx_batch *batches;
	u32 batch_count;
	bool unsent; /* one of them waits for room, whatever the port has */
	/* One that was taken and that its batch has no room for. */
	bool held;
	u32 held_channel;
	struct network_rx rx;
	bool awaited; /* the primary has a batch for this channel; in its turn
		       */
	u8 head[NETWORK_HEAD_BYTES];
	u8 packet[NET_PACKET_BYTES];
};

/* ---- net.c ---- */

/* A worker has something for the loop. Any thread. */
void adapters_wake(struct adapters *adapters);

/* ---- net_adapter.c ---- */

/* Make adapter @number with its port, and offer it; NULL with @error set. */
struct adapter *adapter_make(struct adapters *adapters, u32 number,
			     const struct run_net *config, int *code,
			     struct lis_error *error);
/* Offer it anew if it is not. */
int adapter_offer(struct adapter *adapter, struct lis_error *error);
/* Take the offer back; it is freed when the guest has let go. */
void adapter_withdraw(struct adapter *adapter);
/* Close the port; the workers have ended. */
void adapter_port_close(struct adapter *adapter);
void adapter_free(struct adapter *adapter);
/* Do what its workers want. */
void adapter_look(struct adapter *adapter);
/* The link's state for the guest may have changed. */
void adapter_link(struct adapter *adapter);
/* Have every worker look at @calls. Any thread. */
void adapter_call(struct adapter *adapter, u32 calls);
/* The guest uses another address. Any thread. */
void adapter_address(struct adapter *adapter, const u8 *address);
void adapter_tell(struct adapter *adapter, const char *kind, const char *text);

/* ---- net_worker.c ---- */

/* Start and stop a channel's worker, on the loop. */
int net_worker_start(struct adapter_channel *place, struct machine *machine);
void net_worker_stop(struct adapter_channel *place);

/* ---- net_buffer.c: the guest's buffers come and go ---- */

/* Have the loop do @what; the worker waits for it. */
void net_errand_begin(struct net_worker *worker, enum errand what);
/* Take the buffer of worker->action from every channel, and have it unmapped.
 */
void net_buffer_detach(struct net_worker *worker);
/* Give every channel the buffer that was mapped, or tell that none was. */
void net_buffer_attach(struct net_worker *worker);
/* Let go of a buffer that the guest takes back without a word. */
void net_buffers_look(struct net_worker *worker);

/* ---- net_send.c: frames of the guest ---- */

/* Go on with the packet under way; false: it is blocked, or broke the rules. */
bool net_worker_send(struct net_worker *worker);
/* Begin with a packet that names pieces of memory (CONTROL and FRAMES); false:
 * it broke the rules. */
bool net_worker_pieces(struct net_worker *worker);

/* ---- net_receive.c: frames to the guest ---- */

/* Take frames from the port; whether there may be more that can be taken. */
bool net_worker_receive(struct net_worker *worker);
/* Make what it takes; false: no memory. */
bool net_worker_batches_make(struct net_worker *worker);
/* Forget what is under way: its slots are gone. */
void net_worker_batches_forget(struct net_worker *worker);
/* Give the slots of all that is under way back; inside the channel's turn. */
void net_worker_batches_release(struct net_worker *worker);
/* Whether the primary waited for room in this worker's ring, and there is. */
bool net_worker_room_came(struct net_worker *worker);
/* Whether a frame may be heard, for net_queue_filter_set. */
bool net_worker_wants(void *context, const u8 *head, u32 bytes);

#endif
