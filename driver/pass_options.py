"""The options of a pass, which are its fields: what each takes, what it is for, and what a person gave for it."""

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
from typing import Any

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec
from xdsl.utils.hints import type_repr

from tflir.ir.errors import Error
from tflir.ir.near import near

_USAGE = 2
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def pass_options(pass_class: type[ModulePass]) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a pass that are its options."""
    return tuple(field for field in dataclasses.fields(pass_class) if field.name != "name" and field.init)


def option_type(option: dataclasses.Field[Any]) -> str:
    """The type of an option, as it is declared."""
    return option.type if isinstance(option.type, str) else type_repr(option.type)


@cache
def option_help(pass_class: type[ModulePass]) -> dict[str, str]:
    """What each option is for: the string literal that stands below its field, in the pass or a base class."""
    found: dict[str, str] = {}
    for each in reversed(pass_class.__mro__):
        if issubclass(each, ModulePass) and each is not ModulePass:
            found |= _documented_fields(each)
    return found


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


def checked_spec(pass_class: type[ModulePass], spec: ArgSpec) -> ArgSpec:
    """`spec` with its values as the fields take them. Raises `Error` (status 2) naming the option and what it takes."""
    options = {option.name: option for option in pass_options(pass_class)}
    hints = typing.get_type_hints(pass_class)
    values: dict[str, Any] = {}
    for given, held in spec.parameters.items():
        name = given.replace("-", "_")
        if name not in options:
            spelled = [each.replace("_", "-") for each in options]
            raise Error(
                f"pass {spec.name} has no option '{given}'{near(given.replace('_', '-'), spelled)}",
                hint=f"it has {', '.join(spelled)}" if spelled else "it has none",
                status=_USAGE,
            )
        kinds = _scalars(hints.get(name, options[name].type))
        if not held and bool in kinds:
            held = (True,)  # a flag may be given by its name alone
        values[given] = tuple(_value(spec.name, given, item, kinds) for item in held) if kinds else held
    return ArgSpec(spec.name, values)


def _scalars(hint: Any) -> set[type]:
    """The types of one value that an option of this type takes; none where they are not plain ones."""
    if typing.get_origin(hint) in (tuple, list, typing.Union, types.UnionType):
        return {kind for part in typing.get_args(hint) for kind in _scalars(part)}
    return {hint} if hint in _WORDS else set()


def _value(pass_name: str, option: str, given: Any, kinds: set[type]) -> Any:
    """One value as an option takes it: MLIR's spellings of floats, whole numbers for floats, numbers that are words."""
    if type(given) in kinds:
        return given
    if float in kinds and (type(given) is int or (isinstance(given, str) and _FLOAT.fullmatch(given))):
        return float(given)
    if str in kinds and type(given) is int:
        return str(given)
    taken = " or ".join(words for kind, words in _WORDS.items() if kind in kinds - ({int} if float in kinds else set()))
    spelled = str(given).lower() if isinstance(given, bool) else str(given)
    raise Error(
        f"pass {pass_name}: option {option} takes {taken}, not '{spelled}'",
        hint=f"see --explain {pass_name}",
        status=_USAGE,
    )
