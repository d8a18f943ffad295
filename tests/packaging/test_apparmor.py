"""packaging/apparmor/aiodns, by its text, since few kernels that tests run on have AppArmor: that its parser takes it, and
that it allows of what real lookups open all that is read, and nothing else, without a line in the audit log.

Lookups run unconfined under strace(1); each path that they ask for is then put to the rules of a profile that includes
abstractions/base, abstractions/nameservice and ours, as the kernel would put it. AppArmor does not mediate stat(2).
"""

import contextlib
import itertools
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import netns
import scripted

CACHED = True
TOP = pathlib.Path(__file__).resolve().parents[2]
OURS = TOP / "packaging/apparmor/aiodns"
INSTALLED = pathlib.Path("/etc/apparmor.d")
PLACE = "abstractions/nameservice.d"

PROFILE = """abi <abi/3.0>,
include <tunables/global>
profile aiodns-test /usr/bin/aiodns-test {
  include <abstractions/base>
  include <abstractions/nameservice>
}
"""

USER, OTHER = 4242, 4243
HUNG = 60
ADDRESS = "127.0.45.1"
MS_REMOUNT = 32


# ---- The rules ----

VARIABLE = re.compile(r"^\s*(@\{\w+\})\s*(\+?=)\s*(.*)$")
RULE = re.compile(r'^\s*(?P<words>(?:(?:audit|deny|allow|owner|other|file)\s+)*)'
                  r'(?P<path>"[^"]+"|[/@]\S*)\s+(?P<perms>[a-zA-Z]+)\s*(?:->[^,]*)?,')


def split_values(text):
    """Words; a value may have braces, and commas in them, but no blanks."""
    return [word.strip('"') for word in text.split()]


def variables_of(text):
    variables = {}
    for line in text.splitlines():
        match = VARIABLE.match(line.split(" #")[0])
        if match:
            name, how, values = match.groups()
            variables[name] = (variables.get(name, []) if how == "+=" else []) + split_values(values)
    return variables


def expanded(path, variables):
    """A path for each combination of the variables' values."""
    names = re.findall(r"@\{\w+\}", path)
    if not names:
        return [re.sub("/+", "/", path)]
    found = []
    for values in itertools.product(*(variables[name] for name in names)):
        text = path
        for name, value in zip(names, values):
            text = text.replace(name, value, 1)
        found += expanded(text, variables)
    return found


def regex_of(glob):
    """apparmor.d(5), "Globbing"; a `*` that is all of a component matches no empty one."""
    out, at, depth = "", 0, 0
    while at < len(glob):
        char = glob[at]
        if char == "*":
            stars = 2 if glob.startswith("**", at) else 1
            end = at + stars
            if out.endswith("/") and (end == len(glob) or glob[end] == "/"):
                out += "[^/]"
            out += ".*" if stars == 2 else "[^/]*"
            at = end
            continue
        if char == "[":
            end = glob.index("]", at + 2)
            out, at = out + glob[at:end + 1], end + 1
            continue
        if char == "\\":
            out, at = out + re.escape(glob[at + 1]), at + 2
            continue
        depth += (char == "{") - (char == "}")
        out += {"?": "[^/]", "{": "(?:", "}": ")"}.get(char) or ("|" if char == "," and depth else re.escape(char))
        at += 1
    return re.compile(out)


class Rule:
    def __init__(self, line, words, path, perms, variables):
        self.line, self.perms = line.strip(), set(perms)
        self.denies, self.owner = "deny" in words, "owner" in words
        self.patterns = [regex_of(each) for each in expanded(path.strip('"'), variables)]
        self.used = False

    def matches(self, path, owned):
        return (owned or not self.owner) and any(pattern.fullmatch(path) for pattern in self.patterns)


class Rules:
    def __init__(self, text):
        variables = variables_of(text)
        self.all = []
        for line in text.splitlines():
            match = RULE.match(line)
            if match and not line.lstrip().startswith("#"):
                self.all.append(Rule(line, match["words"].split(), match["path"], match["perms"], variables))

    def judge(self, path, wanted, owned):
        """What of it is allowed, and what is denied without a word; the rest would be audited."""
        allowed, denied = set(), set()
        for rule in self.all:
            perms = rule.perms | ({"w"} if "a" in rule.perms and rule.denies else set())
            if perms & wanted and rule.matches(path, owned):
                rule.used = True
                (denied if rule.denies else allowed).update(perms & wanted)
        return allowed - denied, denied

    def of(self, lines):
        """Those that stand in a file."""
        lines = {line.strip() for line in lines}
        return [rule for rule in self.all if rule.line in lines]


