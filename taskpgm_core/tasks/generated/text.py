"""Letters counted, turned round and taken out."""

from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import ANIMALS, COLOURS, FOODS, NUMBERS, TOOLS, VEHICLES

WORDS = tuple(sorted({*ANIMALS, *COLOURS, *FOODS, *TOOLS, *VEHICLES}))
VOWELS = "aeiou"


def _count(random: Random) -> tuple[str, str]:
    words = "".join(random.sample(WORDS, 2))
    letter = random.choice(words if random.random() < 0.9 else "abcdefghijklmnopqrstuvwxyz")
    return f"How often is the letter {letter} in {words}?", NUMBERS[words.count(letter)]


def _reverse(random: Random) -> tuple[str, str]:
    letters = random.sample("abcdefghijklmnopqrstuvwxyz", random.randint(4, 6))
    return f"Reverse the letters: {' '.join(letters)}", " ".join(reversed(letters))


def _vowels(random: Random) -> tuple[str, str]:
    phrase = " ".join(random.sample(WORDS, 2))
    return f"Remove the vowels: {phrase}", "".join(c for c in phrase if c not in VOWELS)


GENERATORS = (
    Generator("count-letter", "counting", "How often a letter occurs, as a word.", _count),
    Generator("reverse-letters", "strings", "A row of letters, backwards.", _reverse),
    Generator("remove-vowels", "strings", "Two words without their vowels.", _vowels),
)
