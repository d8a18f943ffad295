"""`serve-stale` of /etc/aiodns.conf: what has expired is given where all servers fail, and never where one answers.

A program that is `later` has the cache's clock so far ahead. What was asked is counted; nobody's watch is looked at.
"""

import pytest

import netns
import scripted
from cached import (HOST, SHM, USER, Counted, aged, as_user, asked_of, forget_all, kinds, later, lives, next_address,
                    program, run, run_one)
from lookups import byaddr, byname, byname2, gai

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

NAME = "www.scripted.test"
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
NEW_FOUR, NEW_SIX = "198.51.100.2", "2001:db8:1::2"
BOTH, NEW = ({"addrs": sorted(pair), "canon": None} for pair in ((FOUR, SIX), (NEW_FOUR, NEW_SIX)))
FAILED, NONE, NO_DATA = {"error": "EAI_AGAIN"}, {"error": "EAI_NONAME"}, {"error": "EAI_NODATA"}


def good(query):
    """All with a TTL of a second."""
    query.send(aged(query.reply({"A": FOUR, "AAAA": SIX, "PTR": "host.scripted.test."}[query.type]), 1))


def new(query):
    query.send(aged(query.reply({"A": NEW_FOUR, "AAAA": NEW_SIX}[query.type]), 1))


def ipv4_only(query):
    query.send(aged(query.reply(*[FOUR] if query.type == "A" else []), 1))


def silent(_query):
    pass


def says(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


def nxdomain(query):
    query.send(aged(query.reply(rcode="NXDOMAIN"), 1))


def split(four, six):
    return lambda query: (four if query.type == "A" else six)(query)


FAILING = {"silent": silent, "SERVFAIL": says("SERVFAIL"), "REFUSED": says("REFUSED"), "NOTAUTH": says("NOTAUTH")}
failing = pytest.mark.parametrize("fails", FAILING.values(), ids=FAILING)


class Serving(scripted.Server):
    """A server that does what it is told, and what it was asked since."""

    def __init__(self):
        super().__init__(next_address(), lambda query: self.does(query))
        self.does = good

    def turns(self, does):
        self.does = does
        self.queries.clear()

    def kinds(self):
        """Which types it was asked for since, each once."""
        return sorted(set(kinds(self)))


@pytest.fixture
def server(net):
    forget_all()
    net.settings("serve-stale 1h\n")
    with Serving() as server:
        net.resolv_conf(f"nameserver {server.address}\noptions timeout:1 attempts:2\n")
        yield server
    net.settings(None)


def known(server, lookup=gai(NAME), does=good, command=()):
    """What the cache knows now, and will not know in two seconds."""
    server.turns(does)
    return run_one(lookup, command)


def settle(server):
    """What the server has been asked, and nothing from before."""
    asked = server.kinds()
    server.queries.clear()
    return asked


# -- When.

@failing
def test_off_by_default(server, net, fails):
    net.settings(None)
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(2)) == FAILED


@failing
def test_off(server, net, fails):
    net.settings("serve-stale off\n")
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(2)) == FAILED


@failing
def test_what_has_expired_is_given_where_servers_fail(server, fails):
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(2)) == BOTH
    assert server.kinds() == ["A", "AAAA"]


@failing
def test_limit(server, net, fails):
    net.settings("serve-stale 20s\n")
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(15)) == BOTH
    assert run_one(gai(NAME), later(23)) == FAILED  # within the 30 s of what was stored again


def test_limit_counts_from_the_expiry(server, net):
    """However often it is given and stored again meanwhile."""
    net.settings("serve-stale 2m\n")
    assert known(server) == BOTH
    server.turns(says("SERVFAIL"))
    for age in (2, 35, 70, 105):
        assert run_one(gai(NAME), later(age)) == BOTH
        assert settle(server) == ["A", "AAAA"]
    assert run_one(gai(NAME), later(124)) == FAILED


def test_what_is_valid_is_not_asked_for(server):
    server.turns(lambda query: query.send(query.reply({"A": FOUR, "AAAA": SIX}[query.type])))
    assert run_one(gai(NAME)) == BOTH
    server.turns(silent)
    assert run_one(gai(NAME), later(200)) == BOTH
    assert server.queries == []


