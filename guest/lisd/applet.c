/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "guest/lisd/applet.h"

#include <stddef.h>
#include <string.h>

#include "guest/lisd/kvp/hook.h"

static const struct applet {
	const char *name;
	int (*run)(int argc, char **argv);
} applets[] = {
	{ "hv_get_dhcp_info", hook_get_dhcp },
	{ "hv_get_dns_info", hook_get_dns },
	{ "hv_set_ifconfig", hook_set },
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
