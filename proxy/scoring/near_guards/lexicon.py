"""English words by what they do in a query: carry it, fill it up, hold it together, or turn it around.

Chosen on the development half of labelled question pairs (`tests/benchmarks/wrong_hits.py`) and by judgment.
A word in no list carries the query: one that has it and one that has not ask different things. That holds for
other languages too, where nearly every word is in no list.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

from proxy.scoring.near_guards.numbers import is_number
from proxy.scoring.near_guards.stems import stem

# What a word does. No enum: in Python 3.11 its members are looked up ten times slower than a string.
Role: TypeAlias = Literal["content", "light", "function", "negation", "number"]

# Grammar. Where it matters (who, from X to Y, he or she, was or will be), a guard of its own looks at it.
_GRAMMAR = """
a an the this that these those some any each such
i me my mine myself we us our ours ourselves you your yours yourself yourselves one ones oneself
someone somebody anyone anybody it its itself they them their theirs he him his himself she her hers herself
am is are was were be been being do does did doing done has have had having
can could will would shall should may might must
of in on at for to by with from into onto as about through via within upon toward towards
and or but if then so than which what who whom whose where when why how whether there here
im ive ill id lets let
"""
# May be there or not, at least in most questions: fillers, and what a search is for anyway.
_FILLERS = """
please really actually exactly just also ever very quite truly basically simply generally usually
true real still now currently own well more much many most all lot
way thing kind sort type people person something anything world
good great best top possible able
tell explain know think like want mean feel say call consider happen help
get become find use go start begin
"""
_NEGATIONS = """
not no non never none nobody nothing nowhere neither nor without cannot except excluding hardly barely
"""
# The first of a line stands for all of it.
_SAME = """
best top greatest
good great nice
buy purchase
begin start
create make build
fast quick quickly rapidly
big large huge
small little tiny
movie film
picture photo pic image photograph
favorite favourite
color colour
difference different differ
learn study
get obtain acquire
and &
repair fix
main major primary
job career
website site
email mail
app application
phone cellphone smartphone mobile
increase raise
reduce decrease lower
use usage utilize
usa us america states
uk britain
software program
weird strange
smart intelligent clever
reason cause
advantage benefit pro
disadvantage drawback con
effect impact
tip advice suggestion
method technique approach
overcome beat
improve enhance
earn gain
stop quit
definition meaning
type kind sort
rich wealthy
require need
similar alike
handle deal
reveal disclose
naive naïve
cafe café
cliche cliché
fiance fiancé
facade façade
"""
_FUNCTION = frozenset(_GRAMMAR.split())
_NEGATION = frozenset(_NEGATIONS.split())
_LIGHT = frozenset(stem(word) for word in _FILLERS.split())
_STANDS_FOR = {
    stem(word): stem(line.split()[0]) for line in _SAME.strip().splitlines() for word in line.split()
}


def is_grammar(word: str) -> bool:
    """Say whether the word, in lower case, is one that holds others together."""
    return word in _FUNCTION


@lru_cache(maxsize=8192)  # a megabyte or two: the words of queries repeat
def lexeme(word: str, *, name: bool = False) -> tuple[str, Role]:
    """Return what stands for a word in lower case and all that mean the same, and what the word does.

    A `name` is no word of grammar, though it looks like one: the US, the WHO, hepatitis A.
    """
    if word in _FUNCTION and not name:
        return word, "function"
    if word in _NEGATION and not name:
        return word, "negation"
    if is_number(word):
        return word, "number"
    found = stem(word)
    found = _STANDS_FOR.get(found, found)
    if found in _FUNCTION:  # as `&` for `and`
        return found, "content" if name else "function"
    return found, "light" if found in _LIGHT else "content"
