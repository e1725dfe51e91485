"""Words without their endings: light, since what is cut off too much makes different things equal."""

from __future__ import annotations

from functools import lru_cache

# Plurals and past forms that no rule finds. Not `won`, which tells a result from a hope.
_PAIRS = """
men:man women:woman children:child kids:child kid:child people:person feet:foot teeth:tooth mice:mouse
lives:life wives:wife movies:movie cookies:cookie dies:die died:die dying:die lies:lie lied:lie used:use
uses:use using:use does:do made:make taken:take took:take got:get gotten:get bought:buy built:build
found:find thought:think known:know knew:know written:write wrote:write said:say told:tell given:give
gave:give felt:feel kept:keep seen:see chosen:choose broken:break taught:teach meant:mean became:become
began:begin eaten:eat ate:eat went:go gone:go goes:go spoken:speak paid:pay
"""
_IRREGULAR = dict(pair.split(":") for pair in _PAIRS.split())
# End like an inflected word, and are none.
_WHOLE_WORDS = """
data news us this his its was has always species series thing something nothing anything everything bring
string spring need speed indeed hundred bed red during being
"""
_WHOLE = frozenset(_WHOLE_WORDS.split())
_VOWELS = frozenset("aeiouy")


@lru_cache(maxsize=8192)  # a few hundred kilobytes: the words of queries repeat
def stem(word: str) -> str:
    """Return the word without plural, -ing, -ed and final e: `studies`, `studying`, `studied` -> `study`.

    Endings that make another word of it stay: `employer` and `employee`, `careful` and `careless`.
    """
    word = _IRREGULAR.get(word, word)
    if len(word) < 4 or word in _WHOLE or not word.isascii():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word[-1] == "s" and word[-2] not in "siu":
        word = word[:-1]
    if word.endswith("ied"):
        return word[:-3] + "y"
    for end in ("ing", "ed"):
        base = word.removesuffix(end)
        if base != word and len(base) >= 3 and not _VOWELS.isdisjoint(base):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "sl" else base
            break
    return word[:-1] if word[-1] == "e" and len(word) > 3 else word
