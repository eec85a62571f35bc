"""Tunings: every outcome with made-up runs of known truth, and the whole with a tiny model."""

import json
import multiprocessing
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from taskpgm_core import errors, store
from taskpgm_core.analysis.saved_mixtures import Scenario, list_scenarios, save
from taskpgm_core.builds.pipeline import build
from taskpgm_core.builds.target_examples import gather_targets
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MixtureError, PlanError
from taskpgm_core.evidence import campaign as campaigns
from taskpgm_core.evidence import tuning as tunings
from taskpgm_core.evidence.candidates import among, grid
from taskpgm_core.evidence.judging_rows import task_rows
from taskpgm_core.evidence.outcome import judged_runs, recommend
from taskpgm_core.evidence.shared_reference import reference_at_hand
from taskpgm_core.evidence.tuned_mixture import save_tuned
from taskpgm_core.evidence.tuning import complete, missing_runs, tune, tuning_of
from taskpgm_core.evidence.tuning_cost import tuning_cost
from taskpgm_core.findings.tuning import tuning_sentences
from taskpgm_core.measure import Silence, find_weights, load_base
from taskpgm_core.plans.plan import TaskEntry
from taskpgm_core.tasks.overlap import normalised
from tests.support.tiny_model import tiny_plan

FAST = ("--budget", "16", "--first", "1", "--seeds", "2")
WEIGHTS = ({"boolean": 1.0}, {"add-2-digit": 1.0}, {"add-3-digit": 1.0}, {"reverse-letters": 1.0})
ODD = {"boolean": 3.0, "add-2-digit": 1.0}


@pytest.fixture
def plan(tiny_base):
    return tiny_plan(tiny_base)


@pytest.fixture
def files(tmp_path):
    """Four mixture files, first.json to fourth.json."""
    names = ("first", "second", "third", "fourth")
    for name, weights in zip(names, WEIGHTS, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(weights))
    return [str(tmp_path / f"{name}.json") for name in names]


class MadeUp:
    """Keeps made-up runs of a protocol: uniform keeps half of the gain, the others ``gains`` more.

    ``fresh``: {arm: gain} on fresh seeds, where others; ``noise``: standard deviation over seeds;
    ``weak``: tasks whose single-task models gain too little for a share.
    """

    def __init__(self, study, gains, fresh=None, noise=0.0, weak=()):
        self.study, self.gains, self.noise, self.weak = study, gains, noise, weak
        self.fresh = gains if fresh is None else fresh
        self.made: list[tuple[str, int]] = []

    def __call__(self, protocol):
        study, digest = self.study, protocol.digest(self.study.digest)
        card = {"protocol": protocol.model_dump(mode="json", exclude={"arms", "seeds", "name"})}
        if protocol.skills is not None and store.reference_losses(study, digest) is None:
            rows = [(t, -1, 3.0, 0.0, 8) for t in study.names]
            rows += [(t, 0, 2.9 if t in self.weak else 1.0, 0.0, 8) for t in study.names]
            columns = ["task", "replicate", "loss", "accuracy", "n_rows"]
            frame = pd.DataFrame(rows, columns=columns)
            store.keep_reference(study, digest, rows=frame, card=card)
        gains = self.fresh if protocol.stage == "confirmation" else self.gains
        for arm in protocol.arms:
            for seed in protocol.seeds:
                if not store.has_run(study, digest, arm.name, arm.digest, seed):
                    noise = np.random.default_rng([len(arm.name), seed]).normal(0, self.noise)
                    kept = 0.5 + gains.get(arm.name, 0.0) + noise
                    self._keep(protocol, arm, seed, 3.0 - 2.0 * kept, digest, card)
                    self.made.append((arm.name, seed))

    def _keep(self, protocol, arm, seed, loss, digest, card):
        rows = pd.DataFrame({"task": self.study.names, "loss": loss, "accuracy": 0.0})
        rows = rows.assign(arm=arm.name, seed=seed, budget=16, in_mixture=True, steps=4, n_rows=4)
        store.keep_run(
            self.study,
            digest,
            rows=rows.assign(n_tokens=9),
            arm=arm.model_dump(mode="json"),
            definition=arm.digest,
            card=card,
        )


