# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The processes that belong to a run directory: recorded in RUNDIR/pids as "NAME PID START", where START is the process's
# start time, so that a pid which the kernel gave to somebody else is never signalled. Needs common.sh. Sourced, never run.

# start_time PID: field 22 of /proc/PID/stat; the command name before it may hold anything.
start_time() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086 # split into fields
	set -- $stat
	[ "$1" != Z ] || return 1
	printf '%s\n' "${20}"
}

# child_record RUNDIR NAME PID
child_record() {
	local start
	start=$(start_time "$3") || return 1
	printf '%s %s %s\n' "$2" "$3" "$start" >>"$1/pids"
}

child_runs() { [ "$(start_time "$1")" = "$2" ]; }

# child_find RUNDIR NAME: prints the pid of a recorded process that still runs.
child_find() {
	local name pid start
	while read -r name pid start; do
		if [ "$name" = "$2" ] && child_runs "$pid" "$start"; then
			printf '%s\n' "$pid"
			return
		fi
	done 2>/dev/null <"$1/pids"
	return 1
}

# children_wait_gone RUNDIR TENTHS: true as soon as no recorded process runs.
children_wait_gone() {
	local tenth name pid start
	for ((tenth = 0; tenth <= $2; tenth++)); do
		while read -r name pid start; do
			if child_runs "$pid" "$start"; then
				sleep 0.1
				continue 2
			fi
		done <"$1/pids"
		return 0
	done
	return 1
}

# children_stop RUNDIR: ends every recorded process, gently, then by force; removes the record.
children_stop() {
	local signal name pid start
	[ -e "$1/pids" ] || return 0
	for signal in TERM KILL; do
		while read -r name pid start; do
			if child_runs "$pid" "$start"; then kill -"$signal" "$pid" 2>/dev/null || :; fi
		done <"$1/pids"
		if children_wait_gone "$1" 50; then
			rm -f "$1/pids"
			return 0
		fi
	done
	warn "stop '$1': a process did not end: $(tr '\n' ';' <"$1/pids")"
	return 1
}
