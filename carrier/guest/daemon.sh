#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# daemon start|stop|pid kvp|vss|fcopy: does what Debian's units do, which is to
# run a daemon whenever its device is there.

name=$2
case $name in
kvp) device=/dev/vmbus/hv_kvp program=/usr/sbin/hv_kvp_daemon ;;
vss) device=/dev/vmbus/hv_vss program=/usr/sbin/hv_vss_daemon ;;
fcopy)
	device=/dev/vmbus/hv_fcopy program=/usr/sbin/hv_fcopy_daemon
	if [ -e /usr/sbin/hv_fcopy_uio_daemon ]; then
		device=/sys/bus/vmbus/devices/eb765408-105f-49b6-b4aa-c123b64d17d4/uio
		program=/usr/sbin/hv_fcopy_uio_daemon
	fi
	;;
*)
	echo "usage: daemon start|stop|pid kvp|vss|fcopy" >&2
	exit 2
	;;
esac

# Its supervisor's process, as long as there is one.
supervisor=/run/lis/$name.supervisor

case $1 in
start)
	rm -f "/run/lis/$name.stopped"
	daemon supervise "$name" </dev/null >"/var/log/$name" 2>&1 &
	echo $! >"$supervisor"
	;;
supervise)
	while [ ! -e "/run/lis/$name.stopped" ]; do
		if [ -e $device ]; then
			$program -n
			sleep 0.2
		else
			sleep 1
		fi
	done
	rm -f "$supervisor"
	;;
stop)
	# A supervisor that sleeps would go on beside the next one, with a daemon
	# of its own.
	touch "/run/lis/$name.stopped"
	while pid=$(pidof "${program##*/}") || [ -e "$supervisor" ]; do
		# shellcheck disable=SC2086 # there may be none, and several
		[ -z "$pid" ] || kill $pid
		sleep 0.1
	done
	;;
pid) pidof "${program##*/}" ;;
esac