def tuning(study, plan, files, **changes):
    settings = {"budget": 16, "first": 1, "confirming": 3, **changes}
    return tuning_of(study, plan, among(study, files), **settings)


def outcome(study, plan, files, made, **changes):
    chosen = tuning(study, plan, files, **changes)
    return chosen, tune(chosen, made, lambda line: None)


GAINS = {"first": 0.02, "second": 0.1, "third": -0.1, "fourth": 0.05}


def test_the_best_is_chosen_and_confirmed_on_seeds_that_no_round_used(tiny_study, plan, files):
    made = MadeUp(tiny_study, GAINS, noise=0.001)
    chosen, found = outcome(tiny_study, plan, files, made)
    assert (found.state, found.chosen) == ("better", "second.json")
    assert found.difference == pytest.approx(0.1, abs=0.01)
    assert found.low < 0.1 < found.high
    runs = {(stage, seed) for stage, seed in made.made}
    rounds = {seed for r in found.rounds for seed in r.seeds}
    assert rounds == {0, 1}
    assert set(found.fresh) == {seed for _, seed in runs} - rounds
    assert not rounds & set(found.fresh)
    assert [len(r.means) for r in found.rounds] == [4, 2]
    assert found.rounds[0].kept == ("second.json", "fourth.json")
    assert {name for name, seed in runs if seed == 1} == {"uniform", "second", "fourth"}
    assert {name for name, seed in runs if seed in found.fresh} == {"uniform", "second"}
    text = " ".join(tuning_sentences(found))
    assert "4 mixtures and uniform were trained on 16 rows in 2 rounds" in text
    assert "seeds 0 and 1 left “second.json”" in text
    assert "It is surely better than uniform on 16 rows a run." in text
    folders = [card["folder"] for card, _ in store.evidence(tiny_study)]
    assert len(folders) == 2
    for protocol in (chosen.round_protocol([], [0]), chosen.fresh_protocol(chosen.candidates[1])):
        assert protocol.digest(tiny_study.digest)[:12] in folders


@pytest.mark.parametrize("many", [1, 4])
def test_only_skills_that_have_a_share_are_counted(tiny_study, plan, files, many):
    made = MadeUp(tiny_study, GAINS, weak=("boolean",))
    chosen, found = outcome(tiny_study, plan, files[:many], made, skills="tasks")
    assert found.by.skills == chosen.by.skills == 3


def test_what_fresh_seeds_decide_does_not_depend_on_how_the_rounds_went(tiny_study, plan, files):
    """The rounds pick a lucky one: fresh seeds say so, since no round's run is among theirs."""
    made = MadeUp(tiny_study, GAINS, fresh={"second": -0.1}, noise=0.001)
    _, found = outcome(tiny_study, plan, files, made)
    assert (found.state, found.chosen) == ("worse", "second.json")
    assert found.difference == pytest.approx(-0.1, abs=0.01)
    assert "surely worse than uniform" in tuning_sentences(found)[-1]
    assert "points less" in tuning_sentences(found)[-1]


def test_where_seeds_disagree_it_is_not_shown_to_be_better(tiny_study, plan, files):
    made = MadeUp(tiny_study, GAINS, fresh={"second": 0.001}, noise=0.05)
    _, found = outcome(tiny_study, plan, files, made)
    last = tuning_sentences(found)[-1]
    assert found.state == "unsure"
    assert found.low < 0 < found.high
    assert last.endswith("So it is not shown to be better than uniform on 16 rows a run.")


def test_exactly_as_good_on_fresh_seeds_is_said_so(tiny_study, plan, files):
    _, found = outcome(tiny_study, plan, files, MadeUp(tiny_study, GAINS, fresh={}))
    assert (found.state, found.difference, found.p) == ("unsure", 0.0, 1.0)
    assert "it kept exactly as much" in tuning_sentences(found)[-1]


