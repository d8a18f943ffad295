"""What is learnt of the ways in which a server is to be asked, and shared: by every process of the tier."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess

import dns.edns
import dns.flags
import pytest

import netns
import scripted
import servers
from cached import NO_CACHE, USER, as_user, forget_all, later, next_address, program, run_one
from lookups import gai
from odd import FOUR, by_tcp_alone, folding, good, true_reply, without_edns

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

POISON = "203.0.113.66"
ANSWER = {"addrs": [FOUR], "canon": None}
HOUR, MINUTE = 3600, 60
DISTANT = "198.18.30"  # on this machine, too, but not of loopback, where nobody needs cookies
COOKIE = 10  # RFC 7873 section 9
SERVERS_PART = b"\x01\0\0\0servers."  # of a cookie

# Long enough that chance leaves none in lower case.
_names = (f"what-servers-have-shown-{n}.scripted.example" for n in itertools.count(1))


@pytest.fixture(scope="module", autouse=True)
def distant(net):
    netns.ip("route", "add", "local", f"{DISTANT}.0/24", "dev", "lo", "table", "local")
    yield (f"{DISTANT}.{n}" for n in itertools.count(1))
    netns.ip("route", "delete", "local", f"{DISTANT}.0/24", "dev", "lo", "table", "local")


class Changing:
    """A server that is what the test last made of it."""

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, query):
        return self.handler(query)


@pytest.fixture
def serve(net, distant):
    """Starts the only server, of which nobody knows anything yet."""
    with contextlib.ExitStack() as stack:
        def start(handler, address=None):
            forget_all()
            server = stack.enter_context(scripted.Server(address or next(distant), handler))
            net.resolv_conf(f"nameserver {server.address}\n")
            return server
        yield start


# -- Servers.

def cookie_of(query):
    """The client's part; None: it has none."""
    return next((option.to_wire() for option in query.message.options if option.otype == COOKIE), None)


def put_cookie(reply, cookie):
    reply.use_edns(0, payload=1232, options=[dns.edns.GenericOption(COOKIE, cookie)])
    return reply


def with_cookies(query):
    cookie = cookie_of(query)
    query.send(put_cookie(true_reply(query), cookie + SERVERS_PART) if cookie else true_reply(query))


def without_edns_bare(query):
    """As the oldest servers say it: a header alone, which is anybody's who guesses port and ID."""
    if query.edns:
        query.send(query.wire[:2] + bytes([0x80, 1]) + bytes(8))
    else:
        good(query)


def dropping_cookies(query):
    if cookie_of(query) is None:
        good(query)


def guessed_at(guesses):
    """Beside each datagram of its own come so many of somebody who does not know the ID."""
    def handler(query):
        if not query.tcp:
            wrong = query.reply(POISON)
            for n in range(1, guesses + 1):
                wrong.id = query.message.id ^ n
                query.send(wrong)
        good(query)
    return handler


def forged(query):
    """All is right in it but the address, and that it has no cookie."""
    reply = query.reply(POISON)
    reply.use_edns(0, payload=1232)
    return reply


# -- What leaves for them.

def look_up(*before):
    """A name that nobody knows yet, in a new program."""
    name = next(_names)
    assert run_one(gai(name, "inet"), *before) == ANSWER
    return name


def sockets(server, name):
    """The first query of each socket: what is sent again on a busy machine is left out."""
    first = {}
    for query in server.queries:
        if query.key == name:
            first.setdefault((query.peer, query.tcp), query)
    return list(first.values())


def shown(query):
    """As u(dp) or t(cp), with c(ookie), e(dns), m(ixed letters)."""
    return "".join(["t" if query.tcp else "u", "c" if cookie_of(query) else "", "e" if query.edns else "",
                    "" if query.name.islower() else "m"])


def asked(server, name):
    return [shown(query) for query in sockets(server, name)]


def look_up_asks(server, *before):
    return asked(server, look_up(*before))


