"""Somebody who does not see the queries, but knows nearly all about them, floods the program with forged replies.

Three network namespaces: the program's, with a link to each of the others; the server's; and that of the attacker, who
sends from the server's address. The attacker is told of each query as soon as the server has it, and the server answers
when a number of forgeries are on their way.
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import subprocess
import time

import pytest

import netns
import scripted
from lookups import Client, gai

BUILD = pathlib.Path(os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev"))
FLOOD = os.environ.get("AIODNS_FLOOD", BUILD / "tests/integration/integration_flood")
SECONDS = float(os.environ.get("AIODNS_FLOOD_SECONDS", 0))  # for each test; 0: LOOKUPS
LOOKUPS = 150
FIRST = 512  # forgeries before the true reply
BASE = "a-name-of-quite-some-letters.forgery.test"

CACHED = True  # conftest.py: without a tier there are no counters

GOOD = {"A": "198.51.100.1", "AAAA": "2001:db8:1::1"}
EVIL = {"A": "203.0.113.66", "AAAA": "2001:db8:bad::66"}
TYPES = {"unspec": ("A", "AAAA"), "inet": ("A",), "inet6": ("AAAA",)}

PROGRAM, SERVER, ATTACKER = "198.18.0.1", "198.18.0.2", "198.18.1.2"

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


# -- Namespaces.

def this_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def go_into(namespace):
    if _libc.setns(namespace, netns.CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace):
    """What is started here, and what sockets are made, stay there."""
    outside = this_namespace()
    go_into(namespace)
    try:
        yield
    finally:
        go_into(outside)
        os.close(outside)


def new_namespace():
    outside = this_namespace()
    netns.unshare(netns.CLONE_NEWNET)
    try:
        return this_namespace()
    finally:
        go_into(outside)
        os.close(outside)


def link(name, near, far):
    """The name of a new namespace at the other end of a link."""
    namespace = new_namespace()
    netns.ip("link", "add", name, "type", "veth", "peer", "name", "eth0",
             "netns", f"/proc/{os.getpid()}/fd/{namespace}")
    netns.ip("address", "add", f"{near}/30", "dev", name)
    netns.ip("link", "set", name, "up")
    with inside(namespace):
        netns.ip("link", "set", "lo", "up")
        netns.ip("address", "add", f"{far}/30", "dev", "eth0")
        netns.ip("link", "set", "eth0", "up")
        netns.ip("route", "add", "default", "via", near)
    return namespace


@pytest.fixture(scope="module")
def links(net):
    """The namespaces of server and attacker. What comes by the attacker's link is taken, whoever it says sent it."""
    namespaces = {"server": link("server0", PROGRAM, SERVER), "attacker": link("attacker0", "198.18.1.1", ATTACKER)}
    for where in ("all", "default", "attacker0"):
        pathlib.Path("/proc/sys/net/ipv4/conf", where, "rp_filter").write_text("0")
    net.resolv_conf(f"nameserver {SERVER}\n")
    yield namespaces
    for namespace in namespaces.values():
        os.close(namespace)


# -- What is counted.

def datagrams():
    """How many UDP datagrams have reached the program's namespace, and how many of them found a socket."""
    names, values = (line.split()[1:] for line in pathlib.Path("/proc/thread-self/net/snmp").read_text().splitlines()
                     if line.startswith("Udp:"))
    udp = dict(zip(names, map(int, values)))
    found = udp["InDatagrams"] + udp["InErrors"]
    return {"reached": found + udp["NoPorts"], "found": found}


def counters():
    """The module's own, which only root's tier has here."""
    if not netns.IS_ROOT:
        return None
    stats = subprocess.run([BUILD / "tools/aiodns", "stats", "--json"], check=True, capture_output=True).stdout
    return json.loads(stats)["total"]


CACHE = pathlib.Path("/run/aiodns/cache.1")


