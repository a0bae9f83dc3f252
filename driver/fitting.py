"""The passes that fit a model to a target's kernels, which `--target` adds to those of the mode."""

from __future__ import annotations

from tflir.options import Options


def fitted(options: Options, *, integer_only: bool = False) -> list[str]:
    """The passes that fit a model to the target of the options, in the `-p` syntax; none without a target.

    First ops get weights in the form that the target reads best, then those that it still refuses are rewritten, and
    last comes what keeps it from loading the model, or from computing it rightly.
    """
    if options.target is None:
        return []
    from tflir.ir.targets import TARGETS

    target = TARGETS.get(options.target)
    return [
        *([] if integer_only else [f"tfl-choose-kinds{{{_words(options)}}}"]),
        *(_mending(name, integer_only) for name in target.mended_by),
        *([] if integer_only else [f"tfl-float-islands{{target={options.target}}}"]),
        f"tfl-legalize{{target={options.target}}}",
    ]


def _words(options: Options) -> str:
    goal = "" if options.optimize_for is None else f" optimize-for={options.optimize_for}"
    return f"target={options.target}{goal}"


def _mending(name: str, integer_only: bool) -> str:
    return f"{name}{{allow-float=false}}" if integer_only else name
