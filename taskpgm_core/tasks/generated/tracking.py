"""Following something as it moves: a walk on a grid, and swapped objects."""

from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import COLOURS, NAMES

STEPS = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}


def _walk(random: Random) -> tuple[str, str]:
    x = y = 0
    moves = []
    for _ in range(random.randint(3, 4)):
        direction, length = random.choice(tuple(STEPS)), random.randint(1, 9)
        x, y = x + length * STEPS[direction][0], y + length * STEPS[direction][1]
        moves.append(f"{length} {direction}")
    return f"From (0, 0) walk {', '.join(moves)}. Where do you end?", f"({x}, {y})"


def _swaps(random: Random) -> tuple[str, str]:
    people = random.sample(NAMES, 3)
    balls = random.sample(COLOURS, 3)
    held = dict(zip(balls, people, strict=True))
    start = ", ".join(f"{person} holds {ball}" for ball, person in held.items())
    swaps = []
    for _ in range(random.randint(2, 3)):
        a, b = random.sample(people, 2)
        held = {ball: {a: b, b: a}.get(person, person) for ball, person in held.items()}
        swaps.append(f"{a} and {b} swap.")
    ball = random.choice(balls)
    return f"{start}. {' '.join(swaps)} Who holds {ball}?", held[ball]


GENERATORS = (
    Generator("navigate", "tracking", "The grid point where a walk ends.", _walk),
    Generator("swaps", "tracking", "Who holds a ball after some swaps.", _swaps),
)
