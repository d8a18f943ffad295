"""docs/system-calls.md is right: which system calls a lookup makes, how many of each, and which glibc's nss_dns makes.

Lookups go straight to the functions of the module and of nss_dns, in calls.c under strace(1), so that what glibc does
around them is not in the way. Where the page is wrong the failure shows the words that would be right; numbers and kinds are
put right in the page itself if AIODNS_REWRITE is set.
"""

import collections
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

import netns
import scripted

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/system-calls.md"
CALLS = pathlib.Path(os.environ.get("AIODNS_CALLS", TOP / "build/dev/tests/integration/integration_calls"))
MARKER = re.compile(r"close\(-4242\) ")
TRIES = 5  # a machine that is busy just then sends a query twice
HUNG = 60

SERVER, SILENT, CLOSED = "127.0.3.1", "127.0.3.2", "127.0.3.3"
SETTLED = 0.1  # seconds: a hosts file that is younger is read at each lookup; resolver/filter.h

ADDRESSES = {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"]}
RECORDS = {
    "one.test": ADDRESSES,
    "host.c.test": ADDRESSES,
    "host.h.test": ADDRESSES,
    "big.test": {"A": ["198.51.100.1"]},
    "1.100.51.198.in-addr.arpa": {"PTR": ["one.test."]},
}
HOSTS = "127.0.0.1 localhost\n192.0.2.1 near.test\n"
ONE = ("inet", "one.test", "SUCCESS")


class Kind:
    """A kind of lookup, and where it happens. The last lookup is looked at; the ones before have warmed it up."""

    def __init__(self, *lookups, hosts=HOSTS, servers=(SERVER,), more="", inject=None, aliases=False, dns=True,
                 waits=False, allocates=False):
        self.lookups, self.hosts, self.servers, self.more = lookups, hosts, servers, more
        self.inject, self.aliases = inject, aliases  # what strace makes fail; whether HOSTALIASES is set
        self.dns = dns  # whether nss_dns is asked, too
        self.waits, self.allocates = waits, allocates


def twice(*lookup, **where):
    return Kind(lookup, lookup, **where)


KINDS = {
    "first": Kind(ONE),
    "one": twice(*ONE),
    "both": twice("both", "one.test", "SUCCESS"),
    "reverse": twice("addr", "198.51.100.1", "SUCCESS"),
    "nobody": twice("inet", "nobody.test.", "NOTFOUND"),
    "search": twice("inet", "host", "SUCCESS", more="search a.test b.test c.test\n"),
    "long-search": twice("inet", "host", "SUCCESS", more="search " + " ".join(f"{c}.test" for c in "abdefgh") + "\n"),
    "alias": twice("inet", "nick", "SUCCESS", aliases=True),
    "tcp": twice("inet", "big.test", "SUCCESS", allocates=True),
    "silent": twice(*ONE, servers=(SILENT, SERVER), more="options timeout:1\n", waits=True),
    "refusing": twice(*ONE, servers=(CLOSED, SERVER)),
    "small-buffer": twice("inet-small", "one.test", "SUCCESS"),
    "no-streams": Kind(ONE, ("closed", "-", "-"), ONE),
    "no-getrandom": twice(*ONE, inject="getrandom:error=ENOSYS"),
    "hosts": twice("inet", "near.test", "SUCCESS", dns=False),
    "hosts-long-line": twice("inet", "near.test", "SUCCESS", dns=False,
                             hosts="192.0.2.1 " + " ".join(f"n{i}.test" for i in range(1000)) + " near.test\n"),
    "special": twice("inet", "host.localhost", "SUCCESS", dns=False),
}

# Names of system calls that differ between processors and releases of glibc.
SAME = {"ppoll": "poll", "open": "openat", "send": "sendto", "recv": "recvfrom", "fcntl64": "fcntl",
        "newfstatat": "stat", "fstatat64": "stat", "statx": "stat", "lstat": "stat", "_llseek": "lseek"}
MEMORY = {"brk", "mmap", "munmap", "mremap", "madvise", "mprotect"}


class Call:
    def __init__(self, line):
        name = line.partition("(")[0]
        by_descriptor = name == "fstat" or name.startswith(("newfstatat", "fstatat", "statx")) and "AT_EMPTY_PATH" in line
        self.name = "fstat" if by_descriptor else SAME.get(name, name)
        self.line = line


def between_markers(lines):
    """The calls of each lookup."""
    lookups, inside = [], False
    for line in lines:
        if MARKER.match(line):
            inside = not inside
            if inside:
                lookups.append([])
        elif inside and not line.startswith(("---", "+++")):
            lookups[-1].append(Call(line))
    return lookups


@pytest.fixture(scope="module")
def servers(net):
    def handler(query):
        reply = query.reply(*RECORDS.get(query.key, {}).get(query.type, []),
                            rcode="NOERROR" if query.key in RECORDS else "NXDOMAIN")
        if query.key == "big.test" and not query.tcp:
            reply.flags |= scripted.dns.flags.TC
        query.send(reply)

    aliases = net.folder / "aliases"
    aliases.write_text("nick one.test\n")
    with scripted.Server(SERVER, handler) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((SILENT, 53))
        server.aliases = aliases
        yield server


def write_files(net, kind):
    net.hosts(kind.hosts)
    net.resolv_conf("".join(f"nameserver {server}\n" for server in kind.servers) + kind.more)
    while time.time() < os.stat("/etc/hosts").st_ctime + SETTLED:
        pass


def trace(net, server, service, kind):
    """The calls of the last lookup. Again where a query was repeated, as happens on a machine that is busy."""
    out = net.folder / "strace"
    inject = ["-e", f"inject={kind.inject}"] if kind.inject else []
    env = {"PATH": os.environ["PATH"], **({"HOSTALIASES": str(server.aliases)} if kind.aliases else {})}
    lookups = [word for lookup in kind.lookups for word in lookup]
    for _ in range(TRIES):
        done = subprocess.run(["strace", "-qq", "-y", "-s", "64", "-o", out, *inject, CALLS, service, *lookups],
                              env=env, stderr=subprocess.PIPE, text=True, timeout=HUNG)
        assert done.returncode == 0, f"{service}: status {done.returncode}: {done.stderr}"
        calls = between_markers(out.read_text().splitlines())[-1]
        if kind.waits or not any(call.name == "poll" and "Timeout" in call.line for call in calls):
            break
    # glibc asks for this before any service, and again in nss_dns when it is called by hand.
    return [call for call in calls if not (call.name == "stat" and '"/etc/resolv.conf"' in call.line)
            and not (kind.allocates and call.name in MEMORY)]


@pytest.fixture(scope="module")
def traces(net, servers):
    """Per service and kind."""
    if netns.SERVICE != "aiodns":
        pytest.skip("about the module")
    traced = {"aiodns": {}, "dns": {}}
    for name, kind in KINDS.items():
        write_files(net, kind)
        traced["aiodns"][name] = trace(net, servers, "aiodns", kind)
        if kind.dns:
            traced["dns"][name] = trace(net, servers, "dns", kind)
    return traced


# -- The page

def tables():
    """By the first word of their heads, the rows of each table as lists of cells."""
    found, rows = {}, None
    for line in PAGE.read_text().splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if rows is None:
            rows = found[cells[0]] = []
        elif not set(line) <= set("|-"):
            rows.append(cells)
    return found


TABLES = tables()
COUNTS = {row[0]: {"aiodns": row[2], "dns": row[3]} for row in TABLES["kind"]}
VERSION = re.search(r"nss_dns of glibc ([0-9]+[.][0-9]+)", PAGE.read_text()).group(1)


class Row:
    """Of the table of calls."""

    def __init__(self, call, arguments, _why, kinds, dns):
        self.call, self.dns, self.cells = call, dns, [call, arguments]
        self.arguments = re.findall("`([^`]*)`", arguments)
        named = kinds.removeprefix("all but ").split()
        assert set(named) <= set(KINDS), f"{call} {arguments}: no such kinds: {set(named) - set(KINDS)}"
        self.kinds = set(KINDS) - set(named) if kinds.startswith("all but ") else set(named)

    def is_of(self, call):
        return self.call == call.name and all(words in call.line for words in self.arguments)

    def __repr__(self):
        return f"{self.call} {' '.join(self.arguments)}".strip()


ROWS = [Row(*cells) for cells in TABLES["call"]]
OURS = [row for row in ROWS if row.dns != "only"]


def counted(calls):
    """In the order in which they first come."""
    return ", ".join(f"{number} {name}" if number > 1 else name
                     for name, number in collections.Counter(call.name for call in calls).items())


def as_counts(text):
    """{name: (least, most)}"""
    counts = {}
    for item in text.split(", "):
        number, _, name = item.rpartition(" ")
        least, _, most = (number or "1").partition("-")
        counts[name] = int(least), int(most or least)
    return counts


def is_within(calls, text):
    """A number may be a range, where it depends on which of two replies is first."""
    found, wanted = collections.Counter(call.name for call in calls), as_counts(text)
    return found.keys() == wanted.keys() and all(least <= found[name] <= most
                                                  for name, (least, most) in wanted.items())


def rewrite(first_cells, column, text):
    """Puts a cell of the page right, if that is wanted."""
    if not os.environ.get("AIODNS_REWRITE"):
        return
    lines = PAGE.read_text().split("\n")
    [at] = [i for i, line in enumerate(lines) if line.startswith("| " + " | ".join(first_cells) + " |")]
    cells = lines[at].split("|")
    cells[1 + column] = f" {text} "
    lines[at] = "|".join(cells)
    PAGE.write_text("\n".join(lines))


def check_numbers(name, service, calls):
    text = COUNTS[name][service]
    if is_within(calls, text):
        return
    rewrite([name], 2 if service == "aiodns" else 3, counted(calls))
    pytest.fail(f"{name}: the page says `{text}`, {service} makes `{counted(calls)}`", pytrace=False)


def needs_version():
    found = os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    if found != VERSION:
        pytest.skip(f"the page is about nss_dns of glibc {VERSION}, this one is {found}")


def test_page_has_every_kind():
    assert list(COUNTS) == list(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_numbers(traces, name):
    check_numbers(name, "aiodns", traces["aiodns"][name])


@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].dns])
def test_numbers_of_nss_dns(traces, name):
    needs_version()
    check_numbers(name, "dns", traces["dns"][name])


