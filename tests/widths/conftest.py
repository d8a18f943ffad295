"""The namespaces and the exit status of the integration tests; the programs of the process tests."""

import importlib.util
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]

sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "process")]
_spec = importlib.util.spec_from_file_location("integration_conftest", TESTS / "integration/conftest.py")
_integration = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_integration)

net = _integration.net
pytest_runtest_logreport = _integration.pytest_runtest_logreport
pytest_sessionfinish = _integration.pytest_sessionfinish
