"""What servers do that no standard asks of them, one kind after another: each behaviour alone, so that nothing else can
have led to the answer, then beside a server that does well."""

import contextlib
import itertools
import pathlib
import socket
import struct
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rrset
import pytest

import netns
import scripted
import servers
from lookups import ask, byaddr, byname, differences, every_way, gai, nameinfo, ordered

# So many letters that random ones are never all small by chance.
NAME = "www.with-many-letters-of-either-case.scripted.test"
GOOD = {"A": "198.51.100.1", "AAAA": "2001:db8:1::1"}
EVIL = {"A": "198.51.100.66", "AAAA": "2001:db8:66::66"}
ANSWER = {"addrs": sorted(GOOD.values()), "canon": None}
FAILED = {"error": "EAI_AGAIN"}
SHORT = "timeout:1 attempts:1"
DEAF = 30  # seconds, only ever waited for by a test that fails

_addresses = (f"127.0.11.{n}" for n in itertools.count(1))


@pytest.fixture
def serve(net):
    """Starts servers with these handlers, or takes those that run, and lists them in this order."""
    with contextlib.ExitStack() as stack:
        def start(*handlers, options="", search="", address=None, **how):
            started = [stack.enter_context(scripted.Server(address or next(_addresses), handler, **how))
                       if callable(handler)
                       else handler for handler in handlers]
            net.resolv_conf("".join(f"nameserver {server.address}\n" for server in started)
                            + (f"search {search}\n" if search else "") + f"options {options}\n")
            return started
        yield start


def good(query):
    query.send(query.reply(GOOD[query.type]))


def evil(query):
    query.send(query.reply(EVIL[query.type]))


def silent(_query):
    pass


def truncated(query):
    """What makes a client come by TCP."""
    reply = query.reply()
    reply.flags |= dns.flags.TC
    query.send(reply)


def by_tcp(handler):
    """Truncates by UDP, and answers so by TCP."""
    return lambda query: handler(query) if query.tcp else truncated(query)


def framed(reply):
    wire = reply if isinstance(reply, bytes) else reply.to_wire()
    return struct.pack("!H", len(wire)) + wire


# -- The embedded servers of container engines: what they know by its exact letters is theirs, the rest is upstream's.

CONTAINER = "database-of-the-shop"
FQDN = f"{CONTAINER}.network-of-the-shop"  # Docker: container and network; the latter's letters count until today
POINTED = "198.51.100.1"
REVERSE = "1.100.51.198.in-addr.arpa"  # the ending's letters count
DOCKER = "127.0.0.11"  # always, in a container
AARDVARK = "usr/lib/podman/aardvark-dns"
THEIRS = {FQDN: {"A": [GOOD["A"]]}, CONTAINER: {"A": [GOOD["A"]]}, REVERSE: {"PTR": [FQDN + "."]}}


def root_says_no(query):
    reply = query.reply(rcode="NXDOMAIN")
    reply.authority = [dns.rrset.from_text(".", 900, "IN", "SOA", "ns. admin. 1 1800 900 604800 86400")]
    query.send(reply)


def says(rcode):
    return lambda query: query.send(query.reply(rcode=rcode))


def has_all(query):
    """A wildcard: whatever is asked for has an address."""
    if query.type == "A":
        evil(query)
    else:
        query.send(query.reply())


def docker(upstream, names=THEIRS):
    """No SOA, no OPT; no address of the other family is an empty answer. By TCP, too."""
    def handler(query):
        if query.name not in names:
            return upstream(query)
        reply = query.reply(*names[query.name].get(query.type, []))
        reply.authority = []
        reply.use_edns(False)
        return query.send(reply)
    return handler


def podman(upstream, domain=".dns.podman"):
    """aardvark-dns: the letters of a name with its own domain count, those of a single label do not. What is in its
    domain, or has one label, is not passed on. The query's OPT comes back; by UDP alone."""
    def handler(query):
        label, _, rest = query.name.partition(".")
        own = query.name.endswith(domain)
        known = label == CONTAINER if own else query.key == CONTAINER
        if not known and not own and rest:
            return upstream(query)
        reply = query.reply(*([GOOD["A"]] if known and query.type == "A" else []),
                            rcode="NOERROR" if known else "NXDOMAIN")
        reply.authority = []
        return query.send(reply)
    return handler


FOUND = {"addrs": [GOOD["A"]], "canon": None}
NONE = {"error": "EAI_NONAME"}


