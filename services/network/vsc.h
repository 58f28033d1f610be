/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsc.h - guest end of the synthetic network: NVSP and RNDIS of one adapter.
 *
 * Here: negotiation, buffers, requests, frames in both directions. Not here: a
 * kernel's network stack, rings, memory and threads (the caller's).
 *
 * As at the host end (vsp.h), each channel has a struct network_vsc of its own,
 * used by one thread at a time; they share what the primary agreed on. The
 * primary's thread writes it, until NETWORK_VSC_READY and after
 * network_vsc_close() alone.
 *
 * Use, on the primary channel: send what network_vsc_transmit() gives while it
 * gives something, and hand every packet to network_vsc_receive():
 *	NETWORK_VSC_VERSION: network_vsc_buffers()
 *	NETWORK_VSC_RANGES: network_vsc_next() until it gives
 *NETWORK_VSC_NOTHING (a frame to be copied, an answer, a notice each), then
 *send what network_vsc_release() gives all others: see enum
 *network_vsc_event_kind After NETWORK_VSC_READY: open the sub-channels that
 *event.sub_channels says, network_vsc_opened(), and on every channel
 *network_vsc_send() and network_vsc_receive().
 *
 * The host is not trusted: what it says is copied once and bounded, a range
 * must lie in the receive buffer, an answer counts once, for what is under way.
 * A frame's bytes stay where the host can change them until they are copied.
 */
#ifndef SERVICES_NETWORK_VSC_H
#define SERVICES_NETWORK_VSC_H

#include "services/network/frame.h"
#include "services/network/oid.h"
#include "services/network/packet.h"
#include "services/network/rss.h"
#include "services/network/wire.h"
#include "vmbus/packet.h"
#include "vmbus/status.h"

#define NETWORK_VSC_SECTIONS_MAX      8192u
#define NETWORK_VSC_SLOTS_MAX	      0x8000u /* frames under way on a channel */
#define NETWORK_VSC_HEAD_BYTES	      128u
#define NETWORK_VSC_MESSAGE_BYTES     704u
#define NETWORK_VSC_CONTROL_MAX_BYTES 1024u /* that the host may send */

struct network_vsc_options {
	u32 version_max; /* NETWORK_VERSION_; 0: the newest */
	u32 version_min; /* 0: the oldest */
	u32 mtu_bytes;	 /* without the Ethernet header; 0: 1500 */
	u16 channels;	 /* the primary too; 0: 1 */
	bool virtual_function;
	/* That are wanted where the host has them. */
	struct ndis_offload_parameters offloads;
	struct network_rss rss; /* table_count 0: the table is made here */
	u8 address[6];		/* that NETWORK_VSC_REQUEST_ADDRESS asks for */
};

/* Lent to the host. Without a send buffer every frame goes by page list. */
struct network_vsc_buffers {
	const u8 *receive; /* up to version 2 at most 15 MiB, else 31 */
	u32 receive_bytes;
	u32 receive_gpadl;
	u8 *send; /* NULL: none */
	u32 send_bytes;
	u32 send_gpadl;
};

/* What the channels of an adapter share. */
struct network_vsc_shared {
	struct network_vsc_options options;
	struct network_vsc_buffers buffers;
	u32 version; /* atomic; 0 until INIT was answered */
	u32 ready;   /* atomic */
	u32 slot_bytes;
	u32 slot_count;
	u32 section_bytes; /* 0: no send buffer */
	u32 section_count;
	u32 free[NETWORK_VSC_SECTIONS_MAX / 32]; /* atomic */
	/* What the host said. */
	u32 mtu_bytes;
	u8 address[6];
	bool link_up;
	u64 speed_bps;
	u16 queues;	 /* channels that it takes */
	u32 packets_max; /* in one section */
	u32 packet_align_bytes;
	struct ndis_offload hardware;
	u16 channel_count; /* open, the primary too */
	u32 send_table[NETWORK_SEND_TABLE];
	u32 vf_allocated;
	u32 vf_serial;
	/*
	 * The primary's copy of a control message: too much for the stack of a
	 * 32-bit kernel.
	 */
	u8 control[NETWORK_VSC_CONTROL_MAX_BYTES];
};

