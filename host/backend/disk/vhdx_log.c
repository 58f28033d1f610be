/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The log of a VHDX file: finding the entries that count, applying them, and
 * making one ([MS-VHDX] 2.3).
 */
#define _GNU_SOURCE
#include "host/backend/disk/vhdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/backend/disk/crc32c.h"

/* The log in memory, and the sequence of entries found so far. */
struct log {
	const struct vhdx *vhdx;
	u8 *ring;
	u32 bytes;
	u8 *entry; /* the one looked at, in one piece */
};

/* Entries that follow one another. */
struct sequence {
	u32 start, end_entry; /* offsets of the first and the last entry */
	u32 tail;	      /* where replay begins */
	u64 last_number;
	u64 bytes; /* of all its entries */
};

static void ring_copy(const struct log *log, u32 offset, u8 *to, u32 bytes)
{
	u32 first = log->bytes - offset < bytes ? log->bytes - offset : bytes;

	memcpy(to, log->ring + offset, first);
	memcpy(to + first, log->ring, bytes - first);
}

static u32 descriptors_bytes(u32 count)
{
	u64 bytes = sizeof(struct vhdx_log_header) +
		    (u64)count * sizeof(struct vhdx_log_descriptor);

	return (u32)((bytes + VHDX_PAGE_BYTES - 1) / VHDX_PAGE_BYTES *
		     VHDX_PAGE_BYTES);
}

static const struct vhdx_log_descriptor *descriptor(const u8 *entry, u32 i)
{
	return (const struct vhdx_log_descriptor
			*)(entry + sizeof(struct vhdx_log_header)) +
	       i;
}

/* The log is for what lies behind the headers, and not for itself. */
static bool target_valid(const struct vhdx_header *header, u64 offset,
			 u64 bytes)
{
	return offset % VHDX_PAGE_BYTES == 0 && bytes % VHDX_PAGE_BYTES == 0 &&
	       offset >= VHDX_MIB && offset <= 2 * DISK_SIZE_BYTES_MAX &&
	       bytes <= DISK_SIZE_BYTES_MAX &&
	       (offset + bytes <= header->log_offset ||
		offset >= header->log_offset + header->log_bytes);
}

static bool descriptor_valid(const struct log *log,
			     const struct vhdx_log_descriptor *desc,
			     const u8 **data, const u8 *end, u64 sequence)
{
	const struct vhdx_header *header = &log->vhdx->header;
	const struct vhdx_log_data *page = (const void *)*data;

	if (desc->sequence != sequence)
		return false;
	if (desc->signature == VHDX_SIGNATURE_ZERO)
		return target_valid(header, desc->file_offset, desc->leading);
	if (desc->signature != VHDX_SIGNATURE_DESC ||
	    *data + sizeof(*page) > end ||
	    !target_valid(header, desc->file_offset, VHDX_PAGE_BYTES))
		return false;
	*data += sizeof(*page);
	return page->signature == VHDX_SIGNATURE_DATA &&
	       page->sequence_high == sequence >> 32 &&
	       page->sequence_low == (u32)sequence;
}

static bool header_sane(const struct log *log,
			const struct vhdx_log_header *header)
{
	return header->signature == VHDX_SIGNATURE_ENTRY &&
	       header->entry_bytes >= VHDX_PAGE_BYTES &&
	       header->entry_bytes % VHDX_PAGE_BYTES == 0 &&
	       header->entry_bytes <= log->bytes &&
	       header->tail % VHDX_PAGE_BYTES == 0 &&
	       header->tail < log->bytes && header->sequence > 0 &&
	       header->descriptor_count <=
		       header->entry_bytes /
			       sizeof(struct vhdx_log_descriptor) &&
	       descriptors_bytes(header->descriptor_count) <=
		       header->entry_bytes &&
	       memcmp(&header->log, &log->vhdx->header.log,
		      sizeof(header->log)) == 0;
}

/* Whether a whole entry lies there; log->entry has it then. */
static bool entry_read(struct log *log, u32 offset)
{
	struct vhdx_log_header header;
	const u8 *data;
	u32 zero = 0;

	ring_copy(log, offset, (u8 *)&header, sizeof(header));
	if (!header_sane(log, &header))
		return false;
	ring_copy(log, offset, log->entry, header.entry_bytes);
	memcpy(log->entry + offsetof(struct vhdx_log_header, checksum), &zero,
	       sizeof(zero));
	if (crc32c(0, log->entry, header.entry_bytes) != header.checksum)
		return false;
	data = log->entry + descriptors_bytes(header.descriptor_count);
	for (u32 i = 0; i < header.descriptor_count; i++) {
		if (!descriptor_valid(log, descriptor(log->entry, i), &data,
				      log->entry + header.entry_bytes,
				      header.sequence))
			return false;
	}
	return true;
}

