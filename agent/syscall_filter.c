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
#define X32_BIT  0x40000000

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
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
	};
	uint32_t action;
	int r;

	r = find_word(actions, ARRAY_SIZE(actions), "action", name, &action, err);
	if (r < 0)
		return r;
	if (has_data && action == SCMP_ACT_ERRNO(EPERM))
		action = SCMP_ACT_ERRNO(data);
	else if (has_data && action == SCMP_ACT_TRACE(EPERM))
		action = SCMP_ACT_TRACE(data);
	else if (has_data && data != 0) /* hosts send a 0 where nothing is meant */
		return err_say(err, EINVAL, "seccomp: action '%s' takes no errno (%u)", name, data);
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

/* The call that hands the listener over cannot wait for the listener. */
static int check_notify(const struct oci_seccomp_rule *rule, uint32_t action, struct err *err)
{
	for (size_t i = 0; i < rule->names.n && action == SCMP_ACT_NOTIFY; i++)
		if (strcmp(rule->names.v[i], "sendmsg") == 0)
			return err_say(err, EINVAL,
			               "seccomp: 'sendmsg' cannot be notified, it hands the listener over");
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct oci_seccomp_rule *rule, uint32_t default_action, bool *notifies,
                    struct err *err)
{
	struct scmp_arg_cmp conditions[2 * ARGS_MAX];
	uint32_t action;
	int r = find_action(rule->action, rule->has_errno, rule->errno_ret, &action, err);

	if (r == 0)
		r = check_notify(rule, action, err);
	if (r < 0)
		return r;
	*notifies = *notifies || action == SCMP_ACT_NOTIFY;
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

/* --- calls that are newer than the profile ------------------------------------------------------------------------ */

/* Instructions of a block, and how far its jumps go to what comes behind it. */
#define BLOCK 6

static bool forbids_the_unknown(uint32_t default_action)
{
	return default_action != SCMP_ACT_ALLOW && default_action != SCMP_ACT_LOG &&
	       (default_action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;
}

/* The highest number that the profile names, or -1. */
static int64_t highest_call(const struct oci_seccomp *spec, uint32_t arch)
{
	int64_t highest = -1;

	for (size_t i = 0; i < spec->n_rules; i++)
		for (size_t j = 0; j < spec->rules[i].names.n; j++) {
			int number = seccomp_syscall_resolve_name_arch(arch, spec->rules[i].names.v[j]);

			if (number >= 0 && number > highest)
				highest = number;
		}
	return highest;
}

static uint32_t audit_arch(uint32_t arch)
{
	return arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch;
}

/* The two ABIs of x86-64 have one architecture, and a range of numbers each. */
static uint32_t behind_range(uint32_t arch)
{
	return arch == SCMP_ARCH_X86_64 ? X32_BIT : UINT32_MAX;
}

static void add_block(struct sock_filter *at, uint32_t arch, uint32_t highest)
{
	const struct sock_filter block[BLOCK] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit_arch(arch), 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, highest, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, behind_range(arch), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	memcpy(at, block, sizeof(block));
}

/* Puts a block per architecture at `code`, which has room for all of them; how many instructions. */
static size_t add_newer_calls(const struct oci_seccomp *spec, struct sock_filter *code)
{
	size_t n = 0;

	for (size_t i = 0; i <= spec->architectures.n; i++) {
		uint32_t arch = seccomp_arch_native();
		int64_t highest;

		if (i > 0)
			(void)find_word(architectures, ARRAY_SIZE(architectures), "architecture",
			                spec->architectures.v[i - 1], &arch, NULL);
		highest = highest_call(spec, arch);
		if ((i > 0 && arch == seccomp_arch_native()) || highest < 0)
			continue;
		add_block(code + n, arch, (uint32_t)highest);
		n += BLOCK;
	}
	return n;
}

static int prepend_newer_calls(const struct oci_seccomp *spec, struct syscall_filter *filter, struct err *err)
{
	size_t room = (spec->architectures.n + 1) * BLOCK, n;
	struct sock_filter *code = calloc(room + filter->n, sizeof(*code));

	if (!code)
		return err_set(err, ENOMEM, "seccomp: make a filter");
	n = add_newer_calls(spec, code);
	if (n + filter->n > BPF_MAXINSNS) {
		free(code);
		return err_say(err, E2BIG, "seccomp: the filter has %zu instructions, the kernel takes %d",
		               n + filter->n, BPF_MAXINSNS);
	}
	memcpy(code + n, filter->code, filter->n * sizeof(*code));
	free(filter->code);
	filter->code = code;
	filter->n = (unsigned short)(n + filter->n);
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

/* The kernel refuses some combinations; the process has one thread, which TSYNC would change nothing about. */
static void set_listener_flags(struct syscall_filter *filter)
{
	if (filter->notifies)
		filter->flags =
			(filter->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC) | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else
		filter->flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

int syscall_filter_build(const struct oci_seccomp *spec, struct syscall_filter *ret, struct err *err)
{
	_cleanup_(release_context) scmp_filter_ctx ctx = NULL;
	_autofilter_ struct syscall_filter filter = { 0 };
	uint32_t action;
	int r;

	if (!spec) {
		*ret = (struct syscall_filter){ 0 };
		return 0;
	}
	r = find_action(spec->default_action, spec->has_default_errno, spec->default_errno_ret, &action, err);
	if (r == 0)
		r = find_flags(&spec->flags, &filter.flags, err);
	if (r < 0)
		return r;
	filter.notifies = action == SCMP_ACT_NOTIFY;
	ctx = seccomp_init(action);
	if (!ctx)
		return err_set(err, ENOMEM, "seccomp: make a filter");
	/* A binary tree: profiles name hundreds of calls, and each call of the container walks through them. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_architectures(ctx, &spec->architectures, err);
	for (size_t i = 0; r == 0 && i < spec->n_rules; i++)
		r = add_rule(ctx, &spec->rules[i], action, &filter.notifies, err);
	if (r == 0 && filter.notifies && (!spec->listener_path || !spec->listener_path[0]))
		r = err_say(err, EINVAL, "seccomp: action 'SCMP_ACT_NOTIFY' needs a listenerPath");
	if (r == 0)
		r = export_code(ctx, &filter, err);
	if (r == 0 && forbids_the_unknown(action))
		r = prepend_newer_calls(spec, &filter, err);
	if (r < 0)
		return r;
	set_listener_flags(&filter);
	*ret = filter;
	filter.code = NULL;
	return 0;
}

int syscall_filter_load(const struct syscall_filter *filter, int *ret_listener, struct err *err)
{
	struct sock_fprog program = { .len = filter->n, .filter = filter->code };
	int r;

	if (!filter->code)
		return 0;
	r = sys_seccomp(SECCOMP_SET_MODE_FILTER, filter->flags, &program);
	if (r < 0)
		return err_set(err, r, "load the seccomp filter");
	if (filter->notifies)
		*ret_listener = r;
	return 0;
}

void syscall_filter_done(struct syscall_filter *filter)
{
	free(take_ptr(&filter->code));
	filter->n = 0;
}
