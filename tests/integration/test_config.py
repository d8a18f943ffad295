"""The command `aiodns config`, and what `aiodns doctor` says of the file: errors with their places, and what is in force."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import netns

BUILD = os.environ.get("AIODNS_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev")
COMMAND = pathlib.Path(os.environ.get("AIODNS_COMMAND", pathlib.Path(BUILD, "tools/aiodns")))

CONFIG = pathlib.Path("/etc/aiodns.conf")
USER = 1234


@pytest.fixture(scope="module")
def command(net):
    """A copy of it where every user may go."""
    if not COMMAND.exists():
        pytest.fail(f"{COMMAND} is not built (AIODNS_COMMAND names it)", pytrace=False)
    return shutil.copy(COMMAND, net.new_folder("bin"))


@pytest.fixture
def run(command, net):
    """run(words..., user=None) starts it; before and afterwards there is no file."""
    def run(*words, user=None, environment=None, **options):
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run([*who, command, *words], capture_output=True, text=True, timeout=60,
                              env={"PATH": os.environ["PATH"], **(environment or {})}, **options)

    def remove():
        if CONFIG.is_dir() and not CONFIG.is_symlink():
            CONFIG.rmdir()
        else:
            CONFIG.unlink(missing_ok=True)

    net.resolv_conf("nameserver 192.0.2.53\nnameserver fe80::1%lo\noptions timeout:3 attempts:4\n")
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    net.service("files aiodns [!UNAVAIL=return] dns")
    remove()
    yield run
    remove()


def good(result):
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


SERVERS = ["nameserver 192.0.2.53 # resolv.conf", "nameserver fe80::1%lo # resolv.conf",
           "options timeout:3 attempts:4 # resolv.conf"]
CACHE = ["block-answer nxdomain # default", "cache-size 4M # default", "host-cache shared # default",
         "min-ttl 0 # default", "max-ttl 1d # default", "max-negative-ttl 1h # default"]
HOSTS = "# /etc/hosts: 2 names"
DEFAULTS = ["parallel-search on # default", "serve-stale off # default", "0x20 auto # default", *CACHE, HOSTS]
WITHOUT = [*SERVERS, "deadline 12s # resolv.conf", *DEFAULTS]
GOES_ON = "goes on with the last good configuration that it has read, a new one with resolv.conf alone"


def with_errors(result, *errors):
    """What stands on stdout is what holds for a new process."""
    assert (result.returncode, result.stdout.splitlines()) == (1, WITHOUT)
    *said, last = result.stderr.splitlines()
    assert said == list(errors)
    assert last == f"aiodns: nothing in {CONFIG} counts: a process {GOES_ON}"


# ---- How it is called ----

def test_help(run):
    text = "\n".join(good(run("config", "--help")))
    assert text.startswith("Usage: aiodns config [OPTION...] [FILE]")
    assert re.search(r"^  config +\w", "\n".join(good(run("--help"))), re.M)


@pytest.mark.parametrize("words", [["a", "b"], ["a", "\x1b[2J"], ["--json"], ["--nothing"]], ids=ascii)
def test_usage_errors(run, words):
    result = run("config", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("aiodns: ")
    assert re.fullmatch(r"[\n\x20-\x7e]+", result.stderr)


@pytest.mark.parametrize("words", [["config"], ["config", "--help"]], ids="-".join)
def test_output_that_is_lost(run, command, words):
    with open("/dev/full", "w") as full:
        result = subprocess.run([command, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "aiodns: write error: No space left on device\n")


# ---- What is in force ----

@pytest.mark.parametrize("content", [None, "", "# nothing\n"], ids=["absent", "empty", "comment"])
def test_resolv_conf_alone(run, net, content):
    if content is not None:
        net.write(CONFIG.name, content)
    assert good(run("config")) == WITHOUT


def test_resolv_conf_through_its_own_environment(run):
    """RES_OPTIONS is glibc's, and moves what resolv.conf says."""
    options = {"RES_OPTIONS": "timeout:1 attempts:2 rotate"}
    assert good(run("config", environment=options)) == [
        *SERVERS[:2], "options timeout:1 attempts:2 rotate # resolv.conf", "deadline 2s # resolv.conf", *DEFAULTS]


