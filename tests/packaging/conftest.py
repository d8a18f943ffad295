"""What the tests of packages stand on: the namespaces of tests/integration, and its rule for skipped tests."""

import importlib.util
import pathlib
import sys

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path.insert(0, str(INTEGRATION))

_spec = importlib.util.spec_from_file_location("integration_conftest", INTEGRATION / "conftest.py")
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)

net, plain_net = _shared.net, _shared.plain_net
pytest_runtest_logreport, pytest_sessionfinish = _shared.pytest_runtest_logreport, _shared.pytest_sessionfinish