/* A frame under way. Caller-owned memory, the engine's content. */
struct network_vsc_slot {
	u64 cookie;
	u32 section; /* NETWORK_SECTION_NONE: by page list */
	u16 generation;
	u16 next_free;
	bool used;
};

enum network_vsc_step {
	NETWORK_VSC_STEP_INIT,
	NETWORK_VSC_STEP_CONFIG,
	NETWORK_VSC_STEP_NDIS,
	NETWORK_VSC_STEP_RECEIVE_BUFFER,
	NETWORK_VSC_STEP_SEND_BUFFER,
	NETWORK_VSC_STEP_INITIALIZE,
	NETWORK_VSC_STEP_MTU,
	NETWORK_VSC_STEP_ADDRESS,
	NETWORK_VSC_STEP_HARDWARE,
	NETWORK_VSC_STEP_OFFLOADS,
	NETWORK_VSC_STEP_LINK,
	NETWORK_VSC_STEP_SPEED,
	NETWORK_VSC_STEP_QUEUES,
	NETWORK_VSC_STEP_SUB_CHANNELS,
	NETWORK_VSC_STEP_RUNNING,
	NETWORK_VSC_STEP_HALT,
	NETWORK_VSC_STEP_REVOKE_RECEIVE,
	NETWORK_VSC_STEP_REVOKE_SEND,
	NETWORK_VSC_STEP_CLOSED,
	NETWORK_VSC_STEP_FAILED,
};

/* One channel. */
struct network_vsc {
	struct network_vsc_shared *shared;
	u16 channel;
	/* The primary's. */
	u8 step;	   /* enum network_vsc_step */
	bool awaiting;	   /* the step's question is under way */
	bool control_held; /* the host has a control message's memory */
	u8 request;	   /* enum network_vsc_request under way, 0: none */
	u8 wanted;	   /* bits of requests to make */
	bool path_wanted;
	bool path_vf;
	u32 version;  /* last proposed */
	u32 sequence; /* of questions and requests */
	u32 filter;   /* wanted */
	u64 control_id;
	u64 path_id; /* 0: none under way */
	struct network_vsc_slot *slots;
	u16 slot_count;
	u16 first_free;
	u32 used_count;
};

/* What can be asked of the host while it runs. */
enum network_vsc_request {
	NETWORK_VSC_REQUEST_NONE,
	NETWORK_VSC_REQUEST_FILTER,
	NETWORK_VSC_REQUEST_OFFLOADS, /* as options.offloads now say */
	NETWORK_VSC_REQUEST_RSS,
	NETWORK_VSC_REQUEST_LINK,    /* look whether it is up */
	NETWORK_VSC_REQUEST_SPEED,   /* and how fast */
	NETWORK_VSC_REQUEST_ADDRESS, /* to be options.address */
	NETWORK_VSC_REQUEST_COUNT,
};

enum network_vsc_event_kind {
	NETWORK_VSC_NOTHING,
	NETWORK_VSC_VERSION,   /* the buffers can be lent */
	NETWORK_VSC_READY,     /* frames may be sent; sub_channels to open */
	NETWORK_VSC_REFUSED,   /* event.status: of NVSP or RNDIS */
	NETWORK_VSC_RANGES,    /* network_vsc_next() */
	NETWORK_VSC_FRAME,     /* event.frame */
	NETWORK_VSC_SENT,      /* event.cookie, status */
	NETWORK_VSC_COMPLETED, /* event.request, status */
	NETWORK_VSC_LINK,      /* shared->link_up changed */
	NETWORK_VSC_SPEED,     /* shared->speed_bps changed */
	NETWORK_VSC_CHANGE,    /* another network: ask for an address anew */
	NETWORK_VSC_TABLE,     /* shared->send_table changed */
	NETWORK_VSC_VF,	       /* shared->vf_* changed */
	NETWORK_VSC_PATH,      /* the host switched the data path */
	NETWORK_VSC_CLOSED,    /* nothing of ours is the host's any more */
};

