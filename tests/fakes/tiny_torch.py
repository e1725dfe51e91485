"""Model folders of a few kilobytes with random weights, of the architectures that rerankers have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.fakes.tiny_bert import SPECIAL, WORDS, tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

# The published rerankers that have each of these architectures are listed in docs/cross-encoders.md.
CLASSIFIERS = ("Bert", "XLMRoberta", "DebertaV2", "ModernBert", "Qwen2", "Qwen3")
TEMPLATE = (
    "[CLS] which {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }} [SEP] "
    "one {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }} [SEP]"
)
_SIZE = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 66,
    "vocab_size": len(SPECIAL) + len(WORDS) + 2,
    "pad_token_id": 0,
    "initializer_range": 0.4,
}


def write_tiny_classifier(folder: Path, family: str) -> Path:
    """Write a sequence classifier with one label, as `save_pretrained` does; return the folder."""
    import torch  # noqa: PLC0415 (an extra)
    import transformers  # noqa: PLC0415

    torch.manual_seed(0)
    more = {"head_dim": 8} if family == "Qwen3" else {}
    config = getattr(transformers, f"{family}Config")(**_SIZE, **more, num_labels=1)
    getattr(transformers, f"{family}ForSequenceClassification")(config).save_pretrained(folder)
    _write_tokenizer(folder)
    return folder


def write_tiny_generator(folder: Path) -> Path:
    """Write a causal language model that is asked for yes or no, as Qwen3-Reranker is; return the folder."""
    import torch  # noqa: PLC0415 (an extra)
    import transformers  # noqa: PLC0415

    torch.manual_seed(0)
    config = transformers.Qwen3Config(**_SIZE, head_dim=8)
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    vocabulary = _write_tokenizer(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    modules = [
        {
            "idx": 0,
            "name": "0",
            "path": "",
            "type": "sentence_transformers.base.modules.transformer.Transformer",
        },
        {
            "idx": 1,
            "name": "1",
            "path": "1_LogitScore",
            "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore",
        },
    ]
    (folder / "modules.json").write_bytes(orjson.dumps(modules))
    (folder / "1_LogitScore").mkdir()
    tokens = {"true_token_id": vocabulary["yes"], "false_token_id": vocabulary["no"]}
    (folder / "1_LogitScore" / "config.json").write_bytes(orjson.dumps(tokens))
    transformer = {
        "transformer_task": "text-generation",
        "modality_config": {
            "text": {"method": "forward", "method_output_name": "logits"},
            "message": {"method": "forward", "method_output_name": "logits", "format": "flat"},
        },
        "module_output_name": "causal_logits",
    }
    (folder / "sentence_bert_config.json").write_bytes(orjson.dumps(transformer))
    return folder


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Write a tokenizer that knows yes and no beside the usual words; return its vocabulary."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["yes", "no"])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    (folder / "tokenizer_config.json").write_bytes(orjson.dumps(settings))
    return tokenizer.get_vocab()
