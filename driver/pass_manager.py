"""Parses pipelines in the `-p` syntax, and runs their passes with verification between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tflir.evaluator import provide_interpreter
from tflir.facts import facts_in_force
from tflir.ir.errors import Error
from tflir.ir.limits import within_limits
from tflir.ir.near import near
from tflir.ir.verify import verify_module
from tflir.pass_options import checked_spec
from tflir.passes.base import PassReport, Progress, TflPass
from tflir.passes.registry import load_pass, pass_names
from tflir.passes.rewriting.events import sweep_told
from tflir.pipeline_text import DEFAULT, FUNCTION, USAGE, Step, read_pipeline

provide_interpreter()
Hook = Callable[[ModulePass, ModuleOp], None]
_STEPS = 100
"""The steps of progress that each pass counts for."""
_OF_XDSL = frozenset({"canonicalize", "constant-fold-interp", "control-flow-hoist", "cse", "dce", "licm"})
"""Passes of xDSL that process each function separately."""


def run_passes(
    module: ModuleOp, pipeline: str | ModulePass | Iterable[str | ModulePass], *, verify_each: bool = True
) -> list[PassReport]:
    """Runs passes on `module` and returns what each did.

    `pipeline` is text in the `-p` syntax, a pass, or a list of such texts and passes. Raises `Error` if it or
    `module` is something else, or if a pass fails.
    """
    # Callers may not use a type checker, so that types are checked here.
    if not isinstance(module, ModuleOp):  # pyright: ignore[reportUnnecessaryIsInstance] -- see above
        raise Error(
            f"run_passes works on a module, not on {_a(module)}",
            hint="give it what tflir.load returns",
            status=USAGE,
        )
    with facts_in_force():
        return run_pipeline(module, list(_passes_of(pipeline)), verify_each=verify_each)


def _passes_of(pipeline: object) -> Iterator[ModulePass]:
    """The passes in a text, a pass, or a list of them."""
    if isinstance(pipeline, str):
        yield from parse_pipeline(pipeline) if pipeline.strip() else ()
    elif isinstance(pipeline, ModulePass):
        yield pipeline
    elif isinstance(pipeline, Iterable) and not isinstance(pipeline, bytes | Mapping):
        for each in cast("Iterable[object]", pipeline):
            if not isinstance(each, str | ModulePass):
                raise _no_pass(each)
            yield from _passes_of(each)
    else:
        raise _no_pass(cast("object", pipeline))


def _no_pass(given: object) -> Error:
    hint = "give 'a,b{x=1}', a pass object such as MyPass(), or a list of these"
    return Error(f"run_passes takes the text of a pipeline or passes, not {_a(given)}", hint=hint, status=USAGE)


def _a(given: object) -> str:
    """The kind of a wrong argument, for the error."""
    if isinstance(given, type):
        return f"the class {given.__name__}"
    return f"{type(given).__name__} {given!r}" if isinstance(given, int | float | str) else type(given).__name__


def run_pipeline(
    module: ModuleOp,
    passes: Sequence[ModulePass],
    *,
    verify_each: bool = True,
    before: Hook | None = None,
    after: Hook | None = None,
    context: Context | None = None,
    progress: Progress | None = None,
) -> list[PassReport]:
    """Runs `passes` in order and returns what each did.

    `before` and `after` are called around each pass; `after` once its result is verified. `progress` is called with the
    work done and in total. Raises `Error`, which names the pass, if one fails or its result is not valid.
    """
    reports: list[PassReport] = []
    for number, each in enumerate(passes):
        if before is not None:
            before(each, module)
        part = None if progress is None else _part(progress, number, len(passes))
        reports.append(run_pass(each, module, context, part))
        if verify_each:
            _verify_after(each, module, runs=not any(getattr(p, "tf_compat", False) for p in passes[: number + 1]))
        if after is not None:
            after(each, module)
    return reports


def _part(progress: Progress, number: int, count: int) -> Progress:
    """Converts the progress of pass `number` of `count` to progress of the whole pipeline."""
    return lambda done, of: progress(_STEPS * number + _STEPS * done // max(of, 1), _STEPS * count)


def run_pass(
    each: ModulePass, module: ModuleOp, context: Context | None = None, progress: Progress | None = None
) -> PassReport:
    """Runs one pass, which reports to `progress`. Its exceptions become an `Error` that names the pass."""
    try:
        with within_limits(each.name), sweep_told(each, module):
            if isinstance(each, TflPass):
                return each.run(module, progress)
            each.apply(context or _plugged_in_context(), module)
    except Error:
        raise
    except Exception as error:  # a pass may come from any package
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise Error(f"{each.name}: {lines[0] if lines else type(error).__name__}", hint=_internal(error)) from error
    return PassReport(each.name)


def _plugged_in_context() -> Context:
    from tflir.ir.context import make_context

    return make_context()


def _plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes of plug-ins. They are loaded only if one is named, since that takes longer than most compilations."""
    from tflir.plugins import plugin_passes

    return plugin_passes()


