/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/internal.h"

#include "host/vm/acpi.h"
#include "host/vm/hypercall.h"
#include "host/vm/rtc.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What a bus without a device answers. */
#define NOBODY 0xff

/* Why the machine stops, filled by a handler that returns false. */
struct stop {
	enum machine_stop reason;
	struct lis_error *text;
};

static bool stop(struct stop *why, enum machine_stop reason, const char *text)
{
	why->reason = reason;
	lis_error_set(why->text, 0, "%s", text);
	return false;
}

/*
 * One byte written to one of the ports that the FADT names. A guest may take
 * the reset value or anything else for a reset: there is nothing else behind
 * it.
 */
static bool write_acpi(u16 port, u8 value, struct stop *why)
{
	if (port == ACPI_RESET_PORT)
		return stop(why, MACHINE_STOP_RESET,
			    "the guest reset the machine");
	if (port != ACPI_SLEEP_CONTROL_PORT || !(value & ACPI_SLEEP_ENABLE))
		return true;
	if (ACPI_SLEEP_TYPE(value) == ACPI_SLEEP_TYPE_S5)
		return stop(why, MACHINE_STOP_POWER_OFF,
			    "the guest switched the machine off");
	/* Of this state nothing is kept here: it is off as in the other. */
	if (ACPI_SLEEP_TYPE(value) == ACPI_SLEEP_TYPE_S4)
		return stop(why, MACHINE_STOP_POWER_OFF,
			    "the guest hibernates");
	return true;
}

/* Ports of one byte that are not the serial port's. */
static u8 read_port(struct machine *machine, u16 port)
{
	if (port == RTC_DATA_PORT)
		return rtc_read(port_load(&machine->rtc_index),
				(u64)time(NULL));
	/* "Wake" is never set: there is no sleep to wake from. */
	return port == ACPI_SLEEP_STATUS_PORT ? 0 : NOBODY;
}

static bool write_port(struct machine *machine, u16 port, u8 value,
		       struct stop *why)
{
	if (port == RTC_INDEX_PORT)
		port_store(&machine->rtc_index, value);
	return write_acpi(port, value, why);
}

static bool exit_io(struct vcpu *vcpu, struct stop *why)
{
	struct kvm_run *run = vcpu->run;
	u8 *bytes = (u8 *)run + run->io.data_offset;
	u32 count = run->io.count * run->io.size;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	u16 port = run->io.port;

	if (run->io.size == 1 && port >= UART_BASE_PORT &&
	    port < UART_BASE_PORT + UART_PORTS) {
		serial_io(vcpu->machine, port - UART_BASE_PORT, write, bytes,
			  count);
		return true;
	}
	if (write)
		return run->io.size != 1 ||
		       write_port(vcpu->machine, port, bytes[0], why);
	memset(bytes,
	       run->io.size == 1 ? read_port(vcpu->machine, port) : NOBODY,
	       count);
	return true;
}

static bool exit_mmio(struct vcpu *vcpu, struct stop *why)
{
	struct kvm_run *run = vcpu->run;

	(void)why;
	if (!run->mmio.is_write)
		memset(run->mmio.data, NOBODY, sizeof(run->mmio.data));
	return true;
}

/*
 * A guest that takes its message page away, as a second kernel does that was
 * started without a farewell, will never empty the old slots: whoever waits for
 * one tries again, and finds the new page, or none.
 */
static void synic_changed(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct kvm_hyperv_exit *exit = &vcpu->run->hyperv;
	u64 one = 1;

	synic_update(&machine->synic, vcpu->index, exit->u.synic.control,
		     exit->u.synic.msg_page, exit->u.synic.evt_page);
	/* Fails only when it is readable for ever already. */
	if (write(machine->slot_fd, &one, sizeof(one)) < 0)
		return;
}

static bool exit_hyperv(struct vcpu *vcpu, struct stop *why)
{
	struct machine *machine = vcpu->machine;
	struct kvm_hyperv_exit *exit = &vcpu->run->hyperv;

	(void)why;
	if (exit->type == KVM_EXIT_HYPERV_SYNIC) {
		synic_changed(vcpu);
	} else if (exit->type == KVM_EXIT_HYPERV_HCALL) {
		struct hypercall call = {
			.input = exit->u.hcall.input,
			.parameters = { exit->u.hcall.params[0],
					exit->u.hcall.params[1] },
		};

		exit->u.hcall.result = hypercall_run(&call, &machine->memory,
						     machine->ops.post_message,
						     machine->context);
	}
	return true;
}

