"""Recipes of AI Edge Quantizer: its JSON files, and the names of its presets."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.option_words import LEAST_WEIGHT
from tflir.ir.weight_kind import BITS, BLOCKS, FLOAT16, HALF, WeightKind
from tflir.passes.recipes.fields import Table, entry, table
from tflir.passes.recipes.recipe import Recipe, Rule

_ALGORITHMS = {"min_max_uniform_quantize": "minmax", "MSE": "mse", "OCTAV": "octav", "GPTQ": "gptq"} | {
    "dequantized_weight_recovery": "recover"
}
_CASTING = "float_casting"
_OPS = {"CONV_2D_TRANSPOSE": "TRANSPOSE_CONV"}
_ENTRY = ("regex", "operation", "algorithm_key", "op_config")
_CONFIG = (
    "activation_tensor_config",
    "weight_tensor_config",
    "compute_precision",
    "explicit_dequantize",
    "skip_checks",
    "min_weight_elements",
)
_TENSOR = ("num_bits", "symmetric", "granularity", "dtype", "block_size", "algorithm_key", "algorithm_params")
_NO_HR = "use GPTQ, which needs no other graph"
_PRESETS = {
    "weight_only_wi8_afp32": (WeightKind(8, form="dequantize"), "float", 0),
    "weight_only_wi4_afp32": (WeightKind(4, form="dequantize"), "float", 0),
    "static_wi8_ai8": (WeightKind(8), "int8", 0),
    "static_wi8_ai16": (WeightKind(8), "int16", 0),
    "dynamic_legacy_wi8_afp32": (WeightKind(8), "float", LEAST_WEIGHT),
} | {f"dynamic_wi{bits}{c}_afp32": (WeightKind(bits), "float", 0) for bits in BITS for c in ("", "c")}
# `dynamic_wi8c_afp32` stores smaller weights as int8 too.
_PRESETS["dynamic_wi8_afp32"] = (WeightKind(8), "float", LEAST_WEIGHT)
_BLOCKS = {
    f"dynamic_wi{bits}b{block}_afp32": (WeightKind(bits, "block", block), "float", 0)
    for bits in BITS
    for block in BLOCKS
} | {f"dynamic_wi4_afp32_block{block}": (WeightKind(4, "block", block), "float", 0) for block in BLOCKS}
_ROTATED = tuple(f"dynamic_wi{bits}c_hr_afp32" for bits in BITS)
PRESETS = (*_PRESETS, *_BLOCKS)
"""The names of the presets."""


def preset(name: str) -> Recipe | None:
    """The preset of this name, or None. Raises `Error` (status 2) for one with Hadamard rotations."""
    if name in _ROTATED:
        raise Error(f"'{name}' rotates weights by Hadamard matrices, which is not supported", hint=_NO_HR, status=USAGE)
    found = (_PRESETS | _BLOCKS).get(name)
    if found is None:
        return None
    kind, activations, least = found
    return Recipe(name, (Rule(weights=kind, min_elements=least),), activations)


def from_entries(entries: list[object], name: str) -> Recipe:
    """The recipe of the list of entries in a JSON file. Raises `Error` (status 2 or 3) for what has no equivalent."""
    rules = tuple(_rule(item, f"entry {index + 1}") for index, item in enumerate(entries))
    general = [rule.activations for rule in rules if not rule.names_op and not rule.match and rule.activations]
    return Recipe(name, rules, general[-1] if general else "float")


def _rule(item: object, what: str) -> Rule:
    found = table(item, what, _ENTRY)
    regex, op = entry(found, "regex", ".*", what), entry(found, "operation", "*", what)
    if op in ("INPUT", "OUTPUT"):
        hint = "use --inference-input-type and --inference-output-type"
        raise Error(f"{what}: rules for {op} are not supported", hint=hint, status=USAGE)
    match, op = "" if regex == ".*" else regex, _OPS.get(op, op)
    algorithm = entry(found, "algorithm_key", "min_max_uniform_quantize", what)
    if algorithm == "no_quantize":
        return Rule(match, op, "float", "float")
    if "HADAMARD" in algorithm.upper():
        raise Error(f"{what}: rotations by Hadamard matrices are not supported", hint=_NO_HR, status=USAGE)
    if algorithm.upper() == "OSCAR":
        raise Error(f"{what}: OSCAR, which scales what layers read, is not supported", hint=_NO_HR, status=USAGE)
    if algorithm == _CASTING:
        return _casting(Rule(match, op, HALF, "float"), found, what)
    if algorithm not in _ALGORITHMS:
        known = (*_ALGORITHMS, _CASTING, "no_quantize")
        hint = f"known are {', '.join(known)}{near(algorithm, known)}"
        raise Error(f"{what}: algorithm '{algorithm}' is not supported", hint=hint, status=USAGE)
    config = table(found.get("op_config") or {}, f"{what}: op_config", _CONFIG)
    activations = _activations(config, what)
    weights = _weights(config, _ALGORITHMS[algorithm], activations, what)
    return Rule(match, op, weights, activations, entry(config, "min_weight_elements", 0, what))


def _casting(rule: Rule, found: Table, what: str) -> Rule:
    """The rule of an entry that stores weights as float16."""
    config = table(found.get("op_config") or {}, f"{what}: op_config", _CONFIG)
    weights = table(config.get("weight_tensor_config") or {}, f"{what}: weight_tensor_config", _TENSOR)
    said = entry(weights, "num_bits", FLOAT16, what), entry(weights, "dtype", "FLOAT", what)
    if said != (FLOAT16, "FLOAT") or config.get("activation_tensor_config") is not None:
        hint = "set num_bits to 16, dtype to FLOAT, and no activation_tensor_config"
        raise Error(f"{what}: {_CASTING} is for float16 weights beside float activations", hint=hint, status=USAGE)
    return replace(rule, min_elements=entry(config, "min_weight_elements", 0, what))


def _activations(config: Table, what: str) -> str:
    if config.get("activation_tensor_config") is None:
        return "float"
    found = table(config["activation_tensor_config"], f"{what}: activation_tensor_config", _TENSOR)
    bits = entry(found, "num_bits", 8, what)
    if bits not in (8, 16) or entry(found, "dtype", "INT", what) != "INT":
        raise Error(f"{what}: activations of {bits} bits are not supported", hint="use 8 or 16 bits", status=USAGE)
    return f"int{bits}"


def _weights(config: Table, algorithm: str, activations: str, what: str) -> WeightKind | Literal["float"]:
    if config.get("weight_tensor_config") is None:
        return "float"
    found = table(config["weight_tensor_config"], f"{what}: weight_tensor_config", _TENSOR)
    if entry(found, "dtype", "INT", what) != "INT":
        raise Error(f"{what}: {algorithm} makes integers", hint=f"float16 is of algorithm_key {_CASTING}", status=USAGE)
    granularity, block = _granularity(found, what)
    precision = entry(config, "compute_precision", "INTEGER", what)
    if precision not in ("INTEGER", "FLOAT"):
        hint = f"it is INTEGER or FLOAT{near(precision, ('INTEGER', 'FLOAT'))}"
        raise Error(f"{what}: compute_precision '{precision}'", hint=hint, status=USAGE)
    only = activations == "float" and (precision == "FLOAT" or entry(config, "explicit_dequantize", False, what))
    bits, symmetric = entry(found, "num_bits", 8, what), entry(found, "symmetric", True, what)
    if not symmetric and not only:
        hint = "set symmetric to true, or compute_precision to FLOAT without activation_tensor_config"
        raise Error(f"{what}: no kernel reads the zero points of asymmetric weights", hint=hint, status=USAGE)
    return WeightKind(bits, granularity, block, algorithm, "dequantize" if only else "hybrid", symmetric)


def _granularity(found: Table, what: str) -> tuple[str, int]:
    """The granularity and the size of blocks, which stands in the word (`BLOCKWISE_32`) or in `block_size`."""
    word = entry(found, "granularity", "TENSORWISE", what)
    if word in ("TENSORWISE", "CHANNELWISE"):
        return {"TENSORWISE": "tensor", "CHANNELWISE": "channel"}[word], 0
    if (blocks := re.fullmatch(r"BLOCKWISE_([0-9]{2,3})", word)) is not None:
        return "block", int(blocks[1])
    if word == "BLOCKWISE":
        return "block", entry(found, "block_size", 0, what)
    known = ("TENSORWISE", "CHANNELWISE", *(f"BLOCKWISE_{block}" for block in BLOCKS))
    raise Error(f"{what}: granularity '{word}'", hint=f"known are {', '.join(known)}{near(word, known)}", status=USAGE)
