"""A query as plain words: one spelling for what reads the same, nothing lost that carries meaning."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

# `plain` leaves nothing outside ASCII but letters, marks, and symbols that stand for a word.
_LETTER = r"[^\s0-9!-/:-@\[-`{-~]"
# A minus or a decimal point where nothing stands before that it could belong to.
_SIGN = r"(?:(?<![^\s($=<>^])(?:-\.?|\.))"
# No alternative begins like another, and none can read the same characters in two ways: linear time.
_TOKEN = re.compile(
    rf"(?P<word>{_LETTER}+(?:'{_LETTER}+)*(?:\+\+|\+|\#)?)"
    rf"|(?P<number>{_SIGN}?[0-9]+(?:[.,][0-9]+)*)(?:(?i:st|nd|rd|th)(?!{_LETTER}))?"
    r'|(?P<stop>[.?!:;"()]+)'
    r"|(?P<symbol>[$%&@=<>*^|~+\#])"
)
_LOOK_ALIKES = {
    '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f",
    "'": "\u2018\u2019\u201a\u201b\u2032`\u00b4",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
}
_TO_ASCII = str.maketrans({one: ascii_ for ascii_, ones in _LOOK_ALIKES.items() for one in ones})
_STOPS = frozenset("\u3002\u061f\u0964\u2026")
_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070\u2074-\u207b]+")
# Written together, apart or with a hyphen.
_JOINED = re.compile(
    r"\b(?:(e)-(?=[a-z])|(log|sign)[ -](?=(?:in|out|up|on|off)\b))", re.IGNORECASE | re.ASCII
)
# As in search boxes, without the apostrophe.
_WITHOUT_APOSTROPHE = """
dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt shouldnt hasnt havent hadnt aint
mustnt neednt
"""
_SPELLED_NOT = frozenset(_WITHOUT_APOSTROPHE.split())
_VERBS = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}
_CLITICS = frozenset(("s", "re", "ve", "ll", "d", "m"))


class Word(NamedTuple):
    """A word, number or symbol, as it is compared and as it was written."""

    text: str  # in lower case
    written: str
    starts: bool  # a sentence, so that its capital says nothing


def plain(query: str) -> str:
    """Return the query with one spelling for what reads the same.

    No compatibility forms (full-width letters, ligatures; x² is x^2), no invisible characters (zero-width
    spaces, soft hyphens), ASCII's quotes, dashes and digits for those of all scripts; other symbols stand
    between spaces.
    """
    if query.isascii():
        return query
    text = _RAISED.sub(r"^\g<0>", query)
    text = unicodedata.normalize("NFKC", text.translate(_TO_ASCII)).translate(_TO_ASCII)
    return text if text.isascii() else "".join([_plain(one) for one in text])


@lru_cache(maxsize=4096)
def _plain(one: str) -> str:
    if one.isascii():
        return one
    category = unicodedata.category(one)
    if category == "Nd":
        return str(unicodedata.decimal(one))
    if category == "Cf" or unicodedata.name(one, "").startswith("VARIATION SELECTOR"):
        return ""
    if category[0] in "ZC":
        return " "
    if category[0] == "P":
        return "." if one in _STOPS else " "
    return f" {one} " if category[0] == "S" else one


def words(text: str) -> list[Word]:
    """Return the words of a plain text; `don't` as two, and other contractions without their ends."""
    found: list[Word] = []
    starts = True
    for match in _TOKEN.finditer(_JOINED.sub(r"\1\2", text)):
        group = match.lastgroup
        if group == "stop":
            starts = True
            continue
        written = match[group or 0]
        lower = written.casefold() if group == "word" else written
        if lower in _SPELLED_NOT or ("'" in lower and lower.endswith("n't")):
            verb = lower.replace("'", "")[:-2]
            found.append(Word(_VERBS.get(verb, verb), written, starts))
            lower = "not"
        elif "'" in lower:
            base, _, end = lower.rpartition("'")
            lower = (base if end in _CLITICS else base + end).replace("'", "")
        found.append(Word(lower, written, starts))
        starts = False
    return found
