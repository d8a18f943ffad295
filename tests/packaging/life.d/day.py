"""day.py SECONDS: the day itself, as the first process of a root that `life` has made; see there.

Prints what happened; the exit status is 0 if no lookup failed and nothing else was wrong.
"""

import collections
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

from client import Client
from daemons import Process, as_user, file_pid, look_at, make_users, start_nginx, start_postgres, start_services
from world import PLACE, SERVERS, ZONE, hosts, make_network, run, wait_for, write_names
import short

OURS = ("libnss-aiodns", "aiodns")
SMALL = "hello"  # any small package, for apt-get to install and remove
GLIBC_LINE = "hosts:          files dns"
OUR_LINE = "hosts:          files aiodns [!UNAVAIL=return] dns"
CLIENTS = ("python", "python-root", "python-anna", "java", "node", "cron-1", "cron-2", "psql", "nginx")
LEAST = 10  # lookups that each client has made at the end
GROWTH, GROWTH_KIB = 1.25, 16 * 1024
LOWER_BY_CHANCE = 20  # letters from which on a name that is asked for in small letters is not ours
STARTS = 100  # of programs while files are replaced
FREEZE_S = 1.5
GRACE_S = 2

problems = []


def wrong(text):
    problems.append(text)
    say(f"WRONG: {text}")


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def replace(path, text):
    """As tools do it that leave no moment without the file."""
    new = pathlib.Path(f"{path}.new")
    new.write_text(text)
    new.rename(path)


def hosts_line():
    text = pathlib.Path("/etc/nsswitch.conf").read_text()
    return next(line for line in text.splitlines() if line.startswith("hosts:"))


