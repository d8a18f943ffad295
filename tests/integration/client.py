"""One program that resolves: reads lookups as JSON, one a line, calls libc for each, writes what it got.

Runs as a process of its own, so that the C library is as a program meets it. Calls through ctypes, since
the socket module hides h_errno, aliases by family, and the buffer that callers pass.
"""

import ctypes as c
import json
import os
import socket
import sys
import threading

libc = c.CDLL(None, use_errno=True)


class Addrinfo(c.Structure):
    pass


Addrinfo._fields_ = [("flags", c.c_int), ("family", c.c_int), ("socktype", c.c_int), ("protocol", c.c_int),
                     ("addrlen", c.c_uint32), ("addr", c.c_void_p), ("canonname", c.c_char_p),
                     ("next", c.POINTER(Addrinfo))]


class Hostent(c.Structure):
    _fields_ = [("name", c.c_char_p), ("aliases", c.POINTER(c.c_char_p)), ("family", c.c_int), ("length", c.c_int),
                ("addrs", c.POINTER(c.c_void_p))]


libc.__h_errno_location.restype = c.POINTER(c.c_int)
libc.__res_state.restype = c.c_void_p
libc.freeaddrinfo.argtypes = [c.POINTER(Addrinfo)]
for call in (libc.gethostbyname, libc.gethostbyname2, libc.gethostbyaddr):
    call.restype = c.POINTER(Hostent)

EAI = {value: name for name, value in vars(socket).items() if name.startswith("EAI_")}
EAI.update({-5: "EAI_NODATA", -9: "EAI_ADDRFAMILY", -105: "EAI_IDN_ENCODE"})
H_ERRNO = {0: "0", -1: "NETDB_INTERNAL", 1: "HOST_NOT_FOUND", 2: "TRY_AGAIN", 3: "NO_RECOVERY", 4: "NO_DATA"}
FAMILY = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unspec": socket.AF_UNSPEC}
FLAGS = {name: getattr(socket, name) for name in
         ("AI_CANONNAME", "AI_ADDRCONFIG", "AI_V4MAPPED", "AI_ALL", "AI_PASSIVE", "AI_NUMERICHOST",
          "NI_NAMEREQD", "NI_NUMERICHOST", "NI_NOFQDN", "NI_DGRAM")}
FLAGS.update(AI_IDN=0x40, AI_CANONIDN=0x80, NI_IDN=0x20)  # GNU's


def text(data):
    return None if data is None else data.decode("latin-1")


def sockaddr(family, data):
    """The address in a struct sockaddr, with its scope."""
    if family == socket.AF_INET:
        return socket.inet_ntop(family, data[4:8])
    scope = int.from_bytes(data[24:28], sys.byteorder)
    return socket.inet_ntop(family, data[8:24]) + (f"%{scope}" if scope else "")


def gai(name, family="unspec", flags=()):
    hints = Addrinfo(flags=sum(FLAGS[flag] for flag in flags), family=FAMILY[family], socktype=socket.SOCK_STREAM)
    result = c.POINTER(Addrinfo)()
    c.set_errno(0)
    status = libc.getaddrinfo(name.encode("latin-1"), None, c.byref(hints), c.byref(result))
    if status != 0:
        return {"error": EAI[status], **({"errno": c.get_errno()} if status == socket.EAI_SYSTEM else {})}
    addrs, canon, entry = [], result.contents.canonname, result
    while entry:
        addrs.append(sockaddr(entry.contents.family, c.string_at(entry.contents.addr, entry.contents.addrlen)))
        entry = entry.contents.next
    answer = {"addrs": addrs, "canon": text(canon)}
    libc.freeaddrinfo(result)
    return answer


def _hostent(entry):
    addrs, aliases = [], []
    while entry.addrs[len(addrs)]:
        addrs.append(socket.inet_ntop(entry.family, c.string_at(entry.addrs[len(addrs)], entry.length)))
    while entry.aliases[len(aliases)]:
        aliases.append(text(entry.aliases[len(aliases)]))
    return {"name": text(entry.name), "aliases": aliases, "addrs": addrs}


