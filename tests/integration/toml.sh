#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-toml against toml-test's cases for TOML 1.0.
set -uo pipefail

# shellcheck source=tests/lib/integration.sh
. "$(dirname "$(readlink -f "$0")")/../lib/integration.sh"

every_case() {
	local cases
	cases=$("$top/scripts/fetch-toml-test") || return
	"$top/tests/lib/toml-test" "$build/kata-toml" "$cases"
}

usage() {
	expect 2 'usage: kata-toml FILE' "$build/kata-toml" &&
		expect 1 '/nonexistent/x: No such file or directory' "$build/kata-toml" /nonexistent/x
}

check every_case every_case
check usage usage
[ "$failures" = 0 ]
