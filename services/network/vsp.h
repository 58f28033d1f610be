/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * vsp.h - host end of the synthetic network: NVSP and RNDIS of one adapter.
 *
 * Here: negotiation, buffers, objects, frames in both directions, notices. Not
 * here: rings, guest memory, threads, where frames come from (the caller's).
 *
 * An adapter has a primary channel and, from version 5 on, sub-channels. Each
 * has a struct network_vsp, used by one thread at a time. What they share is
 * struct network_vsp_shared: the primary's thread writes it (but the slots of
 * the receive buffer, which every channel takes and gives), the others read
 * what is published. While the primary's thread attaches or revokes a buffer
 * no other thread is in the engine: the caller sees to it.
 *
 * Receiving, for each packet of a channel, when there is space in the outgoing
 * ring for NETWORK_VSP_ROOM_BYTES:
 *
 *	packet_peek(...); network_vsp_receive(vsp, &view, &action)
 *	NETWORK_VSP_NOTHING: no more to do
 *	NETWORK_VSP_ANSWER: send action.packet
 *	NETWORK_VSP_BUFFER: map the GPADL, network_vsp_attach(), send the answer
 *	NETWORK_VSP_REVOKE: stop every thread's use of that buffer,
 *		network_vsp_detach(), unmap, send the answer if there is one
 *	NETWORK_VSP_SUB_CHANNELS: offer them, network_vsp_granted(), send it
 *	NETWORK_VSP_CONTROL: action.section and the view's pages are the pieces
 *		of a message: network_vsp_control(), send the answer and the
 *		response
 *	NETWORK_VSP_FRAMES: the pieces hold frames: network_vsp_tx_begin(), then
 *		network_vsp_tx_next() and the filters for each, send it,
 *		network_vsp_complete(), send the answer
 *	NETWORK_VSP_DATA_PATH: the guest's frames go another way; send the
 *answer if there is one packet_consume()
 *
 * An answer goes out as PACKET_COMPLETION with action.transaction_id; a
 * response and whatever network_vsp_transmit() gives as struct network_vsp_out
 * says. After each action: look at action.changed.
 *
 * To the guest: network_vsp_rx_reserve() takes slots of the receive buffer,
 * network_vsp_rx_pieces() says where the backend is to put a frame's bytes,
 * network_vsp_rx_add() writes what stands before it and adds it to a batch,
 * network_vsp_rx_out() makes a packet of the batch. Slots come back by the
 * guest's completions (network_vsp_receive). A guest that holds all gets no
 *more frames: reserve says VMBUS_AGAIN until something came back.
 *
 * A receive slot is memory of the guest: a frame that it may not hear must be
 * filtered before its bytes go there. What is decided about a frame is decided
 * on the head, a copy that the caller keeps.
 *
 * What Linux does (drivers/net/hyperv): no slot may hold more than one message,
 * no range may be longer than a slot; the pieces of one frame are ranges of one
 * packet; a checksum said to be good is believed, one that is not in the header
 * is not written by it. DPDK takes a range packet's transaction id for the
 * number of a slot. iPXE completes without a payload.
 */
#ifndef SERVICES_NETWORK_VSP_H
#define SERVICES_NETWORK_VSP_H

#include "services/network/filter.h"
#include "services/network/frame.h"
#include "services/network/rndis.h"
#include "services/network/rss.h"
#include "services/network/wire.h"
#include "vmbus/packet.h"
#include "vmbus/status.h"

/* What an adapter has, and what the guest switched on. */
#define NETWORK_TX_CSUM_IP4  0x0001u /* to the host: it finishes checksums */
#define NETWORK_TX_CSUM_TCP4 0x0002u
#define NETWORK_TX_CSUM_UDP4 0x0004u
#define NETWORK_TX_CSUM_TCP6 0x0008u
#define NETWORK_TX_CSUM_UDP6 0x0010u
#define NETWORK_TX_LSO4	     0x0020u
#define NETWORK_TX_LSO6	     0x0040u
#define NETWORK_RX_CSUM_IP4  0x0100u /* to the guest: it believes them */
#define NETWORK_RX_CSUM_TCP4 0x0200u
#define NETWORK_RX_CSUM_UDP4 0x0400u
#define NETWORK_RX_CSUM_TCP6 0x0800u
#define NETWORK_RX_CSUM_UDP6 0x1000u
#define NETWORK_RX_RSC4	     0x2000u /* frames longer than the MTU */
#define NETWORK_RX_RSC6	     0x4000u
#define NETWORK_OFFLOADS_ALL 0x7f7fu