@pytest.fixture
def met(serve):
    """Starts a server that was well so far, and is what the test says from now on."""
    def start(handler):
        change = Changing(good)
        server = serve(change)
        look_up()
        change.handler = handler
        return server
    return start


# -- Letters.

def test_server_that_folds_letters_is_asked_by_tcp_once(serve):
    server = serve(folding)
    assert look_up_asks(server) == ["ucem", "tem"]
    for _ in range(5):
        assert look_up_asks(server) == ["uce"]
    assert look_up_asks(server, as_user(USER)) in (["uce"], ["ue"])  # who writes nowhere asks for no cookie


def test_server_that_folds_letters_is_tried_again_after_an_hour(serve):
    server = serve(folding)
    look_up()
    assert look_up_asks(server, later(HOUR - MINUTE)) == ["uce"]
    assert look_up_asks(server, later(HOUR + MINUTE)) == ["ucem", "tem"]


def test_what_a_user_learns_root_does_not_believe(serve):
    server = serve(folding)
    with program(as_user(USER)) as client:
        for _ in range(2):
            assert client.ask(gai(next(_names), "inet"))["addrs"] == [FOUR]
    assert look_up_asks(server) == ["ucem", "tem"]


def test_where_nothing_can_be_kept_nothing_is_learnt(serve):
    server = serve(folding)
    for _ in range(3):
        assert look_up_asks(server, NO_CACHE) == ["uem", "tem"]


def test_letters_that_are_wanted_are_sent_all_the_same(serve, net):
    server = serve(folding)
    net.settings("0x20 on\n")
    try:
        for _ in range(3):
            assert look_up_asks(server) == ["ucem", "tem"]
    finally:
        net.settings(None)


def test_letters_that_were_lost_for_some_names_are_not_given_up_for_all(met):
    """As whoever answers for these names can make them: the server has returned letters before."""
    def some(query):
        if query.name.islower() or not query.key.startswith("lost-"):
            good(query)
    server = met(some)
    for n in range(5):
        assert run_one(gai(f"lost-between-two-servers-{n}.scripted.example", "inet")) == ANSWER
    assert look_up_asks(server)[0][-1] == "m"


# -- EDNS.

def test_server_without_edns_is_asked_by_one_datagram_without(serve):
    server = serve(without_edns)
    assert look_up_asks(server) == ["ucem", "t"]
    for _ in range(5):
        assert look_up_asks(server) == ["um"]
    assert look_up_asks(server, as_user(USER)) == ["um"]
    assert look_up_asks(server, later(HOUR + MINUTE)) == ["ucem", "t"]


def test_error_of_a_header_alone_teaches_nothing(serve):
    server = serve(without_edns_bare)
    for _ in range(4):
        assert look_up_asks(server) == ["ucem", "t"]


# -- Cookies.

def test_each_query_has_another_cookie(serve):
    server = serve(with_cookies)
    names = [look_up() for _ in range(20)]
    cookies = {cookie_of(query) for name in names for query in sockets(server, name)}
    assert len(cookies) == len(names) and {len(cookie) for cookie in cookies} == {8}


def test_server_that_returns_cookies_is_asked_by_one_datagram(serve):
    server = serve(with_cookies)
    for _ in range(5):
        assert look_up_asks(server) == ["ucem"]
    assert look_up_asks(server, as_user(USER)) == ["ucem"]


def test_server_of_loopback_gets_no_cookie(serve):
    server = serve(with_cookies, next_address())
    for _ in range(3):
        assert look_up_asks(server) == ["uem"]


def cookies_of_each_datagram(server, name):
    return [cookie_of(query) is not None for query in server.queries if query.key == name and not query.tcp]


def test_server_that_drops_cookies_is_asked_without_after_three_lookups(serve):
    server = serve(dropping_cookies)
    for _ in range(3):
        cookies = cookies_of_each_datagram(server, look_up())
        assert cookies[0] and not any(cookies[1:])
    for _ in range(3):
        assert look_up_asks(server) == ["uem"]
    assert not cookie_of(sockets(server, look_up(as_user(USER)))[0])


