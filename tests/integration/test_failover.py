"""Servers that are dead, silent, refusing or failing, alone and beside others."""

import contextlib
import itertools

import pytest

import scripted
from lookups import Client, ask, byaddr, byname, differences, forked, gai, nameinfo, ordered, threads

NAME = "www.scripted.test"
GOOD = {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"]}
ANSWER = {"addrs": ["198.51.100.1", "2001:db8:1::1"], "canon": None}
DEAD = "127.0.6.6"  # nobody listens there: ICMP comes back at once

_addresses = (f"127.0.5.{n}" for n in itertools.count(1))  # new ones each time: nothing learnt of another counts


@pytest.fixture
def serve(net):
    """Starts servers with these handlers (None: nobody listens) and lists them in this order."""
    with contextlib.ExitStack() as stack:
        def start(*handlers, options=""):
            servers = [handler and stack.enter_context(scripted.Server(next(_addresses), handler))
                       for handler in handlers]
            net.resolv_conf("".join(f"nameserver {server.address if server else DEAD}\n" for server in servers)
                            + f"options {options}\n")
            return servers
        yield start


def alive(query):
    scripted.records({NAME: GOOD, "1.100.51.198.in-addr.arpa": {"PTR": [NAME + "."]}})(query)


def silent(_query):
    pass


def failing(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


def closes_tcp(query):
    """Truncates, so that it is asked by TCP, and then hangs up."""
    if query.tcp:
        return "close"
    reply = query.reply()
    reply.flags |= 0x0200
    query.send(reply)


def closes_tcp_in_the_middle(query):
    if not query.tcp:
        return closes_tcp(query)
    query.send_raw(b"\x01\x00half a reply")
    return "close"


def silent_by_tcp(query):
    return None if query.tcp else closes_tcp(query)


FIRST = {"dead": None, "silent": silent, "SERVFAIL": failing("SERVFAIL"), "REFUSED": failing("REFUSED"),
         "NOTIMP": failing("NOTIMP"), "FORMERR": failing("FORMERR"), "closing TCP": closes_tcp,
         "closing TCP in the middle": closes_tcp_in_the_middle, "silent by TCP": silent_by_tcp}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_second_server_answers(serve, first):
    serve(first, alive)
    assert [ordered(answer) for answer in ask(gai(NAME), gai(NAME, "inet"))] == [
        ANSWER, {"addrs": GOOD["A"], "canon": None}]


@pytest.mark.parametrize("first", ["dead", "silent", "SERVFAIL"])
def test_second_server_answers_reverse(serve, first):
    serve(FIRST[first], alive)
    assert ask(byaddr("198.51.100.1"))["name"] == NAME


def test_third_server_answers(serve):
    serve(silent, None, alive)
    assert ordered(ask(gai(NAME))) == ANSWER


def test_first_no_counts(serve):
    """One server that says there is no such name is believed."""
    serve(failing("NXDOMAIN"), alive)
    assert ask(gai(NAME)) == {"error": "EAI_NONAME"}


@pytest.mark.parametrize("how", ["dead", "SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "closing TCP"])
def test_no_server_works(serve, how):
    serve(FIRST[how], FIRST[how])
    failed = {"error": "TRY_AGAIN", "status": 11}
    assert ask(gai(NAME), gai(NAME, "inet"), gai(NAME, "inet6"), gai(NAME, "unspec", "AI_CANONNAME"),
               gai(NAME, "inet", "AI_CANONNAME"), byname(NAME), byaddr("198.51.100.1")) == [
        *[{"error": "EAI_AGAIN"}] * 5, failed, failed]


@pytest.mark.parametrize("how", ["dead", "SERVFAIL", "REFUSED"])
def test_no_server_works_as_glibc(net, serve, how):
    serve(FIRST[how], FIRST[how])
    assert differences(net, gai(NAME), gai(NAME, "inet"), gai(NAME, "inet6"), byname(NAME),
                       nameinfo("198.51.100.1")) == []


def test_silence_ends(serve):
    serve(silent, options="timeout:1 attempts:1")
    assert ask(gai(NAME), byname(NAME)) == [{"error": "EAI_AGAIN"}, {"error": "TRY_AGAIN", "status": 11}]


def test_no_nameserver_line_is_loopback(net, serve):
    net.resolv_conf("# nothing\n")
    with scripted.Server("127.0.0.1", alive):
        assert ordered(ask(gai(NAME))) == ANSWER
    assert ask(gai(NAME)) == {"error": "EAI_AGAIN"}


def test_descriptors_are_closed(serve):
    serve(silent, None, closes_tcp, options="timeout:1 attempts:1")
    with Client() as client:
        before = client.ask(("descriptors", {}))
        client.ask(gai(NAME))
        assert client.ask(("descriptors", {})) == before


def test_many_threads(serve):
    """Every thread gets its own answer."""
    names = {f"n{n}.scripted.test": f"198.51.100.{n}" for n in range(1, 65)}
    serve(lambda query: query.send(query.reply(names[query.key]) if query.type == "A" else query.reply()))
    answers = ask(threads(*map(gai, names)))
    assert [answer["addrs"] for answer in answers] == [[address] for address in names.values()]


def test_after_fork(serve):
    serve(alive)
    assert [ordered(answer) for answer in ask(gai(NAME), forked(gai(NAME)), gai(NAME))] == [ANSWER] * 3