#define NETWORK_NAME_MAX 63u

struct network_vsp_options {
	u32 version_max;  /* NETWORK_VERSION_; 0: the newest */
	u32 channels_max; /* the primary too, 1 to NETWORK_CHANNELS_MAX; 0: 1 */
	u32 mtu_max_bytes; /* without the Ethernet header; 0: 65521 */
	/* Of the receive buffer, at least; 0: what the MTU needs. */
	u32 slot_min_bytes;
	u32 send_section_bytes; /* 0: 6144; multiple of 8, 2048 and up */
	u32 offloads;		/* NETWORK_TX_, NETWORK_RX_ */
	u64 speed_bps;		/* 0: 10 Gbit/s */
	bool link_down;
	bool address_fixed; /* the guest may not change it */
	u8 address[6];	    /* the permanent one */
	u8 current[6];	    /* that the guest set; 0: the permanent one */
	char name[NETWORK_NAME_MAX + 1]; /* ASCII, for the guest's ifalias */
};

/* What the guest chose. Plain words: copied while the primary may write. */
struct network_settings {
	u32 running;	 /* it wants frames */
	u32 offloads;	 /* of the options', those in use */
	u32 frame_bytes; /* the longest without RSC, Ethernet header included */
	u32 tags_beside; /* tags are taken as information, not in the frame */
	struct network_filter filter;
	struct network_rss rss;
};

/* One channel's, written by its thread. */
struct network_counters {
	/* From the guest, to it. */
	u64 tx_frames, tx_bytes, tx_multicast, tx_broadcast, tx_dropped;
	u64 rx_frames, rx_bytes, rx_multicast, rx_broadcast, rx_dropped;
	u64 rx_no_slot; /* how often the guest held them all */
	u64 reserved[5];
};

#define NETWORK_SLOTS_MAX 32768u

/* What each slot needs. Caller's memory, the engine's content. */
struct network_slot {
	u32 word; /* atomic */
};

struct network_receive_buffer {
	u8 *base; /* NULL: none */
	u16 id;	  /* of the guest's choice */
	u32 slot_bytes;
	u32 slot_count;
	u32 control_count; /* the first ones: for control messages only */
	struct network_slot *slots;
	u32 free[NETWORK_SLOTS_MAX / 32]; /* atomic; bit: a free slot */
};

struct network_send_buffer {
	const u8 *base; /* NULL: none */
	u16 id;
	u32 section_bytes;
	u32 section_count;
};

/* What the channels of an adapter share. */
struct network_vsp_shared {
	struct network_vsp_options options;
	u32 ready; /* atomic; sub-channels may be read */
	u32 version;
	u32 ndis_version;
	u64 capabilities;
	u32 channel_count; /* granted, the primary too */
	bool initialized;  /* RNDIS */
	u32 pending;	   /* notices to send, NETWORK_NOTICE_ */
	u32 vf_allocated;
	u32 vf_serial;
	struct network_receive_buffer receive;
	struct network_send_buffer send;
	u32 sequence; /* atomic; of published, odd while it is written */
	struct network_settings settings; /* the primary's */
	struct network_settings published;
	struct network_counters counters[NETWORK_CHANNELS_MAX];
};

/* One channel. */
struct network_vsp {
	struct network_vsp_shared *shared;
	u16 channel;			  /* 0: the primary */
	u32 cursor;			  /* where it looks for a free slot */
	u32 sequence;			  /* of settings */
	struct network_settings settings; /* as this channel knows them */
};

enum network_vsp_step {
	NETWORK_VSP_NOTHING,
	NETWORK_VSP_ANSWER,
	NETWORK_VSP_BUFFER,
	NETWORK_VSP_REVOKE,
	NETWORK_VSP_SUB_CHANNELS,
	NETWORK_VSP_CONTROL,
	NETWORK_VSP_FRAMES,
	NETWORK_VSP_DATA_PATH,
};

/* action.changed */
#define NETWORK_CHANGED_OFFLOADS 0x01u
#define NETWORK_CHANGED_FILTER	 0x02u /* or the multicast list */
#define NETWORK_CHANGED_RSS	 0x04u
#define NETWORK_CHANGED_RUNNING	 0x08u
#define NETWORK_CHANGED_MTU	 0x10u
#define NETWORK_CHANGED_ADDRESS	 0x20u /* settings.filter.address */
#define NETWORK_CHANGED_SLOTS	 0x40u /* some came back */

