"""The index of hosts files and block lists: who makes it, what it is of, and that it changes nothing but the time."""

import os
import pathlib
import time

import pytest

import scripted
from lookups import Client, ask, byaddr, byname2, gai, nameinfo, ordered

CACHED = True
INDEX = pathlib.Path("/run/aiodns/index.1")
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
ANSWER = {"addrs": [FOUR, SIX], "canon": None}
NONE = {"error": "EAI_NONAME"}
USER = ("setpriv", "--reuid=4242", "--regid=4242", "--clear-groups")
ADDRESS = "127.0.24.1"


def good(query):
    if query.type == "PTR":
        query.send(query.reply(rcode="NXDOMAIN"))
    else:
        query.send(query.reply({"A": FOUR, "AAAA": SIX}[query.type]))


@pytest.fixture
def server(net):
    with scripted.Server(ADDRESS, good) as server:
        net.resolv_conf(f"nameserver {ADDRESS}\n")
        yield server
    net.settings(None)
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    INDEX.unlink(missing_ok=True)


def lines(count, extra=""):
    return "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} host{n}.test h{n}\n" for n in range(count)) + extra


def settle():
    """Until no change can hide behind an equal time."""
    time.sleep(0.03)


def made():
    return INDEX.stat().st_ino if INDEX.exists() else None


def test_a_large_hosts_file_is_indexed_by_the_first_lookup_of_root(net, server):
    net.hosts(lines(1000))
    settle()
    assert not INDEX.exists()
    assert ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
    status = INDEX.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_nlink) == (0o644, 0, 1)
    assert ask(gai("H999"))["addrs"] == ["10.0.3.231"]
    assert ask(nameinfo("10.0.1.0")) == {"name": "host256.test"}
    assert ask(nameinfo("10.9.9.9"))["error"]
    assert made() == status.st_ino
    assert server.queries and not any("host" in query.name for query in server.queries)


def test_a_small_hosts_file_needs_none(net, server):
    net.hosts("192.0.2.1 name.test\n")
    settle()
    assert ask(gai("name.test"))["addrs"] == ["192.0.2.1"]
    assert not INDEX.exists()


def test_it_is_used(net, server):
    net.hosts(lines(1000))
    settle()
    ask(gai("host7.test"))
    inode = made()
    with Client(before=("strace", "-f", "-o", "/run/trace", "-e", "trace=open,openat")) as client:
        assert client.ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
        assert client.ask(gai("host8.test"))["addrs"] == ["10.0.0.8"]
        assert ordered(client.ask(gai("other.test"))) == ANSWER
    trace = pathlib.Path("/run/trace").read_text()
    assert "/run/aiodns/index.1" in trace and '"/etc/hosts"' not in trace
    assert made() == inode


def test_users_use_roots_index_and_make_none(net, server, tmp_path):
    net.hosts(lines(1000))
    settle()
    with Client(before=USER) as user:
        assert user.ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]  # reads it all
        assert not INDEX.exists()
        ask(gai("host7.test"))
        settle()
        assert user.ask(gai("host8.test"))["addrs"] == ["10.0.0.8"]
        assert ordered(user.ask(gai("other.test"))) == ANSWER


def test_an_edit_counts_within_10_ms(net, server):
    net.hosts(lines(1000))
    settle()
    with Client() as root, Client(before=USER) as user:
        for n in range(5):
            name = f"new{n}.test"
            for client in (root, user):
                assert ordered(client.ask(gai(name))) == ANSWER
            with open("/etc/hosts", "a", encoding="ascii") as hosts:
                hosts.write(f"192.0.2.{n} {name}\n")
            time.sleep(0.011)
            for client in (root, user):
                assert client.ask(gai(name))["addrs"] == [f"192.0.2.{n}"]
            if n % 2:
                settle()


@pytest.mark.parametrize("what", ["empty", "short", "zeros", "boot", "damaged", "link", "symlink", "owner", "writable",
                                  "fifo", "folder", "other"])
