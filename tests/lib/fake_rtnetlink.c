/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fake_rtnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

#define RECORDS   "tests/data/rtnetlink"
#define LINE_MAX_ 4096

struct fake_rtnetlink fake_rtnetlink;

/* What waits to be received: the message types of the answer to the last request. */
static struct {
	const char *kind; /* of a dump; NULL = an acknowledgement */
	unsigned next;
	bool pending;
	int error;
	uint32_t seq;
} answer;

ssize_t __wrap_sys_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_sys_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sys_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_sys_recvmsg(int fd, struct msghdr *msg, int flags);

int fake_rtnetlink_setup(void **state)
{
	struct netlink *nl = calloc(1, sizeof(*nl));

	memset(&fake_rtnetlink, 0, sizeof(fake_rtnetlink));
	memset(&answer, 0, sizeof(answer));
	nl->fd = FAKE_RTNETLINK_FD;
	nl->answer = malloc(NETLINK_ANSWER_MAX);
	*state = nl;
	return 0;
}

int fake_rtnetlink_teardown(void **state)
{
	struct netlink *nl = *state;

	free(nl->answer);
	free(nl);
	return 0;
}

struct nlmsghdr *fake_rtnetlink_recorded(const char *kind, unsigned n)
{
	static char line[LINE_MAX_];
	FILE *file = fopen(RECORDS, "re");
	size_t kind_len = strlen(kind);
	uint8_t *bytes = NULL;

	assert_non_null(file);
	while (!bytes && fgets(line, sizeof(line), file)) {
		const char *hex = line + kind_len + 1;
		size_t len = strspn(hex, "0123456789abcdef") / 2;

		if (strncmp(line, kind, kind_len) != 0 || line[kind_len] != ' ' || n-- > 0)
			continue;
		bytes = malloc(len);
		for (size_t i = 0; i < len; i++) {
			unsigned byte;

			assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
			bytes[i] = (uint8_t)byte;
		}
	}
	(void)fclose(file);
	return (struct nlmsghdr *)bytes;
}

const char *fake_rtnetlink_hex(const struct nlmsghdr *message)
{
	static char text[2 * NETLINK_REQUEST_MAX + 1];
	const uint8_t *p = (const uint8_t *)message;

	assert_true(message->nlmsg_len <= NETLINK_REQUEST_MAX);
	for (size_t i = 0; i < message->nlmsg_len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	return text;
}

/* --- requests as text -------------------------------------------------------------------------------------------- */

_printf_(1, 2) static void say(const char *fmt, ...)
{
	size_t len = strlen(fake_rtnetlink.log);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(fake_rtnetlink.log + len, sizeof(fake_rtnetlink.log) - len, fmt, ap);
	va_end(ap);
}

static void say_link(const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	say("link %d", header->ifi_index);
	if (header->ifi_change)
		say(" flags=%x/%x", header->ifi_flags, header->ifi_change);
	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		const uint8_t *p = mnl_attr_get_payload(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			say(" name=%s", (const char *)p);
			break;
		case IFLA_MTU:
			say(" mtu=%u", mnl_attr_get_u32(attr));
			break;
		case IFLA_ADDRESS:
			say(" mac=%02x..%02x", p[0], p[mnl_attr_get_payload_len(attr) - 1]);
			break;
		default:
			say(" attribute=%u", mnl_attr_get_type(attr));
		}
	}
	say("\n");
}

static void say_address(const char *what, unsigned index, int family, unsigned prefix, const struct nlmsghdr *message,
                        size_t header_size, unsigned type)
{
	char text[INET6_ADDRSTRLEN] = "default";
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, header_size)
	{
		if (mnl_attr_get_type(attr) == type)
			(void)inet_ntop(family, mnl_attr_get_payload(attr), text, sizeof(text));
	}
	say("%s %u %s/%u\n", what, index, text, prefix);
}

