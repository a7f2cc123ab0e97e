/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/syscall_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define ARGS_MAX 6 /* arguments of a system call */

/* Newer than the headers of the oldest Debian that builds this. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct word {
	const char *name;
	uint32_t value;
};

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct word flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

static const struct word architectures[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
};

static int find_word(const struct word *words, size_t n, const char *what, const char *name, uint32_t *ret,
                     struct err *err)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(words[i].name, name) == 0) {
			*ret = words[i].value;
			return 0;
		}
	return err_say(err, EINVAL, "seccomp: unknown %s '%s'", what, name ? name : "");
}

static int find_action(const char *name, bool has_data, uint32_t data, uint32_t *ret, struct err *err)
{
	static const struct word actions[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(EPERM) },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(EPERM) },
	};
	uint32_t action;
	int r;

	if (name && strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return err_say(err, ENOTSUP, "seccomp: action '%s' needs a listener, and there is none", name);
	r = find_word(actions, ARRAY_SIZE(actions), "action", name, &action, err);
	if (r < 0)
		return r;
	if (has_data && action == SCMP_ACT_ERRNO(EPERM))
		action = SCMP_ACT_ERRNO(data);
	else if (has_data && action == SCMP_ACT_TRACE(EPERM))
		action = SCMP_ACT_TRACE(data);
	*ret = action;
	return 0;
}

static int find_flags(const struct oci_strings *names, unsigned *ret, struct err *err)
{
	*ret = 0;
	for (size_t i = 0; i < names->n; i++) {
		uint32_t flag;
		int r = find_word(flags, ARRAY_SIZE(flags), "flag", names->v[i], &flag, err);

		if (r < 0)
			return r;
		*ret |= flag;
	}
	return 0;
}

static int add_architectures(scmp_filter_ctx ctx, const struct oci_strings *names, struct err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		uint32_t arch;
		int r = find_word(architectures, ARRAY_SIZE(architectures), "architecture", names->v[i], &arch, err);

		if (r == 0)
			r = seccomp_arch_add(ctx, arch);
		else
			return r;
		if (r < 0 && r != -EEXIST)
			return err_say(err, -r, "seccomp: architecture '%s' does not go with this machine's",
			               names->v[i]);
	}
	return 0;
}

/* Conditions on one argument said several times: any of them matches; on different arguments: all of them together. */
static bool has_doubles(const struct scmp_arg_cmp *conditions, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = i + 1; j < n; j++)
			if (conditions[i].arg == conditions[j].arg)
				return true;
	return false;
}

static int make_conditions(const struct oci_seccomp_rule *rule, struct scmp_arg_cmp *ret, struct err *err)
{
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct oci_seccomp_arg *arg = &rule->args[i];
		uint32_t op;
		int r = find_word(operators, ARRAY_SIZE(operators), "operator", arg->op, &op, err);

		if (r < 0)
			return r;
		if (arg->index >= ARGS_MAX)
			return err_say(err, EINVAL, "seccomp: argument index '%u' of a system call", arg->index);
		ret[i] = (struct scmp_arg_cmp){
			.arg = arg->index,
			.op = (enum scmp_compare)op,
			.datum_a = arg->value,
			.datum_b = arg->value_two,
		};
	}
	return 0;
}

static int add_name(scmp_filter_ctx ctx, const char *name, uint32_t action, const struct scmp_arg_cmp *conditions,
                    unsigned n)
{
	int r = 0, number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	if (!has_doubles(conditions, n))
		return seccomp_rule_add_array(ctx, action, number, n, conditions);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add_array(ctx, action, number, 1, &conditions[i]);
	return r;
}

static int add_rule(scmp_filter_ctx ctx, const struct oci_seccomp_rule *rule, uint32_t default_action, struct err *err)
{
	struct scmp_arg_cmp conditions[2 * ARGS_MAX];
	uint32_t action;
	int r = find_action(rule->action, rule->has_errno, rule->errno_ret, &action, err);

	if (r < 0)
		return r;
	if (rule->n_args > ARRAY_SIZE(conditions))
		return err_say(err, E2BIG, "seccomp: a rule with %zu arguments", rule->n_args);
	r = make_conditions(rule, conditions, err);
	if (r < 0)
		return r;
	/* It would change nothing, and libseccomp refuses it. */
	if (action == default_action)
		return 0;
	for (size_t i = 0; i < rule->names.n; i++) {
		r = add_name(ctx, rule->names.v[i], action, conditions, (unsigned)rule->n_args);
		if (r < 0)
			return err_set(err, r, "seccomp: add a rule for system call '%s'", rule->names.v[i]);
	}
	return 0;
}

static int export_code(scmp_filter_ctx ctx, struct syscall_filter *ret, struct err *err)
{
	_autoclose_ int fd = sys_memfd_create("seccomp", MFD_CLOEXEC);
	_autofree_ struct sock_filter *code = NULL;
	struct stat st;
	int r = fd;

	if (r >= 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r >= 0)
		r = sys_fstatat(fd, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "seccomp: compile the filter");
	if (st.st_size == 0 || (size_t)st.st_size > BPF_MAXINSNS * sizeof(*code))
		return err_say(err, E2BIG, "seccomp: the filter has %zu instructions, the kernel takes %d",
		               (size_t)st.st_size / sizeof(*code), BPF_MAXINSNS);
	code = malloc((size_t)st.st_size);
	if (!code)
		return err_set(err, ENOMEM, "seccomp: read the filter back");
	if (sys_pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
		return err_set(err, EIO, "seccomp: read the filter back");
	ret->n = (unsigned short)((size_t)st.st_size / sizeof(*code));
	ret->code = take_ptr(&code);
	return 0;
}

static void release_context(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

int syscall_filter_build(const struct oci_seccomp *spec, struct syscall_filter *ret, struct err *err)
{
	_cleanup_(release_context) scmp_filter_ctx ctx = NULL;
	struct syscall_filter filter = { 0 };
	uint32_t action;
	int r;

	if (!spec) {
		*ret = filter;
		return 0;
	}
	r = find_action(spec->default_action, spec->has_default_errno, spec->default_errno_ret, &action, err);
	if (r == 0)
		r = find_flags(&spec->flags, &filter.flags, err);
	if (r < 0)
		return r;
	ctx = seccomp_init(action);
	if (!ctx)
		return err_set(err, ENOMEM, "seccomp: make a filter");
	/* A binary tree: profiles name hundreds of calls, and each call of the container walks through them. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_architectures(ctx, &spec->architectures, err);
	for (size_t i = 0; r == 0 && i < spec->n_rules; i++)
		r = add_rule(ctx, &spec->rules[i], action, err);
	if (r == 0)
		r = export_code(ctx, &filter, err);
	if (r == 0)
		*ret = filter;
	return r;
}

int syscall_filter_load(const struct syscall_filter *filter, struct err *err)
{
	struct sock_fprog program = { .len = filter->n, .filter = filter->code };
	int r;

	if (!filter->code)
		return 0;
	r = sys_seccomp(SECCOMP_SET_MODE_FILTER, filter->flags, &program);
	return r < 0 ? err_set(err, r, "load the seccomp filter") : 0;
}

void syscall_filter_done(struct syscall_filter *filter)
{
	free(take_ptr(&filter->code));
	filter->n = 0;
}
