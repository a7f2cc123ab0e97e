/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/mem.h"
#include "runtime/helper.h"

/* Where each of them may be, best first; a path without a slash in front is seen from our program's directory. */
static const char *const kernels[] = { "../share/kata-c/vmlinuz", NULL };
static const char *const initrds[] = { "../share/kata-c/kata.initrd", NULL };
static const char *const virtiofsds[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd",
	                                  NULL };
static const char *const vsocks[] = { "../libexec/kata-c/vhost-device-vsock", "/usr/libexec/vhost-device-vsock",
	                              "/usr/bin/vhost-device-vsock", NULL };

/* The resolved path of the first that can be accessed, to be freed; NULL if none can. */
static char *find(const char *const *places, int mode)
{
	_autofree_ char *directory = helper_own_directory();

	for (; *places; places++) {
		_autofree_ char *path = NULL;

		if (asprintf(&path, "%s%s", **places != '/' && directory ? directory : "", *places) < 0)
			return NULL;
		if (access(path, mode) == 0)
			return realpath(path, NULL);
	}
	return NULL;
}

int locate_defaults(struct config *c, struct err *err)
{
	struct config_hypervisor *h = &c->hypervisor;
	const struct {
		char **to;
		const char *const *places;
		int mode;
		bool is_wanted;
	} all[] = {
		{ &h->kernel, kernels, R_OK, !*h->kernel },
		{ &h->initrd, initrds, R_OK, !*h->initrd && !*h->image },
		{ &h->virtio_fs_daemon, virtiofsds, X_OK, !*h->virtio_fs_daemon },
		{ &h->vhost_user_vsock_daemon, vsocks, X_OK, !*h->vhost_user_vsock_daemon },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_autofree_ char *path = all[i].is_wanted ? find(all[i].places, all[i].mode) : NULL;

		if (!path)
			continue;
		*all[i].to = arena_strdup(&c->arena, path);
		if (!*all[i].to)
			return err_set(err, ENOMEM, "find what the configuration does not name");
	}
	return 0;
}
