"""Copies a module completely."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp


def snapshot(module: ModuleOp) -> ModuleOp:
    """A copy, including the locations of arguments, which xDSL's copy leaves out."""
    copy = module.clone()
    for old, new in zip(module.walk(), copy.walk(), strict=True):
        for old_region, new_region in zip(old.regions, new.regions, strict=True):
            for old_block, new_block in zip(old_region.blocks, new_region.blocks, strict=True):
                for argument, copied in zip(old_block.args, new_block.args, strict=True):
                    copied.location = argument.location
    return copy
