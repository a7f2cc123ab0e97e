/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/addr.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define TEXT_MAX      256
#define HANDSHAKE_MAX 64 /* bytes of the answer to CONNECT */
#define RETRY_MS      20
#define HANDSHAKE_MS  10000  /* for one answer to CONNECT: a proxy may have lost the question */
#define DIAL_MS       300000 /* after which it can't be expected any more */

union any_sockaddr {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

/* --- text -------------------------------------------------------------------------------------------------------- */

/* A whole decimal number; strtoul alone takes signs and blanks. */
static bool parse_number(const char *text, uint32_t *ret)
{
	uint64_t v = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 10 || text[n] != '\0')
		return false;
	for (; *text; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	if (v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static int parse_vsock(struct addr *a, const char *rest, const char *text, struct err *err)
{
	const char *colon = strchr(rest, ':');
	char cid[16] = "";

	if (!colon || (size_t)(colon - rest) >= sizeof(cid))
		return err_say(err, EINVAL, "address '%s': not vsock://CID:PORT", text);
	memcpy(cid, rest, (size_t)(colon - rest));
	a->cid = VMADDR_CID_ANY;
	if (cid[0] != '\0' && strcmp(cid, "-1") != 0 && !parse_number(cid, &a->cid))
		return err_say(err, EINVAL, "address '%s': bad CID '%s'", text, cid);
	if (!parse_number(colon + 1, &a->port))
		return err_say(err, EINVAL, "address '%s': bad port '%s'", text, colon + 1);
	return 0;
}

static int set_path(struct addr *a, const char *path, size_t n, const char *text, struct err *err)
{
	if (n < 2 || (path[0] != '/' && (path[0] != '@' || a->kind != ADDR_UNIX)))
		return err_say(err, EINVAL, "address '%s': its path is not absolute", text);
	if (n >= sizeof(a->path))
		return err_say(err, ENAMETOOLONG, "address '%s': its path has %zu bytes, a socket's has at most %zu",
		               text, n, sizeof(a->path) - 1);
	memcpy(a->path, path, n);
	a->path[n] = '\0';
	return 0;
}

static int parse_hvsock(struct addr *a, const char *rest, const char *text, struct err *err)
{
	const char *colon = strrchr(rest, ':');

	if (!colon || !parse_number(colon + 1, &a->port))
		return err_say(err, EINVAL, "address '%s': not hvsock:///PATH:PORT", text);
	return set_path(a, rest, (size_t)(colon - rest), text, err);
}

int addr_parse(struct addr *ret, const char *text, struct err *err)
{
	struct addr a = { 0 };
	int r;

	if (strncmp(text, "vsock://", 8) == 0) {
		a.kind = ADDR_VSOCK;
		r = parse_vsock(&a, text + 8, text, err);
	} else if (strncmp(text, "unix://", 7) == 0) {
		a.kind = ADDR_UNIX;
		r = set_path(&a, text + 7, strlen(text + 7), text, err);
	} else if (strncmp(text, "hvsock://", 9) == 0) {
		a.kind = ADDR_HVSOCK;
		r = parse_hvsock(&a, text + 9, text, err);
	} else {
		r = err_say(err, EINVAL, "address '%s': neither vsock://, unix:// nor hvsock://", text);
	}
	if (r == 0)
		*ret = a;
	return r;
}

int addr_with_port(struct addr *ret, const struct addr *base, uint32_t port, struct err *err)
{
	struct addr a = *base;
	char text[TEXT_MAX], suffix[16];
	int n;

	if (a.kind != ADDR_UNIX) {
		a.port = port;
	} else {
		n = snprintf(suffix, sizeof(suffix), "_%u", port);
		if (strlen(a.path) + (size_t)n >= sizeof(a.path))
			return err_say(err, ENAMETOOLONG, "address '%s': no room for port %u behind its path",
			               addr_format(base, text, sizeof(text)), port);
		memcpy(a.path + strlen(a.path), suffix, (size_t)n + 1);
	}
	*ret = a;
	return 0;
}

char *addr_format(const struct addr *a, char *out, size_t n)
{
	switch (a->kind) {
	case ADDR_VSOCK:
		if (a->cid == VMADDR_CID_ANY)
			(void)snprintf(out, n, "vsock://-1:%u", a->port);
		else
			(void)snprintf(out, n, "vsock://%u:%u", a->cid, a->port);
		break;
	case ADDR_UNIX:
		(void)snprintf(out, n, "unix://%s", a->path);
		break;
	case ADDR_HVSOCK:
		(void)snprintf(out, n, "hvsock://%s:%u", a->path, a->port);
		break;
	}
	return out;
}

static socklen_t to_sockaddr(const struct addr *a, union any_sockaddr *out)
{
	size_t len = strlen(a->path);

	memset(out, 0, sizeof(*out));
	if (a->kind == ADDR_VSOCK) {
		out->vm.svm_family = AF_VSOCK;
		out->vm.svm_cid = a->cid;
		out->vm.svm_port = a->port;
		return sizeof(out->vm);
	}
	out->un.sun_family = AF_UNIX;
	memcpy(out->un.sun_path, a->path, len);
	if (a->path[0] != '@')
		return sizeof(out->un);
	/* An abstract name is as long as the length says: trailing NULs would belong to it. */
	out->un.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* --- listening --------------------------------------------------------------------------------------------------- */

static void remove_old_socket(const struct addr *a)
{
	struct stat st;

	if (a->kind == ADDR_UNIX && a->path[0] == '/' &&
	    sys_fstatat(AT_FDCWD, a->path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
		(void)sys_unlinkat(AT_FDCWD, a->path, 0);
}

int addr_listen(const struct addr *a, int backlog, struct err *err)
{
	_autoclose_ int fd = -EBADF;
	union any_sockaddr sa;
	socklen_t len = to_sockaddr(a, &sa);
	char text[TEXT_MAX];
	mode_t old;
	int r;

	(void)addr_format(a, text, sizeof(text));
	if (a->kind == ADDR_HVSOCK)
		return err_say(err, EOPNOTSUPP, "listen on '%s': only clients can use it", text);
	if (a->kind == ADDR_VSOCK && !sys_owns_machine())
		return err_say(err, EPERM,
		               "listen on '%s': outside a VM nothing listens on vsock, use a unix:// address", text);
	fd = sys_socket(sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, fd, "make a socket for '%s'", text);
	remove_old_socket(a);
	old = sys_umask(077);
	r = sys_bind(fd, &sa.any, len);
	(void)sys_umask(old);
	if (r < 0)
		return err_set(err, r, "bind '%s'", text);
	r = sys_listen(fd, backlog);
	if (r < 0)
		return err_set(err, r, "listen on '%s'", text);
	return take_fd(&fd);
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

static int ms_left(uint64_t deadline)
{
	uint64_t now = sys_now_ms(), left = now < deadline ? deadline - now : 0;

	return left > INT32_MAX ? INT32_MAX : (int)left;
}

static void pause_ms(uint64_t deadline)
{
	int left = ms_left(deadline);

	(void)sys_poll(NULL, 0, left < RETRY_MS ? left : RETRY_MS);
}

static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		r = sys_poll(&p, 1, ms_left(deadline));
	} while (r == -EINTR);
	return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

static int finish_connect(int fd, uint64_t deadline)
{
	int r = wait_for(fd, POLLOUT, deadline), num = 0;
	socklen_t len = sizeof(num);

	if (r == 0)
		r = sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &num, &len);
	return r < 0 ? r : -num;
}

static int connect_fd(int fd, const union any_sockaddr *sa, socklen_t len, uint64_t deadline)
{
	int r;

	for (;;) {
		r = sys_connect(fd, &sa->any, len);
		/* A unix socket whose backlog is full says EAGAIN, and nothing tells when that ends. */
		if (r != -EAGAIN || ms_left(deadline) == 0)
			break;
		pause_ms(deadline);
	}
	if (r == -EINPROGRESS)
		r = finish_connect(fd, deadline);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

static int connect_to(const union any_sockaddr *sa, socklen_t len, uint64_t deadline)
{
	_autoclose_ int fd = sys_socket(sa->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? fd : connect_fd(fd, sa, len, deadline);

	return r < 0 ? r : take_fd(&fd);
}

/* One connected, non-blocking socket. */
static int connect_once(const struct addr *a, uint64_t deadline)
{
	union any_sockaddr sa;
	socklen_t len = to_sockaddr(a, &sa);
	int fd = connect_to(&sa, len, deadline);

	/* Upstream's agents, older ones at least, count the NUL behind an abstract name as a part of it. */
	if (fd == -ECONNREFUSED && a->kind == ADDR_UNIX && a->path[0] == '@' && len < sizeof(sa.un))
		fd = connect_to(&sa, len + 1, deadline);
	return fd;
}

/* Reads the answer byte by byte, what follows it is the guest's. 0, -EPIPE if it closed without a word, -errno. */
static int read_answer(int fd, char *line, size_t n, uint64_t deadline)
{
	for (size_t len = 0; len + 1 < n;) {
		ssize_t r = sys_read(fd, line + len, 1);

		if (r == -EAGAIN)
			r = wait_for(fd, POLLIN, deadline);
		else if (r == 0 || r == -ECONNRESET)
			return len == 0 ? -EPIPE : -EPROTO;
		else if (r == 1 && line[len] == '\n')
			return 0;
		else if (r == 1)
			line[++len] = '\0';
		if (r < 0 && r != -EINTR)
			return (int)r;
	}
	return -EPROTO;
}

static int shake_hands(int fd, uint32_t port, uint64_t deadline)
{
	char line[HANDSHAKE_MAX] = "", request[32];
	struct iovec iov = { request, (size_t)snprintf(request, sizeof(request), "CONNECT %u\n", port) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = sys_sendmsg(fd, &msg, 0);
	int r;

	/* A fresh socket has room for so little. */
	if (n < 0)
		return n == -ECONNRESET ? -EPIPE : (int)n;
	r = read_answer(fd, line, sizeof(line), deadline);
	if (r < 0)
		return r;
	return strncmp(line, "OK", 2) == 0 ? 0 : -EPROTO;
}

struct dialing {
	const struct addr *addr;
	int fd;
	uint64_t connected, answered; /* deadlines */
};

static int dial(void *arg)
{
	const struct dialing *d = arg;
	union any_sockaddr sa;
	socklen_t len = to_sockaddr(d->addr, &sa);
	int r = connect_fd(d->fd, &sa, len, d->connected);

	return r < 0 ? r : shake_hands(d->fd, d->addr->port, d->answered);
}

/*
 * vhost-device-vsock (0.3.0) dies of a client that is gone when the guest's answer comes, and one that is gone before
 * its CONNECT was read keeps it busy for ever. So whoever has called it stays until the answer, also when we are killed
 * or have no time left: that is a process apart.
 */
static int connect_hvsock(const struct addr *a, uint64_t deadline)
{
	for (;;) {
		uint64_t now = sys_now_ms(), until = now + HANDSHAKE_MS < deadline ? now + HANDSHAKE_MS : deadline;
		_autoclose_ int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct dialing d = { a, fd, until, now + DIAL_MS };
		int r = fd < 0 ? fd : spawn_apart(dial, &d, fd, ms_left(until));

		/* A seccomp filter may not know clone3. */
		if (r == -ENOSYS) {
			d.answered = until;
			r = dial(&d);
		}
		if (r >= 0)
			return take_fd(&fd);
		/* Closed without a word: nobody listens in the guest yet. */
		if (r != -EPIPE && r != -ETIMEDOUT)
			return r;
		if (ms_left(deadline) == 0)
			return -ETIMEDOUT;
		pause_ms(deadline);
	}
}

int addr_connect(const struct addr *a, unsigned timeout_ms, struct err *err)
{
	uint64_t deadline = sys_now_ms() + timeout_ms;
	_autoclose_ int fd = -EBADF;
	char text[TEXT_MAX];
	int r;

	(void)addr_format(a, text, sizeof(text));
	/* CID 2 of a machine that is not a VM of ours belongs to whatever hosts it. */
	if (a->kind == ADDR_VSOCK && a->cid == VMADDR_CID_HOST && !sys_owns_machine())
		return err_say(err, EPERM, "connect to '%s': outside a VM of ours its host is not ours to talk to",
		               text);
	fd = a->kind == ADDR_HVSOCK ? connect_hvsock(a, deadline) : connect_once(a, deadline);
	if (fd < 0)
		return err_set(err, fd, "connect to '%s'", text);
	r = fd_set_nonblock(fd, false);
	if (r < 0)
		return err_set(err, r, "connect to '%s'", text);
	return take_fd(&fd);
}

/* --- peers ------------------------------------------------------------------------------------------------------- */

static int check_vsock_peer(int fd, struct err *err)
{
	union any_sockaddr sa;
	socklen_t len = sizeof(sa);
	int r = sys_getpeername(fd, &sa.any, &len);

	if (r < 0)
		return err_set(err, r, "look at the peer");
	if (sa.any.sa_family != AF_VSOCK || len < sizeof(sa.vm))
		return err_say(err, EACCES, "peer of an unknown kind refused");
	/* Not CID 1 either: that is vsock's loopback, which a container in the guest could use. */
	if (sa.vm.svm_cid != VMADDR_CID_HOST)
		return err_say(err, EACCES, "peer with vsock CID %u refused", sa.vm.svm_cid);
	return 0;
}

static int check_unix_peer(int fd, struct err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int r = sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);

	if (r < 0)
		return err_set(err, r, "look at the peer");
	if (cred.uid != 0 && cred.uid != sys_geteuid())
		return err_say(err, EACCES, "peer with uid %u refused", cred.uid);
	return 0;
}

int addr_check_peer(int fd, struct err *err)
{
	int domain = 0;
	socklen_t len = sizeof(domain);
	int r = sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);

	if (r < 0)
		return err_set(err, r, "look at the peer");
	if (domain == AF_UNIX)
		return check_unix_peer(fd, err);
	return check_vsock_peer(fd, err);
}

/* An abstract name begins with a NUL and ends with its length, a path with a NUL. */
static int parse_name_port(const union any_sockaddr *sa, socklen_t len, uint32_t *ret, struct err *err)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path), n = len > offset ? len - offset : 0;
	char name[sizeof(sa->un.sun_path) + 1] = "";
	const char *text = name, *port;

	if (n > sizeof(sa->un.sun_path))
		n = sizeof(sa->un.sun_path);
	memcpy(name, sa->un.sun_path, n);
	if (n > 0 && name[0] == '\0')
		text++;
	port = strrchr(text, '_');
	if (!port || !parse_number(port + 1, ret))
		return err_say(err, EADDRNOTAVAIL, "peer's name '%s' does not end in '_PORT'", text);
	return 0;
}

int addr_peer_port(int fd, uint32_t *ret, struct err *err)
{
	union any_sockaddr sa = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(sa);
	int r = sys_getpeername(fd, &sa.any, &len);

	if (r < 0)
		return err_set(err, r, "look at the peer");
	if (sa.any.sa_family == AF_UNIX)
		return parse_name_port(&sa, len, ret, err);
	if (sa.any.sa_family != AF_VSOCK || len < sizeof(sa.vm))
		return err_say(err, EADDRNOTAVAIL, "a peer of an unknown kind has no port");
	*ret = sa.vm.svm_port;
	return 0;
}
