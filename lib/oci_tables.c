/* SPDX-License-Identifier: Apache-2.0 */
/* Which member of config.json is which member of our structs. Members that are not here are ignored, as OCI says. */
#include <errno.h>
#include <string.h>

#include "lib/oci_names.h"
#include "lib/oci_table.h"

#define AT(type, member)  .offset = offsetof(struct type, member)
#define LEN(type, member) .aside = offsetof(struct type, member)
#define HAS(type, member) .aside = offsetof(struct type, member) + 1
#define TABLE(type, list)                                                                                              \
	{                                                                                                              \
		.size = sizeof(struct type), .members = list, .n = ARRAY_SIZE(list)                                    \
	}

static int unknown(struct oci_reader *r, const char *what, const char *name)
{
	return jsontext_say(&r->path, r->err, EINVAL, "unknown %s '%s'", what, name);
}

static int ignore_capability(struct oci_reader *r, const char *name)
{
	int rc;

	if (!r->ignored)
		return unknown(r, "capability", name);
	if (strstr(buf_str(r->ignored), name))
		return 0;
	rc = buf_printf(r->ignored, "%s%s", r->ignored->len > 0 ? " " : "", name);
	return rc < 0 ? err_set(r->err, rc, "parse JSON") : 0;
}

static int parse_capabilities(struct oci_reader *r, struct json_object *value, void *member)
{
	uint64_t set = 0;

	if (!json_object_is_type(value, json_type_array))
		return jsontext_expected(&r->path, r->err, "an array", value);
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		size_t old = jsontext_path_push_index(&r->path, i);
		const char *name = NULL;
		int number, rc;

		rc = jsontext_string(&r->path, json_object_array_get_idx(value, i), &name, r->err);
		if (rc < 0)
			return rc;
		number = oci_capability_parse(name);
		rc = number < 0 ? ignore_capability(r, name) : 0;
		if (rc < 0)
			return rc;
		set |= number < 0 ? 0 : UINT64_C(1) << number;
		jsontext_path_pop(&r->path, old);
	}
	*(uint64_t *)member = set;
	return 0;
}

static struct json_object *format_capabilities(const void *member)
{
	uint64_t set = *(const uint64_t *)member;
	struct json_object *array = set ? json_object_new_array() : NULL;

	for (int i = 0; array && i < 64; i++)
		if (set >> i & 1 && oci_capability_name(i))
			(void)json_object_array_add(array, json_object_new_string(oci_capability_name(i)));
	return array;
}

static const struct oci_custom capability_set = { parse_capabilities, format_capabilities };

/* A name that a function turns into a number. */
static int parse_name(struct oci_reader *r, struct json_object *value, const char *what, int (*parse)(const char *),
                      int *ret)
{
	const char *name = NULL;
	int rc;

	rc = jsontext_string(&r->path, value, &name, r->err);
	if (rc < 0)
		return rc;
	rc = parse(name);
	if (rc < 0)
		return unknown(r, what, name);
	*ret = rc;
	return 0;
}

static struct json_object *format_name(const char *name)
{
	return name ? json_object_new_string(name) : NULL;
}

static int parse_rlimit(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_name(r, value, "resource limit", oci_rlimit_parse, member);
}

static struct json_object *format_rlimit(const void *member)
{
	return format_name(oci_rlimit_name(*(const int *)member));
}

static const struct oci_custom rlimit_type = { parse_rlimit, format_rlimit };

static int parse_namespace(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_name(r, value, "namespace", oci_namespace_parse, member);
}

static struct json_object *format_namespace(const void *member)
{
	return format_name(oci_namespace_name(*(const int *)member));
}

static const struct oci_custom namespace_type = { parse_namespace, format_namespace };

static int parse_letter(struct oci_reader *r, struct json_object *value, int (*parse)(const char *), void *member)
{
	int letter = 0, rc;

	rc = parse_name(r, value, "device type", parse, &letter);
	if (rc == 0)
		*(char *)member = (char)letter;
	return rc;
}

