"""Services that stand behind ours in nsswitch.conf get what they alone may know: through glibc, with a module that does."""

import contextlib
import os
import pathlib
import time

import pytest

import netns
import scripted
from lookups import Client, byaddr, byname, byname2, every_way, gai, nameinfo

CACHED = True
KNOWN = pathlib.Path(os.environ["AIODNS_NSS_KNOWN"])
SERVER, OTHER = "127.0.29.1", "127.0.29.2"
PATIENCE = 10  # seconds, for what the next tick of the clock brings
WEB4, WEB6 = "198.18.7.7", "2001:db8:7::7"
NONE, NO_DATA, FAILED = {"error": "EAI_NONAME"}, {"error": "EAI_NODATA"}, {"error": "EAI_AGAIN"}
LINK4, LINK6, MAPPED = "169.254.1.2", "fe80::7", "::ffff:169.254.1.2"

ENDS = "files aiodns [!UNAVAIL=return] dns"
BEHIND = "files aiodns [!UNAVAIL=return] known dns"
LAST = "files aiodns[!UNAVAIL=return]dns known"
BEFORE = "files known aiodns [!UNAVAIL=return] dns"
CUT_OFF = "files aiodns [!UNAVAIL=return] dns [NOTFOUND=return] known"
MDNS = "files aiodns [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns mdns4"  # modules that are not there

RECORDS = {"empty": {"TXT": ["text"]}, "fails": "SERVFAIL", "lost": "SERVFAIL", "here.corp.test": {"A": ["198.51.100.1"]},
           "2.1.254.169.in-addr.arpa": {"PTR": ["of-dns.test."]}}


@pytest.fixture(scope="module", autouse=True)
def server(net):
    if netns.SERVICE != "aiodns":
        pytest.skip("about the module")
    net.add_module(KNOWN)
    with scripted.Server(SERVER, scripted.records(RECORDS)) as server:
        net.resolv_conf(f"nameserver {SERVER}\noptions edns0\n")
        yield server


@pytest.fixture(autouse=True)
def plain(net):
    yield
    net.settings(None)
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    net.resolv_conf(f"nameserver {SERVER}\noptions edns0\n")
    net.service(netns.SERVICE)


def by_dns(server, key):
    """How many queries were glibc's: it names this size with edns0, ours names another."""
    return sum(query.key == key and query.message.payload == 1200 for query in server.queries)


def by_us(server, key):
    return sum(query.key == key and query.message.payload != 1200 for query in server.queries)


def ask(line, *lookups, net, env=()):
    """Each twice in one process: the second time it is the cache that does not know."""
    net.service(line)
    with Client(env) as client:
        answers = [client.ask(lookup) for lookup in lookups]
        assert [client.ask(lookup) for lookup in lookups] == answers
    return answers if len(answers) > 1 else answers[0]


@pytest.mark.parametrize("line", [BEHIND, LAST, BEFORE])
def test_a_name_without_dots_that_nobody_knows_is_for_those_behind_us(net, line):
    answers = ask(line, *every_way("web"), net=net)
    assert all("error" not in answer for answer in answers), answers
    assert answers[0]["addrs"] == [WEB4, WEB6] or answers[0]["addrs"] == [WEB6, WEB4]
    assert ask(line, gai("nobody"), net=net) == NONE


def test_nobody_else_is_asked_where_nobody_else_may_know(net, server):
    for number, line in enumerate([ENDS, CUT_OFF, MDNS]):
        name = f"nobody{number}"
        assert ask(line, gai(name), byname(name), net=net) == [NONE, {"error": "HOST_NOT_FOUND", "status": 0}]
        assert (by_dns(server, name), by_us(server, name) > 0) == (0, True)
    assert ask(CUT_OFF, gai("web"), net=net) == NONE
    assert ask(BEHIND, gai("nobody9"), net=net) == NONE
    assert by_dns(server, "nobody9") > 0


def test_names_with_dots_end_with_us(net):
    assert ask(BEHIND, gai("web.test"), gai("web."), byname2("web.test", "inet"), net=net) == \
        [NONE, NONE, {"error": "HOST_NOT_FOUND", "status": 0}]
    assert ask(BEFORE, gai("web.test", "inet"), net=net)["addrs"] == [WEB4]


def test_the_search_list_comes_first(net):
    net.resolv_conf(f"nameserver {SERVER}\nsearch corp.test\n")
    here, web = ask(BEHIND, gai("here", "inet"), gai("web", "inet"), net=net)
    assert (here["addrs"], web["addrs"]) == (["198.51.100.1"], [WEB4])


