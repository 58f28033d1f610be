# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What goes wrong in the daemons that exist, and does not in lisd: its
key-value service, with the upstream kernel's driver on our host."""

import base64
import time

import pytest

import lisd_guest
import vm as vm_module

SERVICE = "Key-Value Pair Exchange"
POOLS = "/var/lib/hyperv"
RECORD_BYTES = 2560
# Of the process that talks to the driver, not of the helper that it has.
PID = "$(grep -lx hv_kvp_daemon /proc/[0-9]*/comm | cut -d / -f 3)"


@pytest.fixture(scope="module", name="_ours")
def _ours_fixture(_kept):
    """The guest of one kind, with lisd's key-value service."""
    if not _kept.alive():
        _kept.boot()
    lisd_guest.take_over(_kept, "kvp")
    yield
    if _kept.alive():
        lisd_guest.give_back(_kept, "kvp")


@pytest.fixture(name="rpc")
def _rpc(vm, _ours):
    """Control connection of a guest where lisd answers."""
    vm.wait_status(SERVICE, "OK", 60)
    rpc = vm_module.Rpc(vm.name)
    yield rpc
    rpc.close()


def items(rpc, pool):
    """{key: value} of a pool."""
    answer = rpc.call("kvp.enumerate", pool=pool)
    return {item["key"]: item["value"] for item in answer["items"]}


def restart(vm):
    """Starts the daemon anew."""
    vm.run("daemon stop kvp; daemon start kvp")
    vm.wait_status(SERVICE, "OK", 60)


def pool_bytes(vm, number):
    """A pool file, as it is."""
    return base64.b64decode(vm.run("base64 %s/.kvp_pool_%d" % (POOLS, number)))


def test_name_is_not_cached(vm, rpc):
    """"The fully qualified name is cached at start": it is as it is now."""
    before = items(rpc, "auto")["FullyQualifiedDomainName"]
    try:
        vm.run("hostname other")
        assert items(rpc, "auto")["FullyQualifiedDomainName"] == "other"
        vm.run("echo 192.0.2.10 other.example.org other >>/etc/hosts")
        assert items(rpc, "auto")["FullyQualifiedDomainName"] == \
            "other.example.org"
    finally:
        vm.run("sed -i /other/d /etc/hosts; hostname -F /etc/hostname")
    assert items(rpc, "auto")["FullyQualifiedDomainName"] == before


def test_no_scripts(vm, rpc):
    """"Absent on minimal and immutable distributions, which then show no IP
    address at all": without scripts, a shell by that name, or ethtool."""
    vm.run("mkdir /hidden; mv /usr/libexec/hypervkvpd /bin/bash /sbin/ethtool "
           "/hidden")
    try:
        restart(vm)
        answer = rpc.call("ip.get", adapter="00:15:5d:00:00:01")
        assert "192.0.2.10" in answer["addresses"]
        assert "192.0.2.1" in answer["gateways"]
        assert "192.0.2.53" in answer["dns"]
        assert "192.0.2.10" in items(rpc, "auto")["NetworkAddressIPv4"]
    finally:
        vm.run("mv /hidden/hypervkvpd /usr/libexec; mv /hidden/bash /bin; "
               "mv /hidden/ethtool /sbin; rmdir /hidden")


@pytest.mark.slow
def test_gateways_are_the_interfaces_own(vm, rpc):
    """"Every interface reports all gateways", and eth1 is not eth10."""
    vm.run("ip link add dummy01 type dummy && ip link set dummy01 address "
           "00:15:5d:00:00:11 && ip addr add 198.51.100.9/24 dev dummy01 && "
           "ip link set dummy01 up && "
           "ip route add default via 198.51.100.1 dev dummy01 metric 50")
    try:
        first = rpc.call("ip.get", adapter="00:15:5d:00:00:01")
        second = rpc.call("ip.get", adapter="00:15:5d:00:00:11")
    finally:
        vm.run("ip link del dummy01")
    assert first["gateways"] == ["192.0.2.1"]
    assert second["gateways"] == ["198.51.100.1"]
    assert second["addresses"][0] == "198.51.100.9"
    assert "198.51.100.9" not in first["addresses"]


@pytest.mark.slow
def test_torn_pool_is_repaired(vm, rpc):
    """A file that is cut elsewhere keeps its records, with a log line."""
    rpc.call("kvp.set", pool="guest", key="kept", value="yes")
    vm.run("daemon stop kvp; head -c 100 /dev/zero >>%s/.kvp_pool_1; "
           "daemon start kvp" % POOLS)
    vm.wait_status(SERVICE, "OK", 60)
    assert items(rpc, "guest") == {"kept": "yes"}
    assert len(pool_bytes(vm, 1)) == RECORD_BYTES
    assert "torn" in vm.run("grep hv_kvp_daemon /var/log/messages")
    rpc.call("kvp.remove", pool="guest", key="kept")


