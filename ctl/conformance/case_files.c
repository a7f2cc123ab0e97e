/* SPDX-License-Identifier: Apache-2.0 */
/* CopyFile, volumes, storages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define SHARE "/run/kata-containers/shared/containers/"
#define FILES SHARE "conformance-files"
#define OWNER "\"dir_mode\":493,\"uid\":7,\"gid\":8"
#define SEE   ",{\"destination\":\"/mnt/files\",\"type\":\"bind\",\"source\":\"" FILES "\",\"options\":[\"rbind\"]}"
#define ONE   SHARE "conformance-volume"

/* "hello world\n" in two pieces */
static bool copy_pieces(struct conform *c)
{
	return conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" FILES
	                    "/deep/er/file.txt\",\"file_size\":12,\"file_mode\":33184,\"data\":\"aGVsbG8g\"," OWNER
	                    "}") &&
	       conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" FILES
	                    "/deep/er/file.txt\",\"file_size\":12,\"file_mode\":33184,\"offset\":6,"
	                    "\"data\":\"d29ybGQK\"," OWNER "}") &&
	       conform_script(c,
	                      &(struct conform_spec){ .script = "cat /mnt/files/deep/er/file.txt; stat -c '%a %u %g' "
	                                                        "/mnt/files/deep/er/file.txt",
	                                              .mounts = SEE },
	                      "hello world\n640 7 8\n");
}

/* What is there is replaced, by whichever kind. */
static bool copy_kinds(struct conform *c)
{
	return conform_call(c, "CopyFile", IS_OK, "{\"path\":\"" FILES "/kind\",\"file_mode\":16832," OWNER "}") &&
	       conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" FILES "/kind\",\"file_mode\":41471,\"data\":\"dGFyZ2V0\"," OWNER "}") &&
	       conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" FILES
	                    "/target\",\"file_size\":1,\"file_mode\":33188,\"data\":\"eA==\"," OWNER "}") &&
	       conform_script(
		       c,
		       &(struct conform_spec){
			       .script = "readlink /mnt/files/kind; stat -c %u /mnt/files/kind; cat /mnt/files/kind",
			       .mounts = SEE },
		       "target\n7\nx");
}

static bool copy_empty(struct conform *c)
{
	return conform_call(c, "CopyFile", IS_OK, "{\"path\":\"" FILES "/empty\",\"file_mode\":33188," OWNER "}") &&
	       conform_script(c, &(struct conform_spec){ .script = "stat -c '%s %a' /mnt/files/empty", .mounts = SEE },
	                      "0 644\n");
}

/* Out of the share it must not get, by no road. */
static bool copy_outside(struct conform *c)
{
	static const char *const paths[] = { "/etc/passwd",   "/run/kata-containers/x",
		                             SHARE "../../x", SHARE "a/../../../x",
		                             "relative",      "" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!conform_call(c, "CopyFile", IS_REFUSED,
		                  "{\"path\":\"%s\",\"file_size\":1,\"file_mode\":33188,\"data\":\"eA==\"," OWNER "}",
		                  paths[i]))
			return false;
	}
	return true;
}

static bool copy_through_link(struct conform *c)
{
	/* up -> /tmp */
	return conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" FILES "/up\",\"file_mode\":41471,\"data\":\"L3RtcA==\"," OWNER "}") &&
	       conform_call(c, "CopyFile", IS_ANY,
	                    "{\"path\":\"" FILES
	                    "/up/conformance-escaped\",\"file_size\":1,\"file_mode\":33188,\"data\":\"eA==\"," OWNER
	                    "}") &&
	       conform_call(c, "AddSwapPath", IS_ANY & ~IS_OK, "{\"path\":\"/tmp/conformance-escaped\"}") &&
	       conform_check(c, !strcasestr(c->reply.text, "invalid argument"), "a symbolic link led out of the share");
}

/* --- volumes ----------------------------------------------------------------------------------------------------- */

static bool volume_stats(struct conform *c)
{
	const Grpc__VolumeStatsResponse *r = (const Grpc__VolumeStatsResponse *)c->reply.message;
	unsigned seen = 0;

	for (size_t i = 0; i < r->n_usage; i++) {
		const Grpc__VolumeUsage *u = r->usage[i];

		seen |= 1u << u->unit;
		if (!conform_check(c, u->used <= u->total && u->available <= u->total,
		                   "used %" PRIu64 ", available %" PRIu64 " of %" PRIu64, u->used, u->available,
		                   u->total))
			return false;
	}
	return conform_check(c,
	                     seen == (1u << GRPC__VOLUME_USAGE__UNIT__BYTES | 1u << GRPC__VOLUME_USAGE__UNIT__INODES),
	                     "no usage in bytes and inodes");
}

/* --- storages ---------------------------------------------------------------------------------------------------- */

