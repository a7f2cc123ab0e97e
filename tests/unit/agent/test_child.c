/* SPDX-License-Identifier: Apache-2.0 */
/* Builds real containers in namespaces of the test's own, and looks at them from inside. */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/forked.h"
#include "tests/lib/sandboxed.h"

#define MOUNTS                                                                                                         \
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"                                           \
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\"]},"               \
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":"                         \
	"[\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]}"
#define NAMESPACES                                                                                                     \
	"{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"network\"},"        \
	"{\"type\":\"cgroup\"}"
/* process: more members of the process, each with a comma before it; namespaces and lin likewise. */
#define CONFIG(script, user, process, namespaces, lin)                                                                 \
	"{\"ociVersion\":\"1.0.2\",\"hostname\":\"box\",\"root\":{\"path\":\"rootfs\"},\"mounts\":[" MOUNTS            \
	"],\"process\":{\"args\":[\"/bin/sh\",\"-c\",\"" script "\"],\"cwd\":\"/home/web\",\"user\":" user             \
	",\"env\":[\"PATH=/bin\"]" process "},\"linux\":{\"namespaces\":[" NAMESPACES namespaces "]" lin "}}"
#define EXEC(script, more)                                                                                             \
	"{\"args\":[\"/bin/sh\",\"-c\",\"" script "\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},"                  \
	"\"env\":[\"PATH=/bin\"]" more "}"
#define ROOT_USER  "{\"uid\":0,\"gid\":0}"
#define WEB_USER   "{\"uid\":1000,\"gid\":1000,\"additionalGids\":[7,8],\"umask\":63}"
#define CAPS(list) ",\"capabilities\":{\"bounding\":[" list "],\"effective\":[" list "],\"permitted\":[" list "]}"
#define SLEEPER    CONFIG("busybox sleep 1000", ROOT_USER, CAPS("\"CAP_KILL\""), "", "")

/* The line that is wrong becomes the result of a body; errors are shown first. */
#define CHECK(p, condition)                                                                                            \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print_error("%s:%d: '%s'; error '%s', output '%s'\n", __FILE__, __LINE__, #condition,          \
			            (p)->err.text, buf_str(&(p)->output));                                             \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

static bool has_line(const struct sandboxed_process *p, const char *line)
{
	const char *text = buf_str(&p->output);
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || at[len] == '\r' || at[len] == '\0'))
			return true;
	return false;
}

static int world_of_an_init(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(
		&p, CONFIG("echo pid=$$; pwd; echo home=$HOME; hostname; umask; ulimit -n; ulimit -Hn;"
	                   "echo oom=$(busybox cat /proc/self/oom_score_adj); echo fds=$(busybox ls /proc/self/fd);"
	                   "echo nice=$(busybox awk '{print $19, $40, $41}' /proc/self/stat);"
	                   "echo sid=$(busybox awk '{print $6}' /proc/1/stat);"
	                   "echo core=$(ulimit -c);"
	                   "busybox ifconfig lo; echo msgmax=$(busybox cat /proc/sys/kernel/msgmax); exit 7",
	                   ROOT_USER,
	                   ",\"oomScoreAdj\":500,\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":8,\"hard\":9}]", "",
	                   ",\"sysctl\":{\"kernel.msgmax\":\"4242\",\"net.core.none\":\"1\"}"));

	CHECK(&p, r == 7);
	CHECK(&p, has_line(&p, "pid=1"));
	CHECK(&p, has_line(&p, "/home/web"));
	CHECK(&p, has_line(&p, "home=/root"));
	CHECK(&p, has_line(&p, "box"));
	CHECK(&p, has_line(&p, "0022"));
	CHECK(&p, has_line(&p, "8") && has_line(&p, "9"));
	CHECK(&p, has_line(&p, "oom=500"));
	CHECK(&p, has_line(&p, "fds=0 1 2 3")); /* 3 is the directory that ls reads */
	CHECK(&p, has_line(&p, "nice=0 0 0"));
	CHECK(&p, has_line(&p, "sid=1"));
	CHECK(&p, has_line(&p, "core=0"));
	CHECK(&p, strstr(buf_str(&p.output), "UP LOOPBACK RUNNING"));
	CHECK(&p, has_line(&p, "msgmax=4242"));
	sandboxed_done(&p);
	return 0;
}

