#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# The guest's own way down, as /sbin/poweroff and /sbin/reboot, which the
# kernel runs when the host asks. The last line on the console shows that it
# came to its end with the file systems unmounted.

for name in kvp vss fcopy; do
	touch "/run/lis/$name.stopped"
done
killall hv_kvp_daemon hv_vss_daemon hv_fcopy_daemon hv_fcopy_uio_daemon \
	2>/dev/null
sync
umount /mnt/data
if grep -q ' /mnt/data ' /proc/mounts; then
	state="still mounted"
else
	state="unmounted"
fi
action=${0##*/}
echo "@@lis $action $state" >/dev/ttyS0
exec busybox "$action" -f
