"""Block lists for tests: fixtures with the look of the well-known ones, at their sizes, and what they mean.

Fixtures come from a seed, with invented names alone. `Matcher` says of a name what lists make of it, by brute force: a
regular expression for each kind of line, a set for each kind of rule, every ancestor looked up. It follows what
resolver/blocklist.h promises, not how that is read there.
"""

import dataclasses
import functools
import ipaddress
import random
import re

ITSELF, BELOW, ALLOW = 1, 2, 4
STEVENBLACK, HAGEZI = 170_000, 500_000  # names of the real files, about
LONGEST = 2047  # of a line that has to be seen as a whole

# ---- What a list means ----

BOILERPLATE = set("""local localhost localhost.localdomain localhost4 localhost4.localdomain4 localhost6
    localhost6.localdomain6 broadcasthost ip6-localhost ip6-loopback ip6-localnet ip6-mcastprefix ip6-allnodes
    ip6-allrouters ip6-allhosts 0.0.0.0""".split())
SPACE = " \t\v\f\r"
NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
ADBLOCK = re.compile(r"(@@)?\|\|([^\s^/|$]+)\^\|?(?:\$(?:important|all)(?:,(?:important|all))*)?")
DNSMASQ = re.compile(r"(address|local|server)=/(.+)/([^/]*)", re.I)
WILDCARD = re.compile(r"(\*\.|\.)?([^\s]+)")
TTL = re.compile(r"[0-9][0-9smhdw]*", re.I)
NUMBERS = re.compile(r"((?:[0-9][0-9smhdw]*[ \t\v\f\r]+)*(?:[0-9][0-9smhdw]*)?)(\))?", re.I)
MAYBE_ADDRESS = re.compile(r"[0-9.]+|.*:.*", re.S)
GAP = re.compile("[ \t\v\f\r]+")
COMMENT = re.compile("[ \t\v\f\r][#;]")
HOSTS_COMMENT = re.compile("#|(?:^|[ \t\v\f\r]);")
ZONE_COMMENT = re.compile(";|(?:^|[ \t\v\f\r])#")


def name_of(text):
    """The name, lower-cased and without a last dot; None: it is none."""
    text = text[:-1] if text.endswith(".") else text
    if not NAME.fullmatch(text) or len(text) > 253 or text.rsplit(".", 1)[-1].isdigit():
        return None
    return text.lower()


@functools.lru_cache(maxsize=1000)
def address_of(text):
    """True: names with it are blocked; False: it is another address; None: it is none."""
    if text == "0":
        return True
    text, mark, scope = text.partition("%")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if mark:
        return False if address.version == 6 and scope and "\0" not in scope else None
    return str(address) in ("0.0.0.0", "::", "127.0.0.1", "::1")  # is_unspecified says other things in Python 3.13


@dataclasses.dataclass
class Counts:
    lines: int = 0
    rules: int = 0
    empty: int = 0
    skipped: int = 0
    not_understood: int = 0
    first_line: int = 0
    first_text: bytes = b""