#define STATUS "busybox grep -E '^(Cap|Uid|Gid|Groups|NoNewPrivs|Seccomp:)' /proc/self/status | busybox tr '\\\\t' ' '"

static int rights_of_a_user(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG(STATUS "; umask; echo home=$HOME; echo again > /dev/stdout", WEB_USER,
	                                   CAPS("\"CAP_KILL\",\"CAP_NET_RAW\"") ",\"noNewPrivileges\":true", "",
	                                   ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}"));

	CHECK(&p, r == 0);
	CHECK(&p, has_line(&p, "Uid: 1000 1000 1000 1000"));
	CHECK(&p, has_line(&p, "Gid: 1000 1000 1000 1000"));
	CHECK(&p, has_line(&p, "Groups: 7 8 ") || has_line(&p, "Groups: 7 8"));
	CHECK(&p, has_line(&p, "CapInh: 0000000000000000"));
	CHECK(&p, has_line(&p, "CapPrm: 0000000000000000")); /* execve by a user drops what is not ambient */
	CHECK(&p, has_line(&p, "CapBnd: 0000000000002020"));
	CHECK(&p, has_line(&p, "NoNewPrivs: 1"));
	CHECK(&p, has_line(&p, "Seccomp: 2"));
	CHECK(&p, has_line(&p, "0077"));
	CHECK(&p, has_line(&p, "home=/home/web"));
	CHECK(&p, has_line(&p, "again"));
	sandboxed_done(&p);
	return 0;
}

/* Without no_new_privs the filter goes in before the last drop. */
static int filter_without_no_new_privs(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(
		&p, CONFIG(STATUS "; busybox mkdir /tmp/x || echo forbidden", ROOT_USER, CAPS("\"CAP_KILL\""), "",
	                   ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
	                   "[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"));

	CHECK(&p, r == 0);
	CHECK(&p, has_line(&p, "NoNewPrivs: 0"));
	CHECK(&p, has_line(&p, "Seccomp: 2"));
	CHECK(&p, has_line(&p, "CapPrm: 0000000000000020"));
	CHECK(&p, has_line(&p, "CapEff: 0000000000000020"));
	CHECK(&p, has_line(&p, "CapBnd: 0000000000000020"));
	CHECK(&p, has_line(&p, "forbidden"));
	sandboxed_done(&p);
	return 0;
}

