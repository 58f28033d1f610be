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
#include "services/fcopy/wire.h"
#include "services/heartbeat/wire.h"
#include "services/ic/wire.h"
#include "services/kvp/wire.h"
#include "services/shutdown/wire.h"
#include "services/timesync/wire.h"
#include "services/vss/wire.h"
#include "vmbus/packet.h"

#define PAYLOAD_OFFSET sizeof(struct packet_descriptor)
#define REQUEST	       (IC_FLAG_TRANSACTION | IC_FLAG_REQUEST)
#define RESPONSE       (IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE)

static u8 packet[IC_PACKET_MAX_BYTES + 64];
static size_t packet_bytes;
static char text[TRACE_LINE_BYTES];

/* An in-band packet of an integration component, with this body. */
static void component_make(u16 type, u32 version, u8 flags, u32 status,
			   const void *body, size_t body_bytes)
{
	struct ic_pipe_header pipe = {
		IC_PIPE_DATA, (u32)(sizeof(struct ic_header) + body_bytes)
	};
	struct ic_header header = {
		.framework_version = IC_FRAMEWORK_3_0,
		.message_type = type,
		.message_version = version,
		.body_bytes = (u16)body_bytes,
		.status = status,
		.transaction_id = 9,
		.flags = flags,
	};
	size_t bytes = (PAYLOAD_OFFSET + IC_BODY_OFFSET + body_bytes + 7) / 8;
	struct packet_descriptor descriptor = {
		.type = PACKET_DATA_INBAND,
		.offset8 = PAYLOAD_OFFSET / 8,
		.length8 = (u16)bytes,
		.flags = PACKET_FLAG_COMPLETION_REQUESTED,
		.transaction_id = 7,
	};

	memset(packet, 0, sizeof(packet));
	packet_bytes = bytes * 8;
	memcpy(packet, &descriptor, sizeof(descriptor));
	memcpy(packet + PAYLOAD_OFFSET, &pipe, sizeof(pipe));
	memcpy(packet + PAYLOAD_OFFSET + sizeof(pipe), &header, sizeof(header));
	memcpy(packet + PAYLOAD_OFFSET + IC_BODY_OFFSET, body, body_bytes);
}

/* Decodes the packet, which lies at the very end of its memory. */
static const char *decode(enum trace_payload kind, size_t size_bytes)
{
	u8 *copy = malloc(size_bytes);
	size_t length;

	memcpy(copy, packet, size_bytes);
	length = trace_packet_text(kind, copy, size_bytes, text, sizeof(text));
	assert_int_equal(length, strlen(text));
	free(copy);
	return text;
}

/* The line of the component's packet, from its name on. */
static void expect(const char *line)
{
	const char *start = strstr(decode(TRACE_COMPONENT, packet_bytes), "; ");

	assert_non_null(start);
	assert_string_equal(start + 2, line);
}

/* ASCII as the wire's UTF-16, with its terminator. */
static u32 wide(u8 *units, const char *ascii)
{
	u32 bytes = 0;

	do {
		units[bytes++] = (u8)*ascii;
		units[bytes++] = 0;
	} while (*ascii++);
	return bytes;
}

static void test_heartbeat(void **state)
{
	struct heartbeat_message body = { .sequence = 12,
					  .application_state = 1 };

	(void)state;
	component_make(IC_MESSAGE_HEARTBEAT, HEARTBEAT_VERSION_3_0, REQUEST, 0,
		       &body, sizeof(body));
	assert_string_equal(decode(TRACE_COMPONENT, packet_bytes),
			    "DATA_INBAND transaction=7 completion-requested "
			    "payload=72; HEARTBEAT 3.0 request id=9 "
			    "sequence=12 application=healthy");
	body.application_state = 77;
	component_make(IC_MESSAGE_HEARTBEAT, HEARTBEAT_VERSION_3_0, RESPONSE,
		       IC_E_FAIL, &body, sizeof(body));
	assert_non_null(strstr(decode(TRACE_COMPONENT, packet_bytes),
			       "HEARTBEAT 3.0 response id=9 "
			       "status=0x80004005"));
	assert_non_null(strstr(text, "sequence=12 application=77"));
	component_make(IC_MESSAGE_HEARTBEAT, HEARTBEAT_VERSION_1_0, REQUEST, 0,
		       &body, 8);
	expect("HEARTBEAT 1.0 request id=9 sequence=12 (cut short)");
}

