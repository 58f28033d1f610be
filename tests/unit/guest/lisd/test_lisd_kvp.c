/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The service whole, over a socket in place of /dev/vmbus/hv_kvp. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/hyperv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_device.h"
#include "folder.h"
#include "guest/lisd/kvp/kvp.h"

#define TURNS_DEFAULT 20000

static struct lisd_env env;
static struct fake_device device;
static struct hv_kvp_msg message;

static void start(void)
{
	env.service = &lisd_kvp;
	fake_device_start(&device, &env);
	/* Its registration, and the driver's word to that. */
	assert_int_equal(
		fake_device_call(&device, NULL, 0, &message, sizeof(message)),
		sizeof(message));
	assert_int_equal(message.kvp_hdr.operation, KVP_OP_REGISTER1);
	strcpy((char *)message.body.kvp_register.version, "3.1");
	assert_int_equal(send(device.fd, &message, sizeof(message), 0),
			 sizeof(message));
}

static int set_up(void **state)
{
	(void)state;
	folder_make(&env);
	folder_write(&env, "/var/lib/there", "");
	folder_write(&env, "/run/there", "");
	/* Whatever is asked, this machine's network stays as it is. */
	assert_null(lisd_setting_add(&env, "kvp.manager=none"));
	start();
	return 0;
}

static int tear_down(void **state)
{
	int status = fake_device_stop(&device);

	(void)state;
	folder_drop(&env);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), LISD_GONE);
	return 0;
}

static u32 call(u8 operation, u8 pool)
{
	message.kvp_hdr.operation = operation;
	message.kvp_hdr.pool = pool;
	message.kvp_hdr.pad = 0;
	assert_int_equal(fake_device_call(&device, &message, sizeof(message),
					  &message, sizeof(message)),
			 sizeof(message));
	return (u32)message.error;
}

static u32 set(u8 pool, const char *key, const char *value)
{
	struct hv_kvp_exchg_msg_value *data = &message.body.kvp_set.data;

	memset(&message, 0, sizeof(message));
	strcpy((char *)data->key, key);
	strcpy((char *)data->value, value);
	return call(KVP_OP_SET, pool);
}

static u32 get(u8 pool, const char *key)
{
	memset(&message, 0, sizeof(message));
	strcpy((char *)message.body.kvp_get.data.key, key);
	return call(KVP_OP_GET, pool);
}

static u32 enumerate(u8 pool, u32 index)
{
	memset(&message, 0, sizeof(message));
	message.body.kvp_enum_data.index = index;
	return call(KVP_OP_ENUMERATE, pool);
}

static void test_items(void **state)
{
	(void)state;
	assert_int_equal(set(0, "Gr\303\266\303\237e", "5 \302\265m"), HV_S_OK);
	assert_int_equal(get(0, "Gr\303\266\303\237e"), HV_S_OK);
	assert_string_equal(message.body.kvp_get.data.value, "5 \302\265m");
	assert_int_equal(message.body.kvp_get.data.value_size, 6);
	assert_int_equal(enumerate(0, 0), HV_S_OK);
	assert_string_equal(message.body.kvp_enum_data.data.key,
			    "Gr\303\266\303\237e");
	assert_int_equal(enumerate(0, 1), HV_S_CONT);
	assert_int_equal(get(1, "Gr\303\266\303\237e"), HV_S_CONT);
	memset(&message, 0, sizeof(message));
	strcpy((char *)message.body.kvp_delete.key, "Gr\303\266\303\237e");
	assert_int_equal(call(KVP_OP_DELETE, 0), HV_S_OK);
	assert_int_equal(enumerate(0, 0), HV_S_CONT);
}

