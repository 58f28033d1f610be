/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/cli/text.h"

void progress_begin(struct progress *progress, bool wanted)
{
	progress->terminal = wanted && isatty(STDERR_FILENO);
	progress->drawn = false;
	clock_gettime(CLOCK_MONOTONIC, &progress->started);
}

double progress_seconds(const struct progress *progress)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - progress->started.tv_sec) +
	       (double)(now.tv_nsec - progress->started.tv_nsec) / 1e9;
}

static int terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

void progress_draw(struct progress *progress, uint64_t bytes, uint64_t total)
{
	char done[TEXT_UNIT_BYTES], all[TEXT_UNIT_BYTES], rate[TEXT_UNIT_BYTES];
	double seconds = progress_seconds(progress);
	int width = terminal_columns() - 56, filled;

	if (!progress->terminal)
		return;
	if (bytes > total)
		total = bytes;
	width = width < 0 ? 0 : width > 60 ? 60 : width;
	filled = total ? (int)((double)bytes / (double)total * width) : width;
	text_size(rate, seconds > 0 ? (uint64_t)((double)bytes / seconds) : 0);
	fprintf(stderr, "\r[%.*s%*s] %3d%%  %s of %s  %s/s\033[K", filled,
		"============================================================",
		width - filled, "",
		total ? (int)((double)bytes / (double)total * 100) : 100,
		text_size(done, bytes), text_size(all, total), rate);
	progress->drawn = true;
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fputc('\n', stderr);
	progress->drawn = false;
}
