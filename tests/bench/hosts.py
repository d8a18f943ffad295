#!/usr/bin/python3
"""What large hosts files and block lists cost: beside nss_files, dnsmasq and unbound with the same names.

Everything happens in a network and a mount namespace of its own, which root alone can have with a cache in it. Each
side is a world: a mount namespace with a hosts line, /etc/hosts and aiodns.conf of its own, and a client
(hosts_client.c) that lives through the run. Sides take turns. Answers are compared with what is right before anything
is timed; the exit status says whether all were. Times are shown with the bounds that they are meant to keep, never
judged.

A miss is a name in `invalid` that no hosts file has: it is nowhere for both, and no server is asked (RFC 6761).
"""

import argparse
import ctypes
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import netns  # noqa: E402
from hosts_servers import CACHED_ADDRESS, CACHED_NAME, UPSTREAM, Peer, Server, peers  # noqa: E402
from hosts_world import World, Wrong  # noqa: E402

SKIPPED = 77  # as ctest wants it
INDEX = "run/aiodns/index.1"
MISS = "nobody.invalid"
SETTLED_S = 0.1
SLOW_US = 1000  # without an index a hit reads the whole list
TRIES = 3  # processes that may make the index
CHOSEN = 1000  # names that are looked up at random


# ---- Measuring

class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.client = options.client
        self.rows, self.bounds = [], []

    def effort(self, world, kind, name):
        """As many lookups in a row as take a part of the time that a cell may."""
        once = max(world.run(kind, name, 1)[0], 0.1)
        once = min(once, max(world.run(kind, name, 3)[0], 0.1))
        return max(1, min(2000, int(self.options.cell_s * 1e6 / (2 * self.options.rounds) / once)))

    def pair(self, one, other, measure):
        """Of each column: the median of either side and the median of the rounds' ratios. Turns are A B B A."""
        found, ratios = ([], []), []
        for _ in range(self.options.rounds):
            for side in (0, 1, 1, 0):
                found[side].append(measure((one, other)[side], side))
            ours, theirs = ([sum(column) for column in zip(*side[-2:])] for side in found)
            ratios.append([our / their for our, their in zip(ours, theirs)])
        ours, theirs = ([statistics.median(column) for column in zip(*side)] for side in found)
        return list(zip(ours, theirs, (statistics.median(column) for column in zip(*ratios))))

    def lookups(self, one, other, kind, *names):
        """Time of a lookup; each side may have a name of its own."""
        names = names * 2
        count = [self.effort(world, kind, name) for world, name in zip((one, other), names)]
        return self.pair(one, other, lambda world, side: world.run(kind, names[side], count[side]))[0]

    def firsts(self, one, other, kind, *names):
        """Time of the first lookup of new processes, and of these as a whole."""
        names = names * 2
        part_us = self.options.cell_s * 1e6 / (2 * self.options.rounds)
        count = [max(1, min(20, int(part_us / world.first(kind, name, 1)[1])))
                 for world, name in zip((one, other), names)]
        return self.pair(one, other, lambda world, side: world.first(kind, names[side], count[side]))[:2]

    def row(self, name, shows, ours, other, ratio=None, *, unit="us", against="nss_files", note=""):
        if ratio is None and ours is not None and other:
            ratio = ours / other
        self.rows.append({"row": name, "shows": shows, "unit": unit, "ours": ours, "against": against, "other": other,
                          "ratio": ratio, "note": note})
        if not self.options.json:
            text = [f"{value:12.3f}" if value is not None else f"{'-':>12}" for value in (ours, other, ratio)]
            print(f"{name:<20} {shows:<38} {text[0]} {text[1]} {unit:<5} {against:<16} {text[2]}  {note}", flush=True)

    def title(self, text):
        if not self.options.json:
            print(f"\n{text}\n{'':<59} {'ours':>12} {'other':>12} {'':<5} {'against':<16} {'ratio':>12}")

    def bound(self, shows, value, limit, unit=""):
        self.bounds.append({"bound": shows, "value": value, "limit": limit, "unit": unit,
                            "met": None if value is None else value <= limit})

    def show_bounds(self):
        if self.options.json or not self.bounds:
            return
        print("\nbounds")
        for bound in self.bounds:
            value = "not measured" if bound["value"] is None else f"{bound['value']:.3f} {bound['unit']}"
            met = {None: "", True: "met", False: "missed"}[bound["met"]]
            print(f"{bound['bound']:<72} {value:>16}  <= {bound['limit']:<8g} {met}")


# ---- Hosts files

