/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/fcopy/node.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest/lisd/log.h"

/* FCOPY_CURRENT_VERSION of linux/hyperv.h. */
#define VERSION 1u

/* The driver cuts a name here, even in the midst of a character. */
#define NAME_CUT_BYTES (FCOPY_NAME_UNITS - 1)

static u32 name_take(char *name, const u8 *field)
{
	const u8 *end = memchr(field, '\0', (size_t)FCOPY_NAME_UNITS * 2);
	size_t length;

	if (!end)
		return IC_E_INVALID_NAME;
	length = (size_t)(end - field);
	if (!length)
		return IC_E_INVALID_NAME;
	if (length >= NAME_CUT_BYTES)
		return IC_E_NAME_TOO_LONG;
	memcpy(name, field, length + 1);
	return IC_S_OK;
}

static u32 start_take(const u8 *message, u32 size_bytes,
		      struct fcopy_request *request)
{
	const struct fcopy_start *start = (const struct fcopy_start *)message;
	u32 status;

	if (size_bytes < sizeof(*start))
		return IC_E_INVALID_ARGUMENT;
	status = name_take(request->name, start->name);
	if (status == IC_S_OK)
		status = name_take(request->folder, start->folder);
	if (status != IC_S_OK)
		return status;
	if (!strcmp(request->name, ".") || !strcmp(request->name, "..") ||
	    strchr(request->name, '/'))
		return IC_E_INVALID_NAME;
	request->flags = start->flags;
	request->size_bytes = start->size_bytes;
	if (request->flags & ~(FCOPY_OVERWRITE | FCOPY_CREATE_PATH) ||
	    request->size_bytes >> 63)
		return IC_E_INVALID_ARGUMENT;
	return IC_S_OK;
}

static u32 data_take(const u8 *message, u32 size_bytes,
		     struct fcopy_request *request)
{
	const struct fcopy_data *data = (const struct fcopy_data *)message;

	if (size_bytes < offsetof(struct fcopy_data, data))
		return IC_E_INVALID_ARGUMENT;
	request->offset = data->offset;
	request->data_bytes = data->size_bytes;
	request->data = data->data;
	if (request->data_bytes > FCOPY_BLOCK_BYTES ||
	    request->data_bytes >
		    size_bytes - offsetof(struct fcopy_data, data))
		return IC_E_INVALID_ARGUMENT;
	return IC_S_OK;
}

u32 node_parse(const u8 *message, u32 size_bytes, struct fcopy_request *request)
{
	u32 operation;

	memset(request, 0, sizeof(*request));
	if (size_bytes < sizeof(operation))
		return IC_E_INVALID_ARGUMENT;
	memcpy(&operation, message, sizeof(operation));
	if (operation >= FCOPY_OPERATION_COUNT)
		return IC_E_NOT_SUPPORTED;
	request->operation = (enum fcopy_operation)operation;
	if (operation == FCOPY_OPERATION_START)
		return start_take(message, size_bytes, request);
	if (operation == FCOPY_OPERATION_DATA)
		return data_take(message, size_bytes, request);
	return IC_S_OK;
}

static enum lisd_end request_serve(int fd, const u8 *message, u32 size_bytes,
				   struct copy *copy)
{
	static struct fcopy_request request;
	u32 status = node_parse(message, size_bytes, &request);

	if (status == IC_S_OK)
		status = copy_serve(copy, &request);
	if (write(fd, &status, sizeof(status)) == (ssize_t)sizeof(status))
		return LISD_STOP;
	log_error("file copy: the driver did not take the answer: %s",
		  strerror(errno));
	return LISD_GONE;
}

static bool registered(int fd)
{
	const u32 version = VERSION;

	if (write(fd, &version, sizeof(version)) == (ssize_t)sizeof(version))
		return true;
	log_error("file copy: the driver refuses to register: %s",
		  strerror(errno));
	return false;
}

/* LISD_STOP from request_serve() means "go on" here. */
enum lisd_end node_run(struct lisd_env *env, int fd, struct copy *copy,
		       int idle_ms)
{
	static u8 message[NODE_MESSAGE_BYTES];
	enum lisd_end end = LISD_STOP;
	bool met = false;
	ssize_t size;
	int found;

	if (!registered(fd))
		return LISD_GONE;
	while (end == LISD_STOP &&
	       (found = lisd_wait(env, fd, copy->open ? idle_ms : -1)) >= 0) {
		if (!found) {
			log_notice("file copy: the host has sent nothing more: "
				   "given up");
			copy_cancel(copy);
			continue;
		}
		size = read(fd, message, sizeof(message));
		if (size > 0 && !met && size == (ssize_t)sizeof(u32)) {
			met = true;
			lisd_ready(env);
		} else if (size > 0) {
			end = request_serve(fd, message, (u32)size, copy);
		} else if (!size || (errno != EINTR && errno != EAGAIN)) {
			end = LISD_GONE;
		}
	}
	copy_cancel(copy);
	return end;
}
