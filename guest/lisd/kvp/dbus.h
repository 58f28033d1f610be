/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * dbus.h - method calls on the system bus: just what asking a network manager
 * takes.
 *
 * Here: a connection, a call and its answer. Not here: signals, exported
 * objects, file descriptors, big-endian senders (the bus passes a message on as
 * its sender wrote it, and every sender is this machine's).
 *
 * Source: D-Bus Specification 0.43, "Message Protocol", "Authentication
 * Protocol".
 */
#ifndef GUEST_LISD_KVP_DBUS_H
#define GUEST_LISD_KVP_DBUS_H

#include "vmbus/port.h"

#define DBUS_MESSAGE_BYTES 65536
#define DBUS_NAME_BYTES	   256

struct dbus {
	int fd;
	u32 serial;
	char error[DBUS_NAME_BYTES]; /* of the last call that failed */
	u8 message[DBUS_MESSAGE_BYTES];
};

/* Arguments of a call: written in order, checked at its end. */
struct dbus_writer {
	u8 bytes[4096];
	u32 used;
	bool full;
};

/* An answer's arguments: read in order; `bad` once they are not as asked. */
struct dbus_reader {
	const u8 *data; /* the body */
	u32 at, bytes;
	const char *signature; /* of the whole body */
	bool bad;
};

struct dbus_call {
	const char *service, *path, *interface, *member;
	const char *signature; /* of the arguments, "" for none */
};

/*
 * dbus_open - connect to the bus at @path, authenticate, say hello.
 * Returns 0 or -errno; dbus_close() is to be called in any case.
 */
int dbus_open(struct dbus *bus, const char *path);
void dbus_close(struct dbus *bus);

/*
 * dbus_call - call, and wait up to @limit_ms for the answer. Services that do
 * not run are not started.
 * @arguments: NULL for none
 * Returns 0 (@reply reads the answer, which lasts until the next call),
 * -ETIMEDOUT, -ENOENT (no such service), -EREMOTEIO (another error, in
 * bus->error), -EPROTO, or another -errno.
 */
int dbus_call(struct dbus *bus, const struct dbus_call *call,
	      const struct dbus_writer *arguments, struct dbus_reader *reply,
	      int limit_ms);

/* dbus_has_service - whether somebody owns the name. */
bool dbus_has_service(struct dbus *bus, const char *name);

/*
 * dbus_property - call Properties.Get; @reply stands within the variant, whose
 * type must be @signature. Returns as dbus_call().
 */
int dbus_property(struct dbus *bus, const char *service, const char *path,
		  const char *interface, const char *name,
		  const char *signature, struct dbus_reader *reply);

void dbus_put_u32(struct dbus_writer *writer, u32 value);
void dbus_put_string(struct dbus_writer *writer, const char *text);
/* An array of one string. */
void dbus_put_strings(struct dbus_writer *writer, const char *text);

u32 dbus_get_u32(struct dbus_reader *reader);
/* A string or an object path; never NULL. */
const char *dbus_get_string(struct dbus_reader *reader);
/*
 * dbus_get_array - enter an array; @element_align: 1, 4 or 8.
 * Returns where it ends, as reader->at will be.
 */
u32 dbus_get_array(struct dbus_reader *reader, u32 element_align);
/* dbus_get_bytes - an array of bytes; @bytes is set to their number. */
const u8 *dbus_get_bytes(struct dbus_reader *reader, u32 *bytes);
/* dbus_get_variant - enter a variant of this type. */
void dbus_get_variant(struct dbus_reader *reader, const char *signature);
/* dbus_get_align - a structure begins at a multiple of 8. */
void dbus_get_align(struct dbus_reader *reader, u32 align);

enum dbus_type { DBUS_RETURN = 2, DBUS_ERROR = 3 };

/* What stands in a message's head. */
struct dbus_head {
	u8 type;
	u32 reply_serial;
	const char *error; /* "" when there is none */
};

/*
 * dbus_length - the whole size of the message that begins with these 16 bytes;
 * 0 when it makes no sense or is over DBUS_MESSAGE_BYTES.
 */
u32 dbus_length(const u8 *data);

/* dbus_parse - a message of dbus_length() bytes: false when it is malformed. */
bool dbus_parse(const u8 *data, u32 bytes, struct dbus_head *head,
		struct dbus_reader *body);

#endif
