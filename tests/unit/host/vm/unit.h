/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * unit.h - what cmocka wants included before it, once.
 */
#ifndef TESTS_UNIT_HOST_VM_UNIT_H
#define TESTS_UNIT_HOST_VM_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* An error is a sentence that says what it is about. */
#define assert_says(err, words) assert_non_null(strstr((err).text, words))

#endif