@pytest.mark.parametrize("name", KINDS)
def test_every_call_is_listed(traces, name):
    unlisted = [call.line for call in traces["aiodns"][name]
                if not any(row.is_of(call) and name in row.kinds for row in OURS)]
    assert not unlisted, "\n".join(["not in the page, or not for this kind:", *unlisted])


@pytest.mark.parametrize("row", OURS, ids=str)
def test_every_listed_call_is_made(traces, row):
    made = {name for name, calls in traces["aiodns"].items() if any(row.is_of(call) for call in calls)}
    if made != row.kinds:
        few = made if len(made) <= len(KINDS) / 2 else set(KINDS) - made
        right = ("" if few == made else "all but ") + " ".join(name for name in KINDS if name in few)
        rewrite(row.cells, 3, right)
        pytest.fail(f"{row}: its kinds are `{right}`", pytrace=False)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_nss_dns_does(traces, row):
    needs_version()
    made = any(row.is_of(call) for calls in traces["dns"].values() for call in calls)
    assert row.dns == ("no" if not made else "yes" if row in OURS else "only")


def test_every_call_of_nss_dns_is_listed(traces):
    needs_version()
    unlisted = {call.line for calls in traces["dns"].values() for call in calls
                if not any(row.is_of(call) for row in ROWS if row.dns != "no")}
    assert unlisted == set()


def test_filters_are_told_every_call():
    """The table for seccomp filters has the calls of the other one, and those that no trace can show."""
    unseen = {"clock_gettime"} | MEMORY
    assert {name for row in TABLES["allow"] for name in row[0].split()} == {row.call for row in OURS} | unseen
