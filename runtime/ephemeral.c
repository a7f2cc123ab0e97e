/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ephemeral.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/sys.h"
#include "runtime/guestspec.h"

#define MARK "/kubernetes.io~empty-dir/" /* in the path of each of kubelet's */

void ephemeral_free_all(struct list *volumes)
{
	list_foreach(v, volumes, struct ephemeral, link) {
		list_remove(&v->link);
		free(v->target);
		free(v);
	}
}

/* Its name is the last part of the path; one below it is no volume. */
static const char *name_of(const char *source)
{
	const char *mark = source ? strstr(source, MARK) : NULL, *name = mark ? mark + strlen(MARK) : NULL;

	return name && *name && !strchr(name, '/') && strcmp(name, "..") != 0 ? name : NULL;
}

static bool is_tmpfs(const char *source, struct ephemeral *v)
{
	struct statfs fs;
	struct stat st;

	if (statfs(source, &fs) < 0 || sys_fstatat(AT_FDCWD, source, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return false;
	v->bytes = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	v->gid = st.st_gid;
	return fs.f_type == TMPFS_MAGIC;
}

static int add(struct arena *arena, struct oci_mount *m, const char *name, const struct ephemeral *found,
               struct list *volumes)
{
	struct ephemeral *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	*v = *found;
	list_init(&v->link);
	if (asprintf(&v->target, EPHEMERAL_DIR "/%s", name) < 0)
		v->target = NULL;
	m->source = v->target ? arena_strdup(arena, v->target) : NULL;
	list_append(volumes, &v->link);
	return m->source ? 0 : -ENOMEM;
}

int ephemeral_take(struct arena *arena, struct oci_spec *spec, struct list *volumes, bool *is_guests, struct err *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct oci_mount *m = &spec->mounts[i];
		const char *name = guestspec_is_bind(m) ? name_of(m->source) : NULL;
		struct ephemeral found = { .target = NULL };

		if (!name || !is_tmpfs(m->source, &found))
			continue;
		if (add(arena, m, name, &found, volumes) < 0)
			return err_set(err, ENOMEM, "take the volume '%s'", name);
		is_guests[i] = true;
	}
	return 0;
}

static uint64_t size_of(const struct ephemeral *v, int64_t memory_mib)
{
	uint64_t memory = (uint64_t)memory_mib << 20;

	/* A tmpfs without a limit has no blocks. */
	return v->bytes > 0 && v->bytes < memory ? v->bytes : memory;
}

int ephemeral_tell(struct arena *arena, const struct list *volumes, int64_t memory_mib, bool remount,
                   Grpc__Storage **storages, size_t *n)
{
	list_foreach(v, volumes, struct ephemeral, link) {
		Grpc__Storage *s = arena_alloc(arena, sizeof(*s));
		char **options = arena_array(arena, 2, sizeof(*options));

		if (!s || !options)
			return -ENOMEM;
		grpc__storage__init(s);
		s->driver = (char *)"ephemeral";
		s->source = s->fstype = (char *)"tmpfs";
		s->mount_point = v->target;
		s->options = options;
		options[s->n_options++] = arena_printf(arena, "size=%" PRIu64, size_of(v, memory_mib));
		if (remount)
			options[s->n_options++] = (char *)"remount";
		else if (v->gid != 0)
			options[s->n_options++] = arena_printf(arena, "fsgid=%u", v->gid);
		storages[(*n)++] = s;
		if (!options[0] || !options[s->n_options - 1])
			return -ENOMEM;
	}
	return 0;
}
