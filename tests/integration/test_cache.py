"""What one process has looked up, others get: who gets it, what comes back, for how long, and when there is no place.

Every server has an address of its own, which is a view of its own: no test knows what another one has looked up.
"""

import contextlib
import itertools
import os
import subprocess

import dns.rrset
import pytest

import netns
import scripted
import zones
from cached import (HOST, NO_CACHE, OTHER_USER, SHM, USER, Counted, aged, as_user, asked_of, behind, forget_all, kinds,
                    later, lives, next_address, program, run, run_one, until)
from lookups import byaddr, byname, byname2, every_way, gai, nameinfo, ordered

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

NAME = "www.scripted.test"
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
GOOD = {NAME: {"A": [FOUR], "AAAA": [SIX]}}
BOTH = {"addrs": sorted([FOUR, SIX]), "canon": None}


@contextlib.contextmanager
def serving(net, handler, options=""):
    with scripted.Server(next_address(), handler) as server:
        net.resolv_conf(f"nameserver {server.address}\n{options}\n")
        yield server


@pytest.fixture
def fresh(net):
    forget_all()
    yield net


# -- Who gets whose answers.

@pytest.mark.parametrize("first, second, shared", [
    (None, None, True), (USER, USER, True), (None, USER, True), (USER, None, False), (USER, OTHER_USER, False)],
    ids=["root-root", "user-itself", "user-from-root", "root-from-user", "user-from-another"])
def test_what_another_process_has_looked_up(fresh, first, second, shared):
    command = lambda uid: as_user(uid) if uid else []
    with serving(fresh, scripted.records(GOOD)) as server:
        assert run_one(gai(NAME), command(first)) == BOTH
        assert run_one(gai(NAME), command(second)) == BOTH
        assert kinds(server) == (["A", "AAAA"] if shared else ["A", "A", "AAAA", "AAAA"])


def test_folder_of_a_logged_in_user(fresh):
    """/run/user/UID is the user's own: the cache is there, and /dev/shm stays empty."""
    command = as_user(USER)
    folder = f"/run/user/{USER}"
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0700,uid={USER},gid={USER}", "tmpfs", folder], check=True)
    try:
        with serving(fresh, scripted.records(GOOD)) as server:
            assert [run_one(gai(NAME), command) for _ in range(2)] == [BOTH] * 2
            assert kinds(server) == ["A", "AAAA"]
        assert os.stat(f"{folder}/aiodns/cache.1").st_mode & 0o7777 == 0o600
        assert list(SHM.glob("aiodns.*")) == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_root_that_becomes_a_user(fresh):
    """What it may write afterwards is the user's tier alone; root never gets it."""
    with serving(fresh, scripted.records(GOOD | {"b.scripted.test": {"A": [FOUR]}})) as server:
        with program() as client:
            client.ask(gai(NAME, "inet"))
            client.ask(("become", {"uid": USER}))
            client.ask(gai("b.scripted.test", "inet"))
        assert lives("b.scripted.test") == {}
        assert lives("b.scripted.test", SHM / f"aiodns.{USER}.1") == {"A": scripted.TTL}
        run_one(gai("b.scripted.test", "inet"))
        assert asked_of(server, "b.scripted.test") == ["A", "A"]


def test_half_a_user_writes_nowhere(fresh):
    """With root's group it is neither root nor a plain user: it gets what root knows, and keeps nothing."""
    command = ["setpriv", f"--reuid={USER}", "--clear-groups"]
    with serving(fresh, scripted.records(GOOD | {"b.scripted.test": {"A": [FOUR]}})) as server:
        run_one(gai(NAME))
        assert run([gai(NAME), gai("b.scripted.test", "inet")], command)[0] == BOTH
        run_one(gai("b.scripted.test", "inet"), command)
        assert kinds(server) == ["A", "A", "A", "AAAA"]
        assert list(SHM.glob("aiodns.*")) == []


# -- What comes back is what was received.

