"""packaging/selinux: that the module compiles against the policy of this machine's distribution, is of the files that it
should be of, and, linked into that policy, lets those who look names up read the caches and nobody but root's own write them.

No kernel with SELinux is needed: sesearch(1) asks the linked policy.
"""

import functools
import pathlib
import re
import shutil
import subprocess

import pytest

import netns

TOP = pathlib.Path(__file__).resolve().parents[2]
OURS = TOP / "packaging/selinux"
MAKEFILE = pathlib.Path("/usr/share/selinux/devel/Makefile")
STORE, CONFIG = pathlib.Path("/var/lib/selinux"), pathlib.Path("/etc/selinux")
HUNG = 900  # semodule(8) compiles a whole policy

# Domains of daemons that look names up, and that nobody would let write.
DAEMONS = ["ntpd_t", "sshd_t", "named_t"]
READ = {"getattr", "map", "open", "read"}
CHANGE = {"append", "create", "link", "rename", "setattr", "unlink", "write", "add_name", "remove_name", "rmdir", "lock",
          "execute", "relabelto", "relabelfrom"}


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=HUNG, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The compiled module."""
    if not MAKEFILE.exists() or not shutil.which("checkmodule") or not shutil.which("semodule_package"):
        pytest.skip("there is nothing to compile it with (Debian: selinux-policy-dev; Fedora: selinux-policy-devel)")
    folder = tmp_path_factory.mktemp("selinux")
    for file in OURS.iterdir():
        shutil.copy(file, folder)
    policies = [path.name for path in CONFIG.iterdir() if (path / "policy").is_dir()] if CONFIG.exists() else []
    result = run("make", "-f", MAKEFILE, f"NAME={(policies or ['default'])[0]}", "aiodns.pp", cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not re.search("(?i)warning|error", result.stdout + result.stderr)
    return folder / "aiodns.pp"


@pytest.fixture(scope="module")
def policy(built, tmp_path_factory):
    """A copy of the machine's policy, with the module in it."""
    names = [path.name for path in STORE.iterdir() if (path / "active").is_dir()] if STORE.exists() else []
    if not names or not shutil.which("semodule") or not shutil.which("sesearch"):
        pytest.skip("there is no policy to link it into (Debian: selinux-policy-default and setools)")
    if not netns.IS_ROOT:
        pytest.skip("the policy's files are root's alone")
    root = tmp_path_factory.mktemp("root")
    for folder in (STORE, CONFIG):
        shutil.copytree(folder, root / folder.relative_to("/"), symlinks=True)
    result = run("semodule", "-n", "-s", names[0], "-p", root, "-i", built)
    assert result.returncode == 0, result.stderr
    [binary] = (root / CONFIG.relative_to("/") / names[0] / "policy").glob("policy.*")
    return binary


def contexts_of(policy):
    folder = policy.parents[1] / "contexts/files"
    return [line.split() for name in ("file_contexts", "file_contexts.homedirs")
            for line in (folder / name).read_text().splitlines() if "aiodns" in line]


RULE = re.compile(r"(\w+) (\S+) (\S+):(\w+) (?:\{ ([^}]*) \}|(\w+));$")


@functools.lru_cache(maxsize=None)
def rules_of(policy, target):
    """[(kind, source, class, permissions)], of those alone that no boolean has to be set for."""
    result = run("sesearch", "-A", "--dontaudit", "-t", target, policy)
    assert result.returncode == 0, result.stderr
    found = [match.groups() for match in map(RULE.match, result.stdout.splitlines()) if match]
    assert found
    return [(kind, source, what, set((many or one).split())) for kind, source, _, what, many, one in found]


@functools.lru_cache(maxsize=None)
def names_of(policy, domain):
    """The domain, and its attributes."""
    result = run("seinfo", "-t", domain, "-x", policy)
    if not re.search(rf"type {domain}\b", result.stdout):
        pytest.skip(f"this policy has no {domain}")
    return set(re.findall(r"[\w.]+", result.stdout.partition("type ")[2]))


def search(policy, kind, source, target, what):
    names = names_of(policy, source)
    return {permission for rule, subject, kept, permissions in rules_of(policy, target)
            if rule == kind and kept == what and subject in names for permission in permissions}


