/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/applet.h"

#include <stddef.h>
#include <string.h>

static const struct applet {
	const char *name;
	int (*run)(int argc, char **argv);
} applets[] = {
	{ NULL, NULL },
};

int applet_run(const char *name, int argc, char **argv)
{
	const struct applet *applet;

	for (applet = applets; applet->name; applet++)
		if (!strcmp(applet->name, name))
			return applet->run(argc, argv);
	return -1;
}
