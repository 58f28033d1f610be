/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * params.h - checked access to the parameters of a request.
 *
 * Each reader takes one member. A member of the wrong type, or a missing one
 * that is needed, answers the request with an error: then the result is false,
 * and the request is gone.
 */
#ifndef HOST_CONTROL_PARAMS_H
#define HOST_CONTROL_PARAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/control/server.h"

/* A text; *value stays as it is when the member is missing and not needed. */
bool params_text(struct control_request *request, json_t *params,
		 const char *name, bool needed, const char **value);

/* true or false; *value stays as it is when missing. */
bool params_flag(struct control_request *request, json_t *params,
		 const char *name, bool *value);

/* A number from 0 to @most; *value stays as it is when missing. */
bool params_number(struct control_request *request, json_t *params,
		   const char *name, uint64_t most, uint64_t *value);

#endif
