// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Statuses and results of integration components, in words. */
#include "services/ic/ic.h"

static const char *const status_texts[] = {
	[IC_STATUS_NO_CONTACT] = "No Contact",
	[IC_STATUS_OK] = "OK",
	[IC_STATUS_LOST_COMMUNICATION] = "Lost Communication",
	[IC_STATUS_PROTOCOL_MISMATCH] = "Protocol Version Mismatch",
	[IC_STATUS_ERROR] = "Error",
	[IC_STATUS_DISABLED] = "Disabled",
};

static const char *const detail_texts[] = {
	[IC_DETAIL_NONE] = "",
	[IC_DETAIL_OK] = "OK",
	[IC_DETAIL_PROTOCOL_MISMATCH] = "Protocol Version Mismatch",
	[IC_DETAIL_APPLICATION_HEALTHY] = "Application Healthy",
	[IC_DETAIL_APPLICATION_CRITICAL] = "Application Critical State",
	[IC_DETAIL_APPLICATION_STOPPED] = "Application Stopped",
};

static const struct {
	u32 status;
	const char *text;
} result_texts[] = {
	{ IC_S_OK, "done" },
	{ IC_E_NOTIMPL, "the guest does not implement this" },
	{ IC_E_ABORT, "the guest aborted the operation" },
	{ IC_E_FAIL, "the guest reported an unspecified failure" },
	{ IC_E_WMI_NOT_FOUND, "no such network adapter in the guest" },
	{ IC_E_FILE_NOT_FOUND, "file not found in the guest" },
	{ IC_E_PATH_NOT_FOUND, "folder not found in the guest" },
	{ IC_E_ACCESS_DENIED, "access denied in the guest" },
	{ IC_E_INVALID_HANDLE, "no such operation is under way in the guest" },
	{ IC_E_OUT_OF_MEMORY, "the guest is out of memory" },
	{ IC_E_WRITE_PROTECTED, "the guest's medium is write-protected" },
	{ IC_E_NOT_READY, "the guest's service is not ready" },
	{ IC_E_WRITE_FAULT, "the guest could not write" },
	{ IC_E_SHARING_VIOLATION, "in use by another process in the guest" },
	{ IC_E_NOT_SUPPORTED, "not supported by the guest" },
	{ IC_E_FILE_EXISTS, "already exists in the guest" },
	{ IC_E_INVALID_ARGUMENT, "the guest calls a parameter invalid" },
	{ IC_E_DISK_FULL, "no space left on the guest's disk" },
	{ IC_E_INSUFFICIENT_BUFFER, "too large for the guest's buffer" },
	{ IC_E_INVALID_NAME, "the guest cannot use that name" },
	{ IC_E_BUSY, "the guest is busy with another operation" },
	{ IC_E_ALREADY_EXISTS, "already exists in the guest" },
	{ IC_E_NAME_TOO_LONG, "the name is too long for the guest" },
	{ IC_E_NO_MORE_ITEMS, "no more items" },
	{ IC_E_NOT_CONNECTED, "the guest's daemon is not running" },
	{ IC_E_NOT_FOUND, "not found" },
	{ IC_E_CANCELLED, "cancelled" },
	{ IC_E_MACHINE_LOCKED, "the guest's session is locked" },
	{ IC_E_TIMED_OUT, "the guest's service gave up waiting" },
};

const char *ic_status_text(enum ic_status status)
{
	if ((u32)status >= PORT_ARRAY_SIZE(status_texts))
		return "Unknown";
	return status_texts[status];
}

const char *ic_detail_text(enum ic_detail detail)
{
	if ((u32)detail >= PORT_ARRAY_SIZE(detail_texts))
		return "Unknown";
	return detail_texts[detail];
}

const char *ic_result_text(u32 status)
{
	u32 i;

	for (i = 0; i < PORT_ARRAY_SIZE(result_texts); i++) {
		if (result_texts[i].status == status)
			return result_texts[i].text;
	}
	return NULL;
}