/* An emptyDir in memory, and one of the guest's. */
static bool volumes(struct conform *c)
{
	return conform_script(
		c,
		&(struct conform_spec){
			.script = "echo m >/mnt/memory/x && cat /mnt/memory/x; echo l >/mnt/local/x && cat "
				  "/mnt/local/x; stat -c %a /mnt/local",
			.request = ",\"storages\":[{\"driver\":\"ephemeral\",\"source\":\"tmpfs\",\"fstype\":\"tmpfs\","
				   "\"mount_point\":"
				   "\"/run/kata-containers/sandbox/ephemeral/"
				   "conformance\"},{\"driver\":\"local\",\"source\":\"local\","
				   "\"fstype\":\"local\",\"mount_point\":\"" ONE "\",\"options\":[\"mode=0777\"]}]",
			.mounts = ",{\"destination\":\"/mnt/memory\",\"type\":\"bind\",\"source\":\"/run/"
				  "kata-containers/sandbox/ephemeral/"
				  "conformance\",\"options\":[\"rbind\"]},{\"destination\":\"/mnt/"
				  "local\",\"type\":\"bind\",\"source\":\"" ONE "\",\"options\":[\"rbind\"]}" },
		"m\nl\n777\n");
}

/* The same storage in two containers is mounted once, and goes with the last. */
static bool shared_volume(struct conform *c)
{
	const char *other = conform_name(c),
		   *storage = ",\"storages\":[{\"driver\":\"ephemeral\",\"source\":\"tmpfs\",\"fstype\":\"tmpfs\","
			      "\"mount_point\":"
			      "\"/run/kata-containers/sandbox/ephemeral/conformance-two\"}]",
		   *mount = ",{\"destination\":\"/mnt/m\",\"type\":\"bind\",\"source\":\"/run/kata-containers/sandbox/"
			    "ephemeral/"
			    "conformance-two\",\"options\":[\"rbind\"]}";
	char first[CONFORM_ID_SIZE];

	if (!conform_run(c, &(struct conform_spec){ .script = "echo of the first >/mnt/m/x; exec cat",
	                                            .request = storage,
	                                            .mounts = mount }) ||
	    !conform_write(c, "", "x", 1) ||
	    !conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":1}") ||
	    !conform_run(c,
	                 &(struct conform_spec){
				 .id = other, .request = storage, .mounts = mount, .script = "read a; cat /mnt/m/x" }))
		return false;
	(void)snprintf(first, sizeof(first), "%s", c->cid);
	(void)snprintf(c->cid, sizeof(c->cid), "%s", other);
	return conform_remove(c, first) && conform_write(c, "", "\n", 1) && conform_prints(c, "", "of the first\n") &&
	       conform_exits(c, "", 0);
}

static const struct conform_case files[] = {
	CASE(WORKS, "CopyFile/pieces", CONFORM_NOTHING, copy_pieces),
	CASE(WORKS, "CopyFile/kinds", CONFORM_NOTHING, copy_kinds),
	CASE(WORKS_STRICT, "CopyFile/empty", CONFORM_NOTHING, copy_empty),
	CASE(REFUSED, "CopyFile/outside", CONFORM_NOTHING, copy_outside),
	CASE(REFUSED, "CopyFile/through-link", CONFORM_NOTHING, copy_through_link),
	CALL(WORKS, "RemoveStaleVirtiofsShareMounts/life", CONFORM_NOTHING, "{}", IS_OK, NULL),
	CALL(WORKS, "UpdateEphemeralMounts/none", CONFORM_NOTHING, "{}", IS_OK, NULL),
	CALL(REFUSED, "UpdateEphemeralMounts/other-driver", CONFORM_NOTHING,
	     "{\"storages\":[{\"driver\":\"virtio-fs\",\"source\":\"x\",\"fstype\":\"virtiofs\",\"mount_point\":"
	     "\"/run/kata-containers/sandbox/x\",\"options\":[\"remount\"]}]}",
	     IS_INTERNAL, "Unsupported storage type"),
	{ .name = "GetVolumeStats/root",
	  WORKS,
	  .json = "{\"volume_guest_path\":\"/run\"}",
	  .codes = IS_OK,
	  .run = volume_stats },
	CALL(REFUSED, "GetVolumeStats/missing", CONFORM_NOTHING, "{\"volume_guest_path\":\"/no/such/volume\"}",
	     IS_INTERNAL, NULL),
	CALL(WORKS, "ResizeVolume/unimplemented", CONFORM_NOTHING,
	     "{\"volume_guest_path\":\"/run\",\"size\":\"1048576\"}", IS_UNIMPLEMENTED, NULL),
	CALL(REFUSED, "ResizeVolume/missing", CONFORM_NOTHING, "{\"volume_guest_path\":\"/no/such/volume\"}",
	     IS_UNIMPLEMENTED, NULL),
	CASE(WORKS, "CreateContainer/volumes", CONFORM_NOTHING, volumes),
	CASE(WORKS, "CreateContainer/shared-volume", CONFORM_NOTHING, shared_volume),
};

SUITE(conform_suite_files, files);
