/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/vm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INSTEAD "; `lis run --carrier` runs the machine without it"

/* Linux Documentation/virt/kvm/api.rst, by capability. */
static const struct {
	int capability;
	const char *what;
} needs[] = {
	{ KVM_CAP_HYPERV_SYNIC2,
	  "the Hyper-V synthetic interrupt controller (HYPERV_SYNIC2)" },
	{ KVM_CAP_HYPERV_VP_INDEX, "the Hyper-V VP index (HYPERV_VP_INDEX)" },
	{ KVM_CAP_HYPERV_TIME, "the Hyper-V reference time (HYPERV_TIME)" },
	{ KVM_CAP_HYPERV_EVENTFD,
	  "Hyper-V signals by eventfd (HYPERV_EVENTFD)" },
	{ KVM_CAP_SYS_HYPERV_CPUID,
	  "the list of its Hyper-V features (SYS_HYPERV_CPUID)" },
	{ KVM_CAP_IRQCHIP, "an interrupt controller in the kernel (IRQCHIP)" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing (IRQ_ROUTING)" },
	{ KVM_CAP_IRQFD, "interrupts by eventfd (IRQFD)" },
	{ KVM_CAP_IRQFD_RESAMPLE,
	  "acknowledged interrupts by eventfd (IRQFD_RESAMPLE)" },
	{ KVM_CAP_SIGNAL_MSI, "message-signalled interrupts (SIGNAL_MSI)" },
	{ KVM_CAP_USER_MEMORY, "guest memory from a process (USER_MEMORY)" },
	{ KVM_CAP_IMMEDIATE_EXIT, "a way to stop a vCPU (IMMEDIATE_EXIT)" },
	{ KVM_CAP_ADJUST_CLOCK, "an adjustable clock (ADJUST_CLOCK)" },
	{ KVM_CAP_EXT_CPUID, "the list of its CPU features (EXT_CPUID)" },
};

int probe_check(int api_version,
		int (*extension)(void *context, int capability), void *context,
		struct lis_error *err)
{
	u32 i;

	if (api_version != KVM_API_VERSION)
		return lis_error_set(err, EOPNOTSUPP,
				     "this computer's KVM has interface %d, "
				     "not 12" INSTEAD,
				     api_version);
	for (i = 0; i < PORT_ARRAY_SIZE(needs); i++)
		if (extension(context, needs[i].capability) <= 0)
			return lis_error_set(
				err, EOPNOTSUPP,
				"this computer's KVM lacks %s" INSTEAD,
				needs[i].what);
	return 0;
}

static int ask_kvm(void *context, int capability)
{
	return ioctl(*(int *)context, KVM_CHECK_EXTENSION, capability);
}

static int cannot_open(const char *device, int code, struct lis_error *err)
{
	if (code == ENOENT || code == ENODEV || code == ENXIO)
		return lis_error_set(
			err, code, "this computer has no KVM (%s: %s)" INSTEAD,
			device, strerror(code));
	if (code == EACCES || code == EPERM)
		return lis_error_set(
			err, code,
			"no permission to use %s: become a member "
			"of the group that owns it (usually kvm)" INSTEAD,
			device);
	return lis_error_set(err, code, "cannot open %s: %s", device,
			     strerror(code));
}

int probe_open(const char *device, struct lis_error *err)
{
	int fd, version, ret;

	fd = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return cannot_open(device, errno, err);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		ret = lis_error_set(err, ENODEV, "%s is not KVM: %s" INSTEAD,
				    device, strerror(errno));
	else
		ret = probe_check(version, ask_kvm, &fd, err);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
