"""The command `aiodns blocklist`: what it downloads from a real HTTP and HTTPS server that answers in every way, and
that the list which is here is byte for byte the last good one whatever happens."""

import base64
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import ssl
import subprocess
import threading

import pytest

import netns

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("AIODNS_BUILD_DIR", TOP / "build/dev")
COMMAND = pathlib.Path(os.environ.get("AIODNS_COMMAND", pathlib.Path(BUILD, "tools/aiodns")))

USER = 1234
HOUR = 3600
LIMIT = 256 << 20


def hosts(*names):
    return "".join(f"0.0.0.0 {name}\n" for name in names).encode()


def many(count, prefix="n"):
    return hosts(*(f"{prefix}{number}.example.test" for number in range(count)))


OLD = b"# the list that is here\n" + many(10)
NEW = b"# another one\n" + many(8) + hosts("more.example.test")


# ---- The server ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        route = self.server.routes.get(self.path.split("?")[0])
        self.close_connection = True
        with contextlib.suppress(OSError):
            if route is None:
                self.answer(404, b"no such page\n")
            else:
                route(self)

    def do_CONNECT(self):
        self.server.requests.append((self.path, dict(self.headers)))
        self.close_connection = True
        self.answer(403)

    def answer(self, status, body=b"", kind="text/plain", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if kind:
            self.send_header("Content-Type", kind)
        if length is not False and status != 304:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server:
    """routes[PATH] = function(handler); requests: what was asked."""

    def __init__(self, context=None):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.routes, self.http.requests = self.routes, self.requests = {}, []
        if context:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path="/list.txt"):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def serve(self, body, path="/list.txt", **options):
        """What any request for it gets; a list that was asked for under a validator it has, 304."""
        def route(handler):
            tag, date = options.get("ETag"), options.get("Last_Modified")
            if tag and handler.headers.get("If-None-Match") == tag:
                handler.answer(304, **options)
            elif not tag and date and handler.headers.get("If-Modified-Since") == date:
                handler.answer(304, **options)
            else:
                handler.answer(200, body, **options)
        self.routes[path] = route
        return self.url(path)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(scope="module")
def command(plain_net):
    """A copy of it where every user may go, with the names that come with it."""
    if not COMMAND.exists():
        pytest.fail(f"{COMMAND} is not built (AIODNS_COMMAND names it)", pytrace=False)
    top = plain_net.new_folder("installed")
    (top / "bin").mkdir()
    (top / "share/aiodns").mkdir(parents=True)
    shutil.copy(TOP / "tools/blocklists.txt", top / "share/aiodns/blocklists")
    return pathlib.Path(shutil.copy(COMMAND, top / "bin"))


