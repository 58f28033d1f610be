#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# Serves commands on the serial console. A request is one line
#   RUN ID BASE64-OF-A-SHELL-SCRIPT
# and its answer the script's output, compressed and in base64, between marks:
#   @@lis ID out / lines of base64 / @@lis ID end STATUS
# Whatever else is written to the console can stand before and after, and a
# line torn by it does not pass the checksum in the compressed data.

stty -echo
echo
echo "@@lis ready $(cut -d ' ' -f 1 /proc/uptime)"
while read -r word id data; do
	[ "$word" = RUN ] || continue
	echo "$data" | base64 -d >/run/lis/script
	sh /run/lis/script >/run/lis/output 2>&1 </dev/null
	status=$?
	echo
	echo "@@lis $id out"
	gzip -c /run/lis/output | base64
	echo "@@lis $id end $status"
done