def parse(folder, profile, *options):
    return subprocess.run(["apparmor_parser", "-K", "-b", folder, *options, profile], capture_output=True, text=True,
                          timeout=HUNG)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A copy of /etc/apparmor.d with ours in its place, and a profile."""
    if not shutil.which("apparmor_parser") or not (INSTALLED / "abstractions/nameservice").exists():
        pytest.skip("there is no apparmor_parser, or no abstractions (Debian's package apparmor has both)")
    folder = tmp_path_factory.mktemp("apparmor") / "apparmor.d"
    folder.mkdir()
    for name in ("abi", "abstractions", "tunables"):
        shutil.copytree(INSTALLED / name, folder / name)
    (folder / PLACE).mkdir(exist_ok=True)
    (folder / PLACE / "aiodns").unlink(missing_ok=True)
    (folder.parent / "profile").write_text(PROFILE)
    return folder


@pytest.fixture(scope="module")
def without(base):
    """The rules of the distribution alone."""
    return Rules(parse(base, base.parent / "profile", "-p").stdout)


@pytest.fixture(scope="module")
def rules(base, without):
    shutil.copy(OURS, base / PLACE / "aiodns")
    result = parse(base, base.parent / "profile", "-p")
    assert result.returncode == 0, result.stderr
    return Rules(result.stdout)


def test_matcher():
    """As in apparmor.d(5), and as its parser reads globs."""
    variables = {"@{run}": ["/run/", "/var/run/"], "@{n}": ["{[0-9],[1-9][0-9]}"]}

    def matches(glob, path):
        return any(regex_of(each).fullmatch(path) for each in expanded(glob, variables))
    assert matches("@{run}/a/*", "/run/a/b") and matches("@{run}/a/*", "/var/run/a/b")
    assert not matches("@{run}/a/*", "/run/a/") and not matches("@{run}/a/*", "/run/a/b/c")
    assert matches("/a/**", "/a/b/c/") and not matches("/a/**", "/a/")
    assert matches("/a.*", "/a.") and matches("/a{,b,c{d,e}}", "/acd") and not matches("/a{,b,c{d,e}}", "/ac")
    assert matches("/a.@{n}", "/a.42") and not matches("/a.@{n}", "/a.042") and not matches("/a.@{n}", "/aX4")
    rules = Rules('  owner /x r,\n  deny /x w,\n  /y{a,b} rk, # why\n  # /z r,\n  "/s p/*" mr,\n')
    assert rules.judge("/x", {"r", "w"}, True) == ({"r"}, {"w"})
    assert rules.judge("/x", {"r"}, False) == (set(), set())
    assert rules.judge("/yb", {"k"}, False) == ({"k"}, set())
    assert rules.judge("/z", {"r"}, True) == (set(), set())
    assert rules.judge("/s p/q", {"m"}, False) == ({"m"}, set())


def test_parser_takes_it(base, rules):
    result = parse(base, base.parent / "profile", "-Q")
    assert result.returncode == 0, result.stderr
    assert "aiodns" not in result.stderr


def test_all_of_it_is_understood(rules):
    """By this test's reader, too."""
    lines = {line.strip() for line in OURS.read_text().splitlines() if not line.lstrip().startswith("#")} - {""}
    assert {rule.line for rule in rules.of(lines)} == lines and len(lines) > 10


# ---- What lookups open ----

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) = (-?\d+)(?:<([^>]*)>)?")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
MAKES = {"mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "chmod", "fchmodat",
         "mknod", "mknodat", "symlink", "symlinkat", "truncate", "chown", "fchownat", "utimensat", "creat"}


