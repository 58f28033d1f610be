// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Key-value exchange against a peer that lies: each end in turn. */
#include "tests/unit/services/kvp_link.h"

static struct kvp_vsp *const vsp = &kvp_link.vsp;
static struct kvp_vsc *const vsc = &kvp_link.vsc;
static struct ic_link_packet request, answer;
static u32 guest_version;

/* ---- the host end ---- */

static enum vmbus_status vsp_take(const void *data, u32 size_bytes, u64 id)
{
	return kvp_vsp_receive(vsp, data, size_bytes, id, 0);
}

static void asked(void)
{
	assert_true(kvp_link_host_sends(&request));
	assert_true(kvp_link_guest_answers(&request, &answer));
}

static void prepare_enumerate(void)
{
	kvp_link_open(NULL, guest_version);
	kvp_link_put(KVP_POOL_GUEST, "k", "v");
	assert_int_equal(kvp_vsp_enumerate(vsp, KVP_POOL_GUEST, 0), KVP_OK);
	asked();
}

static void prepare_find(void)
{
	kvp_link_open(NULL, guest_version);
	kvp_link_put(KVP_POOL_GUEST, "k", "v");
	assert_int_equal(kvp_vsp_find(vsp, KVP_POOL_GUEST, "k", 0), KVP_OK);
	asked();
}

static void prepare_get(void)
{
	kvp_link_open(NULL, guest_version);
	kvp_link_put(KVP_POOL_GUEST, "k", "v");
	assert_int_equal(kvp_vsp_get(vsp, KVP_POOL_GUEST, "k", 0), KVP_OK);
	asked();
}

static void prepare_set(void)
{
	struct kvp_item item = kvp_link_item("k", "v");

	kvp_link_open(NULL, guest_version);
	assert_int_equal(kvp_vsp_set(vsp, KVP_POOL_GUEST, &item, 0), KVP_OK);
	asked();
}

static void prepare_delete(void)
{
	kvp_link_open(NULL, guest_version);
	kvp_link_put(KVP_POOL_GUEST, "k", "v");
	assert_int_equal(kvp_vsp_delete(vsp, KVP_POOL_GUEST, "k", 0), KVP_OK);
	asked();
}

static void prepare_get_ip(void)
{
	kvp_link_open(NULL, guest_version);
	assert_int_equal(kvp_vsp_get_ip(vsp, "00:15:5D:00:00:01", 0), KVP_OK);
	asked();
}

static void prepare_set_ip(void)
{
	struct kvp_ip_info info = { .adapter_id = "{x}" };

	kvp_link_open(NULL, guest_version);
	assert_int_equal(kvp_vsp_set_ip(vsp, &info, 0), KVP_OK);
	asked();
}

static void every_answer_may_be_cut_anywhere(void **state)
{
	static const struct {
		void (*prepare)(void);
		u32 guest_version;
		u32 body_min_bytes;
	} rows[] = {
		{ prepare_enumerate, 0, sizeof(struct kvp_enumerate) },
		{ prepare_find, 0, sizeof(struct kvp_enumerate) },
		{ prepare_get, 0, sizeof(struct kvp_get_set) },
		{ prepare_set, 0, 0 },
		{ prepare_delete, 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		struct ic_link_end end = { rows[i].prepare, vsp_take };

		guest_version = rows[i].guest_version;
		rows[i].prepare();
		ic_link_check_sizes(&end, &answer, rows[i].body_min_bytes);
	}
}

/* These are long: enough cuts to show each side of every border. */
static void every_ip_answer_may_be_cut(void **state)
{
	static const struct {
		void (*prepare)(void);
		u32 guest_version;
		u32 body_min_bytes;
	} rows[] = {
		{ prepare_get_ip, KVP_VERSION_4_0, sizeof(struct kvp_ip_text) },
		{ prepare_get_ip, KVP_VERSION_5_0,
		  sizeof(struct kvp_ip_binary) },
		{ prepare_set_ip, KVP_VERSION_4_0, 0 },
		{ prepare_set_ip, KVP_VERSION_5_0, 0 },
	};
	struct ic_pipe_header pipe;
	struct ic_header header;
	size_t i;
	u32 cut;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		guest_version = rows[i].guest_version;
		for (cut = 0; cut <= KVP_IP_BODY_BYTES; cut++) {
			if (cut > 300 && cut + 1 < rows[i].body_min_bytes &&
			    cut % 97)
				continue;
			if (cut > rows[i].body_min_bytes + 1 && cut % 97 &&
			    cut != KVP_IP_BODY_BYTES)
				continue;
			rows[i].prepare();
			pipe = ic_link_pipe(&answer);
			header = ic_link_header(&answer);
			header.body_bytes = (u16)cut;
			pipe.size_bytes = 20 + cut;
			ic_link_set_pipe(&answer, pipe);
			ic_link_set_header(&answer, header);
			answer.size_bytes = IC_BODY_OFFSET + cut;
			assert_int_equal(ic_link_hand(
						 &(struct ic_link_end){
							 .receive = vsp_take },
						 &answer),
					 cut < rows[i].body_min_bytes
						 ? VMBUS_E_IC_SHORT
						 : VMBUS_OK);
		}
	}
}

