/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the simulated guest's daemons do: as Linux's, but in memory. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim_machine/sim_guest.h"

/* ---- key-value exchange ---- */

static struct kvp_item *item_find(struct sim_pool *pool, const char *key)
{
	for (u32 i = 0; i < pool->count; i++)
		if (!strcmp(pool->items[i].key, key))
			return &pool->items[i];
	return NULL;
}

static struct kvp_item *item_add(struct sim_pool *pool, const char *key)
{
	struct kvp_item *item = item_find(pool, key);

	if (item)
		return item;
	pool->items =
		realloc(pool->items, (pool->count + 1) * sizeof(*pool->items));
	if (!pool->items)
		abort();
	item = &pool->items[pool->count++];
	memset(item, 0, sizeof(*item));
	strcpy(item->key, key);
	return item;
}

/* Every value becomes a string, as in Linux's pools. */
static void item_text(char *text, const struct kvp_item *item)
{
	if (item->type == KVP_STRING)
		strcpy(text, item->text);
	else
		sprintf(text, "%llu", (unsigned long long)item->number);
}

void sim_pool_set(struct sim_guest *guest, u32 pool, const char *key,
		  const char *text)
{
	struct kvp_item *item = item_add(&guest->pools[pool], key);

	item->type = KVP_STRING;
	strcpy(item->text, text);
}

static u32 item_remove(struct sim_pool *pool, const char *key)
{
	struct kvp_item *item = item_find(pool, key);

	if (!item)
		return IC_E_NO_MORE_ITEMS;
	pool->count--;
	memmove(item, item + 1,
		(size_t)(pool->items + pool->count - item) * sizeof(*item));
	return IC_S_OK;
}

u32 sim_kvp_answer(struct sim_guest *guest, struct kvp_request *request)
{
	struct sim_pool *pool = &guest->pools[request->pool];
	char text[sizeof(request->item.text)];

	if (guest->no_daemon[SERVICE_KVP])
		return IC_E_FAIL;
	switch (request->operation) {
	case KVP_OPERATION_SET:
		item_text(text, &request->item);
		sim_pool_set(guest, request->pool, request->item.key, text);
		return IC_S_OK;
	case KVP_OPERATION_DELETE:
		return item_remove(pool, request->item.key);
	case KVP_OPERATION_ENUMERATE:
		if (request->index >= pool->count)
			return IC_E_NO_MORE_ITEMS;
		request->item = pool->items[request->index];
		return IC_S_OK;
	case KVP_OPERATION_GET_IP:
		if (strcmp(request->ip.adapter_id, guest->ip.adapter_id))
			return IC_E_INVALID_ARGUMENT;
		request->ip = guest->ip;
		return IC_S_OK;
	case KVP_OPERATION_SET_IP:
		guest->ip_sets++;
		strcpy(guest->ip_adapter, request->ip.adapter_id);
		strcpy(request->ip.adapter_id, guest->ip.adapter_id);
		guest->ip = request->ip;
		return IC_S_OK;
	default:
		return IC_E_FAIL;
	}
}

/* ---- file copy ---- */

static bool folder_is_there(const struct sim_guest *guest, const char *folder)
{
	for (u32 i = 0; i < SIM_GUEST_FOLDERS; i++)
		if (!strcmp(guest->folders[i], folder))
			return true;
	return false;
}

static void folder_make(struct sim_guest *guest, const char *folder)
{
	for (u32 i = 0; i < SIM_GUEST_FOLDERS; i++) {
		if (guest->folders[i][0])
			continue;
		strcpy(guest->folders[i], folder);
		return;
	}
	abort();
}

const struct sim_file *sim_file_find(const struct sim_guest *guest,
				     const char *path)
{
	for (u32 i = 0; i < SIM_GUEST_FILES; i++)
		if (!strcmp(guest->files[i].path, path))
			return &guest->files[i];
	return NULL;
}

static void file_forget(struct sim_file *file)
{
	free(file->bytes);
	memset(file, 0, sizeof(*file));
}

