/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a plan to a parked process: the seam between "what a container is" and who asks for it (the agent's builder job,
 * runk itself). container_build opens the sources, makes the cgroup, joins and creates namespaces, clones the child and
 * writes its id maps; the child then builds its world and parks before exec. It survives its creator.
 *
 * Meetings of the two sides, in the order in which they happen:
 *   CHILD_MAPPED   builder -> child  (barrier socket)  in the cgroup, id maps written
 *   CHILD_CONSOLE  child -> owner    (report socket)   with the terminal's master fd
 *   CHILD_MOUNTED  child -> owner    (report socket)   if the request asks for it: all is mounted, before pivot_root
 *   one byte       owner -> child    (report socket)   go on, by child_resume
 *   CHILD_READY    child -> owner    (report socket)   everything is set up, the program was found
 *   CHILD_GO       owner -> child    (park fd)         go
 *   EOF            child -> owner    (report socket)   exec worked
 *   CHILD_FAILED   child -> owner    (report socket)   at any point: stage, errno, text
 * EOF before CHILD_READY is the child's failure; EOF on the park fd makes the child go away.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/cgroups/cgroup.h"
#include "agent/namespaces/nspace.h"
#include "lib/err.h"
#include "lib/oci.h"

enum child_message {
	CHILD_MAPPED = 1,
	CHILD_CONSOLE,
	CHILD_MOUNTED,
	CHILD_READY,
	CHILD_FAILED,
};

#define CHILD_GO 'g' /* the byte of the release; any other one makes the parked child go away */

/* A message on the report socket (SOCK_SEQPACKET): this struct; with CHILD_CONSOLE one fd. */
struct child_report {
	int kind; /* enum child_message */
	struct err err;
};

struct rootfs_plan;

struct build_request {
	const char *id;
	const struct oci_spec *spec;       /* of the container */
	const struct oci_process *process; /* spec->process, or what exec asks for */
	bool is_exec;

	/* a new container */
	const struct rootfs_plan *rootfs;
	const struct nspace_plan *nspaces;
	const struct cgroup_plan *cgroup; /* made if not NULL */

	/* an exec */
	int init_pidfd; /* pidfd of the container's init, whose namespaces are joined */
	pid_t init_pid; /* for the state that a seccomp agent is told; 0 = unknown */

	const struct cgroup_host *cgroup_host;
	const char *cgroup_path; /* joined */
	int stdio[3]; /* become 0, 1, 2 and get the process' owner, negative = /dev/null; with a terminal: ignored */
	int park, report;          /* the child's ends */
	bool stops_before_pivot;   /* it says CHILD_MOUNTED and waits for child_resume: hooks are due */
	const char *bundle;        /* what the hooks that the child runs itself are told */
	unsigned hook_timeout_s;   /* for those that do not say, 0 = no limit */
	int late_report;           /* a file for a failure after the release, negative = report */
	unsigned preserve_fds;     /* so many fds behind 2 are handed on to the program */
	bool may_lack_profile;     /* an AppArmor profile that this kernel does not know is left out */
	bool keeps_keyring;        /* it stays in our session keyring */
	bool as_sibling;           /* the child becomes a child of our parent (the agent's builder), else of ours */
	bool no_clone_into_cgroup; /* tests: act as a kernel before 5.7 */
	/*
	 * Moves a child that could not be born in the cgroup: where we may not put it there, and a user's systemd may
	 * (NULL: that is an error); on v1, after we have, to other places in single hierarchies.
	 */
	int (*move)(pid_t pid, void *arg, struct err *err);
	void *move_arg;
};

struct build_result {
	pid_t pid;
	int pidfd;        /* the caller's */
	bool made_cgroup; /* also after a failure: its removal was tried */
};

/*
 * Returns with a living child whose further fate comes over the report socket; or -errno, and then there is no child
 * and no cgroup (a child that could report said why: look there first). The request's fds stay the caller's. It
 * changes the calling process: namespaces that the plan joins, and it is no longer dumpable.
 */
int container_build(const struct build_request *request, struct build_result *ret, struct err *err);

/* Answers CHILD_MOUNTED, on the owner's end of the report socket. 0 or -errno. */
int child_resume(int fd);

/* Receives one report: 1 and *ret (and *ret_fd, else -EBADF), 0 at EOF, -EAGAIN, -EPROTO for what makes no sense,
 * -errno. */
int child_receive(int fd, struct child_report *ret, int *ret_fd);
