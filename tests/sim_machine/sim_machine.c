/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#define _GNU_SOURCE
#include "tests/sim_machine/sim_machine.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS  64
#define SERIAL_BYTES 16
/* Pages that the guest hands out, from 1 MiB on. */
#define PAGE_FIRST 256u
#define PAGE_COUNT 4096u

struct slot {
	u32 size_bytes; /* of the message, with 1 added; 0: empty */
	bool pending;
	u8 payload[MACHINE_MESSAGE_MAX_BYTES];
};

struct vp {
	bool synic;
	struct slot slots[MACHINE_SINTS];
	u64 flags[MACHINE_SINTS][MACHINE_EVENT_FLAGS / 64];
};

struct connection {
	u32 id; /* 0: none */
	int fd;
};

struct machine {
	struct machine_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool thread_made;
	enum machine_state state;
	bool leaving;  /* machine_destroy waits for the thread */
	bool in_guest; /* the thread is not in sim_machine_wait */
	bool work;     /* sim_machine_wait is to return */
	u64 started_100ns;
	u64 paused_100ns; /* in all, or since when while paused */
	int memory_fd;
	u8 *memory;
	u8 *guest_memory; /* the same, as the guest sees it */
	int slot_fd;
	struct vp vps[MACHINE_VCPUS_MAX];
	struct connection connections[CONNECTIONS];
	u8 serial[SERIAL_BYTES];
	u32 serial_bytes;
	bool serial_full;
	u8 page_taken[PAGE_COUNT];
	u64 page_random;
};

static void (*guest_run)(struct machine *machine);
static u32 fail_creations;
static u32 creations;
static u32 nmis;
static u32 mappings;

void sim_machine_runs(void (*run)(struct machine *machine))
{
	guest_run = run;
}

void sim_machine_fail_creation(u32 count)
{
	__atomic_store_n(&fail_creations, count, __ATOMIC_SEQ_CST);
}

u32 sim_machine_created(void)
{
	return __atomic_load_n(&creations, __ATOMIC_SEQ_CST);
}

u32 sim_machine_nmis(void)
{
	return __atomic_load_n(&nmis, __ATOMIC_SEQ_CST);
}

u32 sim_machine_mappings(void)
{
	return __atomic_load_n(&mappings, __ATOMIC_SEQ_CST);
}

static u64 clock_100ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 10000000u + (u64)now.tv_nsec / 100;
}

/* ---- life ---- */

int machine_create(struct machine **result, const struct machine_config *config,
		   struct lis_error *err)
{
	struct machine *machine;
	pthread_condattr_t attributes;

	if (__atomic_load_n(&fail_creations, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_sub(&fail_creations, 1, __ATOMIC_SEQ_CST);
		return lis_error_set(err, ENOMEM,
				     "the simulated machine was told to fail");
	}
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return lis_error_set(err, ENOMEM, "no memory");
	machine->config = *config;
	pthread_mutex_init(&machine->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&machine->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	machine->slot_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	machine->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	machine->memory = MAP_FAILED;
	if (machine->memory_fd >= 0 &&
	    ftruncate(machine->memory_fd, (off_t)config->memory_bytes) == 0)
		machine->memory =
			mmap(NULL, config->memory_bytes, PROT_READ | PROT_WRITE,
			     MAP_SHARED, machine->memory_fd, 0);
	if (machine->slot_fd < 0 || machine->memory == MAP_FAILED)
		abort();
	machine->guest_memory =
		mmap(NULL, config->memory_bytes, PROT_READ | PROT_WRITE,
		     MAP_SHARED, machine->memory_fd, 0);
	if (machine->guest_memory == MAP_FAILED)
		abort();
	for (u32 i = 0; i < config->vcpus; i++)
		machine->vps[i].synic = true;
	machine->page_random = 1;
	machine->started_100ns = clock_100ns();
	__atomic_fetch_add(&creations, 1, __ATOMIC_SEQ_CST);
	*result = machine;
	return 0;
}

static void *thread_body(void *context)
{
	struct machine *machine = context;

	guest_run(machine);
	pthread_mutex_lock(&machine->lock);
	machine->in_guest = false;
	pthread_cond_broadcast(&machine->changed);
	pthread_mutex_unlock(&machine->lock);
	return NULL;
}

int machine_start(struct machine *machine, struct lis_error *err)
{
	if (machine->state != MACHINE_CREATED)
		return lis_error_set(err, EBUSY, "started before");
	machine->state = MACHINE_RUNNING;
	machine->in_guest = true;
	if (pthread_create(&machine->thread, NULL, thread_body, machine))
		abort();
	machine->thread_made = true;
	return 0;
}

int machine_pause(struct machine *machine, struct lis_error *err)
{
	int code = 0;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_RUNNING) {
		machine->state = MACHINE_PAUSED;
		machine->paused_100ns = clock_100ns() - machine->paused_100ns;
		while (machine->in_guest && machine->state == MACHINE_PAUSED)
			pthread_cond_wait(&machine->changed, &machine->lock);
	} else if (machine->state != MACHINE_PAUSED) {
		code = lis_error_set(err, EBUSY, "the machine does not run");
	}
	pthread_mutex_unlock(&machine->lock);
	return code;
}

int machine_resume(struct machine *machine, struct lis_error *err)
{
	int code = 0;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_PAUSED) {
		machine->state = MACHINE_RUNNING;
		machine->paused_100ns = clock_100ns() - machine->paused_100ns;
		pthread_cond_broadcast(&machine->changed);
	} else if (machine->state != MACHINE_RUNNING) {
		code = lis_error_set(err, EBUSY, "the machine does not run");
	}
	pthread_mutex_unlock(&machine->lock);
	return code;
}