@pytest.mark.parametrize("upstream", [root_says_no, silent], ids=["says no", "is silent"])
@pytest.mark.parametrize("name", [CONTAINER, FQDN])
def test_name_of_a_docker_container_while_upstream(serve, name, upstream):
    serve(docker(upstream))
    assert ask(gai(name), gai(name, "inet")) == [FOUND] * 2


def test_container_without_an_address_of_the_family(serve):
    serve(docker(root_says_no))
    assert ask(gai(FQDN, "inet6")) == {"error": "EAI_NODATA"}


def test_address_of_a_docker_container(serve):
    serve(docker(root_says_no))
    assert [ask(byaddr(POINTED))["name"], ask(nameinfo(POINTED))["name"]] == [FQDN] * 2


def test_docker_passes_on_what_is_not_its_own(serve):
    serve(docker(good))
    assert ordered(ask(gai(NAME))) == ANSWER
    serve(docker(root_says_no))
    assert ask(gai(NAME)) == NONE


def test_wildcard_behind_docker_in_the_search_list(serve):
    """The name as it is comes first by ndots:0, which Docker writes."""
    def upstream(query):
        return has_all(query) if query.key.endswith(".wild.test") else root_says_no(query)
    serve(docker(upstream), search="wild.test", options="ndots:0")
    assert ask(gai(CONTAINER), gai(FQDN)) == [FOUND] * 2


@pytest.mark.parametrize("upstream", [root_says_no, says("NXDOMAIN"), silent], ids=["the root", "another", "silence"])
def test_name_of_a_podman_container(serve, upstream):
    serve(podman(upstream), search="dns.podman", tcp=False)
    assert ask(gai(CONTAINER), gai(CONTAINER, "inet"), gai(f"{CONTAINER}.dns.podman")) == [FOUND] * 3


def test_wildcard_behind_podman_in_the_search_list(serve):
    def upstream(query):
        return has_all(query) if query.key.endswith(".wild.test") else root_says_no(query)
    serve(podman(upstream), search="dns.podman wild.test", tcp=False)
    assert ask(gai(CONTAINER)) == FOUND


def test_podman_passes_on_what_is_not_its_own(serve):
    serve(podman(good), tcp=False)
    assert ordered(ask(gai(NAME))) == ANSWER


@pytest.fixture(scope="module")
def aardvark(net):
    """The real one, and what is upstream of it, for a test to change. It leaves its parent: what ends it is the end of
    a namespace for processes."""
    found = next((path for path in (servers.ROOT / AARDVARK, pathlib.Path("/") / AARDVARK,
                                    pathlib.Path("/usr/libexec/podman/aardvark-dns")) if path.exists()), None)
    if not found:
        pytest.skip("aardvark-dns is not installed")
    address, folder = next(_addresses), net.new_folder("aardvark")
    (folder / "shop").write_text(f"{address}\n"
                                 "id1 127.0.0.1  asking\n"  # only who has a container's address gets answers
                                 f"id2 {POINTED}  {CONTAINER}\n")
    upstream = {"says": root_says_no}
    with scripted.Server(next(_addresses), lambda query: upstream["says"](query)) as server:
        # It reads its host's file when it starts.
        net.resolv_conf(f"nameserver {server.address}\n")
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; exec sleep infinity', "sh",
             found, "-c", folder, "-f", ".dns.podman", "-p", "53", "run"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=netns.die_with_parent)
        try:
            deadline = time.monotonic() + DEAF
            while not servers.answers(address, CONTAINER, "A"):
                assert time.monotonic() < deadline, "aardvark-dns did not come up"
            upstream["conf"] = f"nameserver {address}\nsearch dns.podman\n"
            yield upstream
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def podman_conf(net, aardvark):
    """Other tests of this file have their own servers."""
    net.resolv_conf(aardvark["conf"])
    yield aardvark
    aardvark["says"] = root_says_no


LOOKUPS = {"name": gai(CONTAINER), "IPv4": gai(CONTAINER, "inet"), "with domain": gai(f"{CONTAINER}.dns.podman"),
           "without domain": gai(CONTAINER + ".")}


@pytest.mark.parametrize("lookup", LOOKUPS.values(), ids=LOOKUPS)
def test_name_of_a_container_of_aardvark(podman_conf, lookup):
    assert ask(*[lookup] * 10) == [FOUND] * 10  # the letters are others each time


