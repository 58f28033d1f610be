/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/status.h"

static const char *const texts[VMBUS_STATUS_COUNT] = {
	[VMBUS_OK] = "done",
	[VMBUS_AGAIN] = "nothing to read or no space at this moment",
	[VMBUS_NOT_READY] = "the other end has not connected to this service",
	[VMBUS_UNSUPPORTED] =
		"the protocol version in use does not have this operation",
	[VMBUS_BAD_ARGUMENT] = "the call was made with a wrong argument",

	[VMBUS_E_RING_WRITE_INDEX] =
		"the other end set a ring's write index outside the ring",
	[VMBUS_E_RING_READ_INDEX] =
		"the other end set a ring's read index outside the ring",
	[VMBUS_E_RING_WRITE_BACKWARDS] =
		"the other end moved a ring's write index backwards",
	[VMBUS_E_RING_READ_BACKWARDS] =
		"the other end moved a ring's read index backwards or ahead",
	[VMBUS_E_RING_TOO_SMALL] =
		"the ring is too small for the packet that must be sent",

	[VMBUS_E_PACKET_TRUNCATED] =
		"the other end sent a packet longer than what it published",
	[VMBUS_E_PACKET_LENGTH] =
		"the other end sent a packet shorter than its own descriptor",
	[VMBUS_E_PACKET_OFFSET] =
		"the other end sent a packet whose payload begins outside it",
	[VMBUS_E_PACKET_TOO_BIG] =
		"the other end sent a packet longer than the channel accepts",
	[VMBUS_E_PACKET_RANGES] =
		"the other end sent a packet with malformed page ranges",

	[VMBUS_E_CONNECTION_ID] =
		"the other end posted a message to an unknown connection",
	[VMBUS_E_MESSAGE_SIZE] =
		"the other end sent a channel message of a wrong size",
	[VMBUS_E_MESSAGE_TYPE] =
		"the other end sent a channel message of an unknown type",
	[VMBUS_E_MESSAGE_VERSION] =
		"the other end sent a channel message of a newer bus version "
		"than agreed on",
	[VMBUS_E_MESSAGE_STATE] =
		"the other end sent a channel message that the connection does "
		"not allow at this point",
	[VMBUS_E_CONTACT_TARGET] =
		"the other end wants messages on a processor or interrupt that "
		"does not exist",
	[VMBUS_E_RELID] = "the other end named a channel that was not offered",
	[VMBUS_E_CHANNEL_STATE] =
		"the other end sent a message that the channel does not allow "
		"at this point",
	[VMBUS_E_TARGET_VP] =
		"the other end named a virtual processor that does not exist",
	[VMBUS_E_RING_GPADL] =
		"the other end opened a channel on memory that cannot be a "
		"ring",
	[VMBUS_E_GPADL_DUPLICATE] =
		"the other end used the id of a memory list (GPADL) twice",
	[VMBUS_E_GPADL_UNKNOWN] =
		"the other end named a memory list (GPADL) that does not exist",
	[VMBUS_E_GPADL_LENGTH] =
		"the other end sent a memory list (GPADL) whose length "
		"contradicts its header",
	[VMBUS_E_GPADL_RANGE] =
		"the other end sent a memory list (GPADL) with a malformed "
		"range",
	[VMBUS_E_GPADL_IN_USE] =
		"the other end took back the memory of a ring in use",
	[VMBUS_E_OFFER] =
		"the other end offered a channel that contradicts itself or "
		"another offer",
	[VMBUS_E_OFFER_LIMIT] =
		"the other end offered more channels than can be held",
	[VMBUS_E_ANSWER] = "the other end answered what was never asked",
	[VMBUS_E_VERSION_REFUSED] =
		"the other end speaks none of the bus versions known here",

	[VMBUS_E_IC_SHORT] =
		"the other end sent a message shorter than its layout",
	[VMBUS_E_IC_SIZE] =
		"the other end sent a message whose sizes exceed its packet",
	[VMBUS_E_IC_FLAGS] = "the other end asked where it must answer, or "
			     "answered where it must ask",
	[VMBUS_E_IC_TYPE] = "the other end sent a message of another service",
	[VMBUS_E_IC_TRANSACTION] =
		"the other end answered a request that was never made",

	[VMBUS_E_HEARTBEAT_SEQUENCE] =
		"the guest answered a heartbeat with a wrong sequence number",

	[VMBUS_E_STORAGE_TYPE] =
		"the other end sent a packet that is neither a storage request "
		"nor an answer",
	[VMBUS_E_STORAGE_SHORT] =
		"the other end sent a storage packet shorter than its layout",
	[VMBUS_E_STORAGE_OPERATION] =
		"the other end sent a storage operation that is not its to "
		"send",
	[VMBUS_E_STORAGE_TRANSFER] =
		"the other end told of more data than it gave memory for",
	[VMBUS_E_STORAGE_CDB] =
		"the other end sent a SCSI command of no valid length",
	[VMBUS_E_STORAGE_TRANSACTION] =
		"the other end answered a storage request that was never made",

	[VMBUS_E_NETWORK_TYPE] =
		"the other end sent a packet of a kind that the network does "
		"not have",
	[VMBUS_E_NETWORK_SHORT] =
		"the other end sent a network message shorter than its layout",
	[VMBUS_E_NETWORK_MESSAGE] =
		"the other end sent a network message that is not its to send",
	[VMBUS_E_NETWORK_SECTION] =
		"the other end named a part of the send buffer that does not "
		"exist",
	[VMBUS_E_NETWORK_TRANSACTION] =
		"the other end completed a network packet that was not under "
		"way",
	[VMBUS_E_NETWORK_TRANSFER] =
		"the other end named more bytes than a network packet may have",
	[VMBUS_E_NETWORK_RNDIS_LENGTH] =
		"the other end sent an RNDIS message whose length exceeds its "
		"packet",
	[VMBUS_E_NETWORK_RNDIS_TYPE] =
		"the other end sent an RNDIS message that is not its to send",
	[VMBUS_E_NETWORK_RNDIS_DATA] =
		"the other end sent a frame that lies outside its RNDIS "
		"message",
	[VMBUS_E_NETWORK_RNDIS_INFO] =
		"the other end sent malformed information beside a frame",
	[VMBUS_E_NETWORK_FLOOD] =
		"the other end sent more RNDIS requests than can be answered",
	[VMBUS_E_NETWORK_RANGE] =
		"the other end named memory outside the receive buffer",
	[VMBUS_E_NETWORK_BUFFER] =
		"the other end divided a buffer into more than it holds",
};

const char *vmbus_status_text(enum vmbus_status status)
{
	if ((u32)status >= VMBUS_STATUS_COUNT || !texts[status])
		return "unknown status";
	return texts[status];
}
