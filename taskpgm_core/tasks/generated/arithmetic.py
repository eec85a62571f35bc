"""Sums, as digits."""

from random import Random

from taskpgm_core.tasks.generated.generator import Generator


def _sum(random: Random, digits: int) -> tuple[str, str]:
    low, high = 10 ** (digits - 1), 10**digits - 1
    a, b = random.randint(low, high), random.randint(low, high)
    return f"What is {a} + {b}?", str(a + b)


GENERATORS = (
    Generator(
        "add-2-digit", "arithmetic", "Add two 2-digit numbers.", lambda random: _sum(random, 2)
    ),
    Generator(
        "add-3-digit", "arithmetic", "Add two 3-digit numbers.", lambda random: _sum(random, 3)
    ),
)
