#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The network calls, on veth pairs in the agent's own network namespace: what they change is seen by other tools, and
# what they refuse changes nothing.
. "$(dirname "$0")/../lib/integration.sh"
begin

mac1=02:00:00:00:00:01
mac2=02:00:00:00:00:02

# A program of the machine in the agent's network.
in_guest() { nsenter --net="/proc/$agent/ns/net" "$@"; }
# And with its mounts too.
in_agent() { nsenter --net="/proc/$agent/ns/net" --mount="/proc/$agent/ns/mnt" "$@"; }

in_keeper() { nsenter --mount="/proc/$1/ns/mnt" "${@:2}"; }

# eth0 and eth1, with peer0 and peer1 as the far ends.
fresh_links() {
	local i
	for i in 0 1; do in_guest ip link del "peer$i" 2>/dev/null; done
	for i in 0 1; do
		in_guest ip link add "eth$i" address "02:00:00:00:00:0$((i + 1))" type veth peer name "peer$i" || return
		in_guest ip link set "peer$i" up || return
	done
}

# same WANT COMMAND...: the command prints that.
same() {
	local want=$1 got
	shift
	got=$("$@") || return
	[ "$got" = "$want" ] || { printf '%s printed: %s\ninstead of: %s\n' "$*" "$got" "$want"; return 1; }
}

# JSON in one form: members of their default value are as good as absent, and 64-bit numbers come as text.
plain() {
	jq -Sc 'walk(if type == "object" then with_entries(select(.value | IN("", 0, "0", "v4", []) | not)) else . end)
		| if .mtu then .mtu |= tonumber else . end'
}

update() { kata call UpdateInterface "{\"interface\":$1}"; }
link_json() { in_guest ip -j addr show dev "$1" | jq -c ".[0] | $2"; }

interface() {
	fresh_links
	local request='{"device":"eth0","name":"net0","mtu":1400,"hwAddr":"02:00:00:00:00:01","type":"veth",
		"IPAddresses":[{"address":"10.1.0.2","mask":"24"},{"family":"v6","address":"fd00:1::2","mask":"64"}]}'
	update "$request" >"$work/reply" || return
	same "$(plain <<<"$request")" plain <"$work/reply" || return
	same '["net0",1400,true,false]' link_json net0 '[.ifname, .mtu, (.flags | any(. == "UP")), (.flags | any(. == "NOARP"))]' || return
	same '["10.1.0.2/24 10.1.0.255","fd00:1::2/64 null"]' link_json net0 \
		'[.addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen) \(.broadcast)"]' || return
	# No waiting for duplicates: the address can be used at once.
	same '[]' link_json net0 '[.addr_info[] | select(.tentative and .scope == "global") | .local]' || return
	# The same again changes nothing.
	local before
	before=$(link_json net0 '[.ifname, .mtu, [.addr_info[] | select(.scope == "global") | .local]]')
	update "$request" >/dev/null || return
	same "$before" link_json net0 '[.ifname, .mtu, [.addr_info[] | select(.scope == "global") | .local]]' || return
	# IFF_NOARP is 128, and goes again.
	update '{"name":"net0","hwAddr":"02:00:00:00:00:01","raw_flags":128}' >/dev/null || return
	same true link_json net0 '.flags | any(. == "NOARP")' || return
	update '{"name":"net0","hwAddr":"02:00:00:00:00:01"}' >/dev/null || return
	same '[false,1400]' link_json net0 '[(.flags | any(. == "NOARP")), .mtu]'
}

names_are_swapped() {
	fresh_links
	in_guest ip link set eth0 up
	in_guest ip link set eth1 up
	update "{\"name\":\"eth1\",\"hwAddr\":\"$mac1\"}" >/dev/null || return
	same "[\"$mac1\",true]" link_json eth1 '[.address, (.flags | any(. == "UP"))]' || return
	same "[\"$mac2\",true]" link_json eth0 '[.address, (.flags | any(. == "UP"))]'
}

address_by_name() {
	fresh_links
	in_guest ip link set eth0 up
	update '{"name":"eth0","hwAddr":"02:00:00:00:00:99"}' >/dev/null || return
	same '["eth0","02:00:00:00:00:99"]' link_json eth0 '[.ifname, .address]'
}

