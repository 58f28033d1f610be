/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/disk_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/config.h"

/* One setting on its way in. */
struct setting {
	struct run_disk *disk;
	const char *what;
	const char *key;
	const char *value; /* never NULL */
	struct lis_error *err;
};

static int wrong(const struct setting *s, const char *wanted)
{
	return lis_error_set(s->err, EINVAL,
			     "%s: %s \"%.100s\" of a disk is not %s", s->what,
			     s->key, s->value, wanted);
}

static int take_path(const struct setting *s)
{
	if (!s->value[0])
		return lis_error_set(s->err, EINVAL,
				     "%s: a disk needs the path of an image or "
				     "an NBD URI",
				     s->what);
	return run_config_set_text(&s->disk->path, s->value, s->err);
}

static int take_format(const struct setting *s)
{
	static const char *const formats[] = { "raw", "vhdx", "vhd", "nbd" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(s->value, formats[i]))
			return run_config_set_text(&s->disk->format, s->value,
						   s->err);
	return wrong(s, "raw, vhdx, vhd or nbd");
}

static bool number(const char *text, uint64_t most, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && !*end && *value <= most;
}

static int take_controller(const struct setting *s)
{
	uint64_t value = RUN_DISK_IDE;

	if (strcmp(s->value, "ide") != 0 &&
	    !number(s->value, RUN_DISK_CONTROLLERS_MAX - 1, &value))
		return wrong(s, "0 to 3, or ide");
	s->disk->controller = (int)value;
	return 0;
}

static int take_lun(const struct setting *s)
{
	uint64_t value;

	if (!number(s->value, RUN_DISK_LUNS_MAX - 1, &value))
		return wrong(s, "a number from 0 to 63");
	s->disk->lun = (int)value;
	return 0;
}

static int take_flag(const struct setting *s, bool *flag)
{
	if (strcmp(s->value, "true") != 0 && strcmp(s->value, "false") != 0)
		return wrong(s, "true or false");
	*flag = s->value[0] == 't';
	return 0;
}

static int take_read_only(const struct setting *s)
{
	return take_flag(s, &s->disk->read_only);
}

static int take_dvd(const struct setting *s)
{
	return take_flag(s, &s->disk->dvd);
}

static int take_cached(const struct setting *s)
{
	return take_flag(s, &s->disk->cached);
}

static int take_sector(const struct setting *s)
{
	static const struct {
		const char *text;
		uint32_t logical_bytes;
		uint32_t physical_bytes;
	} sectors[] = {
		{ "512", 512, 512 },
		{ "512e", 512, 4096 },
		{ "4096", 4096, 4096 },
	};

	for (size_t i = 0; i < sizeof(sectors) / sizeof(*sectors); i++) {
		if (strcmp(s->value, sectors[i].text) != 0)
			continue;
		s->disk->logical_sector_bytes = sectors[i].logical_bytes;
		s->disk->physical_sector_bytes = sectors[i].physical_bytes;
		return 0;
	}
	return wrong(s, "512, 512e or 4096");
}

static int take_iops(const struct setting *s)
{
	if (!number(s->value, UINT32_MAX, &s->disk->iops))
		return wrong(s, "a number of requests");
	return 0;
}

static int take_bytes_per_second(const struct setting *s)
{
	if (size_parse(s->value, &s->disk->bytes_per_second) < 0)
		return wrong(s, "a size like 100M");
	return 0;
}

static int take_serial(const struct setting *s)
{
	size_t length = strlen(s->value);

	if (length > RUN_DISK_SERIAL_BYTES_MAX)
		return wrong(s, "at most 64 characters long");
	for (size_t i = 0; i < length; i++)
		if (s->value[i] < ' ' || s->value[i] > '~')
			return wrong(s, "printable ASCII");
	memcpy(s->disk->serial, s->value, length + 1);
	return 0;
}

static const struct {
	const char *key;
	bool flag; /* needs no value */
	int (*take)(const struct setting *setting);
} keys[] = {
	{ "path", false, take_path },
	{ "format", false, take_format },
	{ "controller", false, take_controller },
	{ "lun", false, take_lun },
	{ "read-only", true, take_read_only },
	{ "dvd", true, take_dvd },
	{ "cached", true, take_cached },
	{ "sector", false, take_sector },
	{ "iops", false, take_iops },
	{ "bytes-per-second", false, take_bytes_per_second },
	{ "serial", false, take_serial },
};

void run_disk_init(struct run_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->controller = RUN_DISK_ANY;
	disk->lun = RUN_DISK_ANY;
}

void run_disk_release(struct run_disk *disk)
{
	free(disk->path);
	free(disk->format);
	disk->path = NULL;
	disk->format = NULL;
}

int run_disk_copy(struct run_disk *disk, const struct run_disk *from,
		  struct lis_error *err)
{
	*disk = *from;
	disk->path = strdup(from->path);
	disk->format = from->format ? strdup(from->format) : NULL;
	if (disk->path && (disk->format || !from->format))
		return 0;
	run_disk_release(disk);
	return lis_error_set(err, ENOMEM, "out of memory");
}

/* "read_only" of JSON is "read-only" of options. */
static bool same_key(const char *one, const char *other)
{
	while (*one && (*one == *other || (*one == '_' && *other == '-'))) {
		one++;
		other++;
	}
	return !*one && !*other;
}

