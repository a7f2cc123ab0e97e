/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot manual: what the agent does from its first instruction to its last, in order.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/beacon.h"
#include "agent/boot.h"
#include "agent/clockkeeper.h"
#include "agent/completion.h"
#include "agent/console.h"
#include "agent/debug_console.h"
#include "agent/logsink.h"
#include "agent/modules.h"
#include "agent/options.h"
#include "agent/passfd.h"
#include "agent/rpc/server.h"
#include "agent/rpc/setpolicy.h"
#include "agent/sandbox.h"
#include "agent/shutdown.h"
#include "agent/streamport.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/selfexec.h"
#include "lib/sys.h"

#define CMDLINE_MAX 65536
#define CONFIG_MAX  65536

struct agent {
	struct console console;
	struct options options;
	struct job_env env;
	struct loop_source signals;
	struct sandbox *sandbox;
	struct rpc_server *server;
	struct streamport *streamport;
	struct passfd *passfd;
	struct debug_console *debug_console;
	struct clockkeeper *clockkeeper;
	struct logsink *logsink;
};

static struct agent agent; /* the one object of the program; a callback without an argument needs it */

static void complain(const char *text)
{
	console_say(&agent.console, "%s", text);
}

/* Returns if all is well; a failure before the agent serves is told on the console and ends the machine. */
static void must(int r, const struct err *err, const char *what)
{
	char why[ERR_TEXT_MAX + 64];

	if (r >= 0)
		return;
	(void)snprintf(why, sizeof(why), "%s: %s", what, err && err->num ? err_text(err) : strerror(-r));
	shutdown_boot_failed(&agent.console, why);
}

static void on_terminated(struct completion *completion, int r, const struct err *err)
{
	(void)completion;
	if (r < 0)
		log_warning("agent", "Cannot take down everything: %s", err_text(err));
}

/* A service that ends takes its containers along: nobody else knows them. The second time it does not wait for them. */
static void terminate(void)
{
	static struct completion terminated = { .done = on_terminated };
	struct err err = ERR_INIT;

	if (!agent.sandbox || sandbox_destroy(agent.sandbox, &terminated, &err) < 0)
		loop_stop(agent.env.loop);
}