@pytest.fixture
def server(command):
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="module")
def authority(plain_net):
    """A folder with an authority's certificate (ca.pem), and one of 127.0.0.1 with its key (server.pem)."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates")
    folder = plain_net.new_folder("certificates")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    subprocess.run([*new, "/CN=authority of a test", "-keyout", "ca.key", "-out", "ca.pem"], cwd=folder, check=True,
                   capture_output=True)
    subprocess.run([*new, "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"],
                   cwd=folder, check=True, capture_output=True)
    (folder / "server.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return folder


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    made = Server(context)
    yield made
    made.close()


class Lists:
    """Runs the command on a directory of its own, and looks at what is in there."""

    def __init__(self, command, folder):
        self.command, self.folder = command, folder
        self.environment = {"PATH": os.environ["PATH"]}

    def words(self, action, *words):
        return [str(self.command), "blocklist", action, "--directory", str(self.folder), *map(str, words)]

    def __call__(self, action, *words, before=(), environment=None, **options):
        return subprocess.run([*before, *self.words(action, *words)], text=True, timeout=120,
                              env=self.environment | (environment or {}),
                              **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options))

    def start(self, action, *words):
        return subprocess.Popen(self.words(action, *words), text=True, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def path(self, name="list"):
        return self.folder / "blocklists" / name

    def known(self, name="list"):
        return self.folder / "blocklists.d" / f"{name}.json"

    def files(self):
        """Of the lists, each with its content; and there is nothing but them and what is known of them."""
        found = {path.name: path.read_bytes() for path in (self.folder / "blocklists").iterdir()}
        beside = {path.name for path in (self.folder / "blocklists.d").iterdir()}
        assert beside - {"lock"} == {f"{name}.json" for name in found}
        return found

    def rows(self):
        result = self("list", "--json")
        assert (result.returncode, result.stderr) == (0, "")
        answer = json.loads(result.stdout)
        assert answer.keys() == {"blocklists"}
        return {row["name"]: row for row in answer["blocklists"]}

    def age(self, seconds, name="list"):
        """As if it had been asked for so much earlier."""
        known = json.loads(self.known(name).read_text())
        known["checked"] -= seconds
        known["tried"] -= seconds
        self.known(name).write_text(json.dumps(known))


@pytest.fixture
def lists(command, tmp_path):
    return Lists(command, tmp_path / "state")


@pytest.fixture
def old(lists, server):
    """The list OLD, asked for a day ago, and its server."""
    server.serve(OLD, ETag='"old"', Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT")
    assert lists("add", server.url()).returncode == 0
    lists.age(24 * HOUR)
    return server


def good(result, *lines):
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == list(lines)


def refused(lists, result, *parts, content=OLD):
    """It failed, said why in one line, and nothing has changed."""
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"aiodns: list: [^\n]+; the list stays that was good \d+h\d+m ago\n", result.stderr)
    assert all(part in result.stderr for part in parts), result.stderr
    assert lists.files() == {"list": content}
    row = lists.rows()["list"]
    assert row["error"] and row["error"] in result.stderr
    assert row["tried_s"] < HOUR < row["age_s"]


# ---- How it is called ----

@pytest.mark.parametrize("action", [[], ["add"], ["remove"], ["list"], ["update"]], ids="-".join)
def test_help(command, action):
    result = subprocess.run([command, "blocklist", *action, "--help"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(" ".join(["Usage: aiodns blocklist", *action, "[OPTION...]"]))


@pytest.mark.parametrize("words", [
    [], ["nothing"], ["\x1b[2J"], ["add"], ["add", "a", "b"], ["remove"], ["list", "a"], ["list", "--force"],
    ["add", "--json", "a"], ["add", "--name", "../x", "a"], ["add", "--name", ".x", "a"], ["add", "--name", "", "a"],
    ["add", "--name", "a" * 65, "a"], ["add", "--name", "a\x1b", "a"], ["update", "--jitter", "5"],
    ["update", "--jitter", "-5s"], ["update", "--jitter", "25d"], ["update", "--timeout", "x"], ["update", "--timeout", "0s"],
    ["add", "--directory", "", "a"], ["remove", "--force", "a"]], ids=ascii)
def test_usage_errors(command, words):
    if words and words[0] in ("add", "remove", "list", "update"):
        words = [words[0], "--directory", "/nonexistent/state", *words[1:]]
    result = subprocess.run([command, "blocklist", *words], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("aiodns: ")
    assert re.fullmatch(r"[\n\x20-\x7e]+", result.stderr)


def test_output_that_is_lost(lists, old):
    for words in (["list"], ["list", "--json"], ["update", "--force"], ["update"]):
        with open("/dev/full", "w") as full:
            result = lists(*words, stdout=full)
        assert (result.returncode, result.stderr) == (1, "aiodns: write error: No space left on device\n")
    assert lists.files() == {"list": OLD}


def test_nothing_is_there(lists):
    assert lists("list").returncode == 0
    assert not lists.folder.exists()
    good(lists("update"), "there are no lists")
    assert lists.rows() == {}
    for action in ("update", "remove"):
        for name in ("list", "../blocklists.d/lock", "", ".", "..", "a" * 300, "/etc/passwd"):
            result = lists(action, name)
            assert (result.returncode, result.stdout) == (1, "")
            assert result.stderr == f"aiodns: {name}: there is no such list\n"
    assert pathlib.Path("/etc/passwd").exists()


# ---- Adding, removing, listing ----

def test_add_and_remove(lists, server):
    body = b"! a comment\n" + hosts("a.example.test", "b.example.test", "a.example.test") + b"<what>\n"
    result = lists("add", server.serve(body, ETag='"1"'))
    assert result.returncode == 0
    assert result.stdout == "list: 2 rules; 1 line is not understood, the first is line 5: <what>\n"
    assert result.stderr == (f"aiodns: lookups do not go by it yet: put this line into /etc/aiodns.conf: "
                             f"block-file {lists.folder}/blocklists/*\n")
    assert lists.files() == {"list": body}
    for path, mode in ((lists.folder, 0o755), (lists.path(), 0o644), (lists.path().parent, 0o755),
                       (lists.known(), 0o644), (lists.known().parent, 0o755), (lists.known().parent / "lock", 0o600)):
        assert path.stat().st_mode & 0o7777 == mode
    row = lists.rows()["list"]
    assert all(row.pop(key) < HOUR for key in ("age_s", "changed_s", "tried_s"))
    assert row == {"name": "list", "url": server.url(), "path": str(lists.path()), "rules": 2, "size": len(body),
                   "error": None}
    text = lists("list").stdout.splitlines()
    assert text[0].split() == ["NAME", "RULES", "AGE", "LAST", "URL"]
    assert re.fullmatch(rf"list +2 +\d+s  good    {re.escape(server.url())}", text[1]) and len(text) == 2

    good(lists("add", server.url()), "list: is there already")
    good(lists("add", server.url(), "--name", "list"), "list: is there already")
    result = lists("add", server.url(), "--name", "other")
    assert (result.returncode, result.stderr) == (1, "aiodns: this list is there already: list\n")
    assert len(server.requests) == 1
    good(lists("remove", "list"), "list: removed")
    assert lists.files() == {}
    assert lists.rows() == {}


def test_settings_name_the_folder(lists, server, plain_net):
    """The line that is missing is said, and only where it is missing."""
    for number, (line, is_said) in enumerate([
            (f"block-file {lists.folder}/blocklists/*", False), (f"  block-file /a {lists.folder}/blocklists/l*", False),
            (f"# block-file {lists.folder}/blocklists/*", True), (f"block-file {lists.folder}/*", True),
            (f"block-file {lists.folder}/blocklists/list2", True), ("deadline 5s", True)]):
        plain_net.settings(f"deadline 3s\n{line} # lists\n")
        result = lists("add", server.serve(OLD, f"/{number}/list{number}"))
        assert (result.returncode, "block-file" in result.stderr) == (0, is_said), line
    plain_net.settings(None)


def test_default_directory(command, plain_net, server):
    plain_net._cover("/var/lib", "mode=0755,size=8m")
    result = subprocess.run([command, "blocklist", "add", server.serve(OLD)], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "list: 10 rules\n")
    assert "block-file /var/lib/aiodns/blocklists/*" in result.stderr
    assert pathlib.Path("/var/lib/aiodns/blocklists/list").read_bytes() == OLD
    netns._check(netns._libc.umount2(b"/var/lib", 2), "umount")
    plain_net._mounted.remove("/var/lib")


@pytest.mark.parametrize("path, name", [
    ("/list.txt", "list"), ("/a/Pro.Plus.TXT", "Pro.Plus"), ("/a/lists%20of%20%C3%A4.txt?x=/y.txt", "lists-20of-20-C3-A4"),
    ("/StevenBlack/hosts", "127.0.0.1-PORT-hosts"), ("/", "127.0.0.1-PORT"), ("/domains", "127.0.0.1-PORT-domains"),
    ("/..hidden", "hidden"), ("/-x-", "x"), ("/" + "a" * 100, "a" * 64), ("/a~b!c.list", "a-b-c")], ids=ascii)
def test_names_from_urls(lists, server, path, name):
    server.serve(OLD, path.split("?")[0])
    assert lists("add", server.url(path)).returncode == 0
    assert list(lists.files()) == [name.replace("PORT", str(server.port))]


def test_names_that_are_taken(lists, server):
    for number in range(3):
        assert lists("add", server.serve(OLD, f"/{number}/pro.txt")).returncode == 0
    assert sorted(lists.files()) == ["pro", "pro-2", "pro-3"]
    result = lists("add", server.serve(OLD, "/4/pro.txt"), "--name", "pro")
    assert (result.returncode, result.stdout) == (1, "")
    assert "another list of this name" in result.stderr
    # What somebody else has put there is not ours to replace.
    lists.path("mine").write_bytes(NEW)
    assert lists("add", server.url("/4/pro.txt"), "--name", "mine").returncode == 1
    assert lists.path("mine").read_bytes() == NEW
    result = lists("update")
    assert "mine" not in result.stdout + result.stderr and "3 lists: 3 passed over" in result.stdout
    row = lists.rows()["mine"]
    assert (row["url"], row["rules"], row["age_s"], row["error"]) == (None, 9, None, None)
    result = lists("update", "mine")
    assert (result.returncode, result.stderr) == (1, "aiodns: mine: it was put there by others, and is theirs to update\n")
    good(lists("remove", "mine"), "mine: removed")


def test_files(lists, tmp_path):
    """A file by its path, and by file: URL; what has no end is not read."""
    folder = tmp_path / "földer %41 #1?"
    folder.mkdir()
    path = folder / "mine.txt"
    path.write_bytes(OLD)
    assert lists("add", "mine.txt", cwd=folder).stdout == "mine: 10 rules\n"
    assert lists("add", f"{folder}/mine.txt").stdout == "mine: is there already\n"
    (folder / "two").write_bytes(NEW)
    assert lists("add", "./two", cwd=folder).returncode == 0
    (tmp_path / "plain").write_bytes(OLD)
    assert lists("add", f"file://{tmp_path}/plain").returncode == 0
    path.write_bytes(NEW)
    good(lists("update", "--force", "mine"), "mine: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.files() == {"mine": NEW, "two": NEW, "plain": OLD}
    os.mkfifo(folder / "pipe")
    for bad, why in ((folder / "pipe", "no regular file"), ("/dev/zero", "no regular file"), (folder, "no regular file"),
                     (folder / "none", "No such file"), (f"file://{folder.parent}/none", "No such file")):
        result = lists("add", bad)
        assert (result.returncode, result.stdout) == (1, "")
        assert why in result.stderr
    path.unlink()
    result = lists("update", "--force", "mine")
    assert result.returncode == 1 and "No such file" in result.stderr
    assert lists.files()["mine"] == NEW


def test_words_that_are_no_list(lists):
    for word, why in (("nothing", "is no URL, no file, and no list's name"), ("ftp://127.0.0.1/list", "begins with"),
                      ("http://", "no URL"), ("gopher://127.0.0.1/", "begins with"), ("\x1b[2J", "\\027[2J is no URL"),
                      ("http://127.0.0.1:99999/", "no URL"), ("javascript:/x", "begins with")):
        result = lists("add", word)
        assert (result.returncode, result.stdout) == (1, ""), word
        assert why in result.stderr and "\x1b" not in result.stderr
    assert not lists.folder.exists()


# ---- Well-known lists ----

CATALOG = pathlib.Path("/etc/aiodns/blocklists")


@pytest.fixture
def catalog(plain_net):
    CATALOG.parent.mkdir(exist_ok=True)
    yield CATALOG
    shutil.rmtree(CATALOG.parent)


def test_shipped_names():
    lines = [line.split() for line in (TOP / "tools/blocklists.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    assert {name for name, _ in lines} >= {"stevenblack", "hagezi-pro", "oisd"}
    assert all(url.startswith("https://") for _, url in lines)


def test_shipped_names_are_known(lists, server):
    """They are asked for where the file says; the network ends at this proxy."""
    for name, host in (("stevenblack", "raw.githubusercontent.com"), ("hagezi-pro", "raw.githubusercontent.com"),
                       ("oisd", "big.oisd.nl")):
        result = lists("add", name, environment={"https_proxy": server.url("")})
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"aiodns: {name}: the proxy answered with status 403\n"
        assert server.requests.pop()[0] == f"{host}:443"
    assert "known are stevenblack, hagezi-pro, oisd)" in lists("add", "nothing").stderr


def test_own_names(lists, server, catalog):
    catalog.write_text(f"# ours\nmine {server.serve(OLD, '/x#y')} # a comment\n\nstevenblack\t{server.serve(NEW, '/s')}\n")
    server.serve(OLD, "/x")
    assert lists("add", "mine").stdout == "mine: 10 rules\n"
    assert lists("add", "stevenblack").stdout == "stevenblack: 9 rules\n"
    assert lists.rows()["stevenblack"]["url"] == server.url("/s")


def test_errors_in_own_names(lists, server, catalog):
    catalog.write_text(f"mine\n../x {server.url()}\nthis ftp://127.0.0.1/\nfour {server.url()} more\nmine {server.serve(OLD)}\n"
                       "\x1b[2J x\n")
    result = lists("add", "mine")
    assert (result.returncode, result.stdout) == (0, "mine: 10 rules\n")
    url = "expected the list's URL (http://, https:// or file://) behind its name"
    name = "expected a name of letters, digits, '.', '_' and '-', at most 64"
    assert result.stderr.splitlines()[:5] == [
        f"aiodns: {CATALOG}:1: {url}", f"aiodns: {CATALOG}:2: {name}, not ../x",
        f"aiodns: {CATALOG}:3: {url}, not ftp://127.0.0.1/", f"aiodns: {CATALOG}:4: expected nothing behind the URL, not more",
        f"aiodns: {CATALOG}:6: {name}, not \\027[2J"]


# ---- Answers that are good ----

def test_not_changed(lists, old):
    """Both validators are sent, and 304 says that the list is up to date."""
    before = lists.path().stat()
    good(lists("update"), "list: not changed, 10 rules")
    _, headers = old.requests[-1]
    assert headers["If-None-Match"] == '"old"'
    assert headers["If-Modified-Since"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert re.fullmatch(r"aiodns/\d+\.\d+\.\d+", headers["User-Agent"]) and "gzip" in headers["Accept-Encoding"]
    assert lists.files() == {"list": OLD} and lists.path().stat().st_ino == before.st_ino
    assert lists.rows()["list"]["age_s"] < HOUR
    assert "passed over" in lists("update").stdout


def test_changed(lists, old):
    old.serve(NEW, ETag='"new"')
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.files() == {"list": NEW}
    good(lists("update", "--force"), "list: not changed, 9 rules")
    assert old.requests[-1][1]["If-None-Match"] == '"new"'
    assert "If-Modified-Since" not in old.requests[-1][1]


def test_validator_that_changes_alone(lists, old):
    """The same list under another ETag: the file stays, the ETag is learnt."""
    inode = lists.path().stat().st_ino
    old.serve(OLD, ETag='W/"other"')
    good(lists("update"), "list: not changed, 10 rules")
    assert lists.path().stat().st_ino == inode
    lists("update", "--force")
    assert old.requests[-1][1]["If-None-Match"] == 'W/"other"'


def test_no_validators(lists, server):
    assert lists("add", server.serve(OLD)).returncode == 0
    good(lists("update", "--force"), "list: not changed, 10 rules")
    assert not {"If-None-Match", "If-Modified-Since"} & server.requests[-1][1].keys()
    server.serve(NEW)
    good(lists("update", "--force"), "list: 9 rules, 10 before: 1 added, 2 removed")


def test_validators_that_cannot_be_sent_back(lists, server):
    server.serve(OLD, ETag='"' + "x" * 300 + '"', Last_Modified="caf\xe9\x1b")
    assert lists("add", server.url()).returncode == 0
    good(lists("update", "--force"), "list: not changed, 10 rules")
    assert not {"If-None-Match", "If-Modified-Since"} & server.requests[-1][1].keys()


@pytest.mark.parametrize("harm", ["edited", "gone", "restored"])
def test_file_that_is_another(lists, old, harm):
    """What a server says of the list that it sent is no word on a file that somebody has changed."""
    if harm == "gone":
        lists.path().unlink()
        assert "its file is gone" in lists("list").stdout
    else:
        lists.path().write_bytes(OLD + hosts("by.hand.test"))
        assert lists.rows()["list"]["rules"] == 11
        if harm == "restored":
            lists.path().write_bytes(OLD)
    good(lists("update"), {"edited": "list: 10 rules, 11 before: 0 added, 1 removed", "gone": "list: 10 rules",
                           "restored": "list: not changed, 10 rules"}[harm])
    assert not {"If-None-Match", "If-Modified-Since"} & old.requests[-1][1].keys()
    assert lists.files() == {"list": OLD}
    good(lists("update", "--force"), "list: not changed, 10 rules")
    assert "If-None-Match" in old.requests[-1][1]


def test_gzip(lists, old):
    old.serve(gzip.compress(NEW), ETag='"zip"', Content_Encoding="gzip")
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.files() == {"list": NEW}


@pytest.mark.parametrize("encoding", [{}, {"Content_Encoding": "gzip"}], ids=["plain", "gzip"])
def test_unannounced_length(lists, old, encoding):
    """All of it, until the connection is closed."""
    old.serve(gzip.compress(NEW) if encoding else NEW, length=False, **encoding)
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")


def test_last_line_without_end(lists, old):
    old.serve(NEW + hosts("last.test")[:-1])
    good(lists("update"), "list: 10 rules, 10 before: 2 added, 2 removed")


def test_chunks(lists, old):
    def route(handler):
        handler.answer(200, b"", length=False, Transfer_Encoding="chunked")
        for start in range(0, len(NEW), 7):
            part = NEW[start:start + 7]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")
    old.routes["/list.txt"] = route
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(lists, old, status):
    """The validators are those of where the list is in the end."""
    old.serve(NEW, "/new", ETag='"new"')
    old.routes["/list.txt"] = lambda handler: handler.answer(status, b"moved\n", Location="/hop", ETag='"redirect"')
    old.routes["/hop"] = lambda handler: handler.answer(status, b"moved\n", Location=old.url("/new"))
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    good(lists("update", "--force"), "list: not changed, 9 rules")
    assert [path for path, _ in old.requests[-3:]] == ["/list.txt", "/hop", "/new"]
    assert old.requests[-1][1]["If-None-Match"] == '"new"'


def test_redirect_has_other_validators(lists, server):
    server.serve(OLD, "/new")
    server.routes["/list.txt"] = lambda handler: handler.answer(302, Location="/new", ETag='"redirect"', Last_Modified="x")
    assert lists("add", server.url()).returncode == 0
    good(lists("update", "--force"), "list: not changed, 10 rules")
    assert not {"If-None-Match", "If-Modified-Since"} & server.requests[-2][1].keys()


def test_redirects_end(lists, server):
    """Ten are followed, and no more."""
    for number in range(12):
        server.routes[f"/{number}"] = lambda handler, to=number + 1: handler.answer(302, Location=f"/{to}")
    server.serve(OLD, "/12")
    assert "redirected more than 10 times" in lists("add", server.url("/1")).stderr
    assert [path for path, _ in server.requests] == [f"/{number}" for number in range(1, 12)]
    assert lists("add", server.url("/2"), "--name", "two").returncode == 0


def test_proxy(lists, server):
    url = "http://lists.example.test/pro.txt"
    server.serve(OLD, url)
    assert lists("add", url, environment={"http_proxy": server.url("")}).stdout == "pro: 10 rules\n"
    assert server.requests[-1][0] == url
    assert lists("update", "--force", environment={"http_proxy": server.url(""), "no_proxy": "*"}).returncode == 1
    assert lists.files() == {"pro": OLD}


def test_html_entities_are_no_page(lists, old):
    """A list may be called anything but a page, and may have comments on one."""
    old.serve(b"\xef\xbb\xbf# <html> is no list\n" + NEW, kind="application/octet-stream")
    assert lists("update").returncode == 0


# ---- Answers that are not ----

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"
NONE = b"# nothing\n127.0.0.1 localhost\n\n"

REFUSED = {
    "404": (lambda handler: handler.answer(404, NEW), ["status 404"]),
    "500": (lambda handler: handler.answer(500, NEW), ["status 500"]),
    "403-page": (lambda handler: handler.answer(403, PAGE, "text/html"), ["status 403"]),
    "204": (lambda handler: handler.answer(204), ["status 204"]),
    "206": (lambda handler: handler.answer(206, NEW, Content_Range="bytes 0-9/99"), ["status 206"]),
    "page": (lambda handler: handler.answer(200, PAGE, "text/html; charset=utf-8"), ["text/html"]),
    "list-as-page": (lambda handler: handler.answer(200, NEW, "Text/HTML"), ["Text/HTML"]),
    "page-as-text": (lambda handler: handler.answer(200, PAGE), ["HTML"]),
    "page-behind-blanks": (lambda handler: handler.answer(200, b"\xef\xbb\xbf \r\n\t<html>" + NEW), ["HTML"]),
    "page-unknown": (lambda handler: handler.answer(200, PAGE, None), ["HTML"]),
    "empty": (lambda handler: handler.answer(200, b""), ["no rule"]),
    "no-rules": (lambda handler: handler.answer(200, NONE), ["no rule"]),
    "text": (lambda handler: handler.answer(200, b"Dear reader,\nthis is no list\n\x1b[2J at all\n" + hosts("a.test")),
             ["3 lines are not understood and 1 are", "line 1: Dear reader,"]),
    "binary": (lambda handler: handler.answer(200, gzip.compress(NEW * 20)), ["no block list"]),
    "escape": (lambda handler: handler.answer(200, b"\x1b[2J bad\n" * 9), ["line 1: \\027[2J bad"]),
    "shrunk": (lambda handler: handler.answer(200, many(4)), ["shrunk by more than half, from 10 rules to 4 (--force"]),
    "doubled": (lambda handler: handler.answer(200, many(4) * 9), ["shrunk by more than half, from 10 rules to 4"]),
    "half": (lambda handler: handler.answer(200, NEW[:len(NEW) // 2], length=len(NEW)), ["ended before the list did"]),
    "half-unannounced": (lambda handler: handler.answer(200, NEW[:-5], length=False), ["cut off"]),
    "half-unannounced-gzip": (lambda handler: handler.answer(200, ZIPPED[:len(ZIPPED) // 2], length=False,
                                                             Content_Encoding="gzip"), ["cut off"]),
    "half-gzip": (lambda handler: handler.answer(200, gzip.compress(many(9))[:-30], length=False,
                                                 Content_Encoding="gzip"), []),
    "no-gzip": (lambda handler: handler.answer(200, NEW, Content_Encoding="gzip"), []),
    "half-chunk": (lambda handler: handler.answer(200, b"40\r\n" + NEW[:20], length=False, Transfer_Encoding="chunked"), []),
    "no-last-chunk": (lambda handler: handler.answer(200, b"%x\r\n%s\r\n" % (len(NEW), NEW), length=False,
                                                     Transfer_Encoding="chunked"), []),
    "too-large": (lambda handler: handler.answer(200, NEW, length=LIMIT + 1), ["larger than 256 MiB"]),
    "bomb": (lambda handler: handler.answer(200, BOMB[0], Content_Encoding="gzip"), ["larger than 256 MiB"]),
    "nothing": (lambda handler: None, []),
    "garbage": (lambda handler: handler.wfile.write(b"\x00\x01\x02" * 99), []),
    "to-file": (lambda handler: handler.answer(302, Location="file:///etc/hosts"), ["redirected to where it may not go"]),
    "to-ftp": (lambda handler: handler.answer(302, Location="ftp://127.0.0.1/x"), ["redirected to where it may not go"]),
    "endless": (lambda handler: handler.answer(302, Location="/list.txt"), ["redirected more than 10 times"]),
    "to-nowhere": (lambda handler: handler.answer(302, Location="http://127.0.0.1:1/"), []),
    "no-location": (lambda handler: handler.answer(302, NEW), ["status 302"]),
}
BOMB = []
ZIPPED = gzip.compress(many(20000))


@pytest.mark.parametrize("case", REFUSED)
def test_refused(lists, old, case):
    if case == "bomb":
        BOMB.append(gzip.compress(b"#" * (LIMIT + (1 << 20)), 1))
    answer, parts = REFUSED[case]
    old.routes["/list.txt"] = answer
    known = json.loads(lists.known().read_text())
    refused(lists, lists("update"), *parts)
    after = json.loads(lists.known().read_text())
    assert {key for key in after if after[key] != known[key]} == {"tried", "outcome"}
    # Nothing stands in the way of the next one, within the day too: the list was not updated.
    old.serve(NEW, ETag='"new"')
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.rows()["list"]["error"] is None


@pytest.mark.parametrize("case", ["404", "page", "no-rules", "half", "endless", "nothing", "text"])
def test_refused_at_first(lists, server, case):
    server.routes["/list.txt"] = REFUSED[case][0]
    result = lists("add", server.url())
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"aiodns: list: [^\n]+\n", result.stderr)
    assert lists.files() == {} and lists.rows() == {}


def test_304_that_was_not_asked_for(lists, server):
    server.routes["/list.txt"] = lambda handler: handler.answer(304)
    assert "status 304" in lists("add", server.url()).stderr
    assert lists.files() == {}


def test_nobody_there(lists, old):
    old.close()
    refused(lists, lists("update"), "Failed to connect")


def test_shrunk_by_force(lists, old):
    old.serve(many(4))
    refused(lists, lists("update"), "--force")
    good(lists("update", "--force"), "list: 4 rules, 10 before: 0 added, 6 removed")
    assert lists.files() == {"list": many(4)}


def test_shrunk_by_half(lists, old):
    old.serve(many(5))
    good(lists("update"), "list: 5 rules, 10 before: 0 added, 5 removed")


def test_force_takes_no_page(lists, old):
    old.serve(PAGE)
    refused(lists, lists("update", "--force"), "HTML")


def trickle(stop, octets=b"#", begun=None):
    """Some octets every 50 ms: never long silent, and never done."""
    def route(handler):
        handler.answer(200, b"", length=LIMIT)
        while not stop.wait(0.05):
            handler.wfile.write(octets)
            if begun:
                begun.set()
    return route


def test_slow(lists, old):
    stop = threading.Event()
    old.routes["/list.txt"] = trickle(stop)
    refused(lists, lists("update", "--timeout", "2s"), "took too long")
    stop.set()


def test_too_slow_for_any_timeout(lists, old):
    """Half a minute of less than 500 octets a second."""
    stop = threading.Event()
    old.routes["/list.txt"] = trickle(stop)
    refused(lists, lists("update"), "took too long", "500 bytes/sec")
    stop.set()


def test_one_fails_the_others_go_on(lists, server):
    for name in "abc":
        assert lists("add", server.serve(OLD, f"/{name}.txt")).returncode == 0
    server.serve(NEW, "/a.txt")
    server.routes["/b.txt"] = REFUSED["500"][0]
    result = lists("update", "--force")
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["a: 9 rules, 10 before: 1 added, 2 removed", "c: not changed, 10 rules",
                                          "3 lists: 1 updated, 1 not changed, 1 failed"]
    assert "status 500" in result.stderr
    assert lists.files() == {"a": NEW, "b": OLD, "c": OLD}
    text = lists("list").stdout
    assert re.search(r"^b +10 +\d+s  failed  http.*\n  \d+s ago: the server answered with status 500$", text, re.M)


# ---- How often ----

def test_at_most_once_a_day(lists, old):
    asked = len(old.requests)
    lists.age(-24 * HOUR)
    for hours in (0, 12, 22):
        lists.age(hours * HOUR)
        result = lists("update")
        assert (result.returncode, result.stderr) == (0, "")
        assert re.fullmatch(r"list: passed over, asked for \d+[hs].*ago \(--force asks again\)\n", result.stdout)
        lists.age(-hours * HOUR)
    assert len(old.requests) == asked
    lists.age(23 * HOUR + 1)
    good(lists("update"), "list: not changed, 10 rules")
    lists.age(-5 * HOUR)  # in the future: the clock was wrong
    good(lists("update"), "list: not changed, 10 rules")
    assert len(old.requests) == asked + 2


def test_jitter(lists, old, tmp_path, can_trace):
    """It waits for the same part of the time on the same machine, another one on others."""
    waits = set()
    for machine in ("one", "one", "two", "three"):
        pathlib.Path("/etc/machine-id").write_text(machine + "\n")
        log = tmp_path / "log"
        result = lists("update", "--jitter", "10m", before=[
            "strace", "-f", "-qq", "-o", log, "-e", "trace=clock_nanosleep", "-e", "inject=clock_nanosleep:retval=0"])
        assert result.returncode == 0
        assert re.match(r"waiting for \d+(s|m\d\ds)\n", result.stdout)
        wait = re.search(r"tv_sec=(\d+), tv_nsec=(\d+)", log.read_text())
        assert int(wait[1]) <= 600
        waits.add((machine, wait[0]))
    assert len(waits) == len({wait for _, wait in waits}) == 3


# ---- Two at the same time, and the end in the middle ----

def hold(server, body=NEW):
    """The answer waits half way until `go`; `begun` says that it was asked for."""
    begun, go = threading.Event(), threading.Event()

    def route(handler):
        handler.answer(200, body[:50], length=len(body))
        begun.set()
        go.wait(60)
        handler.wfile.write(body[50:])
    server.routes["/list.txt"] = route
    return begun, go


def test_two_at_the_same_time(lists, old):
    begun, go = hold(old)
    first = lists.start("update")
    assert begun.wait(60)
    second = lists.start("update")
    assert second.stderr.readline() == "aiodns: another `aiodns blocklist' is at work; waiting until it is done\n"
    assert lists.rows()["list"]["rules"] == 10  # who only looks does not wait
    go.set()
    assert first.communicate(timeout=60) == ("list: 9 rules, 10 before: 1 added, 2 removed\n", "")
    said, errors = second.communicate(timeout=60)
    assert "passed over" in said and errors == ""
    assert (first.returncode, second.returncode) == (0, 0)
    assert lists.files() == {"list": NEW}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupted(lists, old, number):
    begun, stop = threading.Event(), threading.Event()
    old.routes["/list.txt"] = trickle(stop, b"#" * 200, begun)  # fast enough to go on for ten minutes
    process = lists.start("update")
    assert begun.wait(60)
    process.send_signal(number)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (-number, "")
    assert re.fullmatch(r"aiodns: list: it was interrupted; [^\n]+\n", errors)
    assert lists.files() == {"list": OLD}
    stop.set()


def test_killed(lists, old):
    """What it leaves is taken away by the next one."""
    begun, go = hold(old)
    process = lists.start("update")
    assert begun.wait(60)
    process.kill()
    process.communicate(timeout=60)
    go.set()
    assert lists.path().read_bytes() == OLD
    assert (lists.folder / "blocklists.d/download.new").exists()
    assert lists("remove", "another").returncode == 1
    assert lists.files() == {"list": OLD}
    old.serve(NEW)
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert lists.files() == {"list": NEW}


CALLS = "openat,mkdirat,write,fchmod,fsync,renameat,renameat2,unlinkat,flock,close"


@pytest.fixture(scope="module")
def can_trace():
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        pytest.skip("strace cannot be used here")


def killed_at(lists, number, *words):
    """At its n-th call of those; False: it came to its end before."""
    result = lists(*words, before=["strace", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e",
                                   f"inject={CALLS}:signal=SIGKILL:when={number}"])
    assert result.returncode in (0, -signal.SIGKILL)
    return result.returncode != 0


def test_killed_at_every_call(lists, old, tmp_path, can_trace):
    """The list is the old one or the new one, whole, and so it goes on."""
    base = shutil.copytree(lists.folder, tmp_path / "base")
    old.serve(NEW, ETag='"new"')
    seen, number = [], 0
    while True:
        number += 1
        shutil.rmtree(lists.folder)
        shutil.copytree(base, lists.folder)
        if not killed_at(lists, number, "update"):
            break
        seen.append(lists.path().read_bytes())
        assert seen[-1] in (OLD, NEW)
        assert os.listdir(lists.path().parent) == ["list"]
        if number % 5 == 0 or seen[-1] == NEW:
            assert lists.rows()["list"]["rules"] in (10, 9)
            result = lists("update", "--force")
            assert (result.returncode, result.stderr) == (0, "")
            assert lists.files() == {"list": NEW}
    assert lists.files() == {"list": NEW}
    assert OLD in seen and NEW in seen and number > 30


def test_add_killed_at_every_call(lists, server, tmp_path, can_trace):
    """It is there whole, or not at all, and can be added again in either case."""
    server.serve(NEW, ETag='"new"')
    seen, number = set(), 0
    while True:
        number += 1
        shutil.rmtree(lists.folder, ignore_errors=True)
        if not killed_at(lists, number, "add", server.url()):
            break
        seen.add(lists.path().read_bytes() if lists.path().exists() else None)
        if lists.folder.exists():
            assert lists("add", server.url()).returncode == 0
            assert lists.files() == {"list": NEW}
    assert seen == {None, NEW}


def test_remove_killed_at_every_call(lists, old, tmp_path, can_trace):
    """An update does not bring back what was being removed; removing it again ends it."""
    base, number = shutil.copytree(lists.folder, tmp_path / "base"), 0
    while True:
        number += 1
        shutil.rmtree(lists.folder)
        shutil.copytree(base, lists.folder)
        if not killed_at(lists, number, "remove", "list"):
            break
        if not lists.known().exists():
            good(lists("update"), "there are no lists")
        if lists.path().exists():
            assert lists.path().read_bytes() == OLD
            good(lists("remove", "list"), "list: removed")
        assert lists.files() == {}


def test_on_the_disk_before_it_is_renamed(lists, old, tmp_path, can_trace):
    """fsync of the file, rename, fsync of the folder: for the list, and for what is known of it."""
    old.serve(NEW, ETag='"new"')
    log = tmp_path / "log"
    assert lists("update", before=["strace", "-y", "-qq", "-o", log, "-e", "trace=write,fsync,renameat,renameat2",
                                   "-e", "signal=none"]).returncode == 0
    calls = []
    for line in log.read_text().splitlines():
        name, path = re.match(r"(\w+)\(\d+<([^>]*)>", line).groups()
        target = re.search(r'<([^>]*)>, "(\w[\w.]*)"[,)]', line[line.index(",", 5):]) if name.startswith("rename") else None
        what = pathlib.Path(target[2] if target else path).name
        if what in ("blocklists", "blocklists.d", "download.new", "known.new", "list", "list.json"):
            entry = (name.rstrip("2"), what)
            if not calls or calls[-1] != entry:
                calls.append(entry)
    assert calls == [("write", "download.new"), ("fsync", "download.new"),
                     ("write", "known.new"), ("fsync", "known.new"), ("renameat", "list.json"), ("fsync", "blocklists.d"),
                     ("renameat", "list"), ("fsync", "blocklists"), ("fsync", "blocklists.d")]


@pytest.mark.parametrize("call, error", [("fsync", "EIO"), ("renameat,renameat2", "ENOSPC"), ("fchmod", "EPERM"),
                                         ("flock", "ENOLCK")])
def test_calls_that_fail(lists, old, call, error, can_trace):
    old.serve(NEW, ETag='"new"')
    result = lists("update", before=["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                     f"inject={call}:error={error}:when=1"])
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("aiodns: ")
    assert lists.files() == {"list": OLD}
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")


def test_disk_that_is_full(lists, old, plain_net):
    """A list that is larger than what is left."""
    plain_net._cover(lists.folder, "mode=0755,size=64k")
    try:
        assert lists("add", old.url()).returncode == 0
        lists.age(24 * HOUR)
        old.serve(many(9000))
        refused(lists, lists("update"), "cannot be written: No space left on device")
    finally:
        netns._check(netns._libc.umount2(os.fsencode(lists.folder), 2), "umount")
        plain_net._mounted.remove(lists.folder)


# ---- What must not be believed or shown ----

def test_password(lists, server):
    """It is sent to its server, to no other, and shown nowhere; what knows of it is root's alone."""
    other = Server()
    server.serve(OLD, "/pro.txt")
    url = server.url("/pro.txt").replace("//", "//somebody:s3cret@")
    added = lists("add", url)
    assert added.stdout == "pro: 10 rules\n"
    assert server.requests[-1][1]["Authorization"] == "Basic " + base64.b64encode(b"somebody:s3cret").decode()
    assert lists.known("pro").stat().st_mode & 0o777 == 0o600
    server.routes["/pro.txt"] = lambda handler: handler.answer(302, Location=other.url("/pro.txt"))
    failed = lists("update", "--force")
    assert failed.returncode == 1 and other.requests and "Authorization" not in other.requests[-1][1]
    said = [added, failed, lists("list"), lists("list", "--json"), lists("add", url),
            lists("add", url.replace("/pro", ":1/no").replace("http", "ftp"))]
    assert all("s3cret" not in result.stdout + result.stderr and "somebody" not in result.stdout + result.stderr
               for result in said)
    assert lists.rows()["pro"]["url"] == server.url("/pro.txt").replace("//", "//***@")
    other.close()