class Reading:
    """The rules of one file, in order, and its counts."""

    def __init__(self, data):
        self.rules = []
        self.counts = Counts()
        self.zone, self.inside, self.in_soa = (), (), False
        lines = data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        for number, octets in enumerate(lines, 1):
            cut = len(octets) > LONGEST
            if number == 1:
                octets = octets.removeprefix(b"\xef\xbb\xbf")
            self._line(number, octets, cut)
        self.counts.lines = len(lines)
        self.counts.rules = len(self.rules)

    def _line(self, number, octets, cut):
        text = octets.decode("latin-1")
        verdict = self._read(text.strip(SPACE), text[:1] in SPACE and text != "", cut)
        if verdict == "empty":
            self.counts.empty += 1
        elif verdict == "bad":
            self.counts.not_understood += 1
            if not self.counts.first_line:
                self.counts.first_line = number
                self.counts.first_text = octets.rstrip(b"\r")[:63].split(b"\0")[0]

    def _rule(self, bits, name):
        self.rules.append((bits, name))
        return "rule"

    def _read(self, line, indented, cut):
        if line[:1] in ("#", ";", "!"):
            return "empty"
        words = GAP.split(line, maxsplit=1)
        if len(words) == 2 and MAYBE_ADDRESS.fullmatch(words[0]) and (blocks := address_of(words[0])) is not None:
            return self._hosts(words[1], blocks)
        if cut:
            return "bad"
        if line == "" or (line[0] == "[" and line[-1] == "]"):
            return "empty"
        if self.in_soa and self._numbers(line):
            return "empty"
        return self._others(line, indented)

    def _others(self, line, indented):
        bare = COMMENT.split(line, maxsplit=1)[0].rstrip(SPACE)
        if "^" in bare and (match := ADBLOCK.fullmatch(bare)):
            name = name_of(match[2])
            return self._rule(ITSELF | BELOW | (ALLOW if match[1] else 0), name) if name else "bad"
        if "=" in bare and (match := DNSMASQ.fullmatch(bare)):
            return self._dnsmasq(*match.groups())
        match = WILDCARD.fullmatch(bare)
        if match and (name := name_of(match[2])):
            if match[1]:
                return self._rule(ITSELF | BELOW, name)
            if name not in BOILERPLATE:
                return self._rule(ITSELF, name)
            self.counts.skipped += 1
            return "skipped"
        return self._zone(line, indented)

    def _hosts(self, rest, blocks):
        verdict = "bad"
        words = HOSTS_COMMENT.split(rest, maxsplit=1)[0].strip(SPACE)
        if words:
            verdict = "rule"
        for word in GAP.split(words) if words else ():
            name = name_of(word)
            if word == "0.0.0.0" or name in BOILERPLATE:
                self.counts.skipped += 1
            elif blocks and name:
                self._rule(ITSELF, name)
            else:
                verdict = "bad"
        return verdict

    def _dnsmasq(self, keyword, names, what):
        if what and not (keyword.lower() == "address" and (what == "#" or address_of(what))):
            return "bad"
        if any(c in names for c in SPACE) or any(c in what for c in SPACE):
            return "bad"
        verdict = "rule"
        for text in names.split("/"):
            name = name_of(text.removeprefix("."))
            if name:
                self._rule(ITSELF | BELOW, name)
            else:
                verdict = "bad"
        return verdict

    # Zones: names are tuples of labels; what follows is relative to the zone.

    def _numbers(self, line):
        line = ZONE_COMMENT.split(line, maxsplit=1)[0].strip(SPACE)
        match = NUMBERS.fullmatch(line)
        self.in_soa = bool(match) and not match[2]
        return bool(match)

    def _zone(self, line, indented):
        line = ZONE_COMMENT.split(line, maxsplit=1)[0].strip(SPACE)
        words = GAP.split(line)
        owner = None if indented else words.pop(0)
        if owner is not None and owner.lower() == "$ttl":
            return "empty"
        if owner is not None and owner.lower() == "$origin":
            return self._origin(words)
        scope, name, absolute = ITSELF, (), False
        if owner in ("@", "*"):
            scope = BELOW if owner == "*" else ITSELF
        elif owner is not None:
            if owner.startswith("*."):
                scope, owner = BELOW, owner[2:]
            if (labels := self._labels(owner)) is None:
                return "bad"
            name, absolute = labels, owner.endswith(".")
        skipped = 0
        while words and skipped < 2 and (words[0].lower() == "in" or TTL.fullmatch(words[0])):
            words.pop(0)
            skipped += 1
        kind = words.pop(0).lower() if words else ""
        if kind == "ns":
            return "empty"
        if kind == "soa":
            if absolute and scope == ITSELF:
                self.zone, self.inside = name, ()
            for mark in re.findall("[()]", " ".join(words)):
                self.in_soa = mark == "("
            return "empty"
        if kind != "cname" or indented or len(words) != 1:
            return "bad"
        return self._policy(scope, name, absolute, words[0].lower())

    def _policy(self, scope, name, absolute, target):
        if target == "rpz-passthru.":
            scope |= ALLOW
        elif target not in (".", "*.", "rpz-drop."):
            return "bad"
        if not absolute:
            name += self.inside
        elif self.zone and name[-len(self.zone):] == self.zone:
            name = name[:-len(self.zone)]
        text = ".".join(name)
        if not name_of(text) or name[-1].startswith("rpz-") and len(name[-1]) > 4:
            return "bad"
        return self._rule(scope, text)

    def _labels(self, text):
        text = text[:-1] if text.endswith(".") else text
        return tuple(text.lower().split(".")) if NAME.fullmatch(text) and len(text) <= 253 else None

    def _origin(self, words):
        if len(words) != 1:
            return "bad"
        if words[0] == ".":
            self.zone, self.inside = (), ()
            return "empty"
        labels = self._labels(words[0])
        if labels is None:
            return "bad"
        if not words[0].endswith("."):
            if len(".".join(labels + self.inside)) > 253:
                return "bad"
            self.inside = labels + self.inside
        elif self.zone and len(labels) > len(self.zone) and labels[-len(self.zone):] == self.zone:
            self.inside = labels[:-len(self.zone)]
        else:
            self.zone, self.inside = labels, ()
        return "empty"