@pytest.mark.parametrize("lookup", LOOKUPS.values(), ids=LOOKUPS)
def test_name_of_a_container_of_aardvark_while_upstream_is_silent(podman_conf, lookup):
    podman_conf["says"] = silent
    assert ask(lookup) == FOUND


def test_what_aardvark_does_not_know(podman_conf):
    assert ask(gai("nobody"), gai("nobody.dns.podman"), gai("nobody.scripted.test"), gai(CONTAINER, "inet6")) == [
        *[NONE] * 3, {"error": "EAI_NODATA"}]


def test_aardvark_passes_on_what_is_not_its_own(podman_conf):
    podman_conf["says"] = good
    assert ordered(ask(gai(NAME))) == ANSWER


def test_aardvark_as_glibc(net, podman_conf):
    assert differences(net, *every_way(CONTAINER), *every_way(f"{CONTAINER}.dns.podman"), *every_way(NAME),
                       *every_way("nobody")) == []


def test_reverse_lookup_of_aardvark_as_glibc(net, podman_conf):
    """1.4.0 gives the root's name to the pointers of its own, which neither takes."""
    assert differences(net, nameinfo(POINTED), nameinfo("198.51.100.200")) == []


def test_name_of_a_container_of_aardvark_while_upstream_fails(podman_conf):
    """Its domain's letters lead upstream, to a host that is offline, say."""
    podman_conf["says"] = says("SERVFAIL")
    assert ask(*[gai(f"{CONTAINER}.dns.podman")] * 10) == [FOUND] * 10  # one may have the right letters by chance


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_name_of_a_docker_container_while_upstream_fails(serve, rcode):
    """On an internal network, or without a server upstream, Docker says SERVFAIL for what is not its own."""
    serve(docker(says(rcode)), address=DOCKER)
    assert ask(gai(FQDN)) == FOUND


def test_address_of_a_docker_container_while_upstream_fails(serve):
    serve(docker(says("SERVFAIL")), address=DOCKER)
    assert ask(*[nameinfo(POINTED)] * 10) == [{"name": FQDN}] * 10  # one may have the right letters by chance


def test_name_of_a_docker_container_with_ndots(serve):
    """Where ndots is set, Docker answers for a single label that it does not know by nothing at all."""
    def upstream(query):
        reply = query.reply()
        reply.authority = []
        reply.use_edns(False)
        query.send(reply)
    serve(docker(upstream), options="ndots:1", address=DOCKER)
    assert ask(gai(CONTAINER)) == FOUND


def test_name_of_a_docker_container_while_upstream_has_all(serve):
    """A wildcard for the name as it is: nothing in its answer tells that the letters were not known."""
    serve(docker(has_all), address=DOCKER)
    assert ask(gai(FQDN)) == FOUND


def test_docker_is_asked_in_the_letters_of_the_program(serve):
    """One question a family: there is no doubt of NXDOMAIN either."""
    server, = serve(docker(root_says_no), address=DOCKER)
    assert ask(gai("NoBody.The-Network")) == NONE
    assert sorted((query.name, query.type) for query in server.distinct()) == [
        ("NoBody.The-Network", "A"), ("NoBody.The-Network", "AAAA")]
    assert len({query.peer for query in server.distinct()}) == 2


# -- Queries that are dropped for what is in them.

def drops_cookies(query):
    """RFC 7873, section 5.2: an option that is not known is to be ignored; some firewalls drop it."""
    if not any(option.otype == 10 for option in query.message.options):
        good(query)


def drops_options(query):
    if not query.message.options:
        good(query)


def drops_edns(query):
    if not query.edns:
        good(query)


def closes_tcp_at_edns(query):
    return drops_edns(query) or ("close" if query.tcp and query.edns else None)


@pytest.mark.parametrize("tcp", [True, False], ids=["TCP", "no TCP"])
@pytest.mark.parametrize("handler", [drops_cookies, drops_options, drops_edns, closes_tcp_at_edns],
                         ids=lambda handler: handler.__name__)
def test_right_answer_from_a_server_that(serve, handler, tcp):
    serve(handler, tcp=tcp)
    assert ordered(ask(gai(NAME))) == ANSWER


def test_formerr_with_everything_but_the_question(serve):
    """The error comes with the OPT record of the query."""
    def handler(query):
        if not query.edns:
            return good(query)
        reply = query.reply(rcode="FORMERR")
        reply.question = []
        return query.send(reply)
    serve(handler)
    assert ordered(ask(gai(NAME))) == ANSWER


