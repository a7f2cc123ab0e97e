/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_ip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned net_ip_size(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

unsigned net_ip_bits(int family)
{
	return net_ip_size(family) * 8;
}

int net_ip_parse(const char *text, struct net_ip *ret, struct err *err)
{
	struct net_ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(ip.family, text, ip.bytes) != 1)
		return err_say(err, EINVAL, "'%s' is no IP address", text);
	ip.prefix = net_ip_bits(ip.family);
	*ret = ip;
	return 0;
}

int net_ip_parse_length(const char *text, struct net_ip *ip, struct err *err)
{
	size_t n = strspn(text, "0123456789");
	unsigned v = 0;

	for (size_t i = 0; i < n && i < 4; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	if (n == 0 || n > 3 || text[n] != '\0' || v > net_ip_bits(ip->family))
		return err_say(err, EINVAL, "'%s' is no prefix length of an IPv%d address", text,
		               ip->family == AF_INET6 ? 6 : 4);
	ip->prefix = v;
	return 0;
}

int net_ip_parse_prefix(const char *text, struct net_ip *ret, struct err *err)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN] = "";
	struct net_ip ip;
	int r;

	if (!slash)
		return net_ip_parse(text, ret, err);
	if ((size_t)(slash - text) >= sizeof(address))
		return err_say(err, EINVAL, "'%s' is no IP address", text);
	memcpy(address, text, (size_t)(slash - text));
	r = net_ip_parse(address, &ip, err);
	if (r == 0)
		r = net_ip_parse_length(slash + 1, &ip, err);
	if (r == 0)
		*ret = ip;
	return r;
}

char *net_ip_format(const struct net_ip *ip, bool with_prefix, char *buf)
{
	buf[0] = '\0';
	if (ip->family == AF_UNSPEC || !inet_ntop(ip->family, ip->bytes, buf, INET6_ADDRSTRLEN))
		return buf;
	if (with_prefix) {
		size_t len = strlen(buf);

		(void)snprintf(buf + len, NET_IP_TEXT_MAX - len, "/%u", ip->prefix);
	}
	return buf;
}

bool net_ip_take(int family, const void *bytes, size_t n, unsigned prefix, struct net_ip *ret)
{
	if ((family != AF_INET && family != AF_INET6) || n != net_ip_size(family) || prefix > net_ip_bits(family))
		return false;
	*ret = (struct net_ip){ .family = family, .prefix = prefix };
	memcpy(ret->bytes, bytes, n);
	return true;
}

bool net_ip_is_any(const struct net_ip *ip)
{
	static const uint8_t none[sizeof(ip->bytes)];

	return ip->family != AF_UNSPEC && memcmp(ip->bytes, none, sizeof(none)) == 0;
}
