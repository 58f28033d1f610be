#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A disk of ours beside QEMU's virtio-blk and virtio-scsi: the same kernel, the
same fio, the same file system beneath, in turns. Runs inside the carrier;
bench/run.py starts it."""

import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib")]

import console  # noqa: E402
import debian  # noqa: E402
import initramfs  # noqa: E402
import vm as vm_module  # noqa: E402
from machine import cache_folder  # noqa: E402

ROUNDS = 3
SECONDS = 5
SIZE_MIB = 512
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
JOBS = {
    "4 KiB random read, depth 1": "--rw=randread --bs=4k --iodepth=1",
    "4 KiB random write, depth 1": "--rw=randwrite --bs=4k --iodepth=1",
    "4 KiB random read, depth 32": "--rw=randread --bs=4k --iodepth=32",
    "4 KiB random write, depth 32": "--rw=randwrite --bs=4k --iodepth=32",
    "128 KiB read, depth 8": "--rw=read --bs=128k --iodepth=8",
    "128 KiB write, depth 8": "--rw=write --bs=128k --iodepth=8",
}
FIO = "fio --name=bench --filename=/dev/%s --size=%dM --direct=1 " \
    "--ioengine=libaio --runtime=%d --ramp_time=1 --time_based " \
    "--norandommap --randrepeat=1 --output-format=json %s"


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
        options = ["memory_backed=1", "gb=3", "nr_devices=1"] \
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
    path = "/run/bench.initrd"
    initramfs.write_whole(path, first + b"\0" * (-len(first) % 4)
                          + archive.bytes())
    return path


def command(host, guest, first, image, tools):
    """The command line that boots the guest with the two disks."""
    append = vm_module.APPEND + " lis.daemons=none"
    if host.startswith("lis"):
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


def cpu_s(pid):
    """Processor time that a process took for itself, without its guest's."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stream:
        fields = stream.read().rpartition(")")[2].split()
    user, system, guest = (int(fields[i]) for i in (11, 12, 40))
    return (user + system - guest) / os.sysconf("SC_CLK_TCK")


def one_round(host, line):
    """Boots a host and runs every job: {job: (requests/s, host's s each)}."""
    process = console.start(line)
    try:
        text = console.Console(process)
        text.ready(180)

        def guest_run(script, timeout_s=120):
            status, output = text.run(script, timeout_s)
            if status:
                raise RuntimeError("%s: %s: %s" % (host, script, output))
            return output

        disk, tools = HOSTS[host].split()
        guest_run("while read n; do grep -q ^$n' ' /proc/modules || "
                  "insmod /virtio/$n.ko 2>/dev/null; done </virtio/order; "
                  "until [ -b /dev/%s ] && [ -b /dev/%s ]; do sleep 0.1; done; "
                  "mkdir -p %s; mount -t ext4 -o ro,noload /dev/%s %s; "
                  "for d in dev proc sys tmp; do mount -o bind /$d %s/$d; done"
                  % (disk, tools, TOOLS, tools, TOOLS, TOOLS))
        result = {}
        for name, options in JOBS.items():
            before = cpu_s(process.pid)
            output = guest_run("chroot %s %s" % (
                TOOLS, FIO % (disk, SIZE_MIB, SECONDS, options)))
            spent = cpu_s(process.pid) - before
            job = json.loads(output[output.index("{"):])["jobs"][0]
            side = job["read" if "read" in options else "write"]
            # fio leaves what it did in its first second out of its figures.
            done = side["iops"] * (SECONDS + 1)
            result[name] = (side["iops"], spent / done)
        return result
    finally:
        process.kill()
        process.wait()


def main():
    """Measures, prints a table, and writes all of it to the file named."""
    guest = vm_module.Guest("bench")
    images, tools, first = backing(), debian.disk(say), initrd(guest)
    runs = {host: [] for host in HOSTS}
    for number in range(ROUNDS):
        for host in HOSTS:
            say("storage: %s, round %d of %d" % (host, number + 1, ROUNDS))
            runs[host].append(one_round(host, command(
                host, guest, first, images[host], tools)))
    median = {host: {job: [statistics.median(r[job][i] for r in runs[host])
                           for i in (0, 1)] for job in JOBS} for host in HOSTS}
    say("requests per second (lis is so many times it), "
        "host's processor time for one")
    for job in JOBS:
        say("  " + job)
        for host in HOSTS:
            rate, cost = median[host][job]
            say("    %-12s %8.0f (%.2f)  %7.1f us" % (
                host, rate, median["lis"][job][0] / rate, cost * 1e6))
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump({"runs": runs, "median": median}, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
