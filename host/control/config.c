/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const console_names[RUN_CONSOLE_COUNT] = {
	[RUN_CONSOLE_STDIO] = "stdio",
	[RUN_CONSOLE_SOCKET] = "socket",
	[RUN_CONSOLE_NONE] = "none",
};

void run_config_init(struct run_config *config)
{
	memset(config, 0, sizeof(*config));
	config->cpus = 1;
	config->memory_bytes = RUN_MEMORY_BYTES_DEFAULT;
	config->console = RUN_CONSOLE_STDIO;
	for (int i = 0; i < SERVICE_COUNT; i++)
		config->service_enabled[i] =
			service_names[i].enabled_by_default;
}

void run_config_release(struct run_config *config)
{
	free(config->kernel);
	free(config->initrd);
	free(config->command_line);
	for (uint32_t i = 0; i < config->disk_count; i++)
		run_disk_release(&config->disks[i]);
	free(config->disks);
	config->disks = NULL;
	config->disk_count = 0;
	config->kernel = NULL;
	config->initrd = NULL;
	config->command_line = NULL;
}

int run_config_set_text(char **setting, const char *text, struct lis_error *err)
{
	char *copy = strdup(text);

	if (!copy)
		return lis_error_set(err, ENOMEM, "out of memory");
	free(*setting);
	*setting = copy;
	return 0;
}

int run_config_set_name(struct run_config *config, const char *what,
			const char *text, struct lis_error *err)
{
	if (!vm_name_valid(text))
		return lis_error_set(err, EINVAL,
				     "%s: the name of a VM is " VM_NAME_RULE,
				     what);
	snprintf(config->name, sizeof(config->name), "%s", text);
	return 0;
}

int run_config_set_cpus(struct run_config *config, const char *what,
			const char *text, struct lis_error *err)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end || value < 1 ||
	    value > RUN_CPUS_MAX)
		return lis_error_set(err, EINVAL,
				     "%s: \"%.100s\" is not a number of "
				     "processors from 1 to %d",
				     what, text, RUN_CPUS_MAX);
	config->cpus = (uint32_t)value;
	return 0;
}

