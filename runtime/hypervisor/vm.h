/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine as the sandbox wants it, before anything runs: plain figures and paths, from which the hypervisor
 * makes its command line. Everything is borrowed from the caller.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/config.h"

#define VM_NICS_MAX 14
#define VM_NIC_SLOT 0x10 /* of the first one on the root bus, by which the agent finds it */

enum vm_vsock {
	VM_VSOCK_VHOST,      /* /dev/vhost-vsock: vsock_fd holds the claimed CID */
	VM_VSOCK_VHOST_USER, /* a daemon that serves vsock_socket */
};

struct vm_nic {
	const char *mac;
	int tap_fd;   /* -1 = QEMU's user-mode network */
	int vhost_fd; /* -1 = none */
};

/* A disk that is there from the start. */
struct vm_disk {
	int fd; /* of an image or a device, 0 = no disk */
	bool is_device, read_only;
};

#define VM_DISK_SLOT 0x8 /* on the root bus, by which the agent finds it */

struct vm_spec {
	const char *id;  /* of the sandbox */
	const char *dir; /* its run directory: qmp.sock, console.sock */
	const struct config_hypervisor *config;
	bool is_kvm; /* what the probe said, when the configuration leaves the choice */
	int64_t vcpus, memory_mib;
	int64_t image_bytes; /* size of the configured image's file */
	uint32_t tsc_khz;    /* told to a guest that has no clock to measure it by; 0 = not */

	enum vm_vsock vsock;
	uint32_t vsock_cid;
	int vsock_fd;
	const char *vsock_socket;

	struct vm_disk disk;      /* the root file system of the first container */
	const char *share_socket; /* of virtiofsd, NULL = no share */
	int qmp_fd;               /* listening, inherited by QEMU */
	int early_fd;             /* connected: what the kernel says before it has a console; 0 = nobody listens */
	const char *extra_params; /* words for the kernel, behind the usual and before the configured ones; may be "" */
	struct vm_nic nics[VM_NICS_MAX];
	size_t n_nics;
};
