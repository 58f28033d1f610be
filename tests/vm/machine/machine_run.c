/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * machine_run - a machine without a bus: runs a kernel on host/vm and writes
 * what the guest does, one line each, for tests to read.
 *
 *   machine_run KERNEL INITRD COMMAND_LINE VCPUS MEMORY_MIB [huge] [plain]
 *
 * Guest output goes to standard output as it is; our lines begin with "@".
 * Standard input takes commands: pause, resume, nmi, time, quit, and type TEXT.
 * A reset makes a new machine.
 */
#define _GNU_SOURCE
#include "host/vm/machine.h"

#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct run {
	struct machine *machine;
	int stopped_fd;
	int room_fd; /* written when the serial port has room again */
	enum machine_stop reason;
};

/*
 * Operations run on filtered vCPU threads, where stdio's first use of a file is
 * not allowed: one string, one write.
 */
static void say(const char *format, ...)
{
	char text[5000];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length < 0 || write(1, text, (size_t)length) < 0)
		abort();
}

static u16 post_message(void *context, u32 connection_id, u32 message_type,
			const void *payload, u32 size_bytes)
{
	const u8 *bytes = payload;
	char hex[64] = "";
	u32 i;

	(void)context;
	for (i = 0; i < size_bytes && i < 24; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	say("\n@message connection %u type %u size %u %s\n", connection_id,
	    message_type, size_bytes, hex);
	return MACHINE_HV_SUCCESS;
}

static void serial_output(void *context, const void *bytes, u32 size_bytes)
{
	(void)context;
	if (write(1, bytes, size_bytes) < 0)
		abort();
}

static void serial_input_ready(void *context)
{
	struct run *run = context;
	u64 one = 1;

	if (write(run->room_fd, &one, sizeof(one)) < 0)
		abort();
}

static void crashed(void *context, const u64 parameters[5], const char *text)
{
	(void)context;
	say("\n@crash %llx %llx %llx %llx %llx\n@text %zu\n%s\n@end\n",
	    (unsigned long long)parameters[0],
	    (unsigned long long)parameters[1],
	    (unsigned long long)parameters[2],
	    (unsigned long long)parameters[3],
	    (unsigned long long)parameters[4], text ? strlen(text) : 0,
	    text ? text : "");
}

static void stopped(void *context, enum machine_stop reason, const char *text)
{
	struct run *run = context;
	u64 one = 1;

	run->reason = reason;
	say("\n@stopped %d %s\n", (int)reason, text);
	if (write(run->stopped_fd, &one, sizeof(one)) < 0)
		abort();
}

static u32 count_entries(const char *path)
{
	DIR *folder = opendir(path);
	u32 count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static void print_counts(const char *when)
{
	char line[128];
	unsigned int rss = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmRSS: %u", &rss);
	if (file)
		fclose(file);
	printf("@counts %s fds %u threads %u rss %u\n", when,
	       count_entries("/proc/self/fd"), count_entries("/proc/self/task"),
	       rss);
	fflush(stdout);
}

static void answer(const char *what, int ret, const struct lis_error *err)
{
	printf("@%s %d %s\n", what, ret, ret ? err->text : "");
	fflush(stdout);
}

/* All of it, at the pace of the guest. */
static void type(struct run *run, const char *text, u32 length)
{
	u32 waits = 0;

	while (length) {
		u32 taken = machine_serial_input(run->machine, text, length);
		u64 count;

		text += taken;
		length -= taken;
		if (!length)
			break;
		if (read(run->room_fd, &count, sizeof(count)) < 0)
			abort();
		waits++;
	}
	printf("@type waits %u\n", waits);
}

/* False: end. */
static bool command(struct run *run, const char *line)
{
	struct lis_error err = { "" };
	u32 length = (u32)strlen(line);

	if (!strcmp(line, "pause"))
		answer(line, machine_pause(run->machine, &err), &err);
	else if (!strcmp(line, "resume"))
		answer(line, machine_resume(run->machine, &err), &err);
	else if (!strcmp(line, "nmi"))
		answer(line, machine_nmi(run->machine, &err), &err);
	else if (!strcmp(line, "time"))
		printf("@time %llu\n",
		       (unsigned long long)machine_reference_time_100ns(
			       run->machine));
	else if (!strncmp(line, "type ", 5))
		type(run, line + 5, length - 5);
	else if (!strcmp(line, "quit"))
		return false;
	fflush(stdout);
	return true;
}

/* Until the machine stops, or there are no more commands. */
static bool follow(struct run *run)
{
	struct pollfd fds[] = { { .fd = run->stopped_fd, .events = POLLIN },
				{ .fd = 0, .events = POLLIN } };
	char line[4096];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			return false;
		if (fds[0].revents)
			return true;
		if (!fds[1].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin)) {
			fds[1].fd = -1;
			continue;
		}
		if (strncmp(line, "type ", 5))
			line[strcspn(line, "\n")] = 0;
		if (!command(run, line))
			return false;
	}
}

static int run_once(const struct machine_config *config, struct run *run)
{
	struct lis_error err = { "" };
	bool ended;

	run->stopped_fd = eventfd(0, EFD_CLOEXEC);
	run->room_fd = eventfd(0, EFD_CLOEXEC);
	if (machine_create(&run->machine, config, &err) ||
	    machine_start(run->machine, &err)) {
		printf("@error %s\n", err.text);
		machine_destroy(run->machine);
		close(run->stopped_fd);
		close(run->room_fd);
		return -1;
	}
	ended = follow(run);
	if (ended)
		print_counts("running");
	machine_destroy(run->machine);
	close(run->stopped_fd);
	close(run->room_fd);
	print_counts("destroyed");
	return ended && run->reason == MACHINE_STOP_RESET ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct machine_config config = {
		.ops = { .post_message = post_message,
			 .serial_output = serial_output,
			 .serial_input_ready = serial_input_ready,
			 .crashed = crashed,
			 .stopped = stopped },
		.context = &run,
	};
	int ret, i;

	if (argc < 6) {
		fprintf(stderr, "usage: machine_run KERNEL INITRD|- "
				"COMMAND_LINE VCPUS MEMORY_MIB [huge] "
				"[plain]\n");
		return 2;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	config.kernel = argv[1];
	config.initrd = strcmp(argv[2], "-") ? argv[2] : NULL;
	config.command_line = argv[3];
	config.vcpus = (u32)atoi(argv[4]);
	config.memory_bytes = (u64)atoll(argv[5]) << 20;
	for (i = 6; i < argc; i++) {
		config.huge_pages |= !strcmp(argv[i], "huge");
		config.no_sandbox |= !strcmp(argv[i], "plain");
	}
	print_counts("start");
	do
		ret = run_once(&config, &run);
	while (ret > 0);
	return ret < 0;
}
