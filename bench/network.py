#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""An adapter of ours beside QEMU's virtio-net: the same kernel, the same tap,
the same netperf and iperf3, in turns. Runs inside the carrier; bench/run.py
starts it."""

import json
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib"), HERE]

import console  # noqa: E402
import guest as guest_module  # noqa: E402
import initramfs  # noqa: E402
import vm as vm_module  # noqa: E402
from machine import cache_folder  # noqa: E402

ROUNDS = int(os.environ.get("LIS_BENCH_ROUNDS", 3))
SECONDS = int(os.environ.get("LIS_BENCH_SECONDS", 4))
MEMORY_MIB = 384
KERNEL = "6.1"
TAP, HOST, GUEST = "bench0", "203.0.113.1", "203.0.113.2"
VIRTIO = ("virtio_pci", "virtio_net")
HOSTS = ("lis", "virtio-net")
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-M", "q35",
        "-nodefaults", "-no-user-config", "-display", "none", "-serial",
        "stdio", "-no-reboot", "-smp", "1", "-m", "%dM" % MEMORY_MIB]
IPERF = "iperf3 -J -c %s -t {0}" % GUEST
# {0}: seconds. In the guest: where it begins with a space.
JOBS = {
    "TCP to the guest, 1 stream": IPERF,
    "TCP to the guest, 4 streams": IPERF + " -P 4",
    "TCP from the guest, 1 stream": IPERF + " -R",
    "TCP from the guest, 4 streams": IPERF + " -R -P 4",
    "TCP request and response":
        "netperf -P 0 -H %s -t TCP_RR -l {0} -- -r 1,1" % GUEST,
    "UDP of 64 bytes to the guest":
        "netperf -P 0 -H %s -t UDP_STREAM -l {0} -- -m 64" % GUEST,
    "UDP of 64 bytes from the guest":
        " netperf -P 0 -H %s -t UDP_STREAM -l {0} -- -m 64" % HOST,
}


def say(text):
    """Tells what is going on."""
    print("bench: " + text, flush=True)


def run(*command):
    """Runs a command that must succeed."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


def netperf(program):
    """Where carrier/packages put netperf's programs, or None."""
    path = os.path.join(cache_folder(), "netperf", "usr", "bin", program)
    return path if os.path.exists(path) else None


def tap_make():
    """The tap that both hosts use in turn."""
    subprocess.run(["ip", "link", "del", TAP], check=False,
                   stderr=subprocess.DEVNULL)
    run("ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr")
    run("ip", "addr", "add", HOST + "/24", "dev", TAP)
    run("ip", "link", "set", TAP, "up")


def initrd(guest):
    """The guest's initial RAM file system with virtio's drivers and the
    programs that make the load: a path."""
    programs = {"bin/iperf3": "/usr/bin/iperf3"}
    for name in ("netperf", "netserver"):
        if netperf(name):
            programs["bin/" + name] = netperf(name)
    path = guest_module.with_programs(guest.initrd, programs,
                                      "/run/bench-network.initrd")
    modules = initramfs.Modules(os.path.join(cache_folder(),
                                             "kernel-" + KERNEL))
    archive = initramfs.Archive()
    closure = modules.closure(VIRTIO)
    for name, data in closure:
        archive.data("virtio/%s.ko" % name, data)
    archive.data("virtio/order",
                 "".join(name + "\n" for name, _ in closure).encode())
    with open(path, "ab") as stream:
        stream.write(archive.bytes())
    return path


def command(host, guest, image):
    """The command line that boots the guest."""
    append = vm_module.APPEND + " lis.daemons=none"
    if host == "lis":
        return [vm_module.LIS, "run", "--name", "bench", "--kernel",
                guest.image, "--initrd", image, "--memory",
                "%dM" % MEMORY_MIB, "--append", append, "--net", "tap=" + TAP]
    return QEMU + ["-kernel", guest.image, "-initrd", image, "-append", append,
                   "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no,"
                   "vhost=off" % TAP,
                   "-device", "virtio-net-pci,netdev=net,romfile="]


