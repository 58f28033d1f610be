/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Lines: what a host can make of them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/lisd/log.h"

/* What a process writes to standard error that runs @body. */
static const char *written(void (*body)(void))
{
	static char text[65536];
	size_t used = 0;
	int ends[2];
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDERR_FILENO);
		body();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	waitpid(pid, NULL, 0);
	text[used] = '\0';
	return text;
}

static void control_characters(void)
{
	log_error("host says %s", "a\nb\x1b[2J");
}

static void test_control_characters(void **state)
{
	(void)state;
	assert_string_equal(written(control_characters),
			    "lisd: host says a?b?[2J\n");
}

static void long_line(void)
{
	char text[2000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

static void test_long_line(void **state)
{
	const char *line = written(long_line);

	(void)state;
	assert_int_equal(strlen(line), 511);
	assert_int_equal(line[510], '\n');
}

static void flood(void)
{
	int i;

	for (i = 0; i < 10000; i++)
		log_error("line %d", i);
}

static void test_a_host_cannot_fill_the_log(void **state)
{
	const char *at = written(flood);
	int lines = 0;

	(void)state;
	while ((at = strchr(at, '\n'))) {
		lines++;
		at++;
	}
	assert_int_equal(lines, LOG_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_a_host_cannot_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