class Matcher:
    """What files of block lists make of a name."""

    def __init__(self, *files):
        self.exact, self.below = {False: set(), True: set()}, {False: set(), True: set()}  # by: it allows
        for data in files:
            self.add(Reading(data).rules)

    def add(self, rules):
        for bits, name in rules:
            allows = bool(bits & ALLOW)
            if bits & ITSELF:
                self.exact[allows].add(name)
            if bits & BELOW:
                self.below[allows].add(name)

    def says(self, name):
        """"allowed", "blocked", or None."""
        name = name.lower().removesuffix(".")
        labels = name.split(".")
        above = [".".join(labels[i:]) for i in range(1, len(labels))]
        for allows, word in (True, "allowed"), (False, "blocked"):
            if name in self.exact[allows] or any(ancestor in self.below[allows] for ancestor in above):
                return word
        return None


# ---- Fixtures ----

_SYLLABLES = """ad ads an ba be bi bo ca ce ci cli co cu da de di do fa fe fi flo ga ge gi go ha he hi ho in ja jo
    ka ke ki ko la le li lo lu ma me mi mo na ne ni no on pa pe pi po pro qui ra re ri ro sa se si so sta ta te ti to
    tra tri un va ve vi vo wa we wi xa xi yo za ze zo""".split()
_FRONT = """www ads ad track stats metrics pixel cdn s1 s2 img api t telemetry log beacon _dmarc -x a b c1
    collect""".split()
_ENDS = ["example"] * 8 + ["test"] * 5 + ["co.example", "net.example", "org.test", "xn--9t4b11yi5a", "biz.example"]


def names(seed, count):
    """Different invented names, sorted: registered ones and what is below them, with the oddities of real lists."""
    rng = random.Random(seed)
    found = set()
    parents = []
    while len(found) < count:
        if parents and rng.random() < 0.45:
            front = rng.choice(_FRONT) if rng.random() < 0.7 else f"{rng.getrandbits(36):x}"
            name = f"{front}.{rng.choice(parents)}"
        else:
            label = "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 5)))
            odd = rng.random()
            if odd < 0.10:
                label = f"{label}-{rng.choice(_SYLLABLES)}{rng.randint(0, 99)}"
            elif odd < 0.13:
                label = str(rng.randint(0, 99_999_999))
            elif odd < 0.135:
                label = f"{label}_{rng.randint(0, 9)}"
            elif odd < 0.138:
                label = f"xn--{label}-{rng.randint(100, 999)}a"
            elif odd < 0.139:
                label = "".join(rng.choices(_SYLLABLES, k=40))[:63]
            name = f"{label}.{rng.choice(_ENDS)}"
            parents.append(name)
        found.add(name)
    return sorted(found)