def cpu_s(pid):
    """Processor time that a process took for itself, without its guest's."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stream:
        fields = stream.read().rpartition(")")[2].split()
    user, system, guest = (int(fields[i]) for i in (11, 12, 40))
    return (user + system - guest) / os.sysconf("SC_CLK_TCK")


def frames():
    """Frames that crossed the tap so far, both ways."""
    total = 0
    for name in ("rx_packets", "tx_packets"):
        with open("/sys/class/net/%s/statistics/%s" % (TAP, name),
                  encoding="ascii") as stream:
            total += int(stream.read())
    return total


def figure(name, said):
    """What a job achieved: (number, unit)."""
    if name.startswith("TCP") and said.lstrip().startswith("{"):
        end = json.loads(said)["end"]
        return end["sum_received"]["bits_per_second"] / 1e6, "Mbit/s"
    rows = [line.split() for line in said.splitlines() if line.strip()]
    if "request" in name:
        return float(rows[0][5]), "1/s"
    # Sent, then received: size of the socket, seconds, messages.
    return float(rows[1][-2]) / float(rows[1][-3]), "1/s"


class Round:
    """One boot of a host, and every job in it."""

    def __init__(self, host, line):
        self.host = host
        self.process = console.start(line)
        self.text = console.Console(self.process)

    def guest_run(self, script, timeout_s=300):
        """Runs a script in the guest, which must succeed: what it said."""
        status, output = self.text.run(script, timeout_s)
        if status:
            raise RuntimeError("%s: %s: %s" % (self.host, script, output))
        return output

    def set_up(self):
        """The adapter and the servers."""
        self.text.ready(300)
        if self.host != "lis":
            self.guest_run("while read n; do insmod /virtio/$n.ko; done "
                           "</virtio/order")
        self.guest_run(
            "until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done; "
            "ip link set lo up; ip link set dummy0 down 2>/dev/null; "
            "ip addr add %s/24 dev eth0; ip link set eth0 up; "
            "until ping -c 1 -W 1 %s; do :; done; iperf3 -s -D; "
            "! [ -e /bin/netserver ] || netserver" % (GUEST, HOST))

    def job(self, line):
        """Runs one job: what it said."""
        line = line.format(SECONDS)
        if line.startswith(" "):
            return self.guest_run(line)
        program, _, rest = line.partition(" ")
        path = netperf(program) or program
        return subprocess.run([path] + rest.split(), check=True,
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, timeout=300).stdout

    def all(self, jobs):
        """{job: (figure, host's processor seconds for a frame, unit)}."""
        result = {}
        for name in jobs:
            before, crossed = cpu_s(self.process.pid), frames()
            value, unit = figure(name, self.job(JOBS[name]))
            spent = cpu_s(self.process.pid) - before
            result[name] = (value, spent / max(1, frames() - crossed), unit)
        return result


def one_round(host, line, jobs):
    """Boots a host, runs the jobs, ends it."""
    this = Round(host, line)
    try:
        this.set_up()
        return this.all(jobs)
    finally:
        this.process.kill()
        this.process.wait()


def table(median):
    """Prints the figures beside each other."""
    say("throughput (lis is so many times it), host's processor time a frame")
    for name in median["lis"]:
        say("  " + name)
        for host in HOSTS:
            value, cost, unit = median[host][name]
            say("    %-12s %8.0f %-6s (%.2f) %7.2f us (%.2f)" % (
                host, value, unit, median["lis"][name][0] / value, cost * 1e6,
                cost / max(1e-9, median["lis"][name][1])))


def main():
    """Measures, prints a table, and writes all of it to the file named."""
    only = re.compile(os.environ.get("LIS_BENCH_JOBS", ""))
    jobs = [name for name, line in JOBS.items() if only.search(name)
            and (netperf("netperf") or "netperf" not in line)]
    if not netperf("netperf"):
        say("network: no netperf (carrier/packages bench fetches it), so "
            "without what it measures")
    tap_make()
    server = netperf("netserver")
    if server:
        run(server)
    guest = vm_module.Guest("bench", KERNEL)
    image = initrd(guest)
    runs = {host: [] for host in HOSTS}
    for number in range(ROUNDS):
        for host in HOSTS:
            say("network: %s, round %d of %d" % (host, number + 1, ROUNDS))
            runs[host].append(one_round(host, command(host, guest, image),
                                        jobs))
    median = {host: {name: [statistics.median(r[name][i] for r in runs[host])
                            for i in (0, 1)] + [runs[host][0][name][2]]
                     for name in jobs} for host in HOSTS}
    table(median)
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump({"runs": runs, "median": median}, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
