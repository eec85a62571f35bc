"""What a task generator is, and how examples are drawn from it."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from taskpgm_core.errors import SourceError
from taskpgm_core.files.hashing import seed_from
from taskpgm_core.records import Example

Draw = Callable[[Random], tuple[str, str]]


@dataclass(frozen=True)
class Generator:
    """An endless source of examples of one task.

    ``draw`` makes one (prompt, completion) pair from a random stream; ``about`` says in a line what
    the task asks; ``family`` groups tasks that ask for the same kind of skill.
    """

    name: str
    family: str
    about: str
    draw: Draw

    def examples(self, rows: int, seed: int) -> list[Example]:
        """``rows`` examples with different prompts; fewer rows are a prefix of more rows.

        Raises SourceError where the task has too few different prompts.
        """
        random = Random(stream(self.name, seed))
        drawn: dict[str, str] = {}
        in_vain = 0
        while len(drawn) < rows:
            prompt, completion = self.draw(random)
            in_vain = in_vain + 1 if prompt in drawn else 0
            if in_vain > 1000:
                raise SourceError(
                    f"generated:{self.name} has about {len(drawn)} different prompts but {rows} "
                    "rows were asked for; ask for fewer rows."
                )
            drawn.setdefault(prompt, completion)
        return [Example(prompt, completion) for prompt, completion in drawn.items()]


def stream(name: str, seed: int) -> int:
    """A seed of its own for every name, the same on every machine."""
    return seed_from(f"{name}\0{seed}")
