"""Files and chats as people have them: what is recognised, what is left out, what is refused."""

# ruff: noqa: E501
import bz2
import gzip
import json
import lzma
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pytest

from taskpgm_core.chats import Chat
from taskpgm_core.errors import SourceError
from taskpgm_core.plans.plan import TaskEntry, parse_plan
from taskpgm_core.records import Example, Task
from taskpgm_core.tasks import load_task, shared_examples
from taskpgm_core.tasks.registry import read
from taskpgm_core.tasks.text_distance import text_distances

CASES = Path(__file__).with_name("cases")
ASK = {"role": "user", "content": "Which town?"}
SAY = {"role": "assistant", "content": "Ghent."}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


def rows_of(source, rows=None, folders=None, **options):
    return read(f"file:{source}", rows=rows, seed=0, folders=folders or {}, options=options)


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


# What owners of the collected files expect


@pytest.mark.parametrize(
    ("name", "said", "traits"),
    [
        ("multi-turn.jsonl", "messages, 40 conversations", ("messages", "several", "open")),
        ("trl-conversational.jsonl", "TRL conversational, 40 conversations", ("messages",)),
        ("answer-is-a-call.jsonl", "messages, 40 conversations", ("messages", "tools")),
        (
            "tool-calls-null-content.jsonl",
            "messages, 40 conversations",
            ("messages", "several", "tools"),
        ),
        (
            "tool-calls-empty-content.jsonl",
            "messages, 40 conversations",
            ("messages", "several", "tools"),
        ),
        ("alpaca.json", "Alpaca, 40 rows", ()),
    ],
)
def test_collected_files_are_recognised_and_keep_their_turns(name, said, traits):
    found = rows_of(CASES / name)
    assert found.said() == f"{CASES / name}: {said}."
    assert found.traits == traits
    if name.endswith(".jsonl"):
        raw = [json.loads(line) for line in (CASES / name).read_text().splitlines()]
        own = [r.get("messages") or [*r["prompt"], *r["completion"]] for r in raw]
        assert [e.chat.messages for e in found.examples] == own
        tools = [e.chat.value.get("tools") for e in found.examples]
        assert tools == [r.get("tools") for r in raw]
    else:
        raw = json.loads((CASES / name).read_text())
        asked = [f"{r['instruction']}\n{r['input']}".strip() for r in raw]
        assert found.examples == [Example(a, r["output"]) for a, r in zip(asked, raw, strict=True)]


@pytest.mark.parametrize("name", ["blank", "noanswer", "null"])
def test_a_bad_row_is_named_or_left_out_and_counted(name):
    path = CASES / f"incomplete-{name}.jsonl"
    with pytest.raises(SourceError, match=r"line 6: .*; the option incomplete: skip leaves such"):
        rows_of(path)
    found = rows_of(path, incomplete="skip")
    assert (len(found.examples), found.incomplete) == (37, 1)
    assert found.said().endswith("37 conversations; 1 incomplete row left out.")
    assert rows_of(path, rows=5, incomplete="skip").incomplete == 0
    assert rows_of(path, rows=6, incomplete="skip").examples == found.examples[:6]


# Shapes


SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Which town?"},
    {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
    {"from": "observation", "value": "12"},
    {"from": "gpt", "value": "Ghent."},
]
TURNED = [
    {"role": "system", "content": "Be brief."},
    ASK,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
    },
    {"role": "tool", "content": "12"},
    SAY,
]


