// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * File copy, served by a daemon at /dev/vmbus/hv_fcopy.
 *
 * Here: requests as services/fcopy has read them, in the daemon's layout.
 */
#include "guest/kmod/hv_utils/abi.h"
#include "guest/kmod/hv_utils/door.h"
#include "services/fcopy/vsc.h"

struct fcopy {
	struct fcopy_vsc vsc;
	struct fcopy_request request;
	bool cancel_owed; /* of what was copied when the guest hibernated */
	union {
		struct abi_fcopy_header header;
		struct abi_fcopy_start start;
		struct abi_fcopy_data data;
	} message;
};

static struct door door;

static void respond(struct util *util, u32 status)
{
	struct fcopy *fcopy = util->state;
	u64 transaction_id;
	u32 size_bytes;

	size_bytes = fcopy_vsc_respond(&fcopy->vsc, status, util->response,
				       sizeof(util->response), &transaction_id);
	if (size_bytes)
		util_respond(util, size_bytes, transaction_id);
}

/* Fills the message in: its size, or 0 for a name that it has no room for. */
static u32 message_fill(struct fcopy *fcopy)
{
	const struct fcopy_request *request = &fcopy->request;
	struct abi_fcopy_start *start = &fcopy->message.start;
	struct abi_fcopy_data *data = &fcopy->message.data;

	memset(&fcopy->message, 0, sizeof(fcopy->message));
	fcopy->message.header.operation = request->operation;
	switch (request->operation) {
	case FCOPY_OPERATION_START:
		start->flags = request->flags;
		start->size_bytes = request->size_bytes;
		if (strscpy(start->name, request->name, sizeof(start->name)) <
			    0 ||
		    strscpy(start->folder, request->folder,
			    sizeof(start->folder)) < 0)
			return 0;
		return sizeof(*start);
	case FCOPY_OPERATION_DATA:
		data->offset = request->offset;
		data->size_bytes = request->data_bytes;
		memcpy(data->data, request->data, request->data_bytes);
		return sizeof(*data);
	default:
		return sizeof(fcopy->message.header);
	}
}

static enum vmbus_status receive(struct util *util, u32 size_bytes,
				 u64 transaction_id, u32 *response_bytes)
{
	struct fcopy *fcopy = util->state;
	enum vmbus_status status;
	bool requested;
	u32 bytes;

	status = fcopy_vsc_receive(&fcopy->vsc, util->packet, size_bytes,
				   transaction_id, util->response,
				   sizeof(util->response), response_bytes,
				   &fcopy->request, &requested);
	if (status || !requested)
		return status;
	bytes = message_fill(fcopy);
	if (!bytes)
		respond(util, IC_E_NAME_TOO_LONG);
	else if (!door_ask(&door, &fcopy->message, bytes))
		respond(util, IC_E_FAIL);
	return VMBUS_OK;
}

static int answer(struct util *util, const void *data, u32 size_bytes)
{
	u32 status;

	if (size_bytes != sizeof(status))
		return -EINVAL;
	memcpy(&status, data, sizeof(status));
	respond(util, status);
	return 0;
}

static int hello(const void *data, u32 size_bytes, void *reply)
{
	u32 version;

	if (size_bytes != sizeof(version))
		return -EINVAL;
	memcpy(&version, data, sizeof(version));
	if (version != ABI_FCOPY_VERSION)
		return -EINVAL;
	memcpy(reply, &version, sizeof(version));
	return sizeof(version);
}

static const struct door_ops ops = {
	.hello = hello,
	.answer = answer,
	.fail = respond,
};

static struct door door = {
	.misc.name = "vmbus/hv_fcopy",
	.ops = &ops,
	.patience_s = 30,
};

static void begin(struct util *util)
{
	struct fcopy *fcopy = util->state;

	fcopy_vsc_init(&fcopy->vsc);
	/* The daemon answers for itself; without one, all fails. */
	fcopy_vsc_show_questions(&fcopy->vsc);
}

static int start(struct util *util)
{
	return door_open(&door, util);
}

static void suspend(struct util *util)
{
	struct fcopy *fcopy = util->state;

	fcopy->cancel_owed |= fcopy->vsc.open || fcopy->vsc.pending;
}

/* The host, which is another one now, knows nothing of that file. */
static void answered(struct util *util)
{
	const struct abi_fcopy_header cancel = {
		.operation = FCOPY_OPERATION_CANCEL,
	};
	struct fcopy *fcopy = util->state;

	if (fcopy->cancel_owed && door_tell(&door, &cancel, sizeof(cancel)))
		fcopy->cancel_owed = false;
}

static void stop(struct util *util)
{
	door_close(&door);
}

const struct util_service util_fcopy = {
	.name = "file copy",
	.logged = "FCopy",
	.state_bytes = sizeof(struct fcopy),
	.ic_offset = offsetof(struct fcopy, vsc.ic),
	.door = &door,
	.begin = begin,
	.start = start,
	.stop = stop,
	.suspend = suspend,
	.receive = receive,
	.answered = answered,
};