def host(number):
    return f"host{number}.lan.example", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def write_hosts(path, lines):
    with open(path, "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
        for number in range(2, lines):
            name, address = host(number)
            file.write(f"{address}\t{name} host{number}\n")


def settle(*paths):
    """Until the files are as old as the module wants them to be before it keeps what it has read."""
    newest = max(os.stat(path).st_ctime for path in paths)
    while time.time() - newest < SETTLED_S:
        time.sleep(0.005)


def build(bench, world, kind, name, right, sources):
    """The first lookup of all, which makes the index if it may; then the command that does, where one is named."""
    index = world.inside(INDEX)
    settle(*sources, *world.folder.iterdir())
    for _ in range(TRIES):
        lookup_us, _, most = world.first(kind, name, 1)
        if index.exists():
            break
    command_s = world.execute(bench.options.prepare) if bench.options.prepare else None
    world.check(kind, name, right)
    size = index.stat().st_size if index.exists() else None
    return {"first_s": lookup_us / 1e6, "command_s": command_s, "most": most, "index": size,
            "left_out": bool(size) and size < sum(os.stat(path).st_size for path in sources) / 20}


LOOKUPS = (("hit", "a name in the middle", "any"), ("hit-any", "names at random", "any"),
           ("address", "an address in the middle", "address"), ("miss", "a name that is not there", "any"))


class Size:
    """A hosts file of so many lines, with a world of ours that stays."""

    def __init__(self, bench, lines):
        self.lines, self.ratios = lines, {}
        self.path = bench.folder / f"hosts.{lines}"
        write_hosts(self.path, lines)
        self.middle, address = host(max(2, lines // 2))
        self.names = {"hit": self.middle, "hit-any": "@", "address": address, "miss": MISS}
        self.chosen = bench.folder / f"chosen.{lines}"
        random.seed(1)
        self.chosen.write_text("".join(f"{host(random.randrange(2, lines))[0]}\n" for _ in range(CHOSEN)))
        self.ours = World(bench, "aiodns", files={"hosts": self.path}, cache=True)
        self.built = build(bench, self.ours, "any", self.middle, address, [self.path])
        self.prepare(self.ours)

    def prepare(self, world):
        world.tell("names", self.chosen)
        world.check("any", self.middle, self.names["address"])
        world.check("address", self.names["address"], self.middle)
        world.check("any", MISS, "no such name")

    def table(self, bench):
        bench.title(f"hosts file of {self.lines} lines, {self.path.stat().st_size / 1e6:.3g} MB")
        files = World(bench, "files", files={"hosts": self.path})
        self.prepare(files)
        index = self.built["index"]
        note = f"index of {index / 1e6:.3g} MB" if index else "no index: the file is read"
        if self.built["left_out"]:
            note = "left out of the index, which takes a command (--prepare): the file is read"
        for name, shows, kind in LOOKUPS:
            found = bench.lookups(self.ours, files, kind, self.names[name])
            bench.row(f"{name}-{self.lines}", shows, *found, note=note if name == "hit" else "")
            self.ratios[name] = found[2]
        first, process = bench.firsts(self.ours, files, "any", self.middle)
        bench.row(f"first-{self.lines}", "that, first in a new process", *first)
        bench.row(f"process-{self.lines}", "this process, start to end", *process)
        bench.row(f"built-{self.lines}", "the first lookup of all", self.built["first_s"] * 1e3, None, unit="ms",
                  against="-", note=f"at most {self.built['most'] / 1e6:.1f} MB of memory")
        if self.built["command_s"] is not None:
            bench.row(f"command-{self.lines}", bench.options.prepare[:38], self.built["command_s"] * 1e3, None,
                      unit="ms", against="-")
        files.close()


def growth_table(bench, small, large):
    bench.title(f"ours: {large.lines} lines beside {small.lines}")
    against = f"{small.lines} lines"
    for name, shows, kind in LOOKUPS:
        found = bench.lookups(large.ours, small.ours, kind, large.names[name], small.names[name])
        bench.row(f"{name}-growth", shows, *found, against=against)
        bench.bound(f"{name}: ours, {large.lines} lines to {small.lines}", found[2], 1.1)
    first, process = bench.firsts(large.ours, small.ours, "any", large.middle, small.middle)
    bench.row("first-growth", "that, first in a new process", *first, against=against)
    bench.row("process-growth", "this process, start to end", *process, against=against)
    bench.bound(f"first of a new process: ours, {large.lines} lines to {small.lines}", first[2], 1.2)


def hosts_tables(bench):
    sizes = [Size(bench, lines) for lines in bench.options.lines]
    for size in sizes:
        size.table(bench)
    if len(sizes) > 1:
        growth_table(bench, sizes[0], sizes[-1])
    for size in sizes:
        for name, _, _ in LOOKUPS:
            bench.bound(f"{name}: ours to nss_files, {size.lines} lines", size.ratios[name], 1)
        size.ours.close()
        size.path.unlink()


# ---- Block lists

WORDS = ("ads", "track", "pixel", "metrics", "click", "banner", "stats", "cdn", "static", "beacon", "tag", "sync",
         "promo", "analytics", "log", "collect", "adserver", "affiliate", "popup", "data")
TOPS = ("com", "net", "org", "info", "co.uk", "ru", "xyz", "io", "de", "top")


def blocked_names(count):
    """Names such as lists have: some 20 octets, most with two to four labels, each once."""
    random.seed(2)
    names = set()
    while len(names) < count:
        owner = f"{random.choice(WORDS)}{random.randrange(count)}"
        word = random.choice(WORDS)
        below = random.choice(("", "www.", f"{word}.", f"{word}{random.randrange(99)}."))
        names.add(f"{below}{owner}.{random.choice(TOPS)}")
    return sorted(names)


def is_blocked(world, name, server):
    """Whether the list says so: without any server."""
    before = server.asked
    return world.tell("ask", "inet", name) == "no such name" and server.asked == before


def lists_table(bench, count, server):
    names = blocked_names(count)
    octets = sum(map(len, names))
    random.seed(3)
    chosen = bench.folder / "chosen.blocked"
    chosen.write_text("".join(f"{name}\n" for name in random.sample(names, min(CHOSEN, count))))
    listed = bench.folder / "block.list"
    listed.write_text("# one name a line\n" + "".join(f"0.0.0.0 {name}\n" for name in names))
    conf = f"block-file {listed}\n"
    bench.title(f"block list of {count} names, {octets / count:.1f} octets each")
    hosts = "127.0.0.1 localhost\n"
    resolv = f"nameserver {UPSTREAM}\n"
    without = World(bench, "aiodns", files={"hosts": hosts, "resolv.conf": resolv, "aiodns.conf": ""}, cache=True)
    ours = World(bench, "aiodns", files={"hosts": hosts, "resolv.conf": resolv, "aiodns.conf": conf}, cache=True)
    built = build(bench, ours, "inet", CACHED_NAME, CACHED_ADDRESS, [listed])
    base = without.first("inet", CACHED_NAME, 1)
    for world in (ours, without):
        world.tell("names", chosen)
        world.check("inet", CACHED_NAME, CACHED_ADDRESS)
    works = is_blocked(ours, names[count // 3], server)
    times = own_rows(bench, ours, without, built, base, count, octets) if works else {}
    for name, shows in () if works else OWN_ROWS:
        bench.row(name, shows, None, None, against="-", note="the module reads no block-file")
    peer_rows(bench, names, ours, times, built["index"] if works and not built["left_out"] else None)
    bench.bound("added to a cache hit by the list, the module itself", times.get("added_ns"), 50, "ns")
    bench.bound("shared memory a name, beside the name", times.get("octets"), 12, "B")
    bench.bound("building the index", times.get("build_s"), 1, "s")
    bench.bound("memory while building, to the index", times.get("most"), 3)
    ours.close()
    without.close()


OWN_ROWS = (("added-direct", "a cache hit, 4_r itself, with the list"),
            ("added-hit", "a cache hit, getaddrinfo, with it"), ("blocked", "a blocked name, getaddrinfo"),
            ("index", "the index, each name"), ("build", "the first lookup of all"), ("memory", "most memory of it"))


def own_rows(bench, ours, without, built, base, count, octets):
    times, shows = {}, dict(OWN_ROWS)
    for name, kind in (("added-direct", "direct"), ("added-hit", "inet")):
        batch = 64 if max(world.run(kind, CACHED_NAME, 3)[0] for world in (ours, without)) < SLOW_US else 1
        found = bench.pair(ours, without,
                           lambda world, _: world.run(kind, CACHED_NAME, 300 if batch > 1 else 3, batch))[0]
        added_ns = (found[0] - found[1]) * 1000
        times.setdefault("added_ns", added_ns)
        bench.row(name, shows[name], *found, against="ours, no list", note=f"{added_ns:+.0f} ns")
    times["blocked"] = statistics.median(
        ours.run("inet", "@", bench.effort(ours, "inet", "@"))[0] for _ in range(bench.options.rounds))
    bench.row("blocked", shows["blocked"], times["blocked"], None, against="-")
    size, more = None if built["left_out"] else built["index"], built["most"] - base[2]
    if size:
        times["build_s"] = built["command_s"] or built["first_s"]
        times["octets"], times["most"] = (size - octets) / count, more / size
    bench.row("index", shows["index"], size / count if size else None, octets / count, unit="B",
              against="its name alone", note="" if size else "none was made: the list is read")
    bench.row("build", shows["build"], built["first_s"] * 1e3, base[0] / 1e3, unit="ms", against="ours, no list",
              note="" if built["command_s"] is None else f"the command: {built['command_s']:.2f} s")
    bench.row("memory", shows["memory"], more / 1e6, size / 1e6 if size else None, unit="MB", against="the index")
    return times


def peer_rows(bench, names, ours, times, index):
    """Load, memory and lookups of each server; ours beside them where it has the list."""
    found, median = False, lambda world, name: statistics.median(
        world.run("inet", name, min(300, bench.effort(world, "inet", name)))[0] for _ in range(bench.options.rounds))
    for name, address, program, arguments, right in peers(bench, names):
        found = True
        peer = Peer(bench, name, program, arguments, address, names[0])
        world = World(bench, "dns", files={"resolv.conf": f"nameserver {address}\n"})
        try:
            world.tell("names", bench.folder / "chosen.blocked")
            world.check("inet", names[len(names) // 3], right)
            world.check("inet", CACHED_NAME, CACHED_ADDRESS)
            blocked, hit = median(world, "@"), median(world, CACHED_NAME)
        finally:
            world.close()
            peer.close()
        shared = index / 1e6 if index else None
        bench.row(f"{name}-load", "start to the first answer", times.get("build_s") and times["build_s"] * 1e3,
                  peer.load_s * 1e3, unit="ms", against=name)
        bench.row(f"{name}-pss", "memory, proportional; ours: the index", shared, peer.memory["pss"] / 1e6, unit="MB",
                  against=name)
        bench.row(f"{name}-rss", "memory, resident", shared, peer.memory["rss"] / 1e6, unit="MB", against=name)
        bench.row(f"{name}-name", "a blocked name, getaddrinfo", times.get("blocked"), blocked, against=name)
        bench.row(f"{name}-hit", "a name in the cache, getaddrinfo", median(ours, CACHED_NAME), hit, against=name)
    if not found:
        bench.row("servers", "dnsmasq and unbound", None, None, against="-",
                  note="neither is here: tests/servers/fetch gets them")


# ---- The whole

def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", required=True, type=pathlib.Path, help="the program of hosts_client.c")
    parser.add_argument("--lines", default="10,100000,1000000", help="lines of the hosts files, from 3",
                        type=lambda text: sorted(int(word) for word in text.split(",") if word))
    parser.add_argument("--names", default=500000, type=int, help="names of the block list; 0: no list")
    parser.add_argument("--rounds", default=3, type=int, help="turns that sides take, twice each")
    parser.add_argument("--time", dest="cell_s", default=1.0, type=float, help="seconds of a side of a row, about")
    parser.add_argument("--prepare", help="a command that makes the index of what is too large for a lookup to index")
    parser.add_argument("--servers", help="where tests/servers/fetch put unbound and dnsmasq")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("module", type=pathlib.Path, help="libnss_aiodns.so.2")
    return parser.parse_args()


def measure(bench, server):
    if bench.options.lines:
        hosts_tables(bench)
    if bench.options.names:
        lists_table(bench, bench.options.names, server)


def main():
    options = read_options()
    options.client = options.client.resolve()
    if os.geteuid() != 0:
        print("hosts.py: only root can have both namespaces and a cache in them", file=sys.stderr)
        return SKIPPED
    net = netns.Net(options.module.resolve().parent, cached=True)
    try:
        net.enter()
    except OSError as error:
        print(f"hosts.py: no namespaces of its own here: {error}", file=sys.stderr)
        return SKIPPED
    folder = net.new_folder("bench")
    netns.mount("tmpfs", str(folder), "tmpfs", 0, "mode=0755")
    shutil.copy(options.client, folder / "hosts-client")  # where the build is may be covered
    options.client = folder / "hosts-client"
    bench = Bench(options, folder)
    if not options.json:
        print(f"{options.module}\n"
              f"Linux {platform.release()}, glibc {platform.libc_ver()[1]}, {os.cpu_count()} processors. "
              f"Medians of {2 * options.rounds} turns of each side.\n"
              f"A miss is {MISS}: no server is asked by either side.")
    status = 0
    try:
        measure(bench, Server(UPSTREAM))
    except Wrong as error:
        print(f"hosts.py: WRONG: {error}", file=sys.stderr)
        status = 1
    bench.show_bounds()
    if options.json:
        print(json.dumps({"module": str(options.module), "linux": platform.release(), "glibc": platform.libc_ver()[1],
                          "processors": os.cpu_count(), "rows": bench.rows, "bounds": bench.bounds}, indent=1))
    sys.stdout.flush()
    ctypes.CDLL(None).umount2(os.fsencode(folder), 2)
    net.leave()
    return status


if __name__ == "__main__":
    sys.exit(main())
