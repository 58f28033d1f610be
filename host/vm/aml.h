/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * aml.h - writes ACPI Machine Language into a buffer (ACPI 6.4, chapter 20).
 *
 * Here: the few terms that our tables use. Not here: what the tables say.
 *
 * Blocks nest: aml_scope, aml_device, aml_package and aml_resources open one,
 * aml_end closes the innermost. Running out of room or nesting too deep sets
 * `failed`, after which nothing more is written.
 */
#ifndef HOST_VM_AML_H
#define HOST_VM_AML_H

#include "vmbus/port.h"

#define AML_DEPTH_MAX 8

struct aml {
	u8 *bytes;
	u32 size_bytes; /* room */
	u32 used_bytes;
	bool failed;
	u32 depth;
	/* Where the length of each open block belongs, and what kind it is. */
	struct {
		u32 at;
		bool resources;
	} open[AML_DEPTH_MAX];
};

/** aml_init - start writing @size_bytes of room at @bytes. */
void aml_init(struct aml *aml, void *bytes, u32 size_bytes);

/** aml_end - close the innermost open block. */
void aml_end(struct aml *aml);

/** aml_scope - open Scope (@path), for example "\\_SB" (one segment). */
void aml_scope(struct aml *aml, const char *path);

/** aml_device - open Device (@name): up to four characters. */
void aml_device(struct aml *aml, const char *name);

/** aml_name - Name (@name, ...): the value must follow. */
void aml_name(struct aml *aml, const char *name);

/** aml_integer - an integer in its shortest encoding. */
void aml_integer(struct aml *aml, u64 value);

/** aml_string - an ASCII string. */
void aml_string(struct aml *aml, const char *text);

/**
 * aml_eisa_id - a compressed EISA id.
 * @id: three capital letters and four hexadecimal digits, as in "PNP0501"
 */
void aml_eisa_id(struct aml *aml, const char *id);

/** aml_package - open Package (@elements) {...}. */
void aml_package(struct aml *aml, u8 elements);

/** aml_resources - open ResourceTemplate () {...}. */
void aml_resources(struct aml *aml);

/** aml_memory - QWordMemory: a fixed window that this device produces. */
void aml_memory(struct aml *aml, u64 gpa, u64 size_bytes);

/** aml_io - IO: @size ports from @port, decoded with 16 bits. */
void aml_io(struct aml *aml, u16 port, u8 size);

/** aml_irq - IRQNoFlags: edge triggered, active high, exclusive; @irq < 16. */
void aml_irq(struct aml *aml, u32 irq);

#endif