def test_all_that_can_be_said(run, net):
    net.write(CONFIG.name, "# whom to ask\n"
                           "attempt 300ms 192.0.2.1 fe80::2%lo@5353 # both\n"
                           "\n"
                           "attempt 60s 2001:db8::1 192.0.2.1\n"
                           "0x20 off\n"
                           "deadline 90s\n"
                           "  serve-stale 86400s\n"
                           "parallel-search off\n"
                           "0x20 on\n")
    assert good(run("config")) == [
        f"attempt 300ms 192.0.2.1 fe80::2%lo@5353 # {CONFIG}:2",
        f"attempt 1m 192.0.2.1 2001:db8::1 # {CONFIG}",
        f"deadline 90s # {CONFIG}:6",
        f"parallel-search off # {CONFIG}:8",
        f"serve-stale 1d # {CONFIG}:7",
        f"0x20 on # {CONFIG}:9", *CACHE, HOSTS]


def test_all_that_can_be_said_of_blocking_and_caches(run, net):
    net.write(CONFIG.name, "block-answer null\ncache-size 1536K\nhost-cache private\nmin-ttl 90s\n"
                           "max-negative-ttl 0\nmax-ttl 1h\n\nmax-ttl 30m\n")
    assert good(run("config")) == [
        *WITHOUT[:7],
        f"block-answer null # {CONFIG}:1", f"cache-size 1536K # {CONFIG}:2", f"host-cache private # {CONFIG}:3",
        f"min-ttl 90s # {CONFIG}:4", f"max-ttl 30m # {CONFIG}:8", f"max-negative-ttl 0 # {CONFIG}:5", HOSTS]
    for said, shown in (("262145", "262145"), ("1024M", "1G"), ("1048576", "1M")):
        net.write(CONFIG.name, f"cache-size {said}\nhost-cache shared\nblock-answer nodata\n")
        assert good(run("config"))[7:10] == [f"block-answer nodata # {CONFIG}:3", f"cache-size {shown} # {CONFIG}:1",
                                             f"host-cache shared # {CONFIG}:2"]


def test_domains_and_names_each_with_its_line(run, net):
    net.write(CONFIG.name, "domain Corp.example 10.1.1.1 10.1.1.2@5353 fe80::1%lo # ours\n\n"
                           "block good-riddance.example *.ads.example.\nallow needed.ads.example\n"
                           "domain 10.in-addr.arpa 2001:db8::1\nblock last.example\n")
    assert good(run("config")) == [
        *WITHOUT,
        f"domain corp.example 10.1.1.1 10.1.1.2@5353 fe80::1%lo # {CONFIG}:1",
        f"block good-riddance.example # {CONFIG}:3", f"block *.ads.example # {CONFIG}:3",
        f"allow needed.ads.example # {CONFIG}:4", f"domain 10.in-addr.arpa 2001:db8::1 # {CONFIG}:5",
        f"block last.example # {CONFIG}:6"]


# ---- Files ----

def items(result):
    """What stands behind /etc/hosts."""
    lines = result.stdout.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("# /etc/hosts: ")) + 1:]


def test_hosts_files_with_what_they_have(run, net, tmp_path):
    (tmp_path / "b.hosts").write_text("192.0.2.1 one two # three\n# none\n\n2001:db8::1 one\n")
    (tmp_path / "a.hosts").write_text("192.0.2.1\tone\n\n192.0.2.256 two\x1b[2J\n192.0.2.3\nname 192.0.2.4\n")
    (tmp_path / "c").write_text("192.0.2.1 one")
    (tmp_path / ".d.hosts").write_text("192.0.2.1 one")
    net.write(CONFIG.name, f"# files\nhosts-file {tmp_path}/*.hosts {tmp_path}/c\nhosts-file {tmp_path}/*.none\n")
    result = run("config")
    good(result)
    assert items(result)[:-1] == [
        f"hosts-file {tmp_path}/*.hosts # {CONFIG}:2, 2 files",
        f"# {tmp_path}/a.hosts: 1 name, 3 lines not understood, the first is 3: 192.0.2.256 two\\027[2J",
        f"# {tmp_path}/b.hosts: 3 names",
        f"hosts-file {tmp_path}/c # {CONFIG}:2, 1 file",
        f"# {tmp_path}/c: 1 name",
        f"hosts-file {tmp_path}/*.none # {CONFIG}:3, 0 files"]


