"""/etc/hosts: what the file may look like, and what then wins."""

import os
import time

import pytest

import scripted
from lookups import Client, ask, byaddr, byname, byname2, differences, every_way, gai, nameinfo

DNS = {
    "both.test": {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"]},
    "half4.test": {"A": ["198.51.100.2"], "AAAA": ["2001:db8:1::2"]},
    "half6.test": {"A": ["198.51.100.3"], "AAAA": ["2001:db8:1::3"]},
}


@pytest.fixture(scope="module", autouse=True)
def dns(net):
    with scripted.Server("127.0.0.1", scripted.records(DNS)) as server:
        net.resolv_conf("nameserver 127.0.0.1\n")
        yield server


FILES = {
    "aliases": b"192.0.2.1 host.test alias.test short\n",
    "tabs and blanks": b"\t 192.0.2.1\t\thost.test \t alias.test  \n\n   \n",
    "two families": b"192.0.2.1 host.test\n2001:db8::1 host.test alias.test\n",
    "several lines": b"192.0.2.1 host.test a1.test\n192.0.2.2 host.test a2.test\n192.0.2.1 host.test\n"
                     b"2001:db8::1 host.test\n",
    "several lines for an address": b"192.0.2.1 host.test\n192.0.2.1 alias.test short\n",
    "IPv4-mapped": b"::ffff:192.0.2.1 host.test\n",
    "IPv4-mapped and IPv4": b"::ffff:192.0.2.1 host.test\n192.0.2.2 host.test\n",
    "::1 for IPv4": b"::1 host.test\n",
    "letter case": b"192.0.2.1 HoSt.TeSt ALIAS.test\n",
    "comments": b"# first\n192.0.2.1 host.test # alias.test\n#192.0.2.2 alias.test\n",
    "comment without blank": b"192.0.2.1 host.test#alias.test\n",
    "CRLF": b"192.0.2.9 other.test\r\n192.0.2.1 host.test alias.test\r\n",
    "no newline at the end": b"192.0.2.9 other.test\n192.0.2.1 host.test",
    "no newline after a comment": b"192.0.2.1 host.test\n# the end",
    "empty": b"",
    "very long line": b"192.0.2.1 " + b" ".join(b"n%d.test" % n for n in range(5000)) + b" host.test\n",
    "line after a very long one": b"# " + b"x" * 70000 + b"\n192.0.2.1 host.test\n",
    "many lines": b"".join(b"192.0.2.%d host.test\n" % n for n in range(1, 101)),
    "malformed lines": b"192.0.2.300 host.test\nnonsense\n 192.0.2 host.test\n:::1 host.test\n192.0.2.1 host.test\n",
    "address with zeros": b"192.000.002.001 host.test\n",
    "short address": b"192.2 host.test\n0xc0000201 host.test\n",
    "trailing dot": b"192.0.2.1 host.test.\n",
    "NUL octet": b"192.0.2.1 host.test\0alias.test\n192.0.2.2 alias.test\n",
    "octets above 127": b"192.0.2.1 h\xf6st.test host.test\n",
    "no host name": b"192.0.2.1 bad!name host.test\n",
    "scope": b"fe80::1%lo host.test\n192.0.2.1 host.test\n",
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_as_glibc(net, file):
    net.hosts(file)
    assert differences(net, *every_way("host.test"), *every_way("alias.test"), byname("HOST.test"), gai("host.test."),
                       byaddr("192.0.2.1"), nameinfo("192.0.2.1"), byaddr("2001:db8::1"), byaddr("192.0.2.2")) == []


def test_several_lines_keep_their_order(net):
    net.hosts(FILES["several lines"] + b"192.0.2.3 host.test\n")
    assert differences(net, byname("host.test"), gai("host.test", "inet"), keep_order=True) == []


# Where we mean to differ from glibc.

def test_several_lines_count_without_multi(net):
    """Every line counts, whatever host.conf says; with `multi off` glibc takes the first."""
    net.write("host.conf", "multi off\n")
    net.hosts("192.0.2.1 host.test\n192.0.2.2 host.test\n")
    answer = ask(byname("host.test"))
    net.write("host.conf", "multi on\n")
    assert answer["addrs"] == ["192.0.2.1", "192.0.2.2"]


def test_an_alias_is_named_once(net):
    """glibc names host.test twice."""
    net.hosts("192.0.2.1 one.test host.test\n192.0.2.2 two.test host.test\n")
    assert ask(byname("host.test")) == {"name": "one.test", "aliases": ["host.test", "two.test"],
                                        "addrs": ["192.0.2.1", "192.0.2.2"]}


def test_a_line_without_a_name_is_none(net):
    """glibc finds the empty name."""
    net.hosts("192.0.2.2\n")
    assert ask(byaddr("192.0.2.2")) == {"error": "HOST_NOT_FOUND", "status": 0}


def test_a_name_too_long_to_be_one_is_skipped(net):
    """glibc gives it out, and getnameinfo fails for it."""
    net.hosts("192.0.2.1 " + "n" * 3000 + ".test host.test\n")
    assert ask(byname("host.test"), nameinfo("192.0.2.1")) == [
        {"name": "host.test", "aliases": [], "addrs": ["192.0.2.1"]}, {"name": "host.test"}]


def test_alias_and_both_families(net):
    net.hosts("192.0.2.1 host.test alias.test\n2001:db8::1 host.test alias.test\n")
    assert ask(byname("alias.test")) == {"name": "host.test", "aliases": ["alias.test"], "addrs": ["192.0.2.1"]}
    assert sorted(ask(gai("alias.test"))["addrs"]) == ["192.0.2.1", "2001:db8::1"]


def test_the_other_family_is_asked_of_the_servers(net):
    """Only when it is wanted alone."""
    net.hosts("192.0.2.1 half4.test\n2001:db8::1 half6.test\n")
    assert ask(gai("half4.test", "inet6"), gai("half6.test", "inet"), gai("half4.test"), gai("half6.test")) == [
        {"addrs": ["2001:db8:1::2"], "canon": None}, {"addrs": ["198.51.100.3"], "canon": None},
        {"addrs": ["192.0.2.1"], "canon": None}, {"addrs": ["2001:db8::1"], "canon": None}]
    # AI_V4MAPPED is left out: there glibc maps what it finds in hosts before it asks the servers.
    assert differences(net, *(lookup for name in ("half4.test", "half6.test") for lookup in every_way(name)
                              if "AI_V4MAPPED" not in lookup[1].get("flags", ()))) == []


def test_hosts_asks_no_server(net, dns):
    net.hosts("192.0.2.1 quiet.test\n")
    dns.queries.clear()
    ask(gai("quiet.test"), byname("quiet.test"), nameinfo("192.0.2.1"))
    assert dns.asked() == []


def test_no_file(net):
    os.unlink("/etc/hosts")
    try:
        assert differences(net, gai("both.test"), gai("nothing.test"), byaddr("192.0.2.1")) == []
    finally:
        net.hosts("")


def until(client, lookup, answer):
    """A change may take milliseconds to count; how many is not for a test to say."""
    deadline = time.monotonic() + 20
    while (got := client.ask(lookup)) != answer and time.monotonic() < deadline:
        pass
    return got


@pytest.mark.parametrize("way", ["renamed over", "written in place"])
def test_change_counts_in_a_running_program(net, way):
    first = {"addrs": ["192.0.2.1"], "canon": None}
    second = {"addrs": ["192.0.2.2"], "canon": None}
    net.hosts("192.0.2.1 changing.test\n")
    with Client() as client:
        assert client.ask(gai("changing.test")) == first
        if way == "renamed over":
            net.hosts("192.0.2.2 changing.test\n")
        else:  # the same length, and most likely within the same second
            with open("/etc/hosts", "r+", encoding="ascii") as file:
                file.write("192.0.2.2")
        assert ask(gai("changing.test")) == second  # a new process sees it at once
        assert until(client, gai("changing.test"), second) == second


@pytest.mark.parametrize("name", ["localhost", "localhost.", "x.localhost", "LOCALHOST"])
def test_localhost_asks_no_server(net, dns, name):
    net.hosts("")
    dns.queries.clear()
    assert sorted(ask(gai(name))["addrs"]) == ["127.0.0.1", "::1"]
    assert dns.asked() == []


def test_localhost_is_named_without_its_dot(net):
    net.hosts("")
    assert ask(byname("localhost."), gai("localhost.", "inet", "AI_CANONNAME")) == [
        {"name": "localhost", "aliases": [], "addrs": ["127.0.0.1"]}, {"addrs": ["127.0.0.1"], "canon": "localhost"}]


@pytest.mark.parametrize("name", ["host.invalid", "service.onion"])
def test_names_that_do_not_exist_ask_no_server(net, dns, name):
    net.hosts("")
    dns.queries.clear()
    assert ask(gai(name)) == {"error": "EAI_NONAME"}
    assert dns.asked() == []
