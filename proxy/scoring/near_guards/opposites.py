"""Words that turn a query into its opposite, or into the other of two: English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.near_guards.lexicon import lexeme

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

# Each word against all others of its line.
_LINES = """
enable disable
activate deactivate
buy sell
buyer seller
increase decrease
import export
open close
start end finish stop
begin end finish
add remove delete subtract
create delete destroy
install uninstall remove
login logout
upload download
push pull
send receive
give take
accept reject refuse decline
allow deny forbid block prevent ban
approve reject
win lose
gain lose
profit loss
credit debit
lend borrow
lender borrower
landlord tenant
employer employee
hire fire
maximize minimize
maximum minimum
max min
best worst
better worse
good bad evil
most least fewest
more less fewer
high low
higher lower
highest lowest
big small
bigger smaller
biggest smallest
largest smallest
long short
longest shortest
old new young
older newer younger
oldest newest youngest latest
hot cold
warm cool
fast slow
faster slower
fastest slowest
strong weak
rich poor
cheap expensive
cheapest expensive
easy hard difficult
easiest hardest
safe dangerous
legal illegal
true false
right wrong
left right
positive negative
public private
internal external
inside outside
in out
on off
up down
top bottom
above below
over under
before after
for against
with without
by about
first last final
next previous last
past future
early late
earlier later
ancient modern
always never
all some none few
all any most
every any some few
each any
and or
day night
morning evening
summer winter
north south
east west
northern southern
eastern western
man woman
boy girl
male female
husband wife
boyfriend girlfriend
father mother
dad mom mum
son daughter
brother sister
uncle aunt
king queen
he she
him her
his her
himself herself
gay straight lesbian
love hate
like hate dislike
advantage disadvantage
strength weakness
success failure
succeed fail
pass fail
cause effect
cause cure treat prevent
symptom cause treatment
encrypt decrypt
encode decode
compress decompress
connect disconnect
lock unlock
follow unfollow
subscribe unsubscribe
mount unmount
show hide
attach detach
expand collapse
merge split
include exclude
input output
read write
source target destination
client server
parent child
ascending descending
asc desc
horizontal vertical
row column
synchronous asynchronous
sync async
static dynamic
upgrade downgrade
optimist pessimist
introvert extrovert
liberal conservative
democrat republican
save spend delete
deposit withdraw
arrive depart
arrival departure
enter exit
entrance exit
attack defend
married single
marry divorce
alive dead
live die
birth death
born die
present absent
heavy light
dark light
deep shallow
wide narrow
thick thin
fat thin
tall short
wet dry
clean dirty
full empty
same different
even odd
guilty innocent
friend enemy
ally enemy
hypertension hypotension
hyperthyroidism hypothyroidism
hyperglycemia hypoglycemia
acid base
physical mental
personal professional
domestic foreign
inhale exhale
inner outer
front back
major minor
junior senior
remember forget
ask answer
teacher student
doctor patient
"""
_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "mis", "de", "anti", "a")
_SHORTEST = 3


def opposed(asked: AbstractSet[str], known: AbstractSet[str]) -> bool:
    """Say whether one query has a stem that the other has only the opposite of."""
    return _opposed(asked - known, known) or _opposed(known - asked, asked)


def _opposed(own: AbstractSet[str], others: AbstractSet[str]) -> bool:
    for stem in own:
        if stem in _OPPOSITES and not _OPPOSITES[stem].isdisjoint(others):
            return True
        if stem.startswith(_PREFIXES) and not others.isdisjoint(_bare(stem)):
            return True
        if stem.endswith("less") and not others.isdisjoint((stem[:-4], stem[:-4] + "ful")):
            return True
    return False


def _bare(stem: str) -> list[str]:
    """Return what is left without each prefix that it has; a word of three letters at least."""
    return [bare for prefix in _PREFIXES if len(bare := stem.removeprefix(prefix)) >= _SHORTEST]


def _by_stem() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _LINES.strip().splitlines():
        stems = {lexeme(word)[0] for word in line.split()}
        for one in stems:
            found.setdefault(one, set()).update(stems - {one})
    return {one: frozenset(others) for one, others in found.items()}


_NONE: frozenset[str] = frozenset()
_OPPOSITES = _by_stem()
