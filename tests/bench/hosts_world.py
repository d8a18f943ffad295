"""The worlds of the benchmark of hosts files, and what their processes take."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import netns


class Wrong(Exception):
    """What must not be: an answer that is not right."""


class World:
    """A mount namespace with files of its own, and a client in it."""

    count = 0

    def __init__(self, bench, hosts, *, files=None, cache=False):
        World.count += 1
        self.folder = bench.folder / f"world{World.count}"
        self.folder.mkdir()
        self.name, self.cache = hosts, cache
        line = f"passwd: files\ngroup: files\nservices: files\nhosts: {hosts}\n"
        self.files = {"nsswitch.conf": line} | (files or {})
        for name, content in self.files.items():
            if isinstance(content, pathlib.Path):
                shutil.copyfile(content, self.folder / name)  # a link would change the file's state for others
            else:
                (self.folder / name).write_text(content)
        self.client = subprocess.Popen([bench.client], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       bufsize=1, env={}, preexec_fn=self._enter)

    def _enter(self):
        netns.die_with_parent()
        netns.unshare(netns.CLONE_NEWNS)
        netns.mount(None, "/", flags=netns.MS_REC | netns.MS_PRIVATE)
        for name in self.files:
            if not os.path.exists(f"/etc/{name}"):
                pathlib.Path("/etc", name).touch()
            netns.mount(self.folder / name, f"/etc/{name}", flags=netns.MS_BIND)
        for target, mode in (("/run", "0755"), ("/dev/shm", "1777")):
            netns.mount("tmpfs", target, "tmpfs", 0 if self.cache else netns.MS_RDONLY, f"mode={mode}")

    def tell(self, *words):
        self.client.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self.client.stdout.readline()
        if not answer:
            raise Wrong(f"hosts: {self.name}: the client died at {words}")
        return answer.strip()

    def check(self, kind, name, right):
        answer = self.tell("ask", kind, name)
        if answer != right:
            raise Wrong(f"hosts: {self.name}: {kind} {name} gives {answer}, and should give {right}")

    def run(self, kind, name, count, batch=1):
        """Time and processor time of one lookup, in us."""
        return [int(word) / 1000 for word in self.tell("run", kind, name, count, batch).split()]

    def first(self, kind, name, count):
        """Of new processes: time of the lookup and of the process in us, the most memory in octets."""
        lookup, process, kib = map(int, self.tell("first", kind, name, count).split())
        return lookup / 1000, process / 1000, kib * 1024

    def inside(self, path):
        """A file that the world has, seen from here."""
        return pathlib.Path(f"/proc/{self.client.pid}/root", path)

    def execute(self, command):
        """Seconds that a command took in there."""
        begin = time.monotonic()
        subprocess.run(["nsenter", "-t", str(self.client.pid), "-m", "sh", "-c", command], check=True,
                       stdout=sys.stderr)
        return time.monotonic() - begin

    def close(self):
        self.client.stdin.close()
        self.client.wait()
        self.client.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def memory_of(pid):
    """Octets: the proportional set size, the resident one."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        word, *rest = line.split()
        if word in ("Pss:", "Rss:"):
            found[word[:-1].lower()] = int(rest[0]) * 1024
    return found
