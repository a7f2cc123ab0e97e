#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: initrd_reproducible.sh [AGENT]
#
# The initrd builder gives the same bytes whatever the directory, umask, user and order of the day; its archive is one that
# cpio reads, and its manifest tells the truth. AGENT stands in for the agent (default: /bin/true, any dynamic program).
set -euo pipefail

top=$(readlink -f "$(dirname "$0")/../..")
agent=$(readlink -f "${1:-/bin/true}")
temp=$(mktemp -d)
kernel=$temp/kernel
trap 'rm -rf "$temp"' EXIT
chmod 755 "$temp"
failed=0

ok() { echo "ok $1"; }
not_ok() {
	echo "not ok $1: $2"
	failed=1
}
check() { # NAME WHY COMMAND...
	local name=$1 why=$2
	shift 2
	if "$@"; then ok "$name"; else not_ok "$name" "$why"; fi
}

# module NAME INFO: an object file that depmod takes for a kernel module with this line of module info.
module() {
	printf 'static const char i[] __attribute__((section(".modinfo"), used)) = "%s";' "$2" |
		cc -x c -c -o "$kernel/lib/modules/1.2.3/kernel/$1.ko" -
}

# A kernel tree of our own: a plain module, a compressed one that needs it, one for demand; all others are missing.
make_kernel() {
	mkdir -p "$kernel/lib/modules/1.2.3/kernel"
	module virtio_pci 'alias=pci:v00001AF4d*'
	module virtio_console 'softdep=pre: virtio_pci'
	module xfs 'alias=fs-xfs'
	cp "$kernel/lib/modules/1.2.3/kernel/virtio_console.ko" "$temp/console.ko"
	xz "$kernel/lib/modules/1.2.3/kernel/virtio_console.ko"
	: >"$kernel/lib/modules/1.2.3/modules.order"
	: >"$kernel/lib/modules/1.2.3/modules.builtin"
	: >"$kernel/lib/modules/1.2.3/modules.builtin.modinfo"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$kernel" 1.2.3
}

build() { # OUTPUT [option]...
	local output=$1
	shift
	"$top/rootfs-builder/initrd" --agent "$agent" --kernel-dir "$kernel" --output "$output" \
		--add "$agent:/sbin/extra" "$@" >"$output.manifest" 2>"$output.log"
}

same() { cmp -s "$1" "$2"; }

manifest_true() {
	local life sum size mode path
	while read -r life sum size mode path; do
		[ "$life" != total ] || continue
		[ "$(sha256sum <"$temp/x$path" | cut -d ' ' -f 1)" = "$sum" ] || return 1
		[ "$(stat -c '%s %a' "$temp/x$path")" = "$size $mode" ] || return 1
	done <"$temp/one/a.manifest"
}

main() {
	local order library want='/lib/modules/1.2.3/kernel/virtio_pci.ko /lib/modules/1.2.3/kernel/virtio_console.ko'
	make_kernel
	mkdir -p "$temp/one" "$temp/two/deeper" "$temp/x"
	chmod 777 "$temp/two/deeper"
	(umask 022 && cd / && build "$temp/one/a") || not_ok build "$(cat "$temp/one/a.log")"
	(umask 077 && cd "$temp/one" && TMPDIR=$temp/two LC_ALL=C.UTF-8 build "$temp/two/deeper/b")
	check same_bytes "another umask and directory changed the initrd" same "$temp/one/a" "$temp/two/deeper/b"
	if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
		export -f build
		export top agent kernel
		if setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "build '$temp/two/deeper/c'"; then
			check same_without_root "another user changed the initrd" same "$temp/one/a" "$temp/two/deeper/c"
		else
			not_ok same_without_root "user 65534 could not build: $(cat "$temp/two/deeper/c.log")"
		fi
	fi
	SOURCE_DATE_EPOCH=86400 build "$temp/two/d"
	if same "$temp/one/a" "$temp/two/d"; then not_ok epoch "SOURCE_DATE_EPOCH changed nothing"; else ok epoch; fi

	zstd -qdc "$temp/one/a" >"$temp/a.cpio"
	check cpio_reads "cpio does not read the archive" bash -c "cd '$temp/x' && cpio --quiet -idm <'$temp/a.cpio'"
	strip -s -o "$temp/stripped" "$agent"
	check init_is_agent "/init is not the agent, stripped" cmp -s "$temp/x/usr/bin/kata-agent" "$temp/stripped"
	check init_link "/init is no link to the agent" test "$(readlink "$temp/x/init")" = usr/bin/kata-agent
	order=$(tr '\n' ' ' <"$temp/x/etc/kata-agent/modules")
	check load_order "modules are '$order'" test "${order% }" = "$want"
	check unpacked "the compressed module is not unpacked" \
		cmp -s "$temp/x/lib/modules/1.2.3/kernel/virtio_console.ko" "$temp/console.ko"
	check demand "no line for xfs with its alias" \
		grep -qx 'xfs,fs-xfs /lib/modules/1.2.3/kernel/xfs.ko' "$temp/x/etc/kata-agent/modules.demand"
	check missing_named "a missing module was not named" grep -q "no module 'overlay'" "$temp/one/a.log"
	check manifest_true "the manifest does not describe the files" manifest_true
	library=$(find "$temp/x" -name 'libc.so.6' | head -n 1)
	check libraries "libc.so.6 is not in the initrd" test -n "$library"
	if build "$temp/two/e" --add /nonexistent:/x; then
		not_ok missing_file "a missing file was no error"
	else
		check missing_file_named "the error does not name the file" grep -q "'/nonexistent'" "$temp/two/e.log"
	fi
	return "$failed"
}

main
