"""What a few lines of Python print."""

from random import Random

from taskpgm_core.tasks.generated.generator import Generator


def _trace(random: Random) -> tuple[str, str]:
    value = {"x": random.randint(2, 20), "y": random.randint(2, 20)}
    lines = [f"{name} = {number}" for name, number in value.items()]
    for _ in range(2):
        target, amount = random.choice(("x", "y")), random.randint(2, 9)
        if random.random() < 0.5:
            lines.append(f"{target} += {amount}")
            value[target] += amount
        else:
            lines.append(f"{target} = x + y")
            value[target] = value["x"] + value["y"]
    program = "\n".join(lines)
    return f"{program}\nprint(f'x={{x}} y={{y}}')", f"x={value['x']} y={value['y']}"


def _slice(random: Random) -> tuple[str, str]:
    values = [random.randint(0, 9) for _ in range(random.randint(5, 6))]
    start = random.randint(0, len(values) - 3)
    stop = random.randint(start + 2, min(start + 3, len(values)))
    return f"a = {values}\nprint(a[{start}:{stop}])", str(values[start:stop])


GENERATORS = (
    Generator("code-trace", "code", "What two variables hold after four lines.", _trace),
    Generator("code-slice", "code", "A slice of a Python list.", _slice),
)
