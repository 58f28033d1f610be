// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * xdp INTERFACE VERDICT: has the interface's driver treat every frame so, until
 * this program ends. VERDICT: aborted, drop, pass, tx (with the two addresses
 * exchanged), or wrong, which is none. Says "attached" when it is.
 */
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(code_, to, from, off_, imm_)                                      \
	{                                                                      \
		.code = (code_), .dst_reg = (to), .src_reg = (from),           \
		.off = (off_), .imm = (imm_)                                   \
	}
#define LOAD(size, to, from, off)                                              \
	INSN(BPF_LDX | (size) | BPF_MEM, to, from, off, 0)
#define STORE(size, to, off, from)                                             \
	INSN(BPF_STX | (size) | BPF_MEM, to, from, off, 0)
#define SET(to, imm) INSN(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, imm)
#define END	     INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static const char *const verdicts[] = { "aborted", "drop", "pass", "tx" };

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(const struct bpf_insn *code, size_t count)
{
	static char log[4096];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)code,
		.insn_cnt = (uint32_t)count,
		.license = (uintptr_t) "GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		fputs(log, stderr);
	return fd;
}

static int load_verdict(int verdict)
{
	const struct bpf_insn code[] = { SET(0, verdict), END };

	return load(code, sizeof(code) / sizeof(code[0]));
}

/* Frames that are too short for a header pass. */
static int load_exchange(void)
{
	const struct bpf_insn code[] = {
		LOAD(BPF_W, 6, 1, 0),
		LOAD(BPF_W, 7, 1, 4),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 6, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 14),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 2, 7, 10, 0),
		LOAD(BPF_W, 3, 6, 0),
		LOAD(BPF_H, 4, 6, 4),
		LOAD(BPF_W, 5, 6, 6),
		LOAD(BPF_H, 0, 6, 10),
		STORE(BPF_W, 6, 0, 5),
		STORE(BPF_H, 6, 4, 0),
		STORE(BPF_W, 6, 6, 3),
		STORE(BPF_H, 6, 10, 4),
		SET(0, XDP_TX),
		END,
		SET(0, XDP_PASS),
		END,
	};

	return load(code, sizeof(code) / sizeof(code[0]));
}

static int attach(int program, const char *interface)
{
	union bpf_attr attr = {
		.link_create = {
			.prog_fd = (uint32_t)program,
			.target_ifindex = if_nametoindex(interface),
			.attach_type = BPF_XDP,
			.flags = XDP_FLAGS_DRV_MODE,
		},
	};

	return bpf(BPF_LINK_CREATE, &attr);
}

int main(int argc, char **argv)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int verdict, program;

	if (argc != 3)
		return 2;
	setrlimit(RLIMIT_MEMLOCK, &all);
	for (verdict = 0; verdict < 4; verdict++)
		if (!strcmp(argv[2], verdicts[verdict]))
			break;
	program = verdict == XDP_TX ? load_exchange()
				    : load_verdict(verdict < 4 ? verdict : 77);
	if (program < 0 || attach(program, argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("attached");
	fflush(stdout);
	for (;;)
		pause();
}
