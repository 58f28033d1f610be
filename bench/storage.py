#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A disk of ours beside QEMU's virtio-blk and virtio-scsi: the same kernel, the
same fio, the same file system beneath. Runs inside a carrier whose clock counts
instructions (--icount); bench/run.py starts it.

The disks are in memory, so that nothing is waited for: requests per second are
then a count of instructions, of guest and host together, and the same whatever
else the machine does.
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib")]

import console  # noqa: E402
import debian  # noqa: E402
import initramfs  # noqa: E402
import vm as vm_module  # noqa: E402
from host_cost import host_s, INSTRUCTIONS_PER_SECOND  # noqa: E402
from machine import cache_folder  # noqa: E402

SIZE_MIB = 128
# Of the counted clock: a job takes less than a second of it. A guest that
# spins would keep a longer limit for ten real minutes.
READY_LIMIT_S, JOB_LIMIT_S = 60, 6
TRIES = 4
MEMORY_MIB = 384
FOLDER = "/run/bench"
TOOLS = "/mnt/tools"
VIRTIO = ("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod")
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-M", "q35",
        "-nodefaults", "-no-user-config", "-display", "none", "-serial",
        "stdio", "-no-reboot", "-smp", "1", "-m", "%dM" % MEMORY_MIB,
        "-object", "iothread,id=thread"]
# Name: the disk under test and the tools, as the guest names them.
HOSTS = {"lis": "sda sdb", "lis-vhdx": "sda sdb", "virtio-blk": "vda vdb",
         "virtio-scsi": "sda vda"}
# Name: what fio is told, and how many requests.
JOBS = {
    "4 KiB random read, depth 1":
        ("--rw=randread --bs=4k --iodepth=1", 3000),
    "4 KiB random write, depth 1":
        ("--rw=randwrite --bs=4k --iodepth=1", 3000),
    "4 KiB random read, depth 32":
        ("--rw=randread --bs=4k --iodepth=32", 6000),
    "4 KiB random write, depth 32":
        ("--rw=randwrite --bs=4k --iodepth=32", 6000),
    "128 KiB read, depth 8": ("--rw=read --bs=128k --iodepth=8", 1000),
    "128 KiB write, depth 8": ("--rw=write --bs=128k --iodepth=8", 1000),
}
FIO = "fio --name=bench --filename=/dev/%s --size=%dM --direct=1 " \
    "--ioengine=libaio --norandommap --randrepeat=1 --output-format=json " \
    "%s --number_ios=%d"


def say(text):
    """Tells what is going on."""
    print("bench: " + text, flush=True)


