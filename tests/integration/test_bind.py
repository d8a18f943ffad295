"""BIND: authoritative for the zones, recursion on."""

import pytest

import netns
import servers
from common import *  # noqa: F403  the tests that every server gets
from lookups import ask, byname, gai, ordered


@pytest.fixture(scope="module")
def server(net):
    with servers.bind(net.new_folder("bind")) as process:
        net.resolv_conf("nameserver 127.0.1.1\n")
        yield process


def test_servfail_is_try_again(server):
    assert ask(gai("www.broken.test")) == {"error": "EAI_AGAIN"}


@pytest.mark.parametrize("name", ["abroad.example.test", "host.moved.example.test"])
def test_alias_into_another_zone_as_glibc(net, server, name):
    assert differences(net, *every_way(name)) == []


def test_alias_made_of_a_dname_as_glibc(net, server):
    """BIND makes it of the question's letters; the cache keeps those of the program that asked first
    (docs/differences.md, name-case)."""
    name = "HOST.Moved.example.test"
    if netns.CACHED and netns.IS_ROOT:
        ask(byname(name.lower()))
        assert ordered(ask(byname(name))) == host("host.other.test", "203.0.113.250", aliases=[name])
    else:
        assert differences(net, *every_way(name)) == []
