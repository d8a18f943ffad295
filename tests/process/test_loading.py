"""The module loaded in unusual ways."""

import os
import pathlib
import shutil
import subprocess

import pytest

import programs
from kinds import KINDS, ONE, flat
from programs import Client, program, run

pytestmark = pytest.mark.usefixtures("surroundings")
MODULE = pathlib.Path(os.environ.get("AIODNS_MODULE_DIR", programs.FOLDER.parents[1] / "nss"), "libnss_aiodns.so.2")


def needed(name):
    """A program that is not built everywhere."""
    if not program(name).exists():
        pytest.skip(f"process_{name} is not built: its library was not there")
    return program(name)


@pytest.mark.parametrize("mode", ["deepbind", "cycles", "closed-inside", "namespace"])
def test_loading(mode):
    run("loading", mode)


def test_two_copies(net):
    copy = net.new_folder("copy") / "libnss_aiodns.so.2"
    shutil.copy(MODULE, copy)
    run("loading", "copies", copy)


def test_for_a_plugin_that_comes_first():
    run("loading", "plugin", program("plugin.so"))


PROGRAMS = {
    "client": {},  # -z now, as all programs here
    "lazy": {},
    "static": {},
    # Nothing is left for what is loaded later and has thread-local variables of the quick kind.
    "client, no TLS to spare": {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=0"},
    "client, all bound early": {"LD_BIND_NOW": "1"},
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_program_is(kind, aliases):
    file = needed(kind.partition(",")[0])
    with Client(aliases | PROGRAMS[kind], file=file) as client:
        for how, name, wanted in [*KINDS, ("crowd", "one.test", ONE), ("crowd", "nowhere.test.", "EAI_NONAME"),
                                  ("crowd", "many.test", KINDS[11][2])]:
            assert (how, name, client.ask(how, name)) == (how, name, wanted)


def test_programs_are_bound_as_said():
    """Or the test above would try one kind only."""
    def headers(name):
        return subprocess.run(["readelf", "-ld", needed(name)], capture_output=True, text=True, check=True).stdout

    assert "BIND_NOW" in headers("client") and "INTERP" in headers("client")
    assert "BIND_NOW" not in headers("lazy")
    assert "INTERP" not in headers("static")


@pytest.mark.parametrize("names", ["own", "own_system"])
def test_functions_of_the_program(names, aliases):
    run(names, *flat(KINDS), env=aliases)


# -- Other resolvers in the same program

def test_beside_libresolv(aliases):
    run("resolv", *flat(KINDS), env=aliases)


def test_beside_cares():
    needed("cares")
    run("cares", *flat(KINDS[:8]))
