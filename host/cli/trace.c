/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/cli/stream.h"
#include "host/cli/text.h"
#include "host/control/base64.h"
#include "host/control/service_names.h"
#include "host/trace/decode.h"
#include "host/trace/pcapng.h"

static const struct cli_option options[] = {
	{ "messages", 0, NULL, "only channel messages" },
	{ "packets", 0, NULL, "only ring packets" },
	{ "service", 's', "SERVICE", "only packets of this service" },
	{ "pcapng", 'w', "FILE", "write a pcapng file, - for standard output" },
	{ "count", 'c', "N", "leave after so many" },
	{ NULL, 0, NULL, NULL },
};

struct trace {
	const struct cli *cli;
	int only_service; /* enum service_index, -1: all */
	long left;	  /* records until the end, -1: no end */
	FILE *pcapng;	  /* NULL: text or JSON */
};

static u64 number(const json_t *object, const char *name)
{
	return (u64)json_integer_value(json_object_get(object, name));
}

/* A channel that is no component's has the name of its device. */
static enum trace_payload payload_of(int service, const char *name)
{
	if (service >= 0)
		return TRACE_COMPONENT;
	if (!strncmp(name, "SCSI ", 5) || !strncmp(name, "IDE ", 4))
		return TRACE_STORAGE;
	if (!strncmp(name, "Network Adapter ", 16))
		return TRACE_NETWORK;
	return TRACE_BYTES;
}

/*
 * Reads a notification. data: receives the bytes that record points to, to be
 * freed; text: has TRACE_LINE_BYTES of room for the decoded line.
 * Returns 0 or a negative errno.
 */
static int record_make(const json_t *params, struct pcapng_record *record,
		       void **data, char *text)
{
	const char *encoded = cli_text(params, "data");
	size_t length = strlen(encoded);
	int service = service_find(cli_text(params, "service"));
	const json_t *vp = json_object_get(params, "vp");
	ssize_t bytes;

	*data = malloc(length / 4 * 3 + 1);
	if (!*data)
		return -ENOMEM;
	bytes = base64_decode(*data, encoded, length);
	if (bytes < 0)
		return -EPROTO;
	*record = (struct pcapng_record){
		.time_ns = number(params, "time_ns"),
		.to_host =
			strcmp(cli_text(params, "direction"), "to-host") == 0,
		.packet = strcmp(cli_text(params, "kind"), "packet") == 0,
		.relid = (u32)number(params, "relid"),
		.vp = json_is_integer(vp) ? (u32)json_integer_value(vp) : ~0u,
		.service = (u8)(service + 1),
		.lost = number(params, "lost"),
		.data = *data,
		.size_bytes = (size_t)bytes,
		.comment = text,
	};
	if (record->packet)
		trace_packet_text(
			payload_of(service, cli_text(params, "service")), *data,
			record->size_bytes, text, TRACE_LINE_BYTES);
	else
		trace_message_text(*data, record->size_bytes, text,
				   TRACE_LINE_BYTES);
	return 0;
}