int machine_nmi(struct machine *machine, struct lis_error *err)
{
	int code = 0;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_RUNNING)
		__atomic_fetch_add(&nmis, 1, __ATOMIC_SEQ_CST);
	else
		code = lis_error_set(err, EBUSY, "the machine does not run");
	pthread_mutex_unlock(&machine->lock);
	return code;
}

void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	pthread_mutex_lock(&machine->lock);
	machine->leaving = true;
	pthread_cond_broadcast(&machine->changed);
	pthread_mutex_unlock(&machine->lock);
	if (machine->thread_made)
		pthread_join(machine->thread, NULL);
	for (u32 i = 0; i < CONNECTIONS; i++)
		if (machine->connections[i].id)
			abort(); /* the eventfd would be written after free */
	munmap(machine->memory, machine->config.memory_bytes);
	munmap(machine->guest_memory, machine->config.memory_bytes);
	close(machine->memory_fd);
	close(machine->slot_fd);
	pthread_cond_destroy(&machine->changed);
	pthread_mutex_destroy(&machine->lock);
	free(machine);
}

enum machine_state machine_state(const struct machine *machine)
{
	struct machine *m = (struct machine *)machine;
	enum machine_state state;

	pthread_mutex_lock(&m->lock);
	state = m->state;
	pthread_mutex_unlock(&m->lock);
	return state;
}

u64 machine_reference_time_100ns(struct machine *machine)
{
	u64 now = clock_100ns(), time;

	pthread_mutex_lock(&machine->lock);
	if (machine->state == MACHINE_PAUSED)
		now = machine->paused_100ns;
	else
		now -= machine->paused_100ns;
	time = now - machine->started_100ns;
	pthread_mutex_unlock(&machine->lock);
	return time;
}

/* ---- memory ---- */

void *machine_memory(struct machine *machine, u64 gpa, u64 size_bytes)
{
	u64 all = machine->config.memory_bytes;

	if (!size_bytes || size_bytes > all || gpa > all - size_bytes)
		return NULL;
	return machine->memory + gpa;
}

static size_t view_bytes(u32 count, bool mirrored)
{
	size_t pages = mirrored ? 2 * (size_t)count - 1 : count;

	return (pages + 2) * MACHINE_PAGE_BYTES;
}

static void page_map(struct machine *machine, u8 *at, u64 pfn)
{
	if (mmap(at, MACHINE_PAGE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, machine->memory_fd,
		 (off_t)(pfn * MACHINE_PAGE_BYTES)) == MAP_FAILED)
		abort();
}

