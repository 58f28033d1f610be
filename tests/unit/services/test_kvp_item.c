// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Keys, values and addresses: limits, conversion, what is refused. */
#define _GNU_SOURCE /* stpcpy */
#include "tests/unit/services/kvp_link.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "services/kvp/address.h"

/* @count times a character of UTF-8. */
static const char *repeat(char *text, const char *character, u32 count)
{
	char *end = text;

	while (count--)
		end = stpcpy(end, character);
	*end = 0;
	return text;
}

static void key_limits_are_exact(void **state)
{
	u8 wire[KVP_KEY_WIRE_BYTES];
	char text[2048];
	u32 bytes;

	(void)state;
	assert_int_equal(kvp_key_write(wire, &bytes, "", true), KVP_KEY_EMPTY);
	repeat(text, "k", 255);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true), KVP_OK);
	assert_int_equal(bytes, 512);
	repeat(text, "k", 256);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true),
			 KVP_KEY_TOO_LONG);
	repeat(text, "\xe2\x82\xac", 255);
	assert_int_equal(kvp_key_write(wire, &bytes, text, false), KVP_OK);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true),
			 KVP_KEY_TOO_LONG_8);
	repeat(text, "\xe2\x82\xac", 170);
	strcat(text, "k");
	assert_int_equal(strlen(text), 511);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true), KVP_OK);
	strcat(text, "k");
	assert_int_equal(kvp_key_write(wire, &bytes, text, true),
			 KVP_KEY_TOO_LONG_8);
	/* 127 surrogate pairs fit, 128 do not. */
	repeat(text, "\xf0\x9f\x90\xa7", 127);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true), KVP_OK);
	assert_int_equal(bytes, 127 * 4 + 2);
	repeat(text, "\xf0\x9f\x90\xa7", 128);
	assert_int_equal(kvp_key_write(wire, &bytes, text, true),
			 KVP_KEY_TOO_LONG);
	assert_int_equal(kvp_key_write(wire, &bytes, "\xc3", true),
			 KVP_KEY_INVALID);
	assert_int_equal(kvp_key_write(wire, &bytes, "\xed\xa0\x80", true),
			 KVP_KEY_INVALID);
}

static enum kvp_status write_text(struct kvp_value *wire, const char *text,
				  bool utf8_limits)
{
	struct kvp_item item = { .type = KVP_STRING };

	/* The wire's limit is met before that of the structure. */
	assert_true(strlen(text) < sizeof(item.text));
	strcpy(item.text, text);
	return kvp_value_write(wire, &item, KVP_VERSION_5_0, utf8_limits);
}

static void value_limits_are_exact(void **state)
{
	struct kvp_value wire;
	char text[4096];

	(void)state;
	assert_int_equal(write_text(&wire, "", true), KVP_OK);
	assert_int_equal(wire.value_bytes, 2);
	repeat(text, "v", 1023);
	assert_int_equal(write_text(&wire, text, true), KVP_OK);
	assert_int_equal(wire.value_bytes, 2048);
	repeat(text, "v", 1024);
	assert_int_equal(write_text(&wire, text, true), KVP_VALUE_TOO_LONG);
	repeat(text, "\xe2\x82\xac", 1023);
	assert_int_equal(write_text(&wire, text, false), KVP_OK);
	assert_int_equal(write_text(&wire, text, true), KVP_VALUE_TOO_LONG_8);
	repeat(text, "\xe2\x82\xac", 682);
	strcat(text, "v");
	assert_int_equal(strlen(text), 2047);
	assert_int_equal(write_text(&wire, text, true), KVP_OK);
	strcat(text, "v");
	assert_int_equal(write_text(&wire, text, true), KVP_VALUE_TOO_LONG_8);
	assert_int_equal(write_text(&wire, "\xff", true), KVP_VALUE_INVALID);
}

static void longest_texts_survive_the_way_back(void **state)
{
	struct kvp_value wire = { 0 };
	struct kvp_item item, back;
	u32 bytes;

	(void)state;
	repeat(item.key, "\xe2\x82\xac", 255);
	repeat(item.text, "\xe2\x82\xac", 1023);
	item.type = KVP_STRING;
	assert_int_equal(kvp_key_write(wire.key, &bytes, item.key, false),
			 KVP_OK);
	assert_int_equal(kvp_value_write(&wire, &item, KVP_VERSION_4_0, false),
			 KVP_OK);
	assert_int_equal(kvp_key_read(back.key, wire.key, bytes), KVP_OK);
	assert_int_equal(kvp_value_read(&back, &wire), KVP_OK);
	assert_string_equal(back.key, item.key);
	assert_string_equal(back.text, item.text);
}

