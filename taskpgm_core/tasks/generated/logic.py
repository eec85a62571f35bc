"""Boolean expressions, brackets and entailment."""

from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import COLOURS, NAMES, NUMBERS

ITEMS = ("balls", "bags", "books", "boxes", "caps", "chairs", "coats", "cups", "kites", "plates")


def _expression(random: Random, literals: int) -> str:
    if literals == 1:
        return ("not " if random.random() < 0.4 else "") + random.choice(("True", "False"))
    left = random.randint(1, literals - 1)
    parts = [_expression(random, left), _expression(random, literals - left)]
    parts = [f"({part})" if " and " in part or " or " in part else part for part in parts]
    return f" {random.choice(('and', 'or'))} ".join(parts)


def _boolean(random: Random) -> tuple[str, str]:
    value = random.choice((True, False))
    while True:
        expression = _expression(random, random.randint(3, 5))
        # The text is built above from the words True, False, not, and, or only.
        if eval(expression, {"__builtins__": {}}) is value:
            return f"Evaluate: {expression}", str(value)


def _balanced(text: str, pairs: dict[str, str]) -> bool:
    stack: list[str] = []
    for bracket in text:
        if bracket in pairs:
            stack.append(pairs[bracket])
        elif not stack or stack.pop() != bracket:
            return False
    return not stack


def _nested(random: Random, count: int, pairs: dict[str, str]) -> str:
    if count == 0:
        return ""
    inside = random.randint(0, count - 1)
    opening = random.choice(tuple(pairs))
    rest = _nested(random, count - 1 - inside, pairs)
    return opening + _nested(random, inside, pairs) + pairs[opening] + rest


def _brackets(random: Random, pairs: dict[str, str]) -> tuple[str, str]:
    text = _nested(random, random.randint(4, 7), pairs)
    answer = "balanced"
    if random.random() < 0.5:
        answer = "unbalanced"
        symbols = [*pairs, *pairs.values()]
        whole = text
        while _balanced(text, pairs):
            place = random.randrange(len(whole))
            text = whole[:place] + random.choice(symbols) + whole[place + 1 :]
    return f"Check the brackets: {' '.join(text)}", answer


def _entailment(random: Random) -> tuple[str, str]:
    name, items = random.choice(NAMES), random.choice(ITEMS)
    count = random.randint(3, 10)
    colour, other = random.sample(COLOURS, 2)
    answer = random.choice(("entailment", "contradiction", "neutral"))
    fewer, more = random.randint(1, count - 1), random.randint(count, 10)
    hypothesis = random.choice(
        {
            "entailment": (
                f"{name} has more than {NUMBERS[fewer]} {items}.",
                f"None of {name}'s {items} are {other}.",
            ),
            "contradiction": (
                f"{name} has more than {NUMBERS[more]} {items}.",
                f"Some of {name}'s {items} are {other}.",
            ),
            "neutral": (
                f"{name} has had the {items} for more than {NUMBERS[fewer]} years.",
                f"Some of {name}'s neighbours like {other} {items}.",
            ),
        }[answer]
    )
    premise = f"{name} has exactly {NUMBERS[count]} {items}, and all of them are {colour}."
    return f"Premise: {premise} Hypothesis: {hypothesis}", answer


GENERATORS = (
    Generator("boolean", "logic", "The value of an expression of and, or, not.", _boolean),
    Generator(
        "brackets-square",
        "brackets",
        "Whether round and square brackets are balanced.",
        lambda random: _brackets(random, {"(": ")", "[": "]"}),
    ),
    Generator(
        "brackets-curly",
        "brackets",
        "Whether round and curly brackets are balanced.",
        lambda random: _brackets(random, {"(": ")", "{": "}"}),
    ),
    Generator(
        "entailment",
        "language",
        "Whether a statement follows from another, contradicts it, or neither.",
        _entailment,
    ),
)
