"""Quantities in another unit."""

from decimal import Decimal
from random import Random

from taskpgm_core.tasks.generated.generator import Generator

UNITS = (
    ("km", "m", 1000),
    ("m", "cm", 100),
    ("cm", "mm", 10),
    ("kg", "g", 1000),
    ("l", "ml", 1000),
    ("h", "min", 60),
    ("min", "s", 60),
)


def _convert(random: Random) -> tuple[str, str]:
    large, small, factor = random.choice(UNITS)
    amount = Decimal(random.randint(2, 999)) / 10
    many = f"{(amount * factor).normalize():f}"
    if random.random() < 0.5:
        return f"Convert {amount} {large} to {small}.", f"{many} {small}"
    return f"Convert {many} {small} to {large}.", f"{amount.normalize():f} {large}"


GENERATORS = (
    Generator(
        "convert-units", "conversion", "A length, mass, volume or time, converted.", _convert
    ),
)