interface_refused() {
	fresh_links
	local before
	before=$(in_guest ip -j addr | jq -c .)
	expect 1 'empty update interface request' kata call UpdateInterface '{}' || return
	expect 1 'INVALID_ARGUMENT' kata call UpdateInterface '{}' || return
	expect 1 'update interface: Link not found (Address: 02:00:00:00:00:77)' \
		update '{"name":"none","hwAddr":"02:00:00:00:00:77"}' || return
	expect 1 'update interface: Link not found (Name: none)' update '{"name":"none"}' || return
	expect 1 "update interface: '02:zz' is no hardware address" update '{"name":"eth0","hwAddr":"02:zz"}' || return
	expect 1 "address '10.0.0.1/33': '33' is no prefix length" \
		update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"IPAddresses\":[{\"address\":\"10.0.0.1\",\"mask\":\"33\"}]}" || return
	expect 1 "'10.0.0.1/24' is no IP address" \
		update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"IPAddresses\":[{\"address\":\"10.0.0.1/24\",\"mask\":\"24\"}]}" || return
	expect 1 "'a-name-that-is-too-long' is too long" update "{\"name\":\"a-name-that-is-too-long\",\"hwAddr\":\"$mac1\"}" || return
	expect 1 'Invalid PCI path' update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"devicePath\":\"99/1\"}" || return
	same "$before" bash -c "nsenter --net=/proc/$agent/ns/net ip -j addr | jq -c ." || return
	# One that the kernel refuses; its words come along.
	expect 1 'mtu greater than device maximum' update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"mtu\":4000000}"
}

device_that_does_not_come() {
	local begun=$SECONDS
	expect 1 "interface not available: no network device at PCI path '1f.7' within 3 s (agent.hotplug_timeout)" \
		update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"devicePath\":\"1f.7\"}" || return
	[ $((SECONDS - begun)) -ge 2 ] || { echo "it did not wait"; return 1; }
}

# The loop goes on while one waits, and one who goes away leaves nothing.
waiting_is_parked() {
	local before waiter
	before=$(holdings)
	update "{\"name\":\"eth0\",\"devicePath\":\"1f.7\"}" >/dev/null 2>&1 &
	waiter=$!
	sleep 0.5
	KATA_TIMEOUT=2 kata call ListRoutes >/dev/null || return
	kill "$waiter"
	wait "$waiter"
	retry_until same "$before" holdings
}

addresses_for_routes() {
	fresh_links
	update "{\"name\":\"eth0\",\"hwAddr\":\"$mac1\",\"IPAddresses\":[{\"address\":\"10.1.0.2\",\"mask\":\"24\"},
		{\"family\":\"v6\",\"address\":\"fd00:1::2\",\"mask\":\"64\"}]}" >/dev/null
}

# The gateways come first in the request, and need what comes after them.
routes_request='{"routes":{"Routes":[
	{"dest":"","gateway":"10.9.0.1","device":"eth0","mtu":1300},
	{"dest":"default","gateway":"fd00:9::1","device":"eth0","family":"v6"},
	{"dest":"10.9.0.0/16","device":"eth0","scope":253,"source":"10.1.0.2"},
	{"dest":"10.8.0.7","gateway":"10.1.0.1","device":"eth0"},
	{"dest":"172.16.0.0/12","gateway":"192.168.77.1","device":"eth0","flags":4},
	{"dest":"fd00:9::/64","device":"eth0","family":"v6","mtu":1290}]}}'
routes_wanted='{"dest":"0.0.0.0","gateway":"10.9.0.1","device":"eth0","mtu":1300}
{"dest":"10.8.0.7/32","gateway":"10.1.0.1","device":"eth0"}
{"dest":"10.9.0.0/16","device":"eth0","source":"10.1.0.2","scope":253}
{"dest":"172.16.0.0/12","gateway":"192.168.77.1","device":"eth0","flags":4}
{"dest":"::","gateway":"fd00:9::1","device":"eth0","family":"v6"}
{"dest":"fd00:9::/64","device":"eth0","family":"v6","mtu":1290}'

# The routes of a reply that are not the kernel's own, one a line.
our_routes() {
	plain | jq -Sc '.Routes[] | select(.dest | test("^(10.1.0.0/24|fd00:1::/64|fe80::/64)$") | not)' | sort
}

