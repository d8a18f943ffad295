"""docs/system-calls.md is right: which system calls a lookup makes, how many of each, and which glibc's nss_dns makes.

Lookups go straight to the functions of the module and of nss_dns, in calls.c under strace(1), so that what glibc does
around them is not in the way. Where the page is wrong the failure shows the words that would be right; numbers and kinds are
put right in the page itself if AIODNS_REWRITE is set.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import netns
import scripted

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/system-calls.md"
CALLS = pathlib.Path(os.environ.get("AIODNS_CALLS", TOP / "build/dev/tests/integration/integration_calls"))
MARKER = re.compile(r"close\(-4242\) ")
TRIES = 20  # a machine that is busy just then sends a query twice, or is late for the tick of its clock
TOO_SLOW = 3
MS_REMOUNT = 32
USER = 12345
HUNG = 60

SERVER, SILENT, CLOSED = "127.0.3.1", "127.0.3.2", "127.0.3.3"
DISTANT = netns.ADDRESS4  # another machine, as far as it can be told
SETTLED = 0.1  # seconds: a hosts file that is younger is read at each lookup; resolver/filter.h

ADDRESSES = {"A": ["198.51.100.1"], "AAAA": ["2001:db8:1::1"]}
RECORDS = {
    "one.test": ADDRESSES,
    "once.test": ADDRESSES,
    "slow.test": ADDRESSES,
    "host.c.test": ADDRESSES,
    "host.h.test": ADDRESSES,
    "big.test": {"A": ["198.51.100.1"]},
    "1.100.51.198.in-addr.arpa": {"PTR": ["one.test."]},
}
HOSTS = "127.0.0.1 localhost\n192.0.2.1 near.test\n"
ONE = ("inet", "one.test", "SUCCESS")
ONCE = ("inet", "once.test", "SUCCESS")  # its TTL is 0: never a hit
SLOW = ("inet", "slow.test", "SUCCESS")  # answered when the test says so
TICK, STILL = ("tick", "-", "-"), ("still", "-", "-")


class Kind:
    """A kind of lookup, and where it happens. The last lookup is looked at; the ones before have warmed it up."""

    def __init__(self, *lookups, hosts=HOSTS, servers=(SERVER,), more="", inject=None, aliases=False, dns=True,
                 waits=False, allocates=False, cache=None, user=False, settings=None):
        self.lookups, self.hosts, self.servers, self.more = lookups, hosts, servers, more
        self.inject, self.aliases = inject, aliases  # what strace makes fail; whether HOSTALIASES is set
        self.dns = dns  # whether nss_dns is asked, too
        self.waits, self.allocates, self.settings = waits, allocates, settings
        # None: there is no place for one. NONE: nobody has made it. Else what is looked up before, by another process.
        self.cache, self.user = cache, user

    @property
    def is_of_root(self):
        """In a user namespace / is not root's, and no cache of the host is believed."""
        return self.cache is not None


NONE = ()


def twice(*lookup, **where):
    """In another tick, in which the module looks again at what it knows."""
    return Kind(lookup, TICK, lookup, **where)


