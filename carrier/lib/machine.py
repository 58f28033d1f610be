# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""The carrier itself: one QEMU process with emulated nested virtualization.

What lives here: booting it, and the streams to its agent. What does not: who
asks for it (carrier), and what runs inside (agent).
"""

import ctypes
import marshal
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import frames
import initramfs
import mend
import tsc

HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = "qemu-system-x86_64"
# Where carrier/packages puts a newer one: program, data, firmware.
QEMU_FETCHED = (("qemu", "usr/bin", QEMU), ("qemu-data", "usr/share/qemu"),
                ("qemu-bios", "usr/share/seabios"))
BUSYBOX = "/bin/busybox"
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay",
           "kvm_amd", "tun")
# tsc=reliable: the emulated processors' counters agree, and KVM offers its
# guests a reference TSC page only when it believes so. The rest is for speed.
COMMAND_LINE = "console=ttyS0 panic=-1 quiet mitigations=off nokaslr " \
    "random.trust_cpu=on tsc=reliable trace_clock=local audit=0 apparmor=0 " \
    "lsm= nowatchdog cryptomgr.notests rcupdate.rcu_expedited=1 " \
    "8250.nr_uarts=1"
# Generous: on a machine that does other things too, emulation is slow.
BOOT_LIMIT_S = 240
BEAT_S = 1.0
SERIAL_KEPT_BYTES = 16 * 1024
PR_SET_PDEATHSIG = 1
INSTRUCTIONS_KHZ = 1000000


class CarrierError(Exception):
    """One sentence: what failed, why, and what to do."""


def cache_folder():
    """Where carrier/packages puts what it fetches."""
    return os.environ.get("LIS_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
        "lis")


def emulator():
    """The start of QEMU's command line: the fetched one, or the installed."""
    places = [os.path.join(cache_folder(), *place) for place in QEMU_FETCHED]
    if not all(os.path.exists(place) for place in places):
        return [QEMU]
    return [mend.mended(places[0]), "-L", places[1], "-L", places[2]]


def need_parts():
    """Looks for everything that a carrier is made of.

    Returns the unpacked kernel package's folder.
    """
    if not shutil.which(QEMU):
        raise CarrierError("%s is not installed: run 'carrier/packages tools' "
                           "or install qemu-system-x86" % QEMU)
    if not os.path.exists(BUSYBOX):
        raise CarrierError("%s is not installed: run 'carrier/packages tools' "
                           "or install busybox-static" % BUSYBOX)
    kernel = os.path.join(cache_folder(), "carrier-kernel")
    if not os.path.isdir(kernel):
        raise CarrierError("no kernel for the carrier in %s: run "
                           "'carrier/packages kernels'" % kernel)
    return kernel


def accelerator(options):
    """QEMU's arguments that choose how it emulates."""
    if options.icount:
        # While all is idle the clock jumps to the next timer.
        return ["tcg,thread=single", "-icount", "shift=0,sleep=off"]
    return ["tcg,thread=multi"]


def frequency_khz(options):
    """Of the emulated time stamp counter; with --icount it counts the
    instructions, a nanosecond each."""
    return INSTRUCTIONS_KHZ if options.icount else tsc.frequency_khz()


def build_initrd(kernel, tmpfs_mib, shares):
    """The carrier's initial RAM file system."""
    archive = initramfs.Archive()
    archive.file("bin/busybox", BUSYBOX, 0o755)
    archive.file("init", os.path.join(HERE, "outer-init.sh"), 0o755)
    archive.folder("dev")
    archive.device("dev/console", 5, 1)
    order = initramfs.Modules(kernel).closure(MODULES)
    for name, data in order:
        archive.data("modules/%s.ko" % name, initramfs.without_signature(data))
    archive.data("modules/order",
                 "".join(name + "\n" for name, _ in order).encode())
    archive.data("config/agent",
                 os.path.join(HERE, "agent.py").encode() + b"\n")
    archive.data("config/tmpfs", b"%dm\n" % tmpfs_mib)
    archive.data("config/shares", "".join(
        "share%d %s\n" % row for row in enumerate(shares)).encode())
    return archive.bytes()


def die_with_parent():
    """Between fork and exec: have the kernel kill us when our parent goes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Job:
    """One stream to the agent: a command, or a forwarded connection."""

    def __init__(self, machine, stream, inputs, outputs, on_exit):
        self.machine, self.stream = machine, stream
        self.on_exit = on_exit
        link = machine.link
        self.sources = {pipe: frames.Source(link, stream, pipe, fd)
                        for pipe, fd in inputs.items()}
        self.sinks = {pipe: frames.Sink(link, stream, pipe, fd, self._finish)
                      for pipe, fd in outputs.items()}
        self.status = None

    def frame(self, kind, pipe, payload):
        """A frame of this stream."""
        if kind == frames.DATA and pipe in self.sinks:
            self.sinks[pipe].put(payload)
        elif kind == frames.END and pipe in self.sinks:
            self.sinks[pipe].finish()
        elif kind == frames.CREDIT and pipe in self.sources:
            self.sources[pipe].grant(struct.unpack("<I", payload)[0])
        elif kind == frames.EXIT:
            self.status = struct.unpack("<i", payload)[0]
            for source in self.sources.values():
                source.ended = True
                self.machine.loop.watch(source.fd, 0, None)
            for sink in self.sinks.values():
                sink.finish()
            self._finish()

    def signal(self, number):
        """Sends a signal to the command's process group."""
        self.machine.link.send(self.stream, frames.SIGNAL, 0, bytes([number]))

    def resize(self, rows, columns):
        """Tells the command's terminal its size."""
        self.machine.link.send(self.stream, frames.RESIZE, 0,
                               struct.pack("<HH", rows, columns))

    def _finish(self):
        done = all(sink.ended for sink in self.sinks.values())
        if self.status is not None and done and self.on_exit:
            on_exit, self.on_exit = self.on_exit, None
            self.machine.jobs.pop(self.stream, None)
            on_exit(self.status)


