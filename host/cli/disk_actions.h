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

/* Those on a running VM, which --vm names. */
int disk_vm_list(struct cli *cli, enum disk_format format);
int disk_vm_attach(struct cli *cli, enum disk_format format);
int disk_vm_detach(struct cli *cli, enum disk_format format);
int disk_vm_eject(struct cli *cli, enum disk_format format);
int disk_vm_insert(struct cli *cli, enum disk_format format);
int disk_vm_resize(struct cli *cli, enum disk_format format);
int disk_vm_limit(struct cli *cli, enum disk_format format);

#endif
