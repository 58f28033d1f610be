// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * lsvmbus - lists the devices of the VMBus.
 *
 * Plain, -v and -vv print what lsvmbus of the kernel's tools/hv prints, so that
 * scripts which read that go on working.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "guest/common/hypervisor.h"
#include "guest/common/json_write.h"
#include "guest/common/vmbus_class.h"
#include "guest/common/vmbus_sysfs.h"

/* The build says it; what only reads the source does not. */
#ifndef LIS_VERSION
#define LIS_VERSION "unknown"
#endif

#define EXIT_BROKEN 1
#define EXIT_USAGE  2
#define EXIT_ABSENT 3

static const char usage[] =
	"usage: lsvmbus [-v | -vv | --json] [--sysfs FOLDER]\n"
	"List the devices of the VMBus, by the number of their channel.\n"
	"\n"
	"  -v, --verbose   class, and the processor of each channel\n"
	"  -vv             also the instance and the folder in sysfs\n"
	"      --json      everything, as JSON\n"
	"      --sysfs FOLDER  where sysfs is mounted, instead of /sys\n"
	"  -h, --help      this text\n"
	"  -V, --version   the version\n"
	"\n"
	"Exit status: 0 listed, 1 a device could not be read whole, 2 wrong\n"
	"usage, 3 there is no VMBus here. See lsvmbus(8).\n";

struct arguments {
	int verbose;
	bool json;
	const char *root;
};

static const char *shown_name(const struct vmbus_sysfs_device *device)
{
	const struct vmbus_class *row = vmbus_class_find(device->class_id);

	return row ? row->shown : "Unknown";
}

static void print_device(const struct vmbus_sysfs_device *device,
			 const struct arguments *arguments)
{
	uint32_t i;

	printf("VMBUS ID %2u: ", device->id);
	if (!arguments->verbose) {
		puts(shown_name(device));
		return;
	}
	printf("Class_ID = %s - %s\n", device->class_id, shown_name(device));
	if (arguments->verbose > 1)
		printf("\tDevice_ID = %s\n\tSysfs path: %s/" VMBUS_SYSFS_FOLDER
		       "/%s\n",
		       device->device_id, arguments->root, device->name);
	for (i = 0; i < device->channel_count; i++)
		printf("\tRel_ID=%u, target_cpu=%u\n",
		       device->channels[i].relid, device->channels[i].cpu);
	putchar('\n');
}

static void json_device(struct json_write *json,
			const struct vmbus_sysfs_device *device,
			const char *root)
{
	char path[256];
	uint32_t i;

	snprintf(path, sizeof(path), "%s/" VMBUS_SYSFS_FOLDER "/%s", root,
		 device->name);
	json_write_open(json, '{');
	json_write_member(json, "id");
	if (device->id == UINT32_MAX)
		json_write_text(json, NULL);
	else
		json_write_number(json, device->id);
	json_write_member(json, "description");
	json_write_text(json, shown_name(device));
	json_write_member(json, "class_id");
	json_write_text(json, device->class_id);
	json_write_member(json, "device_id");
	json_write_text(json, device->device_id);
	json_write_member(json, "driver");
	json_write_text(json, device->driver[0] ? device->driver : NULL);
	json_write_member(json, "sysfs_path");
	json_write_text(json, path);
	json_write_member(json, "channels");
	json_write_open(json, '[');
	for (i = 0; i < device->channel_count; i++) {
		json_write_open(json, '{');
		json_write_member(json, "relid");
		json_write_number(json, device->channels[i].relid);
		json_write_member(json, "target_cpu");
		json_write_number(json, device->channels[i].cpu);
		json_write_close(json, '}');
	}
	json_write_close(json, ']');
	json_write_close(json, '}');
}

static void print_all(const struct vmbus_sysfs *sysfs,
		      const struct arguments *arguments)
{
	struct json_write json = { .out = stdout };
	uint32_t i;

	if (arguments->json)
		json_write_open(&json, '[');
	for (i = 0; i < sysfs->count; i++) {
		const struct vmbus_sysfs_device *device = &sysfs->devices[i];

		if (arguments->json)
			json_device(&json, device, arguments->root);
		/* Nothing can be said of a device without a number. */
		else if (device->id != UINT32_MAX)
			print_device(device, arguments);
	}
	if (arguments->json) {
		json_write_close(&json, ']');
		putchar('\n');
	}
}

static int report_broken(const struct vmbus_sysfs *sysfs)
{
	int status = 0;
	uint32_t i;

	for (i = 0; i < sysfs->count; i++) {
		const struct vmbus_sysfs_device *device = &sysfs->devices[i];

		if (!device->broken)
			continue;
		fprintf(stderr,
			"lsvmbus: device %s: its attribute '%s' is missing or "
			"is not what the kernel's sysfs has there\n",
			device->name, device->broken);
		status = EXIT_BROKEN;
	}
	return status;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ "sysfs", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "vhV", options, NULL)) != -1) {
		switch (option) {
		case 'v':
			arguments->verbose++;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 's':
			arguments->root = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("lsvmbus " LIS_VERSION);
			return 0;
		default:
			fputs("lsvmbus: see lsvmbus --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"lsvmbus: '%s' is too much: see lsvmbus --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .root = "/sys" };
	struct vmbus_sysfs sysfs;
	int status, error;

	status = parse(argc, argv, &arguments);
	if (status >= 0)
		return status;
	error = vmbus_sysfs_read(&sysfs, arguments.root);
	if (error) {
		fprintf(stderr, "lsvmbus: %s/" VMBUS_SYSFS_FOLDER ": %s: %s\n",
			arguments.root, strerror(error),
			error == ENOENT
				? hypervisor_missing_text(hypervisor_find())
				: "the VMBus cannot be listed");
		return EXIT_ABSENT;
	}
	print_all(&sysfs, &arguments);
	status = report_broken(&sysfs);
	vmbus_sysfs_free(&sysfs);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "lsvmbus: cannot write the list: %s\n",
			strerror(errno));
		return EXIT_BROKEN;
	}
	return status;
}
