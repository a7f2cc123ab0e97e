/* SPDX-License-Identifier: Apache-2.0 */
/* The image's /etc/passwd, and addresses of the network: text that becomes something that prints the same again. */
#include <string.h>

#include "agent/lookup.h"
#include "lib/fd.h"
#include "lib/net_ip.h"
#include "lib/net_link.h"
#include "lib/sys.h"
#include "tests/fuzz/fuzz.h"

static void check_home(const uint8_t *data, size_t size)
{
	_autoclose_ int fd = sys_memfd_create("passwd", 0);
	char path[32];

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (uid_t uid = 0; uid <= 1000; uid += 1000) {
		_autofree_ char *home = lookup_home(AT_FDCWD, path, uid);

		FUZZ_CHECK(home && home[0] && !strpbrk(home, ":\n"));
	}
}

static void check_address(const char *text)
{
	char out[NET_IP_TEXT_MAX], mac_out[NET_MAC_TEXT_MAX];
	struct err err = ERR_INIT;
	struct net_ip ip, again;
	struct net_mac mac, same;

	if (net_ip_parse_prefix(text, &ip, &err) < 0)
		FUZZ_CHECK(err.num > 0 && err.text[0]);
	else
		FUZZ_CHECK(ip.prefix <= net_ip_bits(ip.family) &&
		           net_ip_parse_prefix(net_ip_format(&ip, true, out), &again, NULL) == 0 &&
		           again.family == ip.family && again.prefix == ip.prefix &&
		           memcmp(again.bytes, ip.bytes, net_ip_size(ip.family)) == 0);
	if (net_mac_parse(text, &mac, NULL) == 0)
		FUZZ_CHECK(net_mac_parse(net_mac_format(&mac, mac_out), &same, NULL) == 0 && same.len == mac.len &&
		           memcmp(same.bytes, mac.bytes, mac.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_autofree_ char *text = malloc(size + 1);
	char *p = text, *line;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_home(data, size);
	while ((line = strsep(&p, "\n")) != NULL)
		check_address(line);
	return 0;
}
