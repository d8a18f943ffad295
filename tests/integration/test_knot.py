"""Knot: authoritative only, so it refuses what it does not serve."""

import pytest

import servers
from common import *  # noqa: F403  the tests that every server gets
from lookups import ask, gai


@pytest.fixture(scope="module")
def server(net):
    with servers.knot(net.new_folder("knot")) as process:
        net.resolv_conf("nameserver 127.0.1.2\n")
        yield process


def test_refused_is_try_again(server):
    assert ask(gai("www.elsewhere.test")) == {"error": "EAI_AGAIN"}