LARGE = "".join(f"198.51.100.{i % 250} n{i}.test\n" for i in range(1000)) + "192.0.2.1 near.test\n"
KINDS = {
    "first": Kind(ONE),
    "one": twice(*ONE),
    "distant": twice(*ONE, servers=(DISTANT,)),
    "settings": Kind(ONE, settings=f"attempt 5s {SERVER}\n", dns=False),
    "both": twice("both", "one.test", "SUCCESS"),
    "reverse": twice("addr", "198.51.100.1", "SUCCESS"),
    "nobody": twice("inet", "nobody.test.", "NOTFOUND"),
    "no-dots": twice("inet", "nobody", "NOTFOUND", more="search a.test\n"),
    "no-dots-first": Kind(ONE, TICK, ("inet", "nobody", "NOTFOUND"), more="search a.test\n"),
    "search": twice("inet", "host", "SUCCESS", more="search a.test b.test c.test\n"),
    "long-search": twice("inet", "host", "SUCCESS", more="search " + " ".join(f"{c}.test" for c in "abdefgh") + "\n"),
    "alias": twice("inet", "nick", "SUCCESS", aliases=True),
    "tcp": twice("inet", "big.test", "SUCCESS", allocates=True),
    "silent": twice(*ONE, servers=(SILENT, SERVER), more="options timeout:1\n", waits=True),
    "refusing": twice(*ONE, servers=(CLOSED, SERVER)),
    "small-buffer": twice("inet-small", "one.test", "SUCCESS"),
    "no-streams": Kind(ONE, ("closed", "-", "-"), TICK, ONE),
    "no-getrandom": twice(*ONE, inject="getrandom:error=ENOSYS"),
    "hosts": twice("inet", "near.test", "SUCCESS", dns=False),
    "hosts-long-line": twice("inet", "near.test", "SUCCESS", dns=False,
                             hosts="192.0.2.1 " + " ".join(f"n{i}.test" for i in range(1000)) + " near.test\n"),
    "indexed": twice("inet", "near.test", "SUCCESS", cache=("inet", "near.test", "SUCCESS"), dns=False, hosts=LARGE),
    "special": twice("inet", "host.localhost", "SUCCESS", dns=False),
    "hit": twice(*ONE, cache=ONE, dns=False),
    "hit-same-tick": Kind(ONE, TICK, ONE, ONE, STILL, cache=ONE, dns=False),
    "hit-first": Kind(ONE, cache=ONE, dns=False),
    "miss": twice(*ONCE, cache=ONE, dns=False),
    "miss-both": twice("both", "once.test", "SUCCESS", cache=ONE, dns=False),
    "miss-first": Kind(ONCE, cache=ONE, dns=False),
    "wait": Kind(ONE, TICK, SLOW, cache=ONE, dns=False),
    "make": Kind(ONE, cache=NONE, dns=False),
    "user-make": Kind(ONE, cache=NONE, user=True, dns=False),
    "user-miss": twice(*ONCE, cache=ONE, user=True, dns=False),
}

# Names of system calls that differ between processors and releases of glibc.
SAME = {"ppoll": "poll", "open": "openat", "send": "sendto", "recv": "recvfrom", "fcntl64": "fcntl",
        "newfstatat": "stat", "fstatat64": "stat", "statx": "stat", "lstat": "stat", "_llseek": "lseek"}
MEMORY = {"brk", "mmap", "munmap", "mremap", "madvise", "mprotect"}


# A tier's files have the names that the host's have, wherever they are.
TIER_NAMES = [(re.compile(r"/dev/shm/aiodns\.\d+\.(claims|counters)\.1"), r"/run/aiodns/\1.1"),
              (re.compile(r"/dev/shm/aiodns\.\d+\.1"), "/run/aiodns/cache.1")]


class Call:
    def __init__(self, line):
        for pattern, name in TIER_NAMES:
            line = pattern.sub(name, line)
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
        if query.key == "once.test":
            for rrset in reply.answer:
                rrset.ttl = 0
        if query.key == "slow.test":
            held.append((query, reply))
        else:
            query.send(reply)

    held = []

    aliases = net.folder / "aliases"
    aliases.write_text("nick one.test\n")
    with (scripted.Server(SERVER, handler) as server, scripted.Server(DISTANT, handler),
          socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent):
        silent.bind((SILENT, 53))
        server.aliases, server.held = aliases, held
        server.calls = shutil.copy(CALLS, net.new_folder("calls"))  # the build may be where other users cannot go
        yield server


def write_files(net, kind):
    net.hosts(kind.hosts)
    net.settings(kind.settings)
    net.resolv_conf("".join(f"nameserver {server}\n" for server in kind.servers) + kind.more)
    while time.time() < os.stat("/etc/resolv.conf").st_ctime + SETTLED:
        pass


def forget():
    """All that processes of former kinds have left."""
    shutil.rmtree("/run/aiodns", ignore_errors=True)
    for file in pathlib.Path("/dev/shm").glob("aiodns.*"):
        file.unlink()


@contextlib.contextmanager
def asking_elsewhere(server, command, env, out):
    """Another process asks, and gets its answer once the one that strace looks at waits for it."""
    server.held.clear()
    with subprocess.Popen([*command, "aiodns", *SLOW], env=env) as other:
        while not server.held:
            assert other.poll() is None
        out.write_text("")

        def answer():
            """The lock is not to be had, and it has paused once."""
            while "FUTEX_WAIT" not in out.read_text():
                if done.is_set():
                    return
            query, reply = server.held[0]
            query.send(reply)

        done = threading.Event()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            other.kill()