# -- Replies without the question.

def unasked(rcode):
    def handler(query):
        reply = query.reply(*([EVIL[query.type]] if rcode == "NOERROR" else []), rcode=rcode)
        reply.question = []
        query.send(reply)
    return handler


UNASKED = {"answer": unasked("NOERROR"), "NXDOMAIN": unasked("NXDOMAIN"),
           "answer by TCP": by_tcp(unasked("NOERROR")), "NXDOMAIN by TCP": by_tcp(unasked("NXDOMAIN"))}


@pytest.mark.parametrize("how", UNASKED)
def test_second_server_answers_where_the_first_says_no_question(serve, how):
    serve(UNASKED[how], good)
    assert ordered(ask(gai(NAME))) == ANSWER


@pytest.mark.parametrize("how", UNASKED)
def test_reply_without_the_question_is_none(serve, how):
    """It may be anybody's; by TCP it is not asked for in another way, either."""
    serve(UNASKED[how], options=SHORT)
    assert ask(gai(NAME)) == FAILED


@pytest.mark.parametrize("how", ["answer", "NXDOMAIN"])
def test_reply_without_the_question_as_glibc(net, serve, how):
    serve(UNASKED[how], options=SHORT)
    assert differences(net, gai(NAME), gai(NAME, "inet"), gai(NAME, "inet6"), byname(NAME), at_once=True) == []


# -- Everything truncated.

@pytest.mark.parametrize("what", ["nothing", "a part", "an error", "NXDOMAIN"])
def test_right_answer_where_every_datagram_is_truncated_with(serve, what):
    def handler(query):
        if query.tcp:
            return good(query)
        reply = {"nothing": query.reply(), "a part": query.reply(EVIL[query.type]),
                 "an error": query.reply(rcode="SERVFAIL"), "NXDOMAIN": query.reply(rcode="NXDOMAIN")}[what]
        reply.flags |= dns.flags.TC
        return query.send(reply)
    server, = serve(handler)
    assert ordered(ask(gai(NAME))) == ANSWER
    assert all(query.edns for query in server.queries)  # nothing was taken for an error


def test_second_server_answers_where_the_first_truncates_and_has_no_tcp(serve):
    with scripted.Server(next(_addresses), truncated, tcp=False) as first:
        serve(first, good)
        assert ordered(ask(gai(NAME))) == ANSWER


def test_bind_that_truncates_everything(net):
    """Response rate limiting with `slip 1`: what is asked too often by UDP is sent for by TCP."""
    folder = net.new_folder("slip")
    netns.ip("address", "replace", "127.0.1.1/8", "dev", "lo")
    (folder / "zone").write_text("$TTL 300\n@ SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.1.1\n"
                                 f"host A {GOOD['A']}\nhost AAAA {GOOD['AAAA']}\n")
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key";
  listen-on {{ 127.0.1.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no;
  rate-limit {{ responses-per-second 1; window 3600; slip 1; }};
}};
controls {{ }};
zone "example.test" {{ type primary; file "zone"; }};
""")
    with servers.running([servers.find("named"), "-g", "-n", "1", "-c", folder / "named.conf"], folder, "127.0.1.1",
                         ("example.test", "SOA")):
        net.resolv_conf("nameserver 127.0.1.1\n")
        answers = ask(*[gai("host.example.test")] * 50)
        wire = dns.message.make_query("host.example.test", "A")
        assert dns.query.udp(wire, "127.0.1.1", timeout=DEAF).flags & dns.flags.TC  # it really does
    assert [ordered(answer) for answer in answers] == [ANSWER] * 50


# -- Answers from elsewhere: of a machine with several addresses, or behind a bad NAT.

def answers_from(where):
    def handler(query):
        if query.tcp:
            good(query)
        else:
            address = (query.server, 0) if where == "another port" else ("127.0.12.1", 53)
            query.send_from(address)(query.reply(GOOD[query.type]))
    return handler


ELSEWHERE = ["another address", "another port"]


def elsewhere(where, **how):
    """A running server, which is to be left."""
    address = next(_addresses)

    def handler(query):
        query.server = address
        answers_from(where)(query)
    return scripted.Server(address, handler, **how)


@pytest.mark.parametrize("where", ELSEWHERE)
def test_right_answer_by_tcp_where_datagrams_come_from(serve, where):
    with elsewhere(where) as server:
        serve(server)
        assert ordered(ask(gai(NAME))) == ANSWER
        assert any(query.tcp for query in server.queries)


@pytest.mark.parametrize("where", ELSEWHERE)
def test_second_server_answers_where_the_first_sends_from(serve, where):
    with elsewhere(where, tcp=False) as server:
        serve(server, good)
        assert ordered(ask(gai(NAME))) == ANSWER


@pytest.mark.parametrize("where", ELSEWHERE)
def test_nothing_is_believed_from(serve, where):
    with elsewhere(where, tcp=False) as server:
        serve(server, options=SHORT)
        assert ask(gai(NAME)) == FAILED


# -- TCP that ends at once.

@contextlib.contextmanager
def hanging_up(address, how):
    """Listens by TCP beside a scripted.Server without, and ends each connection before it reads anything."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 53))
        listener.listen(64)
        accepted = []

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # shut down
                    return
                accepted.append(connection.fileno())
                if how == "a reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def closes(_query):
    return "close"


