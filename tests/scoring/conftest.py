"""Model folders and caches of graphs for the scoring tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.scoring.model_files import BUILT_IN_MODEL, locate
from tests.fakes.tiny_bert import write_tiny_bert

SHARED_MODELS = Path(__file__).parents[2].parent / "shared" / "models"


@pytest.fixture(scope="session")
def kept_graphs(tmp_path_factory) -> Path:
    """A cache folder for the whole run: a real model is exported once."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(autouse=True)
def graph_cache(monkeypatch, kept_graphs) -> Path:
    """Let every test keep its graphs outside of the user's home."""
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(kept_graphs))
    return kept_graphs / "models"


@pytest.fixture
def tiny_cross_encoder(tmp_path) -> Path:
    return write_tiny_bert(tmp_path / "tiny-cross-encoder")


@pytest.fixture
def tiny_encoder(tmp_path) -> Path:
    return write_tiny_bert(tmp_path / "tiny-encoder", head="tokens")


@pytest.fixture
def real_cross_encoder() -> str:
    """A trained cross-encoder of the MiniLM-L6 shape."""
    folder = SHARED_MODELS / "ce-minilm-l6"
    if not folder.is_dir():
        pytest.skip(f"needs the test model in {folder}")
    return str(folder)


@pytest.fixture
def built_in_model() -> str:
    try:
        locate(BUILT_IN_MODEL)
    except BadConfig as error:
        pytest.skip(str(error))
    return BUILT_IN_MODEL
