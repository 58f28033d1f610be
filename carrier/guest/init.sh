#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# First program of a test guest: loads the hv_* drivers, starts Debian's
# daemons under a supervisor, and serves commands on the serial console.
#
# On the kernel command line:
#   lis.modules=a,b   drivers to load, instead of those in /etc/modules
#   lis.daemons=a,b   of kvp, vss, fcopy; none for none
#   lis.resume=65536  go on with what hibernated to the disk of so many sectors,
#                     if any did: which is sda and which sdb may change
#   lis.init=early    report the first instruction of this file, then go on;
#   lis.init=stop     ... then power off (for boot time)

export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
exec </dev/console >/dev/console 2>&1

modules=$(cat /etc/modules)
daemons=kvp,vss,fcopy
resume=
read -r words </proc/cmdline
for word in $words; do
	case $word in
	lis.modules=*) modules=$(echo "${word#*=}" | tr , ' ') ;;
	lis.daemons=*) daemons=${word#*=} ;;
	lis.resume=*) resume=${word#*=} ;;
	lis.init=*)
		echo "@@lis early"
		[ "${word#*=}" != stop ] || poweroff -f
		;;
	esac
done

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/lis /var/log /mnt/data
hostname -F /etc/hostname
ip link set lo up

# A module after those that it needs, which stand behind it in /modules/order.
load()
{
	grep -q "^$1 " /proc/modules && return
	while read -r name needed; do
		[ "$name" = "$1" ] || continue
		for name in $needed "$1"; do
			grep -q "^$name " /proc/modules && continue
			# shellcheck disable=SC2046 # each is a word
			insmod "/modules/$name.ko" $(parameters "$name")
		done
	done </modules/order
}

parameters()
{
	case $1 in
	brd) echo rd_nr=1 rd_size=65536 ;;
	dummy) echo numdummies=1 ;;
	esac
}

for module in $modules; do
	load "$module"
done

# Synthetic SCSI controllers and IDE disks, as udev would do.
if grep -qs -e ba6163d9-04a1-4d29-b605-72e2ffb1dc7f \
	-e 32412632-86cb-44a2-9b5c-50d1417354f5 \
	/sys/bus/vmbus/devices/*/class_id; then
	for module in sd_mod sr_mod sg isofs hv_storvsc; do
		load "$module"
	done
fi

# Synthetic network adapters; a test sets them up with "lease" or by itself.
if grep -qs f8615163-df3e-46c5-913f-f2d2f965ed0e \
	/sys/bus/vmbus/devices/*/class_id; then
	load af_packet
	load hv_netvsc
fi

# As Debian's initial RAM file system does: where it works, nothing below runs.
if [ -n "$resume" ]; then
	tries=0
	until disk=$(grep -lx "$resume" /sys/block/s*/size 2>/dev/null) ||
		[ $tries = 300 ]; do
		tries=$((tries + 1))
		sleep .1
	done
	cat "${disk%/size}/dev" >/sys/power/resume
fi

if [ -b /dev/ram0 ]; then
	mke2fs -q -I 256 /dev/ram0 >/dev/null 2>&1
	mount -t ext4 /dev/ram0 /mnt/data
fi
if [ -e /sys/class/net/dummy0 ]; then
	ip link set dummy0 address 00:15:5d:00:00:01
	ip addr add 192.0.2.10/24 dev dummy0
	ip addr add 2001:db8::10/64 dev dummy0
	ip link set dummy0 up
	ip route add default via 192.0.2.1 dev dummy0
fi

# From 6.10, file copy is a channel for user space: bind it when it is offered.
uio=/sys/bus/vmbus/drivers/uio_hv_generic/new_id
if [ -e /usr/sbin/hv_fcopy_uio_daemon ] && [ -e $uio ]; then
	echo 34d14be3-dee4-41c8-9ae7-6b174977c192 >$uio
fi

syslogd -O /var/log/messages
if [ "$daemons" != none ]; then
	for name in $(echo "$daemons" | tr , ' '); do
		daemon start "$name"
	done
fi
[ ! -x /etc/lis-init ] || /etc/lis-init

dmesg -n 1
exec setsid serve </dev/ttyS0 >/dev/ttyS0 2>&1
