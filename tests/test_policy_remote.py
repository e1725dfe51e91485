from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from proxy.errors import BadConfig
from proxy.policy_file import parse_policy
from proxy.policy_remote import HOSTED, DialectName, RemoteModel
from proxy.scoring.remote.dialects import DIALECTS

URL = "https://rerank.example.com"


def remote(**more):
    return RemoteModel(**{"kind": "remote", "dialect": "jina", "model": "m", **more})


def test_policies_know_every_dialect_and_where_it_is_hosted():
    assert set(get_args(DialectName)) == set(DIALECTS)
    assert {name for name, dialect in DIALECTS.items() if dialect.url} == HOSTED


def test_a_hosted_api_needs_a_model_and_no_url():
    assert remote().every_url == ()


@pytest.mark.parametrize("dialect", ["tei", "llama_cpp"])
def test_a_server_of_one_model_needs_a_url_and_no_model(dialect):
    assert remote(dialect=dialect, url="http://tei:8080/", model="").every_url == ("http://tei:8080",)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"dialect": "tei"}, "tei is hosted nowhere"),
        ({"model": ""}, "jina needs the name of a model"),
        ({"url": URL, "urls": [URL]}, "two ways"),
        ({"api_key": "k", "api_key_file": "f"}, "two ways"),
        ({"url": "http://rerank.example.com", "api_key": "k"}, "by https only"),
        ({"urls": [URL, "http://10.0.0.1"], "api_key_file": "f"}, "by https only"),
        ({"url": "ftp://example.com"}, "should be a URL"),
        ({"url": "https://"}, "should be a URL"),
        ({"url": "https://example.com:x"}, "should be a URL"),
        ({"url": "https://me:secret@example.com"}, "no credentials"),
        ({"url": "https://example.com?key=secret"}, "no credentials"),
        ({"api_key": "two words"}, "printable ASCII"),
        ({"api_key": "line\r\nx-evil: 1"}, "printable ASCII"),
        ({"api_key": ""}, "printable ASCII"),
        ({"dialect": "none"}, "dialect"),
        ({"headers": {}}, "headers"),
        ({"hedge_share": 0}, "hedge_share"),
    ],
)
def test_what_can_not_work_is_a_mistake(more, wrong):
    with pytest.raises(ValidationError, match=wrong):
        remote(**more)


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:8080", URL]
)
def test_a_key_may_go_to_this_machine_without_tls(url):
    assert remote(url=url, api_key="k").every_url == (url,)


def test_a_key_out_of_the_environment_is_shown_in_no_complaint():
    text = """
    stores: [{kind: chroma, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:8000"}]
    models: {api: {kind: remote, dialect: jina, model: m, api_key: "${KEY} x", concurrency: 0}}
    rules: [{rerank: [api]}]
    """
    with pytest.raises(BadConfig) as bad:
        parse_policy(text, file="policy.yaml", environment={"KEY": "sk-secret"})

    assert "models.api.api_key" in str(bad.value)
    assert "sk-secret" not in str(bad.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "url: 'https://h.example/?key=sk-secret'",
        "url: 'https://h.example/#sk-secret'",
        "url: 'h.example?key=sk-secret'",
        "urls: ['https://h.example/?key=sk-secret']",
        "url: 'https://me:sk?-secret@h.example'",
        "api_key_file: [sk-secret]",
    ],
)
def test_a_key_in_the_wrong_place_is_shown_in_no_complaint(wrong):
    text = f"""
    stores: [{{kind: chroma, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:8000"}}]
    models: {{api: {{kind: remote, dialect: tei, {wrong}}}}}
    rules: [{{rerank: [api]}}]
    """
    with pytest.raises(BadConfig) as bad:
        parse_policy(text, file="policy.yaml", environment={})

    assert "models.api." in str(bad.value)
    assert "secret" not in str(bad.value)


def test_a_key_is_not_in_the_repr_of_a_policy():
    assert "sk-secret" not in repr(remote(api_key="sk-secret"))
