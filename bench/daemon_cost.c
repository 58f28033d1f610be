/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * daemon_cost - processor time that lisd takes for key-value exchange and file
 * copy, beside the distribution's daemons: on this machine, without a VM, with
 * a socket in the place of the driver's device.
 *
 *	bench_daemon_cost SHIM FOLDER JSON
 *
 * FOLDER has hv_kvp_daemon and hv_fcopy_daemon. What all of them write is in
 * memory, in a mount namespace of its own (which wants root). Each is started
 *in turn, some times; the least counts, for what else runs here only adds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/hyperv.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/daemon.h"
#include "guest/lisd/fcopy/fcopy.h"
#include "guest/lisd/kvp/kvp.h"

#define ITEMS	    250
#define FILE_PIECES 20000 /* of DATA_FRAGMENT: 123 MB */
#define ROUNDS	    5
#define SETTLE_MS   300
#define US_PER_MS   1000
#define PLACE	    "/var/lib"
#define PATH_BYTES  512

enum job {
	JOB_SET,
	JOB_SET_AGAIN,
	JOB_ENUMERATE,
	JOB_REMOVE,
	JOB_COPY,
	JOB_COUNT
};

static const struct {
	const char *name;
	u32 steps;
} jobs[JOB_COUNT] = {
	[JOB_SET] = { "set", ITEMS },
	[JOB_SET_AGAIN] = { "set_again", ITEMS },
	[JOB_ENUMERATE] = { "enumerate", ITEMS },
	[JOB_REMOVE] = { "remove", ITEMS },
	[JOB_COPY] = { "copy_6_kib", FILE_PIECES },
};

/* Of each job, the distribution's and ours. */
static double least_ms[JOB_COUNT][2];

static void spent(enum job job, int whose, double took_ms)
{
	double *least = &least_ms[job][whose];

	if (!*least || took_ms < *least)
		*least = took_ms;
}

static void failed(const struct daemon *daemon, enum job job, u32 status)
{
	fprintf(stderr, "daemon_cost: %s: %s: status %#x\n", daemon->name,
		jobs[job].name, status);
	exit(1);
}

static void item_make(struct hv_kvp_msg *message, enum job job, u32 number)
{
	struct hv_kvp_exchg_msg_value *data = &message->body.kvp_set.data;
	char key[32];
	u32 bytes = (u32)snprintf(key, sizeof(key), "key %u", number) + 1;

	memset(message, 0, sizeof(*message));
	message->kvp_hdr.pool = KVP_POOL_EXTERNAL;
	if (job == JOB_ENUMERATE) {
		message->kvp_hdr.operation = KVP_OP_ENUMERATE;
		message->body.kvp_enum_data.index = number;
	} else if (job == JOB_REMOVE) {
		message->kvp_hdr.operation = KVP_OP_DELETE;
		memcpy(message->body.kvp_delete.key, key, bytes);
		message->body.kvp_delete.key_size = bytes;
	} else {
		message->kvp_hdr.operation = KVP_OP_SET;
		data->value_type = REG_SZ;
		memcpy(data->key, key, bytes);
		data->key_size = bytes;
		strcpy((char *)data->value, jobs[job].name);
		data->value_size = (u32)strlen(jobs[job].name) + 1;
	}
}

static void key_value(struct daemon *daemon, int whose)
{
	static struct hv_kvp_msg message;
	double before_ms;
	u32 job, i;

	daemon_start(daemon, sizeof(message));
	message.kvp_hdr.operation = KVP_OP_REGISTER1;
	strcpy((char *)message.body.kvp_register.version, "3.1");
	daemon_tell(daemon, &message, sizeof(message));
	poll(NULL, 0, SETTLE_MS);
	for (job = JOB_SET; job <= JOB_REMOVE; job++) {
		before_ms = daemon_spent_ms(daemon);
		for (i = 0; i < jobs[job].steps; i++) {
			item_make(&message, (enum job)job, i);
			daemon_tell(daemon, &message, sizeof(message));
			daemon_hear(daemon, &message, sizeof(message));
			if (message.error)
				failed(daemon, (enum job)job,
				       (u32)message.error);
		}
		spent((enum job)job, whose,
		      daemon_spent_ms(daemon) - before_ms);
	}
	daemon_end(daemon);
}

