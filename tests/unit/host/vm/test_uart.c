/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/uart.h"
#include "tests/unit/host/vm/unit.h"

#include <linux/serial_reg.h>
#include <string.h>

static struct uart uart;

static int set_up(void **state)
{
	(void)state;
	uart_init(&uart);
	return 0;
}

static void sends_what_is_written(void **state)
{
	(void)state;
	assert_true(uart_write(&uart, UART_TX, 'a'));
	assert_int_equal(uart_read(&uart, UART_LSR),
			 UART_LSR_TEMT | UART_LSR_THRE);
}

static void keeps_the_divisor_apart(void **state)
{
	(void)state;
	uart_write(&uart, UART_IER, UART_IER_RDI);
	uart_write(&uart, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	assert_false(uart_write(&uart, UART_DLL, 1));
	assert_false(uart_write(&uart, UART_DLM, 2));
	assert_int_equal(uart_read(&uart, UART_DLL), 1);
	assert_int_equal(uart_read(&uart, UART_DLM), 2);
	uart_write(&uart, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(uart_read(&uart, UART_IER), UART_IER_RDI);
	assert_true(uart_write(&uart, UART_TX, 'a'));
}

static void takes_input_until_full(void **state)
{
	u8 bytes[UART_INPUT_BYTES + 10];
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)i;
	assert_int_equal(uart_input(&uart, bytes, sizeof(bytes)),
			 UART_INPUT_BYTES);
	assert_int_equal(uart_input(&uart, bytes, 1), 0);
	assert_int_equal(uart_input_room(&uart), 0);
	/* Around the end of the buffer. */
	for (i = 0; i < 10; i++)
		assert_int_equal(uart_read(&uart, UART_RX), i);
	assert_int_equal(uart_input(&uart, bytes + UART_INPUT_BYTES, 10), 10);
	for (i = 10; i < UART_INPUT_BYTES + 10; i++) {
		assert_true(uart_read(&uart, UART_LSR) & UART_LSR_DR);
		assert_int_equal(uart_read(&uart, UART_RX), (u8)i);
	}
	assert_false(uart_read(&uart, UART_LSR) & UART_LSR_DR);
	assert_int_equal(uart_read(&uart, UART_RX), 0);
}

static void interrupts_for_input(void **state)
{
	(void)state;
	uart_input(&uart, (const u8 *)"x", 1);
	assert_false(uart_interrupt(&uart));
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_NO_INT);
	uart_write(&uart, UART_IER, UART_IER_RDI);
	assert_true(uart_interrupt(&uart));
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_RDI);
	assert_true(uart_interrupt(&uart));
	uart_read(&uart, UART_RX);
	assert_false(uart_interrupt(&uart));
}

static void interrupts_for_an_empty_transmitter(void **state)
{
	(void)state;
	uart_write(&uart, UART_IER, UART_IER_THRI);
	assert_true(uart_interrupt(&uart));
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_THRI);
	/* Shown once. */
	assert_false(uart_interrupt(&uart));
	uart_write(&uart, UART_TX, 'a');
	assert_true(uart_interrupt(&uart));
	/* Switched off and on again: raised again, as drivers probe for. */
	uart_read(&uart, UART_IIR);
	uart_write(&uart, UART_IER, 0);
	uart_write(&uart, UART_IER, UART_IER_THRI);
	assert_true(uart_interrupt(&uart));
}

static void input_comes_before_output(void **state)
{
	(void)state;
	uart_write(&uart, UART_IER, UART_IER_THRI | UART_IER_RDI);
	uart_input(&uart, (const u8 *)"x", 1);
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_RDI);
	uart_read(&uart, UART_RX);
	/* The other source was not lost by looking. */
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_THRI);
}

static void shows_its_fifo(void **state)
{
	(void)state;
	uart_write(&uart, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(uart_read(&uart, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	uart_input(&uart, (const u8 *)"abc", 3);
	uart_write(&uart, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(uart_read(&uart, UART_LSR) & UART_LSR_DR);
	uart_write(&uart, UART_FCR, 0);
	assert_int_equal(uart_read(&uart, UART_IIR), UART_IIR_NO_INT);
}

static void loops_back(void **state)
{
	(void)state;
	uart_write(&uart, UART_MCR,
		   UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(uart_read(&uart, UART_MSR),
			 UART_MSR_DCD | UART_MSR_CTS);
	assert_false(uart_write(&uart, UART_TX, 'z'));
	assert_int_equal(uart_read(&uart, UART_RX), 'z');
	uart_write(&uart, UART_MCR, 0);
	assert_int_equal(uart_read(&uart, UART_MSR),
			 UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

static void keeps_a_scratch_byte(void **state)
{
	(void)state;
	uart_write(&uart, UART_SCR, 0xa5);
	assert_int_equal(uart_read(&uart, UART_SCR), 0xa5);
	assert_int_equal(uart_read(&uart, 8), 0xff);
	assert_false(uart_write(&uart, 8, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sends_what_is_written, set_up),
		cmocka_unit_test_setup(keeps_the_divisor_apart, set_up),
		cmocka_unit_test_setup(takes_input_until_full, set_up),
		cmocka_unit_test_setup(interrupts_for_input, set_up),
		cmocka_unit_test_setup(interrupts_for_an_empty_transmitter,
				       set_up),
		cmocka_unit_test_setup(input_comes_before_output, set_up),
		cmocka_unit_test_setup(shows_its_fifo, set_up),
		cmocka_unit_test_setup(loops_back, set_up),
		cmocka_unit_test_setup(keeps_a_scratch_byte, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
