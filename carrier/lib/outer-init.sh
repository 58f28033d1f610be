#!/bin/busybox sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
# shellcheck shell=dash
#
# First program in the carrier: puts the machine's root, read-only over 9p,
# under a tmpfs, and hands over to the agent there. /config has agent, tmpfs
# and shares, one share a line: tag and folder.

bb=/bin/busybox
$bb mkdir -p /proc /sys /dev /lower /upper /root
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
while read -r module; do
	$bb insmod "/modules/$module.ko" || echo "carrier: $module does not load"
done </modules/order

fail()
{
	echo "carrier: $*"
	echo o >/proc/sysrq-trigger
	$bb sleep 60
}

options=trans=virtio,version=9p2000.L,msize=262144
$bb mount -t 9p -o "$options,cache=loose,ro" root /lower ||
	fail "the machine's root does not mount"
$bb mount -t tmpfs -o "size=$($bb cat /config/tmpfs)" tmpfs /upper
$bb mkdir /upper/data /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work \
	overlay /root || fail "the overlay does not mount"

cd /root || fail "no root"
$bb mkdir -p proc sys dev run
$bb mount -t proc proc proc
$bb mount -t sysfs sysfs sys
# A VM's memory is shared memory, which gets huge pages only when allowed to;
# the private memory of other hypervisors gets them by default.
echo advise >sys/kernel/mm/transparent_hugepage/shmem_enabled
$bb mount -t devtmpfs dev dev
$bb mkdir -p dev/pts dev/shm
$bb mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
$bb mount -t tmpfs -o mode=1777 tmpfs dev/shm
$bb mount -t tmpfs -o mode=755 tmpfs run
$bb mkdir -p run/lock run/lis
$bb chmod 700 run/lis
for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
	$bb ln -sf "${link#*:}" "dev/${link%%:*}"
done
$bb chmod 666 dev/kvm
$bb ip link set lo up
$bb hostname carrier

while read -r tag folder; do
	$bb mkdir -p ".$folder"
	$bb mount -t 9p -o "$options,cache=none" "$tag" ".$folder" ||
		fail "$folder does not mount"
done </config/shares

agent=$($bb cat /config/agent)
exec $bb switch_root /root /usr/bin/python3 -ISE "$agent" </dev/null
