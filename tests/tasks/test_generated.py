"""Every generated task is solved again from its prompt alone, by other means."""

import ast
import io
import json
import re
from collections import Counter
from contextlib import redirect_stdout
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import SourceError
from taskpgm_core.tasks.generated import GENERATORS, NEAR_COPIES, generate, language, words
from taskpgm_core.tasks.generated.generator import Generator

ROWS = 400
IN_BASE_UNITS = {
    **{"km": ("m", 1000), "m": ("m", 1), "cm": ("m", Fraction(1, 100))},
    **{"mm": ("m", Fraction(1, 1000)), "kg": ("g", 1000), "g": ("g", 1)},
    **{"l": ("l", 1), "ml": ("l", Fraction(1, 1000))},
    **{"h": ("s", 3600), "min": ("s", 60), "s": ("s", 1)},
}


def add(prompt):
    return str(sum(int(number) for number in re.findall(r"\d+", prompt)))


def weekday(prompt):
    days, word, day = re.search(r"(\d+) days (after|before) (\w+)\?", prompt).groups()
    start = next(date(2024, 1, k) for k in range(1, 8) if date(2024, 1, k).strftime("%A") == day)
    shift = timedelta(days=int(days))
    return (start + shift if word == "after" else start - shift).strftime("%A")


def add_days(prompt):
    days, start = re.search(r"Add (\d+) days to the date (\S+)\.", prompt).groups()
    return date.fromordinal(date.fromisoformat(start).toordinal() + int(days)).isoformat()


def add_minutes(prompt):
    now, minutes = re.search(r"(\d\d:\d\d)\. And (\d+) minutes", prompt).groups()
    then = datetime.strptime(now, "%H:%M") + timedelta(minutes=int(minutes))
    return then.strftime("%H:%M")


def in_order(prompt):
    left = prompt.removeprefix("Sort alphabetically: ").split(", ")
    answer = []
    while left:
        answer.append(left.pop(left.index(min(left))))
    return ", ".join(answer)


def boolean(prompt):
    return str(eval(prompt.removeprefix("Evaluate: "), {}))


def brackets(prompt):
    text = prompt.removeprefix("Check the brackets: ").replace(" ", "")
    length = None
    while length != len(text):
        length = len(text)
        for pair in ("()", "[]", "{}"):
            text = text.replace(pair, "")
    return "unbalanced" if text else "balanced"


def entailment(prompt):
    name, count, items, colour, hypothesis = re.fullmatch(
        r"Premise: (\w+) has exactly (\w+) (\w+), and all of them are (\w+)\. Hypothesis: (.+)",
        prompt,
    ).groups()
    if more := re.fullmatch(rf"{name} has more than (\w+) {items}\.", hypothesis):
        fits = words.NUMBERS.index(count) > words.NUMBERS.index(more[1])
        return "entailment" if fits else "contradiction"
    if of_them := re.fullmatch(rf"(None|Some) of {name}'s {items} are (\w+)\.", hypothesis):
        assert of_them[2] != colour
        return "entailment" if of_them[1] == "None" else "contradiction"
    assert re.search(r"has had the|neighbours like", hypothesis)
    return "neutral"


def walk(prompt):
    at = 0j
    for length, way in re.findall(r"(\d+) (north|east|south|west)", prompt):
        at += int(length) * {"north": 1j, "east": 1, "south": -1j, "west": -1}[way]
    return f"({int(at.real)}, {int(at.imag)})"


def swaps(prompt):
    holder = {ball: person for person, ball in re.findall(r"(\w+) holds (\w+)[,.]", prompt)}
    asked = re.search(r"Who holds (\w+)\?", prompt)[1]
    person = holder[asked]
    for a, b in re.findall(r"(\w+) and (\w+) swap\.", prompt):
        person = b if person == a else a if person == b else person
    return person


def count(prompt):
    letter, text = re.search(r"letter (\w) in (\w+)\?", prompt).groups()
    return words.NUMBERS[len(text.split(letter)) - 1]


def backwards(prompt):
    return prompt.removeprefix("Reverse the letters: ")[::-1]


def no_vowels(prompt):
    return re.sub("[aeiou]", "", prompt.removeprefix("Remove the vowels: "))


def convert(prompt):
    amount, unit, wanted = re.search(r"Convert (\S+) (\w+) to (\w+)\.", prompt).groups()
    (base, one), (same, other) = IN_BASE_UNITS[unit], IN_BASE_UNITS[wanted]
    assert base == same
    return Fraction(amount) * one / other, wanted


def look_up(prompt):
    *table, question = prompt.splitlines()
    name = re.search(r"is (\w+) from", question)[1]
    return next(row.split(" | ")[2] for row in table if row.startswith(f"{name} |"))


def extract(prompt):
    name = next(name for name in words.NAMES if re.search(rf"\b{name}\b", prompt))
    return {"name": name, "age": int(re.search(r"\d+", prompt)[0])}


def odd_one_out(prompt):
    choices = dict(re.findall(r"\((\w)\) (\w+)", prompt))
    kinds = [set(kind) for kind in vars(words).values() if isinstance(kind, tuple)]
    found = {
        letter
        for letter in choices
        for kind in kinds
        if choices[letter] not in kind
        and all(word in kind for other, word in choices.items() if other != letter)
    }
    return f"({found.pop()})" if len(found) == 1 else None


def sentiment(prompt):
    opinions = re.findall(r"was (not )?(a \w+|\w+)", prompt)
    assert len(opinions) == 2
    assert all(word in language.GOOD + language.BAD for _, word in opinions)
    pleased = {word in language.GOOD and not negated for negated, word in opinions}
    return "mixed" if len(pleased) == 2 else "positive" if pleased.pop() else "negative"


