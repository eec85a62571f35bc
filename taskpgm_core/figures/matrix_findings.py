"""What the similarity matrix says, in a sentence made from it."""

import numpy as np

from taskpgm_core.figures.labels import nats, shorten
from taskpgm_core.records import Similarity


def block_finding(similarity: Similarity) -> str:
    """The most alike pair, and how far apart the pair in the middle is."""
    jsd = similarity.measure == "jsd"
    above = np.triu_indices(similarity.n, 1)
    values = similarity.matrix[above]
    best = int(values.argmax())
    a, b = (shorten(similarity.tasks[k[best]], 20) for k in above)
    if jsd:
        said = f"{nats(-float(values[best]))}; half of all pairs are over"
        return f"{a} and {b} are most alike, {said} {nats(-float(np.median(values)))}"
    return f"{a} and {b} are most alike, S = {values[best]:.3f}; half of all pairs are under " + (
        f"{np.median(values):.3f}"
    )
