"""A name server at 127.0.0.1: all names below test.example have an address of each family, no others exist.

server.py LOG: each query is a line there, its name spelt as it came. (dnsmasq 2.91 logs small letters whatever it was asked.)
"""

import socket
import sys

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

ZONE = dns.name.from_text("test.example")
ADDRESSES = {dns.rdatatype.A: "192.0.2.53", dns.rdatatype.AAAA: "2001:db8::53"}


def answer(query):
    reply = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    if not question.name.is_subdomain(ZONE):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype in ADDRESSES:
        reply.answer.append(dns.rrset.from_text(question.name, 3600, "IN", question.rdtype, ADDRESSES[question.rdtype]))
    if not reply.answer:
        reply.authority.append(dns.rrset.from_text("example.", 3600, "IN", "SOA", "ns.example. root.example. 1 2 3 4 3600"))
    return reply


def main():
    with open(sys.argv[1], "a", buffering=1) as log, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        log.write("started\n")
        while True:
            data, client = server.recvfrom(65535)
            query = dns.message.from_wire(data)
            log.write(query.question[0].name.to_text(omit_final_dot=True) + "\n")
            server.sendto(answer(query).to_wire(), client)


main()
