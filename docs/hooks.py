"""What mkdocs runs while it builds the site: adds the reference pages that are made from definitions."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tflir.reference import ops, opt, passes


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds `reference/ops.md` and the like, which are in no file of the repository."""
    for name, make in (("ops", ops.page), ("passes", passes.page), ("tflir_opt", opt.page)):
        files.append(File.generated(config, f"reference/{name}.md", content=make()))
    return files
