/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * address.h - IP addresses as text and as bytes.
 *
 * Here: what the C library does elsewhere, for a room without one. Not here:
 * names, scopes, ports. Source: RFC 4291 section 2.2, RFC 5952.
 */
#ifndef SERVICES_KVP_ADDRESS_H
#define SERVICES_KVP_ADDRESS_H

#include "vmbus/port.h"

/* Longest texts, terminator included. */
#define ADDRESS_IPV4_BYTES 16
#define ADDRESS_IPV6_BYTES 40

/*
 * address_ipv4_parse - "192.0.2.1", exactly @bytes characters, into network
 * byte order. Returns false when it is no such address.
 */
bool address_ipv4_parse(u8 address[4], const char *text, u32 bytes);

/*
 * address_ipv6_parse - "2001:db8::1" or "::ffff:192.0.2.1", without scope,
 * exactly @bytes characters. Returns false when it is no such address.
 */
bool address_ipv6_parse(u8 address[16], const char *text, u32 bytes);

/*
 * address_number_parse - a decimal number up to @most, exactly @bytes
 * characters, no sign, no leading zeros. Returns false when it is none.
 */
bool address_number_parse(u32 *number, const char *text, u32 bytes, u32 most);

/*
 * The opposites; @text has room for the longest. They return the characters
 * written, without the terminator, which is written as well.
 */
u32 address_ipv4_format(char *text, const u8 address[4]);
u32 address_ipv6_format(char *text, const u8 address[16]);
u32 address_number_format(char *text, u32 number);

#endif
