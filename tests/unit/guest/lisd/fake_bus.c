/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "fake_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/lisd/kvp/dbus.h"

static void read_all(int fd, void *data, size_t bytes)
{
	u8 *at = data;
	ssize_t got;

	while (bytes) {
		got = read(fd, at, bytes);
		if (got <= 0)
			_exit(0);
		at += got;
		bytes -= (size_t)got;
	}
}

/* A return (2) or an error (3), its fields written by hand. */
static void answer_send(int fd, u32 serial, const struct fake_answer *answer)
{
	u8 message[4096] = { 'l', answer->signature ? 2 : 3, 0, 1 };
	u32 at = 16, fields;
	const char *text =
		answer->signature ? answer->signature : "org.test.Failed";
	u32 length = (u32)strlen(text);

	memcpy(message + 4, &answer->bytes, 4);
	message[8] = 1;
	memcpy(message + at, "\5\1u\0", 4); /* REPLY_SERIAL */
	memcpy(message + at + 4, &serial, 4);
	at += 8;
	if (answer->signature) {
		memcpy(message + at, "\10\1g\0", 4);
		message[at + 4] = (u8)length;
		memcpy(message + at + 5, text, length);
		at += 6 + length;
	} else {
		memcpy(message + at, "\4\1s\0", 4);
		memcpy(message + at + 4, &length, 4);
		memcpy(message + at + 8, text, length);
		at += 9 + length;
	}
	fields = at - 16;
	memcpy(message + 12, &fields, 4);
	at = (at + 7) & ~7u;
	if (answer->bytes)
		memcpy(message + at, answer->body, answer->bytes);
	(void)!write(fd, message, at + answer->bytes);
}

static void serve(int fd, const struct fake_answer *answers)
{
	static const struct fake_answer failed = { .member = "" };
	static u8 message[DBUS_MESSAGE_BYTES];
	const struct fake_answer *answer;
	char byte = 0;
	u32 bytes, serial;

	/* The line of authentication, then "BEGIN". */
	while (byte != '\n')
		read_all(fd, &byte, 1);
	(void)!write(fd, "OK 0123456789abcdef\r\n", 21);
	for (byte = 0; byte != '\n';)
		read_all(fd, &byte, 1);
	for (;;) {
		read_all(fd, message, 16);
		bytes = dbus_length(message);
		if (!bytes)
			_exit(1);
		read_all(fd, message + 16, bytes - 16);
		memcpy(&serial, message + 8, 4);
		for (answer = answers; answer->member; answer++)
			if (memmem(message, bytes, answer->member,
				   strlen(answer->member) + 1) &&
			    memmem(message, bytes, answer->path,
				   strlen(answer->path) + 1))
				break;
		if (memmem(message, bytes, "Hello", 6)) {
			static const struct fake_answer name = { "", "", "s",
								 "\4\0\0\0:1.1",
								 9 };

			answer_send(fd, serial, &name);
			continue;
		}
		answer_send(fd, serial, answer->member ? answer : &failed);
	}
}

pid_t fake_bus_start(const char *path, const struct fake_answer *answers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(accept(fd, NULL, NULL), answers);
	}
	close(fd);
	return pid;
}
