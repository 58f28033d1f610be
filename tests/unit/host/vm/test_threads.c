/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The life of a machine on a KVM of ours: what its threads do when it is
 * started, paused, stopped and destroyed, and what is left when a call fails.
 */
#define _GNU_SOURCE
#include "host/vm/machine.h"
#include "tests/unit/host/vm/fake_kvm.h"
#include "tests/unit/host/vm/kernel_file.h"
#include "tests/unit/host/vm/unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MIB		(1ull << 20)
#define VCPUS		8
#define ACPI_SLEEP_PORT 0x600
#define ACPI_S4		0x30
#define ACPI_S5		0x34
#define HV_POST_MESSAGE 0x5c
#define SIMP_GPA	0x10000ull
#define SIEFP_GPA	0x11000ull
#define INPUT_GPA	0x3000ull

static char kernel[] = "/tmp/test-threads-XXXXXX";

/* What the operations saw. */
static struct {
	int stopped_fd;
	u32 stops;
	enum machine_stop reason;
	char text[512];
	u32 inside_at_stop;
	u32 messages;
	u32 crashes;
	char crash_text[64];
	char output[64];
} seen;

static void stopped(void *context, enum machine_stop reason, const char *text)
{
	u64 one = 1;

	(void)context;
	seen.reason = reason;
	snprintf(seen.text, sizeof(seen.text), "%s", text);
	seen.inside_at_stop = fake_kvm_inside();
	__atomic_add_fetch(&seen.stops, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(write(seen.stopped_fd, &one, sizeof(one)), 8);
}

static u16 post_message(void *context, u32 connection_id, u32 message_type,
			const void *payload, u32 size_bytes)
{
	(void)context;
	(void)message_type;
	(void)payload;
	(void)size_bytes;
	__atomic_add_fetch(&seen.messages, 1, __ATOMIC_SEQ_CST);
	return connection_id == 4 ? MACHINE_HV_SUCCESS
				  : MACHINE_HV_INVALID_CONNECTION_ID;
}

static void serial_output(void *context, const void *bytes, u32 size_bytes)
{
	(void)context;
	strncat(seen.output, bytes, size_bytes);
}

static void crashed(void *context, const u64 parameters[5], const char *text)
{
	(void)context;
	seen.crashes++;
	snprintf(seen.crash_text, sizeof(seen.crash_text), "%llx %s",
		 (unsigned long long)parameters[0], text ? text : "-");
}

static struct machine_config config(u32 vcpus)
{
	return (struct machine_config){
		.vcpus = vcpus,
		.memory_bytes = 64 * MIB,
		.kernel = kernel,
		/* A fake's own system calls are not those of KVM. */
		.no_sandbox = true,
		.ops = { .post_message = post_message,
			 .serial_output = serial_output,
			 .crashed = crashed,
			 .stopped = stopped },
	};
}

static struct machine *create(u32 vcpus)
{
	struct machine_config wanted = config(vcpus);
	struct lis_error err = { "" };
	struct machine *machine;

	assert_int_equal(machine_create(&machine, &wanted, &err), 0);
	return machine;
}

static struct machine *start(u32 vcpus)
{
	struct machine *machine = create(vcpus);
	struct lis_error err;

	assert_int_equal(machine_start(machine, &err), 0);
	return machine;
}

static void wait_for_stop(void)
{
	u64 count;

	assert_int_equal(read(seen.stopped_fd, &count, sizeof(count)), 8);
}

static u32 count_entries(const char *path)
{
	DIR *folder = opendir(path);
	u32 count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static int set_up(void **state)
{
	(void)state;
	fake_kvm_reset();
	memset(&seen, 0, sizeof(seen));
	seen.stopped_fd = eventfd(0, EFD_CLOEXEC);
	return seen.stopped_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	return close(seen.stopped_fd);
}

static int make_kernel(void **state)
{
	u8 bytes[KERNEL_FILE_BYTES];
	int fd = mkstemp(kernel);

	(void)state;
	kernel_file_fill(bytes);
	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return -1;
	return close(fd);
}

static int remove_kernel(void **state)
{
	(void)state;
	return unlink(kernel);
}

/* Each call that could fail does so once; nothing may stay behind. */
static void every_failure_is_cleaned_up(void **state)
{
	u32 fds, tasks, at, failures = 0;

	(void)state;
	/* With its first thread a process may get one of a sanitizer. */
	machine_destroy(start(1));
	fds = count_entries("/proc/self/fd");
	tasks = count_entries("/proc/self/task");
	for (at = 1;; at++) {
		struct machine_config wanted = config(2);
		struct lis_error err = { "" };
		struct machine *machine;
		bool failed;
		int ret;

		fake_kvm_reset();
		fake_kvm.fail_at = at;
		fake_kvm.fail_code = ENOSPC;
		ret = machine_create(&machine, &wanted, &err);
		if (!ret)
			ret = machine_start(machine, &err);
		failed = ret;
		if (failed) {
			assert_true(err.text[0]);
			failures++;
		}
		/* At the end of it, or of one that never came so far. */
		machine_destroy(machine);
		assert_int_equal(count_entries("/proc/self/fd"), fds);
		assert_int_equal(count_entries("/proc/self/task"), tasks);
		if (fake_kvm.calls < at)
			break;
	}
	/* Two threads, two vCPUs, memory, routes, connections and so on. */
	assert_true(failures > 25);
}

/* What it may write back, which KVM of its own accord does not give. */
static void vcpus_have_their_decode_configuration(void **state)
{
	(void)state;
	fake_kvm_reset();
	fake_kvm.decode_config = 2;
	machine_destroy(start(3));
	assert_int_equal(fake_kvm.decode_config_set, 3);
}

static void names_a_missing_capability(void **state)
{
	struct machine_config wanted = config(1);
	struct lis_error err = { "" };
	struct machine *machine;

	(void)state;
	fake_kvm.missing = KVM_CAP_HYPERV_SYNIC2;
	assert_int_equal(machine_create(&machine, &wanted, &err), -EOPNOTSUPP);
	assert_says(err, "HYPERV_SYNIC2");
	assert_says(err, "`lis run --carrier`");
	/* Without these a machine does with less. */
	fake_kvm.missing = KVM_CAP_X86_MSR_FILTER;
	machine_destroy(create(1));
	fake_kvm.missing = KVM_CAP_HYPERV_ENFORCE_CPUID;
	machine_destroy(create(1));
}

static u8 sleep_control = ACPI_S5;

static bool power_off_by_3(u32 vcpu, struct kvm_run *run)
{
	if (vcpu != 3 || fake_kvm_inside() < VCPUS)
		return false;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = ACPI_SLEEP_PORT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = 4096;
	((u8 *)run)[4096] = sleep_control;
	return true;
}

static void stops_when_others_are_parked(void **state)
{
	struct machine *machine;
	struct lis_error err;

	(void)state;
	fake_kvm.run = power_off_by_3;
	machine = start(VCPUS);
	wait_for_stop();
	assert_int_equal(seen.inside_at_stop, 0);
	assert_int_equal(seen.reason, MACHINE_STOP_POWER_OFF);
	assert_int_equal(machine_state(machine), MACHINE_STOPPED);
	assert_int_equal(machine_pause(machine, &err), -EBUSY);
	assert_int_equal(machine_resume(machine, &err), -EBUSY);
	assert_int_equal(machine_nmi(machine, &err), -EBUSY);
	assert_int_equal(machine_start(machine, &err), -EBUSY);
	assert_non_null(machine_memory(machine, 0, 64 * MIB));
	machine_destroy(machine);
	assert_int_equal(seen.stops, 1);
}

/* Off is off; what a guest kept of itself is on its disks. */
static void stops_when_it_hibernates(void **state)
{
	struct machine *machine;

	(void)state;
	fake_kvm.run = power_off_by_3;
	sleep_control = ACPI_S4;
	machine = start(VCPUS);
	wait_for_stop();
	assert_int_equal(seen.reason, MACHINE_STOP_POWER_OFF);
	machine_destroy(machine);
	assert_int_equal(seen.stops, 1);
	sleep_control = ACPI_S5;
}

static bool triple_fault(u32 vcpu, struct kvm_run *run)
{
	(void)vcpu;
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return fake_kvm_inside() == VCPUS;
}

/* All vCPUs find the end at once: it is told once. */
static void stops_once(void **state)
{
	u32 round;

	(void)state;
	fake_kvm.run = triple_fault;
	for (round = 0; round < 20; round++) {
		struct machine *machine = start(VCPUS);

		wait_for_stop();
		machine_destroy(machine);
		assert_int_equal(seen.stops, round + 1);
		assert_int_equal(seen.reason, MACHINE_STOP_TRIPLE_FAULT);
	}
}

static void errors_of_kvm_stop_it(void **state)
{
	struct machine *machine;

	(void)state;
	fake_kvm.run_code = EFAULT;
	machine = start(2);
	wait_for_stop();
	assert_int_equal(seen.reason, MACHINE_STOP_ERROR);
	assert_non_null(strstr(seen.text, "Bad address"));
	machine_destroy(machine);
}

static bool unknown_exit(u32 vcpu, struct kvm_run *run)
{
	(void)vcpu;
	run->exit_reason = 9999;
	return true;
}

static void unknown_exits_stop_it(void **state)
{
	struct machine *machine;

	(void)state;
	fake_kvm.run = unknown_exit;
	machine = start(1);
	wait_for_stop();
	assert_int_equal(seen.reason, MACHINE_STOP_ERROR);
	assert_non_null(strstr(seen.text, "9999"));
	machine_destroy(machine);
}

static bool read_a_port(u32 vcpu, struct kvm_run *run)
{
	(void)vcpu;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_IN;
	run->io.port = 0x61;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = 4096;
	return true;
}

/* While vCPUs come and go as fast as they can. */
static void pauses_and_resumes(void **state)
{
	struct machine *machine;
	struct lis_error err;
	u32 round, i;

	(void)state;
	fake_kvm.run = read_a_port;
	machine = start(VCPUS);
	for (round = 0; round < 100; round++) {
		u64 stood;

		assert_int_equal(machine_pause(machine, &err), 0);
		assert_int_equal(machine_pause(machine, &err), 0);
		assert_int_equal(machine_state(machine), MACHINE_PAUSED);
		stood = machine_reference_time_100ns(machine);
		for (i = 0; i < 3; i++) {
			assert_int_equal(fake_kvm_inside(), 0);
			assert_int_equal(machine_reference_time_100ns(machine),
					 stood);
		}
		assert_int_equal(machine_nmi(machine, &err), -EBUSY);
		assert_int_equal(machine_resume(machine, &err), 0);
		assert_int_equal(fake_kvm.clock_set_ns / 100, stood);
		assert_int_equal(machine_resume(machine, &err), 0);
		assert_int_equal(machine_nmi(machine, &err), 0);
	}
	assert_int_equal(fake_kvm.nmis, 100);
	machine_destroy(machine);
	assert_int_equal(seen.stops, 0);
}

static void can_be_destroyed_in_every_state(void **state)
{
	u32 tasks = count_entries("/proc/self/task");
	struct machine *machine;
	struct lis_error err;

	(void)state;
	machine = create(VCPUS);
	assert_int_equal(machine_state(machine), MACHINE_CREATED);
	assert_int_equal(machine_pause(machine, &err), -EBUSY);
	assert_says(err, "was not started");
	machine_destroy(machine);
	machine_destroy(start(VCPUS));
	machine = start(VCPUS);
	assert_int_equal(machine_pause(machine, &err), 0);
	machine_destroy(machine);
	assert_int_equal(seen.stops, 0);
	assert_int_equal(count_entries("/proc/self/task"), tasks);
}

/* The steps of one guest, an exit each. */
static u32 step;
static u64 hypercall_results[2];
static u64 crash_control;
static u8 read_back;

static void write_port(struct kvm_run *run, u16 port, const char *bytes)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = port;
	run->io.size = 1;
	run->io.count = (u32)strlen(bytes);
	run->io.data_offset = 4096;
	memcpy((u8 *)run + 4096, bytes, strlen(bytes));
}

static void write_msr(struct kvm_run *run, u32 msr, u64 value)
{
	run->exit_reason = KVM_EXIT_X86_WRMSR;
	run->msr.index = msr;
	run->msr.data = value;
	run->msr.error = 1;
}

static void call_hypervisor(struct kvm_run *run, u64 input)
{
	run->exit_reason = KVM_EXIT_HYPERV;
	run->hyperv.type = KVM_EXIT_HYPERV_HCALL;
	run->hyperv.u.hcall.input = input;
	run->hyperv.u.hcall.params[0] = INPUT_GPA;
}

static bool play_guest(u32 vcpu, struct kvm_run *run)
{
	(void)vcpu;
	switch (step++) {
	case 0:
		write_port(run, 0x3f8, "hello");
		return true;
	case 1:
		run->exit_reason = KVM_EXIT_HYPERV;
		run->hyperv.type = KVM_EXIT_HYPERV_SYNIC;
		run->hyperv.u.synic.control = 1;
		run->hyperv.u.synic.msg_page = SIMP_GPA | 1;
		run->hyperv.u.synic.evt_page = SIEFP_GPA | 1;
		return true;
	case 2:
		call_hypervisor(run, HV_POST_MESSAGE);
		return true;
	case 3:
		hypercall_results[0] = run->hyperv.u.hcall.result;
		call_hypervisor(run, 0x1234);
		return true;
	case 4:
		hypercall_results[1] = run->hyperv.u.hcall.result;
		write_msr(run, 0x40000100, 0xabc);
		return true;
	case 5:
		write_msr(run, 0x40000103, 0x5000);
		return true;
	case 6:
		write_msr(run, 0x40000104, 6);
		return true;
	case 7:
		write_msr(run, 0x40000105, 3ull << 62);
		return true;
	case 8:
		run->exit_reason = KVM_EXIT_X86_RDMSR;
		run->msr.index = 0x40000105;
		return true;
	case 9:
		crash_control = run->msr.data;
		run->exit_reason = KVM_EXIT_MMIO;
		run->mmio.is_write = 0;
		run->mmio.len = 4;
		return true;
	case 10:
		read_back = run->mmio.data[0];
		write_port(run, 0x602, "\x01");
		return true;
	}
	return false;
}

static void answers_a_guest(void **state)
{
	u32 post[4] = { 4, 0, 1, 0 };
	struct machine *machine;

	(void)state;
	step = 0;
	fake_kvm.run = play_guest;
	machine = create(1);
	memcpy(machine_memory(machine, INPUT_GPA, 16), post, sizeof(post));
	memcpy(machine_memory(machine, 0x5000, 6), "oo\x1bps!", 6);
	assert_int_equal(machine_post(machine, 0, 2, 1, post, 16), -ENXIO);
	assert_int_equal(machine_start(machine, NULL), 0);
	wait_for_stop();
	assert_int_equal(seen.reason, MACHINE_STOP_RESET);
	assert_string_equal(seen.output, "hello");
	assert_int_equal(seen.messages, 1);
	assert_int_equal(hypercall_results[0], MACHINE_HV_SUCCESS);
	assert_int_equal(hypercall_results[1],
			 MACHINE_HV_INVALID_HYPERCALL_CODE);
	assert_int_equal(seen.crashes, 1);
	assert_string_equal(seen.crash_text, "abc oo?ps!");
	assert_true(crash_control == 3ull << 62);
	assert_int_equal(read_back, 0xff);
	/* Its SynIC is on: messages and events go to its pages. */
	assert_int_equal(machine_post(machine, 0, 2, 1, post, 16), 0);
	assert_int_equal(*(u8 *)machine_memory(machine, SIMP_GPA + 512, 1), 1);
	assert_int_equal(machine_signal(machine, 0, 2, 9), 0);
	assert_int_equal(*(u8 *)machine_memory(machine, SIEFP_GPA + 513, 1), 2);
	machine_destroy(machine);
}

static void connects_signals(void **state)
{
	struct machine *machine = create(1);

	(void)state;
	assert_int_equal(machine_connect(machine, 0, 1), -EINVAL);
	assert_int_equal(machine_connect(machine, 0x1000000, 1), -EINVAL);
	assert_int_equal(machine_connect(machine, 0x10001, 1), 0);
	assert_int_equal(machine_disconnect(machine, 0x10001), 0);
	fake_kvm.fail_at = fake_kvm.calls + 1;
	fake_kvm.fail_code = EEXIST;
	assert_int_equal(machine_connect(machine, 0x10001, 1), -EEXIST);
	assert_true(machine_slot_eventfd(machine) >= 0);
	machine_destroy(machine);
}

/* The slot that a page is in, and whether all of memory is in one. */
static const struct kvm_userspace_memory_region *slot_of(u64 gpa, u64 bytes)
{
	const struct kvm_userspace_memory_region *found = NULL;
	u64 total = 0;

	for (u32 i = 0; i < FAKE_KVM_SLOTS; i++) {
		const struct kvm_userspace_memory_region *slot =
			&fake_kvm.slots[i];

		total += slot->memory_size;
		if (gpa >= slot->guest_phys_addr &&
		    gpa < slot->guest_phys_addr + slot->memory_size)
			found = slot;
	}
	assert_int_equal(total, bytes);
	return found;
}

static void monitors(void **state)
{
	struct machine *machine = create(2);
	const u64 gpa = 5 * MIB, bytes = fake_kvm.slots[0].memory_size;
	u64 *word = machine_memory(machine, gpa + 8, 8);
	const struct kvm_userspace_memory_region *slot;

	(void)state;
	assert_int_equal(machine_start(machine, NULL), 0);
	assert_int_equal(machine_monitor(machine, gpa, 128, 1), -EINVAL);
	assert_int_equal(machine_monitor(machine, gpa + 8, 0, 1), -EINVAL);
	assert_int_equal(machine_monitor(machine, bytes, 0, 1), -EFAULT);
	*word = ~0ull;
	assert_int_equal(machine_monitor(machine, gpa, 33, 7), 0);
	/* The page alone is read-only, and at its place in memory. */
	slot = slot_of(gpa, bytes);
	assert_int_equal(slot->guest_phys_addr, gpa);
	assert_int_equal(slot->memory_size, 4096);
	assert_int_equal(slot->flags, KVM_MEM_READONLY);
	assert_int_equal(slot->userspace_addr + 8, (uintptr_t)word);
	assert_int_equal(slot_of(gpa - 1, bytes)->flags, 0);
	slot = slot_of(gpa + 4096, bytes);
	assert_int_equal(slot->flags, 0);
	assert_int_equal(slot->userspace_addr + 4, (uintptr_t)word + 4092);
	assert_true(*word == 0);
	assert_int_equal(fake_kvm.bit_count, 2);
	assert_int_equal(fake_kvm.bits[0].addr, gpa + 8 + 8);
	assert_int_equal(fake_kvm.bits[0].datamatch, 2);
	assert_int_equal(fake_kvm.bits[0].fd, 7);
	assert_int_equal(fake_kvm.bits[0].len + fake_kvm.bits[1].len, 12);
	assert_int_equal(machine_monitor(machine, gpa + 4096, 1, 8), -EBUSY);
	assert_int_equal(machine_monitor(machine, gpa, 127, 8), 0);
	assert_int_equal(fake_kvm.bit_count, 4);
	machine_unmonitor(machine, 33, 7);
	assert_int_equal(slot_of(gpa, bytes)->flags, KVM_MEM_READONLY);
	machine_unmonitor(machine, 127, 8);
	assert_int_equal(fake_kvm.bit_count, 0);
	assert_int_equal(slot_of(gpa, bytes)->memory_size, bytes);
	/* At either end of memory, and where a call fails. */
	for (u32 number = 1; number < 8; number++) {
		u64 page = number & 1 ? 0 : bytes - 4096;
		int ret;

		fake_kvm.fail_at = fake_kvm.calls + number;
		fake_kvm.fail_code = ENOMEM;
		ret = machine_monitor(machine, page, 0, 9);
		fake_kvm.fail_at = 0;
		if (ret == 0)
			machine_unmonitor(machine, 0, 9);
		assert_int_equal(slot_of(page, bytes)->memory_size, bytes);
		assert_int_equal(fake_kvm.bit_count, 0);
	}
	assert_int_equal(fake_kvm.inside_at_memory, 0);
	machine_destroy(machine);
}

#define THREAD_TEST(name)                                                      \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		THREAD_TEST(every_failure_is_cleaned_up),
		THREAD_TEST(vcpus_have_their_decode_configuration),
		THREAD_TEST(names_a_missing_capability),
		THREAD_TEST(stops_when_others_are_parked),
		THREAD_TEST(stops_when_it_hibernates),
		THREAD_TEST(stops_once),
		THREAD_TEST(errors_of_kvm_stop_it),
		THREAD_TEST(unknown_exits_stop_it),
		THREAD_TEST(pauses_and_resumes),
		THREAD_TEST(can_be_destroyed_in_every_state),
		THREAD_TEST(answers_a_guest),
		THREAD_TEST(connects_signals),
		THREAD_TEST(monitors),
	};

	return cmocka_run_group_tests(tests, make_kernel, remove_kernel);
}
