"""TaskPGM: choose what a language model is fine-tuned on, from measured task similarities."""

__version__ = "0.2.0"
