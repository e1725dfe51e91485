"""What is taken out of texts that are kept: what looks like a person's number or address, or like a key.

The patterns are cautious, not clever: they would rather take out an order number than leave a telephone
number in. What they can't know is what a name is; for that there are the policy's own.

`re` knows no time limit, and nothing else runs in a process while it searches. So the patterns here take time
in proportion to the text; those of the policy are another engine's, see own_patterns.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.records.own_patterns import OwnPatterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from proxy.records.own_patterns import Span

REDACTED = "[redacted]"
# Characters of a text that are kept: more than models read of one. What is not searched is not kept either.
MAX_TEXT = 32_768
# Characters of an id that is kept.
_MAX_ID = 1024

# Each begins where a word does, and gives nothing back that it has matched (++): time in proportion to text.
_ADDRESS = re.compile(r"(?<![\w.+%'-])[\w.+%'-]++@[\w-]++(?:\.[\w-]++)*+")
# As in a link.
_ESCAPED_ADDRESS = re.compile(r"(?<![\w.+%'-])(?:[\w.+'-]|%(?!40))++%40[\w-]++(?:\.[\w-]++)++")

# Without an end, all that follows may be of it.
_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_AUTHORIZATION = re.compile(
    r"(?i:authorization[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?:\w{1,20}\s{1,4})?[\w.~+/=-]{8,}+)"
)
_BEARER = re.compile(r"(?i:(?<!\w)bearer\s{1,4}[\w.~+/=-]{8,}+)")
# A value in quotation marks may have spaces.
_ASSIGNED = re.compile(
    r"(?i:(?:(?:api|access|account)[_-]?key|passwo?r?d|pwd|secret|token)"
    r"(?:[_-][\w-]{0,30}+|(?:access)?key)?\\?[\"']?\s{0,4}[=:]{1,2}>?\s{0,4}"
    r"(?:\\?\"[^\"\n]{1,256}+\"|\\?'[^'\n]{1,256}+'|[^\s,;]{4,}+))"
)
_NAMES = (
    *("apikey", "api_key", "api-key", "accesskey", "access_key", "access-key"),
    *("accountkey", "account_key", "account-key", "passw", "pwd", "secret", "token"),
)
# The words that each has, in small letters, are much sooner searched for.
_TOLD = (
    (("private key",), _PEM),
    (("authorization",), _AUTHORIZATION),
    (("bearer",), _BEARER),
    (_NAMES, _ASSIGNED),
)
# A run of such characters may be, or hold, a key itself.
_RUN = re.compile(r"[A-Za-z0-9_.+=/-]{15,}+")
_KEY = re.compile(
    # As providers begin theirs: OpenAI, Stripe, GitHub, GitLab, Slack, AWS, Google, Hugging Face; JWTs.
    r"(?<!\w)(?:[sprk]k[-_]|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|A[KS]IA|AIza|hf_|eyJ)[\w.=-]{12,}+"
    # Long, and of digits, capitals and small letters: nobody's word.
    r"|(?<![\w+=-])(?=[a-zA-Z_+=-]*+\d)(?=[a-z0-9_+=-]*+[A-Z])(?=[A-Z0-9_+=-]*+[a-z])[A-Za-z0-9_+=-]{32,}+"
    # The same in base64, where a slash alone may be part of a path: as long as AWS's secrets or a line of
    # PEM are, or with what paths don't have.
    r"|(?<![\w+/])(?=[a-zA-Z/+]*+\d)(?=[a-z0-9/+]*+[A-Z])(?=[A-Z0-9/+]*+[a-z])"
    r"(?:(?:[A-Za-z0-9/+]{40}|[A-Za-z0-9/+]{64})(?![\w+/=])|(?=[A-Za-z0-9/]*+[+=])[A-Za-z0-9/+]{40,}+={0,2})"
)

# What stands between groups of digits: spaces and dashes of all kinds, and what can't be seen.
_BETWEEN = r" ()/\xa0\xad\u2000-\u2015\u202f\u205f\u2060\u2212\u3000\ufe58\ufe63\ufeff\uff0d-"
_GROUPED = rf"(?:[{_BETWEEN}]{{0,2}}\d)"
# No number begins within a word or a decimal; behind "Tel." one does.
_BEGIN = r"(?<![^\W_])(?:(?<!\.)|(?<=[^\W\d_]\.))"
_MONTH_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_NUMBER = re.compile(
    # Dates are matched to be left where they are.
    rf"{_BEGIN}(?:(?P<date>(?:(?:1[5-9]|2[01])\d\d([/-]){_MONTH_DAY}\2{_MONTH_DAY}"
    rf"|{_MONTH_DAY}([/-]){_MONTH_DAY}\3(?:1[5-9]|2[01])\d\d)(?!\d))"
    # With + or 0 ahead 7 digits are a telephone number; without, 9 are one, or a card's.
    rf"|(?:\+\d|\(?0){_GROUPED}{{6,}}+"
    rf"|\(?\d{_GROUPED}{{8,}}+"
    # 01.23.45.67.89, and most IPv4 addresses; 49.170.1234567; 030.1234567; (555) 123.4567
    r"|(?:\+?\d{1,4}(?:(?:\.\d{2,4}){3,5}|\.\d{3,4}\.\d{4,8})|0[1-9]\d{1,4}\.\d{4,8}"
    rf"|\(?\d{{3}}[.{_BETWEEN}]{{1,2}}\d{{3}}[.{_BETWEEN}]\d{{4}})(?!\w|\.\w))"
    # An IBAN.
    rf"|(?<![A-Za-z0-9])(?=[A-Z]{{2}}(?:[A-Z{_BETWEEN}]{{0,6}}\d){{10}})"
    rf"[A-Z]{{2}}\d\d(?:[{_BETWEEN}]?[A-Z0-9]{{4}}){{2,7}}(?:[{_BETWEEN}]?[A-Z0-9]{{1,3}})?(?![A-Za-z0-9])"
)
# What every such number has, and is sooner searched for.
_SEVEN_DIGITS = re.compile(rf"\d(?:[.{_BETWEEN}]{{0,2}}\d){{6}}")


class Redaction:
    """The patterns of a policy, beside those above."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """Take regular expressions.

        Raises:
            BadConfig: some of them can't be used, see `OwnPatterns`.
        """
        self._own = OwnPatterns(patterns)

    def __call__(self, text: str) -> str:
        """Return the beginning of a text, with `[redacted]` for everything that a pattern matches."""
        text = text[:MAX_TEXT]
        # The policy's are matched once: they may well match what stands for what was taken out.
        spans = [*_private(text), *self._own.spans(text)]
        # What went may have kept others from being seen. Each round takes away more than marks, so they end.
        while spans:
            text = _without(text, spans)[:MAX_TEXT]
            spans = [*_private(text)]
        return text

    def concerns(self, name: str) -> bool:
        """Say whether an id holds what is to be taken out. Numbers are not: most ids have some."""
        return len(name) > _MAX_ID or any(_keys(name)) or any(self._own.spans(name))


def _private(text: str) -> Iterator[Span]:
    """Yield where what looks private begins and ends, in no order; some may overlap."""
    yield from _keys(text)
    if _SEVEN_DIGITS.search(text):
        for match in _NUMBER.finditer(text):
            if match["date"] is None:
                yield match.span()


def _keys(text: str) -> Iterator[Span]:
    """Yield where addresses and keys are."""
    if "@" in text:
        yield from _all(_ADDRESS, text)
    if "%40" in text:
        yield from _all(_ESCAPED_ADDRESS, text)
    small = text.lower()
    for words, pattern in _TOLD:
        if any(word in small for word in words):
            yield from _all(pattern, text)
    for run in _RUN.finditer(text):
        for key in _KEY.finditer(text, *run.span()):
            yield key.span()


def _all(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (match.span() for match in pattern.finditer(text))


def _without(text: str, spans: Iterable[Span]) -> str:
    """Return a text with one `[redacted]` for all spans that overlap or touch."""
    kept: list[str] = []
    done = -1
    for start, end in sorted(spans):
        if start > done:
            kept += text[max(done, 0) : start], REDACTED
        done = max(done, end)
    return "".join((*kept, text[max(done, 0) :]))