def _notes(mark, title, count, syntax):
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in (
        f"Title: {title}", "Description: invented names, in the look of a list that people use", "Expires: 1 day",
        "Last modified: 22 Nov 2026 10:00 UTC", "Version: 2026.1122.1000.00", f"Syntax: {syntax}",
        f"Number of entries: {count}", ""))


def stevenblack(seed, wanted):
    """hosts(5): a long head, this machine's own names, sections with their heads; some lines with a comment behind."""
    rng = random.Random(seed)
    rule = "=" * 63
    out = ["# Title: test/hosts\n#\n# Several lists in one, made for tests.\n# Date: 22 November 2026 (UTC)\n#\n",
           f"# Number of unique domains: {len(wanted):,}\n#\n# {rule}\n\n",
           "127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n127.0.0.1 local\n255.255.255.255 broadcasthost\n",
           "::1 localhost\n::1 ip6-localhost\n::1 ip6-loopback\nfe80::1%lo0 localhost\nff00::0 ip6-localnet\n",
           "ff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\nff02::3 ip6-allhosts\n",
           "0.0.0.0 0.0.0.0\n\n# What is yours goes here.\n\n\n# That was yours.\n"]
    for i, name in enumerate(wanted):
        if i % 20_000 == 0:
            out.append(f"\n# Start of part {i // 20_000}\n\n#{rule}\n# Title: Hosts of part {i}\n"
                       f"# http://list{i}.example/?a=b#c\n\n")
        odd = rng.random()
        if odd < 0.002:
            out.append(f"0.0.0.0 {name} # added by hand, 0.0.0.0 not.this.example\n")
        elif odd < 0.003:
            out.append(f"0.0.0.0 {name}\t\t#comment\n")
        elif odd < 0.004:
            out.append(f"0.0.0.0  {name} \n")
        elif odd < 0.005:
            out.append(f"#0.0.0.0 commented-out-{i}.example\n0.0.0.0 {name}\n")
        else:
            out.append(f"0.0.0.0 {name}\n")
    out.append("\n# End of the last part\n")
    return "".join(out).encode(), [(ITSELF, name) for name in wanted]


def hosts_compressed(seed, wanted):
    """hosts(5), nine names a line."""
    del seed
    out = [_notes("#", "compressed hosts", len(wanted), "Hosts (each name, nine a line)")]
    for i in range(0, len(wanted), 9):
        out.append(f"0.0.0.0 {' '.join(wanted[i:i + 9])}\n")
    return "".join(out).encode(), [(ITSELF, name) for name in wanted]


def _lines(mark, syntax, pattern, bits, head=""):
    def make(seed, wanted):
        del seed
        text = head + _notes(mark, f"{syntax} list", len(wanted), syntax)
        text += "".join(pattern.format(name) for name in wanted)
        return text.encode(), [(bit, name) for name in wanted for bit in bits]
    return make


RPZ_HEAD = "$TTL 300\n@ SOA localhost. root.localhost. 1763805600 43200 3600 259200 300\n  NS  localhost.\n;\n"

