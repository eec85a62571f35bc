"""Facts found in a small table, a sentence or a list of choices."""

import json
from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import (
    ANIMALS,
    CITIES,
    COLOURS,
    FOODS,
    NAMES,
    TOOLS,
    VEHICLES,
)

KINDS = (ANIMALS, CITIES, COLOURS, FOODS, NAMES, TOOLS, VEHICLES)


def _table(random: Random) -> tuple[str, str]:
    names, cities = random.sample(NAMES, 3), random.sample(CITIES, 3)
    ages = random.sample(range(18, 90), 3)
    rows = [" | ".join(map(str, row)) for row in zip(names, ages, cities, strict=True)]
    asked = random.randrange(3)
    table = "\n".join(["name | age | city", *rows])
    return f"{table}\nWhich city is {names[asked]} from?", cities[asked]


def _json(random: Random) -> tuple[str, str]:
    name, age, city = random.choice(NAMES), random.randint(18, 89), random.choice(CITIES)
    sentence = random.choice(
        (
            f"{name} is {age} years old and lives in {city}.",
            f"In {city} I met {name}, aged {age}.",
            f"{name} from {city} has turned {age}.",
        )
    )
    return f"{sentence} Name and age as JSON:", json.dumps({"name": name, "age": age})


def _odd(random: Random) -> tuple[str, str]:
    kind, other = random.sample(KINDS, 2)
    odd = random.choice([word for word in other if word not in kind])
    words = random.sample([word for word in kind if word not in other], 3)
    place = random.randrange(4)
    words.insert(place, odd)
    choices = " ".join(f"({letter}) {word}" for letter, word in zip("ABCD", words, strict=True))
    return f"Which one is unlike the others? {choices}", f"({'ABCD'[place]})"


GENERATORS = (
    Generator("table-lookup", "lookup", "One cell of a table of three rows.", _table),
    Generator("json-extract", "extraction", "Name and age in a sentence, as JSON.", _json),
    Generator("odd-one-out", "choice", "The letter of the word that does not belong.", _odd),
)
