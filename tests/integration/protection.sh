#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An agent that was started with everything odd that a process can inherit: neither a container nor an exec has any of it.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/protection.sh
. "$(dirname "$0")/../lib/protection.sh"

# Becomes the odd process first: groups, scheduler and nice value survive exec.
if [ -z "${KATA_TEST_ODD:-}" ] && [ "$(id -u)" = 0 ]; then
	export KATA_TEST_ODD=1
	renice -n 5 -p $$ >/dev/null # whatever it was; nice(1) would add to that
	exec setpriv --groups 0,12345 --inh-caps -all chrt --batch 0 "$0" "$@"
fi
umask 027
trap '' USR1 PIPE
ulimit -Sn 777
ulimit -Sc 12345
ulimit -Ss 4096
echo 300 >/proc/self/oom_score_adj
exec 7</dev/null 8</
begin
make_probe "$work/rootfs" || { echo "not ok probe: it was not built"; failures=1; }

run() {
	kata run --rootfs "$work/rootfs" "$@"
}

# The test's own premise: without it everything below would pass for nothing.
agent_is_odd() {
	local status
	status=$(cat "/proc/$agent/status") || return
	grep -q '^SigIgn:.*[1-9a-f]' <<<"$status" || { echo "no signal is ignored"; return 1; }
	grep -q '^SigBlk:.*[1-9a-f]' <<<"$status" || { echo "no signal is blocked"; return 1; }
	grep -q '^Groups:.*12345' <<<"$status" || { echo "no groups"; return 1; }
	[ "$(awk '{ print $19 }' "/proc/$agent/stat")" = 5 ] || { echo "nice value"; return 1; }
	[ "$(awk '{ print $41 }' "/proc/$agent/stat")" = 3 ] || { echo "scheduler"; return 1; }
	[ "$(cat "/proc/$agent/oom_score_adj")" != 0 ] || { echo "oom_score_adj"; return 1; }
	grep -q "^Max core file size *$((12345 * 1024)) " "/proc/$agent/limits" || { echo "core limit"; return 1; }
}

inits_own() {
	local said
	said=$(run -- probe self) || { echo "$said"; return 1; }
	same_as_unprotected "$said"
}

execs_own() {
	local said
	run -d --id parent -- sleep 300 >/dev/null || return
	said=$(kata exec parent -- probe self) || { echo "$said"; return 1; }
	same_as_unprotected "$said" || return
	said=$(kata exec -t parent -- probe self | tr -d '\r') || { echo "$said"; return 1; }
	same_as_unprotected "$said"
}

# Soft limits are the stated defaults, hard ones too as far as we may raise them.
default_limits() {
	local said
	said=$(run -- probe self) || return
	[[ "$(value limit-nofile "$said")" = 1024:* ]] || { echo "nofile: $(value limit-nofile "$said")"; return 1; }
	[[ "$(value limit-core "$said")" = 0:* ]] || { echo "core: $(value limit-core "$said")"; return 1; }
	[[ "$(value limit-stack "$said")" = 8388608:* ]] || { echo "stack: $(value limit-stack "$said")"; return 1; }
	[ "$(value limit-nice "$said")" = 0:0 ] || { echo "nice: $(value limit-nice "$said")"; return 1; }
	[ "$(value limit-rtprio "$said")" = 0:0 ] || { echo "rtprio: $(value limit-rtprio "$said")"; return 1; }
}

# A keyring of its own: two containers have two, and neither the agent's.
own_keyring() {
	local one two
	one=$(value keyring "$(run -- probe self)")
	two=$(value keyring "$(run -- probe self)")
	echo "keyrings '$one' '$two'"
	[[ "$one" =~ ^[0-9]+$ && "$two" =~ ^[0-9]+$ && "$one" != "$two" ]]
}

check agent_is_odd agent_is_odd
check inits_own inits_own
check execs_own execs_own
check default_limits default_limits
check own_keyring own_keyring
kata rm parent >/dev/null 2>&1
finish