@pytest.mark.parametrize(
    ("gains", "words"), [(-0.1, "It was worse than uniform"), (0.0, "It was exactly as good as")]
)
def test_no_fresh_seed_is_spent_where_nothing_was_better_than_uniform(
    tiny_study, plan, files, gains, words
):
    names = ("first", "second", "third", "fourth")
    made = MadeUp(tiny_study, dict.fromkeys(names, gains))
    chosen, found = outcome(tiny_study, plan, files, made)
    assert (found.state, found.chosen, found.fresh) == ("uniform", "uniform", ())
    assert {seed for _, seed in made.made} == {0, 1}
    last = tuning_sentences(found)[-1]
    assert words in last
    assert "The result is uniform: no mixture of the list is shown to be better" in last
    assert any("exactly equal" in s for s in tuning_sentences(found))  # all four are
    assert found.rounds[0].kept == ("first.json", "second.json")
    assert found.rounds[0].tied == ("third.json", "fourth.json")
    saved, now = save_tuned(chosen, found)
    assert now
    assert saved.p.tolist() == pytest.approx([0.25] * 4)
    assert saved.evidence["confirmed"] is None


def test_a_single_mixture_meets_fresh_seeds_at_once(tiny_study, plan, files):
    made = MadeUp(tiny_study, {"first": -0.1}, noise=0.001)
    _, found = outcome(tiny_study, plan, files[:1], made)
    assert (found.rounds, found.state) == ((), "worse")
    assert len(made.made) == 6
    assert tuning_sentences(found)[0].startswith("“first.json” was the only mixture to try")


def test_the_loss_on_what_one_is_judged_by_judges_alone(tiny_study, plan, files):
    judges = ("boolean", "add-2-digit")
    made = MadeUp(tiny_study, GAINS, noise=0.001)
    chosen, found = outcome(tiny_study, plan, files, made, judges=judges)
    assert chosen.protocol.skills is None
    assert (found.state, found.chosen) == ("better", "second.json")
    assert found.difference == pytest.approx(-0.2, abs=0.02)  # a gain of .1 is .2 nats here
    assert found.rounds[-1].uniform == pytest.approx(2.0, abs=0.02)
    text = " ".join(tuning_sentences(found))
    assert "the mean loss on held-out rows of boolean, add-2-digit, nats a token" in text
    assert "nats a token lower than uniform's" in text


def test_nothing_that_is_the_same_runs_twice(tiny_study, plan, tmp_path):
    same = {"boolean": 0.7500001, "add-2-digit": 0.2499999}
    for name, weights in (("a", ODD), ("b", same), ("c", dict.fromkeys(tiny_study.names, 1.0))):
        (tmp_path / f"{name}.json").write_text(json.dumps(weights))
    paths = [str(tmp_path / f"{name}.json") for name in "abc"]
    chosen = tuning(tiny_study, plan, paths)
    assert [one.title for one in chosen.candidates] == ["a.json"]
    assert [(one.title, other) for one, other in chosen.same] == [
        ("b.json", "a.json"),
        ("c.json", "uniform"),
    ]
    with pytest.raises(MixtureError, match="Every mixture of the list trains on the same rows"):
        tuning(tiny_study, plan, paths[2:])
    assert len(grid(tiny_study, ["0.5", "0.50"], ["auto"])) == 1
    with pytest.raises(PlanError, match="budget 17 is no multiple of batch 4"):
        tuning(tiny_study, plan, paths, budget=17)
    with pytest.raises(MixtureError, match="--balance must be a finite number"):
        grid(tiny_study, ["inf"], ["auto"])


