"""A model of sentence-transformers that scores pairs: the one file that runs torch while serving.

It is imported late, where a policy asks for it. No code but the library's runs, and no pickle is opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from transformers.utils import logging as transformers_logging

from proxy.scoring.batch_size import BatchSize
from proxy.scoring.text_graph import TextInput
from proxy.scoring.text_reader import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.scoring.torch_device import Placement
    from proxy.scoring.torch_files import TorchFiles

# What MPS, the CPU and CUDA's libraries (cuBLAS, cuDNN) say, for which torch has no exception of its own.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "_STATUS_ALLOC_FAILED")


class Predictor(Protocol):
    """What is used of `sentence_transformers.CrossEncoder`."""

    def predict(self, inputs: list[tuple[str, str]], **options: Any) -> NDArray[np.float32]:
        """Return a score for each pair, float32, shape (n,)."""
        ...


class TorchPairs:
    """A `TextGraph` of pairs, each read in one window. One thread at a time: the tokenizer is not shared."""

    def __init__(self, model: Predictor, batch_size: int, *, markup: re.Pattern[str] | None = None) -> None:
        """Take a model; what `markup` matches in a text would be read as the prompt's, and is left out."""
        self._model: Predictor | None = model
        self._batch = BatchSize(batch_size)
        self._markup = markup

    @property
    def batch_size(self) -> int:
        """How many pairs are scored in one call, as far as memory allows."""
        return self._batch.now

    def run(self, inputs: Sequence[TextInput]) -> list[NDArray[np.float32]]:
        """Return the raw logit of each pair, float32, shape (1,).

        Some may be no finite number, as fp16 has them for what is too large for it.

        Raises:
            MemoryError: not even one pair fits into the device's memory.
        """
        pairs = [(self._plain(one.query or "", one), self._plain(one.text, one)) for one in inputs]
        logits = np.empty(0, np.float32)
        while len(logits) < len(pairs):
            some = pairs[len(logits) : len(logits) + self._batch.now]
            found = self._logits(some)
            if found is not None:
                self._batch.went_well(len(some))
                logits = np.concatenate([logits, found])
                continue
            _release_memory()
            if len(some) == 1:
                raise MemoryError("one pair does not fit into the device's memory")
            self._batch.shrink(len(some))
        return list(logits[:, np.newaxis])

    def interrupt(self) -> None:
        """Do nothing: a thread can't be stopped from outside."""

    def close(self) -> None:
        """Let the model go, and the device's memory with it; a call under way keeps it until it ends."""
        self._model = None
        _release_memory()

    def _logits(self, pairs: list[tuple[str, str]]) -> NDArray[np.float32] | None:
        """Return the pairs' logits, float32; None if they don't fit into memory."""
        model = self._model
        if model is None:
            raise RuntimeError("the model is closed")
        try:
            found = model.predict(
                pairs,
                batch_size=len(pairs),
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        except RuntimeError as error:
            if not _ran_out_of_memory(error):
                raise
            return None
        return np.asarray(found, np.float32).reshape(len(pairs))

    def _plain(self, text: str, one: TextInput) -> str:
        """Return the part of a text that is looked at, without what would be read as markup."""
        text = readable(text, one.max_tokens)
        # By a space, so that what stood around it can't become markup in its turn.
        return self._markup.sub(" ", text) if self._markup else text


def open_pairs(
    files: TorchFiles, placement: Placement, max_tokens: int, threads: int
) -> tuple[TorchPairs, int]:
    """Load a model, which takes its size in memory; return it and the most tokens that it reads of a pair.

    On a CPU a call is spread over `threads`.

    Raises:
        Exception: whatever the libraries raise at what they can't load, or can't score a pair with.
    """
    transformers_logging.disable_progress_bar()
    if placement.kind == "cpu":
        torch.set_num_threads(threads)
    model = CrossEncoder(
        str(files.folder),
        device=placement.device,
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True, "dtype": placement.dtype},
    )
    if model.num_labels != 1:
        raise ValueError(f"it has {model.num_labels} labels; a reranker has one")
    longest = min(max_tokens, model.max_seq_length or max_tokens, files.positions or max_tokens)
    model.max_seq_length = longest
    tokenizer = model.tokenizer
    templated = tokenizer.chat_template is not None
    # A text that holds "[SEP]" has a word of that spelling; but a prompt's own markup must be read as such.
    tokenizer.split_special_tokens = not templated
    pairs = TorchPairs(model, placement.batch_size, markup=_markup(tokenizer) if templated else None)
    # A prompt that can't hold a pair, an operator that the device lacks, or numbers too large for its format
    # are told now.
    (logit,) = pairs.run([TextInput("this one, of course", "which one?", longest)])
    if not np.isfinite(logit).all():
        raise ValueError(f"its logits are no numbers in {placement.numbers}")
    return pairs, longest


def _markup(tokenizer: Any) -> re.Pattern[str]:
    """Return what matches the tokens that a prompt is marked up with; some are not declared special."""
    added = tokenizer.added_tokens_decoder.values()
    marks = {token.content for token in added if token.special or token.content.startswith("<")}
    longest_first = sorted(marks | set(tokenizer.all_special_tokens), key=len, reverse=True)
    return re.compile("|".join(re.escape(mark) for mark in longest_first))


def _ran_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)


def _release_memory() -> None:
    """Give back what torch keeps of the device's memory, so that pieces of it become whole again."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
