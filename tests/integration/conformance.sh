#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance kit against our agent: every case, the report in both forms, and the exit status. Each agent ends with
# its sandbox, so the second run has a second agent.
. "$(dirname "$0")/../lib/integration.sh"

device() {
	nsenter --net="/proc/$agent/ns/net" ip link add eth0 address 02:00:00:00:00:01 type veth peer name peer0 &&
		nsenter --net="/proc/$agent/ns/net" ip link set peer0 up
}

# Everything holds, also what upstream does not do. Skipped is what needs a machine of its own: the VM ring tries it.
all_cases() {
	device || return
	KATA_TIMEOUT=300 kata conformance --strict >"$work/report" 2>&1 || { grep -v ^pass "$work/report"; return 1; }
	! grep -q ^fail "$work/report" && [ "$(grep -c ^pass "$work/report")" -gt 300 ] || return
	grep ^skip "$work/report" | sed -E 's/^skip [a-z]+ +([^:]*):.*/\1/' | grep -vxE "$machine_cases" &&
		{ echo "^ was skipped"; return 1; }
	return 0
}
machine_cases='OnlineCPUMem/.*|SetGuestDateTime/hour|ReseedRandomDev/bytes|AddSwap(Path)?/life|StatsContainer/memory-and-pids'
machine_cases+='|UpdateContainer/(memory|pids)|GetOOMEvent/(told|kept)'

second_agent() {
	"$fence" stop "$work" >/dev/null
	"$fence" start "$work" "$build/kata-agent" || return
	agent=$("$fence" pid "$work")
}

# One method's cases, on an agent that stays; then again, since the kit leaves nothing behind.
some_cases() {
	second_agent || return
	kata conformance --keep --json --case 'WaitProcess/*' >"$work/json" || return
	jq -e '[.cases[] | .verdict == "pass" and (.name | startswith("WaitProcess/"))] | all and length > 5' "$work/json" >/dev/null &&
		jq -e '.coverage[] | select(.method == "WaitProcess") | .positive > 0 and .negative > 0' "$work/json" >/dev/null &&
		jq -e '.compatible.fail == 0 and .compatible.pass > 0' "$work/json" >/dev/null || return
	local before after
	before=$(holdings)
	kata conformance --keep --case 'ExecProcess/*' >/dev/null && after=$(holdings) || return
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

# With a root file system that is there already.
own_rootfs() {
	kata conformance --keep --rootfs-in-guest "$work/rootfs" --case 'StartContainer/*' | grep -q 'pass.*StartContainer/releases'
}

errors() {
	expect 2 'no case was tried' kata conformance --keep --case 'Nothing/*' &&
		expect 1 'fail compatible StartContainer/releases: CreateContainer: INTERNAL' kata conformance --keep \
			--rootfs-in-guest /no/such/rootfs --case 'StartContainer/releases' || return
	expect 3 'read '\''/no/such/busybox'\' kata conformance --keep --busybox /no/such/busybox &&
		expect 3 'connect' "$build/kata-agent-ctl" --address "unix://$work/nobody.sock" conformance
}

begin
check all_cases all_cases
check some_cases some_cases
check own_rootfs own_rootfs
check errors errors
finish
