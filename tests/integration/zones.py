"""The names that the real servers serve. Addresses are those set aside for documentation."""

import ipaddress

MANY4 = [f"203.0.113.{n}" for n in range(1, 201)]
MANY6 = [f"2001:db8:aa::{n:x}" for n in range(1, 201)]

# 253 characters, the most that a name can have, from labels of 63, the most that a label can have.
LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * (253 - 3 * 64 - len(".example.test"))]) + ".example.test"
TOO_LONG = "e" + LONG

HEAD = """$TTL 300
@ SOA ns.example.test. admin.example.test. 1 3600 600 86400 60
@ NS ns.example.test.
"""

EXAMPLE = HEAD + """ns A 127.0.1.1
v4 A 198.51.100.4
v6 AAAA 2001:db8:1::6
both A 198.51.100.5
both AAAA 2001:db8:1::5
text TXT "no address here"
MiXeD A 198.51.100.7
MiXeD AAAA 2001:db8:1::7
www.sub A 198.51.100.8
www.sub AAAA 2001:db8:1::8
wild.sub A 198.51.100.9
*.any A 198.51.100.10
under_score A 198.51.100.11
under_score AAAA 2001:db8:1::11
_tcp._srv A 198.51.100.12
-dash A 198.51.100.13
two\\ words A 198.51.100.14
two\\ words AAAA 2001:db8:1::14
dot\\.ted A 198.51.100.15
b\\255\\000n A 198.51.100.16
chain CNAME chain1
chain1 CNAME chain2
chain2 CNAME Both
to-mixed CNAME MiXeD
abroad CNAME HOST.Other.test.
dangling CNAME nowhere
to-text CNAME text
to-v4 CNAME v4
to-words CNAME two\\ words
to-under CNAME under_score
moved DNAME other.test.
loop CNAME loop1
loop1 CNAME loop
loop-self CNAME loop-self
xn--bcher-kva A 198.51.100.17
""" + "".join(f"many A {address}\n" for address in MANY4) + "".join(f"many AAAA {address}\n" for address in MANY6) \
    + f"{LONG}. A 198.51.100.18\n{LONG}. AAAA 2001:db8:1::18\nto-long CNAME {LONG}.\n"

OTHER = HEAD + """HOST A 203.0.113.250
HOST AAAA 2001:db8:2::1
www A 203.0.113.251
"""

REVERSE4 = HEAD + """4 PTR v4.example.test.
5 PTR Both.Example.Test.
6 PTR one.example.test.
6 PTR two.example.test.
7 CNAME 7.delegated
7.delegated PTR delegated.example.test.
8 PTR two\\ words.example.test.
9 TXT "no name here"
11 PTR under_score.example.test.
""" + f"18 PTR {LONG}.\n"


def nibbles(address):
    return ipaddress.ip_address(address).reverse_pointer + "."


REVERSE6 = HEAD + f"""{nibbles('2001:db8:1::6')} PTR v6.example.test.
{nibbles('2001:db8:1::5')} PTR Both.Example.Test.
"""

ZONES = {
    "example.test": EXAMPLE,
    "other.test": OTHER,
    "100.51.198.in-addr.arpa": REVERSE4,
    "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": REVERSE6,
}