static struct kvp_value *answered_value(bool enumerate)
{
	u8 *body = answer.bytes + IC_BODY_OFFSET;

	return enumerate ? &((struct kvp_enumerate *)body)->value
			 : &((struct kvp_get_set *)body)->value;
}

static void sizes_over_their_limit_close_the_channel(void **state)
{
	static void (*const prepare[])(void) = { prepare_enumerate,
						 prepare_find, prepare_get };
	static const u32 sizes[] = { 513, 514, 2048, 0x7fffffff, 0xffffffff };
	size_t i, k;

	(void)state;
	guest_version = 0;
	for (i = 0; i < PORT_ARRAY_SIZE(prepare); i++) {
		for (k = 0; k < PORT_ARRAY_SIZE(sizes); k++) {
			prepare[i]();
			answered_value(i < 2)->key_bytes = sizes[k];
			assert_int_equal(kvp_link_host_takes(&answer),
					 VMBUS_E_IC_SIZE);
			assert_int_equal(kvp_vsp_status(vsp, 0),
					 IC_STATUS_ERROR);
			/* Closed by its caller: the request must end. */
			kvp_vsp_closed(vsp);
			kvp_link_events();
			assert_int_equal(kvp_link.done.status, KVP_CLOSED);
			assert_int_equal(kvp_vsp_status(vsp, 0),
					 IC_STATUS_ERROR);
		}
		prepare[i]();
		answered_value(i < 2)->value_bytes = 2049;
		assert_int_equal(kvp_link_host_takes(&answer), VMBUS_E_IC_SIZE);
	}
}

static void item_with_bad_text_is_told_and_passed_over(void **state)
{
	(void)state;
	guest_version = 0;
	prepare_enumerate();
	kvp_link_put(KVP_POOL_GUEST, "k2", "v2");
	answered_value(true)->key[0] = 0;
	answered_value(true)->key[1] = 0xd8;
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.bad_count, 1);
	kvp_link_run();
	assert_int_equal(kvp_link.done.status, KVP_OK);
	assert_int_equal(kvp_link.item_count, 1);
	assert_string_equal(kvp_link_items[0].key, "k2");

	prepare_find();
	answered_value(true)->type = 77;
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done.status, KVP_GUEST_TEXT);

	prepare_get();
	answered_value(false)->value_bytes = 3;
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done.status, KVP_GUEST_TEXT);
}

/* What Linux 6.1 gives for GET: its status, and an empty value. */
static void linux_answers_get_without_a_value(void **state)
{
	struct kvp_value *value;

	(void)state;
	guest_version = KVP_VERSION_4_0;
	prepare_get();
	value = answered_value(false);
	memset(value->value, 0, sizeof(value->value));
	value->value_bytes = 2;
	assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
	assert_int_equal(kvp_link.done.status, KVP_OK);
	assert_string_equal(kvp_link.done.item.key, "k");
	assert_string_equal(kvp_link.done.item.text, "");
}

/* Linux writes its strings without a terminator, over the request. */
static void requests_are_zero_where_they_say_nothing(void **state)
{
	static void (*const prepare[])(void) = { prepare_enumerate, prepare_get,
						 prepare_delete };
	struct kvp_item long_item = { .type = KVP_STRING };
	size_t i, k, used;

	(void)state;
	guest_version = KVP_VERSION_4_0;
	memset(long_item.key, 'k', 255);
	memset(long_item.text, 'v', 1023);
	for (i = 0; i < PORT_ARRAY_SIZE(prepare); i++) {
		prepare[i]();
		assert_int_equal(kvp_link_host_takes(&answer), VMBUS_OK);
		kvp_link_run();
		assert_int_equal(kvp_vsp_set(vsp, 0, &long_item, 0), KVP_OK);
		kvp_link_run();
		if (i == 0)
			kvp_vsp_enumerate(vsp, 0, 0);
		else if (i == 1)
			kvp_vsp_get(vsp, 0, "k", 0);
		else
			kvp_vsp_delete(vsp, 0, "k", 0);
		assert_true(kvp_link_host_sends(&request));
		assert_int_equal(request.size_bytes,
				 IC_BODY_OFFSET + KVP_ITEM_BODY_BYTES);
		used = i == 0 ? 8 : i == 1 ? 18 : 10;
		for (k = IC_BODY_OFFSET + used; k < request.size_bytes; k++)
			assert_int_equal(request.bytes[k], 0);
	}
}

/* ---- the guest end ---- */

static bool requested;
static u32 response_bytes;
static u32 response_status;

static enum vmbus_status vsc_take(const void *data, u32 size_bytes, u64 id)
{
	struct ic_link_packet response = { .bytes = { 0 } };
	struct kvp_request asks;
	enum vmbus_status status;