def test_knowledge_that_is_damaged(lists, old):
    for text in ("", "{", "[]", "{}", '{"url": 1}', '{"url": "x", "checked": "y"}', "\x00\xff\x1b[2J"):
        lists.known().write_bytes(text.encode("latin-1"))
        result = lists("update")
        assert (result.returncode, result.stdout) == (1, ""), text
        assert re.fullmatch(r"aiodns: list: what is known of it, [^\n]* is damaged: [^\n]*\n", result.stderr)
        assert "damaged" in lists.rows()["list"]["error"]
        assert lists.path().read_bytes() == OLD
    good(lists("remove", "list"), "list: removed")


def test_names_of_files_of_others(lists, old):
    name = b"\x1b[2J\xff"
    pathlib.Path(os.fsdecode(bytes(lists.path().parent) + b"/" + name)).write_bytes(NEW)
    for words in (["list"], ["list", "--json"], ["update", os.fsdecode(name)]):
        result = subprocess.run(lists.words(*words), capture_output=True)
        assert set(result.stdout + result.stderr) <= set(range(0x20, 0x7f)) | {0x0a}
    assert lists("remove", os.fsdecode(name)).stdout == "\\027[2J\\255: removed\n"


@pytest.mark.parametrize("part", [".", "blocklists", "blocklists.d"])
def test_folder_that_others_may_write_to(lists, old, part):
    (lists.folder / part).chmod(0o775)
    for words in (["list"], ["update"], ["add", old.url("/x")], ["remove", "list"]):
        result = lists(*words)
        assert (result.returncode, result.stdout) == (1, "")
        assert "may be written to by others" in result.stderr
    (lists.folder / part).chmod(0o755)
    assert lists.files() == {"list": OLD}


