"""What is learnt of servers, and shared: who is asked first, by every process of the tier."""

import itertools

import contextlib

import pytest

import netns
import scripted
from cached import HOST, USER, as_user, forget_all, later, next_address, program, records, run_one, until
from lookups import gai

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

FOUR = "198.51.100.1"
ANSWER = {"addrs": [FOUR], "canon": None}
_names = (f"n{n}.scripted.test" for n in itertools.count(1))


def good(query):
    query.send(query.reply(*([FOUR] if query.type == "A" else [])))


def silent(_query):
    pass


def failing(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


class Changing:
    """A server that is what the test last made of it."""

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, query):
        return self.handler(query)


@pytest.fixture
def serve(net):
    with contextlib.ExitStack() as stack:
        def start(*handlers, options=""):
            forget_all()
            servers = [stack.enter_context(scripted.Server(next_address(), handler)) for handler in handlers]
            net.resolv_conf("".join(f"nameserver {server.address}\n" for server in servers)
                            + f"options {options}\n")
            return servers
        yield start


def look_up(*before):
    """A name that nobody knows yet, in a new program."""
    name = next(_names)
    assert run_one(gai(name, "inet"), *before) == ANSWER
    return name


def has(server, name):
    return any(query.key == name for query in server.queries)


def alone(server, other, name):
    return has(server, name) and not has(other, name)


def test_second_of_two_healthy_servers_is_not_asked(serve):
    first, second = serve(good, good)
    for _ in range(20):
        look_up()
    assert len(first.distinct()) >= 20
    assert len(second.distinct()) < 2


def test_rotate_asks_both(serve):
    servers = serve(good, good, options="rotate")
    for _ in range(40):
        look_up()
    assert all(len(server.distinct()) > 5 for server in servers)


def test_silent_first_server_is_learnt_at_once_and_by_all(serve):
    first, second = serve(silent, good)
    assert has(first, look_up())
    probed = sum(has(first, look_up()) for _ in range(10))
    assert probed <= 3  # beside: at once, 1 s and 2 s later
    assert len(second.distinct()) >= 11
    name = look_up(as_user(USER))
    assert has(second, name)


def test_probe_beside_a_lookup_finds_it_back(serve):
    change = Changing(silent)
    first, second = serve(change, good)
    look_up()
    change.handler = good
    until(lambda: alone(first, second, look_up()), "the first server is asked alone again")


def test_dead_for_a_while_then_back(serve):
    """The pauses between probes grow to half a minute, as the clock of the cache says."""
    change = Changing(silent)
    first, second = serve(change, good)
    look_up()
    pauses, last = [], 0
    for second_of in range(0, 200, 5):
        before = len(first.queries)
        look_up(later(second_of))
        if len(first.queries) > before:
            pauses.append(second_of - last)
            last = second_of
    assert 4 <= len(pauses) <= 12
    assert max(pauses) <= 35
    change.handler = good
    for second_of in range(200, 300, 5):
        if alone(first, second, look_up(later(second_of))):
            break
    else:
        pytest.fail("it is back, and nobody has found out")
    assert second_of <= 260


@pytest.mark.parametrize("rcode", ["REFUSED", "SERVFAIL"])
def test_server_that_errs_each_time_is_asked_last(serve, rcode):
    first, second = serve(failing(rcode), good)
    for _ in range(3):
        name = look_up()
        assert has(first, name) and has(second, name)
    until(lambda: alone(second, first, look_up()), "the second is asked alone, but for probes of the first")


def test_one_error_is_no_reason(serve):
    change = Changing(failing("SERVFAIL"))
    first, second = serve(change, good)
    look_up()
    change.handler = good
    assert alone(first, second, look_up())


def test_with_all_servers_silent_nothing_is_learnt(serve):
    change = [Changing(silent), Changing(silent)]
    first, second = serve(*change, options="timeout:1 attempts:1")
    assert "error" in run_one(gai(next(_names), "inet"))
    for each in change:
        each.handler = good
    assert alone(first, second, look_up())


def test_what_is_down_is_still_asked_when_the_other_one_fails(serve):
    change = [Changing(silent), Changing(good)]
    first, second = serve(*change)
    look_up()
    change[0].handler, change[1].handler = good, failing("SERVFAIL")
    name = look_up()
    assert has(first, name)


def test_another_view_knows_nothing_of_it(serve, net):
    first, second = serve(silent, good)
    look_up()
    net.resolv_conf(f"nameserver {first.address}\nnameserver {second.address}\noptions trust-ad\n")
    assert has(first, look_up())


def test_a_user_writes_nothing_that_root_believes(serve):
    change = Changing(silent)
    first, second = serve(change, good)
    with program(as_user(USER)) as client:
        assert client.ask(gai(next(_names), "inet"))["addrs"] == [FOUR]
        change.handler = good
        assert records(HOST / "cache.1") == {}
    assert alone(first, second, look_up())
