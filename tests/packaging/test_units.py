"""packaging/systemd: that systemd's own tools take the units, accounts and folders, and that the command can do what it
has to within what the service leaves it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import netns
from test_blocklist_command import COMMAND, Lists, Server, good, hosts
from test_downloads import ACCOUNT

TOP = pathlib.Path(__file__).resolve().parents[2]
UNITS = TOP / "packaging/systemd"
HUNG = 120
EXPOSURE_MAX = 30  # tenths; "OK" begins at 50


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=HUNG, **options)


def needs(*tools):
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool} (Debian's package systemd has it)")


@pytest.fixture
def folder(tmp_path):
    """The units as they are installed, and where they say that the command is, one."""
    command = tmp_path / "bin/aiodns"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    template = (UNITS / "aiodns-blocklists.service.in").read_text()
    service = tmp_path / "aiodns-blocklists.service"
    service.write_text(template.replace("@CMAKE_INSTALL_FULL_BINDIR@", str(command.parent)))
    shutil.copy(UNITS / "aiodns-blocklists.timer", tmp_path)
    return tmp_path


def settings_of(path):
    found = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_template():
    """Nothing in it but the command's folder is to be filled in."""
    text = (UNITS / "aiodns-blocklists.service.in").read_text()
    assert set(re.findall(r"@\w+@", text)) == {"@CMAKE_INSTALL_FULL_BINDIR@"}


@pytest.mark.parametrize("unit", ["aiodns-blocklists.service", "aiodns-blocklists.timer"])
def test_verify(folder, unit):
    needs("systemd-analyze")
    result = run("systemd-analyze", "verify", "--man=no", folder / unit)
    ours = [line for line in (result.stdout + result.stderr).splitlines() if "aiodns" in line]
    assert (result.returncode, ours) == (0, [])


def test_verify_can_fail(folder):
    needs("systemd-analyze")
    service = folder / "aiodns-blocklists.service"
    service.write_text(service.read_text().replace("ProtectClock=yes", "ProtectClocks=yes"))
    result = run("systemd-analyze", "verify", "--man=no", service)
    assert "ProtectClocks" in result.stdout + result.stderr


def test_exposure(folder):
    needs("systemd-analyze")
    result = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}",
                 folder / "aiodns-blocklists.service")
    if "unrecognized option" in result.stderr:
        pytest.skip("this systemd-analyze looks at no units that are not loaded")
    assert result.returncode == 0, result.stdout.splitlines()[-1]
    assert "Overall exposure level" in result.stdout


def test_calendar(folder):
    needs("systemd-analyze")
    [when] = settings_of(folder / "aiodns-blocklists.timer")["OnCalendar"]
    assert run("systemd-analyze", "calendar", when).returncode == 0


# ---- The account and the folders ----

def test_account(tmp_path):
    needs("systemd-sysusers")
    if not netns.IS_ROOT:
        pytest.skip("needs root")
    (tmp_path / "etc").mkdir()
    for _ in range(2):
        result = run("systemd-sysusers", f"--root={tmp_path}", UNITS / "aiodns.sysusers")
        assert result.returncode == 0, result.stderr
    [line] = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("_aiodns:")]
    _, _, uid, gid, comment, home, shell = line.split(":")
    assert 0 < int(uid) < 1000 and uid == gid
    assert (comment, home) == ("aiodns block list downloads", "/nonexistent") and shell.endswith("/nologin")
    assert (tmp_path / "etc/shadow").read_text().split(":")[1].startswith("!")


def test_folders(tmp_path):
    needs("systemd-tmpfiles")
    if not netns.IS_ROOT:
        pytest.skip("needs root")
    for _ in range(2):
        result = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", UNITS / "aiodns.tmpfiles")
        assert result.returncode == 0, result.stderr
    made = tmp_path / "run/aiodns"
    assert (made.stat().st_mode & 0o7777, made.stat().st_uid, made.stat().st_gid) == (0o755, 0, 0)
    (made / "cache.1").write_text("kept\n")
    assert run("systemd-tmpfiles", "--create", "--clean", f"--root={tmp_path}", UNITS / "aiodns.tmpfiles").returncode == 0
    assert (made / "cache.1").exists()


# ---- What the command does, and what the service allows ----

def members(names):
    """The system calls of systemd's groups."""
    found = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        lines = run("systemd-analyze", "syscall-filter", "--no-pager", name).stdout.splitlines()[1:]
        words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        found |= members(words)
    return found


def allowed_calls(service):
    allowed = members(["@default"])
    for value in service["SystemCallFilter"]:
        if value.startswith("~"):
            allowed -= members(value[1:].split()) - members(["@default"])
        else:
            allowed |= members(value.split())
    return allowed


@pytest.fixture(scope="module")
def trace(plain_net, tmp_path_factory):
    """The calls of an update as the service makes it, with a list that is new: [(name, line)]."""
    if not netns.IS_ROOT:
        pytest.skip("needs root outside of any user namespace")
    plain_net.write("passwd", pathlib.Path("/etc/passwd").read_text() +
                    f"_aiodns:x:{ACCOUNT}:{ACCOUNT}::/nonexistent:/usr/sbin/nologin\n")
    top = tmp_path_factory.mktemp("update")
    lists, server = Lists(COMMAND, top / "state"), Server()
    old, new = hosts("a.test", "b.test"), hosts("a.test", "c.test")
    assert lists("add", server.serve(old, ETag='"old"')).returncode == 0
    lists.age(24 * 3600)
    server.serve(new, ETag='"new"')
    log = top / "log"
    good(lists("update", before=["strace", "-f", "-qq", "-e", "signal=none", "-o", log]),
         "list: 2 rules, 2 before: 1 added, 1 removed")
    server.close()
    lines = [re.sub(r"^\d+ +", "", line) for line in log.read_text().splitlines()]
    return [(line.partition("(")[0], line) for line in lines if re.match(r"\w+\(", line)]


def test_system_calls(trace, folder):
    needs("systemd-analyze")
    service = settings_of(folder / "aiodns-blocklists.service")
    allowed = allowed_calls(service)
    assert {"socket", "setresuid"} < allowed and not {"mount", "ptrace", "bpf", "fchown", "setrlimit"} & allowed
    assert {name for name, _ in trace if name not in allowed} == set()


def test_families(trace, folder):
    [families] = settings_of(folder / "aiodns-blocklists.service")["RestrictAddressFamilies"]
    used = {re.match(r"socket\((\w+)", line)[1] for name, line in trace if name == "socket"}
    assert used and used <= set(families.split())


def test_memory(trace):
    """MemoryDenyWriteExecute=."""
    assert not [line for name, line in trace if name in ("mmap", "mprotect") and
                "PROT_WRITE" in line and "PROT_EXEC" in line]


def test_namespaces(trace):
    assert not [line for _, line in trace if "CLONE_NEW" in line]


def test_capabilities(folder):
    """Those of test_downloads.py, which tries them."""
    from test_downloads import CAPABILITIES
    [bounding] = settings_of(folder / "aiodns-blocklists.service")["CapabilityBoundingSet"]
    assert {name.removeprefix("CAP_").lower() for name in bounding.split()} == \
        {name.strip("+") for name in CAPABILITIES.split(",")}


def test_folders_of_the_service(folder):
    """It writes to no others: the command's own, and the host tier's."""
    service = settings_of(folder / "aiodns-blocklists.service")
    assert service["StateDirectory"] == service["RuntimeDirectory"] == ["aiodns"]
    assert service["RuntimeDirectoryPreserve"] == ["yes"]
    assert "ReadWritePaths" not in service and "User" not in service
