"""A policy for people: everything in use, and no secret, whatever key of the schema it stands under."""

from __future__ import annotations

from typing import get_args

import orjson
import pytest
from pydantic import BaseModel, SecretStr

from proxy.policy import Policy
from proxy.policy_shown import MASK, shown

CANARY = "canary-canary-canary"
# Strings that are no secret: a new one is added here, or it is a secret (SecretStr, or in `policy_shown`).
OPEN = {
    *("name", "listen", "upstream", "url", "urls", "model", "revision", "device", "rerank", "reference"),
    *("file", "ca_file", "cert_file", "key_file", "prompt_file", "folder", "probes", "header", "prefix"),
    *("username", "sentinel_username", "store", "collection", "fields", "join"),
    *("tenant_headers", "credential_headers"),
}
HIDDEN = {"api_key_file", "redact"}


def parts(annotation):
    """Go through an annotation, and those inside it."""
    yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


def fields(model=Policy, seen=None):
    """Go through the fields of a model, and of those in it: (model, name, is secret, is text)."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        inside = [*parts(field.annotation), *(part for one in field.metadata for part in parts(one))]
        yield model, name, SecretStr in inside, str in inside
        for part in inside:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from fields(part, seen)


def test_every_text_of_the_schema_is_known_to_be_a_secret_or_none():
    texts = {name for _, name, secret, text in fields() if text and not secret}

    # Mappings by name have texts as keys.
    assert texts - {"models", "text"} == OPEN | HIDDEN


def test_there_are_secrets_and_none_of_them_is_shown():
    secrets = [(model, name) for model, name, secret, _ in fields() if secret]

    assert {name for _, name in secrets} >= {"secret", "api_key", "password", "sentinel_password"}
    for model, name in secrets:
        told = model.model_construct(**{name: SecretStr(CANARY)}).model_dump(mode="json", warnings=False)
        assert CANARY not in orjson.dumps(told).decode()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://me:{CANARY}@r.example:6379/1",
        f"redis://:p@{CANARY}@r.example",
        f"rediss+cluster://{CANARY}@a:1,b:2",
    ],
)
def test_of_urls_user_and_password_are_not_shown(url):
    policy = whole(url)

    text = orjson.dumps(shown(policy)).decode()

    assert CANARY not in text
    host = url.rpartition("@")[2]
    assert shown(policy)["cache"]["redis"]["url"] == f"{url.partition('//')[0]}//{MASK}@{host}"


def test_nothing_secret_of_a_policy_that_has_everything_is_shown():
    policy = whole(f"redis://:{CANARY}@r")
    told = shown(policy)

    assert CANARY not in orjson.dumps(told).decode()
    assert told["models"]["c"]["api_key_file"] == MASK
    assert told["record"]["redact"] == [MASK]
    assert told["admin"] == {"listen": "127.0.0.1:9901", "api_key": MASK}


def test_what_is_no_secret_is_shown_with_defaults():
    told = shown(whole("redis://r:1/0"))

    assert told["cache"]["redis"]["url"] == "redis://r:1/0"
    assert told["rules"][0]["budget_ms"] == 150
    assert told["stores"][0]["upstream"] == "http://127.0.0.1:8000"


def whole(redis_url):
    return Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:8000"}],
            "models": {
                "default": {"kind": "late_interaction"},
                "a": {"kind": "remote", "dialect": "jina", "model": "m", "api_key": CANARY},
                "b": {
                    "kind": "llm",
                    "api": "openai",
                    "url": "https://llm.example/v1",
                    "model": "m",
                    "api_key": CANARY,
                },
                "c": {"kind": "remote", "dialect": "jina", "model": "m", "api_key_file": f"/{CANARY}"},
            },
            "rerank_api": {"listen": "127.0.0.1:2", "api_key": CANARY},
            "feedback": {"listen": "127.0.0.1:3", "api_key": CANARY},
            "record": {"folder": "records", "redact": [CANARY]},
            "cache": {
                "redis": {"url": redis_url, "password": CANARY, "sentinel_password": CANARY},
            },
            "secret": CANARY,
            "admin": {"api_key": CANARY},
        }
    )
