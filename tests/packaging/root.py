"""Whole Debian systems as folders below build/roots: made once, in layers, and entered with namespaces of their own.

build/roots/RELEASE/debootstrap is the system as debootstrap makes it, and finished once debootstrap.ready is beside it; a
layer beside it has what was installed on top. Who enters them gets an overlay, so that neither is changed. A run's own
layer is a folder that it names.
"""

import os
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
RELEASES = {"12": "bookworm", "13": "trixie", "14": "forky"}
SCRIPTS = pathlib.Path("/usr/share/debootstrap/scripts")
MIRROR = "http://deb.debian.org/debian"
# What apt here knows of the way to the mirror; and what is downloaded stays, for who needs it without a network.
APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Check", "Acquire::Retries", "Acquire::Force")
APT_OWN = ('Binary::apt::APT::Keep-Downloaded-Packages "true";', 'APT::Get::Assume-Yes "true";')

# As root: $1 is overlay's lower folders, $2 the folder with upper, work and root. It ends as the first process of a system whose
# real root (pivot_root, so that user namespaces work in it) is the overlay; HOST_NETWORK leaves it the machine's network.
ENTER = r"""
lower=$1 place=$2
shift 2
mkdir -p "$place/upper" "$place/work" "$place/root"
root=$place/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" "$root"
mount -t proc proc "$root/proc"
if [ "${HOST_NETWORK:-}" ]; then
  cat /etc/resolv.conf >"$root/etc/resolv.conf"
else
  mount -t sysfs sysfs "$root/sys"
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -m 1777 "$root/run/lock"
for bind in ${BINDS:-}; do
  mkdir -p "$root${bind#*:}"
  mount --bind "${bind%%:*}" "$root${bind#*:}"
done
mkdir -p "$root/oldroot"
cd "$root"
pivot_root . oldroot
umount -l /oldroot
rmdir /oldroot
cd /
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive "$@"
"""


class Failed(Exception):
    pass


def say(text):
    print(f"aiodns: {text}", file=sys.stderr, flush=True)


def enter(lowers, place, command, binds=(), network=False, **options):
    """Runs the command in the system of these folders, the first one on top; place/upper gets what it changes.

    With the machine's own network if `network`, else in a new one with nothing in it. Binds are (outside, inside). All
    processes end with the command.
    """
    environment = dict(os.environ, BINDS=" ".join(f"{outside}:{inside}" for outside, inside in binds))
    environment["HOST_NETWORK"] = "1" if network else ""
    namespaces = ["--mount", "--pid", "--ipc", "--uts"] + ([] if network else ["--net"])
    pathlib.Path(place).mkdir(parents=True, exist_ok=True)
    return subprocess.run(["unshare", *namespaces, "--fork", "--kill-child", "--", "bash", "-euc", ENTER, "enter",
                           ":".join(map(str, lowers)), str(place), *command],
                          env=environment, stdin=subprocess.DEVNULL, **options)


def discard(folder):
    if pathlib.Path(folder).exists():
        shutil.rmtree(folder)


def _logged(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{done.stdout}\n{command[0]} failed with {done.returncode}")
    return done.stdout


def _mirror():
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                             capture_output=True, text=True, check=False).stdout.split()
    return next((uri for uri in targets if uri.rstrip("/").endswith("/debian")), MIRROR).rstrip("/")


def base(release):
    """The folder with Debian of that release as debootstrap makes it, able to install from the mirror."""
    if release not in RELEASES:
        raise Failed(f"no name is known for Debian {release}")
    place = TOP / "build" / "roots" / release
    where, ready = place / "debootstrap", place / "debootstrap.ready"
    if ready.exists():
        return where
    if not shutil.which("debootstrap"):
        raise Failed("debootstrap is missing: apt-get install debootstrap")
    say(f"making a root of Debian {release} in {place}")
    discard(where)
    place.mkdir(parents=True, exist_ok=True)
    name, mirror = RELEASES[release], _mirror()
    script = next((SCRIPTS / known for known in (name, "sid") if (SCRIPTS / known).exists()), "")
    _logged(["debootstrap", "--variant=minbase", name, str(where), mirror, *([str(script)] if script else [])])
    # The machine's own is put in its place where there is a network.
    (where / "etc/resolv.conf").unlink(missing_ok=True)
    (where / "etc/resolv.conf").write_text("")
    (where / "etc/apt/sources.list").write_text(f"deb {mirror} {name} main\n")
    settings = [line for line in _logged(["apt-config", "dump"]).splitlines() if line.startswith(APT_SETTINGS)]
    (where / "etc/apt/apt.conf.d/99tests").write_text("\n".join([*settings, *APT_OWN]) + "\n")
    ready.touch()
    return where


def layer(release, name, key, script):
    """The folder of what the shell script has changed in the base system; made anew when the key is another one."""
    below = base(release)
    place = TOP / "build" / "roots" / release / name
    ready = place.with_name(name + ".ready")
    if ready.exists() and ready.read_text() == key:
        return place / "upper"
    say(f"installing what is needed into {place} (some minutes)")
    ready.unlink(missing_ok=True)
    discard(place)
    done = enter([below], place, ["sh", "-euc", script], network=True,
                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failed(f"{done.stdout}\nthe root of Debian {release} could not be prepared")
    ready.write_text(key)
    return place / "upper"


def needs(debs):
    """What these packages depend on, but for each other, as apt-get satisfy takes it."""
    names = {subprocess.run(["dpkg-deb", "-f", str(deb), "Package"], capture_output=True, text=True, check=True).stdout.strip()
             for deb in debs}
    found = set()
    for deb in debs:
        text = subprocess.run(["dpkg-deb", "-f", str(deb), "Pre-Depends", "Depends"],
                              capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            found.update(part.strip() for part in line.partition(":")[2].split(","))
    return ", ".join(sorted(part for part in found if part and part.split()[0] not in names))
