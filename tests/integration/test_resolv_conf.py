"""resolv.conf(5), its environment variables, and _res: each means what it means to glibc."""

import contextlib
import itertools
import socket
import threading

import pytest

import netns
import scripted
from lookups import Client, ask, byname, byname2, differences, gai, ordered, set_res

A, AAAA = "198.51.100.1", "2001:db8:1::1"
ANSWER = {"addrs": [A, AAAA], "canon": None}
RECORDS = {
    "host.one.test": {"A": [A], "AAAA": [AAAA]},
    "host.two.test": {"A": ["198.51.100.2"]},
    "a.b.one.test": {"A": ["198.51.100.3"], "AAAA": ["2001:db8:1::3"]},
    "only6.one.test": {"AAAA": ["2001:db8:1::4"]},
    "only6.two.test": {"A": ["198.51.100.4"], "AAAA": ["2001:db8:1::5"]},
    "nothing.one.test": {"TXT": ["text"]},
    "broken.one.test": "SERVFAIL",
    "broken.two.test": {"A": ["198.51.100.6"]},
    "single": {"A": ["198.51.100.7"], "AAAA": ["2001:db8:1::7"]},
    "dotted.name": {"A": ["198.51.100.8"]},
    "alias.one.test": "host.one.test",
    "last.seven.test": {"A": ["198.51.100.9"]},
}

# Five domains of 70 octets: more than _res has room for.
FIVE = [letter * 63 + ".search" for letter in "abcde"]
RECORDS[f"fifth.{FIVE[4]}"] = {"A": ["198.51.100.10"], "AAAA": ["2001:db8:1::a"]}

_addresses = (f"127.0.7.{n}" for n in itertools.count(1))


@pytest.fixture
def serve(net):
    """Starts servers, then writes resolv.conf: their lines and the rest."""
    with contextlib.ExitStack() as stack:
        def start(rest="", *handlers):
            servers = [stack.enter_context(scripted.Server(next(_addresses), handler))
                       for handler in handlers or [scripted.records(RECORDS)]]
            net.resolv_conf("".join(f"nameserver {server.address}\n" for server in servers) + rest + "\n")
            return servers if len(servers) > 1 else servers[0]
        yield start


def questions(server, lookups, env):
    """The names asked for each lookup, by family, in their order. What is asked again, and how, is not compared."""
    asked = []
    with Client(env) as client:
        for lookup in lookups:
            before = len(server.distinct())
            client.ask(lookup)
            # Ours makes sure of some answers by TCP or without EDNS, which may still come in after the next lookup.
            new = [query for query in server.distinct()[before:]
                   if not query.tcp and query.edns == server.queries[0].edns]
            asked.append({kind: list(dict.fromkeys(query.key for query in new if query.type == kind))
                          for kind in ("A", "AAAA")})
    return asked


def other_questions(net, server, *lookups, env=None):
    """The lookups for which ours asks other names than glibc, or in another order, where it asks one by one."""
    env = dict(env or {})
    env["RES_OPTIONS"] = f"{env.get('RES_OPTIONS', '')} single-request"
    server.queries.clear()
    ours = questions(server, lookups, env)
    net.service(netns.GLIBC)
    server.queries.clear()
    theirs = questions(server, lookups, env)
    net.service(netns.SERVICE)
    return [(lookup, our, their) for lookup, our, their in zip(lookups, ours, theirs) if our != their]


SEARCH = ["search one.test two.test", "search two.test one.test", "domain one.test", "search .", "search one.test .",
          "search two.test\nsearch one.test", "domain two.test\nsearch one.test", "search one.test\ndomain two.test",
          "search one.test\noptions ndots:0", "search one.test\noptions ndots:2", "search one.test\noptions ndots:15",
          "search one.test\noptions ndots:99", "search one.test\noptions no-tld-query", "search ONE.test.",
          "search a.test b.test c.test d.test e.test one.test", "search " + " ".join(FIVE),
          "search a.test b.test c.test d.test e.test f.test seven.test one.test",
          "search " + " ".join(letter * 60 + ".test" for letter in "abcdef") + " one.test", ""]

NAMES = ["host", "host.", "a.b", "a.b.", "only6", "nothing", "single", "dotted.name", "alias", "last",
         "missing", "missing.name", "fifth", "host.one.test", "host.one.test."]


