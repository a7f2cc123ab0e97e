/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: what all containers of the VM share, and the owner of them. There is one; it exists from boot on, and is
 * "created" once the host said so. No protobuf here.
 */
#pragma once

#include "agent/cgroups/cgroup.h"
#include "agent/completion.h"
#include "agent/container.h"
#include "agent/modules.h"
#include "agent/namespaces/nspace.h"
#include "agent/options.h"
#include "lib/job.h"

#define SANDBOX_CONTAINERS_MAX 4096
#define SANDBOX_LINGERING_MAX  256 /* output ends of ended processes with unread bytes */

#define SANDBOX_RUN_DIR   "/run/kata-containers"
#define SANDBOX_SHARE_DIR "/run/kata-containers/shared/containers"

struct storage_table;
struct gate;
struct passfd;

/* What CreateSandbox asks for; lives in its own arena. */
struct sandbox_config {
	struct arena arena;
	char *id, *hostname;
	char *guest_hook_path; /* directory of hooks in the guest's image, NULL = none */
	struct oci_strings dns;
	struct storage_config *storages;
	size_t n_storages;
	struct module_config *modules;
	size_t n_modules;
};

struct sandbox {
	struct job_env env; /* borrowed: loop and reaper */
	const struct options *options;
	char cgroup_root[sizeof(CGROUP_ROOT)]; /* what cgroup_host.root points to */
	struct cgroup_host cgroup_host;
	struct sandbox_config *config; /* NULL until created */
	bool creating, destroying;
	struct list containers;
	size_t n_containers;
	struct nspace_pins pins;
	const struct container *pid_owner; /* whose pid namespace is pinned */
	bool dns_mounted;                  /* over /etc/resolv.conf */
	struct storage_table *storages;
	struct oom *oom;
	struct list lingering;                      /* struct process, by `lingering` link of process.c; oldest first */
	unsigned n_large_windows;                   /* of output streams (stream.h) */
	struct gate *gate;                          /* borrowed; NULL = everything is allowed */
	struct passfd *passfd;                      /* borrowed; NULL = there are no passfd streams */
	void (*destroyed)(struct sandbox *sandbox); /* told after DestroySandbox has been answered */
};

/* Makes the one sandbox; freed with sandbox_free. */
int sandbox_new(const struct job_env *env, const struct options *options, struct sandbox **ret, struct err *err);

/* Frees it with its containers, without teardown. Returns NULL. */
struct sandbox *sandbox_free(struct sandbox *s);

/* CreateSandbox; the config is taken over in every case. -EEXIST the second time. */
int sandbox_create(struct sandbox *s, struct sandbox_config *config, struct completion *done, struct err *err);

/* DestroySandbox: kills and removes all containers, releases the storages; what fails is reported and goes on. */
int sandbox_destroy(struct sandbox *s, struct completion *done, struct err *err);

/* The container, or NULL. */
struct container *sandbox_find(struct sandbox *s, const char *id);

/* Frees a config that was not handed over. Returns NULL. */
struct sandbox_config *sandbox_config_free(struct sandbox_config *config);
