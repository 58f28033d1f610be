/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/kvp/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "guest/lisd/file.h"

#define HEAD_BYTES	  16
#define NO_AUTO_START	  2
#define CALL_TYPE	  1
#define OPEN_LIMIT_MS	  5000
#define PROPERTY_LIMIT_MS 5000
#define MS_PER_S	  1000
#define NS_PER_MS	  1000000

/* Header fields by their codes. */
enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_ERROR = 4,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SENDER = 7,
	FIELD_SIGNATURE = 8,
};

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * MS_PER_S + (u64)now.tv_nsec / NS_PER_MS;
}

static void put_bytes(struct dbus_writer *writer, const void *data, u32 bytes)
{
	if (writer->full || bytes > sizeof(writer->bytes) - writer->used) {
		writer->full = true;
		return;
	}
	memcpy(writer->bytes + writer->used, data, bytes);
	writer->used += bytes;
}

static void put_align(struct dbus_writer *writer, u32 align)
{
	static const u8 zeros[8];

	put_bytes(writer, zeros, (align - writer->used % align) % align);
}

static void put_u8(struct dbus_writer *writer, u8 value)
{
	put_bytes(writer, &value, sizeof(value));
}

void dbus_put_u32(struct dbus_writer *writer, u32 value)
{
	put_align(writer, sizeof(value));
	put_bytes(writer, &value, sizeof(value));
}

void dbus_put_string(struct dbus_writer *writer, const char *text)
{
	dbus_put_u32(writer, (u32)strlen(text));
	put_bytes(writer, text, (u32)strlen(text) + 1);
}

void dbus_put_strings(struct dbus_writer *writer, const char *text)
{
	dbus_put_u32(writer, (u32)(sizeof(u32) + strlen(text) + 1));
	dbus_put_string(writer, text);
}

static void put_signature(struct dbus_writer *writer, const char *signature)
{
	put_u8(writer, (u8)strlen(signature));
	put_bytes(writer, signature, (u32)strlen(signature) + 1);
}

static void put_field(struct dbus_writer *writer, enum field field,
		      const char *type, const char *value)
{
	put_align(writer, 8);
	put_u8(writer, (u8)field);
	put_signature(writer, type);
	if (*type == 'g')
		put_signature(writer, value);
	else
		dbus_put_string(writer, value);
}

void dbus_get_align(struct dbus_reader *reader, u32 align)
{
	u32 skip = (align - reader->at % align) % align;

	if (reader->bad || skip > reader->bytes - reader->at)
		reader->bad = true;
	else
		reader->at += skip;
}

/* NULL once the message is not as it should be. */
static const u8 *get(struct dbus_reader *reader, u32 bytes)
{
	const u8 *at = reader->data + reader->at;

	if (reader->bad || bytes > reader->bytes - reader->at) {
		reader->bad = true;
		return NULL;
	}
	reader->at += bytes;
	return at;
}

u32 dbus_get_u32(struct dbus_reader *reader)
{
	const u8 *at;
	u32 value;

	dbus_get_align(reader, sizeof(value));
	at = get(reader, sizeof(value));
	if (!at)
		return 0;
	memcpy(&value, at, sizeof(value));
	return value;
}

/* A text of @bytes with its NUL, and none inside. */
static const char *get_text(struct dbus_reader *reader, u32 bytes)
{
	const u8 *at;

	if (bytes >= DBUS_MESSAGE_BYTES)
		reader->bad = true;
	at = get(reader, bytes + 1);
	if (!at || at[bytes] || memchr(at, 0, bytes)) {
		reader->bad = true;
		return "";
	}
	return (const char *)at;
}

const char *dbus_get_string(struct dbus_reader *reader)
{
	u32 bytes = dbus_get_u32(reader);

	return get_text(reader, bytes);
}

static const char *get_signature(struct dbus_reader *reader)
{
	const u8 *bytes = get(reader, 1);

	return bytes ? get_text(reader, *bytes) : "";
}

u32 dbus_get_array(struct dbus_reader *reader, u32 element_align)
{
	u32 bytes = dbus_get_u32(reader);

	dbus_get_align(reader, element_align);
	if (reader->bad || bytes > reader->bytes - reader->at) {
		reader->bad = true;
		return reader->at;
	}
	return reader->at + bytes;
}

const u8 *dbus_get_bytes(struct dbus_reader *reader, u32 *bytes)
{
	u32 end = dbus_get_array(reader, 1);

	*bytes = end - reader->at;
	return get(reader, *bytes);
}

void dbus_get_variant(struct dbus_reader *reader, const char *signature)
{
	if (strcmp(get_signature(reader), signature) != 0)
		reader->bad = true;
}

