/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/config.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The JSON file of a VM's settings: one row of members[] for each.
 */

/* One member on its way into the settings. */
struct member {
	struct run_config *config;
	const char *path; /* of the file */
	const char *what; /* the member as messages call it */
	json_t *value;
	struct lis_error *err;
};

static int want(const struct member *m, const char *type)
{
	return lis_error_set(m->err, EINVAL, "%s must be %s", m->what, type);
}

static int take_name(const struct member *m)
{
	if (!json_is_string(m->value))
		return want(m, "a string");
	return run_config_set_name(m->config, m->what,
				   json_string_value(m->value), m->err);
}

/* A path that is not absolute counts from the folder of the file. */
static int path_full(const struct member *m, const char *text,
		     char full[PATH_MAX])
{
	const char *slash = strrchr(m->path, '/');
	int n;

	if (!text || !*text)
		return want(m, "a path");
	if (text[0] == '/' || !slash)
		n = snprintf(full, PATH_MAX, "%s", text);
	else
		n = snprintf(full, PATH_MAX, "%.*s/%s", (int)(slash - m->path),
			     m->path, text);
	if (n < 0 || n >= PATH_MAX)
		return want(m, "a shorter path");
	return 0;
}

static int take_path(const struct member *m, char **setting)
{
	char full[PATH_MAX];
	int ret = path_full(m, json_string_value(m->value), full);

	return ret ? ret : run_config_set_text(setting, full, m->err);
}

static int take_kernel(const struct member *m)
{
	return take_path(m, &m->config->kernel);
}

static int take_initrd(const struct member *m)
{
	return take_path(m, &m->config->initrd);
}

static int take_append(const struct member *m)
{
	if (!json_is_string(m->value))
		return want(m, "a string");
	return run_config_set_text(&m->config->command_line,
				   json_string_value(m->value), m->err);
}

/*
 * The text of a number that may be written as a number or as a string; NULL
 * when it is neither. text has room for any number.
 */
static const char *number_text(const struct member *m, char text[32])
{
	if (json_is_string(m->value))
		return json_string_value(m->value);
	if (!json_is_integer(m->value))
		return NULL;
	snprintf(text, 32, "%" JSON_INTEGER_FORMAT,
		 json_integer_value(m->value));
	return text;
}

static int take_cpus(const struct member *m)
{
	char buffer[32];
	const char *text = number_text(m, buffer);

	if (!text)
		return want(m, "a number");
	return run_config_set_cpus(m->config, m->what, text, m->err);
}

static int take_size(const struct member *m, uint64_t *setting)
{
	char buffer[32];
	const char *text = number_text(m, buffer);

	if (!text)
		return want(m, "a size like \"512M\" or a number of bytes");
	return run_config_set_size(setting, m->what, text, m->err);
}

static int take_memory(const struct member *m)
{
	return take_size(m, &m->config->memory_bytes);
}

static int take_low_mmio(const struct member *m)
{
	return take_size(m, &m->config->low_mmio_bytes);
}

static int take_high_mmio(const struct member *m)
{
	return take_size(m, &m->config->high_mmio_bytes);
}

static int take_flag(const struct member *m, bool *setting)
{
	if (!json_is_boolean(m->value))
		return want(m, "true or false");
	*setting = json_is_true(m->value);
	return 0;
}

static int take_huge_pages(const struct member *m)
{
	return take_flag(m, &m->config->huge_pages);
}

static int take_hibernation(const struct member *m)
{
	return take_flag(m, &m->config->hibernation);
}

static int take_detach(const struct member *m)
{
	return take_flag(m, &m->config->detach);
}

static int take_console(const struct member *m)
{
	if (!json_is_string(m->value))
		return want(m, "\"stdio\", \"socket\" or \"none\"");
	return run_config_set_console(m->config, m->what,
				      json_string_value(m->value), m->err);
}

