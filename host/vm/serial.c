/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/internal.h"

#include <errno.h>
#include <unistd.h>

/*
 * The line is wired to an edge triggered pin: only its rise is passed on.
 * Called with serial_lock held.
 */
static void update_line(struct machine *machine)
{
	bool line = uart_interrupt(&machine->serial);
	u64 one = 1;
	ssize_t written;

	if (line && !machine->serial_line) {
		do
			written = write(machine->serial_irq_fd, &one,
					sizeof(one));
		while (written < 0 && errno == EINTR);
	}
	machine->serial_line = line;
}

/* Keep of @bytes what is to be sent; result: how many. */
static u32 write_bytes(struct machine *machine, u32 offset, u8 *bytes,
		       u32 count)
{
	u32 kept = 0, i;

	for (i = 0; i < count; i++)
		if (uart_write(&machine->serial, offset, bytes[i]))
			bytes[kept++] = bytes[i];
	return kept;
}

void serial_io(struct machine *machine, u32 offset, bool write, u8 *bytes,
	       u32 count)
{
	const struct machine_ops *ops = &machine->ops;
	u32 kept = 0, i;
	bool ready;

	pthread_mutex_lock(&machine->serial_lock);
	if (write)
		kept = write_bytes(machine, offset, bytes, count);
	else
		for (i = 0; i < count; i++)
			bytes[i] = uart_read(&machine->serial, offset);
	update_line(machine);
	/* Not for each byte: when half is free. */
	ready = machine->serial_input_short &&
		uart_input_room(&machine->serial) >= UART_INPUT_BYTES / 2;
	if (ready)
		machine->serial_input_short = false;
	pthread_mutex_unlock(&machine->serial_lock);
	if (kept && ops->serial_output)
		ops->serial_output(machine->context, bytes, kept);
	if (ready && ops->serial_input_ready)
		ops->serial_input_ready(machine->context);
}

u32 machine_serial_input(struct machine *machine, const void *bytes,
			 u32 size_bytes)
{
	u32 taken;

	pthread_mutex_lock(&machine->serial_lock);
	taken = uart_input(&machine->serial, bytes, size_bytes);
	if (taken < size_bytes)
		machine->serial_input_short = true;
	update_line(machine);
	pthread_mutex_unlock(&machine->serial_lock);
	return taken;
}
