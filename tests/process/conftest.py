"""The namespaces, the server and the exit status of the integration tests."""

import importlib.util
import os
import pathlib
import signal
import sys

import pytest

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"

sys.path.insert(0, str(INTEGRATION))
_spec = importlib.util.spec_from_file_location("integration_conftest", INTEGRATION / "conftest.py")
_integration = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_integration)

import netns  # noqa: E402
import programs  # noqa: E402
import scripted  # noqa: E402
from kinds import HOSTS, ONE4, RECORDS, SEARCH  # noqa: E402

net = _integration.net
# With a cache: 0 makes every lookup a miss that stores what it gets, else the second one of a name is a hit.
scripted.TTL = int(os.environ.get("AIODNS_TEST_TTL", scripted.TTL))
HITS = netns.CACHED and scripted.TTL > 0
pytest_runtest_logreport = _integration.pytest_runtest_logreport
pytest_sessionfinish = _integration.pytest_sessionfinish


@pytest.fixture(scope="module")
def opened():
    """What the numbers 0 to 2 stand for in a process that waits for a reply, by process."""
    return {}


def stop_and_go_on(query, process):
    """Stops the process, and answers before or after it goes on."""
    os.kill(process, signal.SIGSTOP)
    os.waitid(os.P_PID, process, os.WSTOPPED)
    reply = query.reply(ONE4)
    if query.name[-1] in "02468":
        query.send(reply)
        os.kill(process, signal.SIGCONT)
    else:
        os.kill(process, signal.SIGCONT)
        query.send(reply)


@pytest.fixture(scope="module")
def server(net, opened):
    """one.test and others. Names that begin with a word and a process do something to that: "usr1" sends SIGUSR1 and
    answers the second time, "alrm" sends SIGALRM and never answers, "late" does so the second time, "stop" stops the
    process and answers, "look" looks at its descriptors and answers."""
    asked = set()
    table = programs.remembering(scripted.records(RECORDS))

    def handler(query):
        word, *rest = query.key.partition(".")[0].split("-")
        again = query.key in asked
        asked.add(query.key)
        once_more = (query.key, query.type) in asked
        asked.add((query.key, query.type))
        if word in ("usr1", "alrm"):
            if not again:
                os.kill(int(rest[0]), signal.SIGUSR1 if word == "usr1" else signal.SIGALRM)
            elif word == "usr1":
                query.send(query.reply(ONE4))
        elif word == "late":
            if once_more and (query.key, "sent") not in asked:
                asked.add((query.key, "sent"))
                os.kill(int(rest[0]), signal.SIGALRM)
        elif word == "stop" and not again:
            stop_and_go_on(query, int(rest[0]))
        elif word == "look":
            folder = pathlib.Path("/proc", rest[0], "fd")
            opened.setdefault(int(rest[0]), []).append({fd.name: os.readlink(fd) for fd in folder.iterdir()})
            query.send(query.reply(ONE4))
        else:
            table(query)

    with scripted.Server("127.0.3.1", handler) as server:
        yield server


@pytest.fixture
def surroundings(net, server):
    """As every test finds them, whatever the one before left. The timeout is for busy machines: these programs leave
    the server little time, and one that stands still for ten seconds is no failure of the module's."""
    net.hosts(HOSTS)
    net.resolv_conf(f"nameserver {server.address}\nsearch {SEARCH}\noptions timeout:20\n")
    net.service(netns.SERVICE)
    if netns.CACHED:
        for file in pathlib.Path("/run/aiodns").glob("*"):
            file.unlink()


@pytest.fixture
def distant(net, server):
    """Its server, on another machine as far as that can be told: not on loopback."""
    with scripted.Server(netns.ADDRESS4, server.handler):
        net.resolv_conf(f"nameserver {netns.ADDRESS4}\nsearch {SEARCH}\noptions timeout:20\n")
        yield


@pytest.fixture
def asks():
    """For tests of what a lookup meets on its way to a server, by programs that have asked the same before."""
    if HITS:
        pytest.skip("the cache answers: tried where nothing can be kept")


@pytest.fixture(scope="module")
def aliases(net):
    file = net.folder / "aliases"
    file.write_text("other two.test\nnick one.test\n")
    return {"HOSTALIASES": str(file)}
