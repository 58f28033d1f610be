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