static void say_request(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		say_link(message);
		break;
	case RTM_NEWADDR:
		say_address("address", address->ifa_index, address->ifa_family, address->ifa_prefixlen, message,
		            sizeof(*address), IFA_LOCAL);
		break;
	case RTM_NEWROUTE:
		say_address("route", route->rtm_scope, route->rtm_family, route->rtm_dst_len, message, sizeof(*route),
		            RTA_DST);
		break;
	case RTM_NEWNEIGH:
		say_address("neighbour", (unsigned)neighbour->ndm_ifindex, neighbour->ndm_family, neighbour->ndm_state,
		            message, sizeof(*neighbour), NDA_DST);
		break;
	default:
		say("request of type %u\n", message->nlmsg_type);
	}
}

/* --- the socket -------------------------------------------------------------------------------------------------- */

static const char *dump_kind(const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type == RTM_GETROUTE)
		return route->rtm_family == AF_INET ? "r4" : "r6";
	if (message->nlmsg_type == RTM_GETNEIGH)
		return "neigh";
	return message->nlmsg_type == RTM_GETLINK ? "link" : "addr";
}

ssize_t __wrap_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct nlmsghdr *message;

	if (fd != FAKE_RTNETLINK_FD)
		return __real_sys_sendmsg(fd, msg, flags);
	if (fake_rtnetlink.send_result < 0)
		return fake_rtnetlink.send_result;
	message = msg->msg_iov[0].iov_base;
	assert_int_equal(msg->msg_iov[0].iov_len, message->nlmsg_len);
	assert_true(message->nlmsg_flags & NLM_F_REQUEST);
	assert_false(answer.pending);
	memset(&answer, 0, sizeof(answer));
	answer.pending = true;
	answer.seq = message->nlmsg_seq;
	if ((message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
		answer.kind = dump_kind(message);
		fake_rtnetlink.n_dumps++;
		return (ssize_t)message->nlmsg_len;
	}
	assert_true(message->nlmsg_flags & NLM_F_ACK);
	say_request(message);
	if (++fake_rtnetlink.n_changes == fake_rtnetlink.fail_at)
		answer.error = -fake_rtnetlink.fail_with;
	return (ssize_t)message->nlmsg_len;
}

/* An answer without words. */
static struct nlmsghdr *acknowledgement(void)
{
	struct nlmsghdr *message = calloc(1, NLMSG_SPACE(sizeof(struct nlmsgerr)));

	message->nlmsg_type = NLMSG_ERROR;
	message->nlmsg_len = NLMSG_LENGTH(sizeof(struct nlmsgerr));
	((struct nlmsgerr *)NLMSG_DATA(message))->error = answer.error;
	return message;
}

/* One message a datagram. */
ssize_t __wrap_sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct nlmsghdr *message;
	size_t n;

	if (fd != FAKE_RTNETLINK_FD)
		return __real_sys_recvmsg(fd, msg, flags);
	assert_true(flags & MSG_DONTWAIT);
	if (fake_rtnetlink.receive_result < 0)
		return fake_rtnetlink.receive_result;
	if (!answer.pending || fake_rtnetlink.is_silent)
		return -EAGAIN;
	message = answer.kind ? fake_rtnetlink_recorded(answer.kind, answer.next++) : acknowledgement();
	assert_non_null(message);
	message->nlmsg_seq = answer.seq;
	if (fake_rtnetlink.n_interrupted > 0 && message->nlmsg_type == NLMSG_DONE) {
		fake_rtnetlink.n_interrupted--;
		message->nlmsg_flags |= NLM_F_DUMP_INTR;
	}
	answer.pending = message->nlmsg_type >= NLMSG_MIN_TYPE;
	n = message->nlmsg_len;
	assert_true(n <= msg->msg_iov[0].iov_len);
	memcpy(msg->msg_iov[0].iov_base, message, n);
	msg->msg_flags = fake_rtnetlink.is_cut ? MSG_TRUNC : 0;
	((struct sockaddr_nl *)msg->msg_name)->nl_pid = fake_rtnetlink.is_foreign ? 4711 : 0;
	free(message);
	return (ssize_t)n;
}
