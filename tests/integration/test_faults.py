"""Every fault of a server, for each way to call, side by side with glibc's dns.

One pair of servers has all faults at once: the name that is asked for says which, and whose. So lookups that glibc
waits for wait at the same time, each in a thread of its own.
"""

import dns.flags
import dns.rrset
import pytest

import scripted
from lookups import ask, byaddr, byname, byname2, differences, every_way, gai, nameinfo

DEAD = "127.0.10.99"
GOOD = {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"], "PTR": ["host.scripted.test."]}
RCODES = ["NXDOMAIN", "SERVFAIL", "REFUSED", "NOTIMP"]


def good(query):
    query.send(query.reply(*GOOD[query.type]))


def rcode(code):
    return lambda query: query.send(query.reply(rcode=code))


def bare(code):
    """A header alone, without the question."""
    def send(query):
        header = query.reply(rcode=code)
        header.question, header.authority, header.opt = [], [], None
        query.send(header)
    return send


def no_data(query):
    query.send(query.reply())


def no_soa(query):
    reply = query.reply()
    reply.authority = []
    query.send(reply)


def lame(query):
    """A referral to somebody else, by a server that does not recurse."""
    reply = query.reply()
    reply.flags &= ~dns.flags.RA
    reply.authority = [dns.rrset.from_text("test.", 300, "IN", "NS", "ns.test.")]
    query.send(reply)


def nxdomain_with_data(query):
    """The code decides."""
    query.send(query.reply(*GOOD[query.type], rcode="NXDOMAIN"))


def links(query):
    """As many as a server can send; each ends in a pointer."""
    query.send(query.reply(*GOOD[query.type], cname=[f"{letter}.test." for letter in "abcdefghijklmnopqrs"]))


def dname(query):
    """What is made from it has the first label as it was asked for, letters included (RFC 6672 section 3.1)."""
    first, _, rest = query.name.partition(".")
    reply = query.reply(*GOOD[query.type], cname=f"{first}.moved.test.")
    reply.answer.insert(0, dns.rrset.from_text(rest + ".", 300, "IN", "DNAME", "moved.test."))
    query.send(reply)


def wrong_length(length):
    """Before a good address one of so many octets. PTR is left as it is."""
    def send(query):
        if query.type == "PTR":
            return good(query)
        reply = query.reply(*GOOD[query.type])
        reply.use_edns(False)
        wire = bytearray(reply.to_wire())
        at = wire.index(b"\xc0\x0c")
        wire[at:at] = wire[at:at + 10] + length.to_bytes(2, "big") + b"\xcb" * length
        wire[7] = 2
        query.send(bytes(wire))
    return send


def truncated(query):
    reply = query.reply(*GOOD[query.type])
    if not query.tcp:
        reply.flags |= dns.flags.TC
        reply.answer = []
    query.send(reply)


def truncated_by_tcp_too(query):
    reply = query.reply()
    reply.flags |= dns.flags.TC
    query.send(reply)


def silent(_query):
    pass


AT_ONCE = {"good": good, **{code.lower(): rcode(code) for code in RCODES}, "nodata": no_data, "nosoa": no_soa,
           "lame": lame, "truncated": truncated, "cut": truncated_by_tcp_too,
           "nxdata": nxdomain_with_data, "links": links, "dname": dname, "short": wrong_length(3),
           "overlong": wrong_length(200)}
WAITED_FOR = {"silent": silent, **{f"bare-{code.lower()}": bare(code) for code in [*RCODES, "FORMERR", "NOERROR"]}}
FAULTS = {**AT_ONCE, **WAITED_FOR}

# -- One of two servers, or both.

WHERE = {"first": [0], "second": [1], "both": [0, 1]}


def faulty(number):
    """For names FAULT.WHERE.test, and for addresses 198.51.FAULT.WHERE by their numbers."""
    def handler(query):
        labels = query.key.split(".")
        if query.type == "PTR":
            fault, where = list(FAULTS)[int(labels[1])], list(WHERE)[int(labels[0])]
        else:
            fault, where = labels[:2] if len(labels) == 3 and labels[1] in WHERE else ("nxdomain", "both")
        (FAULTS[fault] if number in WHERE[where] else good)(query)
    return handler


@pytest.fixture(scope="module")
def pair(net):
    with scripted.Server("127.0.10.1", faulty(0)) as first, scripted.Server("127.0.10.2", faulty(1)) as second:
        yield f"nameserver {first.address}\nnameserver {second.address}\n"


def lookups_of(fault, where):
    """gethostbyaddr_r is not among them: its status for failures is one of the differences."""
    name, address = f"{fault}.{where}.test", f"198.51.{list(FAULTS).index(fault)}.{list(WHERE).index(where)}"
    return [*every_way(name), nameinfo(address), nameinfo(address, flags=())]


def static_forms(fault, where):
    """They take glibc's locks, so they wait for each other."""
    name, address = f"{fault}.{where}.test", f"198.51.{list(FAULTS).index(fault)}.{list(WHERE).index(where)}"
    return [byname(name, static=True), byname2(name, "inet6", static=True), byaddr(address, static=True)]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("fault", AT_ONCE)
def test_of_a_pair(net, pair, fault, where):
    net.resolv_conf(pair)
    assert differences(net, *lookups_of(fault, where), *static_forms(fault, where)) == []


@pytest.mark.parametrize("where", WHERE)
def test_of_a_pair_while_glibc_waits(net, pair, where):
    net.resolv_conf(f"{pair}options timeout:1 attempts:1\n")
    assert differences(net, *(lookup for fault in WAITED_FOR for lookup in lookups_of(fault, where)),
                       at_once=True) == []


@pytest.mark.parametrize("order", ["dead alive", "alive dead", "dead dead", "dead dead alive", "dead dead dead"])
def test_dead_servers(net, pair, order):
    """Nobody listens at the addresses of some."""
    net.resolv_conf("".join(f"nameserver {DEAD if word == 'dead' else '127.0.10.1'}\n" for word in order.split())
                    + "search one.test\n")
    assert differences(net, *lookups_of("good", "both"), *static_forms("good", "both"), gai("single"),
                       byname("single.")) == []


# -- A candidate of the search list.

SEARCH = ["one.test", "two.test", "three.test", ""]  # the name as it is comes last


def candidates(query):
    """For single labels FAULT-POSITION-REST: one candidate has the fault, those before it do not exist."""
    name, _, domain = query.key.partition(".")
    fault, position, rest = name.rsplit("-", 2)
    behind = SEARCH.index(domain) - int(position)
    (FAULTS[fault] if behind == 0 else good if behind > 0 and rest == "found" else rcode("NXDOMAIN"))(query)


@pytest.fixture(scope="module")
def searched(net):
    with scripted.Server("127.0.10.3", candidates) as server:
        yield f"nameserver {server.address}\nsearch {' '.join(SEARCH)}\n"


def searches(fault):
    """Where the list has SERVFAIL and nothing else, we mean to differ."""
    rests = ["found"] if "servfail" in fault else ["found", "missing"]
    return [lookup for position in range(len(SEARCH)) for rest in rests for lookup in
            (lambda name: (gai(name), gai(name, "inet"), gai(name, "inet6"), gai(name, "unspec", "AI_CANONNAME"),
                           byname(name), byname2(name, "inet6")))(f"{fault}-{position}-{rest}")]


@pytest.mark.parametrize("fault", AT_ONCE)
def test_in_the_search_list(net, searched, fault):
    net.resolv_conf(searched)
    assert differences(net, *searches(fault)) == []


@pytest.mark.parametrize("fault", WAITED_FOR)
def test_in_the_search_list_while_glibc_waits(net, searched, fault):
    # What is left behind a silent name must do for the next, on a busy machine, too.
    net.resolv_conf(f"{searched}options timeout:3 attempts:1\n")
    assert differences(net, *searches(fault), at_once=True) == []


# -- Codes at which glibc gives up: ours does as for REFUSED.

UNUSUAL = ["FORMERR", "YXDOMAIN", "YXRRSET", "NOTAUTH", "NOTZONE"]
FAULTS.update({code.lower(): rcode(code) for code in UNUSUAL})


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("code", UNUSUAL)
def test_unusual_code_of_a_pair(net, pair, code, where):
    net.resolv_conf(pair)
    errors = [[answer.get("error") for answer in ask(*lookups_of(fault, where), *static_forms(fault, where))]
              for fault in (code.lower(), "refused")]
    assert errors[0] == errors[1]
    assert (set(errors[0]) == {None}) == (where != "both")
