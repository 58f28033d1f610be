/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/cpuid.h"
#include "tests/unit/host/vm/unit.h"

#include <string.h>

#define BIT(n)	(1u << (n))
#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static struct cpuid_table cpu, hyperv, model;

static void give(struct cpuid_table *table, u32 function, u32 index, u32 flags,
		 u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	table->entries[table->count++] = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = flags,
		.eax = eax,
		.ebx = ebx,
		.ecx = ecx,
		.edx = edx,
	};
}

/* A KVM that has everything, and says so in its own name. */
static int set_up(void **state)
{
	u32 function;

	(void)state;
	cpu.count = 0;
	hyperv.count = 0;
	give(&cpu, 0, 0, 0, 0x1f, 0, 0, 0);
	give(&cpu, 1, 0, 0, 0x000906ea, 0x12345678, UINT32_MAX, UINT32_MAX);
	give(&cpu, 4, 0, INDEXED, 0x1c004121, 0, 0, 0);
	give(&cpu, 4, 1, INDEXED, 0, 0, 0, 0);
	give(&cpu, 7, 0, INDEXED, 1, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	give(&cpu, 7, 1, INDEXED, UINT32_MAX, 0, 0, UINT32_MAX);
	give(&cpu, 0xa, 0, 0, UINT32_MAX, 1, 1, 1);
	give(&cpu, 0xb, 0, INDEXED, 1, 2, 0x100, 77);
	give(&cpu, 0xb, 1, INDEXED, 5, 6, 0x201, 77);
	give(&cpu, 0xd, 0, INDEXED, 0xe7, 0x240, 0x340, 0);
	give(&cpu, 0x1f, 0, INDEXED, 1, 2, 0x100, 77);
	give(&cpu, 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	give(&cpu, 0x40000001, 0, 0, 0x01007afb, 0, 0, 0);
	give(&cpu, 0x40000100, 0, 0, 0x40000101, 0x4b4d564b, 0x564b4d56, 0x4d);
	give(&cpu, 0x80000000, 0, 0, 0x80000022, 0, 0, 0);
	give(&cpu, 0x80000001, 0, 0, 0, 0, UINT32_MAX, UINT32_MAX);
	give(&cpu, 0x80000008, 0, 0, 0x3028, 0, 0x7007, 0);
	give(&cpu, 0x8000000a, 0, 0, 1, 2, 3, 4);
	give(&cpu, 0x8000001e, 0, 0, 1, 2, 3, 4);
	give(&hyperv, 0x40000000, 0, 0, 0x40000082, 0x756e694c, 0x564b2078,
	     0x7648204d);
	for (function = 0x40000001; function <= 0x4000000a; function++)
		give(&hyperv, function, 0, 0, UINT32_MAX, UINT32_MAX,
		     UINT32_MAX, UINT32_MAX);
	give(&hyperv, 0x40000080, 0, 0, 1, 2, 3, 4);
	return 0;
}

static struct kvm_cpuid_entry2 *get(u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(&model, function, index);

	assert_non_null(entry);
	return entry;
}

static void make(u32 vcpus)
{
	cpuid_model(&model, &cpu, &hyperv, vcpus, true);
}

static void speaks_as_hyperv_only(void **state)
{
	struct kvm_cpuid_entry2 *entry;
	u32 i;

	(void)state;
	make(1);
	entry = get(0x40000000, 0);
	assert_int_equal(entry->eax, 0x4000000a);
	assert_memory_equal(&entry->ebx, "Microsoft Hv", 12);
	assert_memory_equal(&get(0x40000001, 0)->eax, "Hv#1", 4);
	assert_true(get(1, 0)->ecx & BIT(31));
	for (i = 0; i < model.count; i++) {
		entry = &model.entries[i];
		assert_false(entry->function >= 0x4000000b &&
			     entry->function <= 0x4fffffff);
		assert_memory_not_equal(&entry->ebx, "KVMK", 4);
	}
}

static void gives_only_what_is_meant(void **state)
{
	struct kvm_cpuid_entry2 *entry;

	(void)state;
	make(1);
	entry = get(0x40000003, 0);
	/* SynIC, timers, hypercall, VP index, counter, TSC page, frequency */
	assert_int_equal(entry->eax & 0xa6e, 0xa6e);
	/* no debug, idle, statistics, reenlightenment, partition creation */
	assert_int_equal(entry->eax & ~0xaffu, 0);
	assert_int_equal(entry->ebx, BIT(4) | BIT(5));
	assert_int_equal(entry->edx, BIT(4) | BIT(8) | BIT(10) | BIT(19));
	entry = get(0x40000004, 0);
	/* no enlightened VMCS */
	assert_false(entry->eax & BIT(14));
	assert_int_equal(entry->ebx, UINT32_MAX);
	assert_int_equal(get(0x40000005, 0)->eax, 64);
	assert_int_equal(get(0x40000006, 0)->eax, 0);
	assert_int_equal(get(0x4000000a, 0)->eax, 0);
}

/* What KVM lacks must not be promised. */
static void promises_nothing_of_its_own(void **state)
{
	(void)state;
	cpuid_find(&hyperv, 0x40000003, 0)->eax = BIT(2);
	cpuid_find(&hyperv, 0x40000003, 0)->edx = 0;
	cpuid_find(&hyperv, 0x40000004, 0)->eax = 0;
	make(1);
	assert_int_equal(get(0x40000003, 0)->eax, BIT(2));
	assert_int_equal(get(0x40000003, 0)->edx, 0);
	assert_int_equal(get(0x40000004, 0)->eax, 0);
	hyperv.count = 1;
	make(1);
	assert_int_equal(get(0x40000003, 0)->eax, 0);
}

static void hides_what_is_not_for_guests(void **state)
{
	(void)state;
	make(1);
	assert_false(get(1, 0)->ecx & BIT(5));
	assert_false(get(0x80000001, 0)->ecx & BIT(2));
	assert_null(cpuid_find(&model, 0xa, 0));
	assert_null(cpuid_find(&model, 0x8000000a, 0));
	assert_null(cpuid_find(&model, 0x8000001e, 0));
	assert_true(get(1, 0)->ecx & BIT(24));
	cpuid_model(&model, &cpu, &hyperv, 1, false);
	assert_false(get(1, 0)->ecx & BIT(24));
}

static void assert_no_avx(void)
{
	assert_int_equal(get(1, 0)->ecx & (BIT(12) | BIT(28) | BIT(29)), 0);
	assert_int_equal(get(7, 0)->ebx & (BIT(5) | BIT(16) | BIT(31)), 0);
	assert_int_equal(get(7, 0)->ecx & (BIT(9) | BIT(10) | BIT(11)), 0);
	assert_int_equal(get(7, 0)->edx & (BIT(23) | BIT(24)), 0);
	assert_int_equal(get(7, 1)->eax & (BIT(4) | BIT(5)), 0);
	assert_int_equal(get(0x80000001, 0)->ecx & (BIT(11) | BIT(16)), 0);
}

static void without_xsave_there_is_no_avx(void **state)
{
	(void)state;
	cpuid_find(&cpu, 1, 0)->ecx &= ~BIT(26);
	make(1);
	assert_no_avx();
	assert_false(get(1, 0)->ecx & BIT(27));
	assert_int_equal(get(0xd, 0)->eax, 0);
	assert_int_equal(get(7, 0)->ecx & BIT(3), 0);
	/* What does not depend on it stays: BMI1, BMI2, SHA. */
	assert_true(get(7, 0)->ebx & BIT(3));
	assert_true(get(7, 0)->ebx & BIT(8));
}

static void without_its_leaf_there_is_no_xsave(void **state)
{
	(void)state;
	cpuid_find(&cpu, 0xd, 0)->function = 0xe;
	make(1);
	assert_no_avx();
	assert_false(get(1, 0)->ecx & BIT(26));
}

static void state_that_xcr0_lacks_is_not_offered(void **state)
{
	(void)state;
	cpuid_find(&cpu, 0xd, 0)->eax = 3;
	make(1);
	assert_no_avx();
	assert_true(get(1, 0)->ecx & BIT(26));
	cpuid_find(&cpu, 0xd, 0)->eax = 7;
	make(1);
	assert_true(get(1, 0)->ecx & BIT(28));
	assert_true(get(7, 0)->ebx & BIT(5));
	assert_false(get(7, 0)->ebx & BIT(16));
	cpuid_find(&cpu, 0xd, 0)->eax = 0xe7;
	make(1);
	assert_true(get(7, 0)->ebx & BIT(16));
}

static void numbers_the_processors(void **state)
{
	u32 vcpus, i;

	(void)state;
	for (vcpus = 1; vcpus <= 64; vcpus++) {
		make(vcpus);
		assert_int_equal(get(1, 0)->ebx >> 16 & 0xff, vcpus);
		assert_int_equal(!!(get(1, 0)->edx & BIT(28)), vcpus > 1);
		assert_int_equal(get(4, 0)->eax >> 26, vcpus - 1);
		assert_int_equal(get(4, 1)->eax, 0);
		assert_int_equal(get(0xb, 0)->ebx, 1);
		assert_int_equal(get(0xb, 1)->ebx, vcpus);
		assert_true(1u << get(0xb, 1)->eax >= vcpus);
		assert_int_equal(get(0x80000008, 0)->ecx & 0xff, vcpus - 1);
		assert_int_equal(get(0x80000008, 0)->ecx >> 12,
				 get(0xb, 1)->eax);
		for (i = 0; i < vcpus; i++) {
			cpuid_set_vcpu(&model, i);
			assert_int_equal(get(1, 0)->ebx >> 24, i);
			assert_int_equal(get(0xb, 0)->edx, i);
			assert_int_equal(get(0xb, 1)->edx, i);
		}
	}
}

/* A full table has no room for ours: no write beyond it. */
static void survives_a_full_table(void **state)
{
	(void)state;
	while (cpu.count < CPUID_ENTRIES_MAX)
		give(&cpu, 0x20000000 + cpu.count, 0, 0, 1, 2, 3, 4);
	make(64);
	assert_int_equal(model.count, CPUID_ENTRIES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(speaks_as_hyperv_only, set_up),
		cmocka_unit_test_setup(gives_only_what_is_meant, set_up),
		cmocka_unit_test_setup(promises_nothing_of_its_own, set_up),
		cmocka_unit_test_setup(hides_what_is_not_for_guests, set_up),
		cmocka_unit_test_setup(without_xsave_there_is_no_avx, set_up),
		cmocka_unit_test_setup(without_its_leaf_there_is_no_xsave,
				       set_up),
		cmocka_unit_test_setup(state_that_xcr0_lacks_is_not_offered,
				       set_up),
		cmocka_unit_test_setup(numbers_the_processors, set_up),
		cmocka_unit_test_setup(survives_a_full_table, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
