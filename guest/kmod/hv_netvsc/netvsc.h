/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * netvsc.h - the module hv_netvsc: a network interface for each synthetic
 * adapter.
 *
 * main.c: devices that come and go. memory.c: what they are made of. session.c:
 * an adapter from the opening of its channels to their closing. receive.c: what
 * the host sends. send.c: frames to it. netdev.c: what the network stack asks.
 * ethtool.c: what administrators ask. xdp.c: programs that see a frame before
 * the network stack. function.c: the virtual function. Not here: the protocol
 * (services/network/vsc.h), channels (lisbus.h).
 *
 * A session is what lies between an opening of the primary channel and its
 * closing; another MTU or number of channels is another session. Sessions begin
 * and end by the kernel's rtnl lock, or before the interface is registered.
 * Each channel has a NAPI instance, alone in the ring from the host and in what
 * netvsc_channel says. A channel's lock is of its engine and of the ring to the
 * host; interrupts are off under it, so that a message of the kernel's that is
 * to go out by this interface finds it free.
 */
#ifndef HV_NETVSC_H
#define HV_NETVSC_H

#include "guest/kmod/compat/compat.h"
#include <linux/bpf.h>
#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/spinlock.h>
#include <linux/tcp.h>
#include <linux/u64_stats_sync.h>
#include <linux/udp.h>
#include <net/sock.h>
#include <net/xdp.h>
#include "guest/kmod/lisbus.h"
#include "services/network/vsc.h"

#define NETVSC_TX_BYTES (64 * PAGE_SIZE)
#define NETVSC_RX_BYTES (64 * PAGE_SIZE)

/* Lent to the host, and at most: every version of it takes as much. */
#define NETVSC_RECEIVE_BYTES	 (8u << 20)
#define NETVSC_RECEIVE_MAX_BYTES (15u << 20)
#define NETVSC_SEND_BYTES	 (4u << 20)
#define NETVSC_SEND_MAX_BYTES	 (15u << 20)

/*
 * Packets under way on a channel. Many: a host that never finds the ring empty
 * is not signalled, and what has to wait is kept short by the queue's limit.
 */
#define NETVSC_SLOTS 2048u
/* Pages of one frame, its RNDIS header's too; hosts take 34. */
#define NETVSC_RANGES 32u
/* The host's longest packet has NETWORK_RANGES_MAX ranges. */
#define NETVSC_BOUNCE_BYTES 5120u
/* Packets that wait for space in the ring to be given back to the host. */
#define NETVSC_OWED 1024u

#define NETVSC_HEADS_PER_PAGE (PAGE_SIZE / NETWORK_VSC_HEAD_BYTES)
#define NETVSC_HEAD_PAGES     (NETVSC_SLOTS / NETVSC_HEADS_PER_PAGE)

/*
 * Of the ring, what a frame may need and what has to be left for packets that
 * are given back: descriptor, trailer and head of the ranges are below 64.
 */
#define NETVSC_SEND_BYTES_MAX                                                  \
	(64 + NETWORK_MESSAGE_BYTES + 16 * NETVSC_RANGES + 4096)

/* A range of one page, in wire form. */
struct netvsc_range {
	struct packet_gpa_range_head head;
	u64 pfn;
};

/* Counted by one at a time, read by anybody. */
struct netvsc_stats {
	struct u64_stats_sync sync;
	u64 packets;
	u64 bytes;
	u64 multicast;
	u64 dropped;
	u64 errors;
};

/* Of one processor: what went by the virtual function. */
struct netvsc_function_stats {
	struct netvsc_stats tx, rx;
};

/* Memory lent to the host. */
struct netvsc_buffer {
	u8 *memory;
	u64 *pfns;
	u32 page_count;
	u32 gpadl;
	bool lent;
};

struct netvsc;

/* One channel. Lives until its interface does not. */
struct netvsc_channel {
	struct netvsc *netvsc;
	struct lisbus_channel *bus; /* while it is open */
	u16 index;
	struct napi_struct napi;
	struct netvsc_stats tx, rx;

	spinlock_t lock; /* of what follows, and of the ring to the host */
	bool running;	 /* the rings may be touched */
	bool asking;	 /* a question waits for space in the ring */
	bool stopped;	 /* the queue, until there is space, or a cookie */
	struct network_vsc vsc;
	struct network_vsc_slot slots[NETVSC_SLOTS];
	/* Frames by cookie; NULL: copied to the send buffer. */
	struct sk_buff *frames[NETVSC_SLOTS];
	/* As the queue's limit counts them: of all frames of the packet. */
	u32 frame_bytes[NETVSC_SLOTS];
	u32 frame_counts[NETVSC_SLOTS];
	u16 free[NETVSC_SLOTS];
	u32 free_count;
	u8 *heads[NETVSC_HEAD_PAGES]; /* RNDIS headers by cookie */
	struct netvsc_range ranges[NETVSC_RANGES];
	struct network_vsc_sent sent;
	bool held; /* sent is not in the ring: it may take more frames */
	u32 held_cookie;
	struct network_vsc_out out;
	u64 owed[NETVSC_OWED]; /* transaction ids */
	u32 owed_first;
	u32 owed_count;