int machine_map_pages(struct machine *machine, const u64 *pfns, u32 count,
		      bool mirrored, void **at)
{
	u8 *view;

	if (!count || count > MACHINE_MAP_PAGES_MAX || (mirrored && count < 2))
		return -EINVAL;
	for (u32 i = 0; i < count; i++)
		if (pfns[i] >=
		    machine->config.memory_bytes / MACHINE_PAGE_BYTES)
			return -EFAULT;
	view = mmap(NULL, view_bytes(count, mirrored), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (view == MAP_FAILED)
		return -ENOMEM;
	view += MACHINE_PAGE_BYTES;
	for (u32 i = 0; i < count; i++) {
		size_t at_page = (size_t)i * MACHINE_PAGE_BYTES;

		page_map(machine, view + at_page, pfns[i]);
		if (mirrored && i)
			page_map(machine,
				 view + at_page +
					 (size_t)(count - 1) *
						 MACHINE_PAGE_BYTES,
				 pfns[i]);
	}
	__atomic_fetch_add(&mappings, 1, __ATOMIC_SEQ_CST);
	*at = view;
	return 0;
}

void machine_unmap_pages(struct machine *machine, void *at, u32 count,
			 bool mirrored)
{
	(void)machine;
	if (!at)
		return;
	munmap((u8 *)at - MACHINE_PAGE_BYTES, view_bytes(count, mirrored));
	__atomic_fetch_sub(&mappings, 1, __ATOMIC_SEQ_CST);
}

u8 *sim_machine_page_at(struct machine *machine, u64 pfn)
{
	return machine->guest_memory + pfn * MACHINE_PAGE_BYTES;
}

u64 sim_machine_page(struct machine *machine)
{
	for (;;) {
		u64 page;

		machine->page_random =
			machine->page_random * 6364136223846793005u + 1;
		page = (machine->page_random >> 33) % PAGE_COUNT;
		if (machine->page_taken[page])
			continue;
		machine->page_taken[page] = 1;
		memset(sim_machine_page_at(machine, PAGE_FIRST + page), 0,
		       MACHINE_PAGE_BYTES);
		return PAGE_FIRST + page;
	}
}

void sim_machine_page_give(struct machine *machine, u64 pfn)
{
	machine->page_taken[pfn - PAGE_FIRST] = 0;
}

/* ---- messages and events ---- */

/* Something for the guest to look at; under the lock. */
static void wake_guest(struct machine *machine)
{
	machine->work = true;
	pthread_cond_broadcast(&machine->changed);
}

int machine_post(struct machine *machine, u32 vp, u32 sint, u32 type,
		 const void *payload, u32 size_bytes)
{
	struct slot *slot;
	int code = 0;

	if (vp >= machine->config.vcpus || sint >= MACHINE_SINTS || !type ||
	    size_bytes > MACHINE_MESSAGE_MAX_BYTES)
		return -EINVAL;
	pthread_mutex_lock(&machine->lock);
	slot = &machine->vps[vp].slots[sint];
	if (!machine->vps[vp].synic) {
		code = -ENXIO;
	} else if (slot->size_bytes) {
		slot->pending = true;
		code = -EAGAIN;
	} else {
		memcpy(slot->payload, payload, size_bytes);
		slot->size_bytes = size_bytes + 1;
		wake_guest(machine);
	}
	pthread_mutex_unlock(&machine->lock);
	return code;
}

int machine_signal(struct machine *machine, u32 vp, u32 sint, u32 flag)
{
	int code = 0;

	if (vp >= machine->config.vcpus || sint >= MACHINE_SINTS ||
	    flag >= MACHINE_EVENT_FLAGS)
		return -EINVAL;
	pthread_mutex_lock(&machine->lock);
	if (!machine->vps[vp].synic) {
		code = -ENXIO;
	} else {
		machine->vps[vp].flags[sint][flag / 64] |= 1ull << flag % 64;
		wake_guest(machine);
	}
	pthread_mutex_unlock(&machine->lock);
	return code;
}

static struct connection *connection_find(struct machine *machine, u32 id)
{
	for (u32 i = 0; i < CONNECTIONS; i++)
		if (machine->connections[i].id == id)
			return &machine->connections[i];
	return NULL;
}

int machine_connect(struct machine *machine, u32 connection_id, int fd)
{
	struct connection *place;
	int code = 0;

	if (!connection_id || connection_id > 0xffffff)
		return -EINVAL;
	pthread_mutex_lock(&machine->lock);
	if (connection_find(machine, connection_id)) {
		code = -EEXIST;
	} else {
		place = connection_find(machine, 0);
		if (place)
			*place = (struct connection){ connection_id, fd };
		else
			code = -ENOMEM;
	}
	pthread_mutex_unlock(&machine->lock);
	return code;
}

int machine_disconnect(struct machine *machine, u32 connection_id)
{
	struct connection *found;

	pthread_mutex_lock(&machine->lock);
	found = connection_find(machine, connection_id);
	if (found)
		found->id = 0;
	pthread_mutex_unlock(&machine->lock);
	return found ? 0 : -ENOENT;
}

/* The simulated guest signals by its hypercall alone. */
int machine_monitor(struct machine *machine, u64 gpa, u32 id, int eventfd)
{
	(void)machine;
	(void)gpa;
	(void)id;
	(void)eventfd;
	return 0;
}

void machine_unmonitor(struct machine *machine, u32 id, int eventfd)
{
	(void)machine;
	(void)id;
	(void)eventfd;
}

int machine_slot_eventfd(const struct machine *machine)
{
	return machine->slot_fd;
}

void machine_slots_quiet(struct machine *machine)
{
	(void)machine;
}

static void fd_write(int fd)
{
	const u64 one = 1;

	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

/* ---- the guest's side ---- */

static bool may_run(const struct machine *machine)
{
	return machine->leaving ||
	       (machine->work && machine->state != MACHINE_PAUSED);
}

bool sim_machine_wait(struct machine *machine, u32 timeout_ms)
{
	struct timespec until;
	bool alive;
	int code = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&machine->lock);
	machine->in_guest = false;
	pthread_cond_broadcast(&machine->changed);
	while (!may_run(machine)) {
		if (machine->state == MACHINE_PAUSED)
			pthread_cond_wait(&machine->changed, &machine->lock);
		else if (code)
			break;
		else
			code = pthread_cond_timedwait(&machine->changed,
						      &machine->lock, &until);
	}
	machine->work = false;
	machine->in_guest = true;
	alive = !machine->leaving;
	pthread_mutex_unlock(&machine->lock);
	return alive;
}

void sim_machine_kick(struct machine *machine)
{
	pthread_mutex_lock(&machine->lock);
	wake_guest(machine);
	pthread_mutex_unlock(&machine->lock);
}

bool sim_machine_message(struct machine *machine, u32 vp, u32 sint,
			 void *payload, u32 *size_bytes)
{
	struct slot *slot = &machine->vps[vp].slots[sint];
	bool any;

	pthread_mutex_lock(&machine->lock);
	any = slot->size_bytes;
	if (any) {
		*size_bytes = slot->size_bytes - 1;
		memcpy(payload, slot->payload, *size_bytes);
	}
	pthread_mutex_unlock(&machine->lock);
	return any;
}

void sim_machine_message_done(struct machine *machine, u32 vp, u32 sint)
{
	struct slot *slot = &machine->vps[vp].slots[sint];

	pthread_mutex_lock(&machine->lock);
	slot->size_bytes = 0;
	if (slot->pending)
		fd_write(machine->slot_fd);
	slot->pending = false;
	pthread_mutex_unlock(&machine->lock);
}

bool sim_machine_flag(struct machine *machine, u32 vp, u32 sint, u32 flag)
{
	u64 *word = &machine->vps[vp].flags[sint][flag / 64];
	u64 bit = 1ull << flag % 64;
	bool was;

	pthread_mutex_lock(&machine->lock);
	was = *word & bit;
	*word &= ~bit;
	pthread_mutex_unlock(&machine->lock);
	return was;
}

void sim_machine_synic(struct machine *machine, u32 vp, bool on)
{
	pthread_mutex_lock(&machine->lock);
	machine->vps[vp].synic = on;
	pthread_mutex_unlock(&machine->lock);
}

u16 sim_machine_post(struct machine *machine, u32 connection_id, u32 type,
		     const void *payload, u32 size_bytes)
{
	return machine->config.ops.post_message(machine->config.context,
						connection_id, type, payload,
						size_bytes);
}

u16 sim_machine_signal(struct machine *machine, u32 connection_id)
{
	struct connection *found;

	pthread_mutex_lock(&machine->lock);
	found = connection_find(machine, connection_id);
	if (found)
		fd_write(found->fd);
	pthread_mutex_unlock(&machine->lock);
	return found ? MACHINE_HV_SUCCESS : MACHINE_HV_INVALID_CONNECTION_ID;
}

void sim_machine_print(struct machine *machine, const void *bytes,
		       u32 size_bytes)
{
	machine->config.ops.serial_output(machine->config.context, bytes,
					  size_bytes);
}

u32 machine_serial_input(struct machine *machine, const void *bytes,
			 u32 size_bytes)
{
	u32 taken;

	pthread_mutex_lock(&machine->lock);
	taken = SERIAL_BYTES - machine->serial_bytes;
	machine->serial_full = taken < size_bytes;
	if (!machine->serial_full)
		taken = size_bytes;
	memcpy(machine->serial + machine->serial_bytes, bytes, taken);
	machine->serial_bytes += taken;
	if (taken)
		wake_guest(machine);
	pthread_mutex_unlock(&machine->lock);
	return taken;
}

u32 sim_machine_typed(struct machine *machine, void *bytes, u32 size_bytes)
{
	u32 count;
	bool ready;

	pthread_mutex_lock(&machine->lock);
	count = machine->serial_bytes < size_bytes ? machine->serial_bytes
						   : size_bytes;
	memcpy(bytes, machine->serial, count);
	machine->serial_bytes -= count;
	memmove(machine->serial, machine->serial + count,
		machine->serial_bytes);
	ready = machine->serial_full && count;
	if (ready)
		machine->serial_full = false;
	pthread_mutex_unlock(&machine->lock);
	if (ready)
		machine->config.ops.serial_input_ready(machine->config.context);
	return count;
}

void sim_machine_crash(struct machine *machine, const char *text)
{
	static const u64 parameters[5] = { 1, 2, 3, 4, 5 };

	machine->config.ops.crashed(machine->config.context, parameters, text);
}

void sim_machine_stop(struct machine *machine, enum machine_stop reason,
		      const char *text)
{
	pthread_mutex_lock(&machine->lock);
	machine->state = MACHINE_STOPPED;
	pthread_cond_broadcast(&machine->changed);
	pthread_mutex_unlock(&machine->lock);
	machine->config.ops.stopped(machine->config.context, reason, text);
}
