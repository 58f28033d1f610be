# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lisd in whole Debian guests, one for each manager of networks: addresses set
from the host are written for it, applied at once, read back, and put back when
that fails."""

import os
import tarfile
import time

import pytest

import debian
import guest as guest_module
import lisd_guest
import vm as vm_module
from debian_guest import DebianGuest

SERVICE, BACKUP = "Key-Value Pair Exchange", "VSS"
COPY = "Guest Service Interface"
NAMES = {"kvp": SERVICE, "vss": BACKUP, "fcopy": COPY}
UNIT = os.path.join(os.path.dirname(lisd_guest.LISD), "lisd.service")
CHOSEN, GATEWAY, DNS = "10.0.2.77", "10.0.2.2", "10.0.2.3"
# libslirp's lease.
LEASE = "10.0.2.15"

# Of each kernel: the daemons of Debian that have a device there.
KERNELS = {"6.1": ("kvp", "vss", "fcopy"), "6.12": ("kvp", "vss")}

# No manager owns eth0, and it has no address.
NOBODY = "ifdown eth0; systemctl stop -q NetworkManager systemd-networkd.socket " \
    "systemd-networkd systemd-resolved; " \
    "sed -i /eth0/d /etc/network/interfaces; " \
    "rm -f /etc/network/interfaces.d/* /etc/netplan/* " \
    "/run/systemd/network/* /etc/systemd/network/* " \
    "/etc/NetworkManager/system-connections/*; " \
    "echo nameserver 192.0.2.53 >/etc/resolv.conf; " \
    "ip addr flush dev eth0; ip link set eth0 down; "
# Of each: what makes it own eth0, and the folder that a file goes to.
MANAGERS = {
    "ifupdown": (
        "printf 'auto eth0\\niface eth0 inet dhcp\\n' "
        ">>/etc/network/interfaces; ifup eth0",
        "/etc/network/interfaces.d"),
    "networkmanager": (
        "systemctl start NetworkManager",
        "/etc/NetworkManager/system-connections"),
    "networkd": (
        "printf '[Match]\\nName=eth0\\n[Network]\\nDHCP=yes\\n' "
        ">/etc/systemd/network/50-eth0.network; "
        "systemctl start systemd-networkd systemd-resolved",
        "/etc/systemd/network"),
    "netplan": (
        "mkdir -p /etc/netplan; "
        "printf 'network:\\n  version: 2\\n  ethernets:\\n    eth0:\\n"
        "      dhcp4: true\\n' >/etc/netplan/50-eth0.yaml; "
        "chmod 600 /etc/netplan/50-eth0.yaml; "
        "systemctl start systemd-networkd systemd-resolved; netplan apply",
        "/etc/netplan"),
}


def brought(folder):
    """A disk with lisd and its unit, as an archive: not every kernel's Debian
    has a daemon for file copy."""
    path = os.path.join(folder, "lisd.raw")
    with tarfile.open(path, "w") as archive:
        archive.add(lisd_guest.LISD, "usr/sbin/lisd")
        archive.add(UNIT, "root/lisd.service")
    return path


@pytest.fixture(scope="module", name="booted", params=list(KERNELS))
def _booted(request, tmp_path_factory):
    """A Debian with every manager, and lisd in it. It boots once: that takes
    longer than all that is tested in it."""
    if not os.path.exists("/dev/kvm"):
        pytest.skip("no /dev/kvm: run inside carrier/carrier run")
    lisd_guest.need()
    reason = guest_module.missing_reason(request.param)
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("debian")
    disk = str(folder / "disk.vhdx")
    vm_module.lis("disk", "convert", debian.disk(print, managers=True), disk,
                  timeout_s=1200)
    guest = DebianGuest("debian-lisd", disk, request.param, login=False,
                        options=("--net", "user", "--enable", COPY, "--disk",
                                 brought(str(folder)) + ",read-only"))
    guest.boot()
    print("booted: " + guest.run("systemd-analyze time; systemctl --failed "
                                 "--no-legend --no-pager"))
    # Which of the disks is found first is not for sure.
    guest.run("for i in /dev/sd?; do [ $i = $(findmnt -n -o SOURCE /) ] || "
              "tar -xf $i -C /; done; chmod 755 /usr/sbin/lisd")
    yield guest
    guest.kill()


@pytest.fixture(scope="module", name="debian_vm")
def _debian_vm(booted):
    """It, with lisd under its own unit, in the place of Debian's."""
    booted.run("systemctl stop hv-kvp-daemon hv-vss-daemon hv-fcopy-daemon; "
               "cp /root/lisd.service /etc/systemd/system; "
               "systemctl daemon-reload; systemctl enable -q lisd; "
               "systemctl restart lisd", 120)
    wait_all(booted)
    return booted


