#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Judges the conformance kit: agents with one fault each (tests/seeded), and the cases that have to find it. The faultless
# agent passes the same cases. SEEDED=full runs all cases against each fault (8 minutes) and prints who found it.
. "$(dirname "$0")/../lib/integration.sh"
seeded=$build/tests/seeded/kata-agent

# fault, and a glob over the cases
table='
unknown-exec-code      WaitProcess/unknown-exec
unknown-container-code ReadStdout/unknown-container
stats-code             StatsContainer/unknown
unknown-is-ok          SignalProcess/unknown-exec
duplicate-container    CreateContainer/duplicate
duplicate-exec         ExecProcess/duplicate
start-twice            StartContainer/twice
no-tty-code            TtyWinResize/no-terminal
link-text              UpdateInterface/link-not-found
program-text           ExecProcess/no-program
unknown-method-code    ttrpc/unknown-method
status-of-signal       WaitProcess/signal
status-is-zero         WaitProcess/codes
lost-byte              ReadStdout/big
wrong-byte             ReadStdout/big
early-end              ReadStdout/big
short-write            WriteStdin/life
lost-metrics           GetMetrics/families
lost-routes            UpdateRoutes/life
not-serving            Check/serving
wrong-stream           ttrpc/pipelined
said-twice             ttrpc/pipelined
swapped-outputs        ReadStderr/life
deaf-close             WriteStdin/life
deaf-kill              SignalProcess/all
size-ignored           TtyWinResize/before-and-after-start
signal-to-init         SignalProcess/one-exec
early-wait             WaitProcess/not-early
pause-lie              PauseContainer/stops
remove-lie             RemoveContainer/running
leaked-record          ExecProcess/again-after-wait
wrong-cpu              StatsContainer/cpu
lost-variable          CreateContainer/environment
copy-mode              CopyFile/pieces
copy-offset            CopyFile/pieces
no-timeouts            ttrpc/timeout
long-frame-ends        ttrpc/too-long
invented-kill          GetOOMEvent/only-that
'
elsewhere=lost-kill # needs a memory controller: the VM ring has it

seed() {
	"$fence" stop "$work" >/dev/null
	"$fence" start "$work" "$seeded" "KATA_SEED=$1" || return
	agent=$("$fence" pid "$work")
	nsenter --net="/proc/$agent/ns/net" ip link add eth0 address 02:00:00:00:00:01 type veth peer name peer0
}

# is_found FAULT GLOB: the exit status and the row say so.
is_found() {
	seed "$1" || return
	expect 1 "fail " kata conformance --timeout 3 --strict --case "$2"
}

# All cases, whoever finds it.
is_found_by_any() {
	seed "$1" || return
	KATA_TIMEOUT=300 kata conformance --timeout 3 --strict >"$work/report"
	echo "# $1: $(grep -c ^fail "$work/report") cases: $(awk '$1 == "fail" { print $3 }' "$work/report" | head -n 5 | tr -d '\n')" >&3
	grep -q ^fail "$work/report"
}

# No fault without a row, no row without a fault.
table_is_whole() {
	diff <(KATA_SEED=list "$seeded" | sort) <({ awk 'NF { print $1 }' <<<"$table"; echo "$elsewhere"; } | sort)
}

# The same cases pass where there is no fault: it is the fault that they find.
faultless_passes() {
	local glob
	seed none || return
	for glob in $(awk 'NF { print $2 }' <<<"$table" | sort -u); do
		kata conformance --keep --strict --case "$glob" >"$work/report" || { grep ^fail "$work/report"; return 1; }
	done
}

exec 3>&1
begin
check table_is_whole table_is_whole
check faultless_passes faultless_passes
while read -r name glob; do
	[ -n "$name" ] || continue
	if [ "${SEEDED:-}" = full ]; then
		check "finds $name" is_found_by_any "$name"
	else
		check "finds $name" is_found "$name" "$glob"
	fi
done <<<"$table"
seed none
finish
