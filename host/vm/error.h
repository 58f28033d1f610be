/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * error.h - an error as one sentence for the person at the keyboard.
 *
 * Here: the error type of all host code and the two ways to fill it. Not here:
 * logging, printing, error numbers of any protocol.
 */
#ifndef HOST_VM_ERROR_H
#define HOST_VM_ERROR_H

/*
 * One sentence without a final newline: what failed, on what, why, and what to
 * do about it. Empty text means no error.
 */
struct lis_error {
	char text[512];
};

/**
 * lis_error_set - replace the error by a formatted sentence.
 * @err: where to write, may be NULL (then only the result matters)
 * @code: positive errno value that describes the failure to the caller
 * @format: printf format; a text longer than the buffer is cut
 *
 * Result: -@code, so that a function can end in `return lis_error_set(...)`.
 */
int lis_error_set(struct lis_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * lis_error_prefix - put context in front of the sentence that is there.
 * @err: the error to extend, may be NULL
 * @code: negative errno value, returned unchanged
 * @format: printf format of the context; ": " is put between the two
 *
 * Result: @code.
 */
int lis_error_prefix(struct lis_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