static void test_negotiate(void **state)
{
	struct {
		struct ic_negotiate head;
		u32 versions[3];
	} __attribute__((packed)) body = {
		{ 1, 2, 0 },
		{ IC_FRAMEWORK_3_0, SHUTDOWN_VERSION_3_1,
		  SHUTDOWN_VERSION_3_2 },
	};

	(void)state;
	component_make(IC_MESSAGE_NEGOTIATE, 0, REQUEST, 0, &body,
		       sizeof(body));
	expect("NEGOTIATE request id=9 framework=3.0 message=3.1,3.2");
	body.head.message_count = 3;
	component_make(IC_MESSAGE_NEGOTIATE, 0, REQUEST, 0, &body,
		       sizeof(body));
	expect("NEGOTIATE request id=9 framework_count=1 message_count=3 (cut "
	       "short)");
	component_make(IC_MESSAGE_NEGOTIATE, 0, REQUEST, 0, &body, 7);
	expect("NEGOTIATE request id=9 (cut short)");
}

static void test_shutdown(void **state)
{
	static struct shutdown_message body = {
		.reason_code = SHUTDOWN_REASON_PLANNED,
		.timeout_seconds = 60,
		.flags = SHUTDOWN_FLAG_FORCED | SHUTDOWN_FLAG_RESTART | 0x10,
	};

	(void)state;
	wide(body.text, "by\x1bhand");
	component_make(IC_MESSAGE_SHUTDOWN, SHUTDOWN_VERSION_3_2, REQUEST, 0,
		       &body, sizeof(body));
	expect("SHUTDOWN 3.2 request id=9 reason=0x80000000 timeout_seconds=60 "
	       "flags=forced,restart,0x10 text=\"by\\x1bhand\"");
}

static void test_timesync(void **state)
{
	struct timesync_reference_message reference = {
		.host_time_100ns = 134117894400000001ull,
		.reference_time_100ns = 5,
		.flags = TIMESYNC_FLAG_SYNC,
		.stratum = 2,
	};
	struct timesync_message old = {
		.host_time_100ns = 1,
		.flags = TIMESYNC_FLAG_SAMPLE,
	};

	(void)state;
	component_make(IC_MESSAGE_TIMESYNC, TIMESYNC_VERSION_4_0, REQUEST, 0,
		       &reference, sizeof(reference));
	expect("TIMESYNC 4.0 request id=9 "
	       "host_time=2026-01-02T01:04:00.0000001Z "
	       "reference_time_100ns=5 flags=sync leap=0 stratum=2");
	component_make(IC_MESSAGE_TIMESYNC, TIMESYNC_VERSION_3_0, REQUEST, 0,
		       &old, sizeof(old));
	expect("TIMESYNC 3.0 request id=9 host_time=1 flags=sample");
}

static void test_vss(void **state)
{
	struct vss_message body = { .operation = VSS_OPERATION_HOT_BACKUP,
				    .flags = 5 };

	(void)state;
	component_make(IC_MESSAGE_VSS, VSS_VERSION_5_0, REQUEST, 0, &body,
		       sizeof(body));
	expect("VSS 5.0 request id=9 operation=HOT_BACKUP flags=0x5");
}

static struct kvp_value item_make(u32 type, const char *key, const char *value)
{
	struct kvp_value item = { .type = type };

	item.key_bytes = wide(item.key, key);
	item.value_bytes = wide(item.value, value);
	return item;
}

static void test_kvp_items(void **state)
{
	struct kvp_get_set set = {
		.header = { KVP_OPERATION_SET, KVP_POOL_EXTERNAL },
		.value = item_make(KVP_WIRE_STRING, "ke\"y", "value"),
	};
	struct kvp_enumerate enumerate = {
		.header = { KVP_OPERATION_ENUMERATE, KVP_POOL_AUTO },
		.index = 3,
		.value = item_make(KVP_WIRE_U32, "n", "\x05"),
	};
	struct kvp_delete delete = { .header = { KVP_OPERATION_DELETE, 200 } };

	(void)state;
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &set,
		       sizeof(set));
	expect("KVPEXCHANGE 4.0 request id=9 operation=SET pool=external "
	       "key=\"ke\\\"y\" type=string value=\"value\"");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &enumerate,
		       sizeof(enumerate));
	expect("KVPEXCHANGE 4.0 request id=9 operation=ENUMERATE pool=auto "
	       "index=3");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, RESPONSE, 0, &enumerate,
		       sizeof(enumerate));
	expect("KVPEXCHANGE 4.0 response id=9 status=0x0 operation=ENUMERATE "
	       "pool=auto index=3 key=\"n\" type=u32 value=5");
	delete.key_bytes = wide(delete.key, "gone");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &delete,
		       sizeof(delete));
	expect("KVPEXCHANGE 4.0 request id=9 operation=DELETE pool=200 "
	       "key=\"gone\"");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &set, 100);
	expect("KVPEXCHANGE 4.0 request id=9 operation=SET pool=external (cut "
	       "short)");
}

