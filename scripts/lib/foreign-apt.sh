# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Takes single packages out of other Debian suites, from the mirror that the machine's own apt configuration names, with
# apt state of its own: the machine's suites never mix. Needs common.sh. Sourced, never run.

debian_keyring() {
	local keyring
	for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		if [ -e "$keyring" ]; then
			printf '%s\n' "$keyring"
			return
		fi
	done
	die "check Debian's signatures: no keyring in /usr/share/keyrings (package debian-archive-keyring)"
}

# The base address of the machine's Debian archive (not its security or updates archive).
debian_mirror() {
	local targets
	# shellcheck disable=SC2016 # apt's own variables
	targets=$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' 2>/dev/null) || targets=
	# Origin and label are known once the lists are here; before that the address has to do.
	{
		sed -n 's/^Packages|Debian|Debian|//p' <<<"$targets"
		sed -n 's#^Packages|[^|]*|[^|]*|\(.*/debian/\{0,1\}\)$#\1#p' <<<"$targets"
	} | awk 'NR == 1'
}

# foreign_apt DIR apt-get|apt-cache ARGUMENT...: apt with all of its state below DIR.
foreign_apt() {
	local dir=$1 tool=$2
	shift 2
	"$tool" -qq -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
		-o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
		-o Acquire::Retries=3 "$@"
}

# foreign_open DIR SUITE: makes DIR an apt world that knows SUITE only; fails quietly where the mirror has no such suite.
foreign_open() {
	local dir=$1 suite=$2 mirror
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		warn "find a Debian mirror: apt's configuration on this machine names none"
		return 1
	fi
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	printf 'deb [signed-by=%s] %s %s main\n' "$(debian_keyring)" "$mirror" "$suite" >"$dir/sources.list"
	foreign_apt "$dir" apt-get update >/dev/null 2>&1
}

# foreign_unpack DIR PACKAGE ROOT: downloads PACKAGE from DIR's suite and unpacks it (never installs it) below ROOT.
foreign_unpack() {
	local dir=$1 package=$2 root=$3
	mkdir -p "$dir/deb"
	rm -f "$dir/deb"/*.deb
	(cd "$dir/deb" && foreign_apt "$dir" apt-get download "$package" >/dev/null 2>&1) || return 1
	dpkg -x "$dir/deb"/*.deb "$root"
}
