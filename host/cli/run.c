/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/config.h"
#include "host/control/process.h"

static const struct cli_option options[] = {
	{ "name", 'n', "NAME", "the VM's name" },
	{ "kernel", 'k', "FILE", "Linux kernel, a bzImage or vmlinux" },
	{ "initrd", 'i', "FILE", "initial RAM disk" },
	{ "append", 'a', "TEXT", "kernel command line" },
	{ "cpus", 'c', "N", "virtual processors, 1 to 64 (1)" },
	{ "memory", 'm', "SIZE", "memory, like 512M or 1G (512M)" },
	{ "huge-pages", 0, NULL, "take the memory from huge pages" },
	{ "hibernation", 0, NULL, "tell the guest that it may hibernate" },
	{ "low-mmio", 0, "SIZE", "MMIO window below 4 GiB" },
	{ "high-mmio", 0, "SIZE", "MMIO window above the memory" },
	{ "console", 0, "WHERE",
	  "stdio, socket or none (stdio; socket with -d)" },
	{ "detach", 'd', NULL, "go on in the background" },
	{ "enable", 'e', "SERVICE", "enable a service; can be repeated" },
	{ "disable", 0, "SERVICE", "disable a service; can be repeated" },
	{ "disk", 0, "DISK", "PATH[,KEY=VALUE...]; can be repeated" },
	{ "dvd", 0, "PATH", "a DVD's image; can be repeated" },
	{ "net", 0, "NET",
	  "user, tap=NAME, switch=NAME or none; can be repeated" },
	{ "config", 0, "FILE", "take settings from a JSON file first" },
	{ "carrier", 0, NULL, "run inside the carrier" },
	/* For tests of guests: docs/hostile-host.md. */
	{ "hostile", 0, NULL, NULL },
	{ NULL, 0, NULL, NULL },
};

static int take_name(struct run_config *config, const char *value,
		     struct lis_error *err)
{
	return run_config_set_name(config, "--name", value, err);
}

static int take_kernel(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	return run_config_set_text(&config->kernel, value, err);
}

static int take_initrd(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	return run_config_set_text(&config->initrd, value, err);
}

static int take_append(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	return run_config_set_text(&config->command_line, value, err);
}

static int take_cpus(struct run_config *config, const char *value,
		     struct lis_error *err)
{
	return run_config_set_cpus(config, "--cpus", value, err);
}

static int take_memory(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	return run_config_set_size(&config->memory_bytes, "--memory", value,
				   err);
}

static int take_low_mmio(struct run_config *config, const char *value,
			 struct lis_error *err)
{
	return run_config_set_size(&config->low_mmio_bytes, "--low-mmio", value,
				   err);
}

static int take_high_mmio(struct run_config *config, const char *value,
			  struct lis_error *err)
{
	return run_config_set_size(&config->high_mmio_bytes, "--high-mmio",
				   value, err);
}

static int take_huge_pages(struct run_config *config, const char *value,
			   struct lis_error *err)
{
	(void)value;
	(void)err;
	config->huge_pages = true;
	return 0;
}

static int take_hibernation(struct run_config *config, const char *value,
			    struct lis_error *err)
{
	(void)value;
	(void)err;
	config->hibernation = true;
	return 0;
}

static int take_console(struct run_config *config, const char *value,
			struct lis_error *err)
{
	return run_config_set_console(config, "--console", value, err);
}

static int take_detach(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	(void)value;
	(void)err;
	config->detach = true;
	return 0;
}

static int take_hostile(struct run_config *config, const char *value,
			struct lis_error *err)
{
	(void)value;
	(void)err;
	config->hostile = true;
	return 0;
}

static int take_enable(struct run_config *config, const char *value,
		       struct lis_error *err)
{
	return run_config_set_service(config, "--enable", value, true, err);
}

static int take_disable(struct run_config *config, const char *value,
			struct lis_error *err)
{
	return run_config_set_service(config, "--disable", value, false, err);
}

static int take_disk(struct run_config *config, const char *value,
		     struct lis_error *err)
{
	struct run_disk *disk = run_config_add_disk(config, err);

	return disk ? run_disk_parse(disk, "--disk", value, err) : -EINVAL;
}

static int take_dvd(struct run_config *config, const char *value,
		    struct lis_error *err)
{
	struct run_disk *disk = run_config_add_disk(config, err);
	int ret = disk ? run_disk_parse(disk, "--dvd", value, err) : -EINVAL;

	if (ret == 0)
		disk->dvd = disk->read_only = true;
	return ret;
}

static int take_net(struct run_config *config, const char *value,
		    struct lis_error *err)
{
	struct run_net *net;

	/* As without --net: for scripts that always give one. */
	if (strcmp(value, "none") == 0)
		return 0;
	net = run_config_add_net(config, err);
	return net ? run_net_parse(net, "--net", value, err) : -EINVAL;
}

static const struct {
	const char *name;
	int (*take)(struct run_config *config, const char *value,
		    struct lis_error *err);
} settings[] = {
	{ "name", take_name },
	{ "kernel", take_kernel },
	{ "initrd", take_initrd },
	{ "append", take_append },
	{ "cpus", take_cpus },
	{ "memory", take_memory },
	{ "huge-pages", take_huge_pages },
	{ "hibernation", take_hibernation },
	{ "low-mmio", take_low_mmio },
	{ "high-mmio", take_high_mmio },
	{ "console", take_console },
	{ "detach", take_detach },
	{ "enable", take_enable },
	{ "disable", take_disable },
	{ "disk", take_disk },
	{ "dvd", take_dvd },
	{ "net", take_net },
	{ "hostile", take_hostile },
};