MANY4 = [f"198.51.100.{n}" for n in range(1, 201)]
MANY6 = [f"2001:db8:1::{n:x}" for n in range(1, 201)]
TABLE = {
    "one.kind.test": {"A": [FOUR]},
    "six.kind.test": {"AAAA": [SIX]},
    "both.kind.test": {"A": [FOUR], "AAAA": [SIX]},
    "many4.kind.test": {"A": MANY4},
    "many6.kind.test": {"AAAA": MANY6},
    "many.kind.test": {"A": MANY4, "AAAA": MANY6},
    "chain.kind.test": "Middle.kind.test", "middle.kind.test": "END.other.test",
    "end.other.test": {"A": ["198.51.100.3", "198.51.100.2"], "AAAA": [SIX]},
    "to-many.kind.test": "many6.kind.test",
    "half.kind.test": "one.kind.test",
    "dangling.kind.test": "nowhere.kind.test",
    "to-nothing.kind.test": "text.kind.test", "text.kind.test": {"TXT": ["hello"]},
    "refused.kind.test": "REFUSED",
    "failed.kind.test": "SERVFAIL",
    zones.LONG: {"A": [FOUR]},
    "to-long.kind.test": zones.LONG,
}
KINDS = [*(name for name in TABLE if name != "middle.kind.test"), "nowhere.kind.test", "Both.KIND.test",
         "CHAIN.Kind.test.", "to-LONG.kind.test"]


@pytest.mark.parametrize("name", KINDS, ids=lambda name: name[:40])
def test_every_kind_of_record(fresh, name):
    lookups = every_way(name)
    with serving(fresh, scripted.records(TABLE)) as server:
        received = run(lookups, NO_CACHE)
        assert run(lookups) == received
        asked = len(server.distinct())
        assert run(lookups) == received
        assert len(server.distinct()) == asked


REVERSE = {
    "4.100.51.198.in-addr.arpa": {"PTR": ["Host.Reverse.test."]},
    "5.100.51.198.in-addr.arpa": {"PTR": ["a.reverse.test.", "b.reverse.test."]},
    "6.100.51.198.in-addr.arpa": "6.sub.100.51.198.in-addr.arpa",
    "6.sub.100.51.198.in-addr.arpa": {"PTR": ["delegated.reverse.test."]},
    "7.100.51.198.in-addr.arpa": "SERVFAIL",
    "8.100.51.198.in-addr.arpa": {"TXT": ["hello"]},
    "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["six.reverse.test."]},
}


@pytest.mark.parametrize("address", [
    "198.51.100.4", "::ffff:198.51.100.4", "198.51.100.5", "198.51.100.6", "198.51.100.7", "198.51.100.8",
    "198.51.100.9", "2001:db8::1", "2001:db8::2"])
def test_every_kind_of_pointer(fresh, address):
    lookups = [byaddr(address), nameinfo(address)]
    with serving(fresh, scripted.records(REVERSE)) as server:
        received = run(lookups, NO_CACHE)
        assert run(lookups) == received
        asked = len(server.distinct())
        assert run(lookups) == received
        assert len(server.distinct()) == asked


def test_an_address_and_the_same_mapped_share_a_record(fresh):
    with serving(fresh, scripted.records(REVERSE)) as server:
        plain, mapped = run([byaddr("198.51.100.4"), byaddr("::ffff:198.51.100.4")])
        assert plain["name"] == mapped["name"] == "Host.Reverse.test"
        assert kinds(server) == ["PTR"]


def test_letters_of_the_program_that_asks(fresh):
    with serving(fresh, scripted.records(GOOD)) as server:
        names = [NAME, NAME.upper(), "wWw.Scripted.Test"]
        assert [run_one(byname(name))["name"] for name in names] == names
        assert kinds(server) == ["A"]


def test_target_in_the_letters_of_the_program_that_asked_first(fresh):
    """Where they are made of the question's; its own name is in the letters of who asks (docs/differences.md)."""
    def handler(query):
        query.send(query.reply(FOUR, cname=query.name.partition(".")[0] + ".other.test."))
    with serving(fresh, handler) as server:
        for _ in range(2):
            for name in ("Host.moved.test", "HOST.MOVED.test"):
                assert run_one(byname(name)) == {"name": "Host.other.test", "aliases": [name], "addrs": [FOUR]}
        assert kinds(server) == ["A"]


# -- Failures.

