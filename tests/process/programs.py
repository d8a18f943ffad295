"""Starts the programs of this folder, and serves the names they ask for."""

import os
import pathlib
import subprocess

import pytest

FOLDER = pathlib.Path(os.environ.get("AIODNS_PROCESS_DIR",
                                     pathlib.Path(__file__).resolve().parents[2] / "build/dev/tests/process"))
SKIPPED = 77
DEADLOCKED = 120  # seconds after which a program counts as hung


def program(name):
    return FOLDER / f"process_{name}"


def clean_environment(env=()):
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("RES_", "LOCALDOMAIN", "HOSTALIASES"))} | dict(env)


def run(name, *arguments, env=(), before=(), timeout=DEADLOCKED, **how):
    """One program to its end; what it printed. It ends with status 0, or says what was wrong."""
    done = subprocess.run([*before, program(name), *map(str, arguments)], capture_output=True, text=True,
                          env=clean_environment(env), timeout=timeout, **how)
    print(done.stdout)
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, f"status {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def addresses(count, first=1):
    """The scheme of module.h."""
    return {"A": [f"198.18.0.{n}" for n in range(first, first + count)],
            "AAAA": [f"2001:db8::{n:x}" for n in range(first, first + count)]}


def remembering(handler):
    """A handler that has the reply to each question made once only."""
    made = {}

    def answer(query):
        key = query.key, query.type, query.tcp
        if key not in made:
            captured = []
            send, query.send = query.send, captured.append
            handler(query)
            query.send = send
            made[key] = [reply if isinstance(reply, bytes) else reply.to_wire(max_size=65535, want_shuffle=False)
                         for reply in captured]
        end = 12 + len(query.message.question[0].name.to_wire()) + 4
        for reply in made[key]:
            query.send(query.wire[:2] + reply[2:12] + query.wire[12:end] + reply[end:])
    return answer


class Client:
    """A running program that does lookups."""

    def __init__(self, env=(), before=(), **how):
        self._process = subprocess.Popen([*before, how.pop("file", program("client"))], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, env=clean_environment(env), **how)

        self.pid = self._process.pid  # of the program itself, unless the command before it forks

    def tell(self, how, what):
        self._told = f"{how} {what}"
        self._process.stdin.write(f"{self._told}\n")
        self._process.stdin.flush()

    def hear(self):
        answer = self._process.stdout.readline()
        assert answer, f"the client died at {self._told}, status {self._process.wait()}"
        return answer.rstrip("\n")

    def ask(self, how, what):
        self.tell(how, what)
        return self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
