// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What administrators ask of an interface. */
#include "guest/kmod/hv_netvsc/netvsc.h"
#include <linux/module.h>

static void get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u32 version = netvsc->shared.version;

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->version, LIS_VERSION, sizeof(info->version));
	strscpy(info->bus_info, dev_name(&netvsc->device->dev),
		sizeof(info->bus_info));
	snprintf(info->fw_version, sizeof(info->fw_version), "NVSP %u.%u",
		 version >> 16, version & 0xffff);
}

static int get_link_ksettings(struct net_device *netdev,
			      struct ethtool_link_ksettings *settings)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u64 speed = READ_ONCE(netvsc->shared.speed_bps);

	ethtool_link_ksettings_zero_link_mode(settings, supported);
	ethtool_link_ksettings_zero_link_mode(settings, advertising);
	settings->base.speed =
		speed ? (u32)div_u64(speed, 1000000) : (u32)SPEED_UNKNOWN;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_OTHER;
	settings->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

/* ---- counters of each queue ---- */

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{ "packets", offsetof(struct netvsc_stats, packets) },
	{ "bytes", offsetof(struct netvsc_stats, bytes) },
	{ "dropped", offsetof(struct netvsc_stats, dropped) },
	{ "errors", offsetof(struct netvsc_stats, errors) },
};

/* Names as of the kernel's own: programs know them. */
static const struct {
	const char *name;
	bool received;
	size_t offset;
} function_counters[] = {
	{ "vf_rx_packets", true, offsetof(struct netvsc_stats, packets) },
	{ "vf_rx_bytes", true, offsetof(struct netvsc_stats, bytes) },
	{ "vf_tx_packets", false, offsetof(struct netvsc_stats, packets) },
	{ "vf_tx_bytes", false, offsetof(struct netvsc_stats, bytes) },
	{ "vf_tx_dropped", false, offsetof(struct netvsc_stats, dropped) },
};

static int get_sset_count(struct net_device *netdev, int set)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return netvsc->channel_count * 2 * (int)ARRAY_SIZE(counters) +
	       (int)ARRAY_SIZE(function_counters);
}

static void get_strings(struct net_device *netdev, u32 set, u8 *text)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u32 queue, way, i;

	if (set != ETH_SS_STATS)
		return;
	for (queue = 0; queue < netvsc->channel_count; queue++)
		for (way = 0; way < 2; way++)
			for (i = 0; i < ARRAY_SIZE(counters); i++) {
				snprintf((char *)text, ETH_GSTRING_LEN,
					 "%s_queue_%u_%s", way ? "rx" : "tx",
					 queue, counters[i].name);
				text += ETH_GSTRING_LEN;
			}
	for (i = 0; i < ARRAY_SIZE(function_counters); i++)
		strscpy((char *)text + i * ETH_GSTRING_LEN,
			function_counters[i].name, ETH_GSTRING_LEN);
}

static u64 *stats_put(const struct netvsc_stats *stats, u64 *to)
{
	struct netvsc_stats now = netvsc_stats_read(stats);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		to[i] = *(const u64 *)((const u8 *)&now + counters[i].offset);
	return to + ARRAY_SIZE(counters);
}

static void function_stats_put(const struct netvsc *netvsc, u64 *to)
{
	struct netvsc_stats tx, rx;
	u32 i;

	memset(&tx, 0, sizeof(tx));
	memset(&rx, 0, sizeof(rx));
	netvsc_function_stats(netvsc, &tx, &rx);
	for (i = 0; i < ARRAY_SIZE(function_counters); i++)
		to[i] = *(
			const u64 *)((const u8 *)(function_counters[i].received
							  ? &rx
							  : &tx) +
				     function_counters[i].offset);
}

static void get_ethtool_stats(struct net_device *netdev,
			      struct ethtool_stats *unused, u64 *to)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u32 queue;

	for (queue = 0; queue < netvsc->channel_count; queue++) {
		to = stats_put(&netvsc->channels[queue]->tx, to);
		to = stats_put(&netvsc->channels[queue]->rx, to);
	}
	function_stats_put(netvsc, to);
}

/*
 * ---- rings: of the buffers lent to the host, how many frames they take ----
 *
 * The host says how large the place of one is.
 */

#define FRAMES_MIN 16u

static void ringparam(struct net_device *netdev, struct ethtool_ringparam *ring)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	const struct network_vsc_shared *shared = &netvsc->shared;

	ring->rx_pending = shared->slot_count;
	ring->tx_pending = shared->section_count;
	if (shared->slot_bytes)
		ring->rx_max_pending =
			NETVSC_RECEIVE_MAX_BYTES / shared->slot_bytes;
	if (shared->section_bytes)
		ring->tx_max_pending =
			min(NETVSC_SEND_MAX_BYTES / shared->section_bytes,
			    NETWORK_VSC_SECTIONS_MAX);
}