routes() {
	addresses_for_routes || return
	local wanted
	wanted=$(jq -Sc . <<<"$routes_wanted" | sort)
	kata call UpdateRoutes "$routes_request" >"$work/routes" || return
	same "$wanted" our_routes <"$work/routes" || return
	kata call ListRoutes >"$work/routes" || return
	same "$wanted" our_routes <"$work/routes" || return
	same '["10.9.0.1","eth0"]' bash -c "nsenter --net=/proc/$agent/ns/net ip -j route show default | jq -c '.[0] | [.gateway, .dev]'" || return
	same '["fd00:9::1","eth0"]' bash -c "nsenter --net=/proc/$agent/ns/net ip -6 -j route show default | jq -c '.[0] | [.gateway, .dev]'" || return
	# Again, and what was listed: both are fine and change nothing.
	kata call UpdateRoutes "$routes_request" >"$work/routes" || return
	same "$wanted" our_routes <"$work/routes" || return
	jq -c '{routes: .}' "$work/routes" >"$work/listed"
	kata call UpdateRoutes "@$work/listed" >"$work/routes" || return
	same "$wanted" our_routes <"$work/routes"
}

routes_refused() {
	addresses_for_routes || return
	local before
	before=$(kata call ListRoutes)
	route() { kata call UpdateRoutes "{\"routes\":{\"Routes\":[$1]}}"; }
	expect 1 'empty update routes request' kata call UpdateRoutes '{}' || return
	expect 1 'INVALID_ARGUMENT' kata call UpdateRoutes '{}' || return
	expect 1 "Failed to update routes: route to '10.0.0.0/8' by '' on 'none': Link not found (Name: none)" \
		route '{"dest":"10.0.0.0/8","device":"none"}' || return
	expect 1 "'99' is no prefix length" route '{"dest":"10.0.0.0/99","device":"eth0"}' || return
	expect 1 "'gate' is no IP address" route '{"gateway":"gate","device":"eth0"}' || return
	expect 1 'of both families' route '{"dest":"10.0.0.0/8","gateway":"fd00:1::1","device":"eth0"}' || return
	expect 1 'Nexthop has invalid gateway' route '{"dest":"10.0.0.0/8","gateway":"192.168.99.1","device":"eth0"}' || return
	same "$before" kata call ListRoutes || return
	# An empty list is no error: the answer is what there is.
	same "$before" kata call UpdateRoutes '{"routes":{}}'
}

interfaces_listed() {
	addresses_for_routes || return
	kata call ListInterfaces >"$work/list" || return
	same '["eth0","eth0","02:00:00:00:00:01",1500]' \
		jq -c '.Interfaces[] | select(.name == "eth0") | [.name, .device, .hwAddr, (.mtu | tonumber)]' "$work/list" || return
	same '[{"address":"10.1.0.2","family":"v4","mask":"24"},{"address":"fd00:1::2","family":"v6","mask":"64"}]' \
		jq -Sc '[.Interfaces[] | select(.name == "eth0") | .IPAddresses[] | select(.address | test("^fe80") | not)]' "$work/list" || return
	same "$(in_guest ip -j link | jq length)" jq '.Interfaces | length' "$work/list" || return
	in_guest ip link set eth1 address 02:ab:cd:ef:00:01
	kata call ListInterfaces >"$work/list" || return
	same '"02:AB:CD:EF:00:01"' jq -c '.Interfaces[] | select(.name == "eth1") | .hwAddr' "$work/list"
}

neighbours() {
	addresses_for_routes || return
	kata call AddARPNeighbors '{"neighbors":{"ARPNeighbors":[
		{"toIPAddress":{"address":"10.1.0.9"},"device":"eth0","lladdr":"02:00:00:00:09:09"},
		{"toIPAddress":{"family":"v6","address":"fd00:1::9"},"device":"eth0","lladdr":"02:00:00:00:09:0a","state":64}]}}' || return
	same '[["10.1.0.9","02:00:00:00:09:09","PERMANENT"],["fd00:1::9","02:00:00:00:09:0a","NOARP"]]' bash -c \
		"nsenter --net=/proc/$agent/ns/net ip -j neigh show dev eth0 nud all |
			jq -c '[.[] | select(.dst | endswith(\"9\")) | [.dst, .lladdr, .state[0]]] | sort'" || return
	expect 1 'empty add arp neighbours request' kata call AddARPNeighbors '{}' || return
	expect 1 'INVALID_ARGUMENT' kata call AddARPNeighbors '{}' || return
	expect 1 "Failed to add ARP neighbours: neighbour '10.1.0.9' on 'none': Link not found (Name: none)" kata call AddARPNeighbors \
		'{"neighbors":{"ARPNeighbors":[{"toIPAddress":{"address":"10.1.0.9"},"device":"none"}]}}' || return
	expect 1 'has no IP address' kata call AddARPNeighbors '{"neighbors":{"ARPNeighbors":[{"device":"eth0"}]}}' || return
	expect 1 "'02-3' is no hardware address" kata call AddARPNeighbors \
		'{"neighbors":{"ARPNeighbors":[{"toIPAddress":{"address":"10.1.0.9"},"device":"eth0","lladdr":"02-3"}]}}'
}

