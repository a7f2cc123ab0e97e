/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/bpf.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>

#include "tests/lib/unit.h"

/* One instruction of the few that our programs use; anything else fails the test. False at the exit. */
static bool step_program(const struct bpf_insn **pc, uint64_t reg[11], const struct bpf_cgroup_dev_ctx *ctx)
{
	const struct bpf_insn *i = (*pc)++;
	uint64_t imm = (uint64_t)(int64_t)i->imm, *dst = &reg[i->dst_reg], src = reg[i->src_reg];

	switch (i->code) {
	case BPF_LDX | BPF_MEM | BPF_W:
		assert_int_equal(i->src_reg, BPF_REG_1);
		assert_true((size_t)i->off + 4 <= sizeof(*ctx));
		*dst = *(const uint32_t *)((const char *)ctx + i->off);
		return true;
	case BPF_ALU64 | BPF_MOV | BPF_X:
		*dst = src;
		return true;
	case BPF_ALU64 | BPF_MOV | BPF_K:
		*dst = imm;
		return true;
	case BPF_ALU64 | BPF_AND | BPF_K:
		*dst &= imm;
		return true;
	case BPF_ALU64 | BPF_XOR | BPF_K:
		*dst ^= imm;
		return true;
	case BPF_ALU64 | BPF_RSH | BPF_K:
		*dst >>= i->imm;
		return true;
	case BPF_JMP | BPF_JNE | BPF_K:
		*pc += *dst != imm ? i->off : 0;
		return true;
	case BPF_JMP | BPF_JEQ | BPF_K:
		*pc += *dst == imm ? i->off : 0;
		return true;
	case BPF_JMP | BPF_EXIT:
		return false;
	default:
		fail_msg("instruction 0x%x", i->code);
		return false;
	}
}

static bool run(const struct oci_device_rule *rules, size_t n, char type, uint32_t major, uint32_t minor,
                const char *access)
{
	_autobuf_ struct buf program = BUF_INIT;
	uint32_t bits =
		(strchr(access, 'm') ? 1U : 0) | (strchr(access, 'r') ? 2U : 0) | (strchr(access, 'w') ? 4U : 0);
	struct bpf_cgroup_dev_ctx ctx = { .access_type = bits << 16 | (type == 'b' ? 1 : 2), major, minor };
	uint64_t reg[11] = { 0 };
	const struct bpf_insn *pc, *end;

	assert_int_equal(cgroup_bpf_build(rules, n, &program), 0);
	pc = (const struct bpf_insn *)(const void *)program.data;
	end = pc + program.len / sizeof(*pc);
	do {
		assert_true(pc < end);
	} while (step_program(&pc, reg, &ctx));
	return reg[0] == 1;
}

static void no_rules_deny_everything(void **state)
{
	(void)state;
	assert_false(run(NULL, 0, 'c', 1, 3, "r"));
	assert_false(run(NULL, 0, 'b', 8, 0, "m"));
}

static void rules_match_type_numbers_and_access(void **state)
{
	static const struct oci_device_rule rules[] = {
		{ .allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rwm" },
		{ .allow = true, .type = 'c', .major = 136, .minor = -1, .access = "rw" },
		{ .allow = true, .type = 'b', .major = -1, .minor = -1, .access = "m" },
		{ .allow = true, .type = 'a', .major = 7, .minor = 7, .access = "r" },
		{ .allow = true, .type = 'c', .major = 0, .minor = 9, .access = "r" },
	};
	static const struct {
		char type;
		uint32_t major, minor;
		const char *access;
		bool allowed;
	} rows[] = {
		{ 'c', 1, 3, "rw", true },   { 'c', 1, 3, "rwm", true },  { 'c', 1, 4, "r", false },
		{ 'c', 2, 3, "r", false },   { 'b', 1, 3, "r", false },   { 'c', 136, 0, "rw", true },
		{ 'c', 136, 99, "r", true }, { 'c', 136, 9, "m", false }, { 'b', 8, 0, "m", true },
		{ 'b', 8, 0, "rm", false },  { 'b', 7, 7, "r", true },    { 'b', 7, 7, "rm", true },
		{ 'c', 7, 7, "r", true },    { 'c', 7, 7, "rw", false },  { 'c', 0, 9, "r", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool allowed = run(rules, 5, rows[i].type, rows[i].major, rows[i].minor, rows[i].access);

		if (allowed != rows[i].allowed)
			fail_msg("%c %u:%u %s", rows[i].type, rows[i].major, rows[i].minor, rows[i].access);
	}
}

static void last_match_decides_each_access(void **state)
{
	static const struct oci_device_rule rules[] = {
		{ .allow = true, .type = 'a', .major = -1, .minor = -1, .access = "rwm" },
		{ .allow = false, .type = 'b', .major = 8, .minor = -1, .access = "rw" },
		{ .allow = true, .type = 'b', .major = 8, .minor = 1, .access = "r" },
		{ .allow = false, .type = 'c', .major = 9, .minor = 9, .access = "" },
	};

	(void)state;
	assert_true(run(rules, 4, 'c', 5, 5, "rwm"));
	assert_true(run(rules, 4, 'b', 9, 0, "rw"));
	assert_true(run(rules, 4, 'b', 8, 0, "m"));
	assert_false(run(rules, 4, 'b', 8, 0, "r"));
	assert_false(run(rules, 4, 'b', 8, 0, "wm"));
	assert_true(run(rules, 4, 'b', 8, 1, "r"));
	assert_true(run(rules, 4, 'b', 8, 1, "rm"));
	assert_false(run(rules, 4, 'b', 8, 1, "rw"));
	assert_true(run(rules, 4, 'c', 9, 9, "rwm"));
	assert_false(run(rules, 2, 'b', 8, 1, "r"));
}

int test_bpf(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_deny_everything),
		cmocka_unit_test(rules_match_type_numbers_and_access),
		cmocka_unit_test(last_match_decides_each_access),
	};

	return cmocka_run_group_tests_name("bpf", tests, NULL, NULL);
}
