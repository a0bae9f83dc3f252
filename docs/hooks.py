"""What mkdocs runs while it builds the site: adds the reference pages that are made from definitions."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tflir.reference import ops, passes


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds `reference/ops.md` and `reference/passes.md`, which are in no file of the repository."""
    for name, make in (("ops", ops.page), ("passes", passes.page)):
        files.append(File.generated(config, f"reference/{name}.md", content=make()))
    return files
