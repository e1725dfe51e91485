"""Queries that an embedding takes for one: each guard sees its kind of difference, and no more than that."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.near_guards import ALL, Guard, features, refusal
from proxy.scoring.near_guards.query_features import MAX_CHARACTERS

DIFFERENT = {
    Guard.LANGUAGE: [
        ("what is a database index", "что такое индекс базы данных"),
        ("how do I reset the password", "¿cómo puedo cambiar la contraseña?"),
        ("wie kann ich das passwort ändern", "how can I change the password"),
        ("paypal", "p\u0430yp\u0430l"),  # with Cyrillic letters
        ("数据库索引是什么", "データベースのインデックスとは"),
    ],
    Guard.NUMBERS: [
        ("GATE 2018 syllabus", "GATE 2017 syllabus"),
        ("convert 6.86 SGPA to percent", "convert 6.71 SGPA to percent"),
        ("season 1 review", "season two review"),
        ("the first world war", "the second world war"),
        ("what changed in python 3.1", "what changed in python 3.10"),
        ("is -5 cold", "is 5 cold"),
        ("take .5 mg of it", "take 5 mg of it"),
        ("10^-3 meters", "10^3 meters"),
        ("10⁻³ meters", "10³ meters"),
        ("the x² function", "the x function"),
        ("loan of 1,000 euros", "loan of 10,000 euros"),
        ("5 apples and 3 pears", "3 apples and 5 pears"),
        ("iphone 7 battery", "iphone battery"),
        ("model 1200", "model 1300"),  # full-width digits
        ("المادة ٣ من القانون", "المادة ٤ من القانون"),
        ("rule 12", "rule 1\u200b3"),  # a zero-width space inside
        ("room 101", "room 1\u00ad02"),  # a soft hyphen inside
    ],
    Guard.UNITS: [
        ("is 5 kg too heavy", "is 5 lbs too heavy"),
        ("a rent of $900", "a rent of €900"),
        ("raise of 10%", "raise of 10"),
        ("meeting at 5 am", "meeting at 5 pm"),
    ],
    Guard.DATES: [
        ("flights in march", "flights in may"),
        ("is the bank open on Saturday", "is the bank open on Sunday"),
        ("who plays today", "who plays tomorrow"),
        ("holidays in Jan", "holidays in December"),
    ],
    Guard.QUOTED: [
        ('who sang "hello"', 'who sang "goodbye"'),
        ("who wrote “the trial”", "who wrote “the castle”"),
        ("what does «libre» mean", "what does «gratis» mean"),
    ],
    Guard.IDENTIFIERS: [
        ("the x² function", "the x2 function"),
        ("what does os.path.join do", "what does os.path.split do"),
        ("use of getUser", "use of getuser_v"),
        ("what is ORA-x_a", "what is ORA-x_b"),
        ("when is max_tokens used", "when is min_tokens used"),
        ("error KBa4012 fix", "error KBb4012 fix"),
        ("explain /etc/passwd", "explain /etc/shadow"),
        ("git reset --hard", "git reset --soft"),
        ("mail to ann@example.com", "mail to bob@example.com"),
        ("is https://a.example down", "is https://b.example down"),
        ("commit deadbeefa1", "commit deadbeefb1"),
        ("call parseInt", "call parseINT"),
    ],
    Guard.NEGATION: [
        ("why is Tokyo the centre", "why is Tokyo not the centre"),
        ("foods that contain gluten", "foods that don't contain gluten"),
        ("foods that contain gluten", "foods that dont contain gluten"),
        ("foods that contain gluten", "foods that don\u2019t contain gluten"),
        ("travel with a visa", "travel without a visa"),
        ("can I refund it", "can't I refund it"),
        ("all books except novels", "all books novels"),
    ],
    Guard.OPPOSITES: [
        ("enable 2FA", "disable 2FA"),
        ("how do I enable two-factor authentication", "how do I disable two-factor authentication"),
        ("how to buy bitcoin", "how to sell bitcoin"),
        ("does stress increase appetite", "does stress decrease appetite"),
        ("import a csv file", "export a csv file"),
        ("is the mushroom safe", "is the mushroom unsafe"),
        ("careful drivers", "careless drivers"),
        ("best hotels in Rome", "worst hotels in Rome"),
        ("most expensive city", "least expensive city"),
        ("what was before the big bang", "what was after the big bang"),
        ("encrypted messages", "unencrypted messages"),
        ("books by Lincoln", "books about Lincoln"),
        ("can he vote", "can she vote"),
        ("maximize the loss", "minimize the loss"),
        ("employee rights", "employer rights"),
        ("are all birds able to fly", "are some birds able to fly"),
        ("is it legal in all states", "is it legal in any states"),
        ("take most of the pills", "take all of the pills"),
        ("should I use heat or ice", "should I use heat and ice"),
    ],
    Guard.NAMES: [
        ("hotels in Logan County", "hotels in Union County"),
        ("how do I get a visa for the US", "how do I get a visa for the UK"),
        ("why did Apple sue", "why did Samsung sue"),
        ("what does WHO recommend", "what does it recommend"),
    ],
    Guard.QUESTION: [
        ("who invented the telephone", "when was the telephone invented"),
        ("why does cellular respiration occur", "how does cellular respiration occur"),
        ("where can I get a passport", "how can I get a passport"),
        ("how many people live in Oslo", "how do people live in Oslo"),
        ("can I take aspirin", "should I take aspirin"),
        ("einstein death", "when einstein death"),
    ],
    Guard.TENSE: [
        ("who was the president of France", "who is the president of France"),
        ("who did win the cup", "who will win the cup"),
        ("did the price rise", "will the price rise"),
    ],
    Guard.ORDER: [
        ("flights from Delhi to Mumbai", "flights from Mumbai to Delhi"),
        ("trains to Paris", "trains from Paris"),
        ("convert celsius to fahrenheit", "convert fahrenheit to celsius"),
        ("is java better than python", "is python better than java"),
        ("dog bites man", "man bites dog"),
        ("chocolate milk", "milk chocolate"),
        ("do Indian women like Pakistani men", "do Pakistani women like Indian men"),
        ("fruits that are red but not sweet", "fruits that are sweet but not red"),
        ("was Caesar killed by Brutus", "was Brutus killed by Caesar"),
        ("can I sue my employer", "can my employer sue me"),
        ("can my baby infect me", "can I infect my baby"),
        ("you owe me money", "I owe you money"),
        ("can he divorce his wife over it", "can his wife divorce him over it"),
        ("messages that I sent", "messages that were sent to me"),
        ("share a file with a user", "share a user with a file"),
        ("email sent to me", "email sent by me"),
        ("transfer the domain to someone", "transfer the domain from someone"),
        ("how to log in as root", "how to log in with root"),
        ("move files in a folder", "move files into a folder"),
        ("is it good in children", "is it good for children"),
        ("who is liable to the buyer", "who is liable for the buyer"),
        ("how do I charge my phone", "how do I charge to my phone"),
        ("hemophilia a treatment", "hemophilia treatment"),
        ("world war I cause", "world war cause"),
        ("a/b ratio", "b/a ratio"),
    ],
    Guard.REFERENCE: [
        ("is it", "is this"),
        ("how old is she", "how old are they"),
        ("tell me more", "what is the best way"),
        ("reset my password", "reset your password"),
        ("how do I find my house", "how do I find your house"),
        ("what do you think about the plan", "what do I think about the plan"),
        ("am I allowed to record phone calls", "are they allowed to record phone calls"),
        ("can my landlord enter my apartment", "can I enter my landlord apartment"),
        ("who should pay the tax", "who should I pay the tax"),
        ("", ""),
        ("?", "!"),
    ],
    Guard.CONTENT: [
        ("python list", "python dictionary"),
        ("best antivirus for phones", "best antivirus"),
        ("what is C", "what is C++"),
        ("is it 👍", "is it 👎"),
        ("headaches after sleep", "headaches after sport"),
        ("learn C++ fast", "learn C# fast"),
        ("naïve", "naif"),
        ("section a of the act", "section of the act"),
        ("what is appendix a", "what is appendix"),
        ("the vitamin A dose", "the vitamin dose"),
        ("the reason of world war I", "the reason of world war"),
        ("can I try to quit smoking", "can I quit smoking"),
    ],
    Guard.LENGTH: [("word " * 300, "word " * 300 + "again")],
}
THE_SAME = [
    ("How do I enable 2FA?", "how can I enable 2FA"),
    ("How can I learn Python?", "What is the best way to learn Python?"),
    ("what are the benefits of green tea", "What are some advantages of green tea?"),
    ("Should I buy an iPhone 7?", "should i buy an iphone 7"),
    ("IS THE EARTH FLAT?", "is the earth flat"),
    ("loan of 1,000 euros", "loan of 1000 euro"),
    ("trains to Paris from Lyon", "trains from Lyon to Paris"),
    ("the 2nd world war", "the second world war"),
    ("capital of France", "What is the capital of France?"),
    ("who wrote “the trial”", 'who wrote "The Trial"?'),
    ("who wrote 'the trial'", "who wrote the trial"),
    ("studies on sleeping", "a study on sleep"),
    ("don't they vote", "do they not vote"),
    ("pass\u00adword re\u200bset", "password reset"),
    ("model 12", "model 12"),
    ("数据库索引是什么", "数据库索引是什么\uff1f"),
    ("what does camelCase mean", "What does camelcase mean?"),
    ("how to quickly learn chess", "how to learn chess quickly"),
    ("rock & roll", "rock and roll"),
    ("how do I reset my password", "how can I reset my password"),
    ("how can you learn python", "how can I learn python"),
    ("how do you reset your password", "how do I reset my password"),
    ("how can we save energy", "how does one save energy"),
    ("Who do you think will win the cup?", "Who will win the cup?"),
    ("hotels in Rome", "hotels of Rome"),
    ("books for learning chess", "books to learn chess"),
    ("what is the difference between a dog and a wolf", "difference between dog and wolf"),
    ("how do I write a will", "how can you write a will"),
    ("can't log in", "cant login"),
    ("sign-in problems", "sign in problems"),
    ("e-mail setup", "email setup"),
    ("naïve bayes", "naive bayes"),
    ("café near me", "cafe near me"),
    ("5kg in lbs", "5 kg in lbs"),
    ("10⁻³ meters", "10^-3 meters"),
]


@pytest.mark.parametrize(
    ("guard", "asked", "known"), [(guard, *pair) for guard, pairs in DIFFERENT.items() for pair in pairs]
)
def test_a_difference_is_refused_by_the_guard_that_knows_it(guard, asked, known):
    one, other = features(asked), features(known)

    assert refusal(one, other, {guard}) is guard
    assert refusal(other, one, {guard}) is guard
    assert refusal(one, other) is not None


@pytest.mark.parametrize(("asked", "known"), THE_SAME)
def test_the_same_question_in_other_words_is_let_through(asked, known):
    assert refusal(features(asked), features(known)) is None
    assert refusal(features(known), features(asked)) is None


def test_every_guard_is_shown_at_work():
    assert set(DIFFERENT) == set(Guard) == ALL


def test_every_guard_is_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "semantic-cache.md").read_text()

    assert [guard for guard in Guard if f"| `{guard}` |" not in page] == []


def test_guards_that_are_off_refuse_nothing():
    enable, disable = features("enable 2FA"), features("disable 2FA")

    assert refusal(enable, disable) is Guard.OPPOSITES
    assert refusal(enable, disable, ALL - {Guard.OPPOSITES}) is Guard.CONTENT
    assert refusal(enable, disable, {Guard.NUMBERS}) is None
    assert refusal(enable, disable, frozenset()) is None


def test_the_first_guard_that_refuses_is_named():
    """The metric would otherwise depend on chance."""
    assert refusal(features("buy 2 cows"), features("sell 3 goats")) is Guard.NUMBERS


words = st.text(st.characters(codec="utf-8"), max_size=60)
_VOCABULARY = """
who what how long like not buy sell from to into than Paris US 2FA 3 2nd two kg $ % may in it can't x_y C++
a.b -v a I me you my your with ² ^ e-mail log-in 5kg
“a” " ' 数据 the best do unsafe safe careless careful é & ? . will was cómo el der milk chocolate 0 <
"""
sentences = st.lists(
    st.sampled_from(_VOCABULARY.split()),
    max_size=12,
).map(" ".join)


@given(words | sentences, words | sentences)
def test_any_two_queries_are_compared_alike_from_both_sides(asked, known):
    one, other = features(asked), features(known)

    for guard in Guard:
        assert refusal(one, other, {guard}) == refusal(other, one, {guard})


@given(words | sentences)
def test_a_query_differs_from_itself_only_where_there_is_nothing_to_compare(query):
    one = features(query)

    assert refusal(one, one, ALL - {Guard.LENGTH, Guard.REFERENCE}) is None


@given(sentences)
def test_spelling_that_no_reader_sees_makes_no_difference(query):
    """Full-width letters and digits, soft hyphens, zero-width spaces: what slips through a guard slips in."""
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" and one != '"' else one for one in query)
    hidden = "\u200b".join(query)

    assert features(wide) == features(query)
    assert features(hidden) == features(query)
    assert features(unicodedata.normalize("NFD", query)) == features(query)


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "'a", "1,", '"', "a_", "a.", "« ", "a ", "not ", "from a to b ", "\u0301", "1.5.1-", "/"),
        *("aA", "數", "ﷺ", "@a@", "a'", "-", "://", "x" * 50 + " "),
    ],
    ids=ascii,
)
def test_a_huge_query_is_read_no_further_than_the_longest_that_is_compared(unit):
    """Linear time by construction: what is read is bounded, however long the query is."""
    hostile = unit * (100_000 // len(unit))
    huge = features(hostile)

    assert refusal(huge, huge) is Guard.LENGTH
    assert len(huge.folded) <= 3 * MAX_CHARACTERS
    assert len(features(hostile[:MAX_CHARACTERS]).stems) <= MAX_CHARACTERS
