"""A wrong policy is told wholly and at once, like a compiler does."""

from __future__ import annotations

from textwrap import dedent

import pytest

from proxy.errors import BadConfig
from proxy.policy_file import MAX_BYTES, load_policy, parse_policy

GOOD = """
stores:
  - kind: chroma
    listen: 127.0.0.1:8001
    upstream: http://127.0.0.1:8000
"""


def parse(text, **environment):
    return parse_policy(dedent(text), file="policy.yaml", environment=environment)


def mistakes_of(text, **environment):
    with pytest.raises(BadConfig) as caught:
        parse(text, **environment)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_store_is_all_that_a_policy_needs():
    policy = parse(GOOD)

    assert [store.name for store in policy.stores] == ["chroma"]
    assert policy.rule("chroma", "anything").budget_ms == 150
    assert policy.used_models == ("default",)


def test_every_mistake_is_told_at_once_with_line_key_value_and_what_is_allowed():
    found = mistakes_of(
        """\
        version: 2
        stores:
          - kind: chromma
            listen: 127.0.0.1:8001
          - kind: chroma
            listen: nope
            upstrem: http://x
            upstream: ${NOPE}
        models:
          default: {kind: late_interaction, max_token: 3}
        rules:
          - match: {colection: x}
            budget_ms: -5
            candidates: {min: 60, max: 50}
            rerank: [other]
          - rerank: []
        """
    )

    assert found == [
        "policy.yaml:1: version: 2 - should be 1",
        "policy.yaml:3: stores[0].kind: 'chromma' - should be one of 'chroma', 'qdrant'",
        (
            "policy.yaml:6: stores[1].listen: 'nope' - "
            "should be HOST:PORT, for example 127.0.0.1:8001 or [::1]:8001"
        ),
        (
            "policy.yaml:7: stores[1].upstrem: unknown key - did you mean `upstream`? "
            "allowed: kind, listen, name, text, timeout_s, upstream"
        ),
        (
            "policy.yaml:8: stores[1].upstream: ${NOPE} is not set - "
            "a set environment variable, or a default: ${NOPE:-...}"
        ),
        (
            "policy.yaml:10: models.default.max_token: unknown key - did you mean `max_tokens`? "
            "allowed: breaker, file, isolation, kind, long_texts, max_document_tokens, max_tokens, "
            "memory_mb, pooling, precision, threads"
        ),
        (
            "policy.yaml:12: rules[0].match.colection: unknown key - did you mean `collection`? "
            "allowed: collection, store"
        ),
        "policy.yaml:13: rules[0].budget_ms: -5 - should be greater than 0",
        (
            "policy.yaml:14: rules[0].candidates: {'min': 60, 'max': 50} - "
            "min (by default 20) is 60, should not be above max, 50"
        ),
        "policy.yaml:15: rules[0].rerank[0]: 'other' - a name under `models`: default",
        "policy.yaml:16: rules[1].rerank: [] - should have one item or more",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "(file): empty"),
        ("a: [", "(yaml): "),
        ("just words", "(file): 'just words' - should be a mapping"),
        (GOOD + "models: {}", "models: {} - should have one item or more"),
        ("stores: []", "should have one or more stores, or a rerank_api"),
        ("stores: {}", "stores: {}"),
        ("stores: [5]", "stores[0]: 5 - should be a mapping"),
        (GOOD + "stores: []", "stores: given twice - each key once"),
        (GOOD + "extra: 1", "extra: unknown key"),
        (GOOD + "x: !!int y", "(yaml): not YAML - valid YAML"),
        (GOOD + "x: !!bool y", "(yaml): not YAML - valid YAML"),
        (GOOD + "x: !!timestamp y", "(yaml): not YAML - valid YAML"),
        (GOOD + "x: " + "[" * 5000, "(yaml): not YAML - valid YAML"),
        (GOOD + "x: " + "[" * 60 + "]" * 60, "(file): nested too deep - at most 50 levels"),
        (GOOD + "x: &a [*a]", "(file): nested too deep - at most 50 levels"),
        (GOOD + "models: 5", "models: 5 - should be a"),
        (GOOD.replace("127.0.0.1:8000", "a..b:1"), "stores[0].upstream: 'http://a..b:1' - should be a URL"),
        (GOOD.replace("127.0.0.1:8001", "a..b:1"), "stores[0].listen: 'a..b:1' - should be HOST:PORT"),
        (GOOD + "cache: {redis: {url: 'redis://a..b'}}", "a host of a Redis URL is HOST or HOST:PORT"),
        (GOOD + "admin: 70000", "admin: 70000"),
        (GOOD + "admin: 127.0.0.1:8001", "stores[0].listen: '127.0.0.1:8001' - an address of its own"),
        (GOOD.replace("8001", "8000"), "stores[0].listen: '127.0.0.1:8000' - an address of its own"),
        (GOOD.replace("8000", "80000"), "stores[0].upstream: 'http://127.0.0.1:80000' - should be a URL"),
        (GOOD.replace("127.0.0.1:8001", "'::1:8001'"), "stores[0].listen: '::1:8001' - should be HOST:PORT"),
        (GOOD + "rules: [{rerank: default}]", "rules[0].rerank: 'default' - should be a list"),
        (
            GOOD + "    text: {'*': {fields: [document, title]}}",
            "stores[0].text.*.fields[1]: 'title' - should be document or metadata.KEY",
        ),
        (GOOD + "admin: 127.0.0.1:70000", "admin: '127.0.0.1:70000' - should be HOST:PORT"),
        (GOOD + "rules: [{mode: maybe}]", "rules[0].mode: 'maybe' - should be 'on', 'shadow' or 'off'"),
        (GOOD + "rerank_api: {listen: 127.0.0.1:8001}", "stores[0].listen: '127.0.0.1:8001' - an address"),
        (
            GOOD + "rerank_api: {listen: 127.0.0.1:9}\nadmin: 127.0.0.1:9",
            "rerank_api.listen: '127.0.0.1:9' - an address of its own, not that of admin",
        ),
        (
            GOOD + "rerank_api: {listen: 127.0.0.1:9}\nfeedback: {listen: 127.0.0.1:9}",
            "feedback.listen: '127.0.0.1:9' - an address of its own, not that of rerank_api.listen",
        ),
        (
            GOOD + "harm_guard: {reference: judge}",
            "harm_guard.reference: 'judge' - a name under `models`: default",
        ),
        (GOOD + "harm_guard: {auto_off: true}", "harm_guard takes evidence: probes, a reference, or"),
        (
            GOOD + "record: {folder: here, redact: ['(']}",
            "record.redact[0]: '(' - should be a regular expression",
        ),
        (GOOD + "rules: [{experiment: {kind: interleave}}]", "experiment takes feedback"),
        (GOOD + "rules: [{experiment: {kind: ab}}]", "takes a header that tells callers apart"),
        (
            GOOD + "rules: [{mode: shadow, experiment: {kind: interleave}}]",
            "an experiment takes mode: on, not shadow",
        ),
        (
            GOOD + "rules: [{scores: replace, experiment: {kind: interleave}}]",
            "interleave takes scores: keep",
        ),
        (
            GOOD + "rerank_api: {listen: 127.0.0.1:9, rerank: [other]}",
            "rerank_api.rerank[0]: 'other' - a name under `models`: default",
        ),
        (GOOD + "rerank_api: {listen: 127.0.0.1:9, strategy: race}", "a race takes two models or more"),
        (
            GOOD + "rerank_api: {listen: 127.0.0.1:9, api_key: ' '}",
            "rerank_api.api_key: (not shown) - should",
        ),
        (
            GOOD + "rerank_api: {on_trouble: panic}",
            "rerank_api.on_trouble: 'panic' - should be 'input_order'",
        ),
        (GOOD + "rules: [{strategy: race}]", "a race takes two models or more in rerank, not 1"),
        (GOOD + "rules: [{strategy: fastest}]", "rules[0].strategy: 'fastest' - should be 'fit'"),
        (GOOD + "models: {m: {kind: gpt}}", "models.m.kind: 'gpt' - should be one of"),
        (GOOD + "!!python/object/apply:os.system [id]: 1", "(yaml): could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_named(text, complaint):
    found = mistakes_of(text)

    assert any(complaint in line for line in found), found


def test_upstreams_hold_no_credentials():
    found = mistakes_of(GOOD.replace("http://", "http://me:secret@"))

    assert "should hold no credentials" in found[0]
    assert "secret" not in found[0]


def test_names_and_addresses_are_distinct():
    found = mistakes_of(GOOD + GOOD.removeprefix("\nstores:\n"))

    assert [line.split(" - ")[1] for line in found] == [
        "different from the name of stores[0]",
        "an address of its own, not that of stores[0].listen",
    ]


def test_yaml_words_for_booleans_are_modes():
    assert parse(GOOD + "rules: [{mode: off}, {mode: on}]").rules[0].mode == "off"
    assert parse(GOOD + "rules: [{mode: on}]").rules[0].mode == "on"


def test_variables_come_from_the_environment():
    policy = parse(GOOD.replace("127.0.0.1:8000", "${HOST}:${PORT:-8000}"), HOST="store")

    assert policy.stores[0].upstream == "http://store:8000"


def test_a_variable_s_value_is_never_shown():
    """It may be a secret, so a mistake shows the value as it is written."""
    found = mistakes_of(GOOD.replace("http://127.0.0.1:8000", "${SECRET}"), SECRET="hunter2")

    assert "hunter2" not in "\n".join(found)
    assert "${SECRET}" in found[0]


def test_an_alias_bomb_is_refused():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )

    assert mistakes_of(bomb) == ["policy.yaml: (file): too many values - at most 20000 values"]


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(BadConfig, match=r"none\.yaml: \(file\): No such file"):
        load_policy(tmp_path / "none.yaml")


