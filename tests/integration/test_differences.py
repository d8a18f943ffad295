"""Where we mean to differ from glibc's dns: each row of docs/differences.md, by what both really do."""

import contextlib
import os
import pathlib
import platform
import re
import subprocess
import threading

import dns.flags
import dns.rrset
import pytest

import netns
import scripted
from lookups import ask, ask_glibc, byaddr, byname, differences, gai, nameinfo, ordered

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / "docs/differences.md"
COMPARE = pathlib.Path(os.environ.get("AIODNS_BUILD_DIR", TOP / "build/dev")) / "tests/compare/compare"
GOOD = {"A": "198.51.100.1", "AAAA": "2001:db8:1::1", "PTR": "host.test."}
BOTH = {"addrs": ["198.51.100.1", "2001:db8:1::1"], "canon": None}
LONG = ".".join(["d" * 63] * 3 + ["d" * 50])  # with .one.test still a name, with a longer domain none

RECORDS = {
    "to-text.test": "text.test", "text.test": {"TXT": ["text"]},
    "next.test": {"A": [GOOD["A"]], "AAAA": [GOOD["AAAA"]]},
    LONG + ".one.test": {"A": [GOOD["A"]]}, "servfail.one.test": "SERVFAIL",
    r"dot\.ted.test": {"A": [GOOD["A"]]}, "mapped.test": {"A": [GOOD["A"]], "AAAA": [GOOD["AAAA"]]},
    "x.localhost": {"A": [GOOD["A"]]}, "x.invalid": {"A": [GOOD["A"]]}, "x.onion": {"A": [GOOD["A"]]},
    "2.100.51.198.in-addr.arpa": {"PTR": [r"two\032words.test.", "host.test."]},
    "3.100.51.198.in-addr.arpa": {"PTR": [r"two\032words.test."]},
    "4.100.51.198.in-addr.arpa": "SERVFAIL",
}

HOSTS = f"""127.0.0.1 localhost
192.0.2.1 mapped.test
192.0.2.2 first.test once.test
192.0.2.3 second.test once.test
192.0.2.5 {"n" * 3000}.test long.test
"""
NAMELESS = "192.0.2.4\n"


SEARCHED = ("long-candidate", "search-servfail")


def record(name, kind, *data):
    return dns.rrset.from_text(name + ".", 300, "IN", kind, *data)


def answer(*records):
    """A handler whose reply has just this."""
    def handler(query):
        reply = query.reply()
        reply.authority, reply.answer = [], [entry for entry in records if entry]
        query.send(reply)
    return handler


def with_address(*records):
    return lambda query: answer(*records, record(query.name, query.type, GOOD[query.type]))(query)


def points_where_it_can(query):
    """An alias for Alias.TEST, whose last label is a pointer into the question if that is not in lower case."""
    reply = query.reply()
    reply.use_edns(False)
    reply.authority = []
    tail = b"\xc0" + bytes([12 + query.name.index(".") + 1]) if query.name != query.key else b"\4TEST\0"
    alias = b"\5Alias" + tail
    address = bytes([198, 51, 100, 1]) if query.type == "A" else bytes(16)
    head = query.message.question[0].rdtype.to_bytes(2, "big") + b"\0\1\0\0\0\0" + bytes([0, len(address)])
    wire = bytearray(reply.to_wire() + b"\xc0\x0c\0\5\0\1\0\0\0\0" + bytes([0, len(alias)]) + alias
                     + alias + head + address)
    wire[7] = 2
    query.send(bytes(wire))


def hangs_up(query):
    if query.tcp:
        return "close"
    reply = query.reply()
    reply.flags |= dns.flags.TC
    query.send(reply)


SCRIPTS = {
    "loop.test": answer(record("loop.test", "CNAME", "loop2.test."), record("loop2.test", "CNAME", "loop.test.")),
    "onward.test": answer(record("onward.test", "CNAME", "next.test.")),
    "beside.test": with_address(record("beside.test", "CNAME", "elsewhere.test.")),
    "case.test": points_where_it_can,
    "formerr.test": lambda query: query.send(query.reply(rcode="FORMERR")),
    "hangs-up.test": hangs_up,
}


@pytest.fixture(scope="module")
def world(net):
    def handler(query):
        return SCRIPTS.get(query.key, scripted.records(RECORDS))(query)
    with scripted.Server("127.0.11.1", handler) as server:
        net.hosts(HOSTS)
        yield f"nameserver {server.address}\n"


def differs(net, lookup, ours, glibc, **how):
    """Both do what the table says. Another glibc than Debian 12's may have come to do as ours."""
    theirs = ordered(ask_glibc(net, lookup, **how))
    assert ordered(ask(lookup, **how)) == ours
    version = platform.libc_ver()[1]
    if version != "2.36" and theirs not in (ours, glibc):
        pytest.skip(f"glibc {version} does a third thing: {theirs}")
    assert theirs == glibc or version != "2.36"


