"""What tests ask, and how: through the module, or through glibc's own services to compare."""

import json
import os
import pathlib
import subprocess

import netns

CLIENT = pathlib.Path(__file__).with_name("client.py")
PYTHON = "/usr/bin/python3"


def gai(name, family="unspec", *flags):
    return "gai", {"name": name, "family": family, "flags": flags}


def byname(name, **more):
    return "byname", {"name": name, **more}


def byname2(name, family, **more):
    return "byname2", {"name": name, "family": family, **more}


def byaddr(addr, **more):
    return "byaddr", {"addr": addr, **more}


def nameinfo(addr, *flags, **more):
    return "nameinfo", {"addr": addr, **({"flags": flags} if flags else {}), **more}


def threads(*lookups):
    return "threads", {"lookups": lookups}


def forked(lookup):
    return "forked", {"lookup": lookup}


def set_res(**what):
    return "set_res", what


def every_way(name):
    """The calls that reach each entry point of a module."""
    return [gai(name), gai(name, "inet"), gai(name, "inet6"),
            gai(name, "unspec", "AI_CANONNAME"), gai(name, "inet", "AI_CANONNAME"), gai(name, "inet6", "AI_CANONNAME"),
            gai(name, "unspec", "AI_ADDRCONFIG"), gai(name, "inet6", "AI_V4MAPPED"),
            gai(name, "inet6", "AI_V4MAPPED", "AI_ALL"),
            byname(name), byname2(name, "inet"), byname2(name, "inet6")]


class Client:
    """A running program that does lookups. Its services are those of nsswitch.conf when it asks.

    `before` are the words of a command that starts it. What is told is heard later, in the same order.
    """

    def __init__(self, env=(), program=CLIENT, before=()):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RES_", "LOCALDOMAIN"))}
        self._process = subprocess.Popen([*before, PYTHON, "-I", program], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, env=clean | dict(env))
        self.pid = self._process.pid  # of the program itself, unless the command before it forks

    def tell(self, lookup):
        self._process.stdin.write(json.dumps(lookup) + "\n")
        self._process.stdin.flush()

    def hear(self):
        answer = self._process.stdout.readline()
        assert answer, f"the client died, status {self._process.wait()}"
        return json.loads(answer)

    def ask(self, lookup):
        self.tell(lookup)
        return self.hear()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _answers(lookups, env):
    """Each lookup through the module, in one new process. The hosts line names nothing else that could answer."""
    with Client(env) as client:
        answers = [client.ask(lookup) for lookup in lookups]
        if netns.CACHED:
            again = [client.ask(lookup) for lookup in lookups]
            assert list(map(ordered, again)) == list(map(ordered, answers)), "the cache answers otherwise"
            answers = again
        if netns.SERVICE == "aiodns":
            assert client.ask(("modules", {})) == ["libnss_aiodns.so.2"]
    return answers


def _glibc_answers(net, lookups, env, service):
    net.service(service)
    try:
        with Client(env) as client:
            return [client.ask(lookup) for lookup in lookups]
    finally:
        net.service(netns.SERVICE)


def _one_or_all(answers):
    return answers[0] if len(answers) == 1 else answers


def ask(*lookups, env=()):
    return _one_or_all(_answers(lookups, env))


def ask_glibc(net, *lookups, env=(), service=netns.GLIBC):
    return _one_or_all(_glibc_answers(net, lookups, env, service))


def ordered(answer):
    """Servers rotate the addresses of a set: their order says nothing."""
    return answer | {"addrs": sorted(answer["addrs"])} if "addrs" in answer else answer


def shown(lookup, *answers):
    call, arguments = lookup
    words = " ".join(str(word) for word in arguments.values() if word)
    short = [{key: value[:3] + ["..."] if isinstance(value, list) and len(value) > 4 else value
              for key, value in answer.items()} for answer in answers]
    return f"{call} {words}: aiodns {short[0]}, glibc {short[1]}"


def differences(net, *lookups, env=(), keep_order=False, at_once=False):
    """A line for each lookup that ours and glibc answer differently. `at_once`: for those that are waited for."""
    like = (lambda answer: answer) if keep_order else ordered
    asked = [threads(*lookups)] if at_once else lookups
    ours, theirs = _answers(asked, env), _glibc_answers(net, asked, env, netns.GLIBC)
    if at_once:
        ours, theirs = ours[0], theirs[0]
    lines = [shown(lookup, our, their) for lookup, our, their in zip(lookups, ours, theirs) if like(our) != like(their)]
    print(*lines, sep="\n")  # pytest shortens what it compares, not what is printed
    return lines