static void time_print(u64 time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		printf("%02d:%02d:%02d.%06u ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		       (unsigned int)(time_ns % 1000000000 / 1000));
}

/* "12:34:56.123456 > Heartbeat relid=2 DATA_INBAND ..." */
static int record_print(const struct cli *cli,
			const struct pcapng_record *record)
{
	if (record->lost > 0)
		printf("(%" PRIu64 " lost here: the trace was not read fast "
		       "enough)\n",
		       record->lost);
	time_print(record->time_ns);
	printf("%s ", record->to_host ? "guest>host" : "host>guest");
	if (record->packet && record->service > 0)
		printf("%s ", service_names[record->service - 1].full_name);
	if (record->packet)
		printf("relid=%" PRIu32 " ", record->relid);
	puts(record->comment);
	return cli_flush(cli);
}

static int record_take(struct trace *trace, json_t *params,
		       const struct pcapng_record *record)
{
	int ret;

	if (trace->only_service >= 0 &&
	    record->service != trace->only_service + 1)
		return EXIT_STATUS_OK;
	if (trace->left > 0)
		trace->left--;
	if (trace->pcapng) {
		ret = pcapng_write(trace->pcapng, record);
		if (ret == 0 && fflush(trace->pcapng) != 0)
			ret = -errno;
		return ret == 0 ? EXIT_STATUS_OK
				: cli_fail_text(trace->cli, EIO,
						"cannot write the trace: %s",
						strerror(-ret));
	}
	if (!trace->cli->json)
		return record_print(trace->cli, record);
	json_object_set_new(params, "text", json_string(record->comment));
	return cli_print_line(trace->cli, params);
}

static int notification_take(struct trace *trace, json_t *params)
{
	char text[TRACE_LINE_BYTES];
	struct pcapng_record record;
	void *data;
	int status;
	int ret = record_make(params, &record, &data, text);

	if (ret == 0)
		status = record_take(trace, params, &record);
	else
		status = cli_fail_text(trace->cli, -ret,
				       "the process of VM \"%s\" sent a "
				       "record that cannot be read",
				       trace->cli->operands[0]);
	free(data);
	return status;
}

static int trace_loop(struct trace *trace, struct stream *stream)
{
	struct vm_message message;
	int status = EXIT_STATUS_OK;

	while (status == EXIT_STATUS_OK && trace->left != 0 &&
	       stream_next(stream, &message, &status) == 1) {
		status = notification_take(trace, message.params);
		vm_message_release(&message);
	}
	return status;
}

static int file_open(struct trace *trace)
{
	const char *path = cli_option(trace->cli, "pcapng");
	bool standard = path && strcmp(path, "-") == 0;
	int ret;

	if (!path)
		return EXIT_STATUS_OK;
	if (standard && isatty(STDOUT_FILENO))
		return cli_usage(trace->cli,
				 "a pcapng file is not for a terminal: give a "
				 "file name, or a pipe to a program");
	trace->pcapng = standard ? stdout : fopen(path, "we");
	if (!trace->pcapng)
		return cli_fail_text(trace->cli, EIO, "cannot open %s: %s",
				     path, strerror(errno));
	ret = pcapng_begin(trace->pcapng, trace->cli->operands[0]);
	if (ret == 0 && fflush(trace->pcapng) != 0)
		ret = -errno;
	return ret == 0 ? EXIT_STATUS_OK
			: cli_fail_text(trace->cli, EIO, "cannot write %s: %s",
					path, strerror(-ret));
}

static int file_close(struct trace *trace, int status)
{
	if (!trace->pcapng || trace->pcapng == stdout)
		return status;
	if (fclose(trace->pcapng) != 0 && status == EXIT_STATUS_OK)
		return cli_fail_text(trace->cli, EIO, "cannot write %s: %s",
				     cli_option(trace->cli, "pcapng"),
				     strerror(errno));
	return status;
}

static int options_take(struct trace *trace)
{
	const struct cli *cli = trace->cli;
	const char *count = cli_option(cli, "count");
	const char *service = cli_option(cli, "service");
	char *end;

	trace->left = count ? strtol(count, &end, 10) : -1;
	if (count && (*end || end == count || trace->left < 1))
		return cli_usage(cli, "--count: \"%s\" is not a number above 0",
				 count);
	trace->only_service = service ? service_find(service) : -1;
	if (service && trace->only_service < 0)
		return cli_usage(cli,
				 "--service: there is no service \"%s\"; use "
				 "fcopy, heartbeat, kvp, shutdown, timesync or "
				 "vss",
				 service);
	if (service && cli_option(cli, "messages"))
		return cli_usage(cli, "--messages and --service exclude each "
				      "other: messages are not of a service");
	return EXIT_STATUS_OK;
}

static int trace(struct cli *cli)
{
	bool messages = cli_option(cli, "messages") != NULL;
	bool packets = cli_option(cli, "packets") != NULL;
	struct trace trace = { .cli = cli };
	struct stream stream;
	int status = options_take(&trace);

	if (status != EXIT_STATUS_OK)
		return status;
	if (!messages && !packets) {
		messages = !cli_option(cli, "service");
		packets = true;
	}
	status = stream_open(&stream, cli, "trace.follow",
			     json_pack("{s:b, s:b}", "messages", messages,
				       "packets", packets),
			     "trace");
	if (status != EXIT_STATUS_OK)
		return status;
	status = file_open(&trace);
	if (status == EXIT_STATUS_OK)
		status = trace_loop(&trace, &stream);
	status = file_close(&trace, status);
	stream_close(&stream);
	return status;
}

const struct cli_command command_trace = {
	.name = "trace",
	.summary = "Show what goes over the bus of a VM",
	.operands = "VM",
	.operands_min = 1,
	.operands_max = 1,
	.options = options,
	.handler = trace,
};
