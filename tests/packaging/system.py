"""A whole Debian system for one test: an overlay of layers that tests/packaging/roots has made, in namespaces of its own.

What is done to it is in memory and gone with it. Its network is loopback and a pair of interfaces that lead nowhere
(AI_ADDRCONFIG does not count loopback), its name server (server.py) knows all names below test.example and is no part of the
system: nothing that becomes of that, full or without /proc, keeps the server from answering.
"""

import ctypes
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import root

LAYERS = os.environ.get("AIODNS_LAYERS", "").split(":")
DEBS = pathlib.Path(os.environ.get("AIODNS_DEBS", "/nonexistent"))
ADDRESS4, ADDRESS6 = "192.0.2.53", "2001:db8::53"

SETUP = r"""
mkdir -p build/packages
mount --bind -o ro "$AIODNS_DEBS" build/packages
echo nameserver 127.0.0.1 >etc/resolv.conf
ip link set lo up
ip link add one type veth peer name two
ip addr add 192.0.2.10/24 dev one
ip addr add 2001:db8::10/64 dev one nodad
ip link set one up
ip link set two up
"""
TARGET = r"""
overlay "$place/target"
mkdir target
mount --move "$place/target/root" target
"""


_libc = ctypes.CDLL(None)


def die_with_parent():
    """A test run that is killed leaves no system behind: a namespace ends with its first process."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def until(condition, what, seconds=60):
    """Polls; the time is what a broken run may take, and says nothing about a good one."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"still waiting for: {what}"
        time.sleep(0.02)
    return result


class Result:
    def __init__(self, code, output, command):
        self.code, self.output, self.command = code, output, command

    def __repr__(self):
        return f"{self.command}\n  exit status {self.code}\n  " + self.output.replace("\n", "\n  ")


class System:
    def __init__(self, bare=False, target=False):
        """bare: as debootstrap leaves it, without what ours need; target: /target is a second system, for dpkg --root."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="aiodns-root-"))
        self._started = []
        try:
            self._start(LAYERS[1:] if bare else LAYERS, SETUP + (TARGET if target else ""))
        except BaseException:
            self.close()
            raise

    def _start(self, layers, setup):
        self.log = self.folder / "queries"
        outer = root.enter(layers, self.folder / "system", ["sh", "-c", "echo ready; exec sleep infinity"], memory=True,
                           setup=setup, call=subprocess.Popen, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self._started.append(outer)
        assert outer.stdout.readline() == "ready\n", "the system does not start"
        self.pid = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        self._started.append(subprocess.Popen(
            ["nsenter", "--target", str(self.pid), "--net", "/usr/bin/python3", "-B",
             str(pathlib.Path(__file__).with_name("server.py")), str(self.log)],
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent))
        until(lambda: self.log.exists() and "started" in self.log.read_text(), "the server's start")

    def close(self):
        for process in reversed(self._started):
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        shutil.rmtree(self.folder)

    # ---- Commands ----

    def _command(self, words):
        words = ["/bin/sh", "-c", words] if isinstance(words, str) else list(words)
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--wdns=/", *words]

    def start(self, words, **options):
        process = subprocess.Popen(self._command(words), env=root.ENVIRONMENT, text=True, **options)
        self._started.append(process)
        return process

    def run(self, words, expect=0, environment=()):
        """A shell's line, or words. expect: the exit status, or None for any."""
        done = subprocess.run(self._command(words), env={**root.ENVIRONMENT, **dict(environment)}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        result = Result(done.returncode, done.stdout, words)
        assert expect is None or done.returncode == expect, f"expected exit status {expect}: {result}"
        return result

    def fails(self, words, saying=""):
        result = self.run(words, expect=None)
        assert result.code != 0 and saying in result.output, f"expected to fail, saying {saying!r}: {result}"
        return result

    def dpkg(self, *words, **options):
        return self.run(["dpkg", "--force-unsafe-io", *map(str, words)], **options)

    def status(self, package):
        """As in "install ok installed"; "" of one that dpkg does not know."""
        return self.run(["dpkg-query", "-W", "-f", "${Status}", package], expect=None).output.partition("dpkg-query")[0]

    # ---- Files ----

    def read(self, path):
        return (self.root / path.lstrip("/")).read_bytes().decode()

    def write(self, path, text, mode=None):
        file = self.root / path.lstrip("/")
        file.write_bytes(text.encode())
        if mode:
            file.chmod(mode)

    @property
    def nsswitch(self):
        return self.read("/etc/nsswitch.conf")

    @property
    def hosts_line(self):
        """The words of the one line of hosts, as glibc reads it."""
        lines = [line for line in self.nsswitch.splitlines() if line.lstrip().startswith("hosts:")]
        assert len(lines) == 1, f"expected one line of hosts: {lines}"
        return " ".join(lines[0].split("#")[0].split())

    def listing(self, leave_out=()):
        """Each file: kind, mode, owner, link's target; content of those below /etc and /var. No other file system's."""
        found = {}
        device = os.lstat(self.root / "etc").st_dev
        for folder, folders, files in os.walk(self.root / "."):
            here = pathlib.Path(folder)
            folders[:] = [name for name in folders
                          if os.lstat(here / name).st_dev == device or stat.S_ISLNK(os.lstat(here / name).st_mode)]
            for name in folders + files:
                path = "/" + str((here / name).relative_to(self.root))
                if any(path == out or path.startswith(out + "/") for out in leave_out):
                    folders[:] = [other for other in folders if other != name]
                    continue
                state = os.lstat(here / name)
                what = [stat.filemode(state.st_mode), state.st_uid, state.st_gid]
                if stat.S_ISLNK(state.st_mode):
                    what.append(os.readlink(here / name))
                elif stat.S_ISREG(state.st_mode) and path.startswith(("/etc/", "/var/")):
                    what.append((here / name).read_bytes())
                found[path] = tuple(what)
        return found

    # ---- Lookups ----

    def asked(self, name):
        """The spellings in which the server was asked for it, one a query."""
        spellings = self.log.read_text().splitlines()
        return [spelling for spelling in spellings if spelling.lower() == name.lower()]

    @staticmethod
    def new_name():
        """No program has asked for it; by chance all letters of a query stay small once in 2^40 times."""
        return "".join(random.choice("bcdfghjklmnpqrstvwxyz") for _ in range(29)) + ".test.example"

    def lookup(self, name):
        """The addresses that a new process gets."""
        result = self.run(["getent", "ahosts", name], expect=None)
        assert result.code == 0, f"expected addresses of {name}: {result}\nnsswitch.conf: {self.hosts_line}"
        return {line.split()[0] for line in result.output.splitlines()}

    def resolves(self, by, cached=None):
        """A new name is looked up, by "aiodns" or glibc's "dns"; cached: does a second process ask again?"""
        name = self.new_name()
        assert self.lookup(name) == {ADDRESS4, ADDRESS6}, "expected the server's addresses"
        spellings = self.asked(name)
        assert spellings, f"expected a query for {name}"
        if by == "aiodns":
            assert all(spelling != name for spelling in spellings), f"expected random letter case (aiodns): {spellings}"
        else:
            assert all(spelling == name for spelling in spellings), f"expected small letters (glibc's dns): {spellings}"
        if cached is not None:
            self.lookup(name)
            more = len(self.asked(name)) - len(spellings)
            assert (more == 0) is cached, f"expected the second process {'not ' if cached else ''}to ask, {more} queries more"
