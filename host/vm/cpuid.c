/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#include "host/vm/cpuid.h"

#include <string.h>

#define BIT(n) (1u << (n))

/* Leaf 1 (Intel SDM volume 2A, CPUID; AMD64 manual volume 3, appendix E). */
#define L1_ECX_VMX	    BIT(5)
#define L1_ECX_FMA	    BIT(12)
#define L1_ECX_PDCM	    BIT(15)
#define L1_ECX_TSC_DEADLINE BIT(24)
#define L1_ECX_XSAVE	    BIT(26)
#define L1_ECX_OSXSAVE	    BIT(27)
#define L1_ECX_AVX	    BIT(28)
#define L1_ECX_F16C	    BIT(29)
#define L1_ECX_HYPERVISOR   BIT(31)
#define L1_EDX_HTT	    BIT(28)
/* Leaf 7, subleaf 0 and 1 */
#define L7_EBX_AVX2 BIT(5)
#define L7_EBX_MPX  BIT(14)
#define L7_EBX_AVX512                                                          \
	(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | \
	 BIT(31))
#define L7_ECX_AVX512	  (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define L7_ECX_PKU	  (BIT(3) | BIT(4))
#define L7_ECX_VECTOR_AES (BIT(9) | BIT(10))
#define L7_EDX_AVX512	  (BIT(2) | BIT(3) | BIT(8) | BIT(23))
#define L7_EDX_AMX	  (BIT(22) | BIT(24) | BIT(25))
#define L7_1_EAX_AVX	  (BIT(4) | BIT(5) | BIT(21) | BIT(23))
#define L7_1_EDX_AVX	  (BIT(4) | BIT(5) | BIT(10) | BIT(19))
/* Leaf 0xd, subleaf 0: EAX is the low half of XCR0's permitted bits. */
#define XCR0_AVX    BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
/* Leaf 0x80000001 */
#define E1_ECX_SVM     BIT(2)
#define E1_ECX_XOP     BIT(11)
#define E1_ECX_FMA4    BIT(16)
#define E1_ECX_TOPOEXT BIT(22)
#define E1_ECX_PERFCTR (BIT(23) | BIT(24) | BIT(28))

/* Leaf 0xb: levels. */
#define LEVEL_THREAD (1u << 8)
#define LEVEL_CORE   (2u << 8)

/* TLFS 2.4: leaves, and the bits of them that this machine gives. */
#define HV_VENDOR	   0x40000000u
#define HV_INTERFACE	   0x40000001u
#define HV_VERSION	   0x40000002u
#define HV_FEATURES	   0x40000003u
#define HV_RECOMMENDATIONS 0x40000004u
#define HV_LIMITS	   0x40000005u
#define HV_LAST		   0x4000000au
#define HYPERVISOR_LAST	   0x4fffffffu

#define FEATURES_EAX                                                           \
	(BIT(0) /* VP run time */ | BIT(1) /* reference counter */ |           \
	 BIT(2) /* SynIC */ | BIT(3) /* synthetic timers */ |                  \
	 BIT(4) /* APIC and VP assist MSRs */ | BIT(5) /* hypercall */ |       \
	 BIT(6) /* VP index */ | BIT(7) /* reset MSR */ |                      \
	 BIT(9) /* reference TSC page */ | BIT(11) /* frequency MSRs */)
#define FEATURES_EBX (BIT(4) /* post messages */ | BIT(5) /* signal events */)
#define FEATURES_EDX                                                           \
	(BIT(4) /* XMM hypercall input */ | BIT(8) /* frequency MSRs */ |      \
	 BIT(10) /* crash MSRs */ | BIT(19) /* direct synthetic timers */)
#define RECOMMENDATIONS_EAX                                                    \
	(BIT(2) /* remote TLB flush */ | BIT(3) /* APIC MSRs */ |              \
	 BIT(5) /* relaxed timing */ | BIT(9) /* no auto-EOI */ |              \
	 BIT(10) /* IPI hypercall */ | BIT(11) /* extended masks */)
#define SPIN_NEVER_NOTIFY UINT32_MAX
#define HV_PROCESSORS	  64

/* The build that brought VMBus 5.3: Windows Server 2022. */
#define HV_BUILD       20348
#define HV_MAJOR_MINOR (10u << 16 | 0)

struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, u32 function,
				    u32 index)
{
	u32 i;

	for (i = 0; i < table->count; i++) {
		struct kvm_cpuid_entry2 *entry = &table->entries[i];

		if (entry->function != function)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		    entry->index == index)
			return entry;
	}
	return NULL;
}

static struct kvm_cpuid_entry2 *add(struct cpuid_table *table, u32 function,
				    u32 index, u32 flags)
{
	struct kvm_cpuid_entry2 *entry;

	if (table->count == CPUID_ENTRIES_MAX)
		return NULL;
	entry = &table->entries[table->count++];
	memset(entry, 0, sizeof(*entry));
	entry->function = function;
	entry->index = index;
	entry->flags = flags;
	return entry;
}

/*
 * Not passed on: the hypervisor leaves (ours follow), performance monitoring
 * (0xa, 0x80000022), SVM (0x8000000a), and topology, which is made here.
 */
static bool leaf_is_ours(u32 function)
{
	return (function >= HV_VENDOR && function <= HYPERVISOR_LAST) ||
	       function == 0xa || function == 0xb || function == 0x1f ||
	       function == 0x8000000a || function == 0x8000001d ||
	       function == 0x8000001e || function == 0x80000022;
}

static void drop_avx512(struct cpuid_table *table)
{
	struct kvm_cpuid_entry2 *seven = cpuid_find(table, 7, 0);

	if (!seven)
		return;
	seven->ebx &= ~L7_EBX_AVX512;
	seven->ecx &= ~L7_ECX_AVX512;
	seven->edx &= ~(L7_EDX_AVX512 | L7_EDX_AMX);
}

static void drop_avx(struct cpuid_table *table, struct kvm_cpuid_entry2 *one)
{
	struct kvm_cpuid_entry2 *seven = cpuid_find(table, 7, 0);
	struct kvm_cpuid_entry2 *extended = cpuid_find(table, 0x80000001, 0);

	one->ecx &= ~(L1_ECX_AVX | L1_ECX_FMA | L1_ECX_F16C);
	if (extended)
		extended->ecx &= ~(E1_ECX_XOP | E1_ECX_FMA4);
	if (!seven)
		return;
	seven->ebx &= ~L7_EBX_AVX2;
	seven->ecx &= ~L7_ECX_VECTOR_AES;
	drop_avx512(table);
	seven = cpuid_find(table, 7, 1);
	if (seven && (seven->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)) {
		seven->eax &= ~L7_1_EAX_AVX;
		seven->edx &= ~L7_1_EDX_AVX;
	}
}

/*
 * A kernel that sees AVX without XSAVE, or AVX state that XCR0 cannot hold,
 * panics early: whatever needs an absent feature goes with it.
 */
static void make_consistent(struct cpuid_table *table,
			    struct kvm_cpuid_entry2 *one)
{
	struct kvm_cpuid_entry2 *state = cpuid_find(table, 0xd, 0);
	struct kvm_cpuid_entry2 *seven = cpuid_find(table, 7, 0);
	u32 i;

	if (!state || !(one->ecx & L1_ECX_XSAVE)) {
		one->ecx &= ~(L1_ECX_XSAVE | L1_ECX_OSXSAVE);
		if (seven) {
			seven->ebx &= ~L7_EBX_MPX;
			seven->ecx &= ~L7_ECX_PKU;
		}
		for (i = 0; i < table->count; i++)
			if (table->entries[i].function == 0xd) {
				struct kvm_cpuid_entry2 *e = &table->entries[i];

				e->eax = e->ebx = e->ecx = e->edx = 0;
			}
		drop_avx(table, one);
		return;
	}
	if (!(one->ecx & L1_ECX_AVX) || !(state->eax & XCR0_AVX))
		drop_avx(table, one);
	else if ((state->eax & XCR0_AVX512) != XCR0_AVX512)
		drop_avx512(table);
}

