#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The documents are true: their commands run, their tables are those of the code. A ```sh block of docs/HACKING.md or
# docs/GUIDE.md runs in the checkout; "sh agent" has an agent behind the fence and $rootfs; "sh no-run" is left alone.
. "$(dirname "$0")/../lib/integration.sh"
cd "$top" || exit 1

# What `make check` hands down is not for the commands that a reader types.
as_typed() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u VARIANT -u T -u V -u MUST_RUN -u KATA_RESULTS -u KATA_BUILD "$@"
}

# blocks FILE INFO DIR: writes the fenced blocks with that info string to DIR/LINE.sh, whose names sort as they stand.
blocks() {
	awk -v want="\`\`\`$2" -v dir="$3" '
		/^```/ { if (file) { close(file); file = "" } else if (!other && $0 == want) { file = sprintf("%s/%03d.sh", dir, NR); printf "" > file } else other = !other; next }
		file { print > file }' "$1"
}

# An agent of its own for each block: one of them ends it.
run_agent_block() {
	local script=$1 dir=$2 status=0
	mkdir "$dir"
	make_rootfs "$dir/rootfs"
	"$fence" start "$dir" "$build/kata-agent" || return
	PATH=$build:$PATH KATA_AGENT_ADDRESS=unix://$dir/agent.sock rootfs=$dir/rootfs \
		timeout -k 5 60 bash -e -o pipefail "$script" </dev/null || status=$?
	"$fence" stop "$dir"
	return "$status"
}

run_block() {
	as_typed timeout -k 5 500 bash -e -o pipefail "$1" </dev/null
}

# The number of blocks is counted, so that a broken fence in a document is no silent success.
run_blocks() {
	local file=$1 info=$2 want=$3 dir script n=0
	dir=$work/$(basename "$file" .md)-${info// /-}
	mkdir "$dir"
	blocks "$file" "$info" "$dir"
	for script in "$dir"/*.sh; do
		[ -e "$script" ] || break
		n=$((n + 1))
		if [ "$info" = 'sh agent' ]; then
			check "$(basename "$file") line $(basename "$script" .sh)" run_agent_block "$script" "${script%.sh}"
		else
			check "$(basename "$file") line $(basename "$script" .sh)" run_block "$script"
		fi
	done
	check "$(basename "$file") has $want '$info' blocks" [ "$n" = "$want" ]
}

# same DOCUMENT CODE: the two lists are the same, and not empty.
same() {
	diff -u --label document --label code "$1" "$2" && [ -s "$1" ]
}

# rows FILE HEADING: the cells of the table whose first heading cell is HEADING, one row a line, cells separated by "|".
rows() {
	awk -F '|' -v head="$2" '
		function trim(s) { gsub(/^ +| +$/, "", s); return s }
		trim($2) == head { on = 1; next }
		!/^\|/ { on = 0 }
		on && !/^\|-/ { print trim($2) "|" trim($3) }' "$1" | tr -d '`'
}

# "building|created, exited" from `[PROCESS_BUILDING] = { "building", 1u << PROCESS_CREATED | BIT(EXITED) },`
state_table() {
	sed -n 's/^\t\[[A-Z]*_[A-Z_]*\] = { "\([a-z]*\)", \(.*\) },$/\1|\2/p' "$1" |
		sed -E 's/1u << [A-Z]+_([A-Z]+)/\1/g; s/BIT\(([A-Z]+)\)/\1/g; s/ \| /, /g; s/\|0$/|/' | tr '[:upper:]' '[:lower:]'
}

states() {
	rows docs/STATES.md "$1" >"$work/doc"
	state_table "agent/$1.c" >"$work/code"
	same "$work/doc" "$work/code"
}

launch_phases() {
	rows docs/STATES.md launch | cut -d '|' -f 1 >"$work/doc"
	sed -n '/^enum launch_phase {/,/^}/s/^\tLAUNCH_\([A-Z_]*\),.*/\1/p' agent/launch.c | tr '[:upper:]' '[:lower:]' >"$work/code"
	same "$work/doc" "$work/code"
}

# number TEXT: "4 MiB", "10 s" (a constant in ms), "500 ms", "64" as a plain number.
number() {
	local value=${1%% *}
	case $1 in
	*MiB) echo $((value << 20)) ;;
	*KiB) echo $((value << 10)) ;;
	*' s') echo $((value * 1000)) ;;
	*) echo "$value" ;;
	esac
}

