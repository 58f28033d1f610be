/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A folder that looks like sysfs and proc, made for one test. */
#ifndef TESTS_UNIT_GUEST_TOOLS_TREE_H
#define TESTS_UNIT_GUEST_TOOLS_TREE_H

/* cmocka.h needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TREE_BYTES 64

/* tree_make - an empty folder; its path into @root, TREE_BYTES of memory. */
void tree_make(char *root);

/* tree_file - a file with these bytes, and the folders above it. */
void tree_file(const char *root, const char *path, const void *data,
	       size_t size_bytes);

/* tree_text - the same with a text. */
void tree_text(const char *root, const char *path, const char *text);

/* tree_link - a symbolic link, and the folders above it. */
void tree_link(const char *root, const char *path, const char *target);

/* tree_device - a device of the VMBus as the kernel shows one. */
void tree_device(const char *root, const char *name, const char *class_id,
		 const char *id, const char *channels, const char *driver);

/* tree_remove - all of it. */
void tree_remove(const char *root);

#endif