/* The entries from offset on that follow one another. */
static bool sequence_read(struct log *log, u32 offset, struct sequence *found)
{
	const struct vhdx_log_header *header = (const void *)log->entry;
	struct sequence sequence = { .start = offset };

	while (sequence.bytes < log->bytes && entry_read(log, offset)) {
		if (sequence.bytes &&
		    header->sequence != sequence.last_number + 1)
			break;
		sequence.end_entry = offset;
		sequence.last_number = header->sequence;
		sequence.tail = header->tail;
		sequence.bytes += header->entry_bytes;
		offset = (u32)((offset + header->entry_bytes) % log->bytes);
	}
	*found = sequence;
	return sequence.bytes != 0;
}

/* Whether the walk from start to end meets an entry at tail. */
static bool tail_reached(struct log *log, const struct sequence *sequence)
{
	u32 at = sequence->start;

	while (at != sequence->tail) {
		const struct vhdx_log_header *header = (const void *)log->entry;

		if (at == sequence->end_entry || !entry_read(log, at))
			return false;
		at = (u32)((at + header->entry_bytes) % log->bytes);
	}
	return true;
}

/*
 * The valid sequence with the highest number. No other one begins within a
 * sequence, but for the one that goes round the log's end: its second part is
 * found first, without its tail, and then again from its true start.
 */
static bool active_find(struct log *log, struct sequence *active)
{
	struct sequence sequence;
	bool any = false;

	for (u64 at = 0; at < log->bytes;) {
		if (!sequence_read(log, (u32)at, &sequence)) {
			at += VHDX_PAGE_BYTES;
			continue;
		}
		if ((!any || sequence.last_number > active->last_number) &&
		    tail_reached(log, &sequence)) {
			*active = sequence;
			any = true;
		}
		at += sequence.bytes;
	}
	return any;
}

static int overlay_add(struct vhdx *vhdx, u64 offset, const u8 *page, u64 bytes)
{
	struct vhdx_overlay *grown = realloc(
		vhdx->overlay, (vhdx->overlay_count + 1) * sizeof(*grown));
	struct vhdx_overlay *added;

	if (!grown)
		return -ENOMEM;
	vhdx->overlay = grown;
	added = &grown[vhdx->overlay_count];
	*added = (struct vhdx_overlay){ .offset = offset, .bytes = bytes };
	if (page) {
		added->page = malloc(bytes);
		if (!added->page)
			return -ENOMEM;
		memcpy(added->page, page, bytes);
	}
	vhdx->overlay_count++;
	return 0;
}

/* One descriptor into the file, or into memory when that is read-only. */
static int apply(struct vhdx *vhdx, const struct vhdx_log_descriptor *desc,
		 const struct vhdx_log_data *data)
{
	u8 page[VHDX_PAGE_BYTES];

	if (desc->signature == VHDX_SIGNATURE_DESC) {
		memcpy(page, &desc->leading, 8);
		memcpy(page + 8, data->data, sizeof(data->data));
		memcpy(page + sizeof(page) - 4, &desc->trailing, 4);
		return vhdx->file.read_only
			       ? overlay_add(vhdx, desc->file_offset, page,
					     sizeof(page))
			       : file_pwrite(&vhdx->file, page, sizeof(page),
					     desc->file_offset);
	}
	if (vhdx->file.read_only)
		return overlay_add(vhdx, desc->file_offset, NULL,
				   desc->leading);
	return file_pzero(&vhdx->file, desc->leading, desc->file_offset);
}

static int entry_apply(struct vhdx *vhdx, const u8 *entry)
{
	const struct vhdx_log_header *header = (const void *)entry;
	const u8 *data = entry + descriptors_bytes(header->descriptor_count);
	u64 file_bytes;
	int ret = file_size(&vhdx->file, &file_bytes);

	if (ret == 0 && file_bytes < header->flushed_file_bytes)
		ret = -ENODATA;
	if (ret == 0 && file_bytes < header->last_file_bytes &&
	    !vhdx->file.read_only &&
	    header->last_file_bytes <= 2 * DISK_SIZE_BYTES_MAX)
		ret = file_truncate(&vhdx->file, header->last_file_bytes);
	for (u32 i = 0; i < header->descriptor_count && ret == 0; i++) {
		ret = apply(vhdx, descriptor(entry, i), (const void *)data);
		if (descriptor(entry, i)->signature == VHDX_SIGNATURE_DESC)
			data += VHDX_PAGE_BYTES;
	}
	return ret;
}

static int sequence_apply(struct vhdx *vhdx, struct log *log,
			  const struct sequence *active)
{
	const struct vhdx_log_header *header = (const void *)log->entry;
	u32 at = active->tail;
	int ret = 0;

	while (ret == 0) {
		u32 was = at;

		if (!entry_read(log, at))
			return -EIO;
		at = (u32)((at + header->entry_bytes) % log->bytes);
		ret = entry_apply(vhdx, log->entry);
		if (was == active->end_entry)
			break;
	}
	return ret;
}