static void test_intrinsic_items(void **state)
{
	u32 i;

	(void)state;
	folder_write(&env, "/etc/os-release", "NAME=Guest\nVERSION_ID=4.2\n");
	for (i = 0; i < 10; i++)
		assert_int_equal(enumerate(KVP_POOL_AUTO, i), HV_S_OK);
	assert_int_equal(enumerate(KVP_POOL_AUTO, 10), HV_S_CONT);
	assert_int_equal(get(KVP_POOL_AUTO, "OSName"), HV_S_OK);
	assert_string_equal(message.body.kvp_get.data.value, "Guest");
	assert_int_equal(get(KVP_POOL_AUTO, "OSMinorVersion"), HV_S_OK);
	assert_string_equal(message.body.kvp_get.data.value, "2");
	assert_int_equal(get(KVP_POOL_AUTO, "IntegrationServicesVersion"),
			 HV_S_OK);
	assert_string_equal(message.body.kvp_get.data.value, "3.1");
}

/* "The pool number and index from the host are not checked." */
static void test_pool_and_index_out_of_range(void **state)
{
	int pool;

	(void)state;
	for (pool = KVP_POOL_COUNT; pool < 256; pool++) {
		assert_int_equal(set((u8)pool, "k", "v"), HV_INVALIDARG);
		assert_int_equal(get((u8)pool, "k"), HV_INVALIDARG);
		assert_int_equal(enumerate((u8)pool, 0), HV_INVALIDARG);
	}
	assert_int_equal(enumerate(0, UINT32_MAX), HV_S_CONT);
	assert_int_equal(enumerate(0, 0x80000000u), HV_S_CONT);
	memset(&message, 0, sizeof(message));
	assert_int_equal(call(77, 0), HV_INVALIDARG);
}

static void test_texts_without_end(void **state)
{
	(void)state;
	memset(&message, 'x', sizeof(message));
	assert_int_equal(call(KVP_OP_SET, 0), HV_INVALIDARG);
	memset(&message, 'x', sizeof(message));
	assert_int_equal(call(KVP_OP_DELETE, 0), HV_INVALIDARG);
	memset(&message, 'x', sizeof(message));
	assert_int_equal(call(KVP_OP_GET_IP_INFO, 0), HV_INVALIDARG);
	memset(&message, 'x', sizeof(message));
	assert_int_equal(call(KVP_OP_SET_IP_INFO, 0), HV_INVALIDARG);
	assert_int_equal(get(0, ""), HV_INVALIDARG);
}

/* The network manager absent: nothing is written, and the host is told. */
static void test_network_manager_absent(void **state)
{
	struct hv_kvp_ipaddr_value *wire = &message.body.kvp_ip_val;

	(void)state;
	memset(&message, 0, sizeof(message));
	/* The loopback has the address of zeros. */
	strcpy((char *)wire->adapter_id, "00:00:00:00:00:00");
	strcpy((char *)wire->ip_addr, "192.0.2.9");
	strcpy((char *)wire->sub_net, "255.255.255.0");
	assert_int_equal(call(KVP_OP_SET_IP_INFO, 0), HV_ERROR_NOT_SUPPORTED);
	memset(&message, 0, sizeof(message));
	strcpy((char *)wire->adapter_id,
	       "{00000000-0000-0000-0000-000000000001}");
	strcpy((char *)wire->ip_addr, "192.0.2.9");
	assert_int_equal(call(KVP_OP_SET_IP_INFO, 0), HV_GUID_NOTFOUND);
}

static void test_addresses_of_the_loopback(void **state)
{
	struct hv_kvp_ipaddr_value *wire = &message.body.kvp_ip_val;

	(void)state;
	folder_write(&env, "/etc/resolv.conf", "nameserver 192.0.2.53\n");
	memset(&message, 0, sizeof(message));
	strcpy((char *)wire->adapter_id, "00:00:00:00:00:00");
	assert_int_equal(call(KVP_OP_GET_IP_INFO, 0), HV_S_OK);
	assert_memory_equal(wire->ip_addr, "127.0.0.1", 9);
	assert_memory_equal(wire->sub_net, "255.0.0.0", 9);
	assert_string_equal((char *)wire->gate_way, "");
	assert_string_equal((char *)wire->dns_addr, "192.0.2.53");
	assert_int_equal(wire->dhcp_enabled, 0);
}

