/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to proto/pboci_*.c: a conversion under way. The first error sticks and everything after it is harmless, so
 * that a converter reads as a list of members; whoever began looks at `r` at the end.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "proto/oci.pb-c.h"

struct pboci {
	struct arena *arena;
	struct err *err;
	int r; /* 0, or the first error */
};

/* Notes an error: "<text>" with this errno. */
void pboci_fail(struct pboci *c, int num, const char *fmt, ...) _printf_(3, 4);

/* Zeroed memory for one struct, or NULL. */
void *pboci_new(struct pboci *c, size_t size);

/* Memory for n structs; *ret_n is n, or 0 on failure. */
void *pboci_list(struct pboci *c, size_t n, size_t size, size_t *ret_n);

/* A copy of the string; NULL for NULL and "". */
char *pboci_text(struct pboci *c, const char *s);

/* A copy of the string, also of an empty one. */
char *pboci_copy(struct pboci *c, const char *s);

/* A copy of the string that must not be empty; the rest says which one: "Mounts[3].destination". */
char *pboci_needed(struct pboci *c, const char *s, const char *list, size_t i, const char *member);

/* Copies of n strings, empty ones included. */
struct oci_strings pboci_strings(struct pboci *c, size_t n, char *const *v);

/* An initialised message, or NULL. */
void *pboci_message(struct pboci *c, const ProtobufCMessageDescriptor *type);

/* An array of n pointers to initialised messages; *ret_n is n, or 0 on failure. */
void *pboci_messages(struct pboci *c, const ProtobufCMessageDescriptor *type, size_t n, size_t *ret_n);

/* The two halves of resources (pboci_resources.c), NULL for NULL. */
struct oci_resources *pboci_read_resources(struct pboci *c, const Grpc__LinuxResources *in);
Grpc__LinuxResources *pboci_write_resources(struct pboci *c, const struct oci_resources *in);
