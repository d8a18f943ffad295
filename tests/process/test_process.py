"""The module inside programs that leave it little room."""

import errno
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess

import pytest

import netns
import programs
import scripted
from programs import addresses, clean_environment, program, run

ONE4, ONE6 = "198.18.0.1", "2001:db8::1"
ONE = f"{ONE4} {ONE6}"
MODULE = pathlib.Path(os.environ.get("AIODNS_MODULE_DIR", programs.FOLDER.parents[1] / "nss"), "libnss_aiodns.so.2")
USER, OTHER_USER = 12345, 12346
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
needs_root = pytest.mark.skipif(not netns.IS_ROOT, reason="needs root outside of a user namespace")
FORKS = int(os.environ.get("AIODNS_TEST_FORKS", 300))
MANY = addresses(200)

RECORDS = {
    "one.test": addresses(1),
    "many.test": MANY,
    "only4.test": {"A": [ONE4]},
    "deep.h.test": addresses(1),
    "1.1.18.198.in-addr.arpa": {"PTR": ["one.test."]},
    "1." + "0." * 19 + "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["one.test."]},
    "chain9.test": "one.test",
    "servfail.test": "SERVFAIL",
} | {f"chain{n}.test": f"chain{n + 1}.test" for n in range(9)}

SEARCH = " ".join(f"{letter}.test" for letter in "abcdefgh")
HOSTS = ("127.0.0.1 localhost\n198.18.0.7 " + " ".join(f"word{n}.test" for n in range(2000)) + " long.test\n"
         "198.18.0.8 near.test\n2001:db8::8 near.test\n198.18.1.2 near.test\n")

# How, name, and what glibc then gives: programs.run() passes them on.
KINDS = [
    ("gai", "one.test", ONE),
    ("gai4", "one.test", ONE4),
    ("gai6", "one.test", ONE6),
    ("byname", "one.test", ONE4),
    ("byname6", "one.test", ONE6),
    ("gai", "near.test", "198.18.0.8 198.18.1.2 2001:db8::8"),
    ("byname", "long.test", "198.18.0.7"),
    ("gai", "deep", ONE),
    ("gai", "nick", ONE),
    ("gai", "chain0.test", ONE),
    ("byname6", "chain0.test", ONE6),
    ("gai", "many.test", " ".join(sorted(MANY["A"] + MANY["AAAA"]))),
    ("byname", "many.test", " ".join(sorted(MANY["A"]))),
    ("gai", "nowhere.test.", "EAI_NONAME"),
    ("gai6", "nowhere", "EAI_NONAME"),
    ("byname", "servfail.test.", "TRY_AGAIN"),
    ("gai", "below.localhost", "127.0.0.1 ::1"),
    ("byaddr", "198.18.1.1", "one.test"),
    ("byaddr", "2001:db8:1::1", "one.test"),
    ("nameinfo", "198.18.1.1", "one.test"),
    ("byaddr", "198.18.1.2", "near.test"),
    ("byaddr", "198.18.1.3", "HOST_NOT_FOUND"),
]


def flat(kinds):
    return [word for kind in kinds for word in kind]


@pytest.fixture(scope="module")
def opened():
    """What the numbers 0 to 2 stand for in a process that waits for a reply, by process."""
    return {}


@pytest.fixture(scope="module")
def server(net, opened):
    """one.test and others; names that begin with a signal and a process send it that, and get an answer if they are
    asked for once more, but never for SIGALRM."""
    asked = set()
    table = programs.remembering(scripted.records(RECORDS))

    def handler(query):
        word, *rest = query.key.partition(".")[0].split("-")
        if word in ("usr1", "alrm"):
            again = query.key in asked
            asked.add(query.key)
            if not again:
                os.kill(int(rest[0]), signal.SIGUSR1 if word == "usr1" else signal.SIGALRM)
            elif word == "usr1":
                query.send(query.reply(ONE4))
        elif word == "look":
            folder = pathlib.Path("/proc", rest[0], "fd")
            opened.setdefault(int(rest[0]), []).append({fd.name: os.readlink(fd) for fd in folder.iterdir()})
            query.send(query.reply(ONE4))
        else:
            table(query)

    with scripted.Server("127.0.3.1", handler) as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(net, server):
    """As every test finds them, whatever the one before left."""
    net.hosts(HOSTS)
    net.resolv_conf(f"nameserver {server.address}\nsearch {SEARCH}\n")
    net.service(netns.SERVICE)