# rules V6 PORT: a table as iptables-restore takes it, base64.
rules() { printf '*filter\n-A INPUT -p tcp -m tcp --dport %s -j DROP\nCOMMIT\n' "$1" | base64 -w 0; }
saved() { kata call GetIPTables "$1" | jq -r '.data // ""' | base64 -d; }

iptables_work() {
	kata call SetIPTables "{\"data\":\"$(rules 4444)\"}" || return
	kata call SetIPTables "{\"is_ipv6\":true,\"data\":\"$(rules 6666)\"}" || return
	[[ "$(saved '{}')" == *'--dport 4444 -j DROP'* ]] || { echo "IPv4: $(saved '{}')"; return 1; }
	[[ "$(saved '{"is_ipv6":true}')" == *'--dport 6666 -j DROP'* ]] || { echo "IPv6: $(saved '{"is_ipv6":true}')"; return 1; }
	[[ "$(saved '{}')" != *6666* ]] || { echo "IPv6's rule is in IPv4's table"; return 1; }
	[[ "$(in_agent iptables-save)" == *'--dport 4444 -j DROP'* ]] || { echo "iptables-save does not see it"; return 1; }
	# More than a job's reply holds.
	local n data
	data=$({ echo '*filter'; for ((n = 1; n <= 2000; n++)); do echo "-A INPUT -p tcp -m tcp --dport $n -j ACCEPT"; done; echo COMMIT; } | base64 -w 0)
	echo "{\"data\":\"$data\"}" >"$work/rules"
	kata call SetIPTables "@$work/rules" || return
	same 2000 bash -c "grep -c 'dport [0-9]* -j ACCEPT' <<<'$(saved '{}')'" || return
	expect 1 "'iptables-restore' ended with status" kata call SetIPTables "{\"data\":\"$(printf 'nonsense\n' | base64)\"}" || return
	expect 1 "'ip6tables-restore' ended with status" kata call SetIPTables "{\"is_ipv6\":true,\"data\":\"$(printf 'nonsense\n' | base64)\"}" || return
	[[ "$(saved '{}')" == *'--dport 1999 -j ACCEPT'* ]]
}

dns_refused() {
	local mounts
	mounts=$(wc -l <"/proc/$agent/mountinfo")
	expect 1 'gone' kata call CreateSandbox '{"sandbox_id":"s","hostname":"h","dns":["nameserver 10.0.0.1"],
		"storages":[{"driver":"gone","source":"none","fstype":"none","mount_point":"/run/kata-containers/x"}]}' || return
	same "$mounts" bash -c "wc -l </proc/$agent/mountinfo"
}

dns() {
	local before
	before=$(in_agent cat /etc/resolv.conf)
	kata call CreateSandbox '{"sandbox_id":"s","hostname":"h","dns":["  nameserver 10.0.0.1","search a.example b.example  "]}' || return
	in_agent cat /etc/resolv.conf >"$work/resolv"
	printf 'nameserver 10.0.0.1\nsearch a.example b.example' | cmp - "$work/resolv" || return
	in_agent cat /run/kata-containers/sandbox/resolv.conf | cmp - "$work/resolv" || return
	[ "$(cat /etc/resolv.conf)" = "$before" ] || { echo "the machine's file has changed"; return 1; }
	# The agent powers off after it has answered; this one keeps its mount namespace.
	nsenter --mount="/proc/$agent/ns/mnt" sleep 30 &
	local keeper=$!
	retry_until in_keeper "$keeper" test -e /run/kata-containers/sandbox/resolv.conf || return
	kata call DestroySandbox || return
	same "$before" in_keeper "$keeper" cat /etc/resolv.conf
	local status=$?
	kill "$keeper"
	return $status
}

nothing_left() {
	local before after
	before=$(holdings)
	interface >/dev/null && routes >/dev/null && neighbours >/dev/null && saved '{}' >/dev/null || return
	kata call ListInterfaces >/dev/null || return
	update '{"name":"none"}' >/dev/null 2>&1
	after=$(holdings)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

check interface interface
check names_are_swapped names_are_swapped
check address_by_name address_by_name
check interface_refused interface_refused
check device_that_does_not_come device_that_does_not_come
check waiting_is_parked waiting_is_parked
check routes routes
check routes_refused routes_refused
check interfaces_listed interfaces_listed
check neighbours neighbours
check iptables_work iptables_work
check nothing_left nothing_left
check dns_refused dns_refused
check dns dns
finish