/* A frame from the host: its pieces lie in the receive buffer. */
struct network_vsc_frame {
	u32 bytes;
	u32 piece_count;
	struct ring_vec pieces[NETWORK_RANGES_MAX];
	struct network_info info; /* of the first piece */
	u32 tag;		  /* beside the frame, or NETWORK_UNTAGGED */
};

struct network_vsc_event {
	u8 kind;    /* enum network_vsc_event_kind */
	u8 request; /* enum network_vsc_request */
	u16 sub_channels;
	u32 status;
	u64 cookie;
};

/* A packet to the host. */
struct network_vsc_out {
	u16 type; /* PACKET_DATA_INBAND, _GPA_DIRECT or PACKET_COMPLETION */
	u16 flags;
	u64 transaction_id;
	u32 packet_bytes;
	u8 packet[NETWORK_MESSAGE_BYTES];
	/*
	 * GPA_DIRECT of network_vsc_transmit(): this message is to lie in pages
	 * of its own, until transmit gives another one.
	 */
	u32 message_bytes;
	u8 message[NETWORK_VSC_MESSAGE_BYTES];
};

/* A frame to send. */
struct network_vsc_send {
	u32 frame_bytes;
	u32 tag;		  /* NETWORK_UNTAGGED: none */
	struct network_vnet vnet; /* what the host is to do */
	const u8 *head;		  /* first bytes of the frame */
	u32 head_bytes;
	u32 hash; /* hash_type not 0 */
	u32 hash_type;
	bool more; /* another one comes at once, and may be joined to it */
};

/* How it goes out. */
struct network_vsc_sent {
	u64 transaction_id;
	u32 frame_count;   /* of the packet */
	u32 section_index; /* or NETWORK_SECTION_NONE */
	u32 section_bytes; /* of the section, used */
	/*
	 * Not NULL: head and frame are to be copied here, and the packet goes
	 * in band. NULL: GPA direct, the page list is head, then frame.
	 */
	u8 *section;
	u32 head_bytes;
	u8 head[NETWORK_VSC_HEAD_BYTES];
	u32 packet_bytes;
	u8 packet[NETWORK_MESSAGE_BYTES];
};

/*
 * network_vsc_shared_init - before the primary channel is opened.
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (no version between the limits, an MTU
 * below 68 or above 65521, more than NETWORK_CHANNELS_MAX channels).
 */
enum vmbus_status
network_vsc_shared_init(struct network_vsc_shared *shared,
			const struct network_vsc_options *options);

/*
 * network_vsc_init - for a channel that was just opened.
 * @slots: @slot_count of them, 1 to NETWORK_VSC_SLOTS_MAX
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT.
 */
enum vmbus_status network_vsc_init(struct network_vsc *vsc,
				   struct network_vsc_shared *shared,
				   u16 channel, struct network_vsc_slot *slots,
				   u32 slot_count);

/*
 * network_vsc_buffers - after NETWORK_VSC_VERSION: what the host may use.
 * Returns VMBUS_OK; VMBUS_NOT_READY: out of turn; VMBUS_BAD_ARGUMENT: larger
 * than this version's hosts take, or empty.
 */
enum vmbus_status
network_vsc_buffers(struct network_vsc *vsc,
		    const struct network_vsc_buffers *buffers);

/*
 * network_vsc_transmit - the primary's next packet of its own. Returns false:
 * nothing to send now.
 */
bool network_vsc_transmit(struct network_vsc *vsc, struct network_vsc_out *out);

/*
 * network_vsc_receive - take one packet from the host.
 * Returns VMBUS_OK and an event, or a violation: VMBUS_E_NETWORK_TYPE,
 * VMBUS_E_NETWORK_SHORT, VMBUS_E_NETWORK_MESSAGE, VMBUS_E_NETWORK_TRANSACTION,
 * VMBUS_E_NETWORK_RANGE, VMBUS_E_NETWORK_BUFFER.
 */
enum vmbus_status network_vsc_receive(struct network_vsc *vsc,
				      const struct packet_view *view,
				      struct network_vsc_event *event);

