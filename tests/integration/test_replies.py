"""What no real server sends, and what some do: each scenario must still end in the right answer."""

import itertools

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

import netns
import scripted
from lookups import ask, byaddr, differences, gai, nameinfo, ordered

NAME = "www.scripted.test"
GOOD = {"A": "198.51.100.1", "AAAA": "2001:db8:1::1"}
EVIL = {"A": "198.51.100.66", "AAAA": "2001:db8:66::66"}

_addresses = (f"127.0.3.{n}" for n in itertools.count(1))


@pytest.fixture
def serve(net):
    """Starts a server and makes it the only one. A new address each time: nothing learnt of another counts."""
    servers = []

    def start(handler, **how):
        server = scripted.Server(next(_addresses), handler, **how).__enter__()
        servers.append(server)
        net.resolv_conf(f"nameserver {server.address}\n")
        return server
    yield start
    for server in servers:
        server.__exit__(None)


def good(query):
    return query.reply(GOOD[query.type])


def evil(query):
    return query.reply(EVIL[query.type])


# -- A forged or broken reply comes first: it is dropped, and waiting goes on.

def wrong_id(query):
    forged = evil(query)
    forged.id ^= 1
    return forged


def wrong_name(query):
    forged = evil(query)
    forged.question[0].name = dns.name.from_text("www.scripted.tesu.")
    return forged


def wrong_type(query):
    forged = evil(query)
    forged.question[0].rdtype = dns.rdatatype.TXT
    return forged


def wrong_class(query):
    forged = evil(query)
    forged.question[0].rdclass = dns.rdataclass.CH
    return forged


def wrong_case(query):
    forged = evil(query)
    forged.question[0].name = dns.name.from_text(query.name.swapcase())
    forged.answer[0].name = forged.question[0].name
    return forged


def no_question(query):
    forged = evil(query)
    forged.question = []
    return forged


def two_questions(query):
    forged = evil(query)
    forged.question.append(forged.question[0])
    return forged


def not_a_response(query):
    forged = evil(query)
    forged.flags &= ~dns.flags.QR
    return forged


def wrong_opcode(query):
    forged = evil(query)
    forged.set_opcode(dns.opcode.STATUS)
    return forged


def nothing(_query):
    return b""


def one_octet(query):
    return query.wire[:1]


def garbage(query):
    return query.wire[:2] + b"\xff" * 300


def chopped_answer(query):
    forged = evil(query)
    forged.use_edns(False)
    return forged.to_wire()[:-3]


def pointer_to_itself(query):
    wire = bytearray(evil(query).to_wire())
    at = wire.index(b"\xc0\x0c")  # the owner name of the answer
    wire[at:at + 2] = bytes([0xc0, at])
    return bytes(wire)


def counts_lie(query):
    wire = bytearray(evil(query).to_wire())
    wire[6:8] = b"\xff\xff"
    return bytes(wire)


@pytest.mark.parametrize("forge", [
    wrong_id, wrong_name, wrong_type, wrong_class, wrong_case, no_question, two_questions, not_a_response,
    wrong_opcode, nothing, one_octet, garbage, chopped_answer, pointer_to_itself, counts_lie],
    ids=lambda forge: forge.__name__)
def test_waiting_goes_on_after(serve, forge):
    def handler(query):
        if not query.tcp:
            query.send(forge(query))
        query.send(good(query))
    serve(handler)
    assert ordered(ask(gai(NAME))) == {"addrs": sorted(GOOD.values()), "canon": None}


@pytest.mark.parametrize("source", ["other port", "other address"])
def test_waiting_goes_on_after_a_reply_from(serve, source):
    def handler(query):
        query.send_from((server.address, 0) if source == "other port" else ("127.0.4.1", 53))(evil(query))
        query.send(good(query))
    server = serve(handler)
    assert ordered(ask(gai(NAME))) == {"addrs": sorted(GOOD.values()), "canon": None}


