"""Hosts files, block lists and domains of /etc/aiodns.conf: what becomes of lookups, and what servers hear."""

import itertools
import os
import pathlib
import subprocess
import time

import pytest

import scripted
import servers
from lookups import Client, ask, byaddr, byname2, gai, nameinfo, ordered

CACHED = True
COMMAND = pathlib.Path(os.environ["AIODNS_BUILD_DIR"], "tools", "aiodns")
_addresses = (f"127.0.23.{n}" for n in itertools.count(1))
_names = (f"n{n}" for n in itertools.count(1))
FOUR, SIX = "198.51.100.1", "2001:db8:1::1"
ANSWER = {"addrs": [FOUR, SIX], "canon": None}
NONE, NO_DATA, FAILED = {"error": "EAI_NONAME"}, {"error": "EAI_NODATA"}, {"error": "EAI_AGAIN"}


def good(query):
    query.send(query.reply({"A": FOUR, "AAAA": SIX}[query.type]))


def alone(reply):
    """A chain whose end is to be asked for."""
    reply.authority.clear()
    return reply


def says(four):
    return lambda query: query.send(query.reply(*([four] if query.type == "A" else [])))


@pytest.fixture
def serve(net):
    """Starts servers; the first of them is resolv.conf's."""
    started = []

    def start(*handlers, options=""):
        for handler in handlers:
            server = scripted.Server(next(_addresses), handler)
            started.append(server)
            server.__enter__()
        net.resolv_conf(f"nameserver {started[0].address}\n{options}\n")
        return started if len(started) > 1 else started[0]

    yield start
    net.settings(None)
    net.hosts("127.0.0.1 localhost\n::1 localhost\n")
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:  # every process reads what aiodns.conf names
        if above.stat().st_uid == os.geteuid() and str(above).startswith("/tmp/pytest"):
            above.chmod(0o755)
    return tmp_path


def asked(server):
    return {query.name.lower().rstrip(".") for query in server.queries}


# -- block and allow

def test_a_blocked_name_does_not_exist_and_no_server_hears_of_it(net, serve):
    server = serve(good)
    net.settings("block one.test *.two.test\n")
    for name in ("one.test", "ONE.test.", "two.test", "a.two.test", "b.a.two.test"):
        assert ask(gai(name)) == NONE
        assert ask(byname2(name, "inet"))["error"] == "HOST_NOT_FOUND"
    assert server.queries == []
    assert ordered(ask(gai("a.one.test"))) == ANSWER
    assert ordered(ask(gai("xtwo.test"))) == ANSWER
    assert asked(server) == {"a.one.test", "xtwo.test"}


def test_allow_wins_over_block_with_all_below(net, serve):
    serve(good)
    net.settings("block *.test\nallow good.test\nblock a.good.test\n")
    assert ask(gai("bad.test")) == NONE
    for name in ("good.test", "a.good.test", "b.a.good.test"):
        assert ordered(ask(gai(name))) == ANSWER


def test_hosts_win_over_block(net, serve):
    serve(good)
    net.hosts("192.0.2.7 mine.test\n")
    net.settings("block *.test\n")
    assert ask(gai("mine.test")) == {"addrs": ["192.0.2.7"], "canon": None}
    assert ask(gai("yours.test")) == NONE


@pytest.mark.parametrize("word,answer,reverse", [
    ("nxdomain", NONE, "EAI_NONAME"), ("nodata", NO_DATA, "EAI_NONAME"),
    ("null", {"addrs": ["0.0.0.0", "::"], "canon": None}, "EAI_NONAME")])
def test_block_answer(net, serve, word, answer, reverse):
    server = serve(good)
    net.settings(f"block-answer {word}\nblock bad.test 7.2.0.192.in-addr.arpa\n")
    assert ordered(ask(gai("bad.test"))) == answer
    assert ask(nameinfo("192.0.2.7", "NI_NAMEREQD")) == {"error": reverse}
    assert server.queries == []


