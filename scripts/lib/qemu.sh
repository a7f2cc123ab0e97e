# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this
# Which QEMU, machine and virtiofsd this host has. Needs common.sh. Sourced, never run.

case $(uname -m) in
aarch64)
	qemu_name=qemu-system-aarch64
	qemu_machine=virt
	qemu_serial=ttyAMA0
	;;
*)
	qemu_name=qemu-system-x86_64
	qemu_machine=q35
	qemu_serial=ttyS0
	;;
esac

qemu_binary() {
	command -v "$qemu_name" || die "'$qemu_name' is missing: run 'scripts/install-deps vm'"
}

# virtiofsd_command SOCKET DIR: prints the command line, one word per line: Debian 13's virtiofsd, or the one of Debian 12's
# QEMU (which hangs when it announces submounts), each in the strongest sandbox that works here.
virtiofsd_command() {
	local socket=$1 dir=$2 sandbox=namespace
	# Its own namespaces need a root directory that pivot_root accepts; in a bare chroot there is none.
	mountpoint -q / || sandbox=chroot
	if [ -x /usr/libexec/virtiofsd ]; then
		printf '%s\n' /usr/libexec/virtiofsd --socket-path "$socket" --shared-dir "$dir" --sandbox "$sandbox" \
			--cache auto --announce-submounts --xattr --log-level warn
	elif [ -x /usr/lib/qemu/virtiofsd ]; then
		printf '%s\n' /usr/lib/qemu/virtiofsd "--socket-path=$socket" -o "source=$dir" -o "sandbox=$sandbox" \
			-o cache=auto -o xattr -o log_level=warn -f
	else
		die "share '$dir': no virtiofsd on this machine: run 'scripts/install-deps vm'"
	fi
}
