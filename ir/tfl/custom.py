"""Typed ops of a vendor: what a custom operator of the format becomes where a plug-in knows its code.

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
Passes treat the op by its `INFO` as they do a builtin one. A class without the two methods keeps the bytes as they are,
in `custom_option`.
"""

from __future__ import annotations

from abc import ABC

from xdsl.ir import Attribute
from xdsl.irdl import opt_prop_def

from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.base import TflOp

RAW_OPTIONS = "tfl.custom_option"
"""The bytes of the options in the file, where the op itself would write what they say in other ones."""
_BYTES = "custom_option"


class TypedCustomOp(TflOp, ABC):
    """A custom operator whose operands, results and options are known. `INFO.custom_code` is its code."""

    custom_option = opt_prop_def(ConstBytesAttr)

    @classmethod
    def read_options(cls, data: bytes) -> dict[str, Attribute]:
        """The properties that the options of the file stand for. Raises `ValueError` where they are no such options."""
        return {_BYTES: ConstBytesAttr(data)}

    def write_options(self) -> bytes:
        """The options as the vendor's kernel reads them."""
        return self.custom_option.data if self.custom_option is not None else b""

    def keep_options(self, data: bytes) -> None:
        """Notes the bytes of the file where the op would write others for the same options."""
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
