"""Block lists: fixtures and matcher of blocklists.py against themselves, and the reader in C against both."""

import os
import pathlib
import random
import subprocess

import pytest

import blocklists
from blocklists import ALLOW, BELOW, ITSELF, Matcher, Reading

TOP = pathlib.Path(__file__).resolve().parents[2]
RULES = os.environ.get("AIODNS_BLOCKLIST_RULES", TOP / "build/dev/tests/integration/integration_blocklist_rules")
SEED = int(os.environ.get("AIODNS_TEST_SEED", "20261122"))
HEADS = {"stevenblack": 249, "adblock": 9, "adblock-allow": 9, "rpz": 12}  # lines that say nothing of names; others: 8
FULL = {"stevenblack": blocklists.STEVENBLACK, **dict.fromkeys(
    ("hosts", "hosts-compressed", "domains", "wildcard", "adblock", "dnsmasq", "rpz"), blocklists.HAGEZI)}


def of_module(path):
    """Rules and counts as resolver/blocklist.c has them."""
    done = subprocess.run([RULES, path], capture_output=True, check=True, timeout=100)
    rules, counts = [], blocklists.Counts()
    for line in done.stdout.decode("ascii").splitlines():
        word, _, value = line.partition(" ")
        if word.isdigit():
            rules.append((int(word), value))
        else:
            setattr(counts, word, bytes.fromhex(value) if word == "first_text" else int(value))
    return rules, counts


@pytest.fixture
def differs(tmp_path):
    """What the two readers make of a file's octets, if it is not the same: (ours, the reference's)."""
    path = tmp_path / "list"

    def compare(data, reference=None):
        path.write_bytes(data)
        reference, ours = reference or Reading(data), of_module(path)
        return None if ours == (reference.rules, reference.counts) else (ours, (reference.rules, reference.counts))
    return compare


# ---- The matcher and the fixtures, which others build on ----

def test_a_matcher_says_what_the_lists_say():
    matcher = Matcher(b"0.0.0.0 exact.example localhost\n192.0.2.1 other.example\nplain.example # x\n",
                      b"*.wild.example\n||adblock.example^\n@@||fine.adblock.example^\n||fine.example^\n",
                      b"local=/dns.example/\naddress=/masq.example/192.0.2.1\n",
                      b"zone.example CNAME .\n*.below.example CNAME .\npass.wild.example CNAME rpz-passthru.\n",
                      b"@@||fine.example^\n")
    says = {
        "exact.example": "blocked", "EXACT.example.": "blocked", "www.exact.example": None, "localhost": None,
        "other.example": None, "plain.example": "blocked", "www.plain.example": None, "plain.example.test": None,
        "example": None,
        "wild.example": "blocked", "a.b.wild.example": "blocked", "notwild.example": None,
        "adblock.example": "blocked", "www.adblock.example": "blocked", "fine.adblock.example": "allowed",
        "a.b.fine.adblock.example": "allowed", "fine.example": "allowed", "www.fine.example": "allowed",
        "dns.example": "blocked", "a.dns.example": "blocked", "masq.example": None,
        "zone.example": "blocked", "a.zone.example": None, "below.example": None, "a.below.example": "blocked",
        "pass.wild.example": "allowed", "a.pass.wild.example": "blocked",
    }
    assert {name: matcher.says(name) for name in says} == says


def test_names_are_good_and_all_different():
    names = blocklists.names(SEED, 20_000)
    assert len(set(names)) == len(names) == 20_000
    assert all(blocklists.name_of(name) == name for name in names)
    assert names == blocklists.names(SEED, 20_000) != blocklists.names(SEED + 1, 20_000)
    # The oddities are there.
    for odd in "_", "-", "xn--", "0":
        assert any(name.startswith(odd) or odd in name.split(".")[0] for name in names)
    assert any(label.isdigit() for name in names for label in name.split("."))
    assert max(len(label) for name in names for label in name.split(".")) == 63


@pytest.mark.parametrize("form", blocklists.FORMATS)
def test_a_fixture_means_what_it_was_made_for(form, differs):
    data, meant = blocklists.fixture(form, SEED, FULL.get(form, 50_000))
    reading = Reading(data)
    assert reading.rules == meant
    assert reading.counts.not_understood == 0
    assert reading.counts.skipped == (14 if form == "stevenblack" else 0)
    assert form == "stevenblack" or reading.counts.empty == HEADS.get(form, 8)
    assert not differs(data, reading)


@pytest.mark.parametrize("form", blocklists.FORMATS)
def test_a_matcher_of_a_fixture_knows_its_names_alone(form):
    names = blocklists.names(SEED, 3_000)
    data, meant = blocklists.FORMATS[form](SEED, names[::2])
    matcher, listed = Matcher(data), set(names[::2])
    bits = {bit for bit, _ in meant}
    below = any(bit & BELOW for bit in bits)
    word = "allowed" if any(bit & ALLOW for bit in bits) else "blocked"
    for name in names:
        inside = any(name.endswith("." + other) for other in ancestors(name) if other in listed)
        assert matcher.says(name) == (word if name in listed or (below and inside) else None), name
        if name in listed:
            assert matcher.says("nobody-has-it." + name) == (word if below else None)
    # A name that is taken out is found to be missing: this can fail.
    gone = next(name for name in sorted(listed) if not any(other in listed for other in ancestors(name)))
    assert Matcher(without(form, listed, gone)).says(gone) is None


def ancestors(name):
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]


def without(form, listed, gone):
    return blocklists.FORMATS[form](SEED, sorted(listed - {gone}))[0]


# ---- The reader in C ----

def test_lines_of_any_kind_are_read_alike(differs):
    """Forty files of lines that are right, nearly right, or not at all; the smallest file that differs is shown."""
    for seed in range(SEED, SEED + 40):
        data = blocklists.mixed(seed, 250)
        if differs(data):
            lines = shrink(data.split(b"\n"), lambda some: differs(b"\n".join(some)))
            ours, reference = differs(b"\n".join(lines))
            pytest.fail(f"seed {seed}: {lines}\n     ours: {ours}\nreference: {reference}", pytrace=False)


def shrink(lines, holds):
    at = 0
    while at < len(lines):
        fewer = lines[:at] + lines[at + 1:]
        if fewer and holds(fewer):
            lines = fewer
        else:
            at += 1
    return lines


def test_mixed_lines_have_every_verdict():
    """What is compared above is not one kind of line alone."""
    readings = [Reading(blocklists.mixed(seed, 250)) for seed in range(SEED, SEED + 40)]
    rules = [bits for reading in readings for bits, _ in reading.rules]
    for bits in ITSELF, BELOW, ITSELF | BELOW, ITSELF | BELOW | ALLOW, ITSELF | ALLOW:
        assert rules.count(bits) > 5, bits
    for field in "empty", "skipped", "not_understood":
        assert sum(getattr(reading.counts, field) for reading in readings) > 100, field


def test_a_list_cut_anywhere_is_read_alike(differs):
    """As a download leaves it that ended halfway: no octet decides of anything but its own line."""
    rng = random.Random(SEED)
    whole = b"".join(blocklists.fixture(form, SEED, 30)[0] for form in blocklists.FORMATS)
    for _ in range(60):
        start, end = sorted(rng.sample(range(len(whole)), 2))
        assert not differs(whole[start:end]), (start, end)