static void lying_texts_are_refused(void **state)
{
	static const struct {
		char wire[16];
		u32 bytes;
		enum kvp_status status;
	} rows[] = {
		{ "k\0e\0y\0\0\0..", 8, KVP_OK },
		{ "\0\0..........", 2, KVP_OK },
		{ "k\0e\0y\0\0\0..", 0, KVP_GUEST_TEXT },
		{ "k\0e\0y\0\0\0..", 1, KVP_GUEST_TEXT },
		{ "k\0e\0y\0\0\0..", 7, KVP_GUEST_TEXT },
		{ "k\0e\0y\0\0\0..", 6, KVP_GUEST_TEXT },      /* no end */
		{ "k\0\0\0y\0\0\0..", 8, KVP_GUEST_TEXT },     /* end inside */
		{ "\0\0\0\0......", 4, KVP_GUEST_TEXT },       /* two ends */
		{ "\x3d\xd8\0\0....", 4, KVP_GUEST_TEXT },     /* half pair */
		{ "\x27\xdc\x3d\xd8\0\0", 6, KVP_GUEST_TEXT }, /* reversed */
		{ "\x3d\xd8\x27\xdc\0\0....", 6, KVP_OK },
		{ "k\0e\0y\0\0\0..", 514, KVP_GUEST_TEXT },
		{ "k\0e\0y\0\0\0..", 0xfffffffe, KVP_GUEST_TEXT },
		{ "k\0e\0y\0\0\0..", 0xffffffff, KVP_GUEST_TEXT },
	};
	u8 wire[KVP_KEY_WIRE_BYTES] = { 0 };
	char text[sizeof(((struct kvp_item *)0)->key)];
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		memcpy(wire, rows[i].wire, 8);
		assert_int_equal(kvp_key_read(text, wire, rows[i].bytes),
				 rows[i].status);
		if (rows[i].status)
			assert_string_equal(text, "");
	}
}

static void lying_values_are_refused(void **state)
{
	static const struct {
		u32 type;
		u32 bytes;
		enum kvp_status status;
	} rows[] = {
		{ KVP_WIRE_U32, 4, KVP_OK },
		{ KVP_WIRE_U32, 8, KVP_GUEST_TEXT },
		{ KVP_WIRE_U64, 8, KVP_OK },
		{ KVP_WIRE_U64_LINUX, 8, KVP_OK },
		{ KVP_WIRE_U64, 4, KVP_GUEST_TEXT },
		{ KVP_WIRE_STRING, 2, KVP_OK },
		{ KVP_WIRE_EXPAND_STRING, 2, KVP_OK },
		{ KVP_WIRE_STRING, 2050, KVP_GUEST_TEXT },
		{ KVP_WIRE_STRING, 0xffffffff, KVP_GUEST_TEXT },
		{ KVP_WIRE_STRING, 0, KVP_GUEST_TEXT },
		{ 0, 2, KVP_GUEST_TEXT },
		{ 3, 2, KVP_GUEST_TEXT },
		{ 0xffffffff, 2, KVP_GUEST_TEXT },
	};
	struct kvp_value wire = { 0 };
	struct kvp_item item;
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(rows); i++) {
		wire.type = rows[i].type;
		wire.value_bytes = rows[i].bytes;
		assert_int_equal(kvp_value_read(&item, &wire), rows[i].status);
	}
}

