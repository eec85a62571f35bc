"""One real example on which the models of two tasks say the same, token by token."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core import store
from taskpgm_core.records import Study

LONGEST = 16
"""Tokens that an example may have, so that it can be read at a glance."""


@dataclass(frozen=True)
class Agreement:
    """``task``, ``row``: whose probe example it is; ``prompt``: empty where no text is kept;
    ``tokens``: (expected text, empty where no text is kept; likeliest next token of both models;
    the chance that each of the two gives it)."""

    task: str
    row: int
    prompt: str
    tokens: tuple[tuple[str, str, tuple[float, float]], ...]


def agreement(study: Study, i: int, j: int) -> Agreement | None:
    """The probe example of the tasks i and j on which their models agree most surely.

    Both have the same likeliest next token at every position of its completion, and the sum of
    the less sure one's chances is the highest, so a long agreement comes before a short one. None
    where no example is so, or none was kept. StoreError where what was kept is damaged.
    """
    likely = store.likely_tokens(study)
    if likely is None:
        return None
    pool = store.probe_pool(study)
    best: tuple[float, int] | None = None
    for example in np.flatnonzero(np.isin(pool.task, (i, j)) & (pool.tokens <= LONGEST)).tolist():
        at = slice(int(pool.first[example]), int(pool.first[example] + pool.tokens[example]))
        if not np.array_equal(likely.ids[i, at, 0], likely.ids[j, at, 0]):
            continue
        chances = np.exp(likely.log_probability[[i, j], at, 0].astype(np.float64))
        sure = float(chances.min(axis=0).sum())
        if best is None or sure > best[0]:
            best = (sure, example)
    if best is None:
        return None
    example, text = best[1], store.probe_text(study)
    written = None if text is None else text[example]
    shown = []
    for k in range(int(pool.first[example]), int(pool.first[example] + pool.tokens[example])):
        start, end = (int(x) for x in pool.spans[k])
        expected = "" if written is None else written.completion[start:end] or "(end)"
        a, b = (float(np.exp(float(likely.log_probability[m, k, 0]))) for m in (i, j))
        shown.append((expected, likely.strings.get(int(likely.ids[i, k, 0]), "?"), (a, b)))
    task = study.names[int(pool.task[example])]
    prompt = "" if written is None else written.prompt
    return Agreement(task, int(pool.row[example]), prompt, tuple(shown))
