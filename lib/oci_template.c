/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_template.h"

#include "lib/oci_state.h"

#define CAPS "\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\""

static const char head[] =
	"{\n"
	"  \"ociVersion\": \"" OCI_STATE_VERSION "\",\n"
	"  \"process\": {\n"
	"    \"terminal\": true,\n"
	"    \"user\": { \"uid\": 0, \"gid\": 0 },\n"
	"    \"args\": [ \"sh\" ],\n"
	"    \"env\": [ \"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\", \"TERM=xterm\" ],\n"
	"    \"cwd\": \"/\",\n"
	"    \"capabilities\": {\n"
	"      \"bounding\": [ " CAPS " ],\n"
	"      \"effective\": [ " CAPS " ],\n"
	"      \"permitted\": [ " CAPS " ]\n"
	"    },\n"
	"    \"rlimits\": [ { \"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024 } ],\n"
	"    \"noNewPrivileges\": true\n"
	"  },\n"
	"  \"root\": { \"path\": \"rootfs\", \"readonly\": true },\n"
	"  \"hostname\": \"%s\",\n"
	"  \"mounts\": [\n"
	"    { \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" },\n"
	"    { \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
	"      \"options\": [ \"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\" ] },\n"
	"    { \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
	"      \"options\": [ \"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\"%s ] },\n"
	"    { \"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
	"      \"options\": [ \"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\" ] },\n"
	"    { \"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n"
	"      \"options\": [ \"nosuid\", \"noexec\", \"nodev\" ] },\n";

static const char rooted[] =
	"    { \"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n"
	"      \"options\": [ \"nosuid\", \"noexec\", \"nodev\", \"ro\" ] },\n"
	"    { \"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\",\n"
	"      \"options\": [ \"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\" ] }\n"
	"  ],\n"
	"  \"linux\": {\n"
	"    \"resources\": { \"devices\": [ { \"allow\": false, \"access\": \"rwm\" } ] },\n"
	"    \"namespaces\": [ { \"type\": \"pid\" }, { \"type\": \"network\" }, { \"type\": \"ipc\" }, { \"type\": "
	"\"uts\" },\n"
	"      { \"type\": \"mount\" }, { \"type\": \"cgroup\" } ],\n";

/* The network is the machine's, whose sysfs cannot be mounted anew then. */
static const char rootless_format[] = "    { \"destination\": \"/sys\", \"type\": \"none\", \"source\": \"/sys\",\n"
				      "      \"options\": [ \"rbind\", \"nosuid\", \"noexec\", \"nodev\", \"ro\" ] }\n"
				      "  ],\n"
				      "  \"linux\": {\n"
				      "    \"uidMappings\": [ { \"containerID\": 0, \"hostID\": %u, \"size\": 1 } ],\n"
				      "    \"gidMappings\": [ { \"containerID\": 0, \"hostID\": %u, \"size\": 1 } ],\n"
				      "    \"namespaces\": [ { \"type\": \"pid\" }, { \"type\": \"ipc\" }, { \"type\": "
				      "\"uts\" }, { \"type\": \"mount\" },\n"
				      "      { \"type\": \"cgroup\" }, { \"type\": \"user\" } ],\n";

static const char tail[] = "    \"maskedPaths\": [ \"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\", "
			   "\"/proc/latency_stats\",\n"
			   "      \"/proc/timer_list\", \"/proc/timer_stats\", \"/proc/sched_debug\", "
			   "\"/sys/firmware\", \"/proc/scsi\" ],\n"
			   "    \"readonlyPaths\": [ \"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", "
			   "\"/proc/sysrq-trigger\" ]\n"
			   "  }\n"
			   "}\n";

int oci_template_format(const char *hostname, bool rootless, uid_t uid, gid_t gid, struct buf *out)
{
	/* A group that is not mapped cannot own terminals. */
	int r = buf_printf(out, head, hostname, rootless ? "" : ", \"gid=5\"");

	if (r == 0)
		r = rootless ? buf_printf(out, rootless_format, uid, gid) : buf_printf(out, "%s", rooted);
	return r < 0 ? r : buf_printf(out, "%s", tail);
}