def test_a_blocked_name_in_a_chain_blocks_the_answer(net, serve):
    def chain(query):
        query.send(query.reply({"A": FOUR, "AAAA": SIX}[query.type], cname=["middle.tracker.test.", "end.test."]))
    serve(chain)
    for settings in ("block end.test\n", "block *.tracker.test\n"):
        name = f"{next(_names)}.chain.test"
        net.settings(None)
        assert ask(gai(name))["addrs"]
        net.settings(settings)
        assert ask(gai(name)) == NONE  # from the cache
        assert ask(gai(f"{next(_names)}.chain.test")) == NONE  # from the server
        net.settings(None)
        assert ask(gai(name))["addrs"]
    net.settings("block end.test\nblock-answer null\n")
    assert ordered(ask(gai(f"{next(_names)}.chain.test"))) == {"addrs": ["0.0.0.0", "::"], "canon": None}


def test_no_server_hears_of_a_blocked_name_that_a_chain_leads_to(net, serve):
    def half(query):
        if query.name.lower().startswith("bad."):
            good(query)
        else:
            query.send(alone(query.reply(cname="bad.test.")))
    server = serve(half)
    net.settings("block bad.test\n")
    assert ask(gai("start.test")) == NONE
    assert "bad.test" not in asked(server)
    net.settings(None)
    assert ordered(ask(gai("other.test"))) == ANSWER


def test_a_blocked_candidate_of_a_search_list_is_passed_over(net, serve):
    server = serve(good, options="search one.test two.test")
    net.settings("block name.one.test\n")
    assert ask(gai("name", "inet", "AI_CANONNAME")) == {"addrs": [FOUR], "canon": "name.two.test"}
    assert "name.one.test" not in asked(server)


def test_a_change_counts_in_a_running_program_and_in_a_new_one(net, serve):
    serve(good)
    with Client() as client:
        for _ in range(5):
            assert ordered(client.ask(gai("name.test"))) == ANSWER
            net.settings("block name.test\n")
            assert ask(gai("name.test")) == NONE
            time.sleep(0.02)
            assert client.ask(gai("name.test")) == NONE
            net.settings(None)
            time.sleep(0.02)


# -- files

def test_hosts_files_by_pattern(net, serve, folder):
    server = serve(good)
    (folder / "b.hosts").write_text("192.0.2.2 two.test alias.test\n")
    (folder / "a.hosts").write_text("192.0.2.1 one.test alias.test\n2001:db8::1 one.test\n")
    (folder / ".c.hosts").write_text("192.0.2.3 three.test\n")
    (folder / "d.other").write_text("192.0.2.4 four.test\n")
    (folder / "e").write_text("192.0.2.5 five.test\n")
    net.hosts("192.0.2.9 alias.test nine.test\n")
    net.settings(f"hosts-file {folder}/*.hosts {folder}/e\nhosts-file {folder}/nowhere\n")
    assert ordered(ask(gai("one.test"))) == {"addrs": ["192.0.2.1", "2001:db8::1"], "canon": None}
    alias = ask(byname2("alias.test", "inet"))
    assert (alias["name"], alias["aliases"], alias["addrs"]) == (
        "alias.test", ["nine.test", "one.test", "two.test"], ["192.0.2.9", "192.0.2.1", "192.0.2.2"])
    assert ask(gai("five.test"))["addrs"] == ["192.0.2.5"]
    assert ask(nameinfo("192.0.2.2", "NI_NAMEREQD")) == {"name": "two.test"}
    assert server.queries == []
    assert ordered(ask(gai("three.test"))) == ANSWER
    assert ordered(ask(gai("four.test"))) == ANSWER


LISTS = {
    "hosts": "# title\n127.0.0.1 localhost\n0.0.0.0 {0} # why\n0.0.0.0 also.{0}\n",
    "domains": "# title\n{0}\nalso.{0}\n",
    "wildcard": "*.{0}\n",
    "adblock": "[Adblock Plus]\n! title\n||{0}^\n",
    "dnsmasq": "# title\naddress=/{0}/\nlocal=/also.{0}/\n",
    "rpz": "$TTL 30\n@ SOA localhost. root.localhost. 1 2 3 4 5\n  NS localhost.\n{0} CNAME .\n*.{0} CNAME .\n",
}


