#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""An adapter of ours beside QEMU's virtio-net: the same kernel, the same tap,
the same netperf and iperf3. Runs inside a carrier whose clock counts
instructions (--icount); bench/run.py starts it.

The sender, the host, the guest and the receiver share one processor that never
waits: how much they move in a second is a count of the instructions of all of
them, and the same whatever else the machine does.
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "vm"),
                os.path.join(HERE, "..", "carrier", "lib"), HERE]

import console  # noqa: E402
import guest as guest_module  # noqa: E402
import initramfs  # noqa: E402
import vm as vm_module  # noqa: E402
from host_cost import host_s, INSTRUCTIONS_PER_SECOND  # noqa: E402
from machine import cache_folder  # noqa: E402

SECONDS = int(os.environ.get("LIS_BENCH_SECONDS", 2))
# Of the carrier's clock, which counts instructions.
READY_LIMIT_S, SET_UP_LIMIT_S, JOB_LIMIT_S = 60, 30, 2 * SECONDS + 3
TRIES = 3
# (so many a second, host's processor seconds each)
NO_FIGURE = (0, 0)
MEMORY_MIB = 384
KERNEL = "6.1"
TAP, HOST, GUEST = "bench0", "203.0.113.1", "203.0.113.2"
VIRTIO = ("virtio_pci", "virtio_net", "pktgen")
# What has ethtool switch whether the guest gets segments uncut.
HOSTS = {"lis": "lro", "virtio-net": "rx-gro-hw"}
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-M", "q35",
        "-nodefaults", "-no-user-config", "-display", "none", "-serial",
        "stdio", "-no-reboot", "-smp", "1", "-m", "%dM" % MEMORY_MIB]
