/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses with a prefix length, of either family, as text and as the kernel's bytes. No allocation, no sockets.
 */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define NET_IP_TEXT_MAX (INET6_ADDRSTRLEN + 4) /* with "/128" */

struct net_ip {
	int family; /* AF_INET, AF_INET6; AF_UNSPEC = none */
	unsigned prefix;
	uint8_t bytes[16];
};

/* Bytes of an address of this family: 4 or 16. */
unsigned net_ip_size(int family);

/* Bits of an address of this family: 32 or 128. */
unsigned net_ip_bits(int family);

/* Parses an address without prefix; all its bits are the prefix then. -EINVAL names it. */
int net_ip_parse(const char *text, struct net_ip *ret, struct err *err);

/* Parses "address/length", or an address alone. */
int net_ip_parse_prefix(const char *text, struct net_ip *ret, struct err *err);

/* Parses a decimal prefix length into ip, whose family is known. */
int net_ip_parse_length(const char *text, struct net_ip *ip, struct err *err);

/* Formats the address into buf[NET_IP_TEXT_MAX], with "/length" if asked; "" for none. Returns buf. */
char *net_ip_format(const struct net_ip *ip, bool with_prefix, char *buf);

/* Takes an attribute's bytes; false (and *ret untouched) when their number does not fit the family. */
bool net_ip_take(int family, const void *bytes, size_t n, unsigned prefix, struct net_ip *ret);

/* True for 0.0.0.0 and ::. */
bool net_ip_is_any(const struct net_ip *ip);
