# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lsvmbus and lis-status over trees that look like sysfs and proc."""

import json
import os
import subprocess

import pytest

FOLDER = os.environ.get("GUEST_TOOLS", "build/guest/tools")
KVP = "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}"
SCSI = "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}"
INSTANCE = "{f8b3781a-1e82-4818-a1c3-63d806ec15bb}"


def run(tool, *arguments):
    """Runs a tool: (status, output, error)."""
    done = subprocess.run([os.path.join(FOLDER, tool)] + list(arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(name="root")
def _root(tmp_path):
    """sysfs with a SCSI controller of three channels, KVP and an unknown."""
    devices = tmp_path / "bus/vmbus/devices"
    for name, number, kind, channels in (
            ("scsi", 12, SCSI, "13:1\n12:0\n14:2\n"), ("kvp", 3, KVP, "3:0\n"),
            ("odd", 7, "{0}", "")):
        folder = devices / name
        folder.mkdir(parents=True)
        (folder / "id").write_text("%d\n" % number)
        (folder / "class_id").write_text(kind + "\n")
        (folder / "device_id").write_text(INSTANCE + "\n")
        (folder / "channel_vp_mapping").write_text(channels)
        (folder / "state").write_text("3\n")
    return tmp_path


def test_lsvmbus_text(root):
    """Byte for byte what the lsvmbus of the kernel's tools/hv prints."""
    assert run("lsvmbus", "--sysfs", str(root)) == (
        0, "VMBUS ID  3: [Data Exchange]\nVMBUS ID  7: Unknown\n"
        "VMBUS ID 12: Synthetic SCSI Controller\n", "")
    assert run("lsvmbus", "-v", "--sysfs", str(root)) == (
        0, "VMBUS ID  3: Class_ID = %s - [Data Exchange]\n"
        "\tRel_ID=3, target_cpu=0\n\n"
        "VMBUS ID  7: Class_ID = {0} - Unknown\n\n"
        "VMBUS ID 12: Class_ID = %s - Synthetic SCSI Controller\n"
        "\tRel_ID=12, target_cpu=0\n\tRel_ID=13, target_cpu=1\n"
        "\tRel_ID=14, target_cpu=2\n\n" % (KVP, SCSI), "")
    status, output, _ = run("lsvmbus", "-vv", "--sysfs", str(root))
    assert status == 0
    assert output.startswith(
        "VMBUS ID  3: Class_ID = %s - [Data Exchange]\n\tDevice_ID = %s\n"
        "\tSysfs path: %s/bus/vmbus/devices/kvp\n\tRel_ID=3, target_cpu=0\n\n"
        % (KVP, INSTANCE, root))


def test_lsvmbus_json(root):
    """The same for programs."""
    status, output, _ = run("lsvmbus", "--json", "--sysfs", str(root))
    devices = json.loads(output)
    assert status == 0 and [one["id"] for one in devices] == [3, 7, 12]
    assert devices[2]["channels"][1] == {"relid": 13, "target_cpu": 1}
    assert devices[2]["driver"] is None


def test_lsvmbus_broken_device(root):
    """One device that cannot be read does not hide the others."""
    (root / "bus/vmbus/devices/kvp/class_id").unlink()
    status, output, error = run("lsvmbus", "--sysfs", str(root))
    assert status == 1
    assert "VMBUS ID 12: Synthetic SCSI Controller\n" in output
    assert "kvp" in error and "class_id" in error


@pytest.mark.parametrize("tool", ["lsvmbus", "lis-status"])
def test_errors(tool, tmp_path):
    """Where there is no bus, and wrong arguments."""
    status, output, error = run(tool, "--sysfs", str(tmp_path))
    assert status == 3 and not output
    assert "bus/vmbus/devices" in error and "Hyper-V" in error
    assert run(tool, "--nonsense")[0] == 2
    status, _, error = run(tool, "surplus")
    assert status == 2 and "surplus" in error
    status, output, _ = run(tool, "--help")
    assert status == 0 and output.startswith("usage: " + tool)
    assert run(tool, "--version")[1].startswith(tool + " ")


@pytest.mark.parametrize("tool", ["lsvmbus", "lis-status"])
def test_full_disk(tool, root):
    """Output that cannot be written is not success."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [os.path.join(FOLDER, tool), "--sysfs", str(root)], stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "write" in done.stderr


def test_lis_status(root, tmp_path):
    """What is missing, why, and what to do."""
    status, output, _ = run("lis-status", "--sysfs", str(root), "--proc",
                            str(tmp_path / "none"))
    assert status == 1
    assert "SCSI controller: no driver is bound to it: run 'modprobe " \
        "hv_storvsc'." in output
    status, output, _ = run("lis-status", "--json", "--sysfs", str(root))
    report = json.loads(output)
    rows = {row["service"]: row for row in report["services"]}
    assert status == 1
    assert rows["Heartbeat"]["offered"] is False
    assert rows["Heartbeat"]["wrong"] is False
    assert rows["Key-Value Pair Exchange"]["opened"] is True
    assert rows["Key-Value Pair Exchange"]["wrong"] is True
