"""Unbound: its own local data, and Knot behind it for the rest."""

import pytest

import netns
import servers
from common import *  # noqa: F403  the tests that every server gets
from lookups import ask, byaddr, gai, ordered


@pytest.fixture(scope="module")
def server(net):
    with servers.knot(net.new_folder("knot")), \
         servers.unbound(net.new_folder("unbound")) as process:
        net.resolv_conf("nameserver 127.0.1.3\n")
        yield process


@pytest.mark.parametrize("lookup, expected", [
    (gai("host.local.test"), addrs("198.51.100.40", "2001:db8:1::40")),
    (gai("v4.local.test"), addrs("198.51.100.41")),
    (gai("v4.local.test", "inet6"), error("EAI_NODATA")),
    (gai("missing.local.test"), error("EAI_NONAME")),
    (gai("www.refused.test"), error("EAI_AGAIN")),
    (byaddr("198.51.101.40"), host("host.local.test", "198.51.101.40")),
], ids=label)
def test_local_data(server, lookup, expected):
    assert ordered(ask(lookup)) == expected


@pytest.mark.parametrize("name", ["abroad.example.test", "host.moved.example.test"])
def test_alias_into_another_zone_as_glibc(net, server, name):
    assert differences(net, *every_way(name)) == []


def test_alias_made_of_a_dname_has_the_programs_letters(server):
    """unbound makes it in lower case, whoever asks; the cache keeps what the first one was shown (docs/differences.md,
    name-case)."""
    if netns.CACHED and netns.IS_ROOT:
        ask(byname("host.moved.example.test"))
    shown = "host.other.test" if netns.CACHED and netns.IS_ROOT else "HOST.other.test"
    assert ordered(ask(byname("HOST.Moved.example.test"))) == host(
        shown, "203.0.113.250", aliases=["HOST.Moved.example.test"])
