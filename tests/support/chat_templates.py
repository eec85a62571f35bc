"""Chat templates of a toy tokenizer, with or without tools and marks, and a model that has one."""

from pathlib import Path

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from tests.support.tiny_model import save_tiny, tiny_tokenizer

START, END = "<|im_start|>", "<|im_end|>"
BODY = "{% if m['content'] %}{{ m['content'] }}{% endif %}"
CALLS = (
    "{% for c in m['tool_calls'] or [] %}<call>{{ c['function']['name'] }} "
    "{{ c['function']['arguments'] }}</call>{% endfor %}"
)
HEAD = "{% if tools %}tools {{ tools | tojson }}\n{% endif %}"
ASK = "{% if add_generation_prompt %}" + START + "assistant\n{% endif %}"


def template(*, marked=False, calls=True, tools=True):
    said = BODY + (CALLS if calls else "") + END
    answer = "{% generation %}" + said + "{% endgeneration %}" if marked else said
    turn = "{% if m['role'] == 'assistant' %}" + answer + "{% else %}" + said + "{% endif %}"
    each = START + "{{ m['role'] + '\n' }}" + turn + "{{ '\n' }}"
    return (HEAD if tools else "") + "{% for m in messages %}" + each + "{% endfor %}" + ASK


def tokenizer_of(text: str | None) -> PreTrainedTokenizerFast:
    made = tiny_tokenizer()
    made.add_tokens([AddedToken(START, special=True), AddedToken(END, special=True)])
    made.chat_template = text
    return made


def save_chat(folder: Path, text: str | None = None) -> Path:
    """A tiny model in ``folder`` whose tokenizer has the chat template ``text``."""
    save_tiny(folder, context=512)
    tokenizer_of(text or template(marked=True)).save_pretrained(folder)
    return folder