@pytest.fixture(params=["an end", "a reset"])
def ask_where_tcp_is(request, serve):
    """Asks a server with this handler, whose connections end so, and others; returns how many ended, too."""
    def ask_it(handler, *others, options=""):
        with scripted.Server(next(_addresses), handler, tcp=False) as server, \
             hanging_up(server.address, request.param) as accepted:
            serve(server, *others, options=options)
            return ordered(ask(gai(NAME))), len(accepted)
    return ask_it


def test_second_server_answers_where_tcp_ends(ask_where_tcp_is):
    answer, ended = ask_where_tcp_is(truncated, good)
    assert (answer, ended > 0) == (ANSWER, True)


def test_no_answer_where_tcp_ends(ask_where_tcp_is):
    """It is not tried for ever."""
    answer, ended = ask_where_tcp_is(truncated, options="attempts:1")
    assert answer == FAILED
    assert ended == 2  # once for each family


def test_folded_letters_where_tcp_ends(ask_where_tcp_is):
    """The letters are given up then."""
    def folds(query):
        reply = query.reply(GOOD[query.type])
        reply.question[0].name = dns.name.from_text(query.key)
        query.send(reply)
    answer, ended = ask_where_tcp_is(folds)
    assert (answer, ended > 0) == (ANSWER, True)


def test_tcp_closed_behind_the_query_alone(serve):
    server, = serve(by_tcp(closes), options="attempts:2")
    assert ask(gai(NAME, "inet")) == FAILED
    assert len([query for query in server.queries if query.tcp]) == 2  # once each attempt


# -- TCP in pieces.

def queues(peer):
    """(octets that the server has not got acknowledged, octets that the client has not read) of its connection."""
    def where(address):
        return f"{struct.unpack('=I', socket.inet_aton(address[0]))[0]:08X}:{address[1]:04X}"
    waiting = [0, 0]
    with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        for line in table:
            words = line.split()
            if words[2] == where(peer):
                waiting[0] += int(words[4].split(":")[0], 16)
            elif words[1] == where(peer):
                waiting[1] += int(words[4].split(":")[1], 16)
    return waiting


def send_pieces(query, data, *cuts):
    """Each piece once the client has read the one before."""
    for start, end in itertools.pairwise([0, *cuts, len(data)]):
        query.send_raw(data[start:end])
        deadline = time.monotonic() + DEAF
        while any(queues(query.peer)):
            assert time.monotonic() < deadline, "the client does not read"
            time.sleep(0.001)  # between polls


CUTS = {"length in two": [1], "length alone": [2], "length in two, then the header": [1, 2, 14], "header in two": [7],
        "last octet alone": [-1], "octet by octet": range(1, 60)}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_tcp_in_pieces_that_are_read_one_by_one(serve, cuts):
    def handler(query):
        data = framed(query.reply(GOOD[query.type]))
        send_pieces(query, data, *(cut % len(data) for cut in cuts))
    server, = serve(by_tcp(handler))
    assert ordered(ask(gai(NAME))) == ANSWER
    assert len([query for query in server.distinct() if query.tcp]) == 2


def stranger(query):
    reply = query.reply(EVIL[query.type])
    reply.id ^= 1
    return reply


def other_question(query):
    reply = query.reply(EVIL[query.type])
    reply.question[0].name = dns.name.from_text("else.scripted.test.")
    return reply


