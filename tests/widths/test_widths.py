"""32-bit and 64-bit programs, each with the module and the glibc of its width, share one cache and one question.

A slow server holds its replies back until the test lets them go. The 32-bit programs are gcc-multilib's, and Debian's own
getent for i386 where `packaging/foreign i386 build/i386-root libc-bin` has unpacked it.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

import netns
import scripted
from cached import Counted, forget_all, kinds, lives, next_address, until
from programs import Client, program

CACHED = True
CLIENT32 = os.environ.get("AIODNS_CLIENT32")
I386 = pathlib.Path(os.environ.get("AIODNS_I386_ROOT", "/nonexistent"))
INDEX = pathlib.Path("/run/aiodns/index.1")
ATTEMPTS = 5

pytestmark = [
    pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed"),
    pytest.mark.skipif(not CLIENT32, reason="no 32-bit programs can be built here: -m32 needs gcc-multilib"),
]

NAME = "www.scripted.test"
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
DATA = {"A": [FOUR], "AAAA": [SIX]}
BOTH = f"{FOUR} {SIX}"
WIDTHS = {64: program("client"), 32: CLIENT32}
ONE_THEN_THE_OTHER = pytest.mark.parametrize("first, second", [(32, 64), (64, 32)], ids=["32-then-64", "64-then-32"])


@pytest.fixture
def serving(net):
    """Makes a server of its own, which is a view of its own, beside a cache in which nothing is."""
    @contextlib.contextmanager
    def make(handler=scripted.records({NAME: DATA})):
        with scripted.Server(next_address(), handler) as server:
            net.resolv_conf(f"nameserver {server.address}\noptions timeout:5 attempts:1\n")
            yield server
    forget_all()
    return make


def width(client):
    """What the kernel runs: the class of the program's file."""
    with open(f"/proc/{client.pid}/exe", "rb") as file:
        return {1: 32, 2: 64}[file.read(5)[4]]


def modules(client):
    with open(f"/proc/{client.pid}/maps") as maps:
        return {pathlib.Path(line.split()[-1]).parent.name for line in maps if "libnss_aiodns" in line}


def has_mapped(client, path):
    with open(f"/proc/{client.pid}/maps") as maps:
        return path.exists() and f" {path.stat().st_ino} " in maps.read()


@ONE_THEN_THE_OTHER
def test_what_one_stores_the_other_has(serving, first, second):
    with serving() as server, Client(file=WIDTHS[first]) as one, Client(file=WIDTHS[second]) as other:
        assert (width(one), width(other)) == (first, second)
        assert one.ask("gai", NAME) == BOTH
        assert kinds(server) == ["A", "AAAA"]
        counted = Counted()
        assert other.ask("gai", NAME) == BOTH
        assert other.ask("byname6", NAME) == SIX
        assert counted() == {"hits": 3}
        assert kinds(server) == ["A", "AAAA"]
        assert {len(modules(one)), len(modules(other))} == {1} and modules(one) != modules(other)


@ONE_THEN_THE_OTHER
def test_what_one_knows_not_to_exist_the_other_does_not_ask_for(serving, first, second):
    with serving() as server, Client(file=WIDTHS[first]) as one, Client(file=WIDTHS[second]) as other:
        assert one.ask("gai", "nothing.scripted.test") == "EAI_NONAME"
        asked = len(server.distinct())
        assert other.ask("gai", "nothing.scripted.test") == "EAI_NONAME"
        assert len(server.distinct()) == asked


@ONE_THEN_THE_OTHER
def test_index_of_one_serves_the_other(net, serving, first, second):
    """The index of hosts files and block lists, which the first makes as it looks up."""
    net.write("test.blocks", "||blocked.scripted.test^\n")
    net.hosts("127.0.0.1 localhost\n" + "".join(f"198.51.100.{i % 250} n{i}.hosts.test\n" for i in range(3000)))
    net.settings("block-file /etc/test.blocks\n")
    try:
        with serving() as server, Client(file=WIDTHS[first]) as one, Client(file=WIDTHS[second]) as other:
            made = set()
            for client in one, other:
                # Not at once: files are read while a change could still hide behind an equal time.
                until(lambda: client.ask("gai4", "n2999.hosts.test") == "198.51.100.249" and has_mapped(client, INDEX),
                      "it uses the index")
                assert client.ask("gai", "blocked.scripted.test") == "EAI_NONAME"
                made.add(INDEX.stat().st_ino)
            assert len(made) == 1
            assert kinds(server) == []
    finally:
        net.settings(None)
        net.hosts("127.0.0.1 localhost\n::1 localhost\n")
        pathlib.Path("/etc/test.blocks").unlink()


class Gate:
    """A handler that answers only once it is open."""

    def __init__(self):
        self._lock, self._held, self._open = threading.Lock(), [], False

    def __call__(self, query):
        with self._lock:
            if not self._open:
                self._held.append(query)
                return
        query.send(query.reply(*DATA[query.type]))

    def open(self):
        with self._lock:
            self._open, held = True, self._held
        for query in held:
            query.send(query.reply(*DATA[query.type]))


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace here")
@ONE_THEN_THE_OTHER
def test_one_waits_for_the_other_and_is_woken(serving, tmp_path, first, second):
    """Who is awake just then does not hear it, and a busy machine may be slower than others are waited for: that may
    happen, but not each time."""
    traced, ends = tmp_path / "strace", []

    def pauses():
        return [line for line in traced.read_text().splitlines() if "FUTEX_WAIT, 0" in line]
    for _ in range(ATTEMPTS):
        gate = Gate()
        forget_all()
        with serving(scripted.records({})), Client(file=WIDTHS[64]) as maker:
            maker.ask("gai", "nothing.scripted.test")  # the files are there
        with serving(gate) as server, Client(file=WIDTHS[first]) as leader:
            leader.tell("gai4", NAME)
            until(lambda: kinds(server) == ["A"], "the leader asks")
            counted = Counted()
            before = ["strace", "-qq", "-e", "trace=/^futex", "-o", str(traced)]
            with Client(file=WIDTHS[second], before=before) as other:
                other.tell("gai4", NAME)
                until(lambda: traced.exists() and len(pauses()) > 2, "it waits")
                gate.open()
                assert other.hear() == leader.hear() == FOUR
                ends.append((pauses()[-1].rpartition(" = ")[2], len(server.distinct()), counted().get("waited")))
        traced.unlink()
        if ends[-1] == ("0", 1, 1):
            break
    assert ends[-1] == ("0", 1, 1), ends
    assert set(lives(NAME)) == {"A"}


GETENT32 = [I386 / "usr/lib/ld-linux.so.2", "--library-path", I386 / "usr/lib/i386-linux-gnu", I386 / "usr/bin/getent"]


@pytest.mark.skipif(not GETENT32[0].exists(),
                    reason="no getent for i386: packaging/foreign i386 build/i386-root libc-bin")
@pytest.mark.parametrize("first, second", [(GETENT32, ["getent"]), (["getent"], GETENT32)],
                         ids=["i386-then-amd64", "amd64-then-i386"])
def test_getent_of_both(serving, first, second):
    def getent(command):
        done = subprocess.run([*command, "ahosts", NAME], capture_output=True, text=True)
        return sorted({line.split()[0] for line in done.stdout.splitlines()}), done.returncode
    with serving() as server:
        assert getent(first) == ([FOUR, SIX], 0)
        assert kinds(server) == ["A", "AAAA"]
        counted = Counted()
        assert getent(second) == ([FOUR, SIX], 0)
        assert counted() == {"hits": 2}
        assert kinds(server) == ["A", "AAAA"]
