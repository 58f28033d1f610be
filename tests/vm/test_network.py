# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Synthetic network adapters with the guest kernel's own hv_netvsc."""

import contextlib
import functools
import http.server
import os
import threading

import pytest

from vm import lis

PAYLOAD = os.urandom(1 << 20)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format, *arguments):  # pylint: disable=W0622
        """Says nothing."""


@contextlib.contextmanager
def web_server(folder, address="127.0.0.1"):
    """Serves a folder over HTTP: its port."""
    server = http.server.ThreadingHTTPServer(
        (address, 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(name="web")
def _web(tmp_path):
    """A web server with a file "payload": its port."""
    (tmp_path / "payload").write_bytes(PAYLOAD)
    with web_server(str(tmp_path)) as port:
        yield port


def adapters(vm):
    """What `lis net list` says."""
    return lis("net", "list", vm.name, "--json").json["adapters"]


def test_user_mode(new_vm, kernel, web):
    """A guest gets its address by DHCP and fetches a file by HTTP."""
    vm = new_vm(kernel, cpus=2, options=("--net", "user"))
    vm.run("lease eth0")
    assert "10.0.2.15" in vm.run("ip -4 addr show dev eth0")
    vm.run("ping -c 3 -W 5 10.0.2.2")
    vm.run("wget -q -O /tmp/payload http://10.0.2.2:%d/payload" % web)
    assert vm.run("wc -c </tmp/payload").strip() == str(len(PAYLOAD))
    assert not vm.trouble()
