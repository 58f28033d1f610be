# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Our synthetic network with guest ends other than Linux's hv_netvsc."""

import os
import re
import subprocess

import pytest

import dpdk
import ipxe
from test_network import web_server
from vm import LIS, lis

DEVICE = "f8615163-df3e-46c5-913f-f2d2f965ed0e"
BIND = """device=$(readlink -f /sys/class/net/eth0/device)
echo %s >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
echo ${device##*/} >/sys/bus/vmbus/drivers/hv_netvsc/unbind
echo ${device##*/} >/sys/bus/vmbus/drivers/uio_hv_generic/bind
ls $device/uio
# DPDK loads no drivers by way of a folder that anyone may write to.
chmod 755 /
mkdir -p /dev/hugepages
[ -e /var/run ] || ln -s /run /var/run
mount -t hugetlbfs hugetlbfs /dev/hugepages
echo 64 >/proc/sys/vm/nr_hugepages
cat /proc/sys/vm/nr_hugepages""" % DEVICE


@pytest.fixture(name="dpdk_vm")
def _dpdk_vm(new_vm, tmp_path):
    """Makes a guest with DPDK in it: (vm, how to run testpmd)."""
    reason = dpdk.missing_reason()
    if reason:
        pytest.skip(reason)

    def make(kernel, net):
        vm = new_vm(kernel, cpus=2, memory="512M", boot=False,
                    options=("--net", net))
        archive, testpmd = dpdk.archive()
        path = str(tmp_path / "initrd")
        with open(vm.initrd, "rb") as stream, open(path, "wb") as whole:
            whole.write(stream.read())
            whole.write(archive)
        vm.command[vm.command.index(vm.initrd)] = path
        return vm.boot(), testpmd

    return make


@pytest.mark.slow
@pytest.mark.parametrize("queues", [1, 2])
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_dpdk(dpdk_vm, kernel, queues, tap):
    """DPDK's netvsc driver links up, hears and answers, on each queue."""
    vm, testpmd = dpdk_vm(kernel, "tap=%s,monitored" % tap)
    vm.run(BIND)
    # Of its own accord it takes buffers for 32 ports.
    vm.run("%s -l 0,1 --no-telemetry -- --total-num-mbufs=8192 --rxq=%d "
           "--txq=%d --forward-mode=icmpecho --stats-period=2 >/tmp/testpmd "
           "2>&1 &" % (testpmd, queues, queues))
    vm.run("until grep -q statistics /tmp/testpmd; do sleep 0.5; "
           "pidof dpdk-testpmd >/dev/null || { cat /tmp/testpmd; exit 1; }; "
           "done", 240)
    # It answers for every address; each is another flow.
    said = [subprocess.run(
        ["busybox", "ping", "-c", "4", "-W", "10", "203.0.113.%d" % host],
        check=False, stdout=subprocess.PIPE, text=True).stdout
        for host in range(2, 10)]
    output = vm.run("sleep 3; tail -n 40 /tmp/testpmd")
    received = sum(int(re.search(r"(\d+) packets received", one).group(1))
                   for one in said)
    assert received >= 24, "%s\n%s" % (said, output)
    counted = re.findall(r"RX-packets: (\d+)(?:.*\n){3}.*TX-packets: (\d+)",
                         output)
    assert counted and min(map(int, counted[-1])) >= 24, output
    one, = lis("net", "list", vm.name, "--json").json["adapters"]
    assert one["channels"] == queues and one["guest"]["sent_frames"] >= 24
    output = vm.run("kill -INT $(pidof dpdk-testpmd); "
                    "while pidof dpdk-testpmd >/dev/null; do sleep .2; done; "
                    "cat /tmp/testpmd")
    heard = dict(re.findall(r"RX Port= 0/Queue= (\d)[^\n]*\n *"
                            r"RX-packets: (\d+)", output))
    assert queues == 1 or min(int(heard.get("0", 0)),
                              int(heard.get("1", 0))) > 0, output


@pytest.mark.slow
def test_ipxe(tmp_path):
    """iPXE's VMBus and netvsc drivers: an address by DHCP, a file by HTTP, on
    VMBus 0.13 with its interrupt page, and with a monitored channel."""
    reason = ipxe.missing_reason()
    if reason:
        pytest.skip(reason)
    if not os.path.exists("/dev/kvm"):
        pytest.skip("no /dev/kvm: run inside carrier/carrier run")
    (tmp_path / "payload").write_bytes(os.urandom(100000))
    with web_server(str(tmp_path)) as port:
        for net in ("user", "user,monitored"):
            vm = subprocess.run(
                [LIS, "run", "--name", "ipxe", "--kernel", ipxe.kernel(),
                 "--memory", "256M", "--net", net, "--append",
                 "ifstat && dhcp && imgfetch http://10.0.2.2:%d/payload && "
                 "imgstat && ifstat && exit" % port],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=600, check=False)
            said = vm.stdout.decode(errors="replace")
            assert "netvsc" in said, said
            assert "payload : 100000 bytes" in said, said
            assert vm.returncode == 0, said
