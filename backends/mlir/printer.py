"""xDSL's printer, extended to print text that MLIR's own TFL dialect reads and that people read easily, and faster.

What differs: values are named after their tensors; simple ops print in MLIR's short form; properties that MLIR's
dialect does not have print as discardable attributes; strings may hold any bytes; large constants print as keys of
resources, which `text.py` writes after the module; and the text of an attribute is built once for each object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from xdsl.dialects.builtin import AnyFloat, DictionaryAttr, ModuleOp, UnitAttr, UnregisteredOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove

from tflir.backends.mlir.shared_details import shared_details
from tflir.backends.mlir.value_names import wanted_name
from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.names import op_names
from tflir.ir.text import ELIDED

UNMODELLED: Mapping[str, frozenset[str]] = {
    name: frozenset(props.split())
    for name, props in {
        "tfl.add": "pot_scale_int16",
        "tfl.arg_max": "output_type",
        "tfl.arg_min": "output_type",
        "tfl.basic_lstm": "asymmetric_quantize_inputs",
        "tfl.cast": "in_data_type out_data_type",
        "tfl.conv_2d": "quantized_bias_type",
        "tfl.fully_connected": "quant_spec quantized_bias_type",
        "tfl.reshape": "new_shape",
        "tfl.resize_bilinear": "new_height new_width",
        "tfl.shape": "out_type",
        "tfl.sparse_to_dense": "validate_indices",
        "tfl.sub": "pot_scale_int16",
        "tfl.transpose_conv": "quantized_bias_type",
        "tfl.unique": "idx_out_type",
    }.items()
}
"""Properties that MLIR's TFL dialect does not accept as properties (it derives or ignores them)."""

SHORT_FORM = frozenset(
    [
        "tfl.add",
        "tfl.sub",
        "tfl.mul",
        "tfl.div",
        "tfl.floor_div",
        "tfl.pow",
        "tfl.squared_difference",
        "tfl.logical_and",
        "tfl.logical_or",
        "tfl.less",
        "tfl.less_equal",
        "tfl.greater",
        "tfl.greater_equal",
        "tfl.not_equal",
    ]
)
"""Ops that MLIR's dialect prints as `tfl.add %a, %b {…} : type` if all types are equal."""
MOST_LISTED = 16
"""Longer lists of scales, or of indices of sparse constants, are shortened if constants are left out."""

_NOTHING: frozenset[str] = frozenset()
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_KEY_CHARS = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST_KEPT = 1 << 16
_LONGEST_KEY = 60


def quoted(text: str) -> str:
    """A string literal: printable characters are unchanged, all others are written as `\\XX` for each byte.

    Bytes that are not UTF-8 are surrogates in `text`, and are written as the original bytes.
    """
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character != '"' and character.isprintable():
        return character
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def name_text(text: str) -> str:
    """`text` itself if it is a bare identifier, else a string literal."""
    return text if _BARE.fullmatch(text) else quoted(text)


