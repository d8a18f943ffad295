"""Of all that want the same answer at the same moment one asks, and the others wait for what it learns.

A slow server holds its replies back until the test lets them go. Others are waited for at most half a second; where
the machine was too busy for that, by the module's own counters, a test is made once more.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import threading

import pytest

import netns
import scripted
from cached import (HOST, NO_CACHE, SHM, USER, Counted, aged, as_user, forget_all, kinds, lives, next_address, program,
                    run_one, until)
from lookups import byname, gai, ordered, threads

CACHED = True
pytestmark = pytest.mark.skipif(not netns.IS_ROOT, reason="in a user namespace / is nobody's: no cache is believed")

NAME = "www.scripted.test"
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
DATA = {"A": [FOUR], "AAAA": [SIX]}
BOTH = {"addrs": sorted([FOUR, SIX]), "canon": None}
DELAY_S = 0.2  # of the half second for which others are waited for


class Gate:
    """A handler that answers only when it is opened; later questions at once."""

    def __init__(self, answer=lambda query: query.send(query.reply(*DATA[query.type]))):
        self._answer, self._lock, self._held, self._open = answer, threading.Lock(), [], False

    def __call__(self, query):
        with self._lock:
            if not self._open:
                self._held.append(query)
                return
        self._answer(query)

    def open(self):
        with self._lock:
            self._open, held = True, self._held
        for query in held:
            self._answer(query)

    def close(self):
        with self._lock:
            self._open, self._held = False, []


def slowly(query):
    def send():
        with contextlib.suppress(OSError):  # the server has gone: nobody waits for this one
            query.send(query.reply(*DATA[query.type]))
    threading.Timer(DELAY_S, send).start()


@contextlib.contextmanager
def serving(net, handler, options="options timeout:5 attempts:1"):
    with scripted.Server(next_address(), handler) as server:
        net.resolv_conf(f"nameserver {server.address}\n{options}\n")
        yield server


def begin_anew(net):
    """With the files of root's tier there, and nothing in them."""
    forget_all()
    with serving(net, scripted.records({})):
        run_one(gai("nothing.scripted.test"))


@pytest.fixture
def fresh(net):
    begin_anew(net)
    yield net


@pytest.fixture
def new(net):
    """Without any file."""
    forget_all()
    yield net


def again_if_late(test):
    """For tests of those who are answered by waiting: not to be told from a machine that stood still for a moment."""
    @functools.wraps(test)
    def repeated(**fixtures):
        for last in (False, False, False, True):
            if "new" in fixtures:
                forget_all()
            own = [Counted(), Counted(SHM / f"aiodns.{USER}.counters.1")]
            try:
                return test(**fixtures)
            except AssertionError:
                if last or not any(counted().get("waited_in_vain") for counted in own):
                    raise
    return repeated


def herd(lookup, count):
    return "herd", {"lookup": lookup, "count": count}


def answers_of(client, call):
    return [ordered(answer) for answer in client.ask(call)]


def asking(server, *types):
    """Once each of these has been asked, at least once."""
    until(lambda: set(types) <= set(kinds(server)), f"{types} asked")


# -- One asks.

@pytest.mark.parametrize("lookup, asked", [(gai(NAME), ["A", "AAAA"]), (byname(NAME), ["A"])], ids=["both", "one"])
@again_if_late
def test_200_processes(fresh, lookup, asked):
    with serving(fresh, slowly) as server, program() as client:
        answers = answers_of(client, herd(lookup, 200))
        assert kinds(server) == asked
    assert len(answers) == 200 and answers.count(answers[0]) == 200 and FOUR in answers[0]["addrs"]


@again_if_late
def test_200_processes_before_there_is_a_file(new):
    with serving(new, slowly) as server, program() as client:
        assert answers_of(client, herd(gai(NAME), 200)) == [BOTH] * 200
        assert kinds(server) == ["A", "AAAA"]
    assert lives(NAME) == {"A": scripted.TTL, "AAAA": scripted.TTL}


@again_if_late
def test_200_processes_of_a_user(new):
    with serving(new, slowly) as server, program(as_user(USER)) as client:
        client.ask(gai("nothing.other.test"))
        assert answers_of(client, herd(gai(NAME), 200)) == [BOTH] * 200
        assert [query.type for query in server.distinct() if query.key == NAME].count("A") == 1


@again_if_late
def test_200_threads(fresh):
    with serving(fresh, slowly) as server, program() as client:
        assert answers_of(client, threads(*[gai(NAME)] * 200)) == [BOTH] * 200
        assert kinds(server) == ["A", "AAAA"]


