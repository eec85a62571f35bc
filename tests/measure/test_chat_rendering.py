"""Chats through a chat template: which tokens are supervised; pairs stay what they were."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.chats import Chat
from taskpgm_core.errors import ModelError
from taskpgm_core.measure import RenderedExample, find_weights, load_base, probe_tokens, render
from taskpgm_core.measure.chat_template import TODAY
from taskpgm_core.measure.evaluation import evaluate
from taskpgm_core.measure.finetuning import completion_loss
from taskpgm_core.records import Example
from taskpgm_core.tasks.generated import generate
from tests.support.chat_templates import END, save_chat, template, tokenizer_of
from tests.support.tiny_model import TASKS, save_tiny, tiny_tokenizer

CASES = Path(__file__).parents[1] / "tasks" / "cases"


def chat(*turns, tools=(), supervise="all"):
    messages = [{"role": r, "content": c} if isinstance(c, str) else c for r, c in turns]
    return Example.of_chat(
        Chat.of_value({"messages": messages, "tools": list(tools), "supervise": supervise})
    )


def cases(name):
    rows = [json.loads(line) for line in (CASES / name).read_text().splitlines()]
    return [Example.of_chat(Chat.of_value(row)) for row in rows[:4]]


def learnt(rendered, tokenizer):
    """The supervised stretches, as text."""
    breaks = [0, *(before for before, _ in rendered.gaps), len(rendered.completion)]
    return [tokenizer.decode(rendered.completion[a:b]) for a, b in pairwise(breaks)]


@pytest.mark.parametrize("name", ["multi-turn.jsonl", "tool-calls-null-content.jsonl"])
def test_every_answer_is_supervised_with_its_end_as_the_template_writes_it(name):
    plain, marked = tokenizer_of(template()), tokenizer_of(template(marked=True))
    examples = cases(name)
    found = render(examples, plain, "chat")
    assert found == render(examples, marked, "chat")  # the template's mark says the same
    for example, rendered in zip(examples, found, strict=True):
        answers = [example.chat.turns[k] for k in example.chat.answers]
        wanted = [
            (turn.content or "") + "".join(f"<call>{n} {a}</call>" for n, a in turn.calls) + END
            for turn in answers
        ]
        assert learnt(rendered, plain) == wanted
        whole = plain.apply_chat_template(
            example.chat.messages, tools=example.chat.value.get("tools"), tokenize=False
        )
        text = plain.decode(rendered.ids)
        assert whole.startswith(text)  # what follows the last answer is left out
        assert [rendered.ids[k] for k in rendered.places] == list(rendered.completion)
        assert rendered.length == len(rendered.ids)


def test_spans_are_of_the_answers_text_one_after_another():
    tokenizer = tokenizer_of(template())
    for name in ("multi-turn.jsonl", "tool-calls-null-content.jsonl"):
        for example, rendered in zip(
            cases(name), render(cases(name), tokenizer, "chat"), strict=True
        ):
            assert len(rendered.spans) == len(rendered.completion)
            seen = "".join(example.completion[a:b] for a, b in rendered.spans)
            pieces = [p for k in example.chat.answers for p in example.chat.turns[k].pieces]
            assert seen.replace(" ", "") == "".join(pieces).replace(" ", "")
            assert all(0 <= a <= b <= len(example.completion) for a, b in rendered.spans)
            ends = [
                k for k, token in enumerate(rendered.completion) if tokenizer.decode(token) == END
            ]
            assert all(rendered.spans[k][0] == rendered.spans[k][1] for k in ends)


def test_the_last_answer_alone_where_asked():
    turns = [("user", "a"), ("assistant", "bc"), ("user", "d"), ("assistant", "ef"), ("user", "g")]
    for text in (template(), template(marked=True)):
        tokenizer = tokenizer_of(text)
        both = render([chat(*turns)], tokenizer, "chat")
        (last,) = render([chat(*turns, supervise="last")], tokenizer, "chat")
        assert learnt(both[0], tokenizer) == ["bc" + END, "ef" + END]
        assert learnt(last, tokenizer) == ["ef" + END]
        assert last.ids.tolist() == both[0].ids.tolist()
        assert not last.gaps


def test_a_turn_that_ends_without_a_special_token_ends_with_what_the_template_writes():
    tokenizer = tiny_tokenizer(chat=True)
    (found,) = render([chat(("user", "Hi"), ("assistant", "there"))], tokenizer, "chat")
    assert tokenizer.decode(found.completion).strip() == "there"
    assert tokenizer.decode(found.completion).endswith("\n")


def test_cutting_keeps_the_first_answers_and_nothing_after_them():
    tokenizer = tokenizer_of(template())
    (whole,) = render(cases("multi-turn.jsonl")[:1], tokenizer, "chat")
    for most in range(1, len(whole.completion) + 1):
        cut = whole.cut(most)
        assert cut.completion == whole.completion[:most]
        assert cut.ids.tolist() == whole.ids[: whole.places[most - 1] + 1].tolist()
        assert cut.places.tolist() == whole.places[:most].tolist()


REFUSED = {
    "no template": (None, chat(("user", "a"), ("assistant", "b")), "has no chat template"),
    "calls dropped": (
        template(calls=False),
        cases("answer-is-a-call.jsonl")[0],
        "The base model's chat template has no place for calls of tools, so they would be dropped; "
        "take a base model whose template knows tools.",
    ),
    "definitions dropped": (
        template(tools=False),
        cases("tool-calls-null-content.jsonl")[0],
        "has no place for definitions of tools, so they would be dropped",
    ),
    "a turn left out": (
        "{% for m in messages if m['role'] != 'system' %}{{ m['content'] }}{% endfor %}",
        chat(("system", "Be brief."), ("user", "a"), ("assistant", "b")),
        "leaves out or rewrites the system's turn 'Be brief.'",
    ),
    "history rewritten": (
        "{% for m in messages %}{{ m['role'] }}{% if not loop.last %} (old){% endif %}: "
        "{{ m['content'] }} {% endfor %}",
        chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")),
        "writes the assistant's turn 'b' otherwise once later turns are there, so its tokens "
        "cannot be told; mark them in the template with {% generation %}, or write supervise: "
        "last.",
    ),
    "refused by the template": (
        "{{ raise_exception('roles must alternate') }}",
        chat(("user", "a"), ("assistant", "b")),
        "refuses the chat that begins with the user's turn 'a': roles must alternate.",
    ),
    "nothing marked": (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% generation %}{% endgeneration %}",
        chat(("user", "a"), ("assistant", "b")),
        "marks no token of the assistant's turn 'b' as the assistant's.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_template_cannot_write_is_one_sentence(case):
    text, example, sentence = REFUSED[case]
    tokenizer = tokenizer_of(text)
    with pytest.raises(ModelError) as error:
        render([example], tokenizer, "chat")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("form", ["%d %b %Y", "%Y-%m-%d", "%A, %-d %B %y at %H:%M", "100%"])
def test_a_template_that_writes_the_date_always_writes_the_same(tmp_path, form, marked):
    dated = "\n{% macro day() %}{{ strftime_now('" + form + "') }}{% endmacro %}{{ day() }}|\n"
    folder = save_chat(tmp_path, dated + template(marked=marked))
    tokenizer = load_base(find_weights(str(folder)), dtype="float32", models=tmp_path).tokenizer
    plain = tokenizer_of("\n" + TODAY.strftime(form) + "|\n" + template(marked=marked))
    talk = chat(("user", "a"), ("assistant", "bc"), ("user", "d"), ("assistant", "ef"))
    for example in (talk, Example("Hi", "there")):
        assert render([example], tokenizer, "chat") == render([example], plain, "chat")


# Pairs stay what they were


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("base"))
    return load_base(
        find_weights(str(folder)), dtype="float32", models=tmp_path_factory.mktemp("models")
    )


def test_arrays_of_pairs_are_those_of_one_completion_at_the_end(base):
    """The formulas for a prompt and one completion behind it, and what they were in JSON."""
    groups = [render(generate(name, 5, 3), base.tokenizer, "{prompt}\n") for name in TASKS]
    pool = probe_tokens(list(TASKS), groups, [range(5)] * len(TASKS), most=6, context=256)
    for batch in pool.batches(3):
        order = [int(np.searchsorted(pool.first, p, "right")) - 1 for p in batch.places]
        own = [pool.examples[k] for k in dict.fromkeys(order)]
        np.testing.assert_array_equal(
            batch.columns,
            np.concatenate([np.arange(len(e.completion)) + len(e.prompt) - 1 for e in own]),
        )
        assert batch.columns.dtype == np.int64
    for e in (e for group in groups for e in group):
        assert e.gaps == ()
        assert e.ids.tolist() == [*e.prompt, *e.completion]
        assert e.length == len(e.prompt) + len(e.completion)
        assert json.dumps(e.value) == json.dumps([e.prompt, e.completion])
        assert e.cut(2) == RenderedExample(e.prompt, e.completion[:2], e.spans[:2])
    assert Example("a", "b").value == ["a", "b"]


IDS = st.lists(st.integers(1, 200), min_size=1, max_size=5).map(tuple)


@st.composite
def rendered_examples(draw):
    completion = draw(st.lists(st.integers(1, 200), min_size=2, max_size=8).map(tuple))
    cuts = draw(st.sets(st.integers(1, len(completion) - 1), max_size=3))
    gaps = tuple((k, draw(IDS)) for k in sorted(cuts))
    return RenderedExample(draw(IDS), completion, ((0, 0),) * len(completion), gaps)


@settings(max_examples=25, deadline=None)
@given(st.lists(rendered_examples(), min_size=1, max_size=4))
def test_loss_and_exact_match_are_those_of_every_answer_read_slowly(base, examples):
    losses, per_example, exact = [], [], []
    with torch.inference_mode():
        for e in examples:
            logits = base.model(torch.from_numpy(e.ids)[None]).logits[0].float()
            log_p = torch.log_softmax(logits, -1)
            at = [int(p) for p in e.places]
            own = [-float(log_p[p - 1, int(e.ids[p])]) for p in at]
            right = [int(logits[p - 1].argmax()) == int(e.ids[p]) for p in at]
            losses += own
            per_example.append(np.mean(own))
            exact.append(float(all(right[e.last_answer :])))
        for packed in (False, True):
            found = float(completion_loss(base, examples, packed))
            assert found == pytest.approx(np.mean(losses), rel=1e-4)
    loss, match = evaluate(base, examples, batch=3)
    np.testing.assert_allclose(loss, per_example, rtol=1e-4)
    np.testing.assert_array_equal(match, exact)
