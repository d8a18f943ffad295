"""Tests that every real server gets: a test file imports them and gives them a `server` fixture.

ANSWERS says what the answer is; NAMES and ADDRESSES are names for which it is glibc's, whatever the call. A name
for which we mean to differ stands in ANSWERS only, with the reason.
"""

import pytest

import zones
from lookups import ask, byaddr, byname, byname2, differences, every_way, gai, nameinfo, ordered

BOTH = ["198.51.100.5", "2001:db8:1::5"]


def addrs(*addresses, canon=None):
    return {"addrs": sorted(addresses), "canon": canon}


def host(name, *addresses, aliases=()):
    return {"name": name, "aliases": list(aliases), "addrs": sorted(addresses)}


def error(name):
    return {"error": name}


ANSWERS = [
    (gai("v4.example.test"), addrs("198.51.100.4")),
    (gai("v6.example.test"), addrs("2001:db8:1::6")),
    (gai("both.example.test"), addrs(*BOTH)),
    (gai("both.example.test."), addrs(*BOTH)),
    (gai("both.example.test", "unspec", "AI_ADDRCONFIG"), addrs(*BOTH)),
    (gai("both.example.test", "inet"), addrs(BOTH[0])),
    (gai("both.example.test", "inet6"), addrs(BOTH[1])),
    (gai("v4.example.test", "inet6", "AI_V4MAPPED"), addrs("::ffff:198.51.100.4")),
    (gai("BoTh.eXaMpLe.TeSt"), addrs(*BOTH)),
    (gai("chain.example.test"), addrs(*BOTH)),
    # Not compared with glibc: the target's last labels show the program's case or the zone's, as the server points.
    (gai("CHAIN.Example.Test"), addrs(*BOTH)),
    (gai("abroad.example.test"), addrs("203.0.113.250", "2001:db8:2::1")),
    (gai("anything.any.example.test"), addrs("198.51.100.10")),
    (gai("under_score.example.test"), addrs("198.51.100.11", "2001:db8:1::11")),
    (gai("_tcp._srv.example.test"), addrs("198.51.100.12")),
    (gai("many.example.test"), addrs(*zones.MANY4, *zones.MANY6)),
    (gai("many.example.test", "inet"), addrs(*zones.MANY4)),
    (byname("many.example.test"), host("many.example.test", *zones.MANY4)),
    (gai(zones.LONG), addrs("198.51.100.18", "2001:db8:1::18")),
    (gai("to-long.example.test"), addrs("198.51.100.18", "2001:db8:1::18")),
    (gai("v4.example.test", "inet6"), error("EAI_NODATA")),
    (gai("text.example.test"), error("EAI_NODATA")),
    (gai("sub.example.test"), error("EAI_NODATA")),
    (gai("nowhere.example.test"), error("EAI_NONAME")),
    (gai("dangling.example.test"), error("EAI_NONAME")),
    (gai(zones.TOO_LONG), error("EAI_NONAME")),
    (gai("a" * 64 + ".example.test"), error("EAI_NONAME")),
    (gai("two..dots.example.test"), error("EAI_NONAME")),
    (byname("v6.example.test"), {"error": "NO_DATA", "status": 0}),
    (byname2("v6.example.test", "inet6"), host("v6.example.test", "2001:db8:1::6")),
    (byname("nowhere.example.test"), {"error": "HOST_NOT_FOUND", "status": 0}),
    (byaddr("198.51.100.4"), host("v4.example.test", "198.51.100.4")),
    (byaddr("2001:db8:1::6"), host("v6.example.test", "2001:db8:1::6")),
    (byaddr("198.51.100.7"), host("delegated.example.test", "198.51.100.7")),
    (nameinfo("198.51.100.18"), {"name": zones.LONG}),
    (nameinfo("198.51.100.200"), error("EAI_NONAME")),

    # An alias for a name without an address is a name without an address. (glibc: EAI_NONAME, NO_RECOVERY)
    (gai("to-text.example.test"), error("EAI_NODATA")),
    (gai("to-text.example.test", "inet", "AI_CANONNAME"), error("EAI_NODATA")),
    (gai("to-v4.example.test", "inet6"), error("EAI_NODATA")),
    (byname("to-text.example.test"), {"error": "NO_DATA", "status": 0}),
    # An alias for itself is a server's failure. (glibc: EAI_NONAME, where the server says nothing of it)
    (gai("loop.example.test"), error("EAI_AGAIN")),
    (gai("loop-self.example.test", "inet6"), error("EAI_AGAIN")),
    # A pointer to what is no host name is none. (glibc: NO_RECOVERY, or the name)
    (byaddr("198.51.100.8"), {"error": "NO_DATA", "status": 0}),
    (nameinfo("198.51.100.8"), error("EAI_NONAME")),
    # Names that are no host names are refused for every call. (glibc asks for them with AI_CANONNAME and AF_INET6)
    (gai("-dash.example.test", "inet6", "AI_CANONNAME"), error("EAI_NONAME")),
    (gai("two words.example.test", "inet6", "AI_CANONNAME"), error("EAI_NONAME")),
]

NAMES = ["v4.example.test", "v6.example.test", "both.example.test", "both.example.test.", "BoTh.eXaMpLe.TeSt",
         "mixed.example.test", "chain.example.test", "to-mixed.example.test",
         "anything.any.example.test", "under_score.example.test", "_tcp._srv.example.test", "to-under.example.test",
         "to-words.example.test", r"v\052.example.test", r"b\111th.example.test", "xn--bcher-kva.example.test",
         "b\xfccher.example.test", "many.example.test", zones.LONG, zones.LONG + ".", "to-long.example.test",
         zones.TOO_LONG, "text.example.test", "sub.example.test", "nowhere.example.test", "dangling.example.test",
         "a" * 64 + ".example.test", ".example.test", "two..dots.example.test", "example.test",
         "www.sub.example.test"]

ADDRESSES = ["198.51.100.4", "198.51.100.5", "198.51.100.6", "198.51.100.7", "198.51.100.9",
             "198.51.100.10", "198.51.100.11", "198.51.100.18", "2001:db8:1::6", "2001:db8:1::5", "2001:db8:1::77",
             "::ffff:198.51.100.4"]


def label(value):
    if isinstance(value, tuple):
        call, arguments = value
        return "-".join([call, *(str(part)[:40] for part in arguments.values() if part)])
    return value[:40] if isinstance(value, str) else ""


@pytest.mark.parametrize("lookup, expected", ANSWERS, ids=label)
def test_answer(server, lookup, expected):
    assert ordered(ask(lookup)) == expected


@pytest.mark.parametrize("name", NAMES, ids=label)
def test_name_as_glibc(net, server, name):
    assert differences(net, *every_way(name)) == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_as_glibc(net, server, address):
    assert differences(net, byaddr(address), nameinfo(address)) == []


def test_small_buffers(net, server):
    """The caller's buffer is grown from one octet: every size that is too small must say so."""
    lookups = [byname("chain.example.test", length=1), byname2("many.example.test", "inet6", length=1),
               byaddr("198.51.100.5", length=1)]
    assert differences(net, *lookups) == []