def test_block_lists_with_what_they_have(run, net, tmp_path):
    (tmp_path / "1").write_text("0.0.0.0 a.test b.test\n127.0.0.1 localhost\n# x\n||c.test^\n@@||d.c.test^\n")
    (tmp_path / "2").write_text("! x\n||a.test^$third-party\nb.test\n/ads/*\n")
    (tmp_path / "3").write_text("".join(f"n{n}.test\n" for n in range(1234)))
    net.write(CONFIG.name, f"block-file {tmp_path}/?\n")
    result = run("config")
    good(result)
    assert items(result)[:-1] == [
        f"block-file {tmp_path}/? # {CONFIG}:1, 3 files",
        f"# {tmp_path}/1: 4 names",
        f"# {tmp_path}/2: 1 name, 2 lines not understood, the first is 2: ||a.test^$third-party",
        f"# {tmp_path}/3: 1,234 names"]


def test_files_that_cannot_be_read(run, net, tmp_path):
    (tmp_path / "a").write_text("192.0.2.1 one\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "c").symlink_to(tmp_path / "nowhere")
    (tmp_path / "d").symlink_to("/proc/self/mem")
    net.write(CONFIG.name, f"hosts-file {tmp_path}/*\n\nblock-file /nowhere/*\nblock-file {tmp_path}/none\n")
    result = run("config")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"{CONFIG}:1: {tmp_path}/b: Is a directory",
        f"{CONFIG}:1: {tmp_path}/c: No such file or directory",
        f"{CONFIG}:1: {tmp_path}/d: Input/output error",
        f"{CONFIG}:3: warning: /nowhere: No such file or directory",
        f"{CONFIG}:4: {tmp_path}/none: No such file or directory"]
    assert items(result)[:-1] == [
        f"hosts-file {tmp_path}/* # {CONFIG}:1, 4 files",
        f"# {tmp_path}/a: 1 name",
        f"# {tmp_path}/b: Is a directory",
        f"# {tmp_path}/c: No such file or directory",
        f"# {tmp_path}/d: Input/output error",
        f"block-file /nowhere/* # {CONFIG}:3, 0 files",
        f"block-file {tmp_path}/none # {CONFIG}:4, 1 file",
        f"# {tmp_path}/none: No such file or directory"]


def test_a_folder_that_may_come_is_no_error(run, net):
    net.write(CONFIG.name, "block-file /nowhere/*\n")
    result = run("config")
    assert (result.returncode, result.stderr) == (0, f"{CONFIG}:1: warning: /nowhere: No such file or directory\n")


@pytest.mark.skipif(not netns.IS_ROOT, reason="needs root, to be another user")
def test_files_that_others_may_not_read(run, net, tmp_path):
    folder = net.new_folder("lists")
    (folder / "list").write_text("a.test\n")
    (folder / "list").chmod(0o600)
    net.write(CONFIG.name, f"block-file {folder}/*\n")
    assert good(run("config"))
    result = run("config", user=USER)
    assert (result.returncode, result.stderr) == (1, f"{CONFIG}:1: {folder}/list: Permission denied\n")
    folder.chmod(0o700)
    result = run("config", user=USER)
    assert (result.returncode, result.stderr) == (1, f"{CONFIG}:1: {folder}: Permission denied\n")


def test_etc_hosts(run, net):
    pathlib.Path("/etc/hosts").unlink()
    assert good(run("config"))[-1] == "# /etc/hosts: No such file or directory"
    net.hosts("127.0.0.1 localhost here\n192.0.2.1\n")
    assert good(run("config"))[-1] == "# /etc/hosts: 2 names, 1 line not understood, the first is 2: 192.0.2.1"
    pathlib.Path("/etc/hosts").unlink()
    pathlib.Path("/etc/hosts").mkdir()
    result = run("config")
    pathlib.Path("/etc/hosts").rmdir()
    assert (result.returncode, result.stderr) == (1, "aiodns: /etc/hosts: Is a directory\n")