def test_ttl_0_is_never_given_again(server):
    def once(query):
        query.send(aged(query.reply({"A": FOUR, "AAAA": SIX}[query.type]), 0))
    assert known(server, does=once) == BOTH
    server.turns(says("SERVFAIL"))
    assert run_one(gai(NAME)) == FAILED
    assert run_one(gai(NAME), later(2)) == FAILED


def test_servers_of_nobody(server, net):
    """Nothing listens there any more."""
    assert known(server) == BOTH
    address = server.address
    server.__exit__(None, None, None)
    try:
        assert run_one(gai(NAME), later(2)) == BOTH
    finally:
        server.__init__()
        server.__enter__()
    assert server.address != address


# -- For 30 s.

@failing
def test_for_half_a_minute_nobody_asks_again(server, fails):
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(2)) == BOTH
    server.queries.clear()
    assert run([gai(NAME), gai(NAME, "inet"), byname(NAME), gai(NAME)], later(10))[0] == BOTH
    assert run_one(gai(NAME), later(25)) == BOTH
    assert server.queries == []
    assert run_one(gai(NAME), later(35)) == BOTH
    assert settle(server) == ["A", "AAAA"]
    assert run_one(gai(NAME), later(60)) == BOTH
    assert server.queries == []


def test_ttl(server):
    assert known(server, gai(NAME, "inet"))["addrs"] == [FOUR]
    server.turns(says("SERVFAIL"))
    run_one(gai(NAME, "inet"), later(2))
    with program(later(12)) as client:
        ttl = client.ask(("ttl", {"name": NAME}))
    assert ttl["status"] == 1 and 15 < ttl["ttl"] <= 20


def test_ttl_of_the_first(server):
    assert known(server) == BOTH
    server.turns(says("SERVFAIL"))
    with program(later(2)) as client:
        assert client.ask(("ttl", {"name": NAME})) == {"status": 1, "ttl": 30}


@failing
def test_off_for_whom_has_it_off(server, net, fails):
    """What others have stored again is not valid where that is not wanted."""
    assert known(server) == BOTH
    server.turns(fails)
    assert run_one(gai(NAME), later(2)) == BOTH
    net.settings(None)
    assert run_one(gai(NAME), later(4)) == FAILED


# -- What servers say comes first.

@pytest.mark.parametrize("age", [2, 35], ids=["at-once", "behind-half-a-minute"])
def test_server_that_is_back(server, age):
    assert known(server) == BOTH
    if age > 2:
        server.turns(silent)
        assert run_one(gai(NAME), later(2)) == BOTH
    server.turns(new)
    assert run_one(gai(NAME), later(age)) == NEW
    assert server.kinds() == ["A", "AAAA"]


@pytest.mark.parametrize("says_so, expected", [(nxdomain, NONE), (lambda query: query.send(query.reply()), NO_DATA)],
                         ids=["NXDOMAIN", "NODATA"])
def test_negative_answer(server, says_so, expected):
    assert known(server) == BOTH
    server.turns(says_so)
    assert run_one(gai(NAME), later(2)) == expected
    server.turns(says("SERVFAIL"))
    assert run_one(gai(NAME), later(90)) == FAILED  # nothing of before is left


@pytest.mark.parametrize("does", [split(nxdomain, silent), split(silent, nxdomain)], ids=["A", "AAAA"])
def test_no_such_name_for_one_family_is_for_both(server, does):
    assert known(server) == BOTH
    server.turns(does)
    assert run_one(gai(NAME), later(2)) == NONE


def test_no_such_name_beside_what_was_given_again(server):
    assert known(server, gai(NAME, "inet"))["addrs"] == [FOUR]
    server.turns(says("SERVFAIL"))
    assert run_one(gai(NAME, "inet"), later(2))["addrs"] == [FOUR]
    server.turns(nxdomain)
    assert run_one(gai(NAME), later(4)) == NONE
    assert run_one(gai(NAME, "inet"), later(4)) == NONE


def test_another_server_that_answers(server, net):
    assert known(server) == BOTH
    server.turns(says("SERVFAIL"))
    with scripted.Server(next_address(), new) as other:
        net.resolv_conf(f"nameserver {server.address}\nnameserver {other.address}\n")
        assert run_one(gai(NAME), later(2)) == NEW  # and it is another view


