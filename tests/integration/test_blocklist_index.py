"""What the index says of names, and the files where there is none, beside the matcher of blocklists.py: a million names."""

import os
import pathlib
import random
import subprocess

import pytest

import blocklists

TOP = pathlib.Path(__file__).resolve().parents[2]
SAYS = os.environ.get("AIODNS_BLOCKLIST_SAYS", TOP / "build/dev/tests/integration/integration_blocklist_says")
SEED = int(os.environ.get("AIODNS_TEST_SEED", "20261122"))
NAMES = 20_000      # of each list
QUERIES = 100_000   # put to each combination, of which there are ten
BY_FILES = 40       # of those, put to the files


def queries(rng, listed, count):
    """Names of the lists, names above, below and beside them, and others; in any letter case."""
    found = []
    for _ in range(count):
        name = rng.choice(listed)
        kind = rng.random()
        if kind < 0.25:
            name = f"{rng.choice(('www', 'a', 'x.y', 'ads', '*', 'a.b.c.d.e.f'))}.{name}"
        elif kind < 0.40:
            name = name.partition(".")[2] or name
        elif kind < 0.50:
            name = rng.choice("abx") + name
        elif kind < 0.55:
            name = f"{rng.getrandbits(40):x}.example"
        if rng.random() < 0.3:
            name = "".join(rng.choice((c.upper(), c)) for c in name)
        if len(name) > 253 or any(not 0 < len(label) < 64 for label in name.split(".")):
            name = "no.name"
        found.append(name)
    return found


def says(how, paths, names):
    done = subprocess.run([SAYS, how, *paths], input="".join(f"{name}\n" for name in names), text=True, check=True,
                          stdout=subprocess.PIPE, timeout=500)
    return done.stdout.splitlines()


FORMS = [form for form in blocklists.FORMATS if form != "adblock-allow"]
COMBINATIONS = [[form] for form in FORMS[:7]] + [FORMS, ["wildcard", "adblock-allow"], ["adblock-allow", "hosts", "rpz"]]


@pytest.mark.parametrize("forms", COMBINATIONS, ids="+".join)
def test_as_the_matcher(tmp_path, forms):
    rng = random.Random(f"{SEED} {forms}")
    print(f"seed {SEED}")
    paths, contents, listed = [], [], []
    for number, form in enumerate(forms):
        data, rules = blocklists.fixture(form, SEED + number % 3, NAMES)  # so that lists have names in common
        paths.append(tmp_path / f"{number}-{form}")
        paths[-1].write_bytes(data)
        contents.append(data)
        listed += [name for _, name in rules]
    matcher = blocklists.Matcher(*contents)
    names = queries(rng, listed, QUERIES)
    wanted = [matcher.says(name) or "-" for name in names]
    assert len(set(wanted)) >= 2
    got = says("index", paths, names)
    assert len(got) == len(wanted)
    different = [(name, one, other) for name, one, other in zip(names, got, wanted) if one != other]
    assert not different, different[:5]
    some = rng.sample(range(QUERIES), BY_FILES)
    assert says("files", paths, [names[i] for i in some]) == [wanted[i] for i in some]
