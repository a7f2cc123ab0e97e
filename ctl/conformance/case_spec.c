/* SPDX-License-Identifier: Apache-2.0 */
/* What a specification asks for is what the process finds: each case is a script inside a container. */
#include <string.h>

#include "ctl/conformance/suites.h"

static bool script(struct conform *c, const char *text, const char *want)
{
	return conform_script(c, &(struct conform_spec){ .script = text }, want);
}

static bool args_and_env(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){ .script = "echo \"$A|$B|$HOME|$(pwd)\"",
	                                .process = ",\"Env\":[\"PATH=/bin\",\"A=one two\",\"B=\",\"HOME=/root\"],"
	                                           "\"Cwd\":\"/tmp\"" },
		"one two||/root|/tmp\n");
}

static bool user(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){ .script = "id -u; id -g; grep Groups /proc/self/status | tr -s '\\t ' ' '",
	                                .process = ",\"User\":{\"UID\":1000,\"GID\":1001,\"AdditionalGids\":[5,7]}" },
		"1000\n1001\nGroups: 5 7 \n");
}

static bool umask_and_oom(struct conform *c)
{
	return conform_script(c,
	                      &(struct conform_spec){ .script = "cat /proc/self/oom_score_adj; umask",
	                                              .process = ",\"OOMScoreAdj\":200" },
	                      "200\n0022\n");
}

static bool rlimits(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "ulimit -n; ulimit -H -n",
			.process = ",\"Rlimits\":[{\"Type\":\"RLIMIT_NOFILE\",\"Hard\":256,\"Soft\":128}]" },
		"128\n256\n");
}

static bool capabilities(struct conform *c)
{
	/* CAP_CHOWN and CAP_KILL. */
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | tr -d '\\t'",
			.process = ",\"Capabilities\":{\"Bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],"
				   "\"Effective\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"Permitted\":[\"CAP_CHOWN\","
				   "\"CAP_KILL\"]},\"NoNewPrivileges\":true,\"User\":{\"UID\":0,\"GID\":0}" },
		"CapInh:0000000000000000\nCapPrm:0000000000000021\nCapEff:0000000000000021\n"
		"CapBnd:0000000000000021\nCapAmb:0000000000000000\n");
}

static bool no_new_privileges(struct conform *c)
{
	return conform_script(c,
	                      &(struct conform_spec){ .script = "grep NoNewPrivs /proc/self/status | tr -d '\\t'",
	                                              .process = ",\"NoNewPrivileges\":true" },
	                      "NoNewPrivs:1\n");
}

static bool devices(struct conform *c)
{
	return script(c,
	              "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo no $d; done\n"
	              "for l in fd stdin stdout stderr ptmx; do [ -L /dev/$l ] || echo no link $l; done\n"
	              "echo x >/dev/null; head -c 3 /dev/zero | od -An -tx1",
	              " 00 00 00\n");
}

static bool spec_device(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "stat -c '%t %T %a %u' /dev/mine; head -c 2 /dev/mine | od -An -tx1",
			.linux_ = ",\"Devices\":[{\"Path\":\"/dev/mine\",\"Type\":\"c\",\"Major\":1,\"Minor\":5,"
				  "\"FileMode\":432,\"UID\":3,\"GID\":4}]" },
		"1 5 660 3\n 00 00\n");
}

static bool mounts(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "echo deep >/mnt/a/b/file && cat /mnt/a/b/file; echo no >/mnt/ro/file; echo $?",
			.mounts = ",{\"destination\":\"/mnt/a/"
				  "b\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"size=65536\"]}"
				  ",{\"destination\":\"/mnt/"
				  "ro\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"ro\"]}" },
		"deep\n1\n");
}

static bool bind(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "[ -x /mnt/bound/busybox ] && echo there; touch /mnt/bound/x 2>/dev/null || echo ro",
			.mounts = ",{\"destination\":\"/mnt/bound\",\"type\":\"bind\",\"source\":\"$R/bin\","
				  "\"options\":[\"rbind\",\"ro\",\"nosuid\"]}" },
		"there\nro\n");
}

/* The shim's pod-wide /dev/shm. */
static bool sandbox_shm(struct conform *c)
{
	if (!c->has_sandbox)
		return conform_skip(c, "the sandbox is not of this run");
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "echo x >/dev/shm/x && grep ' /dev/shm ' /proc/mounts | tail -n 1 | cut -d ' ' -f 3",
			.mounts = ",{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":"
				  "\"/run/kata-containers/sandbox/shm\",\"options\":[\"rbind\"]}" },
		"tmpfs\n");
}

static bool bind_missing(struct conform *c)
{
	const char *json = conform_spec_json(
		c, &(struct conform_spec){ .mounts = ",{\"destination\":\"/mnt/x\",\"type\":\"bind\",\"source\":"
	                                             "\"/no/such/source\",\"options\":[\"rbind\"]}" });

	return json && conform_call_json(c, "CreateContainer", IS_REFUSED, json);
}

static bool masked(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "wc -c </proc/version; echo 1 2>/dev/null >/proc/sys/kernel/ostype || echo ro",
			.linux_ = ",\"MaskedPaths\":[\"/proc/version\",\"/proc/no-such-file\"]" },
		"0\nro\n");
}