/* What decides about mkdir in the container: reads the state, answers one call, says what it was told. */
static void seccomp_agent(int server, int report)
{
	struct seccomp_notif call = { 0 };
	struct seccomp_notif_resp answer = { .error = -EXDEV };
	char text[2048] = "", control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	int fd = -1, peer = accept(server, NULL, NULL);

	if (peer >= 0 && recvmsg(peer, &msg, 0) > 0 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	(void)dprintf(report, "%s\n", text);
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
		answer.id = call.id;
		(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	_exit(0);
}

#define NOTIFY_MKDIR                                                                                                   \
	",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/tmp/agent.sock\","                     \
	"\"listenerMetadata\":\"mine\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_"        \
	"NOTIFY\"}]}"

static int notified(const char *process)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/tmp/agent.sock" };
	_autoclose_ int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char config[4096], told[2048] = "";
	struct sandboxed_process p;
	int r, report[2];

	(void)snprintf(config, sizeof(config),
	               CONFIG("busybox mkdir /tmp/x 2>&1; busybox ls /proc/self/fd", ROOT_USER,
	                      CAPS("\"CAP_KILL\"") "%s", "", NOTIFY_MKDIR),
	               process);
	if (bind(server, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(server, 1) < 0 || pipe(report) < 0)
		return 99;
	if (fork() == 0)
		seccomp_agent(server, report[1]);
	r = sandboxed_whole(&p, config);
	CHECK(&p, r == 0);
	CHECK(&p, strstr(buf_str(&p.output), "Invalid cross-device link"));
	CHECK(&p, strstr(buf_str(&p.output), "0\n1\n2\n3\n"));
	CHECK(&p, read(report[0], told, sizeof(told) - 1) > 0);
	CHECK(&p, strstr(told, "\"metadata\":\"mine\"") && strstr(told, "\"fds\":[\"seccompFd\"]"));
	/* The pid is the creator's, not the 1 that it is inside. */
	CHECK(&p, !strstr(told, "\"pid\":1,") && !strstr(told, "\"pid\":0,"));
	CHECK(&p, strstr(told, "\"id\":\"test\",\"status\":\"creating\""));
	sandboxed_done(&p);
	(void)unlink(addr.sun_path);
	return 0;
}

static int filter_with_a_listener(void)
{
	return notified("");
}

static int filter_with_a_listener_and_no_new_privs(void)
{
	return notified(",\"noNewPrivileges\":true");
}

static int filter_without_its_listener(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG("exit 0", ROOT_USER, "", "", NOTIFY_MKDIR));

	CHECK(&p, r == -ENOENT);
	CHECK(&p, strstr(p.err.text, "seccomp: connect to listenerPath '/tmp/agent.sock'"));
	sandboxed_done(&p);
	return 0;
}

static int terminal_of_an_init(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG("busybox tty; busybox stty size; echo fds=$(busybox ls /proc/self/fd);"
	                                   "echo owner=$(busybox stat -c %u /dev/console); : < /dev/tty && echo ctty",
	                                   WEB_USER, ",\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":81}",
	                                   "", ""));

	CHECK(&p, r == 0);
	CHECK(&p, p.master >= 0);
	CHECK(&p, has_line(&p, "/dev/pts/0"));
	CHECK(&p, has_line(&p, "24 81"));
	CHECK(&p, has_line(&p, "fds=0 1 2 3"));
	CHECK(&p, has_line(&p, "owner=1000"));
	CHECK(&p, has_line(&p, "ctty"));
	sandboxed_done(&p);
	return 0;
}

static int user_namespace(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG("echo uid=$(busybox id -u); echo $(busybox cat /proc/self/uid_map);"
	                                   "echo again > /dev/stdout; busybox touch /tmp/mine && echo made;" STATUS,
	                                   ROOT_USER, CAPS("\"CAP_KILL\"") ",\"noNewPrivileges\":true",
	                                   ",{\"type\":\"user\"}",
	                                   ",\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
	                                   "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]"));

	CHECK(&p, r == 0);
	CHECK(&p, has_line(&p, "uid=0"));
	CHECK(&p, has_line(&p, "0 100000 65536"));
	CHECK(&p, has_line(&p, "again"));
	CHECK(&p, has_line(&p, "CapBnd: 0000000000000020"));
	CHECK(&p, has_line(&p, "CapEff: 0000000000000020"));
	sandboxed_done(&p);
	return 0;
}

static void containers_are_what_the_spec_says(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(sandboxed_run(world_of_an_init), 0);
	assert_int_equal(sandboxed_run(rights_of_a_user), 0);
	assert_int_equal(sandboxed_run(filter_without_no_new_privs), 0);
	assert_int_equal(sandboxed_run(filter_with_a_listener), 0);
	assert_int_equal(sandboxed_run(filter_with_a_listener_and_no_new_privs), 0);
	assert_int_equal(sandboxed_run(filter_without_its_listener), 0);
	assert_int_equal(sandboxed_run(terminal_of_an_init), 0);
	assert_int_equal(sandboxed_run(user_namespace), 0);
}

/* --- exec -------------------------------------------------------------------------------------------------------- */

