#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# lease INTERFACE: ask for an address by DHCP once and take what is given.
# udhcpc calls this script with "bound" and the lease in its environment.
# shellcheck disable=SC2154 # interface, ip, router and dns are among it

case $1 in
bound | renew)
	ip addr flush dev "$interface"
	ip addr add "$ip/${mask:-24}" dev "$interface"
	ip link set "$interface" up
	for gateway in $router; do
		ip route replace default via "$gateway" dev "$interface"
		break
	done
	: >/run/resolv.conf
	for server in $dns; do
		echo "nameserver $server" >>/run/resolv.conf
	done
	cat /run/resolv.conf >/etc/resolv.conf
	;;
deconfig | leasefail | nak)
	;;
*)
	ip link set "$1" up
	exec udhcpc -i "$1" -f -n -q -t 10 -T 2 -s "$0"
	;;
esac