def failing(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_failure_is_not_asked_for_again_at_once(fresh, rcode):
    """For a second; then for longer each time, at most five. Never told as "no such name"."""
    with serving(fresh, failing(rcode), "options attempts:1") as server:
        seen, clock = [], 0
        for life in [1, 2, 4, 5, 5]:
            for _ in range(2):
                assert run([gai(NAME, "inet"), byname(NAME)], later(clock)) == [
                    {"error": "EAI_AGAIN"}, {"error": "TRY_AGAIN", "status": 11}]
            seen.append((life, len(server.distinct()), lives(NAME)["A"]))
            clock += life + 1
        each = seen[0][1]
        assert seen == [(life, each * (i + 1), life) for i, (life, *_) in enumerate(seen)]
        run_one(gai(NAME, "inet"), later(clock + 20))
        assert lives(NAME)["A"] == 1  # that was another failure


@pytest.mark.parametrize("first", ["A", "AAAA"])
def test_failure_of_one_family_is_kept_for_it_alone(fresh, first):
    def handler(query):
        query.send(query.reply(rcode="SERVFAIL") if query.type == first else query.reply(*GOOD[NAME][query.type]))
    with serving(fresh, handler, "options attempts:1") as server:
        answers = [run_one(gai(NAME)) for _ in range(3)]
        assert answers == [{"addrs": [FOUR if first == "AAAA" else SIX], "canon": None}] * 3
        other = "AAAA" if first == "A" else "A"
        assert kinds(server).count(other) == 1
        assert lives(NAME) == {first: 1, other: scripted.TTL}


def test_silence_is_not_kept(fresh):
    answering = []

    def handler(query):
        if answering:
            scripted.records(GOOD)(query)
    with serving(fresh, handler, "options timeout:1 attempts:1"):
        counted = Counted()
        assert run_one(gai(NAME)) == {"error": "EAI_AGAIN"}
        assert counted().items() >= {("misses", 2), ("timeouts", 2)}
        assert lives(NAME) == {}
        answering.append(True)
        assert run_one(gai(NAME)) == BOTH


def test_refusal_by_the_host_is_not_kept(fresh):
    """ICMP: nobody listens there; a moment later somebody does."""
    address = next_address()
    fresh.resolv_conf(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    assert run_one(gai(NAME)) == {"error": "EAI_AGAIN"}
    assert lives(NAME) == {}
    with scripted.Server(address, scripted.records(GOOD)):
        assert run_one(gai(NAME)) == BOTH


def test_lack_of_descriptors_is_not_kept(fresh):
    with serving(fresh, scripted.records(GOOD)):
        with program() as client:
            client.ask(gai(NAME + ".other"))
            client.ask(("use_descriptors", {"leave": 0}))
            assert "error" in client.ask(gai(NAME))
            client.ask(("use_descriptors", {"leave": None}))
            assert ordered(client.ask(gai(NAME))) == BOTH


# -- Search lists.

OUTCOMES = {"A": {"A": [FOUR], "AAAA": [SIX]}, "F": {"A": [FOUR]}, "D": {"TXT": ["x"]}, "N": "NXDOMAIN",
            "S": "SERVFAIL", "R": "REFUSED", "H": None}
DOMAINS = ["a.test", "b.test", "c.test"]


def patterned(query):
    """Names PATTERN-SUBSET.DOMAIN: the pattern's letters are what becomes of it in each domain."""
    first, _, domain = query.key.partition(".")
    entry = OUTCOMES[first.upper()[DOMAINS.index(domain)]] if domain in DOMAINS else "NXDOMAIN"
    if entry is None:  # half: one family fails, the other has no data
        query.send(query.reply(rcode="SERVFAIL") if query.type == "AAAA" else query.reply())
    elif isinstance(entry, str):
        query.send(query.reply(rcode=entry))
    else:
        query.send(query.reply(*entry.get(query.type, [])))


SUBSETS = [subset for length in range(1, 4) for subset in itertools.combinations(range(3), length)]
SEARCH = f"search {' '.join(DOMAINS)}\noptions attempts:1"


@pytest.mark.parametrize("ndots", [1, 0])
@pytest.mark.parametrize("first", OUTCOMES)
def test_search_list_of_which_some_is_known(fresh, first, ndots):
    """For every pattern of outcomes, and every choice of what is known: the verdict is as without a cache."""
    wrong = []
    with serving(fresh, patterned, f"{SEARCH} ndots:{ndots}"), program(NO_CACHE) as bare, program() as client:
        for rest in itertools.product(OUTCOMES, repeat=2):
            pattern = first + "".join(rest)
            verdict = [ordered(bare.ask(call)) for call in (gai(pattern), byname(pattern))]
            for number, subset in enumerate(SUBSETS):
                name = f"{pattern}-{number}"
                for index in subset:
                    client.ask(gai(f"{name}.{DOMAINS[index]}."))
                for call, expected in zip((gai(name), byname(name)), verdict):
                    expected = {key: value.replace(pattern, name) if key == "name" else value
                                for key, value in expected.items()}
                    for _ in range(2):
                        got = ordered(client.ask(call))
                        if got != expected:
                            wrong.append((call[0], name, subset, got, expected))
    assert wrong == []


def test_search_list_asks_only_what_is_not_known(fresh):
    with serving(fresh, patterned, SEARCH) as server:
        run_one(gai("ndn.b.test."))
        asked = len(server.distinct())
        assert run_one(gai("NDN")) == {"error": "EAI_NODATA"}
        new = {(query.key, query.type) for query in server.distinct()[asked:]}
        assert {name for name, _ in new} == {"ndn.a.test", "ndn.c.test", "ndn"}


def test_ndots_decides_in_which_order(fresh):
    table = {"x.y": {"A": ["198.51.100.7"]}, "x.y.a.test": {"A": ["198.51.100.8"]}}
    with serving(fresh, scripted.records(table)) as server:
        for _ in range(2):
            for ndots, address in ((1, "198.51.100.7"), (2, "198.51.100.8")):
                fresh.resolv_conf(f"nameserver {server.address}\nsearch a.test\noptions ndots:{ndots}\n")
                assert run_one(gai("x.y", "inet"))["addrs"] == [address]
        assert sorted(query.key for query in server.distinct()) == ["x.y", "x.y.a.test"]


# -- Only what is missing is asked.

@pytest.mark.parametrize("known, lookup, missing", [
    ([gai(NAME, "inet")], gai(NAME), ["AAAA"]), ([gai(NAME, "inet6")], gai(NAME), ["A"]),
    ([byname(NAME)], gai(NAME), ["AAAA"]), ([byname(NAME)], gai(NAME, "inet"), []),
    ([byname2(NAME, "inet6")], gai(NAME, "inet6"), []), ([byname(NAME), byname2(NAME, "inet6")], gai(NAME), []),
    ([gai(NAME)], byname(NAME), []), ([gai(NAME)], gai(NAME, "inet6", "AI_CANONNAME"), []),
    ([gai(NAME)], gai(NAME + "."), [])], ids=str)
def test_only_the_missing_family_is_asked(fresh, known, lookup, missing):
    with serving(fresh, scripted.records(GOOD)) as server:
        run(known)
        asked = len(server.distinct())
        answer = run_one(lookup)
        assert answer["addrs"] == run_one(lookup, NO_CACHE)["addrs"]
        assert sorted(query.type for query in server.distinct()[asked:-len(answer["addrs"])]) == missing


# -- For how long.

def chain(*ttls):
    """CNAMEs with all TTLs but the last, which is the address's."""
    def handler(query):
        targets = [f"link{n}.scripted.test." for n in range(len(ttls) - 1)]
        query.send(aged(query.reply(*GOOD[NAME][query.type], cname=targets), *ttls))
    return handler


def negative(rcode, ttl, minimum, cname=None):
    def handler(query):
        message = query.reply(rcode=rcode, cname=cname)
        soa = dns.rrset.from_text("test.", ttl, "IN", "SOA", f"ns. admin. 1 3600 600 86400 {minimum}")
        message.authority = [soa]
        query.send(message)
    return handler


HOUR, DAY = 3600, 86400
TOP_BIT = 0x80000000


@pytest.mark.parametrize("handler, life", [
    (chain(300), 300), (chain(1), 1), (chain(900, 60), 60), (chain(60, 900), 60), (chain(500, 30, 400), 30),
    (chain(DAY), DAY), (chain(DAY + 1), DAY), (chain(0x7fffffff), DAY), (chain(DAY + 5, 2 * DAY), DAY),
    (negative("NXDOMAIN", 600, 60), 60), (negative("NXDOMAIN", 60, 600), 60), (negative("NOERROR", 600, 60), 60),
    (negative("NOERROR", 60, 600), 60), (negative("NXDOMAIN", DAY, DAY), HOUR),
    (negative("NOERROR", DAY, HOUR + 1), HOUR),
    (negative("NXDOMAIN", 900, 900, "elsewhere.test."), 300), (negative("NOERROR", 40, 900, "elsewhere.test."), 40),
], ids=lambda value: str(value) if isinstance(value, int) else value.__qualname__.split(".")[0])
def test_life(fresh, handler, life):
    with serving(fresh, handler) as server:
        first = run_one(gai(NAME, "inet"))
        asked = len(server.distinct())
        assert lives(NAME) == {"A": life}
        if life > 100:  # this test itself takes a moment
            assert run_one(gai(NAME, "inet"), later(life - 60)) == first
            assert len(server.distinct()) == asked
        assert run_one(gai(NAME, "inet"), later(life)) == first
        assert len(server.distinct()) > asked


@pytest.mark.parametrize("handler", [
    chain(0), chain(0, 300), chain(300, 0), chain(TOP_BIT), chain(TOP_BIT + 300), chain(0xffffffff),
    negative("NXDOMAIN", 0, 60), negative("NXDOMAIN", 60, 0), negative("NOERROR", TOP_BIT + 9, 60)])
def test_ttl_0_is_not_for_a_later_lookup(fresh, handler):
    with serving(fresh, handler) as server, program() as client:
        first = client.ask(gai(NAME, "inet"))
        asked = len(server.distinct())
        assert client.ask(gai(NAME, "inet")) == first
        assert len(server.distinct()) == 2 * asked
        assert run_one(gai(NAME, "inet")) == first
        assert len(server.distinct()) == 3 * asked


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "NOERROR"])
def test_negative_answer_without_soa_is_not_kept(fresh, rcode):
    def handler(query):
        message = query.reply(rcode=rcode)
        message.authority = []
        query.send(message)
    with serving(fresh, handler) as server:
        first = run_one(gai(NAME, "inet"))
        asked = len(server.distinct())
        assert run_one(gai(NAME, "inet")) == first
        assert len(server.distinct()) == 2 * asked


