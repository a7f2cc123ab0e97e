/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/annotation.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* In the order in which they are tried. */
static const struct {
	const char *type_key, *sandbox, *container, *id_key;
} managers[] = {
	{ "io.kubernetes.cri.container-type", "sandbox", "container", "io.kubernetes.cri.sandbox-id" },
	{ "io.kubernetes.cri-o.ContainerType", "sandbox", "container", "io.kubernetes.cri-o.SandboxID" },
	{ "io.kubernetes.docker.type", "podsandbox", "container", "io.kubernetes.sandbox.id" },
};

/* Names that differ from their keys. */
static const struct {
	const char *annotation, *key;
} spellings[] = {
	{ "default_max_vcpus", "default_maxvcpus" },
};

static const char *value_of(const struct oci_pairs *annotations, const char *key)
{
	for (size_t i = 0; i < annotations->n; i++)
		if (strcmp(annotations->v[i].key, key) == 0)
			return annotations->v[i].value;
	return NULL;
}

/* podman 5 names a pod's sandbox and says nothing else. */
static const char *named_sandbox(const struct oci_pairs *annotations)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
		const char *sandbox = value_of(annotations, managers[i].id_key);

		if (sandbox && *sandbox)
			return sandbox;
	}
	return NULL;
}

int annotation_role(const struct oci_pairs *annotations, enum pod_role *ret, const char **ret_sandbox, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
		const char *type = value_of(annotations, managers[i].type_key);

		if (!type)
			continue;
		if (strcmp(type, managers[i].sandbox) == 0) {
			*ret = POD_SANDBOX;
			return 0;
		}
		if (strcmp(type, managers[i].container) != 0)
			return err_say(err, EINVAL, "annotation '%s': '%s' is neither '%s' nor '%s'",
			               managers[i].type_key, type, managers[i].sandbox, managers[i].container);
		*ret = POD_CONTAINER;
		*ret_sandbox = value_of(annotations, managers[i].id_key);
		if (!*ret_sandbox || !**ret_sandbox)
			return err_say(err, EINVAL, "annotation '%s': missing, the container's sandbox is not known",
			               managers[i].id_key);
		return 0;
	}
	*ret_sandbox = named_sandbox(annotations);
	*ret = *ret_sandbox ? POD_CONTAINER : POD_SINGLE_CONTAINER;
	return 0;
}

const char *annotation_role_name(enum pod_role role)
{
	switch (role) {
	case POD_SANDBOX:
		return "pod_sandbox";
	case POD_CONTAINER:
		return "pod_container";
	case POD_SINGLE_CONTAINER:
		break;
	}
	return "single_container";
}

/* Each entry is a regular expression that may match anywhere in the key, as upstream's. */
static int is_enabled(const struct config_list *patterns, const char *key, struct err *err)
{
	for (size_t i = 0; i < patterns->n; i++) {
		regex_t regex;
		int rc = regcomp(&regex, patterns->v[i], REG_EXTENDED | REG_NOSUB);

		if (rc != 0)
			return err_say(err, EINVAL, "hypervisor.enable_annotations: '%s' is no regular expression",
			               patterns->v[i]);
		rc = regexec(&regex, key, 0, NULL, 0);
		regfree(&regex);
		if (rc == 0)
			return 1;
	}
	return 0;
}

static const char *key_of(const char *annotation)
{
	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++)
		if (strcmp(spellings[i].annotation, annotation) == 0)
			return spellings[i].key;
	return annotation;
}

/* kernel_modules are separated by semicolons, and each may have parameters. */
static int apply_modules(struct config *c, const char *text, struct err *err)
{
	_autofree_ char *copy = strdup(text);
	struct config_list *list = &c->agent.kernel_modules;
	char *rest = copy;
	size_t max = 1;

	for (const char *p = text; *p; p++)
		max += *p == ';';
	*list = (struct config_list){ arena_array(&c->arena, max + 1, sizeof(char *)), 0 };
	if (!copy || !list->v)
		return err_set(err, ENOMEM, "annotation 'kernel_modules'");
	for (char *word = strtok_r(copy, ";", &rest); word; word = strtok_r(NULL, ";", &rest)) {
		word += strspn(word, " ");
		if (!*word)
			continue;
		list->v[list->n] = arena_strdup(&c->arena, word);
		if (!list->v[list->n++])
			return err_set(err, ENOMEM, "annotation 'kernel_modules'");
	}
	return 0;
}