def test_mixtures_are_found_by_name_id_baseline_and_file(tiny_study, plan, files, tmp_path):
    p = np.array([0.7, 0.1, 0.1, 0.1])
    made = Scenario("tiny", tiny_study.content, "jsd", tiny_study.names, p, name="Mine, all mine")
    kept, other = save(made), save(made)
    with pytest.raises(MixtureError, match=f"Several saved mixtures .*{kept.id}"):
        among(tiny_study, [kept.name])
    found = among(tiny_study, [kept.id, other.id, "best-single", files[0]])
    assert [one.p.round(9).tolist() for one in found[:2]] == [p.tolist()] * 2
    assert len({one.title for one in found}) == len({one.arm.name for one in found}) == 4
    assert found[2].title == "best-single"
    assert found[2].p.max() == 1
    (tmp_path / "b").mkdir()
    for name, weights in zip(("a-2", "a", "b/a"), WEIGHTS, strict=False):
        (tmp_path / f"{name}.json").write_text(json.dumps(weights))
    twins = among(tiny_study, [str(tmp_path / f"{n}.json") for n in ("a-2", "a", "b/a")])
    assert len({one.arm.name for one in twins}) == len({one.title for one in twins}) == 3
    assert among(tiny_study, [files[0]])[0].p[tiny_study.names.index("boolean")] == 1
    with pytest.raises(MixtureError, match=r"'best-singel' is no saved .* \(did you mean 'best-"):
        among(tiny_study, ["best-singel"])
    elsewhere = save(Scenario("x", "c" * 64, "jsd", ("a", "b"), np.array([0.5, 0.5]), name="else"))
    with pytest.raises(MixtureError, match="“else” is over other tasks"):
        among(tiny_study, [elsewhere.id])


def test_the_result_is_saved_once_with_its_evidence(tiny_study, plan, files, capsys):
    chosen, found = outcome(tiny_study, plan, files, MadeUp(tiny_study, GAINS, noise=0.001))
    saved, now = save_tuned(chosen, found, "ours")
    again, twice = save_tuned(chosen, found, "other")
    assert (now, twice, again.id) == (True, False, saved.id)
    [read] = list_scenarios()[0]
    assert read.name == "ours"
    assert read.trained == tuning_sentences(found)
    assert read.evidence["confirmed"]["seeds"] == list(found.fresh)
    assert set(read.evidence["folders"].values()) == {
        card["folder"] for card, _ in store.evidence(tiny_study)
    }
    assert read.over(tiny_study.names).tolist() == chosen.candidates[1].p.tolist()
    assert main(["show", "tiny"]) == 0
    assert f"Saved mixture “ours” ({saved.id}): 4 mixtures" in capsys.readouterr().out
    assert main(["show", "tiny", "--json"]) == 0
    [card] = json.loads(capsys.readouterr().out)["saved_mixtures"]
    assert card["evidence"]["state"] == "better"
    words = ["--anchor", saved.id, "--balance", "1", "--budget", "100", "--to", "axolotl", "--json"]
    assert main(["export", "tiny", *words]) == 0
    assert json.loads(capsys.readouterr().out)["asked"] == {"add-2-digit": 1.0}
    assert main(["evidence", "tiny", "--folder", "nope"]) == 2
    assert "(confirmation of a tuning)" in capsys.readouterr().err


def test_what_a_study_recommends_follows_from_fresh_seeds_alone(tiny_study, plan, files):
    before = recommend(tiny_study).sentence
    assert "no mixture of this study was trained" in before
    made = MadeUp(tiny_study, GAINS, noise=0.001)
    outcome(tiny_study, plan, files, made, judges=("add-2-digit",))
    made(tuning(tiny_study, plan, files).round_protocol(among(tiny_study, files), [0, 1]))
    assert judged_runs(tiny_study) is None  # neither rounds nor losses on one task speak for it
    said = recommend(tiny_study)
    assert "were trained in tunings alone" in said.sentence
    assert said.p.tolist() == pytest.approx([0.25] * 4)
    outcome(tiny_study, plan, files, made)
    said = recommend(tiny_study)
    assert said.sentence.startswith("Train on the mixture “second”: on tiny it keeps more")
    assert "3 seeds, 16 rows" in said.sentence
    assert said.p[tiny_study.names.index("add-2-digit")] == 1


def test_a_solved_mixture_is_saved_with_its_question_and_certificate(tiny_study, plan):
    candidates = grid(tiny_study, ["0", "0.5"], ["auto"])
    chosen = tuning_of(tiny_study, plan, candidates, budget=64, first=1, confirming=2)
    made = MadeUp(tiny_study, {"balance-0.5-auto": 0.2}, noise=0.001)
    saved, _ = save_tuned(chosen, tune(chosen, made, lambda line: None))
    assert saved.name == "tiny tuned: balance 0.5, resolution auto"
    assert saved.controls["balance"] == "0.5"
    assert saved.controls["study"] == "tiny"
    assert saved.certificate["status"] == "optimal"
    assert saved.p.tolist() == candidates[1].p.tolist()