static u32 buffer_bytes(u32 frames, u32 each_bytes, u32 before_bytes)
{
	return each_bytes ? PAGE_ALIGN(max(frames, FRAMES_MIN) * each_bytes)
			  : before_bytes;
}

static int ringparam_set(struct net_device *netdev,
			 const struct ethtool_ringparam *ring)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	const struct network_vsc_shared *shared = &netvsc->shared;
	struct ethtool_ringparam now = { 0 };

	if (!netvsc->session)
		return -ENODEV;
	ringparam(netdev, &now);
	if (ring->rx_mini_pending || ring->rx_jumbo_pending ||
	    ring->rx_pending > now.rx_max_pending ||
	    ring->tx_pending > now.tx_max_pending)
		return -EINVAL;
	return netvsc_buffers_change(
		netvsc,
		buffer_bytes(ring->rx_pending, shared->slot_bytes,
			     netvsc->receive.page_count * (u32)PAGE_SIZE),
		buffer_bytes(ring->tx_pending, shared->section_bytes,
			     netvsc->send.page_count * (u32)PAGE_SIZE));
}
COMPAT_SET_RINGPARAM(set_ringparam, ringparam_set)
COMPAT_GET_RINGPARAM(get_ringparam, ringparam)

/* ---- channels and what chooses them ---- */

static void get_channels(struct net_device *netdev,
			 struct ethtool_channels *channels)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	channels->max_combined = netvsc->channels_max;
	channels->combined_count = netvsc->channel_count;
}

static int set_channels(struct net_device *netdev,
			struct ethtool_channels *channels)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u16 before = netvsc->channels_wanted;
	u32 count = channels->combined_count;
	int error;

	if (!count || count > netvsc->channels_max || channels->rx_count ||
	    channels->tx_count || channels->other_count)
		return -EINVAL;
	netvsc->channels_wanted = (u16)count;
	/* One made for another number leads nowhere. */
	netvsc->rss.table_count = 0;
	error = netvsc_session_renew(netvsc);
	if (!error)
		return 0;
	netvsc->channels_wanted = before;
	if (netvsc_session_renew(netvsc))
		netdev_err(netdev, "the adapter is dead\n");
	return error;
}

static int get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info,
		     u32 *rules)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	if (info->cmd != ETHTOOL_GRXRINGS)
		return -EOPNOTSUPP;
	info->data = netvsc->channel_count;
	return 0;
}

static u32 get_rxfh_key_size(struct net_device *netdev)
{
	return NETWORK_RSS_KEY_BYTES;
}

static u32 get_rxfh_indir_size(struct net_device *netdev)
{
	return NETWORK_RSS_TABLE;
}

static int rss_get(struct net_device *netdev, u32 *table, u8 *key, u8 *function)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	const struct network_rss *rss = &netvsc->rss;
	u32 i;

	if (function)
		*function = ETH_RSS_HASH_TOP;
	if (key)
		memcpy(key, rss->key, sizeof(rss->key));
	for (i = 0; table && i < NETWORK_RSS_TABLE; i++)
		table[i] = rss->table_count ? rss->table[i]
					    : i % netvsc->channel_count;
	return 0;
}

static int rss_set(struct net_device *netdev, const u32 *table, const u8 *key,
		   u8 function)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	struct netvsc_channel *primary = netvsc->channels[0];
	struct network_rss *rss = &netvsc->rss;
	u32 i;

	if (function != ETH_RSS_HASH_NO_CHANGE && function != ETH_RSS_HASH_TOP)
		return -EOPNOTSUPP;
	if (!netvsc->session || netvsc->channel_count < 2)
		return -EOPNOTSUPP;
	for (i = 0; table && i < NETWORK_RSS_TABLE; i++)
		if (table[i] >= netvsc->channel_count)
			return -EINVAL;
	for (i = 0; table && i < NETWORK_RSS_TABLE; i++)
		rss->table[i] = (u16)table[i];
	if (table)
		rss->table_count = NETWORK_RSS_TABLE;
	if (key)
		memcpy(rss->key, key, sizeof(rss->key));
	spin_lock_irq(&primary->lock);
	netvsc->shared.options.rss = *rss;
	spin_unlock_irq(&primary->lock);
	return netvsc_ask(netvsc, NETWORK_VSC_REQUEST_RSS);
}
COMPAT_RXFH(get_rxfh, rss_get, set_rxfh, rss_set)

const struct ethtool_ops netvsc_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_link_ksettings = get_link_ksettings,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ringparam = get_ringparam,
	.set_ringparam = set_ringparam,
	.get_channels = get_channels,
	.set_channels = set_channels,
	.get_rxnfc = get_rxnfc,
	.get_rxfh_key_size = get_rxfh_key_size,
	.get_rxfh_indir_size = get_rxfh_indir_size,
	.get_rxfh = get_rxfh,
	.set_rxfh = set_rxfh,
};
