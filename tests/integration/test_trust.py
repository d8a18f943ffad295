"""Who is believed: another user does what it can to the cache's files, folders and names, and no lookup is answered
wrongly, none crashes, none waits for it. Proof that a cache was used or not is what the server was asked."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess

import pytest

import netns
import scripted

CACHED = True

ATTACKER, VICTIM, NOBODY = 4001, 4002, 65534
TRUTH, POISON = "198.18.0.1", "203.0.113.66"
NAME, OTHER, CHILD, START = (f"{word}.trust.test" for word in ("mark", "other", "child", "start"))
POISONED = [NAME, OTHER, CHILD, START]
LIFE = 86400  # the longest that a record may live

SHM, RUN = pathlib.Path("/dev/shm"), pathlib.Path("/run")
HOST = RUN / "aiodns/cache.1"
PROCESSES = pathlib.Path(os.environ.get("AIODNS_PROCESS_DIR") or pathlib.Path(
    os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev"), "tests/process"))
HUNG = 30  # seconds: less than a lease is waited for (lease-break-time)
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="only root can be several users")


def shared(uid, file="cache", new=""):
    """A tier's file where it has no folder of its own."""
    return SHM / f"aiodns.{uid}{'' if file == 'cache' else '.' + file}.1{new}"


def as_user(uid, gid=None):
    if uid == 0 and not gid:
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}", "--clear-groups", "--inh-caps=-all"]


def put(path, content, owner, mode=0o600):
    path.write_bytes(content)
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def put_folder(path, owner, mode):
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def looks_of(path):
    state = os.lstat(path)
    return state.st_ino, state.st_mode, state.st_uid, state.st_nlink, state.st_size, state.st_mtime_ns


def everything():
    """All files and folders of the places where tiers are, and what they look like."""
    return {str(path): looks_of(path) for place in (RUN, SHM) for path in [place, *place.rglob("*")]}


class Program:
    """One of ours, running as somebody."""

    def __init__(self, command, env):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.pid = self._process.pid

    def ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it died at {line}, status {self._process.wait()}"
        return answer.rstrip("\n")

    def descriptors(self):
        """Its open files of ours."""
        links = [os.readlink(fd) for fd in pathlib.Path("/proc", str(self.pid), "fd").iterdir() if os.path.lexists(fd)]
        return [link for link in links if "/aiodns" in link]

    def writable(self):
        """Its mappings of files of ours that it can write to."""
        lines = pathlib.Path("/proc", str(self.pid), "maps").read_text().splitlines()
        return [line.split()[-1] for line in lines if line.split()[1] in ("rw-s", "-w-s") and "aiodns" in line]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class World:
    def __init__(self, net, server):
        self.net, self.server, self.answer = net, server, TRUTH
        self.program = pathlib.Path(shutil.copy(PROCESSES / "process_trust", net.folder))  # where all users can go
        self.copies = itertools.count()
        server.handler = self.handle

    def handle(self, query):
        reply = query.reply(*[self.answer] if query.type == "A" else [])
        for rrset in reply.answer:
            rrset.ttl = LIFE
        query.send(reply)

    # ---- Programs ----

    def command(self, uid, before=None, file=None):
        return [*(as_user(uid) if before is None else before), file or self.program]

    def start(self, uid, **how):
        return Program(self.command(uid, **how), clean_environment())

    def run(self, uid, *lines, env=(), **how):
        """What a new process answers."""
        text = "".join(f"{line}\n" for line in lines)
        done = subprocess.run(self.command(uid, **how), input=text, capture_output=True, text=True, timeout=HUNG,
                              env=clean_environment() | dict(env))
        assert done.returncode == 0, f"status {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
        return done.stdout.splitlines()

    def asks(self, uid, name=NAME, answer=TRUTH, **how):
        """A new process looks it up, and gets the right answer: was the server asked?"""
        self.server.queries.clear()
        assert self.run(uid, f"gai4 {name}", **how) == [answer]
        return bool(self.server.asked())

    def is_cached(self, uid, name=NAME, **how):
        """The first of two processes has to ask, and both get the right answer: did the second one not have to?"""
        assert self.asks(uid, name, **how)
        return not self.asks(uid, name, **how)

    def new_copy(self):
        return pathlib.Path(shutil.copy(self.program, self.net.folder / f"copy{next(self.copies)}"))

    # ---- Places ----

    @contextlib.contextmanager
    def mounted(self, source, target, kind=None, flags=0, data=None):
        netns.mount(source, target, kind, flags, data)
        try:
            yield
        finally:
            subprocess.run(["umount", "-l", target], check=True)

    def fresh(self, target, mode, options="size=64m"):
        return self.mounted("tmpfs", target, "tmpfs", data=f"mode={mode},{options}")

    def on_disk(self, target):
        """A folder that is no tmpfs there."""
        folder = put_folder(self.net.folder / f"disk{next(self.copies)}", 0, 0o755)
        if os.statvfs(folder).f_fsid == os.statvfs(target).f_fsid or is_tmpfs(folder):
            pytest.skip("the folder for temporary files is a tmpfs")
        return self.mounted(folder, target, flags=netns.MS_BIND)


