/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * status.h - what a call into the bus or a service can answer.
 *
 * Here: the codes and the clause that explains each to a person. Not here: the
 * error codes of the wire (HRESULTs, NTSTATUS): each service's wire.h.
 */
#ifndef VMBUS_STATUS_H
#define VMBUS_STATUS_H

#include "vmbus/port.h"

/*
 * Codes above VMBUS_BAD_ARGUMENT are violations: the other end broke the
 * protocol, and the channel (or the connection) must be closed with that
 * reason. New rows go before VMBUS_STATUS_COUNT, their text into status.c.
 */
enum vmbus_status {
	VMBUS_OK = 0,
	VMBUS_AGAIN,	    /* nothing to read, or no space, at this moment */
	VMBUS_NOT_READY,    /* the other end has not got that far */
	VMBUS_UNSUPPORTED,  /* not in the version that both ends speak */
	VMBUS_BAD_ARGUMENT, /* the caller's mistake, never the peer's */

	/* ring.h */
	VMBUS_E_RING_WRITE_INDEX,     /* unaligned or outside the ring */
	VMBUS_E_RING_READ_INDEX,      /* unaligned or outside the ring */
	VMBUS_E_RING_WRITE_BACKWARDS, /* took back what was published */
	VMBUS_E_RING_READ_BACKWARDS,  /* took back space, or read past us */
	VMBUS_E_RING_TOO_SMALL,	      /* the packet cannot fit, ever */

	/* packet.h */
	VMBUS_E_PACKET_TRUNCATED, /* runs past what was published */
	VMBUS_E_PACKET_LENGTH,	  /* shorter than its own descriptor */
	VMBUS_E_PACKET_OFFSET,	  /* payload begins outside the packet */
	VMBUS_E_PACKET_TOO_BIG,	  /* longer than this channel accepts */
	VMBUS_E_PACKET_RANGES,	  /* page ranges leave the packet's header */

	/* services/ic/ic.h */
	VMBUS_E_IC_SHORT,	/* smaller than its headers or its layout */
	VMBUS_E_IC_SIZE,	/* a size field reaches beyond the packet */
	VMBUS_E_IC_FLAGS,	/* a request where an answer belongs, or so */
	VMBUS_E_IC_TYPE,	/* a message of another service */
	VMBUS_E_IC_TRANSACTION, /* answers a request never made */

	/* services/heartbeat/vsp.h */
	VMBUS_E_HEARTBEAT_SEQUENCE, /* not the request's plus one */

	/* services/storage/vsp.h, vsc.h */
	VMBUS_E_STORAGE_TYPE,	     /* no request, or no answer */
	VMBUS_E_STORAGE_SHORT,	     /* smaller than its layout */
	VMBUS_E_STORAGE_OPERATION,   /* never sent in this direction */
	VMBUS_E_STORAGE_TRANSFER,    /* more data than there is memory */
	VMBUS_E_STORAGE_CDB,	     /* a command longer than 16 bytes */
	VMBUS_E_STORAGE_TRANSACTION, /* answers a request never made */

	/* services/network/vsp.h, vsc.h */
	VMBUS_E_NETWORK_TYPE,	      /* no packet of this service */
	VMBUS_E_NETWORK_SHORT,	      /* smaller than its layout */
	VMBUS_E_NETWORK_MESSAGE,      /* never sent in this direction */
	VMBUS_E_NETWORK_SECTION,      /* no such section, or not all in it */
	VMBUS_E_NETWORK_TRANSACTION,  /* completes what is not under way */
	VMBUS_E_NETWORK_TRANSFER,     /* more bytes than a packet may name */
	VMBUS_E_NETWORK_RNDIS_LENGTH, /* runs past what holds it */
	VMBUS_E_NETWORK_RNDIS_TYPE,   /* not of this channel or direction */
	VMBUS_E_NETWORK_RNDIS_DATA,   /* the frame lies outside its message */
	VMBUS_E_NETWORK_RNDIS_INFO,   /* malformed per-packet information */
	VMBUS_E_NETWORK_FLOOD,	      /* more requests than answers fit */
	VMBUS_E_NETWORK_RANGE,	      /* outside the receive buffer */
	VMBUS_E_NETWORK_BUFFER,	      /* sections contradict the buffer */

	/* messages.h, host.h, guest.h */
	VMBUS_E_CONNECTION_ID,	 /* posted where no channel messages go */
	VMBUS_E_MESSAGE_SIZE,	 /* shorter or longer than its type allows */
	VMBUS_E_MESSAGE_TYPE,	 /* unknown, or never sent in this direction */
	VMBUS_E_MESSAGE_VERSION, /* newer than the version agreed on */
	VMBUS_E_MESSAGE_STATE,	 /* out of turn for the connection */
	VMBUS_E_CONTACT_TARGET,	 /* answers wanted where none can go */
	VMBUS_E_RELID,		 /* no such channel was offered */
	VMBUS_E_CHANNEL_STATE,	 /* out of turn for the channel */
	VMBUS_E_TARGET_VP,	 /* no such virtual processor */
	VMBUS_E_RING_GPADL,	 /* the GPADL cannot be a ring */
	VMBUS_E_GPADL_DUPLICATE, /* its id is in use */
	VMBUS_E_GPADL_UNKNOWN,	 /* no GPADL has that id */
	VMBUS_E_GPADL_LENGTH,	 /* counts contradict what was sent */
	VMBUS_E_GPADL_RANGE,	 /* a range contradicts its page count */
	VMBUS_E_GPADL_IN_USE,	 /* torn down while it is an open ring */
	VMBUS_E_OFFER,		 /* the offer contradicts itself or another */
	VMBUS_E_OFFER_LIMIT,	 /* more offers than this end holds */
	VMBUS_E_ANSWER,		 /* answers what was never asked */
	VMBUS_E_VERSION_REFUSED, /* no version in common */

	VMBUS_STATUS_COUNT
};

/* Whether @status says that the other end broke the protocol. */
static inline bool vmbus_status_is_violation(enum vmbus_status status)
{
	return status > VMBUS_BAD_ARGUMENT;
}

/*
 * The meaning of @status as a clause of plain English, without capital and full
 * stop, fit to follow "the channel was closed: ". Never NULL: a value that is
 * no status gives "unknown status".
 */
const char *vmbus_status_text(enum vmbus_status status);

#endif
