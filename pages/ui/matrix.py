"""The matrix of a measure as a heat map, whole or around one pair, clicked to pick a pair."""

from collections.abc import Sequence

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.chart_clicks import select_clicked_pair
from pages.ui.layout import Scene
from pages.ui.similarity import noise_of_tasks
from taskpgm_core.analysis.matrix_order import keep_together
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.findings.similarity import block_finding, scale_words
from taskpgm_core.findings.skills import OUTLINED


def matrix(scene: Scene, pair: tuple[int, int]) -> None:
    """All tasks, like ones beside one another, with the groups and the ``pair`` outlined."""
    similarity = cached.similarity(scene.study, scene.view)
    groups = _groups(scene, similarity.tasks)
    chart(
        matrix_figure(
            similarity,
            keep_together(cached.order(scene.study, scene.view), groups),
            pair=pair,
            groups=groups,
            noise=noise_of_tasks(scene),
            palette=scene.palette,
        ),
        block_finding(similarity),
        f"{scale_words(similarity.reading)}; dark is alike. Click a cell. "
        f"{OUTLINED if groups else ''}".rstrip(),
        key="matrix",
        word="nats" if similarity.reading.unit == "nats" else "",
        on_select=select_clicked_pair("matrix", scene.study.names),
    )


def near_matrix(scene: Scene, pair: tuple[int, int]) -> None:
    """The tasks nearest to a pair, where all are too many to be clicked one by one."""
    near, places = cached.neighbourhood(scene.study, scene.view, pair)
    groups = [group for group in _groups(scene, near.tasks) if len(group) > 1]
    chart(
        matrix_figure(
            near, keep_together(places, groups), pair=(0, 1), groups=groups, palette=scene.palette
        ),
        f"The {near.n} tasks nearest to the selected pair",
        f"{near.reading.axis}; dark is alike. Click a cell.",
        key="near",
        on_select=select_clicked_pair("near", near.tasks),
    )


def _groups(scene: Scene, tasks: Sequence[str]) -> list[list[int]]:
    """Places in ``tasks`` of the members of each group of the view's kernel."""
    groups = cached.kernel(scene.study, scene.view).groups
    return [[i for i, task in enumerate(tasks) if task in group] for group in groups]
