/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/acpi.h"

#include "host/vm/aml.h"
#include "host/vm/uart.h"

#include <stddef.h>
#include <string.h>

#define OEM_ID	       "LIS   "
#define OEM_TABLE_ID   "LISVM   "
#define CREATOR_ID     "LIS "
#define LOCAL_APIC_GPA 0xfee00000u

/* ACPI 6.4, 5.2.9.3: what a PC has that this machine has not. */
#define BOOT_ARCH_NO_VGA	0x0004
#define BOOT_ARCH_NO_ASPM	0x0010
#define BOOT_ARCH_NO_CMOS_CLOCK 0x0020
/* ACPI 6.4, table 5.10. */
#define FADT_WBINVD	     0x00000001u
#define FADT_NO_POWER_BUTTON 0x00000010u
#define FADT_NO_SLEEP_BUTTON 0x00000020u
#define FADT_RESET_REGISTER  0x00000400u
#define FADT_HW_REDUCED	     0x00100000u

#define ADDRESS_IO  1
#define ACCESS_BYTE 1
#define TABLE_ALIGN 16

struct table_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __attribute__((packed));

struct generic_address {
	u8 space;
	u8 bits;
	u8 offset;
	u8 access;
	u64 address;
} __attribute__((packed));

/* 5.2.5.3 */
struct rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt_gpa;
	u32 length;
	u64 xsdt_gpa;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

struct xsdt {
	struct table_header header;
	u64 fadt_gpa;
	u64 madt_gpa;
} __attribute__((packed));

/* 5.2.9: hardware-reduced machines leave most of it zero. */
struct fadt {
	struct table_header header;
	u8 unused1[109 - 36];
	u16 boot_arch;
	u8 unused2;
	u32 flags;
	struct generic_address reset_register;
	u8 reset_value;
	u8 unused3[2];
	u8 minor_version;
	u64 x_firmware_ctrl;
	u64 x_dsdt;
	struct generic_address unused4[8];
	struct generic_address sleep_control;
	struct generic_address sleep_status;
	u64 hypervisor_id;
} __attribute__((packed));

_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI 6.4 table 5.9");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI 6.4 table 5.9");
_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.4 table 5.9");

/* 5.2.12 */
struct madt {
	struct table_header header;
	u32 local_apic_gpa;
	u32 flags;
} __attribute__((packed));

struct madt_local_apic {
	u8 type;
	u8 length;
	u8 processor_uid;
	u8 apic_id;
	u32 flags;
} __attribute__((packed));

struct madt_io_apic {
	u8 type;
	u8 length;
	u8 id;
	u8 reserved;
	u32 gpa;
	u32 first_interrupt;
} __attribute__((packed));

#define MADT_LOCAL_APIC 0
#define MADT_IO_APIC	1
#define MADT_ENABLED	1

/* That of generation 2, as FreeBSD prints it. */
#define VMBUS_IRQ 5

/* Tables are laid one after the other, each at a multiple of 16. */
struct area {
	u8 *bytes;
	u32 size_bytes;
	u32 used_bytes;
	u64 gpa;
};

static void *area_take(struct area *area, u32 size_bytes, u64 *gpa)
{
	u32 at = (area->used_bytes + TABLE_ALIGN - 1) & ~(TABLE_ALIGN - 1u);

	if (at > area->size_bytes || size_bytes > area->size_bytes - at)
		return NULL;
	area->used_bytes = at + size_bytes;
	*gpa = area->gpa + at;
	return area->bytes + at;
}

static u8 checksum(const void *bytes, u32 size_bytes)
{
	const u8 *at = bytes;
	u8 sum = 0;

	while (size_bytes--)
		sum = (u8)(sum + *at++);
	return (u8)-sum;
}

static void seal(struct table_header *header, const char *signature,
		 u8 revision, u32 length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->length = length;
	header->revision = revision;
	memcpy(header->oem_id, OEM_ID, sizeof(header->oem_id));
	memcpy(header->oem_table_id, OEM_TABLE_ID,
	       sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, CREATOR_ID, sizeof(header->creator_id));
	header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum(header, length);
}

/*
 * The shape that Hyper-V's generation 2 machines have: the bus device takes its
 * MMIO windows from the module device around it. It has an interrupt, which
 * nothing ever raises: Linux's driver ends its probe where there are no
 * resources, is on the bus nevertheless, and then knows neither of the windows
 * nor of a machine that is about to sleep.
 */
static void put_vmbus(struct aml *aml, const struct memory_layout *layout)
{
	aml_device(aml, "VMOD");
	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0004");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_memory(aml, layout->mmio_low_gpa, layout->mmio_low_bytes);
	aml_memory(aml, layout->mmio_high_gpa, layout->mmio_high_bytes);
	aml_end(aml);
	aml_device(aml, "VMBS");
	aml_name(aml, "_HID");
	aml_string(aml, "VMBUS");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_STA");
	aml_integer(aml, 0xf);
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_irq(aml, VMBUS_IRQ);
	aml_end(aml);
	aml_end(aml);
	aml_end(aml);
}

