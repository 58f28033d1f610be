/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * acpi.h - the ACPI tables of the machine: the hardware-reduced form (ACPI 6.4,
 * 4.1), with the VMBus device and the serial port, without a PCI bus.
 *
 * Here: RSDP, XSDT, FADT, MADT, DSDT and the ports they name. Not here: what
 * happens when a guest uses those ports.
 */
#ifndef HOST_VM_ACPI_H
#define HOST_VM_ACPI_H

#include "host/vm/memory.h"

/* Registers in I/O space, one byte each (ACPI 6.4, 4.8.3.7 and 4.8.3.6). */
#define ACPI_SLEEP_CONTROL_PORT 0x600
#define ACPI_SLEEP_STATUS_PORT	0x601
#define ACPI_RESET_PORT		0x602
#define ACPI_RESET_VALUE	0x01
/* Sleep control: enable bit, and where the type is. */
#define ACPI_SLEEP_ENABLE      0x20
#define ACPI_SLEEP_TYPE(value) (((value) >> 2) & 7)
#define ACPI_SLEEP_TYPE_S4     4
#define ACPI_SLEEP_TYPE_S5     5

/**
 * acpi_build - write all tables.
 * @to: @size_bytes of room, zero
 * @gpa: where the guest sees @to; the RSDP is at its start; a multiple of 16
 * @vcpus: local APICs with ids 0 to @vcpus - 1
 * @hibernation: whether there is S4, by which guests of Hyper-V are told that
 *               they may hibernate (hv_is_hibernation_supported() of Linux)
 *
 * Result: bytes used; 0 when they do not fit.
 */
u32 acpi_build(void *to, u32 size_bytes, u64 gpa, u32 vcpus,
	       const struct memory_layout *layout, bool hibernation);

#endif