int run_disk_set(struct run_disk *disk, const char *what, const char *key,
		 const char *value, struct lis_error *err)
{
	struct setting setting = { disk, what, key, value, err };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!same_key(key, keys[i].key))
			continue;
		if (!value && !keys[i].flag)
			return lis_error_set(err, EINVAL,
					     "%s: \"%s\" of a disk needs a "
					     "value",
					     what, key);
		if (!value)
			setting.value = "true";
		return keys[i].take(&setting);
	}
	return lis_error_set(err, EINVAL,
			     "%s: a disk has no \"%.60s\"; it has path, "
			     "format, controller, lun, read-only, dvd, cached, "
			     "sector, iops, bytes-per-second and serial",
			     what, key);
}

static int check(const struct run_disk *disk, const char *what,
		 struct lis_error *err)
{
	if (!disk->path)
		return lis_error_set(err, EINVAL,
				     "%s: a disk needs the path of an image or "
				     "an NBD URI",
				     what);
	if (disk->controller == RUN_DISK_IDE && disk->lun >= RUN_DISK_IDE_MAX)
		return lis_error_set(err, EINVAL,
				     "%s: IDE disks have the places 0 to 3",
				     what);
	return 0;
}

/* The end of the path: a comma that is not one of two. */
static const char *path_end(const char *text)
{
	while (*text && !(text[0] == ',' && text[1] != ','))
		text += *text == ',' ? 2 : 1;
	return text;
}

static int path_parse(struct run_disk *disk, const char *what, const char *text,
		      const char *end, struct lis_error *err)
{
	char *path = malloc((size_t)(end - text) + 1);
	char *to = path;
	int ret;

	if (!path)
		return lis_error_set(err, ENOMEM, "out of memory");
	while (text < end) {
		*to++ = *text;
		text += *text == ',' ? 2 : 1;
	}
	*to = '\0';
	ret = run_disk_set(disk, what, "path", path, err);
	free(path);
	return ret;
}

int run_disk_parse(struct run_disk *disk, const char *what, const char *text,
		   struct lis_error *err)
{
	const char *end = path_end(text);
	int ret = path_parse(disk, what, text, end, err);
	char *copy, *rest, *one;

	copy = strdup(*end ? end + 1 : "");
	if (!copy)
		return lis_error_set(err, ENOMEM, "out of memory");
	rest = *end ? copy : NULL;
	while (ret == 0 && (one = strsep(&rest, ","))) {
		char *value = strchr(one, '=');

		if (value)
			*value++ = '\0';
		ret = run_disk_set(disk, what, one, value, err);
	}
	free(copy);
	return ret ? ret : check(disk, what, err);
}

int run_disk_load(struct run_disk *disk, const char *what, json_t *object,
		  struct lis_error *err)
{
	const char *key;
	json_t *value;
	int ret = 0;

	json_object_foreach(object, key, value)
	{
		char text[32];

		if (json_is_boolean(value))
			snprintf(text, sizeof(text), "%s",
				 json_is_true(value) ? "true" : "false");
		else
			snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
				 json_integer_value(value));
		if (!json_is_string(value) && !json_is_boolean(value) &&
		    !json_is_integer(value))
			ret = lis_error_set(err, EINVAL,
					    "%s: \"%.60s\" of a disk must be "
					    "a text, a number or true",
					    what, key);
		else
			ret = run_disk_set(disk, what, key,
					   json_is_string(value)
						   ? json_string_value(value)
						   : text,
					   err);
		if (ret < 0)
			return ret;
	}
	return check(disk, what, err);
}

static void number_put(json_t *object, const char *key, uint64_t value)
{
	if (value)
		json_object_set_new(object, key,
				    json_integer((json_int_t)value));
}

static void flag_put(json_t *object, const char *key, bool value)
{
	if (value)
		json_object_set_new(object, key, json_true());
}

static void text_put(json_t *object, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(object, key, json_string(value));
}

static const char *sector_name(const struct run_disk *disk)
{
	if (!disk->logical_sector_bytes)
		return NULL;
	if (disk->logical_sector_bytes == 4096)
		return "4096";
	return disk->physical_sector_bytes == 4096 ? "512e" : "512";
}

json_t *run_disk_json(const struct run_disk *disk)
{
	json_t *object = json_object();

	text_put(object, "path", disk->path);
	text_put(object, "format", disk->format);
	if (disk->controller == RUN_DISK_IDE)
		text_put(object, "controller", "ide");
	else if (disk->controller != RUN_DISK_ANY)
		json_object_set_new(object, "controller",
				    json_integer(disk->controller));
	if (disk->lun != RUN_DISK_ANY)
		json_object_set_new(object, "lun", json_integer(disk->lun));
	flag_put(object, "dvd", disk->dvd);
	flag_put(object, "read_only", disk->read_only);
	flag_put(object, "cached", disk->cached);
	text_put(object, "sector", sector_name(disk));
	number_put(object, "iops", disk->iops);
	number_put(object, "bytes_per_second", disk->bytes_per_second);
	text_put(object, "serial", disk->serial);
	return object;
}

json_t *run_disk_controller_json(uint32_t controller)
{
	return controller == RUN_DISK_IDE ? json_string("ide")
					  : json_integer(controller);
}