def test_a_short_life_ends(fresh):
    """By the real clock."""
    with serving(fresh, chain(1)) as server, program() as client:
        client.ask(gai(NAME, "inet"))
        until(lambda: client.ask(gai(NAME, "inet")) and len(server.distinct()) > 1, "asked again")


def test_ttl_that_nscd_is_told_counts_down(fresh):
    with serving(fresh, chain(300)) as server:
        assert run_one(("ttl", {"name": NAME})) == {"status": 1, "ttl": 300}
        assert 200 < run_one(("ttl", {"name": NAME}))["ttl"] <= 300
        assert 100 < run_one(("ttl", {"name": NAME}), later(100))["ttl"] <= 200
        assert 0 <= run_one(("ttl", {"name": NAME}), later(240))["ttl"] <= 60
        assert kinds(server) == ["A", "AAAA"]


@pytest.mark.parametrize("ttl, told", [(0, 0), (TOP_BIT, 0), (2 * DAY, 2 * DAY)])
def test_ttl_that_nscd_is_told_by_the_server(fresh, ttl, told):
    with serving(fresh, chain(ttl)):
        assert run_one(("ttl", {"name": NAME})) == {"status": 1, "ttl": told}


# -- Order, buffers.

def test_addresses_take_turns(fresh):
    received = [f"198.51.100.{n}" for n in (9, 3, 7, 5)]
    with serving(fresh, scripted.records({NAME: {"A": received}})) as server, program() as client:
        client.ask(byname(NAME))
        orders = [tuple(answer["addrs"]) for answer in client.ask(("same", {"lookup": byname(NAME), "times": 40}))]
        assert kinds(server) == ["A"]
    rotated = {tuple(received[i:] + received[:i]) for i in range(len(received))}
    assert set(orders) == rotated


