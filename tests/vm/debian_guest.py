# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A whole Debian, with systemd, on a synthetic disk (carrier/debian-image)."""

import os
import subprocess
import time

import debian
import vm

APPEND = "console=ttyS0 panic=-1 mitigations=off nokaslr audit=0 " \
    "random.trust_cpu=on nowatchdog 8250.nr_uarts=1 " \
    "rcupdate.rcu_expedited=1 quiet " \
    "systemd.default_timeout_start_sec=900 "
# A shell of root's on the console in the place of the login: computing what is
# compared with the password takes an emulated processor long, and login gives a
# minute for it.
SHELL = "systemd.debug_shell=ttyS0 systemd.mask=serial-getty@ttyS0.service "
# Where the machine is busy, emulation takes long, which systemd is told above.
LOGIN_LIMIT_S = 1200


class DebianGuest(vm.Guest):
    """A guest that boots from an image, up to where somebody is logged in; or
    with login=False, up to where systemd has started everything."""

    # pylint: disable=too-many-arguments,super-init-not-called
    def __init__(self, name, disk, kernel="6.1", cpus=1, memory="1G",
                 options=(), login=True, start=None):
        """@start: (kernel, initrd) when they are not the kernel package's with
        a little initrd of ours."""
        self.login = login
        self.name, self.kernel, self.cpus = name, kernel, cpus
        self.image, self.initrd = start or debian.initrd(kernel)
        self.command = [vm.LIS, "run", "--name", name, "--kernel", self.image,
                        "--initrd", self.initrd, "--cpus", str(cpus),
                        "--memory", memory, "--append",
                        APPEND + ("" if login else SHELL) + debian.ROOT,
                        "--disk", disk] + list(options)
        self.process = None
        self.console = None

    def ready(self, start=0):
        """Waits for the prompt, and serves commands from there."""
        if self.login:
            self.console.wait(rb"debian login: ", LOGIN_LIMIT_S, start)
            self._type("root")
            self.console.wait(rb"Password: ", 120, start)
            self._type(debian.PASSWORD)
            self.console.wait(rb"root@debian:~# ", 120, start)
        else:
            self.console.wait(rb"(root@|bash-)[^\r\n]*# ", LOGIN_LIMIT_S, start)
        self._type("mkdir -p /run/lis; exec sh " + debian.SERVE)
        self.console.ready(120, start)
        if not self.login:
            self.run("until systemctl is-system-running | grep -q -e running "
                     "-e degraded; do sleep 1; done", LOGIN_LIMIT_S)

    def _type(self, line):
        self.console.process.stdin.write(line.encode() + b"\n")
        self.console.process.stdin.flush()

    def wait_address(self, address, limit_s=120):
        """Waits until `lis list` shows an address, which only the guest's own
        hv_kvp_daemon can have told."""
        limit = time.monotonic() + limit_s
        while True:
            mine = [one for one in vm.lis("list", "--json").json["vms"]
                    if one["name"] == self.name]
            if mine and address in mine[0]["addresses"]:
                return
            assert time.monotonic() < limit, "lis list has not %s: %s" % (
                address, mine)
            time.sleep(1)


class Ssh:
    """A key of its own for root of one guest, and commands over its SSH."""

    def __init__(self, folder, port):
        self.key = os.path.join(folder, "key")
        self.public = self.key + ".pub"
        self.target = ["-p", str(port), "root@127.0.0.1"]
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
                        "lis", "-f", self.key], check=True)

    def give(self, guest):
        """Puts the public key into the guest by its file copy service."""
        guest.lis("enable", "Guest Service Interface")
        guest.wait_status("Guest Service Interface", "OK", 120)
        guest.lis("copy", self.public, "/root/.ssh/authorized_keys",
                  "--create-parents")

    def run(self, command, timeout_s=120):
        """Runs a command in the guest from here: its output."""
        done = subprocess.run(
            ["ssh", "-i", self.key, "-o", "BatchMode=yes", "-o",
             "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "LogLevel=ERROR"] + self.target + [command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, "ssh: status %d: %s" % (
            done.returncode, done.stderr)
        return done.stdout.rstrip("\n")
