#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gauntlet (tests/gauntlet) as a script of this ring.
if [[ ${KATA_BUILD:-} == *asan ]]; then
	echo "skip gauntlet: it judges defences, not memory; under the sanitizers it takes minutes"
	exit 0
fi
exec "$(dirname "$0")/../gauntlet/run" --ring
