/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime specification as plain structs, and its JSON form. A spec and all it points to live in one arena;
 * nothing is freed singly. Absent strings are NULL, absent lists have n == 0, absent sub-objects are NULL, and numbers
 * for which 0 is a value of its own have a `has_` member. Both config.json (oci_spec_parse) and grpc.Spec
 * (proto/pboci.h) are turned into this, once, and checked there. Longer than a header may be: it is one document.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

#define OCI_LIST_MAX 65536 /* elements of any list; more is -E2BIG */

struct oci_strings {
	char **v; /* n strings and a NULL */
	size_t n;
};

struct oci_pair {
	char *key, *value;
};

struct oci_pairs {
	struct oci_pair *v;
	size_t n;
};

struct oci_user {
	uid_t uid;
	gid_t gid;
	bool has_umask;
	mode_t umask;
	gid_t *groups;
	size_t n_groups;
	char *username;
};

/* Sets are bit masks by capability number. */
struct oci_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct oci_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

/* Words as the specification has them; agent/attributes.h knows them. */
struct oci_scheduler {
	char *policy;
	int nice, priority;
	struct oci_strings flags;
	uint64_t runtime, deadline, period; /* nanoseconds, SCHED_DEADLINE */
};

struct oci_io_priority {
	char *io_class;
	int priority;
};

struct oci_cpu_affinity {
	char *initial, *final; /* lists of CPUs */
};

struct oci_process {
	bool terminal;
	unsigned console_rows, console_columns; /* 0 = not given */
	struct oci_user user;
	struct oci_strings args, env;
	char *cwd;
	struct oci_capabilities *capabilities; /* NULL = not given */
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_affinity; /* of an exec */
};

struct oci_id_map {
	uint32_t host_id, container_id, size;
};

struct oci_id_maps {
	struct oci_id_map *v;
	size_t n;
};

struct oci_mount {
	char *destination, *source, *type;
	struct oci_strings options;
	struct oci_id_maps uid_maps,
		gid_maps; /* of the file system's ids to ours; none = the container's, if asked for */
};

struct oci_hook {
	char *path;
	struct oci_strings args, env;
	int64_t timeout; /* seconds, 0 = not given */
};

struct oci_hook_list {
	struct oci_hook *v;
	size_t n;
};

struct oci_hooks {
	struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};

struct oci_namespace {
	int flag; /* CLONE_NEW* */
	char *path;
};

struct oci_device {
	char *path;
	char type; /* 'c', 'b', 'u' or 'p' */
	int64_t major, minor;
	bool has_mode; /* a mode of 0 is no mode on the wire */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct oci_device_rule {
	bool allow;
	char type;            /* 'a', 'b' or 'c' */
	int64_t major, minor; /* -1 = any */
	char access[4];       /* subset of "rwm" */
};

struct oci_weight_device {
	int64_t major, minor;
	uint16_t weight, leaf_weight;
};

struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};

struct oci_throttle {
	struct oci_throttle_device *v;
	size_t n;
};

struct oci_memory {
	/* 0 = leave alone, -1 = no limit; bytes */
	int64_t limit, reservation, swap, kernel, kernel_tcp;
	bool has_swappiness;
	uint64_t swappiness;
	bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
	uint64_t shares; /* 0 = leave alone */
	int64_t quota;   /* microseconds, 0 = leave alone, -1 = no limit */
	uint64_t period; /* microseconds, 0 = leave alone */
	int64_t realtime_runtime;
	uint64_t realtime_period;
	char *cpus, *mems;
	bool has_burst, has_idle;
	uint64_t burst; /* microseconds */
	int64_t idle;   /* 1 = SCHED_IDLE for all of it */
};

struct oci_block_io {
	uint16_t weight, leaf_weight;
	struct oci_weight_device *weight_devices;
	size_t n_weight_devices;
	struct oci_throttle read_bps, write_bps, read_iops, write_iops;
};

struct oci_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;
};

struct oci_interface_priority {
	char *name;
	uint32_t priority;
};

struct oci_network {
	bool has_class_id;
	uint32_t class_id;
	struct oci_interface_priority *priorities;
	size_t n_priorities;
};

struct oci_rdma_limit {
	char *device;
	bool has_handles, has_objects; /* not given = no limit */
	uint32_t handles, objects;
};

struct oci_rdma {
	struct oci_rdma_limit *v;
	size_t n;
};

