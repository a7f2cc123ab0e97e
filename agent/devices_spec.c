/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices_spec.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"

#define ENV_PREFIX "PCIDEVICE_"
#define ENV_INFO   "_INFO"

/* --- device numbers ---------------------------------------------------------------------------------------------- */

/* One path that is about to change. */
struct change {
	const struct device_found *found;
	struct oci_device *device;
	struct oci_device host; /* as it came */
};

struct changes {
	struct change *v;
	size_t n;
};

static struct oci_device *find_device(const struct oci_linux *lin, const char *path)
{
	for (size_t i = 0; i < lin->n_devices; i++)
		if (lin->devices[i].path && strcmp(lin->devices[i].path, path) == 0)
			return &lin->devices[i];
	return NULL;
}

static const char *path_of(const struct device_config *configs, const struct device_found *f)
{
	return configs[f->index].container_path;
}

static int say_missing(const struct oci_linux *lin, const struct device_config *configs,
                       const struct device_found *found, size_t n, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		if (found[i].kind == DEVICE_FOUND_NODE && !find_device(lin, path_of(configs, &found[i])))
			r = buf_printf(&text, "%s'%s'", text.len > 0 ? ", " : "", path_of(configs, &found[i]));
	return err_say(err, ENODEV, "Missing devices in OCI spec: %s", buf_str(&text));
}

static int collect(struct changes *c, const struct oci_linux *lin, const struct device_config *configs,
                   const struct device_found *found, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct oci_device *device;

		if (found[i].kind != DEVICE_FOUND_NODE)
			continue;
		device = find_device(lin, path_of(configs, &found[i]));
		if (!device)
			return say_missing(lin, configs, found, n, err);
		for (size_t k = 0; k < c->n; k++)
			if (c->v[k].device == device)
				return err_say(err, EEXIST, "Conflicting device updates for '%s'", device->path);
		c->v[c->n++] = (struct change){ &found[i], device, *device };
	}
	return 0;
}

static bool is_char(char type)
{
	return type == 'c' || type == 'u';
}

static bool same_number(const struct change *c, char type, int64_t major_nr, int64_t minor_nr)
{
	return is_char(c->host.type) == is_char(type) && c->host.major == major_nr && c->host.minor == minor_nr;
}

/* Two devices of one number on the host cannot be told apart in a rule, unless they are one in the guest too. */
static const struct change *find_change(const struct changes *c, const struct oci_device_rule *rule, bool *ret_clash)
{
	const struct change *first = NULL;

	*ret_clash = false;
	for (size_t i = 0; i < c->n; i++) {
		const struct device_node *node = &c->v[i].found->node;

		if (!same_number(&c->v[i], rule->type, rule->major, rule->minor))
			continue;
		if (first &&
		    (first->found->node.major_nr != node->major_nr || first->found->node.minor_nr != node->minor_nr))
			*ret_clash = true;
		else if (!first)
			first = &c->v[i];
	}
	return first;
}

static int change_rules(const struct changes *c, struct oci_resources *resources, struct err *err)
{
	for (size_t i = 0; i < resources->n_devices; i++) {
		struct oci_device_rule *rule = &resources->devices[i];
		bool clash;
		const struct change *change = rule->type == 'a' ? NULL : find_change(c, rule, &clash);

		if (!change)
			continue;
		if (clash)
			return err_say(err, EEXIST,
			               "Conflicting device updates for the host's '%c %lld:%lld', which is several "
			               "devices of the guest",
			               rule->type, (long long)rule->major, (long long)rule->minor);
		rule->type = change->found->type;
		rule->major = change->found->node.major_nr;
		rule->minor = change->found->node.minor_nr;
	}
	return 0;
}

/* Appends n elements' room to a list of the specification, whose arrays are not ours to grow. */
static void *grow(struct arena *arena, const void *old, size_t n, size_t more, size_t size)
{
	void *list = arena_array(arena, n + more, size);

	if (list && n > 0)
		memcpy(list, old, n * size);
	return list;
}

static int append_rules(struct arena *arena, struct oci_resources *resources, const struct device_found *found,
                        size_t n)
{
	struct oci_device_rule *list = grow(arena, resources->devices, resources->n_devices, n, sizeof(*list));

	if (!list)
		return -ENOMEM;
	resources->devices = list;
	for (size_t i = 0; i < n; i++)
		if (found[i].kind != DEVICE_FOUND_PCI)
			list[resources->n_devices++] = (struct oci_device_rule){ .allow = true,
				                                                 .type = found[i].type,
				                                                 .major = found[i].node.major_nr,
				                                                 .minor = found[i].node.minor_nr,
				                                                 .access = "rwm" };
	return 0;
}

static int change_devices(struct arena *arena, const struct changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct device_found *f = c->v[i].found;
		struct oci_device *d = c->v[i].device;

		d->type = f->type;
		d->major = f->node.major_nr;
		d->minor = f->node.minor_nr;
		if (f->renames)
			d->path = arena_strdup(arena, f->node.path);
		if (!d->path)
			return -ENOMEM;
	}
	return 0;
}

static int append_extra(struct arena *arena, struct oci_linux *lin, const struct device_found *found, size_t n)
{
	struct oci_device *list = grow(arena, lin->devices, lin->n_devices, n, sizeof(*list));

	if (!list)
		return -ENOMEM;
	lin->devices = list;
	for (size_t i = 0; i < n; i++) {
		if (found[i].kind != DEVICE_FOUND_EXTRA || find_device(lin, found[i].node.path))
			continue;
		list[lin->n_devices] = (struct oci_device){ .path = arena_strdup(arena, found[i].node.path),
			                                    .type = found[i].type,
			                                    .major = found[i].node.major_nr,
			                                    .minor = found[i].node.minor_nr };
		if (!list[lin->n_devices++].path)
			return -ENOMEM;
	}
	return 0;
}

