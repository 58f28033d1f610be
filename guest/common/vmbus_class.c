// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The classes of VMBus devices. */
#include "guest/common/vmbus_class.h"

#include <string.h>

static const struct vmbus_class classes[] = {
	{ "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}", "[Data Exchange]",
	  "Key-Value Pair Exchange", "hv_utils", "hv_utils", "vmbus/hv_kvp",
	  "hv_kvp_daemon", "KVP" },
	{ "{35fa2e29-ea23-4236-96ae-3a6ebacba440}",
	  "[Backup (volume checkpoint)]", "VSS", "hv_utils", "hv_utils",
	  "vmbus/hv_vss", "hv_vss_daemon", "VSS" },
	{ "{34d14be3-dee4-41c8-9ae7-6b174977c192}", "[Guest services]",
	  "Guest Service Interface", "hv_utils", "hv_utils", "vmbus/hv_fcopy",
	  "hv_fcopy_daemon", "FCopy" },
	{ "{57164f39-9115-4e78-ab55-382f3bd5422d}", "[Heartbeat]", "Heartbeat",
	  "hv_utils", "hv_utils", NULL, NULL, "Heartbeat" },
	{ "{0e0b6031-5213-4934-818b-38d90ced39db}",
	  "[Operating system shutdown]", "Shutdown", "hv_utils", "hv_utils",
	  NULL, NULL, "Shutdown" },
	{ "{9527e630-d0ae-497b-adce-e80ab0175caf}", "[Time Synchronization]",
	  "Time Synchronization", "hv_utils", "hv_utils", NULL, NULL,
	  "TimeSync" },
	{ "{525074dc-8985-46e2-8057-a307dc18a502}", "[Dynamic Memory]",
	  "Dynamic Memory", "hv_balloon", "hv_balloon" },
	{ "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}", "Synthetic SCSI Controller",
	  "SCSI controller", "hv_storvsc", "hv_storvsc" },
	{ "{32412632-86cb-44a2-9b5c-50d1417354f5}", "Synthetic IDE Controller",
	  "IDE disk", "hv_storvsc", "hv_storvsc" },
	{ "{2f9bcc4a-0069-4af3-b76b-6fd0be528cda}",
	  "Synthetic fiber channel adapter", "Fibre channel adapter",
	  "hv_storvsc", "hv_storvsc" },
	{ "{f8615163-df3e-46c5-913f-f2d2f965ed0e}", "Synthetic network adapter",
	  "Network adapter", "hv_netvsc", "hv_netvsc" },
	{ "{f912ad6d-2b17-48ea-bd65-f927a61c7684}", "Synthetic keyboard",
	  "Keyboard", "hyperv_keyboard", "hyperv_keyboard" },
	{ "{cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a}", "Synthetic mouse", "Mouse",
	  "hid_hyperv", "hid_hyperv" },
	{ "{da0a7802-e377-4aac-8e77-0558eb1073f8}",
	  "Synthetic framebuffer adapter", "Video", "hyperv_drm",
	  "hyperv_drm" },
	{ "{44c4f61d-4444-4400-9d52-802e27ede19f}", "PCI Express pass-through",
	  "PCI Express pass-through", "hv_pci", "pci_hyperv" },
	{ "{8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501}", "Synthetic RDMA adapter" },
	{ "{276aacf4-ac15-426c-98dd-7521ad3f01fe}",
	  "[Reserved system device]" },
	{ "{f8e65716-3cb3-4a06-9a60-1889c5cccab5}",
	  "[Reserved system device]" },
	{ "{3375baf4-9e15-4b30-b765-67acb10d607b}",
	  "[Reserved system device]" },
};

const struct vmbus_class *vmbus_class_row(size_t index)
{
	return index < sizeof(classes) / sizeof(classes[0]) ? &classes[index]
							    : NULL;
}

const struct vmbus_class *vmbus_class_find(const char *id)
{
	const struct vmbus_class *row;
	size_t i;

	for (i = 0; (row = vmbus_class_row(i)); i++) {
		if (!strcmp(row->id, id))
			return row;
	}
	return NULL;
}
