/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/virtiofsd_args.h"

#include <string.h>

#define WORDS_MAX 64

bool virtiofsd_is_qemus(const char *path)
{
	return strstr(path, "/qemu/") != NULL;
}

/* No cache is "none" to the one generation and "never" to the other; a configuration may say either to both. */
static const char *cache_of(const struct virtiofsd_args *a)
{
	if (strcmp(a->cache, "none") != 0 && strcmp(a->cache, "never") != 0)
		return a->cache;
	return virtiofsd_is_qemus(a->path) ? "none" : "never";
}

/* Announcing submounts hangs this generation. */
static size_t add_qemus(struct arena *arena, const struct virtiofsd_args *a, const char *sandbox, char **v)
{
	v[1] = arena_printf(arena, "--socket-path=%s", a->socket);
	v[2] = (char *)"-o";
	v[3] = arena_printf(arena, "source=%s", a->dir);
	v[4] = (char *)"-o";
	v[5] = arena_printf(arena, "sandbox=%s,cache=%s,xattr,log_level=warn", sandbox, cache_of(a));
	v[6] = (char *)"-f";
	return v[1] && v[3] && v[5] ? 7 : 0;
}

static size_t add_newer(const struct virtiofsd_args *a, const char *sandbox, char **v)
{
	const char *const words[] = { "--socket-path", a->socket,     "--shared-dir",
		                      a->dir,          "--sandbox",   sandbox,
		                      "--cache",       cache_of(a),   "--announce-submounts",
		                      "--xattr",       "--log-level", "warn" };

	memcpy(v + 1, words, sizeof(words));
	return 1 + ARRAY_SIZE(words);
}

char **virtiofsd_args(struct arena *arena, const struct virtiofsd_args *a)
{
	char **v = arena_array(arena, WORDS_MAX, sizeof(*v));
	const char *sandbox = a->is_root_mountpoint ? "namespace" : "chroot";
	size_t n;

	if (!v)
		return NULL;
	v[0] = (char *)a->path;
	n = virtiofsd_is_qemus(a->path) ? add_qemus(arena, a, sandbox, v) : add_newer(a, sandbox, v);
	if (n == 0)
		return NULL;
	for (size_t i = 0; a->extra && a->extra[i] && n < WORDS_MAX - 1; i++)
		v[n++] = a->extra[i];
	return v;
}
