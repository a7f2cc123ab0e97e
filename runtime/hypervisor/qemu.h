/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running QEMU with the daemons it needs (virtiofsd, the vsock daemon), its monitor and its console. Started in one
 * go by a supervisor that has nothing else to do yet; after that everything is told on the loop. All processes are our
 * children and die with us. What runs inside is the sandbox's business.
 */
#pragma once

#include <json-c/json.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/disks.h"
#include "runtime/hypervisor/hotplug.h"
#include "runtime/hypervisor/vm.h"

struct qemu;

struct qemu_spec {
	struct vm_spec vm;        /* sockets are filled in here */
	const char *virtiofsd;    /* the program; NULL = no share */
	const char *share_dir;    /* what it exports */
	const char *vsock_daemon; /* the program; only for VM_VSOCK_VHOST_USER */
	unsigned agent_port;
	unsigned boot_ms;                   /* until the agent listens */
	bool (*is_up)(const char *address); /* asked now and then for an agent that says nothing on the console */
	int netns;                          /* network namespace that QEMU lives in; 0 or negative = ours */
};

/* Told once, from the loop, when QEMU has ended for whatever reason; qemu_free is allowed later, not in it. */
typedef void (*qemu_gone)(void *arg, int status);

/*
 * Starts everything and waits until the agent says on the console that it listens, or answers. The error tells the
 * stage that was reached, the last lines of the console and what is likely wrong; then nothing is left running.
 */
int qemu_start(struct loop *loop, const struct qemu_spec *spec, qemu_gone gone, void *arg, struct qemu **ret,
               struct err *err);

/* Makes the VM as large as told, as far as QEMU and the guest will; fn is called from the loop. 0 or -errno. */
int qemu_resize(struct qemu *q, const struct hotplug_size *want, hotplug_fn fn, void *arg);

/* Plugs a disk in; fn is called from the loop with its number. 0 or -errno. */
int qemu_plug(struct qemu *q, const struct disks_spec *disk, disks_fn fn, void *arg);

/* Takes the disk of that number out; fn is called from the loop. 0 or -errno. */
int qemu_unplug(struct qemu *q, int slot, disks_fn fn, void *arg);

/* Asks QEMU to end by its monitor. */
void qemu_quit(struct qemu *q);

/* Kills QEMU; `gone` follows. */
void qemu_kill(struct qemu *q);

/* QEMU's pid. */
pid_t qemu_pid(const struct qemu *q);

/* True until QEMU has been reaped. */
bool qemu_is_running(const struct qemu *q);

/* The address of the guest's agent; lives as long as q. */
const char *qemu_agent(const struct qemu *q);

/* Adds what runs as {"name", "pid", "start"} to an array, for those who clean up after us. */
int qemu_list(const struct qemu *q, struct json_object *array);

/* Adds ": stage …; likely cause: …; console: …" to an error about the guest; returns -num. */
int qemu_explain(const struct qemu *q, struct err *err);

/* Kills and reaps what still runs, and frees. Returns NULL. */
struct qemu *qemu_free(struct qemu *q);