/* The shift that a unit stands for, or -1. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "KMGT";
	const char *rest;
	char letter = *unit;

	if (letter == '\0' || strcasecmp(unit, "b") == 0)
		return 0;
	if (letter >= 'a' && letter <= 'z')
		letter = (char)(letter - 'a' + 'A');
	rest = unit + 1;
	if (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
		return -1;
	for (int i = 0; letters[i]; i++) {
		if (letters[i] == letter)
			return 10 * (i + 1);
	}
	return -1;
}

int size_parse(const char *text, uint64_t *size_bytes)
{
	unsigned long long value;
	char *end;
	int shift;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	shift = unit_shift(end);
	if (errno != 0 || shift < 0 || value > (UINT64_MAX >> 1) >> shift)
		return -EINVAL;
	*size_bytes = (uint64_t)value << shift;
	return 0;
}

int run_config_set_size(uint64_t *setting, const char *what, const char *text,
			struct lis_error *err)
{
	if (size_parse(text, setting) < 0)
		return lis_error_set(err, EINVAL,
				     "%s: \"%.100s\" is not a size; write one "
				     "like 512M or 1G",
				     what, text);
	return 0;
}

int run_config_set_console(struct run_config *config, const char *what,
			   const char *text, struct lis_error *err)
{
	for (int i = 0; i < RUN_CONSOLE_COUNT; i++) {
		if (strcmp(text, console_names[i]) == 0) {
			config->console = (enum run_console)i;
			config->console_given = true;
			return 0;
		}
	}
	return lis_error_set(err, EINVAL,
			     "%s: \"%.100s\" is no console; use stdio, socket "
			     "or none",
			     what, text);
}

int run_config_set_service(struct run_config *config, const char *what,
			   const char *text, bool enabled,
			   struct lis_error *err)
{
	int index = service_find(text);

	if (index < 0)
		return lis_error_set(
			err, EINVAL,
			"%s: there is no service \"%.100s\"; use "
			"fcopy, heartbeat, kvp, shutdown, timesync "
			"or vss, or a name as \"lis services\" "
			"shows it",
			what, text);
	config->service_enabled[index] = enabled;
	return 0;
}

struct run_disk *run_config_add_disk(struct run_config *config,
				     struct lis_error *err)
{
	struct run_disk *disks;

	if (config->disk_count == RUN_DISKS_MAX) {
		lis_error_set(err, EINVAL, "a VM has at most %d disks",
			      RUN_DISKS_MAX);
		return NULL;
	}
	disks = realloc(config->disks,
			(config->disk_count + 1) * sizeof(*disks));
	if (!disks) {
		lis_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	config->disks = disks;
	run_disk_init(&disks[config->disk_count]);
	return &disks[config->disk_count++];
}

struct run_net *run_config_add_net(struct run_config *config,
				   struct lis_error *err)
{
	struct run_net *net = &config->nets[config->net_count];

	if (config->net_count == RUN_NETS_MAX) {
		lis_error_set(err, EINVAL,
			      "a VM has at most %d network adapters",
			      RUN_NETS_MAX);
		return NULL;
	}
	config->net_count++;
	run_net_init(net);
	return net;
}

static int file_check(const char *what, const char *path, struct lis_error *err)
{
	struct stat st = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool seen = fd >= 0 && fstat(fd, &st) == 0;
	int code = errno;

	if (fd >= 0)
		close(fd);
	if (!seen)
		return lis_error_set(err, code, "cannot read the %s %.300s: %s",
				     what, path, strerror(code));
	if (!S_ISREG(st.st_mode))
		return lis_error_set(err, EINVAL,
				     "the %s %.300s is not a regular file",
				     what, path);
	if (st.st_size == 0)
		return lis_error_set(err, EINVAL, "the %s %.300s is empty",
				     what, path);
	return 0;
}

static int memory_check(const struct run_config *config, struct lis_error *err)
{
	uint64_t size = config->memory_bytes;

	if (size < RUN_MEMORY_BYTES_MIN || size > RUN_MEMORY_BYTES_MAX)
		return lis_error_set(err, EINVAL,
				     "memory of %" PRIu64 " bytes is out of "
				     "range: a VM has from 64M to 1024G",
				     size);
	if (size % RUN_MEMORY_BYTES_STEP != 0)
		return lis_error_set(err, EINVAL,
				     "memory of %" PRIu64
				     " bytes is not a multiple of 2M",
				     size);
	return 0;
}

static int mmio_check(const struct run_config *config, struct lis_error *err)
{
	uint64_t low = config->low_mmio_bytes, high = config->high_mmio_bytes;

	if (low != 0 &&
	    (low < RUN_LOW_MMIO_BYTES_MIN || low > RUN_LOW_MMIO_BYTES_MAX ||
	     low % RUN_MEMORY_BYTES_STEP != 0))
		return lis_error_set(err, EINVAL,
				     "a low MMIO window of %" PRIu64
				     " bytes is out of range: it has a "
				     "multiple of 2M from 64M to 2G",
				     low);
	if (high % RUN_MEMORY_BYTES_STEP != 0 || high > RUN_MEMORY_BYTES_MAX)
		return lis_error_set(err, EINVAL,
				     "a high MMIO window of %" PRIu64
				     " bytes is out of range: it has a "
				     "multiple of 2M up to 1024G",
				     high);
	return 0;
}

int run_config_check(const struct run_config *config, struct lis_error *err)
{
	int ret;

	if (!config->name[0])
		return lis_error_set(
			err, EINVAL,
			"the VM has no name; give one with --name");
	if (!config->kernel)
		return lis_error_set(err, EINVAL,
				     "VM \"%s\" has no kernel; give a Linux "
				     "bzImage or vmlinux with --kernel",
				     config->name);
	ret = memory_check(config, err);
	if (ret == 0)
		ret = mmio_check(config, err);
	if (ret < 0)
		return ret;
	if (config->command_line &&
	    strlen(config->command_line) > RUN_COMMAND_LINE_BYTES_MAX)
		return lis_error_set(err, EINVAL,
				     "the kernel command line has %zu bytes; "
				     "Linux takes %d",
				     strlen(config->command_line),
				     RUN_COMMAND_LINE_BYTES_MAX);
	if (config->detach && config->console_given &&
	    config->console == RUN_CONSOLE_STDIO)
		return lis_error_set(err, EINVAL,
				     "a VM in the background has no standard "
				     "input: use --console socket or --console "
				     "none with --detach");
	ret = file_check("kernel", config->kernel, err);
	if (ret == 0 && config->initrd)
		ret = file_check("initrd", config->initrd, err);
	return ret;
}
