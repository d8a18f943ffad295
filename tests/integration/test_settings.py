"""What /etc/aiodns.conf does to lookups, and that no error in it does anything to them."""

import itertools
import os
import pathlib
import subprocess
import time

import pytest

import netns
import scripted
from lookups import Client, ask, gai, nameinfo, ordered

FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
ANSWER = {"addrs": [FOUR, SIX], "canon": None}
FAILED, NONE = {"error": "EAI_AGAIN"}, {"error": "EAI_NONAME"}
FILE = pathlib.Path("/etc/aiodns.conf")
_addresses = (f"127.0.22.{n}" for n in itertools.count(1))


def good(query):
    query.send(query.reply({"A": FOUR, "AAAA": SIX}[query.type]))


def other(query):
    query.send(query.reply({"A": "198.51.100.2", "AAAA": "2001:db8:1::2"}[query.type]))


def silent(_query):
    pass


def says(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


@pytest.fixture
def serve(net, request):
    """Starts servers; the first of them is resolv.conf's."""
    started = []

    def start(*handlers, options=""):
        for handler in handlers:
            server = scripted.Server(next(_addresses), handler)
            started.append(server)
            server.__enter__()
        net.resolv_conf(f"nameserver {started[0].address}\n{options}\n")
        return started

    yield start
    net.settings(None)
    for server in started:
        server.__exit__(None, None, None)


def addresses(*servers):
    return " ".join(server.address for server in servers)


# -- attempt

def test_servers_of_the_file_are_asked_in_place_of_resolv_confs(net, serve):
    first, second = serve(other, good)
    net.settings(f"attempt 5s {second.address}\n")
    assert ordered(ask(gai("name.test"))) == ANSWER
    assert first.queries == [] and len(second.distinct()) == 2


def test_all_of_a_step_are_asked_at_once(net, serve):
    """Nobody answers before all have been asked."""
    asked = []

    def together(query):
        asked.append(query)
        if len(asked) == 3:
            for each in asked:
                good(each)
    _, *three = serve(silent, together, together, together)
    net.settings(f"attempt 60s {addresses(*three)}\n")
    assert ask(gai("name.test", "inet")) == {"addrs": [FOUR], "canon": None}


def test_first_acceptable_reply_wins(net, serve):
    _, *three = serve(silent, says("REFUSED"), silent, good)
    net.settings(f"attempt 60s {addresses(*three)}\n")
    assert ordered(ask(gai("name.test"))) == ANSWER


def test_next_step_is_for_silence(net, serve):
    _, first, second = serve(silent, silent, good)
    net.settings(f"attempt 30ms {first.address}\nattempt 60s {second.address}\n")
    assert ordered(ask(gai("name.test"))) == ANSWER
    assert len(first.distinct()) == len(second.distinct()) == 2


def test_steps_go_on_until_the_last_one_is_over(net, serve):
    """Not until resolv.conf's time is: that is two hours here."""
    _, first, second = serve(silent, silent, silent, options="options timeout:30 attempts:5")
    net.settings("".join(f"attempt 50ms {step}\n" for step in (
        addresses(first), addresses(first, second), addresses(second))))
    assert ask(gai("name.test", "inet")) == FAILED
    assert [len(server.queries) for server in (first, second)] == [2, 2]


def test_port(net, serve):
    resolv, = serve(other)
    with scripted.Server(next(_addresses), good, port=5353) as server:
        net.settings(f"attempt 5s {server.address}@5353\n")
        assert ordered(ask(gai("name.test"))) == ANSWER
    assert resolv.queries == []


def test_ipv6(net, serve):
    resolv, = serve(other)
    with scripted.Server("::1", good) as server:
        net.settings("attempt 5s ::1\n")
        assert ordered(ask(gai("name.test"))) == ANSWER
        assert len(server.distinct()) == 2
    assert resolv.queries == []


def test_pointers_go_to_the_same_servers(net, serve):
    first, second = serve(silent, lambda query: query.send(query.reply("name.test.")))
    net.settings(f"attempt 60s {second.address}\n")
    assert ask(nameinfo(FOUR)) == {"name": "name.test"}
    assert first.queries == []


# -- deadline

def test_deadline(net, serve):
    """It would be 150 s, for which no test waits."""
    serve(silent, options="options timeout:30 attempts:5")
    net.settings("deadline 200ms\n")
    assert ask(gai("name.test")) == FAILED


def test_deadline_of_steps(net, serve):
    _, server = serve(silent, silent)
    net.settings(f"attempt 60s {server.address}\ndeadline 200ms\n")
    assert ask(gai("name.test")) == FAILED


# -- parallel-search

def order_of_search(net, serve, settings):
    """The names in the order in which they are first asked for. The last one exists."""
    def handler(query):
        if query.key == "host.three.test":
            good(query)
        else:
            query.send(query.reply(rcode="NXDOMAIN"))
    server, = serve(handler, options="search one.test two.test three.test")
    net.settings(settings)
    assert ordered(ask(gai("host"))) == ANSWER
    return [query.key for query in server.queries]


def test_search_list_one_by_one(net, serve):
    """The confirmation of each name that does not exist comes before the next one."""
    names = order_of_search(net, serve, "parallel-search off\n")
    assert [name for name, _ in itertools.groupby(names)] == ["host.one.test", "host.two.test", "host.three.test"]
    assert len(names) == 8


def test_search_list_together(net, serve):
    assert {*order_of_search(net, serve, "parallel-search on\n")[:6]} == {
        "host.one.test", "host.two.test", "host.three.test"}


# -- 0x20

def letters(net, serve, settings, name="A-Name-Of-Many-Letters.Test"):
    server, = serve(good)
    net.settings(settings)
    for _ in range(3):
        assert ordered(ask(gai(name))) == ANSWER
    return {query.name.rstrip(".") for query in server.distinct()}


def test_letters_of_the_program(net, serve):
    assert letters(net, serve, "0x20 off\n") == {"A-Name-Of-Many-Letters.Test"}


@pytest.mark.parametrize("settings", ["0x20 on\n", "0x20 auto\n", ""])
def test_random_letters(net, serve, settings):
    assert len(letters(net, serve, settings)) > 3


def test_docker_is_asked_in_random_letters_only_if_that_is_said(net, serve):
    serve(silent)
    with scripted.Server("127.0.0.11", good) as server:
        net.settings("attempt 5s 127.0.0.11\n0x20 on\n")
        assert ordered(ask(gai("a-name-of-many-letters.test"))) == ANSWER
        assert {query.name.rstrip(".") for query in server.queries} != {"a-name-of-many-letters.test"}
        net.settings("attempt 5s 127.0.0.11\n")
        server.queries.clear()
        assert ordered(ask(gai("a-name-of-many-letters.test"))) == ANSWER
        assert {query.name.rstrip(".") for query in server.queries} == {"a-name-of-many-letters.test"}


# -- The file

def next_tick():
    time.sleep(0.03)  # two ticks of the slowest kernel clock: what is looked at once a tick


BAD = {"word": "atempt 1s 127.0.0.1\n", "value": "deadline soon\n", "rest": "0x20 on off\n", "octets": "\0\xff\n",
       "half": "attempt 1s\n", "long": "x" * 100000 + "\n"}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_with_an_error_a_new_process_goes_by_resolv_conf(net, serve, text):
    _, second = serve(good, other)
    net.settings(f"attempt 5s {second.address}\n{text}")
    assert ordered(ask(gai("name.test"))) == ANSWER
    assert second.queries == []


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_with_an_error_a_process_goes_on_as_it_did(net, serve, text):
    first, second = serve(other, good)
    net.settings(f"attempt 5s {second.address}\n")
    with Client() as client:
        assert ordered(client.ask(gai("name.test"))) == ANSWER
        net.settings(text)
        for _ in range(3):
            next_tick()
            assert ordered(client.ask(gai("name.test"))) == ANSWER
        assert first.queries == []
        net.settings(None)
        next_tick()
        assert ordered(client.ask(gai("name.test"))) != ANSWER


def test_a_change_counts_in_a_running_process(net, serve):
    first, second, third = serve(silent, good, other)
    with Client() as client:
        for _ in range(5):
            for server, answers in ((second, good), (third, other)):
                net.settings(f"attempt 5s {server.address}\n")
                next_tick()
                assert (ordered(client.ask(gai("name.test"))) == ANSWER) == (answers is good)
    assert first.queries == []


def test_changes_in_place_that_keep_size_and_length(net, serve):
    """What was written again within a tick of the clock has the same size, and may have the same times."""
    _, *two = serve(silent, good, other)
    net.settings("")
    with Client() as client:
        for i in range(40):
            FILE.write_text(f"attempt 5s {two[i % 2].address}\n")
            client.ask(gai("name.test"))
            FILE.write_text(f"attempt 5s {two[1 - i % 2].address}\n")
            next_tick()
            assert (ordered(client.ask(gai("name.test"))) == ANSWER) == (i % 2 == 1)


@pytest.mark.parametrize("kind", ["FIFO", "folder", "device", "loop"])
def test_what_is_no_file_is_no_hindrance(serve, kind):
    serve(good)
    {"FIFO": lambda: os.mkfifo(FILE), "folder": FILE.mkdir, "device": lambda: FILE.symlink_to("/dev/zero"),
     "loop": lambda: FILE.symlink_to(FILE)}[kind]()
    try:
        assert ordered(ask(gai("name.test"))) == ANSWER
    finally:
        (FILE.rmdir if kind == "folder" else FILE.unlink)()


def test_what_may_not_be_read_is_no_hindrance(net, serve):
    if not netns.IS_ROOT:
        pytest.skip("to become another user needs root")
    first, second = serve(good, other)
    net.settings(f"attempt 5s {second.address}\n")
    FILE.chmod(0o600)
    with Client(before=["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"]) as client:
        assert ordered(client.ask(gai("name.test"))) == ANSWER
    assert second.queries == [] and first.queries


@pytest.mark.parametrize("variable", ["AIODNS_CONF", "AIODNS_CONFIG", "RES_OPTIONS", "XDG_CONFIG_HOME", "HOME"])
def test_no_variable_moves_it(net, serve, tmp_path, variable):
    first, second = serve(other, good)
    net.settings(f"attempt 5s {second.address}\n")
    (tmp_path / "aiodns.conf").write_text(f"attempt 5s {first.address}\n")
    assert ordered(ask(gai("name.test"), env={variable: str(tmp_path)})) == ANSWER


def test_it_is_read_once(net, serve):
    """A process that asks again and again in a tick, and in others, opens the file once."""
    _, second = serve(silent, good)
    net.settings(f"attempt 5s {second.address}\n")
    next_tick()
    calls = pathlib.Path(os.environ["AIODNS_CALLS"])
    out = net.folder / "strace"
    lookups = ["inet", "one.test", "SUCCESS", "tick", "-", "-"] * 5
    subprocess.run(["strace", "-qq", "-e", "trace=openat", "-o", out, calls, "aiodns", *lookups], check=True, timeout=60)
    assert out.read_text().count('"/etc/aiodns.conf"') == 1
