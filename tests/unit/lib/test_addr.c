/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

int __real_sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int __real_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
bool __real_sys_owns_machine(void);
int __real_sys_socket(int domain, int type, int protocol);

static struct {
	bool owns_machine;
	int vsock_sockets; /* asked for; none is ever made here */
	int64_t peer_cid;  /* the peer's CID, -1 = the truth */
	int64_t peer_uid;  /* the peer's uid, -1 = the truth */
} fake = { .peer_cid = -1, .peer_uid = -1 };

bool __wrap_sys_owns_machine(void)
{
	return fake.owns_machine || __real_sys_owns_machine();
}

int __wrap_sys_socket(int domain, int type, int protocol)
{
	if (domain == AF_VSOCK) {
		fake.vsock_sockets++;
		return -EAFNOSUPPORT;
	}
	return __real_sys_socket(domain, type, protocol);
}

int __wrap_sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = (unsigned)fake.peer_cid, .svm_port = 99 };

	if (fake.peer_cid < 0)
		return __real_sys_getpeername(fd, addr, len);
	memcpy(addr, &vm, sizeof(vm));
	*len = sizeof(vm);
	return 0;
}

int __wrap_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int r = __real_sys_getsockopt(fd, level, name, value, len);

	if (name == SO_DOMAIN && fake.peer_cid >= 0)
		*(int *)value = AF_VSOCK;
	if (name == SO_PEERCRED && fake.peer_uid >= 0)
		((struct ucred *)value)->uid = (uid_t)fake.peer_uid;
	return r;
}

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *again; /* NULL: refused */
	} rows[] = {
		{ "vsock://-1:1024", "vsock://-1:1024" },
		{ "vsock://:1024", "vsock://-1:1024" },
		{ "vsock://3:4294967295", "vsock://3:4294967295" },
		{ "unix:///run/a.sock", "unix:///run/a.sock" },
		{ "unix://@abstract/name", "unix://@abstract/name" },
		{ "hvsock:///run/a:b.sock:1024", "hvsock:///run/a:b.sock:1024" },
		{ "vsock://3", NULL },
		{ "vsock://3:", NULL },
		{ "vsock://3:4294967296", NULL },
		{ "vsock://3:-1", NULL },
		{ "vsock://3: 1", NULL },
		{ "vsock://-2:1", NULL },
		{ "vsock://3x:1", NULL },
		{ "vsock://12345678901234567:1", NULL },
		{ "unix://", NULL },
		{ "unix:///", NULL },
		{ "unix://@", NULL },
		{ "unix://relative", NULL },
		{ "hvsock:///run/a", NULL },
		{ "hvsock://@abstract:1", NULL },
		{ "hvsock://:1", NULL },
		{ "tcp://localhost:1", NULL },
		{ "", NULL },
	};
	char text[256];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		int r = addr_parse(&a, rows[i].text, &err);

		if (!rows[i].again) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(err.text, rows[i].text));
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(addr_format(&a, text, sizeof(text)), rows[i].again);
	}
}

static void a_unix_path_has_107_bytes(void **state)
{
	char text[200] = "unix:///";
	struct err err = ERR_INIT;
	struct addr a;

	(void)state;
	memset(text + 8, 'x', 106);
	assert_int_equal(addr_parse(&a, text, &err), 0);
	assert_int_equal(strlen(a.path), 107);
	assert_int_equal(addr_with_port(&a, &a, 1028, &err), -ENAMETOOLONG);
	text[8 + 106] = 'x';
	assert_int_equal(addr_parse(&a, text, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "at most 107"));
}

static void other_ports_of_an_address(void **state)
{
	static const char *const rows[][2] = {
		{ "vsock://3:1024", "vsock://3:1028" },
		{ "hvsock:///v:1024", "hvsock:///v:1028" },
		{ "unix:///a.sock", "unix:///a.sock_1028" },
		{ "unix://@a", "unix://@a_1028" },
	};
	char text[256];
	struct addr a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(addr_parse(&a, rows[i][0], NULL), 0);
		assert_int_equal(addr_with_port(&b, &a, 1028, NULL), 0);
		assert_string_equal(addr_format(&b, text, sizeof(text)), rows[i][1]);
	}
}

