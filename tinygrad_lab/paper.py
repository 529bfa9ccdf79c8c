"""What a paper tells the lab about itself.

A paper is a folder below ``papers/`` with its twin below ``reference/``; nothing else has to be registered:

    papers/<slug>/__init__.py   PAPER, a ``Paper``
    papers/<slug>/config.py     the frozen dataclass of its configuration, VARIANTS, and the batch that its loss takes
    papers/<slug>/data.py       example_batch(config, rng), training_batches(config, generator),
                                evaluation_batches(config, split), dataset(config, split): plain arrays for both sides
    papers/<slug>/model.py      the model classes; build(config, generator), loss(model, batch)
    papers/<slug>/train.py      configure_optimizer(model, config, steps), train(...), evaluate(model, batches), main()
    papers/<slug>/inference.py  where the model writes text: search(model, config, tokens, options) -> token ids, and
                                generate(search, config, prompt, options, vocabularies) -> pieces of text; OPTIONS,
                                GREEDY, prompts(config), example_tokens(config, rng)
    papers/<slug>/weights/      where weights are published: pretrained.py with pretrained(name) -> an object with
                                config, vocabularies and tensors, pairs of name and array that come one at a time;
                                PROMPTS
    papers/<slug>/study/        what is measured of its claims, see ``tinygrad_lab.study``: experiment.py, verdicts.py,
                                figures.py, probes, and results/; shown.py, what
                                the stepper shows, see ``tinygrad_lab.shown``: without it random numbers
    papers/<slug>/<other>/      what a long file of reading matter is cut into: texts, tasks, kinds of attention
    reference/<slug>/           config.py, data.py, model.py and train.py with the same names, build(config);
                                inference.py: search(...); builtin.py, where torch has a module of its own for the
                                paper's idea: build(config)

Data whose vocabularies are made from it also has ``vocabularies(config)`` in data.py, strings that a checkpoint keeps.

A batch is a dict of arrays plus ``"count"``, the denominator of its loss: losses are sums divided by it, so the parts
of a batch, which carry the whole's count, add up exactly to the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Size = Literal["tiny", "small", "paper"]
SIZES: tuple[Size, ...] = ("tiny", "small", "paper")

FAMILIES = (
    "representation learning",
    "convolutional networks",
    "recurrent networks",
    "attention and language models",
    "regularisation and adaptation",
    "state-space models",
)


@dataclass(frozen=True)
class Paper:
    """A paper's bibliographic data and its models.

    Attributes:
        variants: variant name -> size -> configuration; the first variant is the default.  ``tiny`` is for parity and
            the stepper, ``small`` trains on two cores in minutes, ``paper`` has the paper's own sizes.
    """

    slug: str
    title: str
    authors: str
    year: int
    venue: str
    family: str
    summary: str  # one line
    variants: Mapping[str, Mapping[Any, Any]]  # by name, then by size
    link: str = ""  # where the paper itself is read: its page by DOI, at arXiv, or of the proceedings

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"{self.slug}: family must be one of {FAMILIES}, got {self.family!r}")

    @property
    def default_variant(self) -> str:
        return next(iter(self.variants))