/* One request of file copy, which must work. */
static void copy_step(const struct daemon *daemon, const void *message,
		      size_t bytes)
{
	u32 status;

	daemon_tell(daemon, message, bytes);
	daemon_hear(daemon, &status, sizeof(status));
	if (status)
		failed(daemon, JOB_COPY, status);
}

static void file_copy(struct daemon *daemon, int whose)
{
	static struct hv_do_fcopy piece;
	static struct hv_start_fcopy start;
	struct hv_fcopy_hdr end = { .operation = COMPLETE_FCOPY };
	u32 version = 0, i;
	double before_ms;

	daemon_start(daemon, sizeof(version));
	daemon_tell(daemon, &version, sizeof(version));
	poll(NULL, 0, SETTLE_MS);
	/* The driver gives the names as bytes. */
	start.hdr.operation = START_FILE_COPY;
	strcpy((char *)start.file_name, "copied");
	strcpy((char *)start.path_name, PLACE);
	start.copy_flags = OVER_WRITE;
	start.file_size = (u64)FILE_PIECES * DATA_FRAGMENT;
	piece.hdr.operation = WRITE_TO_FILE;
	piece.size = DATA_FRAGMENT;
	memset(piece.data, 'x', sizeof(piece.data));
	before_ms = daemon_spent_ms(daemon);
	copy_step(daemon, &start, sizeof(start));
	for (i = 0; i < FILE_PIECES; i++) {
		piece.offset = (u64)i * DATA_FRAGMENT;
		copy_step(daemon, &piece, sizeof(piece));
	}
	copy_step(daemon, &end, sizeof(end));
	spent(JOB_COPY, whose, daemon_spent_ms(daemon) - before_ms);
	daemon_end(daemon);
	unlink(PLACE "/copied");
}

static void tell(const char *path)
{
	FILE *json = fopen(path, "we");
	double theirs, ours;
	u32 job;

	if (!json) {
		die(path);
		return;
	}
	printf("%-24s %10s %10s %8s\n", "us of one", "debian", "lisd", "ratio");
	for (job = 0; job < JOB_COUNT; job++) {
		theirs = least_ms[job][0] * US_PER_MS / jobs[job].steps;
		ours = least_ms[job][1] * US_PER_MS / jobs[job].steps;
		printf("%-24s %10.1f %10.1f %8.2f\n", jobs[job].name, theirs,
		       ours, ours / theirs);
		fprintf(json, "%c\"%s_us\": {\"debian\": %.2f, \"lisd\": %.2f}",
			job ? ',' : '{', jobs[job].name, theirs, ours);
	}
	fprintf(json, "}\n");
	fclose(json);
}

int main(int argc, char **argv)
{
	char kvp[PATH_BYTES], fcopy[PATH_BYTES];
	int round, whose;

	if (argc != 4) {
		fprintf(stderr, "Usage: %s SHIM FOLDER JSON\n", argv[0]);
		return 2;
	}
	snprintf(kvp, sizeof(kvp), "%s/hv_kvp_daemon", argv[2]);
	snprintf(fcopy, sizeof(fcopy), "%s/hv_fcopy_daemon", argv[2]);
	if (unshare(CLONE_NEWNS) ||
	    mount("", "/", "", MS_PRIVATE | MS_REC, "") ||
	    mount("place", PLACE, "tmpfs", 0, "") || mkdir(KVP_FOLDER, 0755))
		die("a place in memory (root is wanted)");
	for (round = 0; round < ROUNDS; round++)
		for (whose = 0; whose < 2; whose++) {
			struct daemon daemon = {
				.name = whose ? "lisd" : "debian",
				.shim = argv[1],
			};

			daemon.path = whose ? NULL : kvp;
			daemon.service = &lisd_kvp;
			key_value(&daemon, whose);
			daemon.path = whose ? NULL : fcopy;
			daemon.service = &lisd_fcopy;
			file_copy(&daemon, whose);
		}
	tell(argv[3]);
	return 0;
}
