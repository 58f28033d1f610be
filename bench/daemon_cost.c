/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * daemon_cost - processor time that lisd takes for requests of key-value
 * exchange, beside the distribution's daemon: on this machine, without a VM,
 * with a socket in the place of the driver's device.
 *
 *	bench_daemon_cost SHIM DAEMON JSON
 *
 * The pools of both are in memory, in a mount namespace of their own (which
 * wants root). Each is started in turn, some times; the least counts, for what
 * else runs here only adds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/hyperv.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/daemon_shim.h"
#include "guest/lisd/kvp/kvp.h"

#define ITEMS	   250
#define ROUNDS	   5
#define LIMIT_MS   60000
#define SETTLE_MS  300
#define NS_PER_MS  1e6
#define POOL_PLACE "/var/lib"

enum job { JOB_SET, JOB_SET_AGAIN, JOB_ENUMERATE, JOB_REMOVE, JOB_COUNT };

static const char *const job_names[JOB_COUNT] = { "set", "set_again",
						  "enumerate", "remove" };

struct daemon {
	const char *name;
	double least_ms[JOB_COUNT];
	pid_t pid;
	int fd;
};

static struct hv_kvp_msg message;

static void die(const char *what)
{
	fprintf(stderr, "daemon_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* sched-stats: "time on the processor, time waiting, turns", the first in ns */
static double spent_ms(pid_t pid)
{
	unsigned long long spent_ns = 0;
	char path[64];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	stream = fopen(path, "re");
	if (!stream || fscanf(stream, "%llu", &spent_ns) != 1)
		die(path);
	fclose(stream);
	return (double)spent_ns / NS_PER_MS;
}

static int serve(int fd)
{
	static struct lisd_env env = { .service = &lisd_kvp, .report_fd = -1 };

	env.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (env.service->prepare(&env) ||
	    sandbox_enter(env.service->capabilities, env.service->rules,
			  env.service->rule_count))
		return 1;
	return (int)env.service->run(&env, fd);
}

static void receive(const struct daemon *daemon)
{
	struct pollfd wait = { .fd = daemon->fd, .events = POLLIN };

	if (poll(&wait, 1, LIMIT_MS) != 1 ||
	    recv(daemon->fd, &message, sizeof(message), 0) !=
		    (ssize_t)sizeof(message))
		die(daemon->name);
}

static void request_send(const struct daemon *daemon)
{
	if (send(daemon->fd, &message, sizeof(message), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(message))
		die(daemon->name);
}

/* @other: program of the other daemon; NULL for ours. */
static void daemon_start(struct daemon *daemon, const char *shim,
			 const char *other)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	daemon->pid = fork();
	if (!daemon->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		if (!other)
			_exit(serve(ends[1]));
		if (dup2(ends[1], SHIM_FD) < 0 || setenv("LD_PRELOAD", shim, 1))
			_exit(1);
		execl(other, other, "-n", (char *)NULL);
		_exit(1);
	}
	close(ends[1]);
	daemon->fd = ends[0];
	receive(daemon);
	memset(&message, 0, sizeof(message));
	message.kvp_hdr.operation = KVP_OP_REGISTER1;
	strcpy((char *)message.body.kvp_register.version, "3.1");
	request_send(daemon);
	poll(NULL, 0, SETTLE_MS);
}

static void daemon_end(const struct daemon *daemon)
{
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, NULL, 0);
	close(daemon->fd);
}

static void request_make(enum job job, u32 number)
{
	struct hv_kvp_exchg_msg_value *data = &message.body.kvp_set.data;
	char key[32];
	u32 bytes = (u32)snprintf(key, sizeof(key), "key %u", number) + 1;

	memset(&message, 0, sizeof(message));
	message.kvp_hdr.pool = KVP_POOL_EXTERNAL;
	switch (job) {
	case JOB_SET:
	case JOB_SET_AGAIN:
		message.kvp_hdr.operation = KVP_OP_SET;
		data->value_type = REG_SZ;
		memcpy(data->key, key, bytes);
		data->key_size = bytes;
		strcpy((char *)data->value, job_names[job]);
		data->value_size = (u32)strlen(job_names[job]) + 1;
		break;
	case JOB_ENUMERATE:
		message.kvp_hdr.operation = KVP_OP_ENUMERATE;
		message.body.kvp_enum_data.index = number;
		break;
	case JOB_REMOVE:
	case JOB_COUNT:
		message.kvp_hdr.operation = KVP_OP_DELETE;
		memcpy(message.body.kvp_delete.key, key, bytes);
		message.body.kvp_delete.key_size = bytes;
		break;
	}
}

static void measure(struct daemon *daemon)
{
	double before_ms, took_ms;
	u32 job, i;

	for (job = 0; job < JOB_COUNT; job++) {
		before_ms = spent_ms(daemon->pid);
		for (i = 0; i < ITEMS; i++) {
			request_make((enum job)job, i);
			request_send(daemon);
			receive(daemon);
			if (message.error) {
				fprintf(stderr, "%s: %s %u: %#x\n",
					daemon->name, job_names[job], i,
					(unsigned int)message.error);
				exit(1);
			}
		}
		took_ms = spent_ms(daemon->pid) - before_ms;
		if (!daemon->least_ms[job] || took_ms < daemon->least_ms[job])
			daemon->least_ms[job] = took_ms;
	}
}

static void tell(const struct daemon *daemons, const char *path)
{
	FILE *json = fopen(path, "we");
	u32 i, job;

	if (!json)
		die(path);
	printf("%-24s %10s %10s %8s\n", "us of an item", "debian", "lisd",
	       "ratio");
	for (job = 0; job < JOB_COUNT; job++)
		printf("%-24s %10.1f %10.1f %8.2f\n", job_names[job],
		       daemons[0].least_ms[job] * 1000 / ITEMS,
		       daemons[1].least_ms[job] * 1000 / ITEMS,
		       daemons[1].least_ms[job] / daemons[0].least_ms[job]);
	fprintf(json, "{");
	for (i = 0; i < 2; i++) {
		fprintf(json, "%s\"%s\": {", i ? ", " : "", daemons[i].name);
		for (job = 0; job < JOB_COUNT; job++)
			fprintf(json, "%s\"%s_us\": %.1f", job ? ", " : "",
				job_names[job],
				daemons[i].least_ms[job] * 1000 / ITEMS);
		fprintf(json, "}");
	}
	fprintf(json, "}\n");
	fclose(json);
}

int main(int argc, char **argv)
{
	struct daemon daemons[] = { { .name = "debian" }, { .name = "lisd" } };
	int round, i;

	if (argc != 4) {
		fprintf(stderr, "Usage: %s SHIM DAEMON JSON\n", argv[0]);
		return 2;
	}
	if (unshare(CLONE_NEWNS) ||
	    mount("", "/", "", MS_PRIVATE | MS_REC, "") ||
	    mount("pools", POOL_PLACE, "tmpfs", 0, "") ||
	    mkdir(KVP_FOLDER, 0755))
		die("a place for the pools (root is wanted)");
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < 2; i++) {
			daemon_start(&daemons[i], argv[1], i ? NULL : argv[2]);
			measure(&daemons[i]);
			daemon_end(&daemons[i]);
		}
	tell(daemons, argv[3]);
	return 0;
}
