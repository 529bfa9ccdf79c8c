"""Parity locates: bugs planted in backward and forward passes, and which module and operation the diagnosis names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.lab.command import run
from tests.lab.made_paper import FILES, made_paper
from tinygrad_lab.lab import diagnosis, parity_report, registry
from tinygrad_lab.lab.calls import LOSS, Observer, Operated
from tinygrad_lab.lab.derivative import wrong_parameters
from tinygrad_lab.lab.sides import sides
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.optim import SGD, Adam
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def said(slug: str, variant: str, steps: int = 1) -> str:
    """What parity's diagnosis says in float64."""
    rows = parity_report.run(parity_report.jobs([slug], variant, "float64", "tiny"), "tiny", steps, 0)
    return "\n".join(diagnosis.lines([row for row in rows if not row.passed], "tiny", steps, 0))


def plant(monkeypatch: pytest.MonkeyPatch, name: str, position: int) -> None:
    """One gradient of an operation is too large by a hundredth."""
    info = OPERATIONS[name]
    body = info.body

    def wrong(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        output, backward = body(*args, **kwargs)

        def backward_wrong(needs: Any, *gradients: Any) -> tuple[Any, ...]:
            found = list(backward(needs, *gradients))
            if found[position] is not None:
                found[position] = found[position] * 1.01
            return tuple(found)

        return output, backward_wrong

    monkeypatch.setattr(info, "body", wrong)


@pytest.mark.parametrize(("operation", "position", "slug", "variant", "module", "parameter"), [
    ("conv2d", 1, "lenet", "modern", "conv3 (Conv2d)", "weight"),
    ("conv2d", 0, "lenet", "modern", "conv3 (Conv2d)", "input"),
    ("linear", 2, "lenet", "modern", "linear2 (Linear)", "bias"),
    ("max_pool2d", 0, "lenet", "modern", "the model itself (LeNet5Modern)", "input"),
    ("cross_entropy", 0, "lenet", "modern", "none of the model's, but loss()", "input"),
    ("local_response_norm", 0, "alexnet", "2012", "norm2 (LocalResponseNorm)", "input"),
    ("embedding", 0, "lstm", "2000", "embedding (Embedding)", "weight"),
    ("lstm", 2, "seq2seq_attention", "general", "decoder.lstm (LSTM)", "c_0"),
    ("layer_norm", 1, "transformer", "sinusoidal", "decoder.layers.1.norm3 (LayerNorm)", "weight"),
    ("add", 1, "transformer", "sinusoidal", "decoder.layers.1 (DecoderLayer)", "y"),
    ("scaled_dot_product_attention", 0, "transformer", "sinusoidal",
     "decoder.layers.1.multihead_attn (MultiHeadAttention)", "query"),
    ("scaled_dot_product_attention", 2, "llama", "llama", "model.layers.1.self_attn (Attention)", "value"),
    ("rotary_embedding", 0, "llama", "llama", "model.layers.1.self_attn (Attention)", "input"),
    ("rms_norm", 1, "llama", "llama", "model.norm (RMSNorm)", "weight"),
    ("swiglu", 1, "llama", "llama", "model.layers.1.mlp (SwiGLU)", "up"),
    ("selective_scan", 1, "mamba", "s6", "backbone.layers.1.mixer (SelectiveMixer)", "delta"),
    ("causal_conv1d", 1, "mamba", "s6", "backbone.layers.1.mixer.conv1d (CausalConv1d)", "weight"),
    ("forgetting_attention", 3, "forgetting_transformer", "llama", "model.layers.1.attn (Attention)", "log_fgate"),
])  # fmt: skip
def test_the_module_and_operation_of_a_wrong_gradient_are_named(
    operation: str, position: int, slug: str, variant: str, module: str, parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, operation, position)
    text = said(slug, variant)
    assert "forward and loss agree, gradients do not" in text
    assert f"going backwards, the first module wrong is {module}: the gradient that it is given agrees" in text
    blamed = [line for line in text.splitlines() if line.lstrip().startswith("operation ")]
    assert blamed
    for line in blamed:
        assert f"operation {operation} (papers/{slug}/model.py, line " in line
        assert line.endswith(f"its backward is not its forward's derivative by {parameter}")


@pytest.mark.parametrize(("operation", "slug", "variant", "module", "operations"), [
    ("max_pool2d", "lenet", "modern", "the model itself (LeNet5Modern), before it calls conv2 (Conv2d)", "max_pool2d"),
    ("rms_norm", "llama", "llama", "model.layers.0.input_layernorm (RMSNorm)", "rms_norm"),
    ("cross_entropy", "lenet", "modern", "none of the model's, but loss()", "cross_entropy"),
    ("selective_scan", "mamba", "s6", "backbone.layers.0.mixer (SelectiveMixer), before it calls", "selective_scan"),
])  # fmt: skip
def test_the_module_of_a_wrong_output_is_named(
    operation: str, slug: str, variant: str, module: str, operations: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = OPERATIONS[operation]
    body = info.body

    def wrong(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        output, backward = body(*args, **kwargs)
        return (output[0] * 1.01, *output[1:]) if isinstance(output, tuple) else output * 1.01, backward

    monkeypatch.setattr(info, "body", wrong)
    text = said(slug, variant)
    assert f"going forwards, the first module wrong is {module}" in text
    assert operations in next(line for line in text.splitlines() if "its operations: " in line)


def test_a_wrong_gradient_on_the_torch_side_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operations of the engine are listed then: none of them is wrong."""

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(_ctx: Any, dy: torch.Tensor) -> torch.Tensor:
            return 1.01 * dy

    from reference.llama import model

    forward = model.SwiGLU.forward
    monkeypatch.setattr(model.SwiGLU, "forward", lambda self, x: forward(self, Wrong.apply(x)))
    text = said("llama", "llama")
    assert "going backwards, the first module wrong is model.layers.1.mlp (SwiGLU)" in text
    assert "its operations: swiglu (papers/llama/model.py, line" in text


def test_an_optimiser_that_moves_too_far_is_named_by_what_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Adam.step

    def farther(self: Adam) -> None:
        for group in self.param_groups:
            group["lr"] *= 1.01
        step(self)

    monkeypatch.setattr(Adam, "step", farther)
    text = said("lenet", "modern", steps=2)
    assert "lenet modern float64: trajectory wrong" in text
    assert "forward, loss and gradients agree: look at the optimiser, its schedule and the training loop" in text
    assert "after the first step already: " in text


# ---- whether a backward is a derivative ---------------------------------------------------------------------------
def tried(name: str, *args: Any) -> list[str]:
    given = [Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) else a for a in args]
    return wrong_parameters(Operated(OPERATIONS[name], tuple(given), {}, "model.py", 1))


RNG = np.random.default_rng(0)
SOME_ZEROS = np.array([[0.0, 1.5, 0.0], [2.0, 0.0, 0.7]])
POSITIVE = np.maximum(RNG.standard_normal((2, 2, 4, 4)), 0.0)  # half of it zeros, and so with ties
CALLS: list[tuple[Any, ...]] = [
    ("max_pool2d", POSITIVE, 2), ("relu", SOME_ZEROS), ("relu", np.zeros(3)), ("clamp", SOME_ZEROS, 0.0),
    ("sqrt", SOME_ZEROS), ("sqrt", np.zeros(3)), ("power", SOME_ZEROS, 0.5), ("abs", SOME_ZEROS),
    ("leaky_relu", SOME_ZEROS, 0.1), ("l1_loss", SOME_ZEROS, np.zeros((2, 3))),
    ("multiply", 1e12 * RNG.standard_normal(5), 1e12 * RNG.standard_normal(5)),
    ("multiply", 1e12 * RNG.standard_normal(5), RNG.standard_normal(5)), ("square", 1e12 * RNG.standard_normal(5)),
    ("log", 1e-8 * RNG.uniform(0.5, 1.0, 5)), ("softmax", 1000 * RNG.standard_normal((2, 5)), 1),
    ("linear", RNG.standard_normal((5, 4)), RNG.standard_normal((3, 4)), np.zeros(3)),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_a_right_backward_is_not_accused_at_kinks_nor_among_huge_or_tiny_numbers(call: tuple[Any, ...]) -> None:
    assert tried(*call) == []


@pytest.mark.parametrize("call", [c for c in CALLS if np.any(c[1] != 0) and c[0] != "softmax"], ids=lambda c: c[0])
def test_a_wrong_backward_is_accused_there_too(call: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, call[0], 0)
    assert len(tried(*call)) == 1


@pytest.mark.parametrize("value", [None, np.inf, np.nan])
def test_a_gradient_that_is_missing_or_not_finite_is_named(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    info = OPERATIONS["relu"]
    body = info.body

    def wrong(x: Any) -> Any:
        output, backward = body(x)

        def backward_wrong(needs: Any, dy: Any) -> Any:
            found = backward(needs, dy)[0].copy()
            found.flat[-1] = 0.0 if value is None else value
            return (None if value is None else found,)

        return output, backward_wrong

    monkeypatch.setattr(info, "body", wrong)
    assert tried("relu", SOME_ZEROS) == ["input"]


# ---- a paper of a dozen lines ---------------------------------------------------------------------------------------
def made(tmp_path: Path, file: str, right: str, wrong: str) -> str:
    """The diagnosis of the small paper with one text changed."""
    assert FILES[file].count(right) == 1
    with made_paper(tmp_path, {**FILES, file: FILES[file].replace(right, wrong)}):
        return said("made", "only", steps=3)


def test_what_is_wrong_in_evaluation_mode_only_is_compared_in_that_mode(tmp_path: Path) -> None:
    text = made(tmp_path, "papers/made/model.py", "self.second(", "(1.0 if self.training else 2.0) * self.second(")
    assert "going forwards in evaluation mode, the first module wrong is the model itself (Made)" in text
    assert "its operations: relu, multiply (" in text


def broken(monkeypatch: pytest.MonkeyPatch, gradient: Any) -> None:
    """Have the backward of relu give what ``gradient`` makes of the right one."""
    info = OPERATIONS["relu"]
    body = info.body

    def wrong(x: Any) -> Any:
        output, backward = body(x)
        return output, lambda needs, dy: (gradient(backward(needs, dy)[0]),)

    monkeypatch.setattr(info, "body", wrong)


def boom(_: Any) -> Any:
    raise IndexError("boom")


def test_an_error_in_a_backward_is_named_with_operation_module_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, boom)
    with made_paper(tmp_path):
        text = said("made", "only")
    assert "made only float64: stopped" in text
    assert "operation relu (papers/made/model.py, line " in text
    assert "in the model itself (Made): its backward stops with IndexError: boom" in text


@pytest.mark.parametrize(
    "gradient", [lambda _dx: None, lambda dx: dx + np.where(np.indices(dx.shape).sum(0), 0.0, np.inf)]
)
def test_a_backward_without_a_gradient_or_with_an_infinite_one_is_named(
    gradient: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, gradient)
    with made_paper(tmp_path):
        text = said("made", "only")
    assert "going backwards, the first module wrong is the model itself (Made)" in text
    assert "operation relu (papers/made/model.py, line " in text


def test_a_step_of_sgd_that_is_too_long_fails_the_trajectory(monkeypatch: pytest.MonkeyPatch) -> None:
    update = SGD._update
    monkeypatch.setattr(SGD, "_update", lambda self, p, group: update(self, p, {**group, "lr": group["lr"] * 1.01}))
    assert "dropout standard float64: trajectory wrong" in said("dropout", "standard")


def test_a_schedule_that_parts_after_the_first_step(tmp_path: Path) -> None:
    text = made(tmp_path, "papers/made/train.py", "        scheduler.step()\n", "")
    assert "the first step agrees; losses, worst element [2]: numpy" in text


def test_tokens_that_differ_point_at_the_search(tmp_path: Path) -> None:
    text = made(tmp_path, "papers/made/inference.py", "range(3)", "range(4)")
    assert "made only float64: generation wrong" in text
    assert "look at papers/made/inference.py and reference/made/inference.py" in text


def test_weights_that_come_back_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_lab import checkpoint

    load = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda path: ({n: v * 2 for n, v in load(path)[0].items()}, {}))
    with made_paper(tmp_path):
        text = said("made", "only")
    assert "weights: they come back changed from a file" in text


def test_the_command_ends_with_the_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "linear", 2)
    result = run("parity", "lenet", "--variant", "modern", "--dtype", "float64", "--steps", "1")
    assert result.code == 1
    last = result.err.strip().splitlines()[-4:]
    assert last[0] == "lenet modern float64: gradient wrong"
    assert "operation linear (papers/lenet/model.py, line " in last[-1]


def test_agreement_says_nothing() -> None:
    assert said("lenet", "modern") == ""


# ---- observing ------------------------------------------------------------------------------------------------------
def test_observing_changes_no_number(tmp_path: Path) -> None:
    with made_paper(tmp_path):
        paper = registry.find("made")
        config = paper.variants["only"]["tiny"]
        batch = registry.part(paper, "data").example_batch(config, generator(0))
        for side in sides(paper):
            models = [side.build(config, 0, "float64").eval() for _ in range(2)]
            inputs = side.batch(batch, "float64", requires_grad=True)
            plain, observer = side.loss(models[0], inputs), Observer(side, models[1])
            observed = observer.loss(inputs)
            assert side.array(plain) == side.array(observed)
            plain.backward()
            observed.backward()
            one, other = (side.gradients(model.named_parameters()) for model in models)
            assert all(np.array_equal(one[name], other[name]) for name in one)
            assert [call.path for call in observer.calls] == ["first", "drop", "second", "", LOSS]
            assert "forward" not in vars(models[1])