class Apt:
    """The one who installs; all that it downloads is from a name that it has to look up."""

    def __init__(self, versions):
        self.client, self.versions = Client("apt-get"), versions
        pathlib.Path("/etc/apt/sources.list.d/life.list").write_text(
            f"deb [trusted=yes] http://packages.{ZONE}/packages ./\n")

    def get(self, *words):
        begin = time.monotonic()
        done = subprocess.run(["apt-get", "-y", "-q", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        say(f"apt-get {' '.join(words)}: {time.monotonic() - begin:.1f} s")
        if done.returncode != 0 or re.search(r"^(Err|W|E):", done.stdout, re.M):
            self.client.failed(f"apt-get {' '.join(words)}", done.stdout)
        self.client.done()

    def install(self, version, *options):
        self.get("clean")
        self.get("install", *options, *(f"{package}={version}" for package in OURS))
        self.check(version, OUR_LINE)

    def check(self, version, line):
        for package in OURS:
            found = run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package, capture_output=True, text=True).stdout
            if found.split() != ["ii", version]:
                wrong(f"{package} should be installed in {version}, and is {found}")
        if hosts_line() != line:
            wrong(f"nsswitch.conf has {hosts_line()!r} in the place of {line!r}")

    def round(self):
        before, this = self.versions
        self.get("update")
        self.get("clean")
        self.get("upgrade")
        self.check(this, OUR_LINE)
        self.get("install", SMALL)
        self.install(this, "--reinstall")
        self.get("purge", SMALL)
        self.install(before, "--allow-downgrades")


class Events:
    """What else happens on a host in a day."""

    def __init__(self, servers, cluster):
        self.servers, self.cluster = servers, cluster
        self.client = Client("administrator")
        self.all = [self.flush, self.hosts_appended, self.block_list, self.server_restarted, self.settings, self.hosts_edited,
                    self.other_server_restarted, self.module_replaced, self.logs_rotated, self.resolv_conf, self.server_silent,
                    self.block_list_removed, self.settings_removed, self.nsswitch_rewritten]
        self.next = 0

    def happen(self):
        event = self.all[self.next % len(self.all)]
        self.next += 1
        say(event.__name__.replace("_", " "))
        event()

    def _finds(self, name, wanted):
        """Whether a new process finds the name (or must not), as an ordinary user and as root."""
        for user in ("root", "anna"):
            done = subprocess.run(as_user(user, "getent", "ahosts", name), capture_output=True, text=True, check=False)
            if (done.returncode == 0) != wanted or done.returncode not in (0, 2):
                self.client.failed(name, f"getent as {user}: {done.returncode}, {done.stdout}{done.stderr}")
            self.client.done()

    def flush(self):
        run("aiodns", "flush", stdout=subprocess.DEVNULL)
        run(*as_user("anna", "aiodns", "flush"), stdout=subprocess.DEVNULL)

    def hosts_appended(self):
        with open("/etc/hosts", "a", encoding="utf-8") as file:
            file.write("192.0.2.77 printer.only-in-hosts.example\n")
        self._finds("printer.only-in-hosts.example", True)

    def hosts_edited(self):
        run("sed", "-i", "/only-in-hosts/d", "/etc/hosts")
        self._finds(f"worker-beta.{ZONE}", True)

    def _configure(self, *lines):
        replace("/etc/aiodns.conf", "".join(line + "\n" for line in lines))
        run("aiodns", "config", stdout=subprocess.DEVNULL)

    def block_list(self):
        self._finds(f"ads-1.tracker.{ZONE}", True)
        folder = pathlib.Path("/var/lib/aiodns/blocklists")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "day").write_text("".join(f"0.0.0.0 ads-{i}.tracker.{ZONE}\n" for i in range(30_000)))
        self._configure("block-file /var/lib/aiodns/blocklists/*")
        run("aiodns", "index", stdout=subprocess.DEVNULL)
        self._finds(f"ads-1.tracker.{ZONE}", False)

    def block_list_removed(self):
        pathlib.Path("/var/lib/aiodns/blocklists/day").unlink()
        run("aiodns", "index", stdout=subprocess.DEVNULL)
        self._finds(f"ads-1.tracker.{ZONE}", True)

    def settings(self):
        self._configure("block-file /var/lib/aiodns/blocklists/*", "max-ttl 2s", "deadline 8s", "cache-size 1M", "serve-stale on")
        self._finds(f"ads-1.tracker.{ZONE}", False)

    def settings_removed(self):
        pathlib.Path("/etc/aiodns.conf").unlink()
        self._finds(f"worker-gamma.{ZONE}", True)

    def server_restarted(self):
        self.servers[0].restart()

    def other_server_restarted(self):
        self.servers[1].restart()

    def server_silent(self):
        self.servers[0].freeze(FREEZE_S)

    def _meanwhile(self, change):
        """The change again and again, while programs start and look a name up."""
        starting = [subprocess.Popen(["sh", "-c", f"for i in $(seq {STARTS}); do getent ahosts worker-$1.{ZONE} >/dev/null || "
                                                  "echo failed: $?; done", "sh", name],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                    for name in ("epsilon", "zeta")]
        while any(one.poll() is None for one in starting):
            change()
        for one in starting:
            output = one.stdout.read()
            if one.returncode != 0 or output:
                self.client.failed("while files are replaced", output)
            self.client.done(STARTS)

    def module_replaced(self):
        """By rename, as dpkg does it, and the list of libraries by ldconfig, as its trigger does."""
        module = next(pathlib.Path("/usr/lib").glob("*/libnss_aiodns.so.2"))
        content = module.read_bytes()

        def replaced():
            new = module.with_name(module.name + ".dpkg-new")
            new.write_bytes(content)
            new.chmod(0o644)
            new.rename(module)
            run("ldconfig")

        self._meanwhile(replaced)

    def nsswitch_rewritten(self):
        """As maintainers' scripts do it; nothing else in it."""
        self._meanwhile(lambda: run("sed", "-i", "s/^hosts:.*/&/", "/etc/nsswitch.conf"))

    def resolv_conf(self):
        path = pathlib.Path("/etc/resolv.conf")
        text = path.read_text()
        replace(path, f"search {ZONE}\n{text}")
        self._finds("worker-delta", True)
        replace(path, text)

    def logs_rotated(self):
        for log in pathlib.Path("/var/log/postgresql").glob("*.log"):
            log.rename(f"{log}.1")
        run("pg_ctlcluster", *self.cluster, "reload")
        log = pathlib.Path("/var/log/nginx/error.log")
        with open(f"{log}.1", "ab") as old:
            old.write(log.read_bytes())
        log.unlink()
        run("nginx", "-s", "reopen")


class Day:
    def __init__(self, seconds):
        self.seconds = seconds
        versions = (PLACE.parent.parent / "srv/packages/versions").read_text().split()
        self.servers = make_network()
        replace("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in SERVERS))
        replace("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n192.0.2.10 life\n")
        socket.sethostname("life")
        write_names()
        self.known = hosts()
        for server in self.servers:
            server.start()
        make_users()
        for file in pathlib.Path("/etc/apt/sources.list.d").iterdir():
            file.unlink()
        pathlib.Path("/etc/apt/sources.list").write_text("")
        self.apt = Apt(versions)
        self.versions = versions
        self.processes, self.short, self.looks = [], [], []
        self.excused = []  # times in which glibc's own dns may ask
        self.old_held = 0

    def install(self):
        """The packages of the version before, from the repository that nginx serves, still found by glibc's dns."""
        if hosts_line() != GLIBC_LINE:
            raise RuntimeError(f"the root has {hosts_line()}")
        start_nginx()
        self.apt.get("update")
        self.apt.install(self.versions[0])
        if problems or (PLACE / "out/apt-get.failed").exists():
            raise RuntimeError(f"cannot install: {(PLACE / 'out/apt-get.failed').read_text()}")
        # What has looked a name up before goes by the old line until its next one, and nginx is to begin with ours.
        pid = file_pid("/run/nginx.pid")
        run("nginx", "-s", "quit")
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "nginx's end")
        self.excused.append((0, time.time()))
        start_nginx()

    def begin(self):
        self.cluster = start_postgres()
        self.events = Events(self.servers, self.cluster)
        self.processes = start_services()
        self.processes.append(Process("nginx", file_pid("/run/nginx.pid")))
        self.processes.append(Process("postgres", file_pid(f"/var/lib/postgresql/{self.cluster[0]}/main/postmaster.pid")))
        self.short = short.start()
        wait_for(lambda: all(self.counts().get(name, 0) >= LEAST for name in CLIENTS), "every client's first lookups", 60)

    def counts(self):
        return {file.stem: int(file.read_text() or 0) for file in sorted((PLACE / "out").glob("*.count"))}

    def pause(self):
        """All clients stop for a moment, in which memory and descriptors of the daemons are comparable."""
        (PLACE / "pause").touch()
        last = None
        while last != (last := self.counts()):
            time.sleep(0.5)
        self.looks.append(look_at([process for process in self.processes if process.alive()]))
        (PLACE / "pause").unlink()

    def live(self):
        begin = time.monotonic()
        rounds = 0
        while time.monotonic() - begin < self.seconds or self.events.next < len(self.events.all):
            self.apt.round()
            rounds += 1
            self.old_held = max(self.old_held, sum(process.old_module() for process in self.processes if process.alive()))
            for _ in range(3):
                self.events.happen()
            if not self.looks and time.monotonic() - begin > self.seconds / 3:
                self.pause()
            for process in self.processes:
                if not process.alive():
                    raise RuntimeError(f"{process.name} has ended")
        run("aiodns", "doctor", stdout=subprocess.DEVNULL)
        self.pause()
        return rounds

    def removed(self):
        """Taken out and put in again under the same load. Meanwhile glibc's own dns answers, which is no failure."""
        begin = time.time()
        self.apt.get("remove", *OURS)
        if hosts_line() != GLIBC_LINE:
            wrong(f"nsswitch.conf has {hosts_line()!r} after the removal")
        self.apt.install(self.versions[1])
        self.excused.append((begin - 1, time.time() + GRACE_S))

    def end(self):
        (PLACE / "stop").touch()
        for thread, _ in self.short:
            thread.join()
        for process in self.processes:
            if process.popen and process.popen.wait(timeout=60) != 0:
                output = (PLACE / f"{process.name}.output").read_text()
                wrong(f"{process.name} ended with {process.popen.returncode}: {output[-2000:]}")
            elif not process.popen and not process.alive():
                wrong(f"{process.name} has ended")

    def judge(self):
        counts = self.counts()
        for name in (*CLIENTS, "apt-get", "administrator"):
            if counts.get(name, 0) < LEAST:
                wrong(f"{name} made {counts.get(name, 0)} lookups")
        failures = 0
        for file in sorted((PLACE / "out").glob("*.failed")):
            lines = file.read_text().splitlines()
            failures += len(lines)
            for line in lines[:20]:
                say(f"FAILED {file.stem} {line}")
        self._judge_queries()
        self._judge_memory()
        self._judge_logs()
        self._judge_stats()
        if not self.old_held:
            wrong("no process has held a module that was replaced")
        for name, count in sorted(counts.items()):
            print(f"{name:16}{count:8} lookups or commands")
        for file in sorted((PLACE / "out").glob("*.slowest")):
            print(f"{file.stem:16}the slowest of its lookups took {file.read_text().strip()}")
        print(f"{'all':16}{sum(counts.values()):8}, failed: {failures}; {len(problems)} other problems; "
              f"{self.old_held} daemons held a replaced module", flush=True)
        return failures == 0 and not problems

    def _judge_queries(self):
        """Ours have random letter case; but that a name does not exist is asked once more in small letters."""
        ours, small, glibc = 0, collections.Counter(), 0
        for server in self.servers:
            confirmable = {}
            for when, name, kind in server.queries():
                lower = name.lower()
                if name != lower:
                    ours += 1
                    if lower not in self.known:
                        confirmable[lower, kind] = when
                elif sum(letter.isalpha() for letter in name) < LOWER_BY_CHANCE or \
                        when - confirmable.get((lower, kind), 0) <= GRACE_S:
                    pass
                elif any(begin <= when <= end for begin, end in self.excused):
                    glibc += 1
                else:
                    small[f"{name} {kind} of {server.address} at {when}"] += 1
        print(f"{ours} queries in random letter case, {sum(small.values())} by glibc's dns; {glibc} while it was to be")
        if ours < 1000:
            wrong("the servers were not asked much")
        if not glibc:
            wrong("queries by glibc's dns cannot be told")
        for query, count in small.most_common(10):
            wrong(f"glibc's own dns has asked: {query}, {count} times")

    def _judge_memory(self):
        if not self.looks:
            return
        first, last = self.looks[0], self.looks[-1]
        for name, (kib, files, maps) in last.items():
            kib0, files0, maps0 = first[name]
            print(f"{name:16}{kib0:8} -> {kib:8} KiB, {files0} -> {files} descriptors, {maps0} -> {maps} mappings of ours")
            if kib > kib0 * GROWTH + GROWTH_KIB:
                wrong(f"{name} grew from {kib0} to {kib} KiB")
            if files > files0:
                wrong(f"{name} had {files0} descriptors, and has {files}")

    def _judge_stats(self):
        """The caches of root and of users, of a login and of none: all have answered, and have asked servers."""
        for user in ("root", "anna", "www-data", "java", "postgres"):
            text = run(*as_user(user, "aiodns", "stats", "--json"), capture_output=True, text=True).stdout
            tier = "host" if user == "root" else "user"
            counts = json.loads(text)["tiers"].get(tier, {})
            print(f"{user:16}{counts.get('hits', 0):8} answered by the {tier}'s cache, {counts.get('misses', 0)} asked of servers")
            if not counts.get("hits") or not counts.get("misses"):
                wrong(f"{user} has used no {tier}'s cache: {text}")

    def _judge_logs(self):
        text = "".join(file.read_text(errors="replace") for folder in ("nginx", "postgresql")
                       for file in sorted(pathlib.Path("/var/log", folder).glob("*.log*")))
        for line in text.splitlines():
            if re.search(r"exited on signal|terminated by signal|host not found|could not (translate|resolve)|\[(alert|crit|emerg)\]"
                         r"|PANIC|server process .* was terminated", line):
                wrong(f"a log has: {line}")


def main():
    day = Day(float(sys.argv[1]))
    day.install()
    try:
        day.begin()
        rounds = day.live()
        day.removed()
        say(f"{rounds} rounds of upgrade, reinstallation and downgrade")
    except RuntimeError as error:
        wrong(str(error))
    finally:
        (PLACE / "stop").touch()
    day.end()
    return 0 if day.judge() else 1


if __name__ == "__main__":
    # The first process of a namespace has to wait for all that lose their parents.
    if os.getpid() == 1:
        child = os.fork()
        if child:
            while True:
                pid, status = os.wait()
                if pid == child:
                    sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
    sys.exit(main())
