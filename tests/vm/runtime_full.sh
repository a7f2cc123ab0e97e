#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime on a disk that is full: its state and the share of its containers are on a small file system, which is the
# test's own. A create that lacks room says so and leaves nothing; start and exec say so, or do without.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

full_finish() {
	kr list -q 2>/dev/null | while read -r id; do kr delete -f "$id"; done
	umount -l "$work/r" 2>/dev/null
	runtime_finish
}

# room INODES KIB: what the file system may hold.
room() { mount -o "remount,nr_inodes=$1,size=${2}k" "$work/r"; }

# lacks INODES KIB: a create fails for lack of room.
lacks() {
	local out status=0
	room "$1" "$2" || return
	# Not into a variable: a container that was created after all would hold the pipe.
	kr create -b "$work/b" --pid-file "$work/r/pid" cc >"$work/out" 2>&1 </dev/null || status=$?
	out=$(cat "$work/out")
	# The daemons have their own words for it.
	[ "$status" = 1 ] && [[ $out == *'No space left on device'* || $out == *"start '"*"': it "* || $out == *'start QEMU: it ended with'* ]] || { echo "$1 inodes, $2 KiB: status $status: $out"; return 1; }
	[ -z "$(find "$work/r" -mindepth 1 ! -name .containers)" ] && ! pgrep -f "$work/r/cc" || { echo "left after: $out"; find "$work/r"; return 1; }
}

# Room for nothing, for the sandbox's directory, for its log but no sockets, for no file that is not empty.
creates() {
	local row
	set_process '.process.args = ["sleep", "1000"]'
	for row in '2 1024' '4 1024' '5 1024' '7 1024' '100 4'; do
		# shellcheck disable=SC2086
		lacks $row || { echo "with $row: $?"; return 1; }
	done
	nothing_left
}

fill() { dd if=/dev/zero of="$work/r/fill" bs=4k 2>/dev/null || [ -s "$work/r/fill" ]; }

others() {
	room 100 1024 && kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	fill && expect 1 'No space left on device' kr start cc && status_is cc created && rm "$work/r/fill" && kr start cc && status_is cc running || return
	fill && expect 0 works kr exec cc echo works && expect 255 'No space left on device' kr exec -d --pid-file "$work/r/pid" cc sleep 1000 || return
	[ "$(kr ps -f json cc | jq length)" = 1 ] || { kr ps cc; return 1; }
	expect 1 'No space left on device' kr pause cc && status_is cc running || return
	kr kill cc KILL && status_is cc stopped && kr delete cc && rm "$work/r/fill" && nothing_left
}

prepare_runtime
mkdir "$work/r" && mount -t tmpfs -o size=1m tmpfs "$work/r" || exit
trap full_finish EXIT
check creates creates
check others others
full_finish