@pytest.fixture(name="owned", params=list(MANAGERS))
def _owned(debian_vm, request):
    """The guest, and the name of the manager that owns its eth0."""
    debian_vm.run(NOBODY + MANAGERS[request.param][0], 240)
    wait_address(debian_vm, LEASE)
    return debian_vm, request.param


def wait_address(guest, address, limit_s=300):
    """Waits until eth0 has an address."""
    limit = time.monotonic() + limit_s
    while address + "/" not in guest.run("ip -4 -o addr show dev eth0"):
        assert time.monotonic() < limit, guest.run(
            "ip addr; ip route; journalctl -n 40 --no-pager")
        time.sleep(0.5)


def wait_all(guest):
    """Waits until each service of lisd answers."""
    for service in NAMES.values():
        guest.wait_status(service, "OK", 120)


def main_pid(guest, unit="lisd"):
    """Of the unit."""
    return guest.run("systemctl show -p MainPID --value " + unit)


def wait_restart(guest, before):
    """Waits until systemd has started lisd anew."""
    guest.run("until systemctl is-active -q lisd && [ $(systemctl show -p "
              "MainPID --value lisd) != %s ]; do sleep 0.2; done" % before, 240)
    wait_all(guest)


def adapter(guest):
    """(GUID, MAC address) of its adapter."""
    return (guest.run("cat /sys/class/net/eth0/device/device_id"),
            guest.run("cat /sys/class/net/eth0/address"))


def shown(guest, mac):
    """What `lis ip` shows."""
    return guest.lis("ip", "--adapter", mac, "--json").json


@pytest.mark.slow
def test_under_debians_units(booted, tmp_path):
    """By the names of Debian's daemons, in their units, whose confinement is
    not ours: what that allows works, and what it forbids is told."""
    guest = booted
    names = KERNELS[guest.kernel]
    guest.run("cd /usr/sbin; for i in %s; do systemctl stop hv-$i-daemon; "
              "ln -sf lisd hv_${i}_daemon; systemctl start hv-$i-daemon; done"
              % " ".join(names), 120)
    for name in names:
        guest.wait_status(NAMES[name], "OK", 120)
        pid = main_pid(guest, "hv-%s-daemon" % name)
        assert guest.run("readlink /proc/%s/exe" % pid) == "/usr/sbin/lisd"
    rpc = vm_module.Rpc(guest.name)
    seen = {item["key"]: item["value"] for item in
            rpc.call("kvp.enumerate", pool="auto")["items"]}
    rpc.call("kvp.set", pool="external", key="key", value="a value")
    rpc.close()
    assert seen["OSName"] == "Debian GNU/Linux" and seen["OSMajorVersion"] == \
        "12", seen
    assert guest.run("tr -d '\\0' </var/lib/hyperv/.kvp_pool_0") == \
        "keya value"
    guest.lis("freeze")
    guest.lis("thaw")
    if "fcopy" in names:
        small = tmp_path / "small"
        small.write_text("a line\n")
        guest.lis("copy", str(small), "/root/small")
        assert guest.run("cat /root/small") == "a line"
    # Its unit lets hv-kvp-daemon write nothing below /etc.
    wait_address(guest, LEASE)
    refused = guest.lis("ip", "--adapter", adapter(guest)[0], "--address",
                        CHOSEN + "/24", "set", check=False)
    assert refused.status, refused.output
    assert "80070013" in refused.error or "rotected" in refused.error, \
        refused.error
    wait_address(guest, LEASE, 1)
    assert guest.run("pidof dhclient")