# Each takes a seed and names, and returns the file and the rules that it means, in order.
FORMATS = {
    "stevenblack": stevenblack,
    "hosts": _lines("#", "Hosts (each name)", "0.0.0.0 {}\n", [ITSELF]),
    "hosts-compressed": hosts_compressed,
    "hosts-loopback": _lines("#", "Hosts", "127.0.0.1\t{}\r\n", [ITSELF]),
    "hosts-both": _lines("#", "Hosts", "0.0.0.0 {0}\n:: {0}\n", [ITSELF, ITSELF]),
    "domains": _lines("#", "Domains (each name)", "{}\n", [ITSELF]),
    "wildcard": _lines("#", "Domains (wildcard)", "*.{}\n", [ITSELF | BELOW]),
    "adblock": _lines("!", "AdBlock", "||{}^\n", [ITSELF | BELOW], "[Adblock Plus]\n"),
    "adblock-allow": _lines("!", "AdBlock", "@@||{}^|\n", [ITSELF | BELOW | ALLOW], "[Adblock Plus]\n"),
    "dnsmasq": _lines("#", "DNSMasq", "local=/{}/\n", [ITSELF | BELOW]),
    "dnsmasq-address": _lines("#", "DNSMasq", "address=/{}/#\n", [ITSELF | BELOW]),
    "dnsmasq-null": _lines("#", "DNSMasq", "address=/{}/0.0.0.0\n", [ITSELF | BELOW]),
    "rpz": _lines(";", "RPZ", "{0} CNAME .\n*.{0} CNAME .\n", [ITSELF, BELOW], RPZ_HEAD),
}


def fixture(form, seed, count):
    """The file of so many names in that format, and the rules it means."""
    return FORMATS[form](seed, names(seed, count))


# ---- Lines of any kind ----

_ADDRESSES = """0.0.0.0 127.0.0.1 :: ::1 0 0:0:0:0:0:0:0:0 ::0 0:0::1 192.0.2.1 fe80::1%lo0 ::1%lo 255.255.255.255
    ff00::0 ::ffff:0.0.0.0 127.0.0.53 0.0.0.0. 00.0.0.0 1.2.3 2001:DB8::1 abc:1""".split()
_NAMES = """ads.example Ads.Example. a zip under_score.example -lead.example trail-.example 1.example 123.456.example
    1.2.3.4 12 a.1 a..example .example *.example *.*.example a*b.example * . localhost local LOCALHOST.localdomain
    ip6-allnodes broadcasthost localhost5 0.0.0.0 rpz-passthru 24.1.2.0.192.rpz-ip ns.x.rpz-nsdname ads.rpz.example.
    rpz.example. com.rpz.example. in cname ns 300 cafe.example fe80.example name#x name;x @ \097.example""".split()
_FIVE = ("a" * 49 + ".") * 5
_NAMES += ["b\xc3\xbc.example", "exam\0ple", "a" * 63 + ".example", "a" * 64 + ".example", _FIVE + "abc", _FIVE + "abcd",
           _FIVE + "abc.", "0" * 63, "9" * 48, "a." + "1" * 48, "a." * 126 + "b", "a." * 126 + "bc"]
_TAILS = ["", "", "", " ", " # comment", "\t#x", " ; x", "#x", ";x", " ! x", "\r", " \r", " x", "\0", " #"]
_TARGETS = [".", "*.", "rpz-drop.", "rpz-passthru.", "RPZ-PASSTHRU.", "rpz-passthru", "rpz-tcp-only.", "localhost.",
            ". x", ""]
_MODIFIERS = ["", "", "", "|", "$important", "$all", "$important,all", "|$important", "$third-party",
              "$important,third-party", "$", "$,", "$badfilter", "$important$all", "^", "||"]
_SLASHES = ["/", "/", "/", "", "//"]
_ORIGINS = ["rpz.example.", "com.rpz.example.", "com", ".", "", "x y"]
_NUMBERS = ["1763805600", "  300 )", ")", "1h ; x", "(", "1 2 3)", "3 x)", ") x", ") 1", "300)x"]
_OTHERS = ["", "#", "  # x", "! x", "; x", "[Adblock Plus]", "[x", " [y] \t", "##.ad", "ads.example##.banner", "/ads/*",
           "<html>", "$TTL 300", "$ttl", "$INCLUDE x"]
_NOISE = "\0\t\v\f\r #;!/|^$*.@[]=:%-_()019aAzZ\xff\\,"


