#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` puts below a prefix is enough for `kata-runtime run`: no configuration is written by hand.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
work=$(mktemp -d /tmp/kata-in.XXXXXX)
trap install_finish EXIT

kr() { env -u KATA_CONF_FILE timeout -k 5 "${KATA_TIMEOUT:-150}" "$work/usr/bin/kata-runtime" --root "$work/r" "$@"; }

install_finish() {
	trap - EXIT
	kr delete -f one 2>/dev/null
	rm -rf --one-file-system "$work"
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

# The machine's own configuration is not for this test.
for dir in /etc/kata-containers /usr/share/defaults/kata-containers; do
	[ ! -d "$dir" ] || mount -t tmpfs none "$dir" || exit 1
done

make_install() {
	(cd "$top" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u T make -s install "$@") >"$work/make.log" 2>&1 || { cat "$work/make.log"; return 1; }
}

# DESTDIR goes in front of PREFIX, and nowhere else.
destdir() {
	local want name
	make_install DESTDIR="$work/d" PREFIX=/opt/kata-x || return
	[ "$(ls "$work/d")" = opt ] && [ "$(ls "$work/d/opt")" = kata-x ] || { find "$work/d" -maxdepth 2; return 1; }
	for want in bin/kata-runtime bin/kata-agent bin/kata-agent-ctl bin/runk libexec/kata-c/kata-toml share/kata-c/kata.initrd \
		share/kata-c/vmlinuz share/defaults/kata-containers/configuration.toml share/doc/kata-c/RUNTIME.md; do
		[ -s "$work/d/opt/kata-x/$want" ] || { echo "not installed: $want"; return 1; }
	done
	name=$(grep -rlI "$work" "$work/d") || return 0
	echo "the destination is named in $name"
	return 1
}

paths_are_shown() {
	local beside=$work/usr/share/defaults/kata-containers/configuration.toml
	[ "$(kr --show-default-config-paths)" = "$(printf '%s\n' {/etc,/usr/share/defaults}/kata-containers/configuration.toml "$beside")" ] &&
		[ "$(kr --kata-show-default-config-paths)" = "$(kr --show-default-config-paths)" ] || { kr --show-default-config-paths; return 1; }
}

run_without_configuration() {
	local out status=0
	make_rootfs "$work/b/rootfs"
	jq '.process.terminal = false | .root.path = "rootfs" | .linux.namespaces += [{"type": "network"}] | .process.args = ["sh", "-c", "cat; exit 7"]' \
		"$top/tests/data/bundle.json" >"$work/b/config.json"
	out=$(echo in | kr --log "$work/log" run -b "$work/b" one 2>"$work/err") || status=$?
	[ "$status" = 7 ] && [ "$out" = in ] || { echo "status $status: $out $(cat "$work/err")"; return 1; }
	grep -q "Using configuration '$work/usr/share/defaults/kata-containers/configuration.toml'" "$work/log" || { cat "$work/log"; return 1; }
}

check destdir destdir
check make_install make_install PREFIX="$work/usr"
check paths_are_shown paths_are_shown
check run_without_configuration run_without_configuration
install_finish
