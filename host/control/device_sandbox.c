/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "host/control/device_sandbox.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>

#include "host/vm/sandbox.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* Every ioctl of KVM has its type in the second byte. */
#define IOCTL_TYPE_MASK 0xff00ull
#define IOCTL_MASK	0xffffffffull
#define IOCTL(request)                                                         \
	{                                                                      \
		SYS_ioctl, 1, IOCTL_MASK, (u64)(request)                       \
	}
/* Memory may never become code. */
#define NO_CODE(call)                                                          \
	{                                                                      \
		call, 2, PROT_EXEC, 0                                          \
	}
/* No file is emptied. Writing cannot be forbidden here: a reset opens /dev/kvm
 * anew, for reading and writing. */
#define OPEN_ANY_MASK (O_CREAT | O_TRUNC)
/* A backup makes files, which were not there before. */
#define OPEN_NEW_MASK (O_CREAT | O_EXCL | O_TRUNC)
#define OPEN_NEW      (O_CREAT | O_EXCL)

static const struct sandbox_rule rules[] = {
	/* The loop: eventfds, timers, the socket, terminals. */
	{ SYS_epoll_wait },
	{ SYS_epoll_pwait },
	{ SYS_epoll_ctl },
	{ SYS_epoll_create1 },
	{ SYS_accept4 },
	{ SYS_read },
	{ SYS_readv },
	{ SYS_write },
	{ SYS_writev },
	{ SYS_recvmsg },
	{ SYS_sendmsg },
	{ SYS_shutdown },
	{ SYS_getsockopt },
	{ SYS_getsockname },
	{ SYS_eventfd2 },
	{ SYS_pipe2 },
	{ SYS_poll },
	{ SYS_close },
	{ SYS_dup },
	{ SYS_fcntl },
	IOCTL(FIONBIO),
	IOCTL(TCGETS),
	IOCTL(TCSETS),
	IOCTL(TCSETSW),
	IOCTL(TCSETSF),
	IOCTL(TIOCGWINSZ),
	IOCTL(TIOCGPTN),
	{ SYS_clock_gettime },
	{ SYS_clock_getres },
	{ SYS_clock_nanosleep },
	/* Files to copy, and the kernel and initrd after a reset. */
	{ SYS_openat, 2, OPEN_ANY_MASK, 0 },
	{ SYS_open, 1, OPEN_ANY_MASK, 0 },
	{ SYS_openat, 2, OPEN_NEW_MASK, OPEN_NEW },
	{ SYS_open, 1, OPEN_NEW_MASK, OPEN_NEW },
	{ SYS_mkdir },
	{ SYS_rename },
	{ SYS_pread64 },
	{ SYS_preadv },
	{ SYS_lseek },
	{ SYS_fstat },
	{ SYS_stat },
	{ SYS_newfstatat },
	{ SYS_statx },
	{ SYS_access },
	{ SYS_readlink },
	{ SYS_getdents64 },
	/* Disks: what io_uring does for us is not filtered. */
	{ SYS_io_uring_setup },
	{ SYS_io_uring_enter },
	{ SYS_io_uring_register },
	{ SYS_pwrite64 },
	{ SYS_pwritev },
	{ SYS_preadv2 },
	{ SYS_pwritev2 },
	{ SYS_fsync },
	{ SYS_fdatasync },
	{ SYS_fstatfs },
	{ SYS_flock },
	IOCTL(BLKGETSIZE64),
	IOCTL(BLKSSZGET),
	IOCTL(BLKPBSZGET),
	IOCTL(BLKDISCARD),
	IOCTL(BLKZEROOUT),
	IOCTL(BLKFLSBUF),
	{ SYS_timerfd_create },
	{ SYS_timerfd_settime },
	{ SYS_timerfd_gettime },
	/* Disks over the network. */
	{ SYS_socket },
	{ SYS_connect },
	{ SYS_setsockopt },
	{ SYS_bind },
	{ SYS_getpeername },
	{ SYS_sendto },
	{ SYS_recvfrom },
	{ SYS_sendmmsg },
	{ SYS_ppoll },
	/* Network adapters: ports that are forwarded, taps, switches. */
	{ SYS_listen },
	{ SYS_accept },
	{ SYS_recvmmsg },
	{ SYS_nanosleep },
	{ SYS_rmdir },
	{ SYS_unlinkat },
	IOCTL(FIONREAD), /* libslirp, before it takes a datagram */
	IOCTL(TUNSETIFF),
	IOCTL(TUNSETVNETHDRSZ),
	IOCTL(TUNSETVNETLE),
	IOCTL(TUNSETQUEUE),
	IOCTL(TUNSETOFFLOAD),
	IOCTL(TUNGETIFF),
	IOCTL(TUNGETFEATURES),
	IOCTL(SIOCGIFNAME),
	IOCTL(SIOCGIFINDEX),
	IOCTL(SIOCGIFFLAGS),
	IOCTL(SIOCSIFFLAGS),
	IOCTL(SIOCGIFMTU),
	IOCTL(SIOCSIFMTU),
	/* A machine after a reset. */
	{ SYS_ioctl, 1, IOCTL_TYPE_MASK, KVMIO << 8 },
	{ SYS_memfd_create },
	{ SYS_ftruncate },
	{ SYS_fallocate },
	{ SYS_prlimit64 },
	{ SYS_sysinfo },
	{ SYS_uname },
	{ SYS_sched_getaffinity },
	/* Threads, and the filters of those of vCPUs. */
	{ SYS_clone, 0, CLONE_THREAD, CLONE_THREAD },
	{ SYS_clone3 },
	{ SYS_set_robust_list },
	{ SYS_rseq },
	{ SYS_prctl },
	{ SYS_seccomp },
	{ SYS_futex },
	{ SYS_tgkill },
	{ SYS_getpid },
	{ SYS_gettid },
	{ SYS_getuid },
	{ SYS_geteuid },
	{ SYS_sched_yield },
	{ SYS_restart_syscall },
	{ SYS_exit },
	/* Memory. */
	{ SYS_brk },
	NO_CODE(SYS_mmap),
	NO_CODE(SYS_mprotect),
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_madvise },
	{ SYS_getrandom },
	/* Signals, and the end: the name is given back. */
	{ SYS_rt_sigaction },
	{ SYS_rt_sigprocmask },
	{ SYS_rt_sigreturn },
	{ SYS_sigaltstack },
	{ SYS_unlink },
	{ SYS_exit_group },
};

bool device_sandbox_wanted(void)
{
#ifdef SANITIZED
	return false;
#else
	return true;
#endif
}

int device_sandbox_enter(struct lis_error *error)
{
	return sandbox_enter(rules, PORT_ARRAY_SIZE(rules), error);
}
