/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * applet.h - the other programs that the binary is: those that
 * distributions' scripts of the same names do for hv_kvp_daemon.
 *
 * Here: which names. Not here: the daemons.
 */
#ifndef GUEST_LISD_APPLET_H
#define GUEST_LISD_APPLET_H

/*
 * applet_run - when @name is an applet's, do its work.
 * Returns its exit status, or -1 when there is no such applet.
 */
int applet_run(const char *name, int argc, char **argv);

#endif