def is_tmpfs(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True).stdout.strip() == "tmpfs"


def clean_environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("RES_", "LOCALDOMAIN", "HOSTALIASES", "XDG_"))}


@pytest.fixture(scope="module")
def scripted_server(net):
    with scripted.Server("127.0.3.1", None) as server:
        net.resolv_conf(f"nameserver {server.address}\noptions timeout:20\n")
        yield server


@pytest.fixture(scope="module")
def one_world(net, scripted_server):
    return World(net, scripted_server)


@pytest.fixture
def world(one_world):
    """Places without a trace of the test before."""
    with one_world.fresh(RUN, "0755"), one_world.fresh(SHM, "1777"):
        one_world.answer = TRUTH
        yield one_world


@pytest.fixture(scope="module")
def poison(one_world):
    """A cache that is as it should be, but for what is in it."""
    with one_world.fresh(SHM, "1777"), one_world.fresh(RUN, "0755"):
        one_world.answer = POISON
        assert one_world.run(ATTACKER, *(f"gai4 {name}" for name in POISONED)) == [POISON] * len(POISONED)
        one_world.answer = TRUTH
        return shared(ATTACKER).read_bytes()


# ---- What the other tests stand on ----

def test_such_a_file_would_be_believed(world, poison):
    """In the right place, of the right owner: else none of what follows would prove anything."""
    put(shared(VICTIM), poison, VICTIM)
    assert not world.asks(VICTIM, answer=POISON)
    put_folder(HOST.parent, 0, 0o755)
    put(HOST, poison, 0, 0o644)
    assert not world.asks(0, answer=POISON)
    assert not world.asks(ATTACKER, answer=POISON)
    HOST.unlink()
    with world.on_disk(RUN):
        put(shared(0), poison, 0, 0o644)
        assert not world.asks(0, answer=POISON)
        assert not world.asks(NOBODY, answer=POISON)


def test_tiers_as_they_should_be(world):
    assert world.is_cached(VICTIM)
    assert world.asks(ATTACKER), "the victim's own"
    assert world.asks(0), "root believes no user"
    assert not world.asks(5000), "the host's are for all"
    with world.on_disk(RUN):
        assert world.is_cached(0)
        assert not world.asks(5000)
    found = {path.name: (path.stat().st_mode, path.stat().st_uid) for path in SHM.iterdir()}
    assert found == {shared(uid, file).name: (stat.S_IFREG | mode, uid)
                     for uid, modes in {VICTIM: (0o600, 0o600, 0o600), ATTACKER: (0o600, 0o600, 0o600),
                                        0: (0o644, 0o600, 0o644)}.items()
                     for file, mode in zip(("cache", "claims", "counters"), modes)} | {
                         shared(5000, "counters").name: (stat.S_IFREG | 0o600, 5000)}  # of its hits in the host's


# ---- Names in a folder that everybody may write ----

