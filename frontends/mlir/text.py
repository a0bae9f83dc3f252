"""Reads MLIR text as a module that passes can run on once it is verified."""

from __future__ import annotations

from codecs import BOM_UTF8

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Span

from tflir.frontends.mlir.adopt import adopt
from tflir.frontends.mlir.expansion import check_expansion
from tflir.frontends.mlir.parser import TextParser
from tflir.frontends.mlir.resources import split_resources
from tflir.ir.context import make_context
from tflir.ir.errors import Error
from tflir.ir.limits import within_limits
from tflir.ir.verify import InvalidOp, verify_module


def parse_text(
    data: bytes | memoryview,
    name: str,
    context: Context | None = None,
    *,
    verify: bool = True,
    places: dict[Operation, Span] | None = None,
) -> ModuleOp:
    """The module in the text `data` of file `name`, verified unless `verify` is false.

    `context` has the known dialects (default: ours and xDSL's); `places` receives the position of each op in the
    text. Raises `Error` with line and column.
    """
    content = memoryview(data)
    if bytes(content[: len(BOM_UTF8)]) == BOM_UTF8:
        content = content[len(BOM_UTF8) :]
    text, resources = split_resources(content, name)
    parser: TextParser | None = None
    try:
        parser = TextParser(context or make_context(), text, name, resources)
        with within_limits("the text"):
            module = parser.parse_module()
            if places is not None:
                places.update(parser.positions)
            parser.check_defined()
            check_expansion(module, parser, len(data))
            adopt(module)
            if verify:
                _verify(module, parser)
        return module
    except ParseError as error:
        raise _error(parser, error) from error
    except Error as error:
        error.file = error.file or _place(parser, name)
        raise
    except Exception as error:  # xDSL's parser raises several kinds on text it does not expect
        what = str(error).strip().partition("\n")[0]
        raise Error(f"can't be parsed: {type(error).__name__}: {what}", file=_place(parser, name)) from error


def _verify(module: ModuleOp, parser: TextParser) -> None:
    try:
        verify_module(module)
    except InvalidOp as error:
        at = parser.positions.get(error.operation)
        error.file = str(at.get_location()) if at is not None else parser.lexer.input.name
        raise
    except Error as error:
        error.file = error.file or parser.lexer.input.name
        raise


def _place(parser: TextParser | None, name: str) -> str:
    return name if parser is None else parser.place()


def _error(parser: TextParser | None, error: ParseError) -> Error:
    """The error with the first line of xDSL's message and its position."""
    if parser is not None and error.msg.startswith("values used but not defined"):
        try:
            parser.check_defined()
        except ParseError as better:
            error = better
    what = error.msg.strip().partition("\n")[0].rstrip(".!").replace("after {first_char}", "here")
    if what == "Expected shape type":
        what = f"'{error.span.text}' is no type of elements"
    if what == "Could not parse entire input":
        what = "expected an op"
    hint = "" if "did you mean" in what else _hint(what)
    return Error(what[:1].lower() + what[1:], file=str(error.span.get_location()), hint=hint)


def _hint(what: str) -> str:
    if "does not have a custom format" in what:
        return 'write the op in MLIR\'s generic form, "tfl.op"(…) (mlir-opt --mlir-print-op-generic)'
    if "is not registered" in what or "unknown op" in what:
        return "tflir-opt --show-dialects lists what is known"
    if "undefined symbol alias" in what:
        return "define it on a line of its own, #name = …"
    return ""
