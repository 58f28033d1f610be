// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* What the network stack asks of an interface. */
#include "guest/kmod/hv_netvsc/netvsc.h"

#define MTU_MAX_BYTES (65535 - ETH_HLEN)

/* ---- up and down ---- */

static int netvsc_open(struct net_device *netdev)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	if (!netvsc->session || READ_ONCE(netvsc->failed))
		return -ENODEV;
	netif_tx_start_all_queues(netdev);
	netvsc_function_open(netvsc);
	return 0;
}

static void filter_put(struct netvsc *netvsc, u32 filter)
{
	struct netvsc_channel *primary = netvsc->channels[0];
	unsigned long flags;

	spin_lock_irqsave(&primary->lock, flags);
	if (primary->running) {
		network_vsc_filter(&primary->vsc, filter);
		netvsc_settle(primary);
	}
	spin_unlock_irqrestore(&primary->lock, flags);
}

static int netvsc_stop(struct net_device *netdev)
{
	netif_tx_disable(netdev);
	filter_put(netdev_priv(netdev), 0);
	netvsc_function_close(netdev_priv(netdev));
	return 0;
}

/* Groups are not told one by one: Linux filters them itself. */
static void netvsc_set_rx_mode(struct net_device *netdev)
{
	u32 filter = NETWORK_FILTER_DIRECTED | NETWORK_FILTER_BROADCAST;

	if (netdev->flags & IFF_PROMISC)
		filter = NETWORK_FILTER_PROMISCUOUS;
	else if ((netdev->flags & IFF_ALLMULTI) || !netdev_mc_empty(netdev))
		filter |= NETWORK_FILTER_ALL_MULTICAST;
	filter_put(netdev_priv(netdev), filter);
	netvsc_function_rx_mode(netdev_priv(netdev));
}

void netvsc_filter_set(struct netvsc *netvsc)
{
	netif_addr_lock_bh(netvsc->netdev);
	netvsc_set_rx_mode(netvsc->netdev);
	netif_addr_unlock_bh(netvsc->netdev);
}

/* Whoever has an address here sees the link go and come, and asks anew. */
void netvsc_changed(struct work_struct *work)
{
	struct netvsc *netvsc =
		container_of(work, struct netvsc, change_work.work);

	if (READ_ONCE(netvsc->shared.link_up) && !READ_ONCE(netvsc->failed))
		netif_carrier_on(netvsc->netdev);
}

/* ---- what can be changed ---- */

static void function_address_back(struct netvsc *netvsc)
{
	struct sockaddr address = { .sa_family = netvsc->netdev->type };

	ether_addr_copy((u8 *)address.sa_data, netvsc->netdev->dev_addr);
	netvsc_function_address(netvsc, &address);
}

static int netvsc_set_mac_address(struct net_device *netdev, void *wanted)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	const struct sockaddr *address = wanted;
	int error = eth_prepare_mac_addr_change(netdev, wanted);

	if (error)
		return error;
	if (!netvsc->session)
		return -ENODEV;
	error = netvsc_function_address(netvsc, wanted);
	if (error)
		return error;
	error = netvsc_address_tell(netvsc, (const u8 *)address->sa_data);
	if (error) {
		function_address_back(netvsc);
		return error;
	}
	netvsc->address_set = true;
	eth_commit_mac_addr_change(netdev, wanted);
	return 0;
}

static int netvsc_change_mtu(struct net_device *netdev, int mtu)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	u32 before = netvsc->mtu_bytes;
	const char *obstacle = netvsc_xdp_obstacle((u32)mtu, 0);
	int error;

	if (rtnl_dereference(netvsc->program) && obstacle) {
		netdev_err(netdev, "%s\n", obstacle);
		return -EINVAL;
	}
	error = netvsc_function_mtu(netvsc, (u32)mtu);
	if (error)
		return error;
	netvsc->mtu_bytes = (u32)mtu;
	error = netvsc_session_renew(netvsc);
	if (!error && netvsc->shared.mtu_bytes < (u32)mtu) {
		netdev_err(netdev, "the host takes an MTU of %u at most\n",
			   netvsc->shared.mtu_bytes);
		error = -EINVAL;
	}
	if (!error) {
		netdev->mtu = (unsigned int)mtu;
		return 0;
	}
	netvsc->mtu_bytes = before;
	netvsc_function_mtu(netvsc, before);
	if (netvsc_session_renew(netvsc))
		netdev_err(netdev, "the adapter is dead\n");
	return error;
}

/*
 * What the host joins it says to have checked: without that it is no use. And a
 * program is given what fits a page.
 */
static netdev_features_t netvsc_fix_features(struct net_device *netdev,
					     netdev_features_t features)
{
	struct netvsc *netvsc = netdev_priv(netdev);

	if (!(features & NETIF_F_RXCSUM) || rtnl_dereference(netvsc->program))
		features &= ~NETIF_F_LRO;
	return features;
}

