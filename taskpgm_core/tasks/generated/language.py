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
LINKS = ("and", "and, once more,", "and, to my surprise,", "and, as they say,")
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


def _sentiment(random: Random, nouns: Sequence[str]) -> tuple[str, str]:
    answer = random.choice(("positive", "negative"))
    first, second = random.sample(nouns, 2)
    one, two = random.sample(GOOD if answer == "positive" else BAD, 2)
    review = f"The {first} was {one} {random.choice(LINKS)} the {second} was {two}."
    return f"Review: {review} Sentiment?", answer


def _past(random: Random) -> tuple[str, str]:
    name, (now, then), place = random.choice(NAMES), random.choice(VERBS), random.choice(PLACES)
    return f"Past tense: {name} {now} to {place}.", f"{name} {then} to {place}."


GENERATORS = (
    Generator(
        "sentiment-movies",
        "sentiment",
        "Whether a film review is positive or negative.",
        lambda random: _sentiment(random, MOVIES),
    ),
    Generator(
        "sentiment-restaurants",
        "sentiment",
        "Whether a restaurant review is positive or negative.",
        lambda random: _sentiment(random, RESTAURANTS),
    ),
    Generator("past-tense", "language", "A sentence put into the past tense.", _past),
)
