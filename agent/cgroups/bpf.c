/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/bpf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define ALLOW_LENGTH   4 /* instructions behind the comparisons of an allowing rule */
#define DENY_LENGTH    5
#define COMPARE_LENGTH 3
#define ACCESS_SHIFT   16 /* access_type: type of the device in the low half, access in the high one */
#define TYPE_MASK      0xffff
#define PROGRAM_LIMIT  (1 << 20)

/* Registers: what is asked for, and scratch. */
enum {
	REG_RESULT = BPF_REG_0,
	REG_CONTEXT = BPF_REG_1,
	REG_TYPE = BPF_REG_2,
	REG_LEFT = BPF_REG_3, /* access bits that no rule has decided yet */
	REG_MAJOR = BPF_REG_4,
	REG_MINOR = BPF_REG_5,
	REG_SCRATCH = BPF_REG_6,
};

static int emit(struct buf *out, int code, int dst, int src, int off, int32_t imm)
{
	struct bpf_insn insn = { .code = (uint8_t)code,
		                 .dst_reg = (uint8_t)(dst & 0xf),
		                 .src_reg = (uint8_t)(src & 0xf),
		                 .off = (int16_t)off,
		                 .imm = imm };

	return buf_add(out, &insn, sizeof(insn));
}

static int emit_result(struct buf *out, int result)
{
	int r = emit(out, BPF_ALU64 | BPF_MOV | BPF_K, REG_RESULT, 0, 0, result);

	return r < 0 ? r : emit(out, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int emit_start(struct buf *out)
{
	const int load = BPF_LDX | BPF_MEM | BPF_W;
	int r = emit(out, load, REG_TYPE, REG_CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);

	r = r < 0 ? r : emit(out, BPF_ALU64 | BPF_MOV | BPF_X, REG_LEFT, REG_TYPE, 0, 0);
	r = r < 0 ? r : emit(out, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, TYPE_MASK);
	r = r < 0 ? r : emit(out, BPF_ALU64 | BPF_RSH | BPF_K, REG_LEFT, 0, 0, ACCESS_SHIFT);
	r = r < 0 ? r : emit(out, load, REG_MAJOR, REG_CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	return r < 0 ? r : emit(out, load, REG_MINOR, REG_CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static int access_bits(const char *access)
{
	return (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0) | (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0);
}

/* Takes the bits that the rule allows off those that are left; all taken = allowed. */
static int emit_allow(struct buf *out, int bits)
{
	int r = emit(out, BPF_ALU64 | BPF_AND | BPF_K, REG_LEFT, 0, 0, ~bits);

	r = r < 0 ? r : emit(out, BPF_JMP | BPF_JNE | BPF_K, REG_LEFT, 0, 2, 0);
	return r < 0 ? r : emit_result(out, 1);
}

/* Any bit that is left and that the rule names = denied. */
static int emit_deny(struct buf *out, int bits)
{
	int r = emit(out, BPF_ALU64 | BPF_MOV | BPF_X, REG_SCRATCH, REG_LEFT, 0, 0);

	r = r < 0 ? r : emit(out, BPF_ALU64 | BPF_AND | BPF_K, REG_SCRATCH, 0, 0, bits);
	r = r < 0 ? r : emit(out, BPF_JMP | BPF_JEQ | BPF_K, REG_SCRATCH, 0, 2, 0);
	return r < 0 ? r : emit_result(out, 0);
}

/*
 * Jumps over the rest of the rule unless the register holds this value. Compared by way of a scratch register: if the
 * verifier learned the value here, it would walk all the rules below once for each rule above (1 million instructions
 * is where it gives up).
 */
static int emit_compare(struct buf *out, int reg, int32_t value, int over)
{
	int r = emit(out, BPF_ALU64 | BPF_MOV | BPF_X, REG_SCRATCH, reg, 0, 0);

	r = r < 0 ? r : emit(out, BPF_ALU64 | BPF_XOR | BPF_K, REG_SCRATCH, 0, 0, value);
	return r < 0 ? r : emit(out, BPF_JMP | BPF_JNE | BPF_K, REG_SCRATCH, 0, over, 0);
}

static int emit_rule(struct buf *out, const struct oci_device_rule *rule)
{
	const struct {
		bool given;
		int reg;
		int64_t value;
	} compare[] = {
		{ rule->type != 'a', REG_TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR },
		{ rule->major >= 0, REG_MAJOR, rule->major },
		{ rule->minor >= 0, REG_MINOR, rule->minor },
	};
	int left = rule->allow ? ALLOW_LENGTH : DENY_LENGTH, r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(compare); i++)
		left += compare[i].given ? COMPARE_LENGTH : 0;
	for (size_t i = 0; i < ARRAY_SIZE(compare) && r >= 0; i++) {
		if (!compare[i].given)
			continue;
		left -= COMPARE_LENGTH;
		r = emit_compare(out, compare[i].reg, (int32_t)compare[i].value, left);
	}
	if (r < 0)
		return r;
	return rule->allow ? emit_allow(out, access_bits(rule->access)) : emit_deny(out, access_bits(rule->access));
}

int cgroup_bpf_build(const struct oci_device_rule *rules, size_t n, struct buf *out)
{
	int r = emit_start(out);

	/* Backwards: the first that matches is then the last one of the list. */
	for (size_t i = n; i > 0 && r >= 0; i--)
		if (access_bits(rules[i - 1].access))
			r = emit_rule(out, &rules[i - 1]);
	return r < 0 ? r : emit_result(out, 0);
}

static int load(const struct buf *program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)program->data;
	attr.insn_cnt = (uint32_t)(program->len / sizeof(struct bpf_insn));
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

int cgroup_bpf_attach(int dir, const char *path, const struct oci_device_rule *rules, size_t n, struct err *err)
{
	_autobuf_ struct buf program = { .max = PROGRAM_LIMIT };
	_autoclose_ int fd = -EBADF;
	union bpf_attr attr;
	int r = cgroup_bpf_build(rules, n, &program);

	if (r < 0)
		return err_set(err, r, "build the device filter of cgroup '%s'", path);
	fd = load(&program);
	if (fd < 0 && cgroup_bpf_probe() == 0)
		return 0;
	if (fd < 0)
		return err_set(err, fd, "load the device filter of cgroup '%s'", path);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	r = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
	if (r < 0)
		return err_set(err, r, "attach the device filter to cgroup '%s'", path);
	return 0;
}

int cgroup_bpf_probe(void)
{
	_autobuf_ struct buf program = BUF_INIT;
	_autoclose_ int fd = -EBADF;
	int r = cgroup_bpf_build(NULL, 0, &program);

	if (r < 0)
		return r;
	fd = load(&program);
	/* No CONFIG_BPF_SYSCALL, no CONFIG_CGROUP_BPF, not privileged (a rootless runk, a user namespace). */
	if (fd == -ENOSYS || fd == -EINVAL || fd == -EPERM)
		return 0;
	return fd < 0 ? fd : 1;
}