struct oci_resources {
	struct oci_device_rule *devices;
	size_t n_devices;
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	bool has_pids;
	int64_t pids_limit; /* 0 or below = no limit */
	struct oci_block_io *block_io;
	struct oci_hugepage_limit *hugepages;
	size_t n_hugepages;
	struct oci_network *network;
	struct oci_rdma rdma;
	struct oci_pairs unified; /* cgroup v2 file name and content */
};

struct oci_seccomp_arg {
	unsigned index;
	uint64_t value, value_two;
	char *op; /* SCMP_CMP_* */
};

struct oci_seccomp_rule {
	struct oci_strings names;
	char *action; /* SCMP_ACT_* */
	bool has_errno;
	uint32_t errno_ret;
	struct oci_seccomp_arg *args;
	size_t n_args;
};

struct oci_seccomp {
	char *default_action;
	bool has_default_errno;
	uint32_t default_errno_ret;
	struct oci_strings architectures, flags;
	struct oci_seccomp_rule *rules;
	size_t n_rules;
	char *listener_path, *listener_metadata; /* for SCMP_ACT_NOTIFY */
};

struct oci_personality {
	char *domain; /* "LINUX", "LINUX32" */
	struct oci_strings flags;
};

struct oci_time_offset {
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_time_offsets {
	struct oci_time_offset *monotonic, *boottime;
};

struct oci_linux {
	struct oci_id_maps uid_maps, gid_maps;
	struct oci_pairs sysctl;
	struct oci_resources *resources;
	char *cgroups_path;
	struct oci_namespace *namespaces;
	size_t n_namespaces;
	struct oci_device *devices;
	size_t n_devices;
	struct oci_seccomp *seccomp;
	char *rootfs_propagation;
	struct oci_strings masked_paths, readonly_paths;
	char *mount_label;
	bool has_intel_rdt, has_net_devices; /* which nobody here can do */
	struct oci_personality *personality;
	struct oci_time_offsets *time_offsets;
};

struct oci_spec {
	char *version, *hostname, *domainname;
	struct oci_process *process;
	char *root_path;
	bool root_readonly;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hooks *hooks;
	struct oci_pairs annotations;
	struct oci_linux *linux; /* never NULL after parsing */
};

/* Parses a config.json of len bytes (strict, UTF-8, depth 32); the spec lives in the arena. The error names the member.
 */
int oci_spec_parse(struct arena *arena, const char *json, size_t len, struct oci_spec **ret, struct err *err);

/*
 * The same for a runtime on a host, which has to take a capability that it does not know for one that cannot be given:
 * it is left out, and its name appended to `ignored`, behind a blank.
 */
int oci_spec_parse_host(struct arena *arena, const char *json, size_t len, struct buf *ignored, struct oci_spec **ret,
                        struct err *err);

/* Parses a process object (runk exec --process); `ignored` as above, or NULL. */
int oci_process_parse(struct arena *arena, const char *json, size_t len, struct buf *ignored, struct oci_process **ret,
                      struct err *err);

/* Parses a resources object (runk update --resources). */
int oci_resources_parse(struct arena *arena, const char *json, size_t len, struct oci_resources **ret, struct err *err);

/* Appends the spec as JSON that oci_spec_parse reads back; errors of buf_add. */
int oci_spec_format(const struct oci_spec *spec, struct buf *out);

/* Appends a process object as JSON; errors of buf_add. */
int oci_process_format(const struct oci_process *process, struct buf *out);

/* Appends a resources object as JSON; errors of buf_add. */
int oci_resources_format(const struct oci_resources *resources, struct buf *out);

/* The value of an annotation, or NULL. */
const char *oci_annotation(const struct oci_spec *spec, const char *key);

/* The namespace entry with this CLONE_NEW* flag, or NULL. */
struct oci_namespace *oci_find_namespace(const struct oci_linux *lin, int flag);

/* "CAP_NET_RAW" (with or without the prefix, any case) to its number, or -EINVAL. */
int oci_capability_parse(const char *name);

/* "RLIMIT_NOFILE" to RLIMIT_NOFILE, or -EINVAL. */
int oci_rlimit_parse(const char *name);

/* "mount"/"mnt", "network"/"net", "pid", "ipc", "uts", "user", "cgroup", "time" to CLONE_NEW*, or -EINVAL. */
int oci_namespace_parse(const char *name);

/* CLONE_NEW* to the name of its file below /proc/PID/ns, or NULL. */
const char *oci_namespace_file(int flag);