@pytest.mark.parametrize("search", SEARCH, ids=lambda search: search[:50])
def test_search_list(net, serve, search):
    server = serve(search)
    lookups = [lookup for name in NAMES for lookup in
               (gai(name), gai(name, "inet"), gai(name, "inet6"), gai(name, "unspec", "AI_CANONNAME"), byname(name))]
    assert differences(net, *lookups) == []
    assert other_questions(net, server, *(gai(name, family) for name in NAMES for family in ("inet", "inet6"))) == []


@pytest.mark.parametrize("ndots", range(16))
def test_ndots(net, serve, ndots):
    """Names with fewer dots, as many, and more; found as they are, in the list, or not at all."""
    names = ["n" + ".n" * dots for dots in {0, max(ndots - 1, 0), ndots, ndots + 1}]
    server = serve(f"search two.test one.test\noptions ndots:{ndots}", scripted.records(
        {name + ".one.test": {"A": [A]} for name in names[::2]} | {name: {"A": ["198.51.100.2"]} for name in names[1:]}))
    assert differences(net, *(call(name) for name in names for call in (gai, byname))) == []
    assert other_questions(net, server, *(gai(name, "inet") for name in names)) == []


def test_slow_server_and_a_search_list(net, serve):
    """What is answered is no silence: each name has its own time."""
    def slowly(query):
        threading.Timer(0.15, scripted.records(RECORDS), [query]).start()
    serve("search a.test b.test c.test d.test e.test one.test\noptions timeout:1 attempts:1", slowly)
    assert differences(net, gai("host")) == []


def test_search_list_finds_what_it_should(serve):
    serve("search two.test one.test")
    assert ask(gai("host")) == {"addrs": ["198.51.100.2"], "canon": None}
    assert ordered(ask(gai("a.b"))) == {"addrs": ["198.51.100.3", "2001:db8:1::3"], "canon": None}


@pytest.mark.parametrize("order", ["one.test two.test", "two.test one.test", "one.test"])
def test_failure_within_the_search_list(net, serve, order):
    """The next name is tried; if none is found, it is not said that there is none."""
    server = serve(f"search {order}")
    if "two" in order:
        assert ask(gai("broken", "inet")) == {"addrs": ["198.51.100.6"], "canon": None}
    else:  # glibc: EAI_AGAIN for both families, EAI_NONAME for one
        assert ask(gai("broken"), gai("broken", "inet")) == [{"error": "EAI_AGAIN"}] * 2
    assert other_questions(net, server, gai("broken", "inet")) == []


def test_domain_of_the_host_name(net, serve):
    """Without search and domain lines the domain is what follows the first dot of the host's name."""
    netns.unshare(0x04000000)  # CLONE_NEWUTS
    before = socket.gethostname()
    socket.sethostname("me.one.test")
    try:
        serve("")
        assert ordered(ask(gai("host"))) == ANSWER
    finally:
        socket.sethostname(before)


@pytest.mark.parametrize("env", [
    {"LOCALDOMAIN": "one.test"}, {"LOCALDOMAIN": "two.test one.test"}, {"LOCALDOMAIN": ""}, {"RES_OPTIONS": "ndots:3"},
    {"RES_OPTIONS": "no-aaaa"}, {"RES_OPTIONS": "use-vc"}, {"LOCALDOMAIN": "one.test", "RES_OPTIONS": "ndots:0 rotate"},
    {"RES_OPTIONS": "ndots"}, {"RES_OPTIONS": "nonsense ndots:x"},
    {"LOCALDOMAIN": "a.test b.test c.test d.test e.test f.test seven.test one.test"},
], ids=str)
def test_environment(net, serve, env):
    server = serve("search two.test")
    assert differences(net, *(call(name) for name in ("host", "a.b", "last", "single") for call in (gai, byname)),
                       env=env) == []
    assert other_questions(net, server, gai("host", "inet"), gai("a.b", "inet"), env=env) == []


@pytest.fixture
def aliases(net):
    file = net.folder / "aliases"
    file.write_text("# comment\nshort host.one.test\n\nUPPER host.two.test more words\nbare\nlong host.one.test.\n"
                    "dot.ted host.one.test\nlocal host")
    return {"HOSTALIASES": str(file)}


@pytest.mark.parametrize("name", ["short", "SHORT", "upper", "bare", "long", "dot.ted", "local", "short.", "host"])
def test_hostaliases(net, serve, aliases, name):
    serve("search one.test")
    assert differences(net, gai(name), gai(name, "inet"), gai(name, "inet6"), gai(name, "unspec", "AI_CANONNAME"),
                       byname(name), env=aliases) == []


