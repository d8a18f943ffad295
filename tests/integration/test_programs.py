"""Programs that nobody here wrote, through ./run, as root and as an ordinary user.

Each has to reach a server on the address that only DNS knows. That it was the module that found it shows in the
queries: their letters are of mixed case, and glibc never sends that.
"""

import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import socketserver
import subprocess
import tempfile
import threading

import pytest

import netns
import scripted

TOP = pathlib.Path(__file__).resolve().parents[2]
USER = 12345
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
NAME = "a-web-server-with-a-name-of-many-letters.program.test"
MISSING = "a-web-server-that-does-not-exist-anywhere.program.test"
PORT, SSH_PORT = 8080, 2222
URL = f"http://{NAME}:{PORT}"
REACHED = [f"reached {netns.ADDRESS4}", f"reached {netns.ADDRESS6}"]

RECORDS = {
    NAME: {"A": [netns.ADDRESS4], "AAAA": [netns.ADDRESS6]},
    "10.2.0.192.in-addr.arpa": {"PTR": [NAME + "."]},
}

JAVA = """
import java.net.URL;
class Fetch {
    public static void main(String[] arguments) throws Exception {
        System.out.write(new URL(arguments[0]).openStream().readAllBytes());
        System.out.flush();
    }
}
"""

SSH = ["ssh", "-v", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-p", str(SSH_PORT), NAME]

# Program, arguments, and what its output says (one of these) when it came to the right place.
PROGRAMS = {
    "getent hosts": (["getent", "hosts", NAME], [netns.ADDRESS6]),
    "getent ahosts": (["getent", "ahosts", NAME], [netns.ADDRESS4]),
    "getent ahostsv4": (["getent", "ahostsv4", NAME], [netns.ADDRESS4]),
    "getent ahostsv6": (["getent", "ahostsv6", NAME], [netns.ADDRESS6]),
    "getent hosts by address": (["getent", "hosts", netns.ADDRESS4], [NAME]),
    "curl": (["curl", "-sS", "-m", "60", URL], REACHED),
    "curl -4": (["curl", "-4", "-sS", "-m", "60", URL], REACHED[:1]),
    "wget": (["wget", "-q", "-T", "60", "-O", "-", URL], REACHED),
    "python3": (["/usr/bin/python3", "-c", f"import urllib.request as r; print(r.urlopen('{URL}').read().decode())"],
                REACHED),
    "perl": (["perl", "-MHTTP::Tiny", "-e", f"print HTTP::Tiny->new->get('{URL}')->{{content}}"], REACHED),
    "node": (["node", "-e", f"require('http').get('{URL}', reply => reply.pipe(process.stdout))"], REACHED),
    "java": (["java", "Fetch.java", URL], REACHED),
    "git": (["git", "ls-remote", f"{URL}/repo.git"], ["refs/heads/main"]),
    "ping": (["ping", "-n", "-c", "1", NAME], [f"({netns.ADDRESS4})", netns.ADDRESS6]),
    "ssh": (SSH, [f"Connecting to {NAME} [{netns.ADDRESS4}]", f"Connecting to {NAME} [{netns.ADDRESS6}]"]),
}

# What they say, and with which status they end, when there is no such name.
NO_SUCH_NAME = {
    "getent": (["getent", "hosts", MISSING], 2, ""),
    "curl": (["curl", "-sS", f"http://{MISSING}"], 6, "Could not resolve host"),
    "wget": (["wget", "-O", "-", f"http://{MISSING}"], 4, "unable to resolve host address"),
    "git": (["git", "ls-remote", f"http://{MISSING}/repo.git"], 128, "Could not resolve host"),
    "ping": (["ping", "-c", "1", MISSING], 2, "Name or service not known"),
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Says on which address it was reached, and serves the repository."""

    def do_GET(self):
        if self.path.startswith("/repo.git"):
            super().do_GET()
            return
        body = f"reached {self.connection.getsockname()[0]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Hangup(socketserver.BaseRequestHandler):
    def handle(self):
        pass


@contextlib.contextmanager
def listening(address, port, handler):
    """A TCP server in a thread."""
    kind = type("Server", (http.server.ThreadingHTTPServer,),
                {"address_family": 10 if ":" in address else 2, "server_bind": socketserver.TCPServer.server_bind})
    with kind((address, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def make_repository(folder):
    commands = """git init -q -b main work && cd work &&
        git -c user.name=t -c user.email=t@example.test commit -q --allow-empty -m first &&
        cd .. && git clone -q --bare work repo.git && git -C repo.git update-server-info"""
    subprocess.run(["sh", "-ec", commands], cwd=folder, check=True, env=os.environ | {"HOME": str(folder)})


class Place:
    """Where programs are run: for each user a checkout whose ./run has built, and a home."""

    def __init__(self, folder):
        self.folder, self.commands = folder, {}
        self.server = None

    def prepare(self):
        self.folder.chmod(0o755)
        (self.folder / "Fetch.java").write_text(JAVA)
        if shutil.which("git"):
            make_repository(self.folder)
        self.commands["root"] = [TOP / "run"]
        copy = self.folder / "checkout"
        copy.mkdir()
        subprocess.run(f"tar -C '{TOP}' --exclude=./build --exclude=./.git -cf - . | tar -C '{copy}' -xf -", shell=True,
                       check=True)
        subprocess.run(["chown", "-R", f"{USER}:{USER}", self.folder], check=True)
        self.commands["user"] = [*AS_USER, copy / "run"]
        for who in self.commands:
            self.run(who, ["true"], check=True)

    def run(self, who, argv, **how):
        env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return subprocess.run([*self.commands[who], *argv], cwd=self.folder, env=env | {"HOME": str(self.folder)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=300, **how)


@pytest.fixture(scope="module")
def place(request):
    if not netns.IS_ROOT:
        pytest.skip("only root can try both root and another user")
    with contextlib.ExitStack() as stack:
        place = Place(pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aiodns-programs-"))))
        place.prepare()  # before there is a network of our own: building may need packages
        net = request.getfixturevalue("plain_net")
        passwd = pathlib.Path("/etc/passwd").read_text()
        net.write("passwd", passwd + f"tester:x:{USER}:{USER}::{place.folder}:/bin/sh\n")  # ssh wants to know us
        pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
        for address in (netns.ADDRESS4, netns.ADDRESS6):
            stack.enter_context(listening(address, PORT, functools.partial(Handler, directory=place.folder)))
            stack.enter_context(listening(address, SSH_PORT, Hangup))
        place.server = stack.enter_context(scripted.Server("127.0.0.1", scripted.records(RECORDS)))
        yield place


@pytest.fixture(params=["root", "user"])
def who(request):
    return request.param


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def mixed_case(server):
    """Which of the queries are, in their order."""
    return [query.name != query.name.lower() for query in server.queries]


@pytest.mark.parametrize("argv, says", PROGRAMS.values(), ids=PROGRAMS)
def test_reaches(place, who, argv, says):
    needs(argv[0])
    place.server.queries.clear()
    result = place.run(who, argv)
    print(result.stdout)
    assert any(text in result.stdout for text in says)
    assert result.returncode == 0 or argv is SSH  # there is nobody to log in to
    assert set(mixed_case(place.server)) == {True}


@pytest.mark.parametrize("argv, status, says", NO_SUCH_NAME.values(), ids=NO_SUCH_NAME)
def test_no_such_name(place, who, argv, status, says):
    needs(argv[0])
    place.server.queries.clear()
    result = place.run(who, argv)
    print(result.stdout)
    assert result.returncode == status and says in result.stdout
    assert mixed_case(place.server)[0]  # then lower case, to make sure
