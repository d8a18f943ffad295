"""What the RPM does to nsswitch.conf: packaging/rpm/nsswitch, on a table of files, and with authselect where there is one."""

import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "packaging/rpm/nsswitch"
US = "aiodns [!UNAVAIL=return]"

# What is behind `hosts:` before and after `add`. `remove` has to bring back the former, octet by octet.
ADDED = [
    ("files dns", f"files {US} dns"),
    ("          files dns", f"          files {US} dns"),
    ("\tfiles\tdns", f"\tfiles\t{US} dns"),
    ("dns", f"{US} dns"),
    (" dns files ", f" {US} dns files "),
    (" files resolve [!UNAVAIL=return] dns", f" files {US} resolve [!UNAVAIL=return] dns"),
    (" files dns resolve", f" files {US} dns resolve"),
    (
        " files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns myhostname",
        f" files mdns4_minimal [NOTFOUND=return] {US} resolve [!UNAVAIL=return] dns myhostname",
    ),
    (" mymachines files myhostname dns wins", f" mymachines files myhostname {US} dns wins"),
    (" files dns[NOTFOUND=return] wins", f" files {US} dns[NOTFOUND=return] wins"),
    (" files [ NOTFOUND = dns ] dns", f" files [ NOTFOUND = dns ] {US} dns"),
    (" files dns # not resolve", f" files {US} dns # not resolve"),
    (" files dnsmasq xdns dns", f" files dnsmasq xdns {US} dns"),
]

# Nothing to be done: it is there, in whichever way, or there is nothing to be before.
LEFT = [
    " files aiodns dns",
    " files aiodns[!UNAVAIL=return] dns",
    " aiodns [NOTFOUND=continue] files dns",
    " dns aiodns",
    " files",
    " files myhostname # dns",
    "",
]

# What an administrator may have made of it, and what `remove` leaves.
REMOVED = [
    (" files aiodns dns", " files dns"),
    (" files aiodns[!UNAVAIL=return] dns", " files dns"),
    (" files aiodns [NOTFOUND=return] [ TRYAGAIN = continue ] dns", " files dns"),
    (" aiodns [!UNAVAIL=return] files myhostname dns", " files myhostname dns"),
    (" files dns aiodns", " files dns"),
    (" files aiodns [!UNAVAIL=return]", " files"),
    (" files dns aiodns [!UNAVAIL=return] # mine", " files dns # mine"),
    (" files aiodns dns aiodns", " files dns"),
    (" files dns # aiodns", " files dns # aiodns"),
    (" files xaiodns aiodns2 dns", " files xaiodns aiodns2 dns"),
    (" files resolve [!UNAVAIL=return] dns", " files resolve [!UNAVAIL=return] dns"),
]


def whole(hosts):
    """A file with that hosts line; other lines must never change."""
    return f"# hosts: files dns\npasswd: files aiodns\n\nhosts:{hosts}\nnetworks: files dns\n  # resolve\n"


def run(action, path):
    return subprocess.run([SCRIPT, action, path], check=True, capture_output=True, text=True)


@pytest.fixture(name="file")
def fixture_file(tmp_path):
    return tmp_path / "nsswitch.conf"


@pytest.mark.parametrize("before, after", ADDED)
def test_added_and_removed(file, before, after):
    file.write_text(whole(before))
    for _ in range(2):
        run("add", file)
        assert file.read_text() == whole(after)
    for _ in range(2):
        run("remove", file)
        assert file.read_text() == whole(before)


@pytest.mark.parametrize("hosts", LEFT)
def test_left(file, hosts):
    file.write_text(whole(hosts))
    stamp = file.stat()
    run("add", file)
    assert file.read_text() == whole(hosts)
    assert file.stat().st_ino == stamp.st_ino


@pytest.mark.parametrize("before, after", REMOVED)
def test_removed(file, before, after):
    file.write_text(whole(before))
    run("remove", file)
    assert file.read_text() == whole(after)


