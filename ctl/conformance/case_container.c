/* SPDX-License-Identifier: Apache-2.0 */
/* Create, Start, Remove, Pause, Resume: every call in every state of a container. */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"

/* --- CreateContainer --------------------------------------------------------------------------------------------- */

static bool create_once(struct conform *c)
{
	return conform_create(c, &(struct conform_spec){ .script = "exit 3" }) &&
	       conform_call(c, "StartContainer", IS_OK, JSON_C) && conform_exits(c, "", 3) && conform_remove(c, c->cid);
}

/* runtime-rs sends no exec id; the init's name is the container's all the same. */
static bool create_without_exec_id(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .exec_id = "", .script = "exit 4" }) &&
	       conform_exits(c, c->cid, 4);
}

static bool create_with_other_exec_id(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .exec_id = "another", .script = "exit 5" }) &&
	       conform_exits(c, "", 5);
}

static bool create_duplicate(struct conform *c)
{
	const char *json = conform_spec_json(c, &(struct conform_spec){ .script = "true" });

	/* The first one is not hurt. */
	return json && conform_call_json(c, "CreateContainer", IS_REFUSED, json) && conform_write(c, "", "x", 1) &&
	       conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_prints(c, "", "x") && conform_exits(c, "", 0);
}

static bool create_again(struct conform *c)
{
	return conform_script(c, &(struct conform_spec){ .script = "echo again" }, "again\n");
}

static bool create_bad_id(struct conform *c)
{
	static const char *const ids[] = { "", "x", "../up", "a/b", "-dash", ".dot", "with space", "sl\\\\ash" };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const char *json = conform_spec_json(c, &(struct conform_spec){ .id = ids[i] });

		if (!json || !conform_call_json(c, "CreateContainer", IS_REFUSED, json))
			return false;
	}
	return true;
}

static bool create_bad_program(struct conform *c)
{
	return conform_call(c, "CreateContainer", IS_REFUSED | IS_OK,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"OCI\":{\"Version\":\"1.1.0\",\"Process\":{"
	                    "\"User\":{},"
	                    "\"Args\":[\"/no/such/program\"],\"Env\":[\"PATH=/bin\"],\"Cwd\":\"/\"},"
	                    "\"Root\":{\"Path\":\"$R\"},\"Mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\","
	                    "\"source\":\"proc\"}],\"Linux\":{\"Namespaces\":[{\"Type\":\"ipc\"},{\"Type\":\"uts\"},"
	                    "{\"Type\":\"mount\"}]}}}") &&
	       (c->reply.code != RPC_OK || conform_call(c, "StartContainer", IS_REFUSED, JSON_C)) &&
	       conform_says(c, "the file /no/such/program was not found");
}

/* A create that failed leaves its name, and nothing else. */
static bool create_after_failure(struct conform *c)
{
	return conform_call(c, "CreateContainer", IS_REFUSED,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"OCI\":{\"Version\":\"1.1.0\",\"Process\":{"
	                    "\"User\":{},"
	                    "\"Args\":[\"sh\"],\"Cwd\":\"/\"},\"Root\":{\"Path\":\"$R/nowhere\"},"
	                    "\"Linux\":{\"Namespaces\":[{\"Type\":\"mount\"}]}}}") &&
	       conform_call(c, "RemoveContainer", IS_ANY, JSON_C) &&
	       conform_script(c, &(struct conform_spec){ .script = "echo good" }, "good\n");
}

static bool create_unknown_storage(struct conform *c)
{
	const char *json = conform_spec_json(
		c, &(struct conform_spec){
			   .request = ",\"storages\":[{\"driver\":\"punched-cards\",\"source\":\"a\","
				      "\"fstype\":\"b\",\"mount_point\":\"/run/kata-containers/sandbox/cards\"}]" });

	return json && conform_call_json(c, "CreateContainer", IS_REFUSED, json) && conform_says(c, "punched-cards");
}

static bool create_unknown_device(struct conform *c)
{
	const char *json = conform_spec_json(
		c, &(struct conform_spec){
			   .request = ",\"devices\":[{\"type\":\"abacus\",\"id\":\"1\",\"vm_path\":\"/dev/abacus\","
				      "\"container_path\":\"/dev/abacus\"}]" });

	return json && conform_call_json(c, "CreateContainer", IS_REFUSED | IS_UNIMPLEMENTED, json);
}

/* --- StartContainer ---------------------------------------------------------------------------------------------- */

/* Nothing of the program runs before. */
static bool start_releases(struct conform *c)
{
	struct conform_pending *p =
		conform_send(c, 0, "ReadStdout", "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"len\":9}");

	return p && conform_still_waits(c, p, 100) && conform_call(c, "StartContainer", IS_OK, JSON_C) &&
	       conform_write(c, "", "on", 2) && conform_await(c, p, IS_OK);
}

/* Upstream waits for ever with its lock held; whatever is answered, it must be answered. */
static bool start_killed(struct conform *c)
{
	return conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "", 137) && conform_call(c, "StartContainer", IS_REFUSED, JSON_C);
}

/* --- RemoveContainer --------------------------------------------------------------------------------------------- */

static bool remove_and_forget(struct conform *c)
{
	return conform_call(c, "RemoveContainer", IS_OK, JSON_C) &&
	       conform_call(c, "StatsContainer", IS_INVALID, JSON_C) &&
	       conform_call(c, "WaitProcess", IS_INVALID, JSON_C);
}

