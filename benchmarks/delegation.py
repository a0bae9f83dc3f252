"""How the table of LiteRT's default delegate agrees with what the runtime really delegates, on a folder of models.

```
python benchmarks/delegation.py FOLDER [--match TEXT] [--every N]
```

Each model is loaded in a child process, since some models abort the runtime. It prints the share of sites, ops of the
models' first subgraphs, at which `TARGETS.get("xnnpack")` says what the runtime does; every disagreement, grouped by
operator, kinds and reason; the models whose number of delegate nodes is another; and those that do not load, beside
whether the table says so.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
from dataclasses import dataclass, field

import tflir
from tflir.backends.litert.delegation import delegated
from tflir.backends.litert.isolated import isolated
from tflir.ir.functions import functions
from tflir.ir.targets import TARGETS, Verdict, partitions
from tflir.ir.targets.site import Site, is_operator

_MOST_EXAMPLES = 3


@dataclass
class Count:
    """What was found over all models."""

    models: int = 0
    sites: int = 0
    agreeing: int = 0
    nodes_agreeing: int = 0
    disagreements: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    """Where, by what is said and done."""
    other_nodes: list[str] = field(default_factory=list[str])
    unloadable: list[str] = field(default_factory=list[str])
    loaded: list[str] = field(default_factory=list[str])
    """Models that load though the tables say that they do not."""
    unread: list[str] = field(default_factory=list[str])


def main() -> None:
    """Reads the arguments and prints what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--match", default="", help="only models whose path has this text")
    parser.add_argument("--every", type=int, default=1, help="only every N-th model")
    arguments = parser.parse_args()
    count = Count()
    paths = [path for path in sorted(arguments.folder.rglob("*.tflite")) if arguments.match in str(path)]
    for path in paths[:: arguments.every]:
        look_at(path, str(path.relative_to(arguments.folder)), count)
    show(count)


def look_at(path: pathlib.Path, name: str, count: Count) -> None:
    """Compares one model."""
    try:
        module = tflir.load(path)
    except tflir.Error as error:
        count.unread.append(f"{name}: {error}")
        return
    function = next(functions(module))
    target = TARGETS.get("xnnpack")
    sites = [Site(op, target) for op in function.body.block.ops if is_operator(op)]
    verdicts = [target.verdict(site.op) for site in sites]
    try:
        real = isolated(delegated, str(path), file=name)
    except tflir.Error as error:
        why = " ".join(str(error).split())[:160]
        count.unloadable.append(f"{name}: {why}; the tables: {_said_unloadable(sites, verdicts) or 'nothing'}")
        return
    count.models += 1
    if said := _said_unloadable(sites, verdicts):
        count.loaded.append(f"{name}: {said}")
    if [site.operator for site in sites] != real.operators:
        count.unread.append(f"{name}: {len(sites)} ops where the runtime has {len(real.operators)}, or others")
        return
    found = len(partitions(function, target, {site.op: each for site, each in zip(sites, verdicts, strict=True)}))
    if found == len(real.partitions):
        count.nodes_agreeing += 1
    else:
        count.other_nodes.append(f"{name}: {found} delegate nodes, {len(real.partitions)} in the runtime")
    for number, (site, verdict) in enumerate(zip(sites, verdicts, strict=True)):
        if number in real.unseen:
            continue
        count.sites += 1
        if (number in real.taken) == (verdict.status == "taken"):
            count.agreeing += 1
            continue
        does = "takes" if number in real.taken else "refuses"
        kinds = f"{' '.join(site.kinds)} -> {' '.join(site.result_kinds)}"
        said = f"{site.operator} {kinds}: the runtime {does} it; the table: {verdict.status} {verdict.reason}".strip()
        count.disagreements[said].append(f"{name} #{number}")


def _said_unloadable(sites: list[Site], verdicts: list[Verdict]) -> str:
    """What the tables say that keeps a model from loading: its delegate, and the kernels that run what that refuses."""
    litert = TARGETS.get("litert")
    said: list[str] = []
    for site, delegate in zip(sites, verdicts, strict=True):
        verdict = litert.verdict(site.op) if delegate.status == "refused" else delegate
        if verdict.status in ("unloadable", "crashes"):
            said.append(f"{site.operator} {verdict.status}, {verdict.reason}")
    return "; ".join(dict.fromkeys(said))


def show(count: Count) -> None:
    """Prints what was found."""
    for title, lines in (
        ("not compared", count.unread),
        ("not loaded by the runtime", count.unloadable),
        ("loaded, though the tables say otherwise", count.loaded),
        ("another number of delegate nodes", count.other_nodes),
    ):
        print(f"\n{title}: {len(lines)}")
        for line in lines:
            print(f"  {line}")
    print(f"\ndisagreements: {count.sites - count.agreeing}")
    for said, places in sorted(count.disagreements.items(), key=lambda item: -len(item[1])):
        print(f"  {len(places)} x {said}")
        print(f"      {', '.join(places[:_MOST_EXAMPLES])}")
    share = 100 * count.agreeing / max(count.sites, 1)
    print(f"\n{share:.2f} % of {count.sites} sites of {count.models} models agree")
    print(f"{count.nodes_agreeing} of {count.models} models have the number of delegate nodes that is said")


if __name__ == "__main__":
    main()
