/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/backend/disk/image.h"
#include "host/cli/disk_actions.h"
#include "host/cli/text.h"
#include "host/control/config.h"

static const struct cli_option options[] = {
	{ "format", 'f', "FORMAT", "raw, vhdx or vhd; else by the name" },
	{ "fixed", 0, NULL, "create, convert: take all the room at once" },
	{ "block-size", 0, "SIZE", "create: of the blocks of a VHDX or VHD" },
	{ "sector", 0, "SECTOR", "create: 512, 512e or 4096" },
	{ "parent", 0, "PATH", "create: a VHDX that the new one builds on" },
	{ "vm", 0, "VM", "the running VM whose disk is meant" },
	{ "iops", 0, "N", "limit: requests per second" },
	{ "bytes-per-second", 0, "SIZE", "limit: data per second" },
	{ "force", 0, NULL, "eject, insert: although the guest locked it" },
	{ "repair", 0, NULL, "check: bring the image in order" },
	{ NULL, 0, NULL, NULL },
};

/* What an action is told; operands[0] is its name. */
struct action {
	const char *name;
	int operands_min, operands_max;
	/* Without and with --vm; NULL: that cannot be. */
	int (*handler)(struct cli *cli, enum disk_format format);
	int (*vm_handler)(struct cli *cli, enum disk_format format);
};

/* A file that is missing or damaged is neither a VM that does not run nor a
 * wrong command line. */
static int fail(const struct cli *cli, int ret, const struct lis_error *err)
{
	return cli_fail(cli, ret == -ENOENT || ret == -EINVAL ? -EIO : ret,
			NULL, err);
}

static int size_read(const struct cli *cli, const char *what, const char *text,
		     u64 *size_bytes)
{
	if (size_parse(text, size_bytes) == 0)
		return EXIT_STATUS_OK;
	return cli_usage(cli,
			 "%s: \"%s\" is not a size; write one like 512M, 20G "
			 "or a number of bytes",
			 what, text);
}

static int sector_read(const struct cli *cli, struct image_options *image)
{
	const char *text = cli_option(cli, "sector");

	if (!text)
		return EXIT_STATUS_OK;
	image->sector_bytes = strcmp(text, "4096") == 0 ? 4096 : 512;
	image->physical_sector_bytes = strcmp(text, "512") == 0 ? 512 : 4096;
	if (strcmp(text, "512") == 0 || strcmp(text, "512e") == 0 ||
	    strcmp(text, "4096") == 0)
		return EXIT_STATUS_OK;
	return cli_usage(cli, "--sector: \"%s\" is not 512, 512e or 4096",
			 text);
}

/* A document (taken over) for programs, nothing for people. */
static int done(const struct cli *cli, json_t *document)
{
	if (cli->json)
		return cli_print_document(cli, document);
	json_decref(document);
	return EXIT_STATUS_OK;
}

static int create(struct cli *cli, enum disk_format format)
{
	const char *block = cli_option(cli, "block-size");
	struct image_options image = {
		.path = cli->operands[1],
		.format = format,
		.fixed = cli_option(cli, "fixed") != NULL,
		.parent = cli_option(cli, "parent"),
	};
	struct lis_error err = { "" };
	u64 block_bytes = 0;
	int status = sector_read(cli, &image), ret;

	if (status == EXIT_STATUS_OK && block)
		status = size_read(cli, "--block-size", block, &block_bytes);
	if (status == EXIT_STATUS_OK && !image.parent && cli->operand_count < 3)
		return cli_usage(cli, "create: the size is missing");
	if (status == EXIT_STATUS_OK && cli->operand_count == 3)
		status = size_read(cli, "create", cli->operands[2],
				   &image.size_bytes);
	if (status != EXIT_STATUS_OK)
		return status;
	if (image.parent && cli->operand_count == 3)
		return cli_usage(cli, "create: with --parent, the size is the "
				      "parent's");
	image.block_bytes =
		block_bytes > UINT32_MAX ? UINT32_MAX : (u32)block_bytes;
	ret = image_create(&image, &err);
	if (ret == -EINVAL)
		return cli_fail(cli, ret, NULL, &err);
	if (ret < 0)
		return fail(cli, ret, &err);
	return done(cli, json_pack("{s:s}", "path", image.path));
}

