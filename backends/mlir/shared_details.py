"""What all ops of a kind have in common beyond what they compute, said once: the module says it in place of each op.

```mlir
module attributes {tfl.op_details = {tfl.reshape = {tfl.no_options}}} { …
```
says that every reshape of the file comes without its table of options.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import Attribute

from tflir.ir import names


def shared_details(module: ModuleOp) -> Mapping[str, DictionaryAttr]:
    """By the name of an op: the details that all ops of that name have, alike."""
    found: dict[str, dict[str, Attribute]] = {}
    for op in module.walk():
        if not op.name.startswith("tfl.") or not (op.results or op.operands):
            continue
        held = {key: attr for key in names.FILE_DETAILS if (attr := op.attributes.get(key)) is not None}
        known = found.setdefault(op.name, held)
        if known and known != held:
            found[op.name] = {key: attr for key, attr in known.items() if held.get(key) == attr}
    return {name: DictionaryAttr(details) for name, details in sorted(found.items()) if details}
