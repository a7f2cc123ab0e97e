/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks, mounts that one container hands to another, and volumes whose files change under way. */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define SHARE "/run/kata-containers/shared/containers/"

/* A hook of this kind that leaves a file in the root file system; the program is the root file system's, as the guest
 * sees it. */
#define HOOK(kind)                                                                                                     \
	"\"" kind "\":[{\"Path\":\"$R/bin/touch\",\"Args\":[\"touch\",\"$R/mnt/$C-" kind "\"],\"Env\":[\"PATH=/"       \
	"bin\"]}]"

static bool hooks(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "cd /mnt; for k in Prestart CreateRuntime CreateContainer StartContainer; do [ -e "
				  "$C-$k ] || echo no $k;"
				  " done; rm -f $C-*",
			.top = ",\"Hooks\":{" HOOK("Prestart") "," HOOK("CreateRuntime") "," HOOK(
				"CreateContainer") ","
						   "\"StartContainer\":[{\"Path\":\"/bin/"
						   "touch\",\"Args\":[\"touch\",\"/mnt/$C-StartContainer\"]}]}" },
		"");
}

static bool poststart(struct conform *c)
{
	return conform_script(c,
	                      &(struct conform_spec){ .script = "for i in $(seq 100); do [ -e /mnt/$C-Poststart ] && "
	                                                        "echo there && break; sleep 0.05; done;"
	                                                        " rm -f /mnt/$C-*",
	                                              .top = ",\"Hooks\":{" HOOK("Poststart") "}" },
	                      "there\n");
}

/* Upstream runs the poststart hooks again. */
static bool poststop(struct conform *c)
{
	const char *looker = conform_name(c);
	_autofree_ char *script = NULL;

	if (asprintf(&script,
	             "for i in $(seq 100); do [ -e /mnt/%s-Poststop ] && echo there && break; sleep 0.05; done; rm -f "
	             "/mnt/%s-*",
	             c->cid, c->cid) < 0)
		return conform_fail(c, "out of memory");
	if (!conform_run(c, &(struct conform_spec){ .script = "exit 0", .top = ",\"Hooks\":{" HOOK("Poststop") "}" }) ||
	    !conform_exits(c, "", 0) || !conform_remove(c, c->cid))
		return false;
	(void)snprintf(c->cid, sizeof(c->cid), "%s", looker);
	return conform_script(c, &(struct conform_spec){ .script = script }, "there\n");
}

/* The OCI specification wants an error; upstream only logs it. */
static bool failing_hook(struct conform *c)
{
	const char *json = conform_spec_json(
		c, &(struct conform_spec){
			   .top = ",\"Hooks\":{\"Prestart\":[{\"Path\":\"$R/bin/false\",\"Args\":[\"false\"]}]}" });

	return json && conform_call_json(c, "CreateContainer", IS_REFUSED, json) && conform_says(c, "/bin/false");
}

/* runtime-rs: a mount of one container becomes another one's. */
static bool shared_mount(struct conform *c)
{
	const char *user = conform_name(c);

	if (!conform_run(
		    c,
		    &(struct conform_spec){
			    .script = "echo of the source >/mnt/file; exec cat",
			    .top = ",\"Annotations\":{\"io.kubernetes.cri.container-name\":\"conformance-source\"}",
			    .mounts = ",{\"destination\":\"/mnt\",\"type\":\"tmpfs\",\"source\":\"t\"}" }) ||
	    !conform_write(c, "", "x", 1) ||
	    !conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":1}"))
		return false;
	(void)snprintf(c->cid, sizeof(c->cid), "%s", user);
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "cat /tmp/there/file",
			.top = ",\"Annotations\":{\"io.kubernetes.cri.container-name\":\"conformance-user\"}",
			.request = ",\"shared_mounts\":[{\"name\":\"m\",\"src_ctr\":\"conformance-source\",\"src_"
				   "path\":\"/mnt\",\"dst_ctr\":"
				   "\"conformance-user\",\"dst_path\":\"/tmp/there\"}]" },
		"of the source\n");
}

/* --- watchable-bind ---------------------------------------------------------------------------------------------- */

static bool has_driver(struct conform *c, const char *name)
{
	const Grpc__GuestDetailsResponse *r;

	if (!conform_call(c, "GetGuestDetails", IS_OK, "{}"))
		return false;
	r = (const Grpc__GuestDetailsResponse *)c->reply.message;
	for (size_t i = 0; r->agent_details && i < r->agent_details->n_storage_handlers; i++) {
		if (strcmp(r->agent_details->storage_handlers[i], name) == 0)
			return true;
	}
	return conform_skip(c, "the agent has no driver '%s'", name);
}

/* One byte of a config map, as the host writes it. */
static bool put_config(struct conform *c, const char *base64)
{
	return conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" SHARE
	                    "conformance-config/key\",\"file_size\":1,\"file_mode\":33188,\"dir_mode\":493,"
	                    "\"data\":\"%s\"}",
	                    base64);
}

/* The container sees the file, and within the agent's two seconds (or sooner) what becomes of it. */
static bool watched(struct conform *c)
{
	return has_driver(c, "watchable-bind") && put_config(c, "YQ==") &&
	       conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" SHARE "watchable\",\"file_mode\":16877,\"dir_mode\":493}") &&
	       conform_run(c,
	                   &(struct conform_spec){
				   .script = "cat /mnt/key; for i in $(seq 200); do [ $(cat /mnt/key) = b ] && cat "
					     "/mnt/key && break; sleep 0.05; done",
				   .request = ",\"storages\":[{\"driver\":\"watchable-bind\",\"source\":\"" SHARE
					      "conformance-config\",\"fstype\":"
					      "\"bind\",\"mount_point\":\"" SHARE "watchable/conformance-config\"}]",
				   .mounts = ",{\"destination\":\"/mnt\",\"type\":\"bind\",\"source\":\"" SHARE
					     "watchable/conformance-config\","
					     "\"options\":[\"rbind\"]}" }) &&
	       conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":1}") &&
	       put_config(c, "Yg==") && conform_prints(c, "", "b") && conform_exits(c, "", 0);
}

static const struct conform_case cases[] = {
	CASE(WORKS, "CreateContainer/hooks", CONFORM_NOTHING, hooks),
	CASE(WORKS, "CreateContainer/poststart-hook", CONFORM_NOTHING, poststart),
	CASE(WORKS_STRICT, "CreateContainer/poststop-hook", CONFORM_NOTHING, poststop),
	CASE(REFUSED_STRICT, "CreateContainer/failing-hook", CONFORM_NOTHING, failing_hook),
	CASE(WORKS, "CreateContainer/shared-mount", CONFORM_NOTHING, shared_mount),
	CASE(WORKS, "CreateContainer/watched-volume", CONFORM_NOTHING, watched),
};

SUITE(conform_suite_hooks, cases);
