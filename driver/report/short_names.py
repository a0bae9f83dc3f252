"""Short names of tensors: as many of the last words as tell each from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_WORDS = 2


def short_names(names: Iterable[str]) -> dict[str, str]:
    """For each name, the fewest words from its end, at least two, that no other name ends with.

    Of the names of operators that were joined (`a/Relu;a/Conv2D`), the first counts, unless they differ in others only.
    """
    every = list(dict.fromkeys(names))
    firsts = {name: name.split(";", 1)[0] for name in every}
    shared = Counter(firsts.values())
    found = {name: name for name in every if shared[firsts[name]] > 1}
    left = [name for name in every if name not in found]
    count = _WORDS
    while left:
        shorter = {name: "/".join(firsts[name].split("/")[-count:]) for name in left}
        taken = Counter(shorter.values()) + Counter(found.values())
        for name in left:
            if taken[shorter[name]] == 1 or shorter[name] == firsts[name]:
                found[name] = shorter[name]
        left = [name for name in left if name not in found]
        count += 1
    return found