def named(name, *addresses, aliases=()):
    return {"name": name, "aliases": list(aliases), "addrs": list(addresses)}


NONAME, NODATA, AGAIN = ({"error": f"EAI_{code}"} for code in ("NONAME", "NODATA", "AGAIN"))
RECOVERY, BROKEN = {"error": "NO_RECOVERY", "status": 11}, {"error": "NO_RECOVERY", "status": 0}
NOBODY, NOTHING = {"error": "HOST_NOT_FOUND", "status": 0}, {"error": "NO_DATA", "status": 0}
TRY, TRY_0 = {"error": "TRY_AGAIN", "status": 11}, {"error": "TRY_AGAIN", "status": 0}

ROWS = [
    ("chain-no-address", gai("to-text.test"), NODATA, NONAME),
    ("chain-no-address", gai("to-text.test", "inet", "AI_CANONNAME"), NODATA, NONAME),
    ("chain-no-address", byname("to-text.test"), NOTHING, RECOVERY),
    ("chain-loop", gai("loop.test"), AGAIN, NONAME),
    ("chain-loop", gai("loop.test", "inet"), AGAIN, NODATA),
    ("chain-loop", byname("loop.test"), TRY, RECOVERY),
    ("chain-onward", gai("onward.test"), BOTH, NONAME),
    ("chain-onward", byname("onward.test"), named("next.test", GOOD["A"], aliases=["onward.test"]), RECOVERY),
    ("odd-chain", gai("beside.test"), BOTH, NONAME),
    ("name-case", byname("case.test"), named("Alias.test", GOOD["A"], aliases=["case.test"]),
     named("Alias.TEST", GOOD["A"], aliases=["case.test"])),
    ("ptr-not-host", byaddr("198.51.100.2"), named("host.test", "198.51.100.2"), BROKEN),
    ("ptr-not-host", nameinfo("198.51.100.2"), {"name": "host.test"}, NONAME),
    ("ptr-not-host", byaddr("198.51.100.3"), NOTHING, BROKEN),
    ("not-host", byname(""), NOBODY, BROKEN),
    ("not-host-canonname", gai(r"dot\.ted.test", "inet6", "AI_CANONNAME"), NONAME, NODATA),
    ("special", gai("x.localhost", "inet"), {"addrs": ["127.0.0.1"], "canon": None},
     {"addrs": [GOOD["A"]], "canon": None}),
    ("special", gai("x.invalid"), NONAME, {"addrs": [GOOD["A"]], "canon": None}),
    ("special", gai("x.onion"), NONAME, {"addrs": [GOOD["A"]], "canon": None}),
    ("v4mapped-hosts", gai("mapped.test", "inet6", "AI_V4MAPPED"), {"addrs": [GOOD["AAAA"]], "canon": None},
     {"addrs": ["::ffff:192.0.2.1"], "canon": None}),
    ("hosts-alias-once", byname("once.test"),
     named("first.test", "192.0.2.2", "192.0.2.3", aliases=["once.test", "second.test"]),
     named("first.test", "192.0.2.2", "192.0.2.3", aliases=["once.test", "once.test", "second.test"])),
    ("hosts-no-name", byaddr("192.0.2.4"), NOBODY, named("", "192.0.2.4")),
    ("hosts-long-name", nameinfo("192.0.2.5"), {"name": "long.test"}, {"error": "EAI_OVERFLOW"}),
    ("search-servfail", gai("servfail", "inet"), AGAIN, NONAME),
    ("search-servfail", byname("servfail"), TRY, TRY_0),
    ("long-candidate", gai(LONG, "inet"), {"addrs": [GOOD["A"]], "canon": None}, NONAME),
    ("other-rcode", gai("formerr.test"), AGAIN, NONAME),
    ("other-rcode", byname("formerr.test"), TRY, BROKEN),
    ("tcp-silent", gai("hangs-up.test", "inet"), AGAIN, NONAME),
    ("tcp-silent", byname("hangs-up.test"), TRY, TRY_0),
    ("reverse-failure", byaddr("198.51.100.4"), TRY, TRY_0),
]