static int on_signal(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (sys_read(source->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			(void)reaper_run(agent.env.reaper);
		else if (info.ssi_signo == SIGTERM && getpid() != 1)
			terminate();
	}
	return LOOP_KEEP;
}

/* Every signal comes over an fd from now on: no handler can interrupt anything. */
static int take_signals(void)
{
	sigset_t all;
	int r;

	(void)sigfillset(&all);
	r = sys_sigprocmask(SIG_SETMASK, &all, NULL);
	if (r < 0)
		return r;
	agent.signals = (struct loop_source){ .name = "signals", .events = EPOLLIN, .callback = on_signal };
	agent.signals.fd = sys_signalfd(-1, &all);
	return agent.signals.fd < 0 ? agent.signals.fd : 0;
}

/* Whoever names a file means it. */
static void read_config_file(const char *path)
{
	_autofree_ char *text = NULL;
	struct err err = ERR_INIT;
	int r = fd_read_file_at(AT_FDCWD, path, CONFIG_MAX, &text, NULL);

	must(r < 0 ? err_set(&err, r, "read '%s'", path) : 0, &err, "read the configuration file");
	options_parse_file(&agent.options, text, complain);
}

/* A file that the program's arguments name replaces the kernel's command line; one that this names, the environment. */
static void read_options(const char *config_file)
{
	_autofree_ char *cmdline = NULL;

	options_init(&agent.options);
	/* Beside systemd in a guest too; on any other machine the words are not for us. */
	if (config_file)
		read_config_file(config_file);
	else if ((getpid() == 1 || sys_owns_machine()) &&
	         fd_read_file_at(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, &cmdline, NULL) == 0)
		options_parse_cmdline(&agent.options, cmdline, complain);
	if (agent.options.config_file)
		read_config_file(agent.options.config_file);
	else
		options_parse_env(&agent.options, getenv, complain);
	if (agent.options.trace)
		complain("Tracing was asked for (agent.trace): this agent sends no spans, ignoring");
	log_set_level(agent.options.log_level);
}

/* Outside of a guest there is no vsock that would be ours (design, the fence). */
static void check_address(struct addr *ret)
{
	struct err err = ERR_INIT;

	must(addr_parse(ret, agent.options.server_addr, &err), &err, "read the server address");
	if (ret->kind == ADDR_VSOCK && !sys_owns_machine())
		must(err_say(&err, EPERM,
		             "outside of a guest KATA_AGENT_SERVER_ADDR has to name a unix socket, not '%s'",
		             agent.options.server_addr),
		     &err, "listen on vsock");
}

/* No container may write what we run from (CVE-2019-5736). Leaving the initramfs sees to that by itself. */
static void seal_program(char **argv)
{
	struct err err = ERR_INIT;

	if (!boot_must_relocate())
		must(selfexec_seal(SELFEXEC_ANY, argv, environ, &err), &err, "seal the program");
}

static void boot_as_init(char **argv)
{
	struct err err = ERR_INIT;
	bool relocated = getenv(BOOT_RELOCATED_ENV) != NULL;
	int n;

	must(boot_mount(&err), &err, "mount the basics");
	seal_program(argv); /* needs /proc */
	console_open(&agent.console);
	if (relocated) {
		console_stage(&agent.console, "initramfs left");
	} else {
		console_stage(&agent.console, "basic mounts");
		n = boot_load_modules(&agent.console, &err);
		must(n, &err, "load kernel modules");
		console_open(&agent.console);
		console_stage(&agent.console, "%d kernel modules", n);
		must(boot_relocate(&err), &err, "leave the initramfs");
	}
	read_options(NULL); /* needs /proc; which cgroups is one of them */
	must(boot_mount_cgroups(&agent.console, agent.options.unified || agent.options.no_v1, &err), &err,
	     "mount cgroups");
	if (modules_serve_kernel(BOOT_PROGRAM, &err) < 0)
		console_say(&agent.console, "Modules are not loaded on demand: %s, ignoring", err.text);
	boot_set_identity(&agent.console);
	console_stage(&agent.console, "cgroups, host name, loopback");
}

static void begin_as_service(char **argv, const char *config_file)
{
	seal_program(argv); /* may execute us again */
	read_options(config_file);
}

static void open_log(void)
{
	struct addr addr = { .kind = ADDR_VSOCK, .cid = UINT32_MAX, .port = agent.options.log_vport };
	struct err err = ERR_INIT;

	log_set_sink(console_log_sink, &agent.console);
	if (agent.options.log_vport && logsink_new(agent.env.loop, &addr, &agent.logsink, &err) < 0)
		console_say(&agent.console, "%s, logging to the console", err.text);
}

/* Without it stdio goes over the RPCs; it is announced only if it is there. */
static void open_streams(const struct addr *server_addr)
{
	struct err err = ERR_INIT;
	struct addr addr;
	int r = 0;

	if (agent.options.stream_vport == 0)
		return;
	r = addr_with_port(&addr, server_addr, agent.options.stream_vport, &err);
	if (r >= 0)
		r = streamport_new(agent.sandbox, &addr, &agent.streamport, &err);
	if (r >= 0)
		return;
	console_say(&agent.console, "%s, going on without the stream port", err_text(&err));
	agent.options.stream_vport = 0;
}

/* Without it a call that names ports is refused. */
static void open_passfd(const struct addr *server_addr)
{
	struct err err = ERR_INIT;
	struct addr addr;
	int r;

	if (agent.options.passfd_port == 0)
		return;
	r = addr_with_port(&addr, server_addr, agent.options.passfd_port, &err);
	if (r >= 0)
		r = passfd_new(agent.env.loop, &addr, &agent.passfd, &err);
	if (r < 0)
		console_say(&agent.console, "%s, going on without passfd streams", err_text(&err));
	agent.sandbox->passfd = agent.passfd;
}

/* For whoever looks after a guest that is in trouble; what cannot be had is no reason not to serve. */
static void open_debug_console(const struct addr *server_addr)
{
	uint32_t port = agent.options.debug_console_vport;
	struct err err = ERR_INIT;
	struct addr addr;
	int r;

	if (!agent.options.debug_console)
		return;
	if (port > 0) {
		r = addr_with_port(&addr, server_addr, port, &err);
		if (r >= 0)
			r = debug_console_new(agent.sandbox, &addr, &agent.debug_console, &err);
	} else {
		r = debug_console_on_tty(agent.sandbox, &agent.debug_console, &err);
	}
	if (r < 0)
		console_say(&agent.console, "%s, going on without the debug console", err_text(&err));
}

/* A service leaves the clock to the time daemon beside it. */
static void keep_clock(void)
{
	_autoclose_ int fd = -EBADF;
	struct err err = ERR_INIT;

	if (getpid() == 1 && sys_owns_machine())
		fd = clockkeeper_open("/sys/class/ptp", "/dev");
	if (fd < 0)
		return;
	if (clockkeeper_new(agent.env.loop, fd, &clockkeeper_kernel, &agent.clockkeeper, &err) < 0)
		console_say(&agent.console, "Cannot %s, ignoring", err_text(&err));
	else
		(void)take_fd(&fd);
}

static void on_destroyed(struct sandbox *sandbox)
{
	loop_stop(sandbox->env.loop);
}

/* The last line of the boot's timeline. */
static void on_first_call(struct rpc_server *server)
{
	(void)server;
	console_stage(&agent.console, "first request");
	console_boot_is_over(&agent.console);
}

static void serve(const struct addr *addr)
{
	struct err err = ERR_INIT;
	int r;

	must(loop_new(&agent.env.loop), NULL, "make the event loop");
	must(reaper_new(&agent.env.reaper), NULL, "make the table of children");
	must(loop_add(agent.env.loop, &agent.signals), NULL, "watch signals");
	open_log();
	must(sandbox_new(&agent.env, &agent.options, &agent.sandbox, &err), &err, "make the sandbox");
	agent.sandbox->destroyed = on_destroyed;
	open_streams(addr); /* before a client can ask whether it is there */
	open_passfd(addr);
	must(rpc_server_new(agent.env.loop, agent.sandbox, addr, &agent.server, &err), &err, "listen");
	r = rpc_policy_load(agent.server, agent.options.policy_file, &err);
	must(r == -ENOMEM ? r : 0, &err, "load the policy");
	if (r < 0)
		console_say(&agent.console, "All calls are denied: %s", err_text(&err));
	open_debug_console(addr); /* the policy decides */
	keep_clock();
	agent.server->first_call = on_first_call;
	console_stage(&agent.console, "listening on %s", agent.options.server_addr);
}

static void release(void)
{
	shutdown_server(&agent.env, agent.server);
	agent.server = rpc_server_free(agent.server);
	agent.streamport = streamport_free(agent.streamport);
	agent.passfd = passfd_free(agent.passfd);
	agent.debug_console = debug_console_free(agent.debug_console);
	agent.clockkeeper = clockkeeper_free(agent.clockkeeper);
	agent.sandbox = sandbox_free(agent.sandbox);
	agent.logsink = logsink_free(agent.logsink);
}

static int usage(const char *arg)
{
	bool asked = strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;

	if (!asked)
		(void)fprintf(stderr, "kata-agent: unknown argument '%s'\n", arg);
	(void)fprintf(asked ? stdout : stderr,
	              "Usage: kata-agent [--version] [-c|--config FILE]\n"
	              "The guest's agent of Kata Containers. PID 1 reads options from the kernel command line;\n"
	              "a service reads KATA_AGENT_SERVER_ADDR, KATA_AGENT_LOG_LEVEL and KATA_AGENT_TRACING.\n");
	return asked ? 0 : 2;
}

int main(int argc, char **argv)
{
	const char *config_file = NULL;
	struct addr addr;

	if (argc > 0 && modules_is_helper(argv[0]))
		return modules_run_helper(argc, argv);
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
		(void)printf("kata-agent %s\n", KATA_VERSION);
		return 0;
	}
	/* Not the kernel's: to PID 1 it hands what it did not understand on its own command line. */
	if (argc > 1 && getpid() != 1) {
		if (argc != 3 || (strcmp(argv[1], "-c") != 0 && strcmp(argv[1], "--config") != 0))
			return usage(argv[1]);
		config_file = argv[2];
	}
	console_init(&agent.console);                    /* fds 0 to 2 exist before anything opens another */
	must(take_signals(), NULL, "take over signals"); /* before the first child */
	if (getpid() == 1)
		boot_as_init(argv); /* may execute us again, from a tmpfs; reads the options */
	else
		begin_as_service(argv, config_file);
	check_address(&addr);         /* before anything is changed that would have to be undone */
	boot_protect(&agent.console); /* needs cgroups; before memory grows */
	serve(&addr);                 /* from here on a client can reach us */
	beacon_send(&agent.env, &agent.options);

	/* --- booted: from here on nothing ends us but DestroySandbox ------------------------------------------- */
	log_info("agent", "Kata agent %s serves on %s", KATA_VERSION, agent.options.server_addr);
	while (loop_run(agent.env.loop) < 0)
		log_error("agent", "The event loop failed, going on");

	/* --- shutdown: every wait has a deadline ---------------------------------------------------------------- */
	release();
	shutdown_machine(&agent.console, &agent.env);
	return 0;
}