class Attack:
    """Floods until the end of `with`. Afterwards `sent`, and what has grown meanwhile: `datagrams`, `counters`.

    `learns`: what a lookup has shown of the server holds for the next one, so that it is soon asked by TCP.
    """

    def __init__(self, links, knows, lies=False, first=FIRST, tcp=True, learns=False):
        self.links, self.knows, self.lies, self.first, self.tcp = links, knows, lies, first, tcp
        self.learns = learns
        self.queries = self.asked = 0

    def _flood(self):
        low, high = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        with inside(self.links["attacker"]):
            return subprocess.Popen([FLOOD, SERVER, PROGRAM, low, high, *(["lies"] if self.lies else [])],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                    preexec_fn=netns.die_with_parent)

    def _handle(self, query):
        if not query.tcp:
            self._aim(query)
        query.send(query.reply(GOOD[query.type]))

    def _aim(self, query):
        exact = "case" in self.knows
        self._process.stdin.write(" ".join(map(str, (
            query.name if exact else query.key, int(query.message.question[0].rdtype),
            query.peer[1] if "port" in self.knows else 0, query.message.id if "id" in self.knows else -1,
            int(exact), self.first))) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "sent\n"
        self.queries += 1

    def __enter__(self):
        CACHE.unlink(missing_ok=True)
        self._process = self._flood()
        assert self._process.stdout.readline() == "ready\n"
        with inside(self.links["server"]):
            self.server = scripted.Server(SERVER, self._handle, tcp=self.tcp)
        self.server.__enter__()
        self._client = Client()
        self.ask = self._client.ask
        self._before = datagrams(), counters()
        return self

    def __exit__(self, kind, *rest):
        self._client.close()
        with self._process:
            self.server.__exit__(kind, *rest)
            self._process.stdin.close()
            self.sent, ns = map(int, self._process.stdout.readline().split())
        assert self._process.returncode == 0
        self.datagrams, self.counters = (
            after and {name: after[name] - before[name] for name in after if isinstance(after[name], int)}
            for before, after in zip(self._before, (datagrams(), counters())))
        print(f"\n{'+'.join(self.knows) or 'nothing'}{' lies' if self.lies else ''}: {self.asked} lookups, "
              f"{self.queries} datagrams to the server, {self.sent} forgeries, {self.sent * 10**9 // max(ns, 1)} a "
              f"second; {self.datagrams}; {self.counters}")

    def lookups(self, count=LOOKUPS, seconds=SECONDS, base=BASE):
        """(family, what comes of it) for new names, one after the other."""
        end = time.monotonic() + seconds
        while time.monotonic() < end if seconds else self.asked < count:
            family = list(TYPES)[self.asked % len(TYPES)]
            self.asked += 1
            if not self.learns:
                CACHE.unlink(missing_ok=True)
            answer = self._client.ask(gai(f"{next(_numbers)}.{base}", family))
            yield family, answer | {"addrs": sorted(answer.get("addrs", []))}


def right(family, addresses=None):
    return {"addrs": sorted((addresses or GOOD)[kind] for kind in TYPES[family]), "canon": None}


def assert_all_right(attack, **which):
    """Every lookup gets the server's answer, the whole of it, and nothing else."""
    assert [(family, answer) for family, answer in attack.lookups(**which) if answer != right(family)] == []
    assert attack.asked > 0
    if netns.SERVICE == "aiodns":
        assert attack.ask(("modules", {})) == ["libnss_aiodns.so.2"]


def assert_flooded(attack):
    """The forgeries have really come, past whatever else could have dropped them."""
    assert attack.sent >= attack.first * attack.queries
    assert attack.datagrams["reached"] > attack.sent // 2


def grew(attack, counter, least):
    """Whether the module has counted so many; taken for granted where it has nowhere to count."""
    return attack.counters is None or attack.counters[counter] >= least


# -- The tests.

def test_who_knows_everything_is_believed(links):
    """So the forgeries of the other tests are good ones, but for what has to be guessed."""
    with Attack(links, ("port", "id", "case")) as attack:
        answers = list(attack.lookups(count=6, seconds=0))
    assert len(answers) == 6
    for family, answer in answers:
        assert answer == right(family, EVIL)


def test_who_guesses_is_left_alone_with_the_port(links):
    """For a minute the server is asked by TCP, where nobody has guessed yet."""
    if not netns.IS_ROOT:
        pytest.skip("in a user namespace / is nobody's: nothing can be learnt")
    with Attack(links, ("port",), learns=True) as attack:
        assert_all_right(attack, count=20, seconds=0)
    assert 1 <= attack.queries <= 4
    assert attack.counters["tcp"] >= 20


def test_port_id_and_case_to_be_guessed(links):
    with Attack(links, (), first=8 * FIRST) as attack:
        assert_all_right(attack)
    assert_flooded(attack)


@pytest.mark.parametrize("knows, lies", [(("port",), False), (("port",), True), (("port", "id"), False)],
                         ids=["id-and-case", "id-and-case-among-lies", "case"])
def test_rest_to_be_guessed(links, knows, lies):
    """Not the port. `lies`: errors and truncated replies are sent, too."""
    with Attack(links, knows, lies) as attack:
        assert_all_right(attack)
    assert_flooded(attack)
    assert grew(attack, "near_misses", attack.asked)
    assert grew(attack, "tcp", attack.asked // 2)


def test_few_letters_to_be_guessed(links):
    """Not by going through all of them: each socket is good for some nine guesses, of 1,024 that there are."""
    with Attack(links, ("port", "id")) as attack:
        answers = list(attack.lookups(count=60, seconds=0, base="abcde.fghij"))
    assert_flooded(attack)
    # 80 queries: 0.7 of them on average; ten or more once in 10^9 runs. Without a limit it is half of them.
    assert sum(answer != right(family) for family, answer in answers) < 10


@pytest.mark.parametrize("lies", [False, True], ids=["answers", "lies"])
def test_id_and_case_to_be_guessed_without_tcp(links, lies):
    """From a new port, then; the attacker is told that, too, and goes on until the true reply is read."""
    with Attack(links, ("port",), lies, first=64, tcp=False) as attack:
        answers = list(attack.lookups(count=30, seconds=0))
    assert_flooded(attack)
    assert grew(attack, "near_misses", attack.asked)
    wrong = [answer for family, answer in answers if answer != right(family)]
    # The right ID, twice in one lookup, ends it: once in some 10,000 lookups, three times in 30 never.
    assert len(wrong) < 3 and all(answer["addrs"] == [] for answer in wrong)
