/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "guest/lisd/lisd.h"

#include <string.h>

static bool setting_known(const char *name)
{
	u32 i, j;

	for (i = 0; i < lisd_service_count; i++)
		for (j = 0; j < lisd_services[i]->setting_count; j++)
			if (!strcmp(lisd_services[i]->settings[j].name, name))
				return true;
	return false;
}

/* What is between @from and @to without blanks around it. */
static bool setting_trim(char *out, size_t bytes, const char *from,
			 const char *to)
{
	while (from < to && strchr(" \t", *from))
		from++;
	while (from < to && strchr(" \t\r\n", to[-1]))
		to--;
	if ((size_t)(to - from) >= bytes)
		return false;
	memcpy(out, from, (size_t)(to - from));
	out[to - from] = '\0';
	return true;
}

const char *lisd_setting_add(struct lisd_env *env, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[sizeof(env->settings[0].name)];
	u32 at;

	if (!equals)
		return "it has no '='";
	if (!setting_trim(name, sizeof(name), text, equals) ||
	    !setting_known(name))
		return "there is no such setting";
	for (at = 0; at < env->setting_count; at++)
		if (!strcmp(env->settings[at].name, name))
			break;
	if (at == LISD_SETTINGS_MAX)
		return "there are too many settings";
	if (!setting_trim(env->settings[at].value,
			  sizeof(env->settings[at].value), equals + 1,
			  equals + strlen(equals)))
		return "its value is too long";
	memcpy(env->settings[at].name, name, sizeof(name));
	if (at == env->setting_count)
		env->setting_count++;
	return NULL;
}

const char *lisd_setting(const struct lisd_env *env, const char *name,
			 const char *otherwise)
{
	u32 at;

	for (at = 0; at < env->setting_count; at++)
		if (!strcmp(env->settings[at].name, name))
			return env->settings[at].value;
	return otherwise;
}
