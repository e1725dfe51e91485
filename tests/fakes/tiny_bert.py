"""Model folders of a few kilobytes with random weights, and what such a model computes, in plain numpy.

`forward` follows the paper (arXiv 1810.04805) and knows nothing of ONNX, so that graphs have something
independent to agree with.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [*"abcdefgh?.", "the", "cat", "dog", "sat", "on", "mat", "ran", "far", "away", "which", "one"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
HIDDEN, INNER, HEADS, LAYERS, POSITIONS = 16, 32, 2, 2, 40


def write_tiny_bert(
    folder: Path, *, family: str = "bert", head: str = "logit", activation: str = "gelu", seed: int = 0
) -> Path:
    """Write config.json, tokenizer.json and model.safetensors; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny_config(family=family, head=head, activation=activation)
    (folder / "config.json").write_bytes(orjson.dumps(config))
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    save_file(tiny_weights(family=family, head=head, seed=seed), folder / "model.safetensors")
    return folder


def tiny_config(*, family: str, head: str, activation: str = "gelu") -> dict[str, Any]:
    name = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}[family]
    return {
        "architectures": [name + ("ForSequenceClassification" if head == "logit" else "Model")],
        "model_type": family,
        "hidden_act": activation,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "type_vocab_size": 2 if family == "bert" else 1,
        "vocab_size": len(SPECIAL) + len(WORDS),
        "id2label": {"0": "LABEL_0"},
    }


def tiny_tokenizer() -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def tiny_weights(*, family: str, head: str, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)

    def matrix(*shape: int) -> np.ndarray:
        return random.normal(0, 0.4, shape).astype(np.float32)

    def linear(name: str, inputs: int, outputs: int) -> dict[str, np.ndarray]:
        return {f"{name}.weight": matrix(outputs, inputs), f"{name}.bias": matrix(outputs)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}.weight": 1 + matrix(HIDDEN), f"{name}.bias": matrix(HIDDEN)}

    encoder = {
        "embeddings.word_embeddings.weight": matrix(len(SPECIAL) + len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": matrix(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": matrix(2 if family == "bert" else 1, HIDDEN),
        **norm("embeddings.LayerNorm"),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            encoder |= linear(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        encoder |= linear(f"{name}.attention.output.dense", HIDDEN, HIDDEN)
        encoder |= norm(f"{name}.attention.output.LayerNorm")
        encoder |= linear(f"{name}.intermediate.dense", HIDDEN, INNER)
        encoder |= linear(f"{name}.output.dense", INNER, HIDDEN)
        encoder |= norm(f"{name}.output.LayerNorm")
    if family == "bert":
        encoder |= linear("pooler.dense", HIDDEN, HIDDEN)
    if head == "tokens":
        return encoder
    prefixed = {("bert." if family == "bert" else "roberta.") + name: one for name, one in encoder.items()}
    if family == "bert":
        return prefixed | linear("classifier", HIDDEN, 1)
    return prefixed | linear("classifier.dense", HIDDEN, HIDDEN) | linear("classifier.out_proj", HIDDEN, 1)


def forward(weights: dict[str, np.ndarray], ids: list[int], types: list[int]) -> np.ndarray:
    """Return the last hidden states of a BERT with `gelu`, without a prefix, float64, (tokens, hidden)."""
    w = {name.removeprefix("bert."): one.astype(np.float64) for name, one in weights.items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), HEADS, -1).swapaxes(0, 1)

    x = (
        w["embeddings.word_embeddings.weight"][ids]
        + w["embeddings.token_type_embeddings.weight"][types]
        + w["embeddings.position_embeddings.weight"][: len(ids)]
    )
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            heads(linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(HIDDEN / HEADS)
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        attended = (shares @ value).swapaxes(0, 1).reshape(len(x), HIDDEN)
        x = norm(x + linear(attended, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        x = norm(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return x


def logit(weights: dict[str, np.ndarray], ids: list[int], types: list[int]) -> float:
    """Return the score of a BERT classifier with one label."""
    first = forward(weights, ids, types)[0]
    pooled = np.tanh(first @ weights["bert.pooler.dense.weight"].T + weights["bert.pooler.dense.bias"])
    return float(pooled @ weights["classifier.weight"][0] + weights["classifier.bias"][0])
