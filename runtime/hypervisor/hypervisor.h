/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM that runs, whoever runs it: sandboxes know hypervisors by these functions only, so that another kind is a file
 * with its ops. Started in one go by a supervisor that has nothing else to do yet; after that everything is told on the
 * loop. All of its processes are our children and die with us. What runs inside is the sandbox's business.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/disks.h"
#include "runtime/hypervisor/hotplug.h"
#include "runtime/hypervisor/vm.h"

struct hypervisor_spec {
	struct vm_spec vm;        /* sockets are filled in by the hypervisor */
	const char *virtiofsd;    /* the program; NULL = no share */
	const char *share_dir;    /* what it exports */
	const char *vsock_daemon; /* the program; only for VM_VSOCK_VHOST_USER */
	unsigned agent_port;
	unsigned boot_ms;                   /* until the agent listens; 0 = as long as the guest makes progress */
	bool (*is_up)(const char *address); /* asked now and then for an agent that says nothing on the console */
	int netns;                          /* network namespace that the VMM lives in; 0 or negative = ours */
};

struct hypervisor;

/* Told once, from the loop, when the VMM has ended for whatever reason; freeing is allowed later, not in it. */
typedef void (*hypervisor_gone)(void *arg, int status);

/* One kind; as the functions below, which say what each does. `h` is never NULL. */
struct hypervisor_ops {
	const char *name;
	int (*start)(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
	             struct hypervisor **ret, struct err *err);
	int (*name_disk)(const struct vm_spec *vm, struct arena *arena, const char **driver, const char **source);
	int (*resize)(struct hypervisor *h, const struct hotplug_size *want, hotplug_fn fn, void *arg);
	int (*plug)(struct hypervisor *h, const struct disks_spec *disk, disks_fn fn, void *arg);
	int (*unplug)(struct hypervisor *h, int slot, disks_fn fn, void *arg);
	int (*name_plugged)(const struct hypervisor *h, int slot, struct arena *arena, const char **driver,
	                    const char **source);
	void (*quit)(struct hypervisor *h);
	void (*kill)(struct hypervisor *h);
	pid_t (*pid)(const struct hypervisor *h);
	bool (*is_running)(const struct hypervisor *h);
	const char *(*agent)(const struct hypervisor *h);
	int (*list)(const struct hypervisor *h, struct json_object *array);
	int (*explain)(const struct hypervisor *h, struct err *err);
	const char *(*panic)(const struct hypervisor *h);
	void (*free)(struct hypervisor *h);
};

/* The first member of what a kind keeps of its VM. */
struct hypervisor {
	const struct hypervisor_ops *ops;
};

/*
 * Starts everything and waits until the agent says on the console that it listens, or answers. The error tells the
 * stage that was reached, the last lines of the console and what is likely wrong; then nothing is left running.
 */
int hypervisor_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                     struct hypervisor **ret, struct err *err);

/* How the agent finds the disk that is there from the start: a storage's driver and source. 0 or -ENOMEM. */
int hypervisor_name_disk(const struct vm_spec *vm, struct arena *arena, const char **driver, const char **source);

/* Makes the VM as large as told, as far as VMM and guest will; fn is called from the loop. 0 or -errno. */
int hypervisor_resize(struct hypervisor *h, const struct hotplug_size *want, hotplug_fn fn, void *arg);

/* Plugs a disk in; fn is called from the loop with its number. 0 or -errno. */
int hypervisor_plug(struct hypervisor *h, const struct disks_spec *disk, disks_fn fn, void *arg);

/* Takes the disk of that number out; fn is called from the loop. 0 or -errno. */
int hypervisor_unplug(struct hypervisor *h, int slot, disks_fn fn, void *arg);

/* How the agent finds the disk of that number: driver and source of a storage, or a device's type and id. 0 or -ENOMEM.
 */
int hypervisor_name_plugged(const struct hypervisor *h, int slot, struct arena *arena, const char **driver,
                            const char **source);

/* Asks the VMM to end. */
void hypervisor_quit(struct hypervisor *h);

/* Kills the VMM; `gone` follows. */
void hypervisor_kill(struct hypervisor *h);

/* The VMM's pid. */
pid_t hypervisor_pid(const struct hypervisor *h);

/* True until the VMM has been reaped; false for NULL. */
bool hypervisor_is_running(const struct hypervisor *h);

/* The address of the guest's agent; lives as long as h. */
const char *hypervisor_agent(const struct hypervisor *h);

/* Adds what runs as {"name", "pid", "start"} to an array, for those who clean up after us. 0 or -ENOMEM. */
int hypervisor_list(const struct hypervisor *h, struct json_object *array);

/* Adds ": stage …; likely cause: …; console: …" to an error about the guest; returns -num. */
int hypervisor_explain(const struct hypervisor *h, struct err *err);

/* What the guest's kernel said last if it panicked, else NULL; lives as long as h. */
const char *hypervisor_panic(const struct hypervisor *h);

/* Kills and reaps what still runs, and frees; NULL is fine. Returns NULL. */
struct hypervisor *hypervisor_free(struct hypervisor *h);
