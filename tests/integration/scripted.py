"""A DNS server that misbehaves to order: a callback for each query decides what goes back.

    def handler(query):
        query.send(query.reply("192.0.2.7"))

    with scripted.Server("127.0.3.1", handler) as server:
        ...
        assert server.asked() == [...]
"""

import copy
import select
import selectors
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 300


class Query:
    """One query as it came, and the ways to answer it."""

    def __init__(self, wire, tcp, peer, transmit):
        self.wire, self.tcp, self.peer, self._transmit = wire, tcp, peer, transmit
        self.message = dns.message.from_wire(wire)
        question = self.message.question[0]
        self.name = question.name.to_text(omit_final_dot=True)  # letter case as sent
        self.key = self.name.lower()
        self.type = dns.rdatatype.to_text(question.rdtype)
        self.edns = self.message.edns >= 0

    def __repr__(self):
        return f"<{self.name} {self.type}{' tcp' if self.tcp else ''}>"

    def send(self, reply):
        """As often as wanted; bytes go out as they are, with TCP's length before them."""
        if isinstance(reply, dns.message.Message):
            reply = reply.to_wire(max_size=65535, want_shuffle=False)
        self._transmit(struct.pack("!H", len(reply)) + reply if self.tcp else reply)

    def send_raw(self, data):
        """Octets as they are, without TCP's length."""
        self._transmit(data)

    def send_from(self, address):
        """What sends a UDP reply from another address or port than the one asked; port 0 is any."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

        def send(reply):
            with socket.socket(family, socket.SOCK_DGRAM) as other:
                other.bind(address)
                other.sendto(reply.to_wire(), self.peer)
        return send

    def reply(self, *data, rcode="NOERROR", cname=None):
        """A proper reply with these addresses (or names, for PTR) of the asked type, at the end of a CNAME chain."""
        message = dns.message.make_response(self.message, recursion_available=True)
        message.question = copy.deepcopy(message.question)  # tests spoil it, and dnspython shares it with the query
        message.set_rcode(dns.rcode.from_text(rcode))
        owner = message.question[0].name
        for target in [cname] if isinstance(cname, str) else cname or []:
            message.answer.append(dns.rrset.from_text(owner, TTL, "IN", "CNAME", target))
            owner = message.answer[-1][0].target
        if data:
            message.answer.append(dns.rrset.from_text(owner, TTL, "IN", self.type, *data))
        elif rcode in ("NOERROR", "NXDOMAIN"):
            zone = owner.parent() if len(owner) > 1 else owner
            message.authority.append(dns.rrset.from_text(zone, TTL, "IN", "SOA", "ns. admin. 1 3600 600 86400 60"))
        return message


def records(table):
    """A handler for {"name": {"A": [...], "AAAA": [...]}, "alias": "target", "name": rcode as "SERVFAIL"}."""
    def handler(query):
        name, chain = query.key, []
        while isinstance(table.get(name), str) and not table[name].isupper():
            chain.append(table[name] + ".")
            name = table[name].lower()
        entry = table.get(name, "NXDOMAIN")
        if isinstance(entry, str):
            query.send(query.reply(rcode=entry, cname=chain))
        else:
            query.send(query.reply(*entry.get(query.type, []), cname=chain))
    return handler


class Server:
    """Answers on UDP and TCP. One thread for UDP, so that replies keep their order; one for each connection."""

    def __init__(self, address, handler, port=53, tcp=True, scope=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        where = (address, port, 0, scope) if family == socket.AF_INET6 else (address, port)
        self.address, self.handler, self.queries, self.failures = address, handler, [], []
        self._lock = threading.Lock()
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._udp.bind(where)
        self._tcp = None
        if tcp:
            self._tcp = socket.socket(family, socket.SOCK_STREAM)
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._tcp.bind(where)
            self._tcp.listen(64)
        self._wake, self._woken = socket.socketpair()
        self._connections = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._wake.send(b"x")
        self._thread.join()
        for thread, connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            thread.join()
        for sock in (self._udp, self._tcp, self._wake, self._woken):
            if sock:
                sock.close()
        if kind is None:
            assert not self.failures, f"the scripted server itself failed: {self.failures}"

    def distinct(self):
        """The queries without what was sent again, as happens on a machine that is busy just then."""
        return list({(query.peer, query.tcp, query.wire): query for query in self.queries}.values())

    def asked(self, *kinds):
        """(name in lower case, type) of the queries in the order they came, repetitions left out."""
        return list(dict.fromkeys((query.key, query.type) for query in self.queries
                                  if not kinds or query.type in kinds))

    def pending(self):
        """Whether another datagram waits already, while a handler has not answered its own."""
        return bool(select.select([self._udp], [], [], 0)[0])

    def _run(self):
        with selectors.DefaultSelector() as selector:
            for sock in filter(None, (self._udp, self._tcp, self._woken)):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        return
                    if key.fileobj is self._udp:
                        self._datagram()
                    else:
                        connection, peer = self._tcp.accept()
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces stay pieces
                        thread = threading.Thread(target=self._connection, args=(connection, peer))
                        self._connections.append((thread, connection))
                        thread.start()

    def _datagram(self):
        try:
            wire, peer = self._udp.recvfrom(65535)
        except OSError:  # ICMP of an earlier reply to a closed port
            return

        def transmit(data):
            try:
                self._udp.sendto(data, peer)
            except OSError:
                pass
        self._handle(Query(wire, False, peer, transmit))

    def _connection(self, connection, peer):
        with connection, connection.makefile("rb") as stream:
            try:
                while len(head := stream.read(2)) == 2:
                    wire = stream.read(struct.unpack("!H", head)[0])
                    if self._handle(Query(wire, True, peer, connection.sendall)) == "close":
                        return
            except OSError:  # the client went away
                pass

    def _handle(self, query):
        with self._lock:
            self.queries.append(query)
        try:
            return self.handler(query)
        except OSError:
            raise
        except Exception as failure:  # shown by __exit__: a thread's traceback reaches nobody
            self.failures.append(failure)
            return None
