"""The module in threads that are small, many, cancelled, stopped or left by a jump, and in programs that fork."""

import pathlib
import re

import pytest

import netns
import scripted
from kinds import KINDS, flat
from programs import run

pytestmark = pytest.mark.usefixtures("surroundings")
FORKS = 10000
HITS = netns.CACHED and scripted.TTL > 0
OF_CACHE = 2 if netns.CACHED else 0  # the claims and the cache; the next lookup that asks closes them


def test_small_stacks(aliases):
    run("threads", "stacks", 0, *flat(KINDS), env=aliases)


@pytest.mark.skipif(not netns.CACHED, reason="no cache")
def test_small_stacks_make_the_cache(aliases):
    run("threads", "stacks-anew", 0, *flat(KINDS), env=aliases)


# Domains that send the candidates of a search list to different servers; rules; files that are read or indexed.
SETTINGS = ("domain h.test 127.0.3.1\ndomain nowhere.test 127.0.3.1\nblock blocked.test *.below.test\nallow one.test\n"
            "block-file /etc/*.blocks\nhosts-file /etc/*.more\n")


@pytest.fixture
def settings(net):
    net.write("first.blocks", "||blocked.example^\n*.other.example\n")
    net.write("first.more", "198.18.0.9 more.test\n")
    net.settings(SETTINGS)
    yield
    net.settings(None)
    for name in ("first.blocks", "first.more"):
        pathlib.Path("/etc", name).unlink()


@pytest.mark.parametrize("mode", ["stacks", pytest.param("stacks-anew", marks=pytest.mark.skipif(
    not netns.CACHED, reason="no cache"))])
def test_small_stacks_with_settings(aliases, settings, mode):
    run("threads", mode, 0, *flat(KINDS), "gai", "blocked.test", "EAI_NONAME", "gai", "more.test", "198.18.0.9",
        env=aliases)


def test_200_threads_at_once():
    run("threads", "crowd", 200, *flat([KINDS[0], KINDS[3], KINDS[5], KINDS[-5]]))


def test_heap_does_not_grow(aliases):
    run("threads", "heap", 0, *flat(KINDS), env=aliases)


def test_forks_of_a_busy_program():
    run("threads", "forks", FORKS, timeout=240)


@pytest.mark.parametrize("mode", ["cancel", "cancel-by-glibc"])
def test_cancellation_anywhere(mode):
    run("threads", mode, 300)


def test_cancellation_in_the_wait():
    run("threads", "cancel-in-the-wait", 0)


def test_jumps_out_of_the_wait():
    run("signals", "jumps", 100, *flat(KINDS[:4]))


def left_by_jumps(how, when, count):
    """Descriptors: after so many jumps, and after one more lookup."""
    printed = run("signals", f"jumps-leave-{how}-{when}", count, *KINDS[1])
    return [int(number) for number in re.findall(r"^(\d+) ", printed, re.M)]


@pytest.mark.parametrize("how, families", [("gai", 2), ("gai6", 1), ("byname", 1)])
def test_what_early_jumps_leave_behind(how, families):
    """The sockets that were open: nobody but the program knows of the jump."""
    assert left_by_jumps(how, "alrm", 20)[0] <= 20 * families + OF_CACHE


@pytest.mark.parametrize("how, families", [("gai", 2), ("byname", 1)])
def test_what_late_jumps_leave_behind(how, families):
    """What a lookup had open when it had waited for some time is closed by the thread's next one. (glibc's own service
    keeps its socket in _res, for the next lookup to find.) A jump may come before it was noted, but seldom does."""
    left, after = left_by_jumps(how, "late", 10)
    assert left <= 5 * families + OF_CACHE
    assert after <= (left if HITS else 4 * families)  # a hit opens nothing, and has no need to look


def test_what_comes_in_the_place_of_what_jumps_left():
    run("signals", "jumps-and-own", 3, *KINDS[1])


def test_signals_all_the_time(aliases):
    run("signals", "signals", 0, *flat(KINDS), env=aliases)


def test_stopped_in_the_wait():
    run("signals", "stops", 20, *KINDS[0])