def _reentrant(call, length):
    """Doubles the buffer at ERANGE, as every caller does."""
    while True:
        buffer, entry, result, h_errno = c.create_string_buffer(length), Hostent(), c.POINTER(Hostent)(), c.c_int(12345)
        status = call(c.byref(entry), buffer, c.c_size_t(length), c.byref(result), c.byref(h_errno))
        if status != 34:
            break
        length *= 2
    return _hostent(entry) if result else {"error": H_ERRNO[h_errno.value], "status": status}


def _static(call):
    """For the forms that answer out of glibc's own buffer, and by h_errno."""
    h_errno = libc.__h_errno_location()
    h_errno[0] = 12345
    result = call()
    return _hostent(result.contents) if result else {"error": H_ERRNO[h_errno[0]]}


def byname2(name, family="inet", length=1024, static=False):
    arguments = name.encode("latin-1"), FAMILY[family]
    if static:
        return _static(lambda: libc.gethostbyname2(*arguments))
    return _reentrant(lambda *rest: libc.gethostbyname2_r(*arguments, *rest), length)


def byname(name, length=1024, static=False):
    if static:
        return _static(lambda: libc.gethostbyname(name.encode("latin-1")))
    return _reentrant(lambda *rest: libc.gethostbyname_r(name.encode("latin-1"), *rest), length)


def byaddr(addr, length=1024, static=False):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    data = socket.inet_pton(family, addr)
    if static:
        return _static(lambda: libc.gethostbyaddr(data, len(data), family))
    return _reentrant(lambda *rest: libc.gethostbyaddr_r(data, len(data), family, *rest), length)


def nameinfo(addr, flags=("NI_NAMEREQD",), length=1025):
    addr, _, scope = addr.partition("%")
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    data = socket.inet_pton(family, addr)
    head = family.to_bytes(2, sys.byteorder) + b"\0\0"
    scope_id = (socket.if_nametoindex(scope) if scope else 0).to_bytes(4, sys.byteorder)
    address = head + data + bytes(8) if family == socket.AF_INET else head + bytes(4) + data + scope_id
    host = c.create_string_buffer(length)
    status = libc.getnameinfo(address, len(address), host, length, None, 0, sum(FLAGS[flag] for flag in flags))
    return {"error": EAI[status]} if status else {"name": text(host.value)}


def threads(lookups):
    """The same lookups at once, each in a thread of its own."""
    results = [None] * len(lookups)

    def one(index):
        results[index] = CALLS[lookups[index][0]](**lookups[index][1])

    workers = [threading.Thread(target=one, args=(index,)) for index in range(len(lookups))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def forked(lookup):
    """The same lookup in a child made by fork."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, json.dumps(CALLS[lookup[0]](**lookup[1])).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    return answer


def set_res(server=None, port=None, options=None):
    """Changes _res as programs do after res_init(): the first server's address and port, the options."""
    libc.__res_init()
    state = libc.__res_state()
    if server:
        c.memmove(state + 20 + 4, socket.inet_aton(server), 4)
    if port:
        c.memmove(state + 20 + 2, port.to_bytes(2, "big"), 2)
    if options:
        word = c.c_ulong.from_address(state + 8)
        word.value |= options
    return {}


def descriptors():
    """The open descriptors and what they are."""
    return {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
            if os.path.lexists(f"/proc/self/fd/{number}")}


def modules():
    """The NSS modules that are mapped."""
    with open("/proc/self/maps") as maps:
        return sorted({line.split("/")[-1].strip() for line in maps if "/libnss_" in line})


CALLS = {call.__name__: call for call in
         (gai, byname, byname2, byaddr, nameinfo, threads, forked, set_res, descriptors, modules)}

if __name__ == "__main__":
    for line in sys.stdin:
        call, arguments = json.loads(line)
        print(json.dumps(CALLS[call](**arguments)), flush=True)
