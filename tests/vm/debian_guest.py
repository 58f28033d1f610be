# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A whole Debian, with systemd, on a synthetic disk (carrier/debian-image)."""

import debian
import vm

APPEND = "console=ttyS0 panic=-1 mitigations=off nokaslr audit=0 " \
    "random.trust_cpu=on nowatchdog 8250.nr_uarts=1 " \
    "rcupdate.rcu_expedited=1 quiet "
LOGIN_LIMIT_S = 600


class DebianGuest(vm.Guest):
    """A guest that boots from an image, up to where somebody is logged in."""

    # pylint: disable=too-many-arguments,super-init-not-called
    def __init__(self, name, disk, kernel="6.1", cpus=2, memory="1G",
                 options=()):
        self.name, self.kernel, self.cpus = name, kernel, cpus
        self.image, self.initrd = debian.initrd(kernel)
        self.command = [vm.LIS, "run", "--name", name, "--kernel", self.image,
                        "--initrd", self.initrd, "--cpus", str(cpus),
                        "--memory", memory, "--append", APPEND + debian.ROOT,
                        "--disk", disk] + list(options)
        self.process = None
        self.console = None

    def ready(self, start=0):
        """Waits for the login prompt, and logs in."""
        self.console.wait(rb"debian login: ", LOGIN_LIMIT_S, start)
        self._type("root")
        self.console.wait(rb"Password: ", 120, start)
        self._type(debian.PASSWORD)
        self.console.wait(rb"root@debian:~# ", 120, start)
        self._type("mkdir -p /run/lis; exec sh " + debian.SERVE)
        self.console.ready(60, start)

    def _type(self, line):
        self.console.process.stdin.write(line.encode() + b"\n")
        self.console.process.stdin.flush()
