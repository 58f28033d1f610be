/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A host that does wrong on purpose, and only when it is asked to. */
#define _GNU_SOURCE
#include <stdio.h>

#include "host/control/base64.h"
#include "services/ic/wire.h"
#include "tests/sim_machine/sim_vm.h"

static void be_hostile(struct run_config *config)
{
	config->hostile = true;
}

static int hostile_setup(void **state)
{
	int result;

	sim_vm_prepare = be_hostile;
	result = sim_vm_setup(state);
	sim_vm_prepare = NULL;
	return result;
}

static json_t *data_params(u32 relid, const void *bytes, u32 size_bytes)
{
	char *text = malloc(BASE64_ROOM(size_bytes));
	json_t *params;

	assert_non_null(text);
	base64_encode(text, bytes, size_bytes);
	params = json_pack("{s:I, s:s}", "relid", (json_int_t)relid, "data",
			   text);
	free(text);
	return params;
}

static json_t *relid_params(u32 relid)
{
	return json_pack("{s:I}", "relid", (json_int_t)relid);
}

static u32 relid_of(enum service_index service)
{
	return SIM_GUEST(sim_guest_channel(service)
				 ? sim_guest_channel(service)->relid
				 : 0);
}

/* A member of a channel's row; the caller's reference. */
static json_t *row_member(u32 relid, const char *name)
{
	json_t *answer = sim_call(sim_client, "hostile.channels", NULL);
	json_t *row, *member = NULL;
	size_t i;

	json_array_foreach(json_object_get(answer, "channels"), i, row)
	{
		if (json_integer_value(json_object_get(row, "relid")) == relid)
			member = json_incref(json_object_get(row, name));
	}
	json_decref(answer);
	return member; /* NULL: it is just gone */
}

static bool row_is(u32 relid, const char *name)
{
	json_t *member = row_member(relid, name);
	bool yes = json_is_true(member);

	json_decref(member);
	return yes;
}

/* ---- an honest VM ---- */

static void test_only_when_asked(void **state)
{
	static const char *const methods[] = {
		"hostile.channels", "hostile.seize",	 "hostile.message",
		"hostile.write",    "hostile.receive",	 "hostile.header",
		"hostile.memory",   "hostile.interrupt", "hostile.rescind",
	};

	(void)state;
	for (size_t i = 0; i < PORT_ARRAY_SIZE(methods); i++) {
		struct vm_failure failure = { 0 };
		struct lis_error error;
		json_t *answer = NULL;

		assert_int_not_equal(vm_client_call(sim_client, methods[i],
						    relid_params(1),
						    SIM_PATIENCE_MS, &answer,
						    &failure, &error),
				     0);
		assert_null(answer);
		assert_int_equal(failure.code, -32601);
	}
	sim_all_ok();
}

/* ---- rings ---- */

/* What follows a packet of nonsense is the guest's to say. */
static void test_write(void **state)
{
	u8 nonsense[56] = { PACKET_DATA_INBAND, 0, 2, 0, 6 };

	(void)state;
	sim_ok(sim_client, "hostile.write",
	       data_params(relid_of(SERVICE_HEARTBEAT), nonsense,
			   sizeof(nonsense)));
	SIM_UNTIL(SIM_GUEST(sim_guest.wrong != NULL));
	assert_string_equal(sim_service(SERVICE_KVP, "primary_status"), "OK");
	SIM_GUEST(sim_guest.wrong = NULL);
}

static void test_header(void **state)
{
	u32 relid = relid_of(SERVICE_HEARTBEAT);

	(void)state;
	sim_ok(sim_client, "hostile.header",
	       json_pack("{s:I, s:i, s:i}", "relid", (json_int_t)relid,
			 "offset", 0, "value", 4));
	sim_ok(sim_client, "hostile.interrupt", relid_params(relid));
	SIM_UNTIL(SIM_GUEST(sim_guest.wrong != NULL));
	SIM_GUEST(sim_guest.wrong = NULL);
}

/* Whether the guest's next packet has that id. */
static bool received(u32 relid, json_int_t transaction_id)
{
	char reason[32];
	uint64_t id =
		sim_send(sim_client, "hostile.receive", relid_params(relid));
	json_t *answer = sim_answer(sim_client, id, reason);
	json_int_t got =
		json_integer_value(json_object_get(answer, "transaction_id"));

	if (!answer)
		assert_string_equal(reason, "busy");
	json_decref(answer);
	return got == transaction_id;
}

