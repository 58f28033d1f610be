# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lsvmbus and lis-status in a guest, on the sysfs of its kernel."""

import json
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FOLDER = os.environ.get("GUEST_TOOLS",
                        os.path.join(ROOT, "build", "guest", "tools"))
# The script of the kernel's tools/hv, where somebody has one: it is in no
# package of Debian 12's.
UPSTREAM = os.environ.get("LIS_UPSTREAM_LSVMBUS")
DEVICES = "/sys/bus/vmbus/devices"
SERVICE = "Guest Service Interface"
ATTRIBUTES = ("id", "class_id", "device_id", "channel_vp_mapping")


@pytest.fixture(scope="module", name="tools")
def _tools(_kept):
    """A guest that has them."""
    if not _kept.alive():
        _kept.boot()
    for tool in ("lsvmbus", "lis-status"):
        path = os.path.join(FOLDER, tool)
        if not os.path.exists(path):
            pytest.skip("%s is not built" % path)
        if _kept.try_run("test -x /usr/sbin/" + tool)[0]:
            _kept.wait_status(SERVICE, "OK", 60)
            _kept.lis("copy", path, "/usr/sbin/" + tool)
            _kept.run("chmod 755 /usr/sbin/" + tool)
    return _kept


def attributes(vm):
    """{device: {attribute: text}} as the guest's kernel shows them."""
    found = {}
    for line in vm.run("cd %s; for i in */; do for j in %s; do echo "
                       "\"$i $j $(tr '\\n' ' ' <$i$j)\"; done; done"
                       % (DEVICES, " ".join(ATTRIBUTES))).splitlines():
        device, name, text = line.split(" ", 2)
        found.setdefault(device.rstrip("/"), {})[name] = text.strip()
    return found


def upstream_text(devices, tmp_path, options):
    """What the script prints of the same devices."""
    for device, values in devices.items():
        folder = tmp_path / "devices" / device
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in values.items():
            (folder / name).write_text(text.replace(" ", "\n") + "\n")
    with open(UPSTREAM, encoding="utf-8") as stream:
        script = stream.read().replace(DEVICES, str(tmp_path / "devices"))
    (tmp_path / "script").write_text(script)
    text = subprocess.run([sys.executable, str(tmp_path / "script")] + options,
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return text.replace(str(tmp_path / "devices"), DEVICES)


def test_lsvmbus(vm, tools, tmp_path):  # pylint: disable=unused-argument
    """Every device with its channels, as the kernel shows them, and as the
    kernel's own script prints them."""
    devices = attributes(vm)
    lines = vm.run("lsvmbus").splitlines()
    assert len(lines) == len(devices) >= 6
    assert [int(line.split()[2].rstrip(":")) for line in lines] == \
        sorted(int(one["id"]) for one in devices.values())
    text = vm.run("lsvmbus -vv")
    for name, one in devices.items():
        assert "Class_ID = %s - " % one["class_id"] in text
        assert "\tDevice_ID = %s\n\tSysfs path: %s/%s\n" % (
            one["device_id"], DEVICES, name) in text
        for channel in one["channel_vp_mapping"].split():
            assert "\tRel_ID=%s, target_cpu=%s" % tuple(
                channel.split(":")) in text
    assert "[Data Exchange]" in text and "Unknown" not in text
    report = json.loads(vm.run("lsvmbus --json"))
    assert {one["class_id"] for one in report} == \
        {one["class_id"] for one in devices.values()}
    if UPSTREAM:
        for options in ([], ["-v"], ["-vv"]):
            assert vm.run(" ".join(["lsvmbus"] + options)) == upstream_text(
                devices, tmp_path, options).rstrip("\n")


def test_lis_status(vm, tools):  # pylint: disable=unused-argument
    """All is served; then a daemon is not there, and what to do is told."""
    vm.wait_all_ok()
    status, text = vm.try_run("lis-status")
    assert status == 0, text
    report = json.loads(vm.run("lis-status --json"))
    rows = {row["service"]: row for row in report["services"]}
    assert report["vmbus_version"] == "5.3"
    for name in ("Heartbeat", "Shutdown", "Time Synchronization"):
        assert rows[name]["driver"] == "hv_utils" and rows[name]["opened"]
    assert rows["Heartbeat"]["version"] == "3.0"
    assert rows["VSS"]["process"] == "hv_vss_daemon"
    assert rows["VSS"]["since"].startswith("20")
    vm.run("daemon stop vss")
    try:
        status, text = vm.try_run("lis-status")
        assert status == 1
        assert "VSS: no process has /dev/vmbus/hv_vss open: install" in text
    finally:
        vm.run("daemon start vss")
    vm.lis("disable", SERVICE)
    try:
        status, text = vm.try_run("lis-status")
        assert "the host does not offer it: enable 'Guest Service" in text
    finally:
        vm.lis("enable", SERVICE)
    vm.wait_all_ok()