def test_an_index_is_named_where_lookups_would_use_one(run, net, tmp_path):
    """Here is no place for one (test_index_command.py has one)."""
    none = re.compile(r"# /(run/aiodns|dev/shm)/\S+: none yet: .*`aiodns index'")
    assert not none.search(run("config").stdout)
    (tmp_path / "new.conf").write_text(f"hosts-file {CONFIG}*\n")
    assert not none.search(run("config", str(tmp_path / "new.conf")).stdout)
    net.hosts("".join(f"10.0.0.{n} host{n}.test\n" for n in range(200)))
    assert none.fullmatch(run("config").stdout.splitlines()[-1])


def test_deadline_by_the_attempts(run, net):
    """Those of resolv.conf, or their own where these take longer."""
    for wait, deadline in (("11500ms", "deadline 12s # resolv.conf"),
                           ("12s", "deadline 12300ms # the sum of 2 attempts")):
        net.write(CONFIG.name, f"attempt 300ms 192.0.2.1\nattempt {wait} 192.0.2.1\n")
        assert good(run("config")) == [f"attempt 300ms 192.0.2.1 # {CONFIG}:1", f"attempt {wait} 192.0.2.1 # {CONFIG}",
                                       deadline, *DEFAULTS]


def test_what_is_printed_can_be_read_again(run, net, tmp_path):
    text = "attempt 250ms 192.0.2.1@54\nattempt 1s 2001:db8::53\ndeadline 1250ms\nserve-stale on\n0x20 off\n" \
        "domain corp.example 10.1.1.1 10.1.1.2@54\nblock a.test *.b.test\nallow c.test\nblock-answer null\n" \
        f"block-file {tmp_path}/*.list\nhosts-file {tmp_path}/*.hosts\ncache-size 3M\nmin-ttl 5s\nmax-ttl 2h\n"
    path = tmp_path / "aiodns.conf"
    path.write_text(text)
    first = [line.split(" # ")[0] for line in good(run("config", str(path)))]
    path.write_text("\n".join(first))
    assert [line.split(" # ")[0] for line in good(run("config", str(path)))] == first
    assert first[:4] == ["attempt 250ms 192.0.2.1@54", "attempt 1s 2001:db8::53", "deadline 1250ms",
                         "parallel-search on"]


def test_another_file(run, net, tmp_path):
    """It is read in the place of the one that counts."""
    net.write(CONFIG.name, "0x20 on\nwrong\n")
    path = tmp_path / "new.conf"
    path.write_text("serve-stale 6h\n")
    assert good(run("config", str(path))) == [*WITHOUT[:5], f"serve-stale 6h # {path}:1", *WITHOUT[6:]]
    assert good(run("config", "new.conf", cwd=tmp_path)) == [*WITHOUT[:5], "serve-stale 6h # new.conf:1", *WITHOUT[6:]]
    path.write_text("serve-stale 6\n")
    result = run("config", str(path))
    assert (result.returncode, result.stdout.splitlines()) == (1, WITHOUT)
    error, last = result.stderr.splitlines()
    assert error == f"{path}:1:13: 6: expected a unit directly behind the number: ms, s, m, h or d"
    assert last.startswith(f"aiodns: as {CONFIG} it would change nothing: ")
    result = run("config", str(tmp_path / "none"))
    assert (result.returncode, result.stderr) == (1, f"aiodns: there is no {tmp_path}/none\n")


def test_no_server_at_all(run, net):
    net.resolv_conf("nameserver 0.0.0.0\n")
    assert good(run("config"))[0] == "nameserver 0.0.0.0 # resolv.conf"
    net.resolv_conf("")
    assert good(run("config"))[0] == "nameserver 127.0.0.1 # resolv.conf"  # as resolv.conf(5) says


# ---- What is wrong ----

def test_errors_with_their_places(run, net):
    net.write(CONFIG.name, "# mine\n"
                           "attempt 300 192.0.2.1 192.0.2.256\n"
                           "deadline\n"
                           "\tserve-stale on off\n"
                           "nameserver 192.0.2.1\n")
    with_errors(run("config"),
                f"{CONFIG}:2:9: 300: expected a unit directly behind the number: ms, s, m, h or d",
                f"{CONFIG}:2:23: 192.0.2.256: expected a server such as 192.0.2.53, 2001:db8::53@5353 or fe80::1%eth0",
                f"{CONFIG}:3:9: expected a time such as 300ms or 2s",
                f"{CONFIG}:4:17: off: expected nothing more in this line",
                f"{CONFIG}:5:1: nameserver: expected one of attempt, deadline, parallel-search, serve-stale, 0x20, domain, "
                "hosts-file, block-file, block, allow, block-answer, cache-size, host-cache, min-ttl, max-ttl, "
                "max-negative-ttl")