static void put_serial_port(struct aml *aml)
{
	aml_device(aml, "COM1");
	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0501");
	aml_name(aml, "_UID");
	aml_integer(aml, 1);
	aml_name(aml, "_CRS");
	aml_resources(aml);
	aml_io(aml, UART_BASE_PORT, UART_PORTS);
	aml_irq(aml, UART_IRQ);
	aml_end(aml);
	aml_end(aml);
}

static void put_sleep_state(struct aml *aml, const char *name, u8 type)
{
	aml_name(aml, name);
	aml_package(aml, 2);
	aml_integer(aml, type);
	aml_integer(aml, 0);
	aml_end(aml);
}

static u64 build_dsdt(struct area *area, const struct memory_layout *layout,
		      bool hibernation)
{
	u32 head_bytes = sizeof(struct table_header);
	struct table_header *header;
	struct aml aml;
	u64 gpa;

	header = area_take(area, head_bytes, &gpa);
	if (!header)
		return 0;
	aml_init(&aml, header + 1, area->size_bytes - area->used_bytes);
	aml_scope(&aml, "\\_SB");
	put_vmbus(&aml, layout);
	put_serial_port(&aml);
	aml_end(&aml);
	if (hibernation)
		put_sleep_state(&aml, "_S4", ACPI_SLEEP_TYPE_S4);
	put_sleep_state(&aml, "_S5", ACPI_SLEEP_TYPE_S5);
	if (aml.failed || aml.depth)
		return 0;
	area->used_bytes += aml.used_bytes;
	seal(header, "DSDT", 2, head_bytes + aml.used_bytes);
	return gpa;
}

static struct generic_address byte_port(u16 port)
{
	return (struct generic_address){ .space = ADDRESS_IO,
					 .bits = 8,
					 .access = ACCESS_BYTE,
					 .address = port };
}

static u64 build_fadt(struct area *area, u64 dsdt_gpa)
{
	struct fadt *fadt;
	u64 gpa;

	fadt = area_take(area, sizeof(*fadt), &gpa);
	if (!fadt)
		return 0;
	fadt->boot_arch =
		BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_ASPM | BOOT_ARCH_NO_CMOS_CLOCK;
	fadt->flags = FADT_WBINVD | FADT_NO_POWER_BUTTON |
		      FADT_NO_SLEEP_BUTTON | FADT_RESET_REGISTER |
		      FADT_HW_REDUCED;
	fadt->reset_register = byte_port(ACPI_RESET_PORT);
	fadt->reset_value = ACPI_RESET_VALUE;
	fadt->minor_version = 4;
	fadt->x_dsdt = dsdt_gpa;
	fadt->sleep_control = byte_port(ACPI_SLEEP_CONTROL_PORT);
	fadt->sleep_status = byte_port(ACPI_SLEEP_STATUS_PORT);
	memcpy(&fadt->hypervisor_id, "MsHyperV", sizeof(fadt->hypervisor_id));
	seal(&fadt->header, "FACP", 6, sizeof(*fadt));
	return gpa;
}

static u64 build_madt(struct area *area, u32 vcpus)
{
	u32 size_bytes = sizeof(struct madt) + sizeof(struct madt_io_apic) +
			 vcpus * sizeof(struct madt_local_apic);
	struct madt_local_apic *local;
	struct madt_io_apic *io;
	struct madt *madt;
	u64 gpa;
	u32 i;

	madt = area_take(area, size_bytes, &gpa);
	if (!madt)
		return 0;
	madt->local_apic_gpa = LOCAL_APIC_GPA;
	local = (struct madt_local_apic *)(madt + 1);
	for (i = 0; i < vcpus; i++)
		local[i] = (struct madt_local_apic){
			.type = MADT_LOCAL_APIC,
			.length = sizeof(*local),
			.processor_uid = (u8)i,
			.apic_id = (u8)i,
			.flags = MADT_ENABLED,
		};
	io = (struct madt_io_apic *)(local + vcpus);
	*io = (struct madt_io_apic){ .type = MADT_IO_APIC,
				     .length = sizeof(*io),
				     .gpa = (u32)MEMORY_IOAPIC_GPA };
	seal(&madt->header, "APIC", 5, size_bytes);
	return gpa;
}

u32 acpi_build(void *to, u32 size_bytes, u64 gpa, u32 vcpus,
	       const struct memory_layout *layout, bool hibernation)
{
	struct area area = { .bytes = to,
			     .size_bytes = size_bytes,
			     .gpa = gpa };
	struct rsdp *rsdp;
	struct xsdt *xsdt;
	u64 rsdp_gpa, xsdt_gpa, dsdt_gpa;

	rsdp = area_take(&area, sizeof(*rsdp), &rsdp_gpa);
	if (!rsdp)
		return 0;
	xsdt = area_take(&area, sizeof(*xsdt), &xsdt_gpa);
	if (!xsdt)
		return 0;
	dsdt_gpa = build_dsdt(&area, layout, hibernation);
	if (!dsdt_gpa)
		return 0;
	xsdt->fadt_gpa = build_fadt(&area, dsdt_gpa);
	xsdt->madt_gpa = build_madt(&area, vcpus);
	if (!xsdt->fadt_gpa || !xsdt->madt_gpa)
		return 0;
	seal(&xsdt->header, "XSDT", 1, sizeof(*xsdt));

	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_gpa = xsdt_gpa;
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return area.used_bytes;
}
