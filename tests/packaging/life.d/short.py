"""The clients that are new processes each time: cron's shells, psql, curl through nginx, nginx's own reloads."""

import random
import subprocess
import threading

from client import Client, names
from daemons import as_user
from world import ZONE

LIMIT_S = 60
USERS = ("root", "www-data", "postgres", "anna", "java")

PERL = "use Socket qw(getaddrinfo); my ($e) = getaddrinfo($ARGV[0], 80); die $e if $e; print qq(found\\n)"
PERL_OLD = "print gethostbyname($ARGV[0]) ? qq(found\\n) : qq($?\\n)"
PHP = "echo gethostbyname($argv[1]) === $argv[1] ? 'nothing' : 'found', PHP_EOL;"
PYTHON = "import socket, sys; socket.getaddrinfo(sys.argv[1], 80); print('found')"

# (command, what its output must have); NAME is a worker or a service, ADDRESS one of its IPv4 addresses, SITE one of nginx's.
COMMANDS = (
    (["getent", "ahosts", "NAME"], "ADDRESS"),
    (["getent", "ahostsv4", "NAME"], "ADDRESS"),
    (["getent", "hosts", "ADDRESS"], "NAME"),
    (["sh", "-c", "getent hosts NAME >/dev/null && echo found"], "found"),
    (["sh", "-c", f"getent ahosts missing-7.{ZONE}; echo $?"], "2"),
    (["curl", "-sS", "http://SITE/health"], "ok"),
    (["curl", "-sS", "http://SITE/app"], "ok"),
    (["wget", "-qO-", "http://SITE/direct"], "ok"),
    (["perl", "-e", PERL, "NAME"], "found"),
    (["perl", "-e", PERL_OLD, "NAME"], "found"),
    (["php", "-r", PHP, "NAME"], "found"),
    (["python3", "-c", PYTHON, "NAME"], "found"),
    # Nobody listens at this port: whoever gets so far has found the name.
    (["sh", "-c", "ssh -F /dev/null -o BatchMode=yes -p 1 SITE true 2>&1 || :"], "Connection refused"),
    (["sh", "-c", "git ls-remote git://SITE:1/nothing 2>&1 || :"], "Connection refused"),
    (["bash", "-c", "exec 3<>/dev/tcp/SITE/80 && echo found"], "found"),
    (["nc", "-zvw5", "SITE", "80"], ""),
)


def attempt(client, what, command, wanted, user="root"):
    """One command that has to end with 0, and with that in what it says."""
    try:
        done = subprocess.run(as_user(user, *command), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0 or wanted not in done.stdout:
            client.failed(f"{what} as {user}", f"{' '.join(command)}: {done.returncode}, {done.stdout}")
    except subprocess.TimeoutExpired as error:
        client.failed(f"{what} as {user}", error)
    client.done()


def cron(client, pause_s):
    known, sites = sorted(names().items()), sorted(names("www"))
    workers = sorted(names("worker").items())
    for _ in client.rounds(pause_s):
        command, wanted = random.choice(COMMANDS)
        reverse = "hosts" in command and "ADDRESS" in command
        name, addresses = random.choice(workers if reverse else known)
        address = next(one for one in sorted(addresses) if ":" not in one)

        def put(text, words=(("NAME", name), ("ADDRESS", address), ("SITE", random.choice(sites)))):
            for word, value in words:
                text = text.replace(word, value)
            return text

        attempt(client, command[0], [put(word) for word in command], put(wanted), random.choice(USERS))


def database(client, pause_s):
    """A connection by name; the server looks the client up both ways, and is a client of itself by name."""
    connect = f"host=database.{ZONE} user=postgres dbname=postgres"
    queries = ("SELECT count(*) FROM visits", "SELECT count(*) FROM remote_visits",
               f"SELECT n FROM dblink('{connect}', 'SELECT count(*) FROM visits') AS other(n bigint)")
    for _ in client.rounds(pause_s):
        query = random.choice(queries)
        attempt(client, "psql", ["psql", "-qXAt", connect, "-c", query], "10", random.choice(USERS))


def reloads(client, pause_s):
    """nginx reads its configuration, and the names in it, three times: to test it, to send the signal, and in the master."""
    for _ in client.rounds(pause_s):
        attempt(client, "nginx", ["sh", "-c", "nginx -t && nginx -s reload 2>&1"], "")


def start():
    """[(thread, client)]: all of them started."""
    found = []
    for name, work, pause_s in (("cron-1", cron, 0.1), ("cron-2", cron, 0.15), ("psql", database, 0.2), ("nginx", reloads, 1.0)):
        client = Client(name)
        thread = threading.Thread(target=work, args=(client, pause_s))
        thread.start()
        found.append((thread, client))
    return found
