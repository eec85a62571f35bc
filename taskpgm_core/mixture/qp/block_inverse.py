"""The inverse of a principal block that gains and loses one row and column at a time."""

import numpy as np
from scipy.linalg import get_blas_funcs

from taskpgm_core.records import Array

FRAIL = 1e-7
"""Pivots below this lose too many digits in an update; the inverse is then to be made anew."""
CHUNK = 64
dgemv, dsymv, dsyr = get_blas_funcs(("gemv", "symv", "syr"), dtype=np.float64)


class BlockInverse:
    """Inverse of Q[kept, kept] for a symmetric Q (items, items), updated in place by rank one.

    The kept items sit in slots, in any order; ``place`` (slots,) says whose each is, ``items``
    marking a vacant one, whose rows and columns are 0. Only the lower triangle is kept up. There
    are about as many slots as kept items, so that a small block costs little however large Q is.
    """

    def __init__(self, Q: Array, kept: np.ndarray) -> None:
        self.Q, self.items = Q, len(Q)
        self.rebuild(kept)

    def rebuild(self, kept: np.ndarray) -> None:
        """Makes the inverse of Q[kept, kept] from scratch."""
        inverse = np.linalg.inv(self.Q[np.ix_(kept, kept)])
        self._seat(kept, (inverse + inverse.T) / 2)

    def _seat(self, kept: np.ndarray, inverse: Array) -> None:
        k = len(kept)
        slots = (k // CHUNK + 1) * CHUNK
        self.place = np.full(slots, self.items)
        self.place[:k] = kept
        self.vacant = list(range(slots - 1, k - 1, -1))
        self.slot = np.full(self.items, -1)
        self.slot[kept] = np.arange(k)
        self.inverse = np.zeros((slots, slots), order="F")
        self.inverse[:k, :k] = inverse
        self.columns = np.zeros((self.items, slots), order="F")
        self.columns[:, :k] = self.Q[:, kept]

    def _reseat(self) -> None:
        taken = np.flatnonzero(self.place < self.items)
        lower = np.tril(self.inverse[np.ix_(taken, taken)])
        self._seat(self.place[taken], lower)

    def times(self, right: Array) -> Array:
        """(items,) inverse times right[kept], 0 elsewhere."""
        out = np.zeros(self.items + 1)
        out[self.place] = dsymv(1.0, self.inverse, right.take(self.place, mode="clip"), lower=1)
        return out[:-1]

    def product(self, x: Array) -> Array:
        """(items,) Qx for an x that is 0 outside the kept items."""
        product: Array = dgemv(1.0, self.columns, x.take(self.place, mode="clip"))
        return product

    def adding(self, item: int) -> tuple[Array, float]:
        """(v, s): the direction and the pivot by which the inverse changes, by vv'/s."""
        v = self.times(self.Q[:, item])
        pivot = float(self.Q[item, item] - self.Q[:, item] @ v)
        v[item] = -1.0
        return v, pivot

    def removing(self, item: int) -> tuple[Array, float]:
        """(v, m): the direction and the pivot by which the inverse changes, by -vv'/m."""
        slot, out = self.slot[item], np.zeros(self.items + 1)
        out[self.place[:slot]] = self.inverse[slot, :slot]
        out[self.place[slot:]] = self.inverse[slot:, slot]
        return out[:-1], float(self.inverse[slot, slot])

    def add(self, item: int, v: Array, pivot: float) -> None:
        """Takes ``item`` in, with what ``adding`` gave."""
        if not self.vacant:
            self._reseat()
        slot = self.vacant.pop()
        self.place[slot], self.slot[item] = item, slot
        self.columns[:, slot] = self.Q[:, item]
        self._update(v, 1.0 / pivot)

    def remove(self, item: int, v: Array, pivot: float) -> None:
        """Lets ``item`` go, with what ``removing`` gave."""
        slot = self.slot[item]
        self._update(v, -1.0 / pivot)
        self.inverse[slot, :] = 0.0
        self.inverse[:, slot] = 0.0
        self.columns[:, slot] = 0.0
        self.place[slot], self.slot[item] = self.items, -1
        self.vacant.append(int(slot))
        if len(self.vacant) > 2 * CHUNK:
            self._reseat()

    def _update(self, v: Array, factor: float) -> None:
        seated = np.where(self.place < self.items, v.take(self.place, mode="clip"), 0.0)
        dsyr(factor, seated, a=self.inverse, lower=1, overwrite_a=1)