def test_flood_of_wrong_ids(serve):
    """More near misses than a program gets by accident: the answer may come by TCP, but not from them."""
    def handler(query):
        if not query.tcp:
            for guess in range(100):
                forged = evil(query)
                forged.id = (query.message.id + 1 + guess) % 65536
                query.send(forged)
        query.send(good(query))
    serve(handler)
    assert ordered(ask(gai(NAME))) == {"addrs": sorted(GOOD.values()), "canon": None}


# -- Servers that are not up to date, or behind something that is not.

def bare_header(query, rcode):
    header = dns.message.make_response(query.message)
    header.question, header.opt = [], None
    header.set_rcode(rcode)
    return header


def formerr_to_edns(query):
    query.send(bare_header(query, dns.rcode.FORMERR) if query.edns else good(query))


def formerr_with_question_to_edns(query):
    query.send(query.reply(rcode="FORMERR") if query.edns else good(query))


def notimp_to_edns(query):
    query.send(bare_header(query, dns.rcode.NOTIMP) if query.edns else good(query))


def badvers_to_edns(query):
    query.send(query.reply(rcode="BADVERS") if query.edns else good(query))


def drops_edns(query):
    if not query.edns:
        query.send(good(query))


def drops_edns_by_udp(query):
    if query.tcp or not query.edns:
        query.send(good(query))


def truncates_everything(query):
    reply = good(query)
    if not query.tcp:
        reply.flags |= dns.flags.TC
        reply.answer = []
    query.send(reply)


def truncates_and_sends_part(query):
    reply = good(query)
    if not query.tcp:
        reply = evil(query)
        reply.flags |= dns.flags.TC
    query.send(reply)


def lower_case(query):
    reply = good(query)
    reply.question[0].name = dns.name.from_text(query.key)
    for rrset in reply.answer:
        rrset.name = reply.question[0].name
    return reply


def lower_cases(query):
    query.send(lower_case(query))


def lower_cases_by_udp(query):
    query.send(good(query) if query.tcp else lower_case(query))


def nxdomain_to_mixed_case(query):
    """Without the SOA that a server with a zone sends."""
    reply = query.reply(rcode="NXDOMAIN")
    reply.authority = []
    query.send(good(query) if query.name == query.key else reply)


def formerr_to_mixed_case(query):
    query.send(good(query) if query.name == query.key else bare_header(query, dns.rcode.FORMERR))


def drops_mixed_case(query):
    if query.name == query.key:
        query.send(good(query))


def sends_everything_twice(query):
    query.send(good(query))
    query.send(good(query))


def not_recursive(query):
    reply = good(query)
    reply.flags &= ~(dns.flags.RA | dns.flags.RD)
    query.send(reply)


def tcp_in_pieces(query):
    if not query.tcp:
        return truncates_everything(query)
    wire = good(query).to_wire()
    framed = len(wire).to_bytes(2, "big") + wire
    for piece in (framed[:1], framed[1:2], framed[2:7], framed[7:-1], framed[-1:]):
        query.send_raw(piece)


def tcp_wrong_id_first(query):
    if not query.tcp:
        return truncates_everything(query)
    query.send(wrong_id(query))
    query.send(good(query))


@pytest.mark.parametrize("handler", [
    formerr_to_edns, formerr_with_question_to_edns, notimp_to_edns, badvers_to_edns, drops_edns, drops_edns_by_udp,
    truncates_everything, truncates_and_sends_part, lower_cases, lower_cases_by_udp, nxdomain_to_mixed_case,
    formerr_to_mixed_case, drops_mixed_case, sends_everything_twice, not_recursive, tcp_in_pieces, tcp_wrong_id_first,
    ], ids=lambda handler: handler.__name__)
def test_right_answer_from_a_server_that(serve, handler):
    serve(handler)
    assert ordered(ask(gai(NAME))) == {"addrs": sorted(GOOD.values()), "canon": None}