/* A packet of the host's own. */
struct network_vsp_out {
	u16 type;  /* PACKET_DATA_INBAND or PACKET_DATA_TRANSFER_PAGES */
	u16 flags; /* PACKET_FLAG_ */
	u16 pageset;
	u64 transaction_id;
	struct packet_transfer_range range; /* one, for transfer pages */
	u32 packet_bytes;		    /* 0: nothing to send */
	u8 packet[NETWORK_PACKET_BYTES];
};

struct network_vsp_action {
	u8 step;     /* enum network_vsp_step */
	u8 changed;  /* NETWORK_CHANGED_ */
	bool answer; /* there is one: packet_bytes of packet, 0 is empty */
	bool ready;  /* sub-channels may now be read */
	u32 gpadl;   /* NETWORK_VSP_BUFFER */
	bool receive_buffer;   /* BUFFER, REVOKE: that one, else the send's */
	u16 sub_channels;      /* how many are wanted, at most the options' */
	bool virtual_function; /* NETWORK_VSP_DATA_PATH: that way */
	struct ring_vec
		section; /* CONTROL, FRAMES: first piece; may be empty */
	u64 transaction_id;
	u32 packet_bytes;
	u8 packet[NETWORK_MESSAGE_BYTES];
};

/* Space for an answer and a response to one packet, in the outgoing ring. */
#define NETWORK_VSP_ROOM_BYTES                                                 \
	(2u * (16u + NETWORK_MESSAGE_BYTES + PACKET_TRAILER_BYTES) + 16u)

/* Of all pieces of one packet from the guest. */
#define NETWORK_TRANSFER_MAX_BYTES 0x40000u
#define NETWORK_CONTROL_MAX_BYTES  2048u

/*
 * network_vsp_shared_init - before the adapter is offered, and again when its
 * primary channel closed (its sub-channels are gone by then): with
 * &shared->options, so that an address that the guest set stays (Linux sets it
 * once, and closes to change the MTU).
 * Returns VMBUS_OK or VMBUS_BAD_ARGUMENT (an option out of range).
 */
enum vmbus_status
network_vsp_shared_init(struct network_vsp_shared *shared,
			const struct network_vsp_options *options);

/* network_vsp_init - for a channel that was just opened. @channel: its
 * sub-channel index. */
void network_vsp_init(struct network_vsp *vsp,
		      struct network_vsp_shared *shared, u16 channel);

/* network_vsp_version - agreed on, 0 before that. The primary's thread. */
u32 network_vsp_version(const struct network_vsp_shared *shared);

/*
 * network_vsp_settings - bring vsp->settings up to date.
 * Returns whether there was news. Any channel's thread.
 */
bool network_vsp_settings(struct network_vsp *vsp);

/* network_vsp_counters - the sum of all channels. Any thread. */
void network_vsp_counters(const struct network_vsp_shared *shared,
			  struct network_counters *sum);

/*
 * network_vsp_receive - take one packet from the guest.
 * @view: of packet_peek(); its payload is copied once
 * Returns VMBUS_OK; VMBUS_NOT_READY on a sub-channel before the primary said
 * action.ready: leave the packet until then; or a violation:
 * VMBUS_E_NETWORK_TYPE, VMBUS_E_NETWORK_SHORT, VMBUS_E_NETWORK_MESSAGE,
 * VMBUS_E_NETWORK_SECTION, VMBUS_E_NETWORK_TRANSACTION.
 */
enum vmbus_status network_vsp_receive(struct network_vsp *vsp,
				      const struct packet_view *view,
				      struct network_vsp_action *action);

/*
 * network_vsp_slots - how many struct network_slot a receive buffer of @bytes
 * needs; 0: too small a buffer. After NETWORK_VSP_BUFFER.
 */
u32 network_vsp_slots(const struct network_vsp_shared *shared, u32 bytes);

/*
 * network_vsp_attach - the buffer of a NETWORK_VSP_BUFFER action is mapped.
 * @base: @bytes contiguous, NULL: it could not be (the guest is told)
 * @slots: network_vsp_slots() of them, for the receive buffer
 * Fills action's answer in.
 */
