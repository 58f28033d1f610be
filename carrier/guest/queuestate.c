/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Preloaded into DPDK's testpmd 22.11, which asks each driver for the state of
 * its queues and forwards nothing on those that are stopped. The netvsc driver
 * of that version keeps no state, so all of them seem to be. The queues of a
 * driver that cannot tell are taken as testpmd left them: started.
 */
#define NOT_SUPPORTED 95

int rte_eth_rx_queue_info_get(unsigned short port, unsigned short queue,
			      void *info);
int rte_eth_tx_queue_info_get(unsigned short port, unsigned short queue,
			      void *info);

int rte_eth_rx_queue_info_get(unsigned short port, unsigned short queue,
			      void *info)
{
	(void)port;
	(void)queue;
	(void)info;
	return -NOT_SUPPORTED;
}

int rte_eth_tx_queue_info_get(unsigned short port, unsigned short queue,
			      void *info)
{
	(void)port;
	(void)queue;
	(void)info;
	return -NOT_SUPPORTED;
}