def run(*command):
    """Runs a command that must succeed."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


def backing():
    """Makes a file system on a block device in memory, and the images there:
    {name of the host: path}."""
    modules = initramfs.Modules(os.path.join(cache_folder(), "carrier-kernel"))
    for name, data in modules.closure(["null_blk", "crc32c_generic", "ext4"]):
        path = "/run/%s.ko" % name
        initramfs.write_whole(path, data)
        options = ["memory_backed=1", "gb=1", "nr_devices=1"] \
            if name == "null_blk" else []
        # It may be there already.
        subprocess.run(["insmod", path] + options, check=False,
                       stderr=subprocess.DEVNULL)
    os.makedirs(FOLDER, exist_ok=True)
    run("mkfs.ext4", "-q", "-F", "/dev/nullb0")
    run("mount", "/dev/nullb0", FOLDER)
    raw, vhdx = FOLDER + "/disk.raw", FOLDER + "/disk.vhdx"
    # No zeros, so that every block of the VHDX has its place.
    block = os.urandom(1 << 20)
    with open(raw, "wb") as stream:
        for _ in range(SIZE_MIB):
            stream.write(block)
    vm_module.lis("disk", "convert", raw, vhdx)
    # Else a direct write finds the block in the page cache, and waits for it.
    run("sync")
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as stream:
        stream.write("3")
    # Whoever is measured first does not pay for where the blocks are found.
    for path in (raw, vhdx):
        run("dd", "if=" + path, "of=/dev/null", "bs=1M", "iflag=direct")
    return {host: vhdx if host == "lis-vhdx" else raw for host in HOSTS}


def initrd(guest):
    """The guest's initial RAM file system, with virtio's drivers: a path."""
    archive = initramfs.Archive()
    order = []
    modules = initramfs.Modules(os.path.join(cache_folder(), "kernel-6.1"))
    for name, data in modules.closure(VIRTIO):
        archive.data("virtio/%s.ko" % name, data)
        order.append(name)
    archive.data("virtio/order", "\n".join(order).encode() + b"\n")
    with open(guest.initrd, "rb") as stream:
        first = stream.read()
    path = "/run/bench-%s.initrd" % guest.drivers
    initramfs.write_whole(path, first + b"\0" * (-len(first) % 4)
                          + archive.bytes())
    return path


def command(host, guest, first, image, tools):
    """The command line that boots the guest with the two disks."""
    append = vm_module.APPEND + " lis.daemons=none"
    if not host.startswith("virtio"):
        return [vm_module.LIS, "run", "--name", "bench", "--kernel",
                guest.image, "--initrd", first, "--memory",
                "%dM" % MEMORY_MIB, "--append", append, "--disk", image,
                "--disk", tools + ",read-only"]
    disk = ["-device", "virtio-blk-pci,drive=disk,iothread=thread"]
    if host == "virtio-scsi":
        disk = ["-device", "virtio-scsi-pci,iothread=thread",
                "-device", "scsi-hd,drive=disk"]
    return QEMU + ["-kernel", guest.image, "-initrd", first, "-append", append,
                   "-drive", "file=%s,format=raw,if=none,id=disk,cache=none,"
                   "aio=io_uring,discard=unmap" % image] + disk + [
                       "-drive", "file=%s,format=raw,if=none,id=tools,"
                       "readonly=on" % tools,
                       "-device", "virtio-blk-pci,drive=tools"]


def devices(host, guest_run):
    """The names of the two disks in the guest: under test, and the tools."""
    names = HOSTS.get(host, "sda sdb").split()
    if not names[0].startswith("sd"):
        return names
    # Linux probes SCSI disks at the same time: their names say nothing.
    for lun, name in enumerate(names):
        if name.startswith("sd"):
            shown = guest_run("cd /sys/bus/scsi/devices; n=0; until "
                              "ls -d *:0:0:%d/block/sd* 2>/dev/null; do "
                              "n=$((n + 1)); [ $n -lt 600 ] || exit 1; "
                              "sleep 0.1; done" % lun)
            names[lun] = re.search(r"sd\w+", shown).group(0)
    return names


def measure(host, line, jobs=None):
    """Every job, or some, on a host: {job: (requests/s, host's s each)}.

    The emulated SVM crashes a guest now and then, or has it spin: a new one
    goes on with what is left."""
    result = {}
    for _ in range(TRIES):
        try:
            jobs_run(host, line, result, jobs or JOBS)
            return result
        except (console.ConsoleError, OSError) as error:
            say("  the guest was lost, one more: %s"
                % str(error).partition("\n")[0])
    raise RuntimeError("%s: %d guests were lost" % (host, TRIES))


def jobs_run(host, line, result, jobs):
    """Boots a host and runs the jobs whose result is not there."""
    process = console.start(line)
    try:
        text = console.Console(process)
        text.ready(READY_LIMIT_S)

        def guest_run(script):
            status, output = text.run(script, JOB_LIMIT_S)
            if status:
                raise RuntimeError("%s: %s: %s" % (host, script, output))
            return output

        guest_run("while read n; do grep -q ^$n' ' /proc/modules || "
                  "insmod /virtio/$n.ko 2>/dev/null; done </virtio/order")
        disk, tools = devices(host, guest_run)
        guest_run("until [ -b /dev/%s ] && [ -b /dev/%s ]; do sleep 0.1; done; "
                  "mkdir -p %s; mount -t ext4 -o ro,noload /dev/%s %s; "
                  "for d in dev proc sys tmp; do mount -o bind /$d %s/$d; done"
                  % (disk, tools, TOOLS, tools, TOOLS, TOOLS))
        for name, (options, count) in jobs.items():
            if name in result:
                continue
            before = host_s(process.pid)
            output = guest_run("chroot %s %s" % (
                TOOLS, FIO % (disk, SIZE_MIB, options, count)))
            spent = host_s(process.pid) - before
            job = json.loads(output[output.index("{"):])["jobs"][0]
            side = job["read" if "read" in options else "write"]
            result[name] = (side["iops"], spent / side["total_ios"])
            say("  %s: %.0f instructions" % (
                name, INSTRUCTIONS_PER_SECOND / side["iops"]))
    finally:
        process.kill()
        process.wait()


def main():
    """Measures, prints a table, and writes all of it to the file named."""
    guest = vm_module.Guest("bench")
    images, tools, first = backing(), debian.disk(say), initrd(guest)
    results = {}
    for host in HOSTS:
        say("storage: " + host)
        results[host] = measure(host, command(host, guest, first,
                                              images[host], tools))
    say("instructions for one request (lis is so many times as fast), and "
        "those of the host")
    for job in JOBS:
        say("  " + job)
        for host in HOSTS:
            rate, cost = results[host][job]
            say("    %-12s %8.0f (%.2f)  %8.0f" % (
                host, INSTRUCTIONS_PER_SECOND / rate,
                results["lis"][job][0] / rate,
                INSTRUCTIONS_PER_SECOND * cost))
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(results, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
