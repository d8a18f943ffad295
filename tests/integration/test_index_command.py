"""The command `aiodns index`, and what `aiodns config` says of the index."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import netns
from lookups import Client, ask, gai, nameinfo

BUILD = os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev")
COMMAND = pathlib.Path(os.environ.get("AIODNS_COMMAND", pathlib.Path(BUILD, "tools/aiodns")))

CACHED = True  # conftest.py: with places for caches
INDEX = pathlib.Path("/run/aiodns/index.1")
CONFIG = pathlib.Path("/etc/aiodns.conf")
USER = 1234
NONE = {"error": "EAI_NONAME"}


@pytest.fixture(scope="module")
def command(net):
    """A copy of it where every user may go."""
    if not COMMAND.exists():
        pytest.fail(f"{COMMAND} is not built (AIODNS_COMMAND names it)", pytrace=False)
    return shutil.copy(COMMAND, net.new_folder("bin"))


@pytest.fixture
def run(command, net):
    def run(*words, before=(), **options):
        return subprocess.run([*before, command, *words], capture_output=True, text=True, timeout=60, **options)

    net.settings(None)
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    yield run
    net.settings(None)
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    if INDEX.is_dir():
        INDEX.rmdir()
    INDEX.unlink(missing_ok=True)


@pytest.fixture
def folder(tmp_path):
    """Where every process can read."""
    for above in [tmp_path, *tmp_path.parents]:
        if above.stat().st_uid == os.geteuid() and str(above).startswith("/tmp/pytest"):
            above.chmod(0o755)
    return tmp_path


def made(result):
    """(names, hosts files, rules, block lists, octets)"""
    assert (result.returncode, result.stderr) == (0, "")
    match = re.fullmatch(rf"{INDEX}: ([\d,]+) names? in ([\d,]+) hosts files?; ([\d,]+) names? to block or to allow, of "
                         rf"([\d,]+) block lists? and {CONFIG}; ([\d,]+) octets; made in \d+ ms\n", result.stdout)
    assert match, result.stdout
    return tuple(int(number.replace(",", "")) for number in match.groups())


def about_the_index(result):
    return [line for line in result.stdout.splitlines() if line.startswith(f"# {INDEX}: ")]


def failed(result, reason):
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"aiodns: {reason}\n"


# ---- How it is called ----

def test_help(run):
    result = run("index", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: aiodns index [OPTION...]\n")
    assert re.search(r"^  index +\w", run("--help").stdout, re.M)


@pytest.mark.parametrize("words", [["a"], ["--json"], ["\x1b[2J"]], ids=ascii)
def test_usage_errors(run, words):
    result = run("index", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("aiodns: ")
    assert not INDEX.exists()


def test_output_that_is_lost(run, command):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([command, "index"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "aiodns: write error: No space left on device\n")


@pytest.mark.skipif(not netns.IS_ROOT, reason="needs root, to be another user")
@pytest.mark.parametrize("before", [
    ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"],
    ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
    ["setpriv", f"--ruid={USER}"]], ids=["user", "capabilities", "mixed"])
def test_for_root_alone(run, before):
    if subprocess.run([*before, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("setpriv cannot do this here")
    failed(run("index", before=before), "all processes believe the index, so only root can make it: call this as root")
    assert not INDEX.exists()


# ---- What it makes ----

def test_without_any_file_of_ours(run):
    names, hosts_files, rules, lists, octets = made(run("index"))
    assert (names, hosts_files, rules, lists) == (2, 1, 0, 0)
    status = INDEX.stat()
    assert (status.st_mode & 0o7777, status.st_size) == (0o644, octets)


def test_it_is_of_all_files(run, net, folder):
    (folder / "a.hosts").write_text("192.0.2.1 one.test two.test\n192.0.2.2\n")
    (folder / "b.hosts").write_text("".join(f"10.0.{n // 256}.{n % 256} host{n}.test\n" for n in range(1500)))
    (folder / "list").write_text("".join(f"||bad{n}.test^\n" for n in range(2000)))
    (folder / "more").write_text("bad7.test\nworse.test\n")
    net.settings(f"hosts-file {folder}/*.hosts\nblock-file {folder}/list {folder}/more {folder}/none\n"
                 "block mine.test\nallow good.bad1.test\ndomain corp.test 127.0.0.1\n")
    names, hosts_files, rules, lists, _ = made(run("index"))
    assert (names, hosts_files, rules, lists) == (1504, 3, 2003, 2)
    inode = INDEX.stat().st_ino
    assert ask(gai("host1499.test"))["addrs"] == ["10.0.5.219"]
    assert ask(nameinfo("192.0.2.1")) == {"name": "one.test"}
    for name in ("bad1999.test", "a.bad7.test", "worse.test", "mine.test"):
        assert ask(gai(name)) == NONE
    assert INDEX.stat().st_ino == inode  # lookups use it, and make no other
    with Client(before=("strace", "-f", "-o", "/run/trace", "-e", "trace=open,openat")) as client:
        assert client.ask(gai("host1499.test"))["addrs"] == ["10.0.5.219"]
    trace = pathlib.Path("/run/trace").read_text(encoding="ascii")
    assert str(INDEX) in trace and "b.hosts" not in trace


def test_it_takes_the_place_of_the_one_before(run, net):
    made(run("index"))
    inode = INDEX.stat().st_ino
    net.hosts("127.0.0.1 localhost\n192.0.2.1 new.test\n")
    assert about_the_index(run("config")) == [
        f"# {INDEX}: of other files than there are now, and not used; root's lookups make it anew, or `aiodns index'"]
    assert made(run("index"))[0] == 2
    assert INDEX.stat().st_ino != inode
    assert ask(gai("new.test"))["addrs"] == ["192.0.2.1"]


def test_config_says_whether_it_is_current(run, net, folder):
    (folder / "list").write_text("bad.test\n")
    assert about_the_index(run("config")) == []  # nobody needs one
    net.settings(f"block-file {folder}/*\n")
    assert about_the_index(run("config")) == [
        f"# {INDEX}: none yet: files are read; root's lookups make it, or `aiodns index'"]
    octets = made(run("index"))[-1]
    current = [f"# {INDEX}: current, {octets:,} octets"]
    assert about_the_index(run("config")) == current
    for change in (lambda: (folder / "more").write_text("worse.test\n"), lambda: (folder / "more").unlink(),
                   lambda: net.settings(f"block-file {folder}/*\nblock x.test\n"), lambda: os.utime("/etc/hosts")):
        change()
        assert about_the_index(run("config"))[0].startswith(f"# {INDEX}: of other files")
        octets = made(run("index"))[-1]
        assert about_the_index(run("config")) == [f"# {INDEX}: current, {octets:,} octets"]
    (folder / "new.conf").write_text("")
    assert about_the_index(run("config", str(folder / "new.conf"))) == []  # it would be of another file
    net.settings("nonsense\n")
    assert about_the_index(run("config")) == []  # and none is used


@pytest.mark.skipif(not netns.IS_ROOT, reason="needs root, to be another user")
def test_users_are_told_the_same(run):
    octets = made(run("index"))[-1]
    result = run("config", before=["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"])
    assert about_the_index(result) == [f"# {INDEX}: current, {octets:,} octets"]


# ---- What is in its way ----

def test_a_bad_configuration(run, net):
    made(run("index"))
    before = INDEX.stat()
    net.settings("domain corp.test 127.0.0.1\nnonsense\n")
    failed(run("index"), f"{CONFIG} has an error, and no index is made before it is put right: `aiodns config' shows it")
    assert INDEX.stat().st_ino == before.st_ino


def test_files_that_have_just_changed_are_waited_for(run, net):
    for n in range(5):
        net.hosts(f"192.0.2.{n} name{n}.test\n")
        assert made(run("index"))[0] == 1
        assert ask(gai(f"name{n}.test"))["addrs"] == [f"192.0.2.{n}"]
        net.settings(f"block a{n}.test\n")
        assert made(run("index"))[2] == 1
        assert about_the_index(run("config"))[0].startswith(f"# {INDEX}: current")


CHANGES = """
import os, time
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except PermissionError:
    print("cannot", flush=True)
    raise SystemExit
