/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/unit/host/vm/fake_kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define RUN_BYTES     8192
#define FDS	      1024
#define IDLE_NS	      200000
#define DECODE_CONFIG 0xc0011029u

struct fake_kvm fake_kvm;

/* Which vCPU a descriptor is: its number plus 1. */
static u32 vcpu_of_fd[FDS];

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __real_eventfd(unsigned int count, int flags);
int __real_memfd_create(const char *name, unsigned int flags);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd,
		    off_t offset);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_eventfd(unsigned int count, int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd,
		    off_t offset);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument);
/* As KVM does: a slot is made or taken away, and overlaps no other. */
static int set_memory(const struct kvm_userspace_memory_region *region)
{
	struct kvm_userspace_memory_region *slot =
		&fake_kvm.slots[region->slot];
	u32 i;

	if (fake_kvm_inside() > fake_kvm.inside_at_memory)
		fake_kvm.inside_at_memory = fake_kvm_inside();
	errno = EINVAL;
	if (region->slot >= FAKE_KVM_SLOTS ||
	    !slot->memory_size == !region->memory_size)
		return -1;
	errno = EEXIST;
	for (i = 0; i < FAKE_KVM_SLOTS && region->memory_size; i++) {
		const struct kvm_userspace_memory_region *other =
			&fake_kvm.slots[i];

		if (other->memory_size &&
		    region->guest_phys_addr <
			    other->guest_phys_addr + other->memory_size &&
		    other->guest_phys_addr <
			    region->guest_phys_addr + region->memory_size)
			return -1;
	}
	*slot = *region;
	return 0;
}

static int set_bit_eventfd(const struct kvm_ioeventfd *request)
{
	bool off = request->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	u32 i;

	for (i = 0; i < fake_kvm.bit_count; i++)
		if (fake_kvm.bits[i].addr == request->addr &&
		    fake_kvm.bits[i].len == request->len &&
		    fake_kvm.bits[i].datamatch == request->datamatch)
			break;
	errno = off ? ENOENT : EEXIST;
	if (off != (i < fake_kvm.bit_count) || i == FAKE_KVM_BITS)
		return -1;
	if (off)
		fake_kvm.bits[i] = fake_kvm.bits[--fake_kvm.bit_count];
	else
		fake_kvm.bits[fake_kvm.bit_count++] = *request;
	return 0;
}

static int take_msrs(const struct kvm_msrs *msrs)
{
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == DECODE_CONFIG &&
		    msrs->entries[i].data == fake_kvm.decode_config)
			fake_kvm.decode_config_set++;
	return (int)msrs->nmsrs;
}

static int give_msrs(struct kvm_msrs *msrs)
{
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == DECODE_CONFIG)
			msrs->entries[i].data = fake_kvm.decode_config;
	return (int)msrs->nmsrs;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

void fake_kvm_reset(void)
{
	memset(&fake_kvm, 0, sizeof(fake_kvm));
	fake_kvm.missing = -1;
	memset(vcpu_of_fd, 0, sizeof(vcpu_of_fd));
}

u32 fake_kvm_inside(void)
{
	return __atomic_load_n(&fake_kvm.inside, __ATOMIC_SEQ_CST);
}

/* Calls that make something may fail: each is counted. */
static bool fails(void)
{
	u32 number = __atomic_add_fetch(&fake_kvm.calls, 1, __ATOMIC_SEQ_CST);

	if (number != fake_kvm.fail_at)
		return false;
	errno = fake_kvm.fail_code;
	return true;
}

int __wrap_eventfd(unsigned int count, int flags)
{
	return fails() ? -1 : __real_eventfd(count, flags);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fails() ? -1 : __real_memfd_create(name, flags);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
		  off_t offset)
{
	return fails() ? MAP_FAILED
		       : __real_mmap(at, size, protection, flags, fd, offset);
}

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd,
		    off_t offset)
{
	return __wrap_mmap(at, size, protection, flags, fd, offset);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	if (fails())
		return fake_kvm.fail_code;
	return __real_pthread_create(thread, attributes, start, argument);
}

static int open_any(const char *path, int flags)
{
	if (fails())
		return -1;
	if (!strcmp(path, "/dev/kvm"))
		path = "/dev/null";
	return __real_open(path, flags);
}

int __wrap_open(const char *path, int flags, ...)
{
	return open_any(path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return open_any(path, flags);
}

static int give_cpuid(struct kvm_cpuid2 *answer, bool hyperv)
{
	answer->nent = 2;
	memset(answer->entries, 0, 2 * sizeof(answer->entries[0]));
	answer->entries[0].function = hyperv ? 0x40000000 : 0;
	answer->entries[1].function = hyperv ? 0x40000003 : 1;
	return 0;
}

static int make_vcpu(u32 number)
{
	int fd = __real_memfd_create("vcpu", MFD_CLOEXEC);

	if (fd < 0 || fd >= FDS || ftruncate(fd, RUN_BYTES))
		return -1;
	vcpu_of_fd[fd] = number + 1;
	return fd;
}

/* The state of a vCPU is shared as KVM shares it: each call maps it anew. */
static int run_vcpu(int fd)
{
	struct kvm_run *run = __real_mmap(
		NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct timespec idle = { .tv_nsec = IDLE_NS };
	int ret = -1;

	if (run == MAP_FAILED)
		return -1;
	__atomic_add_fetch(&fake_kvm.inside, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		errno = fake_kvm.run_code;
		if (errno)
			break;
		errno = EINTR;
		if (__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE))
			break;
		if (fake_kvm.run && fake_kvm.run(vcpu_of_fd[fd] - 1, run)) {
			ret = 0;
			break;
		}
		nanosleep(&idle, NULL);
	}
	__atomic_sub_fetch(&fake_kvm.inside, 1, __ATOMIC_SEQ_CST);
	if (ret) {
		int code = errno;

		munmap(run, RUN_BYTES);
		errno = code;
		return ret;
	}
	munmap(run, RUN_BYTES);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_clock_data *clock;
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request == KVM_RUN)
		return run_vcpu(fd);
	if (request == KVM_CHECK_EXTENSION)
		return (int)(intptr_t)argument != fake_kvm.missing;
	if (fails())
		return -1;
	switch (request) {
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory(argument);
	case KVM_IOEVENTFD:
		return set_bit_eventfd(argument);
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_BYTES;
	case KVM_CREATE_VM:
		memset(fake_kvm.slots, 0, sizeof(fake_kvm.slots));
		fake_kvm.bit_count = 0;
		return __real_open("/dev/null", O_RDWR | O_CLOEXEC);
	case KVM_CREATE_VCPU:
		return make_vcpu((u32)(uintptr_t)argument);
	case KVM_GET_SUPPORTED_CPUID:
		return give_cpuid(argument, false);
	case KVM_GET_SUPPORTED_HV_CPUID:
		return give_cpuid(argument, true);
	case KVM_SET_MSRS:
		return take_msrs(argument);
	case KVM_GET_MSRS:
		return give_msrs(argument);
	case KVM_GET_SREGS:
		memset(argument, 0, sizeof(struct kvm_sregs));
		return 0;
	case KVM_GET_CLOCK:
		clock = argument;
		clock->clock = __atomic_add_fetch(&fake_kvm.clock_ns, 100,
						  __ATOMIC_SEQ_CST);
		return 0;
	case KVM_SET_CLOCK:
		clock = argument;
		fake_kvm.clock_set_ns = clock->clock;
		return 0;
	case KVM_SIGNAL_MSI:
		fake_kvm.nmis++;
		return 1;
	}
	return 0;
}
