"""Whole Debian systems as folders below build/roots: made once, in layers, and entered with namespaces of their own.

build/roots/RELEASE/debootstrap is the system as debootstrap makes it, NAME/upper beside it a layer: what was installed on top.
Each is finished once NAME.ready is there, which says what it was made by. Who enters them gets an overlay, so that none
is changed. Nobody makes one anew while it is used: build/roots/RELEASE/lock.
"""

import fcntl
import itertools
import os
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
RELEASES = {"12": "bookworm", "13": "trixie", "14": "forky"}
SCRIPTS = pathlib.Path("/usr/share/debootstrap/scripts")
# What apt here knows of the way to the mirror; and what is downloaded stays, for who needs it without a network.
APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Check", "Acquire::Retries", "Acquire::Force")
APT_OWN = ('Binary::apt::APT::Keep-Downloaded-Packages "true";', 'APT::Get::Assume-Yes "true";')
ENVIRONMENT = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive"}

# As root: $1 is overlay's lower folders, $2 the folder with upper, work and root, the rest env's. It ends as the first process of a
# system whose real root (pivot_root, so that user namespaces work in it) is the overlay; HOST_NETWORK leaves it the machine's.
ENTER = r"""
lower=$1 place=$2
shift 2
overlay() {
  mkdir -p "$1/upper" "$1/work" "$1/root"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$1/upper,workdir=$1/work" "$1/root"
}
if [ "$IN_MEMORY" ]; then
  mount -t tmpfs -o mode=755 tmpfs "$place"
fi
overlay "$place"
cd "$place/root"
mount -t proc proc proc
if [ "$HOST_NETWORK" ]; then
  mount --bind /etc/resolv.conf etc/resolv.conf
else
  mount -t sysfs sysfs sys
fi
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm
for node in null zero full random urandom tty; do
  : >"dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755 run run
mkdir -m 1777 run/lock
for bind in $BINDS; do
  mkdir -p ".${bind#*:}"
  mount --bind "${bind%%:*}" ".${bind#*:}"
done
eval "$SETUP"
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
rmdir /oldroot
cd /
exec env -i "$@"
"""


class Failed(Exception):
    pass


def say(text):
    print(f"aiodns: {text}", file=sys.stderr, flush=True)


def program(main, failed):
    """The exit status of main(), or that of a program which could not do its work, and has said why."""
    try:
        return main()
    except Failed as error:
        say(error)
        return failed


def require(commands):
    """Who makes systems is root; and commands of packaging/prepare.sh, which say themselves what is wrong."""
    if os.geteuid() != 0:
        raise Failed("this has to be started by root: it makes namespaces and whole systems")
    done = subprocess.run(["bash", "-uc", f'top=$0; . "$top/packaging/prepare.sh"; {commands}', str(TOP)],
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failed(f"this did not succeed: {commands}")


def enter(lowers, folder, command, *, binds=(), network=False, memory=False, setup="", call=subprocess.run, **options):
    """Runs the command in the system of the lower folders, the first one on top; folder/upper gets what it changes.

    With the machine's own network if `network`, else in a new one with nothing in it. `memory`: what it changes is gone with it.
    Binds are (outside, inside); `setup` is what the shell does in the folder before it becomes the root. All
    processes end with the command.
    """
    environment = {**os.environ, "BINDS": " ".join(f"{outside}:{inside}" for outside, inside in binds), "SETUP": setup,
                   "HOST_NETWORK": "1" if network else "", "IN_MEMORY": "1" if memory else ""}
    namespaces = ["--mount", "--pid", "--ipc", "--uts"] + ([] if network else ["--net"])
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    return call(["unshare", *namespaces, "--fork", "--kill-child", "--", "bash", "-euc", ENTER, "enter",
                 ":".join(map(str, lowers)), str(folder), *(f"{name}={value}" for name, value in ENVIRONMENT.items()), *command],
                env=environment, stdin=subprocess.DEVNULL, **options)


def discard(folder):
    if pathlib.Path(folder).exists():
        shutil.rmtree(folder)


def _logged(command, stdin=subprocess.DEVNULL, **options):
    done = subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{done.stdout}\n{command[0]} failed with {done.returncode}")
    return done.stdout


def _mirror():
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                             capture_output=True, text=True, check=False).stdout.split()
    found = next((uri for uri in targets if uri.rstrip("/").endswith("/debian")), None)
    if not found:
        raise Failed("apt here knows of no mirror of Debian: /etc/apt/sources.list.d has to name one, and apt-get update to be run")
    return found.rstrip("/")


def _debootstrap(release, where):
    """Debian of that release as debootstrap makes it, able to install from the mirror."""
    name, mirror = RELEASES[release], _mirror()
    script = next((SCRIPTS / known for known in (name, "sid") if (SCRIPTS / known).exists()), "")
    _logged(["debootstrap", "--variant=minbase", name, str(where), mirror, *([str(script)] if script else [])])
    # The machine's own is put in its place where there is a network.
    (where / "etc/resolv.conf").unlink(missing_ok=True)
    (where / "etc/resolv.conf").write_text("")
    for file in (where / "etc/apt/sources.list.d").glob("*"):
        file.unlink()
    (where / "etc/apt/sources.list").write_text(f"deb {mirror} {name} main\n")
    settings = [line for line in _logged(["apt-config", "dump"]).splitlines() if line.startswith(APT_SETTINGS)]
    (where / "etc/apt/apt.conf.d/99tests").write_text("\n".join([*settings, *APT_OWN]) + "\n")


def place(release):
    """The folder with all that belongs to a release."""
    if release not in RELEASES:
        raise Failed(f"no name is known for Debian {release}")
    folder = TOP / "build" / "roots" / release
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_in_use = []


def prepare(release, *layers):
    """The folders of a release with these layers, the topmost first: what `enter` takes.

    A layer is its name and the shell script that makes it, on top of those named before it. From the first one on that is not
    there, or was made by another script, all are made anew.
    """
    folder = place(release)
    scripts = dict((("debootstrap", ""), *layers))
    keys = dict(zip(scripts, itertools.accumulate(scripts.values())))
    folders = [folder / "debootstrap", *(folder / name / "upper" for name, _ in layers)]

    def mark(name):
        return folder / f"{name}.ready"

    def to_make():
        return list(itertools.dropwhile(lambda name: mark(name).exists() and mark(name).read_text() == keys[name], keys))

    lock = open(folder / "lock", "wb")
    _in_use.append(lock)  # until this process ends
    fcntl.flock(lock, fcntl.LOCK_SH)
    if to_make():
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = to_make()
        for old in folder.glob("*.ready") if "debootstrap" in missing else map(mark, missing):
            old.unlink(missing_ok=True)
        for name in missing:
            say(f"making {folder / name} (some minutes)")
            discard(folder / name)
            if name == "debootstrap":
                _debootstrap(release, folder / name)
            else:
                below = folders[:list(keys).index(name)]
                enter(below[::-1], folder / name, ["sh", "-euc", scripts[name]], network=True, call=_logged)
            mark(name).write_text(keys[name])
        fcntl.flock(lock, fcntl.LOCK_SH)
    return folders[::-1]