def test_no_share_at_all_is_an_error_and_not_a_choice(tiny_study, plan, files, monkeypatch):
    monkeypatch.setattr("taskpgm_core.evidence.kept_share.LEAST_GAIN", 99.0)
    with pytest.raises(MixtureError, match="No share can be counted on tiny"):
        outcome(tiny_study, plan, files, MadeUp(tiny_study, GAINS))


def test_the_cost_counts_what_is_left(tiny_study, plan, files):
    chosen = tuning(tiny_study, plan, files)
    most = (4 + 1) * 1 + (2 + 1) * 1 + 2 * 3
    cost = tuning_cost(chosen, plan, 1)
    assert (cost.runs, cost.kept, cost.left) == (most, 0, most)
    assert cost.rows_trained == 16 * most
    assert cost.models == 5
    assert cost.seconds > 0
    made = MadeUp(tiny_study, GAINS, noise=0.001)
    made(chosen.round_protocol(chosen.candidates, [0]))
    cost = tuning_cost(chosen, plan, 1)
    assert (cost.runs, cost.kept, cost.left, cost.models) == (most, 5, most - 5, 0)
    tune(chosen, made, lambda line: None)
    cost = tuning_cost(chosen, plan, 1)
    assert (cost.kept, cost.left, cost.rows_trained, cost.seconds) == (most, 0, 0, None)


def test_the_cost_without_torch_says_what_to_install(tiny_study, plan, files, monkeypatch):
    def preview(plan, threads):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("taskpgm_core.evidence.tuning_cost.preview", preview)
    monkeypatch.setattr(errors, "CHECKOUT", False)
    cost = tuning_cost(tuning(tiny_study, plan, files), plan, 1)
    assert cost.basis == "torch is not installed; run: pip install 'taskpgm[measure]'"
    assert cost.seconds is None


def test_runs_of_another_process_are_waited_for_and_taken_over(tiny_study, plan, files):
    chosen = tuning(tiny_study, plan, files)
    protocol = chosen.round_protocol(chosen.candidates, [0])
    made, said = MadeUp(tiny_study, GAINS), []
    digest = protocol.digest(tiny_study.digest)
    claims = [store.claim_run(tiny_study, digest, u) for u in missing_runs(tiny_study, protocol)]
    for claim in claims:
        assert claim.__enter__()

    def end(line):  # the other process ends without a word as soon as it is waited for
        said.append(line)
        for claim in claims:
            claim.__exit__(None, None, None)

    complete(tiny_study, protocol, made, end, pause=0.0)
    assert said == ["The runs that are left are made by another process; waiting for them."]
    assert len(made.made) == 5
    assert missing_runs(tiny_study, protocol) == []


# With a tiny model


def killed_after(runs: int, words: list[str]) -> None:
    """A process that tunes and is killed when it has kept so many runs."""
    keep, left = campaigns.store.keep_run, [runs]

    def dying(*given, **named):
        keep(*given, **named)
        left[0] -= 1
        if not left[0]:
            os._exit(9)

    campaigns.store.keep_run = dying
    main(words)


def test_a_killed_tuning_goes_on_and_comes_to_the_same(tiny_study, capsys, monkeypatch):
    words = ["tune", "tiny", *FAST, "--balances", "0,0.5", "--resolutions", "auto,inf", "--json"]
    process = multiprocessing.get_context("fork").Process(target=killed_after, args=(4, words))
    process.start()
    process.join(300)
    assert process.exitcode == 9
    before = sorted(p.name for p in folders(tiny_study))
    assert len(before) == 4
    capsys.readouterr()
    assert main(words) == 0
    shown = capsys.readouterr()
    resumed = json.loads(shown.out)
    made = re.findall(r"seed (\d+): mean loss", shown.err)
    rounds = [len(r["seeds"]) * (r["mixtures"] + 1) for r in resumed["planned"]]
    confirmed = 4 if resumed["confirmed"] else 0
    assert len(made) == sum(rounds) + confirmed - 4
    assert {p.name for p in folders(tiny_study)} >= set(before)
    assert set(map(int, made)) == {0, 1, *(resumed["fresh"] if confirmed else ())}
    assert main(words) == 0  # everything is there now: the same answer, and nothing is trained
    shown = capsys.readouterr()
    assert json.loads(shown.out) == resumed
    assert "mean loss" not in shown.err
    assert len(list_scenarios()[0]) == 1
    assert main([*words[:-1], "--dry-run"]) == 0
    assert "so it takes no training." in capsys.readouterr().out


