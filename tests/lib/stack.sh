# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts of the stack ring: on the machine such a script boots a host in a VM (scripts/stack) and goes on in there, as
# root, with systemd, cgroup v2 (or what stack_cgroups says), KVM and vhost-vsock. There it runs tests by `check NAME COMMAND...` and calls stack_finish.

# shellcheck source=tests/lib/integration.sh
. "$(dirname "${BASH_SOURCE[0]}")/integration.sh"

if [ -z "${KATA_STACK:-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "skip $(basename "$0" .sh): must be root"
		exit 0
	fi
	exec "$top/scripts/stack" run --build "$build" --cgroups "${stack_cgroups:-v2}" "$(readlink -f "$0")" "$@"
fi

work=$(mktemp -d /var/tmp/stack.XXXXXX)

# An image of the busybox root file system, without a registry.
make_image() { tar -C /stack/rootfs -c . | podman import - localhost/box; }

stack_finish() {
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}
