/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/params.h"

bool params_text(struct control_request *request, json_t *params,
		 const char *name, bool needed, const char **value)
{
	json_t *member = json_object_get(params, name);

	if (!member && !needed)
		return true;
	if (!json_is_string(member)) {
		control_fail_params(request, "\"%s\" must be given as text",
				    name);
		return false;
	}
	*value = json_string_value(member);
	return true;
}

bool params_flag(struct control_request *request, json_t *params,
		 const char *name, bool *value)
{
	json_t *member = json_object_get(params, name);

	if (!member)
		return true;
	if (!json_is_boolean(member)) {
		control_fail_params(request, "\"%s\" must be true or false",
				    name);
		return false;
	}
	*value = json_is_true(member);
	return true;
}

bool params_number(struct control_request *request, json_t *params,
		   const char *name, uint64_t most, uint64_t *value)
{
	json_t *member = json_object_get(params, name);

	if (!member)
		return true;
	if (!json_is_integer(member) || json_integer_value(member) < 0 ||
	    (uint64_t)json_integer_value(member) > most) {
		control_fail_params(request,
				    "\"%s\" must be a whole number from 0 to "
				    "%llu",
				    name, (unsigned long long)most);
		return false;
	}
	*value = (uint64_t)json_integer_value(member);
	return true;
}
