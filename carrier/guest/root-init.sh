#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# First program of a guest whose root is on a synthetic disk: loads what the
# disk needs, waits for the file system with the label that root=LABEL= names,
# and hands over to the init that is on it.

export PATH=/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1

root='' mode=rw
read -r words </proc/cmdline
for word in $words; do
	case $word in
	root=*) root=${word#root=} ;;
	ro | rw) mode=$word ;;
	esac
done

while read -r module; do
	insmod "/modules/$module.ko"
done </modules/order

wait=0
until device=$(findfs "$root" 2>/dev/null); do
	[ $wait -lt 600 ] || {
		echo "init: no file system $root on any disk"
		poweroff -f
	}
	wait=$((wait + 1))
	sleep 0.1
done
mount -t ext4 -o "$mode" "$device" /root || poweroff -f
umount /proc
umount /sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init
