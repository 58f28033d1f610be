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
#include "services/heartbeat/wire.h"
#include "vmbus/wire.h"

/* Checks the line of a message, which lies at the very end of its memory. */
static void expect(const void *message, size_t size_bytes, const char *line)
{
	char text[TRACE_LINE_BYTES];
	void *copy = malloc(size_bytes);

	memcpy(copy, message, size_bytes);
	assert_int_equal(
		trace_message_text(copy, size_bytes, text, sizeof(text)),
		strlen(line));
	assert_string_equal(text, line);
	free(copy);
}

#define EXPECT(message, line) expect(&(message), sizeof(message), line)

static void test_offer(void **state)
{
	struct vmbus_message_offer offer = {
		.header.type = VMBUS_MESSAGE_OFFER,
		.type = HEARTBEAT_TYPE_GUID,
		.instance = HEARTBEAT_INSTANCE_GUID,
		.flags = VMBUS_OFFER_ENUMERATE | VMBUS_OFFER_MONITORED | 0x800,
		.relid = 3,
		.monitor_id = 0xff,
		.dedicated_interrupt = 1,
		.connection_id = 0x10003,
	};

	(void)state;
	EXPECT(offer,
	       "OFFERCHANNEL relid=3 subchannel=0 "
	       "type=57164f39-9115-4e78-ab55-382f3bd5422d "
	       "instance=fd149e91-82e0-4a7d-afa6-2a4166cbd7c0 "
	       "flags=enumerate,monitored,0x800 mmio_mib=0 monitor_id=255 "
	       "monitor_allocated=0 dedicated_interrupt=1 "
	       "connection_id=0x10003 (Heartbeat)");
}

static void test_contact(void **state)
{
	struct vmbus_message_contact contact = {
		.header.type = VMBUS_MESSAGE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.target_vp = 1,
		.target = { .sint = 2, .vtl = 0 },
		.monitor_to_guest_gpa = 0x1000,
		.monitor_to_host_gpa = 0x2000,
	};
	struct vmbus_message_version_response response = {
		.header.type = VMBUS_MESSAGE_VERSION_RESPONSE,
		.supported = 1,
		.connection_state = 2,
		.version_or_connection_id = 4,
	};

	(void)state;
	EXPECT(contact, "INITIATE_CONTACT version=5.3 target_vp=1 sint=2 vtl=0 "
			"features=0x0 monitor_page_to_guest=0x1000 "
			"monitor_page_to_host=0x2000");
	contact.version = VMBUS_VERSION_4_1;
	contact.interrupt_page_gpa = 0x3000;
	EXPECT(contact,
	       "INITIATE_CONTACT version=4.1 target_vp=1 interrupt_page=0x3000 "
	       "monitor_page_to_guest=0x1000 monitor_page_to_host=0x2000");
	expect(&contact, 12, "INITIATE_CONTACT version=4.1 (cut short)");
	EXPECT(response, "VERSION_RESPONSE supported=1 connection_state=failed "
			 "version_or_connection_id=0x4");
}

static void test_gpadl(void **state)
{
	struct {
		struct vmbus_message_gpadl_header head;
		u32 byte_count, byte_offset;
		u64 pfns[2];
	} __attribute__((packed)) header = {
		.head = { .header.type = VMBUS_MESSAGE_GPADL_HEADER,
			  .relid = 3,
			  .gpadl = 0xe1e10,
			  .range_bytes = 24,
			  .range_count = 1 },
		.byte_count = 8192,
		.pfns = { 0x100, 0x1ff },
	};
	struct {
		struct vmbus_message_gpadl_body head;
		u64 pfns[1];
	} __attribute__((packed)) body = {
		.head = { .header.type = VMBUS_MESSAGE_GPADL_BODY,
			  .number = 1,
			  .gpadl = 0xe1e10 },
		.pfns = { 0xabc },
	};

	(void)state;
	EXPECT(header,
	       "GPADL_HEADER relid=3 gpadl=0xe1e10 range_bytes=24 "
	       "range_count=1 byte_count=8192 byte_offset=0 pfns=100,1ff");
	expect(&header, 21,
	       "GPADL_HEADER relid=3 gpadl=0xe1e10 range_bytes=24 "
	       "range_count=1");
	EXPECT(body, "GPADL_BODY number=1 gpadl=0xe1e10 pfns=abc");
}

static void test_channel(void **state)
{
	struct vmbus_message_open open = {
		.header.type = VMBUS_MESSAGE_OPEN,
		.relid = 3,
		.open_id = 4,
		.ring_gpadl = 5,
		.target_vp = 6,
		.downstream_page_offset = 7,
	};
	struct vmbus_message_open_result result = {
		.header.type = VMBUS_MESSAGE_OPEN_RESULT,
		.relid = 3,
		.open_id = 4,
		.status = VMBUS_RESULT_INVALID,
	};
	struct vmbus_message_modify_response modified = {
		.header.type = VMBUS_MESSAGE_MODIFY_RESPONSE,
		.relid = 3,
	};
	struct vmbus_message_header unload = { .type = VMBUS_MESSAGE_UNLOAD };

	(void)state;
	EXPECT(open, "OPENCHANNEL relid=3 open_id=4 ring_gpadl=0x5 target_vp=6 "
		     "downstream_page_offset=7");
	EXPECT(result, "OPENCHANNEL_RESULT relid=3 open_id=4 "
		       "status=0xc000000d");
	EXPECT(modified, "MODIFYCHANNEL_RESPONSE relid=3 status=success");
	EXPECT(unload, "UNLOAD");
}

static void test_strange(void **state)
{
	struct vmbus_message_header unknown = { .type = 19, .padding = 1 };

	(void)state;
	EXPECT(unknown, "message type 19: 13000000 01000000");
	unknown.type = 0xffffffff;
	EXPECT(unknown, "message type 4294967295: ffffffff 01000000");
	expect(&unknown, 3, "message of 3 bytes: ffffff");
	expect(&unknown, 0, "message of 0 bytes: ");
}

/* Every type, at every length and in every room: a line, no more. */
static void test_every_cut(void **state)
{
	u8 message[VMBUS_SYNIC_PAYLOAD_MAX];
	char text[TRACE_LINE_BYTES];

	(void)state;
	memset(message, 0xa5, sizeof(message));
	for (u32 type = 0; type <= VMBUS_MESSAGE_TYPE_COUNT; type++) {
		memcpy(message, &type, sizeof(type));
		for (size_t size = 0; size <= sizeof(message); size++) {
			u8 *copy = malloc(size);
			size_t room = 1 + size * 7 % 300;

			memcpy(copy, message, size);
			assert_in_range(
				trace_message_text(copy, size, text, room), 0,
				room - 1);
			assert_int_equal(strlen(text) < room, 1);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_contact),
		cmocka_unit_test(test_gpadl),
		cmocka_unit_test(test_channel),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