/* With error set, KVM gives the guest a general protection fault. */
static bool exit_read_msr(struct vcpu *vcpu, struct stop *why)
{
	struct kvm_run *run = vcpu->run;
	u64 value = 0;

	(void)why;
	run->msr.error = !crash_read(vcpu->machine, run->msr.index, &value);
	run->msr.data = value;
	return true;
}

static bool exit_write_msr(struct vcpu *vcpu, struct stop *why)
{
	struct kvm_run *run = vcpu->run;

	(void)why;
	run->msr.error =
		!crash_write(vcpu->machine, run->msr.index, run->msr.data);
	return true;
}

/*
 * Only where MSRs cannot be filtered: KVM tells that there was a crash and
 * keeps the parameters in its registers. It drops the bit that says that they
 * name a text.
 */
static void report_crash_of_kvm(struct vcpu *vcpu)
{
	u64 parameters[CRASH_PARAMETERS] = { 0 };
	union {
		struct kvm_msrs msrs;
		u8 room[sizeof(struct kvm_msrs) +
			CRASH_PARAMETERS * sizeof(struct kvm_msr_entry)];
	} request = { .room = { 0 } };
	struct kvm_msrs *msrs = &request.msrs;
	u32 i;

	msrs->nmsrs = CRASH_PARAMETERS;
	for (i = 0; i < CRASH_PARAMETERS; i++)
		msrs->entries[i].index = CRASH_MSR_FIRST + i;
	if (ioctl(vcpu->fd, KVM_GET_MSRS, msrs) == CRASH_PARAMETERS)
		for (i = 0; i < CRASH_PARAMETERS; i++)
			parameters[i] = msrs->entries[i].data;
	crash_report(vcpu->machine, 0, parameters);
}

static bool exit_system_event(struct vcpu *vcpu, struct stop *why)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return stop(why, MACHINE_STOP_POWER_OFF,
			    "the guest switched the machine off");
	case KVM_SYSTEM_EVENT_RESET:
		return stop(why, MACHINE_STOP_RESET,
			    "the guest reset the machine");
	case KVM_SYSTEM_EVENT_CRASH:
		report_crash_of_kvm(vcpu);
		return true;
	}
	return true;
}

static bool exit_shutdown(struct vcpu *vcpu, struct stop *why)
{
	(void)vcpu;
	return stop(why, MACHINE_STOP_TRIPLE_FAULT, "the guest triple faulted");
}

static bool exit_fail_entry(struct vcpu *vcpu, struct stop *why)
{
	why->reason = MACHINE_STOP_ERROR;
	lis_error_set(why->text, 0,
		      "KVM could not enter vCPU %u: hardware reason %#llx",
		      vcpu->index,
		      (unsigned long long)vcpu->run->fail_entry
			      .hardware_entry_failure_reason);
	return false;
}

static bool exit_internal_error(struct vcpu *vcpu, struct stop *why)
{
	why->reason = MACHINE_STOP_ERROR;
	lis_error_set(why->text, 0,
		      "KVM could not run an instruction of vCPU %u: internal "
		      "error %u",
		      vcpu->index, vcpu->run->internal.suberror);
	return false;
}

static bool exit_nothing(struct vcpu *vcpu, struct stop *why)
{
	(void)vcpu;
	(void)why;
	return true;
}

static bool (*const handlers[])(struct vcpu *vcpu, struct stop *why) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_HYPERV] = exit_hyperv,
	[KVM_EXIT_X86_RDMSR] = exit_read_msr,
	[KVM_EXIT_X86_WRMSR] = exit_write_msr,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_INTR] = exit_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_nothing,
};

bool exit_handle(struct vcpu *vcpu, enum machine_stop *reason,
		 struct lis_error *text)
{
	u32 number = vcpu->run->exit_reason;
	struct stop why = { .text = text };
	bool go_on;

	if (number >= PORT_ARRAY_SIZE(handlers) || !handlers[number]) {
		*reason = MACHINE_STOP_ERROR;
		lis_error_set(text, 0,
			      "KVM stopped vCPU %u for a reason that is not "
			      "known here: %u",
			      vcpu->index, number);
		return false;
	}
	go_on = handlers[number](vcpu, &why);
	*reason = why.reason;
	return go_on;
}
