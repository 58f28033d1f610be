/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * guest_memory.h - the guest memory that a packet's page ranges name.
 */
#ifndef HOST_DEVICE_GUEST_MEMORY_H
#define HOST_DEVICE_GUEST_MEMORY_H

#include <sys/uio.h>

#include "host/vm/machine.h"
#include "vmbus/packet.h"

/*
 * The first @bytes of @view's ranges as pieces of this process's memory,
 * neighbouring pages in one.
 * @iov: @iov_max pieces; *@iov_count receives how many are used
 * Returns false when a page is not memory of the guest, when the ranges are
 * shorter than @bytes or are in more than @iov_max pieces.
 */
bool guest_memory_map(struct machine *machine, const struct packet_view *view,
		      u32 bytes, struct iovec *iov, u32 iov_max,
		      u32 *iov_count);

/* Copy up to @bytes out of the pieces into @to, or from @from into them.
 * Returns how many there was room for. */
u32 guest_memory_read(const struct iovec *iov, u32 iov_count, void *to,
		      u32 bytes);
u32 guest_memory_write(const struct iovec *iov, u32 iov_count, const void *from,
		       u32 bytes);

#endif
