"""Numbers, units and times in a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.near_guards.text import Word

_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})+(?:\.[0-9]+)?")
_CARDINALS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_WORDS = {
    **{word: str(value) for value, word in enumerate(_CARDINALS.split())},
    **{word: str(10 * value) for value, word in enumerate(_TENS.split(), 2)},
    **{word: str(value) for value, word in enumerate(_ORDINALS.split(), 1)},
    "once": "1",
    "twice": "2",
    "double": "2",
    "triple": "3",
    "half": "1/2",
    "dozen": "12",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "billion": "1000000000",
    "lakh": "100000",
    "lakhs": "100000",
    "crore": "10000000",
    "crores": "10000000",
}
del _WORDS["one"]  # a pronoun more often than a number

# The first of a line stands for all of it.
_UNIT_LINES = """
% percent percentage pct
$ dollar dollars usd bucks
€ euro euros eur
£ pound pounds gbp quid lb lbs
¥ yen jpy yuan cny rmb
₹ rupee rupees inr rs
kg kilo kilos kilogram kilograms
g gram grams
mg milligram milligrams
oz ounce ounces
km kilometer kilometers kilometre kilometres
m meter meters metre metres
cm centimeter centimeters centimetre centimetres
mm millimeter millimeters millimetre millimetres
mile miles mi
ft foot feet
inch inches
l liter liters litre litres
ml milliliter milliliters
gallon gallons gal
kb kilobyte kilobytes
mb megabyte megabytes
gb gigabyte gigabytes gig gigs
tb terabyte terabytes
ms millisecond milliseconds
s sec secs seconds
min mins minute minutes
hour hours hr hrs
day days
week weeks
month months
year years yr yrs
celsius centigrade
fahrenheit
kelvin
mph
kmh kph
hz hertz
khz
mhz
ghz
w watt watts
kw kilowatt kilowatts
v volt volts
am
pm
"""
UNITS = {word: line.split()[0] for line in _UNIT_LINES.strip().splitlines() for word in line.split()}
_SIGNS = frozenset("%$€£¥₹")

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_OTHERS = "today yesterday tomorrow tonight spring summer autumn winter weekend"
_TIMES = {
    **{name: name for name in f"{_MONTHS} {_DAYS} {_OTHERS}".split()},
    **{name[:3]: name for name in f"{_MONTHS} {_DAYS}".split()},
    "sept": "september",
    "tues": "tuesday",
    "thur": "thursday",
    "thurs": "thursday",
    "fall": "autumn",
    "weekends": "weekend",
}
# Other words too: a time only beside a number or after one of these.
_DOUBTFUL = frozenset(("may", "march", "mar", "sun", "sat", "wed", "jan", "fall", "spring"))
_HERALDS = "in of on by since until till during last next this early late mid every"
_BEFORE_TIMES = frozenset(_HERALDS.split())


def numbers(words: Sequence[Word]) -> tuple[str, ...]:
    """Return numbers, ordinals and versions in order, as digits; `1,000` is `1000`, `2.10` is not `2.1`."""
    return tuple([_digits(word.text) for word in words if is_number(word.text)])


def is_number(word: str) -> bool:
    """Say whether `numbers` has seen to the word."""
    return "0" <= word[-1:] <= "9" or word in _WORDS


def units(words: Sequence[Word]) -> frozenset[str]:
    """Return what numbers count: the signs, and words right after a number."""
    found = set()
    before = ""
    for word in words:
        text = word.text
        if text in UNITS and (text in _SIGNS or is_number(before)):
            found.add(UNITS[text])
        before = text
    return frozenset(found)


def dates(words: Sequence[str]) -> frozenset[str]:
    """Return months, weekdays, seasons, and days such as `today`."""
    found = set()
    for at, word in enumerate(words):
        if word in _TIMES:
            before = words[at - 1] if at else ""
            after = words[at + 1] if at + 1 < len(words) else ""
            if word not in _DOUBTFUL or before in _BEFORE_TIMES or is_number(before) or is_number(after):
                found.add(_TIMES[word])
    return frozenset(found)


def _digits(word: str) -> str:
    if word in _WORDS:
        return _WORDS[word]
    return word.replace(",", "" if _GROUPED.fullmatch(word) else ".") if "," in word else word
