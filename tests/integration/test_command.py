"""The command `aiodns`, on cache files that are written here octet by octet, and on those that lookups fill.

CacheFile is a second implementation of the format in resolver/cache.h: what the command shows is compared with what
was meant to be in the file, not with what our own writer made of it.
"""

import json
import os
import pathlib
import random
import re
import shutil
import socket
import stat
import struct
import subprocess
import time

import pytest

import netns
import scripted
from lookups import ask, byaddr, gai

BUILD = os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev")
COMMAND = pathlib.Path(os.environ.get("AIODNS_COMMAND", pathlib.Path(BUILD, "tools/aiodns")))

CACHED = True  # conftest.py: with places for caches

HOST = pathlib.Path("/run/aiodns")
USER = 1234
USER_CACHE = pathlib.Path(f"/dev/shm/aiodns.{USER}.1")
USER_COUNTERS = pathlib.Path(f"/dev/shm/aiodns.{USER}.counters.1")

MASK = 2**64 - 1
SECOND = 10**9
A, PTR, AAAA = 1, 12, 28
ANSWER, NO_NAME, NO_DATA, FAILED = 1, 2, 3, 4  # enum aiodns_outcome
SLOT = struct.Struct("=QQQQQQHHBBBBHHHH")  # struct aiodns_slot

COUNTERS = ["hits", "misses", "expired", "waited", "waited_in_vain", "stored", "evicted", "dropped", "near_misses",
            "timeouts", "tcp", "stale", "blocked"]  # in the order of enum aiodns_counter


@pytest.fixture(scope="module")
def command(net):
    """A copy of it where every user may go."""
    if not COMMAND.exists():
        pytest.fail(f"{COMMAND} is not built (AIODNS_COMMAND names it)", pytrace=False)
    if not netns.IS_ROOT:
        pytest.skip("the tiers are root's and a user's: needs root outside of any user namespace")
    return shutil.copy(COMMAND, net.new_folder("bin"))


