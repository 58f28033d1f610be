/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * disk_actions.h - actions of lis disk that have a file of their own.
 */
#ifndef HOST_CLI_DISK_ACTIONS_H
#define HOST_CLI_DISK_ACTIONS_H

#include "host/backend/disk/disk.h"
#include "host/cli/cli.h"

/* Copies an image into a new one; @format: of the new one. */
int disk_convert(struct cli *cli, enum disk_format format);

#endif
