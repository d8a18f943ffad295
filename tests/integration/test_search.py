"""Candidates of a search list that are asked together: the answer is that of one by one."""

import contextlib
import itertools
import threading

import pytest

import scripted
from lookups import Client, gai, ordered

DOMAINS = ["one.test", "two.test", "three.test"]
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
OUTCOMES = ["answer", "four", "nodata", "nobody", "servfail", "alias"]
PATTERNS = list(itertools.product(range(len(OUTCOMES)), repeat=4))
_addresses = (f"127.0.7.{n}" for n in itertools.count(1))


def candidate_of(key):
    """(pattern, which candidate) of "xNNNN.d" below a domain, or as it is."""
    first, *rest = key.split(".")
    return first[1:], DOMAINS.index(".".join(rest[1:])) if rest[1:] else len(DOMAINS)


def by_pattern(query):
    digits, which = candidate_of(query.key)
    outcome = OUTCOMES[int(digits[which])]
    address = {"A": f"198.51.100.{which + 1}", "AAAA": f"2001:db8:1::{which + 1}"}.get(query.type)
    if outcome == "answer" or (outcome == "four" and query.type == "A"):
        query.send(query.reply(address))
    elif outcome in ("nodata", "four"):
        query.send(query.reply())
    elif outcome == "nobody":
        query.send(query.reply(rcode="NXDOMAIN"))
    elif outcome == "alias":
        query.send(query.reply(cname="empty.other.test."))
    else:
        query.send(query.reply(rcode="SERVFAIL"))


@contextlib.contextmanager
def serving(net, handler, *options):
    with scripted.Server(next(_addresses), handler) as server:
        net.resolv_conf(f"nameserver {server.address}\nsearch {' '.join(DOMAINS)}\n"
                        f"options ndots:3 timeout:1 attempts:1 {' '.join(options)}\n")
        yield server


def all_patterns(net, family, *options):
    with serving(net, by_pattern, *options), Client() as client:
        return {digits: ordered(client.ask(gai(f"x{digits}.d", family)))
                for digits in map(lambda pattern: "".join(map(str, pattern)), PATTERNS)}


@pytest.mark.parametrize("family", ["inet", "unspec"])
def test_every_pattern_of_outcomes_over_four_candidates(net, family):
    together, one_by_one = all_patterns(net, family), all_patterns(net, family, "single-request")
    assert {digits: (together[digits], one_by_one[digits]) for digits in together
            if together[digits] != one_by_one[digits]} == {}
    assert len(together) == len(OUTCOMES) ** 4
    assert sum("addrs" in answer for answer in together.values()) > len(together) / 2


class AllAtOnce:
    """Answers nobody before all of these have been asked for."""

    def __init__(self, names, answer):
        self._missing, self._answer, self._held, self._lock = set(names), answer, [], threading.Lock()

    def __call__(self, query):
        with self._lock:
            self._missing.discard((query.key, query.type))
            self._held.append(query)
            held = []
            if not self._missing:
                held, self._held = self._held, []
        for each in held:
            self._answer(each)


@pytest.mark.parametrize("family, types", [("inet", ["A"]), ("unspec", ["A", "AAAA"])])
def test_all_are_asked_before_one_is_answered(net, family, types):
    names = [f"x3330.d.{domain}" for domain in DOMAINS] + ["x3330.d"]
    handler = AllAtOnce(itertools.product(names, types), by_pattern)
    with serving(net, handler), Client() as client:
        assert FOUR[:-1] + "4" in client.ask(gai("x3330.d", family))["addrs"]


def test_a_name_without_dots_is_not_asked_as_it_is_before_the_list_has_failed(net):
    seen = []

    def handler(query):
        seen.append(query.key)
        if query.key == "host.two.test":
            query.send(query.reply(FOUR if query.type == "A" else SIX))
        else:
            query.send(query.reply(rcode="NXDOMAIN"))
    with serving(net, handler), Client() as client:
        assert ordered(client.ask(gai("host"))) == {"addrs": [FOUR, SIX], "canon": None}
        assert "host" not in seen
        assert client.ask(gai("other"))["error"] == "EAI_NONAME"
        assert "other" in seen


def test_long_lists_go_on_where_the_first_eight_end(net):
    domains = [f"d{i}.test" for i in range(12)]

    def handler(query):
        if query.key.endswith("d10.test"):
            query.send(query.reply(FOUR if query.type == "A" else SIX))
        else:
            query.send(query.reply(rcode="NXDOMAIN"))
    with scripted.Server(next(_addresses), handler) as server, Client() as client:
        net.resolv_conf(f"nameserver {server.address}\nsearch {' '.join(domains)}\noptions ndots:3\n")
        assert ordered(client.ask(gai("x.y"))) == {"addrs": [FOUR, SIX], "canon": None}
        assert {query.key for query in server.queries} - {"x.y"} == {f"x.y.{domain}" for domain in domains[:11]}


def test_name_as_it_is_first_is_asked_alone(net):
    with serving(net, by_pattern) as server, Client() as client:
        assert "addrs" in client.ask(gai("x0000.d.three.test.", "inet"))
        assert {query.key for query in server.queries} == {"x0000.d.three.test"}


def test_one_deadline_for_those_asked_together_and_those_behind(net):
    """The name as it is comes behind; the server is up before it would have had a time of its own."""
    up = threading.Event()
    timer = threading.Timer(1.5, up.set)

    def handler(query):
        if not timer.is_alive() and not up.is_set():
            timer.start()
        if up.is_set():
            query.send(query.reply(FOUR))
    with serving(net, handler), Client() as client:
        assert client.ask(gai("host", "inet")) == {"error": "EAI_AGAIN"}
        timer.cancel()


def test_silent_candidate_is_waited_for(net):
    """One-by-one the first answer decides; a later one that is quicker does not."""
    def handler(query):
        if query.key.endswith("one.test"):
            threading.Timer(0.3, by_pattern, [query]).start()
        else:
            by_pattern(query)
    with serving(net, handler), Client() as client:
        assert client.ask(gai("x0000.d", "inet"))["addrs"] == ["198.51.100.1"]