/* The C library parses as ours does, for texts of every kind. */
static void addresses_parse_as_in_the_library(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1",
		"0.0.0.0",
		"255.255.255.255",
		"256.0.0.1",
		"1.2.3",
		"1.2.3.4.5",
		"1..2.3",
		".1.2.3",
		"1.2.3.",
		"01.2.3.4",
		"a.b.c.d",
		"",
		" 1.2.3.4",
		"1.2.3.4 ",
		"-1.2.3.4",
		"1.2.3.1000000000",
		"::",
		"::1",
		"1::",
		"2001:db8::1",
		"1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8",
		"1::3:4:5:6:7:8",
		"1::2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8",
		":::",
		":",
		":1",
		"1:",
		"1::2::3",
		"12345::",
		"g::",
		"::ffff:192.0.2.1",
		"::192.0.2.1",
		"1:2:3:4:5:6:1.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1.2.3.4::",
		"::1.2.3.4:5",
		"::ffff:1.2.3",
		"::ffff:1.2.3.256",
		"FE80::ABCD",
		"fe80::1%eth0",
		"1:2:3:4:5:6:7:",
		"0:0:0:0:0:0:0:0",
		"::0",
		"00000::",
	};
	u8 ours[16], theirs[16];
	size_t i;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(texts); i++) {
		u32 bytes = (u32)strlen(texts[i]);
		bool valid = inet_pton(AF_INET, texts[i], theirs) == 1;

		assert_int_equal(address_ipv4_parse(ours, texts[i], bytes),
				 valid);
		if (valid)
			assert_memory_equal(ours, theirs, 4);
		valid = inet_pton(AF_INET6, texts[i], theirs) == 1;
		assert_int_equal(address_ipv6_parse(ours, texts[i], bytes),
				 valid);
		if (valid)
			assert_memory_equal(ours, theirs, 16);
	}
}