static int replay(struct vhdx *vhdx, struct log *log, struct lis_error *err)
{
	struct sequence active = { 0 };
	int ret = file_pread(&vhdx->file, log->ring, log->bytes,
			     vhdx->header.log_offset);

	if (ret == 0 && !active_find(log, &active))
		return lis_error_set(err, EINVAL,
				     "cannot open %s: the log of the VHDX file "
				     "is damaged",
				     vhdx->file.path);
	if (ret == 0)
		ret = sequence_apply(vhdx, log, &active);
	if (ret == 0 && !vhdx->file.read_only) {
		ret = file_fdatasync(&vhdx->file);
		memset(&vhdx->header.log, 0, sizeof(vhdx->header.log));
		if (ret == 0)
			ret = vhdx_header_write(vhdx);
	}
	if (ret == -ENODATA)
		return lis_error_set(err, EINVAL,
				     "cannot open %s: the VHDX file is shorter "
				     "than its log says",
				     vhdx->file.path);
	if (ret < 0)
		return lis_error_set(err, -ret,
				     "cannot replay the log of %s: %s",
				     vhdx->file.path, strerror(-ret));
	return 0;
}

int vhdx_log_replay(struct vhdx *vhdx, struct lis_error *err)
{
	struct log log = { .vhdx = vhdx, .bytes = vhdx->header.log_bytes };
	int ret;

	if (vhdx_guid_is_zero(&vhdx->header.log))
		return 0;
	vhdx->replayed = true;
	log.ring = malloc(log.bytes);
	log.entry = malloc(log.bytes);
	if (log.ring && log.entry)
		ret = replay(vhdx, &log, err);
	else
		ret = lis_error_set(err, ENOMEM, "out of memory");
	free(log.ring);
	free(log.entry);
	return ret;
}

int vhdx_pread(const struct vhdx *vhdx, void *buffer, u64 size_bytes,
	       u64 offset)
{
	int ret = file_pread(&vhdx->file, buffer, size_bytes, offset);

	for (u64 i = 0; i < vhdx->overlay_count && ret == 0; i++) {
		const struct vhdx_overlay *over = &vhdx->overlay[i];
		u64 from = over->offset > offset ? over->offset : offset;
		u64 to = over->offset + over->bytes;

		if (to > offset + size_bytes)
			to = offset + size_bytes;
		if (from >= to)
			continue;
		if (over->page)
			memcpy((u8 *)buffer + (from - offset),
			       over->page + (from - over->offset), to - from);
		else
			memset((u8 *)buffer + (from - offset), 0, to - from);
	}
	return ret;
}

static void data_make(const u8 *page, u64 sequence,
		      struct vhdx_log_descriptor *desc,
		      struct vhdx_log_data *data)
{
	desc->signature = VHDX_SIGNATURE_DESC;
	desc->sequence = sequence;
	memcpy(&desc->leading, page, 8);
	memcpy(&desc->trailing, page + VHDX_PAGE_BYTES - 4, 4);
	data->signature = VHDX_SIGNATURE_DATA;
	data->sequence_high = (u32)(sequence >> 32);
	data->sequence_low = (u32)sequence;
	memcpy(data->data, page + 8, sizeof(data->data));
}

void vhdx_log_entry_make(struct vhdx *vhdx)
{
	struct vhdx_commit *commit = &vhdx->commit;
	struct vhdx_log_header *header = (void *)commit->entry;
	struct vhdx_log_descriptor *desc =
		(void *)(commit->entry + sizeof(*header));
	u32 head_bytes = descriptors_bytes(commit->page_count);

	commit->entry_bytes =
		head_bytes + (u64)commit->page_count * VHDX_PAGE_BYTES;
	/*
	 * What lies in the log before is in its place by now, so every entry
	 * is its own tail and may lie anywhere but over the last one.
	 */
	if (vhdx->log_head + commit->entry_bytes > vhdx->header.log_bytes)
		vhdx->log_head = 0;
	memset(commit->entry, 0, head_bytes);
	header->signature = VHDX_SIGNATURE_ENTRY;
	header->entry_bytes = (u32)commit->entry_bytes;
	header->tail = (u32)vhdx->log_head;
	header->sequence = vhdx->log_sequence;
	header->descriptor_count = commit->page_count;
	header->log = vhdx->log;
	header->flushed_file_bytes = commit->file_bytes;
	header->last_file_bytes = commit->file_bytes;
	for (u32 i = 0; i < commit->page_count; i++) {
		data_make(commit->pages + (u64)i * VHDX_PAGE_BYTES,
			  header->sequence, &desc[i],
			  (void *)(commit->entry + head_bytes +
				   (u64)i * VHDX_PAGE_BYTES));
		desc[i].file_offset = commit->offsets[i];
	}
	header->checksum = crc32c(0, commit->entry, commit->entry_bytes);
}
