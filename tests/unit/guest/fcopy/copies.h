/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A copy into a folder that is "/" to it, made for one test. */
#ifndef TESTS_UNIT_GUEST_FCOPY_COPIES_H
#define TESTS_UNIT_GUEST_FCOPY_COPIES_H

#include "guest/lisd/fcopy/copy.h"
#include "tests/unit/guest/tools/tree.h"

extern char root[TREE_BYTES];
extern struct copy copy;

int copies_setup(void **state);
int copies_teardown(void **state);

/* What the host asks, and what it is told. */
u32 start(const char *folder, const char *name, u32 flags, u64 size);
u32 data(u64 offset, const char *bytes, u32 size);
u32 end(enum fcopy_operation operation);
u32 complete(void);

/* entries - names in a folder, "." and ".." aside. */
int entries(const char *folder);

/* assert_content - of a text of up to 63 bytes. */
void assert_content(const char *path, const char *expected);

#endif
