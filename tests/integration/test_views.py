"""For whom an answer is right: network namespaces that share /run, VPNs that come and go, other servers."""

import contextlib
import ctypes
import itertools
import socket
import subprocess
import threading

import pytest

import netns
import scripted
from cached import forget_all, kinds, lives, next_address, program, run, run_one
from lookups import byname, gai
from netns import ip

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

NAME = "www.scripted.test"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class Namespace:
    """A network of its own, with loopback."""

    def __init__(self):
        self.name = f"n{next(_numbers)}"
        self.path = f"/run/netns/{self.name}"
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        ip("-n", self.name, *words)

    def inside(self, function):
        """What it returns, called by a thread that is in there."""
        results = []

        def work():
            with open(self.path) as namespace:
                results.append(_libc.setns(namespace.fileno(), CLONE_NEWNET) or function())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return results[0]

    def server(self, address, handler):
        return self.inside(lambda: scripted.Server(address, handler))

    def command(self):
        return ["nsenter", f"--net={self.path}"]

    def close(self):
        ip("netns", "delete", self.name)


def always(address):
    return lambda query: query.send(query.reply(*([address] if query.type == "A" else [])))


@pytest.fixture
def fresh(net):
    forget_all()
    yield net


@pytest.fixture
def two(fresh):
    """Two namespaces with the same server address, and what is asked in them; number n answers 198.51.100.n."""
    address = next_address()
    fresh.resolv_conf(f"nameserver {address}\n")
    with contextlib.ExitStack() as stack:
        spaces = [stack.enter_context(contextlib.closing(Namespace())) for _ in range(2)]
        for number, space in enumerate(spaces, 1):
            space.answers = stack.enter_context(space.server(address, always(f"198.51.100.{number}")))
            space.right = [f"198.51.100.{number}"]
        yield spaces


def addresses(answer):
    return answer["addrs"]


def test_each_namespace_has_its_own_answers(two):
    for _ in range(2):
        for space in two:
            assert addresses(run_one(byname(NAME), space.command())) == space.right
    assert [kinds(space.answers) for space in two] == [["A"], ["A"]]
    assert lives(NAME) == {"A": scripted.TTL}


def test_new_namespace_with_an_old_ones_number(fresh):
    """A namespace that has gone may leave its inode's number to the next one; its answers stay its own."""
    address = next_address()
    fresh.resolv_conf(f"nameserver {address}\n")
    for number in range(1, 6):
        with contextlib.closing(Namespace()) as space, space.server(address, always(f"198.51.100.{number}")):
            assert addresses(run_one(byname(NAME), space.command())) == [f"198.51.100.{number}"]


def test_process_that_goes_from_one_to_the_other(two):
    with program() as client:
        for space in two * 4:
            client.ask(("enter", {"path": space.path}))
            client.ask(("next_tick", {}))
            assert addresses(client.ask(byname(NAME))) == space.right
    assert [kinds(space.answers) for space in two] == [["A"], ["A"]]


def test_thread_that_stays(two):
    """One thread goes to and fro, another one stays; the process shares all else."""
    first, second = two
    stay = lambda call: ("within", {"thread": "stays", "call": call})
    with program(first.command()) as client:
        assert addresses(client.ask(stay(byname(NAME)))) == first.right
        for space in [second, first] * 4:
            client.ask(("enter", {"path": space.path}))
            client.ask(("next_tick", {}))
            assert addresses(client.ask(byname(NAME))) == space.right
            assert addresses(client.ask(stay(byname(NAME)))) == first.right
    assert [kinds(space.answers) for space in two] == [["A"], ["A"]]


def test_nothing_is_stored_for_the_wrong_namespace(two):
    """For some milliseconds after setns(2) an answer may be the old namespace's; what is stored never is."""
    names = [f"n{number}.scripted.test" for number in range(150)]
    lookups = [byname(name) for name in names for _ in range(3)]
    with program() as client:
        client.ask(("enter", {"path": two[0].path}))
        answers = client.ask(("alternate", {"paths": [space.path for space in two], "lookups": lookups}))
    given = [addresses(answer) for answer in answers]
    assert all(answer in (two[0].right, two[1].right) for answer in given)
    for space in two:
        got = run([byname(name) for name in names], space.command())
        assert [addresses(answer) for answer in got] == [space.right] * len(names)


