"""Our Debian packages as files: which there are, what they need, and changed copies of them."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import root

OURS = ("libnss-aiodns", "aiodns")


def found(folder):
    """The one .deb of each of ours."""
    debs = []
    for name in OURS:
        files = sorted(pathlib.Path(folder).glob(f"{name}_*.deb"))
        if len(files) != 1:
            raise root.Failed(f"{folder} should have one {name}_*.deb, and has {len(files)}: packaging/deb makes it")
        debs.append(files[0])
    return debs


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", str(deb), name], check=True, capture_output=True, text=True).stdout.strip()


def needs(debs):
    """What these packages depend on and recommend, but for each other, as apt-get satisfy takes it."""
    parts = {part.strip() for deb in debs for name in ("Pre-Depends", "Depends", "Recommends")
             for part in field(deb, name).split(",")}
    return ", ".join(sorted(part for part in parts if part and part.split()[0] not in OURS))


def edit(file, function):
    file.write_text(function(file.read_text()))


def numbered(tree, number):
    r"""Another version; \1 in it is the one that it has."""
    edit(tree / "DEBIAN/control", lambda text: re.sub("(?m)^Version: (.*)", f"Version: {number}", text))


def repack(deb, folder, change, name=None):
    """A changed copy of a package: change(tree) edits what dpkg-deb has unpacked, DEBIAN included."""
    tree = pathlib.Path(tempfile.mkdtemp(prefix="deb-", dir=folder))
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    change(tree)
    made = pathlib.Path(folder) / (name or deb.name)
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", str(tree), str(made)], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made