static void identity_text(const u8 *b, char text[37])
{
	snprintf(text, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* What an image is, and what a check of it finds. */
struct facts {
	struct disk_info info;
	struct image_check check;
	u64 host_bytes; /* that the file takes */
	char identity[37];
};

static int facts_get(const struct cli *cli, enum disk_format format,
		     bool repair, struct facts *facts)
{
	const char *path = cli->operands[1];
	struct disk_options disk_options = {
		.path = path,
		.format = format,
		.read_only = true,
		.cache = DISK_CACHE_BUFFERED,
	};
	struct lis_error err = { "" };
	struct disk *disk = NULL;
	struct stat st;
	int ret = image_check(path, format, repair, &facts->check, &err);

	if (ret == 0)
		ret = disk_open(&disk, &disk_options, &err);
	if (ret < 0)
		return fail(cli, ret, &err);
	disk_info_get(disk, &facts->info);
	disk_close(disk);
	if (stat(path, &st) == 0)
		facts->host_bytes = (u64)st.st_blocks * 512;
	identity_text(facts->info.identity, facts->identity);
	return EXIT_STATUS_OK;
}

static json_t *facts_json(const struct cli *cli, const struct facts *facts)
{
	const struct image_check *check = &facts->check;
	json_t *document = json_pack(
		"{s:s, s:s, s:I, s:i, s:i, s:s, s:I, s:I}", "path",
		cli->operands[1], "format",
		disk_format_name(facts->info.format), "size_bytes",
		(json_int_t)facts->info.size_bytes, "sector_bytes",
		(int)facts->info.sector_bytes, "physical_sector_bytes",
		(int)facts->info.physical_sector_bytes, "identity",
		facts->identity, "file_bytes", (json_int_t)check->file_bytes,
		"allocated_bytes", (json_int_t)facts->host_bytes);

	if (document && check->blocks)
		json_object_set_new(
			document, "blocks",
			json_pack("{s:I, s:I, s:I, s:I}", "all",
				  (json_int_t)check->blocks, "present",
				  (json_int_t)check->present_blocks, "partial",
				  (json_int_t)check->partial_blocks,
				  "unused_bytes",
				  (json_int_t)check->unused_bytes));
	if (document)
		json_object_set_new(document, "log_replayed",
				    json_boolean(check->log_replayed));
	return document;
}

static int facts_print(const struct cli *cli, const struct facts *facts)
{
	static const char *const heads[] = { "Property", "Value" };
	const struct disk_info *info = &facts->info;
	char size[TEXT_UNIT_BYTES], taken[TEXT_UNIT_BYTES], sector[32];
	char blocks[64];
	struct table table;
	int ret;

	snprintf(sector, sizeof(sector), "%u%s", info->sector_bytes,
		 info->physical_sector_bytes > info->sector_bytes ? "e" : "");
	snprintf(blocks, sizeof(blocks), "%" PRIu64 " of %" PRIu64,
		 facts->check.present_blocks, facts->check.blocks);
	table_init(&table, 2, heads);
	table_add(&table, (const char *const[]){ "Path", cli->operands[1] });
	table_add(&table, (const char *const[]){
				  "Format", disk_format_name(info->format) });
	table_add(&table, (const char *const[]){
				  "Size", text_size(size, info->size_bytes) });
	table_add(&table,
		  (const char *const[]){ "On the host",
					 text_size(taken, facts->host_bytes) });
	table_add(&table, (const char *const[]){ "Sector", sector });
	if (facts->check.blocks)
		table_add(&table,
			  (const char *const[]){ "Blocks present", blocks });
	table_add(&table, (const char *const[]){ "Identity", facts->identity });
	table_add(&table, (const char *const[]){
				  "Closed cleanly",
				  facts->check.log_replayed ? "no" : "yes" });
	ret = table_print(&table, stdout);
	table_release(&table);
	if (ret < 0)
		return cli_fail_text(cli, -ret, "out of memory");
	return cli_flush(cli);
}

static int info(struct cli *cli, enum disk_format format)
{
	struct facts facts = { 0 };
	int status = facts_get(cli, format, false, &facts);

	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_print_document(cli, facts_json(cli, &facts));
	return facts_print(cli, &facts);
}

static int resize(struct cli *cli, enum disk_format format)
{
	struct disk_options disk_options = {
		.path = cli->operands[1],
		.format = format,
		.cache = DISK_CACHE_BUFFERED,
	};
	struct lis_error err = { "" };
	struct disk *disk;
	u64 size_bytes;
	int status = size_read(cli, "resize", cli->operands[2], &size_bytes);
	int ret;

	if (status != EXIT_STATUS_OK)
		return status;
	ret = disk_open(&disk, &disk_options, &err);
	if (ret == 0) {
		ret = disk_resize(disk, size_bytes, &err);
		disk_close(disk);
	}
	if (ret < 0)
		return fail(cli, ret, &err);
	return done(cli, json_pack("{s:s, s:I}", "path", cli->operands[1],
				   "size_bytes", (json_int_t)size_bytes));
}

static int check(struct cli *cli, enum disk_format format)
{
	bool repair = cli_option(cli, "repair") != NULL;
	struct facts facts = { 0 };
	int status = facts_get(cli, format, repair, &facts);

	if (status != EXIT_STATUS_OK)
		return status;
	if (cli->json)
		return cli_print_document(cli, facts_json(cli, &facts));
	if (facts.check.log_replayed && repair)
		printf("The image was not closed cleanly; its log has been "
		       "replayed.\n");
	else if (facts.check.log_replayed)
		printf("The image was not closed cleanly; its next opening "
		       "will replay its log.\n");
	else
		printf("The image is in order.\n");
	return cli_flush(cli);
}

static const struct action actions[] = {
	{ "create", 2, 3, create, NULL },
	{ "info", 2, 2, info, NULL },
	{ "resize", 3, 3, resize, disk_vm_resize },
	{ "check", 2, 2, check, NULL },
	{ "convert", 3, 3, disk_convert, NULL },
	{ "list", 1, 1, NULL, disk_vm_list },
	{ "attach", 2, 2, NULL, disk_vm_attach },
	{ "detach", 2, 2, NULL, disk_vm_detach },
	{ "eject", 1, 2, NULL, disk_vm_eject },
	{ "insert", 2, 3, NULL, disk_vm_insert },
	{ "limit", 2, 2, NULL, disk_vm_limit },
};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

static int disk(struct cli *cli)
{
	const struct action *action = action_find(cli->operands[0]);
	const char *name = cli_option(cli, "format");
	enum disk_format format = DISK_FORMAT_AUTO;

	if (!action)
		return cli_usage(cli, "there is no action \"%s\"",
				 cli->operands[0]);
	if (cli->operand_count < action->operands_min)
		return cli_usage(cli, "%s: too few arguments", action->name);
	if (cli->operand_count > action->operands_max)
		return cli_usage(cli, "%s: unexpected argument \"%s\"",
				 action->name,
				 cli->operands[action->operands_max]);
	if (name && !disk_format_find(name, &format))
		return cli_usage(cli, "--format: there is no format \"%s\"",
				 name);
	if (cli_option(cli, "vm") && !action->vm_handler)
		return cli_usage(cli, "%s: --vm does not belong here",
				 action->name);
	if (!cli_option(cli, "vm") && !action->handler)
		return cli_usage(cli, "%s: name the VM with --vm",
				 action->name);
	if (cli_option(cli, "vm"))
		return action->vm_handler(cli, format);
	return action->handler(cli, format);
}

const struct cli_command command_disk = {
	.name = "disk",
	.summary = "Make disk images, and give them to VMs",
	.cmdlet = "New-VHD, Get-VHD, Resize-VHD, Test-VHD, "
		  "Add-VMHardDiskDrive, Remove-VMHardDiskDrive, "
		  "Set-VMDvdDrive",
	.operands = "create|info|resize|check|convert|list|attach|detach|eject|"
		    "insert|limit [PATH [SIZE | NEW | DRIVE]]",
	.operands_min = 1,
	.operands_max = 4,
	.options = options,
	.handler = disk,
};
