"""Opinions and tenses in templated sentences."""

from collections.abc import Sequence
from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import NAMES

GOOD = (
    "great",
    "excellent",
    "lovely",
    "superb",
    "wonderful",
    "a delight",
    "impressive",
    "perfect",
    "outstanding",
    "a pleasure",
)
BAD = (
    "awful",
    "terrible",
    "poor",
    "dreadful",
    "disappointing",
    "a mess",
    "boring",
    "horrible",
    "a letdown",
    "mediocre",
)
MOVIES = ("plot", "acting", "script", "music", "ending", "camera work", "cast", "dialogue")
RESTAURANTS = ("soup", "service", "menu", "dessert", "wine", "room", "staff", "main course")
LINKS = ("and", "while", "and, to my surprise,", "whereas")
VERBS = (
    ("walks", "walked"),
    ("runs", "ran"),
    ("drives", "drove"),
    ("goes", "went"),
    ("hurries", "hurried"),
    ("comes", "came"),
    ("rides", "rode"),
    ("returns", "returned"),
    ("travels", "travelled"),
    ("writes", "wrote"),
    ("gets", "got"),
    ("moves", "moved"),
)
PLACES = (
    "the market",
    "the station",
    "the old bridge",
    "the school",
    "the harbour",
    "the library",
    "the farm",
    "the village",
    "the office",
    "the museum",
    "the lake",
    "the garden",
)


def _opinion(random: Random, noun: str, pleased: bool) -> str:
    if pleased:
        return f"the {noun} was {random.choice(GOOD)}"
    return f"the {noun} was {random.choice((random.choice(BAD), 'not ' + random.choice(GOOD)))}"


def _sentiment(random: Random, nouns: Sequence[str]) -> tuple[str, str]:
    answer = random.choice(("positive", "negative", "mixed"))
    pleased = [answer == "positive"] * 2 if answer != "mixed" else random.sample((True, False), 2)
    one, two = (
        _opinion(random, noun, good)
        for noun, good in zip(random.sample(nouns, 2), pleased, strict=True)
    )
    return f"Review: {one.capitalize()} {random.choice(LINKS)} {two}. Sentiment?", answer


def _past(random: Random) -> tuple[str, str]:
    name, (now, then), place = random.choice(NAMES), random.choice(VERBS), random.choice(PLACES)
    return f"Past tense: {name} {now} to {place}.", f"{name} {then} to {place}."


GENERATORS = (
    Generator(
        "sentiment-movies",
        "sentiment",
        "Whether a film review is positive, negative or mixed.",
        lambda random: _sentiment(random, MOVIES),
    ),
    Generator(
        "sentiment-restaurants",
        "sentiment",
        "Whether a restaurant review is positive, negative or mixed.",
        lambda random: _sentiment(random, RESTAURANTS),
    ),
    Generator("past-tense", "language", "A sentence put into the past tense.", _past),
)
