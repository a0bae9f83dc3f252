"""xDSL's parser, extended to read everything that MLIR prints of TFL programs, and a few times faster.

What differs: strings may hold any bytes; aliases may be defined after their use; constants become
`ArrayElementsAttr` as they are read; locations of every kind are read; the text of a type is parsed once;
errors about unknown names suggest similar ones. Only this module uses private methods of xDSL's parser.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    FileLineColLoc,
    FusedLoc,
    IntAttr,
    LocationAttr,
    ModuleOp,
    NoneAttr,
    ShapedType,
    StringAttr,
    TensorType,
    UnregisteredOp,
)
from xdsl.ir import Attribute, Operation, TypeAttribute
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input, Position, Span, Token
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind, StringLiteral

from tflir.frontends.mlir.literals import dense_constant
from tflir.frontends.mlir.resources import unescape
from tflir.ir import names
from tflir.ir.blob import Blob, RepeatedBlob
from tflir.ir.budget import Budget
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.near import near
from tflir.ir.text import ELIDED, decimal
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import schema_name, shape_of, tensor_type

_ALIAS = re.compile(r"^[ \t]*+([#!][\w$.-]+)[ \t]*=", re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')
_DENSE_BODY = re.compile(r'((?:[^">]++|"(?:[^"\\]++|\\.)*+")*+)>', re.DOTALL)
_NAME_LOC = re.compile(r'\(\s*+("(?:[^"\\\n]++|\\.)*+")\s*+\)')
_TENSOR = re.compile(r'tensor<(?:[^<>"]|<(?:[^<>"]|<[^<>"]*+>)*+>)*+>')
_MOST_DIMENSIONS = 255
_MANY_DIMENSIONS = re.compile(rf"\s*+<\s*+(?:(?:\d++|\?)\s*+x\s*+){{{_MOST_DIMENSIONS + 1}}}")
_SUFFIX = r"(?:[0-9]++|[a-zA-Z$._-][\w$.-]*+)"
_TOKEN = re.compile(
    r"(?:\s++|//[^\n]*+)*+(?:(?P<word>[A-Za-z_][\w$.]*+)|(?P<mark>->|[:,=()<>}\[\]]|\{(?!-\#))"
    rf"|(?P<value>%{_SUFFIX})|(?P<type>!{_SUFFIX})|(?P<attribute>\#{_SUFFIX}(?<!\#-)))",
    re.ASCII,
)
_KINDS = {
    "word": MLIRTokenKind.BARE_IDENT,
    "value": MLIRTokenKind.PERCENT_IDENT,
    "type": MLIRTokenKind.EXCLAMATION_IDENT,
    "attribute": MLIRTokenKind.HASH_IDENT,
}
_MARKS = {mark: MLIRTokenKind(mark) for mark in ("->", ":", ",", "=", "(", ")", "<", ">", "{", "}", "[", "]")}
_ARRAY = re.compile(r"<\s*((?:[su]?i|f)\d+)\s*:([^<>\"/]*+)>")
_SHORT_OP = re.compile(r"(?:%[\w$.:,%\s-]*+=\s*+)?(?:tfl\.|(arith\.constant)\s)")
_INTEGER = re.compile(r"-?(?:0x[0-9A-Fa-f]+|[0-9]+)")
_LONGEST_MEMO = 1 << 16
_MOST_FOREIGN = 1 << 16
"""The most elements of a constant whose type no model has: xDSL stores each of them, even those of a splat."""
_FREE = 1 << 20
_PER_CHARACTER = 64
"""The characters that aliases may expand to: this many, and this many for each character of the text."""


class TextLexer(MLIRLexer):
    """Lexes every string literal as the same kind of token, and the usual tokens by one regular expression."""

    def lex(self) -> Token[MLIRTokenKind, str]:
        match = _TOKEN.match(self.input.content, self.pos)
        if match is None or (kind := _KINDS.get(match.lastgroup or "") or _MARKS.get(match["mark"])) is None:
            return super().lex()
        self.pos = match.end()
        return Token(kind, Span(match.start(match.lastgroup or 0), self.pos, self.input))

    def _lex_string_literal(self, start_pos: Position) -> Token[MLIRTokenKind, str]:
        match = _STRING.match(self.input.content, start_pos)
        if match is None:
            raise ParseError(Span(start_pos, start_pos + 1, self.input), "this string does not end in its line")
        self.pos = match.end()
        return Token(MLIRTokenKind.STRING_LIT, StringLiteral(start_pos, self.pos, self.input))


def literal_text(literal: str) -> str:
    """The text of a string literal; bytes that are not UTF-8 become surrogates."""
    if "\\" not in literal:
        return literal[1:-1]
    return unescape(literal[1:-1].encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


class TextParser(Parser):
    """Parses one program; `resources` holds the bytes that it names."""

    def __init__(self, context: Context, text: str, name: str, resources: Mapping[str, Blob]) -> None:
        super().__init__(context, "", name)
        self._parser_state.lexer = TextLexer(Input(text, name))
        self._parser_state.current_token = self._parser_state.lexer.lex()
        self.resources = resources
        self.positions: dict[Operation, Span] = {}
        """The position in the text where each op starts."""
        self._start = self._current_token.span
        self._types: dict[str, TypeAttribute] = {}
        self._aliases = {m.group(1): m.end() for m in _ALIAS.finditer(text)}
        self._resolving: set[str] = set()
        self._sizes: dict[str, int] = {}
        """The characters that each alias expands to."""
        self._expanded = 0
        """The characters that all uses of aliases so far expand to."""
        self._most_expanded = _FREE + _PER_CHARACTER * len(text)
        self.splats: list[tuple[Position, ArrayElementsAttr]] = []
        """Every constant with a single value for all elements, and the position where its text starts."""
        self._held = Budget(len(text))

    def place(self) -> str:
        """File, line and column of the parser's current position."""
        return str(self._current_token.span.get_location())

    def place_of(self, position: Position) -> str:
        """File, line and column of a position in the text."""
        return str(Span(position, position + 1, self.lexer.input).get_location())

    # Strings.

    def parse_optional_str_literal(self) -> str | None:
        token = self._parse_optional_token(MLIRTokenKind.STRING_LIT)
        return None if token is None else literal_text(token.text)

    def parse_optional_symbol_name(self) -> StringAttr | None:
        token = self._parse_optional_token(MLIRTokenKind.AT_IDENT)
        if token is None:
            return None
        text = token.text[1:]
        return StringAttr(literal_text(text) if text.startswith('"') else text)

    # Aliases. The method below is generic and private in xDSL; its overloads can't be repeated here.

    def _parse_extended_type_or_attribute(self, attr_or_dialect_name: str, is_type: bool) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] -- xDSL's has overloads
        if "." not in attr_or_dialect_name and self._current_token.kind is not MLIRTokenKind.LESS:
            alias = ("!" if is_type else "#") + attr_or_dialect_name
            self._resolve_alias(alias)
            self._expand(alias)
        return super()._parse_extended_type_or_attribute(attr_or_dialect_name, is_type)  # pyright: ignore[reportCallIssue, reportArgumentType] -- none of xDSL's overloads takes a plain bool

    def _resolve_alias(self, alias: str) -> None:
        """Reads an alias that is defined later in the text."""
        at = self._aliases.get(alias)
        if at is None or alias in self.attribute_aliases:
            return
        if alias in self._resolving:
            self.raise_error(f"alias '{alias}' is defined by itself")
        self._resolving.add(alias)
        resume, before = self._current_token.span.start, self._expanded
        self._resume_from(at)
        self.attribute_aliases[alias] = self.parse_attribute()
        self._sizes[alias] = self._current_token.span.start - at + self._expanded - before
        self._resume_from(resume)
        self._resolving.discard(alias)

    def _expand(self, alias: str) -> None:
        """Counts the characters that a use of the alias expands to, since attributes are hashed and printed in full."""
        self._expanded += self._sizes.get(alias, 0)
        if self._expanded > self._most_expanded:
            self.raise_error("aliases of aliases stand for far more than the text holds")

    def _parse_alias_def(self) -> None:
        alias, at, before = self._current_token.text, self._current_token.span.start, self._expanded
        if alias in self.attribute_aliases and self._aliases.get(alias, -1) > self._current_token.span.start:
            self._consume_token()
            self.parse_punctuation("=")
            self.parse_attribute()
        else:
            super()._parse_alias_def()
            self._sizes[alias] = self._current_token.span.start - at + self._expanded - before

    # Types.

    def _parse_optional_builtin_parametrized_type(self) -> TypeAttribute | None:
        if _MANY_DIMENSIONS.match(self.lexer.input.content, self._current_token.span.end):
            self.raise_error(f"a type of more than {_MOST_DIMENSIONS} dimensions")
        if self._current_token.text != "tensor":
            return super()._parse_optional_builtin_parametrized_type()
        match = _TENSOR.match(self.lexer.input.content, self._current_token.span.start)
        text = match.group(0) if match else ""
        known = self._types.get(text)
        if known is not None and match is not None:
            self._resume_from(match.end())
            return known
        found = self._checked(super()._parse_optional_builtin_parametrized_type)
        if isinstance(found, TensorType) and isinstance(found.encoding, NoneAttr):  # pyright: ignore[reportUnknownMemberType] -- isinstance leaves the element's type open
            found = cast("TensorType[Attribute]", found)
            found = tensor_type(tuple(found.get_shape()), found.element_type)
        if found is not None and text and len(text) <= _LONGEST_MEMO:
            self._types[text] = found
        return cast("TypeAttribute | None", found)

    def _checked(self, parse: Any) -> Any:
        """The result of `parse`; an attribute that does not verify is an error at its position."""
        at = self.pos
        try:
            return parse()
        except VerifyException as error:
            self.raise_error(str(error), at)

    def parse_optional_attribute(self) -> Attribute | None:
        return self._checked(super().parse_optional_attribute)

    # Constants.

    def _parse_builtin_dense_attr(self) -> DenseIntOrFPElementsAttr[Any]:
        at = self._current_token.span.start
        match = _DENSE_BODY.match(self.lexer.input.content, at + 1)
        if self._current_token.kind is not MLIRTokenKind.LESS or match is None:
            return super()._parse_builtin_dense_attr()
        self._resume_from(match.end())
        self.parse_punctuation(":", " and the type of the constant")
        value_type = self.parse_type()
        if not isinstance(value_type, TensorType) or schema_name(_element(value_type)) is None:
            if isinstance(value_type, ShapedType) and math.prod(value_type.get_shape()) > _MOST_FOREIGN:
                self.raise_error(f"a constant of more than {_MOST_FOREIGN} elements that no model can hold", at)
            self._resume_from(at)
            return super()._parse_builtin_dense_attr()
        try:
            constant = dense_constant(match.group(1), cast("TensorType[Attribute]", value_type))
        except ValueError as error:
            self.raise_error(str(error), at)
        if isinstance(constant.blob, RepeatedBlob):
            self.splats.append((at, constant))
        else:
            self._held.spend(constant.blob.nbytes)
        return cast("DenseIntOrFPElementsAttr[Any]", constant)

    def _parse_builtin_dense_resource_attr(self) -> DenseResourceAttr:
        at = self.pos
        with self.in_angle_brackets():
            key = self.parse_identifier_or_str_literal(" for the resource's key")
        self.parse_punctuation(":", " and the type of the constant")
        value_type = self.parse_type()
        blob = self.resources.get(key)
        if blob is None and key != ELIDED:
            self.raise_error(f"no resource '{key}'{near(key, self.resources)}", at)
        if blob is None or not isinstance(value_type, TensorType):
            if not isinstance(value_type, ShapedType):
                self.raise_error("a resource has the type of a tensor", at)
            return DenseResourceAttr.from_params(key, value_type)
        tensor = cast("TensorType[Attribute]", value_type)
        shape, element = shape_of(tensor) or (), _element(tensor)
        return self._checked(lambda: from_blob(blob, shape, element))

    def _parse_builtin_densearray_attr(self) -> DenseArrayBase[Any] | None:
        """`array<i32: 1, 2>`; floats may be hexadecimal, as MLIR prints those that are not finite."""
        at = self.pos
        match = _ARRAY.match(self.lexer.input.content, at)
        if match is None:
            return super()._parse_builtin_densearray_attr()
        self.parse_punctuation("<")
        element = cast(Any, self.parse_type())
        try:
            values = [_number(item, element) for item in match.group(2).split(",")]
            found = DenseArrayBase.from_list(element, values)
        except (ValueError, OverflowError, VerifyException) as error:
            self.raise_error(f"array of {match.group(1)}: {error}", at)
        self._resume_from(match.end())
        return found

    # Locations.

    def parse_optional_location(self) -> LocationAttr | None:
        token = self._current_token
        if token.kind is not MLIRTokenKind.BARE_IDENT or token.text != "loc":
            return None
        match = _NAME_LOC.match(self.lexer.input.content, token.span.end)
        if match is None:
            return super().parse_optional_location()
        self._resume_from(match.end())
        try:
            return names.named(literal_text(match.group(1)))
        except ValueError as error:
            self.raise_error(str(error), token.span)

    def _parse_location(self) -> LocationAttr:
        if self.parse_optional_keyword("fused") is not None:
            metadata: Attribute = NoneAttr()
            if self.parse_optional_punctuation("<"):
                metadata = self.parse_attribute()
                self.parse_punctuation(">")
            parts = self.parse_comma_separated_list(self.Delimiter.SQUARE, self._parse_location)
            return FusedLoc(ArrayAttr(parts), metadata)
        found = super()._parse_location()
        if isinstance(found, FileLineColLoc) and self.parse_optional_keyword("to") is not None:
            return self._range_end(found)
        return found

    def _range_end(self, start: FileLineColLoc) -> LocationAttr:
        """`"file":1:2 to 3:4`; xDSL has no location of a range, so only its start is kept."""
        self.parse_optional_integer()
        self.parse_punctuation(":")
        self.parse_integer()
        return FileLineColLoc(start.filename, IntAttr(start.line.data), IntAttr(start.column.data))

    # Operations.

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        if self._current_token.kind is MLIRTokenKind.EOF:
            self.raise_error("the text holds no program")
        return super().parse_module(allow_implicit_module)

    def check_defined(self) -> None:
        """Raises a parse error if a value is used that nothing defines."""
        for name in self.forward_ssa_references:
            use = re.compile(rf"%{re.escape(name)}(?![\w$.-])").search(self.lexer.input.content)
            at = use.start() if use else self.pos
            known = near(f"%{name}", [f"%{value}" for value in self.ssa_values])
            self.raise_error(f"value %{name} is used but not defined{known}", at, at + len(name) + 1)

    def parse_operation(self) -> Operation:
        start = self._start = self._current_token.span
        op = self._operation(start)
        if any(isinstance(held, DenseResourceAttr) for held in op.properties.values()):
            at = start.get_location()
            op.location = names.read_at(op.location, at.file, at.line, at.col)
        self.positions[op] = start
        return op

    def _operation(self, start: Span) -> Operation:
        """Reads an op; also `tfl.add %a, %b {…} : type` and `tfl.greater(%a, %b) {…} : (…) -> …`, MLIR's
        short forms.
        """
        short = _SHORT_OP.match(self.lexer.input.content, start.start)
        if short is None:
            return super().parse_operation()
        if short.group(1) is not None:
            return self._arith_constant(start)
        results = self._parse_op_result_list()
        op_type = self._get_op_by_name(self._consume_token().text)
        if self._current_token.kind is MLIRTokenKind.L_PAREN:
            op = self._parse_generic_operation(op_type)
        else:
            op = self._parse_short_operation(op_type)
        self._bind(results, op, start)
        return op

    def _arith_constant(self, start: Span) -> Operation:
        """`arith.constant dense<…> : tensor<…>`; xDSL's own method would not accept `ArrayElementsAttr`."""
        results = self._parse_op_result_list()
        self._consume_token()
        attributes = self.parse_optional_attr_dict()
        value = self.parse_attribute()
        if not isinstance(value, ArrayElementsAttr | DenseResourceAttr):
            self._resume_from(start.start)
            return super().parse_operation()
        op = ConstOp.create(
            result_types=[value.type],
            properties={"value": value},
            attributes=attributes,
            location=self.parse_optional_location(),
        )
        self._bind(results, op, start)
        return op

    def _bind(self, results: list[tuple[Span, int]], op: Operation, start: Span) -> None:
        count = sum(size for _, size in results)
        if results and count != len(op.results):
            self.raise_error(f"op has {len(op.results)} results, but {count} are named", start)
        at = 0
        for span, size in results:
            self._register_ssa_definition(span.text[1:], op.results[at : at + size], span)
            at += size

    def _parse_short_operation(self, op_type: type[Operation]) -> Operation:
        operands = self.parse_optional_undelimited_comma_separated_list(
            self.parse_optional_unresolved_operand, self.parse_unresolved_operand
        )
        attributes = self.parse_optional_attr_dict()
        at = self.pos
        self.parse_punctuation(":", " and the op's type")
        function_type = self.parse_optional_function_type()
        if function_type is None:
            one = self.parse_type()
            inputs, outputs = [one] * len(operands or ()), [one]
        else:
            inputs, outputs = list(function_type.inputs), list(function_type.outputs)
        known = op_type.get_irdl_definition().properties if issubclass(op_type, IRDLOperation) else {}
        return op_type.create(
            operands=self.resolve_operands(operands or [], inputs, at),
            result_types=outputs,
            properties={name: attr for name, attr in attributes.items() if name in known},
            attributes={name: attr for name, attr in attributes.items() if name not in known},
            location=self.parse_optional_location(),
        )

    def _get_op_by_name(self, name: str) -> type[Operation]:
        stack = self._parser_state.dialect_stack
        found = self.ctx.get_optional_op(name, dialect_stack=stack)
        if found is None or (issubclass(found, UnregisteredOp) and self._knows_dialect(name.partition(".")[0])):
            self._unknown_op(name)
        return found

    def _knows_dialect(self, name: str) -> bool:
        """Whether a dialect is known, so that an op that it does not define is an error."""
        return any(dialect.name == name for dialect in self.ctx.loaded_dialects)

    def _unknown_op(self, name: str) -> NoReturn:
        start = max(self.lexer.input.content.find(name, self._start.start), 0)
        at = Span(start, start + len(name), self.lexer.input)
        dialect, point, mnemonic = name.partition(".")
        prefix = dialect + point
        known = [op.name.removeprefix(prefix) for op in self.ctx.loaded_ops if op.name.startswith(prefix)]
        if "." in name and dialect not in {d.name for d in self.ctx.loaded_dialects}:
            self.raise_error(
                f"unknown op '{name}': no dialect '{dialect}'{near(dialect, self.ctx.registered_dialect_names)}", at
            )
        self.raise_error(f"unknown op '{name}'{near(mnemonic, known, prefix)}", at)


def _element(value_type: Any) -> Attribute:
    return value_type.element_type


def _number(text: str, element: Any) -> Any:
    text = text.strip()
    if hasattr(element, "width") and hasattr(element, "signedness"):
        if text in ("true", "false"):
            return int(text == "true")
        if _INTEGER.fullmatch(text) is None:
            raise ValueError(f"{text} is no integer")
        return int(text, 0)
    if "x" not in text:
        return decimal(text)
    bits = int(text, 16)
    return element.unpack(bits.to_bytes(element.size, "little"), 1)[0]