static int start_sleeper(struct sandboxed_process *p, const char *json)
{
	int r = sandboxed_container(p, json);

	r = r == 0 ? sandboxed_build(p) : r;
	return r == 0 ? sandboxed_release(p) : r;
}

static int run_exec(struct sandboxed_process *p, const struct sandboxed_process *container, const char *json)
{
	int r = sandboxed_exec(p, container, json);

	r = r == 0 ? sandboxed_build(p) : r;
	r = r == 0 ? sandboxed_release(p) : r;
	return r == 0 ? sandboxed_wait(p) : r;
}

#define SAME_NAMESPACES                                                                                                \
	"for n in mnt uts ipc net pid cgroup user; do [ $(busybox readlink /proc/1/ns/$n) = "                          \
	"$(busybox readlink /proc/self/ns/$n) ] || echo differs $n; done; "

static int exec_joins_the_container(void)
{
	struct sandboxed_process container, p;
	int r = start_sleeper(&container, SLEEPER);

	CHECK(&container, r == 0);
	r = run_exec(&p, &container,
	             EXEC(SAME_NAMESPACES "hostname; pwd; echo fds=$(busybox ls /proc/self/fd);" STATUS, ""));
	CHECK(&p, r == 0);
	CHECK(&p, !strstr(buf_str(&p.output), "differs"));
	CHECK(&p, has_line(&p, "box"));
	CHECK(&p, has_line(&p, "/"));
	CHECK(&p, has_line(&p, "fds=0 1 2 3"));
	CHECK(&p, has_line(&p, "CapBnd: 0000000000000020")); /* the container's, since it says nothing of its own */
	sandboxed_done(&p);

	r = run_exec(&p, &container, EXEC("busybox tty; : < /dev/tty && echo ctty", ",\"terminal\":true"));
	CHECK(&p, r == 0);
	CHECK(&p, p.master >= 0);
	CHECK(&p, strstr(buf_str(&p.output), "/dev/pts/"));
	CHECK(&p, has_line(&p, "ctty"));
	sandboxed_done(&p);
	sandboxed_done(&container);
	return 0;
}

static int exec_in_a_user_namespace(void)
{
	struct sandboxed_process container, p;
	int r = start_sleeper(&container,
	                      CONFIG("busybox sleep 1000", ROOT_USER, CAPS("\"CAP_KILL\""), ",{\"type\":\"user\"}",
	                             ",\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
	                             "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]"));

	CHECK(&container, r == 0);
	r = run_exec(&p, &container,
	             EXEC(SAME_NAMESPACES "echo uid=$(busybox id -u); echo again > /dev/stdout;" STATUS, ""));
	CHECK(&p, r == 0);
	CHECK(&p, !strstr(buf_str(&p.output), "differs"));
	CHECK(&p, has_line(&p, "uid=0"));
	CHECK(&p, has_line(&p, "again"));
	CHECK(&p, has_line(&p, "CapBnd: 0000000000000020"));
	sandboxed_done(&p);
	sandboxed_done(&container);
	return 0;
}

/* CVE-2024-21626: a working directory through somebody's open fd. */
static int exec_cannot_stand_outside(void)
{
	struct sandboxed_process container, p;
	char json[512];

	CHECK(&container, start_sleeper(&container, SLEEPER) == 0);
	for (int fd = 0; fd < 32; fd++) {
		int r;

		(void)snprintf(json, sizeof(json),
		               "{\"args\":[\"/bin/busybox\",\"pwd\"],\"user\":{\"uid\":0,\"gid\":0},\"cwd\":\"/proc/"
		               "self/fd/%d\"}",
		               fd);
		r = sandboxed_exec(&p, &container, json);
		CHECK(&p, r == 0);
		r = sandboxed_build(&p);
		CHECK(&p, r < 0);
		CHECK(&p, strstr(p.err.text, "working directory '/proc/self/fd/"));
		sandboxed_done(&p);
	}
	sandboxed_done(&container);
	return 0;
}