int devices_update_spec(struct arena *arena, struct oci_spec *spec, const struct device_config *configs,
                        const struct device_found *found, size_t n, struct err *err)
{
	struct oci_linux *lin = spec->linux;
	struct changes changes = { .v = arena_array(arena, n + 1, sizeof(*changes.v)) };
	int r;

	if (!lin->resources)
		lin->resources = arena_alloc(arena, sizeof(*lin->resources));
	if (!changes.v || !lin->resources)
		return err_set(err, ENOMEM, "update the devices");
	r = collect(&changes, lin, configs, found, n, err);
	r = r < 0 ? r : change_rules(&changes, lin->resources, err);
	if (r < 0)
		return r;
	r = change_devices(arena, &changes);
	r = r < 0 ? r : append_rules(arena, lin->resources, found, n);
	r = r < 0 ? r : append_extra(arena, lin, found, n);
	return r < 0 ? err_set(err, r, "update the devices") : 0;
}

/* --- PCI addresses ----------------------------------------------------------------------------------------------- */

int devices_make_pci_map(struct arena *arena, const struct device_found *found, size_t n, struct device_pci_map *ret)
{
	struct device_pci_map map = { .v = arena_array(arena, n + 1, sizeof(*map.v)) };

	if (!map.v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (found[i].kind == DEVICE_FOUND_PCI)
			map.v[map.n++] = (struct device_pci_pair){ found[i].host, found[i].guest };
	*ret = map;
	return 0;
}

static const struct pci_address *translate(const struct device_pci_map *map, const struct pci_address *host)
{
	for (size_t i = 0; i < map->n; i++)
		if (memcmp(&map->v[i].host, host, sizeof(*host)) == 0)
			return &map->v[i].guest;
	return NULL;
}

/* One address of a list, of len characters. */
static int add_address(struct buf *out, const char *text, size_t len, const struct device_pci_map *map)
{
	char buf[PCI_ADDRESS_TEXT_MAX];
	const struct pci_address *guest;
	struct pci_address host;

	if (len >= sizeof(buf))
		return -ENOENT;
	memcpy(buf, text, len);
	buf[len] = '\0';
	guest = pci_address_parse(buf, &host) < 0 ? NULL : translate(map, &host);
	return guest ? buf_printf(out, "%s", pci_address_format(guest, buf)) : -ENOENT;
}

static int translate_list(struct buf *out, const char *value, const struct device_pci_map *map, struct err *err)
{
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ",");
		int r = add_address(out, p, len, map);

		if (r == -ENOENT)
			return err_say(err, ENOENT, "the PCI device '%.*s' of the host was not given to the container",
			               (int)(len < 32 ? len : 32), p);
		p += len;
		if (r >= 0 && *p == ',')
			r = buf_add(out, p++, 1);
		if (r < 0)
			return err_set(err, r, "translate PCI addresses");
	}
	return 0;
}

/* The guest's address if a host's stands here. */
static const struct pci_address *match_here(const char *p, const struct device_pci_map *map)
{
	char text[PCI_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < map->n; i++) {
		pci_address_format(&map->v[i].host, text);
		if (strncasecmp(p, text, strlen(text)) == 0)
			return &map->v[i].guest;
	}
	return NULL;
}

/* In one pass, so that an address of the guest is not taken for one of the host. */
static int translate_text(struct buf *out, const char *value, const struct device_pci_map *map, struct err *err)
{
	int r = 0;

	for (const char *p = value; *p && r >= 0;) {
		const struct pci_address *guest = match_here(p, map);
		char text[PCI_ADDRESS_TEXT_MAX];

		r = guest ? buf_printf(out, "%s", pci_address_format(guest, text)) : buf_add(out, p, 1);
		p += guest ? strlen(text) : 1;
	}
	return r < 0 ? err_set(err, r, "translate PCI addresses") : 0;
}

static bool ends_with(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && strncmp(name + len - n, end, n) == 0;
}

static int update_variable(struct arena *arena, char **variable, const struct device_pci_map *map, struct err *err)
{
	_autobuf_ struct buf out = BUF_INIT;
	const char *value = strchr(*variable, '=');
	size_t name = value ? (size_t)(value - *variable) : 0;
	int r;

	if (!value || strncmp(*variable, ENV_PREFIX, strlen(ENV_PREFIX)) != 0)
		return 0;
	r = buf_add(&out, *variable, name + 1);
	if (r < 0)
		return err_set(err, r, "translate PCI addresses");
	if (ends_with(*variable, name, ENV_INFO))
		r = translate_text(&out, value + 1, map, err);
	else
		r = translate_list(&out, value + 1, map, err);
	if (r < 0)
		return err_wrap(err, "environment variable '%.*s'", (int)(name < 128 ? name : 128), *variable);
	*variable = arena_strdup(arena, buf_str(&out));
	return *variable ? 0 : err_set(err, ENOMEM, "translate PCI addresses");
}

int devices_update_env(struct arena *arena, struct oci_strings *env, const struct device_pci_map *map, struct err *err)
{
	int r = 0;

	for (size_t i = 0; map->n > 0 && i < env->n && r >= 0; i++)
		r = update_variable(arena, &env->v[i], map, err);
	return r;
}
