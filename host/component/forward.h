/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * forward.h - from the component table to a service's engine.
 *
 * Here: the functions that do nothing but pass a call on to NAME_vsp_*, written
 * once for all services. Each service has a struct NAME_component, whose first
 * member is `struct component base` and which has a `struct NAME_vsp vsp`.
 */
#ifndef HOST_COMPONENT_FORWARD_H
#define HOST_COMPONENT_FORWARD_H

#include "host/component/component.h"

#define COMPONENT_FORWARD(NAME)                                                \
	static struct NAME##_component *self_of(                               \
		const struct component *component)                             \
	{                                                                      \
		return (struct NAME##_component *)component;                   \
	}                                                                      \
                                                                               \
	static enum vmbus_status forward_receive(                              \
		struct component *component, const void *data, u32 size_bytes, \
		u64 transaction_id, u64 now_100ns)                             \
	{                                                                      \
		return NAME##_vsp_receive(&self_of(component)->vsp, data,      \
					  size_bytes, transaction_id,          \
					  now_100ns);                          \
	}                                                                      \
                                                                               \
	static enum ic_status forward_status(                                  \
		const struct component *component, u64 now_100ns)              \
	{                                                                      \
		return NAME##_vsp_status(&self_of(component)->vsp, now_100ns); \
	}                                                                      \
                                                                               \
	static enum ic_detail forward_detail(                                  \
		const struct component *component, u64 now_100ns)              \
	{                                                                      \
		(void)now_100ns;                                               \
		return ic_vsp_detail(&self_of(component)->vsp.ic);             \
	}                                                                      \
                                                                               \
	static u32 forward_version(const struct component *component)          \
	{                                                                      \
		return self_of(component)->vsp.ic.message_version;             \
	}

/* For engines that need no more than the time to send. */
#define COMPONENT_FORWARD_SENDING(NAME)                                        \
	static u32 forward_transmit(struct component *component,               \
				    u64 now_100ns, void *buffer,               \
				    u32 capacity_bytes, u64 *transaction_id)   \
	{                                                                      \
		return NAME##_vsp_transmit(&self_of(component)->vsp,           \
					   now_100ns, buffer, capacity_bytes,  \
					   transaction_id);                    \
	}                                                                      \
                                                                               \
	static u64 forward_deadline(const struct component *component)         \
	{                                                                      \
		return NAME##_vsp_deadline_100ns(&self_of(component)->vsp);    \
	}

#define COMPONENT_FORWARD_ROWS                                                 \
	.receive = forward_receive, .status = forward_status,                  \
	.detail = forward_detail, .version = forward_version

#define COMPONENT_FORWARD_SENDING_ROWS                                         \
	.transmit = forward_transmit, .deadline = forward_deadline

#endif
