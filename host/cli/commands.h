/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * commands.h - every command of lis.
 *
 * Here: one line per command, which its own file defines. Not here: the table
 * of them (main.c).
 */
#ifndef HOST_CLI_COMMANDS_H
#define HOST_CLI_COMMANDS_H

#include "host/cli/cli.h"

extern const struct cli_command command_backup;	  /* backup.c */
extern const struct cli_command command_console;  /* console.c */
extern const struct cli_command command_copy;	  /* copy.c */
extern const struct cli_command command_disk;	  /* disk.c */
extern const struct cli_command command_disable;  /* enable.c */
extern const struct cli_command command_enable;	  /* enable.c */
extern const struct cli_command command_events;	  /* events.c */
extern const struct cli_command command_freeze;	  /* freeze.c */
extern const struct cli_command command_ip;	  /* ip.c */
extern const struct cli_command command_kvp;	  /* kvp.c */
extern const struct cli_command command_list;	  /* list.c */
extern const struct cli_command command_net;	  /* net.c */
extern const struct cli_command command_nmi;	  /* nmi.c */
extern const struct cli_command command_pause;	  /* pause.c */
extern const struct cli_command command_restart;  /* stop.c */
extern const struct cli_command command_restore;  /* restore.c */
extern const struct cli_command command_resume;	  /* pause.c */
extern const struct cli_command command_run;	  /* run.c */
extern const struct cli_command command_services; /* services.c */
extern const struct cli_command command_stop;	  /* stop.c */
extern const struct cli_command command_thaw;	  /* freeze.c */
extern const struct cli_command command_trace;	  /* trace.c */

#endif