@pytest.mark.parametrize("form", LISTS)
def test_block_files_in_each_format(net, serve, folder, form):
    server = serve(good)
    (folder / "list").write_text(LISTS[form].format("bad.test"))
    net.settings(f"block-file {folder}/*\n")
    assert ask(gai("bad.test")) == NONE
    assert ask(gai("also.bad.test")) == NONE
    below = ask(gai("below.bad.test"))
    assert ordered(below) == ANSWER if form in ("hosts", "domains") else below == NONE
    assert ordered(ask(gai("notbad.test"))) == ANSWER
    assert not asked(server) & {"bad.test", "also.bad.test"}


def test_edited_replaced_and_new_files_count(net, serve, folder):
    serve(good)
    net.settings(f"block-file {folder}/*.txt\nhosts-file {folder}/*.hosts\n")
    with Client() as client:
        def after(change, *expected):
            change()
            time.sleep(0.03)
            for one in (client.ask, ask):
                assert [one(gai(name, "inet")).get("addrs", [None])[0] for name in ("a.test", "b.test")] == list(expected)
        (folder / "1.txt").write_text("a.test\n")
        after(lambda: None, None, FOUR)
        after(lambda: (folder / "1.txt").write_text("b.test\n"), FOUR, None)
        after(lambda: (folder / "2.txt").write_text("a.test\n"), None, None)
        after(lambda: (folder / "1.txt").unlink(), None, FOUR)
        after(lambda: (folder / "1.hosts").write_text("192.0.2.1 a.test\n"), "192.0.2.1", FOUR)
        (folder / "new").write_text("192.0.2.2 b.test\n")
        after(lambda: (folder / "new").rename(folder / "1.hosts"), None, "192.0.2.2")

        def append():
            with open(folder / "1.hosts", "a", encoding="ascii") as file:
                file.write("192.0.2.3 a.test\n")
        after(append, "192.0.2.3", "192.0.2.2")


# -- domains

def test_names_of_a_domain_are_asked_of_its_servers_alone(net, serve):
    default, corp, deep = serve(says("192.0.2.1"), says("192.0.2.2"), says("192.0.2.3"))
    net.settings(f"domain corp.test {corp.address}\ndomain deep.corp.test {deep.address}\n"
                 f"domain 10.in-addr.arpa {corp.address}\n")
    for name, address in (("name.test", 1), ("corp.test", 2), ("a.CORP.test.", 2), ("xcorp.test", 1),
                          ("deep.corp.test", 3), ("a.b.deep.corp.test", 3), ("xdeep.corp.test", 2)):
        assert ask(gai(name, "inet"))["addrs"] == [f"192.0.2.{address}"]
    assert asked(default) == {"name.test", "xcorp.test"}
    assert asked(corp) == {"corp.test", "a.corp.test", "xdeep.corp.test"}
    assert asked(deep) == {"deep.corp.test", "a.b.deep.corp.test"}
    ask(byaddr("10.1.2.3"))
    assert "3.2.1.10.in-addr.arpa" in asked(corp)


def test_caches_of_domains_are_not_mixed(net, serve):
    name = f"{next(_names)}.corp.test"
    _, corp = serve(says("192.0.2.1"), says("192.0.2.2"))
    assert ask(gai(name, "inet"))["addrs"] == ["192.0.2.1"]
    net.settings(f"domain corp.test {corp.address}\n")
    assert ask(gai(name, "inet"))["addrs"] == ["192.0.2.2"]
    net.settings(None)
    assert ask(gai(name, "inet"))["addrs"] == ["192.0.2.1"]


def test_candidates_of_a_search_list_go_each_to_its_domain(net, serve):
    def only(name, four):
        def handler(query):
            if query.name.lower().rstrip(".").endswith(name):
                query.send(query.reply(*([four] if query.type == "A" else [])))
            else:
                query.send(query.reply(rcode="NXDOMAIN"))
        return handler
    default, corp = serve(only("host.home.test", "192.0.2.1"), only("db.corp.test", "192.0.2.2"),
                          options="search corp.test home.test")
    net.settings(f"domain corp.test {corp.address}\n")
    assert ask(gai("db", "inet", "AI_CANONNAME")) == {"addrs": ["192.0.2.2"], "canon": "db.corp.test"}
    assert ask(gai("host", "inet", "AI_CANONNAME")) == {"addrs": ["192.0.2.1"], "canon": "host.home.test"}
    assert ask(gai("nobody", "inet")) == NONE
    assert all(name.endswith("corp.test") for name in asked(corp))
    assert not any(name.endswith("corp.test") for name in asked(default))


