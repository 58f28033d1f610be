# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Key-value exchange, with the distribution's hv_kvp_daemon and with lisd."""

import base64

import pytest

import lisd_guest
import vm as vm_module

SERVICE = "Key-Value Pair Exchange"
# A record of a pool file: key 512 bytes, value 2048, padded with zeros.
RECORD = """record() {
printf %%s "$1" >/tmp/r; truncate -s 512 /tmp/r
printf %%s "$2" >>/tmp/r; truncate -s 2560 /tmp/r
cat /tmp/r >>/var/lib/hyperv/.kvp_pool_1
}
rm -f /var/lib/hyperv/.kvp_pool_1
%s"""


@pytest.fixture(name="daemon", params=["debian", "lisd"], scope="module")
def _daemon(_kept, request):
    """Whose daemon answers in the guest."""
    if not _kept.alive():
        _kept.boot()
    if request.param == "lisd":
        lisd_guest.take_over(_kept, "kvp")
    yield request.param
    if request.param == "lisd" and _kept.alive():
        lisd_guest.give_back(_kept, "kvp")


@pytest.fixture(name="rpc")
def _rpc(vm, daemon):  # pylint: disable=unused-argument
    """Control connection of a guest whose daemon answers."""
    vm.wait_status(SERVICE, "OK", 60)
    rpc = vm_module.Rpc(vm.name)
    yield rpc
    for key in items(rpc, "external"):
        rpc.call("kvp.remove", pool="external", key=key)
    rpc.close()


def pool_file(vm, number):
    """{key: value} of a pool file in the guest; the daemon leaves what was in
    its memory behind the terminators."""
    data = base64.b64decode(vm.run(
        "base64 /var/lib/hyperv/.kvp_pool_%d" % number))
    records = [data[at:at + 2560] for at in range(0, len(data), 2560)]
    return {record[:512].split(b"\0")[0].decode():
            record[512:].split(b"\0")[0].decode() for record in records}


def items(rpc, pool):
    """{key: value} of a pool."""
    answer = rpc.call("kvp.enumerate", pool=pool)
    return {item["key"]: item["value"] for item in answer["items"]}


def test_intrinsic_items(vm, rpc):
    """What the guest is, item by item, as the guest itself says."""
    seen = items(rpc, "auto")
    release = dict(line.split("=", 1) for line in
                   vm.run("cat /etc/os-release").splitlines() if "=" in line)
    wanted = {
        "FullyQualifiedDomainName": vm.run("hostname -f"),
        "NetworkAddressIPv4": "192.0.2.10",
        "OSBuildNumber": vm.run("uname -r"),
        "OSName": release["NAME"].strip('"'),
        "ProcessorArchitecture": vm.run("uname -m"),
    }
    for key, value in wanted.items():
        assert value in seen[key], key
    assert "2001:db8::10" in seen["NetworkAddressIPv6"]
    for key in ("IntegrationServicesVersion", "OSMajorVersion",
                "OSMinorVersion", "OSVersion"):
        assert key in seen
    assert seen["OSMajorVersion"] == release["VERSION_ID"].strip('"')


def test_set_read_and_remove(vm, rpc):
    """From the host to the guest, with letters beyond ASCII."""
    vm.lis("kvp", "set", "Größe", "5 µm 漢字 \U0001f642")
    assert items(rpc, "external")["Größe"] == "5 µm 漢字 \U0001f642"
    assert pool_file(vm, 0) == {"Größe": "5 µm 漢字 \U0001f642"}
    vm.lis("kvp", "remove", "Größe")
    assert "Größe" not in items(rpc, "external")
    # Removing what is not there succeeds; modifying it does not.
    vm.lis("kvp", "remove", "Größe")
    assert vm.lis("kvp", "set", "Größe", "x", "--modify",
                  check=False).status != 0


def test_written_in_the_guest(vm, rpc):
    """The guest's own pool is read by the host."""
    vm.run(RECORD % 'record Colour blue; record Größe klein')
    # The daemon reads its pool files when it starts.
    vm.run("kill $(daemon pid kvp)")
    vm.wait_status(SERVICE, "OK", 60)
    assert items(rpc, "guest") == {"Colour": "blue", "Größe": "klein"}


@pytest.mark.parametrize("daemon", [
    pytest.param("debian", marks=pytest.mark.slow), "lisd"],
    indirect=True, scope="module")
def test_250_items(vm, rpc):
    """Set one after the other, enumerated, and removed."""
    wanted = {"key %03d" % n: "value %d" % (n * n) for n in range(250)}
    for key, value in wanted.items():
        rpc.call("kvp.set", pool="external", key=key, value=value)
    assert items(rpc, "external") == wanted
    for key in wanted:
        assert rpc.call("kvp.remove", pool="external", key=key)["removed"]
    assert items(rpc, "external") == {}


@pytest.mark.parametrize("key,value,limit", [
    ("k" * 256, "v", "255"), ("k", "v" * 1024, "1023")],
    ids=["key", "value"])
def test_too_long(vm, rpc, key, value, limit):
    """Refused with the limit named; shorter ones come back whole."""
    refused = vm.lis("kvp", "set", key, value, check=False)
    assert refused.status != 0
    assert limit in refused.error
    # Linux reads one letter less back than it takes.
    key, value = (key[2:], value) if len(key) > 1 else (key, value[2:])
    vm.lis("kvp", "set", key, value)
    assert items(rpc, "external") == {key: value}


def test_ip_addresses(vm, rpc):
    """The configuration of the adapter with a given MAC address."""
    answer = rpc.call("ip.get", adapter="00:15:5d:00:00:01")
    assert "192.0.2.10" in answer["addresses"]
    assert "2001:db8::10" in answer["addresses"]
    assert "192.0.2.1" in answer["gateways"]
    assert "192.0.2.53" in answer["dns"]
    assert answer["dhcp"] is False


def test_without_daemon(vm):
    """Nobody answers: never OK."""
    vm.run("daemon stop kvp")
    try:
        vm.lis("disable", SERVICE)
        vm.lis("enable", SERVICE)
        assert vm.lis("kvp", check=False).status != 0
        assert vm.status(SERVICE) != "OK"
    finally:
        vm.run("daemon start kvp")
    vm.wait_status(SERVICE, "OK", 60)