@pytest.mark.parametrize("slug, lookup, ours, glibc", ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_answers_and_failures(net, world, slug, lookup, ours, glibc):
    search = f"search {'x' * 60}.test one.test\noptions ndots:9\n" if slug in SEARCHED else ""
    net.resolv_conf(f"{world}{search}options timeout:1 attempts:1\n")
    net.hosts(HOSTS + NAMELESS if slug == "hosts-no-name" else HOSTS)
    differs(net, lookup, ours, glibc)


def test_multi_off(net, world):
    net.hosts("192.0.2.1 host.test\n192.0.2.2 host.test\n")
    net.write("host.conf", "multi off\n")
    try:
        differs(net, byname("host.test"), named("host.test", "192.0.2.1", "192.0.2.2"), named("host.test", "192.0.2.1"))
    finally:
        net.write("host.conf", "multi on\n")


# -- Time. No clock is looked at: a server whose answer comes late shows who still waits for it.

def late(seconds, handler):
    def send(query):
        try:
            handler(query)
        except OSError:  # nobody waits any more
            pass
    return lambda query: threading.Timer(seconds, send, [query]).start()


def addresses(*data):
    return lambda query: query.send(query.reply(*(address for address in data
                                                  if (":" in address) == (query.type == "AAAA"))))


def truncated(query, handler):
    """By UDP; by TCP that handler's answer."""
    if query.tcp:
        return handler(query)
    reply = query.reply()
    reply.flags |= dns.flags.TC
    query.send(reply)


def comes_up(seconds):
    """Silent from its first query on, for so long; then it answers one."""
    up, timers = threading.Event(), []

    def handler(query):
        if up.is_set():
            up.clear()
            timers.clear()
            addresses("198.51.100.1")(query)
        elif not timers:
            timers.append(threading.Timer(seconds, up.set))
            timers[0].start()
    return handler


def once_all_are_asked(*names):
    """The last name is there, the others are not; nobody hears of it before all have been asked for."""
    missing, held, lock = set(names), [], threading.Lock()

    def handler(query):
        with lock:
            missing.discard(query.key)
            held.append(query)
            ready = [] if missing else held[:]
            del held[:len(ready)]
        for each in ready:
            data = [GOOD[each.type]] if each.key == names[-1] else []
            each.send(each.reply(*data, rcode="NOERROR" if data else "NXDOMAIN"))
    return handler


def only(*found):
    return {"addrs": sorted(found), "canon": None}


LATE_AAAA = (lambda query: late(2, addresses(GOOD["AAAA"]))(query) if query.type == "AAAA" else
             addresses(netns.ADDRESS4)(query))
TIMES = [
    ("dead-server", gai("x.test", "inet"), "", only("198.51.100.2"), only("198.51.100.1"),
     late(2, addresses("198.51.100.1")), addresses("198.51.100.2")),
    ("deadline", gai("x.test", "inet"), "timeout:1 attempts:2", AGAIN, only("198.51.100.1"), *[comes_up(2.5)] * 2),
    ("tcp-silent", gai("x.test", "inet"), "timeout:1 attempts:1", AGAIN, only("198.51.100.1"),
     lambda query: truncated(query, late(1.5, addresses("198.51.100.1")))),
    ("search-together", gai("x.y", "inet"), "ndots:3 timeout:1 attempts:1\nsearch one.test two.test", only(GOOD["A"]),
     AGAIN, once_all_are_asked("x.y.one.test", "x.y.two.test", "x.y")),
    ("family-failed", gai("x.test"), "", only(netns.ADDRESS4), only(netns.ADDRESS4, GOOD["AAAA"]), LATE_AAAA),
]


@pytest.mark.parametrize("slug, lookup, options, ours, glibc, handlers",
                         [(*row[:5], row[5:]) for row in TIMES], ids=[row[0] for row in TIMES])
def test_time(net, slug, lookup, options, ours, glibc, handlers):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(scripted.Server(f"127.0.12.{number}", handler))
                   for number, handler in enumerate(handlers, 1)]
        net.resolv_conf("".join(f"nameserver {server.address}\n" for server in servers) + f"options {options}\n")
        differs(net, lookup, ours, glibc)


def test_a_family_that_leads_nowhere_is_no_reason_to_hurry(net):
    """Only what can be connected to from here makes up for the other family."""
    def handler(query):
        late(2, addresses(GOOD["AAAA"]))(query) if query.type == "AAAA" else addresses(GOOD["A"])(query)
    with scripted.Server("127.0.12.9", handler) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        assert differences(net, gai("x.test")) == []


# -- The table itself.

def table():
    """{slug: the tests that it names}"""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([^|]+) \|$", TABLE.read_text(), re.MULTILINE)
    return {slug: re.findall(r"`([^`]+)::([^`]+)`", tests) for slug, tests in rows if slug != "row"}


def has_rule(slug):
    return ("compare/judge.c", slug) in table()[slug]


def test_every_row_has_its_test_and_every_test_its_row():
    here = {row[0] for row in ROWS + TIMES} | {"multi-off"}
    elsewhere = {"jump-cancellation"}  # what it is about, is no answer of a lookup
    assert set(table()) == here | elsewhere | {slug for slug in table() if has_rule(slug)}


def test_every_rule_of_compare_has_its_row_and_every_such_row_its_rule():
    assert COMPARE.exists(), "compare is not built (AIODNS_BUILD_DIR names the build folder)"
    rules = subprocess.run([COMPARE, "--rules"], capture_output=True, text=True, check=True).stdout.split()
    assert set(rules) == {slug for slug in table() if has_rule(slug)}


@pytest.mark.parametrize("slug", table())
def test_the_tests_that_a_row_names_exist(slug):
    for file, name in table()[slug]:
        assert re.search(rf"\b{re.escape(name)}\b", (TOP / "tests" / file).read_text()), (file, name)