def test_domains_of_a_file_with_errors(run, net):
    """They are kept from other servers, and nothing else counts."""
    net.write(CONFIG.name, "block a.test\n\ndomain corp.example 10.1.1.1\ndomain other.example 10.1.1\n"
                           "hosts-file /nowhere/x\nmin-ttl 5s\nmax-ttl 1s\n")
    result = run("config")
    assert (result.returncode, result.stdout.splitlines()) == (1, [
        *WITHOUT, f"domain corp.example 10.1.1.1 # {CONFIG}:3", f"domain other.example # {CONFIG}:4, no server"])
    error, nothing, but = result.stderr.splitlines()
    assert error.startswith(f"{CONFIG}:4:22: 10.1.1: expected a server such as")
    assert nothing == f"aiodns: nothing in {CONFIG} counts: a process {GOES_ON}"
    assert but == "aiodns: but names of its `domain' lines are asked of no other servers than those"


def test_odd_octets(run, net, command):
    """Nothing of a file may act on a terminal: not its words, not its name."""
    net.write(CONFIG.name, b"\x1b[2J\n0x20 \xc2\x9b\n# \x07\n0x20 on\0\n")
    with_errors(run("config"),
                rf"{CONFIG}:1:1: \027[2J: expected text without control characters",
                rf"{CONFIG}:2:6: \194\155: expected auto, on or off",
                rf"{CONFIG}:3:3: \007: expected text without control characters",
                f"{CONFIG}:4:8: expected text without control characters")
    result = subprocess.run([command, "config", b"/tmp/\x1b[2J\n\xff"], capture_output=True)
    assert (result.returncode, result.stderr) == (1, b"aiodns: there is no /tmp/\\027[2J\\010\\255\n")


def test_no_regular_file(run):
    for make in (CONFIG.mkdir, lambda: os.mkfifo(CONFIG), lambda: CONFIG.symlink_to("/dev/zero")):
        make()
        with_errors(run("config"), f"{CONFIG}: expected a regular file")
        if CONFIG.is_dir():
            CONFIG.rmdir()
        else:
            CONFIG.unlink()
    CONFIG.symlink_to(CONFIG)
    with_errors(run("config"), f"{CONFIG}: Too many levels of symbolic links")


def test_too_large(run, net):
    net.write(CONFIG.name, "#" * 2**20)
    assert good(run("config")) == WITHOUT
    net.write(CONFIG.name, "#" * (2**20 + 1))
    with_errors(run("config"), f"{CONFIG}: expected a file of at most 1 MiB")


@pytest.mark.skipif(not netns.IS_ROOT, reason="needs root, to be another user")
def test_a_file_that_others_may_not_read(run, net):
    net.write(CONFIG.name, "0x20 on\n")
    CONFIG.chmod(0o600)
    assert f"0x20 on # {CONFIG}:1" in good(run("config"))
    with_errors(run("config", user=USER), f"{CONFIG}: Permission denied")


# ---- The doctor ----

def about_the_file(result):
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if str(CONFIG) in line]


def test_doctor(run, net):
    assert about_the_file(run("doctor")) == []
    net.write(CONFIG.name, "0x20 on\n")
    assert about_the_file(run("doctor")) == [f"ok: {CONFIG}: it has no errors"]
    net.write(CONFIG.name, "0x20 on\n\ndeadline\nx\n")
    result = run("doctor")
    assert result.returncode == 1
    assert about_the_file(result) == [
        f"error: {CONFIG}: line 3, column 9: expected a time such as 300ms or 2s: until this is put right nothing in it "
        "counts but its domains; `aiodns config' shows all that is wrong"]
    net.write(CONFIG.name, b"\x1b\n")
    assert rf"error: {CONFIG}: line 1, column 1: \027: expected text" in run("doctor").stdout
    CONFIG.unlink()
    CONFIG.mkdir()
    assert about_the_file(run("doctor")) == [f"error: {CONFIG}: expected a regular file: nothing in it counts"]