os.utime("/etc/hosts")
print("changing", flush=True)
while True:
    os.utime("/etc/hosts")
    time.sleep(0.004)
"""


def test_files_that_do_not_stop_changing(run):
    """By a process that nothing keeps from it for as long as 20 ms."""
    with subprocess.Popen([sys.executable, "-c", CHANGES], stdout=subprocess.PIPE, text=True,
                          preexec_fn=netns.die_with_parent) as changes:
        try:
            if changes.stdout.readline() != "changing\n":
                pytest.skip("this process may not be scheduled before all others")
            failed(run("index"), f"{INDEX}: not made: its files do not stop changing")
        finally:
            changes.kill()
    assert not INDEX.exists()
    made(run("index"))


@pytest.mark.parametrize("limit", [1000, 0])
def test_a_limit_of_file_sizes(run, net, limit):
    net.hosts("".join(f"10.0.0.{n} host{n}.test\n" for n in range(200)))
    failed(run("index", before=["prlimit", f"--fsize={limit}"]), f"{INDEX}: File too large")
    assert not INDEX.exists()
    assert [path.name for path in INDEX.parent.iterdir() if "index" in path.name] == []


def test_a_folder_in_its_place(run):
    made(run("index"))
    INDEX.unlink()
    INDEX.mkdir()
    result = run("index")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"aiodns: {INDEX}: ")
    INDEX.rmdir()
    made(run("index"))


def test_a_folder_that_others_can_write(run):
    made(run("index"))
    INDEX.unlink()
    INDEX.parent.chmod(0o777)
    try:
        result = run("index")
    finally:
        INDEX.parent.chmod(0o755)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"aiodns: {INDEX.parent}: ")
    assert not INDEX.exists()


def test_several_at_once(run, net, command):
    """One after the other, if need be; each says what is there in the end."""
    net.hosts("".join(f"10.{n // 65536}.{n // 256 % 256}.{n % 256} host{n}.test\n" for n in range(20000)))
    running = [subprocess.Popen([command, "index"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for _ in range(6)]
    for process in running:
        out, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, "")
        assert out.startswith(f"{INDEX}: 20,000 names in 1 hosts file;")
    assert about_the_index(run("config"))[0].startswith(f"# {INDEX}: current")