static int netvsc_set_features(struct net_device *netdev,
			       netdev_features_t features)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	netdev_features_t changed = features ^ netdev->features;
	struct netvsc_channel *primary = netvsc->channels[0];

	if (!(changed & (NETIF_F_RXCSUM | NETIF_F_LRO)) || !netvsc->session)
		return 0;
	spin_lock_irq(&primary->lock);
	netvsc->shared.options.offloads = netvsc_offloads(features);
	spin_unlock_irq(&primary->lock);
	return netvsc_ask(netvsc, NETWORK_VSC_REQUEST_OFFLOADS);
}

void netvsc_features_init(struct netvsc *netvsc)
{
	const struct ndis_offload *hardware = &netvsc->shared.hardware;
	struct net_device *netdev = netvsc->netdev;
	netdev_features_t features = NETIF_F_SG | NETIF_F_RXHASH;
	u32 longest = GSO_MAX_SIZE;

	if (hardware->tx4 & NDIS_CHECKSUM_TCP)
		features |= NETIF_F_IP_CSUM;
	if (hardware->tx6 & NDIS_CHECKSUM_TCP)
		features |= NETIF_F_IPV6_CSUM;
	if ((hardware->rx4 | hardware->rx6) & NDIS_CHECKSUM_TCP)
		features |= NETIF_F_RXCSUM;
	if ((features & NETIF_F_IP_CSUM) &&
	    (hardware->lso4_encapsulation & NDIS_ENCAPSULATION_802_3)) {
		features |= NETIF_F_TSO;
		longest = min(longest, hardware->lso4_max_bytes);
	}
	if ((features & NETIF_F_IPV6_CSUM) &&
	    (hardware->lso6_encapsulation & NDIS_ENCAPSULATION_802_3)) {
		features |= NETIF_F_TSO6;
		longest = min(longest, hardware->lso6_max_bytes);
	}
	netdev->hw_features = features;
	/* Asked for by an administrator: a host's joining costs it something.
	 */
	if ((features & NETIF_F_RXCSUM) && hardware->rsc4 && hardware->rsc6)
		netdev->hw_features |= NETIF_F_LRO;
	netdev->hw_features |= NETIF_F_HW_VLAN_CTAG_RX;
	netdev->features = features | NETIF_F_HIGHDMA |
			   NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	compat_xdp_features_set(netdev);
	netdev->vlan_features = features;
	/* Below this, nothing that is cut is worth it. */
	compat_netif_set_tso_max_size(netdev, max_t(u32, longest, 4096));
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = netvsc->shared.version >= NETWORK_VERSION_2
				  ? MTU_MAX_BYTES
				  : ETH_DATA_LEN;
}

/* ---- counters ---- */

void netvsc_stats_add(const struct netvsc_stats *stats,
		      struct netvsc_stats *total)
{
	struct netvsc_stats now = netvsc_stats_read(stats);

	total->packets += now.packets;
	total->bytes += now.bytes;
	total->multicast += now.multicast;
	total->dropped += now.dropped;
	total->errors += now.errors;
}

static void netvsc_get_stats64(struct net_device *netdev,
			       struct rtnl_link_stats64 *to)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	struct netvsc_stats rx, tx;
	u32 i;

	memset(&rx, 0, sizeof(rx));
	memset(&tx, 0, sizeof(tx));
	for (i = 0; i < NETWORK_CHANNELS_MAX; i++) {
		if (!READ_ONCE(netvsc->channels[i]))
			continue;
		netvsc_stats_add(&netvsc->channels[i]->rx, &rx);
		netvsc_stats_add(&netvsc->channels[i]->tx, &tx);
	}
	netvsc_function_stats(netvsc, &tx, &rx);
	to->rx_packets = rx.packets;
	to->rx_bytes = rx.bytes;
	to->multicast = rx.multicast;
	to->rx_dropped = rx.dropped;
	to->tx_packets = tx.packets;
	to->tx_bytes = tx.bytes;
	to->tx_dropped = tx.dropped;
	to->tx_errors = tx.errors;
}

const struct net_device_ops netvsc_netdev_ops = {
	.ndo_open = netvsc_open,
	.ndo_stop = netvsc_stop,
	.ndo_start_xmit = netvsc_xmit,
	.ndo_select_queue = netvsc_select_queue,
	.ndo_set_rx_mode = netvsc_set_rx_mode,
	.ndo_change_rx_flags = netvsc_change_rx_flags,
	.ndo_set_mac_address = netvsc_set_mac_address,
	.ndo_bpf = netvsc_bpf,
	.ndo_change_mtu = netvsc_change_mtu,
	.ndo_fix_features = netvsc_fix_features,
	.ndo_set_features = netvsc_set_features,
	.ndo_get_stats64 = netvsc_get_stats64,
	.ndo_validate_addr = eth_validate_addr,
};
