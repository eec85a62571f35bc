"""The measure ``text``: how far tasks are apart by their words alone, without any model.

A baseline: what people would pick tasks by in the place of measured behaviour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import SourceError
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.records import Array, Example, read_only

if TYPE_CHECKING:
    import scipy.sparse
    from sklearn.feature_extraction.text import HashingVectorizer

TEXT_CODE = 1
"""Raised whenever the same rows would come to other numbers; part of a text study's digest."""
MOST_ROWS = 256
"""Rows of a task that are read, a seeded draw where it has more."""
COLUMNS = 2**20
"""Of each block; terms are hashed to them, so no vocabulary is held. Two terms may share one."""
NGRAMS = (3, 5)
"""Characters of a term, within words and the spaces at their ends."""
WORD = r"(?u)\w+|[^\w\s]"
"""A word: letters and digits, or one sign that is neither; nothing but white space has none."""


@dataclass(frozen=True)
class TextDistances:
    """``divergence`` (n, n) in [0, 1]; ``noise`` (k,) of the tasks at the indices ``noise_tasks``,
    which are those of at least two rows."""

    tasks: tuple[str, ...]
    divergence: Array
    noise_tasks: npt.NDArray[np.int64]
    noise: Array


def text_distances(tasks: Mapping[str, Sequence[Example]], *, seed: int) -> TextDistances:
    """1 - cosine of the tasks' mean TF-IDF vectors of characters and words.

    ``tasks``: the rows of every task, of which at most MOST_ROWS are read; a row's text is its
    prompt, a new line and its completion, of a chat its turns, in lower case. A row is two blocks
    of TF-IDF, by character n-grams within words (NGRAMS) and by words (WORD), each of length 1. A
    task's vector is the mean of each block over its rows, brought to length 1, the two blocks side
    by side: they weigh equally, and 1 - cosine is half a squared Euclidean distance, so
    exp(-d/sigma) is positive semidefinite (Schoenberg, 1938). The inverse document frequency of a
    term that stands in f of all N rows is ln((1 + N)/(1 + f)) + 1, as scikit-learn has it.

    Noise is half the distance of the vectors of a task's two random halves: each half's mean has
    twice the variance of the whole one's, so d_ij is too large by (nu_i + nu_j)/2 on average, as
    ``mixture.task_distances`` takes it. Of few rows it is less than that (by a fifth at 20 rows of
    eight words), since vectors that are brought to length 1 cannot be far apart.

    The same rows and seed give the same numbers. SourceError for a task of white space only.
    """
    rows = {name: _drawn(name, examples, seed) for name, examples in tasks.items()}
    blocks = [_block(vectorizer, rows, seed) for vectorizer in _vectorizers()]
    whole, first, second = (_side_by_side([block[k] for block in blocks]) for k in range(3))
    gram = (whole @ whole.T).toarray()
    own = np.diagonal(gram)
    divergence = np.clip((own[:, None] + own - (gram + gram.T)) / 2, 0.0, 1.0)
    halved = np.array([k for k, some in enumerate(rows.values()) if len(some) > 1], dtype=np.int64)
    apart = np.asarray((first - second).power(2).sum(axis=1)).ravel() / 2
    return TextDistances(
        tuple(tasks), read_only(divergence), halved, read_only(np.clip(apart[halved], 0.0, 1.0) / 2)
    )


def _drawn(name: str, examples: Sequence[Example], seed: int) -> list[str]:
    """The text of the rows that are read, in their order."""
    kept: npt.NDArray[np.int64] = np.arange(len(examples))
    if len(examples) > MOST_ROWS:
        draw = generator_from(seed, name, "text")
        kept = np.sort(draw.choice(len(examples), MOST_ROWS, replace=False))
    found = [examples[k].words for k in kept]
    if not any(text.strip() for text in found):
        raise SourceError(
            f"Task '{name}' has no rows with anything but white space in them, so it has no words "
            f"to compare; remove it or mend its source."
        )
    return found


def _vectorizers() -> Iterator["HashingVectorizer"]:
    """What counts the terms of each block."""
    from sklearn.feature_extraction.text import HashingVectorizer

    counts: dict[str, Any] = {"n_features": COLUMNS, "alternate_sign": False, "norm": None}
    yield HashingVectorizer(analyzer="char_wb", ngram_range=NGRAMS, **counts)
    yield HashingVectorizer(analyzer="word", token_pattern=WORD, **counts)


def _block(
    counter: "HashingVectorizer", rows: Mapping[str, Sequence[str]], seed: int
) -> tuple["scipy.sparse.csr_array", ...]:
    """(n, COLUMNS) three times: mean TF-IDF of each task, of its one half and of its other half.

    The rows are counted twice, task by task: held all at once, they would be the largest thing.
    """
    import scipy.sparse
    from sklearn.preprocessing import normalize

    held_by = np.zeros(COLUMNS)
    for texts in rows.values():
        np.add.at(held_by, scipy.sparse.csr_array(counter.transform(texts)).indices, 1.0)
    idf = np.log((1 + sum(map(len, rows.values()))) / (1 + held_by)) + 1
    means: tuple[list[scipy.sparse.csr_array], ...] = ([], [], [])
    for name, texts in rows.items():
        tfidf = scipy.sparse.csr_array(counter.transform(texts))
        tfidf.data *= idf[tfidf.indices]
        tfidf = scipy.sparse.csr_array(normalize(tfidf))
        order = generator_from(seed, name, "halves").permutation(len(texts))
        middle = (len(texts) + 1) // 2
        for mean, part in zip(means, (order, order[:middle], order[middle:]), strict=True):
            weights = np.zeros((1, len(texts)))
            weights[0, part] = 1 / max(len(part), 1)
            row = scipy.sparse.csr_array(weights) @ tfidf
            mean.append(scipy.sparse.csr_array(normalize(row)))
    return tuple(scipy.sparse.csr_array(scipy.sparse.vstack(mean)) for mean in means)


def _side_by_side(blocks: Sequence["scipy.sparse.csr_array"]) -> "scipy.sparse.csr_array":
    """Blocks of rows of length 1, as rows of length 1."""
    import scipy.sparse

    found = scipy.sparse.hstack(blocks, format="csr") / np.sqrt(len(blocks))
    found.sort_indices()
    return found