def trace_once(net, server, service, kind):
    out = net.folder / "strace"
    inject = ["-e", f"inject={kind.inject}"] if kind.inject else []
    env = {"PATH": os.environ["PATH"], **({"HOSTALIASES": str(server.aliases)} if kind.aliases else {})}
    command = [*(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"] if kind.user else []),
               server.calls]
    forget()
    if kind.cache:
        subprocess.run([*command, service, *kind.cache], env=env, check=True, timeout=HUNG)
    waits = asking_elsewhere(server, command, env, out) if SLOW in kind.lookups else contextlib.nullcontext()
    with waits:
        done = subprocess.run(["strace", "-qq", "-y", "-s", "64", "-o", out, *inject, *command, service,
                               *(word for lookup in kind.lookups for word in lookup)],
                              env=env, stderr=subprocess.PIPE, text=True, timeout=HUNG)
    assert done.returncode in (0, TOO_SLOW), f"{service}: status {done.returncode}: {done.stderr}"
    return done.returncode, between_markers(out.read_text().splitlines())[-1]


def trace(net, server, service, kind):
    """The calls of the last lookup. Again where a query was repeated, as happens on a machine that is busy."""
    for _ in range(TRIES):
        status, calls = trace_once(net, server, service, kind)
        if status == 0 and (kind.waits or SLOW in kind.lookups or
                            not any(call.name == "poll" and "Timeout" in call.line for call in calls)):
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
        if kind.is_of_root and not netns.IS_ROOT:
            continue
        if kind.cache is not None:  # from here on all have a place for it
            for folder, mode in (("/run", "0755"), ("/dev/shm", "1777")):
                netns.mount("tmpfs", folder, "tmpfs", MS_REMOUNT, f"mode={mode},size=64m")
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
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
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
        self.by_chance = set(re.findall(r"(\S+)\?", kinds))  # a kind that makes it at some times and at others not
        named = kinds.removeprefix("all but ").replace("?", "").split()
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
                     for name, number in collections.Counter(call.name for call in calls).items()) or "-"


def as_counts(text):
    """{name: (least, most)}"""
    counts = {}
    for item in text.split(", ") if text != "-" else []:
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
    first_cells = [cell.replace("|", "\\|") for cell in first_cells]
    start = " | ".join(["", *first_cells, ""]).replace("  ", " ").lstrip()
    [at] = [i for i, line in enumerate(lines) if line.startswith(start)]
    cells = re.split(r"(?<!\\)\|", lines[at])
    cells[1 + column] = f" {text} "
    lines[at] = "|".join(cells)
    PAGE.write_text("\n".join(lines))


def check_numbers(name, service, calls):
    text = COUNTS[name][service]
    if is_within(calls, text):
        return
    if "-" in text and len(text) > 1:
        pytest.fail(f"{name}: not within `{text}`: `{counted(calls)}`", pytrace=False)
    rewrite([name], 2 if service == "aiodns" else 3, counted(calls))
    pytest.fail(f"{name}: the page says `{text}`, {service} makes `{counted(calls)}`", pytrace=False)


def needs_version():
    found = os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    if found != VERSION:
        pytest.skip(f"the page is about nss_dns of glibc {VERSION}, this one is {found}")


def test_page_has_every_kind():
    assert list(COUNTS) == list(KINDS)


@pytest.fixture
def of_root(request, traces):
    if request.getfixturevalue("name") not in traces["aiodns"]:
        pytest.skip("the cache of the host: needs root outside of a user namespace")


@pytest.mark.parametrize("name", KINDS)
def test_numbers(traces, name, of_root):
    check_numbers(name, "aiodns", traces["aiodns"][name])


@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].dns])
def test_numbers_of_nss_dns(traces, name):
    needs_version()
    check_numbers(name, "dns", traces["dns"][name])


@pytest.mark.parametrize("name", KINDS)
def test_every_call_is_listed(traces, name, of_root):
    unlisted = [call.line for call in traces["aiodns"][name]
                if not any(row.is_of(call) and name in row.kinds for row in OURS)]
    assert not unlisted, "\n".join(["not in the page, or not for this kind:", *unlisted])


@pytest.mark.parametrize("row", OURS, ids=str)
def test_every_listed_call_is_made(traces, row):
    made = {name for name, calls in traces["aiodns"].items() if any(row.is_of(call) for call in calls)}
    if made - row.by_chance != (row.kinds & traces["aiodns"].keys()) - row.by_chance:
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
    unseen = {"clock_gettime", "getpid", "readlinkat", "tgkill", "unlinkat"} | MEMORY
    assert {name for row in TABLES["allow"] for name in row[0].split()} == {row.call for row in OURS} | unseen