# -- One family.

@failing
@pytest.mark.parametrize("family", ["A", "AAAA"])
def test_one_family_fails(server, fails, family):
    assert known(server) == BOTH
    server.turns(split(fails, new) if family == "A" else split(new, fails))
    expected = [FOUR, NEW_SIX] if family == "A" else [NEW_FOUR, SIX]
    assert run_one(gai(NAME), later(2)) == {"addrs": sorted(expected), "canon": None}


@failing
def test_name_with_one_family(server, fails):
    """That there is none of the other is not waited for either."""
    assert known(server, does=ipv4_only)["addrs"] == [FOUR]
    server.turns(fails)
    assert run_one(gai(NAME), later(2))["addrs"] == [FOUR]
    assert settle(server) == ["A", "AAAA"]
    assert run_one(gai(NAME), later(4))["addrs"] == [FOUR]
    assert server.queries == []


@pytest.mark.parametrize("does", [nxdomain, lambda query: query.send(aged(query.reply(), 1))],
                         ids=["NXDOMAIN", "NODATA"])
@failing
def test_nothing_negative_is_given_again(server, fails, does):
    """It is a failure then, and is one for those that get it out of the cache, too."""
    known(server, does=does)
    server.turns(fails)
    assert run([gai(NAME), gai(NAME)], later(5)) == [FAILED] * 2
    assert run([gai(NAME), gai(NAME, "inet"), byname2(NAME, "inet6")], later(6))[:2] == [FAILED] * 2


# -- A failure in the cache hides nothing.

def test_failure_in_the_hosts_tier(server):
    """The answer is a user's; then root asks, and is refused."""
    command = as_user(USER)
    assert known(server, command=command) == BOTH
    server.turns(says("SERVFAIL"))
    assert run_one(gai(NAME), later(2)) == FAILED
    assert run_one(gai(NAME), later(2), command) == BOTH


def test_answer_of_the_hosts_tier(server):
    assert known(server) == BOTH
    server.turns(silent)
    assert run_one(gai(NAME), later(2), as_user(USER)) == BOTH
    assert set(lives(NAME, SHM / f"aiodns.{USER}.1")) == {"A", "AAAA"}
    server.queries.clear()
    assert run_one(gai(NAME), later(4), as_user(USER)) == BOTH
    assert server.queries == []


def test_later_answer_of_two_tiers(server):
    assert known(server) == BOTH
    server.turns(new)
    assert run_one(gai(NAME), later(2), as_user(USER)) == NEW
    server.turns(says("SERVFAIL"))
    assert run_one(gai(NAME), later(5), as_user(USER)) == NEW
    assert run_one(gai(NAME), later(5)) == BOTH


# -- What else there is.

def test_pointer(server):
    assert known(server, byaddr(FOUR))["name"] == "host.scripted.test"
    server.turns(silent)
    assert run_one(byaddr(FOUR), later(2))["name"] == "host.scripted.test"
    assert settle(server) == ["PTR"]
    assert run_one(byaddr(FOUR), later(4))["name"] == "host.scripted.test"
    assert server.queries == []


MANY = [f"2001:db8:1::{number:x}" for number in range(1, 151)]


def test_large_answer_and_alias(server):
    def large(query):
        reply = query.reply(*MANY if query.type == "AAAA" else [FOUR], cname="end.scripted.test.")
        query.send(aged(reply, 1, 1))
    lookup = byname2(NAME, "inet6")
    first = known(server, lookup, does=large)
    assert (first["name"], first["aliases"], len(first["addrs"])) == ("end.scripted.test", [NAME], len(MANY))
    server.turns(says("SERVFAIL"))
    assert run_one(lookup, later(2)) == first
    server.queries.clear()
    assert run_one(lookup, later(4)) == first
    assert server.queries == []


def test_one_process(server):
    """Which keeps what it has put together (recent.c)."""
    assert known(server) == BOTH
    server.turns(silent)
    assert run([gai(NAME)] * 20, later(2)) == [BOTH] * 20
    assert len(server.distinct()) <= 2 * 4  # those of one lookup
    server.queries.clear()
    assert run([gai(NAME)] * 20, later(40)) == [BOTH] * 20
    assert server.kinds() == ["A", "AAAA"]