@pytest.mark.slow
def test_static_ip_injection(owned):
    """From DHCP to an address and back, and what cannot be written."""
    guest, manager = owned
    guid, mac = adapter(guest)
    before = shown(guest, mac)
    assert LEASE in before["addresses"], before
    assert GATEWAY in before["gateways"], before
    assert before["dhcp"] is True, before

    # Refused by the file system: told, and nothing changed.
    folder = MANAGERS[manager][1]
    guest.run("mkdir -p %s; chattr +i %s" % (folder, folder))
    refused = guest.lis("ip", "--adapter", guid, "--address", CHOSEN + "/24",
                        "set", check=False)
    guest.run("chattr -i " + folder)
    assert refused.status, refused.output
    assert "80070005" in refused.error or "denied" in refused.error, \
        refused.error
    wait_address(guest, LEASE)
    assert CHOSEN not in shown(guest, mac)["addresses"]

    guest.lis("ip", "--adapter", guid, "--address", CHOSEN + "/24",
              "--gateway", GATEWAY, "--dns", DNS, "set")
    after = shown(guest, mac)
    assert CHOSEN in after["addresses"], after
    assert LEASE not in after["addresses"], after
    # libslirp advertises itself for IPv6, which ifupdown leaves to the kernel.
    assert after["gateways"] in ([GATEWAY], [GATEWAY, "fe80::2"]), after
    assert DNS in after["dns"], after
    assert "127.0.0.53" not in after["dns"], after
    assert after["dhcp"] is False, after
    guest.run("ping -c 1 -W 5 " + GATEWAY)
    if manager == "networkmanager":
        assert guest.run("stat -c %a " + folder + "/lis-eth0.nmconnection") \
            == "600"

    guest.lis("ip", "--adapter", guid, "--dhcp", "set")
    wait_address(guest, LEASE)
    again = shown(guest, mac)
    assert again["dhcp"] is True and CHOSEN not in again["addresses"], again


@pytest.mark.slow
@pytest.mark.last
def test_under_its_own_unit(debian_vm):
    """By lisd.service, which is ready before anyone asks, and comes back: when
    its process is killed, and when it hangs."""
    guest = debian_vm
    assert guest.run("systemctl is-active lisd") == "active"
    assert guest.run("systemctl show -p Type --value lisd") == "notify"
    # udev starts Debian's units with their devices: they are this one.
    first = main_pid(guest)
    guest.run("systemctl start hv-kvp-daemon hv-vss-daemon hv-fcopy-daemon",
              120)
    assert main_pid(guest) == first
    guest.lis("disable", SERVICE)
    guest.lis("enable", SERVICE)
    guest.wait_status(SERVICE, "OK", 120)
    assert main_pid(guest) == first
    guest.run("kill -9 " + first)
    wait_restart(guest, first)
    second = main_pid(guest)
    guest.run("kill -STOP " + second)
    wait_restart(guest, second)
    assert "atchdog" in guest.run("journalctl -b -u lisd --no-pager")


@pytest.mark.slow
@pytest.mark.last
def test_all_killed_while_frozen(debian_vm):
    """Every process of lisd is killed at once with the root frozen: systemd
    starts it anew, and that thaws."""
    guest = debian_vm
    guest.wait_status("VSS", "OK", 120)
    guest.lis("freeze")
    # Under the frozen root nothing new is written: this waits for the thaw.
    guest.run("(echo x >/root/written; touch /run/lis/written) "
              ">/dev/null 2>&1 & sleep 2; [ ! -e /run/lis/written ]")
    # Stopped first: systemd kills one after the other, and the watchdog would
    # thaw when the daemon is dead already and it is not.
    guest.run("systemctl kill -s STOP lisd; systemctl kill -s KILL lisd")
    guest.run("until [ -e /run/lis/written ]; do sleep 0.2; done", 120)
    guest.lis("thaw", check=False)
    guest.wait_status("VSS", "OK", 120)
    assert "a daemon that was killed left" in guest.run(
        "journalctl -b -u lisd --no-pager")
    guest.lis("freeze")
    guest.lis("thaw")
    guest.run("echo y >/root/written")


