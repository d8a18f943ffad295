"""What leaves this machine for a lookup."""

import itertools

import pytest

import scripted
from lookups import ask, byaddr, byname, gai, nameinfo

NAME = "www.long-enough-to-have-many-letters.scripted.test"
GOOD = {NAME: {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"]},
        "1.100.51.198.in-addr.arpa": {"PTR": [NAME + "."]},
        "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": [NAME + "."]}}

_addresses = (f"127.0.9.{n}" for n in itertools.count(1))


@pytest.fixture
def server(net):
    with scripted.Server(next(_addresses), scripted.records(GOOD)) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        yield server


def test_one_query_for_each_family(server):
    ask(gai(NAME))
    assert sorted((query.key, query.type, query.tcp) for query in server.distinct()) == [
        (NAME, "A", False), (NAME, "AAAA", False)]


@pytest.mark.parametrize("lookup, types", [
    (gai(NAME, "inet"), ["A"]), (gai(NAME, "inet6"), ["AAAA"]), (byname(NAME), ["A"]),
    (byaddr("198.51.100.1"), ["PTR"]), (nameinfo("2001:db8::1"), ["PTR"])], ids=str)
def test_no_more_than_asked(server, lookup, types):
    ask(lookup)
    assert [query.type for query in server.distinct()] == types


def test_both_queries_are_out_before_an_answer_is_in(net):
    """The first waits for the second."""
    waiting = []

    def handler(query):
        waiting.append(query)
        if {other.type for other in waiting} == {"A", "AAAA"}:
            for other in waiting:
                scripted.records(GOOD)(other)
            waiting.clear()
    with scripted.Server(next(_addresses), handler) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        assert len(ask(gai(NAME))["addrs"]) == 2
        assert len(server.distinct()) == 2


def test_sockets_of_their_own(server):
    ask(gai(NAME))
    assert len({query.peer for query in server.queries}) == 2


def test_nothing_repeats(server):
    """IDs, ports and letter case are made up for each query."""
    ask(*[gai(NAME)] * 32)
    queries = server.distinct()
    assert len(queries) >= 64
    ids = [query.message.id for query in queries]
    # Of 64 draws from 65,536 two are equal once in 33 runs; ten never are.
    assert len(set(ids)) > len(ids) - 10
    assert len({(later - earlier) % 65536 for earlier, later in itertools.pairwise(ids)}) > len(ids) - 11
    # The kernel draws ports from 28,232 or fewer.
    assert len({query.peer[1] for query in queries}) > len(queries) - 15
    assert len({query.name for query in queries}) == len(queries)


def test_every_letter_is_mixed(server):
    ask(*[gai(NAME)] * 32)
    columns = zip(*(query.name for query in server.queries))
    assert all(len(set(column)) == 2 for column in columns if column[0].isalpha())


def test_header_and_edns(server):
    ask(gai(NAME))
    for query in server.queries:
        message = query.message
        assert (message.flags, message.payload, message.edns) == (0x0100, 1232, 0)  # RD alone
        assert (len(message.question), message.answer, message.authority) == (1, [], [])


@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "127.1", "", "host.invalid", "x.onion", "localhost",
                                  "a" * 64 + ".test", "two..dots.test", "bad!name.test", "x" * 300])
def test_names_that_are_never_asked(server, name):
    ask(gai(name), byname(name), gai("localhost"))  # the last loads the module where glibc needs none
    assert server.asked() == []


def test_the_name_is_what_was_asked(server):
    """Not with a search list on it, unless it is to be."""
    ask(gai(NAME + "."), gai(NAME.upper()))
    assert server.asked("A") == [(NAME, "A")]


def test_reverse_names(server):
    ask(nameinfo("192.0.2.99"), nameinfo("2001:db8::1"), nameinfo("::ffff:192.0.2.98"))
    assert server.asked() == [
        ("99.2.0.192.in-addr.arpa", "PTR"),
        ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR"),
        ("98.2.0.192.in-addr.arpa", "PTR")]