def test_a_foreign_or_broken_index_is_never_used(net, server, what):
    net.hosts(lines(1000))
    settle()
    ask(gai("host7.test"))
    image = bytearray(INDEX.read_bytes())
    net.hosts(lines(500))
    settle()
    INDEX.unlink()
    if what == "fifo":
        os.mkfifo(INDEX)
    elif what == "folder":
        INDEX.mkdir()
    elif what == "symlink":
        other = pathlib.Path("/run/aiodns/other")
        other.write_bytes(image)
        INDEX.symlink_to(other)
    else:
        if what in ("empty", "short", "zeros"):
            image = {"empty": b"", "short": image[:1000], "zeros": bytes(len(image))}[what]
        if what == "damaged":
            for at in range(0, 128, 4):
                image[at] ^= 255
        if what == "boot":
            image[16:32] = bytes(16)
        INDEX.write_bytes(image)
        INDEX.chmod(0o666 if what == "writable" else 0o644)
        if what == "owner":
            os.chown(INDEX, 4242, 4242)
        if what == "link":
            os.link(INDEX, "/run/aiodns/link")
    try:
        for before in ((), USER):
            with Client(before=before) as client:
                assert client.ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
                assert ordered(client.ask(gai("host700.test"))) == ANSWER  # not in the file any more
    finally:
        if what == "folder":
            INDEX.rmdir()
        for name in ("other", "link"):
            pathlib.Path("/run/aiodns", name).unlink(missing_ok=True)


def test_an_abandoned_half_written_one_does_no_harm(net, server):
    net.hosts(lines(1000))
    settle()
    INDEX.parent.mkdir(exist_ok=True)
    draft = INDEX.with_name("index.1.new")
    draft.write_bytes(b"half")
    try:
        assert ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
        assert not INDEX.exists()
    finally:
        draft.unlink(missing_ok=True)
    with Client() as root:  # where it is gone the index is made, once a second has passed
        assert root.ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
        assert INDEX.exists()


def test_a_busy_machine_is_no_reason_to_leave_lists_out(net, server):
    """Of its 0.4 s nearly nothing is spent, and yet the clock says 1 s: others try again at once, not after a minute."""
    net.hosts(lines(3000))
    settle()
    slow = ("strace", "-f", "-o", "/run/trace", "-P", "/etc/hosts", "-e", "trace=read,pread64",
            "-e", "inject=read,pread64:delay_exit=1000000:when=1")
    with Client(before=slow) as client:
        assert client.ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
    assert "(DELAYED)" in pathlib.Path("/run/trace").read_text()
    assert not INDEX.exists()
    assert ask(gai("host7.test"))["addrs"] == ["10.0.0.7"]
    assert INDEX.exists()


def test_sources_that_change_while_it_is_made(net, server, tmp_path):
    """A writer appends all the time; no lookup may ever miss what was there when it began."""
    net.hosts(lines(3000))
    settle()
    with Client() as root, Client(before=USER) as user:
        for n in range(60):
            with open("/etc/hosts", "a", encoding="ascii") as hosts:
                hosts.write(f"192.0.2.{n} late{n}.test\n")
            time.sleep(0.012 if n % 3 else 0.03)
            for client in (root, user):
                assert client.ask(gai(f"late{n}.test"))["addrs"] == [f"192.0.2.{n}"]
                assert client.ask(gai("host2999.test"))["addrs"] == ["10.0.11.183"]


def test_index_and_files_say_the_same(net, server, tmp_path):
    """A user reads the files in place; then root's index is there, and the same user uses that."""
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        if str(above).startswith("/tmp/pytest"):
            above.chmod(0o755)
    (tmp_path / "more.hosts").write_text("::ffff:192.0.2.9 mapped.test\n::1 six.test\n2001:db8::7 h1 both.test\n"
                                         "192.0.2.7 both.test  HOST1.test # x\nbad line\n0.0.0.0\n\n")
    (tmp_path / "list").write_text("||bad.test^\n@@||good.bad.test^\n0.0.0.0 one.bad2.test\n")
    net.hosts(lines(300, "127.0.0.1 h5 five\n"))
    net.settings(f"hosts-file {tmp_path}/*.hosts\nblock-file {tmp_path}/list\nblock mine.test\nallow x.mine.test\n")
    settle()
    names = ["host1.test", "h1", "HOST1.TEST", "h5", "five", "mapped.test", "six.test", "both.test", "bad.test",
             "a.bad.test", "good.bad.test", "a.good.bad.test", "one.bad2.test", "two.bad2.test", "mine.test",
             "x.mine.test", "y.mine.test", "line", "nobody.test"]
    addresses = ["10.0.0.1", "127.0.0.1", "::1", "192.0.2.9", "192.0.2.7", "2001:db8::7", "0.0.0.0", "10.0.0.5"]
    lookups = [byname2(name, family) for name in names for family in ("inet", "inet6")] + \
        [gai(name) for name in names] + [byaddr(address) for address in addresses]
    with Client(before=USER) as user:
        first = [ordered(user.ask(lookup)) for lookup in lookups]
        assert not INDEX.exists()
        ask(gai("host1.test"))
        assert INDEX.exists()
        settle()
        second = [ordered(user.ask(lookup)) for lookup in lookups]
    for lookup, one, other in zip(lookups, first, second):
        assert one == other, lookup
    assert any(one.get("error") == "EAI_NONAME" for one in first)
