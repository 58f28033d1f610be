// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The virtual function of an adapter (SR-IOV): another interface, of a PCI
 * device, with the same address. While it is up, frames go by it.
 *
 * Whoever uses the adapter sees one interface, ours, and does not notice when
 * the function comes or goes. The function is found by the serial number that
 * the host tells, which is the name of its PCI slot, or by its address alone.
 * All here is by rtnl, but what a frame meets.
 */
#include "guest/kmod/hv_netvsc/netvsc.h"
#include <linux/if_arp.h>
#include <linux/netpoll.h>
#include <linux/pci.h>

/* Udev gives a function its name meanwhile: later it is up, and keeps it. */
#define TAKE_DELAY (HZ / 10)

/* The interfaces of adapters. */
static LIST_HEAD(adapters);

/* ---- counters ---- */

/* By the processor that they are of. */
static void count(struct netvsc_stats *stats, u32 bytes)
{
	u64_stats_update_begin(&stats->sync);
	stats->packets++;
	stats->bytes += bytes;
	u64_stats_update_end(&stats->sync);
}

void netvsc_function_stats(const struct netvsc *netvsc, struct netvsc_stats *tx,
			   struct netvsc_stats *rx)
{
	const struct netvsc_function_stats *one;
	int cpu;

	for_each_possible_cpu(cpu) {
		one = per_cpu_ptr(netvsc->function_stats, cpu);
		netvsc_stats_add(&one->tx, tx);
		netvsc_stats_add(&one->rx, rx);
	}
}

/* ---- frames ---- */

/* One that the function heard is one that the adapter heard. */
static rx_handler_result_t heard(struct sk_buff **frame)
{
	struct sk_buff *skb = skb_share_check(*frame, GFP_ATOMIC);
	struct netvsc *netvsc;

	*frame = skb;
	if (!skb)
		return RX_HANDLER_CONSUMED;
	netvsc = rcu_dereference(skb->dev->rx_handler_data);
	skb->dev = netvsc->netdev;
	count(&this_cpu_ptr(netvsc->function_stats)->rx, skb->len);
	return RX_HANDLER_ANOTHER;
}

bool netvsc_function_xmit(struct netvsc *netvsc, struct sk_buff *skb)
{
	struct net_device *function = rcu_dereference_bh(netvsc->function);
	struct netvsc_function_stats *stats;
	u32 bytes = skb->len;
	int result;

	if (!function || !netif_running(function) ||
	    netpoll_tx_running(netvsc->netdev))
		return false;
	skb->dev = function;
	result = dev_queue_xmit(skb);
	stats = this_cpu_ptr(netvsc->function_stats);
	if (likely(result == NET_XMIT_SUCCESS || result == NET_XMIT_CN))
		count(&stats->tx, bytes);
	else
		netvsc_count_dropped(&stats->tx);
	return true;
}

/* ---- which way ---- */

static void way_choose(struct netvsc *netvsc, bool function_up)
{
	struct net_device *function = rtnl_dereference(netvsc->function);
	bool wanted = function && function_up && netvsc->session &&
		      READ_ONCE(netvsc->shared.vf_allocated);
	int error;

	if (wanted == netvsc->by_function)
		return;
	/* Frames wait for the host when they are to go there, and not else. */
	if (!wanted)
		WRITE_ONCE(netvsc->by_function, false);
	error = netvsc_path_switch(netvsc, wanted);
	if (error) {
		netdev_warn(netvsc->netdev,
			    "the host does not switch the data path: %d\n",
			    error);
		return;
	}
	WRITE_ONCE(netvsc->by_function, wanted);
	netdev_info(netvsc->netdev, "the data path is %s\n",
		    wanted ? netdev_name(function) : "the synthetic one");
}

static bool is_up(const struct net_device *function)
{
	return netif_running(function) && netif_carrier_ok(function);
}

/* ---- as the adapter, so the function ---- */

void netvsc_function_rx_mode(struct netvsc *netvsc)
{
	struct net_device *function;

	rcu_read_lock();
	function = rcu_dereference(netvsc->function);
	if (function) {
		dev_uc_sync(function, netvsc->netdev);
		dev_mc_sync(function, netvsc->netdev);
	}
	rcu_read_unlock();
}

/* @flags: those that are another than before. */
void netvsc_change_rx_flags(struct net_device *netdev, int flags)
{
	struct netvsc *netvsc = netdev_priv(netdev);
	struct net_device *function = rtnl_dereference(netvsc->function);

	if (!function)
		return;
	if (flags & IFF_PROMISC)
		dev_set_promiscuity(function,
				    netdev->flags & IFF_PROMISC ? 1 : -1);
	if (flags & IFF_ALLMULTI)
		dev_set_allmulti(function,
				 netdev->flags & IFF_ALLMULTI ? 1 : -1);
}

void netvsc_function_open(struct netvsc *netvsc)
{
	struct net_device *function = rtnl_dereference(netvsc->function);
	int error = function ? dev_open(function, NULL) : 0;

	if (error)
		netdev_warn(netvsc->netdev, "%s does not come up: %d\n",
			    netdev_name(function), error);
}

