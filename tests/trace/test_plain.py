"""Rules without LaTeX: every operation's can be read in a terminal."""

import re
import unicodedata

import pytest

from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace.plain import PIECES, plain


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\bar x = (1 - y^2) \, \bar y", "x̄ = (1 - y²) ȳ"),
        (r"\bar x = \bar z \, y \, x^{y-1} \qquad \bar y = \bar z \, z \ln x", "x̄ = z̄ y xʸ⁻¹   ȳ = z̄ z ln x"),
        (r"\bar W = \bar y^\top x \qquad \bar b = \textstyle\sum_n \bar y_n", "W̄ = ȳᵀ x   b̄ = Σₙ ȳₙ"),
        (r"\tfrac12 \, \tfrac{2}{\sqrt\pi} e^{-x^2}", "½ 2/√π e^(-x²)"),
        (r"\frac{x_i - \mu}{(n - c)\, y} \bar y", "(xᵢ - μ)/((n - c) y) ȳ"),
        (r"\big(\overline{u \hat x}\big), \quad \text{half each}", "(mean(u x̂)),   half each"),
        (r"\bar x_{index_j} \mathrel{+}= \bar y_{[k]}", "x̄_(indexⱼ) += ȳ_[k]"),
        (r"\#\{j : x_j = y\} \;?\; \tanh^2 c", "#{j : xⱼ = y} ? tanh² c"),
        (r"\begin{pmatrix} 1 & -2 \\ 3 & 4 \end{pmatrix} = 1.5 \times 10^{-7}", "[1 -2; 3 4] = 1.5 × 10⁻⁷"),
        (r"\bar x = 1 \\ \bar y = 2", "x̄ = 1\nȳ = 2"),
        (r"\unheardof{x} + 1", "unheardofx + 1"),
        (r"x_", "x"),
    ],
)
def test_examples(latex, expected):
    assert re.sub(r" {3,}", "   ", plain(latex)) == unicodedata.normalize("NFC", expected)


def test_every_rule_is_known_to_the_last_command():
    for name in ENGINE_OPERATIONS:
        for rule in (OPERATIONS[name].rule, *OPERATIONS[name].rule_without.values()):
            assert set(re.findall(r"\\([A-Za-z]+|.)", rule)) <= PIECES, name
            text = plain(rule)
            assert not re.search(r"[\\$]|[_^]\{", text), name
            assert "\u0304" in unicodedata.normalize("NFD", text), name  # a barred letter: whose gradient it is
