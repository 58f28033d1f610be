// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Host end of the time synchronization service. */
#include "services/timesync/vsp.h"

enum vmbus_status timesync_vsp_init(struct timesync_vsp *vsp,
				    const struct timesync_vsp_config *config)
{
	port_fill(vsp, 0, sizeof(*vsp));
	vsp->config = *config;
	vsp->sync_wanted = true;
	vsp->next_sync_100ns = IC_NEVER;
	return ic_vsp_init(&vsp->ic, &timesync_service, config->newest_version);
}

void timesync_vsp_sync(struct timesync_vsp *vsp)
{
	vsp->sync_wanted = true;
}

enum vmbus_status timesync_vsp_receive(struct timesync_vsp *vsp,
				       const void *data, u32 size_bytes,
				       u64 transaction_id, u64 now_100ns)
{
	struct ic_message message;
	enum vmbus_status status;

	status = ic_vsp_receive(&vsp->ic, data, size_bytes, transaction_id,
				&message);
	if (status || message.kind != IC_KIND_MESSAGE)
		return status;
	vsp->answer_count++;
	vsp->answered_100ns = now_100ns;
	return VMBUS_OK;
}

static bool sync_due(const struct timesync_vsp *vsp, u64 now_100ns)
{
	return vsp->sync_wanted || now_100ns >= vsp->next_sync_100ns;
}

/* Build the body in the form that the settled version has. */
static u32 put_time(const struct timesync_vsp *vsp, u8 *body, u8 flags,
		    u64 now_100ns, u64 wall_100ns)
{
	struct timesync_reference_message stamped = {
		.host_time_100ns = wall_100ns,
		.reference_time_100ns = now_100ns,
		.flags = flags,
		.leap_indicator = vsp->config.leap_indicator,
		.stratum = vsp->config.stratum,
	};
	struct timesync_message plain = {
		.host_time_100ns = wall_100ns,
		.flags = flags,
	};

	if (ic_version_older(vsp->ic.message_version, TIMESYNC_VERSION_4_0)) {
		port_copy(body, &plain, sizeof(plain));
		return sizeof(plain);
	}
	port_fill(body, 0, TIMESYNC_REFERENCE_SENT_BYTES);
	port_copy(body, &stamped, sizeof(stamped));
	return TIMESYNC_REFERENCE_SENT_BYTES;
}

u32 timesync_vsp_transmit(struct timesync_vsp *vsp, u64 now_100ns,
			  u64 wall_100ns, void *buffer, u32 capacity_bytes,
			  u64 *transaction_id)
{
	bool sync = sync_due(vsp, now_100ns);
	u32 size_bytes;

	if (ic_vsp_negotiate_due(&vsp->ic))
		return ic_vsp_negotiate(&vsp->ic, buffer, capacity_bytes,
					transaction_id);
	if (!ic_vsp_ready(&vsp->ic) || capacity_bytes < TIMESYNC_PACKET_MAX)
		return 0;
	if (!sync && now_100ns < vsp->next_sample_100ns)
		return 0;
	size_bytes = put_time(vsp, (u8 *)buffer + IC_BODY_OFFSET,
			      sync ? TIMESYNC_FLAG_SYNC : TIMESYNC_FLAG_SAMPLE,
			      now_100ns, wall_100ns);
	size_bytes = ic_vsp_request(&vsp->ic, buffer, capacity_bytes,
				    size_bytes, false, transaction_id);
	vsp->next_sample_100ns = now_100ns + TIMESYNC_SAMPLE_PERIOD_100NS;
	if (!sync) {
		vsp->sample_count++;
		return size_bytes;
	}
	vsp->sync_count++;
	vsp->sync_wanted = false;
	if (vsp->config.sync_period_seconds)
		vsp->next_sync_100ns =
			now_100ns +
			vsp->config.sync_period_seconds * IC_SECOND_100NS;
	return size_bytes;
}

u64 timesync_vsp_deadline_100ns(const struct timesync_vsp *vsp)
{
	if (ic_vsp_negotiate_due(&vsp->ic))
		return 0;
	if (!ic_vsp_ready(&vsp->ic))
		return IC_NEVER;
	if (vsp->sync_wanted)
		return 0;
	return vsp->next_sync_100ns < vsp->next_sample_100ns
		       ? vsp->next_sync_100ns
		       : vsp->next_sample_100ns;
}

enum ic_status timesync_vsp_status(const struct timesync_vsp *vsp,
				   u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_status(&vsp->ic);
}

enum ic_detail timesync_vsp_detail(const struct timesync_vsp *vsp,
				   u64 now_100ns)
{
	(void)now_100ns;
	return ic_vsp_detail(&vsp->ic);
}