	/* NAPI's. */
	u32 done_count; /* frames that the host is done with, of this turn */
	u32 done_bytes;
	struct xdp_rxq_info queue;
	bool in_packet; /* view has more ranges, from range on */
	u32 range;
	struct packet_view view;
	struct network_vsc_frame frame;
	u8 bounce[NETVSC_BOUNCE_BYTES];
};

/* One adapter: the private data of its net_device. */
struct netvsc {
	struct lisbus_device *device;
	struct net_device *netdev;
	struct netvsc_channel *channels[NETWORK_CHANNELS_MAX];
	u16 channel_count;   /* open */
	u16 channels_wanted; /* of the next session */
	u16 channels_max;    /* that the host takes */
	bool session;	     /* by rtnl: the primary channel is open */
	bool registered;

	/* By the primary's lock. */
	struct network_vsc_shared shared;
	u8 *message; /* a page: the question that the host may look at */
	enum network_vsc_request asked; /* that somebody waits for */
	bool failed;
	enum vmbus_status failure;

	struct netvsc_buffer receive, send;
	struct network_rss rss;
	u32 mtu_bytes;
	bool address_set; /* the interface's is not the host's */
	struct bpf_prog __rcu *program;

	/* What the session's beginning and end wait for. */
	struct completion ready;
	int ready_error;
	u32 ready_status;
	u16 sub_channels;
	bool table_given; /* shared.send_table is the host's */
	struct completion closed;
	struct completion answered;
	u32 answer;

	struct work_struct fail_work;
	struct delayed_work change_work;

	/* function.c's, by rtnl. */
	struct list_head list;
	struct net_device __rcu *function;
	bool function_new; /* it is to become as the adapter is */
	bool by_function;  /* where frames go */
	struct netvsc_function_stats __percpu *function_stats;
	struct delayed_work function_work;
	struct completion switched;
};

/* ---- session.c ---- */

/*
 * Opens the channels and comes to an agreement with the host. May sleep, for as
 * long as the host takes. 0 or a negative errno; then nothing is open.
 */
int netvsc_session_begin(struct netvsc *netvsc);

/*
 * Closes the channels; frames under way are dropped. Harmless without a
 * session. May sleep, for as long as the host takes.
 */
void netvsc_session_end(struct netvsc *netvsc);

/*
 * Ends the session and begins another one, by rtnl. 0; or a negative errno:
 * there is none.
 */
int netvsc_session_renew(struct netvsc *netvsc);

/*
 * The two halves of it: with nothing between, the interface stays, but is not
 * present. By rtnl. The second: 0, or a negative errno and there is no session.
 */
void netvsc_session_suspend(struct netvsc *netvsc);
int netvsc_session_resume(struct netvsc *netvsc);

/*
 * As netvsc_session_renew(), with buffers of other sizes, in bytes. When the
 * host does not take them, the session is one with the old ones.
 */
int netvsc_buffers_change(struct netvsc *netvsc, u32 receive_bytes,
			  u32 send_bytes);

/*
 * Tells the host that the interface has the address @address. As netvsc_ask().
 */
int netvsc_address_tell(struct netvsc *netvsc, const u8 *address);

/*
 * Asks the host something and waits for its answer, in a session and by rtnl.
 * 0, -EIO (the host refused), -ENODEV or -ETIMEDOUT.
 */
int netvsc_ask(struct netvsc *netvsc, enum network_vsc_request request);

/*
 * Has frames go by the virtual function, or no more; by rtnl. 0, -ENODEV, -EIO
 * (no session any more) or -ETIMEDOUT.
 */
int netvsc_path_switch(struct netvsc *netvsc, bool function);

/* What the host is to do, by the interface's features. */
struct ndis_offload_parameters netvsc_offloads(netdev_features_t features);

/* The host broke the protocol: the session is ended. Any context. */
void netvsc_fail(struct netvsc *netvsc, enum vmbus_status reason);

/* ---- memory.c; may sleep ---- */

/* Memory for buffers and a first channel, and its end. */
int netvsc_memory_alloc(struct netvsc *netvsc);
void netvsc_memory_free(struct netvsc *netvsc);

/*
 * Whole pages to lend: 0 or -ENOMEM, and in any case to be freed. Freeing is
 * harmless where there are none.
 */
int netvsc_buffer_alloc(struct netvsc_buffer *buffer, u32 bytes);
void netvsc_buffer_free(struct netvsc_buffer *buffer);

/*
 * The channel of a number, made when it is first asked for; it stays until the
 * interface goes. NULL: there is no memory.
 */