static struct addr addr_in(void **state, const char *scheme, const char *rest)
{
	const struct tempdir *dir = *state;
	char text[256];
	struct addr a;

	(void)snprintf(text, sizeof(text), "%s%s/%s", scheme, dir->path, rest);
	assert_int_equal(addr_parse(&a, text, NULL), 0);
	return a;
}

static void talk(const struct addr *a)
{
	struct err err = ERR_INIT;
	int listener = addr_listen(a, 8, &err), client, server;
	char c = 0;

	if (listener < 0)
		fail_msg("%s", err.text);
	assert_int_equal(sys_accept(listener, NULL, NULL), -EAGAIN);
	client = addr_connect(a, 1000, &err);
	if (client < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(client, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	server = sys_accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(addr_check_peer(server, &err), 0);
	assert_int_equal(write(server, "x", 1), 1);
	assert_int_equal(read(client, &c, 1), 1);
	(void)fd_close(client);
	(void)fd_close(server);
	(void)fd_close(listener);
}

static void unix_sockets_listen_and_connect(void **state)
{
	struct addr a = addr_in(state, "unix://", "s");
	mode_t mask = umask(022);
	struct stat st;

	talk(&a);
	assert_int_equal(stat(a.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	talk(&a); /* the old socket file is in nobody's way */
	assert_int_equal(umask(mask), 022);
	(void)snprintf(a.path, sizeof(a.path), "@kata-unit-%d", (int)getpid());
	talk(&a);
}

/* As agents of upstream do: the NUL behind the name belongs to it. */
static void an_abstract_name_may_end_with_a_nul(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_autoclose_ int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -EBADF;
	struct err err = ERR_INIT;
	struct addr a;
	char text[64];
	int n;

	(void)state;
	assert_true(server >= 0);
	n = snprintf(text, sizeof(text), "unix://@/kata-test-%d", (int)getpid());
	memcpy(sa.sun_path + 1, text + 8, (size_t)n - 8);
	assert_int_equal(addr_parse(&a, text, &err), 0);
	assert_int_equal(addr_connect(&a, 1000, &err), -ECONNREFUSED);
	assert_int_equal(bind(server, (struct sockaddr *)&sa,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n - 8 + 1)),
	                 0);
	assert_int_equal(listen(server, 1), 0);
	fd = addr_connect(&a, 1000, &err);
	assert_true(fd >= 0);
}

static void only_sockets_are_replaced(void **state)
{
	struct addr a = addr_in(state, "unix://", "file");
	struct err err = ERR_INIT;

	tempdir_write(*state, "file", "precious");
	assert_int_equal(addr_listen(&a, 8, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "bind 'unix:///"));
	assert_int_equal(access(a.path, F_OK), 0);
}

static void connecting_to_nobody_fails_with_the_address(void **state)
{
	struct addr a = addr_in(state, "unix://", "nobody");
	struct err err = ERR_INIT;

	assert_int_equal(addr_connect(&a, 1000, &err), -ENOENT);
	assert_non_null(strstr(err.text, a.path));
}

static void a_full_backlog_is_waited_for_until_the_deadline(void **state)
{
	struct addr a = addr_in(state, "unix://", "full");
	int listener = addr_listen(&a, 0, NULL), first = addr_connect(&a, 100, NULL);

	assert_true(listener >= 0 && first >= 0);
	assert_int_equal(addr_connect(&a, 50, NULL), -ETIMEDOUT);
	(void)fd_close(first);
	(void)fd_close(listener);
}

static void vsock_outside_a_vm_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "vsock://-1:1024", NULL), 0);
	assert_int_equal(addr_listen(&a, 8, &err), -EPERM);
	assert_non_null(strstr(err.text, "outside a VM"));
	assert_int_equal(addr_parse(&a, "vsock://2:1024", NULL), 0);
	assert_int_equal(addr_connect(&a, 10, &err), -EPERM);
	assert_int_equal(fake.vsock_sockets, 0);
	fake.owns_machine = true;
	assert_int_equal(addr_listen(&a, 8, &err), -EAFNOSUPPORT);
	assert_int_equal(addr_connect(&a, 10, &err), -EAFNOSUPPORT);
	fake.owns_machine = false;
	assert_int_equal(fake.vsock_sockets, 2);
}

