"""`cmake --install` as Debian, Fedora, Arch and an administrator call it: every file, its place and its mode.

AIODNS_INSTALL_BUILD: a folder to build in, which is kept, so that the next run is faster (by default one for this run).
"""

import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

UNITS = {
    "{prefix}/lib/systemd/system/aiodns-blocklists.service": 0o644,
    "{prefix}/lib/systemd/system/aiodns-blocklists.timer": 0o644,
    "{prefix}/lib/sysusers.d/aiodns.conf": 0o644,
    "{prefix}/lib/tmpfiles.d/aiodns.conf": 0o644,
}
APPARMOR = {"/etc/apparmor.d/abstractions/nameservice.d/aiodns": 0o644}
FILES = {
    "{prefix}/bin/aiodns": 0o755,
    "{prefix}/share/aiodns/blocklists": 0o644,
    "{prefix}/share/man/man1/aiodns.1": 0o644,
    "{prefix}/share/man/man5/aiodns.conf.5": 0o644,
    "{prefix}/share/man/man8/nss-aiodns.8": 0o644,
}

# What each gives cmake, and where the module is to be, with which mode (Debian's CMake leaves the x of libraries out).
FEDORA = ["-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_LIBDIR=lib64", "-DCMAKE_INSTALL_SO_NO_EXE:INTERNAL=0"]
ARCH = ["-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_LIBDIR=lib", "-DCMAKE_INSTALL_SO_NO_EXE:INTERNAL=0"]
CASES = {
    "debian": (["-DCMAKE_INSTALL_PREFIX=/usr"], "/usr/lib/{multiarch}", 0o644),
    "i386": (["-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_LIBDIR=lib/i386-linux-gnu"], "/usr/lib/i386-linux-gnu", 0o644),
    "fedora": (FEDORA + ["-DAIODNS_APPARMOR=OFF"], "/usr/lib64", 0o755),
    "arch": (ARCH, "/usr/lib", 0o755),
    "local": (["-DCMAKE_INSTALL_PREFIX=/usr/local"], "/usr/local/lib", 0o644),
    "bare": (ARCH + ["-DAIODNS_APPARMOR=OFF", "-DAIODNS_SYSTEMD=OFF"], "/usr/lib", 0o755),
}


def call(*command, **more):
    got = subprocess.run(command, check=False, capture_output=True, text=True, **more)
    assert got.returncode == 0, f"{command}: {got.stdout}{got.stderr}"
    return got.stdout


@pytest.fixture(name="build", scope="module")
def fixture_build(tmp_path_factory):
    """One folder for all cases, configured anew for each: all but the command's few files is compiled once."""
    given = os.environ.get("AIODNS_INSTALL_BUILD")
    return pathlib.Path(given) if given else tmp_path_factory.mktemp("build")


@pytest.fixture(name="installed", scope="module", params=CASES)
def fixture_installed(request, build, tmp_path_factory):
    name = request.param
    options, libdir, mode = CASES[name]
    if not pathlib.Path("/etc/debian_version").exists() and name in ("debian", "i386", "local"):
        pytest.skip("only on Debian GNUInstallDirs knows Debian's folders")
    multiarch = call("gcc", "-print-multiarch").strip() if name == "debian" else ""
    root = tmp_path_factory.mktemp(name)
    # As if it were configured for the first time.
    unset = ["-UCMAKE_INSTALL_*", "-U_GNUInstallDirs_*", "-UAIODNS_SYSTEMD", "-UAIODNS_APPARMOR"]
    fast = ["-G", "Ninja", "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Debug"]
    call("cmake", "-S", TOP, "-B", build, *fast, *unset, *options)
    call("cmake", "--build", build, "--target", "nss_aiodns", "aiodns")
    # The modes are the installation's, not those of whoever calls it.
    call("cmake", "--install", build, env={**os.environ, "DESTDIR": str(root)}, umask=0o022)

    prefix = "/usr/local" if name == "local" else "/usr"
    expected = {libdir.format(multiarch=multiarch) + "/libnss_aiodns.so.2": mode}
    expected.update(FILES)
    if "-DAIODNS_SYSTEMD=OFF" not in options:
        expected.update(UNITS)
    if "-DAIODNS_APPARMOR=OFF" not in options:
        expected.update(APPARMOR)
    return root, prefix, {path.format(prefix=prefix): bits for path, bits in expected.items()}


def test_files(installed):
    root, _, expected = installed
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = pathlib.Path(folder, name)
            assert not path.is_symlink(), path
            found["/" + str(path.relative_to(root))] = stat.S_IMODE(path.lstat().st_mode)
    assert found == expected


def test_soname(installed):
    root, _, expected = installed
    module = next(path for path in expected if path.endswith("/libnss_aiodns.so.2"))
    dynamic = call("readelf", "-dW", f"{root}{module}")
    assert re.search(r"\(SONAME\).*\[libnss_aiodns\.so\.2\]", dynamic)
    assert not re.search(r"\((RPATH|RUNPATH)\)", dynamic)


def test_command_finds_block_lists(installed, tmp_path):
    """By where it is itself: the folder that it was installed into is not yet /."""
    root, prefix, _ = installed
    tmp_path.chmod(0o700)
    command = [f"{root}{prefix}/bin/aiodns", "blocklist", "add", "--directory", tmp_path, "no-list-is-called-so"]
    got = subprocess.run(command, check=False, capture_output=True, text=True)
    names = re.findall(r"^\w\S*", (TOP / "tools/blocklists.txt").read_text(), re.MULTILINE)
    assert names and f"(known are {', '.join(names)})" in got.stderr


def test_paths_in_texts(installed):
    """What manual pages and units name is where they say, and no folder of this build is in them."""
    root, prefix, expected = installed
    assert f"{prefix}/share/aiodns/blocklists" in (root / f"{prefix}/share/man/man1/aiodns.1".lstrip("/")).read_text()
    for path in expected:
        if "/share/" not in path and "/lib/s" not in path and "/lib/t" not in path:
            continue
        text = pathlib.Path(f"{root}{path}").read_text()
        assert not re.search(r"@[A-Z_]+@", text), path
        assert str(TOP) not in text and str(root) not in text, path
        for program in re.findall(r"^Exec\w+=[-+!@:]*(/\S+)", text, re.MULTILINE):
            assert program in expected, f"{path} calls {program}"


def test_json(installed):
    """The command runs from there."""
    root, prefix, _ = installed
    command = [f"{root}{prefix}/bin/aiodns", "blocklist", "list", "--json", "--directory", "/nonexistent"]
    got = subprocess.run(command, check=False, capture_output=True, text=True)
    assert json.loads(got.stdout)["blocklists"] == []


def test_manifest_is_enough_to_uninstall(installed, build, tmp_path):
    """README's way back: install_manifest.txt has every file."""
    assert installed
    root = tmp_path / "root"
    call("cmake", "--install", build, env={**os.environ, "DESTDIR": str(root)})
    manifest = (build / "install_manifest.txt").read_text().splitlines()
    found = ["/" + str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    assert found and sorted(found) == sorted(manifest)
