#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk under what others drive runtimes with: podman and conmon, containerd's runc shim, buildah, go-runc; and what it
# prints against the schemas of the OCI runtime specification. Images are made here, no registry is asked.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
. "$top/tests/lib/runk.sh"
. "$top/tests/lib/containerd.sh"

schemas=/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema

engine_podman() {
	CONTAINERS_CONF=$work/containers.conf timeout -k 5 60 podman --root "$work/podman" --runroot "$work/podman.run" \
		--tmpdir "$work/podman.tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime "$runk_bin" "$@"
}

prun() {
	engine_podman run --cgroup-parent "/$group" --network none "$@"
}

# The machine's own limits: higher ones than its may not be given.
podman_config() {
	printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=1000:1000"]\n' 1024 1024 >"$work/containers.conf"
}

podman_runs() {
	expect 0 'hello' prun --rm --rootfs "$work/rootfs" echo hello && expect 6 '' prun --rm --rootfs "$work/rootfs" sh -c 'exit 6' &&
		expect 127 'executable file not found' prun --rm --rootfs "$work/rootfs" nope &&
		expect 126 'permission denied' prun --rm --rootfs "$work/rootfs" /etc/passwd &&
		expect 0 '/dev/pts/0' prun --rm -t --rootfs "$work/rootfs" tty && expect 0 'as init' prun --rm --init --rootfs "$work/rootfs" echo as init
}

podman_manages() {
	prun -d --name box --rootfs "$work/rootfs" sleep 1000 >/dev/null && expect 3 'in it' engine_podman exec box sh -c 'echo in it; exit 3' &&
		expect 0 /dev/pts engine_podman exec -t box tty && prints box engine_podman ps --format '{{.Names}}' &&
		expect 0 'sleep 1000' engine_podman top box && expect 0 box engine_podman stats --no-stream box &&
		engine_podman pause box && expect 0 Paused engine_podman ps -a --format '{{.Status}}' && engine_podman unpause box &&
		engine_podman stop -t 1 box && expect 0 Exited engine_podman ps -a --format '{{.Status}}' && engine_podman rm box
}

podman_image() {
	tar -C "$work/rootfs" -c . | engine_podman import - localhost/kata-test-box &&
		prun -d --name sick --health-cmd 'test ! -e /sick' --health-interval disable localhost/kata-test-box sleep 1000 &&
		engine_podman healthcheck run sick && engine_podman exec sick touch /sick &&
		expect 1 unhealthy engine_podman healthcheck run sick && engine_podman rm -f -t 0 sick
}

podman_pod() {
	cat >"$work/pod.yaml" <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: two}
		spec:
		  hostNetwork: true
		  containers:
		  - {name: a, image: localhost/kata-test-box, imagePullPolicy: Never, command: [sleep, "1000"]}
		  - {name: b, image: localhost/kata-test-box, imagePullPolicy: Never, command: [sleep, "1000"]}
	END
	engine_podman play kube "$work/pod.yaml" && expect 0 'two-a Up' engine_podman ps --format '{{.Names}} {{.Status}}' &&
		expect 0 'two-b Up' engine_podman ps --format '{{.Names}} {{.Status}}' && engine_podman pod rm -f -t 0 two &&
		prints '' engine_podman ps -aq
}

builder() {
	timeout -k 5 60 buildah --root "$work/podman" --runroot "$work/podman.run" --storage-driver vfs "$@"
}

buildah_runs() {
	# Newer ones raise hard limits unasked, which not every machine's root may do.
	builder from --name building --cgroup-parent "/$group/buildah" --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
		localhost/kata-test-box &&
		expect 0 'from buildah' builder run --runtime "$runk_bin" --network none building echo from buildah &&
		builder rm building
}

crun_in() {
	engine_ctr run --rootfs --runc-binary "$runk_bin" --cgroup "/$group/ctr" "$@"
}

containerd_runs() {
	expect 0 'hello' crun_in --rm "$work/rootfs" c1 echo hello && expect 6 '' crun_in --rm "$work/rootfs" c2 sh -c 'exit 6' &&
		expect 1 'executable file not found in $PATH' crun_in --rm "$work/rootfs" c3 nope || return
	containerd_tasks "$work/rootfs" || return
	# In the foreground, else ctr is stopped when it touches the terminal.
	expect 0 /dev/pts/0 script -qec "exec timeout --foreground 120 ctr --address '$work/ctd/sock' run -t --rm --rootfs --runc-binary '$runk_bin' --cgroup '/$group/tty' '$work/rootfs' tty tty" /dev/null
}

go_client() {
	oci client . sleep 1000 && mkdir -p "$work/client/short" &&
		jq '.process.args = ["sh", "-c", "exit 7"]' "$work/client/config.json" >"$work/client/short/config.json" &&
		expect 0 'ok run-status' timeout -k 5 60 "$top/build/peer/runkpeer" "$runk_bin" "$work/state" "$work/client" client
}

schema_of() {
	local name=$1
	shift
	"$top/tests/runkpeer/validate" "$schemas/$name-schema.json" "$@"
}

schemas_hold() {
	mkdir -p "$work/spec" "$work/rootless"
	oci shown '.annotations = {a: "b"}' sleep 1000 && runk create --bundle "$work/shown" shown </dev/null >/dev/null 2>&1 &&
		runk state shown >"$work/created.json" && cp "$work/state/shown/state.json" "$work/own.json" && runk start shown &&
		runk state shown >"$work/running.json" && runk delete --force shown && runk spec -b "$work/spec" && runk spec --rootless -b "$work/rootless" &&
		schema_of state "$work"/{created,own,running}.json && schema_of config "$work"/{spec,rootless}/config.json &&
		jq 'del(.id)' "$work/running.json" >"$work/wrong.json" && ! schema_of state "$work/wrong.json" >/dev/null || return
	[ -e "$schemas/features-schema.json" ] || return 0 # Debian 12's package has none yet
	runk features >"$work/features.json" && schema_of features "$work/features.json"
}

with() {
	local program=$1
	shift
	if command -v "$program" >/dev/null; then check "$@"; else echo "skip $1: no $program (scripts/install-deps check)"; fi
}

begin_runk
podman_config
if python3 -c 'import jsonschema' 2>/dev/null && [ -d "$schemas" ]; then
	check 'what is printed keeps to the schemas' schemas_hold
else
	echo 'skip what is printed keeps to the schemas: no schemas, or no jsonschema (scripts/install-deps check)'
fi
if "$top/tests/runkpeer/build" "$top/build/peer" 2>"$work/go.log"; then
	check 'go-runc drives it' go_client
else
	echo "skip go-runc drives it: it does not build: $(tail -n 1 "$work/go.log")"
fi
with podman 'podman runs' podman_runs
with podman 'podman manages' podman_manages
with podman 'podman with an image and a health check' podman_image
with podman 'podman plays a pod' podman_pod
with buildah 'buildah runs' buildah_runs
if command -v ctr >/dev/null && command -v containerd >/dev/null; then
	check 'containerd starts' containerd_start
	check 'containerd runs' containerd_runs
	check 'containerd stops' containerd_stop
else
	echo 'skip containerd runs: no containerd (scripts/install-deps check)'
fi
! command -v podman >/dev/null || engine_podman rm -f -t 0 -a >/dev/null 2>&1
# What podman and conmon leave; the second is podman's own, for which it takes no name.
for left in /sys/fs/cgroup/*/"$group" /sys/fs/cgroup/*/libpod_parent; do
	[ ! -d "$left" ] || find "$left" -depth -type d -exec rmdir {} + 2>/dev/null
done
finish_runk