/* Those of the annotation replace the configured ones of the same name, the others stay. */
static int apply_kernel_params(struct config *c, const char *text, struct err *err)
{
	_autofree_ char *copy = strdup(c->hypervisor.kernel_params);
	char *rest = copy, *joined = arena_strdup(&c->arena, "");

	if (!copy || !joined)
		return err_set(err, ENOMEM, "annotation 'kernel_params'");
	for (char *word = strtok_r(copy, " ", &rest); joined && word; word = strtok_r(NULL, " ", &rest)) {
		size_t n = strcspn(word, "=");
		const char *p = text;
		bool replaced = false;

		while (p && !replaced) {
			p += strspn(p, " ");
			replaced = strncmp(p, word, n) == 0 && strchr("= ", p[n]) != NULL;
			p = strchr(p, ' ');
		}
		if (!replaced)
			joined = arena_printf(&c->arena, "%s%s ", joined, word);
	}
	joined = joined ? arena_printf(&c->arena, "%s%s", joined, text) : NULL;
	if (!joined)
		return err_set(err, ENOMEM, "annotation 'kernel_params'");
	c->hypervisor.kernel_params = joined;
	return 0;
}

/* Programs and sources that a workload names must match a glob of the configuration; without globs there are none. */
static int check_path(const struct config_hypervisor *h, const char *name, const char *value, struct err *err)
{
	const struct {
		const char *name;
		const struct config_list *globs;
	} guarded[] = {
		{ "path", &h->valid_hypervisor_paths },
		{ "virtio_fs_daemon", &h->valid_virtio_fs_daemon_paths },
		{ "entropy_source", &h->valid_entropy_sources },
		/* Ours alone, and no key says which of them would do. */
		{ "vhost_user_vsock_daemon", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(guarded); i++)
		if (strcmp(guarded[i].name, name) == 0 &&
		    !(guarded[i].globs && config_matches(guarded[i].globs, value)))
			return err_say(err, EPERM, "'%s' matches none of the configuration's valid paths", value);
	return 0;
}

/* What a workload may not say, whatever the configuration enables. */
static bool is_forbidden(const char *name)
{
	/* The last two reach for the host's files and network. */
	static const char *const names[] = { "enable_annotations", "sandbox_bind_mounts", "disable_new_netns" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "valid_", 6) == 0;
}

static int apply_one(struct config *c, const char *section, const char *name, const char *value, struct err *err)
{
	int rc;

	if (strcmp(section, "hypervisor") == 0) {
		rc = is_enabled(&c->hypervisor.enable_annotations, name, err);
		if (rc == 0)
			return err_say(err, EPERM, "not in the configuration's enable_annotations");
		if (rc < 0)
			return rc;
		if (strcmp(name, "kernel_params") == 0)
			return apply_kernel_params(c, value, err);
	}
	if (strcmp(section, "agent") == 0 && strcmp(name, "kernel_modules") == 0)
		return apply_modules(c, value, err);
	if (is_forbidden(name))
		return err_say(err, EPERM, "cannot be changed by an annotation");
	/* Upstream's workloads may carry it, and it does nothing here. */
	if (config_is_unused(section, name))
		return 0;
	rc = config_set(c, section, key_of(name), value, err);
	return rc < 0 ? rc : check_path(&c->hypervisor, name, value, err);
}

int annotation_apply(struct config *c, const struct oci_pairs *annotations, struct err *err)
{
	static const char *const sections[] = { "hypervisor", "agent", "runtime" };

	for (size_t i = 0; i < annotations->n; i++) {
		const char *key = annotations->v[i].key, *rest = key + strlen(ANNOTATION_PREFIX);

		if (strncmp(key, ANNOTATION_PREFIX, strlen(ANNOTATION_PREFIX)) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(sections); k++) {
			size_t n = strlen(sections[k]);
			int rc;

			if (strncmp(rest, sections[k], n) != 0 || rest[n] != '.')
				continue;
			rc = apply_one(c, sections[k], rest + n + 1, annotations->v[i].value, err);
			if (rc < 0) {
				(void)err_wrap(err, "annotation '%s'", key);
				return rc;
			}
		}
	}
	return 0;
}

static int read_number(const struct oci_pairs *annotations, const char *key, int64_t *ret, struct err *err)
{
	const char *text = value_of(annotations, key);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return err_say(err, EINVAL, "annotation '%s': '%s' is no whole number", key, text);
	return 0;
}

int annotation_size(const struct oci_pairs *annotations, struct annotation_size *ret, struct err *err)
{
	const struct {
		const char *key;
		int64_t *to;
	} figures[] = {
		{ "io.kubernetes.cri.sandbox-cpu-quota", &ret->cpu_quota },
		{ "io.kubernetes.cri.sandbox-cpu-period", &ret->cpu_period },
		{ "io.kubernetes.cri.sandbox-cpu-shares", &ret->cpu_shares },
		{ "io.kubernetes.cri.sandbox-memory", &ret->memory },
	};
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(figures); i++)
		rc = read_number(annotations, figures[i].key, figures[i].to, err);
	return rc;
}
