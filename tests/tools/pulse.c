/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How soon an agent answers: ROUNDS times Health.Check on one connection, with a pause in between. Prints the median
 * and the 99th percentile in microseconds. With "copy", it is the load instead: CopyFile of MIB mebibytes in chunks of
 * one, which replace one another. pulse ADDRESS check ROUNDS pulse ADDRESS copy MIB
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"
#include "client/method.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

#define ROUNDS_MAX 100000
#define CALL_MS    60000
#define PAUSE_US   2000
#define CHUNK      (1u << 20)
#define FILE_MIB   64
#define COPY_PATH  "/run/kata-containers/shared/containers/pulse"

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static bool call(struct client *client, const char *name, const ProtobufCMessage *request)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	struct client_method m;

	if (method_find(name, &m) < 0 || client_call(client, &m, request, CALL_MS, &reply) < 0)
		return false;
	if (reply.code != RPC_OK)
		fprintf(stderr, "pulse: %s: %s\n", name, reply.text);
	return reply.code == RPC_OK;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int check(struct client *client, size_t rounds)
{
	static double us[ROUNDS_MAX];
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;

	for (size_t i = 0; i < rounds; i++) {
		double start = now_us();

		if (!call(client, "Health.Check", &request.base))
			return 1;
		us[i] = now_us() - start;
		(void)usleep(PAUSE_US);
	}
	qsort(us, rounds, sizeof(*us), compare);
	printf("%.0f %.0f\n", us[rounds / 2], us[rounds * 99 / 100]);
	return 0;
}

static int copy(struct client *client, size_t mib)
{
	static uint8_t chunk[CHUNK];
	Grpc__CopyFileRequest request = GRPC__COPY_FILE_REQUEST__INIT;
	char path[] = COPY_PATH;

	request.path = path;
	request.file_size = (int64_t)FILE_MIB * CHUNK;
	request.file_mode = S_IFREG | 0644;
	request.dir_mode = 0755;
	request.uid = request.gid = -1;
	request.data.data = chunk;
	request.data.len = sizeof(chunk);
	for (size_t i = 0; i < mib; i++) {
		request.offset = (int64_t)(i % FILE_MIB) * CHUNK;
		if (!call(client, "CopyFile", &request.base))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	_autoclient_ struct client *client = NULL;
	struct err err = ERR_INIT;
	size_t n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (n == 0 || n > ROUNDS_MAX) {
		fprintf(stderr, "usage: pulse ADDRESS check ROUNDS | pulse ADDRESS copy MIB\n");
		return 2;
	}
	if (client_open(&client, argv[1], CALL_MS, &err) < 0) {
		fprintf(stderr, "pulse: %s\n", err_text(&err));
		return 1;
	}
	if (strcmp(argv[2], "check") == 0)
		return check(client, n);
	return strcmp(argv[2], "copy") == 0 ? copy(client, n) : 2;
}