@pytest.mark.parametrize("handler", [
    lower_cases, nxdomain_to_mixed_case, drops_mixed_case, drops_edns, formerr_to_edns],
    ids=lambda handler: handler.__name__)
def test_right_answer_without_tcp_from_a_server_that(serve, handler):
    serve(handler, tcp=False)
    assert ordered(ask(gai(NAME))) == {"addrs": sorted(GOOD.values()), "canon": None}


@pytest.mark.parametrize("tcp", [True, False])
@pytest.mark.parametrize("soa", [True, False])
def test_no_such_name(serve, soa, tcp):
    """A second try in lower case, whatever becomes of it, does not turn it into a failure."""
    def handler(query):
        reply = query.reply(rcode="NXDOMAIN")
        reply.authority = reply.authority if soa else []
        if query.edns:
            query.send(reply)
    serve(handler, tcp=tcp)
    assert ask(gai(NAME), gai(NAME, "inet6")) == [{"error": "EAI_NONAME"}] * 2


# -- One family only.

@pytest.mark.parametrize("missing", ["A", "AAAA"])
@pytest.mark.parametrize("how", ["silence", "SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "NXDOMAIN", "NODATA"])
def test_one_family_answers(serve, missing, how):
    """With an address that can be reached: for another the missing family would be waited for."""
    here = {"A": netns.ADDRESS4, "AAAA": netns.ADDRESS6}

    def handler(query):
        if query.type != missing:
            query.send(query.reply(here[query.type]))
        elif how != "silence":
            query.send(query.reply(rcode="NOERROR" if how == "NODATA" else how))
    serve(handler)
    other = {"A": "AAAA", "AAAA": "A"}[missing]
    assert ask(gai(NAME)) == {"addrs": [here[other]], "canon": None}


# -- What is in the answer section.

def rrset(name, kind, *data):
    return dns.rrset.from_text(name, 300, "IN", kind, *data)


def records_of_other_names(query):
    reply = good(query)
    reply.answer.insert(0, rrset("else.scripted.test.", query.type, EVIL[query.type]))
    reply.answer.append(rrset("scripted.test.", query.type, EVIL[query.type]))
    reply.answer.append(rrset("else.scripted.test.", "CNAME", "evil.scripted.test."))
    return reply


def other_sections(query):
    reply = good(query)
    reply.authority.append(rrset(query.name + ".", query.type, EVIL[query.type]))
    reply.additional.append(rrset(query.name + ".", query.type, EVIL[query.type]))
    return reply


def other_types(query):
    reply = good(query)
    other = {"A": "AAAA", "AAAA": "A"}[query.type]
    reply.answer.append(rrset(query.name + ".", other, EVIL[other]))
    reply.answer.append(rrset(query.name + ".", "TXT", "text"))
    return reply


def other_class(query):
    reply = good(query)
    reply.answer.append(dns.rrset.from_text(query.name + ".", 300, "CH", "A", "evil.test. 1234"))
    return reply


def signatures(query):
    reply = good(query)
    reply.answer.append(rrset(query.name + ".", "RRSIG",
                              f"{query.type} 8 3 300 20300101000000 20200101000000 1 scripted.test. AAAA"))
    return reply


def ttl_with_the_high_bit(query):
    reply = good(query)
    reply.answer[0].ttl = 0xffffffff
    return reply


def whole_chain(query):
    return query.reply(GOOD[query.type], cname=["a.scripted.test.", "b.scripted.test.", "c.elsewhere.test."])


def chain_in_disorder(query):
    reply = whole_chain(query)
    reply.answer.reverse()
    return reply


def same_record_twice(query):
    wire = bytearray(good(query).to_wire())
    at = wire.index(b"\xc0\x0c")
    end = wire.index(b"\0\0\x29", at) if query.edns else len(wire)
    wire[end:end] = wire[at:end]
    wire[7] = 2
    return bytes(wire)


def chain_to_be_asked_on(query):
    """Only the first link: the server does not look further."""
    if query.key == NAME:
        reply = query.reply(cname="next.scripted.test.")
        reply.authority = []
        return reply
    return good(query) if query.key == "next.scripted.test" else query.reply(rcode="NXDOMAIN")


def chain_by_dname(query):
    reply = query.reply(GOOD[query.type], cname="www.moved.test.")
    reply.answer.insert(0, rrset("scripted.test.", "DNAME", "moved.test."))
    return reply


@pytest.mark.parametrize("make", [
    records_of_other_names, other_sections, other_types, other_class, signatures, ttl_with_the_high_bit, whole_chain,
    chain_in_disorder, same_record_twice, chain_to_be_asked_on, chain_by_dname], ids=lambda make: make.__name__)
def test_answer_section_with(serve, make):
    serve(lambda query: query.send(make(query)))
    assert set(ask(gai(NAME))["addrs"]) == set(GOOD.values())


@pytest.mark.parametrize("links", [8, 17, 200])
def test_long_chain(serve, links):
    """In one message they cost no further question, so they are followed."""
    def handler(query):
        query.send(query.reply(GOOD[query.type], cname=[f"n{n}.chain.test." for n in range(links)]))
    serve(handler)
    assert sorted(ask(gai(NAME))["addrs"]) == sorted(GOOD.values())


def test_endless_chain_of_questions(serve):
    """Each reply names one more name to ask."""
    def handler(query):
        reply = query.reply(cname=f"n{len(server.queries)}.chain.test.")
        reply.authority = []
        query.send(reply)
    server = serve(handler)
    assert "error" in ask(gai(NAME, "inet"))
    assert len(server.queries) < 100


def test_alias_to_no_host_name(net, serve):
    serve(lambda query: query.send(query.reply(GOOD[query.type], cname=r"two\032words.scripted.test.")))
    assert differences(net, gai(NAME), gai(NAME, "inet"), gai(NAME, "unspec", "AI_CANONNAME")) == []


def test_many_addresses_in_one_datagram_without_truncation(serve):
    """Beyond the size that was asked for: what the server meant to send counts, not what fits."""
    addresses = [f"203.0.113.{n}" for n in range(1, 151)]
    serve(lambda query: query.send(query.reply(*addresses) if query.type == "A" else query.reply()))
    assert sorted(ask(gai(NAME))["addrs"]) == sorted(addresses)


# -- Letter case is ours, not the program's.

def test_case_does_not_leak(serve):
    """Names in a reply point into its question, whose case we made up."""
    def handler(query):
        # The owner and the alias's target both end in pointers to the question's own octets.
        query.send(query.reply(GOOD[query.type], cname=f"alias.{query.name.split('.', 1)[1]}."))
    server = serve(handler)
    answers = ask(*[gai(NAME, family, "AI_CANONNAME") for family in ("unspec", "inet", "inet6")])
    assert [answer["canon"] for answer in answers] == ["alias.scripted.test"] * 3
    assert any(query.name != query.key for query in server.queries)


# -- Reverse lookups.

def test_pointer_only_in_the_answer_section_counts(serve):
    def handler(query):
        reply = query.reply()
        reply.additional.append(rrset(query.name + ".", "PTR", "evil.scripted.test."))
        reply.authority.append(rrset(query.name + ".", "PTR", "evil.scripted.test."))
        query.send(reply)
    serve(handler)
    assert ask(nameinfo("198.51.100.1")) == {"error": "EAI_NONAME"}


def test_pointer_to_no_host_name(serve):
    serve(lambda query: query.send(query.reply(r"evil\010name.scripted.test.")))
    assert "error" in ask(byaddr("198.51.100.1"))


def test_pointer_case_is_the_servers(serve):
    serve(lambda query: query.send(query.reply("Host.Scripted.Test.")))
    assert ask(nameinfo("2001:db8::1")) == {"name": "Host.Scripted.Test"}