def test_all_awks(file):
    """Fedora's awk is gawk, others have mawk, busybox or the original one."""
    tried = []
    for name in ("gawk", "mawk", "original-awk", "busybox"):
        awk = shutil.which(name)
        if not awk:
            continue
        folder = file.parent / name
        folder.mkdir()
        (folder / "awk").symlink_to(awk)
        file.write_text(whole(ADDED[7][0]))
        path = f"{folder}:{os.environ['PATH']}"
        subprocess.run([SCRIPT, "add", file], check=True, env={"PATH": path})
        assert file.read_text() == whole(ADDED[7][1]), name
        tried.append(name)
    assert tried, "there is no awk here"


def test_no_end_of_line(file):
    file.write_text("hosts: files dns")
    run("add", file)
    assert file.read_text() == f"hosts: files {US} dns\n"


def test_keeps_what_is_not_text(file):
    """Mode, symbolic link and the folder's other files stay."""
    real = file.parent / "real"
    real.write_text(whole(" files dns"))
    real.chmod(0o604)
    file.symlink_to("real")
    run("add", file)
    assert file.is_symlink() and os.readlink(file) == "real"
    assert real.read_text() == whole(f" files {US} dns")
    assert real.stat().st_mode & 0o7777 == 0o604
    assert sorted(os.listdir(file.parent)) == ["nsswitch.conf", "real"]


def test_no_such_file(file):
    got = subprocess.run([SCRIPT, "add", file], check=False, capture_output=True, text=True)
    assert got.returncode != 0 and "no such file" in got.stderr


# With authselect, in a mount namespace of its own, in which /etc and authselect's own folder are copies.


def in_private_etc(tmp_path, commands):
    """Runs these lines of shell; returns what they print."""
    if not shutil.which("authselect"):
        pytest.skip("there is no authselect here (Debian 13 has one)")
    if os.geteuid() != 0:
        pytest.skip("only root can give a process an /etc of its own")
    for folder in ("etc", "state"):
        (tmp_path / folder).mkdir()
    prepare = f"""
        set -eu
        cp -a /etc/. {tmp_path}/etc/
        mount --bind {tmp_path}/etc /etc
        mkdir -p /var/lib/authselect
        mount --bind {tmp_path}/state /var/lib/authselect
        rm -rf /etc/authselect
        mkdir -p /etc/authselect/custom
        nsswitch() {{ {SCRIPT} "$@"; }}
        hosts() {{ sed -n 's/^hosts:[[:blank:]]*//p' /etc/nsswitch.conf; }}
        quiet() {{ "$@" >/dev/null; }}
        """
    unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", prepare + commands]
    got = subprocess.run(unshare, check=False, capture_output=True, text=True)
    assert got.returncode == 0, got.stderr
    return got.stdout.splitlines()


PLAIN = "files myhostname resolve [!UNAVAIL=return] dns"
WITH_US = f"files myhostname {US} resolve [!UNAVAIL=return] dns"


@pytest.mark.parametrize("profile", ["local", "sssd", "winbind"])
def test_authselect(tmp_path, profile):
    """A profile of its own while it is there; its removal leaves all as it was."""
    got = in_private_etc(
        tmp_path,
        f"""
        quiet authselect select {profile} with-mkhomedir --force
        cp -a /etc {tmp_path}/before
        nsswitch add; nsswitch add
        hosts; authselect current --raw; authselect check; readlink /etc/nsswitch.conf
        nsswitch remove; nsswitch remove
        hosts; authselect current --raw; authselect check
        diff -r --no-dereference {tmp_path}/before /etc
        """,
    )
    valid = "Current configuration is valid."
    assert got == [
        WITH_US,
        "custom/aiodns with-mkhomedir with-aiodns",
        valid,
        "/etc/authselect/nsswitch.conf",
        PLAIN,
        f"{profile} with-mkhomedir",
        valid,
    ]


