// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * vfstandin - a network adapter's virtual function, as a guest sees one.
 *
 *	insmod vfstandin.ko address=AA:BB:CC:DD:EE:FF serial=N far=AA:BB:...
 *
 * Makes a PCI bus with one device, in a slot with the serial number for a name,
 * and an interface of that device with the address. What is sent by it comes
 * out of a second interface, far0, and the other way round: a test puts that
 * where the function's network would be. There is no hardware in it; all else,
 * a driver of a synthetic adapter can only take for a function of its own.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#define DOMAIN 0x4c49

static char *address = "";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "of the function: the adapter's");
static char *far = "";
module_param(far, charp, 0444);
MODULE_PARM_DESC(far, "address of far0");
static uint serial = 1;
module_param(serial, uint, 0444);
MODULE_PARM_DESC(serial, "that the host tells of the function");

static struct pci_sysdata sysdata = { .domain = DOMAIN, .node = NUMA_NO_NODE };
static struct pci_bus *bus;
static struct pci_slot *slot;
static struct net_device *near_end, *far_end;

/* ---- the device: an Ethernet controller that does nothing ---- */

static const u32 registers[PCI_STD_HEADER_SIZEOF / 4] = {
	[PCI_VENDOR_ID / 4] = 0x1414 | 0xf00d << 16,
	[PCI_CLASS_REVISION / 4] = PCI_CLASS_NETWORK_ETHERNET << 16,
};

static int config_read(struct pci_bus *of, unsigned int devfn, int where,
		       int size, u32 *value)
{
	u32 word = 0;

	if (devfn) {
		*value = ~0u;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	if (where < PCI_STD_HEADER_SIZEOF)
		word = registers[where / 4] >> where % 4 * 8;
	*value = size == 4 ? word : word & ((1u << size * 8) - 1);
	return PCIBIOS_SUCCESSFUL;
}

static int config_write(struct pci_bus *of, unsigned int devfn, int where,
			int size, u32 value)
{
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops ops = { .read = config_read, .write = config_write };

static struct device *device_make(void)
{
	LIST_HEAD(resources);
	struct pci_dev *device;
	char name[16];

	bus = pci_scan_root_bus(NULL, 0, &ops, &sysdata, &resources);
	if (!bus)
		return NULL;
	snprintf(name, sizeof(name), "%u", serial);
	slot = pci_create_slot(bus, 0, name, NULL);
	if (IS_ERR(slot)) {
		slot = NULL;
		return NULL;
	}
	pci_bus_add_devices(bus);
	device = pci_get_slot(bus, 0);
	/* The bus keeps it until it is removed. */
	pci_dev_put(device);
	return device ? &device->dev : NULL;
}

static void device_end(void)
{
	if (slot)
		pci_destroy_slot(slot);
	if (bus) {
		pci_lock_rescan_remove();
		pci_stop_root_bus(bus);
		pci_remove_root_bus(bus);
		pci_unlock_rescan_remove();
	}
}

/* ---- the interfaces ---- */

static netdev_tx_t cross(struct sk_buff *skb, struct net_device *netdev)
{
	struct net_device *other = netdev == near_end ? far_end : near_end;
	unsigned int bytes = skb->len;

	skb_tx_timestamp(skb);
	if (dev_forward_skb(other, skb) != NET_RX_SUCCESS) {
		netdev->stats.tx_dropped++;
		return NETDEV_TX_OK;
	}
	netdev->stats.tx_packets++;
	netdev->stats.tx_bytes += bytes;
	other->stats.rx_packets++;
	other->stats.rx_bytes += bytes;
	return NETDEV_TX_OK;
}

static const struct net_device_ops netdev_ops = {
	.ndo_start_xmit = cross,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static struct net_device *interface_make(const char *name, const char *text,
					 struct device *parent)
{
	struct net_device *netdev = alloc_etherdev(0);
	u8 bytes[ETH_ALEN];

	if (!netdev)
		return NULL;
	strscpy(netdev->name, name, sizeof(netdev->name));
	netdev->netdev_ops = &netdev_ops;
	netdev->max_mtu = ETH_MAX_MTU;
	if (mac_pton(text, bytes))
		eth_hw_addr_set(netdev, bytes);
	else
		eth_hw_addr_random(netdev);
	SET_NETDEV_DEV(netdev, parent);
	if (!register_netdev(netdev))
		return netdev;
	free_netdev(netdev);
	return NULL;
}

static void interface_end(struct net_device *netdev)
{
	if (netdev)
		unregister_netdev(netdev);
}

static void end(void)
{
	/* The near one first: it sends to the far one. */
	interface_end(near_end);
	interface_end(far_end);
	device_end();
	if (near_end)
		free_netdev(near_end);
	if (far_end)
		free_netdev(far_end);
}

static int __init standin_init(void)
{
	struct device *device = device_make();

	if (device)
		far_end = interface_make("far%d", far, NULL);
	if (far_end)
		near_end = interface_make("vf%d", address, device);
	if (near_end)
		return 0;
	end();
	return -ENODEV;
}

static void __exit standin_exit(void)
{
	end();
}

module_init(standin_init);
module_exit(standin_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The LIS project");
MODULE_DESCRIPTION("Stands in for an adapter's virtual function");
