/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES  512
#define FACILITY    (3 << 3) /* daemon, RFC 5424 table 1 */
#define SYSLOG_PATH "/dev/log"

static struct {
	const char *name;
	enum log_level most;
	int syslog_fd;
	bool prefix;  /* standard error is the journal's */
	time_t since; /* when the burst began */
	u32 lines;    /* in it */
} logger = { "lisd", LOG_LEVEL_INFO, -1, false, 0, 0 };

/* JOURNAL_STREAM is "device:inode" of standard error, systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char *end;

	if (!stream || fstat(STDERR_FILENO, &status))
		return false;
	device = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	inode = strtoull(end + 1, &end, 10);
	return !*end && device == status.st_dev && inode == status.st_ino;
}

static int syslog_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
				       .sun_path = SYSLOG_PATH };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

void log_open(const char *name, enum log_level most)
{
	logger.name = name;
	logger.most = most;
	logger.prefix = stderr_is_journal();
	if (logger.syslog_fd >= 0) {
		close(logger.syslog_fd);
		logger.syslog_fd = -1;
	}
	if (!logger.prefix && !isatty(STDERR_FILENO))
		logger.syslog_fd = syslog_connect();
}

enum log_level log_most(void)
{
	return logger.most;
}

static bool syslog_send(const char *line, size_t bytes)
{
	if (logger.syslog_fd < 0)
		return false;
	if (send(logger.syslog_fd, line, bytes, MSG_NOSIGNAL) >= 0)
		return true;
	/* syslogd was started anew: its socket is another one. */
	close(logger.syslog_fd);
	logger.syslog_fd = syslog_connect();
	return logger.syslog_fd >= 0 &&
	       send(logger.syslog_fd, line, bytes, MSG_NOSIGNAL) >= 0;
}

/* Puts the head of a line into @line: its length. */
static int head_write(char *line, size_t bytes, enum log_level level)
{
	if (logger.syslog_fd >= 0)
		return snprintf(line, bytes, "<%d>%s[%d]: ", FACILITY | level,
				logger.name, (int)getpid());
	if (logger.prefix)
		return snprintf(line, bytes, "<%d>", level);
	return snprintf(line, bytes, "%s: ", logger.name);
}

static void line_send(char *line, int head)
{
	size_t used = strlen(line), i;

	for (i = (size_t)head; i < used; i++)
		if ((u8)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (syslog_send(line, used))
		return;
	line[used] = '\n';
	(void)!write(STDERR_FILENO, line, used + 1);
}

/* Whether one more line may be written; tells of those that were not. */
static bool burst_allows(void)
{
	char line[LINE_BYTES];
	struct timespec now;
	int head;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - logger.since >= LOG_BURST_S || !logger.lines) {
		u32 dropped =
			logger.lines > LOG_BURST ? logger.lines - LOG_BURST : 0;

		logger.since = now.tv_sec;
		logger.lines = 0;
		if (dropped) {
			head = head_write(line, sizeof(line),
					  LOG_LEVEL_WARNING);
			snprintf(line + head, sizeof(line) - (size_t)head,
				 "%u lines were not written", dropped);
			line_send(line, head);
		}
	}
	return ++logger.lines <= LOG_BURST;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int head, text;

	if (level > logger.most || !burst_allows())
		return;
	head = head_write(line, sizeof(line), level);
	va_start(arguments, format);
	text = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format,
			 arguments);
	va_end(arguments);
	if (text >= 0)
		line_send(line, head);
}