static int exec_into_a_dead_container(void)
{
	struct sandboxed_process container, p;

	CHECK(&container, start_sleeper(&container, SLEEPER) == 0);
	CHECK(&container, sys_pidfd_send_signal(container.built.pidfd, SIGKILL) == 0);
	CHECK(&container, sandboxed_wait(&container) == 128 + SIGKILL);
	CHECK(&p, sandboxed_exec(&p, &container, EXEC("true", "")) == 0);
	CHECK(&p, sandboxed_build(&p) == -ESRCH);
	CHECK(&p, strstr(p.err.text, "its init is gone"));
	sandboxed_done(&p);
	sandboxed_done(&container);
	return 0;
}

static void exec_joins_everything(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(sandboxed_run(exec_joins_the_container), 0);
	assert_int_equal(sandboxed_run(exec_in_a_user_namespace), 0);
	assert_int_equal(sandboxed_run(exec_cannot_stand_outside), 0);
	assert_int_equal(sandboxed_run(exec_into_a_dead_container), 0);
}

/* --- the cgroup -------------------------------------------------------------------------------------------------- */

#define CGROUPS "/sys/fs/cgroup/unified"

/* Ours alone, below the machine's hierarchy; gone again with cgroup_remove of its root. */
static int in_a_cgroup(struct cgroup_host *host, bool no_clone_into_cgroup)
{
	struct sandboxed_process p, exec;
	struct cgroup_plan plan = { .path = "/box" };
	char json[] =
		CONFIG("busybox cat /proc/self/cgroup | busybox grep ^0; busybox sleep 1000", ROOT_USER, "", "", "");

	CHECK(&p, sandboxed_container(&p, json) == 0);
	p.request.cgroup_host = host;
	p.request.cgroup = &plan;
	p.request.cgroup_path = plan.path;
	p.request.no_clone_into_cgroup = no_clone_into_cgroup;
	CHECK(&p, sandboxed_build(&p) == 0);
	CHECK(&p, cgroup_count(host, "/box") == 1);
	CHECK(&p, sandboxed_release(&p) == 0);
	CHECK(&p, sandboxed_read_line(&p) == 0);

	CHECK(&exec, sandboxed_exec(&exec, &p, EXEC("busybox cat /proc/self/cgroup | busybox grep ^0", "")) == 0);
	exec.request.cgroup_host = host;
	exec.request.cgroup_path = plan.path;
	exec.request.no_clone_into_cgroup = no_clone_into_cgroup;
	CHECK(&exec, sandboxed_build(&exec) == 0);
	CHECK(&exec, sandboxed_release(&exec) == 0);
	CHECK(&exec, sandboxed_wait(&exec) == 0);
	CHECK(&exec, strcmp(buf_str(&exec.output), "0::/\n") == 0); /* the root of the container's cgroup namespace */
	sandboxed_done(&exec);

	CHECK(&p, cgroup_kill(host, "/box", &p.err) == 0);
	CHECK(&p, sandboxed_wait(&p) == 128 + SIGKILL);
	CHECK(&p, strcmp(buf_str(&p.output), "0::/\n") == 0);
	CHECK(&p, cgroup_remove(host, "/box", &p.err) == 0);
	sandboxed_done(&p);
	return 0;
}

static int no_cgroup_is_left_behind(struct cgroup_host *host, bool no_clone_into_cgroup)
{
	struct sandboxed_process p;
	struct cgroup_plan plan = { .path = "/box" };

	CHECK(&p, sandboxed_container(&p, CONFIG("true", ROOT_USER, "", ",{\"type\":\"user\"}", "")) == 0);
	p.request.cgroup_host = host;
	p.request.cgroup = &plan;
	p.request.no_clone_into_cgroup = no_clone_into_cgroup;
	CHECK(&p, sandboxed_build(&p) == -EINVAL);
	CHECK(&p, cgroup_count(host, "/box") == -ENOENT);
	sandboxed_done(&p);
	return 0;
}

