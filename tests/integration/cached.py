"""What the tests of the cache share: programs as different users and at other times, what the cache's files hold."""

import itertools
import pathlib
import shutil
import struct
import time

import dns.name
import dns.rdatatype

from lookups import Client, ordered

PROGRAM = pathlib.Path(__file__).with_name("cache_client.py")
HOST = pathlib.Path("/run/aiodns")
SHM = pathlib.Path("/dev/shm")
USER, OTHER_USER = 1000, 1001
DEADLINE_S = 30  # only ever waited for by what does not happen

_servers = (f"127.0.{third}.{fourth}" for third, fourth in itertools.product(range(20, 100), range(1, 250)))


def next_address():
    """A server of its own is a view of its own: nothing is known under it."""
    return next(_servers)


def forget_all():
    """As after a boot; what running processes have mapped, they find out about."""
    shutil.rmtree(HOST, ignore_errors=True)
    for path in SHM.glob("aiodns.*"):
        path.unlink()
    for path in pathlib.Path("/run").glob("user/*/aiodns"):
        shutil.rmtree(path)


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.002)
    return found


# -- Programs.

def as_user(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def later(seconds):
    """With CLOCK_BOOTTIME, the cache's clock, so far ahead: nobody has to wait for an expiry."""
    return ["unshare", "--time", "--boottime", str(int(seconds)), "--fork", "--kill-child"]


def behind(*commands):
    """In a mount namespace of its own, behind these commands of the shell."""
    return ["unshare", "--mount", "sh", "-ec", "; ".join([*commands, 'exec "$@"']), "sh"]


NO_CACHE = behind("mount -t tmpfs -o ro,mode=0755 tmpfs /run", "mount -t tmpfs -o ro,mode=1777 tmpfs /dev/shm")


def program(*before, env=()):
    return Client(env, PROGRAM, [word for words in before for word in words])


def run(lookups, *before, env=()):
    """The answers of a new program, their addresses in order."""
    with program(*before, env=env) as client:
        return [ordered(client.ask(lookup)) for lookup in lookups]


def run_one(lookup, *before, env=()):
    return run([lookup], *before, env=env)[0]


# -- Servers.

def aged(message, *ttls):
    """With these TTLs, one for each record set of the answer, else of the authority section."""
    for rrset, ttl in zip(message.answer or message.authority, ttls):
        rrset.ttl = ttl
    return message


def kinds(server):
    """The types of all queries so far, repetitions by the transport left out."""
    return sorted(query.type for query in server.distinct())


def asked_of(server, name):
    return sorted(query.type for query in server.distinct() if query.key == name)


# -- Files.

COUNTERS = ["hits", "misses", "expired", "waited", "waited_in_vain", "stored", "evicted", "dropped", "near_misses",
            "timeouts", "tcp", "stale"]


def _slots(data):
    small_sets, large_sets = struct.unpack_from("=II", data, 16)
    small_end = 4096 + small_sets * 8 * 256
    for at in itertools.chain(range(4096, small_end, 256), range(small_end, small_end + large_sets * 8 * 4096, 4096)):
        if any(data[at:at + 8]):
            yield at


def records(path=HOST / "cache.1"):
    """{(name, type, view): life in seconds, of all records, valid or not}"""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    found = {}
    for at in _slots(data):
        _sum, stored, expires, _hash, view, _displaced, _len, kind, outcome = struct.unpack_from("=6QHHB", data, at)
        wire = data[at + 64:at + 64 + data[at + 64 - 9]]
        name = dns.name.from_wire(wire, 0)[0].to_text(omit_final_dot=True)
        found[name, dns.rdatatype.to_text(kind), view] = (expires - stored) / 1e9
    return found


def lives(name, path=HOST / "cache.1"):
    """{type: life in seconds} of what is kept of a name"""
    return {kind: life for (of, kind, _view), life in records(path).items() if of == name}


def counters(path=HOST / "counters.1"):
    try:
        words = struct.unpack("=512Q", path.read_bytes())
    except FileNotFoundError:
        return dict.fromkeys(COUNTERS, 0)
    return {name: sum(words[i::16]) % 2 ** 64 for i, name in enumerate(COUNTERS)}


class Counted:
    """What the counters have moved by."""

    def __init__(self, path=HOST / "counters.1"):
        self._path, self._before = path, counters(path)

    def __call__(self):
        return {name: value - self._before[name] for name, value in counters(self._path).items()
                if value != self._before[name]}
