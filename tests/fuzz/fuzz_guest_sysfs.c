/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Attributes of the bus in sysfs, and the kernel's log, of any kind.
 *
 * Input: all of it is each of them in turn, in memory of just that size.
 */
#include "tests/fuzz/bytes.h"

#include "guest/common/vmbus_sysfs.h"
#include "guest/tools/status.h"

#define CAPACITY 16

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes);

int LLVMFuzzerTestOneInput(const u8 *input, size_t input_bytes)
{
	struct vmbus_sysfs_channel channels[CAPACITY];
	char version[STATUS_VERSION_BYTES];
	u32 count, i, number;
	char *text;
	bool bad;

	text = malloc(input_bytes + 1);
	if (!text)
		return 0;
	memcpy(text, input, input_bytes);
	text[input_bytes] = '\0';
	vmbus_sysfs_number(text, &number);
	free(text);

	text = malloc(input_bytes ? input_bytes : 1);
	if (!text)
		return 0;
	memcpy(text, input, input_bytes);
	count = vmbus_sysfs_channels(text, input_bytes, channels, CAPACITY,
				     &bad);
	require(count <= CAPACITY, "more channels than there is room for");
	for (i = 1; i < count; i++)
		require(channels[i - 1].relid <= channels[i].relid, "order");
	status_log_version(text, input_bytes, "IC version ", version);
	require(strlen(version) == strspn(version, "0123456789."), "version");
	free(text);
	return 0;
}
