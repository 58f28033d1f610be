/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * lisd: the guest's daemon, by its own name or by that of one of its services.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/lisd/applet.h"
#include "guest/lisd/device.h"
#include "guest/lisd/lisd.h"
#include "guest/lisd/log.h"
#include "guest/lisd/notify.h"
#include "guest/lisd/supervise.h"

#define CONFIG_PATH	"/etc/lisd.conf"
#define EXIT_USAGE	2
#define CONFIG_LINE_MAX 512

enum { OPTION_DEVICE = 256, OPTION_ROOT, OPTION_CONFIG, OPTION_VERSION };

static const struct option options[] = {
	{ "no-daemon", no_argument, NULL, 'n' },
	{ "daemon", no_argument, NULL, 'D' },
	{ "debug", no_argument, NULL, 'd' },
	{ "set", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ 0 },
};

struct command_line {
	const struct lisd_service *only; /* by the name of its daemon */
	struct lisd_env env;		 /* as every service is given it */
	const char *config;
	bool daemon;
	bool debug;
};

static void usage(const char *name, const struct lisd_service *only)
{
	u32 i, j;

	printf("Usage: %s [OPTION...]%s\n", name, only ? "" : " [SERVICE...]");
	if (only)
		printf("Serves Hyper-V's %s.\n\n", only->description);
	else
		printf("Serves Hyper-V's integration services, one process "
		       "each.\n\n");
	if (only)
		printf("  -n, --no-daemon     stay in the foreground\n");
	else
		printf("  -D, --daemon        go into the background\n");
	printf("  -d, --debug         tell more\n"
	       "  -o, --set N=VALUE   change a setting, see below\n"
	       "      --config FILE   settings, one a line, in place "
	       "of " CONFIG_PATH "\n"
	       "      --version       show the version\n"
	       "  -h, --help          show this\n");
	if (!only)
		printf("\nServices: ");
	for (i = 0; !only && i < lisd_service_count; i++)
		printf("%s%s", lisd_services[i]->name,
		       i + 1 < lisd_service_count ? ", " : " (all of them)\n");
	printf("\nSettings:\n");
	for (i = 0; i < lisd_service_count; i++)
		for (j = 0; j < lisd_services[i]->setting_count; j++)
			if (!only || only == lisd_services[i])
				printf("  %-18s  %s\n",
				       lisd_services[i]->settings[j].name,
				       lisd_services[i]->settings[j].help);
}

static bool is_named(const struct lisd_service *service, const char *name,
		     bool daemon)
{
	if (!daemon)
		return !strcmp(name, service->name);
	return !strcmp(name, service->daemon_name) ||
	       (service->other_name && !strcmp(name, service->other_name));
}

static const struct lisd_service *service_find(const char *name, bool daemon)
{
	u32 i;

	for (i = 0; i < lisd_service_count; i++)
		if (is_named(lisd_services[i], name, daemon))
			return lisd_services[i];
	return NULL;
}

static bool setting_take(struct lisd_env *env, const char *text,
			 const char *where)
{
	const char *wrong = lisd_setting_add(env, text);

	if (wrong)
		log_error("%s: setting '%s': %s; --help lists them", where,
			  text, wrong);
	return !wrong;
}

/* Settings of the command line win over those of the file. */
static bool config_read(struct command_line *line)
{
	const char *path = line->config ? line->config : CONFIG_PATH;
	struct lisd_env file = { 0 };
	char text[CONFIG_LINE_MAX];
	bool ok = true;
	FILE *stream = fopen(path, "re");
	u32 i;

	if (!stream) {
		if (errno == ENOENT && !line->config)
			return true;
		log_error("cannot read %s: %s", path, strerror(errno));
		return false;
	}
	while (ok && fgets(text, sizeof(text), stream)) {
		text[strcspn(text, "#\r\n")] = '\0';
		if (text[strspn(text, " \t")])
			ok = setting_take(&file, text, path);
	}
	fclose(stream);
	for (i = 0; ok && i < line->env.setting_count; i++) {
		snprintf(text, sizeof(text), "%s=%s",
			 line->env.settings[i].name,
			 line->env.settings[i].value);
		ok = setting_take(&file, text, path);
	}
	memcpy(line->env.settings, file.settings, sizeof(file.settings));
	line->env.setting_count = file.setting_count;
	return ok;
}

/* Returns -1 to go on, else the exit status. */
static int option_take(struct command_line *line, int option, const char *name)
{
	switch (option) {
	case 'n':
		line->daemon = false;
		return -1;
	case 'D':
		line->daemon = true;
		return -1;
	case 'd':
		line->debug = true;
		return -1;
	case 'o':
		return setting_take(&line->env, optarg, name) ? -1 : EXIT_USAGE;
	case OPTION_CONFIG:
		line->config = optarg;
		return -1;
	case OPTION_DEVICE:
		snprintf(line->env.device, sizeof(line->env.device), "%s",
			 optarg);
		line->env.device_given = true;
		return -1;
	case OPTION_ROOT:
		snprintf(line->env.root, sizeof(line->env.root), "%s", optarg);
		return -1;
	case OPTION_VERSION:
		printf("lisd %s\n", LISD_VERSION);
		return 0;
	case 'h':
		usage(name, line->only);
		return 0;
	default:
		fprintf(stderr, "Try '%s --help'.\n", name);
		return EXIT_USAGE;
	}
}

static int run(struct command_line *line, char **names, u32 count)
{
	struct lisd_env *envs = calloc(lisd_service_count, sizeof(*envs));
	u32 i, used = 0;

	if (!envs) {
		log_error("no memory for the services");
		return 1;
	}
	for (i = 0; i < lisd_service_count; i++) {
		u32 j;

		for (j = 0; j < count; j++)
			if (!strcmp(names[j], lisd_services[i]->name))
				break;
		if (count && j == count)
			continue;
		envs[used] = line->env;
		envs[used++].service = lisd_services[i];
	}
	return supervise_run(envs, used);
}

int main(int argc, char **argv)
{
	static struct command_line line = { .env.report_fd = -1 };
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	int option, status, i;

	status = applet_run(name, argc, argv);
	if (status >= 0)
		return status;
	line.only = service_find(name, true);
	line.daemon = line.only;
	log_open(name, LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "nDdo:h", options, NULL)) !=
	       -1) {
		status = option_take(&line, option, name);
		if (status >= 0)
			return status;
	}
	for (i = optind; i < argc; i++)
		if (line.only || !service_find(argv[i], false)) {
			log_error("there is no service '%s'; --help lists them",
				  argv[i]);
			return EXIT_USAGE;
		}
	if (!config_read(&line))
		return EXIT_USAGE;
	if (!line.env.device_given && !device_is_hyperv()) {
		log_info("this machine does not run on Hyper-V: nothing to do");
		return 0;
	}
	if (line.daemon && daemon(0, 0)) {
		log_error("cannot go into the background: %s", strerror(errno));
		return 1;
	}
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	log_open(name, line.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	notify_open();
	if (!line.only)
		return run(&line, argv + optind, (u32)(argc - optind));
	line.env.service = line.only;
	return lisd_serve(&line.env);
}
