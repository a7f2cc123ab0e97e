/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds real root file systems: a scene is a mount namespace with a tmpfs that holds an image and sources, and a child
 * of it that enters. What the child found wrong crosses over in shared memory, for an assertion cannot. Needs root; the
 * machine's own mounts are never touched.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/mount/rootfs.h"

#define BASE "/tmp/kata-unit-mount" /* in a tmpfs of the scene's own */

/* A list of strings as an initializer. */
#define LIST(...)                                                                                                      \
	{                                                                                                              \
		(char *[]){ __VA_ARGS__, NULL }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)                    \
	}

struct scene_result {
	char said[2048]; /* what went wrong, "" = nothing */
	struct err err;  /* of rootfs_enter or before */
	int r;
	int64_t countdown; /* the wrapped call that brings it to 0 fails, negative: none */
};

struct scene {
	struct oci_spec spec;
	struct oci_linux lin;
	struct oci_process process;
	void (*prepare)(void);                     /* in the creator, in the image's directory */
	void (*check)(struct rootfs_entry *entry); /* in the container */
	bool wants_console, has_userns, unified, propagates;
};

/* The result of the last scene, shared with its processes. */
extern struct scene_result *shared;

/* Set it to have a kernel whose overlay does not take layers one by one. */
extern bool scene_old_overlay;

/* Group setup and teardown of cmocka. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* Plays the scene; fails the test if a check failed or the creator's mounts have changed. */
void scene_play(struct scene *scene);

/* As scene_play, and rootfs_enter must have worked. */
void scene_play_well(struct scene *scene);

/* Ends a process of the scene with this text, unless ok. */
void scene_check(int line, bool ok, const char *text);

#define CHECK(cond) scene_check(__LINE__, cond, #cond)

/* Writes a file, made if missing. */
void scene_put_file(const char *path, const char *text);

/* Reads our mountinfo into buf; its length. */
size_t scene_read_mounts(char *buf, size_t size);
