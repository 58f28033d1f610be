/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * server_link.h - a control server and its clients in one thread.
 *
 * Here: the loop's turns, connections, lines. Not here: methods.
 */
#ifndef TESTS_UNIT_HOST_PROCESS_SERVER_LINK_H
#define TESTS_UNIT_HOST_PROCESS_SERVER_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/control/server.h"

extern struct control_server *link_server;
extern unsigned int link_followers_changes;

/* Begin to serve @methods with link_context as their context; end, and check
 * that nothing stayed open. */
extern int link_context;
void link_begin(const struct control_method *methods, size_t count);
void link_end(void);

/* Some turns of the loop. */
void link_turn(void);

/* A new connection. */
int link_connect(void);

/* Send all of it, letting the server read. */
void link_send(int fd, const char *text);
void link_send_bytes(int fd, const void *bytes, size_t count);

/* The next line from the server, parsed: a new reference. Fails the test when
 * none comes; link_closed() is for connections that end. */
json_t *link_receive(int fd);
bool link_closed(int fd);

/* The next line as it is, ended by its newline and NUL; to be freed. */
char *link_line(int fd);

/* Nothing has come, and the connection stands. */
void link_silent(int fd);

/* One request and its answer: the result, or with @code the error's code is
 * expected and its message must be there. A new reference, or NULL. */
json_t *link_call(int fd, const char *request, int code);

#endif