def test_huge_files_are_refused(tmp_path):
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(BadConfig, match="at most 262144 bytes"):
        load_policy(path)


@pytest.mark.parametrize(
    "parts",
    [
        "secret: 20231234567890123456",
        "secret: hunter2",
        "cache: [{secret: hunter2}]",
        "cache: {redis: {url: 'redis://h', password: 2023123}}",
        "cache: {redis: [{password: hunter2}]}",
        "cache: {redis: {url: 'redis://u:hun/ter2@h/0/0/0'}}",
        "cache: {redis: {url: 'redi://:hunter2 x@h'}}",
        "cache: {redis: {url: 'redi:/hunter2@h'}}",
        "cache: {redis: {url: 'redis://:hunter2'}}",
        "cache: {redis: hunter2}",
        "cache: hunter2",
        "secret: *hunter2",
        "secret: !hunter2 x",
    ],
)
def test_a_mistake_about_a_secret_does_not_tell_it(parts):
    (mistake,) = mistakes_of(f"{GOOD}{parts}\n")

    assert not {word for word in ("hunter2", "hun/", "ter2", "2023123") if word in mistake}


def test_mistakes_of_the_whole_do_not_tell_its_parts():
    parts = "secret: a-secret-of-some-length\ncache: {memory_mb: 0}"
    (mistake,) = mistakes_of(f"{GOOD}{parts}\nrules: [{{cache: {{semantic: on}}}}]\n")

    assert "a-secret" not in mistake
    assert "semantic" in mistake


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ("rules: [{cache: {exact: off, semantic: on}}]", "semantic needs the scores that exact keeps"),
        ("rules: [{cache: {exact: scoped, semantic: {scope: [tenant]}}}]", "apart by credentials"),
        ("cache: {redis: {url: 'redis://h'}}\nrules: [{cache: {semantic: on}}]", "needs a secret"),
        ("cache: {redis: {url: 'redis://h', prefix: 'a{b}'}}", "should match pattern"),
        ("cache: {redis: {url: 'http://h'}}", "redis+cluster://"),
        ("cache: {redis: {url: 'redis://h?db=1'}}", "no options"),
        ("cache: {redis: {url: 'redis://h', ca_file: ca.pem}}", "ca_file: only a Redis URL with rediss"),
        ("cache: {redis: {url: 'rediss://h', key_file: key.pem}}", "no cert_file"),
        ("cache: {tenant_headers: ['x y']}", "name of a header"),
        ("rules: [{cache: {semantic: {skip_guards: [contents]}}}]", "'content'"),
    ],
)
def test_a_cache_that_can_not_work_is_a_mistake(parts, words):
    assert any(words in mistake for mistake in mistakes_of(f"{GOOD}{parts}\n"))


