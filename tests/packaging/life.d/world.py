"""The network of the day: the host's addresses, two name servers (unbound) beyond a link, and the names that they know."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

PLACE = pathlib.Path("/run/life")
ZONE = "servers.production.example"
HOST = "192.0.2.10"
SERVERS = ("192.0.2.53", "192.0.2.54")
WORKERS = ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi "
           "omega").split()
# Names of this host itself, on addresses of its own; "packages" is where apt-get gets its packages from.
SERVICES = {"database": ("192.0.2.11", "2001:db8::11"), "backend-one": ("192.0.2.12",), "backend-two": ("192.0.2.13",),
            "web": ("192.0.2.14", "2001:db8::14"), "packages": ("192.0.2.15", "2001:db8::15")}
ALIASES = {"www": "web", "www-shop": "web", "www-intranet": "web"}
TTLS = (1, 2, 3, 5)
START_S = 20


def run(*command, **options):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)


def wait_for(condition, what, limit_s=START_S):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {limit_s} s")
        time.sleep(0.05)


def workers():
    """Every second one has an IPv6 address, too."""
    return {f"worker-{name}": (f"192.0.2.{100 + i}",) + ((f"2001:db8::{100 + i}",) if i % 2 else ())
            for i, name in enumerate(WORKERS)}


def hosts():
    """{full name: addresses} of all that is in the zone, aliases included."""
    found = {f"{name}.{ZONE}": addresses for name, addresses in {**SERVICES, **workers()}.items()}
    found.update({f"{alias}.{ZONE}": SERVICES[name] for alias, name in ALIASES.items()})
    return found


def _reverse(address):
    if ":" not in address:
        return ".".join(reversed(address.split("."))) + ".in-addr.arpa."
    return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex())) + ".ip6.arpa."


def _write_zones(folder):
    head = "@ 60 IN SOA ns.{0}. admin.{0}. 1 3600 600 86400 2\n@ 60 IN NS ns.{0}.\n".format(ZONE)
    forward, reverse4, reverse6 = [], [], []
    for i, (name, addresses) in enumerate({**SERVICES, **workers()}.items()):
        for address in addresses:
            ttl = TTLS[i % len(TTLS)]
            forward.append(f"{name} {ttl} IN {'AAAA' if ':' in address else 'A'} {address}")
            (reverse6 if ":" in address else reverse4).append(f"{_reverse(address)} {ttl} IN PTR {name}.{ZONE}.")
    forward += [f"{alias} 3 IN CNAME {name}" for alias, name in ALIASES.items()] + ["ns 60 IN A 192.0.2.53"]
    forward += [f"ads-{i}.tracker 2 IN A 192.0.2.200" for i in range(3)]
    for name, lines in (("forward", forward), ("reverse4", reverse4), ("reverse6", reverse6)):
        (folder / name).write_text(head + "\n".join(lines) + "\n")


class NameServer:
    def __init__(self, address):
        self.address, self.process = address, None
        self.folder = pathlib.Path(f"/srv/names/{address}")
        self.log = self.folder / "log"
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_zones(self.folder)
        zones = ((ZONE, "forward"), ("2.0.192.in-addr.arpa", "reverse4"), ("8.b.d.0.1.0.0.2.ip6.arpa", "reverse6"))
        lines = ["server:", f"interface: {address}", "access-control: 0.0.0.0/0 allow", 'chroot: ""', 'username: ""',
                 'pidfile: ""', f'logfile: "{self.log}"', "use-syslog: no", "log-queries: yes", "do-daemonize: no",
                 'module-config: "iterator"', "do-ip6: no", "num-threads: 1", "verbosity: 0", f'directory: "{self.folder}"']
        lines += [f'local-zone: "{zone}." nodefault' for zone, _ in zones[1:]]
        for zone, file in zones:
            lines += ["auth-zone:", f'name: "{zone}."', f'zonefile: "{self.folder}/{file}"', "for-downstream: no",
                      "for-upstream: yes"]
        (self.folder / "unbound.conf").write_text("\n".join(lines) + "\n")

    def _answers(self):
        question = b"\x12\x34\x01\x00\x00\x01" + bytes(6)
        question += b"".join(bytes([len(label)]) + label.encode() for label in f"ns.{ZONE}".split(".")) + b"\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.2)
            try:
                asking.connect((self.address, 53))
                asking.send(question)
                return asking.recv(512)[:2] == question[:2]
            except OSError:
                return False

    def start(self):
        self.process = subprocess.Popen(["ip", "netns", "exec", "names", "unbound", "-d", "-c",
                                         str(self.folder / "unbound.conf")], stdin=subprocess.DEVNULL)
        wait_for(self._answers, f"name server {self.address}")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def freeze(self, while_s):
        """Silence, as of a server that is out of reach."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(while_s)
        self.process.send_signal(signal.SIGCONT)

    def queries(self):
        """(time, name, type) of each; what start() asks itself is left out, and apt-get's SRV, which it asks for by res_query(3)."""
        pattern = re.compile(r"\[(\d+)\] unbound\[\d+:\d+\] info: \S+ (\S+)\. (\S+) IN$")
        for line in self.log.read_text().splitlines():
            match = pattern.match(line)
            if match and match[2] != f"ns.{ZONE}" and match[3] != "SRV":
                yield int(match[1]), match[2], match[3]


def make_network():
    """Ours is this network namespace; the servers' one is behind a link."""
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    run("ip", "netns", "add", "names")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "names")
    addresses = [(HOST, "2001:db8::10")] + [one if len(one) == 2 else (one[0], None) for one in SERVICES.values()]
    for four, six in addresses:
        run("ip", "address", "add", f"{four}/24", "dev", "eth0")
        if six:
            run("ip", "address", "add", f"{six}/64", "dev", "eth0", "nodad")
    names = ("ip", "netns", "exec", "names", "ip")
    for address in SERVERS:
        run(*names, "address", "add", f"{address}/24", "dev", "eth0")
    run(*names, "link", "set", "lo", "up")
    run(*names, "link", "set", "eth0", "up")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", SERVERS[0])
    wait_for(lambda: "LOWER_UP" in run("ip", "link", "show", "eth0", capture_output=True, text=True).stdout, "the link")
    return [NameServer(address) for address in SERVERS]


def write_names():
    PLACE.mkdir(exist_ok=True)
    (PLACE / "out").mkdir(exist_ok=True)
    os.chmod(PLACE / "out", 0o1777)
    (PLACE / "names").write_text("".join(f"{name} {','.join(addresses)}\n" for name, addresses in sorted(hosts().items())))
