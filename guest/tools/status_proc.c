// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Which process holds a device open, and what the kernel logged. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/common/text_file.h"
#include "guest/tools/status.h"

#define PROC_TEXT_BYTES 4096

/* Whether one of the process's descriptors leads to @path. */
static bool holds(int process, const char *path, bool *blind)
{
	char target[PATH_MAX];
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	bool found = false;
	ssize_t size;
	DIR *folder;

	folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		if (errno == EACCES || errno == EPERM)
			*blind = true;
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(folder))) {
		size = readlinkat(fd, entry->d_name, target,
				  sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		found = !strcmp(target, path);
	}
	closedir(folder);
	return found;
}

/* Seconds since 1970 when the machine started, by "btime" of /proc/stat. */
static time_t boot_time(const char *proc)
{
	char path[PATH_MAX], line[256];
	time_t found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/stat", proc);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "btime ", 6))
			found = (time_t)strtoull(line + 6, NULL, 10);
	}
	fclose(file);
	return found;
}

/* Name and start from "PID (NAME) S ..."; the name may hold anything. */
static void process_read(int process, const char *proc,
			 struct status_holder *holder)
{
	char text[PROC_TEXT_BYTES], *open, *close;
	unsigned long long ticks = 0;
	long per_second = sysconf(_SC_CLK_TCK);
	time_t boot = boot_time(proc);
	size_t length, i;
	int field;

	holder->since = 0;
	strcpy(holder->name, "?");
	if (text_file_read(process, "stat", text, sizeof(text)) <= 0)
		return;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open)
		return;
	length = (size_t)(close - open - 1);
	if (length >= sizeof(holder->name))
		length = sizeof(holder->name) - 1;
	for (i = 0; i < length; i++)
		holder->name[i] =
			isprint((unsigned char)open[1 + i]) ? open[1 + i] : '?';
	holder->name[length] = '\0';
	/* Field 22 is the start; the state behind the name is field 3. */
	for (field = 2; close && field < 22; field++)
		close = strchr(close + 1, ' ');
	if (close)
		ticks = strtoull(close + 1, NULL, 10);
	if (ticks && boot && per_second > 0)
		holder->since = boot + (time_t)(ticks / (unsigned)per_second);
}

bool status_find_holder(const char *proc, const char *path,
			struct status_holder *holder, bool *blind)
{
	struct dirent *entry;
	bool found = false;
	DIR *folder = opendir(proc);

	if (!folder) {
		*blind = true;
		return false;
	}
	while (!found && (entry = readdir(folder))) {
		uint32_t pid;
		int process;

		if (!vmbus_sysfs_number(entry->d_name, &pid) || pid > INT_MAX)
			continue;
		process = openat(dirfd(folder), entry->d_name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		found = holds(process, path, blind);
		if (found) {
			holder->pid = (pid_t)pid;
			process_read(process, proc, holder);
		}
		close(process);
	}
	closedir(folder);
	return found;
}

void status_log_version(const char *log, size_t size_bytes, const char *words,
			char version[STATUS_VERSION_BYTES])
{
	size_t length = strlen(words), i;
	const char *end = log + size_bytes, *found;

	version[0] = '\0';
	while ((found = memmem(log, (size_t)(end - log), words, length))) {
		log = found + length;
		for (i = 0; log + i < end && i < STATUS_VERSION_BYTES - 1;
		     i++) {
			char c = log[i];

			if (!isdigit((unsigned char)c) && (c != '.' || !i))
				break;
			version[i] = c;
		}
		version[i] = '\0';
	}
}
