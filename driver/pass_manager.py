"""Pipelines: from the `-p` syntax to passes, and running them with checks between them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec
from xdsl.utils.arg_spec import parse_pipeline as parse_specs
from xdsl.utils.exceptions import ArgSpecParseError

from tflir.ir.errors import Error
from tflir.ir.limits import within_limits
from tflir.ir.near import near
from tflir.ir.verify import verify_module
from tflir.passes.base import PassReport, Progress, TflPass
from tflir.passes.registry import load_pass, pass_names

USAGE = 2
Hook = Callable[[ModulePass, ModuleOp], None]
_STEPS = 100
"""That a pass counts for, where progress is told."""
_MODULE = re.compile(r"\s*builtin\.module\((.*)\)\s*", re.DOTALL)
_STRING = r'"(?s:\\.|[^"\\])*+(?:"|\\?\Z)'
_VALUES = re.compile(rf'\[[^\]]*+(?:\]|\Z)|=(?:{_STRING}|[^\s{{}}"])++')
"""The values of an option; `mlir-opt[…]` is the other tool's. What is not closed goes to the end, to be read once."""
_VALUE = re.compile(rf'{_STRING}|[^=,"]+')
_LONGEST_SHOWN = 120
_PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?)?|[0-9]*[A-Za-z_][A-Za-z0-9_-]*")
"""A number or a word, true and false among them: xDSL reads these without quotes."""


def run_passes(module: ModuleOp, pipeline: str, *, verify_each: bool = True) -> list[PassReport]:
    """Runs a pipeline in the `-p` syntax on `module`; returns what each pass did."""
    return run_pipeline(module, parse_pipeline(pipeline), verify_each=verify_each)


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

    `before` and `after` are called around each pass; `after` once its result is verified. `progress` is told how far
    all passes are, and of how much. Raises `Error` naming the pass that fails or leaves a module that is not valid.
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
    """What pass `number` of `count` tells of itself, as part of all."""
    return lambda done, of: progress(_STEPS * number + _STEPS * done // max(of, 1), _STEPS * count)


def run_pass(
    each: ModulePass, module: ModuleOp, context: Context | None = None, progress: Progress | None = None
) -> PassReport:
    """Runs one pass, which tells `progress` how far it is. Whatever it raises becomes an `Error` that names it."""
    try:
        with within_limits(each.name):
            if isinstance(each, TflPass):
                return each.run(module, progress)
            each.apply(context or _plugged_in_context(), module)
    except Error:
        raise
    except Exception as error:  # a pass may be anyone's
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise Error(f"{each.name}: {lines[0] if lines else type(error).__name__}", hint=_internal(error)) from error
    return PassReport(each.name)


def _plugged_in_context() -> Context:
    from tflir.ir.context import make_context
    from tflir.plugins import register_dialects

    return register_dialects(make_context())


def _plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes of plug-ins; looking for them takes longer than most compilations, so it waits until one is named."""
    from tflir.plugins import plugin_passes

    return plugin_passes()


def _internal(error: Exception) -> str:
    from xdsl.utils.exceptions import DiagnosticException

    if isinstance(error, DiagnosticException):
        return ""
    return f"this {type(error).__name__} is a bug in the pass; --debug shows where"


def _verify_after(each: ModulePass, module: ModuleOp, *, runs: bool) -> None:
    """`runs` is false after what TensorFlow does, which makes ops that the runtime refuses."""
    try:
        with within_limits():
            verify_module(module, runs=runs)
    except Error as error:
        error.what = f"{each.name} left a module that is not valid: {error.what}"
        raise


def available_passes() -> Iterator[str]:
    """The names of all passes: ours, then those of plug-ins and xDSL."""
    ours = list(pass_names())
    yield from ours
    yield from (name for name in _plugin_passes() if name not in ours)


def find_pass(name: str) -> type[ModulePass]:
    """The class of pass `name`. Raises `Error` (status 2) with near names where there is none."""
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


def parse_pipeline(text: str) -> list[ModulePass]:
    """The passes of a pipeline such as `a,b{x=1 y=2}`. Raises `Error` (status 2) saying what is wrong with it."""
    if wrapped := _MODULE.fullmatch(text):
        text = wrapped.group(1)
    try:
        specs = list(parse_specs(_quote_values(_without_spaces(text.strip()))))
    except (ArgSpecParseError, ValueError) as error:
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
        raise Error(f"pipeline '{shown}': {_last_line(error)}", hint="write 'a,b{x=1 y=2}'", status=USAGE) from None
    classes = {name: find_pass(name) for name in dict.fromkeys(spec.name for spec in specs)}
    return [_instance(classes[spec.name], spec) for spec in specs]


def _without_spaces(pipeline: str) -> str:
    """Without the spaces around commas between passes; those in the braces of options stay."""
    parts = re.split(r"([{}])", pipeline)
    for index in range(0, len(parts), 2):
        if parts[index + 1 : index + 2] != ["}"]:
            first, *others = parts[index].split(",")
            if others:
                parts[index] = ",".join([first.rstrip(), *(each.strip() for each in others[:-1]), others[-1].lstrip()])
    return "".join(parts)


def _quote_values(pipeline: str) -> str:
    """Puts values such as `2:4` in quotes, so that people need not."""

    def each(values: re.Match[str]) -> str:
        return values[0] if values[0].startswith("[") else _VALUE.sub(one, values[0])

    def one(value: re.Match[str]) -> str:
        text = value[0]
        if text.startswith('"') or _PLAIN.fullmatch(text):
            return text
        return '"' + text.replace("\\", "\\\\") + '"'

    return _VALUES.sub(each, pipeline)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^\n")]
    return lines[-1] if lines else "syntax error"


def _instance(pass_class: type[ModulePass], spec: ArgSpec) -> ModulePass:
    options = {option.name.replace("_", "-"): option for option in pass_options(pass_class)}
    for given in spec.parameters:
        if given.replace("_", "-") not in options:
            known = f"it has {', '.join(options)}" if options else "it has none"
            raise Error(
                f"pass {spec.name} has no option '{given}'{near(given.replace('_', '-'), options)}",
                hint=known,
                status=USAGE,
            )
    flags = {name: (True,) for name, given in spec.parameters.items() if not given and _is_flag(pass_class, name)}
    try:
        return pass_class.from_spec(ArgSpec(spec.name, {**spec.parameters, **flags}))
    except Error as error:
        error.status = USAGE
        error.what = f"pass {spec.name}: {error.what}"
        raise
    except (ValueError, TypeError) as error:
        what = re.sub(r"<class '(\w+)'>", r"\1", _last_line(error))
        raise Error(f"pass {spec.name}: {what}", hint=f"see --explain {spec.name}", status=USAGE) from None


def _is_flag(pass_class: type[ModulePass], name: str) -> bool:
    """Whether an option is a bool, which may be given by its name alone."""
    options = {option.name: option for option in pass_options(pass_class)}
    return options[name.replace("-", "_")].type in (bool, "bool")


def pass_options(pass_class: type[ModulePass]) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a pass that are its options."""
    return tuple(field for field in dataclasses.fields(pass_class) if field.name != "name" and field.init)
