/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * uio.h - what the files of uio_hv_generic know of each other.
 *
 * main.c: the driver, the device file, channels. lent.c: the two buffers that a
 * network adapter's user lends to the host.
 */
#ifndef UIO_HV_GENERIC_UIO_H
#define UIO_HV_GENERIC_UIO_H

#include "guest/kmod/compat/compat.h"
#include "guest/kmod/lisbus.h"

/* Memory that the host knows by a GPADL as long as the driver is bound. */
struct lent {
	struct lisbus_channel *channel; /* NULL: nothing is lent */
	struct page **pages;
	u32 page_count;
	u32 gpadl;
	char name[24]; /* "recv:GPADL" */
};

/*
 * Allocates @page_count pages and lends them, by way of @channel, as
 * @name:GPADL. 0, -ENOMEM, or the errors of lisbus_channel_lend().
 */
int lent_begin(struct lent *lent, struct lisbus_channel *channel,
	       const char *name, u32 page_count);

/*
 * Takes them back and frees them; a process that has them mapped keeps them.
 * Harmless when nothing is lent.
 */
void lent_end(struct lent *lent);

#endif
