/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/api.h"
#include "ctl/request.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"

#define CHUNK_SIZE (1u << 20) /* what the Go shim sends at once */
#define DIR_MODE   0755

/* The member or value of that name; a member wins. */
static const char *find_path(struct api_call *call, const char *name)
{
	struct json_object *member;

	if (json_object_object_get_ex(call->json, name, &member) && json_object_is_type(member, json_type_string))
		return json_object_get_string(member);
	return values_get(call->values, name);
}

static int send_piece(struct api_call *call, const Grpc__CopyFileRequest *request)
{
	return ctl_call_empty(call->ctl, "CopyFile", &request->base);
}

static int send_link(struct api_call *call, Grpc__CopyFileRequest *request, const char *src)
{
	char *target = arena_alloc(call->arena, PATH_MAX);
	ssize_t n;

	if (!target)
		return ctl_usage_error("CopyFile: read link '%s': %s", src, strerror(ENOMEM));
	n = readlink(src, target, PATH_MAX);
	if (n < 0)
		return ctl_usage_error("CopyFile: read link '%s': %s", src, strerror(errno));
	request->file_size = n;
	request->data = (ProtobufCBinaryData){ .data = (uint8_t *)target, .len = (size_t)n };
	return send_piece(call, request);
}

/* An empty file is one piece without bytes. */
static int send_file(struct api_call *call, Grpc__CopyFileRequest *request, const char *src)
{
	_autoclose_ int fd = open(src, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *piece = arena_alloc(call->arena, CHUNK_SIZE);
	int status;

	if (fd < 0 || !piece)
		return ctl_usage_error("CopyFile: open '%s': %s", src, strerror(errno));
	do {
		ssize_t n = pread(fd, piece, CHUNK_SIZE, request->offset);

		if (n < 0)
			return ctl_usage_error("CopyFile: read '%s': %s", src, strerror(errno));
		if (n == 0 && request->offset < request->file_size)
			return ctl_usage_error("CopyFile: '%s' got shorter while it was read", src);
		if (n > request->file_size - request->offset)
			n = (ssize_t)(request->file_size - request->offset);
		request->data = (ProtobufCBinaryData){ .data = piece, .len = (size_t)n };
		status = send_piece(call, request);
		request->offset += n;
	} while (status == CTL_EXIT_OK && request->offset < request->file_size);
	return status;
}

static int copy(struct api_call *call, const char *src, const char *dest)
{
	Grpc__CopyFileRequest request = GRPC__COPY_FILE_REQUEST__INIT;
	struct stat st;

	if (lstat(src, &st) < 0)
		return ctl_usage_error("CopyFile: '%s': %s", src, strerror(errno));
	request.path = (char *)dest;
	request.file_mode = st.st_mode;
	request.dir_mode = DIR_MODE;
	request.uid = (int32_t)st.st_uid;
	request.gid = (int32_t)st.st_gid;
	if (S_ISDIR(st.st_mode))
		return send_piece(call, &request);
	if (S_ISLNK(st.st_mode))
		return send_link(call, &request, src);
	if (!S_ISREG(st.st_mode))
		return ctl_usage_error("CopyFile: '%s' is neither a file nor a directory nor a symlink", src);
	request.file_size = st.st_size;
	return send_file(call, &request, src);
}

/* Without a source it is a call like any other, with the fields of the protocol. */
static int send_raw(struct api_call *call)
{
	Grpc__CopyFileRequest *request;
	struct err err = ERR_INIT;
	const char *text = json_object_to_json_string_ext(call->json, JSON_C_TO_STRING_NOSLASHESCAPE);

	if (pbjson_parse(call->type, call->arena, text, strlen(text), (ProtobufCMessage **)&request, &err) < 0)
		return ctl_usage_error("CopyFile: %s", err_text(&err));
	if (request->path[0] == '\0' && call->auto_values)
		return ctl_usage_error("CopyFile: what and where? Give src=PATH dest=PATH");
	return send_piece(call, request);
}

int copyfile_run(struct api_call *call)
{
	const char *src = find_path(call, "src"), *dest = find_path(call, "dest");
	struct err err = ERR_INIT;
	int status;

	if (!src != !dest)
		return ctl_usage_error("CopyFile: src= and dest= go together");
	if (!src && request_fill(call->json, call->type, call->values, &err) < 0)
		return ctl_usage_error("CopyFile: %s", err_text(&err));
	status = src ? copy(call, src, dest) : send_raw(call);
	if (status == CTL_EXIT_OK)
		(void)printf("{}\n");
	return status;
}