/* Sizes that the other end made up do not lead out of their fields. */
static void test_kvp_sizes(void **state)
{
	static struct kvp_get_set set = {
		.header = { KVP_OPERATION_GET, KVP_POOL_GUEST },
	};

	(void)state;
	set.value.type = KVP_WIRE_STRING;
	set.value.key_bytes = 0xffffffff;
	set.value.value_bytes = 0xfffffff1;
	memset(set.value.key, 'k', sizeof(set.value.key));
	memset(set.value.value, 'v', sizeof(set.value.value));
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &set,
		       sizeof(set));
	decode(TRACE_COMPONENT, packet_bytes);
	assert_int_equal(strlen(text) < sizeof(text), 1);
	assert_non_null(strstr(text, "\xe6\xad\xab\" type=string"));
}

static void test_kvp_ip(void **state)
{
	static struct kvp_ip_text ip = {
		.header = { KVP_OPERATION_SET_IP, 0 },
		.family = KVP_FAMILY_IPV4,
		.dhcp_enabled = 1,
	};
	static struct kvp_ip_binary binary = {
		.header = { KVP_OPERATION_GET_IP, 0 },
		.family = KVP_FAMILY_IPV6,
		.ipv6_address_count = 2,
	};

	(void)state;
	wide(ip.adapter_id, "{a}");
	wide(ip.addresses, "192.0.2.7;");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_4_0, REQUEST, 0, &ip,
		       sizeof(ip));
	expect("KVPEXCHANGE 4.0 request id=9 operation=SET_IP_INFO "
	       "pool=external adapter=\"{a}\" family=ipv4 dhcp=1 "
	       "addresses=\"192.0.2.7;\" subnets=\"\" gateways=\"\" dns=\"\"");
	component_make(IC_MESSAGE_KVP, KVP_VERSION_5_0, REQUEST, 0, &binary,
		       sizeof(binary));
	expect("KVPEXCHANGE 5.0 request id=9 operation=GET_IP_INFO "
	       "pool=external adapter=\"\" family=ipv6 dhcp=0 "
	       "ipv4_addresses=0 ipv6_addresses=2 ipv4_gateways=0 "
	       "ipv6_gateways=0 ipv4_dns=0 ipv6_dns=0");
}

static void test_fcopy(void **state)
{
	static struct fcopy_start start = {
		.header.operation = FCOPY_OPERATION_START,
		.flags = FCOPY_OVERWRITE | FCOPY_CREATE_PATH,
		.size_bytes = 1ull << 40,
	};
	static struct fcopy_data data = {
		.header.operation = FCOPY_OPERATION_DATA,
		.offset = 6144,
		.size_bytes = 10,
	};
	struct fcopy_header end = { .operation = FCOPY_OPERATION_CANCEL };

	(void)state;
	wide(start.name, "file");
	wide(start.folder, "/root");
	component_make(IC_MESSAGE_FCOPY, FCOPY_VERSION_1_1, REQUEST, 0, &start,
		       sizeof(start));
	expect("FCOPY 1.1 request id=9 operation=START_FILE_COPY name=\"file\" "
	       "folder=\"/root\" flags=overwrite,create-path "
	       "size_bytes=1099511627776");
	component_make(IC_MESSAGE_FCOPY, FCOPY_VERSION_1_1, REQUEST, 0, &data,
		       sizeof(data));
	expect("FCOPY 1.1 request id=9 operation=WRITE_TO_FILE offset=6144 "
	       "size_bytes=10");
	component_make(IC_MESSAGE_FCOPY, FCOPY_VERSION_1_1, RESPONSE,
		       IC_E_FILE_EXISTS, &end, sizeof(end));
	assert_non_null(strstr(decode(TRACE_COMPONENT, packet_bytes),
			       "status=0x80070050"));
	assert_non_null(strstr(text, "operation=CANCEL_FCOPY"));
}

