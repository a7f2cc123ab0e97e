/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/agent.pb-c.h"
#include "runtime/hypervisor/patience.h"
#include "runtime/network/guest.h"
#include "runtime/sandbox.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (64u << 10)

struct telling {
	const char *what, *name;
	bool is_done;
	struct err err;
};

static void on_told(void *arg, struct client_reply *reply)
{
	struct telling *t = arg;

	t->is_done = true;
	(void)agentlink_check(reply, t->what, t->name, &t->err);
}

/* While the sandbox is made nothing else is served. */
static int tell(struct sandbox *sb, const char *method, const ProtobufCMessage *request, const char *what,
                const char *name, struct err *err)
{
	struct telling t = { .what = what, .name = name, .err = ERR_INIT };
	int r = agentlink_call(&sb->link, method, request, patience_for_call(0, sb->boot_ms), on_told, &t);

	if (r < 0)
		return err_set(err, -r, "%s '%s'", what, name);
	while (!t.is_done && hypervisor_is_running(sb->vm))
		(void)loop_turn(sb->loop, 1000);
	if (!t.is_done)
		(void)err_say(&t.err, EIO, "%s '%s': the VM has gone", what, name);
	return t.err.num != 0 ? err_copy(err, &t.err) : 0;
}

int sandbox_tell_network(struct sandbox *sb, struct err *err)
{
	Grpc__UpdateRoutesRequest routes = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__AddARPNeighborsRequest neighbours = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	bool has_pci = strcmp(sb->config.hypervisor.machine_type, "microvm") != 0;
	const struct netplan *plan = &sb->network.plan;
	_autoarena_ struct arena arena = { .max = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_nics; i++) {
		Grpc__UpdateInterfaceRequest nic = GRPC__UPDATE_INTERFACE_REQUEST__INIT;

		if (netguest_interface(&arena, plan, i, has_pci, &nic) < 0)
			return err_set(err, ENOMEM, "tell the guest its network");
		r = tell(sb, "UpdateInterface", &nic.base, "give the guest interface", plan->nics[i].name, err);
	}
	if (r < 0 || plan->n_nics == 0)
		return r;
	if (netguest_routes(&arena, plan, &routes) < 0 || netguest_neighbours(&arena, plan, &neighbours) < 0)
		return err_set(err, ENOMEM, "tell the guest its network");
	/* The agent takes an empty list as well, but an older one need not know the calls. */
	if (plan->n_routes > 0)
		r = tell(sb, "UpdateRoutes", &routes.base, "give the guest the routes of", sb->id, err);
	if (r == 0 && plan->n_neighbours > 0)
		r = tell(sb, "AddARPNeighbors", &neighbours.base, "give the guest the neighbours of", sb->id, err);
	return r;
}

void sandbox_find_dns(struct sandbox *sb, const struct oci_spec *spec, struct arena *arena)
{
	bool is_user = strcmp(sb->config.runtime.internetworking_model, "user") == 0;
	_autofree_ char *text = NULL;
	size_t n;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct oci_mount *m = &spec->mounts[i];
		int r = 0;

		if (strcmp(m->destination, RESOLV_CONF) != 0 || !m->source || m->source[0] != '/' || text)
			continue;
		r = fd_read_file_at(AT_FDCWD, m->source, RESOLV_CONF_MAX, &text, &n);
		if (r < 0)
			log_warning("network", "Cannot read '%s': %s, ignoring", m->source, strerror(-r));
	}
	if (netguest_dns(arena, text ? text : is_user ? "nameserver " NETPLAN_USER_DNS : "", &sb->dns, &sb->n_dns) < 0)
		log_warning("network", "Cannot tell the guest its name servers: out of memory, ignoring");
}