static u32 random_next(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

static void addresses_survive_the_way_back(void **state)
{
	char text[ADDRESS_IPV6_BYTES], theirs[INET6_ADDRSTRLEN];
	u8 address[16], back[16];
	u32 seed = 1, i, k, bytes;

	(void)state;
	for (i = 0; i < 20000; i++) {
		for (k = 0; k < 16; k++)
			address[k] = random_next(&seed) % 3
					     ? 0
					     : (u8)random_next(&seed);
		bytes = address_ipv6_format(text, address);
		assert_int_equal(bytes, strlen(text));
		assert_true(address_ipv6_parse(back, text, bytes));
		assert_memory_equal(address, back, 16);
		/* Mapped IPv4 addresses are written otherwise there. */
		assert_non_null(
			inet_ntop(AF_INET6, address, theirs, sizeof(theirs)));
		if (!strchr(theirs, '.'))
			assert_string_equal(text, theirs);
		bytes = address_ipv4_format(text, address);
		assert_true(address_ipv4_parse(back, text, bytes));
		assert_memory_equal(address, back, 4);
	}
}

static struct kvp_ip_info adapter(void)
{
	return (struct kvp_ip_info){ .adapter_id = "{id}" };
}

static enum kvp_status write_ip(const struct kvp_ip_info *info, u32 version)
{
	u8 body[KVP_IP_BODY_BYTES];

	return kvp_ip_write(body, KVP_OPERATION_SET_IP, info, version);
}

static void check_both(const struct kvp_ip_info *info, enum kvp_status status)
{
	assert_int_equal(write_ip(info, KVP_VERSION_4_0), status);
	assert_int_equal(write_ip(info, KVP_VERSION_5_0), status);
}

static void wrong_ip_information_is_refused(void **state)
{
	struct kvp_ip_info info = adapter();

	(void)state;
	check_both(&info, KVP_OK);
	info.adapter_id[0] = 0;
	check_both(&info, KVP_ADAPTER_INVALID);
	memset(info.adapter_id, 'x', sizeof(info.adapter_id));
	check_both(&info, KVP_ADAPTER_INVALID);
	strcpy(info.adapter_id, "\xc3\xa9");
	check_both(&info, KVP_ADAPTER_INVALID);
	info = adapter();
	strcpy(info.addresses, "192.0.2.300");
	check_both(&info, KVP_ADDRESS_INVALID);
	strcpy(info.addresses, "192.0.2.1;;192.0.2.2");
	check_both(&info, KVP_ADDRESS_INVALID);
	strcpy(info.addresses, "192.0.2.1;2001:db8::1");
	strcpy(info.subnets, "24");
	check_both(&info, KVP_SUBNET_INVALID);
	strcpy(info.subnets, "24;64;64");
	check_both(&info, KVP_SUBNET_INVALID);
	strcpy(info.subnets, "33;64");
	check_both(&info, KVP_SUBNET_INVALID);
	strcpy(info.subnets, "24;129");
	check_both(&info, KVP_SUBNET_INVALID);
	strcpy(info.subnets, "24;255.255.255.0");
	check_both(&info, KVP_SUBNET_INVALID);
	strcpy(info.subnets, "255.255.255.0;/64");
	check_both(&info, KVP_OK);
	strcpy(info.gateways, "gateway");
	check_both(&info, KVP_GATEWAY_INVALID);
	strcpy(info.gateways, "192.0.2.254");
	strcpy(info.dns_servers, "dns.example");
	check_both(&info, KVP_DNS_INVALID);
	info.dns_servers[0] = 0;
	memset(info.subnets, '1', sizeof(info.subnets));
	check_both(&info, KVP_IP_TOO_LONG);
}

static void ip_body_is_zero_where_it_says_nothing(void **state)
{
	struct kvp_ip_info info = adapter();
	u8 body[KVP_IP_BODY_BYTES];
	struct kvp_ip_text *text = (void *)body;
	struct kvp_ip_binary *binary = (void *)body;
	size_t i;

	(void)state;
	memset(body, 0xee, sizeof(body));
	assert_int_equal(kvp_ip_write(body, KVP_OPERATION_GET_IP, &info,
				      KVP_VERSION_4_0),
			 KVP_OK);
	assert_int_equal(text->header.operation, KVP_OPERATION_GET_IP);
	for (i = offsetof(struct kvp_ip_text, family); i < sizeof(*text); i++)
		assert_int_equal(body[i], 0);
	memset(body, 0xee, sizeof(body));
	assert_int_equal(kvp_ip_write(body, KVP_OPERATION_GET_IP, &info,
				      KVP_VERSION_5_0),
			 KVP_OK);
	assert_int_equal(binary->ipv4_address_count, 0);
	for (i = offsetof(struct kvp_ip_binary, family); i < sizeof(body); i++)
		assert_int_equal(body[i], 0);
}

static void ip_lists_have_their_limits(void **state)
{
	struct kvp_ip_info info = adapter();

	(void)state;
	/* 1023 characters of text; 64 addresses in binary. */
	repeat(info.addresses, "192.0.2.10;", 64);
	assert_int_equal(write_ip(&info, KVP_VERSION_4_0), KVP_OK);
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_OK);
	strcat(info.addresses, "192.0.2.11");
	assert_int_equal(write_ip(&info, KVP_VERSION_4_0), KVP_OK);
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_IP_TOO_LONG);
	repeat(info.addresses, "192.0.2.10;", 93);
	assert_int_equal(strlen(info.addresses), 1023);
	assert_int_equal(write_ip(&info, KVP_VERSION_4_0), KVP_OK);
	strcat(info.addresses, "::");
	assert_int_equal(write_ip(&info, KVP_VERSION_4_0), KVP_IP_TOO_LONG);
	info = adapter();
	repeat(info.addresses, "2001:db8::1;", 64);
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_OK);
	strcat(info.addresses, "::1");
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_IP_TOO_LONG);
	info = adapter();
	repeat(info.gateways, "192.0.2.1;", 5);
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_OK);
	strcat(info.gateways, "192.0.2.1");
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_IP_TOO_LONG);
	assert_int_equal(write_ip(&info, KVP_VERSION_4_0), KVP_OK);
	info = adapter();
	repeat(info.dns_servers, "::1;", 65);
	assert_int_equal(write_ip(&info, KVP_VERSION_5_0), KVP_IP_TOO_LONG);
}

static void fullest_binary_information_fits_its_text(void **state)
{
	u8 body[KVP_IP_BODY_BYTES];
	struct kvp_ip_binary *wire = (void *)body;
	struct kvp_ip_info info;

	(void)state;
	memset(body, 0xff, sizeof(body));
	memset(wire->adapter_id, 0, sizeof(wire->adapter_id));
	wire->ipv4_address_count = 64;
	wire->ipv6_address_count = 64;
	wire->ipv4_gateway_count = 5;
	wire->ipv6_gateway_count = 5;
	wire->ipv4_dns_count = 64;
	wire->ipv6_dns_count = 64;
	for (size_t i = 0; i < 64; i++)
		wire->ipv6_prefixes[i] = 128;
	assert_int_equal(
		kvp_ip_read(&info, body, sizeof(body), KVP_VERSION_5_0),
		KVP_OK);
	assert_int_equal(strlen(info.addresses), 64 * 16 + 64 * 40 - 1);
	assert_int_equal(strlen(info.dns_servers), 64 * 16 + 64 * 40 - 1);
	assert_int_equal(strlen(info.subnets), 64 * 16 + 64 * 5 - 1);
	assert_int_equal(strlen(info.gateways), 5 * 16 + 5 * 40 - 1);
}