def test_hostaliases_answers(serve, aliases):
    serve("search elsewhere.test")
    assert ordered(ask(gai("short"), env=aliases)) == ANSWER
    assert ask(gai("short")) == {"error": "EAI_NONAME"}


def test_no_aaaa(net, serve):
    server = serve("options no-aaaa")
    assert ask(gai("host.one.test")) == {"addrs": [A], "canon": None}
    assert server.asked("AAAA") == []
    assert differences(net, gai("host.one.test", "inet6"), gai("missing.one.test", "inet6"), gai("missing.one.test"),
                       byname2("host.one.test", "inet6"), gai("only6.one.test")) == []
    assert server.asked("AAAA") == []


def test_use_vc(serve):
    server = serve("options use-vc")
    assert ordered(ask(gai("host.one.test"))) == ANSWER
    assert [query for query in server.queries if not query.tcp] == []


def test_rotate(serve):
    """Every server gets its share, whether by turns or by lot: that one of three is left out of 60 is no accident."""
    servers = serve("options rotate", *[scripted.records(RECORDS)] * 3)
    assert [ordered(answer) for answer in ask(*[gai("host.one.test")] * 60)] == [ANSWER] * 60
    assert [bool(server.queries) for server in servers] == [True] * 3


def test_without_rotate_the_first_server_is_asked(serve):
    first, second = serve("", *[scripted.records(RECORDS)] * 2)
    assert [ordered(answer) for answer in ask(*[gai("host.one.test")] * 12)] == [ANSWER] * 12
    # A busy machine may be late once: then the second is asked as well.
    assert len(second.queries) < len(first.queries)


@pytest.mark.parametrize("option", ["single-request", "single-request-reopen"])
def test_single_request(serve, option):
    """A server in whose way the second query gets lost while the first is unanswered."""
    def handler(query):
        if server.pending():
            lost.append(query)
        scripted.records(RECORDS)(query)
    lost = []
    server = serve(f"options {option}", handler)
    for _ in range(10):
        assert ordered(ask(gai("host.one.test"))) == ANSWER
    if option == "single-request":
        assert lost == []


@pytest.mark.parametrize("options", ["edns0", "trust-ad", "edns0 trust-ad", "timeout:2 attempts:1", "no-check-names",
                                     "inet6", "debug", "nonsense", "no-reload", "strict-error", "ndots:1 ndots:2"])
def test_other_options(net, serve, options):
    serve(f"options {options}")
    assert differences(net, gai("host.one.test"), gai("missing.one.test"), byname("host.one.test"),
                       gai("alias.one.test", "unspec", "AI_CANONNAME")) == []


@pytest.mark.parametrize("options, wanted", [("", False), ("trust-ad", True)])
def test_ad_is_asked_for_with_trust_ad(serve, options, wanted):
    server = serve(f"options {options}")
    ask(gai("host.one.test"))
    assert {bool(query.message.flags & 0x20) for query in server.queries} == {wanted}


@pytest.mark.parametrize("text", [
    "nameserver {0}", "nameserver\t{0}\t\n", "nameserver {0} # comment", "nameserver {0};comment",
    "; comment\nnameserver {0}",
    "# nameserver 127.0.0.9\nnameserver {0}\n", " nameserver 127.0.0.9\nnameserver {0}\n", "nameserver {0}\r\n",
    "nameserver nonsense\nnameserver {0}\n", "NAMESERVER 127.0.0.9\nnameserver {0}\n",
    "nameserver {0}\nnameserver 127.0.0.9\nnameserver 127.0.0.9\nnameserver 127.0.0.9\n"], ids=repr)
def test_file_format(net, serve, text):
    server = serve()
    net.resolv_conf(text.format(server.address))
    assert differences(net, gai("host.one.test"), gai("missing.one.test")) == []


def test_change_counts_at_the_next_lookup(net, serve):
    other = scripted.records({"host.one.test": {"A": ["203.0.113.1"]}, "host.three.test": {"A": ["203.0.113.3"]}})
    first, second = serve("", scripted.records(RECORDS), other)
    net.resolv_conf(f"nameserver {first.address}\nsearch one.test\n")
    with Client() as client:
        assert ordered(client.ask(gai("host"))) == ANSWER
        net.resolv_conf(f"nameserver {second.address}\nsearch one.test\n")
        assert client.ask(gai("host")) == {"addrs": ["203.0.113.1"], "canon": None}
        net.resolv_conf(f"nameserver {second.address}\nsearch three.test\n")
        assert client.ask(gai("host")) == {"addrs": ["203.0.113.3"], "canon": None}


