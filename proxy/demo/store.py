"""The corpus inside a Chroma server, put there once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chromadb.errors import NotFoundError

from proxy.demo.asking import COLLECTION, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.demo.corpus import Passage

# Chroma refuses more than some 5 000 rows at once; small batches also keep the progress bar moving.
BATCH = 500


def fill(
    url: str, passages: Sequence[Passage], vectors: NDArray[np.float32], advance: Callable[[int], None]
) -> None:
    """Make sure the collection holds these passages: nothing to do if it has as many already.

    `vectors` is float32, shape (n, d), of length 1 each; `advance` is told how many passages were added. The
    folder under the server belongs to this corpus alone, so a different number can only be a broken start.
    """
    client = connect(url)
    try:
        if client.get_collection(COLLECTION, embedding_function=None).count() == len(passages):
            advance(len(passages))
            return
        client.delete_collection(COLLECTION)
    except NotFoundError:
        pass
    collection = client.create_collection(
        COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    for start in range(0, len(passages), BATCH):
        batch = passages[start : start + BATCH]
        collection.add(
            ids=[passage.id for passage in batch],
            embeddings=vectors[start : start + BATCH],
            documents=[passage.text for passage in batch],
            metadatas=[{"name": passage.document} for passage in batch],
        )
        advance(len(batch))