static bool remove_waits(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "WaitProcess", JSON_C);

	/* Whoever waits is told something, whatever it is. */
	return p && conform_still_waits(c, p, 20) && conform_remove(c, c->cid) && conform_await(c, p, IS_ANY);
}

/* --- Pause and Resume -------------------------------------------------------------------------------------------- */

/* What is written while it is frozen is echoed afterwards, not before. */
static bool pause_stops(struct conform *c)
{
	struct conform_pending *p;

	if (!conform_write(c, "", "frozen", 6))
		return false;
	p = conform_send(c, 0, "ReadStdout", "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":9}");
	return p && conform_still_waits(c, p, 150) && conform_call(c, "ResumeContainer", IS_OK, JSON_C) &&
	       conform_await(c, p, IS_OK);
}

static bool pause_and_kill(struct conform *c)
{
	return conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "", 137) && conform_call(c, "RemoveContainer", IS_OK, JSON_C);
}

static bool pause_and_remove(struct conform *c)
{
	return conform_remove(c, c->cid);
}

static bool pause_and_stats(struct conform *c)
{
	return conform_call(c, "StatsContainer", IS_OK, JSON_C) && conform_call(c, "ResumeContainer", IS_OK, JSON_C);
}

static const struct conform_case container[] = {
	CASE(WORKS, "CreateContainer/life", CONFORM_NOTHING, create_once),
	CASE(WORKS, "CreateContainer/no-exec-id", CONFORM_NOTHING, create_without_exec_id),
	CASE(WORKS, "CreateContainer/other-exec-id", CONFORM_NOTHING, create_with_other_exec_id),
	CASE(REFUSED, "CreateContainer/duplicate", CONFORM_RUNNING, create_duplicate),
	CASE(WORKS, "CreateContainer/again-after-removal", CONFORM_REMOVED, create_again),
	CASE(REFUSED, "CreateContainer/bad-id", CONFORM_NOTHING, create_bad_id),
	CALL(REFUSED, "CreateContainer/no-spec", CONFORM_NOTHING, JSON_INIT, IS_REFUSED, NULL),
	CASE(REFUSED, "CreateContainer/no-program", CONFORM_NOTHING, create_bad_program),
	CASE(WORKS_STRICT, "CreateContainer/again-after-failure", CONFORM_NOTHING, create_after_failure),
	CASE(REFUSED, "CreateContainer/unknown-storage", CONFORM_NOTHING, create_unknown_storage),
	CASE(REFUSED, "CreateContainer/unknown-device", CONFORM_NOTHING, create_unknown_device),

	CASE(WORKS, "StartContainer/releases", CONFORM_CREATED, start_releases),
	CALL(REFUSED, "StartContainer/unknown", CONFORM_NOTHING, JSON_C, IS_INTERNAL, "container id"),
	CALL(REFUSED_STRICT, "StartContainer/twice", CONFORM_STANDING, JSON_C, IS_INTERNAL, NULL),
	CALL(REFUSED_STRICT, "StartContainer/after-exit", CONFORM_WAITED, JSON_C, IS_INTERNAL, NULL),
	CASE(REFUSED_STRICT, "StartContainer/killed-before", CONFORM_CREATED, start_killed),
	CALL(REFUSED, "StartContainer/removed", CONFORM_REMOVED, JSON_C, IS_INTERNAL, "container id"),

	CASE(WORKS, "RemoveContainer/after-exit", CONFORM_WAITED, remove_and_forget),
	CASE(WORKS, "RemoveContainer/not-waited", CONFORM_EXITED, remove_and_forget),
	CASE(WORKS, "RemoveContainer/running", CONFORM_RUNNING, remove_and_forget),
	CASE(WORKS, "RemoveContainer/created", CONFORM_CREATED, remove_and_forget),
	CASE(WORKS, "RemoveContainer/waited-for", CONFORM_RUNNING, remove_waits),
	CALL(WORKS, "RemoveContainer/timeout", CONFORM_WAITED, "{\"container_id\":\"$C\",\"timeout\":10}", IS_OK, NULL),
	CALL(REFUSED, "RemoveContainer/unknown", CONFORM_NOTHING, JSON_C, IS_INTERNAL, "container id"),
	CALL(REFUSED, "RemoveContainer/twice", CONFORM_REMOVED, JSON_C, IS_INTERNAL, "container id"),

	CASE(WORKS, "PauseContainer/stops", CONFORM_PAUSED, pause_stops),
	CASE(WORKS, "PauseContainer/kill", CONFORM_PAUSED, pause_and_kill),
	CASE(WORKS, "PauseContainer/remove", CONFORM_PAUSED, pause_and_remove),
	CASE(WORKS, "PauseContainer/stats", CONFORM_PAUSED, pause_and_stats),
	CALL(REFUSED, "PauseContainer/unknown", CONFORM_NOTHING, JSON_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "PauseContainer/removed", CONFORM_REMOVED, JSON_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED_STRICT, "PauseContainer/twice", CONFORM_PAUSED, JSON_C, IS_INTERNAL, NULL),
	CALL(REFUSED_STRICT, "PauseContainer/after-exit", CONFORM_WAITED, JSON_C, IS_INTERNAL, NULL),

	CALL(WORKS, "ResumeContainer/paused", CONFORM_PAUSED, JSON_C, IS_OK, NULL),
	CALL(REFUSED, "ResumeContainer/unknown", CONFORM_NOTHING, JSON_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "ResumeContainer/removed", CONFORM_REMOVED, JSON_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "ResumeContainer/running", CONFORM_STANDING, JSON_C, IS_INTERNAL, NULL),
};

SUITE(conform_suite_container, container);
