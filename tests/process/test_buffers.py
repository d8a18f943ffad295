"""Every buffer length and alignment, for every entry point."""

import pytest

import programs
import scripted
from programs import addresses, run

NAMES = ["198.18.1.1", "2001:db8:1::1"]
MANY = 200

RECORDS = {
    "one.test": addresses(1),
    "many.test": addresses(MANY),
    "1.1.18.198.in-addr.arpa": {"PTR": ["one.test."]},
    "2.1.18.198.in-addr.arpa": {"PTR": [f"name-{n}.test." for n in range(MANY)]},
    "1." + "0." * 19 + "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["one.test."]},
}


@pytest.fixture(scope="module", autouse=True)
def server(net):
    with scripted.Server("127.0.3.1", programs.remembering(scripted.records(RECORDS))) as server:
        net.resolv_conf("nameserver 127.0.3.1\n")
        yield server


def hosts(count):
    both = addresses(count)
    return "".join(f"{address} host.test\n" for address in both["A"] + both["AAAA"])


def test_every_length_from_a_server(net, server):
    net.hosts("")
    run("buffers", "every", "one.test", 1)
    assert server.queries


@pytest.mark.parametrize("address", NAMES)
def test_every_length_of_a_reverse_answer_from_a_server(net, address):
    net.hosts("")
    run("buffers", "every", address, 1)


def test_every_length_from_the_hosts_file(net):
    net.hosts(hosts(1))
    run("buffers", "every", "host.test", 1)


@pytest.mark.parametrize("address", NAMES)
def test_every_length_of_a_reverse_answer_from_the_hosts_file(net, address):
    net.hosts(f"{address} host.test alias.test short\n")
    run("buffers", "every", address, 3)


def test_200_addresses_from_a_server(net, server):
    net.hosts("")
    run("buffers", "ends", "many.test", MANY)
    assert any(query.tcp for query in server.queries)


def test_200_names_of_an_address_from_a_server(net):
    """The first one counts."""
    net.hosts("")
    run("buffers", "every", "198.18.1.2", 1)


def test_200_addresses_from_the_hosts_file(net):
    net.hosts(hosts(MANY))
    run("buffers", "ends", "host.test", MANY)


def test_200_names_of_an_address_from_the_hosts_file(net):
    net.hosts("198.18.1.2 " + " ".join(f"name-{n}.test" for n in range(MANY)) + "\n")
    run("buffers", "ends", "198.18.1.2", MANY)
