/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container: its spec, its cgroup, its processes, and its life cycle (the table in container.c, drawn in
 * docs/STATES). Owned by the sandbox. Everything that may block runs in jobs; completions as in completion.h.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "agent/completion.h"
#include "agent/devices_spec.h"
#include "agent/mount/storage.h"
#include "agent/passfd.h"
#include "agent/process.h"
#include "lib/arena.h"
#include "lib/oci.h"

#define CONTAINER_EXITED_EXECS_MAX 1024 /* records of ended execs that are kept */
#define CONTAINER_PROCESSES_MAX    8192

struct sandbox;
struct shared_mount;

enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,  /* its init has exited */
	CONTAINER_REMOVING, /* teardown runs; nothing else is allowed */
	CONTAINER_STATE_MAX,
	CONTAINER_STATE_INVALID = -22, /* -EINVAL */
};

/* What CreateContainer asks for; lives in its own arena, which goes to the container. */
struct container_config {
	struct arena arena;
	char *id;
	struct oci_spec *spec;
	struct storage_config *storages;
	size_t n_storages;
	struct device_config *devices;
	size_t n_devices;
	struct oci_strings cdi_devices; /* that the annotations name; found by container_create */
	struct device_pci_map pci_map;  /* filled in once the devices are there */
	struct shared_mount *shared_mounts;
	size_t n_shared_mounts;
	bool sandbox_pidns;
	struct passfd_streams streams; /* that the request names; they go to the init */
};

/* What ExecProcess asks for; freed by container_exec's end. */
struct exec_config {
	struct arena arena;
	char *id;
	struct oci_process *process;
	struct passfd_streams streams; /* that the request names; they go to the process */
};

struct container {
	struct list link; /* in sandbox->containers */
	struct sandbox *sandbox;
	struct container_config *config;
	const char *id;             /* config->id */
	enum container_state state; /* changed by container_set_state only */
	char *cgroup_path;
	bool owns_cgroup; /* what is in it may be killed and removed: it was made for this container, or may have been
	                   */
	struct list processes; /* struct process; the init is the first */
	size_t n_processes;
	struct process *init;
	bool started;              /* its init was released */
	struct list controls;      /* jobs of control.c */
	struct creation *creation; /* until CreateContainer is answered */
	struct starting *starting; /* while its poststart hooks are to come, or run */
	struct teardown *teardown; /* while it is being removed */
};

/* A name for logs and `ps`. */
const char *container_state_name(enum container_state state);

/* Checks the id ([A-Za-z0-9][A-Za-z0-9_.-]+, at most 128 characters); -EINVAL naming it. */
int container_check_id(const char *id, struct err *err);

/* Creates; the config is taken over in every case. -EEXIST for an id that is there. Completes when it is parked. */
int container_create(struct sandbox *sandbox, struct container_config *config, struct completion *done,
                     struct err *err);

/* Lets the parked init go; completes when exec has worked. -EINVAL naming the state if it is not created. */
int container_start(struct container *c, struct completion *done, struct err *err);

/* Starts another process; the config is taken over in every case. Completes when exec has worked. */
int container_exec(struct container *c, struct exec_config *config, struct completion *done, struct err *err);

/*
 * Kills what is there, waits for the end, takes everything down. timeout_s 0 = no limit: -ETIME, and it goes on. One
 * that is being created is not finished (its creator gets -ECANCELED); one that is being removed is waited for.
 */
int container_remove(struct container *c, unsigned timeout_s, struct completion *done, struct err *err);

/* Freezes; -EINVAL naming the state unless created or running. */
int container_pause(struct container *c, struct completion *done, struct err *err);

/* Thaws; -EINVAL naming the state unless paused. */
int container_resume(struct container *c, struct completion *done, struct err *err);

/* After CPUs came: gives them to every container that is not limited to some. For a job. */
int containers_follow_cpus(const struct sandbox *sandbox, struct err *err);

/* Changes limits; `resources` must live until the completion. */
int container_update(struct container *c, const struct oci_resources *resources, struct completion *done,
                     struct err *err);

/* SIGKILL for everything in its cgroup. */
int container_kill_all(struct container *c, struct err *err);

/* The process: exec_id "" or the container's id is the init. NULL if there never was one of that name, or it was
 * forgotten. */
struct process *container_find_process(struct container *c, const char *exec_id);

/* The one way to change c->state; an illegal step is logged and refused with -EINVAL. */
int container_set_state(struct container *c, enum container_state state);

/* Told by a process of it that was reaped. */
void container_process_exited(struct container *c, struct process *p);

/* Fails execs that were not answered yet with -ECANCELED; their children are killed by whoever removes the container.
 */
void container_cancel_execs(struct container *c);

/* Answers a StartContainer whose poststart hooks still run; they are killed. */
void container_cancel_start(struct container *c);

/* Fails pauses, resumes and updates that are under way with -ECANCELED. */
void container_controls_cancel(struct container *c);

/* Takes it out of the sandbox and frees it with its processes; nothing is torn down. Returns NULL. */
struct container *container_free(struct container *c);

/* Frees a config that was not handed over. Returns NULL. */
struct container_config *container_config_free(struct container_config *config);

/* Frees a config that was not handed over. Returns NULL. */
struct exec_config *exec_config_free(struct exec_config *config);