IPERF = "iperf3 -J -c %s -t {0}" % GUEST
# Payload of a TCP segment of 1500 bytes.
SEGMENT_BYTES = 1448
# {0}: seconds. In the guest: where it begins with a space. Segments are uncut
# but where the name says so.
JOBS = {
    "TCP to the guest, 1 stream": IPERF,
    "TCP to the guest, 4 streams": IPERF + " -P 4",
    "TCP to the guest, 1 stream, cut": IPERF,
    "TCP from the guest, 1 stream": IPERF + " -R",
    "TCP from the guest, 4 streams": IPERF + " -R -P 4",
    "TCP request and response":
        "netperf -P 0 -H %s -t TCP_RR -l {0} -- -r 1,1" % GUEST,
    "UDP of 64 bytes to the guest":
        "netperf -P 0 -H %s -t UDP_STREAM -l {0} -- -m 64" % GUEST,
    "UDP of 64 bytes from the guest":
        " netperf -P 0 -H %s -t UDP_STREAM -l {0} -- -m 64" % HOST,
    # The receiver drops them for their address: there is no socket behind.
    "UDP frames of 60 bytes by pktgen":
        " cd /proc/net/pktgen; echo rem_device_all >kpktgend_0; "
        "echo add_device eth0 >kpktgend_0; for i in 'count {0}0000' "
        "'pkt_size 60' 'clone_skb 0' 'delay 0' 'dst %s' "
        "'dst_mac 02:00:00:00:00:99'; do echo $i >eth0; done; "
        "echo start >pgctrl; cat eth0" % HOST,
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


def initrd(guest, modules_wanted=VIRTIO):
    """The guest's initial RAM file system with some modules, as virtio's
    drivers, and the programs that make the load: a path."""
    programs = {"bin/iperf3": "/usr/bin/iperf3"}
    for name in ("netperf", "netserver"):
        if netperf(name):
            programs["bin/" + name] = netperf(name)
    path = guest_module.with_programs(guest.initrd, programs,
                                      "/run/bench-network-%s.initrd"
                                      % guest.drivers)
    modules = initramfs.Modules(os.path.join(cache_folder(),
                                             "kernel-" + KERNEL))
    archive = initramfs.Archive()
    closure = modules.closure(modules_wanted)
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
    if host != "virtio-net":
        return [vm_module.LIS, "run", "--name", "bench", "--kernel",
                guest.image, "--initrd", image, "--memory",
                "%dM" % MEMORY_MIB, "--append", append, "--net", "tap=" + TAP]
    return QEMU + ["-kernel", guest.image, "-initrd", image, "-append", append,
                   "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no,"
                   "vhost=off" % TAP,
                   "-device", "virtio-net-pci,netdev=net,romfile="]


def frames():
    """Frames that crossed the tap so far, both ways."""
    total = 0
    for name in ("rx_packets", "tx_packets"):
        with open("/sys/class/net/%s/statistics/%s" % (TAP, name),
                  encoding="ascii") as stream:
            total += int(stream.read())
    return total


def datagrams():
    """Datagrams that programs of this machine have read so far."""
    with open("/proc/net/snmp", encoding="ascii") as stream:
        rows = [line.split() for line in stream if line.startswith("Udp:")]
    return int(dict(zip(*rows))["InDatagrams"])


def moved(name, said, arrived):
    """What a job moved: (how much a second, how much), in segments, round trips
    or datagrams; @arrived: of these, what was read here."""
    if said.lstrip().startswith("{"):
        end = json.loads(said)["end"]["sum_received"]
        return (end["bits_per_second"] / 8 / SEGMENT_BYTES,
                end["bytes"] / SEGMENT_BYTES)
    if "pktgen" in name:
        return (float(re.search(r"(\d+)pps", said).group(1)),
                float(re.search(r"pkts-sofar: (\d+)", said).group(1)))
    # Where a guest has no names of protocols, netperf says so among them.
    rows = [line.split() for line in said.splitlines()
            if line.strip()[:1].isdigit()]
    if "request" in name:
        return float(rows[0][5]), float(rows[0][5]) * float(rows[0][4])
    if "from" in name:
        # A netserver that shares its processor with the sender may count none
        # of what it read, under either host.
        return arrived / float(rows[0][2]), arrived
    # Sent, then received: size of the socket, seconds, messages.
    return (float(rows[1][-2]) / float(rows[1][-3]), float(rows[1][-2]))


class Booted:
    """A host that was booted."""

    def __init__(self, host, line):
        self.host = host
        self.process = console.start(line)
        self.text = console.Console(self.process)

    def guest_run(self, script, timeout_s=JOB_LIMIT_S):
        """Runs a script in the guest, which must succeed: what it said."""
        status, output = self.text.run(script, timeout_s)
        if status:
            raise RuntimeError("%s: %s: %s" % (self.host, script, output))
        return output

    def set_up(self):
        """The adapter and the servers."""
        self.text.ready(READY_LIMIT_S)
        self.guest_run("while read n; do grep -q ^$n' ' /proc/modules || "
                       "insmod /virtio/$n.ko 2>/dev/null; done </virtio/order")
        self.guest_run(
            "until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done; "
            "ip link set lo up; ip link set dummy0 down 2>/dev/null; "
            "ip addr add %s/24 dev eth0; ip link set eth0 up; "
            "until ping -c 1 -W 1 %s; do :; done; iperf3 -s -D; "
            "! [ -e /bin/netserver ] || netserver" % (GUEST, HOST),
            SET_UP_LIMIT_S)

    def job(self, line):
        """Runs one job: what it said."""
        line = line.format(SECONDS)
        if line.startswith(" "):
            return self.guest_run(line)
        program, _, rest = line.partition(" ")
        path = netperf(program) or program
        return subprocess.run([path] + rest.split(), check=True,
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE,
                              timeout=JOB_LIMIT_S).stdout

    def measure(self, name):
        """Runs one job: (so many a second, host's processor seconds each)."""
        self.guest_run("ethtool -K eth0 %s %s" % (
            HOSTS.get(self.host, "lro"), "off" if "cut" in name else "on"))
        before, crossed = host_s(self.process.pid), frames()
        arrived = datagrams()
        said = self.job(JOBS[name])
        rate, count = moved(name, said, datagrams() - arrived)
        spent, crossed = host_s(self.process.pid) - before, frames() - crossed
        # What crossed and was dropped behind that did cost the host.
        cost = spent / max(1, crossed if name.startswith("UDP") else count)
        say("  %s: %.0f a second, %.2f us of the host each" % (
            name, rate, cost * 1e6))
        return rate, cost


def one_host(host, line, jobs):
    """Every job on a host: {job: what measure() says}.

    The emulated SVM crashes a guest now and then, or has it spin: a new one
    goes on with what is left. A job that loses every guest has no figure."""
    result, lost = {}, 0
    while len(result) < len(jobs):
        done = len(result)
        try:
            jobs_run(host, line, jobs, result)
        except (console.ConsoleError, OSError,
                subprocess.SubprocessError) as error:
            say("  the guest was lost: %s" % str(error).partition("\n")[0])
            lost = lost + 1 if len(result) == done else 1
        if lost == TRIES:
            name = next(name for name in jobs if name not in result)
            say("  %s: %d guests were lost, so it has no figure" % (
                name, TRIES))
            result[name], lost = NO_FIGURE, 0
    return result


def jobs_run(host, line, jobs, result):
    """Boots a host, runs the jobs whose result is not there, ends it."""
    this = Booted(host, line)
    try:
        this.set_up()
        for name in jobs:
            if name not in result:
                result[name] = this.measure(name)
    finally:
        this.process.kill()
        this.process.wait()


def figures(ours, theirs):
    """Instructions of what was measured, and so many times as few ours are, if
    they were counted."""
    rate, cost = theirs
    if not rate or not ours or not all(ours):
        return "%8.0f         %8.0f of the host for what crossed" % (
            rate and INSTRUCTIONS_PER_SECOND / rate,
            INSTRUCTIONS_PER_SECOND * cost)
    return "%8.0f (%.2f)  %8.0f (%.2f)" % (
        INSTRUCTIONS_PER_SECOND / rate, ours[0] / rate,
        INSTRUCTIONS_PER_SECOND * cost, cost / ours[1])


def table(results):
    """Prints the figures beside each other."""
    say("instructions for one (lis is so many times as fast), and those of "
        "the host (so many times as cheap); of TCP, for %d bytes"
        % SEGMENT_BYTES)
    ours = results.get("lis", {})
    for name in next(iter(results.values())):
        say("  " + name)
        for host in results:
            say("    %-12s %s" % (host, figures(ours.get(name),
                                                results[host][name])))


def jobs_possible():
    """Names of the jobs that are asked for, and whose programs are there."""
    only = re.compile(os.environ.get("LIS_BENCH_JOBS", ""))
    if not netperf("netperf"):
        say("network: no netperf (carrier/packages bench fetches it), so "
            "without what it measures")
    return [name for name, line in JOBS.items() if only.search(name)
            and (netperf("netperf") or "netperf" not in line)]


def servers_start():
    """What a guest's programs speak to."""
    if netperf("netserver"):
        run(netperf("netserver"))


def main():
    """Measures, prints a table, and writes all of it to the file named."""
    hosts = re.compile(os.environ.get("LIS_BENCH_HOSTS", ""))
    jobs = jobs_possible()
    tap_make()
    servers_start()
    guest = vm_module.Guest("bench", KERNEL)
    image = initrd(guest)
    results = {}
    for host in HOSTS:
        if not hosts.search(host):
            continue
        say("network: " + host)
        results[host] = one_host(host, command(host, guest, image), jobs)
    table(results)
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(results, stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