void sim_files_forget(struct sim_guest *guest)
{
	for (u32 i = 0; i < SIM_GUEST_FILES; i++)
		file_forget(&guest->files[i]);
	guest->file = NULL;
}

static u64 disk_used(const struct sim_guest *guest)
{
	u64 used = 0;

	for (u32 i = 0; i < SIM_GUEST_FILES; i++)
		used += guest->files[i].size_bytes;
	return used;
}

static u32 file_start(struct sim_guest *guest,
		      const struct fcopy_request *request)
{
	char folder[FCOPY_NAME_BYTES];
	char path[512];
	struct sim_file *file;
	size_t length;

	strcpy(folder, request->folder);
	length = strlen(folder);
	/* Hosts end a folder with a slash. */
	if (length > 1 && folder[length - 1] == '/')
		folder[length - 1] = '\0';
	if (snprintf(path, sizeof(path), "%s%s%s", folder, folder[1] ? "/" : "",
		     request->name) >= (int)sizeof(path))
		return IC_E_INVALID_NAME;
	if (guest->file && !guest->file->complete)
		file_forget(guest->file);
	guest->file = NULL;
	if (!folder_is_there(guest, folder)) {
		if (!(request->flags & FCOPY_CREATE_PATH))
			return IC_E_PATH_NOT_FOUND;
		folder_make(guest, folder);
	}
	if (!strcmp(path, guest->cannot_create))
		return IC_E_ACCESS_DENIED;
	file = (struct sim_file *)sim_file_find(guest, path);
	if (file && !(request->flags & FCOPY_OVERWRITE))
		return IC_E_FILE_EXISTS;
	if (file)
		file_forget(file);
	else
		file = (struct sim_file *)sim_file_find(guest, "");
	if (!file)
		return IC_E_DISK_FULL;
	strcpy(file->path, path);
	guest->file = file;
	return IC_S_OK;
}

static u32 file_write(struct sim_guest *guest,
		      const struct fcopy_request *request)
{
	struct sim_file *file = guest->file;
	u64 end = request->offset + request->data_bytes;

	if (!file)
		return IC_E_INVALID_HANDLE;
	if (disk_used(guest) + request->data_bytes > guest->disk_bytes)
		return IC_E_DISK_FULL;
	if (end > file->room_bytes) {
		file->room_bytes = end * 2;
		file->bytes = realloc(file->bytes, file->room_bytes);
		if (!file->bytes)
			abort();
	}
	memcpy(file->bytes + request->offset, request->data,
	       request->data_bytes);
	if (end > file->size_bytes)
		file->size_bytes = end;
	return IC_S_OK;
}

u32 sim_fcopy_answer(struct sim_guest *guest,
		     const struct fcopy_request *request)
{
	if (guest->no_daemon[SERVICE_FCOPY])
		return IC_E_FAIL;
	switch (request->operation) {
	case FCOPY_OPERATION_START:
		return file_start(guest, request);
	case FCOPY_OPERATION_DATA:
		return file_write(guest, request);
	case FCOPY_OPERATION_COMPLETE:
		if (guest->file)
			guest->file->complete = true;
		guest->file = NULL;
		return IC_S_OK;
	default:
		if (guest->file)
			file_forget(guest->file);
		guest->file = NULL;
		return IC_S_OK;
	}
}

/* ---- backup ---- */

u32 sim_vss_answer(struct sim_guest *guest, u8 operation)
{
	if (guest->no_daemon[SERVICE_VSS])
		return IC_E_FAIL;
	switch (operation) {
	case VSS_OPERATION_FREEZE:
		if (guest->freeze_status)
			return guest->freeze_status;
		guest->freezes++;
		guest->frozen = true;
		return IC_S_OK;
	case VSS_OPERATION_THAW:
		guest->thaws++;
		guest->frozen = false;
		if (!guest->thaw_refusals)
			return IC_S_OK;
		guest->thaw_refusals--;
		return IC_E_FAIL;
	default:
		return IC_S_OK;
	}
}
