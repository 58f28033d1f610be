/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/uart.h"

#include <linux/serial_reg.h>
#include <string.h>

#define MCR_BITS 0x1f
#define IER_BITS 0x0f
/* The other end of the cable is always there and ready. */
#define MSR_CONNECTED (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define IIR_FIFOS_ON  0xc0
#define DIVISOR_9600  12

void uart_init(struct uart *uart)
{
	memset(uart, 0, sizeof(*uart));
	uart->divisor_low = DIVISOR_9600;
}

static bool divisor_access(const struct uart *uart)
{
	return uart->line_control & UART_LCR_DLAB;
}

/* The highest pending source, as the low bits of IIR. */
static u8 interrupt_source(const struct uart *uart)
{
	if ((uart->interrupt_enable & UART_IER_RDI) && uart->input_count)
		return UART_IIR_RDI;
	if ((uart->interrupt_enable & UART_IER_THRI) &&
	    uart->transmit_interrupt)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

bool uart_interrupt(const struct uart *uart)
{
	return interrupt_source(uart) != UART_IIR_NO_INT;
}

static u8 read_input(struct uart *uart)
{
	u8 value;

	if (!uart->input_count)
		return 0;
	value = uart->input[uart->input_at];
	uart->input_at = (uart->input_at + 1) % UART_INPUT_BYTES;
	uart->input_count--;
	return value;
}

/* Reading IIR takes the transmit interrupt back, when it is the one shown. */
static u8 read_iir(struct uart *uart)
{
	u8 source = interrupt_source(uart);

	if (source == UART_IIR_THRI)
		uart->transmit_interrupt = false;
	if (uart->fifo_control & UART_FCR_ENABLE_FIFO)
		source |= IIR_FIFOS_ON;
	return source;
}

/* In loopback the modem outputs are wired to the modem inputs. */
static u8 read_msr(const struct uart *uart)
{
	u8 out = uart->modem_control;
	u8 in = 0;

	if (!(out & UART_MCR_LOOP))
		return MSR_CONNECTED;
	if (out & UART_MCR_RTS)
		in |= UART_MSR_CTS;
	if (out & UART_MCR_DTR)
		in |= UART_MSR_DSR;
	if (out & UART_MCR_OUT1)
		in |= UART_MSR_RI;
	if (out & UART_MCR_OUT2)
		in |= UART_MSR_DCD;
	return in;
}

u8 uart_read(struct uart *uart, u32 offset)
{
	switch (offset) {
	case UART_RX:
		return divisor_access(uart) ? uart->divisor_low
					    : read_input(uart);
	case UART_IER:
		return divisor_access(uart) ? uart->divisor_high
					    : uart->interrupt_enable;
	case UART_IIR:
		return read_iir(uart);
	case UART_LCR:
		return uart->line_control;
	case UART_MCR:
		return uart->modem_control;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE |
		       (uart->input_count ? UART_LSR_DR : 0);
	case UART_MSR:
		return read_msr(uart);
	case UART_SCR:
		return uart->scratch;
	}
	return 0xff;
}

static bool write_transmit(struct uart *uart, u8 value)
{
	uart->transmit_interrupt = true;
	if (uart->modem_control & UART_MCR_LOOP) {
		uart_input(uart, &value, 1);
		return false;
	}
	return true;
}

static void write_ier(struct uart *uart, u8 value)
{
	/* Enabling it while the register is empty raises it at once. */
	if ((value & UART_IER_THRI) &&
	    !(uart->interrupt_enable & UART_IER_THRI))
		uart->transmit_interrupt = true;
	uart->interrupt_enable = value & IER_BITS;
}

static void write_fcr(struct uart *uart, u8 value)
{
	if (value & UART_FCR_CLEAR_RCVR)
		uart->input_count = 0;
	uart->fifo_control = value & UART_FCR_ENABLE_FIFO;
}

bool uart_write(struct uart *uart, u32 offset, u8 value)
{
	switch (offset) {
	case UART_TX:
		if (!divisor_access(uart))
			return write_transmit(uart, value);
		uart->divisor_low = value;
		break;
	case UART_IER:
		if (divisor_access(uart))
			uart->divisor_high = value;
		else
			write_ier(uart, value);
		break;
	case UART_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->line_control = value;
		break;
	case UART_MCR:
		uart->modem_control = value & MCR_BITS;
		break;
	case UART_SCR:
		uart->scratch = value;
		break;
	}
	return false;
}

u32 uart_input_room(const struct uart *uart)
{
	return UART_INPUT_BYTES - uart->input_count;
}

u32 uart_input(struct uart *uart, const u8 *bytes, u32 size_bytes)
{
	u32 i;

	if (size_bytes > uart_input_room(uart))
		size_bytes = uart_input_room(uart);
	for (i = 0; i < size_bytes; i++)
		uart->input[(uart->input_at + uart->input_count + i) %
			    UART_INPUT_BYTES] = bytes[i];
	uart->input_count += size_bytes;
	return size_bytes;
}
