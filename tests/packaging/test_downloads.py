"""Where there is the account _aiodns, as on a host with the package, root downloads block lists as that account: all that
tests/integration/test_blocklist_command.py expects of the command holds then, too, and what the account may do is nothing."""

import os
import pathlib
import signal
import threading

import pytest

import netns
from test_blocklist_command import *  # noqa: F401,F403: all of its tests
from test_blocklist_command import NEW, OLD, good, hold, trickle

ACCOUNT = 54321
CAPABILITIES = "+setuid,+setgid,+kill"  # CapabilityBoundingSet= of aiodns-blocklists.service



@pytest.fixture(scope="module", autouse=True)
def account(plain_net):
    if not netns.IS_ROOT:
        pytest.skip("needs root outside of any user namespace")
    plain_net.write("passwd", pathlib.Path("/etc/passwd").read_text() +
                    f"_aiodns:x:{ACCOUNT}:{ACCOUNT}::/nonexistent:/usr/sbin/nologin\n")


def status(process):
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def child_of(process):
    [child] = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)


def test_who_downloads(lists, old):
    """A process that is that account and nothing else, and has nothing open but what it writes to."""
    begun, go = hold(old)
    process = lists.start("update")
    assert begun.wait(60)
    child = child_of(process.pid)
    facts = status(child)
    assert facts["Uid"].split() == facts["Gid"].split() == [str(ACCOUNT)] * 4
    assert facts["Groups"].strip() == "" and facts["NoNewPrivs"] == "1"
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
    opened = {int(fd.name): os.readlink(fd) for fd in pathlib.Path(f"/proc/{child}/fd").iterdir()}
    assert not [path for path in opened.values() if str(lists.folder) in path]
    assert opened[1].startswith("pipe:") and opened[3].startswith("pipe:") and opened[1] != opened[3]
    assert all(path.startswith(("socket:", "anon_inode:", "pipe:")) for fd, path in opened.items() if fd > 3)
    assert status(process.pid)["Uid"].split() == ["0"] * 4
    go.set()
    assert process.communicate(timeout=60) == ("list: 9 rules, 10 before: 1 added, 2 removed\n", "")
    assert lists.files() == {"list": NEW}


def test_all_is_of_root(lists, old):
    old.serve(NEW)
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    found = [lists.folder, *lists.folder.rglob("*")]
    assert len(found) == 6
    assert {(file.stat().st_uid, file.stat().st_gid) for file in found} == {(0, 0)}


def test_as_the_service(lists, old):
    """With the capabilities that the unit leaves it, and none to gain."""
    old.serve(NEW)
    before = ["setpriv", f"--bounding-set=-all,{CAPABILITIES}", "--no-new-privs", "--"]
    good(lists("update", before=before), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.files() == {"list": NEW}


def test_no_way_to_become_it(lists, old):
    """It is not downloaded as root instead."""
    old.serve(NEW)
    before = ["setpriv", "--bounding-set=-all", "--no-new-privs", "--"]
    asked = len(old.requests)
    result = lists("update", before=before)
    assert (result.returncode, result.stdout) == (1, "") and "cannot become _aiodns" in result.stderr
    assert len(old.requests) == asked and lists.files() == {"list": OLD}


def test_file_of_root(lists, tmp_path):
    """A list that is copied from a file is read by root, and may be root's alone."""
    file = tmp_path / "own.txt"
    file.write_bytes(OLD)
    file.chmod(0o600)
    assert lists("add", file).returncode == 0
    assert lists.files() == {"own": OLD}


def gone(process):
    """Zombies of a container whose first process collects none have gone as well."""
    try:
        return status(process)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_none_outlives_the_command(lists, old, number):
    begun, stop = threading.Event(), threading.Event()
    old.routes["/list.txt"] = trickle(stop, b"#" * 200, begun)
    process = lists.start("update")
    assert begun.wait(60)
    child = child_of(process.pid)
    process.send_signal(number)
    process.communicate(timeout=60)
    while not gone(child):
        pass
    assert process.returncode == -number
    stop.set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=lambda number: number.name)
def test_it_dies(lists, old, number):
    """Half a list is none."""
    begun, go = hold(old)
    process = lists.start("update")
    assert begun.wait(60)
    os.kill(child_of(process.pid), number)
    said, errors = process.communicate(timeout=60)
    go.set()
    assert (process.returncode, said) == (1, "")
    assert "the process that downloads it has ended" in errors
    assert lists.files() == {"list": OLD}