@again_if_late
def test_threads_before_there_is_a_file(new):
    with serving(new, slowly) as server, program() as client:
        assert answers_of(client, threads(*[gai(NAME)] * 50)) == [BOTH] * 50
        assert kinds(server) == ["A", "AAAA"]


def test_threads_of_a_new_program_and_a_name_that_is_known(fresh):
    with serving(fresh, scripted.records({NAME: DATA})) as server:
        run_one(gai(NAME))
        asked = len(kinds(server))
        for _ in range(10):
            with program() as client:
                assert answers_of(client, threads(*[gai(NAME)] * 100)) == [BOTH] * 100
        assert len(kinds(server)) == asked


def test_threads_with_more_names_in_flight_than_any_pool_has(fresh):
    names = [f"n{i}.scripted.test" for i in range(200)]
    with serving(fresh, slowly) as server, program() as client:
        assert answers_of(client, threads(*[gai(name) for name in names])) == [BOTH] * len(names)
        assert len(server.asked()) == 2 * len(names)
        assert all(lives(name) == {"A": scripted.TTL, "AAAA": scripted.TTL} for name in names)


@again_if_late
def test_waiting_is_counted(fresh):
    gate = Gate()
    with serving(fresh, gate) as server, program() as leader, program() as other:
        counted = Counted()
        leader.tell(byname(NAME))
        asking(server, "A")
        other.tell(byname(NAME))
        until(lambda: counted().get("waited") == 1, "one waits")
        gate.open()
        assert leader.hear() == other.hear()
        assert counted() == {"misses": 1, "stored": 1, "waited": 1, "hits": 1}


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace here")
@pytest.mark.parametrize("stores", [True, False], ids=["stored", "given-up"])
def test_who_waits_is_woken(fresh, tmp_path, stores):
    """By an answer, or by a claim that is given back without. Who is awake just then does not hear it: that may happen,
    but not each time."""
    traced, ends = tmp_path / "strace", []

    def pauses():
        return [line for line in traced.read_text().splitlines() if "FUTEX_WAIT, 0" in line]
    for _ in range(5):
        gate = Gate()
        begin_anew(fresh)
        with serving(fresh, gate) as server, program() as leader:
            if not stores:
                leader.ask(("limit", {"what": "RLIMIT_FSIZE", "value": 0}))
            leading(server, leader, "A")
            with program(["strace", "-qq", "-e", "trace=futex", "-o", str(traced)]) as other:
                other.tell(gai(NAME))
                until(lambda: traced.exists() and len(pauses()) > 2, "it waits")
                gate.open()
                assert ordered(other.hear()) == ordered(leader.hear()) == BOTH
                ends.append(pauses()[-1].rpartition(" = ")[2])
        traced.unlink()
        if ends[-1] == "0":
            break
    assert ends[-1] == "0", ends


def test_different_names_do_not_wait_for_each_other(fresh):
    held = Gate()

    def handler(query):
        if query.key == NAME:
            held(query)
        else:
            query.send(query.reply(*DATA[query.type]))
    with serving(fresh, handler) as server, program() as leader:
        leader.tell(gai(NAME))
        asking(server, "A", "AAAA")
        counted = Counted()
        assert run_one(gai("other.scripted.test")) == BOTH
        assert "waited" not in counted() and "waited_in_vain" not in counted()
        held.open()
        assert ordered(leader.hear()) == BOTH


# -- A leader that does not come back.

@contextlib.contextmanager
def stopped(client):
    os.kill(client.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(client.pid, signal.SIGCONT)


def leading(server, client, *types):
    client.tell(gai(NAME))
    asking(server, *(types or ("A", "AAAA")))


@again_if_late
def test_leader_is_killed(fresh):
    """One of those that wait takes over; all others go on waiting, for that one."""
    gate = Gate()
    with serving(fresh, gate) as server, program() as herder:
        leader = program()
        leading(server, leader)
        counted = Counted()
        herder.tell(herd(gai(NAME), 40))
        until(lambda: counted().get("waited", 0) >= 40, "all wait")
        os.kill(leader.pid, signal.SIGKILL)
        until(lambda: len(kinds(server)) == 4, "asked by another one")
        gate.open()
        assert [ordered(answer) for answer in herder.hear()] == [BOTH] * 40
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]
        leader.__exit__()


def test_leader_is_stopped(fresh):
    """It costs every process one wait; all are answered while it is still stopped."""
    gate = Gate()
    with serving(fresh, gate) as server, program() as leader, program() as other:
        leading(server, leader)
        with stopped(leader):
            gate.open()
            counted = Counted()
            assert ordered(other.ask(gai(NAME))) == BOTH
            assert counted()["waited_in_vain"] == 2
            assert kinds(server) == ["A", "A", "AAAA", "AAAA"]
            counted = Counted()
            assert run_one(gai(NAME)) == BOTH  # the other one has stored it, without a claim
            assert counted() == {"hits": 2}
        assert ordered(leader.hear()) == BOTH


