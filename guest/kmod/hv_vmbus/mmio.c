// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * mmio.c - the addresses that the host keeps free for the memory of devices.
 *
 * Here: what the ACPI device, or one around it, says of them, and who has
 * which. Not here: what is behind an address.
 *
 * Source: ACPI 6.4, 6.4.3.5 (address space descriptors); that the windows stand
 * in the module device around the bus's own is seen on generation 2 machines,
 * and in the PCI host bridge above it on generation 1.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/acpi.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/slab.h>

/* Below it there are only the addresses of a PC's devices. */
#define LEGACY_END 0x100000
/*
 * Of the TPM, which a window may go beyond: TCG PC Client Platform TPM Profile,
 * locality 0. It has a driver of its own.
 */
#define TPM_BEGIN 0xfed40000

struct window {
	struct list_head entry;
	/* Those who have some of it are its children. */
	struct resource all;
};

/* Changed before there is a device, and after there is none. */
static LIST_HEAD(windows);
/* Held while somebody takes, or gives back. */
static DEFINE_MUTEX(takers);

static acpi_status take_window(struct acpi_resource *said, void *context)
{
	struct resource_win found = {};
	struct resource *range = &found.res;
	struct window *window;

	if (!acpi_dev_resource_address_space(said, &found) ||
	    resource_type(range) != IORESOURCE_MEM || !resource_size(range) ||
	    range->end < LEGACY_END)
		return AE_OK;
	if (range->start < TPM_BEGIN && range->end >= TPM_BEGIN)
		range->end = TPM_BEGIN - 1;
	window = kzalloc(sizeof(*window), GFP_KERNEL);
	if (!window)
		return AE_NO_MEMORY;
	window->all.name = "hyperv mmio";
	window->all.start = range->start;
	window->all.end = range->end;
	window->all.flags = IORESOURCE_MEM;
	list_add_tail(&window->entry, &windows);
	return AE_OK;
}

int bus_mmio_start(struct device *parent)
{
	acpi_handle handle = ACPI_HANDLE(parent);
	acpi_status status;

	/* The first that says anything has said all. */
	while (handle && list_empty(&windows)) {
		status = acpi_walk_resources(handle, METHOD_NAME__CRS,
					     take_window, NULL);
		if (status == AE_NO_MEMORY) {
			bus_mmio_stop();
			return -ENOMEM;
		}
		if (ACPI_FAILURE(acpi_get_parent(handle, &handle)))
			break;
	}
	return 0;
}

void bus_mmio_stop(void)
{
	struct window *window, *next;

	list_for_each_entry_safe(window, next, &windows, entry) {
		WARN_ON(window->all.child);
		list_del(&window->entry);
		kfree(window);
	}
}

/* Some of a window that nobody has, here or anywhere else. */
static struct resource *take_of(struct window *window,
				const struct lisbus_mmio *wish)
{
	struct resource *own = kzalloc(sizeof(*own), GFP_KERNEL), *range;
	resource_size_t min = max(wish->min, window->all.start);

	if (!own)
		return ERR_PTR(-ENOMEM);
	own->name = wish->name;
	own->flags = IORESOURCE_MEM;
	while (!allocate_resource(&window->all, own, wish->size, min, wish->max,
				  wish->align, NULL, NULL)) {
		range = request_mem_region_exclusive(own->start, wish->size,
						     wish->name);
		if (range)
			return range;
		/* Somebody's who did not ask here: a framebuffer's, for one. */
		release_resource(own);
		if (check_add_overflow(own->start, wish->align, &min))
			break;
	}
	kfree(own);
	return ERR_PTR(-EBUSY);
}

struct resource *lisbus_mmio_take(const struct lisbus_mmio *wish)
{
	struct resource *range = ERR_PTR(-EBUSY);
	struct window *window;

	if (!wish->size || !IS_ALIGNED(wish->size, PAGE_SIZE) ||
	    !is_power_of_2(wish->align) || wish->align < PAGE_SIZE)
		return ERR_PTR(-EINVAL);
	mutex_lock(&takers);
	list_for_each_entry(window, &windows, entry) {
		range = take_of(window, wish);
		if (range != ERR_PTR(-EBUSY))
			break;
	}
	mutex_unlock(&takers);
	return range;
}
EXPORT_SYMBOL_GPL(lisbus_mmio_take);

static struct resource *own_of(const struct resource *range)
{
	struct window *window;
	struct resource *own;

	list_for_each_entry(window, &windows, entry) {
		for (own = window->all.child; own; own = own->sibling) {
			if (own->start == range->start)
				return own;
		}
	}
	return NULL;
}

void lisbus_mmio_give(struct resource *range)
{
	struct resource *own;

	mutex_lock(&takers);
	own = own_of(range);
	release_mem_region(range->start, resource_size(range));
	if (!WARN_ON(!own)) {
		release_resource(own);
		kfree(own);
	}
	mutex_unlock(&takers);
}
EXPORT_SYMBOL_GPL(lisbus_mmio_give);