static int parse_device_type(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_letter(r, value, oci_device_type_parse, member);
}

static int parse_rule_type(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_letter(r, value, oci_device_rule_type_parse, member);
}

static struct json_object *format_letter(const void *member)
{
	return *(const char *)member ? json_object_new_string_len(member, 1) : NULL;
}

static const struct oci_custom device_type = { parse_device_type, format_letter };
static const struct oci_custom rule_type = { parse_rule_type, format_letter };

static int parse_access(struct oci_reader *r, struct json_object *value, void *member)
{
	const char *text = NULL;
	int rc;

	rc = jsontext_string(&r->path, value, &text, r->err);
	if (rc == 0 && oci_device_access_parse(text, member) < 0)
		return unknown(r, "device access", text);
	return rc;
}

static struct json_object *format_access(const void *member)
{
	return json_object_new_string(member);
}

static const struct oci_custom device_access = { parse_access, format_access };

static struct json_object *format_device_number(const void *member)
{
	int64_t n = *(const int64_t *)member;

	return n >= 0 ? json_object_new_int64(n) : NULL;
}

static int parse_device_number(struct oci_reader *r, struct json_object *value, void *member)
{
	return jsontext_int64(&r->path, value, INT64_MIN, INT64_MAX, member, r->err);
}

static const struct oci_custom rule_number = { parse_device_number, format_device_number };

static int parse_known(struct oci_reader *r, struct json_object *value, const char *what,
                       bool (*is_known)(const char *), char **ret)
{
	char *name = NULL;
	int rc;

	rc = oci_read_string(r, value, &name);
	if (rc < 0)
		return rc;
	if (!is_known(name))
		return unknown(r, what, name);
	*ret = name;
	return 0;
}

static int parse_action(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_known(r, value, "seccomp action", oci_is_seccomp_action, member);
}

static int parse_op(struct oci_reader *r, struct json_object *value, void *member)
{
	return parse_known(r, value, "seccomp operator", oci_is_seccomp_op, member);
}

static struct json_object *format_string(const void *member)
{
	return format_name(*(char *const *)member);
}

static const struct oci_custom seccomp_action = { parse_action, format_string };
static const struct oci_custom seccomp_op = { parse_op, format_string };