HOLDER = """
import ctypes, fcntl, json, mmap, os, signal, struct, sys
path, seen = sys.argv[1], {}
signal.signal(signal.SIGIO, signal.SIG_IGN)
def attempt(name, do):
    try:
        seen[name] = do() or "done"
    except (OSError, ValueError) as error:
        seen[name] = type(error).__name__ if not isinstance(error, OSError) else os.strerror(error.errno)
def lock(kind, how):  # each owner of locks has a half of all that can be locked
    start, len = (0, 1 << 30) if how == fcntl.F_SETLK else (1 << 30, 0)
    return lambda: fcntl.fcntl(fd, how, struct.pack("hhqqi4x", kind, 0, start, len, 0)) and None
fd = os.open(path, os.O_RDONLY)
if "lease" in sys.argv:
    attempt("lease", lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK) and None)
else:
    attempt("open", lambda: os.close(os.open(path, os.O_RDWR)))
    attempt("open again", lambda: os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDWR)))
    if seen["open"] == "done":
        fd = os.open(path, os.O_RDWR)
    attempt("flock", lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    attempt("posix read", lock(fcntl.F_RDLCK, fcntl.F_SETLK))
    attempt("posix write", lock(fcntl.F_WRLCK, fcntl.F_SETLK))
    first, fd = fd, os.open(path, os.O_RDWR if seen["open"] == "done" else os.O_RDONLY)
    attempt("ofd read", lock(fcntl.F_RDLCK, 37))  # F_OFD_SETLK
    attempt("map", lambda: setattr(sys, "map", mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)))
    if "harm" in sys.argv:
        attempt("ofd write", lock(fcntl.F_WRLCK, 37))
        attempt("lease", lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK) and None)
        attempt("map to write", lambda: mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) and None)
        attempt("truncate", lambda: os.ftruncate(fd, 0))
        attempt("truncate by name", lambda: os.truncate(path, 0))
        attempt("allocate", lambda: os.posix_fallocate(fd, 0, 1 << 24))
        attempt("pwrite", lambda: os.pwrite(fd, b"x", 0) and None)
        attempt("unlink", lambda: os.unlink(path))
        attempt("rename", lambda: os.rename(path, path + "x"))
        attempt("chmod", lambda: os.fchmod(fd, 0o666))
        attempt("times", lambda: os.utime(fd, (0, 0)))
        attempt("seal", lambda: fcntl.fcntl(fd, 1033, 15) and None)
        attempt("owner", lambda: os.fchown(fd, os.getuid(), -1))
print(json.dumps(seen), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holding(uid, path, *how):
    """That user has the file open, locked and mapped in all ways that it is given; yields which."""
    with subprocess.Popen([*as_user(uid), PYTHON, "-I", "-c", HOLDER, path, *how], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())
        assert process.poll() is None, "it has held on"
        process.stdin.close()


def make_link(path, target):
    path.symlink_to(target)
    os.lchown(path, ATTACKER, ATTACKER)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def elsewhere(victim, poison):
    """A file that the victim owns, and that would be its cache under another name."""
    return put(SHM / "elsewhere", poison, victim, 0o600 if victim else 0o644)


OBJECTS = {
    "0600": lambda path, poison, victim: put(path, poison, ATTACKER, 0o600),
    "0644": lambda path, poison, victim: put(path, poison, ATTACKER, 0o644),
    "0666": lambda path, poison, victim: put(path, poison, ATTACKER, 0o666),
    "set-id": lambda path, poison, victim: put(path, poison, ATTACKER, 0o6644),
    "empty": lambda path, poison, victim: put(path, b"", ATTACKER),
    "link to attacker's": lambda path, poison, victim: make_link(path, put(SHM / "mine", poison, ATTACKER, 0o644)),
    "link to victim's": lambda path, poison, victim: make_link(path, elsewhere(victim, poison)),
    "hard link to victim's": lambda path, poison, victim: os.link(elsewhere(victim, poison), path),
    "link to nothing": lambda path, poison, victim: make_link(path, SHM / "nothing"),
    "link to itself": lambda path, poison, victim: make_link(path, path),
    "link to a device": lambda path, poison, victim: make_link(path, "/dev/zero"),
    "fifo": lambda path, poison, victim: os.mkfifo(path, 0o666),
    "socket": lambda path, poison, victim: make_socket(path),
    "folder": lambda path, poison, victim: put_folder(path, ATTACKER, 0o777),
    "locked": lambda path, poison, victim: put(path, poison, ATTACKER, 0o666),
    "leased": lambda path, poison, victim: put(path, poison, ATTACKER, 0o666),
}


@pytest.fixture(params=[VICTIM, 0], ids=["user", "root"])
def victim_in_shm(request, world):
    """Whose tier is in /dev/shm."""
    with contextlib.ExitStack() as stack:
        if request.param == 0:
            stack.enter_context(world.on_disk(RUN))
        yield request.param


@pytest.mark.parametrize("file", ["cache", "claims", "counters", "draft"])
@pytest.mark.parametrize("kind", OBJECTS)
def test_taken_name(world, poison, victim_in_shm, file, kind):
    victim = victim_in_shm
    path = shared(victim, new=".new") if file == "draft" else shared(victim, file)
    OBJECTS[kind](path, poison, victim)
    if kind in ("fifo", "socket"):
        os.chown(path, ATTACKER, ATTACKER)
    before = looks_of(path)
    with contextlib.ExitStack() as stack:
        if kind in ("locked", "leased"):
            held = stack.enter_context(holding(ATTACKER, path, *["lease"] if kind == "leased" else []))
            assert set(held.values()) == {"done"}
        cached = world.is_cached(victim)
    assert looks_of(path) == before, "what is a stranger's stays"
    if file != "draft":
        assert cached == (file != "cache")
    assert world.asks(VICTIM, "new.trust.test")


@pytest.mark.parametrize("file", ["cache", "claims", "counters", "draft"])
def test_link_into_a_file_system_that_hangs(world, victim_in_shm, file):
    """A user's own file system may never answer (fuse(4)); whoever looks at a file in it hangs."""
    folder = put_folder(world.net.folder / f"fuse{next(world.copies)}", ATTACKER, 0o777)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"/dev/fuse: {error}")
    with contextlib.ExitStack() as stack:
        options = f"fd={device},rootmode=40000,user_id={ATTACKER},group_id={ATTACKER},allow_other"
        stack.callback(os.close, device)  # before it is unmounted: what hangs is freed
        try:
            netns.mount("fuse", folder, "fuse", data=options)
        except OSError as error:
            pytest.skip(f"fuse: {error}")
        path = shared(victim_in_shm, new=".new") if file == "draft" else shared(victim_in_shm, file)
        make_link(path, folder / "file")
        before = looks_of(path)
        try:
            assert world.asks(victim_in_shm)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
        assert looks_of(path) == before


# ---- Folders ----

def wrong_folder(kind, path, poison, owner):
    """In place of a folder that should be its owner's alone."""
    if kind == "link":
        put_folder(RUN / "elsewhere", owner, 0o755)
        path.symlink_to(RUN / "elsewhere")
    elif kind == "file":
        put(path, b"", owner)
    else:
        put_folder(path, ATTACKER if kind == "attacker's" else owner,
                   {"group": 0o775, "world": 0o757, "sticky": 0o1777}.get(kind, 0o755))
    return path


FOLDERS = ["attacker's", "group", "world", "sticky", "link", "file"]