/* The guest's own files are out of sight. */
static bool root_is_apart(struct conform *c)
{
	return script(c, "ls /; [ ! -e /run/kata-containers ] && echo apart",
	              "bin\ndev\netc\nmnt\nproc\nroot\nsys\ntmp\napart\n");
}

static bool read_only_root(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){ .script = "touch /file 2>/dev/null || echo ro; touch /tmp/x && echo rw",
	                                .top = ",\"Root\":{\"Path\":\"$R\",\"Readonly\":true}" },
		"ro\nrw\n");
}

static bool sysctl(struct conform *c)
{
	return conform_script(c,
	                      &(struct conform_spec){ .script = "cat /proc/sys/fs/mqueue/msg_max",
	                                              .linux_ = ",\"Sysctl\":{\"fs.mqueue.msg_max\":\"17\"}" },
	                      "17\n");
}

static bool bad_working_directory(struct conform *c)
{
	const char *json = conform_spec_json(c, &(struct conform_spec){ .process = ",\"Cwd\":\"relative\"" });

	return json && conform_call_json(c, "CreateContainer", IS_REFUSED, json);
}

/* Fields with no meaning here, maps, long lists: all of it has to be taken. */
static bool maximal(struct conform *c)
{
	const char *limits = c->has_limits
	                             ? ",\"Resources\":{\"Memory\":{\"Limit\":134217728},\"CPU\":{\"Shares\":1024,"
	                               "\"Period\":100000}},\"Sysctl\":{},\"RootfsPropagation\":\"rprivate\""
	                             : ",\"Resources\":{},\"Sysctl\":{},\"RootfsPropagation\":\"rprivate\"";

	return conform_script(
		c,
		&(struct conform_spec){
			.script = "echo taken",
			.request = ",\"string_user\":{\"uid\":\"0\",\"gid\":\"0\",\"additionalGids\":[\"1\"]},"
				   "\"sandbox_pidns\":false",
			.process = ",\"ConsoleSize\":{\"Height\":24,\"Width\":80},\"User\":{\"UID\":0,\"GID\":0,"
				   "\"AdditionalGids\":[1,2],"
				   "\"Username\":\"root\"},\"Rlimits\":[{\"Type\":\"RLIMIT_NOFILE\",\"Hard\":512,"
				   "\"Soft\":512}],"
				   "\"OOMScoreAdj\":100",
			.top = ",\"Annotations\":{\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes."
			       "cri.container-name\":"
			       "\"maximal\",\"io.katacontainers.pkg.oci.bundle_path\":\"/run/somewhere\"}",
			.linux_ = limits },
		"taken\n");
}

/* A container in the pod's pid namespace, which is its first container's. */
static bool pause_pids(struct conform *c)
{
	const char *app = conform_name(c);

	return conform_run(c, &(struct conform_spec){ .request = ",\"sandbox_pidns\":false" }) &&
	       conform_run(c, &(struct conform_spec){ .id = app, .script = "exec cat" });
}

static const struct conform_case spec[] = {
	CASE(WORKS, "CreateContainer/environment", CONFORM_NOTHING, args_and_env),
	CASE(WORKS, "CreateContainer/user", CONFORM_NOTHING, user),
	CASE(WORKS, "CreateContainer/oom-score", CONFORM_NOTHING, umask_and_oom),
	CASE(WORKS, "CreateContainer/rlimits", CONFORM_NOTHING, rlimits),
	CASE(WORKS, "CreateContainer/capabilities", CONFORM_NOTHING, capabilities),
	CASE(WORKS, "CreateContainer/no-new-privileges", CONFORM_NOTHING, no_new_privileges),
	CASE(WORKS, "CreateContainer/default-devices", CONFORM_NOTHING, devices),
	CASE(WORKS, "CreateContainer/device", CONFORM_NOTHING, spec_device),
	CASE(WORKS, "CreateContainer/mounts", CONFORM_NOTHING, mounts),
	CASE(WORKS, "CreateContainer/bind", CONFORM_NOTHING, bind),
	CASE(REFUSED, "CreateContainer/bind-missing", CONFORM_NOTHING, bind_missing),
	CASE(WORKS, "CreateContainer/sandbox-shm", CONFORM_NOTHING, sandbox_shm),
	CASE(WORKS, "CreateContainer/masked-paths", CONFORM_NOTHING, masked),
	CASE(WORKS, "CreateContainer/root-is-apart", CONFORM_NOTHING, root_is_apart),
	CASE(WORKS, "CreateContainer/read-only-root", CONFORM_NOTHING, read_only_root),
	CASE(WORKS, "CreateContainer/sysctl", CONFORM_NOTHING, sysctl),
	CASE(REFUSED, "CreateContainer/relative-directory", CONFORM_NOTHING, bad_working_directory),
	CASE(WORKS, "CreateContainer/maximal", CONFORM_NOTHING, maximal),
	CASE(WORKS, "CreateContainer/two-of-a-pod", CONFORM_NOTHING, pause_pids),
};

SUITE(conform_suite_spec, spec);
