/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * compat.h - what differs from kernel to kernel, 5.10 to 6.12.
 *
 * Here: every LINUX_VERSION_CODE of guest/kmod. Not here: anything that is the
 * same everywhere. Each part names the kernel that changed.
 */
#ifndef KMOD_COMPAT_H
#define KMOD_COMPAT_H

#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <asm/hyperv-tlfs.h>
#include <asm/irq_vectors.h>
#include <asm/mshyperv.h>
/* 5.12 declares the reference counter with the rest of Hyper-V. */
#include <clocksource/hyperv_timer.h>

/* 5.12: the interrupt of the bus became a handler of architecture code. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#define compat_setup_vmbus_handler(handler) hv_setup_vmbus_handler(handler)
#define compat_remove_vmbus_handler()	    hv_remove_vmbus_handler()
#else
#define compat_setup_vmbus_handler(handler)                                    \
	hv_setup_vmbus_irq(HYPERVISOR_CALLBACK_VECTOR, handler)
#define compat_remove_vmbus_handler() hv_remove_vmbus_irq()
#endif

/* 5.12: the kernel may be the root partition; 5.12: confidential VMs. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
static inline bool compat_is_root(void)
{
	return hv_root_partition;
}
static inline bool compat_is_isolated(void)
{
	return hv_is_isolation_supported();
}
#else
static inline bool compat_is_root(void)
{
	return false;
}
static inline bool compat_is_isolated(void)
{
	return false;
}
#endif

/* 5.15: remove() of a bus returns nothing. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
#define COMPAT_REMOVE_TYPE void
#define COMPAT_REMOVE_DONE return
#else
#define COMPAT_REMOVE_TYPE int
#define COMPAT_REMOVE_DONE return 0
#endif

/* 6.3: uevent() gets a constant device; 6.11: match() a constant driver. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define COMPAT_UEVENT_DEVICE const struct device
#else
#define COMPAT_UEVENT_DEVICE struct device
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define COMPAT_MATCH_DRIVER const struct device_driver
#else
#define COMPAT_MATCH_DRIVER struct device_driver
#endif

/* 6.4: attributes of a bus get it constant. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define COMPAT_BUS_TYPE const struct bus_type
#else
#define COMPAT_BUS_TYPE struct bus_type
#endif

/*
 * 6.4: the kernel itself tells the host of a panic. Until then the bus does,
 * and 5.12 moved the place in the log out of the dumper.
 */
#define COMPAT_PANIC_IS_OURS (LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0))
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#define compat_kmsg_read(dumper, text, size, bytes)                            \
	do {                                                                   \
		struct kmsg_dump_iter place_;                                  \
                                                                               \
		kmsg_dump_rewind(&place_);                                     \
		kmsg_dump_get_buffer(&place_, false, text, size, bytes);       \
	} while (0)
#else
#define compat_kmsg_read(dumper, text, size, bytes)                            \
	kmsg_dump_get_buffer(dumper, false, text, size, bytes)
#endif

/* 6.3: flags of a mapping are set by a function. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define compat_vm_flags_set(vma, flags) vm_flags_set(vma, flags)
#else
#define compat_vm_flags_set(vma, flags) ((vma)->vm_flags |= (flags))
#endif

/*
 * 6.10: the kernel's hv_utils leaves file copy to a daemon that has the channel
 * by way of uio_hv_generic. Until then it has a device file for one.
 */
#define COMPAT_FCOPY_HAS_DEVICE (LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0))

/* 5.16: the end of a SCSI command is a function. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 16, 0)
#define compat_scsi_done(command) scsi_done(command)
#else
#define compat_scsi_done(command) (command)->scsi_done(command)
#endif

/* 5.15: the block layer's request of a SCSI command is got by a function. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
#define compat_scsi_cmd_to_rq(command) scsi_cmd_to_rq(command)
#else
#define compat_scsi_cmd_to_rq(command) ((command)->request)
#endif

/* 6.2: the SCSI layer has words of its own for what a late command gets. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define COMPAT_SCSI_LATE_TYPE enum scsi_timeout_action
#define COMPAT_SCSI_LATE_WAIT SCSI_EH_RESET_TIMER
#else
#define COMPAT_SCSI_LATE_TYPE enum blk_eh_timer_return
#define COMPAT_SCSI_LATE_WAIT BLK_EH_RESET_TIMER
#endif

/*
 * 6.7, and later releases of stable kernels before it: what is looked at anew
 * is a unit, no longer its device.
 */
#define compat_scsi_rescan_device(unit)                                        \
	scsi_rescan_device(                                                    \
		__builtin_types_compatible_p(typeof(scsi_rescan_device),       \
					     void(struct device *))            \
			? (void *)&(unit)->sdev_gendev                         \
			: (void *)(unit))