struct netvsc_channel *netvsc_channel_get(struct netvsc *netvsc, u16 index);

/* ---- receive.c ---- */

int netvsc_poll(struct napi_struct *napi, int budget);

/*
 * Writes what waits (packets to give back, questions), wakes the queue when
 * there is space again, and shows all of it to the host; by the channel's lock.
 * Harmless on a channel that is not running.
 */
void netvsc_settle(struct netvsc_channel *channel);

/* Shows the host what was written; by the channel's lock. */
void netvsc_publish(struct netvsc_channel *channel);

/* ---- send.c ---- */

netdev_tx_t netvsc_xmit(struct sk_buff *skb, struct net_device *netdev);
u16 netvsc_select_queue(struct net_device *netdev, struct sk_buff *skb,
			struct net_device *fallback);

/*
 * Writes the packet that is held, if there is one; by the lock. Its space in
 * the ring is reserved, so this comes before whatever else is written.
 */
enum vmbus_status netvsc_held_write(struct netvsc_channel *channel);

/* A cookie is free again: its frame, or NULL. By the channel's lock. */
struct sk_buff *netvsc_cookie_free(struct netvsc_channel *channel, u64 cookie);

/*
 * Puts a packet of the engine into the ring, with the first @range_count of
 * channel->ranges as its data; by the channel's lock. As packet_write().
 */
enum vmbus_status netvsc_write(struct netvsc_channel *channel,
			       const struct network_vsc_out *out,
			       u32 range_count);

/* ---- netdev.c ---- */

extern const struct net_device_ops netvsc_netdev_ops;

/* What the host can do for the interface, after its first session began. */
void netvsc_features_init(struct netvsc *netvsc);

/* Tells the host which frames are wanted; in a session. */
void netvsc_filter_set(struct netvsc *netvsc);

/* Adds counters as they were at one time. */
void netvsc_stats_add(const struct netvsc_stats *stats,
		      struct netvsc_stats *total);

/* The other network's address is to be asked for: work. */
void netvsc_changed(struct work_struct *work);

/* ---- xdp.c ---- */

/*
 * Has the interface's program, if there is one, look at the frame that the host
 * gave. True: it wants it, or there is none; then *@skb is the frame, or NULL
 * when there is no program. False: it is done with.
 */
bool netvsc_xdp_run(struct netvsc_channel *channel, struct sk_buff **skb);

/* Why no program can be attached with this MTU and these features, or NULL. */
const char *netvsc_xdp_obstacle(u32 mtu_bytes, netdev_features_t features);

int netvsc_bpf(struct net_device *netdev, struct netdev_bpf *command);

/* The one copy of the frame that the host may change at any time, to @to. */
void netvsc_frame_copy(const struct network_vsc_frame *frame, u8 *to);

/* ---- function.c ---- */

/* The look at all interfaces, before there are adapters and after. */
int netvsc_functions_begin(void);
void netvsc_functions_end(void);

/* What an adapter needs for it: 0 or -ENOMEM; and its end. */
int netvsc_function_init(struct netvsc *netvsc);
void netvsc_function_free(struct netvsc *netvsc);

/* An interface may have a function from now on, and no more. Takes rtnl. */
void netvsc_function_begin(struct netvsc *netvsc);
void netvsc_function_end(struct netvsc *netvsc);

/*
 * Sends a frame by the function, when by_function is set; false: it goes by the
 * host all the same. In softirq.
 */
bool netvsc_function_xmit(struct netvsc *netvsc, struct sk_buff *skb);

/*
 * What the interface is asked, the function does too, if there is one: 0, or
 * what it says. By rtnl; the first by the interface's address lock.
 */
void netvsc_function_rx_mode(struct netvsc *netvsc);
void netvsc_change_rx_flags(struct net_device *netdev, int flags);
void netvsc_function_open(struct netvsc *netvsc);
void netvsc_function_close(struct netvsc *netvsc);
int netvsc_function_mtu(struct netvsc *netvsc, u32 mtu_bytes);
int netvsc_function_address(struct netvsc *netvsc, void *address);
int netvsc_function_program(struct netvsc *netvsc, struct netdev_bpf *command);

/* Adds what went by it, of all processors. */
void netvsc_function_stats(const struct netvsc *netvsc, struct netvsc_stats *tx,
			   struct netvsc_stats *rx);

/* ---- ethtool.c ---- */

extern const struct ethtool_ops netvsc_ethtool_ops;

/* All counters as they were at one time. */
static inline struct netvsc_stats
netvsc_stats_read(const struct netvsc_stats *stats)
{
	struct netvsc_stats now;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->sync);
		now = *stats;
	} while (u64_stats_fetch_retry(&stats->sync, start));
	return now;
}

static inline void netvsc_count_dropped(struct netvsc_stats *stats)
{
	u64_stats_update_begin(&stats->sync);
	stats->dropped++;
	u64_stats_update_end(&stats->sync);
}

#endif
