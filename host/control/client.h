/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * client.h - a connection to the process of a running VM.
 *
 * Here: JSON-RPC 2.0 over the VM's control socket, one object per line
 * (docs/control-protocol.md): connect, call, notifications, time limits. Not
 * here: what the methods mean, printing.
 *
 * One thread per connection. Every wait is a poll with a limit, and ends early
 * when the file descriptor given to vm_client_interrupt() is readable.
 */
#ifndef HOST_CONTROL_CLIENT_H
#define HOST_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/control/paths.h"
#include "host/vm/error.h"

/* Longest line taken from a VM's process; more is no answer but an attack. */
#define VM_LINE_BYTES_MAX (16u << 20)

/* Most notifications kept while the answer of a call is awaited. */
#define VM_PENDING_MAX 4096

struct vm_client;

/* One line from the VM. To be ended by vm_message_release(). */
struct vm_message {
	json_t *root;	    /* owns all that follows */
	const char *method; /* of a notification; NULL: an answer */
	json_t *params;	    /* of a notification: an object, or NULL */
	uint64_t id;	    /* of an answer */
	json_t *result;	    /* of an answer that is no error, else NULL */
	int error_code; /* JSON-RPC code of an answer that is an error, or 0 */
	const char *error_text;	  /* its sentence, never NULL with a code */
	const char *error_reason; /* data.reason, or "" */
};

/* What a VM answered in place of a result. */
struct vm_failure {
	int code;	 /* JSON-RPC code; 0: the VM did not answer */
	char reason[32]; /* data.reason, or "" */
};

/*
 * Connects to a running VM.
 * Returns 0; -EINVAL the name is not valid; -ENOENT no VM of that name runs
 * (also when a killed one left its socket); -EPERM, -EACCES the runtime
 * directory or socket is not ours; -ETIMEDOUT its process does not accept;
 * another error of socket(2) or connect(2), negative.
 */
int vm_client_connect(struct vm_client **client, const char *name,
		      int timeout_ms, struct lis_error *err);

/* Makes a client of a connected socket, which it closes at the end. */
int vm_client_adopt(struct vm_client **client, const char *name, int fd,
		    struct lis_error *err);

/* Closes the connection and frees the client. NULL is allowed. */
void vm_client_close(struct vm_client *client);

/* The VM's name as given at connect. */
const char *vm_client_name(const struct vm_client *client);

/* The socket, for a poll of the caller's own; never read or write it. */
int vm_client_fd(const struct vm_client *client);

/*
 * Ends every wait with -EINTR while fd is readable; -1 ends that. The caller
 * reads fd.
 */
void vm_client_interrupt(struct vm_client *client, int fd);

/*
 * Sends a request and returns at once.
 * params: an object, taken over; NULL: none.
 * id: receives the request's id, may be NULL.
 * Returns 0; -ENOMEM; -EINTR; -ETIMEDOUT when the VM takes nothing for
 * timeout_ms; -ECONNRESET when its process has ended.
 */
int vm_client_send(struct vm_client *client, const char *method, json_t *params,
		   int timeout_ms, uint64_t *id, struct lis_error *err);

/*
 * Takes the next message, waiting up to timeout_ms for it (0: what has
 * arrived; -1: without limit).
 * Returns 1 and the message; 0 when none came in time; -EINTR; -EPIPE when the
 * VM's process has closed the connection between two lines; -ECONNRESET when
 * it did so in the middle of one; -EPROTO when what it sent is not the
 * protocol; -ENOMEM.
 */
int vm_client_receive(struct vm_client *client, int timeout_ms,
		      struct vm_message *message, struct lis_error *err);

/* Frees what a message holds; one that was never filled must be zero. */
void vm_message_release(struct vm_message *message);

/*
 * Sends a request and waits for its answer. Notifications that arrive
 * meanwhile are kept for vm_client_receive().
 * params: taken over, as in vm_client_send().
 * result: receives the answer's result (to be released with json_decref), may
 * be NULL.
 * failure: receives what the VM answered when it refused, may be NULL.
 * Returns 0; -EREMOTEIO when the VM answered an error (its sentence is in err);
 * -ETIMEDOUT when no answer came; -ECONNRESET when the connection ended
 * before the answer; else as send and receive.
 */
int vm_client_call(struct vm_client *client, const char *method, json_t *params,
		   int timeout_ms, json_t **result, struct vm_failure *failure,
		   struct lis_error *err);

/*
 * Turns an answer that is an error into err and failure.
 * Returns 0 when it is a result, else -EREMOTEIO.
 */
int vm_message_check(const struct vm_message *message,
		     struct vm_failure *failure, struct lis_error *err);

#endif