static int parse_presence(struct oci_reader *r, struct json_object *value, void *member)
{
	if (!json_object_is_type(value, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", value);
	*(bool *)member = true;
	return 0;
}

static struct json_object *format_presence(const void *member)
{
	return *(const bool *)member ? json_object_new_object() : NULL;
}

static const struct oci_custom presence = { parse_presence, format_presence };

static const struct oci_member console_members[] = {
	{ "height", OCI_KIND_U32, AT(oci_process, console_rows) },
	{ "width", OCI_KIND_U32, AT(oci_process, console_columns) },
};
static const struct oci_table console_table = TABLE(oci_process, console_members);

static const struct oci_member user_members[] = {
	{ "uid", OCI_KIND_U32, AT(oci_user, uid), .always = true },
	{ "gid", OCI_KIND_U32, AT(oci_user, gid), .always = true },
	{ "umask", OCI_KIND_U32, AT(oci_user, umask), HAS(oci_user, has_umask) },
	{ "additionalGids", OCI_KIND_U32_LIST, AT(oci_user, groups), LEN(oci_user, n_groups) },
	{ "username", OCI_KIND_STRING, AT(oci_user, username) },
};
static const struct oci_table user_table = TABLE(oci_user, user_members);

static const struct oci_member capabilities_members[] = {
	{ "bounding", OCI_KIND_CUSTOM, AT(oci_capabilities, bounding), .custom = &capability_set },
	{ "effective", OCI_KIND_CUSTOM, AT(oci_capabilities, effective), .custom = &capability_set },
	{ "inheritable", OCI_KIND_CUSTOM, AT(oci_capabilities, inheritable), .custom = &capability_set },
	{ "permitted", OCI_KIND_CUSTOM, AT(oci_capabilities, permitted), .custom = &capability_set },
	{ "ambient", OCI_KIND_CUSTOM, AT(oci_capabilities, ambient), .custom = &capability_set },
};
static const struct oci_table capabilities_table = TABLE(oci_capabilities, capabilities_members);

static const struct oci_member rlimit_members[] = {
	{ "type", OCI_KIND_CUSTOM, AT(oci_rlimit, resource), .required = true, .custom = &rlimit_type },
	{ "hard", OCI_KIND_U64, AT(oci_rlimit, hard), .required = true },
	{ "soft", OCI_KIND_U64, AT(oci_rlimit, soft), .required = true },
};
static const struct oci_table rlimit_table = TABLE(oci_rlimit, rlimit_members);

static const struct oci_member scheduler_members[] = {
	{ "policy", OCI_KIND_STRING, AT(oci_scheduler, policy), .required = true },
	{ "nice", OCI_KIND_INT, AT(oci_scheduler, nice) },
	{ "priority", OCI_KIND_INT, AT(oci_scheduler, priority) },
	{ "flags", OCI_KIND_STRINGS, AT(oci_scheduler, flags) },
	{ "runtime", OCI_KIND_U64, AT(oci_scheduler, runtime) },
	{ "deadline", OCI_KIND_U64, AT(oci_scheduler, deadline) },
	{ "period", OCI_KIND_U64, AT(oci_scheduler, period) },
};
static const struct oci_table scheduler_table = TABLE(oci_scheduler, scheduler_members);

static const struct oci_member io_priority_members[] = {
	{ "class", OCI_KIND_STRING, AT(oci_io_priority, io_class), .required = true },
	{ "priority", OCI_KIND_INT, AT(oci_io_priority, priority), .always = true },
};
static const struct oci_table io_priority_table = TABLE(oci_io_priority, io_priority_members);

static const struct oci_member cpu_affinity_members[] = {
	{ "initial", OCI_KIND_STRING, AT(oci_cpu_affinity, initial) },
	{ "final", OCI_KIND_STRING, AT(oci_cpu_affinity, final) },
};
static const struct oci_table cpu_affinity_table = TABLE(oci_cpu_affinity, cpu_affinity_members);

static const struct oci_member process_members[] = {
	{ "terminal", OCI_KIND_BOOL, AT(oci_process, terminal) },
	{ "consoleSize", OCI_KIND_STRUCT, .table = &console_table },
	{ "user", OCI_KIND_STRUCT, AT(oci_process, user), .table = &user_table },
	{ "args", OCI_KIND_STRINGS, AT(oci_process, args) },
	{ "env", OCI_KIND_STRINGS, AT(oci_process, env) },
	{ "cwd", OCI_KIND_STRING, AT(oci_process, cwd) },
	{ "capabilities", OCI_KIND_POINTER, AT(oci_process, capabilities), .table = &capabilities_table },
	{ "rlimits", OCI_KIND_LIST, AT(oci_process, rlimits), LEN(oci_process, n_rlimits), .table = &rlimit_table },
	{ "noNewPrivileges", OCI_KIND_BOOL, AT(oci_process, no_new_privileges) },
	{ "apparmorProfile", OCI_KIND_STRING, AT(oci_process, apparmor_profile) },
	{ "oomScoreAdj", OCI_KIND_INT, AT(oci_process, oom_score_adj), HAS(oci_process, has_oom_score_adj) },
	{ "selinuxLabel", OCI_KIND_STRING, AT(oci_process, selinux_label) },
	{ "scheduler", OCI_KIND_POINTER, AT(oci_process, scheduler), .table = &scheduler_table },
	{ "ioPriority", OCI_KIND_POINTER, AT(oci_process, io_priority), .table = &io_priority_table },
	{ "execCPUAffinity", OCI_KIND_POINTER, AT(oci_process, exec_affinity), .table = &cpu_affinity_table },
};
const struct oci_table oci_process_table = TABLE(oci_process, process_members);

static const struct oci_member id_map_members[] = {
	{ "containerID", OCI_KIND_U32, AT(oci_id_map, container_id), .required = true },
	{ "hostID", OCI_KIND_U32, AT(oci_id_map, host_id), .required = true },
	{ "size", OCI_KIND_U32, AT(oci_id_map, size), .required = true },
};
static const struct oci_table id_map_table = TABLE(oci_id_map, id_map_members);

static const struct oci_member mount_members[] = {
	{ "destination", OCI_KIND_STRING, AT(oci_mount, destination), .required = true },
	{ "source", OCI_KIND_STRING, AT(oci_mount, source) },
	{ "type", OCI_KIND_STRING, AT(oci_mount, type) },
	{ "options", OCI_KIND_STRINGS, AT(oci_mount, options) },
	{ "uidMappings", OCI_KIND_LIST, AT(oci_mount, uid_maps.v), LEN(oci_mount, uid_maps.n), .table = &id_map_table },
	{ "gidMappings", OCI_KIND_LIST, AT(oci_mount, gid_maps.v), LEN(oci_mount, gid_maps.n), .table = &id_map_table },
};
static const struct oci_table mount_table = TABLE(oci_mount, mount_members);

static const struct oci_member hook_members[] = {
	{ "path", OCI_KIND_STRING, AT(oci_hook, path), .required = true },
	{ "args", OCI_KIND_STRINGS, AT(oci_hook, args) },
	{ "env", OCI_KIND_STRINGS, AT(oci_hook, env) },
	{ "timeout", OCI_KIND_I64, AT(oci_hook, timeout) },
};
static const struct oci_table hook_table = TABLE(oci_hook, hook_members);

#define HOOKS(json, member)                                                                                            \
	{                                                                                                              \
		json, OCI_KIND_LIST, AT(oci_hooks, member.v), LEN(oci_hooks, member.n), .table = &hook_table           \
	}
static const struct oci_member hooks_members[] = {
	HOOKS("prestart", prestart),
	HOOKS("createRuntime", create_runtime),
	HOOKS("createContainer", create_container),
	HOOKS("startContainer", start_container),
	HOOKS("poststart", poststart),
	HOOKS("poststop", poststop),
};
static const struct oci_table hooks_table = TABLE(oci_hooks, hooks_members);

static const struct oci_member namespace_members[] = {
	{ "type", OCI_KIND_CUSTOM, AT(oci_namespace, flag), .required = true, .custom = &namespace_type },
	{ "path", OCI_KIND_STRING, AT(oci_namespace, path) },
};
static const struct oci_table namespace_table = TABLE(oci_namespace, namespace_members);

static const struct oci_member device_members[] = {
	{ "path", OCI_KIND_STRING, AT(oci_device, path), .required = true },
	{ "type", OCI_KIND_CUSTOM, AT(oci_device, type), .required = true, .custom = &device_type },
	{ "major", OCI_KIND_I64, AT(oci_device, major), .always = true },
	{ "minor", OCI_KIND_I64, AT(oci_device, minor), .always = true },
	{ "fileMode", OCI_KIND_U32, AT(oci_device, mode), HAS(oci_device, has_mode) },
	{ "uid", OCI_KIND_U32, AT(oci_device, uid) },
	{ "gid", OCI_KIND_U32, AT(oci_device, gid) },
};
static const struct oci_table device_table = TABLE(oci_device, device_members);

static void init_rule(void *object)
{
	struct oci_device_rule *rule = object;

	*rule = (struct oci_device_rule){ .type = 'a', .major = -1, .minor = -1, .access = "rwm" };
}

static const struct oci_member rule_members[] = {
	{ "allow", OCI_KIND_BOOL, AT(oci_device_rule, allow), .required = true },
	{ "type", OCI_KIND_CUSTOM, AT(oci_device_rule, type), .custom = &rule_type },
	{ "major", OCI_KIND_CUSTOM, AT(oci_device_rule, major), .custom = &rule_number },
	{ "minor", OCI_KIND_CUSTOM, AT(oci_device_rule, minor), .custom = &rule_number },
	{ "access", OCI_KIND_CUSTOM, AT(oci_device_rule, access), .custom = &device_access },
};
static const struct oci_table rule_table = {
	.size = sizeof(struct oci_device_rule),
	.members = rule_members,
	.n = ARRAY_SIZE(rule_members),
	.init = init_rule,
};

static const struct oci_member memory_members[] = {
	{ "limit", OCI_KIND_I64, AT(oci_memory, limit) },
	{ "reservation", OCI_KIND_I64, AT(oci_memory, reservation) },
	{ "swap", OCI_KIND_I64, AT(oci_memory, swap) },
	{ "kernel", OCI_KIND_I64, AT(oci_memory, kernel) },
	{ "kernelTCP", OCI_KIND_I64, AT(oci_memory, kernel_tcp) },
	{ "swappiness", OCI_KIND_U64, AT(oci_memory, swappiness), HAS(oci_memory, has_swappiness) },
	{ "disableOOMKiller", OCI_KIND_BOOL, AT(oci_memory, disable_oom_killer) },
	{ "useHierarchy", OCI_KIND_BOOL, AT(oci_memory, use_hierarchy) },
	{ "checkBeforeUpdate", OCI_KIND_BOOL, AT(oci_memory, check_before_update) },
};
static const struct oci_table memory_table = TABLE(oci_memory, memory_members);

static const struct oci_member cpu_members[] = {
	{ "shares", OCI_KIND_U64, AT(oci_cpu, shares) },
	{ "quota", OCI_KIND_I64, AT(oci_cpu, quota) },
	{ "period", OCI_KIND_U64, AT(oci_cpu, period) },
	{ "realtimeRuntime", OCI_KIND_I64, AT(oci_cpu, realtime_runtime) },
	{ "realtimePeriod", OCI_KIND_U64, AT(oci_cpu, realtime_period) },
	{ "cpus", OCI_KIND_STRING, AT(oci_cpu, cpus) },
	{ "mems", OCI_KIND_STRING, AT(oci_cpu, mems) },
	{ "burst", OCI_KIND_U64, AT(oci_cpu, burst), HAS(oci_cpu, has_burst) },
	{ "idle", OCI_KIND_I64, AT(oci_cpu, idle), HAS(oci_cpu, has_idle) },
};
static const struct oci_table cpu_table = TABLE(oci_cpu, cpu_members);

static const struct oci_member pids_members[] = {
	{ "limit", OCI_KIND_I64, AT(oci_resources, pids_limit), HAS(oci_resources, has_pids) },
};
static const struct oci_table pids_table = TABLE(oci_resources, pids_members);

static const struct oci_member weight_members[] = {
	{ "major", OCI_KIND_I64, AT(oci_weight_device, major), .required = true },
	{ "minor", OCI_KIND_I64, AT(oci_weight_device, minor), .required = true },
	{ "weight", OCI_KIND_U16, AT(oci_weight_device, weight) },
	{ "leafWeight", OCI_KIND_U16, AT(oci_weight_device, leaf_weight) },
};
static const struct oci_table weight_table = TABLE(oci_weight_device, weight_members);

static const struct oci_member throttle_members[] = {
	{ "major", OCI_KIND_I64, AT(oci_throttle_device, major), .required = true },
	{ "minor", OCI_KIND_I64, AT(oci_throttle_device, minor), .required = true },
	{ "rate", OCI_KIND_U64, AT(oci_throttle_device, rate), .required = true },
};
static const struct oci_table throttle_table = TABLE(oci_throttle_device, throttle_members);

#define THROTTLE(json, member)                                                                                         \
	{                                                                                                              \
		json, OCI_KIND_LIST, AT(oci_block_io, member.v), LEN(oci_block_io, member.n), .table = &throttle_table \
	}
static const struct oci_member block_io_members[] = {
	{ "weight", OCI_KIND_U16, AT(oci_block_io, weight) },
	{ "leafWeight", OCI_KIND_U16, AT(oci_block_io, leaf_weight) },
	{ "weightDevice", OCI_KIND_LIST, AT(oci_block_io, weight_devices), LEN(oci_block_io, n_weight_devices),
	  .table = &weight_table },
	THROTTLE("throttleReadBpsDevice", read_bps),
	THROTTLE("throttleWriteBpsDevice", write_bps),
	THROTTLE("throttleReadIOPSDevice", read_iops),
	THROTTLE("throttleWriteIOPSDevice", write_iops),
};
static const struct oci_table block_io_table = TABLE(oci_block_io, block_io_members);

static const struct oci_member hugepage_members[] = {
	{ "pageSize", OCI_KIND_STRING, AT(oci_hugepage_limit, page_size), .required = true },
	{ "limit", OCI_KIND_U64, AT(oci_hugepage_limit, limit), .required = true },
};
static const struct oci_table hugepage_table = TABLE(oci_hugepage_limit, hugepage_members);

static const struct oci_member priority_members[] = {
	{ "name", OCI_KIND_STRING, AT(oci_interface_priority, name), .required = true },
	{ "priority", OCI_KIND_U32, AT(oci_interface_priority, priority), .required = true },
};
static const struct oci_table priority_table = TABLE(oci_interface_priority, priority_members);

static const struct oci_member network_members[] = {
	{ "classID", OCI_KIND_U32, AT(oci_network, class_id), HAS(oci_network, has_class_id) },
	{ "priorities", OCI_KIND_LIST, AT(oci_network, priorities), LEN(oci_network, n_priorities),
	  .table = &priority_table },
};
static const struct oci_table network_table = TABLE(oci_network, network_members);

static const struct oci_member rdma_members[] = {
	{ "hcaHandles", OCI_KIND_U32, AT(oci_rdma_limit, handles), HAS(oci_rdma_limit, has_handles) },
	{ "hcaObjects", OCI_KIND_U32, AT(oci_rdma_limit, objects), HAS(oci_rdma_limit, has_objects) },
};
static const struct oci_table rdma_table = TABLE(oci_rdma_limit, rdma_members);

/* An object with the name of a device for each key. */
static int parse_rdma(struct oci_reader *r, struct json_object *value, void *member)
{
	struct oci_rdma list = { 0 };
	int rc;

	if (!json_object_is_type(value, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", value);
	if (json_object_object_length(value) > OCI_LIST_MAX)
		return jsontext_say(&r->path, r->err, E2BIG, "more than %d members", OCI_LIST_MAX);
	list.v = arena_array(r->arena, (size_t)json_object_object_length(value), sizeof(*list.v));
	if (!list.v)
		return jsontext_say(&r->path, r->err, ENOMEM, "out of memory");
	json_object_object_foreach(value, key, limits)
	{
		size_t old = jsontext_path_push(&r->path, key);

		rc = oci_table_parse(r, &rdma_table, limits, &list.v[list.n]);
		if (rc < 0)
			return rc;
		list.v[list.n].device = arena_strdup(r->arena, key);
		if (!list.v[list.n++].device)
			return jsontext_say(&r->path, r->err, ENOMEM, "out of memory");
		jsontext_path_pop(&r->path, old);
	}
	*(struct oci_rdma *)member = list;
	return 0;
}

static struct json_object *format_rdma(const void *member)
{
	const struct oci_rdma *list = member;
	struct json_object *object = list->n > 0 ? json_object_new_object() : NULL;

	for (size_t i = 0; object && i < list->n; i++)
		(void)json_object_object_add(object, list->v[i].device, oci_table_format(&rdma_table, &list->v[i]));
	return object;
}

static const struct oci_custom rdma_list = { parse_rdma, format_rdma };

static const struct oci_member resources_members[] = {
	{ "devices", OCI_KIND_LIST, AT(oci_resources, devices), LEN(oci_resources, n_devices), .table = &rule_table },
	{ "memory", OCI_KIND_POINTER, AT(oci_resources, memory), .table = &memory_table },
	{ "cpu", OCI_KIND_POINTER, AT(oci_resources, cpu), .table = &cpu_table },
	{ "pids", OCI_KIND_STRUCT, .table = &pids_table },
	{ "blockIO", OCI_KIND_POINTER, AT(oci_resources, block_io), .table = &block_io_table },
	{ "hugepageLimits", OCI_KIND_LIST, AT(oci_resources, hugepages), LEN(oci_resources, n_hugepages),
	  .table = &hugepage_table },
	{ "network", OCI_KIND_POINTER, AT(oci_resources, network), .table = &network_table },
	{ "rdma", OCI_KIND_CUSTOM, AT(oci_resources, rdma), .custom = &rdma_list },
	{ "unified", OCI_KIND_PAIRS, AT(oci_resources, unified) },
};
const struct oci_table oci_resources_table = TABLE(oci_resources, resources_members);

static const struct oci_member arg_members[] = {
	{ "index", OCI_KIND_U32, AT(oci_seccomp_arg, index), .required = true },
	{ "value", OCI_KIND_U64, AT(oci_seccomp_arg, value), .required = true },
	{ "valueTwo", OCI_KIND_U64, AT(oci_seccomp_arg, value_two) },
	{ "op", OCI_KIND_CUSTOM, AT(oci_seccomp_arg, op), .required = true, .custom = &seccomp_op },
};
static const struct oci_table arg_table = TABLE(oci_seccomp_arg, arg_members);

static const struct oci_member syscall_members[] = {
	{ "names", OCI_KIND_STRINGS, AT(oci_seccomp_rule, names), .required = true },
	{ "action", OCI_KIND_CUSTOM, AT(oci_seccomp_rule, action), .required = true, .custom = &seccomp_action },
	{ "errnoRet", OCI_KIND_U32, AT(oci_seccomp_rule, errno_ret), HAS(oci_seccomp_rule, has_errno) },
	{ "args", OCI_KIND_LIST, AT(oci_seccomp_rule, args), LEN(oci_seccomp_rule, n_args), .table = &arg_table },
};
static const struct oci_table syscall_table = TABLE(oci_seccomp_rule, syscall_members);

static const struct oci_member seccomp_members[] = {
	{ "defaultAction", OCI_KIND_CUSTOM, AT(oci_seccomp, default_action), .required = true,
	  .custom = &seccomp_action },
	{ "defaultErrnoRet", OCI_KIND_U32, AT(oci_seccomp, default_errno_ret), HAS(oci_seccomp, has_default_errno) },
	{ "architectures", OCI_KIND_STRINGS, AT(oci_seccomp, architectures) },
	{ "flags", OCI_KIND_STRINGS, AT(oci_seccomp, flags) },
	{ "listenerPath", OCI_KIND_STRING, AT(oci_seccomp, listener_path) },
	{ "listenerMetadata", OCI_KIND_STRING, AT(oci_seccomp, listener_metadata) },
	{ "syscalls", OCI_KIND_LIST, AT(oci_seccomp, rules), LEN(oci_seccomp, n_rules), .table = &syscall_table },
};
static const struct oci_table seccomp_table = TABLE(oci_seccomp, seccomp_members);

static const struct oci_member personality_members[] = {
	{ "domain", OCI_KIND_STRING, AT(oci_personality, domain), .required = true },
	{ "flags", OCI_KIND_STRINGS, AT(oci_personality, flags) },
};
static const struct oci_table personality_table = TABLE(oci_personality, personality_members);

static const struct oci_member time_offset_members[] = {
	{ "secs", OCI_KIND_I64, AT(oci_time_offset, secs), .always = true },
	{ "nanosecs", OCI_KIND_U32, AT(oci_time_offset, nanosecs) },
};
static const struct oci_table time_offset_table = TABLE(oci_time_offset, time_offset_members);

static const struct oci_member time_offsets_members[] = {
	{ "monotonic", OCI_KIND_POINTER, AT(oci_time_offsets, monotonic), .table = &time_offset_table },
	{ "boottime", OCI_KIND_POINTER, AT(oci_time_offsets, boottime), .table = &time_offset_table },
};
static const struct oci_table time_offsets_table = TABLE(oci_time_offsets, time_offsets_members);

static const struct oci_member linux_members[] = {
	{ "uidMappings", OCI_KIND_LIST, AT(oci_linux, uid_maps.v), LEN(oci_linux, uid_maps.n), .table = &id_map_table },
	{ "gidMappings", OCI_KIND_LIST, AT(oci_linux, gid_maps.v), LEN(oci_linux, gid_maps.n), .table = &id_map_table },
	{ "sysctl", OCI_KIND_PAIRS, AT(oci_linux, sysctl) },
	{ "resources", OCI_KIND_POINTER, AT(oci_linux, resources), .table = &oci_resources_table },
	{ "cgroupsPath", OCI_KIND_STRING, AT(oci_linux, cgroups_path) },
	{ "namespaces", OCI_KIND_LIST, AT(oci_linux, namespaces), LEN(oci_linux, n_namespaces),
	  .table = &namespace_table },
	{ "devices", OCI_KIND_LIST, AT(oci_linux, devices), LEN(oci_linux, n_devices), .table = &device_table },
	{ "seccomp", OCI_KIND_POINTER, AT(oci_linux, seccomp), .table = &seccomp_table },
	{ "rootfsPropagation", OCI_KIND_STRING, AT(oci_linux, rootfs_propagation) },
	{ "maskedPaths", OCI_KIND_STRINGS, AT(oci_linux, masked_paths) },
	{ "readonlyPaths", OCI_KIND_STRINGS, AT(oci_linux, readonly_paths) },
	{ "mountLabel", OCI_KIND_STRING, AT(oci_linux, mount_label) },
	{ "intelRdt", OCI_KIND_CUSTOM, AT(oci_linux, has_intel_rdt), .custom = &presence },
	{ "netDevices", OCI_KIND_CUSTOM, AT(oci_linux, has_net_devices), .custom = &presence },
	{ "personality", OCI_KIND_POINTER, AT(oci_linux, personality), .table = &personality_table },
	{ "timeOffsets", OCI_KIND_POINTER, AT(oci_linux, time_offsets), .table = &time_offsets_table },
};
static const struct oci_table linux_table = TABLE(oci_linux, linux_members);

static const struct oci_member root_members[] = {
	{ "path", OCI_KIND_STRING, AT(oci_spec, root_path), .required = true },
	{ "readonly", OCI_KIND_BOOL, AT(oci_spec, root_readonly) },
};
static const struct oci_table root_table = TABLE(oci_spec, root_members);

static const struct oci_member spec_members[] = {
	{ "ociVersion", OCI_KIND_STRING, AT(oci_spec, version) },
	{ "process", OCI_KIND_POINTER, AT(oci_spec, process), .table = &oci_process_table },
	{ "root", OCI_KIND_STRUCT, .table = &root_table },
	{ "hostname", OCI_KIND_STRING, AT(oci_spec, hostname) },
	{ "domainname", OCI_KIND_STRING, AT(oci_spec, domainname) },
	{ "mounts", OCI_KIND_LIST, AT(oci_spec, mounts), LEN(oci_spec, n_mounts), .table = &mount_table },
	{ "hooks", OCI_KIND_POINTER, AT(oci_spec, hooks), .table = &hooks_table },
	{ "annotations", OCI_KIND_PAIRS, AT(oci_spec, annotations) },
	{ "linux", OCI_KIND_POINTER, AT(oci_spec, linux), .table = &linux_table },
};
const struct oci_table oci_spec_table = TABLE(oci_spec, spec_members);