/*
 * network_vsc_next - what the next ranges of a NETWORK_VSC_RANGES packet hold.
 * @range: begins as 0
 * @frame: filled in for NETWORK_VSC_FRAME
 * Returns VMBUS_OK and an event, NETWORK_VSC_NOTHING at the end; or a
 * violation: VMBUS_E_NETWORK_RANGE, VMBUS_E_NETWORK_RNDIS_LENGTH,
 * VMBUS_E_NETWORK_RNDIS_TYPE, VMBUS_E_NETWORK_RNDIS_DATA,
 * VMBUS_E_NETWORK_RNDIS_INFO, VMBUS_E_NETWORK_TRANSACTION.
 */
enum vmbus_status network_vsc_next(struct network_vsc *vsc,
				   const struct packet_view *view, u32 *range,
				   struct network_vsc_frame *frame,
				   struct network_vsc_event *event);

/*
 * network_vsc_release - the completion that gives a NETWORK_VSC_RANGES packet's
 * slots back; when its frames are copied.
 */
void network_vsc_release(const struct network_vsc *vsc,
			 const struct packet_view *view,
			 struct network_vsc_out *out);

/*
 * network_vsc_prepare - make the headers of a segment to be cut what hosts want
 * (RNDIS_INFO_LSO). @head: @head_bytes of the frame, up to its payload.
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT: it is no such segment.
 */
enum vmbus_status network_vsc_prepare(const struct network_vnet *vnet, u8 *head,
				      u32 head_bytes);

/*
 * network_vsc_send - make a packet of a frame.
 * @cookie: given back with NETWORK_VSC_SENT
 * Returns VMBUS_OK; VMBUS_AGAIN: too many are under way; VMBUS_NOT_READY;
 * VMBUS_BAD_ARGUMENT: no frame, or too long a one.
 */
enum vmbus_status network_vsc_send(struct network_vsc *vsc,
				   const struct network_vsc_send *send,
				   u64 cookie, struct network_vsc_sent *sent);

/*
 * network_vsc_join - put one more frame into the packet of another, which was
 * sent with @more and is not in the ring yet: one packet, one answer.
 * @sent: of network_vsc_send(); now head and section are those of the frame to
 * be copied next, and the packet is that of all frames.
 * Returns VMBUS_OK; VMBUS_AGAIN: it takes no more, so this one goes out first;
 * VMBUS_BAD_ARGUMENT: as network_vsc_send(). Then @sent is as it was.
 */
enum vmbus_status network_vsc_join(struct network_vsc *vsc,
				   const struct network_vsc_send *send,
				   struct network_vsc_sent *sent);

/* network_vsc_unsent - take back a frame that found no space in the ring. */
void network_vsc_unsent(struct network_vsc *vsc, u64 transaction_id);

/* network_vsc_channel_of - the channel for a frame with @hash to go out on. */
u16 network_vsc_channel_of(const struct network_vsc_shared *shared, u32 hash);

/*
 * network_vsc_filter - which frames are wanted (NETWORK_FILTER_); 0 at first.
 */
void network_vsc_filter(struct network_vsc *vsc, u32 filter);

/* network_vsc_request - ask one of enum network_vsc_request, with its event. */
void network_vsc_request(struct network_vsc *vsc,
			 enum network_vsc_request request);

/*
 * network_vsc_opened - @channel_count channels are open, the primary too.
 */
void network_vsc_opened(struct network_vsc *vsc, u16 channel_count);

/* network_vsc_data_path - frames go by the virtual function, or no more. */
void network_vsc_data_path(struct network_vsc *vsc, bool virtual_function);

/*
 * network_vsc_close - halt the adapter and take the buffers back: go on with
 * transmit and receive until NETWORK_VSC_CLOSED.
 */
void network_vsc_close(struct network_vsc *vsc);

/*
 * network_vsc_abandon - after the channel closed: the frames that will have no
 * completion, one per call. Returns false when there is none left.
 */
bool network_vsc_abandon(struct network_vsc *vsc, u64 *cookie);

#endif