def test_nothing_is_stored_for_the_wrong_namespace_by_threads(two):
    """The same, with a thread in each that asks for the same names all the while."""
    names = [f"t{number}.scripted.test" for number in range(150)]
    lookups = [byname(name) for name in names for _ in range(3)]
    paths = [space.path for space in two]
    with program() as client:
        for thread, order in (("a", paths), ("b", paths[::-1])):
            client.ask(("begin", {"thread": thread, "call": ("alternate", {"paths": order, "lookups": lookups})}))
        for thread in "ab":
            given = [addresses(answer) for answer in client.ask(("end", {"thread": thread}))]
            assert all(answer in (two[0].right, two[1].right) for answer in given)
    for space in two:
        got = run([byname(name) for name in names], space.command())
        assert [addresses(answer) for answer in got] == [space.right] * len(names)


# -- A VPN: the same namespace, another address towards the server.

@pytest.fixture
def far(fresh):
    """A server behind a link, that answers by who asks; this side has two addresses."""
    link = f"v{next(_numbers)}"
    with contextlib.closing(Namespace()) as space:
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space.name)
        ip("address", "add", "10.9.0.1/24", "dev", link)
        ip("address", "add", "10.9.0.2/24", "dev", link)
        ip("link", "set", link, "up")
        space.ip("address", "add", "10.9.0.53/24", "dev", "eth0")
        space.ip("address", "add", "10.9.9.53/32", "dev", "lo")
        space.ip("link", "set", "eth0", "up")
        ip("route", "add", "10.9.9.53/32", "via", "10.9.0.53")
        space.link, space.net = link, fresh
        with space.server("10.9.9.53", lambda query: always("198.51.100" + query.peer[0][6:])(query)) as server:
            fresh.resolv_conf("nameserver 10.9.9.53\n")
            space.answers = server
            yield space
        ip("link", "delete", link)


def leave_from(far, number):
    ip("route", "replace", "10.9.9.53/32", "via", "10.9.0.53", "dev", far.link, "src", f"10.9.0.{number}")


def test_address_towards_the_server_is_a_view(far):
    """And when the VPN has gone, the old answers are there again."""
    for number in (1, 2, 1, 2):
        leave_from(far, number)
        assert addresses(run_one(byname(NAME))) == [f"198.51.100.{number}"]
    assert kinds(far.answers) == ["A", "A"]


def test_running_program_notices_a_vpn(far):
    with program() as client:
        for number in (1, 2, 1, 2):
            leave_from(far, number)
            client.ask(("next_tick", {}))
            assert addresses(client.ask(byname(NAME))) == [f"198.51.100.{number}"]
    assert kinds(far.answers) == ["A", "A"]


def test_vpn_that_comes_up_in_the_middle_of_a_lookup(far):
    """The answer to a question that went another way is given, and kept for nobody."""
    names = [f"n{number}.scripted.test" for number in range(40)]
    stop = threading.Event()

    def flap():
        for number in itertools.cycle((1, 2)):
            leave_from(far, number)
            if stop.is_set():
                return
    flapping = threading.Thread(target=flap)
    flapping.start()
    try:
        run([byname(name) for name in names for _ in range(3)])
    finally:
        stop.set()
        flapping.join()
    for number in (1, 2):
        leave_from(far, number)
        assert [addresses(answer) for answer in run([byname(name) for name in names])] == (
            [[f"198.51.100.{number}"]] * len(names))


@pytest.mark.parametrize("options, name, last", [
    ("single-request", NAME, "AAAA"), ("ndots:1\nsearch first.test second.test", "www", "A")],
    ids=["other-family", "next-candidate"])
