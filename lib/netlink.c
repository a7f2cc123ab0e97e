/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define DATAGRAMS_MAX 16384 /* of one dump, some thousand messages each: the kernel has lost its way then */
#define RESTARTS_MAX  5
#define WORDS_MAX     256

int netlink_open(struct netlink *ret, uint32_t groups, struct err *err)
{
	_autoclose_ int fd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const int on = 1;
	uint8_t *answer;
	int r;

	if (fd < 0)
		return err_set(err, fd, "open a netlink socket");
	/* Both only make errors more readable. */
	(void)sys_setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)sys_setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	r = sys_bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (r < 0)
		return err_set(err, r, "bind a netlink socket");
	answer = malloc(NETLINK_ANSWER_MAX);
	if (!answer)
		return err_set(err, ENOMEM, "open a netlink socket");
	*ret = (struct netlink){ .fd = take_fd(&fd), .answer = answer };
	return 0;
}

void netlink_close(struct netlink *nl)
{
	nl->fd = fd_close(nl->fd);
	free(nl->answer);
	nl->answer = NULL;
}

struct nlmsghdr *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *message;

	memset(request, 0, sizeof(*request));
	message = mnl_nlmsg_put_header(request->space);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	(void)mnl_nlmsg_put_extra_header(message, size);
	return message;
}

static int send_request(struct netlink *nl, struct nlmsghdr *message, uint16_t flags)
{
	struct iovec iov = { message, message->nlmsg_len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	message->nlmsg_flags |= flags;
	message->nlmsg_seq = ++nl->seq;
	do {
		n = sys_sendmsg(nl->fd, &msg, 0);
	} while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

/* One datagram of the kernel; its length, or -errno. */
static ssize_t receive(struct netlink *nl)
{
	for (int left = DATAGRAMS_MAX; left > 0; left--) {
		struct iovec iov = { nl->answer, NETLINK_ANSWER_MAX };
		struct sockaddr_nl from = { 0 };
		struct msghdr msg = {
			.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
		};
		ssize_t n = sys_recvmsg(nl->fd, &msg, MSG_DONTWAIT);

		if (n < 0 && n != -EINTR)
			return n;
		if (n >= 0 && (msg.msg_flags & MSG_TRUNC))
			return -EMSGSIZE;
		/* Containers share this network and may have CAP_NET_ADMIN: their messages do not count. */
		if (n >= 0 && from.nl_pid == 0)
			return n;
	}
	return -EIO;
}

/* The kernel's own words about an error, or NULL. */
static const char *error_words(const struct nlmsghdr *message, const struct nlmsgerr *e)
{
	size_t offset = sizeof(*e), payload = mnl_nlmsg_get_payload_len(message);
	const struct nlattr *attr;
	const char *end;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof(e->msg))
		offset += MNL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (offset >= payload)
		return NULL;
	end = (const char *)e + payload;
	attr = (const struct nlattr *)((const char *)e + offset);
	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		const char *text = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && memchr(text, 0, mnl_attr_get_payload_len(attr)))
			return text;
	}
	return NULL;
}

static int check_error(const struct nlmsghdr *message, struct err *err)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(message);
	const char *words;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*e))
		return err_say(err, EPROTO, "the kernel's answer was cut");
	if (e->error == 0)
		return 0;
	words = error_words(message, e);
	if (words && words[0])
		return err_say(err, -e->error, "%s (%.*s)", strerror(-e->error), WORDS_MAX, words);
	return err_say(err, -e->error, "%s", strerror(-e->error));
}

/* What a dump says at its end: nothing, or an errno. */
static int check_done(const struct nlmsghdr *message, struct err *err)
{
	int num = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(num))
		memcpy(&num, mnl_nlmsg_get_payload(message), sizeof(num));
	return num < 0 ? err_say(err, -num, "%s", strerror(-num)) : 0;
}

struct conversation {
	netlink_each each; /* NULL = an acknowledgement is all we want */
	void *arg;
	bool interrupted, ended;
};

static int take_message(struct conversation *c, const struct nlmsghdr *message, struct err *err)
{
	int r = 0;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		c->interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		c->ended = true;
		return message->nlmsg_type == NLMSG_DONE ? check_done(message, err) : check_error(message, err);
	}
	if (c->each && message->nlmsg_type >= NLMSG_MIN_TYPE)
		r = c->each(message, c->arg);
	return r < 0 ? err_set(err, r, "read an answer") : 0;
}

static int take_datagram(struct netlink *nl, struct conversation *c, struct err *err)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)nl->answer;
	ssize_t n = receive(nl);
	int left = (int)n, r = 0;

	if (n < 0)
		return err_set(err, n == -EAGAIN ? -EIO : (int)n, "take the kernel's answer");
	while (r == 0 && !c->ended && mnl_nlmsg_ok(message, left)) {
		if (message->nlmsg_seq == nl->seq)
			r = take_message(c, message, err);
		message = mnl_nlmsg_next(message, &left);
	}
	return r;
}

static int converse(struct netlink *nl, struct conversation *c, struct err *err)
{
	int r = 0;

	for (int left = DATAGRAMS_MAX; r == 0 && !c->ended; left--)
		r = left > 0 ? take_datagram(nl, c, err) : err_say(err, EIO, "the kernel's answer has no end");
	return r;
}

int netlink_call(struct netlink *nl, struct nlmsghdr *message, struct err *err)
{
	struct conversation c = { 0 };
	int r = send_request(nl, message, NLM_F_ACK);

	return r < 0 ? err_set(err, r, "send a request") : converse(nl, &c, err);
}

int netlink_dump(struct netlink *nl, struct nlmsghdr *message, netlink_each each, void (*restart)(void *arg), void *arg,
                 struct err *err)
{
	for (int left = RESTARTS_MAX; left > 0; left--) {
		struct conversation c = { .each = each, .arg = arg };
		int r = send_request(nl, message, NLM_F_DUMP);

		if (r < 0)
			return err_set(err, r, "send a request");
		restart(arg);
		r = converse(nl, &c, err);
		if (r < 0 || !c.interrupted)
			return r;
	}
	return err_say(err, EAGAIN, "what was asked for changes all the time");
}

int netlink_drain(struct netlink *nl)
{
	for (int left = DATAGRAMS_MAX; left > 0; left--) {
		ssize_t n = receive(nl);

		/* An overrun, or one that is too long, is an event too. */
		if (n < 0 && n != -ENOBUFS && n != -EMSGSIZE)
			return n == -EAGAIN ? 0 : (int)n;
	}
	return 0;
}

/* libmnl's own loop rounds the message's length up, and so reads beyond one that is cut. */
void netlink_attributes(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table, size_t n)
{
	const char *end = (const char *)message + message->nlmsg_len;
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(message, header_size);

	memset(table, 0, n * sizeof(*table));
	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type < n && !table[type])
			table[type] = attr;
	}
}
