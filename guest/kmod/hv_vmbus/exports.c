// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * exports.c - what of the engines in this module the other modules call.
 *
 * Here: names only. The engines themselves know of no kernel.
 */
#include <linux/module.h>
#include "vmbus/packet.h"

EXPORT_SYMBOL_GPL(packet_ring_bytes);
EXPORT_SYMBOL_GPL(packet_write_any);
EXPORT_SYMBOL_GPL(packet_peek_any);
EXPORT_SYMBOL_GPL(packet_peek_copy);
EXPORT_SYMBOL_GPL(packet_transfer_range);
EXPORT_SYMBOL_GPL(ring_reserve);
EXPORT_SYMBOL_GPL(ring_publish);
EXPORT_SYMBOL_GPL(ring_release);
EXPORT_SYMBOL_GPL(ring_mask);
EXPORT_SYMBOL_GPL(ring_peer_signals_space);
EXPORT_SYMBOL_GPL(ring_unmask);
EXPORT_SYMBOL_GPL(ring_refresh_reader);
EXPORT_SYMBOL_GPL(ring_refresh_writer);
EXPORT_SYMBOL_GPL(vmbus_status_text);