static u32 word_at(const u8 *data, u32 at)
{
	u32 value;

	memcpy(&value, data + at, sizeof(value));
	return value;
}

u32 dbus_length(const u8 *data)
{
	u32 body = word_at(data, 4), fields = word_at(data, 12);

	if (data[0] != 'l' || data[3] != 1 || body > DBUS_MESSAGE_BYTES ||
	    fields > DBUS_MESSAGE_BYTES)
		return 0;
	fields = HEAD_BYTES + ((fields + 7) & ~7u);
	return fields + body > DBUS_MESSAGE_BYTES ? 0 : fields + body;
}

static void field_parse(struct dbus_reader *fields, struct dbus_head *head,
			struct dbus_reader *body)
{
	const char *type, *text = "";
	const u8 *code;
	u32 number = 0;

	dbus_get_align(fields, 8);
	code = get(fields, 1);
	type = get_signature(fields);
	if (!code)
		return;
	if (!strcmp(type, "s") || !strcmp(type, "o"))
		text = dbus_get_string(fields);
	else if (!strcmp(type, "g"))
		text = get_signature(fields);
	else if (!strcmp(type, "u"))
		number = dbus_get_u32(fields);
	else
		fields->bad = true;
	if (*code == FIELD_ERROR)
		head->error = text;
	else if (*code == FIELD_REPLY_SERIAL)
		head->reply_serial = number;
	else if (*code == FIELD_SIGNATURE)
		body->signature = text;
}

bool dbus_parse(const u8 *data, u32 bytes, struct dbus_head *head,
		struct dbus_reader *body)
{
	u32 length = word_at(data, 12), start;
	struct dbus_reader fields = { .data = data,
				      .at = HEAD_BYTES,
				      .bytes = HEAD_BYTES + length };

	head->type = data[1];
	head->reply_serial = 0;
	head->error = "";
	memset(body, 0, sizeof(*body));
	body->signature = "";
	while (!fields.bad && fields.at < fields.bytes)
		field_parse(&fields, head, body);
	start = HEAD_BYTES + ((length + 7) & ~7u);
	body->data = data + start;
	body->bytes = bytes - start;
	return !fields.bad;
}

/* Reads exactly so many bytes. Returns 0 or -errno. */
static int read_whole(int fd, u8 *data, u32 bytes, u64 until_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	ssize_t got;
	u64 now;

	while (bytes) {
		now = now_ms();
		if (now >= until_ms ||
		    poll(&wait, 1, (int)(until_ms - now)) <= 0)
			return -ETIMEDOUT;
		got = recv(fd, data, bytes, 0);
		if (got < 0)
			return -errno;
		if (!got)
			return -ECONNRESET;
		data += got;
		bytes -= (u32)got;
	}
	return 0;
}

static int write_whole(int fd, const void *data, size_t bytes)
{
	const u8 *at = data;
	ssize_t put;

	while (bytes) {
		put = send(fd, at, bytes, MSG_NOSIGNAL);
		if (put < 0)
			return -errno;
		at += put;
		bytes -= (size_t)put;
	}
	return 0;
}

/* Writes the head of a call and its arguments. Returns 0 or -errno. */
static int call_send(struct dbus *bus, const struct dbus_call *call,
		     const struct dbus_writer *arguments)
{
	struct dbus_writer head = { .used = 0 };
	u32 fields;
	int error;

	put_u8(&head, 'l');
	put_u8(&head, CALL_TYPE);
	put_u8(&head, NO_AUTO_START);
	put_u8(&head, 1);
	dbus_put_u32(&head, arguments ? arguments->used : 0);
	dbus_put_u32(&head, ++bus->serial);
	dbus_put_u32(&head, 0);
	put_field(&head, FIELD_PATH, "o", call->path);
	put_field(&head, FIELD_INTERFACE, "s", call->interface);
	put_field(&head, FIELD_MEMBER, "s", call->member);
	put_field(&head, FIELD_DESTINATION, "s", call->service);
	if (*call->signature)
		put_field(&head, FIELD_SIGNATURE, "g", call->signature);
	fields = head.used - HEAD_BYTES;
	memcpy(head.bytes + 12, &fields, sizeof(fields));
	put_align(&head, 8);
	if (head.full || (arguments && arguments->full))
		return -E2BIG;
	error = write_whole(bus->fd, head.bytes, head.used);
	if (!error && arguments)
		error = write_whole(bus->fd, arguments->bytes, arguments->used);
	return error;
}

static int error_number(const char *name)
{
	if (!strcmp(name, "org.freedesktop.DBus.Error.ServiceUnknown") ||
	    !strcmp(name, "org.freedesktop.DBus.Error.NameHasNoOwner"))
		return -ENOENT;
	return -EREMOTEIO;
}

