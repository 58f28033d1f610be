/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "vmbus/messages.h"

/*
 * Minimum versions are those of OpenVMM's protocol.rs. UNLOAD has none there,
 * while Linux sends it from 3.0 on only: a host that answers it always is
 * right with both. What each end does with a message: the tables in host.c and
 * guest.c.
 */
/* clang-format off */
#define ROW(type, name, since, layout, sender, relid)                          \
	[VMBUS_MESSAGE_##type] = { name, since,                                \
				   sizeof(struct vmbus_message_##layout),      \
				   VMBUS_END_##sender, relid }

static const struct vmbus_message_rule rules[VMBUS_MESSAGE_TYPE_COUNT] = {
	ROW(OFFER, "OFFERCHANNEL", 0, offer, HOST, false),
	ROW(RESCIND, "RESCIND_CHANNELOFFER", 0, relid, HOST, true),
	ROW(REQUEST_OFFERS, "REQUESTOFFERS", 0, header, GUEST, false),
	ROW(OFFERS_DELIVERED, "ALLOFFERS_DELIVERED", 0, header, HOST, false),
	ROW(OPEN, "OPENCHANNEL", 0, open, GUEST, true),
	ROW(OPEN_RESULT, "OPENCHANNEL_RESULT", 0, open_result, HOST, true),
	ROW(CLOSE, "CLOSECHANNEL", 0, relid, GUEST, true),
	ROW(GPADL_HEADER, "GPADL_HEADER", 0, gpadl_header, GUEST, true),
	ROW(GPADL_BODY, "GPADL_BODY", 0, gpadl_body, GUEST, false),
	ROW(GPADL_CREATED, "GPADL_CREATED", 0, gpadl_created, HOST, true),
	ROW(GPADL_TEARDOWN, "GPADL_TEARDOWN", 0, gpadl_teardown, GUEST, true),
	ROW(GPADL_TORNDOWN, "GPADL_TORNDOWN", 0, gpadl_torndown, HOST, false),
	ROW(RELID_RELEASED, "RELID_RELEASED", 0, relid, GUEST, true),
	ROW(CONTACT, "INITIATE_CONTACT", 0, contact, GUEST, false),
	ROW(VERSION_RESPONSE, "VERSION_RESPONSE", 0, version_response, HOST, false),
	ROW(UNLOAD, "UNLOAD", 0, header, GUEST, false),
	ROW(UNLOAD_RESPONSE, "UNLOAD_RESPONSE", 0, header, HOST, false),
	ROW(SOCKET_CONNECT, "TL_CONNECT_REQUEST", VMBUS_VERSION_4_0, socket_connect, GUEST, false),
	ROW(MODIFY, "MODIFYCHANNEL", VMBUS_VERSION_4_1, modify, GUEST, true),
	ROW(SOCKET_RESULT, "TL_CONNECT_RESULT", VMBUS_VERSION_4_1, socket_result, HOST, false),
	ROW(MODIFY_RESPONSE, "MODIFYCHANNEL_RESPONSE", VMBUS_VERSION_5_3, modify_response, HOST, true),
};
/* clang-format on */

/*
 * 6.0 waits for feature flags (a longer contact and answer) and confidential
 * channels: a guest that asks it is refused and asks 5.3 next.
 */
static const struct vmbus_version_rule versions[] = {
	{ VMBUS_VERSION_0_13, true }, { VMBUS_VERSION_1_1, true },
	{ VMBUS_VERSION_2_4, true },  { VMBUS_VERSION_3_0, true },
	{ VMBUS_VERSION_4_0, true },  { VMBUS_VERSION_4_1, true },
	{ VMBUS_VERSION_5_0, true },  { VMBUS_VERSION_5_1, true },
	{ VMBUS_VERSION_5_2, true },  { VMBUS_VERSION_5_3, true },
	{ VMBUS_VERSION_6_0, false },
};

const struct vmbus_message_rule *vmbus_message_rule(u32 type)
{
	if (type >= VMBUS_MESSAGE_TYPE_COUNT || !rules[type].name)
		return NULL;
	return &rules[type];
}

enum vmbus_status vmbus_message_check(const void *payload, u32 size_bytes,
				      enum vmbus_end sender, u32 version,
				      u32 *type)
{
	const struct vmbus_message_rule *rule;
	struct vmbus_message_header header;

	*type = 0;
	if (size_bytes < sizeof(header) || size_bytes > VMBUS_SYNIC_PAYLOAD_MAX)
		return VMBUS_E_MESSAGE_SIZE;
	port_copy(&header, payload, sizeof(header));
	*type = header.type;
	rule = vmbus_message_rule(header.type);
	if (!rule || rule->sender != sender)
		return VMBUS_E_MESSAGE_TYPE;
	if (size_bytes < rule->size_bytes)
		return VMBUS_E_MESSAGE_SIZE;
	if (version && version < rule->minimum_version)
		return VMBUS_E_MESSAGE_VERSION;
	return VMBUS_OK;
}

const struct vmbus_version_rule *vmbus_versions(u32 *count)
{
	*count = PORT_ARRAY_SIZE(versions);
	return versions;
}

u32 vmbus_version_newest(u32 limit, u32 floor)
{
	u32 i;

	for (i = PORT_ARRAY_SIZE(versions); i-- > 0;) {
		u32 version = versions[i].version;

		if (versions[i].offered && version <= limit && version >= floor)
			return version;
	}
	return 0;
}

bool vmbus_version_offered(u32 version)
{
	return version && vmbus_version_newest(version, version) == version;
}
