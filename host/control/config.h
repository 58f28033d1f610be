/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * config.h - what an administrator asks of a new VM.
 *
 * Here: the settings of one VM, their defaults and limits, the JSON file they
 * can come from. Not here: command-line options (host/cli/run.c) or the making
 * of a VM from them (process.h).
 */
#ifndef HOST_CONTROL_CONFIG_H
#define HOST_CONTROL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "host/control/disk_config.h"
#include "host/control/net_config.h"
#include "host/control/paths.h"
#include "host/control/service_names.h"
#include "host/vm/error.h"

#define RUN_CPUS_MAX		 64
#define RUN_MEMORY_BYTES_MIN	 (64ull << 20)
#define RUN_MEMORY_BYTES_MAX	 (1ull << 40)
#define RUN_MEMORY_BYTES_DEFAULT (512ull << 20)
#define RUN_MEMORY_BYTES_STEP	 (2ull << 20)
#define RUN_LOW_MMIO_BYTES_MIN	 (64ull << 20)
#define RUN_LOW_MMIO_BYTES_MAX	 (2ull << 30)
/* x86 COMMAND_LINE_SIZE is 2048 with the terminator (Linux asm/setup.h). */
#define RUN_COMMAND_LINE_BYTES_MAX 2047

enum run_console {
	RUN_CONSOLE_STDIO,  /* this process's standard input and output */
	RUN_CONSOLE_SOCKET, /* only for "lis console" */
	RUN_CONSOLE_NONE,   /* guest output is dropped */
	RUN_CONSOLE_COUNT
};

struct run_config {
	char name[VM_NAME_BYTES_MAX + 1]; /* "" until given */
	char *kernel;	       /* path of a bzImage; NULL until given */
	char *initrd;	       /* path; NULL: none */
	char *command_line;    /* the kernel's; NULL: empty */
	uint32_t cpus;	       /* 1 to RUN_CPUS_MAX */
	uint64_t memory_bytes; /* a multiple of RUN_MEMORY_BYTES_STEP */
	bool huge_pages;       /* guest memory from 2 MiB pages */
	bool hibernation;      /* the guest is told that it may */
	/* MMIO windows below 4 GiB and above all memory; 0: the default. */
	uint64_t low_mmio_bytes;
	uint64_t high_mmio_bytes;
	/* Not given, and in the background: as the socket. */
	enum run_console console;
	bool console_given;
	bool detach;  /* go to the background once the VM runs */
	bool hostile; /* tests may have the host do wrong (hostile.h) */
	bool service_enabled[SERVICE_COUNT]; /* by enum service_index */
	struct run_disk *disks;
	uint32_t disk_count;
	struct run_net nets[RUN_NETS_MAX];
	uint32_t net_count;
};

/* Sets the defaults. To be ended by run_config_release(). */
void run_config_init(struct run_config *config);

/* Frees what the settings hold. */
void run_config_release(struct run_config *config);

/*
 * Takes settings from a JSON file over those already there. The file is one
 * object with any of: name, kernel, initrd, append, cpus, memory, low_mmio,
 * high_mmio ("512M" or a number of bytes), huge_pages, hibernation, console
 * ("stdio", "socket", "none"), detach, enable and disable (lists of service
 * names), disks and nets (lists of objects, see disk_config.h and
 * net_config.h). Relative paths count from the file's folder. A member that is
 * not known is an error. Returns 0; -EINVAL when the content is wrong; -ENOMEM;
 * or the error of opening or reading the file, negative.
 */
int run_config_load(struct run_config *config, const char *path,
		    struct lis_error *err);

/*
 * Sets one setting from text, as an option or a file gives it. what: how the
 * user called it ("--memory", "\"memory\" in vm.json"), for the message.
 * Return 0; -EINVAL when the text is wrong; -ENOMEM.
 */
int run_config_set_name(struct run_config *config, const char *what,
			const char *text, struct lis_error *err);
int run_config_set_cpus(struct run_config *config, const char *what,
			const char *text, struct lis_error *err);
int run_config_set_size(uint64_t *setting, const char *what, const char *text,
			struct lis_error *err);
int run_config_set_console(struct run_config *config, const char *what,
			   const char *text, struct lis_error *err);
int run_config_set_service(struct run_config *config, const char *what,
			   const char *text, bool enabled,
			   struct lis_error *err);

/*
 * Adds a disk, with its defaults, to be filled in by the caller: NULL when out
 * of memory or when there are RUN_DISKS_MAX, with err set.
 */
struct run_disk *run_config_add_disk(struct run_config *config,
				     struct lis_error *err);

/* The same for a network adapter: NULL when there are RUN_NETS_MAX. */
struct run_net *run_config_add_net(struct run_config *config,
				   struct lis_error *err);

/*
 * Replaces a string setting (kernel, initrd, command_line) by a copy of text.
 * Returns 0 or -ENOMEM.
 */
int run_config_set_text(char **setting, const char *text,
			struct lis_error *err);

/*
 * Checks the settings as a whole: that name and kernel are given, the files
 * can be read, every number is in its range, huge pages and memory agree.
 * Returns 0; -EINVAL; or the error of looking at a file, negative.
 */
int run_config_check(const struct run_config *config, struct lis_error *err);

/*
 * A size such as "512M", "1G", "65536K" or a number of bytes; the units are
 * powers of 1024, in either case, with or without a following "B" or "iB".
 * Returns 0, or -EINVAL when it is none or above 2^63.
 */
int size_parse(const char *text, uint64_t *size_bytes);

#endif
