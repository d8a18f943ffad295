"""A network and a mount namespace for one test module: its own /etc, its own addresses, nothing of the machine's."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x1000, 0x4000, 0x40000

# Ours beside loopback: AI_ADDRCONFIG does not count loopback addresses.
ADDRESS4, ADDRESS6 = "192.0.2.10", "2001:db8::10"

# Every test with the cache, and each lookup made twice; else tests get one only if they ask for it.
CACHED = bool(os.environ.get("AIODNS_TEST_CACHED"))

GLIBC = "files dns"  # the services that ours is compared with
SERVICE = os.environ.get("AIODNS_TEST_HOSTS", "aiodns")  # "files dns" runs the expectations against glibc itself

IS_ROOT = os.geteuid() == 0  # outside of any namespace made here

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: None if text is None else os.fsencode(text)
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)),
           f"mount on {target}")


def become_root():
    """An ordinary user gets a user namespace, in which the rest works as it does for root."""
    if os.geteuid() == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        pathlib.Path("/proc/self", file).write_text(text)


def die_with_parent():
    """For a child to call: a test run that is killed leaves no server behind."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Net:
    """The calling process is inside from enter() to leave(); what it starts there is inside for good."""

    def __init__(self, module_dir=None, cached=False):
        self.module_dir, self.cached = module_dir, cached
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="aiodns-test-"))
        self.folder.chmod(0o755)
        self._mounted = []

    def _cover(self, target, data, flags=0):
        mount("tmpfs", target, "tmpfs", flags, data)
        self._mounted.append(target)

    def enter(self):
        unshare(CLONE_NEWNET | CLONE_NEWNS)
        mount(None, "/", flags=MS_REC | MS_PRIVATE)
        # A copy of all of /etc: its files can then be replaced by rename as editors do, whatever links they were.
        etc = self.folder / "etc"
        etc.mkdir()
        subprocess.run(["cp", "-a", "/etc/.", etc], stderr=subprocess.DEVNULL)  # a user cannot copy all, and need not
        mount(etc, "/etc", flags=MS_BIND)
        self._mounted.append("/etc")
        # No nscd's socket, nothing that others left of ours; without a cache, no place for one either.
        for target, mode in (("/run", "0755"), ("/dev/shm", "1777")):
            if os.path.isdir(target):
                self._cover(target, f"mode={mode},size=64m", 0 if self.cached else MS_RDONLY)
        ip("link", "set", "lo", "up")
        ip("address", "add", f"{ADDRESS4}/32", "dev", "lo")
        ip("address", "add", f"{ADDRESS6}/128", "dev", "lo", "nodad")  # else it cannot be bound for a moment
        self.write("host.conf", "multi on\n")  # Debian's; others have none
        self.write("gai.conf", "")
        self.hosts("127.0.0.1 localhost\n::1 localhost\n")
        self.resolv_conf("nameserver 127.0.0.1\n")
        self.settings(None)
        self.service(SERVICE)
        if self.module_dir:
            self._loader_cache()

    def _loader_cache(self):
        # Copies, since the build may be where other users cannot go.
        self._modules = [self.new_folder("module")]
        shutil.copy(pathlib.Path(self.module_dir, "libnss_aiodns.so.2"), self._modules[0])
        if os.environ.get("AIODNS_MODULE32_DIR"):  # for 32-bit programs; the loader's cache tells the widths apart
            self._modules.append(self.new_folder("module32"))
            shutil.copy(pathlib.Path(os.environ["AIODNS_MODULE32_DIR"], "libnss_aiodns.so.2"), self._modules[1])
        self._find_modules()

    def add_module(self, file):
        """Lets glibc find it."""
        shutil.copy(file, self._modules[0])
        self._find_modules()

    def _find_modules(self):
        # Not LD_LIBRARY_PATH: the loader ignores it in programs with file capabilities.
        conf = self.folder / "ld.so.conf"
        conf.write_text("".join(f"{folder}\n" for folder in self._modules) + "include /etc/ld.so.conf\n")
        subprocess.run(["/sbin/ldconfig", "-X", "-i", "-C", "/etc/ld.so.cache", "-f", conf], check=True)

    def leave(self):
        while self._mounted:
            _check(_libc.umount2(os.fsencode(self._mounted.pop()), 2), "umount")
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def write(self, name, content):
        """Replaces /etc/NAME the way editors do: a new file, renamed over the old one."""
        new = pathlib.Path("/etc", f".{name}.new")
        new.write_bytes(content if isinstance(content, bytes) else content.encode())
        new.chmod(0o644)
        new.rename(pathlib.Path("/etc", name))

    def new_folder(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def hosts(self, content):
        self.write("hosts", content)

    def resolv_conf(self, content):
        self.write("resolv.conf", content)

    def settings(self, content):
        """/etc/aiodns.conf, or none."""
        if content is None:
            pathlib.Path("/etc/aiodns.conf").unlink(missing_ok=True)
        else:
            self.write("aiodns.conf", content)

    def service(self, line):
        self.write("nsswitch.conf", f"passwd: files\ngroup: files\nservices: files\nprotocols: files\nhosts: {line}\n")