def may(policy, source, target, what="file"):
    return search(policy, "allow", source, target, what)


def test_it_compiles(built):
    assert built.stat().st_size > 1000


def test_it_is_of_these_files(built, tmp_path):
    module, contexts = tmp_path / "module", tmp_path / "contexts"
    assert run("semodule_unpackage", built, module, contexts).returncode == 0
    found = dict(line.split() for line in contexts.read_text().splitlines() if not line.startswith("#") and line.strip())
    types = {path: context.split(":")[2] for path, context in found.items()}
    assert types == {"/(var/)?run/aiodns(/.*)?": "aiodns_runtime_t",
                     "/(var/)?run/user/%{USERID}/aiodns(/.*)?": "aiodns_user_runtime_t",
                     "/var/lib/aiodns(/.*)?": "aiodns_var_lib_t"}


@pytest.mark.parametrize("path, type", [("/run/aiodns", "aiodns_runtime_t"), ("/run/aiodns/index.1", "aiodns_runtime_t"),
                                        ("/var/lib/aiodns/blocklists/x", "aiodns_var_lib_t"),
                                        ("/run/user/1000/aiodns/cache.1", "aiodns_user_runtime_t"),
                                        ("/run/aiodnsd", None), ("/run/user/1000/other/aiodns", None)])
def test_labels(policy, path, type):
    found = {context[-1].split(":")[2] for context in contexts_of(policy) if re.fullmatch(context[0], path)}
    assert found == ({type} if type else set())


@pytest.mark.parametrize("domain", DAEMONS)
def test_daemons_read(policy, domain):
    assert READ <= may(policy, domain, "aiodns_runtime_t")
    assert "search" in may(policy, domain, "aiodns_runtime_t", "dir")
    assert READ - {"map"} <= may(policy, domain, "aiodns_var_lib_t")
    assert {"read", "search", "open"} <= may(policy, domain, "aiodns_var_lib_t", "dir")
    assert {"open", "read"} <= may(policy, domain, "sysctl_kernel_t")
    assert "getcap" in may(policy, domain, domain, "process")


@pytest.mark.parametrize("domain", DAEMONS)
@pytest.mark.parametrize("type", ["aiodns_runtime_t", "aiodns_user_runtime_t", "aiodns_var_lib_t"])
def test_daemons_do_not_write(policy, domain, type):
    for what in ("file", "dir"):
        assert not may(policy, domain, type, what) & CHANGE


@pytest.mark.parametrize("domain", DAEMONS)
@pytest.mark.parametrize("type", ["aiodns_runtime_t", "aiodns_user_runtime_t"])
def test_that_is_no_news(policy, domain, type):
    """What lookups try each time leaves no line in the audit log."""
    assert {"write", "create"} <= search(policy, "dontaudit", domain, type, "file")
    assert {"write", "add_name"} <= search(policy, "dontaudit", domain, type, "dir")


def test_users(policy):
    """Their own cache is theirs, the host's is not."""
    assert {"create", "map", "read", "rename", "write"} <= may(policy, "user_t", "aiodns_user_runtime_t")
    assert {"add_name", "write"} <= may(policy, "user_t", "aiodns_user_runtime_t", "dir")
    assert READ <= may(policy, "user_t", "aiodns_runtime_t")
    for what in ("file", "dir"):
        assert not may(policy, "user_t", "aiodns_runtime_t", what) & CHANGE


@pytest.mark.parametrize("domain", ["initrc_t", "sysadm_t"])
def test_who_fills_the_cache(policy, domain):
    assert {"create", "map", "rename", "write"} <= may(policy, domain, "aiodns_runtime_t")
    assert {"create", "rename", "write"} <= may(policy, domain, "aiodns_var_lib_t")
    result = run("sesearch", "-T", "-s", domain, "-t", "var_run_t", "-c", "dir", policy)
    assert re.search(r"aiodns_runtime_t \"?aiodns\"?;", result.stdout)


def test_tmpfiles_makes_the_folder(policy):
    assert {"create", "relabelto"} <= may(policy, "systemd_tmpfiles_t", "aiodns_runtime_t", "dir")
