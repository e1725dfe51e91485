"""The standard variables: what they switch on, and what is refused at the start."""

from __future__ import annotations

import pytest
from opentelemetry.util.re import parse_env_headers

from proxy.errors import BadConfig
from proxy.telemetry import Telemetry, telemetry_from_environment
from proxy.telemetry.environment import settings_from

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def test_without_a_variable_nothing_is_recorded():
    session = telemetry_from_environment({})

    assert session.telemetry.span("x") is session.telemetry.span("y")
    assert session.telemetry.scrape is None
    session.close()


def test_an_endpoint_switches_traces_and_metrics_on():
    settings = settings_from(ENDPOINT)

    assert settings.traces == settings.metrics == (frozenset({"otlp"}), "http/protobuf")
    assert not settings.logs.exporters, "they are on standard error"


def test_a_signal_may_go_elsewhere_in_another_protocol():
    settings = settings_from(
        {
            "OTEL_TRACES_EXPORTER": "otlp,console",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4317",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
            "OTEL_LOGS_EXPORTER": "none",
        }
    )

    assert settings.traces == (frozenset({"otlp", "console"}), "http/protobuf")
    assert settings.metrics == (frozenset({"otlp"}), "grpc")
    assert not settings.logs.exporters


def test_all_of_it_can_be_switched_off():
    session = telemetry_from_environment(
        {**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_SAMPLER": "unheard_of"}, prometheus=True
    )

    assert session.telemetry.span("x") is Telemetry().span("x")
    assert session.telemetry.scrape is None


def test_headers_of_other_propagators_pass_and_do_not_switch_ours_off():
    assert settings_from({"OTEL_PROPAGATORS": "tracecontext, baggage, b3"}).manner.traceparent
    assert not settings_from({"OTEL_PROPAGATORS": "b3"}).manner.traceparent
    assert not settings_from({"OTEL_PROPAGATORS": "none"}).manner.traceparent


def test_openinference_and_genai_have_variables_of_their_own():
    manner = settings_from(
        {
            "OPENINFERENCE_HIDE_INPUT_TEXT": "true",
            "OPENINFERENCE_HIDE_OUTPUTS": "True",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental",
        }
    ).manner

    assert manner == (True, True, True, True)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: 'zipkin' - otlp, console or none"),
        (
            {"OTEL_METRICS_EXPORTER": "otlp,statsd"},
            "OTEL_METRICS_EXPORTER: 'otlp,statsd' - otlp, prometheus, console or none",
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' - http/protobuf or grpc",
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "carrier pigeon"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'carrier pigeon' - http/protobuf or grpc",
        ),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_COMPRESSION": "br"}, "COMPRESSION: 'br' - gzip or none"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "OTLP_TIMEOUT: 'soon' - a number"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_TIMEOUT": "inf"}, "OTLP_TIMEOUT: 'inf' - a number from 0 to 86400"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"}, "ENDPOINT: '127.0.0.1:4318' - a URL like http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "ENDPOINT: 'http://[::1' - a URL like http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a..b:1"}, "ENDPOINT: 'http://a..b:1' - a URL like http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:99999"}, "ENDPOINT: 'http://h:99999' - a URL like http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "u:canary@h"}, "OTLP_ENDPOINT: (not shown) - a URL like http"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "ENDPOINT: 'http://[::1' - a URL like http://collector:4317",
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": "a=b,canary"},
            "OTEL_EXPORTER_OTLP_HEADERS: (not shown) - NAME=VALUE",
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-key: canary"},
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS: (not shown) - NAME=VALUE",
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/none.pem"},
            "OTEL_EXPORTER_OTLP_CERTIFICATE: '/none.pem' - a file that can be read",
        ),
        (
            {**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": "100"},
            "MAX_QUEUE_SIZE: '100' - 512 or more, as OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ),
        ({"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "4096"}, "OTEL_BLRP_MAX_QUEUE_SIZE: '2048' - 4096 or more"),
        ({"OTEL_METRICS_EXEMPLAR_FILTER": "foo"}, "FILTER: 'foo' - always_on, always_off or trace_based"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "abc"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: 'abc' - a whole"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "OTEL_TRACES_SAMPLER: 'jaeger_remote' - parentbased_"),
        ({"OTEL_TRACES_SAMPLER_ARG": "50%"}, "OTEL_TRACES_SAMPLER_ARG: '50%' - a number from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, "OTEL_TRACES_SAMPLER_ARG: '2' - a number from 0 to 1"),
        ({"OTEL_PROPAGATORS": "smoke"}, "OTEL_PROPAGATORS: 'smoke' - tracecontext, baggage, none"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE: '0' - a whole number above 0"),
        ({"OTEL_CONFIG_FILE": "otel.yaml"}, "OTEL_CONFIG_FILE: 'otel.yaml' - the other"),
    ],
)
def test_what_is_not_there_is_refused_and_told(environment, complaint):
    with pytest.raises(BadConfig) as refused:
        settings_from(environment)

    assert complaint in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:4318/prefix"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x, x-scope-orgid = a b,"},
        {**ENDPOINT, "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0", "OTEL_METRICS_EXEMPLAR_FILTER": "trace_based"},
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none.pem"},  # of an exporter that nobody asks for
    ],
)
def test_what_is_there_is_taken(environment):
    settings_from(environment)


def test_what_the_sdk_alone_knows_to_be_wrong_is_a_mistake_too(monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_ID_GENERATOR", "nobody-s")
    monkeypatch.setenv("OTEL_PYTHON_METER_PROVIDER", "nobody-s")

    with pytest.raises(BadConfig, match=r"\(environment\): OTEL_\*: names a part that is not installed"):
        telemetry_from_environment({**ENDPOINT})


@pytest.mark.parametrize("header", ["{}", "a{}b=c", "a=b{}c", "{}a=b", "a {}=b"])
def test_the_sdk_has_nothing_to_say_about_headers_that_are_taken(header, caplog):
    for character in map(chr, range(1, 256)):
        headers = header.format(character)
        try:
            settings_from({**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": headers})
        except BadConfig:
            continue
        parse_env_headers(headers.strip(), liberal=True)

    assert not caplog.records


def test_all_mistakes_are_told_at_once_and_each_one_once():
    with pytest.raises(BadConfig) as refused:
        settings_from({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_TRACES_SAMPLER": "some"})

    assert len(refused.value.mistakes) == 2


def test_prometheus_needs_a_port_to_be_read_at():
    with pytest.raises(BadConfig, match="with `admin` in the policy"):
        telemetry_from_environment({"OTEL_METRICS_EXPORTER": "prometheus"})