/* A negotiation, whose answer is the test's to have. */
static void test_seized(void **state)
{
	struct {
		struct packet_descriptor descriptor;
		struct ic_pipe_header pipe;
		struct ic_header header;
		struct ic_negotiate counts;
		u32 versions[2];
		u32 padding;
		u64 trailer;
	} __attribute__((packed)) packet = {
		.descriptor = { PACKET_DATA_INBAND, 2, 8, 0, 0x1234 },
		.pipe = { IC_PIPE_DATA, 36 },
		.header = { .body_bytes = 16, .flags = 3 },
		.counts = { 1, 1, 0 },
		.versions = { IC_VERSION(3, 0), IC_VERSION(3, 0) },
	};
	u32 relid = relid_of(SERVICE_HEARTBEAT);

	(void)state;
	sim_refused(sim_client, "hostile.receive", relid_params(relid),
		    "refused");
	sim_ok(sim_client, "hostile.seize", relid_params(relid));
	assert_true(row_is(relid, "seized"));
	sim_ok(sim_client, "hostile.write",
	       data_params(relid, &packet, sizeof(packet)));
	SIM_UNTIL(received(relid, 0x1234));
}

static json_int_t serial_of(u32 relid)
{
	json_t *member = row_member(relid, "serial");
	json_int_t serial = json_integer_value(member);

	json_decref(member);
	return serial;
}

/* Key-value exchange is taken back without ado, and offered again. */
static void offered_anew(bool seized)
{
	json_int_t before = serial_of(relid_of(SERVICE_KVP));

	SIM_GUEST(sim_guest.packets[SERVICE_KVP] = 0);
	sim_ok(sim_client, "hostile.seize",
	       json_pack("{s:b}", "offers", seized));
	sim_ok(sim_client, "hostile.rescind",
	       relid_params(relid_of(SERVICE_KVP)));
	SIM_UNTIL(relid_of(SERVICE_KVP) &&
		  serial_of(relid_of(SERVICE_KVP)) > before &&
		  row_is(relid_of(SERVICE_KVP), "open"));
}

/* Nothing is said to a guest on a channel that was seized with its offer. */
static void test_seized_offers(void **state)
{
	(void)state;
	offered_anew(true);
	assert_true(row_is(relid_of(SERVICE_KVP), "seized"));
	assert_false(row_is(relid_of(SERVICE_HEARTBEAT), "seized"));
	/* What the host sends itself, it has sent before this is answered. */
	sim_ok(sim_client, "vm.counters", NULL);
	assert_int_equal(SIM_GUEST(sim_guest.packets[SERVICE_KVP]), 0);
	offered_anew(false);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
}

static void test_rescind(void **state)
{
	(void)state;
	offered_anew(false);
	SIM_UNTIL(sim_status_is(SERVICE_KVP, "OK"));
	sim_all_ok();
}

/* ---- messages ---- */

static void test_message(void **state)
{
	const u32 nonsense[4] = { VMBUS_MESSAGE_OPEN_RESULT };
	json_t *params = data_params(0, nonsense, sizeof(nonsense));

	(void)state;
	sim_ok(sim_client, "hostile.message", params);
	SIM_UNTIL(SIM_GUEST(sim_guest.wrong != NULL));
	SIM_GUEST(sim_guest.wrong = NULL);
	sim_all_ok();
}

/* ---- what is no attack ---- */

static void test_refused(void **state)
{
	u32 relid = relid_of(SERVICE_KVP);

	(void)state;
	sim_refused(sim_client, "hostile.write", data_params(4000, "", 0),
		    "not-found");
	sim_refused(sim_client, "hostile.write", relid_params(relid), "");
	sim_refused(sim_client, "hostile.write",
		    json_pack("{s:i, s:s}", "relid", relid, "data", "*"), "");
	sim_refused(sim_client, "hostile.header", relid_params(relid), "");
	sim_refused(sim_client, "hostile.header",
		    json_pack("{s:i, s:i, s:i}", "relid", relid, "offset", 3,
			      "value", 1),
		    "refused");
	sim_refused(sim_client, "hostile.header",
		    json_pack("{s:i, s:i, s:i}", "relid", relid, "offset", 4096,
			      "value", 1),
		    "refused");
	sim_refused(sim_client, "hostile.memory",
		    json_pack("{s:i, s:i, s:s}", "relid", relid, "gpadl", 9999,
			      "data", "AAAA"),
		    "not-found");
	sim_refused(sim_client, "hostile.seize", json_object(), "");
	sim_refused(sim_client, "hostile.interrupt",
		    json_pack("{s:i}", "flag", 2048), "refused");
	sim_all_ok();
}

#define HOSTILE_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, hostile_setup, sim_vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(test_only_when_asked),	  HOSTILE_TEST(test_write),
		HOSTILE_TEST(test_header),	  HOSTILE_TEST(test_seized),
		HOSTILE_TEST(test_seized_offers), HOSTILE_TEST(test_rescind),
		HOSTILE_TEST(test_message),	  HOSTILE_TEST(test_refused),
	};

	return cmocka_run_group_tests_name("hostile host", tests, NULL, NULL);
}