@pytest.mark.parametrize("kind", FOLDERS)
def test_users_folder(world, poison, kind):
    """/run/user/UID that is not the user's: the tier is in /dev/shm."""
    put_folder(RUN / "user", 0, 0o755)
    folder = wrong_folder(kind, RUN / "user" / str(VICTIM), poison, VICTIM)
    if kind != "file":
        put(put_folder(folder / "aiodns", VICTIM, 0o700) / "cache.1", poison, VICTIM)
    before = {str(path): looks_of(path) for path in RUN.rglob("*")}
    assert world.is_cached(VICTIM)
    assert {str(path): looks_of(path) for path in RUN.rglob("*")} == before
    assert shared(VICTIM).exists()


@pytest.mark.parametrize("kind", FOLDERS)
def test_users_own_folder(world, poison, kind):
    """/run/user/UID/aiodns that is not the user's alone: no tier."""
    home = put_folder(put_folder(RUN / "user", 0, 0o755) / str(VICTIM), VICTIM, 0o700)
    folder = wrong_folder(kind, home / "aiodns", poison, VICTIM)
    if kind != "file":
        put(folder / "cache.1", poison, VICTIM)
    before = everything()
    assert not world.is_cached(VICTIM)
    assert everything() == before


def test_users_folder_as_it_should_be(world):
    home = put_folder(put_folder(RUN / "user", 0, 0o755) / str(VICTIM), VICTIM, 0o700)
    assert world.is_cached(VICTIM)
    assert stat.S_IMODE((home / "aiodns").stat().st_mode) == 0o700
    assert not list(SHM.iterdir())


@pytest.mark.parametrize("kind", FOLDERS)
def test_hosts_folder(world, poison, kind):
    """/run/aiodns that is not root's alone: no tier, for anybody."""
    folder = wrong_folder(kind, HOST.parent, poison, 0)
    if kind != "file":
        put(folder / "cache.1", poison, 0, 0o644)
    before = everything()
    assert not world.is_cached(0)
    assert everything() == before
    assert world.is_cached(VICTIM)


@pytest.mark.parametrize("owner, mode", [(ATTACKER, 0o755), (0, 0o777), (0, 0o1777), (0, 0o775)])
def test_folder_of_folders(world, poison, owner, mode):
    """/run itself is not root's alone: nothing in it is believed, or made."""
    put(put_folder(HOST.parent, 0, 0o755) / "cache.1", poison, 0, 0o644)
    put(put_folder(RUN / f"user/{VICTIM}/aiodns", VICTIM, 0o700) / "cache.1", poison, VICTIM)
    os.chown(RUN / f"user/{VICTIM}", VICTIM, VICTIM)
    put_folder(RUN, owner, mode)
    before = {str(path): looks_of(path) for path in RUN.rglob("*")}
    assert not world.is_cached(0)
    assert world.is_cached(VICTIM)
    assert {str(path): looks_of(path) for path in RUN.rglob("*")} == before


def test_run_on_a_disk(world, poison):
    with world.on_disk(RUN):
        put(put_folder(HOST.parent, 0, 0o755) / "cache.1", poison, 0, 0o644)
        put(put_folder(RUN / f"user/{VICTIM}/aiodns", VICTIM, 0o700) / "cache.1", poison, VICTIM)
        os.chown(RUN / f"user/{VICTIM}", VICTIM, VICTIM)
        before = {str(path): looks_of(path) for path in RUN.rglob("*")}
        assert world.is_cached(VICTIM)
        assert world.is_cached(0)
        assert {str(path): looks_of(path) for path in RUN.rglob("*")} == before
        assert shared(0).exists() and shared(VICTIM).exists()


@pytest.mark.parametrize("owner, mode", [(0, 0o777), (0, 0o775), (ATTACKER, 0o1777)])
def test_shared_folder_that_is_anybodys(world, poison, owner, mode):
    """/dev/shm in which files can be replaced by others."""
    with world.on_disk(RUN):
        put(shared(0), poison, 0, 0o644)
        put(shared(VICTIM), poison, VICTIM)
        put_folder(SHM, owner, mode)
        before = everything()
        assert not world.is_cached(0)
        assert not world.is_cached(VICTIM)
        assert everything() == before


def test_shared_folder_on_a_disk(world, poison):
    with world.on_disk(RUN), world.on_disk(SHM):
        put_folder(SHM, 0, 0o1777)
        put(shared(0), poison, 0, 0o644)
        put(shared(VICTIM), poison, VICTIM)
        before = everything()
        assert not world.is_cached(0)
        assert not world.is_cached(VICTIM)
        assert everything() == before


# ---- The host's files, which everybody may read ----

REFUSED = {"open": "Permission denied", "open again": "Permission denied", "posix write": "Bad file descriptor",
           "ofd write": "Bad file descriptor", "lease": "Permission denied", "map to write": "Permission denied",
           "truncate": "Invalid argument", "truncate by name": "Permission denied", "allocate": "Bad file descriptor",
           "pwrite": "Bad file descriptor", "chmod": "Operation not permitted", "times": "Operation not permitted",
           "seal": "Operation not permitted", "owner": "Operation not permitted"}
HELD = {"flock", "posix read", "ofd read", "map"}