def test_no_reload(net, serve):
    other = scripted.records({"host.one.test": {"A": ["203.0.113.1"]}})
    first, second = serve("", scripted.records(RECORDS), other)
    net.resolv_conf(f"nameserver {first.address}\noptions no-reload\n")
    with Client() as client:
        assert ordered(client.ask(gai("host.one.test"))) == ANSWER
        net.resolv_conf(f"nameserver {second.address}\n")
        assert ordered(client.ask(gai("host.one.test"))) == ANSWER


def test_servers_that_a_program_set(serve):
    """_res as the program changed it counts, ports included."""
    with scripted.Server("127.0.8.1", scripted.records({"host.one.test": {"A": ["203.0.113.9"]}}), port=5353):
        serve("")
        with Client() as client:
            client.ask(set_res(server="127.0.8.1", port=5353))
            assert client.ask(gai("host.one.test")) == {"addrs": ["203.0.113.9"], "canon": None}
            assert client.ask(byname("host.one.test"))["addrs"] == ["203.0.113.9"]


# -- Servers by IPv6.

@pytest.mark.parametrize("address", ["::1", "2001:db8::53"])
def test_ipv6_server(net, address):
    netns.ip("address", "replace", f"{address}/128", "dev", "lo", "nodad")
    with scripted.Server(address, scripted.records(RECORDS)) as server:
        net.resolv_conf(f"nameserver {address}\n")
        assert ordered(ask(gai("host.one.test"))) == ANSWER
        assert server.queries
        net.resolv_conf(f"nameserver {address}\noptions use-vc\n")
        assert ordered(ask(gai("host.one.test"))) == ANSWER


def test_ipv6_and_ipv4_servers(net, serve):
    four = serve()
    net.resolv_conf(f"nameserver 2001:db8::dead\nnameserver ::1\nnameserver {four.address}\n")
    assert ordered(ask(gai("host.one.test"))) == ANSWER
    with scripted.Server("::1", scripted.records(RECORDS)) as six:
        net.resolv_conf(f"nameserver {netns.ADDRESS6}\nnameserver 127.0.0.9\nnameserver ::1\n")
        assert ordered(ask(gai("host.one.test"))) == ANSWER
        assert six.queries


@pytest.fixture(scope="module")
def veth(net):
    """Two ends with link-local addresses: which one is meant, only the scope says."""
    netns.ip("link", "add", "inside", "type", "veth", "peer", "name", "outside")
    for end, address in (("inside", "fe80::1"), ("outside", "fe80::53")):
        netns.ip("link", "set", end, "up")
        netns.ip("address", "add", f"{address}/64", "dev", end, "nodad")
    yield
    netns.ip("link", "delete", "inside")


def test_link_local_server(net, veth):
    scope = socket.if_nametoindex("outside")
    with scripted.Server("fe80::53", scripted.records(RECORDS), scope=scope) as server:
        net.resolv_conf("nameserver fe80::53%outside\n")
        assert ordered(ask(gai("host.one.test"))) == ANSWER
        net.resolv_conf("nameserver fe80::53%outside\noptions use-vc\n")
        assert ordered(ask(gai("host.one.test"))) == ANSWER
        assert {query.tcp for query in server.queries} == {False, True}


# -- sortlist.

SORT = {"many.test": {"A": ["10.9.1.1", "172.16.1.1", "192.168.1.1", "10.8.1.1", "203.0.113.1"],
                      "AAAA": ["2001:db8::1", "2001:db8::2"]}}


@pytest.mark.parametrize("line", ["203.0.113.0", "192.168.0.0/255.255.0.0 172.16.0.0", "10.8.0.0/255.255.0.0 10.0.0.0",
                                  "198.51.100.0", "10.0.0.0/255.0.0.0", "nonsense 172.16.0.0"])
def test_sortlist(net, serve, line):
    serve(f"sortlist {line}", scripted.records(SORT))
    assert differences(net, byname("many.test"), byname2("many.test", "inet"), byname2("many.test", "inet6"),
                       gai("many.test", "inet"), keep_order=True) == []


def test_sortlist_sorts(serve):
    serve("sortlist 192.168.0.0/255.255.0.0 203.0.113.0", scripted.records(SORT))
    assert ask(byname("many.test"))["addrs"] == ["192.168.1.1", "203.0.113.1", "10.9.1.1", "172.16.1.1", "10.8.1.1"]