/* Reads messages until the answer to the last call. */
static int reply_receive(struct dbus *bus, struct dbus_reader *reply,
			 u64 until_ms)
{
	struct dbus_head head;
	u32 bytes;
	int error;

	for (;;) {
		error = read_whole(bus->fd, bus->message, HEAD_BYTES, until_ms);
		if (error)
			return error;
		bytes = dbus_length(bus->message);
		if (!bytes)
			return -EPROTO;
		error = read_whole(bus->fd, bus->message + HEAD_BYTES,
				   bytes - HEAD_BYTES, until_ms);
		if (error)
			return error;
		if (!dbus_parse(bus->message, bytes, &head, reply))
			return -EPROTO;
		if (head.reply_serial != bus->serial)
			continue;
		if (head.type == DBUS_RETURN)
			return 0;
		if (head.type != DBUS_ERROR)
			continue;
		snprintf(bus->error, sizeof(bus->error), "%s", head.error);
		if (*reply->signature == 's')
			snprintf(bus->error, sizeof(bus->error), "%s",
				 dbus_get_string(reply));
		return error_number(head.error);
	}
}

int dbus_call(struct dbus *bus, const struct dbus_call *call,
	      const struct dbus_writer *arguments, struct dbus_reader *reply,
	      int limit_ms)
{
	int error = call_send(bus, call, arguments);

	if (error)
		return error;
	return reply_receive(bus, reply, now_ms() + (u64)limit_ms);
}

/* "AUTH EXTERNAL" with the user's number, its digits in hexadecimal. */
static int authenticate(struct dbus *bus)
{
	char line[64] = "AUTH EXTERNAL ", digits[16];
	u64 until_ms = now_ms() + OPEN_LIMIT_MS;
	size_t used = strlen(line), i;
	u8 byte;
	int error;

	snprintf(digits, sizeof(digits), "%u", (unsigned int)geteuid());
	for (i = 0; digits[i]; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 "%02x", (unsigned int)digits[i]);
	snprintf(line + used, sizeof(line) - used, "\r\n");
	error = write_whole(bus->fd, "", 1);
	if (!error)
		error = write_whole(bus->fd, line, strlen(line));
	/* "OK <the bus's id>" */
	for (used = 0; !error; used++) {
		error = read_whole(bus->fd, &byte, 1, until_ms);
		if (!error && used < 3 && byte != (u8) "OK "[used])
			error = -EACCES;
		if (used > DBUS_NAME_BYTES)
			error = -EPROTO;
		if (byte == '\n')
			break;
	}
	return error ? error : write_whole(bus->fd, "BEGIN\r\n", 7);
}

int dbus_open(struct dbus *bus, const char *path)
{
	static const struct dbus_call hello = { "org.freedesktop.DBus",
						"/org/freedesktop/DBus",
						"org.freedesktop.DBus", "Hello",
						"" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct dbus_reader reply;
	int error;

	bus->serial = 0;
	*bus->error = '\0';
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bus->fd < 0)
		return -errno;
	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return -ENAMETOOLONG;
	if (connect(bus->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	error = authenticate(bus);
	if (error)
		return error;
	return dbus_call(bus, &hello, NULL, &reply, OPEN_LIMIT_MS);
}

void dbus_close(struct dbus *bus)
{
	if (bus->fd >= 0)
		close(bus->fd);
	bus->fd = -1;
}

bool dbus_has_service(struct dbus *bus, const char *name)
{
	static const struct dbus_call owner = { "org.freedesktop.DBus",
						"/org/freedesktop/DBus",
						"org.freedesktop.DBus",
						"NameHasOwner", "s" };
	struct dbus_writer arguments = { .used = 0 };
	struct dbus_reader reply;

	dbus_put_string(&arguments, name);
	return !dbus_call(bus, &owner, &arguments, &reply, PROPERTY_LIMIT_MS) &&
	       dbus_get_u32(&reply) && !reply.bad;
}

int dbus_property(struct dbus *bus, const char *service, const char *path,
		  const char *interface, const char *name,
		  const char *signature, struct dbus_reader *reply)
{
	struct dbus_call call = { service, path,
				  "org.freedesktop.DBus.Properties", "Get",
				  "ss" };
	struct dbus_writer arguments = { .used = 0 };
	int error;

	dbus_put_string(&arguments, interface);
	dbus_put_string(&arguments, name);
	error = dbus_call(bus, &call, &arguments, reply, PROPERTY_LIMIT_MS);
	if (error)
		return error;
	dbus_get_variant(reply, signature);
	return reply->bad ? -EPROTO : 0;
}
