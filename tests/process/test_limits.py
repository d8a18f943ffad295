"""The module in processes that lack descriptors, memory or system calls."""

import concurrent.futures
import errno
import threading

import pytest

import netns
import scripted
from cached import Counted, until
from kinds import KINDS, ONE4, flat
from programs import Client, run

pytestmark = pytest.mark.usefixtures("surroundings")


@pytest.mark.usefixtures("asks")
def test_no_descriptors_left():
    run("limits", "no-descriptors", *flat(KINDS[:8]))


def test_one_descriptor_left():
    run("limits", "one-descriptor", *flat(KINDS[:7]))


def test_files_may_not_grow():
    run("limits", "no-file-size", *flat(KINDS[:8]))


@pytest.mark.usefixtures("asks")
def test_no_memory_left():
    run("limits", "no-memory", *flat(KINDS[:7]))


def test_little_memory_left():
    run("limits", "little-memory", *flat(KINDS[:7]))


def test_standard_streams_closed(opened):
    opened.clear()
    run("limits", "standard-closed", *flat(KINDS[:4]))
    [seen] = opened.values()
    assert len(seen) == 2 * 7
    for closed, numbers in enumerate([numbers for pair in zip(seen[::2], seen[1::2]) for numbers in pair], 2):
        for fd in "012":
            assert (fd in numbers) != bool(closed // 2 >> int(fd) & 1), f"{closed // 2:b}: {numbers}"
        assert sum("socket" in target for target in numbers.values()) == 1


def test_descriptors_closed_between_lookups():
    run("limits", "close-range", *flat(KINDS[:7]))


# -- errno and h_errno

OUTCOMES = [
    ("gai", "one.test", "SUCCESS 0 0"),
    ("gai4", "one.test", "SUCCESS 0 0"),
    ("byname6", "chain0.test", "SUCCESS 0 0"),
    ("byname", "many.test", "SUCCESS 0 0"),
    ("gai", "deep", "SUCCESS 0 0"),
    ("gai", "nick", "SUCCESS 0 0"),
    ("gai", "near.test", "SUCCESS 0 0"),
    ("byname", "long.test", "SUCCESS 0 0"),
    ("gai", "below.localhost", "SUCCESS 0 0"),
    ("addr", "198.18.1.1", "SUCCESS 0 0"),
    ("addr", "198.18.1.2", "SUCCESS 0 0"),
    ("addr", "2001:db8:1::1", "SUCCESS 0 0"),
    ("gai", "nowhere.test", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("byname", "nowhere", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("byname6", "only4.test", "NOTFOUND ENOENT NO_DATA"),
    ("byname", "below.invalid", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("gai", "printer.local", "UNAVAIL ENOENT HOST_NOT_FOUND"),
    ("gai", "two words", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("gai", "servfail.test.", "TRYAGAIN EAGAIN TRY_AGAIN"),
    ("addr", "198.18.1.3", "NOTFOUND ENOENT HOST_NOT_FOUND"),
    ("family", "one.test", "UNAVAIL EAFNOSUPPORT NO_DATA"),
    ("length", "198.18.1.x", "UNAVAIL EAFNOSUPPORT NO_DATA"),
]


def test_errno_and_h_errno(aliases):
    run("outcome", *flat(OUTCOMES), env=aliases)


# -- System calls

LOOKUPS = ["gai", "one.test", "byname", "one.test", "addr", "198.18.1.1"]


def outcomes(*arguments, **how):
    return run("seccomp", *arguments, **how).splitlines()[1:]


# What lookups end in when these calls fail, whatever the errno by which a filter refuses.
UNAVAIL = "UNAVAIL EAGAIN TRY_AGAIN"
REFUSED = {
    "socket": UNAVAIL,
    "connect": UNAVAIL,
    "send": UNAVAIL,
    "recv": UNAVAIL,
    "poll": UNAVAIL,
    "getrandom,open": UNAVAIL,
    "getrandom,read": UNAVAIL,
    "socket,poll,getrandom,open,read,fcntl,uname,lseek": UNAVAIL,
    "getrandom": "SUCCESS 0 0",
    "open": "SUCCESS 0 0",
    "read": "SUCCESS 0 0",
    "lseek": "SUCCESS 0 0",
    "uname": "SUCCESS 0 0",
    "fcntl": "SUCCESS 0 0",
    "fstat": "SUCCESS 0 0",
    "clock": "SUCCESS 0 0",
}
# What only the cache needs: without, lookups go on. Each alone, and all of them.
OF_CACHE = ["users", "groups", "capget", "statfs", "fstatfs", "mkdir", "fchmod", "fallocate", "rename", "unlink", "prlimit",
            "getsockopt", "getsockname", "pwrite", "futex", "nanosleep", "gettid", "tgkill", "getpid"]
REFUSED |= dict.fromkeys([*OF_CACHE, ",".join(OF_CACHE)], "SUCCESS 0 0")
if netns.CACHED:
    REFUSED["mmap"] = "SUCCESS 0 0"  # of the cache's file; malloc(3) has what it needs



@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS, errno.EACCES], ids=["EPERM", "ENOSYS", "EACCES"])
@pytest.mark.parametrize("calls", REFUSED)
def test_calls_refused(calls, error):
    wanted = REFUSED[calls]
    if calls == "recv" and error == errno.EACCES:  # what an ICMPv6 error looks like: the server's business
        wanted = "TRYAGAIN EAGAIN TRY_AGAIN"
    assert outcomes("refuse", calls, error, *LOOKUPS) == [wanted] * 3


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=errno.errorcode.get)
@pytest.mark.parametrize("calls", ["setsockopt", "recvmsg", "setsockopt,recvmsg"])
def test_calls_refused_that_tell_of_fragments(distant, calls, error):
    assert outcomes("refuse", calls, error, *LOOKUPS) == ["SUCCESS 0 0"] * 3


LACKS = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS]


@pytest.mark.parametrize("error", LACKS, ids=errno.errorcode.get)
@pytest.mark.parametrize("calls", ["socket", "stream"])
def test_a_lack_is_told(calls, error):
    """Of any socket, and of one for TCP where the reply by UDP was truncated."""
    lookups = ["gai", "many.test", "gai4", "many.test", "byname6", "many.test", "addr", "198.18.1.6"]
    assert outcomes("refuse", calls, error, *lookups) == [f"TRYAGAIN {errno.errorcode[error]} NETDB_INTERNAL"] * 4


@pytest.mark.skipif(not (netns.CACHED and netns.IS_ROOT), reason="without a cache nobody waits")
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=errno.errorcode.get)
@pytest.mark.parametrize("calls", ["futex", "nanosleep", "futex,nanosleep"])
def test_calls_refused_to_those_who_wait(net, calls, error):
    """And to the one that asks, who is waited for all the same."""
    held, opened, lookup = [], threading.Event(), ["gai4", "held.test."]

    def handler(query):
        held.append(query)
        if query.key != "held.test" or opened.is_set():
            query.send(query.reply(ONE4))
    with scripted.Server("127.0.3.2", handler) as server, concurrent.futures.ThreadPoolExecutor() as both:
        net.resolv_conf(f"nameserver {server.address}\noptions timeout:20\n")
        run("outcome", "gai4", "one.test", "SUCCESS 0 0")  # makes the files
        held.clear()
        counted = Counted()
        leader = both.submit(outcomes, "refuse", calls, error, *lookup)
        until(lambda: held, "the leader asks")
        waiter = both.submit(outcomes, "refuse", calls, error, *lookup)
        until(lambda: counted().get("waited"), "the other one waits")
        opened.set()
        held[0].send(held[0].reply(ONE4))
        assert leader.result() == waiter.result() == ["SUCCESS 0 0"]
        asked = sum(query.key == "held.test" for query in server.distinct())
        assert asked == 1 + counted().get("waited_in_vain", 0)  # which a machine that stood still may make it


@pytest.mark.parametrize("where", ["loopback", "elsewhere"])
def test_listed_calls_are_enough(request, aliases, where):
    if where == "elsewhere":
        request.getfixturevalue("distant")
    lookups = [(how, name) for how, name, _ in OUTCOMES if how not in ("family", "length")]
    wanted = [wanted for how, _, wanted in OUTCOMES if how not in ("family", "length")]
    assert outcomes("only", *flat(lookups), env=aliases) == wanted