@pytest.mark.parametrize("place", ["run", "shm"])
@pytest.mark.parametrize("file", ["cache", "counters"])
def test_readers_of_the_hosts_files(world, place, file):
    """They can lock what they can open: writers do not notice."""
    with world.on_disk(RUN) if place == "shm" else contextlib.nullcontext():
        assert world.is_cached(0)
        path = shared(0, file) if place == "shm" else HOST.with_name(f"{file}.1")
        before = path.read_bytes()
        with holding(ATTACKER, path, "harm") as done:
            # Neither removed nor renamed: by the folder's mode, or its sticky bit.
            assert {done.pop("unlink"), done.pop("rename")} <= {"Permission denied", "Operation not permitted"}
            assert done == REFUSED | {name: "done" for name in HELD}
            assert path.read_bytes() == before
            with world.start(0) as root:
                names = [f"name{i}.trust.test" for i in range(8)]
                world.server.queries.clear()
                assert [root.ask(f"gai4 {name}") for name in names * 2] == [TRUTH] * 16
                assert world.server.asked("A") == [(name, "A") for name in names]
            assert not any(world.asks(0, name) for name in names)


@pytest.mark.parametrize("place", ["run", "shm"])
def test_hosts_claims_are_roots(world, place):
    with world.on_disk(RUN) if place == "shm" else contextlib.nullcontext():
        assert world.is_cached(0)
        path = shared(0, "claims") if place == "shm" else HOST.with_name("claims.1")
        for flag in ("<", ">>"):
            done = subprocess.run([*as_user(ATTACKER), "sh", "-c", f": {flag} {path}"], capture_output=True, text=True)
            assert "Permission denied" in done.stderr


# ---- No room ----

FILL = """
import os, sys
folder, what = sys.argv[1:]
try:
    if what == "pages":
        with open(f"{folder}/flood", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    for i in range(1 << 30):
        open(f"{folder}/flood{i}", "x").close()
except OSError as error:
    print(error.errno)
"""


def flood(folder, what):
    """All that is left is the attacker's."""
    done = subprocess.run([*as_user(ATTACKER), PYTHON, "-I", "-c", FILL, folder, what], capture_output=True, text=True)
    assert done.stdout == "28\n", done.stderr  # ENOSPC