@pytest.fixture
def run(command, net):
    """run(words..., user=None) starts it; afterwards no tier is left."""
    def run(*words, user=None, **options):
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run([*who, command, *words], capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"]}, **options)
    net.service("files aiodns [!UNAVAIL=return] dns")
    yield run
    shutil.rmtree(HOST, ignore_errors=True)
    for left in pathlib.Path("/dev/shm").glob("aiodns.*"):
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def multiply(a, b):
    product = a * b
    return (product ^ product >> 64) & MASK


def chain(state, word):
    return multiply(state, word) ^ state


def checksum(key, first, octets):
    """The sum of whole blocks with `first` in the place of their first word."""
    words = [first, *struct.unpack(f"={len(octets) // 8}Q", octets)[1:]]
    a, b = key[0] ^ 0x9e3779b97f4a7c15, key[1] ^ 0xc2b2ae3d27d4eb4f
    x, y = key[0] ^ 0x2545f4914f6cdd1d, key[1] ^ 0xd6e8feb86659fd93
    for at in range(0, len(words), 4):
        x = chain(x ^ words[at], words[at + 1] ^ a)
        y = chain(y ^ words[at + 2], words[at + 3] ^ b)
    return chain(x ^ b, y ^ a) ^ y ^ words[1]


def wire(*labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class CacheFile:
    """16 small slots and 8 large ones."""

    def __init__(self, layout=1, boot=None, key=(0x0123456789abcdef, 0xfedcba9876543210)):
        self.key = key
        if boot is None:
            boot = bytes.fromhex(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", ""))
        size = 4096 + 16 * 256 + 8 * 4096
        header = struct.pack("=8sIIIIQQQ16s", b"aiodns\r\n", layout, 4096, 2, 1, size, *key, boot)
        header += struct.pack("=Q", checksum(key, int.from_bytes(header[:8], "little"), header))
        self.octets = bytearray(header.ljust(size, b"\0"))
        self.used = 0

    def add(self, name, kind=A, outcome=ANSWER, addresses=(), names=(), canonical=0, view=0x1234, age=10, left=100,
            large=False):
        """A record of `name`, labels as octets; age and left in seconds."""
        number = self.used = self.used + 1
        at = 4096 + number * 256
        if large:
            number, at = 16, 4096 + 16 * 256
        question, more = wire(*name), b"".join(name + b"\0" for name in names)
        data = b"".join(socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, a) for a in addresses)
        payload = question + more + data
        stored = now() - age * SECOND
        fields = [stored, stored + (age + left) * SECOND, 77 + number, view, 0, len(payload), kind, outcome,
                  int(bool(canonical)), 0, len(question), len(more), len(names), canonical, len(addresses)]
        self.put(number, at, fields, payload)
        assert large or len(payload) <= 192
        return self

    def put(self, number, at, fields, payload):
        """Behind a right checksum, whatever it is."""
        record = SLOT.pack(0, *fields) + payload
        record += bytes(-len(record) % 32)
        record = struct.pack("=Q", checksum(self.key, number, record)) + record[8:]
        self.octets[at:at + len(record)] = record

    def write(self, path, mode=0o644, owner=0):
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_bytes(self.octets)
        os.chown(path, owner, owner)
        path.chmod(mode)
        return path

    def host(self):
        return self.write(HOST / "cache.1")

    def user(self):
        return self.write(USER_CACHE, 0o600, USER)


def good(result, stderr=""):
    assert (result.returncode, result.stderr) == (0, stderr)
    return result.stdout


def rows(text):
    """What `aiodns cache` says, without its head, TTL and age."""
    lines = text.splitlines()
    assert not lines or lines[0].split() == ["NAME", "TYPE", "TTL", "AGE", "TIER", "VIEW", "ANSWER"]
    return [(name, kind, tier, view, answer) for name, kind, _, _, tier, view, answer in
            (line.split(None, 6) for line in lines[1:])]


def some_records():
    return (CacheFile()
            .add([b"www", b"example", b"test"], addresses=["192.0.2.1", "192.0.2.2"])
            .add([b"www", b"example", b"test"], AAAA, addresses=["2001:db8::1"])
            .add([b"example", b"test"], A, NO_DATA)
            .add([b"gone", b"test"], outcome=NO_NAME)
            .add([b"broken", b"a", b"test"], outcome=FAILED)
            .add([b"shop", b"example", b"test"], addresses=["192.0.2.3"], names=[b"Web.example.test"], canonical=1)
            .add([b"1", b"2", b"0", b"192", b"in-addr", b"arpa"], PTR, names=[b"one.example.test", b"two.test"],
                 canonical=1, view=0xfeed)
            .add([b"old", b"test"], addresses=["192.0.2.9"], age=50, left=-1)
            .add([b"notexample", b"test"], addresses=["192.0.2.4"], large=True))


VIEW = "0000000000001234"
SOME = [("1.2.0.192.in-addr.arpa", "PTR", "host", "000000000000feed", "one.example.test two.test"),
        ("broken.a.test", "A", "host", VIEW, "failed"),
        ("example.test", "A", "host", VIEW, "no data"),
        ("shop.example.test", "A", "host", VIEW, "192.0.2.3 alias of Web.example.test"),
        ("www.example.test", "A", "host", VIEW, "192.0.2.1 192.0.2.2"),
        ("www.example.test", "AAAA", "host", VIEW, "2001:db8::1"),
        ("gone.test", "A", "host", VIEW, "no such name"),
        ("notexample.test", "A", "host", VIEW, "192.0.2.4")]


# ---- How it is called ----

def test_version_and_help(run):
    assert re.fullmatch(r"aiodns \d+\.\d+\.\d+\n", good(run("--version")))
    text = good(run("--help"))
    for name in ("stats", "cache", "flush", "servers", "doctor"):
        assert re.search(rf"^  {name} +\w", text, re.M)
        assert good(run(name, "--help")).startswith(f"Usage: aiodns {name} [OPTION...]")


@pytest.mark.parametrize("words", [
    [], ["nothing"], ["--nothing"], ["stats", "--nothing"], ["stats", "name"], ["doctor", "name"], ["doctor", "--all"],
    ["servers", "name"], ["servers", "--all"],
    ["flush", "--json"], ["cache", "a", "b"], ["cache", "two..dots"], ["cache", ""], ["flush", "a" * 64],
    ["flush", "\x1b[31m..\xff"], ["cache", "--", "\x1b..\n"], ["\x1b[2J"]], ids=lambda words: "-".join(words)[:20])
def test_usage_errors(run, words):
    result = run(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("aiodns: ")
    assert re.fullmatch(r"[\n\x20-\x7e]+", result.stderr)


SPEAKING = [["--help"], ["--version"], ["stats"], ["stats", "--json"], ["stats", "--help"], ["cache"],
            ["cache", "--json"], ["flush"], ["servers"], ["servers", "--json"], ["doctor"], ["doctor", "--json"]]


@pytest.mark.parametrize("words", SPEAKING, ids="-".join)
def test_output_that_is_lost(run, command, words):
    some_records().host()
    with open("/dev/full", "w") as full:
        result = subprocess.run([command, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "aiodns: write error: No space left on device\n")


@pytest.mark.parametrize("words", SPEAKING, ids="-".join)
def test_output_that_is_closed(run, command, words):
    """What is opened then must not become stdout: the cache would get the text."""
    cache = some_records().host()
    before = cache.read_bytes()
    result = subprocess.run(["sh", "-c", '"$@" >&- <&-', "sh", command, *words], stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "aiodns: write error: Bad file descriptor\n")
    after = cache.read_bytes()
    assert len(after) == len(before) and after[:4096] == before[:4096]
    assert (after != before) == (words == ["flush"])


# ---- What is in the caches ----

@pytest.mark.parametrize("user", [None, USER])
def test_nothing_is_there(run, user):
    own = USER_CACHE if user else HOST / "cache.1"
    tier = "user" if user else "host"
    tiers = {"host", tier}
    assert good(run("cache", user=user)) == ""
    assert json.loads(good(run("cache", "--json", user=user))) == {"records": [], "errors": []}
    assert good(run("flush", user=user)) == f"{tier} tier: nothing to remove: there is no {own}\n"
    assert "hit rate" in good(run("stats", user=user))
    stats = json.loads(good(run("stats", "--json", user=user)))
    assert stats["tiers"].keys() == tiers
    nothing = {name: 0 for name in stats["total"]} | {"hit_rate": None}
    assert stats["total"] == nothing and all(counts == nothing for counts in stats["tiers"].values())


def test_list(run):
    some_records().host()
    assert rows(good(run("cache"))) == SOME
    assert rows(good(run("cache", user=USER))) == SOME
    assert rows(good(run("cache", "example.test"))) == SOME[2:6]
    assert rows(good(run("cache", "WWW.Example.test."))) == SOME[4:6]
    assert rows(good(run("cache", "nobody.test"))) == []
    text = good(run("cache", "--all"))
    assert [row for row in rows(text) if row not in SOME] == [("old.test", "A", "host", VIEW, "192.0.2.9")]
    assert re.search(r"^old\.test +A +expired +5\ds +host", text, re.M)
    line = re.search(r"^www\.example\.test +A +(\S+) +(\S+) ", text, re.M)
    assert re.fullmatch(r"1m[34]\ds", line[1]) and re.fullmatch(r"\d\ds", line[2])


def test_list_in_json(run):
    some_records().host()
    CacheFile().add([b"www", b"example", b"test"], addresses=["192.0.2.7"], view=1).user()
    answer = json.loads(good(run("cache", "--json", "www.example.test", user=USER)))
    assert answer["errors"] == []
    for record in answer["records"]:
        assert 60 < record.pop("ttl_s") <= 100 and 10 <= record.pop("age_s") < 50
    common = {"name": "www.example.test", "outcome": "answer", "expired": False, "names": []}
    assert answer["records"] == [
        common | {"type": "A", "tier": "host", "view": VIEW, "addresses": ["192.0.2.1", "192.0.2.2"]},
        common | {"type": "A", "tier": "user", "view": "0000000000000001", "addresses": ["192.0.2.7"]},
        common | {"type": "AAAA", "tier": "host", "view": VIEW, "addresses": ["2001:db8::1"]}]
    records = {record["name"]: record for record in json.loads(good(run("cache", "--json", "--all")))["records"]}
    assert len(records) == 8
    assert (records["old.test"]["expired"], records["old.test"]["ttl_s"]) == (True, 0)
    assert records["gone.test"]["outcome"] == "no such name" and "addresses" not in records["gone.test"]
    assert records["shop.example.test"]["canonical"] == "Web.example.test"
    assert records["1.2.0.192.in-addr.arpa"]["names"] == ["one.example.test", "two.test"]


def test_nobody_elses_cache(run):
    """Root has no user's cache, a user no other's."""
    CacheFile().add([b"mine", b"test"], outcome=NO_NAME).user()
    assert good(run("cache")) == ""
    assert len(rows(good(run("cache", user=USER)))) == 1
    assert good(run("cache", user=USER + 1)) == ""


ODD = [bytes(range(1, 33)), bytes(range(127, 190)), bytes(range(190, 253)), b'\x1b]0;x\x07 "\\.;()@$']


def test_odd_octets(run, command):
    """Nothing of a name may act on a terminal: not in the question, not in the answer, not as text."""
    cache = CacheFile().add(ODD, outcome=NO_NAME)
    cache.add([b"text", b"test"], addresses=["192.0.2.1"], names=[b"\x1b[31m\xc2\x9b\n\r\t\x7f\xff.test"], canonical=1)
    cache.add([b"\x00", b"\xff\xfe"], PTR, names=[b"\x08\x9c", b"\xf0\x9f\x98\x80"], canonical=2, left=-1)
    cache.add([], outcome=NO_NAME)
    cache.host()
    for words in (["cache"], ["cache", "--all"], ["cache", "--all", "--json"], ["cache", "--json"]):
        result = subprocess.run([command, *words], capture_output=True)
        assert (result.returncode, result.stderr) == (0, b"")
        assert set(result.stdout) <= set(range(0x20, 0x7f)) | {0x0a}
        assert rb"\027[31m" in result.stdout.replace(rb"\\", b"\\")
    records = json.loads(good(run("cache", "--json", "--all")))["records"]
    assert len(records) == 4
    assert records[0]["name"] == "."
    assert all(re.fullmatch(r"[\x21-\x7e]+", record["name"]) for record in records)
    # What was printed names the record again.
    name = max((record["name"] for record in records), key=len)
    assert json.loads(good(run("cache", "--json", name)))["records"][0]["name"] == name
    assert len(good(run("cache", name)).splitlines()) == 2


def test_slots_that_are_no_records(run):
    cache = some_records()
    for at in (4096 + 256 + 20, 4096 + 2 * 256 + 70):
        cache.octets[at] ^= 1
    cache.host()
    assert rows(good(run("cache"))) == SOME[:4] + SOME[6:]


@pytest.mark.parametrize("seed", range(4))
def test_random_octets(run, seed):
    """Behind a right header anything may stand."""
    cache = CacheFile()
    cache.octets[4096:] = random.Random(seed).randbytes(len(cache.octets) - 4096)
    cache.host()
    assert good(run("cache", "--all")) == ""
    assert "0 valid and 0 expired" in run("doctor").stdout
    assert good(run("flush")) == "host tier: 0 records removed (/run/aiodns/cache.1)\n"


@pytest.mark.parametrize("seed", range(8))
def test_random_records(run, command, seed):
    """Behind right checksums, too: lengths that agree with each other, and octets that make no sense."""
    rng = random.Random(seed)
    cache, stored = CacheFile(), now() - SECOND
    for number in range(16):
        kind, outcome = rng.choice([(A, ANSWER), (AAAA, ANSWER), (PTR, ANSWER), (A, NO_NAME), (rng.randrange(99), 3)])
        name = wire(*(rng.randbytes(rng.randint(1, 9)) for _ in range(3))) if rng.random() < 0.8 else rng.randbytes(9)
        names = rng.randbytes(rng.randint(0, 40)) + rng.choice([b"", b"\0", b"\0\0"]) if outcome == ANSWER else b""
        count = rng.choice([names.count(0), rng.randint(1, 4)]) if names else 0
        size = {A: 4, AAAA: 16}.get(kind, 0) if outcome == ANSWER else 0
        addresses = rng.randint(1, 3) if size else 0
        payload = name + names + rng.randbytes(size * addresses)
        fields = [stored, stored + 100 * SECOND, 1, 2, 0, len(payload), kind, outcome, 0, 0, len(name), len(names),
                  count, rng.randint(0, count), addresses]
        cache.put(number, 4096 + number * 256, fields, payload)
    cache.host()
    shown = []
    for words in (["cache", "--all"], ["cache", "--json"]):
        result = subprocess.run([command, *words], capture_output=True)
        assert (result.returncode, result.stderr) == (0, b"")
        assert set(result.stdout) <= set(range(0x20, 0x7f)) | {0x0a}
        shown.append(result.stdout)
    records = json.loads(shown[1])["records"]
    assert len(records) == len(shown[0].splitlines()) - 1 > 0
    assert all(re.fullmatch(r"[\x21-\x7e]+", record["name"]) for record in records)


# ---- Flushing ----

def test_flush_all(run):
    cache = some_records().host()
    assert good(run("flush")) == "host tier: 8 records removed, and 1 that had expired (/run/aiodns/cache.1)\n"
    assert good(run("cache", "--all")) == ""
    assert not any(cache.read_bytes()[4096:])
    assert good(run("flush")) == "host tier: 0 records removed (/run/aiodns/cache.1)\n"


def test_flush_name(run):
    some_records().add([b"www", b"example", b"test"], outcome=FAILED, view=5).host()
    assert good(run("flush", "EXAMPLE.test")) == "host tier: 5 records removed (/run/aiodns/cache.1)\n"
    assert rows(good(run("cache"))) == SOME[:2] + SOME[6:]
    assert good(run("flush", "gone.test")) == "host tier: 1 record removed (/run/aiodns/cache.1)\n"
    assert good(run("flush", "gone.test")) == "host tier: 0 records removed (/run/aiodns/cache.1)\n"


def test_flush_of_a_user(run):
    some_records().host()
    some_records().user()
    result = run("flush", "example.test", user=USER)
    assert good(result, "aiodns: 4 records stay in the host tier, which only root may write\n") == \
        f"user tier: 4 records removed ({USER_CACHE})\n"
    assert [row[2] for row in rows(good(run("cache", "example.test", user=USER)))] == ["host"] * 4
    assert rows(good(run("cache"))) == SOME


def test_flush_where_it_may_not_write(run):
    cache = some_records().host()
    before = cache.read_bytes()
    cache.chmod(0o666)
    result = run("flush")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"aiodns: host tier: /run/aiodns/cache\.1: .*mode.*; nothing was removed\n", result.stderr)
    assert cache.read_bytes() == before


def test_neither_root_nor_a_user(run, command):
    """Capabilities, or a group of root's: the host's cache, read only."""
    some_records().host()
    some_records().user()
    for words in (["--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=+chown", "--ambient-caps=+chown"],
                  ["--ruid=1234", "--clear-groups"], ["--reuid=1234", "--clear-groups"]):
        who = ["setpriv", *words, command]
        listed = subprocess.run([*who, "cache"], capture_output=True, text=True)
        assert rows(good(listed)) == SOME
        result = subprocess.run([*who, "flush"], capture_output=True, text=True)
        assert (result.returncode, result.stdout) == (1, "")
        assert re.match("aiodns: this process is neither root nor one plain user", result.stderr)
        result = subprocess.run([*who, "doctor"], capture_output=True, text=True)
        assert result.returncode == 1
        assert re.search("^warning: process: neither root nor one plain user", result.stdout, re.M)


# ---- Counters ----

def counters(path, mode, owner, *stripes):
    path.parent.mkdir(mode=0o755, exist_ok=True)
    page = b"".join(struct.pack("=16Q", *stripe) for stripe in stripes)
    path.write_bytes(page.ljust(4096, b"\0"))
    os.chown(path, owner, owner)
    path.chmod(mode)


def test_stats(run):
    first = [90, 10, 2, 4, 1, 10, 0, 0, 3, 0, 1, 5, 0, 0, 0, 0]
    second = [1_000_000, 0, *[0] * 14]
    counters(HOST / "counters.1", 0o644, 0, first, second)
    counters(USER_COUNTERS, 0o600, USER, first)
    answer = json.loads(good(run("stats", "--json", user=USER)))
    assert answer["errors"] == []
    host, user, total = answer["tiers"]["host"], answer["tiers"]["user"], answer["total"]
    assert (host["hits"], host["misses"], user["hits"], total["hits"], total["misses"]) == \
        (1_000_090, 10, 90, 1_000_180, 20)
    assert user == dict(zip(COUNTERS, first)) | {"hit_rate": 0.9}
    assert total.keys() == user.keys() and host["hit_rate"] == 1_000_090 / 1_000_100
    assert json.loads(good(run("stats", "--json")))["tiers"].keys() == {"host"}
    lines = good(run("stats", user=USER)).splitlines()
    assert lines[0].split() == ["host", "user", "in", "all"]
    assert lines[1].split() == ["hit", "rate", "100.0", "%", "90.0", "%", "100.0", "%"]
    assert lines[2].split()[-3:] == ["1,000,090", "90", "1,000,180"]
    assert [line.split()[-2] for line in lines[2:]] == [str(n) for n in [90, 10, 2, 5, 4, 1, 0, 10, 0, 0, 0, 1, 3]]


def test_stats_that_are_no_page(run):
    """The counters are believed by nobody, whatever they are."""
    counters(HOST / "counters.1", 0o644, 0, [2**64 - 1] * 16, [2] * 16)
    (HOST / "counters.1").write_bytes((HOST / "counters.1").read_bytes() + b"x" * 5000)
    assert json.loads(good(run("stats", "--json")))["total"]["hits"] == 1
    (HOST / "counters.1").write_bytes(b"\1")
    assert json.loads(good(run("stats", "--json")))["total"]["hits"] == 0


def test_stats_refused(run):
    counters(HOST / "counters.1", 0o666, 0, [1] * 16)
    counters(USER_COUNTERS, 0o600, USER, [1] * 16)
    for words in (["stats"], ["stats", "--json"]):
        result = run(*words, user=USER)
        assert result.returncode == 1
        assert result.stderr.startswith("aiodns: host tier: /run/aiodns/counters.1: ")
    answer = json.loads(result.stdout)
    assert answer["tiers"].keys() == {"user"} and len(answer["errors"]) == 1
    assert answer["total"]["hits"] == 1


def test_private_host_cache(run):
    """Mode 0600 is the administrator's choice, and no fault."""
    some_records().write(HOST / "cache.1", 0o600)
    counters(HOST / "counters.1", 0o600, 0, [1] * 16)
    CacheFile().add([b"mine", b"test"], outcome=NO_NAME).user()
    result = run("cache", user=USER)
    assert result.returncode == 0 and result.stderr == "aiodns: host tier: /run/aiodns/cache.1: Permission denied\n"
    assert [row[0] for row in rows(result.stdout)] == ["mine.test"]
    result = run("stats", "--json", user=USER)
    assert result.returncode == 0 and json.loads(result.stdout)["tiers"].keys() == {"user"}
    assert "ok: host tier: /run/aiodns/cache.1 is private (mode 0600)" in good(run("doctor", user=USER))
    assert rows(good(run("cache"))) == SOME


# ---- The doctor ----

def findings(result):
    """Level, what it is about, and what is said; every line is one."""
    assert result.stderr == ""
    lines = [re.fullmatch(r"(ok|warning|error): (.+?): (.+)", line) for line in result.stdout.splitlines()]
    assert lines and all(lines), result.stdout
    found = [line.groups() for line in lines]
    assert result.returncode == int(any(level != "ok" for level, *_ in found))
    return found


def about(result, *subjects):
    return [(level, text) for level, subject, text in findings(result) if subject in subjects]


@pytest.mark.parametrize("user", [None, USER])
def test_doctor_is_content(run, user):
    own = USER_CACHE if user else HOST / "cache.1"
    assert f"there is no {own} yet: the first lookup by {'this user' if user else 'root'} makes it" in \
        good(run("doctor", user=user))
    some_records().host()
    some_records().user()
    found = findings(run("doctor", user=user))
    subjects = ["process", "host tier", "user tier", "/etc/nsswitch.conf:5", "module", "/proc", "boot ID"]
    assert [(level, subject) for level, subject, _ in found] == [
        ("ok", subject) for subject in subjects if user or subject != "user tier"]
    tier = "user tier" if user else "host tier"
    assert [text for _, subject, text in found if subject == tier] == [
        f"{own}: read and written: 40,960 octets, 8 valid and 1 expired records, room for 24"]
    answer = json.loads(good(run("doctor", "--json", user=user)))
    assert answer["status"] == "ok"
    assert [(f["level"], f["about"], f["text"]) for f in answer["findings"]] == found
    tiers = {entry["tier"]: entry for entry in answer["tiers"]}
    assert tiers["host"] == {"tier": "host", "path": "/run/aiodns/cache.1", "reads": True, "writes": not user,
                             "verdict": "in use", "size": 40960, "slots": 24, "valid": 8, "expired": 1}
    assert ("user" in tiers) == bool(user)


def spoil(path, how):
    """Makes of a good file of its owner one that is not to be believed."""
    content, owner = path.read_bytes(), path.stat().st_uid
    if how == "owner":
        os.chown(path, 4321, 4321)
    elif how == "overflow":
        os.chown(path, 65534, 65534)
    elif how == "mode":
        path.chmod(0o664)
    elif how == "links":
        os.link(path, path.with_name("aiodns.link"))
    elif how in ("symlink", "folder", "fifo", "socket"):
        path.unlink()
        if how == "symlink":
            other = path.with_name("aiodns.other")
            CacheFile().write(other, 0o600 if owner else 0o644, owner)
            path.symlink_to(other)
        elif how == "folder":
            path.mkdir()
        elif how == "fifo":
            os.mkfifo(path)
        else:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(str(path))
    else:
        path.write_bytes({"empty": b"", "short": content[:100], "noise": bytes(range(256)) * 160,
                          "cut": content[:8192], "longer": content + b"\0" * 4096,
                          "layout": bytes(CacheFile(layout=2).octets), "boot": bytes(CacheFile(boot=bytes(16)).octets),
                          "damaged": content[:20] + b"\7" + content[21:]}[how])


def found_of(path):
    """What the doctor should have found, as it says it."""
    st = path.lstat()
    if stat.S_ISDIR(st.st_mode):
        return f"found a folder, owner {st.st_uid}, mode {st.st_mode & 0o7777:04o};"
    kind = {stat.S_IFREG: "file", stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "FIFO",
            stat.S_IFSOCK: "socket"}[stat.S_IFMT(st.st_mode)]
    return (f"found a {kind}, owner {st.st_uid}, mode {st.st_mode & 0o7777:04o}, links {st.st_nlink}, "
            f"size {st.st_size:,};")


SPOILT = ["overflow", "mode", "links", "symlink", "folder", "fifo", "socket", "empty", "short", "noise", "cut",
          "longer", "layout", "boot", "damaged"]


@pytest.mark.parametrize("how", SPOILT)
def test_doctor_refuses_host(run, how):
    path = CacheFile().host()
    spoil(path, how)
    for user in (None, USER):
        (level, text), = about(run("doctor", user=user), "host tier")
        assert level == "error"
        assert text.startswith("not used: ") and f"; {path}: {found_of(path)} " in text
        assert "expected a file on tmpfs, owner 0, mode 0644 or 0600, links 1" in text
        assert f"to do: {'as root, ' if user else ''}rm {'-r ' * (how == 'folder')}{path}," in text
        entry = json.loads(run("doctor", "--json", user=user).stdout)["tiers"][0]
        assert (entry["reads"], entry["writes"]) == (False, False) and "size" not in entry
        listed = run("cache", user=user)
        assert (listed.returncode, listed.stdout) == (1, "")
        assert listed.stderr == f"aiodns: host tier: {path}: {entry['verdict']}\n"


@pytest.mark.parametrize("how", ["owner", *SPOILT])
def test_doctor_refuses_user(run, how):
    path = CacheFile().user()
    spoil(path, how)
    (level, text), = about(run("doctor", user=USER), "user tier")
    assert level == "error" and text.startswith("not used: ") and str(path) in text
    if how not in ("owner", "overflow"):  # those it cannot even open
        assert f"expected a file on tmpfs, owner {USER}, mode 0600, links 1" in text
    assert found_of(path).rstrip(";") in text
    assert about(run("doctor"), "host tier")[0][0] == "ok"
    listed = run("cache", user=USER)
    assert (listed.returncode, listed.stdout) == (1, "")
    flushed = run("flush", user=USER)
    assert flushed.returncode == 1 and flushed.stderr.endswith("; nothing was removed\n")


def test_doctor_believes_the_place(run):
    """In root's own folder the file may be a daemon's."""
    path = CacheFile().host()
    os.chown(path, 4321, 4321)
    assert about(run("doctor", user=USER), "host tier")[0][0] == "ok"


@pytest.mark.parametrize("how, todo", [("owner", "chown 0 /run/aiodns"), ("mode", "chmod go-w /run/aiodns"),
                                       ("file", "put a folder in its place"),
                                       ("symlink", "put a folder in its place"), ("above", "chmod go-w /run"),
                                       ("owner above", "chown 0 /run")])
def test_doctor_refuses_folder(run, how, todo):
    CacheFile().host()
    bad = HOST
    if how == "owner":
        os.chown(HOST, 4321, 4321)
    elif how == "mode":
        HOST.chmod(0o775)
    elif how == "above":
        bad = pathlib.Path("/run")
        bad.chmod(0o777)
    elif how == "owner above":
        bad = pathlib.Path("/run")
        os.chown(bad, 4321, 0)
    else:
        HOST.rename("/run/elsewhere")
        HOST.write_text("") if how == "file" else HOST.symlink_to("/run/elsewhere")
    try:
        (level, text), = about(run("doctor"), "host tier")
        assert level == "error"
        assert f"; {bad}: {found_of(bad)} expected a folder on tmpfs, owner 0, that others may not write; " in text
        assert text.endswith(f"to do: {todo}")
        listed = run("cache", user=USER)
        assert (listed.returncode, listed.stdout) == (1, "") and "/run/aiodns/cache.1: " in listed.stderr
    finally:
        os.chown("/run", 0, 0)
        pathlib.Path("/run").chmod(0o755)
        if how in ("file", "symlink"):
            HOST.unlink()
            shutil.rmtree("/run/elsewhere")


def test_doctor_of_a_user_with_a_folder(run):
    """/run/user/UID is where it belongs, if it is the user's own."""
    home = pathlib.Path(f"/run/user/{USER}")
    home.mkdir(parents=True, mode=0o755)
    try:
        os.chown(home, USER, USER)
        home.chmod(0o700)
        assert f"ok: user tier: there is no {home}/aiodns/cache.1 yet" in good(run("doctor", user=USER))
        some_records().write(home / "aiodns/cache.1", 0o600, USER)
        os.chown(home / "aiodns", 4321, 4321)
        (level, text), = about(run("doctor", user=USER), "user tier")
        assert level == "error" and text.endswith(f"to do: chown {USER} {home}/aiodns")
        os.chown(home / "aiodns", USER, USER)
        assert f"{home}/aiodns/cache.1: read and written" in good(run("doctor", user=USER))
        home.chmod(0o500)
        shutil.rmtree(home / "aiodns")
        (level, text), = about(run("doctor", user=USER), "user tier")
        assert level == "warning" and f"cannot be made in {home}: Permission denied" in text
    finally:
        shutil.rmtree("/run/user")


@pytest.mark.parametrize("name, mode", [("claims", "0600"), ("counters", "0644 or 0600")])
def test_doctor_looks_at_what_is_beside(run, name, mode):
    some_records().host()
    path = HOST / f"{name}.1"
    path.write_text("")
    path.chmod(0o666)
    (level, text), = about(run("doctor"), f"host tier's {name}")
    assert level == "warning" and found_of(path) in text and f"mode {mode}, links 1; to do: rm {path}" in text
    assert about(run("doctor", user=USER), f"host tier's {name}") == []


@pytest.mark.parametrize("line, level, says", [
    ("files aiodns [!UNAVAIL=return] dns", "ok", "names aiodns"),
    ("aiodns [!UNAVAIL=return] files myhostname dns", "ok", "names aiodns"),
    ("files mdns4_minimal [NOTFOUND=return] aiodns [ !unavail = RETURN ] dns", "ok", "names aiodns"),
    ("files aiodns [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] dns mdns4", "ok", "names aiodns"),
    ("files aiodns [NOTFOUND=return TRYAGAIN=return] dns", "ok", "names aiodns"),
    ("files aiodns", "ok", "names aiodns"),
    ("files dns", "error", "does not name aiodns"),
    ("files #aiodns", "error", "does not name aiodns"),
    ("files aiodns [!UNAVAIL=return] dns # wins", "warning", "`#' begins no comment"),
    ("files aiodns [!UNAVAIL=return] dns [NOTFOUND=return] wins", "warning", "`wins' is not asked"),
    ("files aiodns [!UNAVAIL=return] wins [NOTFOUND=return] mymachines dns", "warning", "`mymachines' is not asked"),
    ("files aiodns [!SUCCESS=return] wins", "warning", "are not asked"),
    ("files aiodns wins", "warning", "for a second time"),
    ("files aiodns [NOTFOUND=stop] dns", "error", "cannot be read"),
    ("files [NOTFOUND=return] [SUCCESS=return] aiodns", "error", "cannot be read"),
    ("files aiodns" + " x" * 40, "error", "cannot be read"),
    ("files aiodns dns", "warning", "for a second time"),
    ("files aiodns [NOTFOUND=return] dns", "warning", "for a second time"),
    ("files aiodns [!UNAVAIL=continue] dns", "warning", "for a second time"),
    ("files aiodns [!SUCCESS=return] dns", "warning", "are not asked"),
    ("files dns aiodns [!UNAVAIL=return]", "warning", "`dns' stands before aiodns"),
    ("resolve [!UNAVAIL=return] aiodns [!UNAVAIL=return] dns", "warning", "`resolve' stands before aiodns"),
    ("files [NOTFOUND=return] aiodns [!UNAVAIL=return] dns", "warning", "behind `files'"),
    ("files aiodns [!UNAVAIL return] dns", "error", "cannot be read"),
    ("files aiodns [!UNAVAIL=return", "error", "cannot be read"),
])
def test_doctor_reads_nsswitch(run, net, line, level, says):
    net.service(line)
    findings = about(run("doctor"), "/etc/nsswitch.conf:5", "/etc/nsswitch.conf")
    (found, text), = [finding for finding in findings if finding[0] != "ok"] or findings
    assert (found, says in text) == (level, True), text
    assert "line 5" in text or about(run("doctor"), "/etc/nsswitch.conf:5")


def test_doctor_says_what_goes_on_to_those_behind_us(run, net):
    net.service("files aiodns [!UNAVAIL=return] mymachines dns wins")
    assert [(level, text.partition(";")[0]) for level, text in about(run("doctor"), "/etc/nsswitch.conf:5")] == [
        ("ok", "names without dots that the servers do not know go on to `mymachines'"),
        ("ok", "names without dots that the servers do not know go on to `wins'"),
        ("ok", "the hosts line names aiodns, and rightly")]


def test_doctor_and_other_nsswitch_files(run, net):
    net.write("nsswitch.conf", "hosts: files dns\n\n  hosts:\taiodns [!UNAVAIL=return]\nhostsx: dns\n")
    assert about(run("doctor"), "/etc/nsswitch.conf:3") == [("ok", "the hosts line names aiodns, and rightly")]
    net.write("nsswitch.conf", "hosts: aiodns\nhosts: files")
    assert about(run("doctor"), "/etc/nsswitch.conf:1") == [("ok", "the hosts line names aiodns, and rightly")]
    assert "line 2: no newline" in about(run("doctor"), "/etc/nsswitch.conf")[0][1]
    net.write("nsswitch.conf", "passwd: files\n")
    assert "has no hosts line" in about(run("doctor"), "/etc/nsswitch.conf")[0][1]
    net.write("nsswitch.conf", b"hosts: \x1b[31m aiodns" + b" x" * 3000)
    assert set(run("doctor").stdout.encode()) <= set(range(0x20, 0x7f)) | {0x0a}
    pathlib.Path("/etc/nsswitch.conf").unlink()
    assert "No such file" in about(run("doctor"), "/etc/nsswitch.conf")[0][1]


def test_doctor_without_module(run):
    cache = pathlib.Path("/etc/ld.so.cache")
    kept = cache.read_bytes()
    cache.unlink()
    try:
        subprocess.run(["/sbin/ldconfig", "-X"], check=True)
        (level, text), = about(run("doctor"), "module")
    finally:
        cache.write_bytes(kept)
    if level == "ok":
        pytest.skip(f"there is one on this machine: {text}")
    assert level == "error" and "libnss_aiodns.so.2" in text and "ldconfig" in text


def mounted(command, script, *words):
    """Runs it where the shell's script has mounted something."""
    return subprocess.run(["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh", command, *words],
                          capture_output=True, text=True)


def test_doctor_without_proc(run, command):
    some_records().host()
    result = mounted(command, "mount -t tmpfs none /proc", "doctor")
    assert [level for level, _ in about(result, "/proc", "boot ID", "host tier")] == ["error"] * 3


def test_doctor_where_run_is_on_a_disk(run, command, net):
    """As in many containers: /dev/shm serves, and if that is on a disk as well, nothing."""
    disk = net.new_folder("disk")
    some_records().write(pathlib.Path("/dev/shm/aiodns.0.1"))
    result = mounted(command, f"mount --bind {disk} /run", "doctor")
    (level, text), = about(result, "host tier")
    assert level == "ok" and text.startswith("/dev/shm/aiodns.0.1: read and written: ")
    script = f"mount --bind {disk} /run && mount --bind {disk} /dev/shm"
    result = mounted(command, script, "doctor")
    (level, text), = about(result, "host tier")
    assert level == "error" and "; /dev/shm: found a folder, owner 0, mode 0755; expected a folder on tmpfs" in text
    assert text.endswith("to do: mount a tmpfs on /dev/shm")
    for words in (["cache"], ["flush"], ["stats"]):
        result = mounted(command, script, *words)
        assert result.returncode == 1 and "not on tmpfs" in result.stderr


def test_doctor_where_nothing_can_be_written(run, command):
    script = "mount --bind /run /run && mount -o remount,bind,ro /run"
    some_records().host()
    result = mounted(command, script, "doctor")
    assert [level for level, _ in about(result, "host tier")] == ["ok", "warning"]
    assert "/run/aiodns/cache.1 can be read and not written: Read-only file system" in result.stdout
    result = mounted(command, script, "flush")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "aiodns: host tier: /run/aiodns/cache.1: Read-only file system; nothing was removed\n"
    assert rows(good(run("cache"))) == SOME
    shutil.rmtree(HOST)
    (level, text), = about(mounted(command, script, "doctor"), "host tier")
    assert level == "warning" and "cannot be made in /run: Read-only file system" in text


def test_doctor_in_a_user_namespace(run, command):
    """Whose root is a stranger's: nothing is believed, and nothing to be done."""
    some_records().host()
    who = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "unshare", "-Ur"]
    if subprocess.run([*who, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    result = subprocess.run([*who, command, "doctor"], capture_output=True, text=True)
    (level, text), = about(result, "host tier")
    assert level == "error" and text.endswith("to do: nothing, in a user namespace that does not map its owner")


# ---- Caches that lookups have filled ----

@pytest.fixture(scope="module")
def server(net):
    table = {"one.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}, "alias.test": "one.test",
             "four.test": {"A": ["192.0.2.4"]}, "1.2.0.192.in-addr.arpa": {"PTR": ["one.test."]}}
    with scripted.Server("127.0.3.1", scripted.records(table)) as server:
        net.resolv_conf(f"nameserver {server.address}\n")
        yield server


def test_what_lookups_leave(run, net, server):
    ask(gai("one.test"))
    ask(gai("alias.test", "inet"))
    ask(gai("four.test", "inet6"))
    ask(gai("none.test", "inet"))
    ask(byaddr("192.0.2.1"))
    listed = rows(good(run("cache")))
    assert [(name, kind, answer) for name, kind, _, _, answer in listed] == [
        ("1.2.0.192.in-addr.arpa", "PTR", "one.test"),
        ("alias.test", "A", "192.0.2.1 alias of one.test"),
        ("four.test", "AAAA", "no data"),
        ("none.test", "A", "no such name"),
        ("one.test", "A", "192.0.2.1"),
        ("one.test", "AAAA", "2001:db8::1")]
    assert {tier for _, _, tier, _, _ in listed} == {"host"}
    assert len({view for *_, view, _ in listed}) == 1
    before = json.loads(good(run("stats", "--json")))["total"]
    assert before["misses"] > 0 and before["stored"] == 6
    ask(gai("one.test"))
    after = json.loads(good(run("stats", "--json")))["total"]
    assert after["misses"] == before["misses"] and after["hits"] > before["hits"]
    asked = len(server.queries)
    assert good(run("flush", "one.test")) == "host tier: 2 records removed (/run/aiodns/cache.1)\n"
    ask(gai("one.test"))
    assert len(server.queries) > asked
    assert [level for level, _ in about(run("doctor"), "host tier")] == ["ok"]


def test_what_a_users_lookups_leave(run, server):
    """They are answered by both tiers, and fill their own."""
    def look_up(name):
        who = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        subprocess.run([*who, "getent", "ahostsv4", name], check=True, capture_output=True)

    ask(gai("one.test", "inet"))
    look_up("four.test")
    look_up("one.test")
    listed = rows(good(run("cache", user=USER)))
    assert [(name, kind, tier) for name, kind, tier, *_ in listed] == [("four.test", "A", "user"),
                                                                      ("one.test", "A", "host")]
    assert rows(good(run("cache"))) == listed[1:]
    stats = json.loads(good(run("stats", "--json", user=USER)))["tiers"]
    assert (stats["user"]["hits"], stats["user"]["misses"], stats["user"]["stored"]) == (1, 1, 1)
    assert good(run("flush", user=USER), "aiodns: 1 record stays in the host tier, which only root may write\n") == \
        f"user tier: 1 record removed ({USER_CACHE})\n"
    assert rows(good(run("cache", user=USER))) == listed[1:]