def answer_of(query):
    return query.reply(GOOD[query.type])


def evil_answer_of(query):
    return query.reply(EVIL[query.type])


def nothing_of(_query):
    return b""


SEGMENT = {"the answer twice": [answer_of, answer_of], "a stranger's before": [stranger, answer_of],
           "a stranger's behind": [answer_of, stranger], "another question's before": [other_question, answer_of],
           "another answer behind": [answer_of, evil_answer_of], "an empty one before": [nothing_of, answer_of],
           "many strangers' before": [*[stranger] * 20, answer_of]}


@pytest.mark.parametrize("replies", SEGMENT.values(), ids=SEGMENT)
def test_two_replies_in_one_segment(serve, replies):
    serve(by_tcp(lambda query: query.send_raw(b"".join(framed(make(query)) for make in replies))))
    assert ordered(ask(gai(NAME))) == ANSWER


def test_reply_and_half_of_another_in_one_segment(serve):
    serve(by_tcp(lambda query: query.send_raw(framed(answer_of(query)) + framed(stranger(query))[:9])))
    assert ordered(ask(gai(NAME))) == ANSWER


# -- TCP that stalls.

def stalls_after(octets):
    """A negative number leaves so many out."""
    return by_tcp(lambda query: query.send_raw(framed(query.reply(GOOD[query.type]))[:octets]))


STALLS = {"one octet of the length": 1, "the length": 2, "the header": 14, "all but one octet": -1}


@pytest.mark.parametrize("octets", STALLS.values(), ids=STALLS)
def test_second_server_answers_where_tcp_stalls_after(serve, octets):
    serve(stalls_after(octets), good)
    assert ordered(ask(gai(NAME))) == ANSWER


@pytest.mark.parametrize("octets", STALLS.values(), ids=STALLS)
def test_the_deadline_holds_where_tcp_stalls_after(serve, octets):
    """glibc waits for ever here."""
    serve(stalls_after(octets), options=SHORT)
    assert ask(gai(NAME)) == FAILED


def test_one_family_stalls(serve):
    """With an address that can be reached: for another the missing family would be waited for."""
    def handler(query):
        data = framed(query.reply({"A": netns.ADDRESS4, "AAAA": netns.ADDRESS6}[query.type]))
        query.send_raw(data[:20] if query.type == "AAAA" else data)
    serve(by_tcp(handler))
    assert ask(gai(NAME)) == {"addrs": [netns.ADDRESS4], "canon": None}


# -- Fragments.

# What is sent between these addresses is cut into pieces of 576 octets. Not of loopback, where nobody forges.
NARROW = "198.18.21"


@pytest.fixture(scope="module")
def narrow(net):
    netns.ip("route", "add", "local", f"{NARROW}.0/24", "dev", "lo", "table", "local",
             "mtu", "lock", "576")
    yield (f"{NARROW}.{n}" for n in itertools.count(1))
    netns.ip("route", "delete", "local", f"{NARROW}.0/24", "dev", "lo", "table", "local")


def fragments():
    """How many datagrams this machine has cut."""
    with open("/proc/thread-self/net/snmp", encoding="ascii") as table:
        names, values = [line.split()[1:] for line in table if line.startswith("Ip:")]
    return int(dict(zip(names, values))["FragOKs"])


@contextlib.contextmanager
def long_answers(net, address, count):
    addresses = {"A": [f"203.0.113.{n}" for n in range(1, count + 1)]}
    with scripted.Server(address, lambda query: query.send(query.reply(*addresses.get(query.type, [])))) as server:
        net.resolv_conf(f"nameserver {address}\n")
        yield server, {"addrs": sorted(addresses["A"]), "canon": None}


@pytest.mark.parametrize("count", [60, 150], ids=["as long as we take", "longer"])
def test_right_answer_in_fragments(net, narrow, count):
    before = fragments()
    with long_answers(net, next(narrow), count) as (server, answer):
        assert ordered(ask(gai(NAME))) == answer
        assert fragments() > before  # it really came so
        assert count == 60 or any(query.tcp for query in server.queries)


def test_fragments_are_asked_for_by_tcp(net, narrow):
    """All but the first fragment can be forged without knowing port, ID and letters."""
    with long_answers(net, next(narrow), 60) as (server, answer):
        assert ordered(ask(gai(NAME))) == answer
        assert any(query.tcp for query in server.queries)