# cloud-init with all of its stages, but nothing in them: that takes minutes. It
# tells of each in the pool that is the guest's.
CLOUD_CONFIG = """
datasource_list: [NoCloud]
network: {config: disabled}
reporting: {host: {type: hyperv}}
cloud_init_modules: [bootcmd]
cloud_config_modules: []
cloud_final_modules: []
"""
CLOUD_DATA = """#cloud-config
bootcmd: [[cp, /var/lib/hyperv/.kvp_pool_0, /run/pool-as-seen]]
"""
# Its own code, reading a pool and telling of events.
CLOUD_READS = """
from cloudinit.reporting.handlers import HyperVKvpReportingHandler as Handler
Handler._already_truncated_pool_file = True
pool = Handler(kvp_file_path='/var/lib/hyperv/.kvp_pool_0')
for item in pool._iterate_kvps(0):
    print(item['key'] + '=' + item['value'])
"""
CLOUD_TELLS = """
from cloudinit.reporting import events, handlers
handlers.HyperVKvpReportingHandler._already_truncated_pool_file = True
teller = handlers.HyperVKvpReportingHandler()
for number in range(%d):
    teller.publish_event(events.ReportingEvent('log', 'event %%d' %% number, ''))
    teller.flush()
"""
EVENTS = 40


def python(guest, program, where=""):
    """Runs a program with the guest's Python."""
    return guest.run("cat >/run/program.py <<'END'\n%s\nEND\n"
                     "python3 /run/program.py%s" % (program, where), 240)


def in_pool(guest, pool):
    """{key: value} as the host has them from the guest."""
    rpc = vm_module.Rpc(guest.name)
    items = rpc.call("kvp.enumerate", pool=pool)["items"]
    rpc.close()
    assert len({item["key"] for item in items}) == len(items)
    return {item["key"]: item["value"] for item in items}


@pytest.mark.slow
@pytest.mark.last
def test_cloud_init(debian_vm):
    """It starts after lisd, which has the pools ready: what it tells in its
    first stage arrives at the host, and what the host told is there for it. Both
    then write at once, and nothing is lost."""
    guest = debian_vm
    rpc = vm_module.Rpc(guest.name)
    rpc.call("kvp.set", pool="external", key="from-the-host", value="ünïcödé")
    guest.run("rm -f /etc/cloud/cloud-init.disabled /var/lib/hyperv/.kvp_pool_1;"
              "mkdir -p /var/lib/cloud/seed/nocloud; "
              "cd /var/lib/cloud/seed/nocloud; "
              "echo 'instance-id: lis-1' >meta-data; cat >user-data <<'END'\n"
              + CLOUD_DATA + "END\n"
              "cat >/etc/cloud/cloud.cfg.d/99-lis.cfg <<'END'\n"
              + CLOUD_CONFIG + "END\nsync")
    rpc.close()
    start = guest.console.position()
    guest.lis("restart", "--timeout", "300", timeout_s=320)
    guest.ready(start)
    wait_all(guest)
    assert guest.run("cloud-init status --wait", 300).endswith("done")
    when = [int(guest.run("systemctl show -p %s --value %s" % of)) for of in (
        ("ActiveEnterTimestampMonotonic", "lisd"),
        ("ExecMainStartTimestampMonotonic", "cloud-init-local"))]
    assert when[0] < when[1], when
    told = in_pool(guest, "guest")
    for stage in ("init-local", "init-network", "modules-config",
                  "modules-final"):
        assert any("|finish|%s|" % stage in key for key in told), told
    assert guest.run("tr -d '\\0' </run/pool-as-seen") == \
        guest.run("tr -d '\\0' </var/lib/hyperv/.kvp_pool_0")
    assert "from-the-host=ünïcödé" in python(guest, CLOUD_READS).splitlines()
    assert "kvp" not in guest.run("grep -i 'warn' /var/log/cloud-init.log; true")

    python(guest, CLOUD_TELLS % EVENTS, " >/run/told 2>&1; echo $? >/run/ended &")
    rpc = vm_module.Rpc(guest.name)
    for number in range(EVENTS):
        rpc.call("kvp.set", pool="guest", key="host %d" % number, value="x")
    rpc.close()
    guest.run("until [ -e /run/ended ]; do sleep 0.2; done", 240)
    assert guest.run("cat /run/ended") == "0", guest.run("cat /run/told")
    both = in_pool(guest, "guest")
    assert set(told) <= set(both)
    for number in range(EVENTS):
        assert "host %d" % number in both
        assert any("|log|event %d|" % number in key for key in both), number
