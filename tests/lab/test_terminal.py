"""The stepper in a terminal: keys, contents, the quiz, opening an operation."""

import asyncio

import numpy as np
import pytest
from rich.console import Console
from textual.widgets import Input, OptionList, Static

from tinygrad_lab.lab.stepping import drawing
from tinygrad_lab.lab.stepping.target import trace_target
from tinygrad_lab.lab.stepping.terminal import Stepper
from tinygrad_lab.trace import Backward

NEURON = ("relu(w*x + b)", ["w=2", "x=-3", "b=7"])


def drive(app, script):
    """Run the app without a terminal, and ``script(pilot, see)`` on it; see("rule") is what a part shows."""

    def see(part):
        console = Console(width=100, color_system=None)
        with console.capture() as caught:
            console.print(app.query_one(f"#{part}", Static).content)
        return caught.get()

    async def go():
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await script(pilot, see)

    asyncio.run(go())


def test_keys_move_through_the_steps():
    app = Stepper(trace_target(*NEURON))

    async def script(pilot, see):
        last = len(app.level.trace) - 1
        assert "multiply" in see("heading")
        places = []
        for key in ("right", "right", "left", "end", "right", "home", "left"):
            await pilot.press(key)
            await pilot.pause()
            places.append(app.level.position)
        assert places == [1, 2, 1, last, last, 0, 0]
        assert app.query_one("#steps", OptionList).option_count == last + 1
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running

    drive(app, script)


def test_a_step_shows_graph_rule_numbers_and_source():
    app = Stepper(trace_target(*NEURON))

    async def script(pilot, see):
        assert "w = 2" in see("graph")
        assert "x = -3" in see("graph")
        assert "used: " in see("graph")
        assert "relu(w*x + b)" in see("source")
        await pilot.press("end")
        await pilot.pause()
        assert "backward multiply" in see("heading")
        assert "∂w = -3" in see("graph")
        assert "∂w = 1 · (-3) = -3" in see("rule")
        assert "incoming" in see("tensors")

    drive(app, script)


def test_playing_goes_on_by_itself_and_stops():
    app = Stepper(trace_target(*NEURON))

    async def script(pilot, see):
        await pilot.press("space")
        await pilot.pause(1.0)
        assert app.level.position > 0
        await pilot.press("space")
        assert app.playing is None

    drive(app, script)


def test_quiz_right_wrong_slip_and_not_a_number():
    app = Stepper(trace_target(*NEURON), quiz=True)

    async def script(pilot, see):
        assert "asked for each gradient" in see("said")
        await pilot.press("end")
        await pilot.pause()
        answer = app.query_one("#answer", Input)
        assert answer.has_focus
        assert "What is ∂w?" in see("question")
        assert "-3" not in see("graph") + see("rule")
        said = []
        for text in ("three", "5", "3", "-3", "2"):
            answer.value = text
            await pilot.press("enter")
            await pilot.pause()
            said.append(see("said"))
        assert "not a number" in said[0]
        assert "Not yet" in said[1]
        assert "sign" in said[2]
        assert "Right: -3" in said[3]
        assert "Right: 2" in said[4]  # the other factor
        assert "∂w = -3" in see("graph")
        assert not app.query_one("#quiz").has_class("asking")
        assert app.query_one("#steps").has_focus

    drive(app, script)


def test_quiz_can_be_given_up():
    app = Stepper(trace_target(*NEURON), quiz=True)

    async def script(pilot, see):
        await pilot.press("end")
        await pilot.pause()
        await pilot.press("escape")
        assert app.query_one("#steps").has_focus
        await pilot.press("left")
        await pilot.pause()
        await pilot.press("right")  # also out of an answer that has the focus
        await pilot.pause()
        await pilot.press("enter")  # nothing typed: be shown
        await pilot.pause()
        assert "It is -3" in see("said")

    drive(app, script)


def test_a_fused_operation_opens_and_closes():
    app = Stepper(trace_target("lenet", variant="modern"))

    async def script(pilot, see):
        place = next(s.index for s in app.level.trace if isinstance(s, Backward) and s.operation.name == "linear")
        app.action_jump(place)
        await pilot.pause()
        await pilot.press("o")
        await pilot.pause()
        assert len(app.levels) == 2
        assert {step.operation.name for step in app.level.trace} >= {"matmul", "add"}
        assert "linear_definition" in see("source") or "product" in see("source")
        assert "› linear" in see("title")
        await pilot.press("o")
        await pilot.pause()
        assert "nothing to open" in see("said")
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.levels) == 1
        assert app.level.position == place
        assert app.query_one("#steps", OptionList).highlighted == place

    drive(app, script)


@pytest.mark.parametrize("slug", ["dropout", "lstm"])
def test_every_step_of_a_paper_can_be_drawn(slug):
    traced = trace_target(slug)
    console = Console(width=120, color_system=None)
    with console.capture() as caught:
        for step in traced.trace:
            for part in (
                drawing.heading(step), drawing.graph(step, traced.trace), drawing.rule(step),
                drawing.tensors(step), drawing.source(step, traced.sources),
            ):  # fmt: skip
                console.print(part)
    assert f"papers/{slug}/model.py" in caught.get()


def test_tensors_as_numbers_and_heat_maps():
    assert drawing.picture(np.array(2.5)).plain == "2.5"
    assert drawing.picture(np.array([[1, 2], [3, -4]])).plain.splitlines() == [" 1  2", " 3 -4"]
    assert drawing.picture(None).plain == "not used"
    assert drawing.picture(np.zeros((0, 3))).plain == "0×3, empty"
    values = np.linspace(-1, 1, 400).reshape(20, 20)
    values[0, 0] = np.nan
    cells = drawing.heat_map(values)
    assert cells.plain.count("!") == 1
    assert [len(line) for line in cells.plain.splitlines()] == [32] * 16
    colours = [str(span.style.bgcolor.triplet.hex) for span in cells.spans if not isinstance(span.style, str)]
    assert colours[0].endswith("dc") or int(colours[0][5:], 16) > 150  # blue below zero
    assert int(colours[-1][1:3], 16) > 200  # orange above