void netvsc_function_close(struct netvsc *netvsc)
{
	struct net_device *function = rtnl_dereference(netvsc->function);

	if (function)
		dev_close(function);
}

int netvsc_function_mtu(struct netvsc *netvsc, u32 mtu_bytes)
{
	struct net_device *function = rtnl_dereference(netvsc->function);

	return function ? dev_set_mtu(function, (int)mtu_bytes) : 0;
}

int netvsc_function_address(struct netvsc *netvsc, void *address)
{
	struct net_device *function = rtnl_dereference(netvsc->function);

	return function ? dev_set_mac_address(function, address, NULL) : 0;
}

int netvsc_function_program(struct netvsc *netvsc, struct netdev_bpf *command)
{
	struct net_device *function = rtnl_dereference(netvsc->function);
	struct netdev_bpf same = *command;
	int error;

	if (!function)
		return 0;
	if (!function->netdev_ops->ndo_bpf)
		return command->prog ? -EOPNOTSUPP : 0;
	if (same.prog)
		bpf_prog_inc(same.prog);
	error = function->netdev_ops->ndo_bpf(function, &same);
	if (error && same.prog)
		bpf_prog_put(same.prog);
	return error;
}

/* ---- a function comes and goes ---- */

static int join(struct netvsc *netvsc, struct net_device *function)
{
	struct net_device *netdev = netvsc->netdev;
	int error = netdev_rx_handler_register(function, heard, netvsc);

	if (error)
		return error;
	error = netdev_master_upper_dev_link(function, netdev, NULL, NULL,
					     NULL);
	if (error) {
		netdev_rx_handler_unregister(function);
		return error;
	}
	/* Then nobody gives it an address of its own. */
	function->flags |= IFF_SLAVE;
	compat_no_addrconf_set(function, true);
	dev_hold(function);
	if (netdev->flags & IFF_PROMISC)
		dev_set_promiscuity(function, 1);
	if (netdev->flags & IFF_ALLMULTI)
		dev_set_allmulti(function, 1);
	rcu_assign_pointer(netvsc->function, function);
	netvsc->function_new = true;
	mod_delayed_work(system_wq, &netvsc->function_work, TAKE_DELAY);
	netdev_info(netdev, "%s is its virtual function\n",
		    netdev_name(function));
	return 0;
}

static void leave(struct netvsc *netvsc)
{
	struct net_device *function = rtnl_dereference(netvsc->function);
	struct net_device *netdev = netvsc->netdev;

	if (!function)
		return;
	way_choose(netvsc, false);
	RCU_INIT_POINTER(netvsc->function, NULL);
	/* Waits for whoever still sees it. */
	netdev_rx_handler_unregister(function);
	netdev_upper_dev_unlink(function, netdev);
	function->flags &= ~IFF_SLAVE;
	compat_no_addrconf_set(function, false);
	dev_uc_unsync(function, netdev);
	dev_mc_unsync(function, netdev);
	if (netdev->flags & IFF_PROMISC)
		dev_set_promiscuity(function, -1);
	if (netdev->flags & IFF_ALLMULTI)
		dev_set_allmulti(function, -1);
	netdev_info(netdev, "%s is its virtual function no more\n",
		    netdev_name(function));
	dev_put(function);
}

/* As the adapter is now; what it cannot be leaves the synthetic way. */
static void take_over(struct netvsc *netvsc, struct net_device *function)
{
	struct net_device *netdev = netvsc->netdev;
	struct netdev_bpf command = {
		.command = XDP_SETUP_PROG,
		.prog = rtnl_dereference(netvsc->program),
	};
	int error = dev_set_mtu(function, (int)netdev->mtu);

	netvsc->function_new = false;
	if (!error)
		error = netvsc_function_program(netvsc, &command);
	if (error) {
		netdev_warn(netdev,
			    "%s does not take the MTU or the program: %d\n",
			    netdev_name(function), error);
		leave(netvsc);
		return;
	}
	netif_addr_lock_bh(netdev);
	netvsc_function_rx_mode(netvsc);
	netif_addr_unlock_bh(netdev);
	if (netif_running(netdev))
		netvsc_function_open(netvsc);
}

/* ---- whose is it ---- */

/* Whether the host told of the device that the interface is of. */
static bool slot_is(const struct netvsc *netvsc,
		    const struct net_device *function)
{
	const struct device *parent = function->dev.parent;
	const struct pci_dev *device;
	u32 serial;

	if (!parent || !dev_is_pci(parent) || !netvsc->shared.vf_allocated)
		return false;
	device = to_pci_dev(parent);
	return device->slot &&
	       !kstrtou32(pci_slot_name(device->slot), 10, &serial) &&
	       serial == netvsc->shared.vf_serial;
}

static bool address_is(const struct netvsc *netvsc,
		       const struct net_device *function)
{
	const u8 *address = netvsc->netdev->perm_addr;

	return ether_addr_equal(function->perm_addr, address) ||
	       ether_addr_equal(function->dev_addr, address);
}

