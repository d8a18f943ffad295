"""What every test here stands on: namespaces of its own, and an exit status that never calls skipped tests passed."""

import contextlib
import os
import pathlib

import pytest

pytest.register_assert_rewrite("common")  # before anyone imports it
import netns  # noqa: E402

SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt
TOP = pathlib.Path(__file__).resolve().parents[2]
MODULE_DIR = pathlib.Path(os.environ.get("AIODNS_MODULE_DIR", TOP / "build/dev/nss"))

_outcomes = set()


@contextlib.contextmanager
def namespaces(module_dir=None, cached=False):
    network = netns.Net(module_dir, cached)
    try:
        netns.become_root()
        network.enter()
    except OSError as error:
        network.leave()
        pytest.skip(f"no namespaces of our own here: {error}")
    try:
        yield network
    finally:
        network.leave()


@pytest.fixture(scope="module")
def net(request):
    """A network whose only host service is the module of this build; with a cache if the test file has CACHED."""
    module = MODULE_DIR / "libnss_aiodns.so.2"
    if netns.SERVICE == "aiodns" and not module.exists():
        pytest.fail(f"{module} is not built (AIODNS_MODULE_DIR names its folder)", pytrace=False)
    with namespaces(MODULE_DIR, netns.CACHED or getattr(request.module, "CACHED", False)) as network:
        yield network


@pytest.fixture(scope="module")
def plain_net():
    """A network that knows of no module."""
    with namespaces() as network:
        network.service(netns.GLIBC)
        yield network


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        _outcomes.add(report.outcome)


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and "passed" not in _outcomes:
        session.exitstatus = SKIPPED