def test_a_cache_is_switched_off_and_on_in_one_word():
    switches = ("exact: off", "semantic: on", "semantic: off")
    rules = ", ".join(f"{{cache: {{{switch}}}}}" for switch in switches)
    policy = parse(f"{GOOD}rules: [{rules}]\n")

    assert [rule.cache.exact for rule in policy.rules] == ["off", "shared", "shared"]
    assert [rule.cache.semantic is None for rule in policy.rules] == [True, False, True]


ELSEWHERE = "models: {r: {kind: remote, dialect: tei, url: 'http://127.0.0.1:9'}}\n"
LEFT_OUT = "rerank: left out, which means `default` - a name under `models`: r"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + ELSEWHERE, f"policy.yaml:1: rules[0].{LEFT_OUT}"),
        (GOOD + ELSEWHERE + "rules: [{rerank: [r]}, {}]", f"policy.yaml:6: rules[1].{LEFT_OUT}"),
        (ELSEWHERE + "rerank_api: {listen: 127.0.0.1:9}", f"policy.yaml:2: rerank_api.{LEFT_OUT}"),
    ],
)
def test_a_model_that_is_named_by_being_left_out_has_to_be_there(text, complaint):
    assert mistakes_of(text.lstrip()) == [complaint]


def test_where_nothing_is_reranked_no_model_is_missed():
    off = parse(GOOD + ELSEWHERE + "rules: [{mode: off}]")
    no_store = parse(ELSEWHERE + "rerank_api: {listen: 127.0.0.1:9, rerank: [r]}")

    assert (off.used_models, no_store.used_models) == ((), ("r",))


def test_what_looks_like_a_date_is_a_text():
    assert parse(GOOD + "    name: 2001-99-99").stores[0].name == "2001-99-99"


@pytest.mark.parametrize(
    "parts",
    [
        "{0}: 1",
        "admin: {0}",
        "models: {{a: {{kind: {0}}}}}",
        "models: {{a: {{kind: remote, {0}: 1}}}}",
        "? {0}\n? {0}",
    ],
)
def test_a_secret_in_the_place_of_something_else_is_not_told(parts):
    secret = "hunter2-and-what-else-keys-are-made-of"
    found = mistakes_of(GOOD + parts.format(secret))

    assert found
    assert secret[:10] not in "".join(found)
