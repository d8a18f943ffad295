"""What is learnt of servers, and shared: who is asked first, by every process of the tier."""

import contextlib
import itertools
import json
import math
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

import netns
import scripted
from cached import HOST, SHM, USER, as_user, forget_all, later, next_address, program, records, run, run_one, until
from lookups import gai
from odd import FOUR, by_tcp_alone, folding, good, without_edns

CACHED = True
BUILD = pathlib.Path(os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev"))
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

ELSEWHERE = "192.0.2.53"  # on this machine, too, but not of loopback: anybody could send ICMP errors in its name
ANSWER = {"addrs": [FOUR], "canon": None}
_names = (f"n{n}.scripted.test" for n in itertools.count(1))


def silent(_query):
    pass


def failing(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


class Changing:
    """A server that is what the test last made of it."""

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, query):
        return self.handler(query)


class Closed:
    """An address where nobody listens: the kernel answers by ICMP. A raw socket sees what comes all the same."""

    IP, UDP = 20, 8  # octets of the headers

    def __init__(self, address):
        self.address, self._queries = address, []
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self._raw.bind((address, 0))

    @property
    def queries(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram = self._raw.recv(65535, socket.MSG_DONTWAIT)
                self._queries.append(scripted.Query(datagram[self.IP + self.UDP:], False, None, None))
        return self._queries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._raw.close()


@pytest.fixture
def serve(net):
    """Starts servers with these handlers, beside those that are there already, and lists all in this order."""
    with contextlib.ExitStack() as stack:
        def start(*those, options=""):
            forget_all()
            servers = [stack.enter_context(scripted.Server(next_address(), one) if callable(one) else one)
                       for one in those]
            net.resolv_conf("".join(f"nameserver {server.address}\n" for server in servers)
                            + f"options {options}\n")
            return servers
        yield start


def look_up_all(count, *before):
    """Names that nobody knows yet, in a new program."""
    names = list(itertools.islice(_names, count))
    assert run([gai(name, "inet") for name in names], *before) == [ANSWER] * count
    return names


def look_up(*before):
    return look_up_all(1, *before)[0]


def has(server, name):
    return any(query.key == name for query in server.queries)


def alone(server, other, name):
    return has(server, name) and not has(other, name)


def asked(server, names):
    return len({query.key for query in server.queries} & set(names))


def stalls(count):
    """Of so many lookups, those for which a busy machine may hold up a healthy server for the 50 ms it is given."""
    return count / 10


def assert_only_probed(first, since):
    """The first server is down since then at the earliest: another process's lookups ask it only now and then, beside."""
    names = look_up_all(100)
    # At once, then 1, 2, 4 s ... after the one before, by a clock of whole seconds.
    assert asked(first, names) <= 2 + math.log2(1 + time.monotonic() - since) + stalls(len(names))


def test_second_of_two_healthy_servers_is_not_asked(serve):
    first, second = serve(good, good)
    names = look_up_all(200)
    assert asked(first, names) > len(names) - stalls(len(names))
    assert asked(second, names) < stalls(len(names))


def test_rotate_asks_both(serve):
    servers = serve(good, good, options="rotate")
    for _ in range(40):
        look_up()
    assert all(len(server.distinct()) > 5 for server in servers)


def test_silent_first_server_is_learnt_at_once_and_by_all(serve):
    first, second = serve(silent, good)
    since = time.monotonic()
    assert has(first, look_up())
    assert_only_probed(first, since)
    name = look_up(as_user(USER))
    assert has(second, name)


def test_probe_beside_a_lookup_finds_it_back(serve):
    change = Changing(silent)
    first, second = serve(change, good)
    look_up()
    change.handler = good
    until(lambda: alone(first, second, look_up()), "the first server is asked alone again")


def test_dead_for_a_while_then_back(serve):
    """The pauses between probes grow to half a minute, as the clock of the cache says."""
    change = Changing(silent)
    first, second = serve(change, good)
    look_up()
    pauses, last = [], 0
    for second_of in range(0, 200, 5):
        before = len(first.queries)
        look_up(later(second_of))
        if len(first.queries) > before:
            pauses.append(second_of - last)
            last = second_of
    assert 4 <= len(pauses) <= 12
    assert max(pauses) <= 35
    change.handler = good
    for second_of in range(200, 300, 5):
        if alone(first, second, look_up(later(second_of))):
            break
    else:
        pytest.fail("it is back, and nobody has found out")
    assert second_of <= 260


def assert_learnt_by_three_errors(first, second):
    since = time.monotonic()
    for _ in range(3):
        name = look_up()
        assert has(first, name) and has(second, name)
    assert_only_probed(first, since)
    until(lambda: alone(second, first, look_up()), "the second is asked alone, but for probes of the first")


def assert_found_back(first, second):
    """A probe is due in each of these lookups, which waits for it at least for a moment."""
    assert any(alone(first, second, look_up(later(second_of))) for second_of in range(31, 1000, 31))


@pytest.mark.parametrize("rcode", ["REFUSED", "SERVFAIL"])
def test_server_that_errs_each_time_is_asked_last(serve, rcode):
    change = Changing(failing(rcode))
    first, second = serve(change, good)
    assert_learnt_by_three_errors(first, second)
    change.handler = good
    assert_found_back(first, second)


@pytest.fixture(params=["loopback", "elsewhere"])
def closed_address(net, request):
    """Loopback's ICMP is believed at once, others' is a hint."""
    if request.param == "loopback":
        yield next_address()
        return
    netns.ip("address", "add", f"{ELSEWHERE}/32", "dev", "lo")
    yield ELSEWHERE
    netns.ip("address", "del", f"{ELSEWHERE}/32", "dev", "lo")


def test_server_where_nobody_listens_is_asked_last(serve, closed_address):
    first, second = serve(Closed(closed_address), good)
    assert_learnt_by_three_errors(first, second)
    with scripted.Server(closed_address, good) as first:
        assert_found_back(first, second)


def test_one_error_is_no_reason(serve):
    change = Changing(failing("SERVFAIL"))
    first, second = serve(change, good)
    look_up()
    change.handler = good
    assert alone(first, second, look_up())


def test_with_all_servers_silent_nothing_is_learnt(serve):
    change = [Changing(silent), Changing(silent)]
    first, second = serve(*change, options="timeout:1 attempts:1")
    assert "error" in run_one(gai(next(_names), "inet"))
    for each in change:
        each.handler = good
    assert alone(first, second, look_up())


def test_what_is_down_is_still_asked_when_the_other_one_fails(serve):
    change = [Changing(silent), Changing(good)]
    first, second = serve(*change)
    look_up()
    change[0].handler, change[1].handler = good, failing("SERVFAIL")
    name = look_up()
    assert has(first, name)


def test_another_view_knows_nothing_of_it(serve, net):
    first, second = serve(silent, good)
    look_up()
    net.resolv_conf(f"nameserver {first.address}\nnameserver {second.address}\noptions trust-ad\n")
    assert has(first, look_up())


def test_a_user_writes_nothing_that_root_believes(serve):
    change = Changing(silent)
    first, second = serve(change, good)
    with program(as_user(USER)) as client:
        assert client.ask(gai(next(_names), "inet"))["addrs"] == [FOUR]
        change.handler = good
        assert records(HOST / "cache.1") == {}
    assert alone(first, second, look_up())


def test_flush_forgets_it_and_nothing_lists_it(serve):
    def aiodns(*words):
        return subprocess.run([BUILD / "tools/aiodns", *words], check=True, capture_output=True, text=True).stdout

    def is_learnt():
        return (".", "TYPE65280") in {(name, kind) for name, kind, _view in records()}

    serve(silent, good)
    name = look_up()
    assert is_learnt()
    assert [record["name"] for record in json.loads(aiodns("cache", "--all", "--json"))["records"]] == [name]
    assert "1 record removed" in aiodns("flush", name)
    assert is_learnt()
    assert "0 records removed" in aiodns("flush")
    assert not is_learnt()


# -- What the command says of it.

def aiodns_servers(*before):
    """{address: (what is said of it in words, its object in JSON)}, in the order of asking"""
    def said(*words):
        command = [*itertools.chain(*before), BUILD / "tools/aiodns", "servers", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    lines = [line.split(None, 1) for line in said().splitlines()]
    objects = json.loads(said("--json"))
    assert [server for server, _ in lines] == [entry["server"] for entry in objects]
    return {server: (words, entry) for (server, words), entry in zip(lines, objects)}


def test_command_knows_nothing_and_makes_nothing(serve, net):
    first, second = serve(good, good)
    net.resolv_conf(f"nameserver {second.address}\nnameserver 2001:db8::53\nnameserver {first.address}\n")
    said = aiodns_servers()
    assert list(said) == [second.address, "2001:db8::53", first.address]
    assert [entry["place"] for _, entry in said.values()] == [1, 2, 3]
    nothing = dict.fromkeys(["round_trip_us", "late_us", "probe_in_s", "tcp_for_s"]) | {"down": False, "known": []}
    for server, (words, entry) in said.items():
        assert words == "nothing known yet"
        assert entry == {"server": server, "place": entry["place"]} | nothing
    assert not HOST.exists() and not list(SHM.glob("aiodns.*"))
    assert first.queries == second.queries == []


def test_command_says_who_is_down_and_who_is_back(serve):
    change = Changing(silent)
    first, second = serve(change, good)
    look_up()
    cache = (HOST / "cache.1").read_bytes()
    said = aiodns_servers()
    assert list(said) == [second.address, first.address]
    words, entry = said[first.address]
    assert re.match(r"down, asked again (beside the next lookup|in \d+ s)", words)
    assert entry["down"] and 0 <= entry["probe_in_s"] <= 30 and entry["place"] == 1
    words, entry = said[second.address]
    assert re.match(r"answers in [\d.]+ (us|ms), late after \d+ ms", words)
    assert not entry["down"] and entry["probe_in_s"] is None and entry["place"] == 2
    assert 0 < entry["round_trip_us"] < entry["late_us"]
    assert aiodns_servers(as_user(USER))[first.address][1]["down"]
    assert (HOST / "cache.1").read_bytes() == cache  # it has only looked
    change.handler = good
    until(lambda: alone(first, second, look_up()), "the first server is asked alone again")
    said = aiodns_servers()
    assert list(said) == [first.address, second.address]
    words, entry = said[first.address]
    assert not entry["down"] and entry["probe_in_s"] is None and "down" not in words


@pytest.mark.parametrize("handler, words, key", [
    (good, "with random letter case", "with_0x20"), (folding, "without random letter case", "without_0x20"),
    (without_edns, "without EDNS", "without_edns"), (by_tcp_alone, r"by TCP for \d+ s", None)])
def test_command_says_how_it_is_asked(serve, handler, words, key):
    server, = serve(handler)

    def said():
        look_up()
        text, entry = aiodns_servers()[server.address]
        return entry if re.search(rf"(^|[; ]){words}(;|$)", text) else None

    entry = until(said, words)
    assert key in entry["known"] if key else 0 < entry["tcp_for_s"] <= 600
    assert not entry["down"] and (entry["tcp_for_s"] is None) == (key is not None)


def test_command_says_nothing_of_another_view(serve, net):
    first, second = serve(silent, good)
    look_up()
    assert aiodns_servers()[first.address][1]["down"]
    net.resolv_conf(f"nameserver {first.address}\nnameserver {second.address}\noptions trust-ad\n")
    assert {words for words, _ in aiodns_servers().values()} == {"nothing known yet"}


def test_command_with_attempts_of_the_administrators(serve, net):
    """/etc/aiodns.conf says who is asked when: nobody is late, and who is down has its turn all the same."""
    first, second = serve(silent, good)
    net.settings(f"attempt 300ms {first.address}\nattempt 2s {second.address}\n")
    try:
        look_up()
        said = aiodns_servers()
    finally:
        net.settings(None)
    assert list(said) == [first.address, second.address]
    assert said[first.address][0].startswith("down, asked in its turn all the same")
    assert said[second.address][0].startswith("answers in ")
    assert all(entry["late_us"] is None and entry["probe_in_s"] is None for _, entry in said.values())