def test_links_are_not_followed(lists, old, tmp_path):
    """Neither for a folder nor for what is written."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    for name in ("download.new", "known.new"):
        (lists.folder / "blocklists.d" / name).symlink_to(target)
    old.serve(NEW)
    good(lists("update"), "list: 9 rules, 10 before: 1 added, 2 removed")
    assert target.read_bytes() == b"precious" and lists.files() == {"list": NEW}
    (lists.folder / "blocklists.d").rename(tmp_path / "elsewhere")
    (lists.folder / "blocklists.d").symlink_to(tmp_path / "elsewhere")
    assert lists("update", "--force").returncode == 1


def test_users(lists, old, tmp_path):
    """Anybody may look; nobody else may change anything."""
    if not netns.IS_ROOT:
        pytest.skip("needs root outside of any user namespace")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    result = lists("list", before=user)
    assert (result.returncode, result.stderr) == (0, "") and " 10 " in result.stdout
    for words in (["update"], ["remove", "list"], ["add", old.url("/x")]):
        result = lists(*words, before=user)
        assert (result.returncode, result.stdout) == (1, "")
        assert "Permission denied" in result.stderr
    assert lists.files() == {"list": OLD}


def test_umask(lists, server):
    assert lists("add", server.serve(OLD), umask=0o077).returncode == 0
    assert [path.stat().st_mode & 0o777 for path in (lists.folder, lists.path().parent, lists.path(), lists.known())] == [
        0o755, 0o755, 0o644, 0o644]


# ---- HTTPS ----

@pytest.mark.parametrize("variable", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_https(lists, secure, authority, variable):
    trust = {variable: str(authority / "ca.pem")}
    secure.serve(OLD, ETag='"old"')
    result = lists("add", secure.url())
    assert result.returncode == 1 and "certificate" in result.stderr
    assert lists("add", secure.url(), environment=trust).stdout == "list: 10 rules\n"
    good(lists("update", "--force", environment=trust), "list: not changed, 10 rules")
    lists.age(24 * HOUR)
    refused(lists, lists("update"), "certificate")


def test_https_for_another_name(lists, secure, authority):
    secure.serve(OLD)
    result = lists("add", secure.url().replace("127.0.0.1", "localhost"),
                   environment={"CURL_CA_BUNDLE": str(authority / "ca.pem")})
    assert result.returncode == 1 and "localhost" in result.stderr


def test_https_never_leads_elsewhere(lists, secure, server, authority):
    trust = {"CURL_CA_BUNDLE": str(authority / "ca.pem")}
    for target in (server.serve(OLD, "/plain"), "file:///etc/hosts"):
        secure.routes["/list.txt"] = lambda handler: handler.answer(302, Location=target)
        result = lists("add", secure.url(), environment=trust)
        assert result.returncode == 1 and "redirected to where it may not go" in result.stderr
    assert server.requests == []
    secure.serve(OLD)
    server.routes["/up"] = lambda handler: handler.answer(301, Location=secure.url())
    assert lists("add", server.url("/up"), environment=trust).stdout == "up: 10 rules\n"


def test_https_half(lists, secure, authority):
    trust = {"CURL_CA_BUNDLE": str(authority / "ca.pem")}
    secure.serve(OLD)
    assert lists("add", secure.url(), environment=trust).returncode == 0
    lists.age(24 * HOUR)
    secure.routes["/list.txt"] = REFUSED["half"][0]
    refused(lists, lists("update", environment=trust))


# ---- On a terminal ----

def on_terminal(lists, *words):
    """What it writes to a terminal of 80 columns, and its result."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(lists.words(*words), stdout=subprocess.PIPE, stderr=theirs, env=lists.environment, text=True)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    return seen.decode(), process.communicate(timeout=60)[0], process.returncode


def test_bar(lists, old):
    body = many(50000)
    old.serve(body)
    seen, said, status = on_terminal(lists, "update")
    assert (said, status) == ("list: 50,000 rules, 10 before: 49,990 added, 0 removed\n", 0)
    drawn = [line for line in seen.split("\r") if line.strip()]
    assert drawn and all(re.fullmatch(r"list {16} \[=*> *\] +\d+ % +\d+\.\d MB", line) and len(line) < 80 for line in drawn)
    assert seen.endswith("\r" + " " * 79 + "\r")  # and it is gone at the end


def test_bar_of_unknown_length(lists, old):
    old.serve(NEW, length=False)
    seen, said, status = on_terminal(lists, "update")
    assert status == 0 and "%" not in seen and " MB" in seen


def test_no_bar_where_there_is_no_terminal(lists, old):
    old.serve(many(50000))
    result = lists("update")
    assert (result.returncode, result.stderr) == (0, "")