@pytest.mark.parametrize("what", ["pages", "inodes"])
@pytest.mark.parametrize("when", ["before", "meanwhile", "after"])
@pytest.mark.parametrize("victim", [VICTIM, 0], ids=["user", "root"])
def test_flood(world, victim, when, what):
    """A cache has all of its room from the start; where it gets none, there is none."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(world.fresh(SHM, "1777", "size=9m,nr_inodes=200"))
        if victim == 0:
            stack.enter_context(world.on_disk(RUN))
        if when == "before":
            flood(SHM, what)
        elif when == "after":
            assert world.is_cached(victim)
            flood(SHM, what)
        with world.start(victim) as program:
            if when == "meanwhile":
                assert program.ask(f"gai4 {START}") == TRUTH
                flood(SHM, what)
            names = [f"name{i}.trust.test" for i in range(40)]
            assert [program.ask(f"gai4 {name}") for name in names] == [TRUTH] * 40
            assert program.ask("busy 4") == "done"
            assert [program.ask(f"gai4 {name}") for name in names] == [TRUTH] * 40
            assert program.ask("rest -") == "calm"
        assert world.is_cached(victim, CHILD) == (when != "before")
        for path in SHM.glob("flood*"):
            path.unlink()
        assert world.is_cached(victim, OTHER)


# ---- Whose cache it is ----

def test_a_users_cache_is_for_that_user(world, poison):
    """Copied to where others look, octet by octet, it has the wrong owner."""
    put(shared(ATTACKER), poison, ATTACKER)
    put(shared(VICTIM), poison, ATTACKER)
    home = put_folder(put_folder(RUN / "user", 0, 0o755) / "5000", 5000, 0o700)
    put(put_folder(home / "aiodns", 5000, 0o700) / "cache.1", poison, ATTACKER)
    assert not world.asks(ATTACKER, answer=POISON), "its own"
    for uid in (VICTIM, 5000):
        assert not world.is_cached(uid)
    assert world.is_cached(0)
    assert not world.asks(VICTIM), "the host's comes first"
    with world.on_disk(RUN):
        put(shared(0), poison, ATTACKER, 0o644)
        for uid in (0, VICTIM, 5000):
            assert world.asks(uid)


def test_the_hosts_cache_comes_first(world, poison):
    """Even before what the user itself has, which others did not make."""
    assert world.is_cached(0)
    put(shared(ATTACKER), poison, ATTACKER)
    assert not world.asks(ATTACKER)
    assert not world.asks(ATTACKER, OTHER, POISON)


def test_nobody_owns_nothing(world, poison):
    """Every stranger in a user namespace looks like the overflow uid."""
    put(shared(NOBODY), poison, NOBODY)
    home = put_folder(put_folder(RUN / "user", 0, 0o755) / str(NOBODY), NOBODY, 0o700)
    put(put_folder(home / "aiodns", NOBODY, 0o700) / "cache.1", poison, NOBODY)
    before = everything()
    assert not world.is_cached(NOBODY)
    assert everything() == before
    assert world.is_cached(0)
    assert not world.asks(NOBODY), "the host's are for all"


def test_another_overflow_uid(world, poison):
    """Where the kernel has another number for strangers."""
    number = world.net.folder / f"overflowuid{next(world.copies)}"
    number.write_text(f"{VICTIM}\n")
    put(shared(VICTIM), poison, VICTIM)
    put(put_folder(HOST.parent, 0, 0o755) / "cache.1", poison, VICTIM, 0o644)
    with world.mounted(number, "/proc/sys/kernel/overflowuid", flags=netns.MS_BIND):
        before = everything()
        assert not world.is_cached(VICTIM)
        assert not world.is_cached(NOBODY)
        assert everything() == before
        assert world.asks(0)
    assert not world.asks(VICTIM, answer=POISON)


USER_NAMESPACES = {"root": ["unshare", "-U", "-r"], "same": ["unshare", "-U", "--map-current-user"],
                   "unmapped": ["unshare", "-U"]}


@pytest.mark.parametrize("kind", USER_NAMESPACES)
def test_user_namespace(world, poison, kind):
    """In it the host's files seem to be a stranger's, as are all others that are not mapped."""
    done = subprocess.run([*as_user(VICTIM), *USER_NAMESPACES[kind], "true"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())
    put(put_folder(HOST.parent, 0, 0o755) / "cache.1", poison, ATTACKER, 0o644)
    put(shared(0), poison, ATTACKER, 0o644)
    put(shared(NOBODY), poison, ATTACKER)
    put(shared(VICTIM), poison, ATTACKER)
    before = everything()
    assert not world.is_cached(VICTIM, before=[*as_user(VICTIM), *USER_NAMESPACES[kind]])
    assert everything() == before
    with world.on_disk(RUN):
        assert not world.is_cached(VICTIM, before=[*as_user(VICTIM), *USER_NAMESPACES[kind]])


def test_user_namespace_of_its_own_folders(world, poison):
    """Folders are the namespace's root's, as in a container, and a file in them is a stranger's."""
    script = f"""
        mount -t tmpfs -o mode=755 x /run && mount -t tmpfs -o mode=1777 x /dev/shm || exit 99
        mkdir /run/aiodns && exec "$@" """
    namespace = [*as_user(VICTIM), "unshare", "-U", "-r", "-m", "sh", "-c", script, "sh"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mounts of one's own in a user namespace here")
    # The root folder is a stranger's there: nothing below it is believed.
    assert not world.is_cached(VICTIM, before=namespace)


# ---- Programs that are more than their user ----

def set_user_id(file):
    os.chown(file, 0, 0)
    file.chmod(0o4755)


def set_group_id(file):
    os.chown(file, 0, 0)
    file.chmod(0o2755)


def set_user_id_of_a_user(file):
    os.chown(file, 5000, 5000)
    file.chmod(0o4755)


def give_capability(file):
    subprocess.run(["setcap", "cap_net_raw+ep", file], check=True)


PRIVILEGES = {"set-user-ID": set_user_id, "set-group-ID": set_group_id, "of a user": set_user_id_of_a_user,
              "capability": give_capability}


@pytest.mark.parametrize("kind", PRIVILEGES)
def test_privileged_programs(world, poison, kind):
    """They read the host's cache, never a user's, and write nothing anywhere, whatever their environment says."""
    file = world.new_copy()
    if os.statvfs(file).f_flag & os.ST_NOSUID:
        pytest.skip("programs in the folder for temporary files get no privileges")
    try:
        PRIVILEGES[kind](file)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{kind}: {error}")
    for uid in (VICTIM, 5000):
        put(shared(uid), poison, uid)
        home = put_folder(put_folder(RUN / "user", 0, 0o755) / str(uid), uid, 0o700)
        put(put_folder(home / "aiodns", uid, 0o700) / "cache.1", poison, uid)
    assert not world.asks(VICTIM, answer=POISON)
    assert world.asks(0, "host.trust.test")
    evil = world.net.new_folder(f"evil{next(world.copies)}")
    put(put_folder(evil / "aiodns", VICTIM, 0o755) / "cache.1", poison, VICTIM)
    env = {name: str(evil) for name in ("XDG_RUNTIME_DIR", "TMPDIR", "HOME", "LD_LIBRARY_PATH", "AIODNS_DIR")}
    env |= {"LD_PRELOAD": str(evil / "x.so"), "LD_DEBUG": "files", "GCONV_PATH": str(evil), "HOSTALIASES": str(evil)}
    before = everything()
    assert not world.is_cached(VICTIM, file=file, env=env)
    assert world.run(VICTIM, *[f"gai4 {name}" for name in POISONED] * 2, file=file, env=env) == [TRUTH] * 8
    assert world.run(VICTIM, f"gai4 {OTHER}", "busy 2", "forks 20:0" if kind == "set-user-ID" else f"gai4 {OTHER}",
                     "rest -", file=file) == [TRUTH, "done", "clean" if kind == "set-user-ID" else TRUTH, "calm"]
    if kind != "set-user-ID":  # whose children have become root altogether
        assert everything() == before
    assert not world.asks(VICTIM, "host.trust.test", file=file, env=env)


def test_set_user_id_that_becomes_root(world):
    """Root through and through by its IDs; but somebody else has started it, in surroundings of its own making."""
    file = world.new_copy()
    set_user_id(file)
    if os.statvfs(file).f_flag & os.ST_NOSUID:
        pytest.skip("programs in the folder for temporary files get no privileges")
    before = everything()
    assert world.run(VICTIM, "become 0", f"gai4 {NAME}", f"gai4 {NAME}", file=file) == ["done", TRUTH, TRUTH]
    assert everything() == before


def test_ambient_capability(world, poison):
    """Which the kernel does not call a privileged start (AT_SECURE)."""
    before = as_user(VICTIM)[:-1] + ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"]
    put(shared(VICTIM), poison, VICTIM)
    state = everything()
    assert not world.is_cached(VICTIM, before=before)
    assert everything() == state
    assert world.asks(0, OTHER)
    assert not world.asks(VICTIM, OTHER, before=before)
    assert not world.asks(VICTIM, answer=POISON)


def test_environment_moves_nothing(world, poison):
    evil = put_folder(world.net.new_folder(f"evil{next(world.copies)}"), VICTIM, 0o700)
    with world.fresh(evil, "0700"):
        os.chown(evil, VICTIM, VICTIM)
        put(put_folder(evil / "aiodns", VICTIM, 0o700) / "cache.1", poison, VICTIM)
        env = {name: str(evil) for name in ("XDG_RUNTIME_DIR", "TMPDIR", "HOME", "RUNTIME_DIRECTORY")}
        assert world.is_cached(VICTIM, env=env)
        assert shared(VICTIM).exists()


# ---- Programs that become less ----

def look_at(program, *writable):
    """Between its lookups: no descriptor, and no mapping to write to but perhaps one of these, once."""
    assert program.descriptors() == []
    found = program.writable()
    assert len(found) == len(set(found)) and set(found) <= set(map(str, writable))


@pytest.mark.parametrize("how", ["become", "become-apart"])
@pytest.mark.parametrize("place", ["run", "shm"])
def test_dropped_privileges(world, poison, how, place):
    """Of what it had as root it keeps nothing, and then believes and writes what its user does."""
    with world.on_disk(RUN) if place == "shm" else contextlib.nullcontext():
        counters = shared(0, "counters") if place == "shm" else HOST.with_name("counters.1")
        with world.start(0) as program:
            assert program.ask(f"gai4 {START}") == TRUTH
            look_at(program, counters)
            assert program.ask("busy 6") == "done"
            put(shared(VICTIM), poison, ATTACKER)
            assert program.ask(f"{how} {VICTIM}") == "done"
            assert program.ask(f"gai4 {NAME}") == TRUTH
            assert program.ask("rest -") == "calm"
            shared(VICTIM).unlink()
            assert program.ask("gai4 now.trust.test") == TRUTH
            look_at(program, shared(VICTIM, "counters"))
            world.server.queries.clear()
            assert program.ask(f"gai4 {START}") == TRUTH
            assert world.server.asked() == [], "the host's cache is there for it"
        assert not world.asks(VICTIM, "now.trust.test")
        assert world.asks(0, "now.trust.test"), "it was the user who stored it"


def test_dropped_and_never_asked_again(world):
    """The counters may stay, which nobody believes: nothing else."""
    with world.start(0) as program:
        assert program.ask("start 12") == "calm"
        assert program.ask(f"become {VICTIM}") == "done"
        look_at(program, HOST.with_name("counters.1"))


@pytest.mark.parametrize("uid", [0, VICTIM], ids=["root", "user"])
def test_threads_that_begin_together(world, uid):
    """Each finds that nothing is mapped yet: one alone maps."""
    counters = HOST.with_name("counters.1") if uid == 0 else shared(uid, "counters")
    for _ in range(30):
        with world.start(uid) as program:
            assert program.ask("start 16") == "calm"
            look_at(program, counters)
            assert program.ask("forks 1:5000" if uid == 0 else f"gai4 {NAME}") == ("clean" if uid == 0 else TRUTH)


@pytest.mark.parametrize("place", ["run", "shm"])
def test_children_that_drop(world, place):
    """Born in the middle of other threads' lookups, they have nothing that can write."""
    with world.on_disk(RUN) if place == "shm" else contextlib.nullcontext():
        with world.start(0) as program:
            assert program.ask(f"gai4 {START}") == TRUTH
            assert program.ask("busy 6") == "done"
            assert program.ask(f"forks 400:{VICTIM}") == "clean"
            assert program.ask("rest -") == "calm"
        assert world.is_cached(VICTIM, "late.trust.test")


def test_children_from_the_first_lookup_on(world):
    """Files are made and mapped just then."""
    for _ in range(30):
        for path in HOST.parent.glob("*"):
            path.unlink()
        with world.start(0) as program:
            assert program.ask("busy 4") == "done"
            assert program.ask(f"forks 8:{VICTIM}") == "clean"
            assert program.ask("rest -") == "calm"


def test_there_and_back_again(world, poison):
    """While its IDs differ it reads the host's cache, and writes nothing."""
    put(shared(VICTIM), poison, VICTIM)
    with world.start(0) as program:
        assert program.ask("gai4 host.trust.test") == TRUTH
        for turn in range(20):
            assert program.ask(f"effective {VICTIM}") == "done"
            before = everything()
            assert [program.ask(f"gai4 {name}") for name in POISONED] == [TRUTH] * len(POISONED)
            assert program.ask(f"gai4 user{turn}.trust.test") == TRUTH
            look_at(program)
            assert everything() == before
            world.server.queries.clear()
            assert program.ask("gai4 host.trust.test") == TRUTH
            assert program.ask(f"gai4 user{turn}.trust.test") == TRUTH
            assert world.server.asked("A") == [(f"user{turn}.trust.test", "A")]
            assert program.ask("effective 0") == "done"
            assert program.ask(f"gai4 root{turn}.trust.test") == TRUTH
            assert not world.asks(5000, f"root{turn}.trust.test")
        look_at(program, HOST.with_name("counters.1"))
    assert not world.asks(VICTIM, NAME, POISON), "which was there to be found"


# ---- The user's own, but no use ----

def with_octet(at):
    return lambda poison: poison[:at] + bytes([poison[at] ^ 1]) + poison[at + 1:]


USELESS = {
    "nothing": lambda poison: b"",
    "one octet": lambda poison: b"a",
    "less than a page": lambda poison: poison[:4095],
    "one page": lambda poison: poison[:4096],
    "a page less": lambda poison: poison[:-4096],
    "a page more": lambda poison: poison + bytes(4096),
    "an octet more": lambda poison: poison + b"x",
    "zeros": lambda poison: bytes(len(poison)),
    "random": lambda poison: os.urandom(len(poison)),
    "a random header": lambda poison: poison[:8] + os.urandom(64) + poison[72:],
    "another layout": with_octet(8),
    "another page": with_octet(12),
    "another number of sets": with_octet(16),
    "another size": with_octet(24),
    "another key": with_octet(32),
    "another boot": with_octet(48),
    "another checksum": with_octet(64),
}


@pytest.mark.parametrize("kind", USELESS)
@pytest.mark.parametrize("victim", [VICTIM, 0], ids=["user", "root"])
def test_own_but_useless(world, poison, kind, victim):
    """A new cache comes in its place."""
    if victim == 0:
        path = put(put_folder(HOST.parent, 0, 0o755) / "cache.1", USELESS[kind](poison), 0, 0o644)
    else:
        path = put(shared(victim), USELESS[kind](poison), victim)
    before = path.stat().st_ino
    assert world.is_cached(victim)
    assert path.stat().st_ino != before
    files = "cache", "claims", "counters"
    assert set(path.parent.iterdir()) == {shared(victim, file) if victim else HOST.with_name(f"{file}.1")
                                          for file in files}


@pytest.mark.parametrize("mode", [0o400, 0o640, 0o604, 0o644, 0o660, 0o606, 0o666, 0o700, 0o4600, 0o2600, 0o1600])
def test_own_with_a_wrong_mode(world, poison, mode):
    """Whoever may write to it, or could: none is believed."""
    put(shared(VICTIM), poison, VICTIM, mode)
    world.is_cached(VICTIM)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o640, 0o755, 0o4644, 0o2644])