static void test_utf16(void **state)
{
	static const u16 units[] = { 0xd83d, 0xde00, 0xdc00, 0xd800, 0x202e,
				     0x4e2d, 0xe4,   0x85,   0x5c,   0 };
	static struct shutdown_message body;

	(void)state;
	memcpy(body.text, units, sizeof(units));
	component_make(IC_MESSAGE_SHUTDOWN, SHUTDOWN_VERSION_3_2, REQUEST, 0,
		       &body, sizeof(body));
	assert_non_null(strstr(decode(TRACE_COMPONENT, packet_bytes),
			       "text=\"\xf0\x9f\x98\x80\\udc00\\ud800\\u202e"
			       "\xe4\xb8\xad\xc3\xa4\\x85\\\\\""));
}

static void test_framing(void **state)
{
	static const struct {
		u8 bytes[40];
		size_t size_bytes;
		const char *line;
	} cases[] = {
		{ { 11, 0, 2, 0, 2, 0, 0, 0, 5 },
		  16,
		  "COMP transaction=5 payload=0" },
		{ { 99, 0, 2, 0, 3, 0, 0, 0, 5, [16] = 0xab },
		  24,
		  "packet type 99 transaction=5 payload=8: ab000000 00000000" },
		{ { 6, 0, 1, 0, 2, 0 },
		  16,
		  "DATA_INBAND transaction=0 (descriptor says payload 8 to 16 "
		  "of 16 bytes)" },
		{ { 6, 0, 3, 0, 2, 0 },
		  24,
		  "DATA_INBAND transaction=0 (descriptor says payload 24 to 16 "
		  "of 24 bytes)" },
		{ { 6, 0, 2, 0, 4, 0 },
		  24,
		  "DATA_INBAND transaction=0 (descriptor says payload 16 to 32 "
		  "of 24 bytes)" },
		{ { 6, 0, 2, 0, 4, 0, [16] = 1 },
		  25,
		  "DATA_INBAND transaction=0 payload=9: 01000000 00000000 00" },
		{ { 7, 0, 4, 0, 4, 0, 0, 0, 1, [16] = 0xfe, 0xca, 0, 0,
		    9, [24] = 100, [28] = 200 },
		  32,
		  "DATA_USING_XFER_PAGES transaction=1 pageset=51966 ranges=9 "
		  "100@200 payload=0" },
		{ { 9, 0, 5, 0, 5, 0, 0, 0,
		    1, [20] = 2, [24] = 8, [28] = 16, [32] = 1 },
		  40,
		  "DATA_USING_GPA_DIRECT transaction=1 ranges=2 16+8 "
		  "payload=0" },
		{ { 6 },
		  15,
		  "packet of 15 bytes: 06000000 00000000 00000000 "
		  "000000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(packet, cases[i].bytes, cases[i].size_bytes);
		assert_string_equal(decode(TRACE_BYTES, cases[i].size_bytes),
				    cases[i].line);
	}
}

static void test_strange_components(void **state)
{
	u8 body[4] = { 0 };

	(void)state;
	component_make(6, IC_VERSION(1, 2), 0, 0, body, sizeof(body));
	expect("IC type 6 1.2 id=9");
	component_make(0xffff, IC_VERSION(1, 2), 0, 0, body, sizeof(body));
	expect("IC type 65535 1.2 id=9");
	packet[4] = (16 + 24) / 8;
	assert_non_null(strstr(decode(TRACE_COMPONENT, packet_bytes),
			       "payload=24 (no IC header): 01000000"));
}

/* Every component, at every length, filled with what makes sizes largest. */
static void test_every_cut(void **state)
{
	static u8 body[sizeof(struct kvp_ip_text)];

	(void)state;
	memset(body, 0xff, sizeof(body));
	for (u16 type = 0; type < 9; type++) {
		for (u8 operation = 0; operation < 9; operation++) {
			body[0] = operation;
			memset(body + 1, operation == 8 ? 0xff : 0, 3);
			component_make(type, KVP_VERSION_4_0, RESPONSE, ~0u,
				       body, sizeof(body));
			for (size_t bytes = packet_bytes; bytes >= 16;
			     bytes -= bytes > 400 ? 328 : 8) {
				packet[4] = (u8)(bytes / 8);
				packet[5] = (u8)(bytes / 8 >> 8);
				decode(TRACE_COMPONENT, bytes);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_negotiate),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_timesync),
		cmocka_unit_test(test_vss),
		cmocka_unit_test(test_kvp_items),
		cmocka_unit_test(test_kvp_sizes),
		cmocka_unit_test(test_kvp_ip),
		cmocka_unit_test(test_fcopy),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_strange_components),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
