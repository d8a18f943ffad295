"""Files that are absent, unreadable or something else, another root, and privileged programs."""

import os
import pathlib
import shutil
import socket
import stat

import pytest

import netns
import scripted
from kinds import HOSTS, KINDS, ONE, RECORDS, SEARCH
from programs import Client, program

pytestmark = pytest.mark.usefixtures("surroundings")
USER, OTHER_USER = 12345, 12346
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
needs_root = pytest.mark.skipif(not netns.IS_ROOT, reason="needs root outside of a user namespace")


def remove(path):
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.remove(path)


def replace(path, make):
    remove(path)
    make(path)


WITHOUT_HOSTS = {
    "absent": lambda path: None,
    "a directory": os.mkdir,
    "a FIFO": os.mkfifo,
    "a dangling link": lambda path: os.symlink("/nowhere", path),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(path),
    "endless": lambda path: os.symlink("/dev/zero", path),
}


@pytest.mark.parametrize("make", WITHOUT_HOSTS.values(), ids=WITHOUT_HOSTS)
def test_hosts_file_is(net, make):
    replace("/etc/hosts", make)
    try:
        with Client() as client:
            assert client.ask("gai", "one.test") == ONE
            assert client.ask("byaddr", "198.18.1.1") == "one.test"
            assert client.ask("gai", "near.test") == "EAI_NONAME"
            assert client.ask("gai", "localhost") == "127.0.0.1 ::1"
    finally:
        remove("/etc/hosts")


@pytest.fixture(scope="module")
def users_client(net):
    """A client as a user without privileges starts it: the build's folder may be closed to others."""
    copy = net.new_folder("user") / "client"
    shutil.copy(program("client"), copy)
    return {"before": AS_USER, "file": copy}


@needs_root
def test_hosts_file_cannot_be_read(users_client):
    os.chmod("/etc/hosts", 0)
    with Client(**users_client) as client:
        assert client.ask("gai", "one.test") == ONE
        assert client.ask("gai", "near.test") == "EAI_NONAME"


def test_hosts_file_takes_the_place_of_a_fifo(net):
    replace("/etc/hosts", os.mkfifo)
    with Client() as client:
        assert client.ask("gai", "near.test") == "EAI_NONAME"
        net.hosts(HOSTS)
        assert client.ask("gai4", "near.test") == "198.18.0.8 198.18.1.2"


def test_no_proc(net):
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0"']
    with Client(before=hide) as client:
        for how, name, wanted in KINDS[:8]:
            assert client.ask(how, name) == wanted


@pytest.fixture(scope="module")
def local_server(net):
    """Where glibc asks when there is no resolv.conf."""
    with scripted.Server("127.0.0.1", scripted.records(RECORDS)) as server:
        yield server


WITHOUT_RESOLV_CONF = {"absent": lambda path: None, "empty": lambda path: path.touch(), "a directory": os.mkdir,
                       "a dangling link": lambda path: path.symlink_to("/nowhere")}


@pytest.mark.parametrize("make", WITHOUT_RESOLV_CONF.values(), ids=WITHOUT_RESOLV_CONF)
def test_resolv_conf_is(net, local_server, make):
    """As with glibc's own services, from the start and from one lookup to the next."""
    def answers():
        net.resolv_conf("nameserver 127.0.3.1\n")
        with Client() as before:
            first = before.ask("gai", "one.test")
            replace("/etc/resolv.conf", lambda path: make(pathlib.Path(path)))
            with Client() as after:
                both = [(client.ask("gai", "one.test"), client.ask("byname", "one.test"),
                         client.ask("byaddr", "198.18.1.1"), client.ask("gai", "near.test"))
                        for client in (before, after)]
        remove("/etc/resolv.conf")
        return first, both

    ours = answers()
    net.service(netns.GLIBC)
    assert ours == answers()
    assert ours[0] == ONE


@needs_root
def test_resolv_conf_cannot_be_read(net, local_server, users_client):
    """As with glibc's own services: the server on this host is asked, without a search list of the file's."""
    def answers():
        net.resolv_conf("nameserver 127.0.3.1\nsearch h.test\n")
        with Client(**users_client) as before:
            first = before.ask("gai", "deep")
            os.chmod("/etc/resolv.conf", 0)
            with Client(**users_client) as after:
                asked = len(local_server.queries)
                seen = [client.ask(how, name) for client in (before, after) for how, name in
                        (("gai", "one.test"), ("gai", "deep"), ("byaddr", "198.18.1.1"), ("byname", "near.test"))]
        return first, seen, len(local_server.queries) > asked

    ours = answers()
    net.service(netns.GLIBC)
    assert ours == answers()
    assert ours[0] == ONE and ours[2]


def test_resolv_conf_becomes_a_fifo(net):
    """glibc waits for a writer when it reads the file; where it does not read it, neither does the rest of the list."""
    net.resolv_conf(f"nameserver 127.0.3.1\nsearch {SEARCH}\noptions no-reload\n")
    with Client() as client:
        assert client.ask("gai", "deep") == ONE
        replace("/etc/resolv.conf", os.mkfifo)
        try:
            assert client.ask("gai", "nowhere") == "EAI_NONAME"
            assert client.ask("gai", "one.test") == ONE
        finally:
            remove("/etc/resolv.conf")


def test_chroot_after_the_first_lookup(net, local_server):
    """No resolv.conf there: the server on this host is asked."""
    empty = net.new_folder("empty")
    with Client() as client:
        assert client.ask("gai", "near.test") != "EAI_NONAME"
        assert client.ask("chroot", empty) == "done"
        for how, name, wanted in KINDS[:5]:
            assert client.ask(how, name) == wanted
        assert client.ask("byaddr", "198.18.1.1") == "one.test"
        assert client.ask("gai", "near.test") == "EAI_NONAME"
        assert client.ask("gai", "below.localhost") == "127.0.0.1 ::1"


# -- Set-user-ID

@needs_root
@pytest.mark.parametrize("bit", [0, stat.S_ISUID, stat.S_ISGID], ids=["plain", "set-user-ID", "set-group-ID"])
def test_privileged_program_ignores_the_environment(net, aliases, bit):
    copy = net.new_folder(f"privileged-{bit:o}") / "client"
    shutil.copy(program("client"), copy)
    os.chown(copy, OTHER_USER, OTHER_USER)
    copy.chmod(0o755 | bit)
    env = aliases | {"LOCALDOMAIN": "h.test"}
    net.resolv_conf("nameserver 127.0.3.1\nsearch a.test\n")
    with Client(env, before=AS_USER, file=copy) as client:
        assert client.ask("gai", "one.test") == ONE
        assert client.ask("gai", "nick") == ("EAI_NONAME" if bit else ONE)
        assert client.ask("gai", "deep") == ("EAI_NONAME" if bit else ONE)
        # The loader has taken the variable away; one that comes back does not count either.
        assert client.ask("hostaliases", aliases["HOSTALIASES"]) == "done"
        assert client.ask("gai", "nick") == ("EAI_NONAME" if bit else ONE)
