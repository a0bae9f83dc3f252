"""Typed ops for a vendor's custom operators; a plug-in defines them.

```python
@irdl_op_definition
class SoftClipOp(TypedCustomOp):
    name = "acme.soft_clip"
    INFO: ClassVar = OpInfo("CUSTOM", custom_code="AcmeSoftClip", quantizable=True, same_scale=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    limit = prop_def(F32)

    @classmethod
    def read_options(cls, data: bytes) -> dict[str, Attribute]:
        return {"limit": FloatAttr(struct.unpack("<f", data)[0], f32)}

    def write_options(self) -> bytes:
        return struct.pack("<f", self.limit.value.data)
```
Passes treat the op by its `INFO`, like a builtin one. A class without the two methods keeps the bytes of the options
unchanged in `custom_option`.
"""

from __future__ import annotations

from abc import ABC

from xdsl.ir import Attribute
from xdsl.irdl import opt_prop_def

from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.base import TflOp

RAW_OPTIONS = "tfl.custom_option"
"""The bytes of the options in the file, if `write_options` encodes the same options in other bytes."""
_BYTES = "custom_option"


class TypedCustomOp(TflOp, ABC):
    """A custom operator whose operands, results and options are known. `INFO.custom_code` is its code."""

    custom_option = opt_prop_def(ConstBytesAttr)

    @classmethod
    def read_options(cls, data: bytes) -> dict[str, Attribute]:
        """The properties for the bytes of the options in the file. Raises `ValueError` if they can't be decoded."""
        return {_BYTES: ConstBytesAttr(data)}

    def write_options(self) -> bytes:
        """The options as bytes that the vendor's kernel reads."""
        return self.custom_option.data if self.custom_option is not None else b""

    def keep_options(self, data: bytes) -> None:
        """Stores the bytes of the file on the op if `write_options` encodes the same options in other bytes."""
        if self.write_options() != data:
            self.attributes[RAW_OPTIONS] = ConstBytesAttr(data)

    def options_of_file(self) -> bytes:
        """The bytes to write: those that were read, unless an option has changed since."""
        raw = self.attributes.get(RAW_OPTIONS)
        if isinstance(raw, ConstBytesAttr) and self.read_options(raw.data) == self._options():
            return raw.data
        return self.write_options()

    def _options(self) -> dict[str, Attribute]:
        return dict(self.properties)
