/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/trace/decode.h"
#include "services/network/wire.h"
#include "vmbus/packet.h"

static struct network_message body;
static char text[TRACE_LINE_BYTES];

/* The line of a packet with the first @bytes of the body, from the payload's
 * size on. The packet lies at the very end of its memory. */
static const char *line(u32 bytes)
{
	struct packet_descriptor head = {
		.type = PACKET_DATA_INBAND,
		.offset8 = 2,
		.length8 = (u16)((sizeof(head) + bytes + 7) / 8),
		.transaction_id = 7,
	};
	u8 *packet = malloc(sizeof(head) + bytes);
	const char *found;

	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), &body, bytes);
	trace_packet_text(TRACE_NETWORK, packet, sizeof(head) + bytes, text,
			  sizeof(text));
	free(packet);
	found = strstr(text, "payload=");
	assert_non_null(found);
	return found;
}

static int setup(void **state)
{
	(void)state;
	memset(&body, 0, sizeof(body));
	return 0;
}

static void test_negotiation(void **state)
{
	(void)state;
	body.type = NETWORK_INIT;
	body.init.version_min = body.init.version_max = NETWORK_VERSION_61;
	assert_string_equal(line(40),
			    "payload=40 INIT min=0x60001 max=0x60001");
	body.type = NETWORK_INIT_COMPLETE;
	body.init_complete.version = NETWORK_VERSION_5;
	body.init_complete.status = NETWORK_STATUS_SUCCESS;
	assert_string_equal(line(28), "payload=28 INIT_COMPLETE "
				      "version=0x50000 status=SUCCESS");
	body.type = NETWORK_NDIS_CONFIG;
	memset(body.ndis_config, 0, sizeof(body.ndis_config));
	body.ndis_config[0] = 0xea;
	body.ndis_config[1] = 0x05;
	body.ndis_config[8] = 0x8c;
	assert_string_equal(line(28), "payload=28 SEND_NDIS_CONFIG mtu=1514 "
				      "capabilities=0x8c");
}

static void test_frames(void **state)
{
	(void)state;
	body.type = NETWORK_RNDIS;
	body.rndis.section = NETWORK_SECTION_NONE;
	assert_string_equal(line(40), "payload=40 SEND_RNDIS_PKT channel=data "
				      "section=0xffffffff bytes=0");
	body.rndis.channel = NETWORK_RNDIS_CONTROL;
	body.rndis.section = 3;
	body.rndis.section_bytes = 24;
	assert_string_equal(line(40), "payload=40 SEND_RNDIS_PKT "
				      "channel=control section=0x3 bytes=24");
	body.type = NETWORK_RNDIS_COMPLETE;
	body.complete.status = NETWORK_STATUS_FAIL;
	assert_string_equal(line(8), "payload=8 SEND_RNDIS_PKT_COMPLETE "
				     "status=FAIL");
}

static void test_what_is_not_known(void **state)
{
	(void)state;
	assert_string_equal(line(0), "payload=0");
	body.type = 110;
	assert_string_equal(line(40), "payload=40 message 110");
	assert_non_null(strstr(line(3), "(no NVSP message)"));
}

/* Nothing is read behind what there is, and something is always said. */
static void test_cut_short(void **state)
{
	(void)state;
	for (u32 type = 0; type < 140; type++) {
		body.type = type;
		for (u32 bytes = 0; bytes <= sizeof(body); bytes++)
			assert_int_not_equal(strlen(line(bytes)), 0);
	}
	body.type = NETWORK_SUB_CHANNELS;
	assert_non_null(strstr(line(10), "(cut short)"));
	assert_null(strstr(line(12), "(cut short)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_negotiation, setup),
		cmocka_unit_test_setup(test_frames, setup),
		cmocka_unit_test_setup(test_what_is_not_known, setup),
		cmocka_unit_test_setup(test_cut_short, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
