"""service.py NAME PAUSE_S: a daemon in Python: threads that look names up and fetch, and asyncio beside them."""

import asyncio
import random
import socket
import sys
import threading
import urllib.request

from client import PLACE, STOP, Client, names

client, pause_s = Client(sys.argv[1]), float(sys.argv[2])
known = names()
order = sorted(known)


def looking_up():
    for _ in client.rounds(pause_s):
        name = random.choice(order)
        client.look_up(name, known[name])


def of_one_family():
    for _ in client.rounds(pause_s):
        name = random.choice(order)
        client.look_up(name, {one for one in known[name] if ":" not in one}, socket.AF_INET)


def reverse():
    workers = sorted(names("worker").items())
    for _ in client.rounds(pause_s):
        name, addresses = random.choice(workers)
        try:
            found = socket.getnameinfo((random.choice(sorted(addresses)), 0), socket.NI_NAMEREQD)[0]
            if found != name:
                client.failed(name, f"reverse: {found}")
        except OSError as error:
            client.failed(f"reverse {name}", error)
        client.done()


def fetching():
    for _ in client.rounds(pause_s * 4):
        url = f"http://{random.choice(sorted(names('www')))}/health"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                if answer.read() != b"ok\n":
                    client.failed(url, "not the right page")
        except OSError as error:
            client.failed(url, error)
        client.done()


def missing():
    for _ in client.rounds(pause_s * 4):
        client.absent(f"missing-{random.randrange(5)}.servers.production.example")


async def asynchronous():
    loop = asyncio.get_running_loop()
    while not STOP.exists():
        if not (PLACE / "pause").exists():
            some = random.sample(order, 4)
            answers = await asyncio.gather(*(loop.getaddrinfo(name, 80, type=socket.SOCK_STREAM) for name in some),
                                           return_exceptions=True)
            for name, answer in zip(some, answers):
                if isinstance(answer, BaseException):
                    client.failed(f"asyncio {name}", answer)
                elif {entry[4][0] for entry in answer} != known[name]:
                    client.failed(f"asyncio {name}", answer)
                client.done()
        await asyncio.sleep(pause_s * 4)


threads = [threading.Thread(target=work) for work in (looking_up, of_one_family, reverse, fetching, missing)]
for thread in threads:
    thread.start()
asyncio.run(asynchronous())
for thread in threads:
    thread.join()
