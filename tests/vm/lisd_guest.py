# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Our guest daemon in a guest, in the place of the distribution's."""

import os

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LISD = os.environ.get("LISD_BINARY",
                      os.path.join(ROOT, "build", "guest", "lisd", "lisd"))
PLACE = "/usr/sbin/lisd"
NAMES = {"kvp": "hv_kvp_daemon", "vss": "hv_vss_daemon",
         "fcopy": "hv_fcopy_daemon"}


def need():
    """Skips when there is no lisd to test."""
    if not os.path.exists(LISD):
        pytest.skip("%s is not built" % LISD)


def name_of(vm, service):
    """What the distribution's daemon is called in a guest."""
    if service == "fcopy" and vm.kernel == "6.12":
        return "hv_fcopy_uio_daemon"
    return NAMES[service]


def install(vm):
    """Puts the program into a guest, by the file copy of whatever daemon does
    that; for the whole life of the guest."""
    need()
    if vm.try_run("test -x " + PLACE)[0]:
        vm.wait_status("Guest Service Interface", "OK", 60)
        vm.lis("copy", LISD, PLACE + ".new")
        vm.run("chmod 755 %s.new; mv %s.new %s" % (PLACE, PLACE, PLACE))


def take_over(vm, service):
    """Has lisd run by the name of the distribution's daemon."""
    name = name_of(vm, service)
    install(vm)
    vm.run("daemon stop %s; cd /usr/sbin; [ -e %s.debian ] || "
           "mv %s %s.debian; ln -sf lisd %s; daemon start %s" % (
               service, name, name, name, name, service))


def give_back(vm, service):
    """The distribution's daemon again."""
    name = name_of(vm, service)
    vm.run("daemon stop %s; cd /usr/sbin; rm -f %s; mv %s.debian %s; "
           "daemon start %s" % (service, name, name, name, service))


def daemon_fixture(service):
    """A fixture that runs a module's tests with each daemon in the guest."""
    @pytest.fixture(name="daemon", params=["debian", "lisd"], scope="module")
    def _daemon(_kept, request):
        """Whose daemon answers in the guest."""
        if not _kept.alive():
            _kept.boot()
        if request.param == "lisd":
            take_over(_kept, service)
        yield request.param
        if request.param == "lisd" and _kept.alive():
            give_back(_kept, service)
    return _daemon