	status = kvp_vsc_receive(vsc, data, size_bytes, id, response.bytes,
				 sizeof(response.bytes), &response_bytes, &asks,
				 &requested);
	if (response_bytes)
		response_status = ic_link_header(&response).status;
	return status;
}

static void prepare_guest(void)
{
	kvp_link_open(NULL, guest_version);
}

static void sends_enumerate(void)
{
	prepare_guest();
	kvp_vsp_enumerate(vsp, 0, 0);
	assert_true(kvp_link_host_sends(&request));
}

static void sends_set(void)
{
	struct kvp_item item = kvp_link_item("key", "value");

	prepare_guest();
	kvp_vsp_set(vsp, 0, &item, 0);
	assert_true(kvp_link_host_sends(&request));
}

static void sends_get(void)
{
	prepare_guest();
	kvp_vsp_get(vsp, 0, "key", 0);
	assert_true(kvp_link_host_sends(&request));
}

static void sends_delete(void)
{
	prepare_guest();
	kvp_vsp_delete(vsp, 0, "key", 0);
	assert_true(kvp_link_host_sends(&request));
}

/* Bodies that are too short are no violation: they are answered. */
static void every_request_may_be_cut_anywhere(void **state)
{
	static void (*const sends[])(void) = { sends_enumerate, sends_set,
					       sends_get, sends_delete };
	struct ic_link_end end = { prepare_guest, vsc_take };
	size_t i;

	(void)state;
	guest_version = 0;
	for (i = 0; i < PORT_ARRAY_SIZE(sends); i++) {
		struct ic_link_packet whole;

		sends[i]();
		whole = request;
		ic_link_check_sizes(&end, &whole, 0);
	}
}

static void refuses(size_t offset, u8 value)
{
	u8 old = request.bytes[IC_BODY_OFFSET + offset];

	request.bytes[IC_BODY_OFFSET + offset] = value;
	response_status = 0;
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 1),
			 VMBUS_OK);
	assert_false(requested);
	assert_int_equal(response_bytes, request.size_bytes);
	assert_true(response_status == IC_E_INVALID_ARGUMENT);
	request.bytes[IC_BODY_OFFSET + offset] = old;
}

static void senseless_requests_are_answered_at_once(void **state)
{
	(void)state;
	guest_version = 0;
	sends_set();
	refuses(0, KVP_OPERATION_COUNT);
	refuses(0, 0xff);
	refuses(1, KVP_POOL_COUNT);
	refuses(1, 0xff);
	refuses(4, 3);	   /* type */
	refuses(8, 7);	   /* odd key size */
	refuses(8, 0);	   /* none */
	refuses(8, 6);	   /* without terminator */
	refuses(9, 0x80);  /* over its limit */
	refuses(12, 3);	   /* odd value size */
	refuses(15, 0x80); /* over its limit */
	refuses(17, 0xdc); /* half a surrogate pair */
	ic_link_make(&answer, IC_MESSAGE_KVP,
		     IC_FLAG_TRANSACTION | IC_FLAG_REQUEST, 1, 1);
	assert_int_equal(vsc_take(answer.bytes, answer.size_bytes, 1),
			 VMBUS_OK);
	assert_false(requested);
	assert_true(response_status == IC_E_INVALID_ARGUMENT);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 1),
			 VMBUS_OK);
	assert_true(requested);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 1),
			 VMBUS_AGAIN);
}

static void answer_that_does_not_fit_is_a_failure(void **state)
{
	struct kvp_request result = { 0 };
	u64 id = 0;

	(void)state;
	guest_version = 0;
	sends_enumerate();
	assert_int_equal(kvp_vsc_respond(vsc, 0, &result, answer.bytes,
					 sizeof(answer.bytes), &id),
			 0);
	assert_int_equal(vsc_take(request.bytes, request.size_bytes, 42),
			 VMBUS_OK);
	assert_true(requested);
	/* Too little memory: it stays under way. */
	assert_int_equal(
		kvp_vsc_respond(vsc, 0, &result, answer.bytes, 99, &id), 0);
	/* An item without a key cannot be told. */
	assert_int_equal(kvp_vsc_respond(vsc, 0, &result, answer.bytes,
					 sizeof(answer.bytes), &id),
			 request.size_bytes);
	assert_true(ic_link_header(&answer).status == IC_E_FAIL);
	assert_int_equal(id, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_may_be_cut_anywhere),
		cmocka_unit_test(every_ip_answer_may_be_cut),
		cmocka_unit_test(sizes_over_their_limit_close_the_channel),
		cmocka_unit_test(item_with_bad_text_is_told_and_passed_over),
		cmocka_unit_test(linux_answers_get_without_a_value),
		cmocka_unit_test(requests_are_zero_where_they_say_nothing),
		cmocka_unit_test(every_request_may_be_cut_anywhere),
		cmocka_unit_test(senseless_requests_are_answered_at_once),
		cmocka_unit_test(answer_that_does_not_fit_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
