"""What each client of the day does the same: what names there are, when to pause and to stop, counts and failures.

/run/life/names has a name and its addresses a line. A client looks at /run/life/stop and /run/life/pause, and writes to
/run/life/out: failures as they happen into NAME.failed, one a line, its number of lookups into NAME.count, and
those in Python the slowest one into NAME.slowest.
"""

import pathlib
import socket
import threading
import time

PLACE = pathlib.Path("/run/life")
OUT = PLACE / "out"
STOP, PAUSE = PLACE / "stop", PLACE / "pause"
PAUSE_POLL_S = 0.05


def names(kind=None):
    """{name: {addresses}}, of one kind (worker, www, ...) or all."""
    found = {}
    for line in (PLACE / "names").read_text().splitlines():
        name, _, addresses = line.partition(" ")
        if kind is None or name.startswith(kind):
            found[name] = set(addresses.split(","))
    return found


class Client:
    def __init__(self, name):
        self.name, self.count, self.slowest_s = name, 0, 0.0
        self._lock = threading.Lock()

    def done(self, lookups=1):
        with self._lock:
            self.count += lookups
            (OUT / f"{self.name}.count").write_text(f"{self.count}\n")

    def failed(self, what, error):
        text = " ".join(str(error).split())
        with self._lock, open(OUT / f"{self.name}.failed", "a", encoding="utf-8") as file:
            file.write(f"{time.time():.3f} {what}: {text}\n")

    def rounds(self, pause_s):
        """Until the day is over; with a break between two rounds, which is how often things happen on a real host."""
        while not STOP.exists():
            if PAUSE.exists():
                time.sleep(PAUSE_POLL_S)
                continue
            yield
            time.sleep(pause_s)

    def look_up(self, name, expected, family=socket.AF_UNSPEC):
        start = time.monotonic()
        try:
            found = {entry[4][0] for entry in socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)}
            if found != expected:
                self.failed(name, f"{sorted(found)} in the place of {sorted(expected)}")
        except OSError as error:
            self.failed(name, error)
        taken = time.monotonic() - start
        if taken > self.slowest_s:
            self.slowest_s = taken
            (OUT / f"{self.name}.slowest").write_text(f"{taken:.3f} s, {name}, at {time.strftime('%H:%M:%S')}\n")
        self.done()

    def absent(self, name):
        """A name that does not exist must be said not to, which is not the same as that servers fail."""
        try:
            socket.getaddrinfo(name, 80)
            self.failed(name, "found, and does not exist")
        except socket.gaierror as error:
            if error.errno not in (socket.EAI_NONAME, socket.EAI_NODATA):
                self.failed(name, error)
        self.done()