def test_some_lost_datagrams_are_no_reason_to_leave_out_the_cookie(serve):
    change = Changing(good)
    server = serve(change)
    for _ in range(3):
        for handler in (dropping_cookies, good):
            change.handler = handler
            assert cookies_of_each_datagram(server, look_up())[0]


def test_first_server_that_drops_cookies_is_found_back_by_probes_without(net, serve, distant):
    """Beside a second one, which answers before it is asked again without."""
    first = serve(dropping_cookies)
    with scripted.Server(next(distant), good) as second:
        net.resolv_conf(f"nameserver {first.address}\nnameserver {second.address}\n")
        look_up()

        def is_asked_alone_and_without(seconds):
            name = look_up(later(seconds))
            return asked(first, name) == ["uem"] and not asked(second, name)
        # A probe is due in each of these lookups, which waits for it at least for a moment.
        assert any(is_asked_alone_and_without(seconds) for seconds in range(31, 2000, 31))


def no_option(query):
    return forged(query)


def no_edns(query):
    reply = forged(query)
    reply.use_edns(False)
    return reply


def another_cookie(query):
    return put_cookie(forged(query), bytes(8) + SERVERS_PART)


def short_cookie(query):
    return put_cookie(forged(query), (cookie_of(query) or bytes(8))[:7])


def an_error(query):
    reply = query.reply(rcode="REFUSED")
    reply.use_edns(0, payload=1232)
    return reply


def no_such_name(query):
    reply = query.reply(rcode="NXDOMAIN")
    reply.use_edns(0, payload=1232)
    return reply


@pytest.fixture
def known(serve):
    """A server that is known to return cookies, and what it is to be from now on."""
    change = Changing(with_cookies)
    server = serve(change)
    look_up()
    return server, change


FORGERIES = [no_option, no_edns, another_cookie, short_cookie, an_error, no_such_name]


@pytest.mark.parametrize("forge", FORGERIES)
def test_forged_reply_without_the_cookie_is_not_believed(known, forge):
    """Though it has the right ID, port and letters."""
    def handler(query):
        if not query.tcp:
            query.send(forge(query))
        with_cookies(query)
    server, change = known
    change.handler = handler
    for _ in range(5):
        assert look_up_asks(server)[0] == "ucem"


@pytest.mark.parametrize("forge", FORGERIES)
def test_forged_reply_in_place_of_the_right_one_leads_to_tcp(known, forge):
    def handler(query):
        if query.tcp:
            with_cookies(query)
        else:
            query.send(forge(query))
    server, change = known
    change.handler = handler
    for _ in range(3):
        assert look_up_asks(server) == ["ucem", "tcem"]


def test_another_cookie_is_not_believed_of_a_server_of_which_nothing_is_known(serve):
    def handler(query):
        if not query.tcp:
            query.send(another_cookie(query))
        with_cookies(query)
    serve(handler)
    look_up()


def test_server_that_returns_cookies_no_longer_says_so_by_tcp_once(known):
    server, change = known
    change.handler = good
    assert look_up_asks(server) == ["ucem", "tcem"]
    for _ in range(3):
        assert look_up_asks(server) == ["uem"]


def test_badcookie_leads_to_tcp(serve):
    """RFC 7873 section 5.3: TCP does without."""
    def handler(query):
        cookie = cookie_of(query)
        if query.tcp or not cookie:
            good(query)
            return
        reply = query.reply(rcode="BADCOOKIE")
        put_cookie(reply, cookie + SERVERS_PART)
        reply.set_rcode(23)  # its upper bits stand in the OPT record, which is another one now
        query.send(reply)
    server = serve(handler)
    assert look_up_asks(server) == ["ucem", "tem"]


# -- TCP.