def test_addresses_take_turns_among_processes(fresh):
    """Programs that ask once each do not all begin with the same address."""
    received = [f"198.51.100.{n}" for n in range(1, 5)]
    with serving(fresh, scripted.records({NAME: {"A": received}})) as server, program() as client:
        firsts = {answer["addrs"][0] for answer in client.ask(("herd", {"lookup": byname(NAME), "count": 60}))}
        assert kinds(server) == ["A"]
    assert len(firsts) > 1


@pytest.mark.parametrize("ttl", [0, 300])
@pytest.mark.parametrize("command", [[], NO_CACHE], ids=["cache", "no-cache"])
@pytest.mark.parametrize("lookup", [byname(NAME, length=1), byname2(NAME, "inet6", length=1), gai(NAME),
                                    gai(NAME, "inet"), byname(NAME, static=True)], ids=lambda lookup: str(lookup[0]))
def test_larger_buffer_asks_nothing_again(fresh, command, lookup, ttl):
    def handler(query):
        query.send(aged(query.reply(*TABLE["many.kind.test"][query.type]), ttl))
    with serving(fresh, handler) as server:
        assert len(run_one(lookup, command)["addrs"]) >= 200
        by_stream = [query.type for query in server.distinct() if query.tcp]
        assert by_stream and len(by_stream) == len(set(by_stream))


