# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every script here shares: messages, the cache directory, and the machine's Debian names. Sourced, never run.

prog=${0##*/}

note() { printf '%s: %s\n' "$prog" "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$prog" "$*" >&2; }
die() {
	printf '%s: %s\n' "$prog" "$*" >&2
	exit 1
}

# The text between "# Usage" and the first line that is no comment, so that --help cannot drift from the file's head.
usage_from_head() { sed -n '/^# Usage/,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# need COMMAND PACKAGE: the one sentence that says what to do when a tool is missing.
need() {
	command -v "$1" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ||
		die "'$1' is missing: run 'scripts/install-deps vm' (package $2)"
}

cache_dir() { printf '%s\n' "${KATA_CACHE:-/var/cache/kata-c}"; }

# make_cache NAME: creates and prints a directory of the cache.
make_cache() {
	local dir
	dir=$(cache_dir)/$1
	mkdir -p "$dir" || die "create cache directory '$dir': set KATA_CACHE to a directory you may write to"
	printf '%s\n' "$dir"
}

# The Debian name of the machine, for kernels and packages.
deb_arch() { dpkg --print-architecture; }
