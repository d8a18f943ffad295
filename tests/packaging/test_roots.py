"""What the Debian packages do to a whole system: started by tests/packaging/roots, which prepares the systems."""

import contextlib
import itertools
import os
import pathlib
import random
import re
import subprocess
import tempfile

import pytest

import debs
from debs import edit, repack
from system import DEBS, System, until

if not DEBS.is_dir():
    pytest.skip("tests/packaging/roots starts this, as root", allow_module_level=True)

TOP = pathlib.Path(__file__).resolve().parents[2]
MODULE_DEB, COMMAND_DEB = debs.found(DEBS)
MODULE, COMMAND = f"/build/packages/{MODULE_DEB.name}", f"/build/packages/{COMMAND_DEB.name}"
OURS = "files aiodns [!UNAVAIL=return] dns"

# Written by dpkg, apt and ldconfig themselves, whatever is installed or removed.
NOT_OURS = ("/var/lib/dpkg", "/var/log", "/var/cache/apt", "/var/cache/ldconfig", "/var/cache/debconf", "/var/lib/apt",
            "/etc/ld.so.cache", "/tmp", "/build")


@contextlib.contextmanager
def running(**options):
    made = System(**options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def fresh():
    with running() as made:
        yield made


@pytest.fixture
def installed(fresh):
    """The module alone, which is all that touches nsswitch.conf."""
    fresh.dpkg("-i", MODULE)
    return fresh


@pytest.fixture(scope="session")
def packages():
    """Packages like ours with something changed; systems see the folder as /run/packages."""
    with tempfile.TemporaryDirectory(prefix="aiodns-debs-") as folder:
        yield pathlib.Path(folder)


def give(root, deb):
    """Puts a package into the system, and says where."""
    root.run("mkdir -p /run/packages")
    (root.root / "run/packages" / deb.name).write_bytes(deb.read_bytes())
    return f"/run/packages/{deb.name}"


# There is no earlier release yet: until there is, what is upgraded from is the same under a lower number.
@pytest.fixture(scope="session")
def earlier(packages):
    return [repack(deb, packages, lambda tree: debs.numbered(tree, "0.0.1"), f"earlier-{deb.name}")
            for deb in (MODULE_DEB, COMMAND_DEB)]


# ---- README ----

def readme(heading):
    """The lines of the code blocks below a heading."""
    section = re.search(rf"(?ms)^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (TOP / "README.md").read_text())
    assert section, f'README.md: expected a section "## {heading}"'
    lines = re.findall("(?m)^    (.+)$", section[1])
    assert lines, f'README.md: expected a code block below "## {heading}"'
    return lines


def test_readme(fresh):
    """What README says is what happens: installing, then backing out."""
    before = fresh.nsswitch
    lines = readme("Installing")
    assert any(line.startswith("packaging/deb ") for line in lines), "expected the command that makes packages"
    inside = [line for line in lines if line.startswith("apt ")]
    assert inside, "expected a command of apt's below Installing"
    for line in inside:
        fresh.run(line)
    assert fresh.nsswitch == before.replace("files dns\n", OURS + "\n")
    assert [line for line in lines if line.startswith("hosts:")] == ["hosts: " + OURS], "expected what is put in by hand"
    fresh.resolves("aiodns", cached=True)
    inside = [line for line in readme("Backing out") if line.startswith("apt ")]
    assert inside, "expected a command of apt's below Backing out"
    for line in inside:
        fresh.run(line)
    assert fresh.nsswitch == before
    assert fresh.status("aiodns") == fresh.status("libnss-aiodns") == ""
    fresh.resolves("dns")


def test_readme_by_hand(fresh):
    """The same for other systems: what cmake does happens outside, with DESTDIR; all else inside."""
    before, line = fresh.listing(NOT_OURS), fresh.nsswitch
    for command in [line for line in readme("Installing") if line.startswith("cmake ")]:
        for part in command.split(" && "):
            if not part.startswith("cmake "):
                fresh.run(part)
            elif "--install" in part:  # that it is built is tests/packaging/roots's doing
                subprocess.run(part, shell=True, check=True, cwd=TOP, stdout=subprocess.DEVNULL,
                               env={**os.environ, "DESTDIR": str(fresh.root)})
    by_hand, = [line for line in readme("Installing") if line.startswith("hosts:")]
    fresh.write("/etc/nsswitch.conf", hosts(by_hand)(line))
    fresh.resolves("aiodns", cached=True)
    fresh.run(["aiodns", "doctor"])
    fresh.write("/etc/nsswitch.conf", line)
    fresh.run("mkdir /build/release")
    fresh.write("/build/release/install_manifest.txt", (TOP / "build/release/install_manifest.txt").read_text())
    commands = [line for line in readme("Backing out") if not line.startswith("apt ")]
    assert len(commands) >= 2, "expected the commands that remove files by hand"
    for command in commands:
        fresh.run(command)
    after = fresh.listing(NOT_OURS)
    # Folders that were made for the files stay.
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
            and not after.get(path, " ")[0].startswith("d")} == set()
    fresh.resolves("dns")


# ---- Installing, upgrading, removing ----

def test_install(fresh):
    before = fresh.nsswitch
    assert "hosts:          files dns\n" in before, "this test expects Debian's own nsswitch.conf"
    fresh.resolves("dns")
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    assert fresh.nsswitch == before.replace("hosts:          files dns\n",
                                            "hosts:          files aiodns [!UNAVAIL=return] dns\n")
    fresh.resolves("aiodns", cached=True)
    stats = fresh.run(["aiodns", "stats"]).output
    assert re.search(r"^answered by a cache +[1-9]", stats, re.M), f"expected answers by the cache:\n{stats}"
    assert re.search(r"^asked of servers +[1-9]", stats, re.M), f"expected questions to the server:\n{stats}"
    fresh.run(["aiodns", "doctor"])
    verified = fresh.run(["dpkg", "--verify", "libnss-aiodns", "aiodns"], expect=None)
    # A root that leaves manual pages out (dpkg.cfg.d) is no fault of ours.
    assert not [line for line in verified.output.splitlines() if "/usr/share/" not in line], repr(verified)
    for package in ("libnss-aiodns", "aiodns"):
        for path in fresh.run(["dpkg", "-L", package]).output.splitlines():
            assert path.startswith("/usr/share/") or os.path.lexists(fresh.root / path.lstrip("/")), f"no {path}"
    assert not list((fresh.root / "etc").glob("nsswitch.conf.*")), "expected no mark beside nsswitch.conf"
    assert "_aiodns" in fresh.read("/etc/passwd"), "expected the account of the timer"


def test_install_on_a_bare_root():
    """As debootstrap leaves it, with all dependencies to be installed; the module before the command and without it."""
    with running(bare=True) as bare:
        bare.run(["apt-get", "install", "--no-install-recommends", MODULE])
        assert bare.hosts_line == f"hosts: {OURS}"
        bare.resolves("aiodns", cached=True)
        bare.run(["apt-get", "install", "--no-install-recommends", COMMAND])
        bare.run(["aiodns", "doctor"])
        bare.run(["apt-get", "purge", "aiodns"])
        bare.resolves("aiodns")
        bare.run(["apt-get", "purge", "libnss-aiodns"])
        bare.resolves("dns")


def test_purge_leaves_nothing(fresh):
    before = fresh.listing(NOT_OURS)
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    fresh.lookup(fresh.new_name())
    fresh.run(["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "getent", "ahosts", fresh.new_name()])
    fresh.write("/etc/aiodns.conf", "host-cache shared\n")
    assert list((fresh.root / "run/aiodns").iterdir()), "expected a cache"
    assert list((fresh.root / "dev/shm").glob("aiodns.*")), "expected a cache of an ordinary user's"
    fresh.run(["apt-get", "purge", "aiodns", "libnss-aiodns"])
    after = fresh.listing(NOT_OURS)
    # Who adds or removes an account leaves a copy of how the file was.
    backups = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
    different = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
                 if before.get(path) != after.get(path) and path not in backups}
    assert different == {}, "expected the system as it was before"
    assert not (fresh.root / "run/aiodns").exists() and not list((fresh.root / "dev/shm").iterdir())
    fresh.resolves("dns")


def test_remove_and_install_again(fresh):
    before = fresh.nsswitch
    for how in ("remove", "purge"):
        fresh.run(["apt-get", "install", MODULE, COMMAND])
        line = fresh.nsswitch
        fresh.resolves("aiodns")
        fresh.run(["apt-get", "install", "--reinstall", MODULE, COMMAND])
        assert fresh.nsswitch == line, "expected the same after a reinstallation"
        fresh.resolves("aiodns", cached=True)
        fresh.run(["apt-get", how, "libnss-aiodns", "aiodns"])
        assert fresh.nsswitch == before
        fresh.resolves("dns")
    fresh.run(["apt-get", "install", MODULE])
    fresh.run(["apt-get", "remove", "libnss-aiodns"])
    fresh.run(["apt-get", "purge", "libnss-aiodns"])
    assert fresh.nsswitch == before


# Looks new names up without end and says how many were found, and what went wrong; or one for each line it is given.
PROGRAM = r"""
import itertools, os, socket, sys, threading
def look(name):
    return sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
def loop(number):
    for count in itertools.count(1):
        try:
            found = look(f"thread-{number}-{count}-{os.getpid()}.test.example")
            if found != ["192.0.2.53", "2001:db8::53"]: raise OSError(f"wrong: {found}")
        except OSError as error:
            os.write(2, f"{count}: {error}\n".encode())
        os.write(1, b".")
if sys.argv[1] == "loop":
    for number in range(3): threading.Thread(target=loop, args=[number], daemon=True).start()
    loop(3)
for line in sys.stdin:
    print(*look(line.strip()), flush=True)
"""


class Busy:
    """Programs that resolve all the while: threads, a program between two lookups, and new processes."""

    def __init__(self, root):
        self.root = root
        root.write("/run/program.py", PROGRAM)
        root.write("/run/loop.sh", "while :; do getent ahosts $RANDOM$$-$(date +%N).test.example >/dev/null || echo failed >&2; "
                   "printf .; done\n")
        # The server's files are outside: what the programs say survives what becomes of the system.
        self.files = {}
        for name, words in (("threads", ["python3", "/run/program.py", "loop"]), ("processes", ["bash", "/run/loop.sh"])):
            files = [open(root.folder / f"{name}.{what}", "w+") for what in ("found", "failed")]
            root.start(words, stdin=-3, stdout=files[0], stderr=files[1])
            self.files[name] = [pathlib.Path(file.name) for file in files]
            for file in files:
                file.close()
        self.waiting = root.start(["python3", "/run/program.py", "wait"], stdin=-1, stdout=-1)
        self.ask()
        self.progress()

    def ask(self):
        self.waiting.stdin.write(self.root.new_name() + "\n")
        self.waiting.stdin.flush()
        assert self.waiting.stdout.readline() == "192.0.2.53 2001:db8::53\n", "of a program between two lookups"

    def progress(self):
        """All go on, without a failed lookup so far."""
        counts = {name: files[0].stat().st_size for name, files in self.files.items()}
        for name, files in self.files.items():
            until(lambda: files[0].stat().st_size >= counts[name] + 20, f"twenty more lookups of {name}")
            assert files[1].read_text() == "", f"expected no failed lookup of {name}"

    def mapped(self):
        """The inodes of the module that running programs have, and whether they are gone from the disk."""
        text = self.root.run("cat /proc/[0-9]*/maps 2>/dev/null || true").output
        return {(line.split()[4], line.endswith("(deleted)")) for line in text.splitlines() if "libnss_aiodns" in line}


def test_programs_run_through_everything(fresh, earlier):
    """Installed, upgraded, downgraded, removed, purged under programs that resolve: not one lookup fails."""
    before = fresh.nsswitch
    busy = Busy(fresh)
    assert busy.mapped() == set(), "expected glibc's own dns at first"
    fresh.dpkg("-i", *[give(fresh, deb) for deb in earlier])
    assert fresh.status("libnss-aiodns") == "install ok installed"
    busy.ask()
    busy.progress()
    first = busy.mapped()
    assert any(not deleted for _, deleted in first), "expected running programs to have loaded the module"
    line = fresh.nsswitch
    for step in ([MODULE, COMMAND], [f"/run/packages/{deb.name}" for deb in earlier], [MODULE, COMMAND]):
        fresh.dpkg("-i", *step)
        busy.ask()
        busy.progress()
        fresh.resolves("aiodns", cached=True)
        assert fresh.nsswitch == line
    held = busy.mapped()
    assert {(inode, True) for inode, deleted in first if not deleted} <= held, f"expected the first module, gone: {first} {held}"
    fresh.run(["apt-get", "remove", "libnss-aiodns", "aiodns"])
    assert fresh.nsswitch == before
    busy.ask()
    busy.progress()
    fresh.run(["apt-get", "purge", "libnss-aiodns", "aiodns"])
    busy.ask()
    busy.progress()
    fresh.resolves("dns")


def test_upgrade_by_apt(fresh, earlier):
    fresh.run(["apt-get", "install", *[give(fresh, deb) for deb in earlier]])
    conffile = "/etc/apparmor.d/abstractions/nameservice.d/aiodns"
    edited = fresh.read(conffile) + "# of the administrator\n"
    fresh.write(conffile, edited)
    fresh.write("/etc/aiodns.conf", "# of the administrator\n")
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    assert fresh.run(["dpkg-query", "-W", "-f", "${Version}", "libnss-aiodns"]).output != "0.0.1"
    assert fresh.read(conffile) == edited, "expected the edited conffile to be kept"
    assert fresh.read("/etc/aiodns.conf") == "# of the administrator\n"
    assert fresh.hosts_line == f"hosts: {OURS}"
    fresh.run(["apt-get", "remove", "libnss-aiodns", "aiodns"])
    assert fresh.read(conffile) == edited, "expected a removal to keep configuration"
    fresh.run(["apt-get", "purge", "libnss-aiodns", "aiodns"])
    assert not (fresh.root / conffile.lstrip("/")).exists() and not (fresh.root / "etc/aiodns.conf").exists()


# ---- Beside others ----

# What each of them puts in. mdns4_minimal and myhostname stand behind us when they came later: names that are theirs are
# UNAVAIL to us, and glibc goes on. mymachines then is not reached, as it would not be behind resolve.
WORDS = {"mdns": "mdns4_minimal [NOTFOUND=return]", "myhostname": "myhostname", "resolve": "resolve [!UNAVAIL=return]",
         "mymachines": "mymachines", "aiodns": "aiodns [!UNAVAIL=return]", "files": "files", "dns": "dns"}


def put(services, name):
    """What debian/*.nss of each package says: before or after which word, the first there is."""
    if name == "myhostname":
        place = services.index("files") + 1
    else:
        before = {"resolve": ("dns",)}.get(name, ("resolve", "dns"))
        place = min(services.index(word) for word in before if word in services)
    return services[:place] + [name] + services[place:]


def others(root, name):
    deb, = (root.root / "srv/others").glob(f"libnss-{name}_*.deb")
    return f"/srv/others/{deb.name}"


def check_order(root, order, leaving):
    before = root.nsswitch
    services = ["files", "dns"]
    for name in order:
        # Their daemons are no part of this.
        root.dpkg("--force-depends", "-i", MODULE if name == "aiodns" else others(root, name))
        services = put(services, name)
        assert root.hosts_line == "hosts: " + " ".join(WORDS[word] for word in services), f"{name} of {order}"
    for name in leaving:
        root.dpkg("--force-depends", "--purge", f"libnss-{name}")
        services.remove(name)
        assert root.hosts_line == "hosts: " + " ".join(WORDS[word] for word in services), f"{name} of {leaving} after {order}"
    assert root.nsswitch == before


@pytest.mark.parametrize("order", itertools.permutations(("aiodns", "mdns", "myhostname")), ids="-".join)
def test_order_and_lookups(fresh, order):
    """Each order of installation, each order of removal, and the names that are whose."""
    for leaving in itertools.permutations(order):
        check_order(fresh, order, leaving)
    for name in order:
        fresh.dpkg("--force-depends", "-i", MODULE if name == "aiodns" else others(fresh, name))
    fresh.resolves("aiodns", cached=True)
    own = fresh.run(["hostname"]).output.strip()
    fresh.write("/etc/hosts", "127.0.0.1 localhost\n")
    assert fresh.lookup(own), "expected myhostname to know this machine's own name"
    fresh.run(["getent", "ahosts", "printer.local"], expect=2)
    # Without multicast DNS's daemon that goes on to glibc's dns, which keeps small letters.
    assert set(fresh.asked("printer.local")) <= {"printer.local"}, "expected .local to be left to others"


def test_order_with_resolve_and_mymachines(fresh):
    """All orders of four with resolve, and of three with mymachines, each removed in an order of chance."""
    seed = random.randrange(10000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for names in (("aiodns", "mdns", "resolve"), ("aiodns", "mymachines"), ("aiodns", "resolve", "myhostname")):
        for order in itertools.permutations(names):
            check_order(fresh, order, dice.sample(order, len(order)))


# ---- An administrator's own edits ----

def hosts(text):
    return lambda before: re.sub("(?m)^hosts:.*", lambda _: text, before)


# What nsswitch.conf's line is made into; what it is after the removal.
EDITS = {
    "first": ("hosts: aiodns files dns", "hosts: files dns"),
    "last": ("hosts: files dns aiodns", "hosts: files dns"),
    "alone": ("hosts: aiodns", "hosts:"),
    "without an action": ("hosts: files aiodns dns", "hosts: files dns"),
    "another action": ("hosts: files aiodns [NOTFOUND=return] dns", "hosts: files dns"),
    "two in brackets": ("hosts: files aiodns [NOTFOUND=return TRYAGAIN=continue] dns", "hosts: files dns"),
    "two brackets": ("hosts: files aiodns [NOTFOUND=return] [TRYAGAIN=continue] dns", "hosts: files dns"),
    "no blank": ("hosts: files aiodns[!UNAVAIL=return] dns", "hosts: files dns"),
    "no blank at all": ("hosts:aiodns[!UNAVAIL=return]dns", "hosts:dns"),
    "no blank behind": ("hosts: files aiodns [!UNAVAIL=return]dns", "hosts: files dns"),
    "blanks in brackets": ("hosts: files aiodns [ !UNAVAIL = return ] dns", "hosts: files dns"),
    "tabs": ("hosts:\tfiles\taiodns\t[!UNAVAIL=return]\tdns", "hosts:\tfiles\tdns"),
    "indented": ("  hosts: files aiodns [!UNAVAIL=return] dns", "  hosts: files dns"),
    "a comment behind": ("hosts: files aiodns [!UNAVAIL=return] dns # aiodns is here", "hosts: files dns # aiodns is here"),
    "a comment at once": ("hosts: files dns aiodns# aiodns", "hosts: files dns# aiodns"),
    "after a bracket": ("hosts: files [NOTFOUND=continue]aiodns dns", "hosts: files [NOTFOUND=continue] dns"),
    "a link in a chain": ("hosts: files aiodns[NOTFOUND=return]aiodns[!UNAVAIL=return] dns", "hosts: files dns"),
    "commented out": ("hosts: files dns # aiodns [!UNAVAIL=return] dns", "hosts: files dns # aiodns [!UNAVAIL=return] dns"),
    "taken out": ("hosts: files dns", "hosts: files dns"),
    "twice": ("hosts: aiodns files aiodns [!UNAVAIL=return] dns", "hosts: files dns"),
    "another's name": ("hosts: files aiodns2 aiodns dns", "hosts: files aiodns2 dns"),
    "blank before the colon": ("hosts : files aiodns [!UNAVAIL=return] dns", "hosts : files dns"),
    "line gone": ("# no line", "# no line"),
    "as CR LF": ("hosts: files aiodns [!UNAVAIL=return] dns\r", "hosts: files dns\r"),
}


@pytest.mark.parametrize("edited, removed", EDITS.values(), ids=EDITS.keys())
def test_edit_is_kept_and_removed(installed, edited, removed, earlier):
    original = installed.nsswitch
    installed.write("/etc/nsswitch.conf", hosts(edited)(original))
    for deb in (give(installed, earlier[0]), MODULE, MODULE):
        installed.dpkg("-i", deb)
        assert installed.nsswitch == hosts(edited)(original), "expected an upgrade to keep it"
    installed.dpkg("--remove", "libnss-aiodns")
    assert installed.nsswitch == hosts(removed)(original)
    installed.dpkg("--purge", "libnss-aiodns")
    assert installed.nsswitch == hosts(removed)(original)


# The line before the first installation; the line after it.
EXISTING = {
    "already there": ("hosts: aiodns files dns", "hosts: aiodns files dns"),
    "there, no blank": ("hosts: files aiodns[!UNAVAIL=return] dns", "hosts: files aiodns[!UNAVAIL=return] dns"),
    "tabs": ("hosts:\tfiles\tdns", "hosts:\tfiles\taiodns [!UNAVAIL=return] dns"),
    "an action of dns": ("hosts: files dns [NOTFOUND=return] nis", "hosts: files aiodns [!UNAVAIL=return] dns [NOTFOUND=return] nis"),
    "a comment": ("hosts: files dns # dns", "hosts: files aiodns [!UNAVAIL=return] dns # dns"),
    "without dns": ("hosts: files", "hosts: files"),
    "commented out": ("#hosts: files dns", "#hosts: files dns"),
    "in a comment": ("hosts: files dns # not aiodns", "hosts: files aiodns [!UNAVAIL=return] dns # not aiodns"),
}


@pytest.mark.parametrize("line, expected", EXISTING.values(), ids=EXISTING.keys())
def test_line_before_the_first_installation(fresh, line, expected):
    original = fresh.nsswitch
    fresh.write("/etc/nsswitch.conf", hosts(line)(original))
    said = fresh.dpkg("-i", MODULE).output
    assert fresh.nsswitch == hosts(expected)(original)
    in_force = re.search(r"(?m)^hosts:[^#]*\baiodns\b", fresh.nsswitch) is not None
    assert ("nothing is resolved by aiodns" in said) is not in_force, f"expected a word only if it is not in force: {said}"


def test_without_nsswitch_conf(fresh):
    (fresh.root / "etc/nsswitch.conf").unlink()
    assert "nothing is resolved by aiodns" in fresh.dpkg("-i", MODULE).output
    assert not list((fresh.root / "etc").glob("nsswitch.conf*")), "expected no file to be made"
    fresh.resolves("dns")
    fresh.dpkg("--purge", "libnss-aiodns")
    assert not list((fresh.root / "etc").glob("nsswitch.conf*"))


def test_nsswitch_conf_is_a_link(fresh):
    """It stays one, and what it leads to is edited: a root whose /etc is made of links to a store."""
    original = fresh.nsswitch
    fresh.run("mkdir /etc/store && mv /etc/nsswitch.conf /etc/store && ln -s store/nsswitch.conf /etc")
    for expected, words in ((hosts("hosts:          " + OURS)(original), ["-i", MODULE]), (original, ["--purge", "libnss-aiodns"])):
        fresh.dpkg(*words)
        assert fresh.read("/etc/store/nsswitch.conf") == expected
        assert os.readlink(fresh.root / "etc/nsswitch.conf") == "store/nsswitch.conf", "expected the link to stay"
        assert not list((fresh.root / "etc").glob("nsswitch.conf.*"))


# ---- What goes wrong halfway ----

def check_sane(root, by):
    """Lookups work, and the line is one of the two that there may be."""
    root.resolves(by)
    assert root.hosts_line == {"aiodns": f"hosts: {OURS}", "dns": "hosts: files dns"}[by]


def test_truncated_package(fresh, packages):
    short = packages / "truncated.deb"
    short.write_bytes(MODULE_DEB.read_bytes()[:60000])
    fresh.fails(["dpkg", "-i", give(fresh, short)])
    check_sane(fresh, "dns")
    assert not list((fresh.root / "etc").glob("nsswitch.conf.*")), "expected no mark of an installation that was none"
    fresh.dpkg("-i", MODULE)
    fresh.fails(["dpkg", "-i", "/run/packages/truncated.deb"])
    check_sane(fresh, "aiodns")
    fresh.dpkg("-i", MODULE)
    check_sane(fresh, "aiodns")


def test_conflict_over_a_file(fresh, packages):
    """Another package has a file of ours: refused, and nothing has changed."""
    def change(tree):
        edit(tree / "DEBIAN/control", lambda text: re.sub("(?m)^Package: .*", "Package: another", text))
        for file in (tree / "DEBIAN").iterdir():
            if file.name not in ("control", "md5sums"):
                file.unlink()
    another = repack(MODULE_DEB, packages, change, "another.deb")
    fresh.dpkg("-i", give(fresh, another))
    fresh.fails(["dpkg", "-i", MODULE], "trying to overwrite")
    check_sane(fresh, "dns")
    assert not list((fresh.root / "etc").glob("nsswitch.conf.*"))
    fresh.dpkg("--purge", "another")
    fresh.dpkg("-i", MODULE)
    check_sane(fresh, "aiodns")


@pytest.mark.parametrize("upgraded", (False, True), ids=("first installation", "upgrade"))
def test_disk_full(fresh, upgraded, earlier):
    if upgraded:
        fresh.dpkg("-i", give(fresh, earlier[0]))
    folder = fresh.run("dirname /usr/lib/*/libc.so.6").output.strip()
    fresh.run(f"mkdir /run/full && mount -t tmpfs -o size=100k tmpfs /run/full && mkdir /run/full/up /run/full/work && "
              f"mount -t overlay overlay -o lowerdir={folder},upperdir=/run/full/up,workdir=/run/full/work {folder}")
    fresh.fails(["dpkg", "-i", MODULE], "No space left")
    check_sane(fresh, "aiodns" if upgraded else "dns")
    fresh.run(["umount", "-l", folder])
    fresh.dpkg("-i", MODULE)
    check_sane(fresh, "aiodns")


def test_unpacked_and_not_configured(fresh, earlier):
    fresh.dpkg("--unpack", MODULE)
    check_sane(fresh, "dns")
    fresh.dpkg("--remove", "libnss-aiodns")
    check_sane(fresh, "dns")
    fresh.dpkg("--purge", "libnss-aiodns")
    assert not list((fresh.root / "etc").glob("nsswitch.conf.*")), "expected no mark after the purge"
    fresh.dpkg("--unpack", MODULE)
    fresh.dpkg("--configure", "-a")
    check_sane(fresh, "aiodns")
    fresh.dpkg("--unpack", give(fresh, earlier[0]))
    check_sane(fresh, "aiodns")
    fresh.dpkg("--configure", "-a")
    check_sane(fresh, "aiodns")


def no_sed(root, back):
    place = root.root / root.run("readlink -f /bin/sed || readlink -f /usr/bin/sed.away").output.strip().lstrip("/")
    place = place.parent / "sed"
    away = place.with_name("sed.away")
    os.rename(*((away, place) if back else (place, away)))


def read_only_etc(root, back):
    root.run("umount /etc" if back else "mount --bind /etc /etc && mount -o remount,bind,ro /etc")


def killed(root, back):
    """The script is killed at its first grep."""
    place = root.root / "usr/bin/grep"
    place = place if os.path.lexists(place) else root.root / "bin/grep"
    away = place.with_name("grep.away")
    if back:
        os.rename(away, place)
    else:
        os.rename(place, away)
        place.write_text("#!/bin/sh\nkill -9 $PPID\nsleep 1\n")
        place.chmod(0o755)


@pytest.mark.parametrize("broken", (no_sed, read_only_etc, killed))
def test_half_configured(fresh, broken):
    """The postinst fails, and is put right."""
    fresh.dpkg("--unpack", MODULE)
    broken(fresh, back=False)
    fresh.fails(["dpkg", "--configure", "-a"])
    assert fresh.status("libnss-aiodns") == "install ok half-configured"
    check_sane(fresh, "dns")
    broken(fresh, back=True)
    fresh.dpkg("--configure", "-a")
    assert fresh.status("libnss-aiodns") == "install ok installed"
    check_sane(fresh, "aiodns")
    assert not list((fresh.root / "etc").glob("nsswitch.conf.*")), "expected no mark, and no half-written file"


@pytest.mark.parametrize("broken", (no_sed, read_only_etc, killed))
def test_half_removed(installed, broken):
    """The postrm fails: the module has gone, glibc goes on to dns; a second try succeeds."""
    broken(installed, back=False)
    installed.fails(["dpkg", "--remove", "libnss-aiodns"])
    installed.resolves("dns")
    assert installed.hosts_line in ("hosts: files dns", f"hosts: {OURS}")
    broken(installed, back=True)
    installed.dpkg("--remove", "libnss-aiodns")
    check_sane(installed, "dns")
    installed.dpkg("--purge", "libnss-aiodns")
    check_sane(installed, "dns")


def test_installed_again_where_a_removal_failed(installed):
    no_sed(installed, back=False)
    installed.fails(["dpkg", "--remove", "libnss-aiodns"])
    no_sed(installed, back=True)
    installed.dpkg("-i", MODULE)
    check_sane(installed, "aiodns")


# ---- Odd systems ----

def test_read_only_etc_says_why(fresh):
    fresh.run("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    fresh.fails(["dpkg", "-i", MODULE], "Read-only file system")
    fresh.resolves("dns")
    fresh.run("umount /etc")
    fresh.dpkg("-i", MODULE)
    check_sane(fresh, "aiodns")
    fresh.run("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    fresh.resolves("aiodns", cached=True)


def test_no_run(fresh):
    fresh.run("umount /run && rm -rf /run")
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    fresh.run("[ ! -e /run ] || rm -rf /run")
    fresh.resolves("aiodns")
    fresh.run(["apt-get", "purge", "libnss-aiodns", "aiodns"])
    check_sane(fresh, "dns")


def test_full_places_for_the_cache(fresh):
    """Nothing can be stored: lookups work, uncached."""
    fresh.dpkg("-i", MODULE)
    fresh.run("rm -rf /run/aiodns; for place in /run /dev/shm; do mount -t tmpfs -o size=64k tmpfs $place; "
              "head -c 100k /dev/zero >$place/full; done", expect=None)
    fresh.fails("echo no >/dev/shm/room")
    fresh.resolves("aiodns", cached=False)
    fresh.run("rm /run/full; umount /run")
    fresh.run(["apt-get", "install", COMMAND])
    fresh.run(["apt-get", "purge", "libnss-aiodns", "aiodns"])
    check_sane(fresh, "dns")


def test_no_proc(fresh):
    fresh.run("umount -l /proc")
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    check_sane(fresh, "aiodns")
    fresh.run(["apt-get", "purge", "libnss-aiodns", "aiodns"])
    check_sane(fresh, "dns")


def test_no_resolv_conf(fresh):
    """glibc asks 127.0.0.1 then, and so do we."""
    (fresh.root / "etc/resolv.conf").unlink()
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    fresh.resolves("aiodns", cached=True)


def foreign(tree):
    """As built for i386, so far as dpkg and the maintainer scripts can see."""
    edit(tree / "DEBIAN/control", lambda text: re.sub("(?m)^Depends: .*\n", "", re.sub("(?m)^Architecture: .*",
                                                                                      "Architecture: i386", text)))
    (tree / "usr/lib/x86_64-linux-gnu").rename(tree / "usr/lib/i386-linux-gnu")
    edit(tree / "DEBIAN/md5sums", lambda text: text.replace("x86_64-linux-gnu", "i386-linux-gnu"))


@pytest.mark.skipif("amd64" not in MODULE_DEB.name, reason="this makes an i386 package of one for amd64")
def test_two_architectures(fresh, packages):
    """The line stays until the last architecture's module goes. (That a real i386 module works is another test's.)"""
    before = fresh.nsswitch
    other = give(fresh, repack(MODULE_DEB, packages, foreign, "libnss-aiodns_i386.deb"))
    fresh.run("dpkg --add-architecture i386")
    for first, last in (("amd64", "i386"), ("i386", "amd64")):
        fresh.dpkg("-i", MODULE)
        fresh.dpkg("-i", other)
        check_sane(fresh, "aiodns")
        fresh.dpkg("--purge", f"libnss-aiodns:{first}")
        assert fresh.hosts_line == f"hosts: {OURS}", f"expected it to stay for {last}"
        if last == "amd64":
            fresh.resolves("aiodns", cached=True)
        fresh.dpkg("--purge", f"libnss-aiodns:{last}")
        assert fresh.nsswitch == before
        assert not list((fresh.root / "etc").glob("nsswitch.conf.*"))


@pytest.mark.parametrize("options", ([], ["--force-script-chrootless"]), ids=("chroot", "DPKG_ROOT"))
def test_another_root(options):
    """dpkg --root: scripts run in the other system, or in this one with DPKG_ROOT; this one does not change."""
    with running(target=True) as host:
        own, before = host.listing(NOT_OURS), host.read("/target/etc/nsswitch.conf")
        line = before.replace("files dns\n", OURS + "\n")
        dpkg = ["--root=/target", *options]
        host.dpkg(*dpkg, "-i", MODULE, COMMAND)
        assert host.read("/target/etc/nsswitch.conf") == line
        assert "_aiodns" in host.read("/target/etc/passwd")
        host.run("mkdir -p /target/run/aiodns && touch /target/run/aiodns/cache.1")
        host.dpkg(*dpkg, "--purge", "libnss-aiodns", "aiodns")
        assert host.read("/target/etc/nsswitch.conf") == before
        assert "_aiodns" not in host.read("/target/etc/passwd") + host.read("/target/etc/group")
        assert not os.path.lexists(host.root / "target/run/aiodns")
        now = host.listing(NOT_OURS)
        assert {path for path in own.keys() | now.keys() if own.get(path) != now.get(path)} == set()


def test_purge_while_the_account_is_used(fresh):
    """It cannot be removed then, and the purge does not fail for that."""
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    user = fresh.start(["setpriv", "--reuid=_aiodns", "--clear-groups", "--regid=_aiodns", "sleep", "infinity"])
    until(lambda: fresh.run("ps -u _aiodns -o comm= || grep -l '^Uid:.'$(id -u _aiodns) /proc/[0-9]*/status",
                            expect=None).code == 0, "a process of the account's")
    assert "is left behind" in fresh.dpkg("--purge", "aiodns").output
    assert fresh.status("aiodns") in ("", "unknown ok not-installed")
    assert user.poll() is None
    fresh.resolves("aiodns", cached=True)


def test_autopkgtest(fresh):
    """What Debian's own machines run when a package is updated."""
    fresh.run(["apt-get", "install", MODULE, COMMAND])
    fresh.write("/tmp/lookup", (TOP / "packaging/debian/tests/lookup").read_text(), mode=0o755)
    fresh.run("mkdir /tmp/autopkgtest")
    fresh.run(["/tmp/lookup"], environment={"AUTOPKGTEST_TMP": "/tmp/autopkgtest"})
    fresh.resolves("aiodns", cached=True)