def wanted_of(name, rest, opened):
    """[(path, permissions)] of a call; the path as the kernel knows it, where it tells."""
    quoted = QUOTED.findall(rest)
    if name in ("open", "openat") and quoted:
        path = opened or quoted[0]
        if "O_PATH" in rest:
            return []
        if "O_DIRECTORY" in rest or (opened and os.path.isdir(opened)):
            path = path.rstrip("/") + "/"
        perms = {"w"} if "O_WRONLY" in rest else {"r", "w"} if "O_RDWR" in rest else {"r"}
        return [(path, perms | ({"w"} if "O_CREAT" in rest or "O_TRUNC" in rest else set()))]
    if name in MAKES:
        return [(path + ("/" if name.startswith(("mkdir", "rmdir")) or os.path.isdir(path) else ""), {"w"})
                for path in quoted]
    if name in ("link", "linkat"):
        return [(quoted[-1], {"l"})]
    file = re.search(r"^\d+<(/[^>]*)>", rest)
    if name == "fcntl" and file and "SETLK" in rest:
        return [(file[1], {"k"})]
    mapped = re.search(r", (PROT_[A-Z_|]*), (MAP_[A-Z_|]*), \d+<(/[^>]*)>", rest) if name == "mmap" else None
    if mapped:
        perms = {"r"} | ({"m"} if "PROT_EXEC" in mapped[1] else set())
        return [(mapped[3], perms | ({"w"} if "PROT_WRITE" in mapped[1] and "MAP_SHARED" in mapped[2] else set()))]
    return []


class Wanted:
    """What was asked for, by whom, and in which case."""

    def __init__(self, case, path, perms, uid):
        self.case, self.path, self.perms, self.uid = case, path, perms, uid
        try:
            self.owned = os.stat(path).st_uid == uid
        except OSError:
            self.owned = True  # what is not there would be made, or not found

    def __repr__(self):
        return f"{self.case}: {self.path} {''.join(sorted(self.perms))}, uid {self.uid}"


class Tracer:
    def __init__(self, net):
        self.net, self.found = net, []
        self.out = net.new_folder("traces")
        self.out.chmod(0o777)

    def __call__(self, case, *words, uid=0, status=0, env=None):
        """Of a program that looks names up, and says what it gets."""
        out = self.out / f"{len(list(self.out.iterdir()))}"
        before = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        done = subprocess.run([*before, "strace", "-f", "-y", "-qq", "-s", "4096", "-o", out, "-e",
                               "trace=%file,fcntl,mmap,fchmod", "-e", "signal=none", "getent", *words],
                              env={"PATH": os.environ["PATH"]} | (env or {}), capture_output=True, text=True, timeout=HUNG)
        assert done.returncode == status, f"{case}: {done}"
        lines = out.read_text().splitlines()
        assert any("libnss_aiodns.so.2" in line for line in lines), case
        for line in lines:
            match = CALL.match(line)
            if not match or match[1] == "execve":
                continue
            for path, perms in wanted_of(match[1], match[2], match[4]):
                path = path.replace(f"{self.net.folder}/module/", "/usr/lib/x86_64-linux-gnu/")
                self.found.append(Wanted(case, path, perms, uid))
        return done.stdout


def answer(query):
    if "nobody" in query.key:
        query.send(query.reply(rcode="NXDOMAIN"))
    elif query.type in ("A", "AAAA"):
        query.send(query.reply({"A": "198.51.100.1", "AAAA": "2001:db8:1::1"}[query.type]))
    else:
        query.send(query.reply())


def mount_tmpfs(folder, mode):
    netns.mount("tmpfs", folder, "tmpfs", 0, f"mode={mode},size=64m")


def forget():
    shutil.rmtree("/run/aiodns", ignore_errors=True)
    for file in pathlib.Path("/dev/shm").glob("aiodns.*"):
        file.unlink()
    for folder in pathlib.Path("/run").glob("user/*"):
        shutil.rmtree(folder)


HOSTS = "127.0.0.1 localhost\n"
LARGE = HOSTS + "".join(f"10.0.{n >> 8}.{n & 255} host{n}.test\n" for n in range(1000))
GOOD = "198.51.100.1"


def look_up(trace, case, uid=0):
    """Of a process each: a miss, a hit, a name that does not exist, the long end of a search list, an address. No user
    has the names of another: all would be in the host's cache."""
    assert GOOD in trace(f"{case}, first", "ahosts", f"first{uid}.test", uid=uid)
    assert GOOD in trace(f"{case}, hit", "ahosts", f"first{uid}.test", uid=uid)
    trace(f"{case}, nobody", "ahosts", "nobody.test.", uid=uid, status=2)
    trace(f"{case}, search", "ahosts", "nobody", uid=uid, status=2)
    trace(f"{case}, address", "hosts", GOOD, uid=uid, status=2)
    assert GOOD in trace(f"{case}, two", "ahosts", f"first{uid}.test", f"second{uid}.test", uid=uid)


