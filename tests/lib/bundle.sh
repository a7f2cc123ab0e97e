# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For scripts of the integration ring that vary one thing of a specification: tests/data/bundle.json, changed by jq.

# bundle NAME FILTER [ARG]...: makes $work/NAME/config.json, whose root is $work/rootfs unless the filter says otherwise.
bundle() {
	local name=$1 filter=$2
	shift 2
	mkdir -p "$work/$name"
	jq --arg work "$work" ".root.path = \"$work/rootfs\" | .process.args = \$ARGS.positional | $filter" \
		--args -- "$@" <"$top/tests/data/bundle.json" >"$work/$name/config.json"
}

# spec FILTER [ARG]...: runs a container of such a bundle.
spec() {
	bundle bundle "$@" && kata run --bundle "$work/bundle"
}

# prints WANTED COMMAND...: its whole output.
prints() {
	local wanted=$1 output
	shift
	output=$("$@" 2>&1) || {
		echo "status $?: $output"
		return 1
	}
	[ "$output" = "$wanted" ] || {
		echo "'$output' instead of '$wanted'"
		return 1
	}
}

# request ID FILTER [ARG]...: a CreateContainer request as `kata-agent-ctl call` takes it.
request() {
	local id=$1 filter=$2
	shift 2
	jq -nc --arg id "$id" --arg work "$work" '{container_id: $id, exec_id: $id, OCI: {Version: "1.1.0",
		Process: {User: {}, Args: $ARGS.positional, Env: ["PATH=/bin"], Cwd: "/", Capabilities: {}},
		Root: {Path: "\($work)/rootfs"}, Mounts: [{destination: "/proc", source: "proc", type: "proc"},
			{destination: "/dev", source: "dev", type: "tmpfs"}],
		Linux: {Namespaces: [{Type: "mount"}, {Type: "ipc"}, {Type: "uts"}]}}} | '"$filter" --args -- "$@"
}

# create ID FILTER [ARG]...
create() {
	request "$@" >"$work/request" && kata call CreateContainer "@$work/request"
}

# rpc METHOD CONTAINER [MORE-JSON-MEMBERS]: what most calls need.
rpc() {
	kata call "$1" "{\"container_id\":\"$2\"${3:+,$3}}"
}