@pytest.mark.slow
def test_disk_full(vm, rpc):
    """The host is told, and what was there before stays."""
    vm.run("daemon stop kvp; mount -t tmpfs -o size=24k tmpfs %s; "
           "daemon start kvp" % POOLS)
    try:
        vm.wait_status(SERVICE, "OK", 60)
        kept = {}
        for number in range(20):
            result = vm.lis("kvp", "set", "key %d" % number, "v", check=False)
            if result.status:
                break
            kept["key %d" % number] = "v"
        assert result.status and kept
        assert "80070070" in result.error or "full" in result.error
        assert items(rpc, "external") == kept
        assert len(pool_bytes(vm, 0)) == RECORD_BYTES * len(kept)
        assert vm.run("ls -A %s | grep -c -v kvp_pool_.$ || true"
                      % POOLS) == "0"
    finally:
        vm.run("daemon stop kvp; umount %s; daemon start kvp" % POOLS)


@pytest.mark.slow
def test_read_only_pool(vm, rpc):
    """What cannot be written is read, and the host is told of the rest."""
    rpc.call("kvp.set", pool="external", key="before", value="1")
    vm.run("daemon stop kvp; mount --bind %s %s; mount -o remount,bind,ro %s; "
           "rm -rf /run/hyperv; mkdir /run/hyperv; "
           "mount -t tmpfs -o ro tmpfs /run/hyperv; daemon start kvp"
           % (POOLS, POOLS, POOLS))
    try:
        vm.wait_status(SERVICE, "OK", 60)
        assert vm.lis("kvp", "set", "k", "v", check=False).status
    finally:
        vm.run("daemon stop kvp; umount /run/hyperv; umount %s; "
               "daemon start kvp" % POOLS)
    vm.wait_status(SERVICE, "OK", 60)
    assert items(rpc, "external") == {"before": "1"}
    rpc.call("kvp.remove", pool="external", key="before")


@pytest.mark.slow
def test_killed_while_it_writes(vm, rpc):
    """A daemon that is killed leaves whole records, and comes back."""
    for turn in range(4):
        vm.run("(sleep 0.%d; kill -9 $(daemon pid kvp)) >/dev/null 2>&1 &"
               % (turn + 1))
        for number in range(8):
            vm.lis("kvp", "set", "key %d" % number, str(turn), check=False)
    vm.wait_status(SERVICE, "OK", 60)
    seen = items(rpc, "external")
    data = pool_bytes(vm, 0)
    assert len(data) == RECORD_BYTES * len(seen)
    for key in seen:
        assert rpc.call("kvp.remove", pool="external", key=key)["removed"]


def test_supervised(vm, rpc):  # pylint: disable=unused-argument
    """lisd by its own name: a service's process that is killed comes back,
    and one end ends all."""
    vm.run("daemon stop kvp; (lisd kvp >/tmp/lisd.log 2>&1 &)")
    try:
        vm.wait_status(SERVICE, "OK", 60)
        first = vm.run("echo " + PID)
        vm.run("kill -9 " + first)
        vm.run("until p=%s; [ -n \"$p\" ] && [ \"$p\" != %s ]; do "
               "sleep 0.1; done" % (PID, first))
        vm.wait_status(SERVICE, "OK", 60)
        assert "NetworkAddressIPv4" in items(rpc, "auto")
        vm.run("kill $(grep -lx lisd /proc/[0-9]*/comm | cut -d / -f 3); "
               "while [ -n \"%s\" ]; do sleep 0.1; done" % PID)
    finally:
        vm.run("daemon start kvp")


def test_confined(vm, rpc):  # pylint: disable=unused-argument
    """No capability is left, and system calls are filtered."""
    status = vm.run("cat /proc/%s/status" % PID)
    fields = dict(line.split(":", 1) for line in status.splitlines())
    for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["Seccomp"].strip() == "2"
    assert fields["NoNewPrivs"].strip() == "1"


@pytest.mark.slow
def test_after_a_pause(vm, rpc):
    """The service goes on when the VM does."""
    vm.lis("pause")
    time.sleep(1)
    vm.lis("resume")
    vm.wait_status(SERVICE, "OK", 60)
    assert "OSName" in items(rpc, "auto")


def turned_off_and_on(vm, rpc, times):
    """Disables and enables the service, each time to the end."""
    for number in range(times):
        vm.lis("disable", SERVICE)
        vm.lis("enable", SERVICE)
        vm.wait_status(SERVICE, "OK", 60)
        vm.lis("kvp", "set", "round", str(number))
        assert items(rpc, "external") == {"round": str(number)}
    rpc.call("kvp.remove", pool="external", key="round")


def test_disabled_and_enabled(vm, rpc):
    """The same process is there again when the host offers it again."""
    before = vm.run("echo " + PID)
    turned_off_and_on(vm, rpc, 2)
    assert vm.run("echo " + PID) == before


@pytest.mark.slow
def test_disabled_and_enabled_20_times(vm, rpc):
    """As often as features.md asks."""
    before = vm.run("echo " + PID)
    turned_off_and_on(vm, rpc, 20)
    assert vm.run("echo " + PID) == before
