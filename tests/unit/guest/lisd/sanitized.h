/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * sanitized.h - whether a sanitizer is in the program: it makes system calls
 * of its own, which a sandbox refuses.
 */
#ifndef TEST_LISD_SANITIZED_H
#define TEST_LISD_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#endif