/* A file gives way to options, wherever it stands among them. */
static int settings_collect(struct cli *cli, struct run_config *config,
			    struct lis_error *err)
{
	const char *file = cli_option(cli, "config");
	int ret = file ? run_config_load(config, file, err) : 0;

	for (size_t i = 0; i < cli->given_count && ret == 0; i++) {
		const struct cli_given *given = &cli->given[i];

		for (size_t j = 0; j < sizeof(settings) / sizeof(*settings);
		     j++) {
			if (strcmp(given->option->name, settings[j].name) == 0)
				ret = settings[j].take(config, given->value,
						       err);
		}
	}
	if (ret == 0)
		ret = run_config_check(config, err);
	return ret;
}

/* A missing file is no missing VM: only what the user wrote can be usage. */
static int run_failed(const struct cli *cli, int code, struct lis_error *err)
{
	if (code != -EINVAL && code != -EACCES && code != -EPERM)
		code = -EIO;
	return cli_fail(cli, code, NULL, err);
}

/* The file of this very program. */
static const char *own_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return NULL;
	path[n] = '\0';
	return path;
}

/*
 * The carrier's program: a lis in its build folder has it in the source tree,
 * any other one where it was installed.
 */
static bool carrier_find(const char *own, char path[PATH_MAX])
{
	size_t length = strlen(LIS_BUILD_ROOT);
	bool built =
		strncmp(own, LIS_BUILD_ROOT, length) == 0 && own[length] == '/';

	snprintf(path, PATH_MAX, "%s",
		 built ? LIS_CARRIER_SOURCE : LIS_CARRIER_INSTALLED);
	return access(path, X_OK) == 0;
}

/*
 * The command line of the carrier: it leads the VM's socket out to where every
 * other command looks for it, and runs "lis run" with the same arguments
 * inside, but for --carrier. Returns NULL when out of memory.
 */
static char **carrier_arguments(const struct cli *cli, char *carrier, char *own,
				char *forward)
{
	char **argv = calloc((size_t)cli->original_argc + 8, sizeof(*argv));
	int n = 0;

	if (!argv)
		return NULL;
	argv[n++] = carrier;
	argv[n++] = "run";
	argv[n++] = "--forward";
	argv[n++] = forward;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		argv[n++] = "--tty";
	argv[n++] = "--";
	argv[n++] = own;
	for (int i = 1; i < cli->original_argc; i++) {
		if (strcmp(cli->original_argv[i], "--carrier") != 0)
			argv[n++] = cli->original_argv[i];
	}
	return argv;
}

/* Whether a VM of that name runs already, outside of the carrier to come. */
static bool name_taken(const char *name)
{
	struct vm_client *client;

	if (vm_client_connect(&client, name, CLI_ANSWER_MS, NULL) != 0)
		return false;
	vm_client_close(client);
	return true;
}

/* Becomes the carrier; returns only when that fails. */
static int carrier_run(const struct cli *cli, const struct run_config *config,
		       struct lis_error *err)
{
	char carrier[PATH_MAX], own[PATH_MAX], socket[VM_SOCKET_PATH_BYTES];
	char forward[VM_SOCKET_PATH_BYTES + VM_NAME_BYTES_MAX + 32];
	char **argv;
	int ret;

	if (config->detach)
		return lis_error_set(err, EINVAL,
				     "--detach and --carrier exclude each "
				     "other: the carrier ends with this "
				     "command; start it in the background "
				     "with nohup or systemd-run");
	if (name_taken(config->name))
		return lis_error_set(err, EEXIST,
				     "a VM named \"%s\" is already running: "
				     "choose another --name, or stop it with "
				     "\"lis stop %s\"",
				     config->name, config->name);
	ret = vm_socket_path(socket, sizeof(socket), config->name, true, err);
	if (ret < 0)
		return ret;
	if (!own_path(own) || !carrier_find(own, carrier))
		return lis_error_set(err, ENOENT,
				     "the carrier is not installed (it belongs "
				     "at %s); install all of lis, or run it "
				     "from its build folder",
				     LIS_CARRIER_INSTALLED);
	snprintf(forward, sizeof(forward), "%s=/run/lis/%s.sock", socket,
		 config->name);
	argv = carrier_arguments(cli, carrier, own, forward);
	if (!argv)
		return lis_error_set(err, ENOMEM, "out of memory");
	execv(carrier, argv);
	ret = lis_error_set(err, errno, "cannot run %s: %s", carrier,
			    strerror(errno));
	free(argv);
	return ret;
}

static int run(struct cli *cli)
{
	struct run_config config;
	struct lis_error err = { "" };
	int ret;

	run_config_init(&config);
	ret = settings_collect(cli, &config, &err);
	if (ret == 0 && cli_option(cli, "carrier"))
		ret = carrier_run(cli, &config, &err);
	else if (ret == 0)
		ret = vm_process_run(&config, &err);
	run_config_release(&config);
	return ret == 0 ? EXIT_STATUS_OK : run_failed(cli, ret, &err);
}

const struct cli_command command_run = {
	.name = "run",
	.summary = "Run a VM",
	.cmdlet = "New-VM and Start-VM",
	.operands = "--name NAME --kernel FILE",
	.options = options,
	.handler = run,
};