def test_authselect_features_in_between(tmp_path):
    """What was chosen while it was installed is kept when it goes."""
    got = in_private_etc(
        tmp_path,
        """
        quiet authselect select local --force
        nsswitch add
        quiet authselect enable-feature with-mdns4
        hosts
        nsswitch remove
        hosts; authselect current --raw; ls /etc/authselect/custom
        """,
    )
    assert got == [
        f"files myhostname mdns4_minimal [NOTFOUND=return] {US} resolve [!UNAVAIL=return] dns",
        "files myhostname mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns",
        "local with-mdns4",
    ]


def test_authselect_switched_off(tmp_path):
    """An update does not bring back what an administrator has switched off."""
    got = in_private_etc(
        tmp_path,
        """
        quiet authselect select local --force
        nsswitch add
        quiet authselect disable-feature with-aiodns
        nsswitch refresh
        hosts; authselect current --raw
        nsswitch remove
        authselect current --raw; ls /etc/authselect/custom
        """,
    )
    assert got == [PLAIN, "custom/aiodns", "local"]


def test_authselect_own_profile(tmp_path):
    """A profile that has the feature, made by an administrator, is used as it is, and stays."""
    got = in_private_etc(
        tmp_path,
        """
        authselect create-profile mine --base-on local --symlink-pam >/dev/null
        sed -i '/^hosts:/s/resolve/{if "with-aiodns":aiodns [!UNAVAIL=return] }resolve/' \
          /etc/authselect/custom/mine/nsswitch.conf
        quiet authselect select custom/mine with-mkhomedir --force
        nsswitch add
        hosts; authselect current --raw
        nsswitch remove
        hosts; authselect current --raw; ls /etc/authselect/custom
        """,
    )
    assert got == [
        WITH_US,
        "custom/mine with-mkhomedir with-aiodns",
        PLAIN,
        "custom/mine with-mkhomedir",
        "mine",
    ]


def test_authselect_update(tmp_path):
    """What a new authselect has in its profile comes into ours; a profile that was changed by hand is left, and stays."""
    got = in_private_etc(
        tmp_path,
        """
        authselect create-profile new --base-on local --symlink-pam >/dev/null
        quiet authselect select custom/new --force
        nsswitch add
        sed -i '/^hosts:/s/myhostname/mymachines &/' /etc/authselect/custom/new/nsswitch.conf
        nsswitch refresh
        hosts; authselect current --raw
        sed -i '/^hosts:/s/mymachines/& mine/' /etc/authselect/custom/aiodns/nsswitch.conf
        sed -i '/^hosts:/s/mymachines/yours/' /etc/authselect/custom/new/nsswitch.conf
        nsswitch refresh
        authselect apply-changes >/dev/null
        hosts
        nsswitch remove
        hosts; authselect current --raw; ls /etc/authselect/custom
        """,
    )
    assert got == [
        f"files mymachines myhostname {US} resolve [!UNAVAIL=return] dns",
        "custom/aiodns with-aiodns",
        f"files mymachines mine myhostname {US} resolve [!UNAVAIL=return] dns",
        "files mymachines mine myhostname resolve [!UNAVAIL=return] dns",
        "custom/aiodns",
        "aiodns",
        "new",
    ]


def test_authselect_changed_by_hand(tmp_path):
    """What authselect does not know as its own any more is changed as a plain file, and its link stays."""
    got = in_private_etc(
        tmp_path,
        """
        quiet authselect select local --force
        sed -i 's/^hosts:.*/hosts: files dns/' /etc/authselect/nsswitch.conf
        nsswitch add
        hosts; readlink /etc/nsswitch.conf
        nsswitch remove
        hosts; readlink /etc/nsswitch.conf
        """,
    )
    link = "/etc/authselect/nsswitch.conf"
    assert got == [f"files {US} dns", link, "files dns", link]


def test_authselect_not_used(tmp_path):
    got = in_private_etc(
        tmp_path,
        """
        rm -f /etc/nsswitch.conf
        echo 'hosts: files dns' >/etc/nsswitch.conf
        nsswitch add; hosts; nsswitch remove; hosts; ls /etc/authselect/custom
        """,
    )
    assert got == [f"files {US} dns", "files dns"]