def test_a_silent_domain_leaves_time_for_the_rest_of_the_list(net, serve):
    _, corp = serve(says("192.0.2.1"), lambda query: None, options="search corp.test home.test\noptions timeout:1 attempts:2")
    net.settings(f"domain corp.test {corp.address}\n")
    # As with one server: who is silent ends a list, and the name itself is left.
    assert ask(gai("host", "inet", "AI_CANONNAME")) == {"addrs": ["192.0.2.1"], "canon": "host"}


def test_no_chain_leads_out_of_or_into_a_domain_of_others(net, serve):
    default, corp = serve(lambda query: query.send(alone(query.reply(cname="inside.corp.test."))), says("192.0.2.2"))
    net.settings(f"domain corp.test {corp.address}\n")
    assert ask(gai("public.test", "inet")) == FAILED
    assert "inside.corp.test" not in asked(default)


def test_real_servers_by_domain(net):
    """Knot and dnsmasq, neither of which has the other's names; the longest domain wins, whichever way round."""
    host = {"addrs": ["198.51.101.5"], "canon": None}
    v4 = {"addrs": ["198.51.100.4"], "canon": None}
    with servers.knot(net.new_folder("knot")), \
         servers.dnsmasq(net.new_folder("dnsmasq"), upstream="127.0.1.9"):  # nobody is there
        net.resolv_conf("nameserver 127.0.1.2\n")
        try:
            assert ask(gai("host.mine.test", "inet"))["error"]
            for settings in ("domain mine.test 127.0.1.4\n",
                             "domain test 127.0.1.2\ndomain mine.test 127.0.1.4\n",
                             "domain test 127.0.1.4\ndomain example.test 127.0.1.2\n",
                             "attempt 5s 127.0.1.4\ndomain example.test 127.0.1.2\n"):
                net.settings(settings)
                for _ in range(2):  # from the cache, too
                    assert ask(gai("host.mine.test", "inet")) == host
                    assert ask(gai("v4.example.test", "inet")) == v4
                    assert ask(nameinfo("198.51.101.40", "NI_NAMEREQD"))
            net.resolv_conf("nameserver 127.0.1.2\nsearch mine.test example.test\n")
            net.settings("domain mine.test 127.0.1.4\n")
            assert ask(gai("host", "inet", "AI_CANONNAME")) == host | {"canon": "host.mine.test"}
            assert ask(gai("v4", "inet", "AI_CANONNAME")) == v4 | {"canon": "v4.example.test"}
        finally:
            net.settings(None)


def test_a_domain_line_makes_local_ours(net, serve):
    _, local = serve(good, says("192.0.2.2"))
    net.settings(f"domain local {local.address}\n")
    assert ask(gai("printer.local", "inet"))["addrs"] == ["192.0.2.2"]


def test_domains_of_a_bad_file_are_kept_from_other_servers(net, serve):
    default, corp = serve(says("192.0.2.1"), says("192.0.2.2"))
    net.settings(f"domain corp.test {corp.address}\ndomain lost.test 10.0.0\nnonsense\n")
    assert ask(gai("a.corp.test", "inet"))["addrs"] == ["192.0.2.2"]  # a new process
    assert ask(gai("a.lost.test", "inet")) == FAILED
    assert ask(gai("name.test", "inet"))["addrs"] == ["192.0.2.1"]
    net.settings(f"domain corp.test {corp.address}\n")
    with Client() as client:
        assert client.ask(gai("b.corp.test", "inet"))["addrs"] == ["192.0.2.2"]
        net.settings("nonsense\n")
        time.sleep(0.03)
        assert client.ask(gai("c.corp.test", "inet"))["addrs"] == ["192.0.2.2"]
    assert asked(default) == {"name.test"}


def test_hosts_files_are_in_addition_and_unreadable_ones_are_passed_over(net, serve, folder):
    serve(good)
    (folder / "1").write_text("192.0.2.1 a.test\n")
    os.mkfifo(folder / "2")
    (folder / "3").mkdir()
    pathlib.Path(folder / "4").symlink_to(folder / "nowhere")
    net.settings(f"hosts-file {folder}/*\nblock-file {folder}/*\n")
    assert ask(gai("a.test"))["addrs"] == ["192.0.2.1"]
    assert ordered(ask(gai("b.test"))) == ANSWER


