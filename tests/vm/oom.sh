#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every kill for lack of memory is told by GetOOMEvent: to who waits, or to who comes later; one event a kill.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
vm_begin

event() {
	KATA_TIMEOUT=60 kata call GetOOMEvent | jq -r .container_id
}

# The hog is killed, the shell that waits for it lives on.
eat() {
	kata exec "$1" -- sh -c 'tail /dev/zero' && { echo "nothing was killed"; return 1; }
	return 0
}

start_small() {
	run --detach --id "$1" --memory 8388608 -- sleep 300
}

told_to_who_waits() {
	local told
	start_small eater || return
	event >"$work/event" &
	eat eater || return
	wait $!
	told=$(cat "$work/event")
	[ "$told" = eater ] || { echo "told '$told'"; return 1; }
}

kept_for_who_comes_later() {
	eat eater && eat eater || return
	[ "$(event) $(event)" = 'eater eater' ]
}

lost_client_loses_no_event() {
	timeout 2 "$build/kata-agent-ctl" --address "$address" call GetOOMEvent && { echo "an event without a kill"; return 1; }
	eat eater || return
	[ "$(event)" = eater ]
}

told_after_the_container_is_gone() {
	start_small brief || return
	eat brief || return
	kata rm --force brief || return
	[ "$(event)" = brief ]
}

check told_to_who_waits told_to_who_waits
check kept_for_who_comes_later kept_for_who_comes_later
check lost_client_loses_no_event lost_client_loses_no_event
check told_after_the_container_is_gone told_after_the_container_is_gone
vm_finish
