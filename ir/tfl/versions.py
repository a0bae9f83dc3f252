from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class TensorSig:
    dtype: str
    shape: object
    constant: bool = False
    sparse: bool = False
    scales: object = None
@dataclass(frozen=True, slots=True)
class OpSig:
    builtin: str
    inputs: object
    outputs: object
    options: object
def op_version(sig): return 1