@pytest.mark.parametrize("rule", ["web", "web.corp.test", "*.corp.test"])
def test_a_blocked_name_is_for_nobody(net, rule):
    net.resolv_conf(f"nameserver {SERVER}\nsearch corp.test\n")
    net.settings("block other\n")
    assert ask(BEHIND, gai("web", "inet"), net=net)["addrs"] == [WEB4]
    net.settings(f"block {rule}\n")
    assert ask(BEHIND, gai("web", "inet"), gai("web"), net=net) == [NONE, NONE]
    net.settings(f"block {rule}\nallow {rule}\n")
    assert ask(BEHIND, gai("web", "inet"), net=net)["addrs"] == [WEB4]


def test_a_name_that_exists_without_addresses_is_ours(net, server):
    assert ask(BEHIND, gai("empty"), net=net) == NO_DATA
    assert by_dns(server, "empty") == 0


def test_what_servers_fail_to_say_is_for_those_behind_us(net, server):
    """Containers are there without any server."""
    for line in (BEHIND, LAST, BEFORE):
        assert ask(line, gai("lost", "inet"), byname2("lost", "inet6"), net=net) == \
            [{"addrs": [WEB4], "canon": None}, {"name": "lost", "aliases": [], "addrs": [WEB6]}]
    assert ask(BEHIND, gai("fails"), net=net) == FAILED  # `dns` is the last one, and says the same
    asked = by_dns(server, "fails")
    assert asked > 0
    assert ask(ENDS, gai("fails"), gai("lost"), net=net) == [FAILED, FAILED]
    assert ask(CUT_OFF, gai("fails"), net=net) == FAILED
    assert by_dns(server, "fails") == asked


def test_an_alias_that_leads_nowhere_leaves_its_name(net):
    aliases = net.folder / "aliases"
    aliases.write_text("web gone.test\n")
    assert ask(BEHIND, gai("web", "inet"), net=net, env={"HOSTALIASES": str(aliases)})["addrs"] == [WEB4]


def until(client, lookup, expected):
    """The file is looked at once a tick of the clock."""
    end = time.monotonic() + PATIENCE
    while (answer := client.ask(lookup)) != expected and time.monotonic() < end:
        pass
    assert answer == expected


def test_a_change_of_the_line_counts_in_processes_that_run(net):
    net.service(ENDS)
    web = {"addrs": [WEB4], "canon": None}
    with Client() as client:
        for line, expected in [(ENDS, NONE), (BEHIND, web), (CUT_OFF, NONE), (LAST, web), (MDNS, NONE), (BEHIND, web)]:
            net.service(line)
            until(client, gai("web", "inet"), expected)
            assert client.ask(gai("web", "inet")) == expected


# -- Addresses of a link

def test_link_local_addresses_are_for_those_behind_us(net, server):
    printer = {"name": "printer.local", "aliases": [], "addrs": [LINK4]}
    for line in (BEHIND, BEFORE):
        assert ask(line, byaddr(LINK4), nameinfo(LINK6, "NI_NAMEREQD"), net=net) == \
            [printer, {"name": "printer.local"}]
    assert by_us(server, "2.1.254.169.in-addr.arpa") == 0
    assert ask(ENDS, byaddr(LINK4), byaddr("169.254.9.9"), net=net) == \
        [printer | {"name": "of-dns.test"}, {"error": "HOST_NOT_FOUND", "status": 0}]
    assert by_us(server, "2.1.254.169.in-addr.arpa") == by_us(server, "9.9.254.169.in-addr.arpa") == 0
    assert by_dns(server, "2.1.254.169.in-addr.arpa") > 0
    assert ask("aiodns", nameinfo(MAPPED, "NI_NAMEREQD"), net=net) == NONE
    assert by_us(server, "2.1.254.169.in-addr.arpa") == 0
    assert ask(BEHIND, byaddr("198.51.100.9"), net=net)["error"] == "HOST_NOT_FOUND"
    assert by_us(server, "9.100.51.198.in-addr.arpa") > 0


def test_hosts_may_have_a_link_local_address(net):
    net.hosts(f"127.0.0.1 localhost\n{LINK4} mine.test\n{LINK6} mine6.test\n")
    assert ask(BEHIND.removeprefix("files "), nameinfo(LINK4, "NI_NAMEREQD"), nameinfo(LINK6, "NI_NAMEREQD"), net=net) == \
        [{"name": "mine.test"}, {"name": "mine6.test"}]


@pytest.mark.parametrize("domain, address", [("254.169.in-addr.arpa", LINK4), ("in-addr.arpa", LINK4),
                                             ("8.e.f.ip6.arpa", LINK6)])
def test_a_domain_line_makes_link_local_addresses_ours(net, domain, address):
    with scripted.Server(OTHER, lambda query: query.send(query.reply("ours.test."))) as other:
        net.settings(f"domain {domain} {other.address}\n")
        assert ask(BEHIND, nameinfo(address, "NI_NAMEREQD"), net=net) == {"name": "ours.test"}
