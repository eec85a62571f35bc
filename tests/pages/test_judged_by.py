"""The choice of what one will be judged by: tasks and targets, and what the page makes of it."""

from tests.support.app import open_page
from tests.support.synthetic_study import write_study


def judges(at):
    return next(box for box in at.multiselect if box.label == "Judged by")


def test_targets_are_offered_and_marked_and_move_the_mixture(cache):
    study = write_study(cache, targets=("exam", "hopeless"))
    at = open_page("mixture", study=study.slug, measure="gold", resolution="0.2", balance="2")
    box = judges(at)
    assert box.options[:2] == ["exam (never trained on)", "hopeless (never trained on)"]
    assert box.options[2:] == list(study.names)
    box.select("exam").run()
    assert not at.exception
    assert at.query_params["judge-by"] == "task:exam"
    assert judges(at).value == ["exam"]
    judges(at).select("hopeless").run()
    assert "beats the base model on the target 'hopeless'" in at.error[0].value


def test_what_one_is_judged_by_needs_losses_and_a_resolution(cache):
    study = write_study(cache, targets=("exam",))
    at = open_page("mixture", study=study.slug, measure="gold", resolution="inf")
    assert judges(at).disabled


def test_home_says_which_targets_a_study_has(cache):
    write_study(cache, targets=("exam", "essay"))
    at = open_page()
    said = " ".join(m.value for m in at.markdown)
    assert "2 targets, scored and never trained on: exam, essay" in said
