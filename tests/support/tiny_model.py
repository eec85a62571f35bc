"""A tiny random Llama with a tokenizer of its own, and plans that measure it in seconds."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from taskpgm_core.plans.plan import Plan
from taskpgm_core.tasks.generated import generate

END = "<|end|>"
TASKS = ("add-2-digit", "add-3-digit", "boolean", "reverse-letters")
CHAT = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def tiny_tokenizer(*, chat: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE, at most 300 entries, learnt from a few generated examples."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    text = [f"{e.prompt}\n{e.completion}" for name in TASKS for e in generate(name, 40, 7)]
    backend.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=[END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END)
    if chat:
        tokenizer.chat_template = CHAT
    return tokenizer


def tiny_llama(*, seed: int = 0, hidden: int = 32, context: int = 256) -> LlamaForCausalLM:
    """Random weights, wide enough apart for its predictions to be far from uniform."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=304,  # padded beyond the tokenizer's, as many real models are
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.2,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def save_tiny(
    folder: Path, *, seed: int = 0, hidden: int = 32, context: int = 256, chat: bool = False
) -> Path:
    """Model and tokenizer in ``folder``, as anybody would save them."""
    tiny_llama(seed=seed, hidden=hidden, context=context).save_pretrained(folder)
    tiny_tokenizer(chat=chat).save_pretrained(folder)
    return folder


def tiny_plan(base: Path | str, **changes) -> Plan:
    """Four generated tasks, three training steps each; ``changes`` replace whole keys."""
    return Plan.model_validate(
        {
            "slug": "tiny",
            "base": str(base),
            "dtype": "float32",
            "publish_text": True,
            "training": {
                "rank": 2,
                "alpha": 8,
                "learning_rate": 0.02,
                "steps": 3,
                "batch": 4,
                "max_tokens": 128,
                "second_seed": ["add-2-digit"],
            },
            "probe": {"examples_per_task": 3, "max_completion_tokens": 6, "batch": 5, "top": 3},
            "tasks": [{"source": f"generated:{name}", "rows": 24} for name in TASKS],
            **changes,
        }
    )
