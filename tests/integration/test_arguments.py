"""Every call of libc that resolves, and what may be given to it, side by side with glibc's dns."""

import itertools
import socket

import pytest

import netns
import scripted
from lookups import ask, ask_glibc, byaddr, byname, byname2, differences, every_way, gai, nameinfo

A, AAAA = "198.51.100.1", "2001:db8:1::1"
BOTH = {"A": [A], "AAAA": [AAAA]}
UTF8, ASCII = {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C"}
LONG = ".".join([label * 63 for label in "abc"] + ["d" * 50])
FAMILIES = ("unspec", "inet", "inet6")

RECORDS = {
    "xn--bcher-kva.test": BOTH, "alias.test": "xn--bcher-kva.test", "host.one.test": BOTH,
    "host": {"A": ["198.51.100.3"]},
    "v4.test": {"A": [A]}, "v6.test": {"AAAA": [AAAA]}, "nothing.test": {"TXT": ["text"]},
    "chain.test": "chain1.test", "chain1.test": "Chain2.test", "chain2.test": "host.one.test",
    "dangling.test": "nowhere.test", "failing.test": "SERVFAIL", "to-failing.test": "failing.test",
    "many.test": {"A": [f"203.0.113.{n}" for n in range(1, 201)],
                  "AAAA": [f"2001:db8:aa::{n:x}" for n in range(1, 201)]},
    # Names that look like addresses: nobody is to be told of these.
    **{name: {"A": ["198.51.100.66"]} for name in ("1.2", "1.2.3", "1.2.3.4", "0x7f.1", "256.1.1.1", "1.2.3.4.5")},
    "1.100.51.198.in-addr.arpa": {"PTR": ["xn--bcher-kva.test."]},
    "2.100.51.198.in-addr.arpa": {"PTR": ["host.one.test."]},
    "3.100.51.198.in-addr.arpa": {"PTR": ["xn--0.test."]},
    "4.100.51.198.in-addr.arpa": "4.delegated.test", "4.delegated.test": {"PTR": ["Host.One.Test."]},
    "5.100.51.198.in-addr.arpa": {"PTR": ["first.test.", "second.test.", "third.test."]},
    "6.100.51.198.in-addr.arpa": "6.delegated.test", "6.delegated.test": {"PTR": ["first.test.", "second.test."]},
    "7.100.51.198.in-addr.arpa": "nowhere.test", "8.100.51.198.in-addr.arpa": {"PTR": ["under_score.test."]},
    "9.100.51.198.in-addr.arpa": {"PTR": ["192.0.2.1."]}, "10.100.51.198.in-addr.arpa": "REFUSED",
    "1." + "0." * 19 + "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["host.one.test."]},
    "0.0.0.0.in-addr.arpa": {"PTR": ["any.test."]},
}


@pytest.fixture(scope="module")
def server(net):
    net.hosts("127.0.0.1 localhost\n::1 localhost\n192.0.2.77 me.one.test me\n")
    with scripted.Server("127.0.13.1", scripted.records(RECORDS)) as server:
        net.resolv_conf(f"nameserver {server.address}\nsearch one.test\n")
        yield server


def static_forms(name):
    return [byname(name, static=True), byname2(name, "inet", static=True), byname2(name, "inet6", static=True)]


# -- Names.

NAMES = ["v4.test", "v6.test", "host.one.test", "host", "host.", "nothing.test", "missing.test", "missing",
         "chain.test", "CHAIN.test.", "alias.test", "dangling.test", "many.test", "failing.test."]


@pytest.mark.parametrize("name", NAMES)
def test_static_forms(net, server, name):
    """Those without _r: answers are in glibc's own buffer, the error is h_errno."""
    assert differences(net, *static_forms(name), *static_forms("v4.test"), *every_way(name)) == []


ODD_NAMES = [
    r"v\052.test", r"\118\052.test", r"a\.b.test", r"a\046b.test", r"a\256.test", r"a\25.test", "a\\", "\\", "a_b.test",
    "_a.test", "_", "a-.test", "-a.test", "-", "a b.test", " v4.test", "v4.test ", "a/b.test", "*.test", "*",
    "a@b.test", "\x01.test", "a\xff.test", "a..", "..a", ".a", "v4.test..", "1", "1a", "a1", "0x1", "A" * 63,
    "A" * 63 + ".test", "A" * 64, "A" * 64 + ".test", "a." * 126 + "a", "a." * 126 + "a.", "a." * 126 + "aa",
    "a." * 127 + "a", LONG, LONG + ".", LONG + "e" * 12, "x" * 1100]


@pytest.mark.parametrize("names", itertools.zip_longest(*[iter(ODD_NAMES)] * 6), ids=lambda names: ascii(names[0])[:20])
def test_odd_names(net, server, names):
    assert differences(net, *(lookup for name in names if name is not None
                              for lookup in [*every_way(name), *static_forms(name)])) == []


# -- Literal addresses, and what looks like them.

LITERALS = [
    "1.2.3.4", "1.2.3", "1.2", "1", "0", "127.1", "0x7f.1", "0x1.0x2.0x3.0x4", "0300.0250.1.1", "01.02.03.04",
    "08.1.1.1", "4294967295", "4294967296", "256.1.1.1", "0.0.0.0", "255.255.255.255", "1.2.3.4.5", "1.2.3.4.", "1..2",
    ".", "..", "0x", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4 x", "1.2.3.4\\.", "::", "::1", "::1.", "::1%lo", "::1%1",
    "2001:db8::1%lo", "fe80::1", "fe80::1%lo", "fe80::1%1", "fe80::1%99", "fe80::1%", "fe80::1%nothing", "ff02::1%lo",
    "::ffff:1.2.3.4", "::1.2.3.4", "[::1]", "::1/64", "1:2:3:4:5:6:7:8:9", "abcd::g", "dead", "dead.beef", "host",
    "host.one.test"]
FLAGS = [(), ("AI_NUMERICHOST",), ("AI_NUMERICHOST", "AI_CANONNAME"), ("AI_CANONNAME",), ("AI_V4MAPPED",),
         ("AI_V4MAPPED", "AI_ALL"), ("AI_NUMERICHOST", "AI_V4MAPPED"), ("AI_ADDRCONFIG",), ("AI_PASSIVE",)]


@pytest.mark.parametrize("flags", FLAGS, ids="+".join)
def test_literals(net, server, flags):
    assert differences(net, *(gai(name, family, *flags) for name in LITERALS for family in FAMILIES),
                       gai("v4.test")) == []  # the last loads the module where nothing else does


def test_literals_by_gethostbyname(net, server):
    assert differences(net, *(lookup for name in LITERALS for lookup in
                              (byname(name), byname2(name, "inet"), byname2(name, "inet6"), *static_forms(name)))) == []


def test_numeric_host_asks_no_server(server):
    server.queries.clear()
    ask(*(gai(name, "unspec", "AI_NUMERICHOST") for name in LITERALS), gai("localhost"))
    assert server.asked() == []


# -- Internationalized names: glibc turns them into what is asked for, by the locale's character set.

IDN = ["bücher.test", "BÜCHER.test", "bücher.test.", "bücher。test", "missing-ü.test", "ü" * 70 + ".test",
       "straße.test", "a\u200db.test", "\u00adx.test", "-ü.test", "_ü.test", "xn--bcher-kva.test", "xn--0.test",
       "alias.test", "v4.test"]


@pytest.mark.parametrize("env", [UTF8, ASCII], ids=["UTF-8", "ASCII"])
@pytest.mark.parametrize("flags", [("AI_IDN",), ("AI_IDN", "AI_CANONNAME"), ("AI_IDN", "AI_CANONNAME", "AI_CANONIDN"),
                                   ("AI_CANONNAME", "AI_CANONIDN"), ()], ids="+".join)
def test_idn(net, server, flags, env):
    names = [name.encode().decode("latin-1") for name in IDN] + ["b\xfccher.test"]  # as octets; the last is no UTF-8
    assert differences(net, *(gai(name, family, *flags) for name in names for family in FAMILIES), env=env) == []


def test_idn_is_really_there(server):
    """glibc loads libidn2; without it all of the above would fail alike."""
    name = "bücher.test".encode().decode("latin-1")
    answers = ask(gai(name, "inet", "AI_IDN"), gai("alias.test", "inet", "AI_CANONNAME", "AI_CANONIDN"),
                  nameinfo(A, "NI_IDN"), env=UTF8)
    assert answers == [{"addrs": [A], "canon": None}, {"addrs": [A], "canon": name}, {"name": name}]


# -- Addresses.

ADDRESSES = [*(f"198.51.100.{n}" for n in range(1, 12)), "127.0.0.1", "::1", "2001:db8:1::1", "2001:db8:1::2",
             "192.0.2.77", "::ffff:198.51.100.1", "::198.51.100.1", "::198.51.100.11", "0.0.0.0",
             "::", "255.255.255.255", "fe80::1", "fe80::1%lo", "ff02::1%lo"]
NI_FLAGS = [flags for count in range(4) for flags in
            itertools.combinations(("NI_NAMEREQD", "NI_NUMERICHOST", "NI_NOFQDN", "NI_IDN"), count)]


@pytest.fixture
def own_name(net, server):
    """NI_NOFQDN cuts off the domain of this machine's name, and asks for that first."""
    netns.unshare(0x04000000)  # CLONE_NEWUTS
    before = socket.gethostname()
    socket.sethostname("me")
    yield
    socket.sethostname(before)


@pytest.mark.parametrize("env", [UTF8, ASCII], ids=["UTF-8", "ASCII"])
def test_getnameinfo(net, own_name, env):
    assert differences(net, *(nameinfo(address, flags=flags) for address in ADDRESSES for flags in NI_FLAGS),
                       *(nameinfo("198.51.100.2", length=length) for length in (0, 1, 5, 13, 14)), env=env) == []


def test_short_name_of_the_own_domain(net, own_name):
    assert ask(nameinfo("198.51.100.2", "NI_NOFQDN")) == {"name": "host"}


def test_gethostbyaddr(net, server):
    """Where the server fails, or multicast DNS is to be asked, the _r form's status differs, as it is meant to."""
    addresses = [address for address in ADDRESSES if "%" not in address]
    assert differences(net, *(byaddr(address, static=True) for address in addresses),
                       *(byaddr(address) for address in addresses if address not in ("198.51.100.10", "fe80::1"))) == []


def test_mapped_address_in_hosts(net):
    """The IPv4 address's line is its line, too. Of glibc, 2.41 does the same, 2.36 does not."""
    address = "::ffff:192.0.2.77"
    expected = [{"name": "me.one.test", "aliases": ["me"], "addrs": [address]}, {"name": "me.one.test"}]
    lookups = byaddr(address), nameinfo(address)
    assert ask(*lookups) == expected
    assert ask_glibc(net, *lookups) in (expected, [{"error": "HOST_NOT_FOUND", "status": 0}, {"error": "EAI_NONAME"}])