def _internal(error: Exception) -> str:
    from xdsl.utils.exceptions import DiagnosticException

    if isinstance(error, DiagnosticException):
        return ""
    return f"this {type(error).__name__} is a bug in the pass; --debug shows where"


def _verify_after(each: ModulePass, module: ModuleOp, *, runs: bool) -> None:
    """Verifies the result of a pass; `runs` is false after passes that imitate TensorFlow and may create ops that the
    runtime refuses."""
    try:
        with within_limits():
            verify_module(module, runs=runs)
    except Error as error:
        error.what = f"{each.name} left a module that is not valid: {error.what}"
        raise


def available_passes() -> Iterator[str]:
    """The names of all passes: those of tflir, then those of plug-ins and xDSL."""
    ours = list(pass_names())
    yield from ours
    yield from (name for name in _plugin_passes() if name not in ours)


def find_pass(name: str) -> type[ModulePass]:
    """The class of pass `name`. Raises `Error` (status 2) if there is none (it suggests similar names) or
    more than one.
    """
    from tflir.plugins import refuse_clash

    if name == DEFAULT:
        hint = "name passes, or use tflir compile -p"
        raise Error(f"{DEFAULT} stands for the passes that the options of tflir compile give", hint=hint, status=USAGE)
    refuse_clash(name, ours=name in pass_names())
    return _found_pass(name)


def _found_pass(name: str) -> type[ModulePass]:
    if name in pass_names():
        return load_pass(name)
    factory = _plugin_passes().get(name)
    if factory is None:
        raise Error(
            f"no pass is called '{name}'{near(name, available_passes())}",
            hint="tflir-opt --list-passes lists them",
            status=USAGE,
        )
    return factory()


def parse_pipeline(text: str, *, by_flags: bool = False) -> list[ModulePass]:
    """The passes of a pipeline such as `a,b{x=1 y=2}`. Raises `Error` (status 2) that says what is wrong with it.

    A pipeline that was made `by_flags` has only passes of tflir, so that no plug-in is loaded.
    """
    steps = read_pipeline(text)
    find = _found_pass if by_flags else find_pass
    classes = {name: find(name) for name in dict.fromkeys(step.name for step in steps)}
    return [_instance(classes[step.name], step) for step in steps]


def works_per_function(pass_class: type[ModulePass]) -> bool:
    """Whether the pass processes each function of a module separately, so that `func.func(…)` may contain it."""
    return bool(getattr(pass_class, "per_function", False)) or pass_class.name in _OF_XDSL


def _instance(pass_class: type[ModulePass], step: Step) -> ModulePass:
    if step.anchor == FUNCTION and not works_per_function(pass_class):
        what = f"pass {step.name} works on the whole module, not on each function"
        raise Error(what, hint=f"write it outside {FUNCTION}(…)", status=USAGE)
    try:
        return pass_class.from_spec(checked_spec(pass_class, step))
    except Error as error:
        error.status = USAGE
        if not error.what.startswith(f"pass {step.name}"):
            error.what = f"pass {step.name}: {error.what}"
        raise
    except (ValueError, TypeError) as error:
        what = re.sub(r"<class '(\w+)'>", r"\1", str(error).strip().rpartition("\n")[2] or type(error).__name__)
        raise Error(f"pass {step.name}: {what}", hint=f"see --explain {step.name}", status=USAGE) from None


def split_at_recipe(text: str) -> tuple[list[ModulePass], list[ModulePass]]:
    """The passes of a pipeline before and after the one that notes what a recipe says on ops."""
    from tflir.passes.recipes.assign import AssignWeightKindsPass

    passes = parse_pipeline(text, by_flags=True)
    at = next(place for place, one in enumerate(passes) if isinstance(one, AssignWeightKindsPass))
    return passes[:at], passes[at + 1 :]