@pytest.mark.parametrize("ttl", [0, 300])
@pytest.mark.parametrize("command", [[], NO_CACHE], ids=["cache", "no-cache"])
def test_larger_buffer_for_a_name_asks_nothing_again(fresh, command, ttl):
    def handler(query):
        query.send(aged(query.reply("host.reverse.test."), ttl))
    with serving(fresh, handler) as server:
        assert run_one(byaddr("198.51.100.4", length=1), command)["name"] == "host.reverse.test"
        assert kinds(server) == ["PTR"]


# -- For whom: options, servers.

@pytest.mark.parametrize("option", ["no-aaaa", "trust-ad"])
def test_options_that_change_an_answer_are_a_view(fresh, option):
    with serving(fresh, scripted.records(GOOD)) as server:
        plain, with_option = "", f"options {option}\n"
        for options, asked in ((plain, 1), (with_option, 2), (plain, 2), (with_option, 2)):
            fresh.resolv_conf(f"nameserver {server.address}\n{options}")
            assert run_one(byname(NAME))["addrs"] == [FOUR]
            assert kinds(server).count("A") == asked


@pytest.mark.parametrize("option", ["use-vc", "rotate", "edns0", "timeout:3", "attempts:4", "ndots:3",
                                    "single-request", "single-request-reopen"])
def test_options_that_change_only_the_way_are_none(fresh, option):
    with serving(fresh, scripted.records(GOOD)) as server:
        run_one(gai(NAME))
        fresh.resolv_conf(f"nameserver {server.address}\noptions {option}\n")
        assert run_one(gai(NAME)) == BOTH
        assert kinds(server) == ["A", "AAAA"]


def test_no_aaaa_out_of_the_cache(fresh):
    """AF_INET6 is then told by A whether the name exists at all, and never gets an address."""
    table = GOOD | {"text.scripted.test": {"TXT": ["x"]}}
    lookups = [call for name in (NAME, "text.scripted.test", "nowhere.scripted.test") for call in every_way(name)]
    with serving(fresh, scripted.records(table), "options no-aaaa") as server:
        received = run(lookups, NO_CACHE)
        assert [run(lookups) for _ in range(2)] == [received] * 2
        assert "AAAA" not in kinds(server)


def test_servers_are_a_view(fresh):
    with serving(fresh, scripted.records({NAME: {"A": ["198.51.100.1"]}})) as one, \
         scripted.Server(next_address(), scripted.records({NAME: {"A": ["198.51.100.2"]}})) as two:
        for _ in range(2):
            for servers, address in (([one], 1), ([two], 2), ([one, two], 1), ([two, one], 2)):
                fresh.resolv_conf("".join(f"nameserver {server.address}\n" for server in servers))
                assert run_one(byname(NAME))["addrs"] == [f"198.51.100.{address}"]
        assert (len(one.distinct()), len(two.distinct())) == (2, 2)


# -- Where it is, and where there is no place for it.

READ_ONLY = behind("mount -o remount,bind,ro /run", "mount -o remount,bind,ro /dev/shm")


def test_read_only_sandbox_gets_hits(fresh):
    with serving(fresh, scripted.records(GOOD | {"b.scripted.test": {"A": [FOUR]}})) as server:
        run_one(gai(NAME))
        assert run([gai(NAME), gai("b.scripted.test", "inet")], READ_ONLY)[0] == BOTH
        assert run_one(gai("b.scripted.test", "inet"), READ_ONLY)["addrs"] == [FOUR]
        assert asked_of(server, NAME) == ["A", "AAAA"]
        assert asked_of(server, "b.scripted.test") == ["A", "A"]