# -- the cache

CACHE = pathlib.Path("/run/aiodns/cache.1")


def test_cache_size_and_host_cache(net, serve):
    serve(good)

    def cache(settings):
        net.settings(settings)
        assert ordered(ask(gai(f"{next(_names)}.test"))) == ANSWER
        status = CACHE.stat()
        return status.st_size - 4096, oct(status.st_mode & 0o7777), status.st_ino

    size, mode, first = cache(None)
    assert (size, mode) == (4 << 20, "0o644")
    assert cache("cache-size 16M\n")[:2] == (16 << 20, "0o644")
    size, mode, larger = cache("cache-size 16M\nhost-cache private\n")
    assert (size, mode) == (16 << 20, "0o600")
    assert cache("cache-size 16M\nhost-cache private\n") == (16 << 20, "0o600", larger)
    assert cache("host-cache private\n")[2] == larger  # no size is wished
    with Client(before=("setpriv", "--reuid=4242", "--regid=4242", "--clear-groups")) as user:
        assert ordered(user.ask(gai("name.test"))) == ANSWER
    size, mode, last = cache("cache-size 256K\n")
    assert (size, mode) == (256 << 10, "0o644") and last not in (first, larger)
    assert cache("cache-size 256K\nhost-cache private\nnonsense\n")[1:] == ("0o644", last)


def test_min_ttl_and_max_ttl_of_what_is_kept(net, serve):
    """A TTL of 300 s ends after one; one of 0 s does not."""
    def none(query):
        reply = query.reply({"A": FOUR, "AAAA": SIX}[query.type])
        for rrset in reply.answer:
            rrset.ttl = 0 if query.name.lower().startswith("zero") else 300
        query.send(reply)
    server = serve(none)

    def times(name):
        asked_before = len(server.queries)
        ask(gai(name, "inet"))
        return len(server.queries) - asked_before
    net.settings("min-ttl 1h\n")
    assert [times("zero1.test"), times("zero1.test")] == [1, 0]
    net.settings(None)
    assert [times("zero2.test"), times("zero2.test")] == [1, 1]
    net.settings("max-ttl 1s\n")
    assert [times("long1.test"), times("long1.test")] == [1, 0]
    deadline = time.monotonic() + 10
    while not times("long1.test"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- the command's lists

def test_lookups_go_by_the_lists_that_the_command_keeps(net, serve, folder):
    """And go on so while updates fail: with an index, and as a user who finds none."""
    serve(good)
    source, state = folder / "source", folder / "state"

    def blocklist(*words):
        return subprocess.run([COMMAND, "blocklist", *words, "--directory", state], capture_output=True, text=True)

    def is_blocked(name):
        found = {"as root": ask(gai(name)) == NONE}
        with Client(before=("setpriv", "--reuid=4242", "--regid=4242", "--clear-groups")) as user:
            found["as a user"] = user.ask(gai(name)) == NONE
        assert len(set(found.values())) == 1, found
        return found["as root"]

    net.settings(f"block-file {state}/blocklists/*\n")
    source.write_text("one.test\ntwo.test\nthree.test\n")
    assert not is_blocked("one.test")
    assert blocklist("add", "--name", "mine", source).returncode == 0
    assert is_blocked("one.test") and is_blocked("three.test")
    source.write_text("one.test\ntwo.test\nfour.test\n")
    assert blocklist("update", "--force").returncode == 0
    assert is_blocked("four.test") and not is_blocked("three.test")
    for bad in ("<html><body>one.test</body></html>\n", "", "one.test\n"):  # the last one has shrunk by more than half
        source.write_text(bad)
        assert blocklist("update", *(["--force"] if bad != "one.test\n" else [])).returncode in (0, 1)
        assert is_blocked("two.test") and is_blocked("four.test")
    source.unlink()
    assert blocklist("update", "--force").returncode == 1
    assert is_blocked("four.test")
    assert blocklist("remove", "mine").returncode == 0
    assert not is_blocked("four.test")
