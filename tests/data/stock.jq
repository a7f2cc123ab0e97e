# SPDX-License-Identifier: Apache-2.0
# CreateContainer requests as a stock Go runtime sends them for a pod of containerd's CRI: what a kubelet asked for, after the
# runtime has taken out hooks, seccomp, the network, cgroup and pid namespaces, devices and cpusets. Arguments: $share, $pod, $id.

def capabilities:
	["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	 "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"] |
	{Bounding: ., Effective: ., Permitted: .};

def bind($to; $name; $options):
	{destination: $to, source: "\($share)/\($id)-0123456789abcdef-\($name)", type: "bind", options: $options};

def mounts:
	[{destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
	 {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
	 {destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
	 {destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]},
	 {destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]},
	 {destination: "/dev/shm", type: "bind", source: "/run/kata-containers/sandbox/shm", options: ["rbind"]},
	 bind("/etc/resolv.conf"; "resolv.conf"; ["rbind", "rprivate", "ro", "nosuid", "nodev", "noexec"])];

def container($args):
	{container_id: $id, exec_id: $id, string_user: {}, storages: [], devices: [],
	 OCI: {Version: "1.1.0", Process: {User: {}, Args: $args, Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"HOSTNAME=stock-pod"], Cwd: "/", Capabilities: capabilities, NoNewPrivileges: true, OOMScoreAdj: 1000},
		Root: {Path: "\($share)/\($id)/rootfs"}, Mounts: mounts,
		Annotations: {"io.kubernetes.cri.sandbox-id": $pod, "io.kubernetes.cri.sandbox-name": "stock-pod", "io.kubernetes.cri.sandbox-namespace": "default",
			"io.katacontainers.pkg.oci.bundle_path": "/run/containerd/io.containerd.runtime.v2.task/k8s.io/\($id)"},
		Linux: {CgroupsPath: "kubepods-burstable-pod6f5d.slice:cri-containerd:\($id)",
			Namespaces: [{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}],
			MaskedPaths: ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"],
			ReadonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}};

def pause:
	container(["/pause"]) | .OCI.Process.User = {UID: 65535, GID: 65535, AdditionalGids: [65535]} | .OCI.Process.OOMScoreAdj = -998 |
	.OCI.Root.Readonly = true | .OCI.Hostname = "stock-pod" |
	.OCI.Annotations += {"io.kubernetes.cri.container-type": "sandbox", "io.katacontainers.pkg.oci.container_type": "pod_sandbox"} |
	.OCI.Linux.Sysctl = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"} |
	.OCI.Linux.Resources = {CPU: {Shares: 2}};

# With all the volumes that a pod may have: an emptyDir in memory, one of the host, a config map.
def app($args):
	container($args) | .OCI.Process.ApparmorProfile = "cri-containerd.apparmor.d" |
	.OCI.Annotations += {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
		"io.kubernetes.cri.image-name": "docker.io/library/busybox:latest", "io.katacontainers.pkg.oci.container_type": "pod_container"} |
	.storages = [{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", options: ["fsgid=2000"], mount_point: "/run/kata-containers/sandbox/ephemeral/memory"},
		{driver: "local", source: "local", fstype: "local", options: ["mode=0777", "fsgid=2000"], mount_point: "\($share)/\($pod)/rootfs/local/scratch"},
		{driver: "watchable-bind", source: "\($share)/\($id)-0123456789abcdef-config", fstype: "bind", options: [],
		 mount_point: "\($share)/watchable/\($id)-0123456789abcdef-config"}] |
	.OCI.Mounts += [bind("/etc/hosts"; "hosts"; ["rbind", "rprivate", "rw"]), bind("/etc/hostname"; "hostname"; ["rbind", "rprivate", "rw"]),
		bind("/dev/termination-log"; "termination-log"; ["rbind", "rprivate", "rw"]),
		{destination: "/memory", type: "bind", source: .storages[0].mount_point, options: ["rbind", "rprivate", "rw"]},
		{destination: "/scratch", type: "bind", source: .storages[1].mount_point, options: ["rbind", "rprivate", "rw"]},
		{destination: "/config", type: "bind", source: .storages[2].mount_point, options: ["rbind", "rprivate", "ro"]}] |
	.OCI.Linux.Resources = {Memory: {Limit: 67108864}, CPU: {Shares: 512, Quota: 50000, Period: 100000},
		HugepageLimits: [{Pagesize: "2MB", Limit: 0}, {Pagesize: "1GB", Limit: 0}]};