/* A message that the kernel cut is answered all the same. */
static void test_short_message(void **state)
{
	u8 operation = KVP_OP_GET;

	(void)state;
	assert_int_equal(fake_device_call(&device, &operation, 1, &message,
					  sizeof(message)),
			 sizeof(message));
	assert_int_equal(message.error, (int)HV_INVALIDARG);
}

/* No folder can be made: the pools are below /run. */
static void test_pools_of_a_read_only_root(void **state)
{
	static struct lisd_env bare;
	static struct kvp_state own;
	char path[LISD_PATH_BYTES];
	const char *value;

	(void)state;
	folder_make(&bare);
	folder_write(&bare, "/var", "not a folder");
	folder_write(&bare, "/run/there", "");
	assert_int_equal(kvp_open(&own, &bare), 0);
	assert_int_equal(
		access(lisd_path(&bare, path, "/run/hyperv/.kvp_pool_4"), F_OK),
		0);
	assert_int_equal(pool_set(&own.pools[0], "k", "v"), POOL_OK);
	assert_int_equal(pool_get(&own.pools[0], "k", &value), POOL_OK);
	kvp_close(&own);
	folder_drop(&bare);
}

static u64 random_state;

static u32 random_next(u32 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)(random_state >> 32) % below;
}

static void message_random(void)
{
	u8 *bytes = (u8 *)&message;
	struct hv_kvp_exchg_msg_value *data = &message.body.kvp_set.data;
	u32 i, count;

	memset(&message, 0, sizeof(message));
	message.kvp_hdr.operation = (u8)random_next(8);
	message.kvp_hdr.pool = (u8)random_next(6);
	switch (random_next(4)) {
	case 0: /* anything at all */
		for (i = 0; i < sizeof(message); i += 4) {
			u32 word = random_next(UINT32_MAX);

			memcpy(bytes + i, &word,
			       sizeof(message) - i < 4 ? sizeof(message) - i
						       : 4);
		}
		bytes[0] %= 8;
		break;
	case 1:
		snprintf((char *)message.body.kvp_ip_val.adapter_id, 32,
			 "00:00:00:00:00:00");
		snprintf((char *)message.body.kvp_ip_val.ip_addr, 32,
			 "192.0.2.%u", random_next(300));
		break;
	default:
		snprintf((char *)data->key, 16, "key %u", random_next(8));
		snprintf((char *)data->value, 32, "%u",
			 random_next(UINT32_MAX));
		break;
	}
	count = random_next(4);
	for (i = 0; i < count; i++)
		bytes[random_next(sizeof(message))] = (u8)random_next(256);
	/* What a daemon sends is not answered. */
	if (bytes[0] == KVP_OP_REGISTER1)
		bytes[0] = KVP_OP_GET;
}

/* 250,000 of them with LISD_TEST_MESSAGES=250000. */
static void test_random_messages(void **state)
{
	const char *text = getenv("LISD_TEST_MESSAGES");
	u32 turns = text ? (u32)strtoul(text, NULL, 10) : TURNS_DEFAULT, i;
	struct stat status;
	char path[LISD_PATH_BYTES];

	(void)state;
	random_state = 0x9e3779b97f4a7c15ull;
	for (i = 0; i < turns; i++) {
		message_random();
		assert_int_equal(fake_device_call(&device, &message,
						  sizeof(message), &message,
						  sizeof(message)),
				 sizeof(message));
	}
	/* It still answers, and every file is of whole records. */
	assert_int_equal(set(0, "last", "value"), HV_S_OK);
	assert_int_equal(get(0, "last"), HV_S_OK);
	for (i = 0; i < KVP_POOL_COUNT; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/var/lib/hyperv/.kvp_pool_%u", i);
		assert_int_equal(stat(lisd_path(&env, path, name), &status), 0);
		assert_int_equal(status.st_size % POOL_RECORD_BYTES, 0);
	}
	print_message("%u messages\n", turns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_items),
		TEST(test_intrinsic_items),
		TEST(test_pool_and_index_out_of_range),
		TEST(test_texts_without_end),
		TEST(test_network_manager_absent),
		TEST(test_addresses_of_the_loopback),
		TEST(test_short_message),
		TEST(test_pools_of_a_read_only_root),
		TEST(test_random_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
