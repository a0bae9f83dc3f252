from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypedDict

class AdapterMetadata:
    def __init__(
        self, id: str = ..., name: str = ..., description: str = ..., source_repo: str = ..., fileExts: list[str] = ...
    ) -> None: ...

class Adapter:
    metadata: ClassVar[AdapterMetadata]
    def __init__(self) -> None: ...
    def convert(self, model_path: str, settings: dict[str, Any]) -> ModelExplorerGraphs: ...

class ModelExplorerGraphs(TypedDict, total=False):
    graphs: Sequence[Any]
    graphCollections: Sequence[Mapping[str, Any]]