/* Bits needed for ids 0 to count - 1. */
static u32 id_bits(u32 count)
{
	u32 bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

/* One package, its cores the vCPUs, each with one thread and its own cache. */
static void set_topology(struct cpuid_table *table,
			 struct kvm_cpuid_entry2 *one, u32 vcpus)
{
	struct kvm_cpuid_entry2 *entry;
	u32 i;

	one->ebx = (one->ebx & 0x0000ffff) | vcpus << 16;
	if (vcpus > 1)
		one->edx |= L1_EDX_HTT;
	else
		one->edx &= ~L1_EDX_HTT;
	for (i = 0; i < table->count; i++) {
		entry = &table->entries[i];
		/* 31:26 cores of the package, 25:14 sharers of the cache */
		if (entry->function == 4 && (entry->eax & 0x1f))
			entry->eax = (entry->eax & 0x3fff) | (vcpus - 1) << 26;
	}
	/* 15:12 bits of the core id, 7:0 cores of the package */
	entry = cpuid_find(table, 0x80000008, 0);
	if (entry)
		entry->ecx = id_bits(vcpus) << 12 | (vcpus - 1);
	entry = add(table, 0xb, 0, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	if (entry) {
		entry->ebx = 1;
		entry->ecx = LEVEL_THREAD;
	}
	entry = add(table, 0xb, 1, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
	if (entry) {
		entry->eax = id_bits(vcpus);
		entry->ebx = vcpus;
		entry->ecx = LEVEL_CORE | 1;
	}
	entry = cpuid_find(table, 0, 0);
	if (entry && entry->eax < 0xb)
		entry->eax = 0xb;
}

static void add_hyperv(struct cpuid_table *out, struct cpuid_table *hyperv)
{
	struct kvm_cpuid_entry2 *given, *entry;
	u32 function;

	for (function = HV_VENDOR; function <= HV_LAST; function++) {
		entry = add(out, function, 0, 0);
		if (!entry)
			return;
		given = cpuid_find(hyperv, function, 0);
		switch (function) {
		case HV_VENDOR:
			entry->eax = HV_LAST;
			memcpy(&entry->ebx, "Micr", 4);
			memcpy(&entry->ecx, "osof", 4);
			memcpy(&entry->edx, "t Hv", 4);
			break;
		case HV_INTERFACE:
			memcpy(&entry->eax, "Hv#1", 4);
			break;
		case HV_VERSION:
			entry->eax = HV_BUILD;
			entry->ebx = HV_MAJOR_MINOR;
			break;
		case HV_FEATURES:
			if (!given)
				break;
			entry->eax = given->eax & FEATURES_EAX;
			entry->ebx = given->ebx & FEATURES_EBX;
			entry->edx = given->edx & FEATURES_EDX;
			break;
		case HV_RECOMMENDATIONS:
			if (given)
				entry->eax = given->eax & RECOMMENDATIONS_EAX;
			entry->ebx = SPIN_NEVER_NOTIFY;
			break;
		case HV_LIMITS:
			entry->eax = HV_PROCESSORS;
			entry->ebx = HV_PROCESSORS;
			break;
		}
	}
}

void cpuid_model(struct cpuid_table *out, const struct cpuid_table *cpu,
		 const struct cpuid_table *hyperv, u32 vcpus, bool tsc_deadline)
{
	struct cpuid_table features = *hyperv;
	struct kvm_cpuid_entry2 *one, *extended;
	u32 i;

	out->count = 0;
	for (i = 0; i < cpu->count; i++)
		if (!leaf_is_ours(cpu->entries[i].function))
			out->entries[out->count++] = cpu->entries[i];
	one = cpuid_find(out, 1, 0);
	if (one) {
		one->ecx &= ~(L1_ECX_VMX | L1_ECX_PDCM | L1_ECX_TSC_DEADLINE);
		one->ecx |= L1_ECX_HYPERVISOR;
		if (tsc_deadline)
			one->ecx |= L1_ECX_TSC_DEADLINE;
		make_consistent(out, one);
		set_topology(out, one, vcpus);
	}
	extended = cpuid_find(out, 0x80000001, 0);
	if (extended)
		extended->ecx &=
			~(E1_ECX_SVM | E1_ECX_TOPOEXT | E1_ECX_PERFCTR);
	add_hyperv(out, &features);
}

void cpuid_set_vcpu(struct cpuid_table *table, u32 vcpu)
{
	u32 i;

	for (i = 0; i < table->count; i++) {
		struct kvm_cpuid_entry2 *entry = &table->entries[i];

		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0x00ffffff) | vcpu << 24;
		else if (entry->function == 0xb)
			entry->edx = vcpu;
	}
}