@pytest.mark.parametrize("place", ["run", "shm"])
def test_hosts_with_a_wrong_mode(world, poison, mode, place):
    with world.on_disk(RUN) if place == "shm" else contextlib.nullcontext():
        put_folder(HOST.parent, 0, 0o755)
        put(shared(0) if place == "shm" else HOST, poison, 0, mode)
        assert world.asks(5000)
        world.is_cached(0)


def test_random_records(world, poison):
    """Behind a good header: no answer comes out of noise, and a lookup stores over it."""
    put(shared(VICTIM), poison[:4096] + os.urandom(len(poison) - 4096), VICTIM)
    names = [f"name{i}.trust.test" for i in range(50)]
    assert world.run(VICTIM, *(f"gai4 {name}" for name in names * 2)) == [TRUTH] * 100
    assert not world.asks(VICTIM, names[0])


@pytest.mark.parametrize("change", ["mode", "owner", "link", "gone", "replaced by a stranger's", "useless"])
def test_changed_under_a_running_program(world, poison, change):
    """What was good when it was mapped is looked at again."""
    path = put(shared(VICTIM), poison, VICTIM)
    with world.start(VICTIM) as program:
        assert program.ask(f"gai4 {NAME}") == POISON
        if change == "mode":
            path.chmod(0o666)
        elif change == "owner":
            os.chown(path, ATTACKER, ATTACKER)
        elif change == "link":
            os.link(path, SHM / "link")
        elif change == "useless":
            put(SHM / "other", os.urandom(len(poison)), VICTIM).rename(path)
        else:
            path.unlink()
            if change != "gone":
                put(path, poison, ATTACKER)
        assert program.ask("gai4 new.trust.test") == TRUTH  # a miss looks at the file
        assert [program.ask(f"gai4 {name}") for name in POISONED] == [TRUTH] * len(POISONED)
