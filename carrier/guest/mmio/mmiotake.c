// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * mmiotake - takes addresses that the host keeps free, as a driver of a video
 * adapter or of PCI devices would.
 *
 *	insmod mmiotake.ko size=N align=N first=ADDRESS last=ADDRESS count=N
 *
 * They are "mmiotake" in /proc/iomem until it is unloaded. It loads only if it
 * gets all of them; insmod says why not.
 */
#include "guest/kmod/lisbus.h"
#include <linux/err.h>
#include <linux/module.h>

#define MOST 16

static ulong size = PAGE_SIZE;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "bytes of each");
static ulong align = PAGE_SIZE;
module_param(align, ulong, 0444);
MODULE_PARM_DESC(align, "of each");
static unsigned long long first;
module_param(first, ullong, 0444);
MODULE_PARM_DESC(first, "first address");
static unsigned long long last = ~0ull;
module_param(last, ullong, 0444);
MODULE_PARM_DESC(last, "last address");
static uint count = 1;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "of them, 16 at most");

static struct resource *taken[MOST];

static void give_all(void)
{
	u32 i;

	for (i = 0; i < MOST && taken[i]; i++)
		lisbus_mmio_give(taken[i]);
}

static int __init take_init(void)
{
	const struct lisbus_mmio wish = { "mmiotake", size, align, first,
					  last };
	struct resource *range;
	u32 i;

	for (i = 0; i < count && i < MOST; i++) {
		range = lisbus_mmio_take(&wish);
		if (IS_ERR(range)) {
			give_all();
			return PTR_ERR(range);
		}
		taken[i] = range;
	}
	return 0;
}

static void __exit take_exit(void)
{
	give_all();
}

module_init(take_init);
module_exit(take_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Takes addresses that are free for devices");
