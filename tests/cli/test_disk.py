# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""lis disk: images are made, shown, resized and checked without a VM."""

import json
import shutil
import subprocess

import pytest

MIB = 1 << 20
GIB = 1 << 30


def info(lis, path, *more):
    """What lis says of an image."""
    return lis("disk", "info", "--json", str(path), *more).json()


@pytest.mark.parametrize("name,options,block", [
    ("a.vhdx", [], 32 * MIB),
    ("a.avhdx", ["--block-size", "1M"], MIB),
    ("a.vhdx", ["--fixed"], 32 * MIB),
    ("a.img", ["--format", "vhdx"], 32 * MIB),
])
def test_vhdx(lis, tmp_path, name, options, block):
    path = tmp_path / name
    assert lis("disk", "create", str(path), "64M", *options).status == 0
    shown = info(lis, path, "--format", "vhdx")
    assert shown["format"] == "vhdx"
    assert shown["size_bytes"] == 64 * MIB
    assert shown["sector_bytes"] == 512
    assert shown["physical_sector_bytes"] == 4096
    assert shown["blocks"]["all"] == 64 * MIB // block
    fixed = "--fixed" in options
    assert shown["blocks"]["present"] == (64 * MIB // block if fixed else 0)
    assert (shown["allocated_bytes"] >= 64 * MIB) == fixed
    if shutil.which("qemu-img"):
        told = json.loads(subprocess.run(
            ["qemu-img", "info", "--output=json", "-f", "vhdx", str(path)],
            stdout=subprocess.PIPE, check=True).stdout)
        assert told["virtual-size"] == 64 * MIB


def test_raw(lis, tmp_path):
    path = tmp_path / "disk"
    assert lis("disk", "create", str(path), "1G").status == 0
    assert path.stat().st_size == GIB
    assert info(lis, path)["format"] == "raw"
    assert lis("disk", "resize", str(path), "2G").status == 0
    assert path.stat().st_size == 2 * GIB
    assert "2 GiB" in lis("disk", "info", str(path)).out
    assert lis("disk", "check", str(path)).status == 0


def test_sectors(lis, tmp_path):
    for text, logical, physical in (("512", 512, 512), ("512e", 512, 4096),
                                    ("4096", 4096, 4096)):
        path = tmp_path / (text + ".vhdx")
        assert lis("disk", "create", "--sector", text, str(path),
                   "1G").status == 0
        shown = info(lis, path)
        assert shown["sector_bytes"] == logical
        assert shown["physical_sector_bytes"] == physical


def test_parent(lis, tmp_path):
    base, child = tmp_path / "base.vhdx", tmp_path / "folder" / "child.vhdx"
    child.parent.mkdir()
    assert lis("disk", "create", str(base), "1G").status == 0
    assert lis("disk", "create", "--parent", str(base), str(child)).status == 0
    assert info(lis, child)["size_bytes"] == GIB
    base.unlink()
    assert lis("disk", "info", str(child)).status == 1


def test_resize_and_check(lis, tmp_path):
    path = tmp_path / "a.vhdx"
    assert lis("disk", "create", str(path), "1G").status == 0
    assert lis("disk", "resize", str(path), "3G").status == 0
    assert info(lis, path)["size_bytes"] == 3 * GIB
    assert lis("disk", "check", str(path)).out == "The image is in order.\n"
    assert lis("disk", "check", "--json", "--repair",
               str(path)).json()["log_replayed"] is False
    with open(path, "r+b") as stream:
        stream.write(b"damaged!")
    result = lis("disk", "check", str(path))
    assert result.status == 1
    assert "not a VHDX file" in result.err


def test_refusals(lis, tmp_path):
    path = str(tmp_path / "a.vhdx")
    for words in (["sing"], ["create"], ["create", path],
                  ["create", path, "1G", "2G"], ["create", path, "lots"],
                  ["create", path, "100"], ["create", path, "65T"],
                  ["create", "--sector", "520", path, "1G"],
                  ["create", "--block-size", "3M", path, "1G"],
                  ["create", "--parent", path, path, "1G"],
                  ["info", "--format", "sing", path]):
        result = lis("disk", *words)
        assert result.status == 2, words
        assert result.err != ""
    assert not (tmp_path / "a.vhdx").exists()
    assert lis("disk", "create", path, "1G").status == 0
    again = lis("disk", "create", "--json", path, "1G")
    assert again.status == 1
    assert "exists" in again.error()["message"]
    assert lis("disk", "info", str(tmp_path / "missing")).status == 1


def test_of_a_running_vm(lis, tmp_path):
    """Disks are found by their images, wherever lis is called from."""
    path = tmp_path / "data.raw"
    path.write_text("")
    asked = []

    def note(answer):
        def take(_connection, request):
            asked.append(request["params"])
            return answer
        return take

    lis.vm({"disk.list": {"disks": [
        {"controller": 0, "lun": 3, "path": str(path), "kind": "disk",
         "format": "raw", "size_bytes": GIB, "read_only": True,
         "full": False},
        {"controller": "ide", "lun": 1, "path": "/other", "kind": "dvd",
         "format": "raw", "size_bytes": GIB, "read_only": True,
         "full": True}]},
        "disk.attach": note({"controller": 1, "lun": 7}),
        "disk.detach": note({}), "disk.resize": note({}),
        "disk.eject": note({}), "disk.insert": note({}),
        "disk.set": note({})})
    shown = lis("disk", "list", "--vm", "demovm").out.splitlines()
    assert shown[2].split() == ["0", "3", "disk", "raw", "1", "GiB",
                                "read-only", str(path)]
    assert "host full" in shown[3]
    assert len(lis("disk", "list", "--vm", "demovm",
                   "--json").json()["disks"]) == 2
    result = lis("disk", "attach", "--vm", "demovm",
                 "%s,controller=1,read-only,sector=512e" % path)
    assert result.out == "demovm: attached at controller 1, lun 7\n"
    assert lis("disk", "detach", str(path), "--vm", "demovm").status == 0
    assert lis("disk", "resize", str(path), "2G", "--vm", "demovm").status == 0
    assert lis("disk", "limit", "/other", "--iops", "50", "--vm",
               "demovm").status == 0
    for words in (["eject"], ["eject", "ide:1", "--force"],
                  ["insert", str(path), "/other"]):
        assert lis("disk", *words, "--vm", "demovm").status == 0, words
    drive = {"controller": "ide", "lun": 1, "force": False}
    assert asked == [
        {"path": str(path), "controller": 1, "read_only": True,
         "sector": "512e"},
        {"controller": 0, "lun": 3},
        {"controller": 0, "lun": 3, "size_bytes": 2 * GIB},
        {"controller": "ide", "lun": 1, "iops": 50, "bytes_per_second": 0},
        drive, {**drive, "force": True}, {**drive, "path": str(path)}]
    result = lis("disk", "eject", "0:3", "--vm", "demovm")
    assert result.status == 1
    assert "no DVD drive" in result.err
    result = lis("disk", "detach", "/nowhere", "--vm", "demovm")
    assert result.status == 1
    assert "has no disk" in result.err
    for words in (["attach", str(path)], ["list"],
                  ["create", "--vm", "demovm", "a.raw", "1G"],
                  ["attach", "--vm", "demovm", "a,lun=99"],
                  ["limit", "--vm", "demovm", "--iops", "x", str(path)]):
        assert lis("disk", *words).status == 2, words