@pytest.fixture(scope="module")
def aliases(net):
    file = net.folder / "aliases"
    file.write_text("other two.test\nnick one.test\n")
    return {"HOSTALIASES": str(file)}


# -- Threads

def test_small_stacks(aliases):
    run("threads", "stacks", 0, *flat(KINDS), env=aliases)


def test_200_threads_at_once():
    run("threads", "crowd", 200, *flat([KINDS[0], KINDS[3], KINDS[5], KINDS[-5]]))


def test_forks_of_a_busy_program():
    run("threads", "forks", FORKS, timeout=60 + FORKS)


@pytest.mark.parametrize("mode", ["cancel", "cancel-by-glibc"])
def test_cancellation_anywhere(mode):
    run("threads", mode, 300)


def test_cancellation_in_the_wait():
    run("threads", "cancel-in-the-wait", 0)


def test_jumps_out_of_the_wait():
    run("threads", "jumps", 20, *flat(KINDS[:4]))


def test_signals_all_the_time(aliases):
    run("threads", "signals", 0, *flat(KINDS), env=aliases)


# -- Limits

def test_no_descriptors_left():
    run("limits", "no-descriptors", *flat(KINDS[:8]))


def test_one_descriptor_left():
    run("limits", "one-descriptor", *flat(KINDS[:7]))


def test_files_may_not_grow():
    run("limits", "no-file-size", *flat(KINDS[:8]))


def test_no_memory_left():
    run("limits", "no-memory", *flat(KINDS[:7]))


def test_little_memory_left():
    run("limits", "little-memory", *flat(KINDS[:7]))


