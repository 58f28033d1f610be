// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * main.c - the module hv_netvsc: a driver for synthetic network adapters.
 *
 * Here: devices that come and go. Not here: what they do meanwhile.
 */
#include "guest/kmod/hv_netvsc/netvsc.h"
#include <linux/module.h>

/* Channels that are asked for without being told; ethtool -L has more. */
#define CHANNELS_DEFAULT 8u

/* ---- a host that breaks the protocol ---- */

void netvsc_fail(struct netvsc *netvsc, enum vmbus_status reason)
{
	if (cmpxchg(&netvsc->failed, false, true))
		return;
	netvsc->failure = reason;
	complete_all(&netvsc->ready);
	complete_all(&netvsc->closed);
	complete(&netvsc->answered);
	complete(&netvsc->switched);
	queue_work(system_wq, &netvsc->fail_work);
}

/* Before there is an interface, probe() does what there is to do. */
static void fail_work(struct work_struct *work)
{
	struct netvsc *netvsc = container_of(work, struct netvsc, fail_work);

	rtnl_lock();
	if (READ_ONCE(netvsc->registered) && READ_ONCE(netvsc->failed)) {
		netif_device_detach(netvsc->netdev);
		netif_carrier_off(netvsc->netdev);
		netif_tx_disable(netvsc->netdev);
		netvsc_session_end(netvsc);
	}
	rtnl_unlock();
}

/* ---- devices ---- */

static void netvsc_init(struct netvsc *netvsc, struct lisbus_device *device,
			struct net_device *netdev)
{
	BUILD_BUG_ON(PAGE_SIZE != 4096);
	netvsc->device = device;
	netvsc->netdev = netdev;
	netvsc->mtu_bytes = ETH_DATA_LEN;
	netvsc->channels_wanted = (u16)min(num_online_cpus(), CHANNELS_DEFAULT);
	netvsc->rss.hash = NETWORK_HASH_TOEPLITZ | NETWORK_HASH_IPV4 |
			   NETWORK_HASH_TCP_IPV4 | NETWORK_HASH_IPV6 |
			   NETWORK_HASH_TCP_IPV6;
	netdev_rss_key_fill(netvsc->rss.key, sizeof(netvsc->rss.key));
	init_completion(&netvsc->ready);
	init_completion(&netvsc->closed);
	init_completion(&netvsc->answered);
	INIT_WORK(&netvsc->fail_work, fail_work);
	INIT_DELAYED_WORK(&netvsc->change_work, netvsc_changed);
}

static int interface_add(struct netvsc *netvsc)
{
	struct net_device *netdev = netvsc->netdev;
	int error;

	compat_eth_hw_addr_set(netdev, netvsc->shared.address);
	netvsc_features_init(netvsc);
	netvsc->mtu_bytes = min(netvsc->mtu_bytes, netvsc->shared.mtu_bytes);
	netdev->mtu = netvsc->mtu_bytes;
	netif_carrier_off(netdev);
	netdev_lockdep_set_classes(netdev);
	error = netif_set_real_num_tx_queues(netdev, netvsc->channel_count);
	if (!error)
		error = netif_set_real_num_rx_queues(netdev,
						     netvsc->channel_count);
	if (!error)
		error = register_netdev(netdev);
	if (error)
		return error;
	WRITE_ONCE(netvsc->registered, true);
	if (READ_ONCE(netvsc->failed))
		queue_work(system_wq, &netvsc->fail_work);
	else if (READ_ONCE(netvsc->shared.link_up))
		netif_carrier_on(netdev);
	netvsc_function_begin(netvsc);
	return 0;
}

static void works_cancel(struct netvsc *netvsc)
{
	cancel_delayed_work_sync(&netvsc->change_work);
	cancel_delayed_work_sync(&netvsc->function_work);
	cancel_work_sync(&netvsc->fail_work);
}

