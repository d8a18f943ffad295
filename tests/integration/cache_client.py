"""client.py with more calls: for tests of what processes share."""

import ctypes as c
import gc
import itertools
import json
import os
import pathlib
import resource
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import client  # noqa: E402

CLONE_NEWNET = 0x40000000


def ttl(name):
    """The TTL that nscd is told, by the module's own function."""
    function = c.CDLL("libnss_aiodns.so.2")._nss_aiodns_gethostbyname4_r
    buffer, tuples = c.create_string_buffer(65536), c.c_void_p()
    error, h_error, seconds = c.c_int(), c.c_int(), c.c_int32(-1)
    status = function(name.encode(), c.byref(tuples), buffer, c.c_size_t(len(buffer)), c.byref(error),
                      c.byref(h_error), c.byref(seconds))
    return {"status": status, "ttl": seconds.value}


def same(lookup, times):
    """The same lookup so often, one after the other."""
    return [client.CALLS[lookup[0]](**lookup[1]) for _ in range(times)]


def herd(lookup, count):
    """The same lookup by so many processes, all released at one moment."""
    client.gai("localhost")  # the module is there, so that all of them are as fast
    gc.freeze()
    gate_read, gate_write = os.pipe()
    ready_read, ready_write = os.pipe()
    pipes, children = [], []
    for _ in range(count):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gate_write)
            os.write(ready_write, b"r")
            os.read(gate_read, 1)
            os.write(write, json.dumps(client.CALLS[lookup[0]](**lookup[1])).encode())
            os._exit(0)
        os.close(write)
        pipes.append(read)
        children.append(child)
    for _ in range(count):
        os.read(ready_read, 1)
    os.close(gate_write)
    answers = []
    for read, child in zip(pipes, children):
        with os.fdopen(read) as pipe:
            answers.append(json.load(pipe))
        os.waitpid(child, 0)
    os.close(gate_read), os.close(ready_read), os.close(ready_write)
    return answers


# -- Threads that stay.

_threads = {}


class Worker(threading.Thread):
    """Does what it is told, until the process ends."""

    def __init__(self):
        super().__init__(daemon=True)
        self._todo, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def run(self):
        while self._todo.acquire():
            self._answer = client.CALLS[self._call[0]](**self._call[1])
            self._done.release()

    def begin(self, call):
        self._call = call
        self._todo.release()

    def end(self):
        self._done.acquire()
        return self._answer


def begin(thread, call):
    """In the thread of that name; end() gives the answer."""
    _threads.setdefault(thread, None)
    if _threads[thread] is None:
        _threads[thread] = Worker()
    _threads[thread].begin(call)
    return {}


def end(thread):
    return _threads[thread].end()


def within(thread, call):
    begin(thread, call)
    return end(thread)


# -- The process and its limits.

def enter(path):
    """The calling thread goes into another network namespace."""
    with open(path) as namespace:
        if client.libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(c.get_errno(), "setns")
    return {}


def alternate(paths, lookups):
    """Each lookup in the next of the namespaces, without a pause."""
    answers = []
    for path, (call, arguments) in zip(itertools.cycle(paths), lookups):
        enter(path)
        answers.append(client.CALLS[call](**arguments))
    return answers


def next_tick():
    """Until the kernel's coarse clock has moved on."""
    coarse = 6  # CLOCK_MONOTONIC_COARSE
    now = time.clock_gettime(coarse)
    while time.clock_gettime(coarse) == now:
        time.sleep(0.0005)
    return {}


def limit(what, value):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # as in other programs: Python ignores it
    resource.setrlimit(getattr(resource, what), (value, resource.getrlimit(getattr(resource, what))[1]))
    return {}


_held = []


def use_descriptors(leave):
    """Opens files until only so many descriptors are left; in the end, gives all of them back."""
    for fd in _held:
        os.close(fd)
    _held.clear()
    if leave is None:
        return {}
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        while True:
            _held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for _ in range(leave):
        os.close(_held.pop())
    return {}


def fork_sleeper():
    """A child that lives until it is killed."""
    child = os.fork()
    if child == 0:
        os.close(0), os.close(1)
        while True:
            signal.pause()
    return {"pid": child}


def become(uid):
    """Gives root's rights up for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    return {}


def listed(path):
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


client.CALLS.update({call.__name__: call for call in (
    ttl, same, herd, begin, end, within, enter, alternate, next_tick, limit, use_descriptors, fork_sleeper, become,
    listed)})

if __name__ == "__main__":
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(client.CALLS[name](**arguments)), flush=True)
