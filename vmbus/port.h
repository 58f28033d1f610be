/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * port.h - the one header that picks integer types, memory copies and barriers
 * for kernel or userspace.
 *
 * Here: what differs between a kernel module and a process. Not here: anything
 * about Hyper-V, anything that allocates, locks, blocks or logs.
 */
#ifndef VMBUS_PORT_H
#define VMBUS_PORT_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/string.h>
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/uuid.h>
#include <asm/barrier.h>
#include <asm/cmpxchg.h>

/* The kernel's own guid_equal() compares its guid_t. */
#define guid_equal vmbus_guid_equal

#define port_copy(to, from, bytes)	memcpy(to, from, bytes)
#define port_move(to, from, bytes)	memmove(to, from, bytes)
#define port_fill(to, byte, bytes)	memset(to, byte, bytes)
#define port_compare(a, b, bytes)	memcmp(a, b, bytes)
#define port_copy_bulk(to, from, bytes) memcpy(to, from, bytes)

/*
 * The other end runs on another processor even when this kernel has one, or
 * was built for one: so nothing of smp_*() or of patched lock prefixes.
 */
#define port_load(p)		 READ_ONCE(*(p))
#define port_load_acquire(p)	 virt_load_acquire(p)
#define port_store(p, v)	 WRITE_ONCE(*(p), v)
#define port_store_release(p, v) virt_store_release(p, v)
#define port_barrier()		 virt_mb()

static inline bool port_replace_u32(u32 *p, u32 old, u32 value)
{
	return sync_cmpxchg(p, old, value) == old;
}

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define port_copy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define port_move(to, from, bytes) __builtin_memmove(to, from, bytes)
#define port_fill(to, byte, bytes) __builtin_memset(to, byte, bytes)
#define port_compare(a, b, bytes)  __builtin_memcmp(a, b, bytes)

/* Shared memory is loaded and stored whole, once, in the order written. */
#define port_load(p)		   __atomic_load_n(p, __ATOMIC_RELAXED)
#define port_load_acquire(p)	   __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define port_store(p, v)	   __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define port_store_release(p, v)   __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define port_barrier()		   __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Store @value where @old still stands, else do nothing and return false. */
static inline bool port_replace_u32(u32 *p, u32 old, u32 value)
{
	return __atomic_compare_exchange_n(p, &old, value, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* 16 to 64 bytes, in two or four loads and stores that may overlap. */
static inline void port_copy_short(u8 *to, const u8 *from, size_t bytes)
{
	u64 first[2], second[2], third[2], last[2];

	port_copy(first, from, 16);
	port_copy(last, from + bytes - 16, 16);
	if (bytes > 32) {
		port_copy(second, from + 16, 16);
		port_copy(third, from + bytes - 32, 16);
		port_copy(to + 16, second, 16);
		port_copy(to + bytes - 32, third, 16);
	}
	port_copy(to, first, 16);
	port_copy(to + bytes - 16, last, 16);
}

/*
 * Larger copies go in pieces below the size from which libc turns to string
 * instructions: on AMD Zen 3 these take up to forty times as long when @to is a
 * few bytes ahead of @from modulo 4096, which a ring meets all the time.
 */
#define PORT_COPY_PIECE_BYTES	   ((size_t)1984)

/* A size whose bound the compiler knew would make it emit such instructions. */
static inline void port_copy_piece(u8 *to, const u8 *from, size_t bytes)
{
	__asm__("" : "+r"(bytes));
	port_copy(to, from, bytes);
}

/* A copy at any alignment, of any length; of none, the pointers may be NULL. */
static inline void port_copy_bulk(void *to, const void *from, size_t bytes)
{
	u8 *at = to;
	const u8 *source = from;

	if (bytes >= 16 && bytes <= 64) {
		port_copy_short(at, source, bytes);
		return;
	}
	for (; bytes > PORT_COPY_PIECE_BYTES; bytes -= PORT_COPY_PIECE_BYTES) {
		port_copy_piece(at, source, PORT_COPY_PIECE_BYTES);
		at += PORT_COPY_PIECE_BYTES;
		source += PORT_COPY_PIECE_BYTES;
	}
	if (bytes)
		port_copy_piece(at, source, bytes);
}

#endif

#define PORT_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Every layout of the bus is little-endian, as are both ends of it. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "VMBus exists on little-endian machines only");

#endif
