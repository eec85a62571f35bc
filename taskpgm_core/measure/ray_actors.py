"""Workers in processes of their own on a Ray cluster: started, served, and retried when lost."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from taskpgm_core.errors import MeasurementError, install_command
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.worker import WorkerConfig

TRIES = 4  # how often one piece of work may lose its worker before all is given up
POLL = 0.2  # seconds between looks at a worker that starts anew
PATIENCE = 120.0  # seconds that a lost worker has to start anew


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[None]:
    """Within the block Ray runs: the cluster at ``address``, or one of this machine alone."""
    try:
        import ray
    except ImportError:
        raise MeasurementError(
            f"--engine ray needs Ray, which is not installed; run: {install_command('ray')}"
        ) from None

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised here
    own: dict[str, Any] = {"num_cpus": workers or os.cpu_count(), "include_dashboard": False}
    ray.init(
        address=address or "local",
        log_to_driver=False,
        logging_level=logging.ERROR,
        **({} if address else own),
    )
    try:
        yield
    finally:
        ray.shutdown()


def answer(reference: Any) -> Any:
    """The answer of a worker; what it raised is raised here as it was there."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise


class RayWorkers:
    """One actor a device, each made by ``kind(shared, home)`` with an ``about`` of its own.

    ``base``: this process's model, the same as theirs; it leaves the GPUs to them. ``about``
    answers with the kind of device and the process id.
    """

    def __init__(
        self,
        kind: type,
        shared: Any,
        base: BaseModel,
        name: str,
        *,
        models: Path,
        threads: int,
        workers: int | None,
    ) -> None:
        import ray

        has = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = int(has.get("GPU", 0))
        count = workers or gpus or max(int(has.get("CPU", 1)) // threads, 1)
        if gpus and base.device.type == "cuda":
            base.model.to("cpu")
            torch.cuda.empty_cache()
        home = WorkerConfig.of(base, name, models=models, threads=threads)
        self._shared = ray.put(shared)  # kept for as long as actors may have to start anew
        actor: Any = ray.remote(kind).options(
            num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=TRIES, max_task_retries=0
        )
        self.actors: list[Any] = [actor.remote(self._shared, home) for _ in range(count)]
        self.device: str = answer(self.actors[0].about.remote())[0]

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return [answer(actor.about.remote())[1] for actor in self.actors]

    def share(self, pieces: Sequence[Any], serve: Callable[[Any, Any], None]) -> None:
        """Bring every piece to a free actor with ``serve(actor, piece)``; again if it dies."""
        from ray.exceptions import RayActorError

        todo = deque((piece, 1) for piece in pieces)
        left, failures, lock = [len(todo)], list[BaseException](), threading.Lock()

        def attend(actor: Any) -> None:
            while left[0] and not failures:
                with lock:
                    piece, tries = todo.popleft() if todo else (None, 0)
                if not tries:
                    time.sleep(POLL)  # another actor may still fail
                    continue
                try:
                    serve(actor, piece)
                except RayActorError as error:
                    with lock:
                        todo.appendleft((piece, tries + 1))
                        if tries == TRIES:
                            failures.append(error)
                    if not _is_back(actor, lambda: bool(left[0]) and not failures):
                        return
                except BaseException as error:
                    failures.append(error)
                else:
                    with lock:
                        left[0] -= 1

        threads = [threading.Thread(target=attend, args=(a,)) for a in self.actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures and not isinstance(failures[0], RayActorError):
            raise failures[0]
        if left[0]:
            raise MeasurementError(
                f"Ray lost its workers ({TRIES} times at one piece of work, or for good); look at "
                f"their machines' memory. Finished work is kept."
            )


def _is_back(actor: Any, needed: Callable[[], bool]) -> bool:
    """Wait until a lost actor answers again; False where it is given up or not needed."""
    import ray
    from ray.exceptions import RayActorError

    deadline, reference = time.monotonic() + PATIENCE, actor.about.remote()
    while needed() and time.monotonic() < deadline:
        if not ray.wait([reference], timeout=POLL)[0]:
            continue
        try:
            ray.get(reference)
        except RayActorError:
            time.sleep(POLL)
            reference = actor.about.remote()
        else:
            return True
    return False