def test_stopped_leader_is_waited_for_once(fresh):
    """TTL 0: every lookup has to ask."""
    gate = Gate(lambda query: query.send(aged(query.reply(*DATA[query.type]), 0)))
    with serving(fresh, gate) as server, program() as leader, program() as other:
        leading(server, leader)
        with stopped(leader):
            gate.open()
            counted = Counted()
            for _ in range(3):
                assert ordered(other.ask(gai(NAME))) == BOTH
                assert counted()["waited_in_vain"] == 2
        leader.hear()
        # Once it has been free, it is waited for again.
        other.ask(gai(NAME))
        gate.close()
        leader.tell(gai(NAME))
        until(lambda: len(kinds(server)) >= 12, "the leader asks")
        with stopped(leader):
            gate.open()
            assert ordered(other.ask(gai(NAME))) == BOTH
            assert counted()["waited_in_vain"] == 4
        leader.hear()


def test_herd_behind_a_stopped_leader(fresh):
    gate = Gate()
    with serving(fresh, gate) as server, program() as leader, program() as herder:
        leading(server, leader)
        with stopped(leader):
            gate.open()
            assert answers_of(herder, herd(gai(NAME), 40)) == [BOTH] * 40
        assert ordered(leader.hear()) == BOTH


@again_if_late
def test_leader_gets_servfail(fresh):
    """What it received is the others' answer, too: nobody asks again at once."""
    gate = Gate(lambda query: query.send(query.reply(rcode="SERVFAIL")))
    with serving(fresh, gate) as server, program() as leader, program() as herder:
        leading(server, leader)
        herder.tell(herd(gai(NAME), 40))
        gate.open()
        assert leader.hear() == {"error": "EAI_AGAIN"}
        asked = len(server.distinct())
        assert herder.hear() == [{"error": "EAI_AGAIN"}] * 40
        assert len(server.distinct()) == asked


def test_leader_gets_nothing(fresh):
    """Silence is nobody's answer: the others ask for themselves."""
    answered = threading.Event()

    def handler(query):
        if answered.is_set():
            query.send(query.reply(*DATA[query.type]))
    with serving(fresh, handler, "options timeout:1 attempts:1") as server, program() as leader, program() as other:
        leading(server, leader)
        other.tell(gai(NAME))
        assert leader.hear() == {"error": "EAI_AGAIN"}
        answered.set()
        other.hear()
        assert run_one(gai(NAME)) == BOTH
        assert lives(NAME) == {"A": scripted.TTL, "AAAA": scripted.TTL}


@again_if_late
def test_leader_cannot_store(fresh):
    """Its file limit forbids it; the others get their answers all the same, one of them stores it."""
    gate = Gate()
    with serving(fresh, gate) as server, program() as leader, program() as herder:
        leader.ask(("limit", {"what": "RLIMIT_FSIZE", "value": 0}))
        leading(server, leader)
        herder.tell(herd(gai(NAME), 20))
        gate.open()
        assert ordered(leader.hear()) == BOTH
        assert [ordered(answer) for answer in herder.hear()] == [BOTH] * 20
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


def test_nobody_can_store(new):
    """No room for the cache: everybody is answered, each by a question of its own."""
    (HOST.parent / "filler").unlink(missing_ok=True)
    filler = HOST.parent / "filler"
    HOST.mkdir(mode=0o755)
    (HOST / "claims.1").touch(mode=0o600)
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], stderr=subprocess.DEVNULL)
    try:
        with serving(new, slowly), program() as herder:
            assert answers_of(herder, herd(gai(NAME), 10)) == [BOTH] * 10
            assert lives(NAME) == {}
    finally:
        filler.unlink()


def claims_held():
    """How many, in root's tier."""
    file = os.stat(HOST / "claims.1")
    with open("/proc/locks") as locks:
        which = f" {os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino} "
        # By octet: a list that changes while it is read may have a lock twice.
        return len({tuple(line.split()[-2:]) for line in locks if which in line})


