"""The servers of the benchmark of hosts files: one for names that are on no list, and those that have the list, too."""

import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import netns
from hosts_world import Wrong, memory_of

UPSTREAM = "127.0.0.1"  # Server is there
CACHED_NAME, CACHED_ADDRESS = "www.example", "192.0.2.10"
READY_S = 120


class Server(threading.Thread):
    """Knows www.example, and that all other names are nowhere; counts what it is asked."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.asked = 0
        self.start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(4096)
            self.asked += 1
            self.socket.sendto(self.reply(query), sender)

    @staticmethod
    def reply(query):
        end, labels = 12, []
        while query[end]:
            labels.append(query[end + 1:end + 1 + query[end]].decode("latin-1").lower())
            end += 1 + query[end]
        kind = struct.unpack("!H", query[end + 1:end + 3])[0]
        question = query[12:end + 5]
        known, answer = ".".join(labels) == CACHED_NAME, b""
        if known and kind == 1:
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 86400, 4) + socket.inet_aton(CACHED_ADDRESS)
        top = b"\x07example\0" if labels[-1:] == ["example"] else b"\0"
        soa = b"\0\0" + struct.pack("!IIIII", 1, 86400, 3600, 604800, 86400)
        soa = top + struct.pack("!HHIH", 6, 1, 86400, len(soa)) + soa
        flags = 0x8580 | (0 if known else 3)
        head = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if answer else 0, 0 if answer else 1, 0)
        return head + question + (answer or soa)


def question(name, number=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def find(program, servers):
    unpacked = pathlib.Path(servers or "/nonexistent", "root/usr/sbin", program)
    return str(unpacked) if unpacked.exists() else shutil.which(program, path="/usr/sbin:/usr/bin")


def libraries(servers):
    root = pathlib.Path(servers or "/nonexistent", "root")
    return ":".join(str(folder) for base in ("usr/lib", "lib") for folder in sorted((root / base).glob("*-linux-*")))


def answered(address, name):
    """The answer's code, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.05)
        try:
            asking.connect((address, 53))
            asking.send(question(name))
            return asking.recv(4096)[3] & 15
        except OSError:
            return None


class Peer:
    """A server with the list, from its start to its first answer."""

    def __init__(self, bench, name, program, arguments, address, blocked):
        self.name, self.address = name, address
        path = {"LD_LIBRARY_PATH": libraries(bench.options.servers)} if "/root/usr/" in program else {}
        log = (bench.folder / f"{name}.log").open("wb")
        begin = time.monotonic()
        self.process = subprocess.Popen([program, *arguments], env=os.environ | path, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, preexec_fn=netns.die_with_parent)
        log.close()
        while answered(address, blocked) is None:
            if self.process.poll() is not None or time.monotonic() - begin > READY_S:
                raise Wrong(f"{name} did not come up: " + (bench.folder / f"{name}.log").read_text()[-500:])
            time.sleep(0.01)  # between looks at a program that starts
        self.load_s = time.monotonic() - begin
        self.memory = memory_of(self.process.pid)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def dnsmasq_conf(address, *lines):
    return "\n".join(("no-resolv", "no-hosts", "no-poll", "bind-interfaces", f"listen-address={address}",
                      "except-interface=nothing", "user=", "group=", "pid-file=", "cache-size=10000",
                      f"server={UPSTREAM}", *lines)) + "\n"


def unbound_conf(folder, address, names):
    return f"""
server:
  interface: {address}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
  include: "{names}"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {UPSTREAM}
"""


def peers(bench, names):
    """Each in turn: name, address, what starts it."""
    folder, servers = bench.folder, bench.options.servers
    dnsmasq, unbound = find("dnsmasq", servers), find("unbound", servers)
    hosts, rules, zones = folder / "peer.hosts", folder / "peer.dnsmasq", folder / "peer.unbound"
    if dnsmasq:
        hosts.write_text("".join(f"0.0.0.0 {name}\n" for name in names))
        conf = folder / "dnsmasq-hosts.conf"
        conf.write_text(dnsmasq_conf("127.0.0.21", f"addn-hosts={hosts}"))
        yield "dnsmasq-hosts", "127.0.0.21", dnsmasq, ["-k", "-C", conf], "0.0.0.0"
        rules.write_text("".join(f"address=/{name}/\n" for name in names))
        conf = folder / "dnsmasq-rules.conf"
        conf.write_text(dnsmasq_conf("127.0.0.22", f"conf-file={rules}"))
        yield "dnsmasq-rules", "127.0.0.22", dnsmasq, ["-k", "-C", conf], "no such name"
    if unbound:
        zones.write_text("".join(f'local-zone: "{name}." always_nxdomain\n' for name in names))
        conf = folder / "unbound.conf"
        conf.write_text(unbound_conf(folder, "127.0.0.23", zones))
        yield "unbound", "127.0.0.23", unbound, ["-d", "-p", "-c", conf], "no such name"