def with_user_folder(uid):
    pathlib.Path("/run/user").mkdir(exist_ok=True)
    home = pathlib.Path(f"/run/user/{uid}")
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    netns.mount("tmpfs", str(home), "tmpfs", 0, f"mode=0700,uid={uid},gid={uid},size=16m")


@contextlib.contextmanager
def run_on_disk(net):
    """As in containers whose /run is a part of their file system."""
    folder = net.new_folder("run")
    netns.mount(folder, "/run", flags=netns.MS_BIND)
    try:
        yield subprocess.run(["stat", "-f", "-c", "%T", "/run"], capture_output=True, text=True).stdout.strip() != "tmpfs"
    finally:
        subprocess.run(["umount", "/run"], check=True)


def read_only(folder, read_only_now):
    netns.mount("none", folder, None, MS_REMOUNT | netns.MS_BIND | (netns.MS_RDONLY if read_only_now else 0))


@pytest.fixture(scope="module")
def found(net, rules):
    """All that lookups have asked for, in every place that has a tier, and with every file that they read."""
    if not netns.IS_ROOT:
        pytest.skip("needs root outside of any user namespace: / has to be root's")
    trace = Tracer(net)
    mount_tmpfs("/var/lib", "0755")
    with scripted.Server(ADDRESS, answer):
        long_search = "search " + " ".join(f"nobody{i}.test" for i in range(10)) + "\n"
        net.resolv_conf(f"nameserver {ADDRESS}\n{long_search}")
        net.hosts(HOSTS)
        look_up(trace, "root")
        with_user_folder(USER)
        look_up(trace, "user", USER)
        look_up(trace, "user without /run/user", OTHER)
        use_lists(net, trace)
        with run_on_disk(net) as is_disk:
            if is_disk:
                net.hosts(LARGE)
                look_up(trace, "root, /run on disk")
                assert pathlib.Path("/dev/shm/aiodns.0.1").exists()
                assert "10.0.0.7" in trace("index on /dev/shm", "ahosts", "host7.test", uid=OTHER)
                look_up(trace, "user, /run on disk", OTHER)
                net.hosts(HOSTS)
    return trace.found


def use_lists(net, trace):
    """Settings, block lists and hosts files, read in full by a user; then an index that root has made of them."""
    lists = pathlib.Path("/var/lib/aiodns/blocklists")
    lists.mkdir(parents=True)
    (lists / "one").write_text("blocked.test\n")
    net.settings("block-file /var/lib/aiodns/blocklists/*\n")
    shutil.rmtree("/run/aiodns", ignore_errors=True)
    trace("lists, no index", "ahosts", "blocked.test", uid=USER, status=2)
    net.hosts(LARGE)
    assert "10.0.0.7" in trace("index, made", "ahosts", "host7.test")
    assert "10.0.0.8" in trace("index, used", "ahosts", "host8.test", uid=USER)
    trace("index, blocked", "ahosts", "blocked.test", uid=USER, status=2)
    net.settings(None)
    net.hosts(HOSTS)


def is_ours(path):
    return "aiodns" in path and "libnss" not in path


def test_they_open_what_they_should(found):
    """Else what follows would say nothing."""
    expected = {"/run/aiodns/", "/run/aiodns/cache.1", "/run/aiodns/index.1", "/run/aiodns/claims.1", "/run/aiodns/counters.1",
                "/run/aiodns/cache.1.new", f"/run/user/{USER}/aiodns/cache.1", f"/dev/shm/aiodns.{OTHER}.1",
                "/etc/aiodns.conf", "/var/lib/aiodns/blocklists/one", "/var/lib/aiodns/blocklists/",
                "/proc/sys/kernel/random/boot_id", "/etc/hosts", "/etc/resolv.conf"}
    assert expected - {wanted.path for wanted in found} == set()


def test_all_that_is_read_is_allowed(rules, found):
    refused = {str(wanted) for wanted in found if not wanted.perms & {"w", "k", "l"}
               and rules.judge(wanted.path, wanted.perms, wanted.owned)[0] != wanted.perms}
    assert not refused


def test_without_ours_it_is_not(without, found):
    """Each file of ours that is read takes a rule of ours."""
    allowed = {wanted.path for wanted in found if is_ours(wanted.path)
               and without.judge(wanted.path, wanted.perms, wanted.owned)[0] == wanted.perms}
    assert not allowed


