"""A whole Debian system for one test: an overlay of a root that tests/packaging/roots has made, in namespaces of its own.

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

PREPARED = pathlib.Path(os.environ.get("AIODNS_ROOT", "/nonexistent"))
DEBS = pathlib.Path(os.environ.get("AIODNS_DEBS", "/nonexistent"))
ADDRESS4, ADDRESS6 = "192.0.2.53", "2001:db8::53"

START = r"""
set -eu
layers=$1 folder=$2 debs=$3
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$folder"
overlay() {
  mkdir "$folder/$1" "$folder/$1.upper" "$folder/$1.work"
  mount -t overlay overlay -o "lowerdir=$layers,upperdir=$folder/$1.upper,workdir=$folder/$1.work" "$folder/$1"
}
overlay root
cd "$folder/root"
mount -t proc proc proc
mount -t tmpfs -o mode=0755 tmpfs dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=0755 tmpfs run
mkdir -p run/lock build/packages
mount --bind -o ro "$debs" build/packages
if [ "$4" ]; then # a second system, for dpkg --root
  overlay target
  mkdir target
  mount --move "$folder/target" target
fi
echo nameserver 127.0.0.1 >etc/resolv.conf
ip link set lo up
ip link add one type veth peer name two
ip addr add 192.0.2.10/24 dev one
ip addr add 2001:db8::10/64 dev one nodad
ip link set one up
ip link set two up
mkdir oldroot
pivot_root . oldroot
cd /
umount -l /oldroot
rmdir /oldroot
echo ready
exec sleep infinity
"""

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


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
    def __init__(self, layers=("with", "bare", "debootstrap"), target=False):
        """layers: of the prepared root, topmost first; ("bare", "debootstrap") is one as debootstrap leaves it."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="aiodns-root-"))
        self._started = []
        try:
            self._start(":".join(str(PREPARED / layer) for layer in layers), target)
        except BaseException:
            self.close()
            raise

    def _start(self, layers, target):
        self.log = self.folder / "queries"
        inner = self.folder / "system"
        inner.mkdir()
        outer = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", START, "bash", layers,
             str(inner), str(DEBS), "1" if target else ""], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
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
        process = subprocess.Popen(self._command(words), env=ENVIRONMENT, text=True, **options)
        self._started.append(process)
        return process

    def run(self, words, expect=0, environment=()):
        """A shell's line, or words. expect: the exit status, or None for any."""
        done = subprocess.run(self._command(words), env={**ENVIRONMENT, **dict(environment)}, text=True,
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


def repack(deb, folder, change, name=None):
    """A changed copy of a package: change(tree) edits what dpkg-deb has unpacked, DEBIAN included."""
    tree = pathlib.Path(tempfile.mkdtemp(prefix="deb-", dir=folder))
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    change(tree)
    made = pathlib.Path(folder) / (name or deb.name)
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", str(tree), str(made)], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def edit(file, function):
    file.write_text(function(file.read_text()))
