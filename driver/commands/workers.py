"""The workers that a command shares its work among, if its options ask for that."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from tflir.commands.terminal import say
from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    from tflir.jobs.team import Team


@contextlib.contextmanager
def team_of(arguments: argparse.Namespace, *, alone: bool = True, always: bool = False) -> Generator[Team | None]:
    """The workers that `--jobs` or `--scheduler` ask for; `--work` alone asks for one, if `alone`; else None.

    With `always` there is one at least. Raises `Error` (status 2) if there are limits for workers and no workers.
    """
    work: str | None = arguments.work if hasattr(arguments, "work") else None
    if arguments.jobs is None and arguments.scheduler is None and (work is None or not alone) and not always:
        for name in ("time_limit", "memory_limit"):
            if getattr(arguments, name) is not None:
                flag = f"--{name.replace('_', '-')}"
                raise Error(f"{flag} does nothing without --jobs or --scheduler", hint="add it", status=USAGE)
        yield None
        return
    from tflir.jobs.task import Limits
    from tflir.jobs.team import Team

    memory: int | None = arguments.memory_limit
    limits = Limits(arguments.time_limit, None if memory is None else memory << 20)
    quiet = getattr(arguments, "quiet", False) or getattr(arguments, "json", False)
    with Team(
        arguments.jobs or 1,
        scheduler=arguments.scheduler,
        work=work,
        limits=limits,
        say=_nothing if quiet else say,
    ) as team:
        yield team


def _nothing(line: str) -> None:
    """Says nothing."""


def detail(team: Team | None) -> Callable[[], str]:
    """What a progress bar says beside the samples: how many shards are done."""
    return lambda: "" if team is None else str(team.tally)