static int with_a_hierarchy(int (*body)(struct cgroup_host *host, bool flag), bool flag)
{
	char root[64];
	struct cgroup_host host;
	struct err err = ERR_INIT;
	int r;

	/* Our pid is 1 in here: the time tells two runs of this test apart. */
	(void)snprintf(root, sizeof(root), CGROUPS "/kata-c-child-%" PRIx64, sys_now(CLOCK_MONOTONIC));
	if (mkdir(root, 0755) < 0 || cgroup_host_init(&host, root, &err) < 0)
		return 77; /* not here */
	r = body(&host, flag);
	if (r != 0)
		(void)cgroup_kill(&host, "/box", NULL);
	(void)cgroup_remove(&host, "/box", NULL);
	(void)rmdir(root);
	return r;
}

static int born_in_its_cgroup(void)
{
	return with_a_hierarchy(in_a_cgroup, false);
}

static int moved_to_its_cgroup(void)
{
	return with_a_hierarchy(in_a_cgroup, true);
}

static int failing_with_a_cgroup(void)
{
	return with_a_hierarchy(no_cgroup_is_left_behind, false);
}

static void born_in_the_cgroup_or_moved_there(void **state)
{
	int r;

	(void)state;
	skip_unless_root();
	r = sandboxed_run(born_in_its_cgroup);
	if (r == 77) {
		print_message("skipped: no cgroup2 hierarchy at /sys/fs/cgroup/unified that we may write\n");
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(sandboxed_run(moved_to_its_cgroup), 0);
	assert_int_equal(sandboxed_run(failing_with_a_cgroup), 0);
}

/* --- failures and endings ---------------------------------------------------------------------------------------- */

static bool has_children(void)
{
	siginfo_t info;

	return sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != -ECHILD;
}

#define PROGRAM(name)                                                                                                  \
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"mounts\":[" MOUNTS                                 \
	"],\"process\":{\"args\":[\"" name "\"],\"cwd\":\"/\",\"user\":" ROOT_USER                                     \
	",\"env\":[\"PATH=/bin\"]},\"linux\":{\"namespaces\":[" NAMESPACES "]}}"

static int missing_program(void)
{
	struct sandboxed_process p;

	CHECK(&p, sandboxed_whole(&p, PROGRAM("nothing")) == -ENOENT);
	CHECK(&p, strcmp(p.err.text, "the file nothing was not found") == 0);
	CHECK(&p, sandboxed_wait(&p) == 1);
	sandboxed_done(&p);
	CHECK(&p, sandboxed_whole(&p, PROGRAM("/etc/passwd")) == -EACCES);
	CHECK(&p, strstr(p.err.text, "the file /etc/passwd cannot be executed"));
	sandboxed_done(&p);
	return 0;
}

static int program_of_no_format(void)
{
	struct sandboxed_process p;

	CHECK(&p, chmod(SANDBOXED_ROOT "/etc/passwd", 0755) == 0);
	CHECK(&p, sandboxed_container(&p, PROGRAM("/etc/passwd")) == 0);
	CHECK(&p, sandboxed_build(&p) == 0);
	CHECK(&p, sandboxed_release(&p) == -ENOEXEC);
	CHECK(&p, strcmp(p.err.text, "execute '/etc/passwd': Exec format error") == 0);
	CHECK(&p, sandboxed_wait(&p) == 126);
	sandboxed_done(&p);
	return 0;
}

static int builder_cleans_up(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG("true", ROOT_USER, "", ",{\"type\":\"user\"}", ""));

	/* Found after the clone: the child waits for maps that nobody can write. */
	CHECK(&p, r == -EINVAL);
	CHECK(&p, strstr(p.err.text, "no id mappings"));
	CHECK(&p, !has_children());
	sandboxed_done(&p);
	r = sandboxed_whole(&p, CONFIG("true", ROOT_USER, ",\"selinuxLabel\":\"a:b:c:d\"", "", ""));
	CHECK(&p, r == -ENOTSUP);
	CHECK(&p, strstr(p.err.text, "SELinux label 'a:b:c:d'"));
	CHECK(&p, !has_children());
	sandboxed_done(&p);
	return 0;
}