/* 6.11: remove() of a platform driver returns nothing. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define COMPAT_PLATFORM_REMOVE_TYPE void
#define COMPAT_PLATFORM_REMOVE_DONE return
#else
#define COMPAT_PLATFORM_REMOVE_TYPE int
#define COMPAT_PLATFORM_REMOVE_DONE return 0
#endif

/* 5.15: a network device's address is set by a function only. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
#define compat_eth_hw_addr_set(netdev, address) eth_hw_addr_set(netdev, address)
#else
#define compat_eth_hw_addr_set(netdev, address)                                \
	ether_addr_copy((netdev)->dev_addr, address)
#endif

/* 6.0: the longest segment that a device cuts is told apart. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
#define compat_netif_set_tso_max_size(netdev, bytes)                           \
	netif_set_tso_max_size(netdev, bytes)
#else
#define compat_netif_set_tso_max_size(netdev, bytes)                           \
	netif_set_gso_max_size(netdev, bytes)
#endif

/* 6.1: without a weight it is the usual one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#define compat_netif_napi_add(netdev, napi, poll)                              \
	netif_napi_add(netdev, napi, poll)
#else
#define compat_netif_napi_add(netdev, napi, poll)                              \
	netif_napi_add(netdev, napi, poll, NAPI_POLL_WEIGHT)
#endif

/* 5.11: a queue of frames for programs knows its NAPI instance. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#define compat_xdp_rxq_info_reg(queue, netdev, index, napi)                    \
	xdp_rxq_info_reg(queue, netdev, index, (napi)->napi_id)
#else
#define compat_xdp_rxq_info_reg(queue, netdev, index, napi)                    \
	xdp_rxq_info_reg(queue, netdev, index)
#endif

/* 5.12: what a program gets is made by functions. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#define compat_xdp_prepare(buff, queue, page_bytes, memory, head, bytes)       \
	do {                                                                   \
		xdp_init_buff(buff, page_bytes, queue);                        \
		xdp_prepare_buff(buff, memory, head, (int)(bytes), true);      \
	} while (0)
#else
#define compat_xdp_prepare(buff, queue, page_bytes, memory, head, bytes)       \
	do {                                                                   \
		(buff)->frame_sz = (page_bytes);                               \
		(buff)->rxq = (queue);                                         \
		(buff)->data_hard_start = (memory);                            \
		(buff)->data = (u8 *)(memory) + (head);                        \
		(buff)->data_end = (u8 *)(buff)->data + (bytes);               \
		(buff)->data_meta = (buff)->data;                              \
	} while (0)
#endif

/* 5.17: the interface and the program of a wrong verdict are named. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
#define compat_bpf_warn_invalid_xdp_action(netdev, program, verdict)           \
	bpf_warn_invalid_xdp_action(netdev, program, verdict)
#else
#define compat_bpf_warn_invalid_xdp_action(netdev, program, verdict)           \
	bpf_warn_invalid_xdp_action(verdict)
#endif

/* 6.2: an interface of another's gets no IPv6 address; before, slaves do not.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define compat_no_addrconf_set(netdev, none)                                   \
	do {                                                                   \
		if (none)                                                      \
			(netdev)->priv_flags |= IFF_NO_ADDRCONF;               \
		else                                                           \
			(netdev)->priv_flags &= ~IFF_NO_ADDRCONF;              \
	} while (0)
#else
#define compat_no_addrconf_set(netdev, none) ((void)(netdev))
#endif

/* 6.3: an interface tells which verdicts it follows. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define compat_xdp_features_set(netdev)                                        \
	((netdev)->xdp_features = NETDEV_XDP_ACT_BASIC)
#else
#define compat_xdp_features_set(netdev) ((void)(netdev))
#endif

/*
 * 5.17: ring sizes have a second part. Makes @name of get(netdev, ring), or of
 * set(netdev, ring).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
#define COMPAT_GET_RINGPARAM(name, get)                                        \
	static void name(struct net_device *netdev,                            \
			 struct ethtool_ringparam *ring,                       \
			 struct kernel_ethtool_ringparam *more,                \
			 struct netlink_ext_ack *answer)                       \
	{                                                                      \
		get(netdev, ring);                                             \
	}
#define COMPAT_SET_RINGPARAM(name, set)                                        \
	static int name(struct net_device *netdev,                             \
			struct ethtool_ringparam *ring,                        \
			struct kernel_ethtool_ringparam *more,                 \
			struct netlink_ext_ack *answer)                        \
	{                                                                      \
		return set(netdev, ring);                                      \
	}
#else
#define COMPAT_GET_RINGPARAM(name, get)                                        \
	static void name(struct net_device *netdev,                            \
			 struct ethtool_ringparam *ring)                       \
	{                                                                      \
		get(netdev, ring);                                             \
	}
#define COMPAT_SET_RINGPARAM(name, set)                                        \
	static int name(struct net_device *netdev,                             \
			struct ethtool_ringparam *ring)                        \
	{                                                                      \
		return set(netdev, ring);                                      \
	}
#endif

/*
 * 6.8: table, key and function are in a struct. Makes @get_name and @set_name
 * of get(netdev, table, key, &function) and set(netdev, table, key, function).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define COMPAT_RXFH(get_name, get, set_name, set)                              \
	static int get_name(struct net_device *netdev,                         \
			    struct ethtool_rxfh_param *rxfh)                   \
	{                                                                      \
		return get(netdev, rxfh->indir, rxfh->key, &rxfh->hfunc);      \
	}                                                                      \
                                                                               \
	static int set_name(struct net_device *netdev,                         \
			    struct ethtool_rxfh_param *rxfh,                   \
			    struct netlink_ext_ack *answer)                    \
	{                                                                      \
		return set(netdev, rxfh->indir, rxfh->key, rxfh->hfunc);       \
	}
#else
#define COMPAT_RXFH(get_name, get, set_name, set)                              \
	static int get_name(struct net_device *netdev, u32 *table, u8 *key,    \
			    u8 *function)                                      \
	{                                                                      \
		return get(netdev, table, key, function);                      \
	}                                                                      \
                                                                               \
	static int set_name(struct net_device *netdev, const u32 *table,       \
			    const u8 *key, const u8 function)                  \
	{                                                                      \
		return set(netdev, table, key, function);                      \
	}
#endif

#endif