@pytest.mark.parametrize(
    ("row", "shape", "messages"),
    [
        ({"conversations": SHAREGPT}, "ShareGPT", TURNED),
        ({"conversations": SHAREGPT[1:], "system": "Be brief."}, "ShareGPT", TURNED),
        ({"conversations": [ASK, SAY]}, "ShareGPT", [ASK, SAY]),
        ({"messages": SHAREGPT}, "ShareGPT", TURNED),
        ({"messages": [ASK, SAY], "id": 3, "text": "x"}, "messages", [ASK, SAY]),
        ({"messages": json.dumps([ASK, SAY])}, "messages", [ASK, SAY]),
        ({"prompt": [ASK], "completion": [SAY]}, "TRL conversational", [ASK, SAY]),
        (
            {
                "instruction": "a",
                "input": "b",
                "output": "c",
                "system": "s",
                "history": [["q", "r"]],
            },
            "Alpaca",
            [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "r"},
                {"role": "user", "content": "a\nb"},
                {"role": "assistant", "content": "c"},
            ],
        ),
    ],
)
def test_chats_in_every_shape(tmp_path, row, shape, messages):
    found = rows_of(written(tmp_path / "a.jsonl", row))
    assert found.shape == shape
    assert found.examples[0].chat.messages == messages
    assert Example.of_value(json.loads(json.dumps(found.examples[0].value))) == found.examples[0]


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"prompt": "a", "completion": "b", "messages": [ASK, SAY]}, "prompt and completion"),
        ({"prompt": "a", "response": "b"}, "prompt and response"),
        ({"question": "a", "answer": "b", "id": 4}, "question and answer"),
        ({"query": "a", "response": "b"}, "query and response"),
        ({"instruction": "a", "response": "b"}, "instruction and response"),
        ({"input": "a", "output": "b"}, "input and output"),
        ({"instruction": "a", "input": "", "output": "b", "system": ""}, "Alpaca"),
    ],
)
def test_pairs_in_every_shape(tmp_path, row, shape):
    found = rows_of(written(tmp_path / "a.jsonl", row))
    assert (found.shape, found.examples) == (shape, [Example("a", "b")])


def test_columns_name_odd_ones_and_leave_the_others_out(tmp_path):
    path = written(tmp_path / "a.jsonl", {"q": "a", "a": "b", "messages": [ASK, SAY]})
    found = rows_of(path, columns={"prompt": "q", "completion": "a"})
    assert found.examples == [Example("a", "b")]
    talk = rows_of(path, columns={"messages": "messages"})
    assert talk.examples[0].chat.messages == [ASK, SAY]


def test_a_prompt_with_answers_in_it_is_learnt_as_trl_learns_it(tmp_path):
    row = {"prompt": [ASK, SAY, ASK], "completion": [SAY]}
    found = rows_of(written(tmp_path / "a.jsonl", row))
    assert found.examples[0].chat.answers == (3,)
    assert found.traits == ("messages", "last")


def test_rows_of_a_task_are_all_chats_or_none(tmp_path):
    rows = [{"instruction": "a", "output": "b"}, {"instruction": "a", "output": "b", "system": "s"}]
    found = rows_of(written(tmp_path / "a.jsonl", *rows)).examples
    assert [len(e.chat.turns) for e in found] == [2, 3]


# Formats

PAIRS = [{"prompt": f"a, {k}?\n", "completion": f'b "{k}"'} for k in range(30)]


def packed_by_zstd(path, data):
    with pa.CompressedOutputStream(str(path), "zstd") as out:
        out.write(data)


@pytest.mark.parametrize(
    "name",
    (
        "a.jsonl a.json b.json a.jsonl.gz a.json.gz a.jsonl.zst a.csv s.csv a.tsv a.csv.gz "
        "a.parquet bom.jsonl bom.csv crlf.jsonl noname"
    ).split(),
)
def test_the_same_rows_from_every_format(tmp_path, name):
    path, frame = tmp_path / name, pd.DataFrame(PAIRS)
    lines = "".join(json.dumps(row) + "\n\n" for row in PAIRS)
    text = {
        "a.json": json.dumps(PAIRS, indent=2),
        "a.json.gz": json.dumps(PAIRS),
        "a.csv": frame.to_csv(index=False),
        "a.csv.gz": frame.to_csv(index=False),
        "bom.csv": "\ufeff" + frame.to_csv(index=False),
        "s.csv": frame.to_csv(index=False, sep=";"),
        "a.tsv": frame.to_csv(index=False, sep="\t"),
        "bom.jsonl": "\ufeff" + lines,
        "crlf.jsonl": lines.replace("\n", "\r\n"),
    }.get(name, lines)
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif name.endswith(".zst"):
        packed_by_zstd(path, text.encode())
    else:
        path.write_bytes(text.encode())
    found = rows_of(path)
    assert found.examples == [Example(**row) for row in PAIRS]
    assert rows_of(path, rows=4).examples == found.examples[:4]


