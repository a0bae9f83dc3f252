"""What the plug-in brings, by name; each is imported when it is asked for."""

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe


def _dialect() -> Dialect:
    from counting.dialect import COUNTING_DIALECT

    return COUNTING_DIALECT


def _acme() -> Dialect:
    from counting.soft_clip import ACME_DIALECT

    return ACME_DIALECT


def _pass() -> type[ModulePass]:
    from counting.count_ops import CountOpsPass

    return CountOpsPass


COUNTING = Universe(all_dialects={"counting": _dialect, "acme": _acme}, all_passes={"counting-count-ops": _pass})
