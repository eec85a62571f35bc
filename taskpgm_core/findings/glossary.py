"""The words of this project, each explained once: what help texts and docs/glossary.md say."""

GLOSSARY = {
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
