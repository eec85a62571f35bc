"""One example of each verb, which ``--help`` and docs/commands.md show."""

EXAMPLES = {
    "build": "taskpgm build my-plan.yaml --dry-run",
    "bench": "taskpgm bench starter",
    "sketch": "taskpgm sketch data/*.jsonl --name mine",
    "import": "taskpgm import matrix.csv --kind similarity --tasks tasks.csv --name mine",
    "import-logprobs": "taskpgm import-logprobs logprobs.parquet --name served",
    "add-task": "taskpgm add-task starter jsonl:data/faq.jsonl --id faq --dry-run",
    "add-target": "taskpgm add-target starter jsonl:data/exam.jsonl --id exam --dry-run",
    "remove-task": "taskpgm remove-task starter brackets-curly",
    "text": "taskpgm text bigbench --from cache/.sources/bigbench",
    "validate": "taskpgm validate skills-screening-bigbench --part 0/2",
    "evidence": "taskpgm evidence bigbench",
    "tune": "taskpgm tune starter --protocol skills-screening-starter --dry-run",
    "train": "taskpgm train starter --balance 0.5 --budget 2000 --out adapter/",
    "list": "taskpgm list",
    "show": "taskpgm show starter",
    "verify": "taskpgm verify starter",
    "repair": "taskpgm repair starter",
    "pack": "taskpgm pack starter --out starter.tar.gz",
    "unpack": "taskpgm unpack starter.tar.gz",
    "delete": "taskpgm delete mine",
    "solve": "taskpgm solve starter --balance 0.5 --budget 25000 --cap 0.15",
    "path": "taskpgm path starter --json",
    "select": "taskpgm select starter --balance 0.5 --k 8",
    "explain": "taskpgm explain starter --balance 0.5 --task past-tense",
    "uncertainty": "taskpgm uncertainty starter --balance 0.5",
    "baselines": "taskpgm baselines starter --budget 25000",
    "skills": "taskpgm skills starter",
    "export": "taskpgm export starter --balance 0.5 --budget 25000 --to trl --out recipe/",
    "materialise": "taskpgm materialise starter --balance 0.5 --budget 25000 --out data/",
    "report": "taskpgm report starter --balance 0.5 --out report.html",
    "dashboard": "taskpgm dashboard --port 8600",
}


def epilog_of(verb: str | None) -> str | None:
    """What ``--help`` ends with: the example on a line of its own; None where there is none."""
    example = EXAMPLES.get(verb or "")
    return f"\b\nExample:\n  {example}" if example else None