static void hybrid_sockets_are_for_clients(void **state)
{
	struct addr a = addr_in(state, "hvsock://", "h:1024");

	assert_int_equal(addr_listen(&a, 8, NULL), -EOPNOTSUPP);
}

/* A daemon with the CONNECT convention: hangs up on the first `hangups` clients, gives the next one its answer. */
static pid_t start_daemon(const struct addr *hybrid, int hangups, const char *answer)
{
	struct addr a = *hybrid;
	int listener;
	pid_t pid;

	a.kind = ADDR_UNIX;
	listener = addr_listen(&a, 8, NULL);
	assert_true(listener >= 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(20);
		(void)fd_set_nonblock(listener, false);
		for (;;) {
			int fd = accept(listener, NULL, NULL);
			char line[64] = "";

			(void)!read(fd, line, sizeof(line) - 1);
			if (hangups-- <= 0 && strcmp(line, "CONNECT 1024\n") == 0)
				(void)!write(fd, answer, strlen(answer));
			(void)close(fd);
		}
	}
	(void)fd_close(listener);
	return pid;
}

static void stop_daemon(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void the_handshake_is_tried_until_the_guest_listens(void **state)
{
	struct addr a = addr_in(state, "hvsock://", "h:1024");
	pid_t pid = start_daemon(&a, 3, "OK 1073741824\nhello");
	struct err err = ERR_INIT;
	char text[16] = "";
	int fd = addr_connect(&a, 5000, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 5); /* nothing behind the answer was eaten */
	assert_string_equal(text, "hello");
	(void)fd_close(fd);
	stop_daemon(pid);
}

static void the_handshake_ends_at_its_deadline(void **state)
{
	struct addr a = addr_in(state, "hvsock://", "h:1024");
	pid_t pid = start_daemon(&a, 1000000, "");
	struct err err = ERR_INIT;

	assert_int_equal(addr_connect(&a, 60, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "connect to 'hvsock:///"));
	stop_daemon(pid);
}

/* vhost-device-vsock dies of a client that is gone by then. */
static void whoever_has_called_stays_for_the_answer(void **state)
{
	struct addr a = addr_in(state, "hvsock://", "h:1024"), daemon = a;
	char line[16] = "";
	int listener, fd;
	pid_t pid;

	daemon.kind = ADDR_UNIX;
	listener = addr_listen(&daemon, 8, NULL);
	assert_return_code(listener, 0);
	assert_return_code(fd_set_nonblock(listener, false), 0);
	pid = fork();
	if (pid == 0) {
		(void)addr_connect(&a, 60000, NULL);
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(recv(fd, line, 13, MSG_WAITALL), 13);
	assert_string_equal(line, "CONNECT 1024\n");
	assert_int_equal(send(fd, "OK 1\n", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(recv(fd, line, sizeof(line), 0), 0);
	(void)fd_close(fd);

	assert_int_equal(addr_connect(&a, 20, NULL), -ETIMEDOUT);
	fd = accept(listener, NULL, NULL);
	assert_int_equal(recv(fd, line, 13, MSG_WAITALL), 13);
	assert_int_equal(send(fd, "OK 1\n", 5, MSG_NOSIGNAL), 5);
	(void)fd_close(fd);
	(void)fd_close(listener);
}

static void bad_answers_are_refused(void **state)
{
	static const char *const answers[] = {
		"NO\n", "OK without an end",
		"OK 0123456789012345678901234567890123456789012345678901234567890123456789\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct addr a = addr_in(state, "hvsock://", "h:1024");
		pid_t pid = start_daemon(&a, 0, answers[i]);

		assert_int_equal(addr_connect(&a, 5000, NULL), -EPROTO);
		stop_daemon(pid);
	}
}

static void peers_are_checked(void **state)
{
	struct err err = ERR_INIT;
	int pair[2];

	(void)state;
	assert_int_equal(sys_socketpair(SOCK_STREAM, pair), 0);
	assert_int_equal(addr_check_peer(pair[0], &err), 0);
	fake.peer_uid = 12345;
	assert_int_equal(addr_check_peer(pair[0], &err), -EACCES);
	assert_string_equal(err.text, "peer with uid 12345 refused");
	fake.peer_uid = 0;
	assert_int_equal(addr_check_peer(pair[0], &err), 0);
	fake.peer_uid = -1;
	for (int cid = 0; cid < 5; cid++) {
		fake.peer_cid = cid;
		assert_int_equal(addr_check_peer(pair[0], &err), cid == VMADDR_CID_HOST ? 0 : -EACCES);
	}
	assert_string_equal(err.text, "peer with vsock CID 4 refused");
	fake.peer_cid = -1;
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
	assert_int_equal(addr_check_peer(-1, &err), -EBADF);
}

/* What hosts name later: vsock's port, or what a unix client calls itself. */
static void peers_have_ports(void **state)
{
	static const struct {
		const char *name;
		int r;
		uint32_t port;
	} rows[] = {
		{ "@kata-addr-test-peer_4711", 0, 4711 },
		{ "@kata-addr-test_x_0", 0, 0 },
		{ "@kata-addr-test-peer", -EADDRNOTAVAIL },
		{ "@kata-addr-test-peer_", -EADDRNOTAVAIL },
		{ "@kata-addr-test_7x", -EADDRNOTAVAIL },
		{ "@kata-addr-test_4294967296", -EADDRNOTAVAIL },
		{ NULL, -EADDRNOTAVAIL },
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct err err = ERR_INIT;
	uint32_t port = 1;
	int pair[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = rows[i].name ? strlen(rows[i].name) : 0;

		assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
		if (rows[i].name) {
			memcpy(un.sun_path, rows[i].name, n);
			un.sun_path[0] = '\0';
			assert_return_code(bind(pair[1], (struct sockaddr *)&un,
			                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			                   errno);
		}
		assert_int_equal(addr_peer_port(pair[0], &port, &err), rows[i].r);
		if (rows[i].r == 0)
			assert_int_equal(port, rows[i].port);
		(void)fd_close(pair[0]);
		(void)fd_close(pair[1]);
	}
	fake.peer_cid = 2;
	assert_return_code(addr_peer_port(-1, &port, &err), 0);
	assert_int_equal(port, 99);
	fake.peer_cid = -1;
	assert_int_equal(addr_peer_port(-1, &port, &err), -EBADF);
}

int test_addr(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(a_unix_path_has_107_bytes),
		cmocka_unit_test(other_ports_of_an_address),
		cmocka_unit_test_setup_teardown(unix_sockets_listen_and_connect, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(an_abstract_name_may_end_with_a_nul),
		cmocka_unit_test_setup_teardown(only_sockets_are_replaced, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(connecting_to_nobody_fails_with_the_address, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_full_backlog_is_waited_for_until_the_deadline, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test(vsock_outside_a_vm_is_refused),
		cmocka_unit_test_setup_teardown(hybrid_sockets_are_for_clients, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_handshake_is_tried_until_the_guest_listens, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_handshake_ends_at_its_deadline, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(whoever_has_called_stays_for_the_answer, tempdir_setup,
		                                tempdir_teardown),
		cmocka_unit_test_setup_teardown(bad_answers_are_refused, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(peers_are_checked),
		cmocka_unit_test(peers_have_ports),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
