/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/cli/disk_actions.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "host/cli/image_copy.h"
#include "host/cli/text.h"

int disk_convert(struct cli *cli, enum disk_format format)
{
	const char *source = cli->operands[1];
	struct image_options image = {
		.path = cli->operands[2],
		.format = format,
		.fixed = cli_option(cli, "fixed") != NULL,
	};
	struct lis_error err = { "" };
	char size[TEXT_UNIT_BYTES];
	struct image_copy copy;
	int ret;

	if (image_copy_begin(&copy, !cli->json) < 0)
		return cli_fail_text(cli, ENOMEM, "out of memory");
	ret = image_copy_size(source, DISK_FORMAT_AUTO, &copy.total_bytes,
			      &err);
	if (ret == 0)
		ret = image_copy(&copy, source, DISK_FORMAT_AUTO, &image, &err);
	image_copy_end(&copy);
	if (ret < 0)
		return cli_fail(cli,
				ret == -ENOENT || ret == -EINVAL ? -EIO : ret,
				NULL, &err);
	if (cli->json)
		return cli_print_document(
			cli,
			json_pack("{s:s, s:I}", "path", image.path,
				  "size_bytes", (json_int_t)copy.total_bytes));
	if (isatty(STDOUT_FILENO))
		printf("made %s, a disk of %s\n", image.path,
		       text_size(size, copy.total_bytes));
	return cli_flush(cli);
}