def test_cells_without_a_value_are_incomplete(tmp_path):
    frame = pd.DataFrame({"prompt": ["a", "b", None, "d"], "completion": ["x", None, "z", "w"]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.csv", index=False, na_rep="NaN")
    (tmp_path / "a.jsonl").write_text(frame.to_json(orient="records", lines=True))
    (tmp_path / "n.jsonl").write_text(
        '{"prompt": "a", "completion": "x"}\n{"prompt": "b", "completion": NaN}\n'
        '{"prompt": NaN, "completion": "z"}\n{"prompt": "d", "completion": "w"}\n'
    )
    for name in ("a.parquet", "a.csv", "b.csv", "a.jsonl", "n.jsonl"):
        found = rows_of(tmp_path / name, incomplete="skip")
        assert found.examples == [Example("a", "x"), Example("d", "w")], name
        assert found.incomplete == 2


def test_chats_in_tables_and_on_the_hub_read_alike(tmp_path):
    path = CASES / "tool-calls-null-content.jsonl"
    wanted = rows_of(path).examples
    raw = [json.loads(line) for line in path.read_text().splitlines()]
    pd.DataFrame(raw).to_parquet(tmp_path / "a.parquet")
    as_text = [{k: json.dumps(v) for k, v in row.items()} for row in raw]
    pd.DataFrame(as_text).to_csv(tmp_path / "a.csv", index=False)
    assert rows_of(tmp_path / "a.csv").examples == wanted
    assert [e.chat.words for e in rows_of(tmp_path / "a.parquet").examples] == [
        e.chat.words for e in wanted
    ]
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "train.jsonl").write_text(
        "".join(json.dumps({"conversations": SHAREGPT[:2] + SHAREGPT[4:]}) + "\n" for _ in "ab")
        + json.dumps({"conversations": SHAREGPT[:2]})
    )
    source = f"hub:{tmp_path}/hub"
    with pytest.raises(
        SourceError, match=r"row 2: no message is the assistant's.*incomplete: skip"
    ):
        read(source, rows=None, seed=0, folders={}, options={})
    found = read(source, rows=None, seed=0, folders={}, options={"incomplete": "skip"})
    assert (found.shape, len(found.examples), found.incomplete) == ("ShareGPT", 2, 1)
    assert found.said() == f"{tmp_path}/hub: ShareGPT, 2 conversations; 1 incomplete row left out."


# Forty bad inputs, a sentence each


def j(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


TWICE = {"role": "assistant", "content": ""}
BAD = [
    # (file name, what is in it, options, the sentence after the path)
    ("a.jsonl", j({"text": "x"}), {}, ", line 1: a text alone does not say what is read and what is answered, so nothing in it can be learnt; write prompt and completion, or messages."),
    ("a.jsonl", j({"chosen": "x", "rejected": "y"}), {}, ", line 1: chosen and rejected are a preference, which is not learnt from here; write prompt and completion, or messages."),
    ("a.jsonl", j({"a": "x", "b": "y"}), {}, ", line 1: expected the keys prompt and completion, or messages, but there are a, b; name yours by the option columns."),
    ("a.jsonl", j({"prompt": "x", "response": "y", "question": "x", "answer": "y"}), {}, ", line 1: the row could be prompt and response or question and answer; say which by the option columns, as in columns: {prompt: prompt, completion: response}."),
    ("a.jsonl", j({"messages": [ASK, SAY], "conversations": [ASK, SAY]}), {}, ", line 1: the row could be messages or conversations; say which by the option columns, as in columns: {messages: messages}."),
    ("a.jsonl", j({"question": "x", "answer": "y", "context": "z"}), {}, ", line 1: beside question and answer there is context, and nobody can tell whether it belongs to the prompt; say what to read by the option columns."),
    ("a.jsonl", j({"messages": [ASK, SAY]}, {"conversations": [ASK, SAY]}), {}, ", line 2: this row is ShareGPT, but the rows before it are messages (line 1); keep one shape a file."),
    ("a.jsonl", j({"messages": [ASK, SAY]}, {"prompt": "a", "completion": "b"}), {}, ", line 2: this row is prompt and completion, but the rows before it are messages (line 1); keep one shape a file."),
    ("a.jsonl", j({"prompt": "a", "completion": "b"}, {"prompt": [ASK], "completion": [SAY]}), {}, ", line 2: this row is TRL conversational, but the rows before it are prompt and completion (line 1); keep one shape a file."),
    ("a.jsonl", j({"prompt": [ASK], "completion": "b"}), {}, ", line 1: prompt and completion must both be lists of turns, but the completion is text."),
    ("a.jsonl", j({"prompt": [ASK], "completion": [ASK]}), {}, ", line 1: no message is the assistant's, so there is no completion; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"prompt": [ASK, SAY], "completion": [ASK]}), {}, ", line 1: the completion holds no assistant turn; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"prompt": [ASK, SAY, ASK], "completion": [SAY, ASK, SAY]}), {}, ", line 1: the prompt holds an assistant turn and the completion 2; write messages in the place of both, where all are learnt, or the last one is."),
    ("a.jsonl", j({"messages": [ASK, {"role": "narrator", "content": "x"}]}), {}, ", line 1: message 2 has the role 'narrator'; known: system, developer, user, assistant, tool."),
    ("a.jsonl", j({"messages": [ASK, {"role": "asistant", "content": "x"}]}), {}, ", line 1: message 2 has the role 'asistant' (did you mean 'assistant'?); known: system, developer, user, assistant, tool."),
    ("a.jsonl", j({"conversations": [{"from": "humn", "value": "x"}]}), {}, ", line 1: message 1 is from 'humn' (did you mean 'human'?); known: system, human, user, gpt, assistant, function_call, observation, tool."),
    ("a.jsonl", j({"conversations": [SHAREGPT[1], SAY]}), {}, ", line 1: message 2 must have a from and a value, as the first one has."),
    ("a.jsonl", j({"conversations": [SHAREGPT[1], {"from": "function_call", "value": "f()"}]}), {}, ", line 1: message 2: a function_call must be JSON with a name and arguments."),
    ("a.jsonl", j({"conversations": SHAREGPT, "system": "x"}), {}, ", line 1: there is a system text in the row and one in its turns."),
    ("a.jsonl", j({"messages": "hi"}), {}, ", line 1: messages must be a list, not text."),
    ("a.jsonl", j({"messages": None}), {}, ", line 1: there are no messages; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"messages": []}), {}, ", line 1: the list of messages is empty; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"messages": ["hi"]}), {}, ", line 1: message 1 must have a role and a content."),
    ("a.jsonl", j({"messages": [ASK]}), {}, ", line 1: no message is the assistant's, so there is no completion; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"messages": [SAY, ASK]}), {}, ", line 1: the first message is the assistant's, so nothing asks for it; begin with a user's or a system's."),
    ("a.jsonl", j({"messages": [ASK, TWICE, ASK, SAY]}), {}, ", line 1: message 2, the assistant's, has no text and calls no tool; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"messages": [{"role": "user", "content": " "}, SAY]}), {}, ", line 1: message 1, the user's, has no text; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"messages": [{"role": "user", "content": [{"type": "text"}]}]}), {}, ", line 1: message 1: the content must be text, not a list; write its text as one text."),
    ("a.jsonl", j({"messages": [ASK, {**CALL, "tool_calls": [{"function": {}}]}]}), {}, ", line 1: message 2: tool_calls must be a list of functions with a name and arguments."),
    ("a.jsonl", j({"messages": [{**CALL, "role": "user"}, SAY]}), {}, ", line 1: message 1 calls a tool, but its role is user."),
    ("a.jsonl", j({"messages": [ASK, {**SAY, "weight": 0}]}), {}, ", line 1: message 2 says weight: 0, which is not read here: every assistant turn is learnt, or with the option supervise: last the last one alone."),
    ("a.jsonl", j({"messages": [ASK, SAY], "tools": "f"}), {}, ", line 1: tools is a text that is not JSON."),
    ("a.jsonl", j({"messages": [ASK, SAY], "tools": {"f": 1}}), {}, ", line 1: tools must be a list of definitions, not an object."),
    ("a.jsonl", j({"messages": [ASK, {**SAY, "content": "\ud800"}]}), {}, ", line 1: the conversation holds half a surrogate pair."),
    ("a.jsonl", j({"instruction": "a", "output": "b", "history": "c"}), {}, ", line 1: history must be a list of questions with their answers."),
    ("a.jsonl", j({"instruction": "a", "output": None}), {}, ", line 1: there is no completion; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"instruction": "a", "input": 3, "output": "b"}), {}, ", line 1: the input must be text, not a number."),
    ("a.jsonl", j({"prompt": "a", "response": "b"}, {"prompt": "a"}), {}, ", line 2: there is no response; the option incomplete: skip leaves such rows out."),
    ("a.jsonl", j({"q": "a"}), {"columns": {"prompt": "Q", "completion": "A"}}, ", line 1: the option columns names Q, A, but there are q."),
    ("a.json", "{\n", {}, " holds one JSON object over several lines, not a list of rows; write a list of objects, or one object a line."),
    ("a.json", "[1]", {}, ", row 1: expected an object, not a number."),
    ("a.json", "[{]", {}, ": this is not valid JSON (Expecting property name enclosed in double quotes)."),
    ("a.csv", "prompt,completion\na,b,c\n", {}, ", line 2: there are 3 cells, but the header has 2; put text with a separator or a line end in it between quotes."),
    ("a.csv", "prompt,prompt\na,b\n", {}, ": two columns are called 'prompt'; rename one."),
    ("a.csv", "prompt,completion\n", {}, " holds no examples; fill it or take the task out."),
    ("a.csv", "prompt,completion\na,\n", {"incomplete": "skip"}, " has no row that is complete."),
    ("a.csv", b"prompt,completion\na,caf\xe9\n", {}, ": the text is not UTF-8; save the file as UTF-8."),
    ("a.jsonl.gz", gzip.compress(b"{}" * 99, mtime=0)[:20], {}, " is a damaged packed file; pack it again."),
    ("a.zip", b"PK\x03\x04 and more", {}, " is a zip archive; unpack it and name the file that was in it."),
    ("a.jsonl", '{"prompt": "a", "prompt": "c", "completion": "b"}', {}, ", line 1: this cannot be read: 'prompt' stands in it twice."),
    ("a.jsonl", '{"prompt": "a", "completion": "b", "n": ' + "9" * 5000 + "}", {}, ", line 1: this cannot be read: its JSON holds too long a number."),
    ("a.jsonl", j({"prompt": "a", "completion": "b", "label": True}, {"prompt": "a", "completion": "c", "label": False}), {}, ", line 2: its label false says that the completion is not wanted, which is not learnt from here; keep the wanted rows only."),
    ("a.jsonl", j({"messages": [ASK, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}]}), {}, ", line 1: message 2 has a function_call, the older form of a call; write it as tool_calls, and its answer with the role tool."),
    ("a.jsonl", j({"messages": [ASK, SAY], "label": False}), {}, ", line 1: its label false says that the completion is not wanted, which is not learnt from here; keep the wanted rows only."),
    ("a.csv", "question,answer,label\nq,a,True\nq,b,False\n", {}, ", line 3: its label false says that the completion is not wanted, which is not learnt from here; keep the wanted rows only."),
    ("a.jsonl", j({"instruction": "x", "output": "y", "choices": ["a"]}), {}, ", line 1: beside instruction and output there is choices, and nobody can tell whether it belongs to the prompt; say what to read by the option columns."),
    ("a.jsonl", j({"question": "x", "answer": "y"}, {"question": "x", "answer": "y", "context": "z"}), {}, ", line 2: beside question and answer there is context, and nobody can tell whether it belongs to the prompt; say what to read by the option columns."),
    ("a.jsonl", j({"prompt": "x", "completion": "y", "tools": "[]"}, {"prompt": "x", "completion": "y", "tools": [{"name": "f"}]}), {}, ", line 2: beside prompt and completion there are tools, which only a chat can call; write messages."),
    ("a.jsonl", j({"instruction": "x", "output": "y", "tools": [{"name": "f"}]}), {}, ", line 1: beside instruction and output there are tools, which only a chat can call; write messages."),
    ("a.jsonl", j({"messages": [ASK, SAY], "functions": [{"name": "f"}]}), {}, ", line 1: functions is the older name of tools; write tools."),
    ("a.parquet", b"PAR1" + b"x" * 40, {}, " is no Parquet file that can be read: Parquet magic bytes not found in footer. Either the file is corrupted or this is not a parquet file."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "sentence"), BAD)
def test_a_bad_file_is_one_true_sentence(tmp_path, name, content, options, sentence):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError) as error:
        rows_of(path, **options)
    assert str(error.value) == f"{path}{sentence}"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"supervise": "first"}, "the option supervise can be all or last, not 'first'"),
        ({"incomplete": "drop"}, "the option incomplete can be skip, not 'drop'"),
        ({"columns": "q"}, "the option columns must give names their columns"),
        ({"columns": {"promt": "q"}}, r"knows no 'promt' \(did you mean 'prompt'\?\)"),
        ({"column": {}}, r"unknown option 'column' \(did you mean 'columns'\?\)"),
    ],
)
def test_bad_options_are_sentences(tmp_path, options, sentence):
    with pytest.raises(SourceError, match=sentence):
        rows_of(written(tmp_path / "a.jsonl", PAIRS[0]), **options)
    with pytest.raises(SourceError, match="is a folder; name a file in it, or read it by hub:"):
        rows_of(tmp_path)