class TextPrinter(Printer):
    """Appends text to `parts`, which its owner empties; `resources` collects the blobs of the keys that were printed.

    With `elide`, large constants and long lists are left out; with `elide_above`, also constants with more elements
    than that.
    """

    def __init__(
        self,
        *,
        locations: bool,
        elide: bool,
        generic: bool = False,
        elide_above: int | None = None,
    ) -> None:
        super().__init__(print_generic_format=generic, print_debuginfo=locations)
        self.parts: list[str] = []
        self.resources: dict[str, Blob] = {}
        self.after_op: Callable[[], None] = lambda: None
        self._elide = elide
        self._elide_above = elide_above
        self._texts: dict[int, tuple[Attribute, str]] = {}
        self._keys: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._constant_name = ""
        self._details: Mapping[str, DictionaryAttr] = {}
        self.most_listed = MOST_LISTED if elide else None
        """Lists with more items than this are shortened (see `text.shown_items`)."""

    # Output.

    def print_string(self, text: str, *, indent: int | None = None) -> None:
        if "\n" in text:
            level = self._indent if indent is None else indent
            text = text.replace("\n", "\n" + " " * (level * self.indent_num_spaces))
        self.parts.append(text)

    def _print_new_line(self, indent: int | None = None, print_message: bool = True) -> None:
        level = self._indent if indent is None else indent
        self.parts.append("\n" + " " * (level * self.indent_num_spaces))

    # Attributes and types.

    def text_of(self, attribute: Attribute) -> str:
        """The text of an attribute, built once for each object (finding an equal one would cost its hash)."""
        if self.printing_location:  # a location inside another prints without `loc(…)`
            return self._make_text(attribute)
        known = self._texts.get(id(attribute))
        if known is not None:
            return known[1]
        if isinstance(attribute, ArrayElementsAttr):
            return self._constant_text(attribute)
        text = self._make_text(attribute)
        if len(text) <= _LONGEST_KEPT:
            self._texts[id(attribute)] = (attribute, text)
        return text

    def _make_text(self, attribute: Attribute) -> str:
        outer, self.parts = self.parts, []
        super().print_attribute(attribute)
        text = "".join(self.parts)
        self.parts = outer
        return text

    def print_attribute(self, attribute: Attribute) -> None:
        self.parts.append(self.text_of(attribute))

    def print_string_literal(self, string: str) -> None:
        self.parts.append(quoted(string))

    def print_bytes_literal(self, bytestring: bytes) -> None:
        self.parts.append(quoted(bytestring.decode("utf-8", "surrogateescape")))

    def print_identifier_or_string_literal(self, string: str) -> None:
        self.parts.append(name_text(string))

    def print_float(self, value: float, type: AnyFloat) -> None:
        """As in xDSL, but types other than f32 and f64 in a form that MLIR's lexer accepts too (not `1e-05`)."""
        before = len(self.parts)
        super().print_float(value, type)
        text = "".join(self.parts[before:])
        if "." not in text and "0x" not in text:
            text = text.replace("e", ".0e", 1) if "e" in text else text + ".0"
            self.parts[before:] = [text]

    def _constant_text(self, attribute: ArrayElementsAttr) -> str:
        if self._elide_above is not None and attribute.size > self._elide_above:
            return f"dense_resource<{ELIDED}> : {self.text_of(attribute.type)}"
        return self._make_text(attribute)

    def blob_key(self, attribute: ArrayElementsAttr) -> str:
        """The key of the resource with the attribute's bytes: one for each blob, even if it is used several times."""
        if self._elide:
            return ELIDED
        blob = attribute.blob
        key = self._keys.get(id(blob))
        if key is None:
            key = self._keys[id(blob)] = self._new_key()
            self.resources[key] = blob
        return key

    def _new_key(self) -> str:
        base = _KEY_CHARS.sub("_", self._constant_name)[-_LONGEST_KEY:].strip("_")
        if not base or base[0].isdigit():
            base = f"c{'_' if base else ''}{base}"
        count = self._counts.get(base, 0)
        self._counts[base] = count + 1
        key = f"{base}_{count}" if count else base
        while key in self.resources:
            key += "_"
        return key

    # Operations.

    def print_op(self, op: Operation) -> None:
        if isinstance(op, ModuleOp) and not self.print_generic_format:
            self._print_module(op)
        elif isinstance(op, UnregisteredOp) or not self._is_generic(op):
            self._print_custom(op)
        else:
            self._print_generic(op)
        self.after_op()

    def _print_module(self, module: ModuleOp) -> None:
        """`builtin.module @name attributes {…} {…}`, with the attributes that all ops of a kind have
        (`shared_details`).
        """
        outer, self._details = self._details, shared_details(module)
        attributes = dict(module.attributes)
        if self._details:
            attributes[names.OP_DETAILS] = DictionaryAttr(dict(self._details))
        self.parts.append("builtin.module")
        if module.sym_name is not None:
            self.parts.append(" ")
            self.print_symbol_name(module.sym_name.data)
        if attributes:
            self.parts.append(f" attributes {{{self._entries(attributes)}}}")
        self.parts.append(" ")
        self.enter_scope()
        self.print_region(module.body)
        self.exit_scope()
        if self.print_debuginfo:
            self.parts.append(" " + self.text_of(module.location))
        self._details = outer

    def _is_generic(self, op: Operation) -> bool:
        return self.print_generic_format or type(op).print is Operation.print

    def _print_custom(self, op: Operation) -> None:
        self._constant_name = "data"
        super().print_op(op)

    def _print_generic(self, op: Operation) -> None:
        if op.name.startswith("tfl.") and len(op.results) == 1:
            self._constant_name = op_names(op)[0] or ""
        isolated = bool(op.regions) and op.has_trait(IsolatedFromAbove, value_if_unregistered=False)
        parts = self.parts
        if op.results:
            parts.append(", ".join([self._value(result) for result in op.results]) + " = ")
        operands = ", ".join([self._value(operand) for operand in op.operands])
        types = [self.text_of(value.type) for value in op.operands]
        results = self._results_text(op)
        short = op.name in SHORT_FORM and not self.print_generic_format
        if short and all(text == results for text in types):
            parts.append(f"{op.name} {operands}{self._one_dictionary(op)} : {results}")
        else:
            parts.append(f"{op.name}({operands})" if short else f'"{op.name}"({operands})')
            if isolated:
                self.enter_scope()
            if op.successors:
                self.print_successors(op.successors)
            self._print_dictionaries(op)
            parts.append(f" : ({', '.join(types)}) -> {results}")
        if self.print_debuginfo:
            parts.append(" " + self.text_of(op.location))
        if isolated:
            self.exit_scope()

    def _one_dictionary(self, op: Operation) -> str:
        """Properties and attributes in one dictionary, as in MLIR's short form."""
        entries = self._entries({**op.properties, **self._own_attributes(op)})
        return f" {{{entries}}}" if entries else ""

    def _print_dictionaries(self, op: Operation) -> None:
        apart = UNMODELLED.get(op.name, _NOTHING)
        properties = self._entries({name: attr for name, attr in op.properties.items() if name not in apart})
        if properties:
            self.parts.append(f" <{{{properties}}}>")
        if op.regions:
            self.print_regions(op.regions)
        unmodelled = {name: op.properties[name] for name in sorted(apart) if name in op.properties}
        others = self._entries({**self._own_attributes(op), **unmodelled})
        if others:
            self.parts.append(f" {{{others}}}")

    def _own_attributes(self, op: Operation) -> Mapping[str, Attribute]:
        """The attributes of an op without those that the module states for all ops of its kind."""
        shared = self._details.get(op.name)
        if shared is None:
            return op.attributes
        return {name: attr for name, attr in op.attributes.items() if name not in shared.data}

    def _entries(self, attributes: Mapping[str, Attribute]) -> str:
        return ", ".join([self._entry(name, attr) for name, attr in attributes.items()])

    def _entry(self, name: str, attribute: Attribute) -> str:
        return name_text(name) if isinstance(attribute, UnitAttr) else f"{name_text(name)} = {self.text_of(attribute)}"

    def _results_text(self, op: Operation) -> str:
        types = [self.text_of(result.type) for result in op.results]
        return types[0] if len(types) == 1 and types[0][0] != "(" else f"({', '.join(types)})"

    def _value(self, value: SSAValue) -> str:
        return "%" + (self._ssa_values.get(value) or self._named(value))

    def print_ssa_value(self, value: SSAValue) -> str:
        """Prints the value and returns its name, which it gets when it is printed first."""
        name = self._ssa_values.get(value) or self._named(value)
        self.parts.append("%" + name)
        return name

    def _named(self, value: SSAValue) -> str:
        """A name that is unique in the scope: from the tensor's name, else from the text that was read, else
        a number.
        """
        preferred = wanted_name(value)
        name = self._get_new_valid_name_id() if preferred is None else self._unique(preferred)
        self._ssa_values[value] = name
        return name

    def forget(self, value: SSAValue) -> None:
        """Frees the name of a value; it gets a new one when it is printed again."""
        name = self._ssa_values.pop(value, None)
        if name is not None:
            self.ssa_names.pop(name, None)

    def _unique(self, preferred: str) -> str:
        count = self.ssa_names.get(preferred, 0)
        name = f"{preferred}_{count}" if count else preferred
        while name != preferred and name in self.ssa_names:
            count += 1
            name = f"{preferred}_{count}"
        self.ssa_names[preferred] = count + 1
        self.ssa_names.setdefault(name, 1)
        return name