def test_all_that_is_written_is_refused_in_silence(rules, found):
    writes = [wanted for wanted in found if wanted.perms & {"w", "k", "l"}]
    assert any("k" in wanted.perms for wanted in writes) and any("index" in wanted.path for wanted in writes)
    for wanted in writes:
        if not is_ours(wanted.path):
            continue
        allowed, denied = rules.judge(wanted.path, wanted.perms, wanted.owned)
        assert denied & wanted.perms - {"r"}, f"{wanted} is allowed"
        assert not wanted.perms - allowed - denied, f"{wanted} would be audited"
    assert [wanted for wanted in writes if not is_ours(wanted.path)] == []


def test_no_rule_is_of_no_use(rules, found):
    """Nothing more than what they need, and nothing denied that nobody tries."""
    for rule in rules.all:
        rule.used = False
    for wanted in found:
        rules.judge(wanted.path, wanted.perms, wanted.owned)
    where_run_is_tmpfs = not any("/run on disk" in wanted.case for wanted in found)
    unused = [rule.line for rule in rules.of(OURS.read_text().splitlines()) if not rule.used
              and not (where_run_is_tmpfs and "/dev/shm/aiodns.0" in rule.line)]
    assert unused == []


@pytest.mark.parametrize("path", [
    "/run/aiodns/cache.1", "/run/aiodns/index.1", "/run/aiodns/claims.1", "/run/aiodns/counters.1", "/run/aiodns/",
    "/run/aiodns/cache.1.new", "/run/aiodns/index.1.new", f"/run/user/{USER}/aiodns/", f"/run/user/{USER}/aiodns/cache.1",
    f"/run/user/{USER}/aiodns/claims.1", f"/dev/shm/aiodns.{USER}.1", f"/dev/shm/aiodns.{USER}.claims.1", "/dev/shm/aiodns.0.1",
    "/dev/shm/aiodns.0.index.1", "/var/lib/aiodns/blocklists/one", "/var/lib/aiodns/blocklists/", "/etc/aiodns.conf"])
def test_nothing_may_be_written(rules, path):
    for owned in (True, False):
        assert not rules.judge(path, set("wlkmxa"), owned)[0]


@pytest.mark.parametrize("path, owned", [
    (f"/run/user/{USER}/aiodns/cache.1", False), (f"/dev/shm/aiodns.{USER}.1", False),
    (f"/run/user/{USER}/aiodns/claims.1", True), (f"/run/user/{USER}/other/cache.1", True), (f"/run/user/{USER}/aiodns/", True),
    ("/run/aiodns/claims.1", True), ("/run/aiodns/counters.1", True), ("/run/aiodns/cache.1.new", True), ("/run/aiodns/", True),
    ("/dev/shm/aiodns.0.claims.1", True), ("/dev/shm/aiodns.x", True), ("/var/lib/aiodns/blocklists.d/one.json", True),
    ("/var/lib/aiodns/", True)])
def test_what_may_not_be_read(rules, path, owned):
    assert not rules.judge(path, {"r"}, owned)[0]


def test_lookups_that_may_not_write(net, rules, found):
    """What the rules make of a lookup: the caches are read and not written. It works, and tries nothing that is not denied."""
    forget_user = f"/run/user/{USER}"
    subprocess.run(["umount", forget_user], check=True)
    forget()
    trace = Tracer.__new__(Tracer)
    trace.net, trace.found, trace.out = net, [], net.folder / "traces"
    with scripted.Server(ADDRESS, answer) as server:
        assert GOOD in trace("root fills it", "ahosts", "known.test")
        trace.found.clear()
        for folder in ("/run", "/dev/shm"):
            read_only(folder, True)
        try:
            for uid in (0, OTHER):
                asked = len(server.queries)
                assert GOOD in trace("cannot write, hit", "ahosts", "known.test", uid=uid)
                assert len(server.queries) == asked
                for _ in range(2):
                    asked = len(server.queries)
                    assert GOOD in trace("cannot write, miss", "ahosts", "unknown.test", uid=uid)
                    assert len(server.queries) > asked
        finally:
            for folder in ("/run", "/dev/shm"):
                read_only(folder, False)
    assert trace.found
    for wanted in trace.found:
        allowed, denied = rules.judge(wanted.path, wanted.perms, wanted.owned)
        assert not wanted.perms - allowed - denied, f"{wanted} would be audited"