def test_herd(server):
    """Those that come while one of them waits for the server wait with it, or each for itself; all are answered."""
    assert known(server, gai(NAME, "inet"))["addrs"] == [FOUR]
    server.turns(silent)
    with program(later(2)) as client:
        answers = client.ask(("herd", {"lookup": gai(NAME, "inet"), "count": 8}))
        assert [answer["addrs"] for answer in answers] == [[FOUR]] * 8
        server.queries.clear()
        assert client.ask(gai(NAME, "inet"))["addrs"] == [FOUR]
    assert server.queries == []


def test_nothing_waits_for_longer_than_the_timer(server, net):
    """It would be ten minutes, for which no test waits."""
    net.resolv_conf(f"nameserver {server.address}\noptions timeout:30 attempts:5\n")
    assert known(server) == BOTH
    server.turns(silent)
    assert run_one(gai(NAME), later(2)) == BOTH


def test_process_without_a_cache_of_its_own(server):
    """It reads the host's, and cannot store anything: each of its lookups asks."""
    command = ["setpriv", f"--reuid={USER}", "--clear-groups"]
    assert known(server) == BOTH
    server.turns(says("SERVFAIL"))
    for _ in range(2):
        assert run_one(gai(NAME), later(2), command) == BOTH
        assert settle(server) == ["A", "AAAA"]


def test_counter(server):
    assert known(server) == BOTH
    server.turns(says("SERVFAIL"))
    counted = Counted()
    run_one(gai(NAME), later(2))
    assert counted() == {"misses": 2, "expired": 2, "stale": 2, "stored": 2}
    counted = Counted()
    run_one(gai(NAME), later(4))
    assert counted() == {"hits": 2}


def test_process_out_of_descriptors(server):
    """That is its own affair, of which it is told; nobody else gets anything out of it."""
    assert known(server) == BOTH
    before = lives(NAME)
    with program(later(2)) as client:
        client.ask(gai("other.scripted.test", "inet"))
        server.queries.clear()
        client.ask(("use_descriptors", {"leave": 0}))
        assert "addrs" not in client.ask(gai(NAME))
        client.ask(("use_descriptors", {"leave": None}))
    assert lives(NAME) == before


# -- Search lists.

@pytest.fixture(params=["together", "one by one"])
def search(server, net, request):
    net.settings(f"serve-stale 1h\nparallel-search {'on' if request.param == 'together' else 'off'}\n")
    net.resolv_conf(f"nameserver {server.address}\nsearch one.test two.test three.test\n"
                    "options timeout:30 attempts:5 ndots:2\n")
    return server


def only(name, does=good):
    return lambda query: (does if query.key == name else nxdomain)(query)


@failing
@pytest.mark.parametrize("name", ["host.one.test", "host.two.test", "host.three.test"])
def test_search_list(search, name, fails):
    """No such names lead to the one that there was, which none of them would without."""
    assert known(search, gai("host"), only(name)) == BOTH
    search.turns(fails)
    assert run_one(gai("host"), later(4)) == BOTH
    search.queries.clear()
    assert run_one(gai("host"), later(6)) == BOTH
    assert search.queries == []


def test_search_list_behind_which_the_name_is_known_as_it_is(search):
    assert known(search, gai("host.test"), only("host.test")) == BOTH
    search.turns(silent)
    assert run_one(gai("host.test"), later(4)) == BOTH


def test_search_list_without_the_name(search, net):
    net.resolv_conf(f"nameserver {search.address}\nsearch one.test two.test three.test\noptions timeout:1 attempts:1\n")
    assert known(search, gai("host"), nxdomain) == NONE
    search.turns(silent)
    assert run([gai("host")] * 2, later(4)) == [FAILED] * 2


def test_search_list_whose_first_name_is_new(search):
    assert known(search, gai("host"), only("host.two.test")) == BOTH
    search.turns(only("host.one.test", new))
    assert run_one(gai("host"), later(4)) == NEW


def test_search_list_with_one_dead_domain(search):
    """What is asked of the others is theirs to say."""
    assert known(search, gai("host"), only("host.two.test")) == BOTH
    search.turns(lambda query: (silent if ".one." in query.key else only("host.two.test", new))(query))
    assert run_one(gai("host"), later(4)) == NEW
