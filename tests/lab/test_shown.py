"""What the stepper shows of a paper: trained weights that can be made anew, a real item, words along the axes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lab import checkpoint, no_grad
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.shown import configuration, path, shown
from tinygrad_lab.lab.stepping.subject import Subject
from tinygrad_lab.lab.stepping.target import trace_target
from tinygrad_lab.paper import Paper
from tinygrad_lab.trace.schema import as_json

PAPERS = registry.discover().values()
VARIANTS = [(paper, variant) for paper in PAPERS for variant in paper.variants]


def loss_of(subject: Subject) -> float:
    with no_grad():
        return float(subject.side.loss(subject.model, subject.batch).item())


@pytest.fixture(scope="module")
def trained_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default variants' weights, from a process of its own: here every shape is checked, which takes longer."""
    folder = tmp_path_factory.mktemp("again")
    each = [(paper.slug, paper.default_variant, str(folder / paper.slug)) for paper in PAPERS]
    for paper in PAPERS:
        (folder / paper.slug).mkdir()
    code = f"from tinygrad_lab.lab import shown\nfor each in {each!r}: shown.keep(*each)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    return folder


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.slug)
def test_kept_weights_are_those_that_training_gives(paper: Paper, trained_again: Path) -> None:
    """They are kept in half precision, and another processor rounds otherwise."""
    kept, _ = checkpoint.load(path(paper))
    again, _ = checkpoint.load(trained_again / paper.slug / path(paper).name)
    assert {name for name in kept if name.startswith(f"{paper.default_variant}/")} == set(again)
    for name, array in again.items():
        np.testing.assert_allclose(kept[name], array, rtol=2e-2, atol=2e-3, err_msg=name)


@pytest.mark.parametrize(("paper", "variant"), VARIANTS, ids=lambda part: getattr(part, "slug", part))
def test_every_variant_is_shown_with_what_it_has_learned(paper: Paper, variant: str) -> None:
    real = Subject(paper, variant)
    assert real.item is not None
    assert set(real.model.state_dict()) == set(shown(paper, variant).weights)
    learned = loss_of(real)
    real.side.load(real.model, real.side.state(real.side.build(real.config, seed=0)))
    assert learned < loss_of(real)  # than untrained, on an item that is no other


@pytest.mark.parametrize(("paper", "variant"), VARIANTS, ids=lambda part: getattr(part, "slug", part))
def test_no_other_axis_is_as_long_as_a_sentence(paper: Paper, variant: str) -> None:
    subject = Subject(paper, variant)
    lengths = {len(words) for words in subject.words.values()}
    sentences = set(subject.labels()) - lengths
    assert not lengths & {len(subject.batch[name][0]) for name in subject.item.along if name in subject.batch}
    for name, parameter in subject.model.named_parameters():
        if "position" not in name:
            assert not sentences & set(parameter.shape), name


def test_all_weights_together_are_small() -> None:
    assert sum(path(paper).stat().st_size for paper in PAPERS) < 700_000


def test_random_is_the_untrained_model_on_the_batch_that_parity_compares() -> None:
    traced = trace_target("lenet", random=True)
    assert traced.item == "random numbers, untrained weights"
    assert not any(axis.labels for value in traced.trace.values for axis in value.axes)
    image = next(value for value in traced.trace.values if value.name == "image")
    assert image.array.shape == (4, 1, 16, 16)
    assert trace_target("lenet").item == "a handwritten 8"


def test_words_stand_along_the_axes() -> None:
    """Of an attention matrix: the target's words down the side, the source's along the top."""
    data = as_json(trace_target("transformer").trace)
    fused = [step["inside"]["values"] for step in data["steps"] if step.get("inside") and "_attn" in step["module"]]
    weights = [data["axes"][value["axes"]][-2:] for values in fused for value in values if value["name"] == "weights"]
    source = ["black", "cats", "see", "small", "dogs", "</s>"]
    target = ["<s>", "les", "chats", "noirs", "voient", "les", "petits", "chiens"]
    found = [[axis["labels"] for axis in axes] for axes in weights]
    assert found == [[source, source]] * 2 + [[target, target], [target, source]] * 2


def test_a_number_is_changed_and_everything_is_computed_anew() -> None:
    subject = Subject(registry.find("lenet"))
    before = loss_of(subject)
    subject.change("image", [0, 0, 8, 8], -0.5)
    assert subject.batch["image"][0, 0, 8, 8].item() == -0.5
    changed = loss_of(subject)
    assert changed != before
    subject.change("c1.weight", [0, 0, 1, 1], "2.5")
    assert subject.model.c1.weight[0, 0, 1, 1].item() == 2.5
    assert loss_of(subject) != changed


def test_a_word_is_changed_by_its_name() -> None:
    subject = Subject(registry.find("transformer"))
    subject.change("source", [0, 0], "white")
    assert subject.labels()[6][0] == "white"


@pytest.mark.parametrize(
    ("name", "index", "value", "message"),
    [
        ("imag", [0, 0, 0, 0], 1, "'imag' cannot be changed; what can be: image, label, c1.weight"),
        (["image"], [0, 0, 0, 0], 1, "cannot be changed"),
        ("image", [0, 0, 0, 16], 1, r"image: \[0, 0, 0, 16\] is no place in a tensor of shape \[1, 1, 16, 16\]"),
        ("image", [0, 0, 0], 1, "is no place"),
        ("image", [0, 0, True, 0], 1, "is no place"),
        ("image", "0000", 1, "is no place"),
        ("image", [0, 0, 0, 0], "one", "image: 'one' is no number"),
        ("image", [0, 0, 0, 0], None, "image: None is no number"),
        ("image", [0, 0, 0, 0], float("nan"), "image: nan must be at most 1e[+]30 in size"),
        ("image", [0, 0, 0, 0], "1e999", "must be at most"),
        ("label", [0], 10, "label: 10 must be a whole number from 0 to 9"),
        ("label", [0], 2.5, "label: 2.5 must be a whole number from 0 to 9"),
        ("label", [0], -1, "must be a whole number"),
    ],
)
def test_what_cannot_stand_there_is_refused(name, index, value, message) -> None:
    subject = Subject(registry.find("lenet"))
    before = loss_of(subject)
    with pytest.raises(UsageError, match=message):
        subject.change(name, index, value)
    assert loss_of(subject) == before


def test_every_variant_has_a_configuration_of_its_own() -> None:
    for paper, variant in VARIANTS:
        assert configuration(paper, variant).variant == variant
