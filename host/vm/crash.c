/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/internal.h"

#include <string.h>

/* TLFS 3.9 */
#define CONTROL_NOTIFY	(1ull << 63)
#define CONTROL_MESSAGE (1ull << 62)
/* With CONTROL_MESSAGE: where the text is, and how long. */
#define PARAMETER_TEXT_GPA   3
#define PARAMETER_TEXT_BYTES 4

bool crash_read(struct machine *machine, u32 msr, u64 *value)
{
	if (msr == CRASH_MSR_CONTROL) {
		/* What the guest may ask for. */
		*value = CONTROL_NOTIFY | CONTROL_MESSAGE;
		return true;
	}
	if (msr < CRASH_MSR_FIRST || msr > CRASH_MSR_CONTROL)
		return false;
	pthread_mutex_lock(&machine->crash_lock);
	*value = machine->crash[msr - CRASH_MSR_FIRST];
	pthread_mutex_unlock(&machine->crash_lock);
	return true;
}

/* Guest text goes to a person's terminal: no control characters. */
static void copy_text(char *to, const u8 *from, u64 size_bytes)
{
	u64 i;

	for (i = 0; i < size_bytes; i++) {
		u8 c = port_load(&from[i]);

		if (!c)
			break;
		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			c = '?';
		to[i] = (char)c;
	}
	to[i] = 0;
}

void crash_report(struct machine *machine, u64 control,
		  const u64 parameters[CRASH_PARAMETERS])
{
	char text[MACHINE_PAGE_BYTES];
	const u8 *from = NULL;
	u64 size_bytes = parameters[PARAMETER_TEXT_BYTES];

	if (!machine->ops.crashed)
		return;
	if (size_bytes > sizeof(text) - 1)
		size_bytes = sizeof(text) - 1;
	if (control & CONTROL_MESSAGE)
		from = memory_at(&machine->memory,
				 parameters[PARAMETER_TEXT_GPA], size_bytes);
	if (from)
		copy_text(text, from, size_bytes);
	machine->ops.crashed(machine->context, parameters, from ? text : NULL);
}

bool crash_write(struct machine *machine, u32 msr, u64 value)
{
	u64 parameters[CRASH_PARAMETERS];

	if (msr < CRASH_MSR_FIRST || msr > CRASH_MSR_CONTROL)
		return false;
	pthread_mutex_lock(&machine->crash_lock);
	if (msr != CRASH_MSR_CONTROL)
		machine->crash[msr - CRASH_MSR_FIRST] = value;
	memcpy(parameters, machine->crash, sizeof(parameters));
	pthread_mutex_unlock(&machine->crash_lock);
	if (msr == CRASH_MSR_CONTROL && (value & CONTROL_NOTIFY))
		crash_report(machine, value, parameters);
	return true;
}
