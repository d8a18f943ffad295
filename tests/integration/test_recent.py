"""A process that asks for the same name again and again, and what it must notice: whatever the answer is made of."""

import time

import pytest

import netns
import scripted
from cached import USER, Counted, as_user, asked_of, forget_all, kinds, next_address, run, run_one
from lookups import Client, byname, byname2, gai, ordered, set_res

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

NAME = "www.scripted.test"
MANY = [f"198.51.100.{number}" for number in range(1, 6)]


class Told:
    """A server whose answer can be changed."""

    def __init__(self, *addresses, ttl=300):
        self.addresses, self.ttl = list(addresses), ttl

    def __call__(self, query):
        data = self.addresses if query.type == "A" else ["2001:db8:1::1"] if query.type == "AAAA" else []
        reply = query.reply(*data)
        for rrset in reply.answer:
            rrset.ttl = self.ttl
        query.send(reply)


@pytest.fixture
def told(net):
    forget_all()
    net.hosts("127.0.0.1 localhost\n")
    told = Told("198.51.100.1")
    with scripted.Server(next_address(), told) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        told.server = server
        yield told


def ask_often(client, lookup, times=6):
    """The same answer each time; between them other names, so that what a thread looks at once a tick is looked at."""
    client.ask(gai("other.scripted.test", "inet"))
    answers = [ordered(client.ask(lookup)) for _ in range(times)]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def tick():
    """Until the kernel's coarse clock, of 100 Hz at the least, has gone on."""
    began = time.monotonic()
    while time.monotonic() - began < 0.011:
        pass


def addresses(answer):
    return answer["addrs"]


def test_asked_once(told):
    with Client() as client:
        assert addresses(ask_often(client, gai(NAME))) == ["198.51.100.1", "2001:db8:1::1"]
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
        assert addresses(ask_often(client, byname2(NAME, "inet6"))) == ["2001:db8:1::1"]
        assert ask_often(client, byname(NAME))["name"] == NAME
        assert ask_often(client, byname(NAME.upper()))["name"] == NAME.upper()
        assert ask_often(client, byname(NAME))["name"] == NAME
        assert ask_often(client, byname(NAME + "."))["name"] == NAME
    assert asked_of(told.server, NAME) == ["A", "AAAA"]


def test_every_address_comes_first(told):
    told.addresses = MANY
    with Client() as client:
        answers = [client.ask(byname(NAME))["addrs"] for _ in range(30)]
    assert {answer[0] for answer in answers} == set(MANY)
    assert all(sorted(answer) == MANY for answer in answers)
    assert all(one != other for one, other in zip(answers[5:], answers[6:]))


@pytest.mark.parametrize("lookup", [gai(NAME, "inet"), byname(NAME)], ids=["gai", "byname"])
def test_record_that_another_process_replaces(told, lookup):
    told.ttl = 1
    with Client() as client:
        assert addresses(ask_often(client, lookup)) == ["198.51.100.1"]
        told.addresses, told.ttl = ["198.51.100.2"], 300
        deadline = time.monotonic() + 30
        while addresses(run_one(lookup)) != ["198.51.100.2"]:  # its time is over, and this one stores the new one
            assert time.monotonic() < deadline
        assert addresses(ask_often(client, lookup)) == ["198.51.100.2"]


def test_cache_that_is_gone_or_new(told):
    with Client() as client:
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
        told.addresses = ["198.51.100.2"]
        forget_all()
        tick()
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.2"]


def test_hosts_that_gets_the_name_and_loses_it(told, net):
    with Client() as client:
        for _ in range(3):
            assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
            net.hosts(f"127.0.0.1 localhost\n203.0.113.1 {NAME}\n")
            tick()
            assert addresses(ask_often(client, gai(NAME, "inet"))) == ["203.0.113.1"]
            net.hosts("127.0.0.1 localhost\n")
            tick()
    assert asked_of(told.server, NAME) == ["A"]


def test_other_servers_in_resolv_conf_and_in_res(told, net):
    other = Told("198.51.100.9")
    with scripted.Server(next_address(), other) as server, Client() as client:
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
        net.resolv_conf(f"nameserver {server.address}\n")
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.9"]
        net.resolv_conf(f"nameserver {told.server.address}\n")
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
        net.resolv_conf(f"nameserver {told.server.address}\noptions no-aaaa\n")
        assert addresses(ask_often(client, gai(NAME))) == ["198.51.100.1"]
        net.resolv_conf(f"nameserver {told.server.address}\n")
        assert addresses(ask_often(client, gai(NAME))) == ["198.51.100.1", "2001:db8:1::1"]


def test_server_that_the_program_changes_in_res(told):
    """At once, whatever has been looked at in this tick of the clock."""
    other = Told("198.51.100.9")
    with scripted.Server(next_address(), other) as server, Client() as client:
        assert addresses(ask_often(client, gai(NAME, "inet"))) == ["198.51.100.1"]
        for _ in range(50):
            for address, answer in ((server.address, "198.51.100.9"), (told.server.address, "198.51.100.1")):
                client.ask(set_res(server=address))
                assert [addresses(client.ask(gai(NAME, "inet"))) for _ in range(3)] == [[answer]] * 3


def test_search_list_before_the_name_itself(told, net):
    """With ndots:2 the name goes through the list first; what was known of it as it is counts only behind that."""
    with Client() as client:
        assert addresses(ask_often(client, gai("a.test", "inet"))) == ["198.51.100.1"]
        told.addresses = ["198.51.100.7"]
        net.resolv_conf(f"nameserver {told.server.address}\nsearch list.test\noptions ndots:2\n")
        assert addresses(ask_often(client, gai("a.test", "inet"))) == ["198.51.100.7"]
    assert asked_of(told.server, "a.test") == asked_of(told.server, "a.test.list.test") == ["A"]


def test_user_is_answered_from_roots_and_own(told):
    told.addresses = ["198.51.100.1"]
    assert addresses(run_one(gai(NAME, "inet"))) == ["198.51.100.1"]
    told.addresses = ["198.51.100.2"]
    lookups = [gai(NAME, "inet")] * 5 + [gai("own.scripted.test", "inet")] * 5
    answers = [addresses(answer) for answer in run(lookups, as_user(USER))]
    assert answers == [["198.51.100.1"]] * 5 + [["198.51.100.2"]] * 5
    assert kinds(told.server) == ["A", "A"]


def test_hits_are_counted(told):
    with Client() as client:
        client.ask(gai(NAME))
        counted = Counted()
        for _ in range(10):
            client.ask(gai(NAME))
        assert counted() == {"hits": 20}
