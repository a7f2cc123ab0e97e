/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that a Kata agent listens on and its clients connect to: vsock://CID:PORT (CID -1 or none = any),
 * unix:///path, unix://@abstract, hvsock:///path:PORT (a unix socket with the "CONNECT PORT" convention of Firecracker,
 * Cloud Hypervisor and vhost-device-vsock; clients only). Blocking connects are for ctl and runtime, never for the
 * agent.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

enum addr_kind {
	ADDR_VSOCK,
	ADDR_UNIX,
	ADDR_HVSOCK,
};

struct addr {
	enum addr_kind kind;
	uint32_t cid, port; /* vsock; port also for hvsock */
	char path[108];     /* unix and hvsock: sun_path is this long; a leading '@' stands for abstract */
};

/* Parses; -EINVAL with a text that names the address. */
int addr_parse(struct addr *ret, const char *text, struct err *err);

/* The same address with another port: vsock and hvsock change the port, unix paths get "_PORT" appended. */
int addr_with_port(struct addr *ret, const struct addr *base, uint32_t port, struct err *err);

/* Writes the text form into out (256 bytes are always enough); returns out. */
char *addr_format(const struct addr *a, char *out, size_t n);

/* A listening socket, non-blocking, made under umask 077; an old unix socket file is replaced. fd or -errno. */
int addr_listen(const struct addr *a, int backlog, struct err *err);

/* A connected blocking socket within timeout_ms, hvsock's handshake included; fd or -errno. */
int addr_connect(const struct addr *a, unsigned timeout_ms, struct err *err);

/* 0 if the peer of an accepted connection may talk to us: vsock CID 2, unix uid 0 or our own; else -EACCES. */
int addr_check_peer(int fd, struct err *err);

/*
 * The port that the peer of an accepted connection called from, to be named later: vsock's own, or the number behind
 * the last '_' of the name that a unix client has bound its socket to. -EADDRNOTAVAIL if there is none.
 */
int addr_peer_port(int fd, uint32_t *ret, struct err *err);