def test_jump_out_of_a_lookup(fresh):
    """The thread's next lookup gives back what the last one claimed."""
    gate = Gate()
    with serving(fresh, gate) as server, program() as client:
        jump = subprocess.Popen([os.environ["AIODNS_CACHE_JUMP"], NAME], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        try:
            asking(server, "A", "AAAA")
            assert claims_held() == 2
            os.kill(jump.pid, signal.SIGALRM)
            assert jump.stdout.readline() == "jumped\n"
            gate.open()
            print("other.scripted.test", file=jump.stdin, flush=True)
            assert jump.stdout.readline() == "0\n"
            assert claims_held() == 0
            counted = Counted()
            assert ordered(client.ask(gai(NAME))) == BOTH
            assert "waited" not in counted() and "waited_in_vain" not in counted()
        finally:
            jump.stdin.close()
            jump.wait()
            jump.stdout.close()


def test_claim_does_not_live_on_in_a_child(fresh):
    """A fork by another thread, in the middle of the lookup; the child lives longer than the leader."""
    gate = Gate()
    with serving(fresh, gate) as server:
        leader = program()
        leader.ask(("begin", {"thread": "a", "call": gai(NAME)}))
        asking(server, "A", "AAAA")
        child = leader.ask(("fork_sleeper", {}))["pid"]
        try:
            assert claims_held() == 2
            os.kill(leader.pid, signal.SIGKILL)
            leader.__exit__()
            until(lambda: claims_held() == 0, "free again")  # as soon as the child has come back from fork(2)
            assert os.path.exists(f"/proc/{child}")
            gate.open()
            counted = Counted()
            assert run_one(gai(NAME)) == BOTH
            assert "waited" not in counted() and "waited_in_vain" not in counted()
        finally:
            os.kill(child, signal.SIGKILL)


def test_claims_are_given_back(fresh):
    """After answers of every kind."""
    rcodes = {"good": None, "nowhere": "NXDOMAIN", "failed": "SERVFAIL", "refused": "REFUSED", "nothing": "NOERROR"}

    def handler(query):
        rcode = rcodes[query.key.split(".")[0]]
        query.send(query.reply(rcode=rcode) if rcode else query.reply(*DATA[query.type]))
    with serving(fresh, handler), program() as client:
        for kind in rcodes:
            client.ask(gai(f"{kind}.scripted.test"))
            assert claims_held() == 0, kind


# -- TTL 0.

@again_if_late
def test_ttl_0_is_for_those_who_wait(fresh):
    gate = Gate(lambda query: query.send(aged(query.reply(*DATA[query.type]), 0)))
    with serving(fresh, gate) as server, program() as leader, program() as herder, program() as later:
        leading(server, leader)
        counted = Counted()
        herder.tell(herd(gai(NAME), 20))
        until(lambda: counted().get("waited", 0) >= 20, "all wait")
        gate.open()
        assert ordered(leader.hear()) == BOTH
        assert [ordered(answer) for answer in herder.hear()] == [BOTH] * 20
        assert kinds(server) == ["A", "AAAA"]
        assert ordered(later.ask(gai(NAME))) == BOTH
        assert kinds(server) == ["A", "A", "AAAA", "AAAA"]


# -- Tiers.

def test_user_waits_for_nothing_of_root(fresh):
    gate = Gate()
    with serving(fresh, gate) as server, program() as leader, program(as_user(USER)) as user:
        leading(server, leader)
        with stopped(leader):
            gate.open()
            own = SHM / f"aiodns.{USER}.counters.1"
            counted = Counted(own)
            assert ordered(user.ask(gai(NAME))) == BOTH
            assert counted() == {"misses": 2, "stored": 2}
        assert ordered(leader.hear()) == BOTH


def test_users_do_not_wait_for_each_other(fresh):
    gate = Gate()
    with serving(fresh, gate) as server, program(as_user(USER)) as leader, program(as_user(USER + 1)) as user:
        leading(server, leader)
        with stopped(leader):
            gate.open()
            counted = Counted(SHM / f"aiodns.{USER + 1}.counters.1")
            assert ordered(user.ask(gai(NAME))) == BOTH
            assert counted() == {"misses": 2, "stored": 2}
        assert ordered(leader.hear()) == BOTH


def test_user_cannot_hold_up_root(fresh):
    """The claims file of root's tier is not a user's to open, so that no lock of his is ever in the way."""
    mode = os.stat(HOST / "claims.1").st_mode & 0o7777
    assert mode == 0o600
    held = subprocess.run([*as_user(USER), "cat", HOST / "claims.1"], capture_output=True)
    assert held.returncode != 0


def test_without_a_place_nobody_waits(new):
    gate = Gate()
    with serving(new, gate) as server, program(NO_CACHE) as leader, program(NO_CACHE) as other:
        leading(server, leader)
        other.tell(gai(NAME))
        until(lambda: kinds(server) == ["A", "A", "AAAA", "AAAA"], "both ask")
        gate.open()
        assert ordered(leader.hear()) == ordered(other.hear()) == BOTH