def test_vpn_that_comes_up_between_two_questions(far, options, name, last):
    """The second one leaves from another address than the view says: what it learns is kept for nobody."""
    moving = []

    def handler(query):
        if moving:
            leave_from(far, moving.pop())
        if query.key.endswith(".first.test"):
            query.send(query.reply(rcode="NXDOMAIN"))
        else:
            number = query.peer[0][-1]
            query.send(query.reply(f"2001:db8:1::{number}" if query.type == "AAAA" else f"198.51.100.{number}"))
    far.answers.handler = handler
    far.net.resolv_conf(f"nameserver 10.9.9.53\noptions {options}\n")
    leave_from(far, 1)
    moving.append(2)
    lookup = gai(name) if last == "AAAA" else gai(name, "inet")
    run_one(lookup)
    for number in (1, 2):
        leave_from(far, number)
        right = [f"198.51.100.{number}"] + ([f"2001:db8:1::{number}"] if last == "AAAA" else [])
        assert addresses(run_one(lookup)) == right


def test_server_that_cannot_be_reached_is_a_view_too(far):
    """Without the route there is no answer, nor an old one; with it, the old ones are there again."""
    leave_from(far, 1)
    assert addresses(run_one(byname(NAME))) == ["198.51.100.1"]
    ip("route", "replace", "unreachable", "10.9.9.53/32")
    try:
        assert run_one(gai(NAME, "inet")) == {"error": "EAI_AGAIN"}
    finally:
        ip("route", "delete", "unreachable", "10.9.9.53/32")
    leave_from(far, 1)
    assert addresses(run_one(byname(NAME))) == ["198.51.100.1"]
    assert kinds(far.answers) == ["A"]


# -- Another resolv.conf.

def test_other_server_under_a_running_program(fresh):
    with scripted.Server(next_address(), always("198.51.100.1")) as one, \
         scripted.Server(next_address(), always("198.51.100.2")) as two:
        fresh.resolv_conf(f"nameserver {one.address}\n")
        with program() as client:
            for _ in range(3):
                for number, server in ((1, one), (2, two)):
                    fresh.resolv_conf(f"nameserver {server.address}\n")
                    assert addresses(client.ask(byname(NAME))) == [f"198.51.100.{number}"]
        assert (kinds(one), kinds(two)) == (["A"], ["A"])


def test_other_port_under_a_running_program(fresh):
    """By _res, as programs do."""
    address = next_address()
    fresh.resolv_conf(f"nameserver {address}\n")
    with scripted.Server(address, always("198.51.100.1")) as one, \
         scripted.Server(address, always("198.51.100.2"), port=5353) as two, program() as client:
        for _ in range(2):
            for number, port in ((1, 53), (2, 5353)):
                client.ask(("set_res", {"port": port}))
                assert addresses(client.ask(byname(NAME))) == [f"198.51.100.{number}"]
        assert (kinds(one), kinds(two)) == (["A"], ["A"])


def test_link_local_server_by_its_interface(fresh):
    """The same address on two links are two servers."""
    links = [f"v{next(_numbers)}" for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for number, link in enumerate(links, 1):
            space = stack.enter_context(contextlib.closing(Namespace()))
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space.name)
            for where, device, address in ((ip, link, "fe80::1"), (space.ip, "eth0", "fe80::53")):
                where("link", "set", device, "addrgenmode", "none")
                where("link", "set", device, "up")
                where("address", "add", f"{address}/64", "dev", device, "nodad")
            scope = space.inside(lambda: socket.if_nametoindex("eth0"))
            stack.enter_context(space.inside(
                lambda: scripted.Server("fe80::53", always(f"198.51.100.{number}"), scope=scope)))
        for _ in range(2):
            for number, link in enumerate(links, 1):
                fresh.resolv_conf(f"nameserver fe80::53%{link}\n")
                assert addresses(run_one(byname(NAME))) == [f"198.51.100.{number}"]
        for link in links:
            subprocess.run(["ip", "link", "delete", link], check=True)
