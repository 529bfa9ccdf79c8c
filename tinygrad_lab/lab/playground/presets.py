"""The examples that the page offers."""

from typing import TypedDict


class Preset(TypedDict):
    """An expression with its values."""

    name: str
    expression: str
    values: dict[str, str]


def _preset(name: str, expression: str, **values: str) -> Preset:
    return {"name": name, "expression": expression, "values": values}


PRESETS = [
    _preset("A neuron", "relu(w*x + b)", w="2", x="-3", b="7"),
    _preset("A value used twice", "b = a + a; c = b * b", a="3"),
    _preset(
        "Softmax and cross-entropy", "p = softmax(x); -log(p) @ t", x="[2, 1, -1]", t="[0, 1, 0]"
    ),
    _preset(
        "Attention", "softmax(q @ k.T / 1.4142) @ v",
        q="[[1, 0], [0.5, 1]]", k="[[1, 0.5], [-1, 1], [0, 2]]", v="[[1, 2], [3, -1], [0, 1]]",
    ),
    _preset(
        "A perceptron of two layers", "h = tanh(W1 @ x + b1)\ny = W2 @ h + b2\n(y - t)**2",
        W1="[[0.5, -1], [1.5, 0.3], [-0.7, 0.8]]", x="[1, -2]", b1="[0.1, 0, -0.2]", W2="[1, -0.5, 2]", b2="0.3", t="1",
    ),
    _preset(
        "A bias for every row", "tanh(X @ W + b)",
        X="[[1, 2], [-1, 0.5], [0, 1]]", W="[[0.5, -0.3], [0.2, 0.8]]", b="[0.1, -0.2]",
    ),
    _preset(
        "Layer norm, written out",
        "c = x - mean(x)\ns = sqrt(mean(square(c)) + 0.00001)\nn = gain * c / s + bias\nn @ t",
        x="[1, 2, 4, -1]", gain="[1, 1, 1, 1]", bias="[0, 0, 0, 0]", t="[1, 0, -1, 0.5]",
    ),
    _preset("A tie", "maximum(x, y) + max(v)", x="2", y="2", v="[1, 3, 3]"),
]  # fmt: skip