def folders(study):
    return list(Path(study.folder).glob("evidence/*/*-*.parquet"))


def test_models_are_judged_once_for_rounds_and_fresh_seeds(tiny_study, plan, files, monkeypatch):
    judged = []
    measured = campaigns.reference_losses
    monkeypatch.setattr(
        campaigns, "reference_losses", lambda *given: judged.append(1) or measured(*given)
    )
    words = ["tune", "tiny", *FAST, "--among", ",".join(files[:2])]
    assert main(words) == 0
    chosen = tuning(tiny_study, plan, files[:2], confirming=2)
    confirm = chosen.fresh_protocol(chosen.candidates[0])
    assert len(judged) == 1
    kept = reference_at_hand(tiny_study, plan, confirm)
    assert set(kept["task"]) == set(tiny_study.names)
    campaigns.campaign(confirm, tiny_study, plan, threads=1)
    longer = confirm.model_copy(update={"evaluation_rows": 40})
    assert reference_at_hand(tiny_study, plan, longer) is None


def test_what_the_verb_says_is_what_it_does(tiny_study, files, capsys):
    words = ["tune", "tiny", *FAST, "--balances", "0.5,1", "--resolutions", "auto"]
    assert main([*words, "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "“balance 1, resolution auto” trains on the same 16 rows as uniform" in text
    assert "The one that is left on 2 fresh seeds, beside uniform; 16 rows a run." in text
    assert "4 runs at most, 0 of them kept already; the others train on 64 rows." in text
    assert "Before them 5 single-task models are judged" in text
    assert main([*words, "--dry-run", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert (cost["runs"], cost["rows_trained"]) == (4, 64)
    for bad, said in (
        (["--among", "nope"], "is no saved mixture"),
        (["--among", files[0], "--balances", "0"], "goes with no --balances"),
        (["--judge-by", "task:nope"], "names 'nope'"),
        (["--judge-by", "task:boolean", "--skills", "tasks"], "two ways to judge"),
        (["--judge-by", "task:boolean", "--resolutions", "inf"], "finite --resolution"),
        (["--protocol", "nope"], "no protocol nope"),
        (["--balances", ","], "no mixture to choose"),
    ):
        assert main(["tune", "tiny", *bad, "--dry-run"]) == 2
        assert said in capsys.readouterr().err
    assert tunings.ROUNDS not in text


def test_a_target_judges_by_rows_that_no_mixture_was_chosen_by(cache, tiny_base, capsys):
    target = {"id": "exam", "source": "generated:swaps", "rows": 12}
    plan = tiny_plan(tiny_base, slug="aimed", targets=[target])
    study, _ = build(plan, progress=Silence(), root=cache)
    words = ["tune", "aimed", *FAST, "--balances", "0", "--judge-by", "task:exam", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["judged_by"] == {"measure": "loss", "skills": 4, "judges": ["exam"]}
    assert told["candidates"] == ["balance 0, resolution auto"]
    [(card, runs)] = store.evidence(study)
    assert card["tuning"]
    assert set(runs["task"]) == {*study.names, "exam"}
    exam = runs[runs["task"] == "exam"].set_index(["arm", "seed"])
    assert (exam["n_rows"] == 0).all()
    losses = exam["loss"].unstack("arm")
    gap = (losses["balance-0-auto"] - losses["uniform"]).mean()
    assert told["confirmed"]["difference"] == pytest.approx(gap)
    held = gather_targets(plan, {})["exam"]
    entry = TaskEntry.model_validate(plan.targets[0].model_dump())
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    rows = task_rows(entry, plan, base, wanted=16, most=128, unseen=False)
    assert rows.judging_text
    assert not rows.judging_text & {normalised(e) for e in held.chosen}