def past(prompt):
    sentence = prompt.removeprefix("Past tense: ")
    for now, then in language.VERBS:
        sentence = sentence.replace(f" {now} to ", f" {then} to ")
    assert f"Past tense: {sentence}" != prompt
    return sentence


def run(prompt):
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(prompt, {})
    return printed.getvalue().strip()


SOLVERS = {
    **dict.fromkeys(("add-2-digit", "add-3-digit"), add),
    **dict.fromkeys(("weekday-after", "weekday-before"), weekday),
    **{"date-add": add_days, "clock-add": add_minutes},
    **dict.fromkeys(("sort-animals", "sort-foods"), in_order),
    **{"boolean": boolean, "entailment": entailment, "navigate": walk, "swaps": swaps},
    **dict.fromkeys(("brackets-square", "brackets-curly"), brackets),
    **{"count-letter": count, "reverse-letters": backwards, "remove-vowels": no_vowels},
    **{"convert-units": convert, "table-lookup": look_up, "json-extract": extract},
    **{"odd-one-out": odd_one_out, "past-tense": past},
    **dict.fromkeys(("sentiment-movies", "sentiment-restaurants"), sentiment),
    **dict.fromkeys(("code-trace", "code-slice"), run),
}


def read(name, completion):
    """The completion as the solver of ``name`` gives it."""
    if name == "json-extract":
        return json.loads(completion)
    if name == "convert-units":
        amount, unit = completion.split()
        return Fraction(amount), unit
    return completion


@pytest.mark.parametrize("name", GENERATORS)
def test_every_answer_is_right(name):
    for example in generate(name, ROWS, seed=3):
        assert SOLVERS[name](example.prompt) == read(name, example.completion), example.prompt


@pytest.mark.parametrize("name", GENERATORS)
def test_five_thousand_short_and_different_prompts(name):
    examples = generate(name, 5000, seed=0)
    assert len({example.prompt for example in examples}) == 5000
    assert max(len(example.prompt) for example in examples) <= 160
    assert max(len(example.completion) for example in examples) <= 40


@pytest.mark.parametrize("name", GENERATORS)
def test_no_answer_that_can_be_given_blindly(name):
    answers = Counter(example.completion for example in generate(name, 1000, seed=1))
    assert answers.most_common(1)[0][1] <= 650


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(GENERATORS)),
    st.integers(0, 2**40),
    st.integers(1, 40),
    st.integers(0, 40),
)
def test_a_seed_fixes_the_examples_and_fewer_rows_are_the_first_of_more(name, seed, rows, more):
    examples = generate(name, rows + more, seed)
    assert generate(name, rows, seed) == examples[:rows]
    assert generate(name, 12, seed) != generate(name, 12, seed + 1)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(GENERATORS)), st.integers(0, 9), st.integers(1, 12), st.integers(1, 9)
)
def test_shards_are_disjoint_and_together_what_the_generator_makes(name, seed, rows, shards):
    parts = [
        generate(name, rows, seed, {"shard": shard, "shards": shards}) for shard in range(shards)
    ]
    assert all(len(part) == rows for part in parts)
    whole = generate(name, rows * shards, seed)
    assert sorted(map(repr, (e for part in parts for e in part))) == sorted(map(repr, whole))
    first = generate(name, rows + 3, seed, {"shard": shards - 1, "shards": shards})[:rows]
    assert first == parts[-1]


def test_the_examples_do_not_depend_on_this_machine():
    first = {name: generate(name, 1, seed=0)[0] for name in ("add-2-digit", "convert-units")}
    assert (first["add-2-digit"].prompt, first["add-2-digit"].completion) == (
        "What is 51 + 23?",
        "74",
    )
    assert (first["convert-units"].prompt, first["convert-units"].completion) == (
        "Convert 99200 g to kg.",
        "99.2 kg",
    )


def test_near_copies_are_pairs_of_one_family_and_stand_alone():
    members = [name for pair in NEAR_COPIES for name in pair]
    assert len(NEAR_COPIES) >= 4
    assert len(set(members)) == len(members)
    for a, b in NEAR_COPIES:
        assert GENERATORS[a].family == GENERATORS[b].family
        assert not set(generate(a, 300, 0)) & set(generate(b, 300, 0))
    assert len({generator.family for generator in GENERATORS.values()}) >= 12


def test_every_generator_says_what_it_asks():
    for name, generator in GENERATORS.items():
        assert generator.name == name
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert generator.about.endswith(".")


def test_an_unknown_name_and_too_many_rows_are_sentences():
    with pytest.raises(
        SourceError, match=r"no generated task 'boolan' \(did you mean 'boolean'\?\)"
    ):
        generate("boolan", 10, 0)
    coin = Generator("coin", "", "", lambda random: (random.choice("ht"), "x"))
    with pytest.raises(SourceError, match="about 2 different prompts but 3 rows were asked for"):
        coin.examples(3, 0)
    for cut in ({"shard": 4, "shards": 4}, {"shard": -1, "shards": 4}, {"shard": 1}, {"shards": 0}):
        with pytest.raises(SourceError, match="shard one from 0 below it"):
            generate("boolean", 10, 0, cut)
    with pytest.raises(SourceError, match="shards must be a whole number"):
        generate("boolean", 10, 0, {"shard": 0, "shards": "16"})


def test_a_program_prints_what_python_reads():
    for example in generate("code-slice", 50, 0):
        assert isinstance(ast.literal_eval(example.completion), list)