static int nobody_lets_it_go(void)
{
	struct sandboxed_process p;

	CHECK(&p, sandboxed_container(&p, SLEEPER) == 0);
	CHECK(&p, sandboxed_build(&p) == 0);
	p.park = fd_close(p.park);
	CHECK(&p, sandboxed_wait(&p) == 1);
	CHECK(&p, p.output.len == 0);
	sandboxed_done(&p);
	return 0;
}

/* CVE-2016-9962: while parked it still holds our code and fds, and its /proc files must not be its user's. */
static int parked_child_is_hidden(void)
{
	struct sandboxed_process p;
	struct stat st;
	char path[64];

	CHECK(&p, sandboxed_container(&p, CONFIG("exit 3", WEB_USER, "", "", "")) == 0);
	CHECK(&p, sandboxed_build(&p) == 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)p.built.pid);
	CHECK(&p, stat(path, &st) == 0 && st.st_uid == 0);
	CHECK(&p, sandboxed_release(&p) == 0);
	CHECK(&p, sandboxed_wait(&p) == 3);
	sandboxed_done(&p);
	return 0;
}

/* The builder is a process of its own, as the agent's job: the child is its parent's, and outlives it. */
static int build_elsewhere(struct sandboxed_process *p, bool as_sibling)
{
	int status, up[2];
	pid_t pid;

	p->request.as_sibling = as_sibling;
	if (pipe2(up, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int r = container_build(&p->request, &p->built, &p->err);

		_exit(r < 0 || write(up[1], &p->built.pid, sizeof(pid_t)) < 0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0 || read(up[0], &p->built.pid, sizeof(pid_t)) < 0)
		return -1;
	(void)close(up[0]);
	(void)close(up[1]);
	p->built.pidfd = sys_pidfd_open(p->built.pid);
	return p->built.pidfd;
}

static int child_outlives_its_builder(void)
{
	for (int as_sibling = 0; as_sibling < 2; as_sibling++) {
		struct sandboxed_process p;
		struct child_report report = { 0 };
		int fd;

		CHECK(&p, sandboxed_container(&p, CONFIG("echo alive; exit 4", ROOT_USER, "", "", "")) == 0);
		CHECK(&p, build_elsewhere(&p, as_sibling) >= 0);
		for (int i = 0; i < 3; i++)
			p.request.stdio[i] = fd_close(p.request.stdio[i]);
		p.request.report = fd_close(p.request.report);
		CHECK(&p, child_receive(p.report, &report, &fd) == 1 && report.kind == CHILD_READY);
		CHECK(&p, sandboxed_release(&p) == 0);
		CHECK(&p, sandboxed_wait(&p) == 4);
		CHECK(&p, has_line(&p, "alive"));
		sandboxed_done(&p);
	}
	return 0;
}

static void failures_are_told_and_cleaned_up(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(sandboxed_run(missing_program), 0);
	assert_int_equal(sandboxed_run(program_of_no_format), 0);
	assert_int_equal(sandboxed_run(builder_cleans_up), 0);
}

static void parking_and_dying(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(sandboxed_run(nobody_lets_it_go), 0);
	assert_int_equal(sandboxed_run(parked_child_is_hidden), 0);
	assert_int_equal(sandboxed_run(child_outlives_its_builder), 0);
}

int test_child(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_are_what_the_spec_says),
		cmocka_unit_test(exec_joins_everything),
		cmocka_unit_test(born_in_the_cgroup_or_moved_there),
		cmocka_unit_test(failures_are_told_and_cleaned_up),
		cmocka_unit_test(parking_and_dying),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
