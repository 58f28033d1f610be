// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module hv_vmbus and the ACPI device that says there is a bus.
 *
 * Here: beginning and end. Not here: anything between them.
 */
#include "guest/kmod/hv_vmbus/bus.h"
#include <linux/acpi.h>
#include <linux/cpuhotplug.h>
#include <linux/module.h>

struct bus bus;

/* ---- kexec and crash ---- */

static void on_kexec(void)
{
	hv_stimer_global_cleanup();
	bus_disconnect();
	/* The interrupt's pages are no longer ours in the next kernel. */
	cpuhp_remove_state(bus.hotplug_state);
}

static void on_crash(struct pt_regs *regs)
{
	bus_disconnect_crashed();
	hv_stimer_cleanup(raw_smp_processor_id());
	bus_synic_disable();
}

/* ---- the device ---- */

static int start(struct device *parent)
{
	int error;

	bus.parent = parent;
	/* One that stays: the first, whose CPU cannot go offline on x86. */
	bus.cpu = cpumask_first(cpu_online_mask);
	error = bus_mmio_start(parent);
	if (error)
		return error;
	error = bus_connection_init();
	if (error)
		goto forget;
	error = bus_register(&lisbus_type);
	if (error)
		goto free;
	error = bus_synic_start();
	if (error)
		goto unregister;
	error = bus_connect(BUS_PATIENCE);
	if (error)
		goto stop;
	flush_workqueue(bus.device_queue);
	bus_power_start();
	bus_panic_start();
	hv_setup_kexec_handler(on_kexec);
	hv_setup_crash_handler(on_crash);
	return 0;

stop:
	bus_devices_clear();
	bus_disconnect();
	bus_synic_stop();
unregister:
	bus_unregister(&lisbus_type);
free:
	bus_connection_free();
forget:
	bus_mmio_stop();
	return error;
}

static void stop(void)
{
	hv_remove_kexec_handler();
	hv_remove_crash_handler();
	bus_power_stop();
	bus_panic_stop();
	bus_devices_clear();
	bus_disconnect();
	bus_synic_stop();
	bus_unregister(&lisbus_type);
	bus_connection_free();
	bus_mmio_stop();
}

static int vmbus_probe(struct platform_device *device)
{
	return start(&device->dev);
}

static COMPAT_PLATFORM_REMOVE_TYPE vmbus_remove(struct platform_device *device)
{
	stop();
	COMPAT_PLATFORM_REMOVE_DONE;
}

static const struct acpi_device_id acpi_ids[] = {
	{ "VMBUS", 0 },
	{ "VMBus", 0 },
	{ "", 0 },
};
MODULE_DEVICE_TABLE(acpi, acpi_ids);

static struct platform_driver platform = {
	.probe = vmbus_probe,
	.remove = vmbus_remove,
	.driver = {
		.name = "vmbus",
		.acpi_match_table = acpi_ids,
		.pm = &bus_pm,
		/* There is nothing to load but with the module. */
		.suppress_bind_attrs = true,
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static int __init bus_init(void)
{
	int error;

	if (!hv_is_hyperv_initialized() || compat_is_root())
		return -ENODEV;
	if (compat_is_isolated()) {
		pr_err(BUS_LOG "this is a confidential VM, whose memory the "
			       "host cannot share as this driver does\n");
		return -EOPNOTSUPP;
	}
	error = platform_driver_register(&platform);
	if (error)
		return error;
	if (bus.state == BUS_UP)
		return 0;
	/* No such device, or it has said why. */
	platform_driver_unregister(&platform);
	return -ENODEV;
}

static void __exit bus_exit(void)
{
	platform_driver_unregister(&platform);
}

module_init(bus_init);
module_exit(bus_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(LIS_VERSION);
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("VMBus, the bus of Hyper-V guests");