/* Interfaces that lie upon others have their addresses, too. */
static bool can_be_function(struct net_device *netdev)
{
	return netdev->netdev_ops != &netvsc_netdev_ops &&
	       netdev->type == ARPHRD_ETHER &&
	       !netdev_is_rx_handler_busy(netdev) && !is_vlan_dev(netdev) &&
	       !netif_is_bond_master(netdev);
}

static struct netvsc *adapter_of(const struct net_device *function)
{
	struct netvsc *netvsc;

	list_for_each_entry(netvsc, &adapters, list)
		if (slot_is(netvsc, function) && address_is(netvsc, function))
			return netvsc;
	list_for_each_entry(netvsc, &adapters, list)
		if (address_is(netvsc, function))
			return netvsc;
	return NULL;
}

/*
 * One that is taken to the adapter's network namespace is registered there, and
 * looked at, once more.
 */
static void found(struct net_device *function)
{
	struct netvsc *netvsc;
	struct net *net;
	int error;

	if (!can_be_function(function))
		return;
	netvsc = adapter_of(function);
	if (!netvsc || rtnl_dereference(netvsc->function))
		return;
	net = dev_net(netvsc->netdev);
	if (net_eq(net, dev_net(function)))
		error = join(netvsc, function);
	else
		error = dev_change_net_namespace(function, net, "eth%d");
	if (error)
		netdev_warn(netvsc->netdev,
			    "%s cannot be its virtual function: %d\n",
			    netdev_name(function), error);
}

static void look_in(struct net *net)
{
	struct net_device *one, *next;

	for_each_netdev_safe(net, one, next) found(one);
}

/* The host told something, a session began, or a function is to be up. */
static void function_work(struct work_struct *work)
{
	struct netvsc *netvsc =
		container_of(work, struct netvsc, function_work.work);
	struct net_device *function;

	rtnl_lock();
	if (!list_empty(&netvsc->list)) {
		if (!rtnl_dereference(netvsc->function)) {
			look_in(&init_net);
			look_in(dev_net(netvsc->netdev));
		}
		function = rtnl_dereference(netvsc->function);
		if (function && netvsc->function_new)
			take_over(netvsc, function);
		function = rtnl_dereference(netvsc->function);
		way_choose(netvsc, function && is_up(function));
	}
	rtnl_unlock();
}

/* ---- news of interfaces ---- */

static struct netvsc *has_function(const struct net_device *function)
{
	struct netvsc *netvsc;

	list_for_each_entry(netvsc, &adapters, list)
		if (rtnl_dereference(netvsc->function) == function)
			return netvsc;
	return NULL;
}

/* In another network namespace, an adapter looks for its function anew. */
static void adapter_event(struct netvsc *netvsc, unsigned long event)
{
	if (event == NETDEV_UNREGISTER)
		leave(netvsc);
	else if (event == NETDEV_REGISTER && !list_empty(&netvsc->list))
		mod_delayed_work(system_wq, &netvsc->function_work, 0);
}

static int interface_event(struct notifier_block *block, unsigned long event,
			   void *info)
{
	struct net_device *netdev = netdev_notifier_info_to_dev(info);
	struct netvsc *netvsc;

	if (netdev->netdev_ops == &netvsc_netdev_ops) {
		adapter_event(netdev_priv(netdev), event);
		return NOTIFY_DONE;
	}
	if (event == NETDEV_REGISTER)
		found(netdev);
	netvsc = has_function(netdev);
	if (!netvsc)
		return NOTIFY_DONE;
	if (event == NETDEV_UNREGISTER)
		leave(netvsc);
	else if (event == NETDEV_UP || event == NETDEV_CHANGE)
		way_choose(netvsc, is_up(netdev));
	else if (event == NETDEV_GOING_DOWN)
		way_choose(netvsc, false);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = interface_event };

int netvsc_functions_begin(void)
{
	return register_netdevice_notifier(&notifier);
}

void netvsc_functions_end(void)
{
	unregister_netdevice_notifier(&notifier);
}

/* ---- adapters ---- */

int netvsc_function_init(struct netvsc *netvsc)
{
	int cpu;

	INIT_LIST_HEAD(&netvsc->list);
	INIT_DELAYED_WORK(&netvsc->function_work, function_work);
	init_completion(&netvsc->switched);
	netvsc->function_stats = alloc_percpu(struct netvsc_function_stats);
	if (!netvsc->function_stats)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct netvsc_function_stats *one =
			per_cpu_ptr(netvsc->function_stats, cpu);

		u64_stats_init(&one->tx.sync);
		u64_stats_init(&one->rx.sync);
	}
	return 0;
}

void netvsc_function_free(struct netvsc *netvsc)
{
	free_percpu(netvsc->function_stats);
}

void netvsc_function_begin(struct netvsc *netvsc)
{
	rtnl_lock();
	list_add_tail(&netvsc->list, &adapters);
	rtnl_unlock();
	mod_delayed_work(system_wq, &netvsc->function_work, 0);
}

void netvsc_function_end(struct netvsc *netvsc)
{
	rtnl_lock();
	list_del_init(&netvsc->list);
	leave(netvsc);
	rtnl_unlock();
}