void network_vsp_attach(struct network_vsp *vsp,
			struct network_vsp_action *action, void *base,
			u32 bytes, struct network_slot *slots);

/*
 * network_vsp_detach - the engine forgets the buffer of a NETWORK_VSP_REVOKE
 * action. Places and batches of slots in it are void.
 */
void network_vsp_detach(struct network_vsp *vsp,
			struct network_vsp_action *action);

/*
 * network_vsp_granted - answer a NETWORK_VSP_SUB_CHANNELS action.
 * @count: how many are offered, at most action->sub_channels
 */
void network_vsp_granted(struct network_vsp *vsp,
			 struct network_vsp_action *action, u32 count);

/*
 * network_vsp_control - carry out an RNDIS control message.
 * @pieces: where it lies, copied once
 * @response: filled in; packet_bytes 0: there is none
 * Fills action's answer and action->changed in. Returns VMBUS_OK or a
 * violation: VMBUS_E_NETWORK_RNDIS_LENGTH, VMBUS_E_NETWORK_RNDIS_TYPE,
 * VMBUS_E_NETWORK_FLOOD (more messages than slots for the responses).
 */
enum vmbus_status network_vsp_control(struct network_vsp *vsp,
				      const struct ring_vec *pieces,
				      u32 piece_count,
				      struct network_vsp_action *action,
				      struct network_vsp_out *response);

/*
 * network_vsp_complete - fill in the answer to NETWORK_VSP_FRAMES.
 */
void network_vsp_complete(const struct network_vsp *vsp,
			  struct network_vsp_action *action);

/* ---- frames from the guest ---- */

/* Where in the pieces of a packet the next frame is. */
struct network_tx_cursor {
	const struct ring_vec *pieces;
	u32 piece_count;
	u32 bytes;
	u32 offset_bytes;
};

struct network_tx {
	struct network_vnet vnet;
	u32 tag;	/* of the frame or beside it; taken out of the head */
	u32 head_bytes; /* of head: the beginning of the frame, corrected */
	u32 rest_offset_bytes; /* into the pieces: what follows the head */
	u32 rest_bytes;
	u8 head[NETWORK_HEAD_BYTES + NETWORK_TAG_BYTES];
};

/*
 * network_vsp_tx_begin - start with the frames of a packet.
 * Returns VMBUS_OK or VMBUS_E_NETWORK_TRANSFER (too many bytes).
 */
enum vmbus_status network_vsp_tx_begin(struct network_tx_cursor *cursor,
				       const struct ring_vec *pieces,
				       u32 piece_count);

/*
 * network_vsp_tx_next - the next frame.
 * Its head is copied once; checksums and lengths that the guest left to the
 * host are completed in the head, but that of TCP and UDP (vnet says so). A
 * frame whose wishes cannot be met is skipped and counted as dropped. Returns
 * VMBUS_OK; VMBUS_AGAIN: there are no more; or a violation:
 * VMBUS_E_NETWORK_RNDIS_LENGTH, VMBUS_E_NETWORK_RNDIS_TYPE,
 * VMBUS_E_NETWORK_RNDIS_DATA, VMBUS_E_NETWORK_RNDIS_INFO.
 */
enum vmbus_status network_vsp_tx_next(struct network_vsp *vsp,
				      struct network_tx_cursor *cursor,
				      struct network_tx *tx);

/*
 * network_tx_put_tag - write tx->tag (as network_vlan_out() left it) into the
 * head; NETWORK_UNTAGGED changes nothing. Once.
 */
void network_tx_put_tag(struct network_tx *tx);

/*
 * network_vsp_tx_count - count a frame as sent, or as dropped.
 */
void network_vsp_tx_count(struct network_vsp *vsp, const struct network_tx *tx,
			  bool sent);

/* ---- frames to the guest ---- */

/* A frame's bytes begin this far into its slots. */
#define NETWORK_SLOT_DATA_BYTES 128u

#define NETWORK_PLACE_SLOTS  64u
#define NETWORK_BATCH_RANGES 96u

/* Slots taken, for a frame to come. */
struct network_rx_place {
	u32 count;
	u16 slots[NETWORK_PLACE_SLOTS];
};

/* Frames that go out with one packet. {0} is an empty one. */
struct network_rx_batch {
	u32 range_count;
	u16 first;
	u16 last;
	struct packet_transfer_range ranges[NETWORK_BATCH_RANGES];
};