def test_server_whose_udp_never_answers_is_asked_by_tcp_alone(met):
    server = met(by_tcp_alone)
    for _ in range(6):
        kinds = look_up_asks(server)
        assert kinds[0][0] == "u" and kinds[-1][0] == "t"
    for before in ((), (), as_user(USER)):
        assert [query.tcp for query in sockets(server, look_up(before))] == [True]
    assert look_up_asks(server, later(11 * MINUTE))[0][0] == "u"


def test_eight_wrong_replies_lead_to_tcp_for_a_minute(met):
    server = met(guessed_at(2))
    for _ in range(4):
        assert look_up_asks(server) == ["ucem"]
    for _ in range(3):
        assert look_up_asks(server) == ["tem"]
    assert look_up_asks(server, as_user(USER)) == ["tem"]
    assert look_up_asks(server, later(MINUTE + 30)) == ["ucem"]


@pytest.mark.parametrize("lookups", [1, 2, 4])
def test_wrong_replies_are_counted_from_the_first_one_on(serve, lookups):
    """Nothing at all was known before, and nothing counts twice for that."""
    server = serve(guessed_at(8 // lookups))
    for _ in range(lookups):
        assert look_up_asks(server)[0] == "ucem"
    assert look_up_asks(server) == ["tem"]


def test_seven_wrong_replies_lead_nowhere(serve):
    change = Changing(guessed_at(7))
    server = serve(change)
    look_up()
    change.handler = good
    assert look_up_asks(server) == ["ucem"]


def test_eight_wrong_replies_to_one_query(serve):
    server = serve(guessed_at(8))
    assert look_up_asks(server) == ["ucem", "tem"]
    assert look_up_asks(server) == ["tem"]


def test_wrong_replies_over_minutes_lead_nowhere(met):
    server = met(guessed_at(2))
    for n in range(10):
        assert look_up_asks(server, later(25 * n)) == ["ucem"]


def test_udp_is_asked_where_tcp_is_refused_to_who_wants_it(net, distant):
    """While somebody guesses: letters and cookie must do."""
    forget_all()
    with scripted.Server(next(distant), guessed_at(2), tcp=False) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        for _ in range(6):
            assert look_up_asks(server) == ["ucem"]


# -- Real servers.

def known_of_first():
    command = pathlib.Path(os.environ["AIODNS_BUILD_DIR"], "tools/aiodns")
    done = subprocess.run([command, "servers", "--json"], stdout=subprocess.PIPE, check=True, timeout=60)
    return {word for word in json.loads(done.stdout)[0]["known"] if "cookies" in word}


# dnsmasq passes the cookie on, and what comes back, but has none of its own for what it knows already.
REAL = {"BIND": (servers.bind, {"with_cookies"}), "Knot": (servers.knot, set()),
        "dnsmasq": (servers.dnsmasq, {"without_cookies"})}


@pytest.mark.parametrize("start, known", REAL.values(), ids=REAL)
def test_cookies_of(net, distant, start, known, request):
    forget_all()
    address = next(distant)
    with contextlib.ExitStack() as stack:
        more = {}
        if start is servers.dnsmasq:
            more["upstream"] = next(distant)
            stack.enter_context(servers.bind(net.new_folder("upstream"), more["upstream"]))
        stack.enter_context(start(net.new_folder(request.node.callspec.id), address, **more))
        net.resolv_conf(f"nameserver {address}\n")
        for _ in range(2):  # a hit of the server's cache, where it has one
            for name, found in (("v4.example.test", "198.51.100.4"), ("both.example.test", "198.51.100.5")):
                assert run_one(gai(name, "inet")) == {"addrs": [found], "canon": None}
                flush(name)
        assert known_of_first() == known


def flush(name):
    command = pathlib.Path(os.environ["AIODNS_BUILD_DIR"], "tools/aiodns")
    subprocess.run([command, "flush", name], check=True, timeout=60, stdout=subprocess.DEVNULL)
