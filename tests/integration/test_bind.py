"""BIND: authoritative for the zones, recursion on."""

import pytest

import servers
from common import *  # noqa: F403  the tests that every server gets
from lookups import ask, gai


@pytest.fixture(scope="module")
def server(net):
    with servers.bind(net.new_folder("bind")) as process:
        net.resolv_conf("nameserver 127.0.1.1\n")
        yield process


def test_servfail_is_try_again(server):
    assert ask(gai("www.broken.test")) == {"error": "EAI_AGAIN"}


@pytest.mark.parametrize("name", ["abroad.example.test", "host.moved.example.test", "HOST.Moved.example.test"])
def test_alias_into_another_zone_as_glibc(net, server, name):
    assert differences(net, *every_way(name)) == []
