"""PostgreSQL, nginx and the services of the day: how they are set up, started, reloaded and looked at."""

import os
import pathlib
import pwd
import re
import subprocess

from world import PLACE, ZONE, run, wait_for

HERE = pathlib.Path(__file__).resolve().parent
SETTLED = 20  # looks in a row at the descriptors of a daemon that pauses
USERS = ("java", "node", "anna")


def as_user(user, *command):
    """The user's processes as a login or a service manager starts them; anna is logged in, and so has /run/user/UID."""
    if user == "root":
        return list(command)
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", "--reset-env", "--", *command]


def make_users():
    for user in USERS:
        run("useradd", "--create-home", user)
    account = pwd.getpwnam("anna")
    folder = pathlib.Path(f"/run/user/{account.pw_uid}")
    folder.mkdir(parents=True)
    os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)


def start_nginx():
    # Each name is looked up when the configuration is read, by the master and by the commands that test and reload.
    pathlib.Path("/etc/nginx/nginx.conf").write_text(f"""
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
  upstream app {{ server backend-one.{ZONE}:8081; server backend-two.{ZONE}:8082; }}
  server {{ listen 8081; listen 8082; location / {{ return 200 "ok\\n"; }} }}
  server {{
    listen 80;
    listen [::]:80 ipv6only=on;
    location /health {{ return 200 "ok\\n"; }}
    location /app {{ proxy_pass http://app; }}
    location /direct {{ proxy_pass http://backend-one.{ZONE}:8081; }}
    location /packages/ {{ root /srv; autoindex on; }}
  }}
  server {{ listen web.{ZONE}:8080; location / {{ return 200 "ok\\n"; }} }}
}}
""")
    run("nginx", stderr=subprocess.DEVNULL)


def start_postgres():
    """Returns (version, what pg_ctlcluster wants)."""
    version = run("pg_lsclusters", "-h", capture_output=True, text=True).stdout.split()[0]
    cluster = (version, "main")
    etc = pathlib.Path(f"/etc/postgresql/{version}/main")
    hba = etc / "pg_hba.conf"
    # The server looks the client's address up, and the name that it gets back, for each connection.
    hba.write_text(f"local all all trust\nhost all all database.{ZONE} trust\n")
    with open(etc / "postgresql.conf", "a", encoding="utf-8") as file:
        file.write(f"listen_addresses = 'localhost,database.{ZONE}'\nfsync = off\nssl = off\nlog_hostname = on\n")
    run("pg_ctlcluster", *cluster, "start")
    setup = f"""
CREATE TABLE visits (id int); INSERT INTO visits SELECT generate_series(1, 10);
CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw;
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'database.{ZONE}', dbname 'postgres');
CREATE USER MAPPING FOR postgres SERVER other OPTIONS (user 'postgres');
CREATE FOREIGN TABLE remote_visits (id int) SERVER other OPTIONS (table_name 'visits');
"""
    run(*as_user("postgres", "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", setup), cwd="/")
    return cluster


class Process:
    """One that runs all day: it must not end, and neither its memory nor its descriptors may grow."""

    def __init__(self, name, pid, popen=None):
        self.name, self.pid, self.popen = name, pid, popen

    def alive(self):
        if self.popen:
            return self.popen.poll() is None
        try:
            return "State:\tZ" not in pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False

    def files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def size(self):
        """(resident KiB, descriptors, mappings of our module and caches)"""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        maps = pathlib.Path(f"/proc/{self.pid}/maps").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]), self.files(), maps.count("aiodns")

    def old_module(self):
        return "libnss_aiodns.so.2 (deleted)" in pathlib.Path(f"/proc/{self.pid}/maps").read_text()


def look_at(processes):
    """{name: size}, once the numbers of descriptors stay as they are."""
    seen = []

    def settled():
        seen.append([process.files() for process in processes])
        return len(seen) > SETTLED and all(one == seen[-1] for one in seen[-SETTLED:])

    wait_for(settled, "open files at rest")
    return {process.name: process.size() for process in processes}


def start_services():
    """The daemons that are our own programs: (name, user, command)."""
    java = PLACE / "java"
    run("javac", "-d", str(java), str(HERE / "Service.java"))
    wanted = (
        ("python", "www-data", ["python3", "-B", str(HERE / "service.py"), "python", "0.08"]),
        ("python-root", "root", ["python3", "-B", str(HERE / "service.py"), "python-root", "0.15"]),
        ("python-anna", "anna", ["python3", "-B", str(HERE / "service.py"), "python-anna", "0.3"]),
        ("java", "java", ["java", "-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dhttp.keepAlive=false",
                          "-cp", str(java), "Service", "java", "60"]),
        ("node", "node", ["node", str(HERE / "service.js"), "node", "60"]),
    )
    found = []
    for name, user, command in wanted:
        output = open(PLACE / f"{name}.output", "wb")
        popen = subprocess.Popen(as_user(user, *command), cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        found.append(Process(name, popen.pid, popen))
    return found


def file_pid(path):
    return int(pathlib.Path(path).read_text().split()[0])
