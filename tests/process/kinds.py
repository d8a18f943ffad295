"""What the test server knows, what the hosts file says, and what glibc gives for it."""

from programs import addresses

ONE4, ONE6 = "198.18.0.1", "2001:db8::1"
ONE = f"{ONE4} {ONE6}"
MANY = addresses(200)

RECORDS = {
    "one.test": addresses(1),
    "many.test": MANY,
    "only4.test": {"A": [ONE4]},
    "deep.h.test": addresses(1),
    "1.1.18.198.in-addr.arpa": {"PTR": ["one.test."]},
    "1." + "0." * 19 + "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["one.test."]},
    "4.1.18.198.in-addr.arpa": "SERVFAIL",
    "6.1.18.198.in-addr.arpa": {"PTR": [f"name-{n}.test." for n in range(200)]},
    "chain9.test": "one.test",
    "servfail.test": "SERVFAIL",
} | {f"chain{n}.test": f"chain{n + 1}.test" for n in range(9)}

SEARCH = " ".join(f"{letter}.test" for letter in "abcdefgh")
HOSTS = ("127.0.0.1 localhost\n198.18.0.7 " + " ".join(f"word{n}.test" for n in range(2000)) + " long.test\n"
         "198.18.0.8 near.test\n2001:db8::8 near.test\n198.18.1.2 near.test\n")

# How, name, and what glibc then gives: programs.run() passes them on.
KINDS = [
    ("gai", "one.test", ONE),
    ("gai4", "one.test", ONE4),
    ("gai6", "one.test", ONE6),
    ("byname", "one.test", ONE4),
    ("byname6", "one.test", ONE6),
    ("gai", "near.test", "198.18.0.8 198.18.1.2 2001:db8::8"),
    ("byname", "long.test", "198.18.0.7"),
    ("gai", "deep", ONE),
    ("gai", "nick", ONE),
    ("gai", "chain0.test", ONE),
    ("byname6", "chain0.test", ONE6),
    ("gai", "many.test", " ".join(sorted(MANY["A"] + MANY["AAAA"]))),
    ("byname", "many.test", " ".join(sorted(MANY["A"]))),
    ("gai", "nowhere.test.", "EAI_NONAME"),
    ("gai6", "nowhere", "EAI_NONAME"),
    ("byname", "servfail.test.", "TRY_AGAIN EAGAIN"),
    ("gai", "below.localhost", "127.0.0.1 ::1"),
    ("byaddr", "198.18.1.1", "one.test"),
    ("byaddr", "2001:db8:1::1", "one.test"),
    ("nameinfo", "198.18.1.1", "one.test"),
    ("byaddr", "198.18.1.2", "near.test"),
    ("byaddr", "198.18.1.3", "HOST_NOT_FOUND"),
]


def flat(kinds):
    return [word for kind in kinds for word in kind]
