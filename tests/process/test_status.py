"""What a program sees of each outcome, by all of glibc's calls and on the lines of nsswitch.conf that we recommend."""

import pytest

import scripted
from kinds import MANY, ONE4, ONE6, RECORDS
from programs import Client

OTHER4, OTHER6, OTHER_NAME = "198.18.9.9", "2001:db8:9::9", "other.test"
LINES = ["aiodns", "aiodns [!UNAVAIL=return] dns", "files aiodns [!UNAVAIL=return] dns"]
HOWS = ["gai", "gai4", "gai6", "canon", "canon4", "canon6", "byname", "byname6", "byaddr", "nameinfo"]


def by_family(four, six, name, how):
    """What `how` makes of a name's addresses, or of an address's name."""
    if how in ("byaddr", "nameinfo"):
        return name
    addresses = four if how in ("gai4", "canon4", "byname") else six if how.endswith("6") else f"{four} {six}"
    return f"{name}: {addresses}" if how.startswith("canon") else addresses


def of_calls(gai, byname, **exceptions):
    """An error as getaddrinfo tells it, as gethostbyname_r and gethostbyaddr_r do, and calls that differ."""
    return lambda how: exceptions.get(how, byname if how.startswith("by") else gai)


def found(how):
    return by_family(ONE4, ONE6, "one.test", how)


def found_many(how):
    name = "many.test" if how.startswith("canon") else "one.test"
    return by_family(" ".join(sorted(MANY["A"])), " ".join(sorted(MANY["AAAA"])), name, how)


def other(name):
    return lambda how: by_family(OTHER4, OTHER6, OTHER_NAME if how in ("byaddr", "nameinfo") else name, how)


SERVER = "127.0.3.2"
NO_NAME = of_calls("EAI_NONAME", "HOST_NOT_FOUND")
AGAIN = of_calls("EAI_AGAIN", "TRY_AGAIN EAGAIN")
NOT_OURS = "what glibc makes of it"

# By name: what happens to the process, the name and the address that are asked for, what there is to see, and what
# where `dns` comes next. That one's queries are answered otherwise: whether it is asked shows in the answer.
ROWS = {
    "success": ([], "one.test", "198.18.1.1", found, found),
    "larger buffer": ([], "many.test", "198.18.1.1", found_many, found_many),
    "no such name": ([], "nowhere.test.", "198.18.1.3", NO_NAME, NO_NAME),
    "no data": ([], "empty.test.", "198.18.1.5", of_calls("EAI_NODATA", "NO_DATA", nameinfo="EAI_NONAME"),
                None),
    "servers failed": ([], "servfail.test.", "198.18.1.4", AGAIN, AGAIN),
    "no descriptors": (["spare 0"], "one.test", "198.18.1.1", of_calls("EAI_SYSTEM EMFILE", "NETDB_INTERNAL EMFILE"),
                       None),
    "no sockets here": (["refuse socket"], "one.test", "198.18.1.1", AGAIN, NOT_OURS),
    "cannot work here": (["refuse getrandom,open"], "one.test", "198.18.1.1", AGAIN, other("one.test")),
    # UNAVAIL at the end of the line: gethostbyname_r returns errno, of which getaddrinfo makes this for IPv4 alone.
    "not mine": ([], "printer.local", None, of_calls("EAI_NONAME", "HOST_NOT_FOUND ENOENT", gai4="EAI_NODATA"),
                 other("printer.local")),
}


known = scripted.records(RECORDS | {"empty.test": {"TXT": []}, "5.1.18.198.in-addr.arpa": {"TXT": []}})


def answer_by_service(query):
    """By the size that glibc names with the option edns0; ours names another, or none."""
    if query.message.payload == 1200:
        query.send(query.reply({"A": OTHER4, "AAAA": OTHER6, "PTR": OTHER_NAME + "."}[query.type]))
    else:
        known(query)


@pytest.fixture(scope="module")
def distinguishing(net):
    with scripted.Server(SERVER, answer_by_service) as server:
        net.resolv_conf(f"nameserver {SERVER}\noptions edns0\n")
        net.hosts("127.0.0.1 localhost\n")
        yield server


@pytest.mark.parametrize("row, line", [(row, line) for row in ROWS for line in LINES
                                       if ROWS[row][-1] != NOT_OURS or line == LINES[0]])
def test_status(net, distinguishing, request, row, line):
    before, name, address, alone, followed = ROWS[row]
    if before:
        request.getfixturevalue("asks")
    net.service(line)
    wanted = followed if followed and line != LINES[0] else alone
    seen = {}
    with Client() as client:
        assert client.ask("gai4", "one.test") == ONE4  # all is loaded, whatever is refused from now on
        for command in before:
            assert client.ask(*command.split()) == "done"
        for how in HOWS:
            what = address if how in ("byaddr", "nameinfo") else name
            if what:
                seen[how] = client.ask(how, what)
    assert seen == {how: wanted(how) for how in seen}