def test_standard_streams_closed(opened):
    opened.clear()
    run("limits", "standard-closed", *flat(KINDS[:4]))
    [seen] = opened.values()
    assert len(seen) == 2 * 7
    for closed, numbers in enumerate([numbers for pair in zip(seen[::2], seen[1::2]) for numbers in pair], 2):
        for fd in "012":
            assert (fd in numbers) != bool(closed // 2 >> int(fd) & 1), f"{closed // 2:b}: {numbers}"
        assert sum("socket" in target for target in numbers.values()) == 1


def test_descriptors_closed_between_lookups():
    run("limits", "close-range", *flat(KINDS[:7]))


# -- errno and h_errno

OUTCOMES = [
    ("gai", "one.test", "SUCCESS 0 0"),
    ("gai4", "one.test", "SUCCESS 0 0"),
    ("byname6", "chain0.test", "SUCCESS 0 0"),
    ("byname", "many.test", "SUCCESS 0 0"),
    ("gai", "deep", "SUCCESS 0 0"),
    ("gai", "nick", "SUCCESS 0 0"),
    ("gai", "near.test", "SUCCESS 0 0"),
    ("byname", "long.test", "SUCCESS 0 0"),
    ("gai", "below.localhost", "SUCCESS 0 0"),
    ("addr", "198.18.1.1", "SUCCESS 0 0"),
    ("addr", "198.18.1.2", "SUCCESS 0 0"),
    ("addr", "2001:db8:1::1", "SUCCESS 0 0"),
    ("gai", "nowhere.test", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("byname", "nowhere", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("byname6", "only4.test", "NOTFOUND ENOENT NO_DATA"),
    ("byname", "below.invalid", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("gai", "printer.local", "UNAVAIL ENOENT HOST_NOT_FOUND"),
    ("gai", "two words", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("gai", "servfail.test.", "TRYAGAIN EAGAIN TRY_AGAIN"),
    ("addr", "198.18.1.3", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("family", "one.test", "UNAVAIL EAFNOSUPPORT NO_DATA"),
    ("length", "198.18.1.x", "UNAVAIL EAFNOSUPPORT NO_DATA"),
]


def test_errno_and_h_errno(aliases):
    run("outcome", *flat(OUTCOMES), env=aliases)


# -- System calls

LOOKUPS = ["gai", "one.test", "byname", "one.test", "addr", "198.18.1.1"]
LOCAL = "TRYAGAIN {} NETDB_INTERNAL"


def outcomes(*arguments, **how):
    return run("seccomp", *arguments, **how).splitlines()[1:]


# What a lookup by name ends in when these calls fail with EPERM, and with ENOSYS.
REFUSED = {
    "socket": ("UNAVAIL EAGAIN TRY_AGAIN", "TRYAGAIN EAGAIN TRY_AGAIN"),
    "connect": ("UNAVAIL EAGAIN TRY_AGAIN", "TRYAGAIN EAGAIN TRY_AGAIN"),
    "send": ("UNAVAIL EAGAIN TRY_AGAIN", "TRYAGAIN EAGAIN TRY_AGAIN"),
    "recv": ("TRYAGAIN EAGAIN TRY_AGAIN", "TRYAGAIN EAGAIN TRY_AGAIN"),
    "poll": (LOCAL.format("EPERM"), LOCAL.format("ENOSYS")),
    "getrandom": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "open": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "read": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "lseek": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "uname": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "fcntl": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "clock": ("SUCCESS 0 0", "SUCCESS 0 0"),
    "getrandom,open": ("UNAVAIL EAGAIN TRY_AGAIN", "UNAVAIL EAGAIN TRY_AGAIN"),
}


@pytest.mark.parametrize("calls", REFUSED)
def test_calls_refused(net, calls):
    for error, wanted in zip((errno.EPERM, errno.ENOSYS), REFUSED[calls]):
        assert outcomes("refuse", calls, error, *LOOKUPS) == [wanted] * 3


def test_listed_calls_are_enough(aliases):
    lookups = [(how, name) for how, name, _ in OUTCOMES if how not in ("family", "length")]
    wanted = [wanted for how, _, wanted in OUTCOMES if how not in ("family", "length")]
    assert outcomes("only", *flat(lookups), env=aliases) == wanted


# -- Loading

@pytest.mark.parametrize("mode", ["deepbind", "cycles", "closed-inside", "namespace"])
def test_loading(mode):
    run("loading", mode)


def test_two_copies(net):
    copy = net.new_folder("copy") / "libnss_aiodns.so.2"
    shutil.copy(MODULE, copy)
    run("loading", "copies", copy)


# -- Files, and what else is missing

class Client:
    """A running program that does lookups."""

    def __init__(self, env=(), before=(), **how):
        self._process = subprocess.Popen([*before, how.pop("file", program("client"))], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, env=clean_environment(env), **how)

    def ask(self, how, what):
        self._process.stdin.write(f"{how} {what}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the client died at {how} {what}, status {self._process.wait()}"
        return answer.rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def remove(path):
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.remove(path)


def replace(path, make):
    remove(path)
    make(path)


WITHOUT_HOSTS = {
    "absent": lambda path: None,
    "a directory": os.mkdir,
    "a FIFO": os.mkfifo,
    "a dangling link": lambda path: os.symlink("/nowhere", path),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(path),
    "endless": lambda path: os.symlink("/dev/zero", path),
}


@pytest.mark.parametrize("make", WITHOUT_HOSTS.values(), ids=WITHOUT_HOSTS)
def test_hosts_file_is(net, make):
    replace("/etc/hosts", make)
    try:
        with Client() as client:
            assert client.ask("gai", "one.test") == ONE
            assert client.ask("byaddr", "198.18.1.1") == "one.test"
            assert client.ask("gai", "near.test") == "EAI_NONAME"
            assert client.ask("gai", "localhost") == "127.0.0.1 ::1"
    finally:
        remove("/etc/hosts")


@needs_root
def test_hosts_file_cannot_be_read(net):
    copy = net.new_folder("user") / "client"  # the build's folder may be closed to others
    shutil.copy(program("client"), copy)
    os.chmod("/etc/hosts", 0)
    with Client(before=AS_USER, file=copy) as client:
        assert client.ask("gai", "one.test") == ONE
        assert client.ask("gai", "near.test") == "EAI_NONAME"


def test_hosts_file_takes_the_place_of_a_fifo(net):
    replace("/etc/hosts", os.mkfifo)
    with Client() as client:
        assert client.ask("gai", "near.test") == "EAI_NONAME"
        net.hosts(HOSTS)
        assert client.ask("gai4", "near.test") == "198.18.0.8 198.18.1.2"


def test_no_proc(net):
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0"']
    with Client(before=hide) as client:
        for how, name, wanted in KINDS[:8]:
            assert client.ask(how, name) == wanted


@pytest.fixture(scope="module")
def local_server(net):
    """Where glibc asks when there is no resolv.conf."""
    with scripted.Server("127.0.0.1", scripted.records(RECORDS)) as server:
        yield server


WITHOUT_RESOLV_CONF = {"absent": lambda path: None, "empty": lambda path: path.touch(), "a directory": os.mkdir,
                       "a dangling link": lambda path: path.symlink_to("/nowhere")}


@pytest.mark.parametrize("make", WITHOUT_RESOLV_CONF.values(), ids=WITHOUT_RESOLV_CONF)
def test_resolv_conf_is(net, local_server, make):
    """As with glibc's own services, from the start and from one lookup to the next."""
    def answers():
        net.resolv_conf("nameserver 127.0.3.1\n")
        with Client() as before:
            first = before.ask("gai", "one.test")
            replace("/etc/resolv.conf", lambda path: make(pathlib.Path(path)))
            with Client() as after:
                both = [(client.ask("gai", "one.test"), client.ask("byname", "one.test"),
                         client.ask("byaddr", "198.18.1.1"), client.ask("gai", "near.test"))
                        for client in (before, after)]
        remove("/etc/resolv.conf")
        return first, both

    ours = answers()
    net.service(netns.GLIBC)
    assert ours == answers()
    assert ours[0] == ONE


def test_resolv_conf_becomes_a_fifo(net):
    """glibc waits for a writer when it reads the file; where it does not read it, neither does the rest of the list."""
    net.resolv_conf(f"nameserver 127.0.3.1\nsearch {SEARCH}\noptions no-reload\n")
    with Client() as client:
        assert client.ask("gai", "deep") == ONE
        replace("/etc/resolv.conf", os.mkfifo)
        try:
            assert client.ask("gai", "nowhere") == "EAI_NONAME"
            assert client.ask("gai", "one.test") == ONE
        finally:
            remove("/etc/resolv.conf")


def test_chroot_after_the_first_lookup(net, local_server):
    """No resolv.conf there: the server on this host is asked."""
    empty = net.new_folder("empty")
    with Client() as client:
        assert client.ask("gai", "near.test") != "EAI_NONAME"
        assert client.ask("chroot", empty) == "done"
        for how, name, wanted in KINDS[:5]:
            assert client.ask(how, name) == wanted
        assert client.ask("byaddr", "198.18.1.1") == "one.test"
        assert client.ask("gai", "near.test") == "EAI_NONAME"
        assert client.ask("gai", "below.localhost") == "127.0.0.1 ::1"


# -- Set-user-ID

@needs_root
@pytest.mark.parametrize("bit", [0, stat.S_ISUID, stat.S_ISGID], ids=["plain", "set-user-ID", "set-group-ID"])
def test_privileged_program_ignores_the_environment(net, aliases, bit):
    copy = net.new_folder(f"privileged-{bit:o}") / "client"
    shutil.copy(program("client"), copy)
    os.chown(copy, OTHER_USER, OTHER_USER)
    copy.chmod(0o755 | bit)
    env = aliases | {"LOCALDOMAIN": "h.test"}
    net.resolv_conf("nameserver 127.0.3.1\nsearch a.test\n")
    with Client(env, before=AS_USER, file=copy) as client:
        assert client.ask("gai", "one.test") == ONE
        assert client.ask("gai", "nick") == ("EAI_NONAME" if bit else ONE)
        assert client.ask("gai", "deep") == ("EAI_NONAME" if bit else ONE)
        # The loader has taken the variable away; one that comes back does not count either.
        assert client.ask("hostaliases", aliases["HOSTALIASES"]) == "done"
        assert client.ask("gai", "nick") == ("EAI_NONAME" if bit else ONE)
