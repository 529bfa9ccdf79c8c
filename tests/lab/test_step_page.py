"""The page's contents: escaped, small, complete, and with formulas that say what the trace says."""

import html
import json
import re
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab import tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.stepping import page
from tinygrad_lab.lab.stepping.formulas import Formulas
from tinygrad_lab.lab.stepping.target import Traced, trace_target
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace import record, trace
from tinygrad_lab.trace.rule import generic
from tinygrad_lab.trace.schema import as_json

SLUGS = list(registry.discover())


@cache
def traced(slug: str) -> Traced:
    return trace_target(slug)


@cache
def contents(slug: str) -> dict[str, Any]:
    """What the page of a paper's default variant is given."""
    return page.contents(traced(slug), quiz=False)


class Reader(HTMLParser):
    """Collects what a browser would find: addresses, and the data."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.data = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("src", "href", "action", "data") if name in found]
        self._in_data = found.get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


def read(text: str) -> tuple[dict[str, Any], list[str]]:
    reader = Reader()
    reader.feed(text)
    return json.loads(reader.data), reader.addresses


@pytest.mark.parametrize("slug", SLUGS)
def test_papers_pages_are_small_and_complete(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = contents(slug)
    monkeypatch.setattr(page, "contents", lambda *_: data)  # not a second time
    text = page.render(traced(slug))
    assert len(text.encode()) < 1_500_000
    written, addresses = read(text)
    assert written == json.loads(json.dumps(data))
    assert addresses == ["data:,"]  # nothing is fetched
    for step in data["trace"]["steps"]:
        if step["phase"] == "forward":
            part = data["sources"][step["file"]][0]
            assert part["first"] <= step["line"] < part["first"] + len(part["lines"])
            check_inside(data, step)


def check_inside(data: dict[str, Any], step: dict[str, Any]) -> None:
    """What was opened has a layout, and its lines can be shown."""
    inner = step["inside"]
    if not inner or "left_out" in inner:
        return
    assert inner["layout"]["steps"]
    for each in inner["steps"]:
        if each["phase"] == "forward":
            assert any(
                part["first"] <= each["line"] < part["first"] + len(part["lines"])
                for part in data["sources"][each["file"]]
            )
            check_inside(data, each)


def test_papers_with_fused_operations_open_them() -> None:
    for slug, operation in (("lstm", "lstm"), ("seq2seq_attention", "masked_softmax"), ("lenet", "conv2d")):
        steps = [step for step in contents(slug)["trace"]["steps"] if step["operation"] == operation]
        steps = [step for step in steps if step["phase"] == "forward"]
        assert any(step["inside"].get("steps") for step in steps), slug


def test_everything_is_escaped() -> None:
    nasty = "</script><script>alert(1)</script>&amp;<!--"
    x = tensor(1.0, requires_grad=True)
    with record({nasty: x}):
        y = x * 2
    text = page.render(Traced(trace(y), nasty, nasty, {"expression": nasty}))
    assert text.count("<script") == 2
    assert "<script>alert" not in text
    data, _ = read(text)
    assert data["title"] == nasty
    assert data["trace"]["values"][0]["name"] == nasty
    assert data["sources"]["expression"][0]["lines"] == [
        "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&lt;!--"
    ]


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_embedded_json_means_the_same_and_ends_no_script(value: Any) -> None:
    text = page.embedded(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_source_lines_of_python_are_coloured_and_whole() -> None:
    lines = contents("lenet")["sources"]["papers/lenet/model.py"][0]["lines"]
    text = traced("lenet").sources["papers/lenet/model.py"].rstrip("\n").split("\n")
    plain = [re.sub(r"<[^>]+>", "", line) for line in lines]
    assert [html.unescape(line) for line in plain] == text
    assert all(line.count("<span") == line.count("</span>") for line in lines)


def test_questions_are_there_in_a_quiz_only() -> None:
    product = trace_target("w*x", ["w=2", "x=3"])
    asked = [
        [given_.get("question") for given_ in page.contents(product, quiz)["trace"]["steps"][1]["contributions"]]
        for quiz in (False, True)
    ]
    assert asked[0] == [None, None]
    assert [question["answer"] for question in asked[1]] == [3, 2]
    assert asked[1][0]["slips"][0][0] == -3
    assert page.contents(product, True)["slips"][asked[1][0]["slips"][0][1]].endswith("the sign is not.")


def test_what_is_inside_an_operation_is_asked_too() -> None:
    data = page.contents(trace_target("sum(softmax(x) * v)", ["x=[1, 2]", "v=[3, 5]"]), quiz=True)
    inner = next(step["inside"] for step in data["trace"]["steps"] if step.get("inside"))
    asked = [given_.get("question") for step in inner["steps"] for given_ in step.get("contributions", ())]
    assert len(asked) > 3
    assert all(asked)


# ---- formulas -------------------------------------------------------------------------------------------------------


def words(mathml: str) -> str:
    """What a formula reads like."""
    return "".join(ET.fromstring(mathml).itertext()).replace(" ", "")


def filled(formulas: Formulas, latex: str) -> str:
    form, numbers = formulas.add(latex)
    return re.sub(r"\{(\d+)\}", lambda gap: numbers[int(gap.group(1))], formulas.forms[form])


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\bar x = 1 \cdot (-3) = -3", "x¯=1·(−3)=−3"),
        (r"\bar y = (1 - 0.5^2) \cdot 1.25 \times 10^{-7}", "y¯=(1−0.52)·1.25×10−7"),
        (r"\begin{pmatrix} -1 & 2 \\ -3 & 4 \end{pmatrix}", "(−12−34)"),
        (r"3 - 4", "3−4"),
        (r"-\tfrac12 \cdot 4^3", "−12·43"),
        (r"-2", "−2"),
        (r"\partial w = \partial (\text{w*x + b\_1}) \cdot x_{2}", "∂w=∂(w*x+b_1)·x2"),
        (r"\text{a\^{}b < c} + 3", "a^b<c+3"),
    ],
)
def test_a_form_with_its_numbers(latex: str, expected: str) -> None:
    assert words(filled(Formulas(), latex)) == expected


def test_formulas_that_differ_in_numbers_share_a_form() -> None:
    formulas = Formulas()
    for number in ("1", "2.5", "-3", "12"):
        formulas.add(rf"\bar x = 1 \cdot ({number}) = {number}")
    assert len(formulas.forms) == 1


@pytest.mark.parametrize("slug", SLUGS)
def test_every_formula_of_the_papers_is_mathml_with_all_its_numbers(slug: str) -> None:
    formulas = Formulas()
    for step in as_json(traced(slug).trace, open_fused=False)["steps"]:
        for given_ in step.get("contributions", ()):
            if given_["formula"]:
                form, numbers = formulas.add(given_["formula"])
                gaps = re.findall(r"\{(\d+)\}", formulas.forms[form])
                assert [int(gap) for gap in gaps] == list(range(len(numbers)))
                assert not any("<" in filling for filling in numbers)
                ET.fromstring(formulas.forms[form])


def test_every_rule_is_mathml() -> None:
    for name in ENGINE_OPERATIONS:
        for equation in generic(OPERATIONS[name]).split(r" \qquad "):
            mathml = filled(Formulas(), equation)
            assert ET.fromstring(mathml).tag.endswith("math"), name
            assert "\\" not in words(mathml), name