# In a plan


def plan(folder, source, template="{prompt}\n", **options):
    task = {"id": "a", "source": source, "options": options}
    value = {"slug": "p", "base": "b", "template": template, "tasks": [task, "generated:boolean"]}
    return parse_plan(json.dumps({**value, "folders": {"file": str(folder)}}))


def test_a_plain_template_takes_one_question_and_its_answer_and_refuses_more(tmp_path):
    written(tmp_path / "one.jsonl", {"messages": [ASK, SAY]})
    written(tmp_path / "two.jsonl", {"messages": [ASK, SAY]}, {"messages": [ASK, SAY, ASK, SAY]})
    one = plan(tmp_path, "file:one.jsonl")
    assert load_task(one.tasks[0], one) == [Example(ASK["content"], SAY["content"])]
    two = plan(tmp_path, "file:two.jsonl")
    with pytest.raises(SourceError) as error:
        load_task(two.tasks[0], two)
    assert str(error.value) == (
        "Task 'a': example 2 of file:two.jsonl is a chat of 4 turns, for which the plan's template "
        "has no place; write template: chat in the plan."
    )
    chat = plan(tmp_path, "file:two.jsonl", "chat", supervise="last")
    assert [e.chat.answers for e in load_task(chat.tasks[0], chat)] == [(1,), (3,)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("file:data/faq.jsonl", "faq"),
        ("file:data/faq.json.gz", "faq"),
        ("file:data/faq.jsonl.XZ", "faq"),
        ("file:data/faq.csv.bz2", "faq"),
        ("file:faq.v2.parquet", "faq.v2"),
        ("file:.jsonl", ".jsonl"),
        ("jsonl:data/faq.jsonl", "faq"),
        ("jsonl:data/faq.json", "data/faq.json"),
    ],
)
def test_a_task_is_called_like_its_file(source, name):
    assert TaskEntry.model_validate(source).id == name