static int probe(struct lisbus_device *device,
		 const struct hv_vmbus_device_id *id)
{
	struct net_device *netdev;
	struct netvsc *netvsc;
	int error;

	netdev = alloc_etherdev_mq(sizeof(*netvsc), NETWORK_CHANNELS_MAX);
	if (!netdev)
		return -ENOMEM;
	netvsc = netdev_priv(netdev);
	netvsc_init(netvsc, device, netdev);
	SET_NETDEV_DEV(netdev, &device->dev);
	netdev->netdev_ops = &netvsc_netdev_ops;
	netdev->ethtool_ops = &netvsc_ethtool_ops;
	lisbus_set_drvdata(device, netvsc);
	error = netvsc_function_init(netvsc);
	if (!error)
		error = netvsc_memory_alloc(netvsc);
	if (error)
		goto free;
	error = netvsc_session_begin(netvsc);
	if (!error)
		error = interface_add(netvsc);
	if (!error)
		return 0;

	netvsc_session_end(netvsc);
	works_cancel(netvsc);
	netvsc_memory_free(netvsc);
free:
	netvsc_function_free(netvsc);
	free_netdev(netdev);
	return error;
}

/* A host keeps the address that was set, and the next driver does not know. */
static void address_give_back(struct netvsc *netvsc)
{
	struct net_device *netdev = netvsc->netdev;

	if (netvsc->address_set && netvsc->session &&
	    !READ_ONCE(netvsc->failed) &&
	    !lisbus_channel_rescinded(netvsc->device->channel) &&
	    netvsc_address_tell(netvsc, netdev->perm_addr))
		dev_warn(&netvsc->device->dev,
			 "the host keeps the address %pM\n", netdev->dev_addr);
}

/* The host says nothing of the link any more that the interface would hear. */
static void link_forget(struct netvsc *netvsc)
{
	struct netvsc_channel *primary = netvsc->channels[0];

	spin_lock_irq(&primary->lock);
	WRITE_ONCE(netvsc->registered, false);
	spin_unlock_irq(&primary->lock);
	cancel_delayed_work_sync(&netvsc->change_work);
}

static void remove(struct lisbus_device *device)
{
	struct netvsc *netvsc = lisbus_get_drvdata(device);

	netvsc_function_end(netvsc);
	link_forget(netvsc);
	unregister_netdev(netvsc->netdev);
	rtnl_lock();
	address_give_back(netvsc);
	netvsc_session_end(netvsc);
	rtnl_unlock();
	works_cancel(netvsc);
	netvsc_memory_free(netvsc);
	netvsc_function_free(netvsc);
	free_netdev(netvsc->netdev);
}

/* ---- hibernation ---- */

static int suspend(struct lisbus_device *device)
{
	struct netvsc *netvsc = lisbus_get_drvdata(device);

	rtnl_lock();
	netvsc_session_suspend(netvsc);
	rtnl_unlock();
	works_cancel(netvsc);
	return 0;
}

/* Where it was and where it is may be different networks: it says where. */
static int resume(struct lisbus_device *device)
{
	struct netvsc *netvsc = lisbus_get_drvdata(device);
	int error;

	rtnl_lock();
	error = netvsc_session_resume(netvsc);
	rtnl_unlock();
	if (!error && netif_running(netvsc->netdev))
		netdev_notify_peers(netvsc->netdev);
	return error;
}

static const struct hv_vmbus_device_id ids[] = {
	{ .guid = NETWORK_TYPE },
	{},
};
MODULE_DEVICE_TABLE(vmbus, ids);

static struct lisbus_driver driver = {
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.suspend = suspend,
	.resume = resume,
	.driver.name = "hv_netvsc",
};

static int __init netvsc_module_init(void)
{
	int error = netvsc_functions_begin();

	if (error)
		return error;
	error = lisbus_driver_register(&driver, THIS_MODULE, KBUILD_MODNAME);
	if (error)
		netvsc_functions_end();
	return error;
}

static void __exit netvsc_module_exit(void)
{
	lisbus_driver_unregister(&driver);
	netvsc_functions_end();
}

module_init(netvsc_module_init);
module_exit(netvsc_module_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(LIS_VERSION);
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Synthetic network adapters of Hyper-V guests");
