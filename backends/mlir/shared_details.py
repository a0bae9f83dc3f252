"""States details that all ops of a kind have in common once, on the module, instead of on each op.

```mlir
module attributes {tfl.op_details = {tfl.reshape = {tfl.no_options}}} { …
```
says that every reshape in the file has no options table.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import Attribute

from tflir.ir import names


def shared_details(module: ModuleOp) -> Mapping[str, DictionaryAttr]:
    """By the name of an op: the details that are equal for all ops of that name."""
    found: dict[str, dict[str, Attribute]] = {}
    for op in module.walk():
        if not op.name.startswith("tfl.") or not (op.results or op.operands):
            continue
        of_op = {key: attr for key in names.FILE_DETAILS if (attr := op.attributes.get(key)) is not None}
        known = found.setdefault(op.name, of_op)
        if known and known != of_op:
            found[op.name] = {key: attr for key, attr in known.items() if of_op.get(key) == attr}
    return {name: DictionaryAttr(details) for name, details in sorted(found.items()) if details}