static void lying_binary_counts_are_refused(void **state)
{
	struct kvp_ip_binary clean = { .ipv4_address_count = 64,
				       .ipv6_address_count = 64,
				       .ipv4_gateway_count = 5,
				       .ipv6_gateway_count = 5,
				       .ipv4_dns_count = 64,
				       .ipv6_dns_count = 64 };
	struct kvp_ip_info info;
	size_t i, offset;

	(void)state;
	for (i = 0; i < 6; i++) {
		struct kvp_ip_binary wire = clean;
		u32 count;

		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_5_0),
				 KVP_OK);
		offset = offsetof(struct kvp_ip_binary, ipv4_address_count) +
			 i * sizeof(count);
		memcpy(&count, (u8 *)&wire + offset, sizeof(count));
		count++;
		memcpy((u8 *)&wire + offset, &count, sizeof(count));
		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_5_0),
				 KVP_GUEST_TEXT);
		memset((u8 *)&wire + offset, 0xff, sizeof(count));
		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_5_0),
				 KVP_GUEST_TEXT);
	}
	clean.ipv6_prefixes[63] = 129;
	assert_int_equal(kvp_ip_read(&info, (u8 *)&clean, sizeof(clean),
				     KVP_VERSION_5_0),
			 KVP_GUEST_TEXT);
}

static void lying_ip_texts_are_refused(void **state)
{
	struct kvp_ip_text clean = { 0 };
	struct kvp_ip_info info;
	static const struct {
		size_t offset;
		size_t bytes;
	} lists[] = {
		{ offsetof(struct kvp_ip_text, adapter_id), 256 },
		{ offsetof(struct kvp_ip_text, addresses), 2048 },
		{ offsetof(struct kvp_ip_text, subnets), 2048 },
		{ offsetof(struct kvp_ip_text, gateways), 1024 },
		{ offsetof(struct kvp_ip_text, dns_servers), 2048 },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < PORT_ARRAY_SIZE(lists); i++) {
		struct kvp_ip_text wire = clean;
		u8 *list = (u8 *)&wire + lists[i].offset;

		for (k = 0; k < lists[i].bytes; k += 2)
			list[k] = 'a';
		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_4_0),
				 KVP_GUEST_TEXT);
		list[lists[i].bytes - 2] = 0;
		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_4_0),
				 KVP_OK);
		list[0] = 0xe9;
		assert_int_equal(kvp_ip_read(&info, (u8 *)&wire, sizeof(wire),
					     KVP_VERSION_4_0),
				 KVP_GUEST_TEXT);
	}
	assert_int_equal(kvp_ip_read(&info, (u8 *)&clean, sizeof(clean) - 1,
				     KVP_VERSION_4_0),
			 KVP_GUEST_TEXT);
	assert_int_equal(kvp_ip_read(&info, (u8 *)&clean, sizeof(clean),
				     KVP_VERSION_3_0),
			 KVP_NO_IP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_limits_are_exact),
		cmocka_unit_test(value_limits_are_exact),
		cmocka_unit_test(longest_texts_survive_the_way_back),
		cmocka_unit_test(lying_texts_are_refused),
		cmocka_unit_test(lying_values_are_refused),
		cmocka_unit_test(addresses_parse_as_in_the_library),
		cmocka_unit_test(addresses_survive_the_way_back),
		cmocka_unit_test(wrong_ip_information_is_refused),
		cmocka_unit_test(ip_body_is_zero_where_it_says_nothing),
		cmocka_unit_test(ip_lists_have_their_limits),
		cmocka_unit_test(fullest_binary_information_fits_its_text),
		cmocka_unit_test(lying_binary_counts_are_refused),
		cmocka_unit_test(lying_ip_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
