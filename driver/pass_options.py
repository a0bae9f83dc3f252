"""The options of a pass, which are its dataclass fields: their types, their help, and the values that users give."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import textwrap
import types
import typing
from functools import cache
from typing import Any, cast

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec
from xdsl.utils.hints import type_repr

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.pipeline_text import USAGE, Step, Value

_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|[0-9]+)")
_LONGEST_NUMBER = 24
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_BARE_WORD = re.compile(r"[\w.:/+*-]++")
_WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def pass_options(pass_class: type[ModulePass]) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a pass that are its options."""
    return tuple(field for field in dataclasses.fields(pass_class) if field.name != "name" and field.init)


def option_type(option: dataclasses.Field[Any]) -> str:
    """The type of an option, as it is declared."""
    return option.type if isinstance(option.type, str) else type_repr(option.type)


@cache
def option_help(pass_class: type[ModulePass]) -> dict[str, str]:
    """The help of each option: the string literal below its field, in the pass or a base class."""
    texts: dict[str, str] = {}
    for each in reversed(pass_class.__mro__):
        if issubclass(each, ModulePass) and each is not ModulePass:
            texts |= _documented_fields(each)
    return {option.name: texts[option.name] for option in pass_options(pass_class) if option.name in texts}


def _documented_fields(defined: type) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(defined))).body[0]
    except (OSError, SyntaxError, TypeError):  # a class without a source: the options have no help
        return {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(lines)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def checked_spec(pass_class: type[ModulePass], step: Step) -> ArgSpec:
    """The options of `step`, converted to the types of the fields. Raises `Error` (status 2) that names the option."""
    options = {option.name: option for option in pass_options(pass_class)}
    hints = typing.get_type_hints(pass_class)
    values: dict[str, Any] = {}
    for given, held in step.options.items():
        name = given.replace("-", "_")
        if name not in options:
            spelled = [each.replace("_", "-") for each in options]
            raise Error(
                f"pass {step.name} has no option '{given}'{near(given.replace('_', '-'), spelled)}",
                hint=f"it has {', '.join(spelled)}" if spelled else "it has none",
                status=USAGE,
            )
        kinds = _scalars(hints.get(name, options[name].type))
        if not held and bool in kinds:
            values[given] = (True,)  # a flag may be given by its name alone
        else:
            values[given] = tuple(_value(step.name, given, item, kinds) for item in held)
    return ArgSpec(step.name, values)


def pass_text(one: ModulePass, *, defaults: bool = False) -> str:
    """The text of a pass in a pipeline; with `defaults`, also options with their default values."""
    options: list[str] = []
    for name, held in one.spec(include_default=defaults).parameters.items():
        key = name.replace("_", "-")
        if held:
            options.append(f"{key}={','.join(_spelled(item) for item in held)}")
        elif not defaults:
            options.append(key)
    return f"{one.name}{{{' '.join(options)}}}" if options else one.name


def default_text(value: object) -> str:
    """The default of an option as a person writes it: `true`, `none`, `names,metadata`."""
    if isinstance(value, tuple) and value:
        return ",".join(map(default_text, cast("tuple[object, ...]", value)))
    return str(value).lower() if isinstance(value, bool) or value is None else str(cast(object, value))


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not _BARE_WORD.fullmatch(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def _scalars(hint: Any) -> set[type]:
    """The types of a single value of an option of this type; none if they are not bool, int, float or str."""
    if typing.get_origin(hint) in (tuple, list, typing.Union, types.UnionType):
        return {kind for part in typing.get_args(hint) for kind in _scalars(part)}
    return {hint} if hint in _WORDS else set()


def _value(pass_name: str, option: str, given: Value, kinds: set[type]) -> Any:
    """A value converted to an option's type, in any of MLIR's spellings; if the type is not known, by its form."""
    wanted = kinds or ({str} if given.quoted else set(_WORDS))
    text = given.text
    if given.quoted and str in wanted:
        return text
    if int in wanted and len(text) < _LONGEST_NUMBER and _INTEGER.fullmatch(text):
        return int(text, 0) if "x" in text.lower() else int(text)
    if float in wanted and _FLOAT.fullmatch(text):
        return float(text)
    if bool in wanted and (flag := _BOOLEANS.get(text.lower())) is not None:
        return flag
    if str in wanted:
        return text
    taken = " or ".join(words for kind, words in _WORDS.items() if kind in kinds - ({int} if float in kinds else set()))
    raise Error(
        f"pass {pass_name}: option {option} takes {taken}, not '{text}'",
        hint=f"see --explain {pass_name}",
        status=USAGE,
    )