class Machine:
    """A booted carrier."""

    def __init__(self, loop, options, on_lost):
        self.loop, self.options, self.on_lost = loop, options, on_lost
        self.jobs = {}
        self.next_stream = 1
        self.ready = False
        self.serial = bytearray()
        self.process = None
        # In memory, so that nothing is left behind by kill -9.
        self.errors = os.memfd_create("errors")
        try:
            self._start(need_parts())
        except BaseException:
            self.stop()
            raise

    def _start(self, kernel):
        options = self.options
        initrd = os.memfd_create("initrd")
        with os.fdopen(os.dup(initrd), "wb") as stream:
            stream.write(build_initrd(kernel, options.memory * 3 // 4,
                                      options.share))
        ours, theirs = socket.socketpair()
        serial, their_serial = socket.socketpair()
        command = [
            *emulator(), "-name", "lis-carrier", "-M", "q35", "-accel",
            # Without XSAVE: the emulated SVM lets a guest's XSETBV by, so that
            # its kernel finds a CPU that contradicts itself. Without CX16:
            # QEMU 7.2 computes a plain CMPXCHG16B's flags from stale state,
            # and Linux from 6.8 on, which has one in every allocation,
            # crashes at random when an interrupt comes right behind it.
            *accelerator(options), "-cpu",
            "EPYC,+svm,+npt,-xsave,-cx16", "-smp",
            str(options.cpus), "-m", "%dM" % options.memory, "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", initramfs.unpacked_image(kernel), "-initrd",
            "/proc/self/fd/%d" % initrd,
            "-append", "%s tsc_early_khz=%d" % (COMMAND_LINE,
                                                frequency_khz(options)),
            "-chardev", "socket,id=serial,fd=%d" % their_serial.fileno(),
            "-serial", "chardev:serial",
            "-chardev", "socket,id=agent,fd=%d" % theirs.fileno(),
            "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=lis.carrier",
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,"
            "readonly=on,multidevs=remap"]
        for number, folder in enumerate(options.share):
            command += ["-virtfs", "local,path=%s,mount_tag=share%d,"
                        "security_model=none,multidevs=remap"
                        % (folder.replace(",", ",,"), number)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.errors,
            stderr=self.errors, preexec_fn=die_with_parent,
            start_new_session=True,
            pass_fds=(theirs.fileno(), their_serial.fileno(), initrd))
        os.close(initrd)
        theirs.close()
        their_serial.close()
        self.socket, self.serial_socket = ours, serial
        self.link = frames.Link(self.loop, ours.fileno(), self._frame,
                                self._lost)
        self.loop.watch(serial.fileno(), 1, self._serial_ready)
        self.loop.every(BEAT_S, self._beat)

    def _beat(self):
        """Interrupts the carrier.

        QEMU's emulated SVM changes the word of interrupts that wait without
        the lock that another thread has when it adds one: one may be lost, and
        if it was the clock's no other follows. A guest that waits with
        interrupts off for one of its own processors then does so forever. The
        next interrupt, whatever it is for, has the lost one seen again.
        """
        if self.ready and not self.link.outgoing:
            self.link.send(0, frames.BEAT)

    def wait_ready(self):
        """Runs the loop until the agent has said hello."""
        limit = time.monotonic() + BOOT_LIMIT_S
        while not self.ready:
            if time.monotonic() > limit:
                raise CarrierError("the carrier did not start in %d s; %s"
                                   % (BOOT_LIMIT_S, self._last_words()))
            self.loop.run_once(1.0)

    def _last_words(self):
        size_bytes = os.fstat(self.errors).st_size
        errors = [line for line in os.pread(self.errors, size_bytes, 0)
                  .decode(errors="replace").splitlines()
                  if "TCG doesn't support" not in line]
        text = self.serial.decode(errors="replace").splitlines()
        words = (errors + text)[-12:]
        return "its last words:\n  " + "\n  ".join(words or ["(none)"])

    def _serial_ready(self, _events):
        data = self.serial_socket.recv(4096)
        if not data:
            self.loop.watch(self.serial_socket.fileno(), 0, None)
            return
        self.serial += data
        del self.serial[:-SERIAL_KEPT_BYTES]
        if self.options.verbose:
            os.write(2, data)

    def _lost(self, _error):
        self.loop.watch(self.socket.fileno(), 0, None)
        self.process.wait()
        self.on_lost(CarrierError("the carrier stopped by itself; "
                                  + self._last_words()))

    def _frame(self, stream, kind, pipe, payload):
        if kind == frames.HELLO:
            self.ready = True
        elif stream in self.jobs:
            self.jobs[stream].frame(kind, pipe, payload)

    def open(self, request, inputs, outputs, on_exit):
        """Opens a stream; on_exit(status) comes when it has ended."""
        stream = self.next_stream
        self.next_stream += 1
        self.link.send(stream, frames.OPEN, 0, marshal.dumps(request))
        job = Job(self, stream, inputs, outputs, on_exit)
        self.jobs[stream] = job
        return job

    def stop(self):
        """Ends the carrier at once; what it held was throw-away."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