/* Memory to write to. */
struct network_piece {
	u8 *base;
	u32 bytes;
};

struct network_rx {
	struct network_vnet vnet;
	const u8 *head;	 /* private copy, with the frame's own tag */
	u32 head_bytes;	 /* at least as many as the frame has or HEAD_BYTES */
	u32 frame_bytes; /* all of it, head included */
	u32 tag;       /* that the guest shall see, as network_vlan_in() says */
	u32 hash;      /* of network_rss_hash() */
	u32 hash_type; /* 0: no hash */
};

/* network_vsp_rx_room - bytes of a frame that one slot takes; 0: no buffer. */
u32 network_vsp_rx_room(const struct network_vsp *vsp);

/*
 * network_vsp_rx_max - the longest frame that the guest takes now: of its MTU
 * with a tag, or with RSC a segment in several slots. 0: it wants none.
 */
u32 network_vsp_rx_max(const struct network_vsp *vsp);

/*
 * network_vsp_rx_reserve - have @place hold slots for a frame of @frame_bytes
 * (at most network_vsp_rx_max()).
 * Returns VMBUS_OK; VMBUS_AGAIN: the guest holds all; VMBUS_NOT_READY: there is
 * no buffer; VMBUS_BAD_ARGUMENT.
 */
enum vmbus_status network_vsp_rx_reserve(struct network_vsp *vsp,
					 struct network_rx_place *place,
					 u32 frame_bytes);

/*
 * network_vsp_rx_pieces - where the frame's bytes go but the first @skip_bytes,
 * which the caller reads into the head (at most a slot's room).
 * @pieces: NETWORK_PLACE_SLOTS of them
 * Returns how many are used.
 */
u32 network_vsp_rx_pieces(const struct network_vsp *vsp,
			  const struct network_rx_place *place, u32 skip_bytes,
			  struct network_piece *pieces);

/*
 * network_vsp_rx_add - make the frame in @place part of @batch.
 * Writes the head, the RNDIS headers and the information; uses up the slots of
 * the frame, the others stay in @place.
 * Returns VMBUS_OK; VMBUS_AGAIN: the batch is full, send it first;
 * VMBUS_UNSUPPORTED: the frame is too long for this guest (counted as dropped,
 * the place stays as it is); VMBUS_BAD_ARGUMENT: the place is too small.
 */
enum vmbus_status network_vsp_rx_add(struct network_vsp *vsp,
				     struct network_rx_place *place,
				     const struct network_rx *rx,
				     struct network_rx_batch *batch);

/*
 * network_vsp_rx_out - the packet of a batch that is not empty.
 * @out: for packet_write(); its pointers are into @batch and @vec
 * @payload: NETWORK_MESSAGE_BYTES
 */
void network_vsp_rx_out(struct network_vsp *vsp,
			const struct network_rx_batch *batch, void *payload,
			struct ring_vec *vec, struct packet_out *out);

/* network_vsp_rx_sent - the batch is in the ring: it is empty again. Before the
 * next packet is received. */
void network_vsp_rx_sent(struct network_vsp *vsp,
			 struct network_rx_batch *batch);

/* network_vsp_rx_release - give back what a place or a batch holds. */
void network_vsp_rx_release(struct network_vsp *vsp,
			    struct network_rx_place *place,
			    struct network_rx_batch *batch);

/* ---- notices; the primary's thread ---- */

/*
 * network_vsp_link - the link went up or down, or has another speed (0: as it
 * was). Returns whether there is something for network_vsp_transmit().
 */
bool network_vsp_link(struct network_vsp *vsp, bool up, u64 speed_bps);

/*
 * network_vsp_vf - a virtual function was given to the guest or taken.
 */
bool network_vsp_vf(struct network_vsp *vsp, bool allocated, u32 serial);

/*
 * network_vsp_network_change - the guest is on another network: it should ask
 * for its address anew.
 */
bool network_vsp_network_change(struct network_vsp *vsp);

/*
 * network_vsp_transmit - the next packet of the host's own; when there is space
 * for packet_ring_bytes(sizeof(struct packet_transfer_range) + 8,
 * NETWORK_PACKET_BYTES).
 * Returns false: nothing to send, or no slot for it: ask again after
 * NETWORK_CHANGED_SLOTS.
 */
bool network_vsp_transmit(struct network_vsp *vsp, struct network_vsp_out *out);

#endif
