# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""Fixtures of the VM tests, which run inside the carrier as

    carrier/carrier run -- /usr/bin/python3 -m pytest tests/vm

One carrier holds the whole run, and many VMs in it. `vm` is a guest that stays
up from test to test, of each kernel with each number of processors; a test
that ends or harms its guest takes `new_vm` and makes its own.
"""

import os
import signal
import subprocess
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)),
                os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "..", "..", "carrier", "lib")]

import pytest  # noqa: E402

import guest  # noqa: E402
import vm as vm_module  # noqa: E402

LIMIT_S, SLOW_LIMIT_S = 300, 3600
# What depends on the kernel, or on the number of processors. The rest is tried
# on the other kind of guest, and on this one in make check-full.
SECOND = "6.1-2cpu"
ON_SECOND = {
    "test_writes_stop_and_go_on", "test_without_daemon", "test_version",
    "test_every_device_has_its_driver", "test_acpi_device_has_its_driver",
    "test_reference_clock",
    "test_processors", "test_hashes_are_equal", "test_lsvmbus",
    "test_intrinsic_items", "test_set_read_and_remove", "test_reaches_the_guest",
    "test_table", "test_off_and_on", "test_kernel_log_is_quiet", "test_restart",
    "test_kexec", "test_stop",
}
# The guest's daemon: only where file copy has another door there.
LISD_ON_SECOND = {"test_hashes_are_equal"}
CPUS = (1, 2)


def pytest_addoption(parser):
    """--drivers: what the guests' hv_* drivers are."""
    parser.addoption("--drivers", choices=guest.DRIVERS, default="upstream",
                     help="the kernel package's, or those of guest/kmod")
    parser.addoption("--cpus", type=int, metavar="NUMBER",
                     help="processors that all guests have, at least")
    parser.addoption("--debug-kernel", action="store_true",
                     help="guests of 6.1 have 6.1-debug (carrier/debug-kernel)")


def pytest_configure(config):
    """Names the marks, and sets what all guests get."""
    vm_module.DRIVERS = config.getoption("--drivers")
    vm_module.CPUS_MIN = config.getoption("--cpus") or 1
    vm_module.DEBUG = config.getoption("--debug-kernel")
    config.pluginmanager.register(Teller(config))
    config.addinivalue_line("markers", "slow: minutes rather than seconds")
    config.addinivalue_line("markers", "last: after all others, in order")
    config.addinivalue_line("markers", "limit(seconds): how long it may take")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Puts what ends a kept guest behind what only uses it."""
    for item in items:
        wanted = LISD_ON_SECOND if "lisd" in item.nodeid else ON_SECOND
        if SECOND in item.name and item.originalname not in wanted:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: bool(item.get_closest_marker("last")))


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc):
    """Has guests that stay up be of each kind."""
    if "_kept" in metafunc.fixturenames:
        number = metafunc.config.getoption("--cpus")
        kinds = [(kernel, cpus) for kernel in guest.KERNELS
                 for cpus in ((number,) if number else CPUS)]
        metafunc.parametrize("_kept", kinds, indirect=True, scope="session",
                             ids=["%s-%dcpu" % kind for kind in kinds])


def need(kernel, drivers=None):
    """Skips when a kernel, drivers or the machine for it are not there."""
    if not os.path.exists("/dev/kvm"):
        pytest.skip("no /dev/kvm: run inside carrier/carrier run")
    reason = guest.missing_reason(kernel)
    if reason:
        pytest.skip(reason)
    if (drivers or vm_module.DRIVERS) == "ours" and \
            kernel in guest.MORE_KERNELS and \
            not os.path.isdir(guest.modules_folder(kernel)):
        pytest.skip("the modules are not built for %s (tests/check.py --full "
                    "--only kmod builds them)" % kernel)
    if kernel == "686-pae" and not os.environ.get("LIS_TEST_686"):
        pytest.skip("QEMU's emulated SVM cannot run a 32-bit guest with PAE: "
                    "it marks page directory pointers as accessed, which KVM "
                    "refuses; where KVM is real, set LIS_TEST_686=1")


@pytest.fixture(scope="session")
def _kept(request):
    """The guest of one kind; booted by the first test that takes it."""
    kernel, cpus = request.param
    need(kernel)
    kept = vm_module.Guest("kept-%s-%d" % (kernel, cpus), kernel, cpus,
                           # Room for a second kernel beside both its archives.
                           kexec=True, memory="320M",
                           options=("--enable", "Guest Service Interface"))
    yield kept
    try:
        kept.examine()
    finally:
        kept.kill()


@pytest.fixture
def vm(_kept):
    """A running guest, of each kernel with each number of processors."""
    if not _kept.alive():
        _kept.boot()
    return _kept


@pytest.fixture
def new_vm(request):
    """Makes guests for one test: new_vm(kernel=, cpus=, append=, ...)."""
    made = []

    def make(kernel="6.1", boot=True, **arguments):
        need(kernel, arguments.get("drivers"))
        name = "new-%d-%d" % (os.getpid(), len(made))
        made.append(vm_module.Guest(name, kernel, **arguments))
        return made[-1].boot() if boot else made[-1]

    yield make
    try:
        for one in made:
            one.examine()
    finally:
        for one in made:
            one.kill()


@pytest.fixture(params=list(guest.KERNELS))
def kernel(request):
    """Each kernel."""
    need(request.param)
    return request.param


@pytest.fixture(name="tap")
def _tap(request):
    """A multi-queue tap with 203.0.113.1, made for one test: its name."""
    name = "tap%d" % (os.getpid() % 10000)
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("no /dev/net/tun")
    subprocess.run("ip tuntap add dev {0} mode tap multi_queue vnet_hdr && "
                   "ip addr add 203.0.113.1/24 dev {0} && "
                   "ip link set {0} up".format(name), shell=True, check=True)
    request.addfinalizer(lambda: subprocess.run(
        ["ip", "link", "del", name], check=False, stderr=subprocess.DEVNULL))
    return name


class Teller:
    """Tells of a failure at once: a run takes minutes."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        """Prints what failed, below the test's line."""
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            terminal.write_line("\n" + report.longreprtext)


def out_of_time(_number, _frame):
    """A test that hangs fails; the others go on."""
    raise AssertionError("the test took longer than it may")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Limits how long one test may take, on however slow a machine."""
    vm_module.HAD.clear()
    slow = item.get_closest_marker("slow")
    limit = item.get_closest_marker("limit")
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm((limit.args[0] if limit else
                  SLOW_LIMIT_S if slow else LIMIT_S) *
                 (vm_module.DEBUG_PATIENCE if vm_module.DEBUG else 1))
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the guests' last words beside a failure, and what they were into
    the record."""
    report = (yield).get_result()
    if report.when == "call":
        item.user_properties += [("guest", "%s %s" % had)
                                 for had in sorted(vm_module.HAD)]
    if report.when == "call" and report.failed:
        for value in item.funcargs.values():
            if isinstance(value, vm_module.Guest) and value.console:
                report.sections.append(("console of " + value.name,
                                        value.console.tail(60)))