limits() {
	local name value text bad=0
	while IFS='|' read -r name value; do
		text=$(grep -rhE "^#define $name\s" agent lib proto --include='*.h' | sed -E "s/^#define $name\s+//; s|/\*.*||; s/([0-9])u/\1/g")
		if [[ ! $text =~ ^[0-9\ \(\)\<*]+$ ]] || [ "$(number "$value")" != $((text)) ]; then
			echo "$name is '$value' in the document, '$text' in the code"
			bad=1
		fi
	done < <(rows docs/PROTOCOL.md constant)
	[ "$bad" = 0 ] && [ "$(rows docs/PROTOCOL.md constant | wc -l)" -ge 20 ]
}

unimplemented() {
	awk '/^```unimplemented/ { on = 1; next } /^```/ { on = 0 } on' docs/PROTOCOL.md | tr ' ' '\n' >"$work/doc"
	sed -n 's/^\t{ "\([A-Za-z]*\)", NULL },$/\1/p' agent/rpc/methods.c >"$work/code"
	same "$work/doc" "$work/code"
}

# Acted on or not, every word is named; those that the table of the code only tolerates stand in the text.
options() {
	{
		rows docs/GUIDE.md 'word †' | cut -d '|' -f 1
		rows docs/GUIDE.md 'variable †' | cut -d '|' -f 1
		# shellcheck disable=SC2016 # backquotes of the document
		sed -n '/ignored without a word:/,/^$/p' docs/GUIDE.md | grep -o '`agent[^`]*`' | tr -d '`'
	} | sort >"$work/doc"
	sed -n 's/^\t*{ "\([A-Za-z0-9_.]*\)", OPTION_.*/\1/p' agent/options.c | sort >"$work/code"
	same "$work/doc" "$work/code"
}

drivers() {
	sed -n 's/^- Storages: \(.*\)\.$/\1/p' README.md | tr -d '`,' | tr ' ' '\n' | sort >"$work/doc"
	grep -ho '\.driver = "[^"]*"' agent/mount/storage_*.c | cut -d '"' -f 2 | sort >"$work/code"
	same "$work/doc" "$work/code"
}

# Every target that a document tells to type is one of the list that make prints.
targets() {
	as_typed make -s help | cut -d ' ' -f 1 | sort -u >"$work/code"
	awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on && /^make / || on && /&& make /' README.md docs/*.md |
		sed 's/#.*//; s/^make //; s/&&.*//' | tr ' ' '\n' | grep -E '^[a-z]+(-[a-z]+)*$' | sort -u >"$work/doc"
	[ -s "$work/doc" ] && ! comm -23 "$work/doc" "$work/code" | grep .
}

links() {
	local file target bad=0
	for file in README.md docs/*.md; do
		while read -r target; do
			[ -e "$(dirname "$file")/$target" ] || { echo "$file links to '$target', which is not there"; bad=1; }
		done < <(grep -oE '\]\([^)#]+\)' "$file" | sed 's/^](//; s/)$//')
	done
	[ "$bad" = 0 ]
}

# Files that the documents name in backquotes.
# shellcheck disable=SC2016
files() {
	local name bad=0
	while read -r name; do
		compgen -G "$name" >/dev/null || [ -e "$name.h" ] || { echo "the documents name '$name', which is not there"; bad=1; }
	done < <(grep -ohE '`(agent|lib|proto|ctl|scripts|tests|docs|rootfs-builder)/[A-Za-z0-9_./*-]+`' README.md docs/*.md | tr -d '`' | sort -u)
	[ "$bad" = 0 ]
}

work=$(mktemp -d /tmp/kata-docs.XXXXXX)
trap 'rm -rf "$work"' EXIT
check states_of_process states process
check states_of_container states container
check launch_phases launch_phases
check limits limits
check unimplemented unimplemented
check options options
check drivers drivers
if grep -q '^check:' Makefile; then check targets targets; else echo "skip targets: the Makefile has no check yet"; fi
check links links
check files files
if [ "$(id -u)" = 0 ]; then
	run_blocks docs/HACKING.md sh 2
	run_blocks docs/GUIDE.md 'sh agent' 3
else
	echo "skip commands: must be root"
fi
[ "$failures" -eq 0 ]
