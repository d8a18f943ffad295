"""Something happens to a lookup at each of its system calls in turn."""

import pytest

from programs import run

pytestmark = pytest.mark.usefixtures("surroundings")

MODES = ["cancel", "cancel-asynchronously", "jump", "interrupt", "fork", "exec", "fail"]
LOOKUPS = [("gai", "one.test"), ("byname", "many.test"), ("byaddr", "198.18.1.1"), ("byname", "long.test")]


# Where the hosts file cannot be opened, its names are not known.
@pytest.mark.parametrize("mode, how, name", [(mode, *lookup) for mode in MODES for lookup in LOOKUPS
                                             if mode not in ("fail", "interrupt") or lookup != LOOKUPS[-1]])
def test_at_each_call(mode, how, name):
    run("points", mode, 0, how, name)


@pytest.mark.parametrize("how, name", [("byname", "one.test"), ("byaddr", "198.18.1.1")])
@pytest.mark.parametrize("mode", ["cancel", "jump", "interrupt", "exec", "fail"])
def test_at_each_call_through_glibc(mode, how, name):
    """Not getaddrinfo(): what it does itself leaves sockets and a lock behind."""
    run("points", mode, 1, how, name)
