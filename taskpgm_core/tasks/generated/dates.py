"""Weekdays, dates and times of day."""

from datetime import date, timedelta
from random import Random

from taskpgm_core.tasks.generated.generator import Generator

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _weekday(random: Random, direction: int) -> tuple[str, str]:
    day, days = random.randrange(7), random.randint(2, 999)
    word = "after" if direction > 0 else "before"
    prompt = f"Which day of the week is {days} days {word} {WEEKDAYS[day]}?"
    return prompt, WEEKDAYS[(day + direction * days) % 7]


def _date(random: Random) -> tuple[str, str]:
    start = date(1990, 1, 1) + timedelta(days=random.randrange(15_000))
    days = random.randint(2, 60)
    return f"Add {days} days to the date {start}.", str(start + timedelta(days=days))


def _clock(random: Random) -> tuple[str, str]:
    start, later = random.randrange(24 * 60), random.randint(5, 180)
    end = (start + later) % (24 * 60)
    prompt = f"The clock shows {start // 60:02}:{start % 60:02}. And {later} minutes later?"
    return prompt, f"{end // 60:02}:{end % 60:02}"


GENERATORS = (
    Generator(
        "weekday-after",
        "dates",
        "The weekday some days after a weekday.",
        lambda random: _weekday(random, 1),
    ),
    Generator(
        "weekday-before",
        "dates",
        "The weekday some days before a weekday.",
        lambda random: _weekday(random, -1),
    ),
    Generator("date-add", "dates", "The ISO date some days after an ISO date.", _date),
    Generator("clock-add", "dates", "The time of day some minutes later, as HH:MM.", _clock),
)
