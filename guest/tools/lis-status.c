// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * lis-status - what this guest has of its host's services, and what it lacks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "guest/common/hypervisor.h"
#include "guest/common/json_write.h"
#include "guest/tools/status.h"

/* The build says it; what only reads the source does not. */
#ifndef LIS_VERSION
#define LIS_VERSION "unknown"
#endif

#define EXIT_WRONG  1
#define EXIT_USAGE  2
#define EXIT_ABSENT 3

/* Of klogctl(), which has no names for its actions. (man 2 syslog) */
#define SYSLOG_READ_ALL	   3
#define SYSLOG_SIZE_BUFFER 10
#define LOG_MAX_BYTES	   (16 << 20)

static const char usage[] =
	"usage: lis-status [--json] [--sysfs FOLDER] [--proc FOLDER]\n"
	"Show which services the host offers to this guest, what drives and\n"
	"serves each, and what is missing.\n"
	"\n"
	"      --json      everything, as JSON\n"
	"      --sysfs FOLDER  where sysfs is mounted, instead of /sys\n"
	"      --proc FOLDER   where proc is mounted, instead of /proc\n"
	"  -h, --help      this text\n"
	"  -V, --version   the version\n"
	"\n"
	"Exit status: 0 whatever is offered is served, 1 something is "
	"missing,\n"
	"2 wrong usage, 3 there is no VMBus here. See lis-status(8).\n";

struct arguments {
	bool json;
	const char *sys;
	const char *proc;
};

static const char *opened_text(enum status_opened opened)
{
	static const char *const texts[] = { "?", "no", "yes" };

	return texts[opened];
}

static const char *row_name(const struct status_row *row)
{
	if (!row->class)
		return "Unknown device";
	return row->class->name ? row->class->name : row->class->shown;
}

static void since_text(time_t since, char *text, size_t capacity_bytes)
{
	struct tm broken_down;

	text[0] = '\0';
	if (since && gmtime_r(&since, &broken_down))
		strftime(text, capacity_bytes, "%Y-%m-%dT%H:%M:%SZ",
			 &broken_down);
}

static void print_row(const struct status_row *row)
{
	char since[32], server[96] = "";

	since_text(row->since, since, sizeof(since));
	if (row->pid)
		snprintf(server, sizeof(server), "%s (%d)", row->process,
			 (int)row->pid);
	else if (row->device && row->class && !row->class->node &&
		 row->device->driver[0])
		strcpy(server, "kernel");
	printf("%-24s %-7s %-6s %-15s %-24s %-20s %s\n", row_name(row),
	       row->device ? "yes" : "no",
	       row->device ? opened_text(row->opened) : "",
	       row->device ? row->device->driver : "", server, since,
	       row->version);
}

static void print_all(const struct status *status)
{
	uint32_t i;
	bool first = true;

	printf("VMBus version: %s\n\n",
	       status->bus_version[0] ? status->bus_version : "not known");
	printf("%-24s %-7s %-6s %-15s %-24s %-20s %s\n", "Service", "Offered",
	       "Opened", "Driver", "Served by", "Since", "Version");
	for (i = 0; i < status->count; i++)
		print_row(&status->rows[i]);
	for (i = 0; i < status->count; i++) {
		if (!status->rows[i].advice[0])
			continue;
		printf("%s%s: %s.\n", first ? "\n" : "",
		       row_name(&status->rows[i]), status->rows[i].advice);
		first = false;
	}
}

static void json_text(struct json_write *json, const char *name,
		      const char *text)
{
	json_write_member(json, name);
	json_write_text(json, text && text[0] ? text : NULL);
}

static void json_row(struct json_write *json, const struct status_row *row)
{
	char since[32];

	since_text(row->since, since, sizeof(since));
	json_write_open(json, '{');
	json_text(json, "service", row_name(row));
	json_write_member(json, "offered");
	json_write_bool(json, row->device != NULL);
	json_write_member(json, "opened");
	if (row->opened == STATUS_OPENED_UNKNOWN)
		json_write_text(json, NULL);
	else
		json_write_bool(json, row->opened == STATUS_OPENED_YES);
	json_text(json, "device", row->device ? row->device->name : NULL);
	json_text(json, "driver", row->device ? row->device->driver : NULL);
	json_text(json, "node", row->node);
	json_text(json, "process", row->process);
	json_write_member(json, "pid");
	if (row->pid)
		json_write_number(json, (uint64_t)row->pid);
	else
		json_write_text(json, NULL);
	json_text(json, "since", since);
	json_text(json, "version", row->version);
	json_write_member(json, "wrong");
	json_write_bool(json, row->wrong);
	json_text(json, "advice", row->advice);
	json_write_close(json, '}');
}

static void json_all(const struct status *status)
{
	struct json_write json = { .out = stdout };
	uint32_t i;

	json_write_open(&json, '{');
	json_text(&json, "vmbus_version", status->bus_version);
	json_write_member(&json, "services");
	json_write_open(&json, '[');
	for (i = 0; i < status->count; i++)
		json_row(&json, &status->rows[i]);
	json_write_close(&json, ']');
	json_write_close(&json, '}');
	putchar('\n');
}

/* The kernel's log; NULL when it may not be read. */
static char *log_read(size_t *size_bytes)
{
	int capacity = klogctl(SYSLOG_SIZE_BUFFER, NULL, 0), size;
	char *log;

	*size_bytes = 0;
	if (capacity <= 0 || capacity > LOG_MAX_BYTES)
		return NULL;
	log = malloc((size_t)capacity);
	if (!log)
		return NULL;
	size = klogctl(SYSLOG_READ_ALL, log, capacity);
	*size_bytes = size > 0 ? (size_t)size : 0;
	return log;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "sysfs", required_argument, NULL, 's' },
		{ "proc", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			arguments->json = true;
			break;
		case 's':
			arguments->sys = optarg;
			break;
		case 'p':
			arguments->proc = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("lis-status " LIS_VERSION);
			return 0;
		default:
			fputs("lis-status: see lis-status --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"lis-status: '%s' is too much: see lis-status --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .sys = "/sys", .proc = "/proc" };
	struct status_sources sources = { .dev = "/dev" };
	static struct status status;
	int result, error;
	char *log;

	result = parse(argc, argv, &arguments);
	if (result >= 0)
		return result;
	log = log_read(&sources.log_bytes);
	sources.log = log ? log : "";
	sources.sys = arguments.sys;
	sources.proc = arguments.proc;
	error = status_gather(&status, &sources);
	free(log);
	if (error) {
		fprintf(stderr,
			"lis-status: %s/" VMBUS_SYSFS_FOLDER ": %s: %s\n",
			arguments.sys, strerror(error),
			error == ENOENT
				? hypervisor_missing_text(hypervisor_find())
				: "the VMBus cannot be listed");
		return EXIT_ABSENT;
	}
	if (arguments.json)
		json_all(&status);
	else
		print_all(&status);
	result = status.wrong ? EXIT_WRONG : 0;
	status_free(&status);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "lis-status: cannot write: %s\n",
			strerror(errno));
		return EXIT_WRONG;
	}
	return result;
}
