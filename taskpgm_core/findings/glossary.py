"""The words of this project, each explained once: what help texts and docs/glossary.md say."""

GLOSSARY = {
    "study": "Tasks, and how alike they were found to be.",
    "measure": "How alike two tasks are is counted by it. JSD: how differently their models "
    "predict on common examples. PMI: what one model's training is worth on the other's examples "
    "(PMI a token: for each token of an answer). Gold: how differently they judge the true tokens. "
    "Text: how different the tasks' words are. Given: your matrix.",
    "probe example": "A held-out example on which models are compared.",
    "target": "A task that is scored and never trained on.",
    "judged by": "What your model will be judged by. Above balance 0 the mixture moves to the "
    "tasks whose models help there, in place of the anchor.",
    "effective number of tasks": "As many tasks as an equal split of the same entropy has: 26 "
    "where 26 tasks get the same, 1 where one task gets everything.",
    "90% interval": "Where the number falls in 90 of 100 cases if the test examples (and, where "
    "several were trained, the training seeds) were drawn again.",
    "held at zero": "A weight cannot fall below zero. What holds it there counts as a part of it, "
    "so that the parts add up.",
    "upper bound": "No choice can be better than this. It is proven, and may be out of reach.",
    "tokens trained on": "Supervised tokens that a run read in training, repeats included. Equal "
    "rows are not equal tokens.",
    "predicted and measured": "Predicted comes from the study alone, before any training; measured "
    "is what the finished runs gave.",
    "your matrix": "A table of how alike tasks are that was brought instead of measured.",
    "nats": "The unit of a divergence. By JSD it lies between 0, the same predictions, and 0.69, "
    "predictions that share no token.",
    "balance": "Where a mixture stands between diverse (0) and representative. At 1 it is the "
    "anchor.",
    "anchor": "The mixture that balance 1 gives back, such as uniform.",
    "resolution": "How alike counts as the same: tasks nearer than it count as about one.",
    "distinct skills": "How many different things the tasks hold at a resolution: copies of a task "
    "count once.",
    "kernel K": "How much two tasks are the same at a resolution: 1 at no distance, less with it. "
    "Tasks share a skill where they are at most one resolution apart.",
    "community": "Tasks that are more alike inside than outside, by Louvain's "
    "method on the lines of the task graph.",
    "family": "What the study itself calls a group of tasks, such as math.",
    "energy": "What the mixture makes as small as possible: its tasks' likeness to one another, "
    "less what they are rewarded for, and more by a pull where one is set.",
    "certified gap": "No other mixture that the limits allow has a lower energy by more than this, "
    "shift and pull counted in.",
    "reduced cost": "By how much the reward of a task left out would have to rise to bring it in.",
    "baseline": "A mixture to compare with that a simple rule gives, such as uniform or "
    "size-proportional; on a page, the one that differences are taken against.",
    "budget moved": "The share of the budget that another task gets than in the baseline.",
    "budget": "How many rows or tokens to train on in all. Counts always add up to it.",
    "rows and tokens": "Rows are examples; tokens are the supervised ones of their completions.",
    "epochs": "How often a task's rows are read.",
    "share kept": "How much of what single-task models gain over the base model a mixture's model "
    "keeps.",
    "protocol": "What is trained and judged, fixed beforehand.",
    "save": "Keep a mixture under a name on this server. A link to it then works.",
    "import": "Bring a matrix, a mixture or runs that were made elsewhere.",
    "template": "A plan or protocol to start from and to change.",
}
"""{word: what it means}, in the order of the page."""


def page() -> str:
    """docs/glossary.md."""
    terms = "\n".join(f"**{word}**\n: {meaning}\n" for word, meaning in GLOSSARY.items())
    return (
        "# Glossary\n\nEach word means one thing, here and in the dashboard. This page is written "
        "by `python -m tools.glossary`.\n\n" + terms
    )
