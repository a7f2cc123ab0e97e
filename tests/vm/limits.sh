#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits in a real guest with real controllers: they hold, they are seen from inside, they change while a container runs;
# the agent keeps its own protection to itself and answers while a container takes all it can get.
# shellcheck source=tests/lib/limits.sh
. "$(dirname "$0")/../lib/limits.sh"

limits_begin
all='memory_kills_a_hog pids_stop_a_fork_bomb cpu_is_throttled devices_need_a_rule limits_are_seen_inside
	minus_one_is_no_limit update_changes_a_running_container own_cgroup_is_the_root nobody_is_in_the_root
	agent_is_protected init_inherits_nothing exec_inherits_nothing spec_decides protection_cannot_be_taken
	memory_of_the_guest_is_eaten tmpfs_is_filled all_files_are_open nobody_reads_a_flood unit_tests_pass'
for test in ${ONLY:-$all}; do check "$test" "$test"; done
vm_finish
