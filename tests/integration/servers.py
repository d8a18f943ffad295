"""Real DNS servers in the foreground, from what tests/servers/fetch unpacked or what is installed."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import dns.exception
import dns.message
import dns.query
import pytest

import netns
import zones

ROOT = pathlib.Path(os.environ.get("AIODNS_SERVERS_DIR", pathlib.Path(__file__).parents[2] / "build/servers"), "root")
READY_WITHIN = 30  # seconds; only ever waited for by a server that does not come up


def find(program):
    unpacked = ROOT / "usr/sbin" / program
    found = str(unpacked) if unpacked.exists() else shutil.which(program, path="/usr/sbin:/usr/bin")
    if not found:
        pytest.skip(f"{program} is neither unpacked (tests/servers/fetch) nor installed")
    return found


def library_path():
    folders = [folder for base in ("usr/lib", "lib") for folder in sorted((ROOT / base).glob("*-linux-*"))]
    return ":".join(map(str, folders))


@contextlib.contextmanager
def running(argv, folder, address, question):
    """The program, from when it answers `question` (name, type) without an error."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env=os.environ | {"LD_LIBRARY_PATH": library_path()},
                                   preexec_fn=netns.die_with_parent)
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not answers(address, *question):
            if process.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(log.read_text().splitlines()[-8:])
                pytest.fail(f"{argv[0]} did not come up:\n{last}", pytrace=False)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(READY_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(address, name, kind):
    query = dns.message.make_query(name, kind)
    try:
        return dns.query.udp(query, address, timeout=0.1).rcode() == 0
    except (dns.exception.DNSException, OSError):  # silent, or nobody listens yet
        time.sleep(0.01)  # between polls of a starting program
        return False


def _write_zones(folder):
    for name, text in zones.ZONES.items():
        (folder / name).write_text(text)


def bind(folder, address="127.0.1.1"):
    _write_zones(folder)
    netns.ip("address", "replace", f"{address}/8", "dev", "lo")  # it listens on what an interface really has
    blocks = "".join(f'zone "{name}" {{ type primary; file "{name}"; }};\n' for name in zones.ZONES)
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key";
  listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }};
  dnssec-validation no; empty-zones-enable no; notify no;
  check-names primary ignore; max-records-per-type 0; rrset-order {{ order none; }};
}};
controls {{ }};
{blocks}
zone "broken.test" {{ type primary; file "missing"; }};
""")
    return running([find("named"), "-g", "-n", "1", "-c", folder / "named.conf"], folder, address,
                   ("example.test", "SOA"))


def knot(folder, address="127.0.1.2"):
    _write_zones(folder)
    blocks = "".join(f"  - domain: {name}\n    file: {name}\n" for name in zones.ZONES)
    (folder / "knot.conf").write_text(f"""
server:
    rundir: "{folder}"
    listen: "{address}@53"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
    journal-db-max-size: 1M
    kasp-db-max-size: 5M
    timer-db-max-size: 1M
    catalog-db-max-size: 5M
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    journal-content: none
zone:
{blocks}""")
    return running([find("knotd"), "-c", folder / "knot.conf"], folder, address, ("example.test", "SOA"))


def unbound(folder, address="127.0.1.3", upstream="127.0.1.2"):
    """Zone local.test is its own, the zones of this suite are upstream's."""
    # It answers for test and the documentation networks itself unless told not to.
    free = "".join(f'  local-zone: "{name}" nodefault\n' for name in
                   ("test.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."))
    stubs = "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: {upstream}\n' for name in zones.ZONES)
    (folder / "unbound.conf").write_text(f"""
server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
  rrset-roundrobin: no
{free}
  local-zone: "local.test." static
  local-data: "host.local.test. A 198.51.100.40"
  local-data: "host.local.test. AAAA 2001:db8:1::40"
  local-data: "v4.local.test. A 198.51.100.41"
  local-data-ptr: "198.51.101.40 host.local.test"
  local-zone: "refused.test." refuse
remote-control:
  control-enable: no
{stubs}
""")
    return running([find("unbound"), "-d", "-p", "-c", folder / "unbound.conf"], folder, address,
                   ("host.local.test", "A"))


def dnsmasq(folder, address="127.0.1.4", upstream="127.0.1.1"):
    """Names of its own, the zones of this suite from upstream. Without a negative cache: what it makes of an alias for
    a name that does not exist, depends on which type was asked first."""
    hosts = [f"{address} many.mine.test" for address in zones.MANY4 + zones.MANY6]
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    (folder / "dnsmasq.conf").write_text(f"""
no-resolv
no-hosts
no-poll
no-negcache
bind-interfaces
listen-address={address}
except-interface=nothing
user=
group=
pid-file=
addn-hosts={folder}/hosts
local=/mine.test/
host-record=host.mine.test,198.51.101.5,2001:db8:2::5
host-record=MiXeD.mine.test,198.51.101.7
cname=chain.mine.test,chain1.mine.test
cname=chain1.mine.test,host.mine.test
txt-record=text.mine.test,no address
ptr-record=40.101.51.198.in-addr.arpa,Host.mine.test
address=/wild.mine.test/198.51.101.9
server=/example.test/{upstream}
server=/other.test/{upstream}
server=/in-addr.arpa/{upstream}
server=/ip6.arpa/{upstream}
""")
    return running([find("dnsmasq"), "-k", "-C", folder / "dnsmasq.conf"], folder, address, ("host.mine.test", "A"))