def test_a_chat_and_a_pair_of_the_same_words_are_the_same_text():
    chat = Example.of_chat(Chat.of_value({"messages": [ASK, SAY]}))
    pair = Example(ASK["content"], SAY["content"])
    longer = Example.of_chat(Chat.of_value({"messages": [ASK, SAY, ASK, SAY]}))
    assert shared_examples({"x": [chat], "y": [pair], "z": [longer]}) == [("x", "y", 1)]
    same = text_distances({"x": [chat, longer], "y": [pair, longer]}, seed=0)
    assert same.divergence[0, 1] == pytest.approx(0, abs=1e-12)


def test_a_task_says_what_was_left_out_only_where_something_was():
    assert set(Task("a").card) == {"id", "family", "source", "rows", "mean_tokens", "rows_dropped"}
    full = Task("a", rows_incomplete=3, chat=("messages",))
    assert Task.of_card(json.loads(json.dumps(full.card))) == full


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress])
def test_packed_rows_are_read_whatever_the_file_is_called(tmp_path, pack):
    plain = tmp_path / "plain.jsonl"
    plain.write_text(j({"prompt": "a", "completion": "b"}))
    packed = tmp_path / "rows.jsonl"
    packed.write_bytes(pack(plain.read_bytes()))
    assert rows_of(packed).examples == rows_of(plain).examples


ROW = '{"prompt": "a", "completion": "b"}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", f"\ufeff\n{ROW}\n\n{ROW}"),
        ("a.jsonl", f"\ufeff{ROW}\n\ufeff{ROW}"),
        ("a.csv", "\ufeff\n\nprompt,completion\na,b\n\na,b\n"),
    ],
)
def test_empty_lines_and_marks_hide_nothing(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert [e.prompt for e in rows_of(path).examples] == ["a", "a"]
    path.write_text(f"{text}\n\nx,y,z", encoding="utf-8")
    with pytest.raises(SourceError, match=f"line {text.count(chr(10)) + 3}: "):
        rows_of(path)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", ", "])
def test_a_table_may_have_any_usual_separator(tmp_path, mark):
    path = tmp_path / "rows.csv"
    path.write_text(f"prompt{mark}completion\na{mark}b\n")
    (example,) = rows_of(path).examples
    assert (example.prompt, example.completion.strip()) == ("a", "b")
