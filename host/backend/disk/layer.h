/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * layer.h - what a format or a filter is to disk.c.
 *
 * Here: the operations of a layer, and how layers are stacked: a filter is a
 * disk that has a lower one. Not here: any one of them.
 */
#ifndef HOST_BACKEND_DISK_LAYER_H
#define HOST_BACKEND_DISK_LAYER_H

#include "host/backend/disk/disk.h"
#include "host/backend/disk/file.h"

/*
 * A layer never calls done() from submit(). Requests reach it checked: whole
 * sectors, within the disk (but for a resize meanwhile), no writes when it is
 * read-only, iov as long as size_bytes.
 */
struct disk_class {
	const char *name;
	void (*close)(struct disk *disk);
	/* Makes queue->state; the lower layers' queues are open. May be NULL.
	 */
	int (*queue_open)(struct disk_queue *queue, struct lis_error *err);
	void (*queue_close)(struct disk_queue *queue);
	void (*submit)(struct disk_queue *queue, struct disk_request *request);
	/* Returns true when it will be done with -ECANCELED. May be NULL. */
	bool (*cancel)(struct disk_queue *queue, struct disk_request *request);
	/* NULL: the lower layer's, or not supported. */
	int (*resize)(struct disk *disk, u64 size_bytes, struct lis_error *err);
	int (*extents)(struct disk *disk, u64 offset_bytes, u64 size_bytes,
		       int (*extent)(void *context, u64 offset_bytes,
				     u64 size_bytes, bool data),
		       void *context);
};

/* The first member of every layer's own struct. */
struct disk {
	const struct disk_class *class;
	struct disk *lower;
	/* size_bytes changes: it is loaded and stored atomically. */
	struct disk_info info;
};

/* A thread's queue has one for each layer of the disk. */
struct disk_queue {
	struct disk *disk;
	struct io *io;		  /* shared by the queues of one stack */
	struct disk_queue *lower; /* of disk->lower */
	void *state;		  /* the layer's */
};

/* For a request's life in the layer at the bottom. */
struct disk_request_internal {
	struct disk_queue *queue; /* the layer's that has it */
	struct disk_request *next;
	struct file_op file_op;
	u64 layer[3]; /* the bottom layer's own */
};

_Static_assert(sizeof(struct disk_request_internal) <=
		       sizeof(((struct disk_request *)0)->internal),
	       "a request has no room for what the backend keeps in it");

static inline struct disk_request_internal *
request_internal(struct disk_request *request)
{
	return (struct disk_request_internal *)request->internal;
}

static inline struct disk_request *request_of_file_op(struct file_op *op)
{
	char *internal =
		(char *)op - offsetof(struct disk_request_internal, file_op);

	return (struct disk_request *)(internal -
				       offsetof(struct disk_request, internal));
}

/* The request is done at the next io_reap(), with this error. */
void request_later(struct disk_queue *queue, struct disk_request *request,
		   int error);

/* Puts a filter's fields together: everything is as below it. */
void layer_init(struct disk *disk, const struct disk_class *class,
		struct disk *lower);

/* A queue of disk and its lower layers, on an io that is there. */
int layer_queue_open(struct disk_queue **queue, struct disk *disk,
		     struct io *io, struct lis_error *err);
void layer_queue_close(struct disk_queue *queue);

static inline void layer_submit(struct disk_queue *queue,
				struct disk_request *request)
{
	queue->disk->class->submit(queue, request);
}

struct disk *disk_bottom(const struct disk *disk);
u64 disk_size(const struct disk *disk);
void disk_size_set(struct disk *disk, u64 size_bytes);

/* Formats. Each opens options->path itself. */
int raw_open(struct disk **disk, const struct disk_options *options,
	     struct lis_error *err);
int vhdx_open(struct disk **disk, const struct disk_options *options,
	      struct lis_error *err);

int vhd_open(struct disk **disk, const struct disk_options *options,
	     struct lis_error *err);

int nbd_disk_open(struct disk **disk, const struct disk_options *options,
		  struct lis_error *err);

/* Puts the filter of limit.c on a disk, which it replaces. */
int limit_open(struct disk **disk, u64 iops, u64 bytes_per_second,
	       struct lis_error *err);

/* AUTO: the format that the name stands for. */
enum disk_format disk_format_of(enum disk_format format, const char *path);

/* A 16-byte identity of a file that carries none. */
void identity_make(u8 identity[16], const char *path);

#endif