def _hosts_line(rng):
    gap = rng.choice([" ", "\t", "  ", " \t "])
    return rng.choice(_ADDRESSES) + gap + gap.join(rng.choices(_NAMES, k=rng.choice([0, 1, 1, 1, 2, 3, 9])))


def _adblock_line(rng):
    return (rng.choice(["||", "||", "||", "@@||", "|", "@@", "@@|", ""]) + rng.choice(_NAMES) + rng.choice("^^^^^/*\0")
            + rng.choice(_MODIFIERS))


def _dnsmasq_line(rng):
    keyword = rng.choice(["address=", "local=", "server=", "Address=", "ipset=", "local", "address ="])
    names = "/".join(rng.choices(_NAMES, k=rng.choice([0, 1, 1, 1, 2, 3])))
    what = rng.choice(["", "", "#", *_ADDRESSES, "1.2.3.4#53"])
    return keyword + rng.choice(_SLASHES) + names + rng.choice(_SLASHES) + what


def _zone_line(rng):
    if rng.random() < 0.3:
        return f"{rng.choice(['', '*.'])}{rng.choice(_NAMES)} CNAME {rng.choice(_TARGETS[:5])}"
    if rng.random() < 0.2:
        return rng.choice(["$ORIGIN " + rng.choice([*_ORIGINS, rng.choice(_NAMES)]), rng.choice(_NUMBERS)])
    owner = rng.choice([*_NAMES, "*." + rng.choice(_NAMES), "@", "*", ""])
    words = rng.choice([[], [], [], ["300"], ["IN"], ["300", "IN"], ["in", "1h30m"], ["IN", "IN", "IN"], ["3x"]])
    kind = rng.choice(["CNAME", "CNAME", "CNAME", "cname", "SOA", "NS", "A", "TXT", ""])
    rest = rng.choice(["a. b. (", "a. b. 1 2 3 4 5", "a. b. ( 1 2 )", "a. b. (1"] if kind == "SOA" else _TARGETS)
    return rng.choice([" ", "\t", "   "]).join([owner, *words, kind, rest])


def _plain_line(rng):
    return rng.choice([rng.choice(_OTHERS), rng.choice(["*.", ".", "", ""]) + rng.choice(_NAMES)])


def _long_line(rng):
    few, many = rng.randint(0, 900), rng.randint(900, 5000)
    return rng.choice([
        " " * few, "#" + "x" * many, "x" * many, "[" + "x" * many + "]",
        "0.0.0.0 " + rng.choice([" ", "\t", "#"]).join(rng.choices(_NAMES, k=rng.randint(30, 400))),
        "0.0.0.0 " + "x" * many + rng.choice([" after.example", "#c", ""]),
        "0.0.0.0 a.example" + " " * many + rng.choice(["b.example", "#c", ""]),
        "local=/" + "/".join(rng.choices(_NAMES, k=rng.randint(5, 60))) + "/",
    ])


def _mutated(rng, line):
    for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2, 5])):
        at = rng.randint(0, len(line))
        line = rng.choice([line[:at] + rng.choice(_NOISE) + line[at:], line[:at] + line[at + 1:], line[:at],
                           line[:at] + rng.choice(_NOISE) + line[at + 1:]])
    return line


def mixed(seed, count):
    """So many lines of every kind and none, some of them nearly right."""
    rng = random.Random(seed)
    makers = [_hosts_line, _adblock_line, _dnsmasq_line, _zone_line, _plain_line] * 5 + [_long_line]
    lines = []
    for _ in range(count):
        line = rng.choice(makers)(rng)
        if rng.random() < 0.3:
            line = rng.choice([" ", "\t", "  "]) + line
        lines.append(_mutated(rng, line + rng.choice(_TAILS)))
    text = "\n".join(lines) + rng.choice(["", "\n"])
    return rng.choice([b"", b"", b"\xef\xbb\xbf"]) + text.encode("latin-1")
