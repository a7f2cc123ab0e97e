# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For scripts of the integration ring that vary one thing of a specification: tests/data/bundle.json, changed by jq.

# bundle NAME FILTER [ARG]...: makes $work/NAME/config.json, whose root is $work/rootfs unless the filter says otherwise.
bundle() {
	local name=$1 filter=$2
	shift 2
	mkdir -p "$work/$name"
	jq --arg work "$work" ".root.path = \"$work/rootfs\" | .process.args = \$ARGS.positional | $filter" \
		--args -- "$@" <"$top/tests/data/bundle.json" >"$work/$name/config.json"
}

# spec FILTER [ARG]...: runs a container of such a bundle.
spec() {
	bundle bundle "$@" && kata run --bundle "$work/bundle"
}

# prints WANTED COMMAND...: its whole output.
prints() {
	local wanted=$1 output
	shift
	output=$("$@" 2>&1) || {
		echo "status $?: $output"
		return 1
	}
	[ "$output" = "$wanted" ] || {
		echo "'$output' instead of '$wanted'"
		return 1
	}
}
