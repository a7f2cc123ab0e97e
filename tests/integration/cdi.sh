#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CDI devices: what a container's annotations name is found in the guest's specifications, also when these come late, and
# changes the container; who waits for one holds up nobody, and leaves nothing behind.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

cdi=/proc/$agent/root/run/cdi
annotated='.OCI.Annotations = {"cdi.k8s.io/vfio1": "example.com/gadget=one", "io.kubernetes.cri.container-type": "container"}'

# Written aside first, as tools do: nobody reads half a file.
specification() {
	mkdir -p "$cdi"
	cat >"$cdi/.new" <<-'JSON'
		{"cdiVersion": "0.6.0", "kind": "example.com/gadget", "containerEdits": {"env": ["GADGETS=yes"]}, "devices": [
			{"name": "one", "containerEdits": {"env": ["GADGET=1"], "deviceNodes": [{"path": "/dev/gadget", "hostPath": "/dev/zero"}],
				"mounts": [{"hostPath": "/etc", "containerPath": "/gadget", "options": ["ro", "rbind"]}],
				"hooks": [{"hookName": "createContainer", "path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null"]}], "additionalGids": [44]}},
			{"name": "broken", "containerEdits": {"intelRdt": {}}}]}
	JSON
	mv "$cdi/.new" "$cdi/gadget.json"
}

waits() {
	[ "$(wc -w <"/proc/$agent/task/$agent/children")" -ge 1 ]
}

comes_late() {
	local pid
	kata call CreateContainer "@$work/request" >"$work/reply" 2>&1 &
	pid=$!
	retry_until waits || return
	kata check && kata check || return
	specification
	wait "$pid" || { cat "$work/reply"; return 1; }
}

edits_are_seen() {
	request one "$annotated" sh -c 'echo $GADGETS $GADGET $(stat -c "%F %t:%T" /dev/gadget) $(head -c 2 /dev/gadget | wc -c) $(id -G); test -e /gadget/passwd && touch /gadget/x || echo no' >"$work/request"
	comes_late && rpc StartContainer one && rpc WaitProcess one || return
	prints 'yes 1 character special file 1:5 2 0 44
no' eval 'rpc ReadStdout one "\"len\":1000" | jq -r .data | base64 -d' && kata rm one
}

sandbox_is_left_alone() {
	create pod "$annotated"' | .OCI.Annotations["io.kubernetes.cri.container-type"] = "sandbox" | .OCI.Annotations["cdi.k8s.io/vfio1"] = "a/b=never"' true && kata rm pod
}

errors_say_why() {
	expect 1 "annotation 'cdi.k8s.io/x': 'gadget' is no CDI device" create bad '.OCI.Annotations = {"cdi.k8s.io/x": "gadget"}' true &&
		expect 1 "create container 'bad': CDI: containerEdits.intelRdt: this edit is not supported" create bad \
			'.OCI.Annotations = {"cdi.k8s.io/x": "example.com/gadget=broken"}' true
}

removed_while_waiting() {
	local before pid
	before=$(holdings)
	request never '.OCI.Annotations = {"cdi.k8s.io/x": "example.com/gadget=never"}' true >"$work/request"
	kata call CreateContainer "@$work/request" >"$work/reply" 2>&1 &
	pid=$!
	retry_until waits && kata rm never || return
	! wait "$pid" && grep -F "create container 'never': it is being removed" "$work/reply" || { cat "$work/reply"; return 1; }
	[ "$(holdings)" = "$before" ] || { holdings; return 1; }
}

check edits_are_seen edits_are_seen
check sandbox_is_left_alone sandbox_is_left_alone
check errors_say_why errors_say_why
check removed_while_waiting removed_while_waiting
finish
