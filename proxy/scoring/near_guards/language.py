"""In which script and language a query is, as far as letters and the commonest words tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_SCRIPTS = (
    (0x0000, 0x024F, "latin"),
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "armenian"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x07BF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bengali"),
    (0x0A00, 0x0DFF, "indic"),
    (0x0E00, 0x0E7F, "thai"),
    (0x0E80, 0x10FF, "other"),
    (0x1100, 0x11FF, "hangul"),
    (0x1E00, 0x1EFF, "latin"),
    (0x1F00, 0x1FFF, "greek"),
    (0x3040, 0x30FF, "kana"),
    (0x3130, 0x318F, "hangul"),
    (0x3400, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "hangul"),
    (0xF900, 0xFAFF, "han"),
    (0x20000, 0x3FFFF, "han"),
)
# Common words that the other languages here do not have.
_WORDS = {
    "en": "the of and are what how why which who where when does did can to for with my your this do i you",
    "es": "el los las una del por qué cómo cuál cuáles dónde cuándo quién son está están hay mi tiene puedo",
    "fr": "le les une des du est sont quel quelle quels quelles pourquoi où qui dans avec mon peut et je il",
    "de": "der die das ein eine ist sind wie warum wo wer wann welche welcher kann ich mein nicht und mit",
    "it": "il gli uno della del sono come perché dove quando chi quale quali nel mio posso che e con",
    "pt": "os um uma da dos das são onde quando quem quais não meu por",
    "nl": "het een van zijn hoe waarom waar wie wanneer welke kan ik mijn niet en met voor",
}
_LANGUAGES: dict[str, frozenset[str]] = {}
for _language, _words in _WORDS.items():
    for _word in _words.split():
        _LANGUAGES[_word] = _LANGUAGES.get(_word, frozenset()) | {_language}


def scripts(text: str) -> frozenset[str]:
    """Return the scripts of the text's letters."""
    if text.isascii():
        return _LATIN
    return frozenset(_script(ord(one)) for one in text if one.isalpha())


def language(words: Collection[str]) -> str | None:
    """Return the language of two of the words or more, if no other has as many; None is not known."""
    counts: dict[str, int] = {}
    for word in words:
        for one in _LANGUAGES.get(word, ()):
            counts[one] = counts.get(one, 0) + 1
    most = max(counts.values(), default=0)
    leaders = [one for one, count in counts.items() if count == most]
    return leaders[0] if most > 1 and len(leaders) == 1 else None


def _script(code: int) -> str:
    for start, end, name in _SCRIPTS:
        if start <= code <= end:
            return name
    return "other"


_LATIN = frozenset(("latin",))
