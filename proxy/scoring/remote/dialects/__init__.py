"""The dialects of rerank APIs, one file each; `base` is the seam."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.remote.dialects.cohere_v1 import CohereV1
from proxy.scoring.remote.dialects.cohere_v2 import CohereV2
from proxy.scoring.remote.dialects.jina import Jina
from proxy.scoring.remote.dialects.jina_like import Infinity, LocalAi, Vllm, Xinference
from proxy.scoring.remote.dialects.llama_cpp import LlamaCpp
from proxy.scoring.remote.dialects.mixedbread import Mixedbread
from proxy.scoring.remote.dialects.pinecone import Pinecone
from proxy.scoring.remote.dialects.tei import Tei
from proxy.scoring.remote.dialects.voyage import Voyage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.scoring.remote.dialects.base import Dialect

_ALL: tuple[Dialect, ...] = (
    CohereV1(),
    CohereV2(),
    Jina(),
    Voyage(),
    Mixedbread(),
    Pinecone(),
    Tei(),
    Vllm(),
    Infinity(),
    LocalAi(),
    Xinference(),
    LlamaCpp(),
)
# By the names that policies call them.
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
