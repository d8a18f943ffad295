"""dnsmasq: names of its own, and BIND behind it for the rest."""

import pytest

import servers
from common import *  # noqa: F403  the tests that every server gets
from lookups import ask, byaddr, gai, ordered


@pytest.fixture(scope="module")
def server(net):
    with servers.bind(net.new_folder("bind")), \
         servers.dnsmasq(net.new_folder("dnsmasq")) as process:
        net.resolv_conf("nameserver 127.0.1.4\n")
        yield process


@pytest.mark.parametrize("lookup, expected", [
    (gai("host.mine.test"), addrs("198.51.101.5", "2001:db8:2::5")),
    (gai("mixed.mine.test"), addrs("198.51.101.7")),
    (gai("x.wild.mine.test"), addrs("198.51.101.9")),
    (gai("chain.mine.test", "inet", "AI_CANONNAME"), addrs("198.51.101.5", canon="host.mine.test")),
    (gai("many.mine.test"), addrs(*zones.MANY4, *zones.MANY6)),
    (gai("mixed.mine.test", "inet6"), error("EAI_NODATA")),
    (gai("text.mine.test"), error("EAI_NODATA")),
    (gai("missing.mine.test"), error("EAI_NONAME")),
    (byaddr("198.51.101.40"), host("host.mine.test", "198.51.101.40")),
], ids=label)
def test_its_own_names(server, lookup, expected):
    assert ordered(ask(lookup)) == expected


@pytest.mark.parametrize("name", ["host.mine.test", "MIXED.mine.test", "chain.mine.test", "text.mine.test",
                                  "missing.mine.test", "many.mine.test"])
def test_its_own_names_as_glibc(net, server, name):
    assert differences(net, *every_way(name)) == []


def test_a_name_behind_a_dname(server):
    """BIND makes the alias of the question's letters, and dnsmasq keeps it: glibc may be shown those of our question."""
    for _ in range(3):
        assert ordered(ask(byname("host.moved.example.test"))) == host(
            "host.other.test", "203.0.113.250", aliases=["host.moved.example.test"])