static int take_services(const struct member *m, bool enabled)
{
	json_t *item;
	size_t i;

	if (!json_is_array(m->value))
		return want(m, "a list of service names");
	json_array_foreach(m->value, i, item)
	{
		int ret;

		if (!json_is_string(item))
			return want(m, "a list of service names");
		ret = run_config_set_service(m->config, m->what,
					     json_string_value(item), enabled,
					     m->err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int take_enable(const struct member *m)
{
	return take_services(m, true);
}

static int take_disable(const struct member *m)
{
	return take_services(m, false);
}

static int take_disk(const struct member *m, json_t *object)
{
	struct run_disk *disk;
	char full[PATH_MAX];
	int ret;

	if (!json_is_object(object))
		return want(m, "a list of objects");
	disk = run_config_add_disk(m->config, m->err);
	if (!disk)
		return -ENOMEM;
	ret = run_disk_load(disk, m->what, object, m->err);
	if (ret < 0 || strstr(disk->path, "://"))
		return ret;
	ret = path_full(m, disk->path, full);
	return ret ? ret : run_config_set_text(&disk->path, full, m->err);
}

static int take_disks(const struct member *m)
{
	json_t *item;
	size_t i;

	if (!json_is_array(m->value))
		return want(m, "a list of objects");
	json_array_foreach(m->value, i, item)
	{
		int ret = take_disk(m, item);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int take_nets(const struct member *m)
{
	json_t *item;
	size_t i;

	if (!json_is_array(m->value))
		return want(m, "a list of objects");
	json_array_foreach(m->value, i, item)
	{
		struct run_net *net;
		int ret;

		if (!json_is_object(item))
			return want(m, "a list of objects");
		net = run_config_add_net(m->config, m->err);
		ret = net ? run_net_load(net, m->what, item, true, m->err)
			  : -EINVAL;
		if (ret < 0)
			return ret;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*take)(const struct member *m);
} members[] = {
	{ "name", take_name },
	{ "kernel", take_kernel },
	{ "initrd", take_initrd },
	{ "append", take_append },
	{ "cpus", take_cpus },
	{ "memory", take_memory },
	{ "low_mmio", take_low_mmio },
	{ "high_mmio", take_high_mmio },
	{ "huge_pages", take_huge_pages },
	{ "hibernation", take_hibernation },
	{ "console", take_console },
	{ "detach", take_detach },
	{ "enable", take_enable },
	{ "disable", take_disable },
	{ "disks", take_disks },
	{ "nets", take_nets },
};

#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

static int member_take(struct run_config *config, const char *path,
		       const char *name, json_t *value, struct lis_error *err)
{
	char what[256];
	struct member m = { config, path, what, value, err };

	snprintf(what, sizeof(what), "\"%.50s\" in %.180s", name, path);
	for (size_t i = 0; i < MEMBER_COUNT; i++) {
		if (strcmp(name, members[i].name) == 0)
			return members[i].take(&m);
	}
	return lis_error_set(err, EINVAL,
			     "%s is not a setting; known are name, kernel, "
			     "initrd, append, cpus, memory, low_mmio, "
			     "high_mmio, huge_pages, hibernation, console, "
			     "detach, enable, disable, disks and nets",
			     what);
}

static int file_parse(const char *path, json_t **root, struct lis_error *err)
{
	json_error_t where;
	FILE *file = fopen(path, "re");

	if (!file) {
		int code = errno;

		return lis_error_set(err, code, "cannot open %.300s: %s", path,
				     strerror(code));
	}
	*root = json_loadf(file, JSON_REJECT_DUPLICATES, &where);
	fclose(file);
	if (!*root)
		return lis_error_set(err, EINVAL,
				     "%.200s, line %d, column %d: %s", path,
				     where.line, where.column, where.text);
	if (!json_is_object(*root)) {
		json_decref(*root);
		return lis_error_set(err, EINVAL,
				     "%.300s does not hold a JSON object",
				     path);
	}
	return 0;
}

int run_config_load(struct run_config *config, const char *path,
		    struct lis_error *err)
{
	json_t *root = NULL, *value;
	const char *name;
	int ret = file_parse(path, &root, err);

	if (ret)
		return ret;
	json_object_foreach(root, name, value)
	{
		ret = member_take(config, path, name, value, err);
		if (ret < 0)
			break;
	}
	json_decref(root);
	return ret;
}
