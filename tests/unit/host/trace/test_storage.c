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
#include "services/storage/wire.h"
#include "vmbus/packet.h"

static struct storage_packet body;
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
	trace_packet_text(TRACE_STORAGE, packet, sizeof(head) + bytes, text,
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

static void test_request(void **state)
{
	static const u8 cdb[] = { 0x28, 0, 0, 0, 0x10, 0, 0, 0, 8, 0 };

	(void)state;
	body.header.operation = STORAGE_EXECUTE_SRB;
	body.srb.length = STORAGE_SRB_BYTES;
	body.srb.target = 1;
	body.srb.lun = 5;
	body.srb.cdb_length = sizeof(cdb);
	body.srb.data_in = STORAGE_DATA_IN;
	body.srb.transfer_bytes = 4096;
	memcpy(body.srb.cdb, cdb, sizeof(cdb));
	assert_string_equal(line(64),
			    "payload=64 EXECUTE_SRB path=0 target=1 lun=5 "
			    "READ(10) 28000000 10000000 0800 data=in "
			    "bytes=4096");
	body.srb.cdb[0] = 0xff;
	body.srb.cdb_length = 200;
	assert_non_null(strstr(line(64), " cdb ff000000 "));
}

static void test_completion(void **state)
{
	(void)state;
	body.header.operation = STORAGE_COMPLETE_IO;
	body.srb.length = STORAGE_SRB_BYTES;
	body.srb.srb_status = STORAGE_SRB_SUCCESS;
	body.srb.transfer_bytes = 512;
	assert_string_equal(line(64), "payload=64 COMPLETE_IO status=success "
				      "srb=0x01 scsi=0x00 bytes=512");
	body.srb.srb_status = STORAGE_SRB_ERROR | STORAGE_SRB_AUTOSENSE_VALID;
	body.srb.scsi_status = 2;
	body.srb.transfer_bytes = 0;
	body.srb.sense_length = 4;
	body.srb.sense[0] = 0x70;
	body.srb.sense[2] = 5;
	assert_string_equal(line(64),
			    "payload=64 COMPLETE_IO status=success srb=0x84 "
			    "scsi=0x02 bytes=0 sense=70000500");
	/* Sense data cannot be longer than its place. */
	body.srb.sense_length = 255;
	assert_non_null(strstr(line(64), "sense=70000500 "));
	/* The answer to what is no SRB. */
	memset(&body.srb, 0, sizeof(body.srb));
	body.header.status = STORAGE_NT_INVALID_DEVICE_STATE;
	assert_string_equal(line(64),
			    "payload=64 COMPLETE_IO status=0xc0000184");
}

static void test_others(void **state)
{
	(void)state;
	body.header.operation = STORAGE_QUERY_PROTOCOL_VERSION;
	body.version.version = STORAGE_VERSION_6_2;
	assert_string_equal(line(64), "payload=64 QUERY_PROTOCOL_VERSION "
				      "version=6.2 revision=0");
	body.header.operation = STORAGE_CREATE_SUB_CHANNELS;
	body.sub_channels = 3;
	assert_string_equal(line(64), "payload=64 CREATE_SUB_CHANNELS count=3");
	setup(NULL);
	body.header.operation = STORAGE_RESET_LUN;
	body.srb.lun = 9;
	assert_string_equal(line(48), "payload=48 RESET_LUN path=0 target=0 "
				      "lun=9");
	body.header.operation = STORAGE_ENUMERATE_BUS;
	assert_string_equal(line(64), "payload=64 ENUMERATE_BUS");
	body.header.operation = 99;
	assert_string_equal(line(64), "payload=64 operation 99");
	assert_string_equal(line(8), "payload=8 (no vstor packet): 63000000 "
				     "00000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_request, setup),
		cmocka_unit_test_setup(test_completion, setup),
		cmocka_unit_test_setup(test_others, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