@pytest.mark.parametrize("mode, shared", [(0o755, True), (0o700, True), (0o777, False), (0o775, False)], ids=oct)
def test_folder_that_was_there_before(fresh, mode, shared):
    HOST.mkdir()
    HOST.chmod(mode)
    with serving(fresh, scripted.records(GOOD)) as server:
        assert [run_one(gai(NAME)) for _ in range(2)] == [BOTH] * 2
        assert kinds(server) == (["A", "AAAA"] if shared else ["A", "A", "AAAA", "AAAA"])
        assert (HOST / "cache.1").exists() == shared


def test_folder_of_somebody_else(fresh):
    HOST.mkdir(mode=0o755)
    os.chown(HOST, USER, USER)
    with serving(fresh, scripted.records(GOOD)) as server:
        assert [run_one(gai(NAME)) for _ in range(2)] == [BOTH] * 2
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


NO_DEV_SHM = behind("mkdir -p /run/dev", "touch /run/dev/null", "mount --bind /dev/null /run/dev/null",
                    "mount --rbind /run/dev /dev", "mount -t tmpfs -o ro,mode=0755 tmpfs /run")
NO_RUN = behind("mount --bind /etc/alternatives /run")


@pytest.mark.parametrize("command", [NO_CACHE, NO_DEV_SHM], ids=["read-only", "no-dev-shm"])
@pytest.mark.parametrize("uid", [0, USER])
def test_no_place_for_it(fresh, command, uid):
    with serving(fresh, scripted.records(GOOD)) as server:
        before = [command, as_user(uid)] if uid else [command]
        assert run([gai(NAME)] * 2, *before) == [BOTH] * 2
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


def test_run_that_is_no_tmpfs(fresh):
    """As in many containers: then /dev/shm has it."""
    with serving(fresh, scripted.records(GOOD)) as server:
        assert [run_one(gai(NAME), NO_RUN) for _ in range(2)] == [BOTH] * 2
        assert kinds(server) == ["A", "AAAA"]
        assert (SHM / "aiodns.0.1").exists()


NEW = "new.scripted.test"


@pytest.mark.parametrize("how", ["deleted", "replaced", "folder"])
def test_cache_that_goes_under_a_running_program(fresh, how):
    """At the next miss it finds the new one, and what others have put there."""
    with serving(fresh, scripted.records(GOOD | {NEW: {"A": [FOUR]}, "x.scripted.test": {"A": [FOUR]}})) as server:
        with program() as client:
            client.ask(gai(NAME))
            if how == "folder":
                forget_all()
            else:
                (HOST / "cache.1").unlink()
            if how != "deleted":
                run_one(byname(NEW))
                assert lives(NAME) == {}
                assert client.ask(byname(NEW))["addrs"] == [FOUR]
                assert asked_of(server, NEW) == ["A"]
            client.ask(byname("x.scripted.test"))
        until(lambda: lives("x.scripted.test"), "stored in the new file")
        assert run_one(byname("x.scripted.test"))["addrs"] == [FOUR]
        assert asked_of(server, "x.scripted.test") == ["A"]


SMALL = behind("umount /run || true", "mount -t tmpfs -o size=64k,mode=0755 tmpfs /run",
               "mount -t tmpfs -o size=64k,mode=1777 tmpfs /dev/shm")


def test_full_tmpfs(fresh):
    with serving(fresh, scripted.records(GOOD)) as server:
        with program(SMALL) as client:
            assert [ordered(client.ask(gai(NAME))) for _ in range(2)] == [BOTH] * 2
            assert client.ask(("listed", {"path": "/run/aiodns"})) in ([], ["claims.1"], ["claims.1", "counters.1"])
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


def test_tmpfs_that_fills_up_later(fresh):
    """The file has all its blocks from the beginning."""
    with serving(fresh, scripted.records(GOOD)) as server:
        run_one(gai("nowhere.scripted.test"))
        filler = HOST.parent / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], stderr=subprocess.DEVNULL)
        try:
            assert os.statvfs("/run").f_bfree == 0
            assert [run_one(gai(NAME)) for _ in range(2)] == [BOTH] * 2
            assert asked_of(server, NAME) == ["A", "AAAA"]
        finally:
            filler.unlink()


def test_file_limit(fresh):
    """Beyond it, writing would end the program by SIGXFSZ; hits need no writing."""
    with serving(fresh, scripted.records(GOOD | {NEW: {"A": [FOUR]}})) as server:
        with program() as client:
            client.ask(("limit", {"what": "RLIMIT_FSIZE", "value": 0}))
            assert [ordered(client.ask(gai(NAME))) for _ in range(2)] == [BOTH] * 2
            assert lives(NAME) == {}
            run_one(gai(NAME))
            asked = len(server.distinct())
            assert ordered(client.ask(gai(NAME))) == BOTH
            assert len(server.distinct()) == asked
            assert client.ask(byname(NEW))["addrs"] == [FOUR]
        assert lives(NEW) == {}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("lookup, least", [(gai(NAME, "inet"), 1), (byname(NAME), 1), (gai(NAME), 2)],
                         ids=["gai-inet", "byname", "gai"])
def test_descriptors_for_sockets_alone(fresh, lookup, least, known):
    """So few as a lookup without a cache gets by with: then it is done without one."""
    with serving(fresh, scripted.records(GOOD)):
        run_one(gai("nowhere.scripted.test"))  # the files are there
        for command in (NO_CACHE, []):
            with program(command) as client:
                if known:
                    client.ask(gai("nowhere.scripted.test"))
                client.ask(("modules", {})), client.ask(gai("elsewhere.scripted.test", "inet"))
                client.ask(("use_descriptors", {"leave": least}))
                answer = ordered(client.ask(lookup))
                assert answer.get("addrs"), (command, answer)


# -- Counters.

@pytest.mark.parametrize("uid", [0, USER])
def test_counters_tell_what_happened(fresh, uid):
    before = [as_user(uid)] if uid else []
    path = SHM / f"aiodns.{USER}.counters.1" if uid else HOST / "counters.1"
    with serving(fresh, scripted.records(GOOD)) as server:
        counted = Counted(path)
        run_one(gai(NAME), *before)
        assert counted() == {"misses": 2, "stored": 2}
        counted = Counted(path)
        run([gai(NAME), byname(NAME)], *before)
        assert counted() == {"hits": 3}
        counted = Counted(path)
        run_one(gai(NAME), later(2 * scripted.TTL), *before)
        assert counted() == {"misses": 2, "stored": 2, "expired": 2}
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


def test_counters_of_a_user_who_gets_roots_answers(fresh):
    with serving(fresh, scripted.records(GOOD)):
        run_one(gai(NAME))
        host, own = Counted(), Counted(SHM / f"aiodns.{USER}.counters.1")
        run_one(gai(NAME), as_user(USER))
        assert (host(), own()) == ({}, {"hits": 2})


def test_counters_of_lookups_that_went_wrong(fresh):
    def handler(query):
        if query.key.startswith("tcp"):
            reply = query.reply(FOUR)
            if not query.tcp:
                reply.flags |= 0x0200
            query.send(reply)
        elif query.key.startswith("near"):
            good = query.reply(FOUR)
            bad = query.reply("198.51.100.66")
            bad.id = good.id ^ 1
            query.send(bad)
            query.send(good)
        else:
            query.send(query.reply(*MANY6, cname=[f"{'x' * 60}{n}.{'y' * 60}.test." for n in range(12)]))
    with serving(fresh, handler):
        for lookup, moved in ((byname("tcp.scripted.test"), {"misses": 1, "tcp": 1, "stored": 1}),
                              (byname("near.scripted.test"), {"misses": 1, "near_misses": 1, "stored": 1}),
                              (gai("large.scripted.test", "inet6"), {"misses": 1, "dropped": 1})):
            counted = Counted()
            run_one(lookup)
            moved_by = counted()
            assert {key: moved_by.get(key, 0) for key in moved} == moved, lookup


def test_answer_that_is_too_large_is_given_all_the_same(fresh):
    many = [f"2001:db8:1::{n:x}" for n in range(1, 301)]
    with serving(fresh, scripted.records({NAME: {"AAAA": many}})) as server:
        for asked in (1, 2):
            assert len(run_one(byname2(NAME, "inet6"))["addrs"]) == 300
            assert len([query for query in server.distinct() if query.tcp]) == asked
        assert lives(NAME) == {}
