"""The stepper in a terminal: keys, contents, the quiz, opening an operation."""

import asyncio

import numpy as np
import pytest
from rich.console import Console
from textual.widgets import Input, Static

from tinygrad_lab.lab.stepping import drawing
from tinygrad_lab.lab.stepping.pictures import cells, picture
from tinygrad_lab.lab.stepping.target import trace_target
from tinygrad_lab.lab.stepping.terminal import Stepper
from tinygrad_lab.trace import Backward
from tinygrad_lab.trace.axes import Axis

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
        assert len(app.steps.leaves) == last + 1
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
        await pilot.press("escape", "right")
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
        assert app.steps.cursor_node.data == place

    drive(app, script)


# ---- the tree -------------------------------------------------------------------------------------------------------


def shown(app):
    """The rows of the tree that can be seen."""
    nodes = [app.steps.get_node_at_line(line) for line in range(app.steps.last_line + 1)]
    return [" ".join(str(node.label).split()) for node in nodes]


def test_steps_are_a_tree_and_the_cursor_moves_in_it():
    app = Stepper(trace_target("lenet"))

    async def script(pilot, see):
        await pilot.pause()
        assert shown(app)[:5] == ["forward 50", "c1 1", "1 → conv2d", "2 → multiply", "3 → tanh"]
        assert "s2 9" in shown(app)
        assert "8 → multiply" not in shown(app)
        await pilot.press("down", "down")
        await pilot.pause()
        assert app.level.position == 2
        app.action_jump(7)
        await pilot.pause()
        assert "8 → multiply" in shown(app)
        assert app.steps.cursor_node.data == 7
        await pilot.press("end")
        await pilot.pause()
        assert shown(app)[-1] == "99 ← conv2d"

    drive(app, script)


def test_the_filter():
    app = Stepper(trace_target("lenet"))

    async def script(pilot, see):
        await pilot.press("slash")
        await pilot.pause()
        await pilot.press(*"conv2d", "space", *"c3")
        await pilot.pause()
        assert shown(app) == ["forward 1", "c3 1", "16 → conv2d", "backward 1", "c3 1", "84 ← conv2d"]
        await pilot.press("left", "right", "enter")  # in the field arrows move the cursor, not the step
        await pilot.pause()
        assert app.level.position == 0
        assert app.steps.has_focus
        await pilot.press("pagedown")
        await pilot.pause()
        assert app.level.position == 83
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.steps.leaves) == 99
        assert app.level.position == 83

    drive(app, script)


def test_from_forward_to_backward_and_back():
    app = Stepper(trace_target("lenet"))

    async def script(pilot, see):
        await pilot.press("b")
        await pilot.pause()
        assert app.level.position == 98
        await pilot.press("b")
        await pilot.pause()
        assert app.level.position == 0
        app.action_jump(41)  # getitem of the labels
        await pilot.press("b")
        await pilot.pause()
        assert "No gradient" in see("said")

    drive(app, script)


def test_another_matrix():
    app = Stepper(trace_target("lenet", random=True))

    async def script(pilot, see):
        assert "filter 0" in see("tensors")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await pilot.pause()
        assert "filter 2" in see("tensors")
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert "image 1" in see("tensors")

    drive(app, script)


# ---- the quiz's course ----------------------------------------------------------------------------------------------


def test_each_question_starts_empty_and_arrows_stay_in_the_answer():
    app = Stepper(trace_target(*NEURON), quiz=True)

    async def script(pilot, see):
        await pilot.press("end")
        await pilot.pause()
        await pilot.press("1", "left", "right")
        assert app.level.position == len(app.level.trace) - 1
        assert app.answer.value == "1"
        await pilot.press("enter")  # wrong
        await pilot.pause()
        await pilot.press("0")
        assert app.answer.value == "0"
        await pilot.press("escape", "left")
        await pilot.pause()
        assert app.answer.value == ""
        assert app.answer.has_focus

    drive(app, script)


def test_the_score_at_the_end():
    app = Stepper(trace_target(*NEURON), quiz=True)

    async def script(pilot, see):
        answers = {"relu": ["1"], "add": ["2", "1", ""], "multiply": ["-3", "2"]}
        for _ in range(len(app.level.trace) - 1):
            await pilot.press("right")
            await pilot.pause()
            if isinstance(app.step, Backward):
                for text in answers[app.step.operation.name]:
                    app.answer.value = text
                    await pilot.press("enter")
                    await pilot.pause()
        assert "3 of 5 at once" in see("title")
        said = " ".join(see("said").split())
        assert "The quiz is over: 3 of 5 at once. Look at these again: w*x at 5, b at 5." in said

    drive(app, script)


def test_operations_inside_opened_ones_are_asked_and_answers_are_kept():
    app = Stepper(trace_target("sum(softmax(x) * v)", ["x=[1, 2]", "v=[3, 5]"]), quiz=True)

    async def script(pilot, see):
        app.action_jump(1 if app.level.trace[1].operation.name == "softmax" else 0)
        await pilot.press("o")
        await pilot.pause()
        assert len(app.levels) == 2
        place = next(step.index for step in app.level.trace if isinstance(step, Backward))
        app.action_jump(place)
        await pilot.pause()
        assert app.answer.has_focus
        await pilot.press("enter", "escape")
        await pilot.pause()
        known = dict(app.answered)
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.levels) == 1
        await pilot.press("o")
        await pilot.pause()
        app.action_jump(place)
        assert app.answered == known

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


# ---- pictures -------------------------------------------------------------------------------------------------------


def drawn(array, number=0, axes=None):
    """What a tensor's picture reads like."""
    console = Console(width=100, color_system=None)
    with console.capture() as caught:
        console.print(picture(array, number, axes))
    return caught.get().rstrip("\n")


def test_small_tensors_are_numbers():
    assert drawn(np.array(2.5)) == "2.5"
    assert drawn(np.array([[1, 2], [3, -4]])) == " 1  2\n 3 -4"
    assert drawn(None) == "not used"
    assert drawn(np.zeros((0, 3))) == "0×3, empty"


def test_of_more_dimensions_each_matrix_has_its_index():
    values = np.arange(12.0).reshape(2, 3, 2)
    assert drawn(values).splitlines() == ["axis 0 0", "0 1", "2 3", "4 5", "axis 0 1", " 6  7", " 8  9", "10 11"]
    assert drawn(values, axes=[Axis("head"), Axis(), Axis()]).splitlines()[4] == "head 1"


def test_words_stand_at_the_edges():
    axes = [
        Axis("batch"),
        Axis("query", [["a", "cat"], ["the", "dog"]], "batch"),
        Axis("key", [["x", "y"], ["u", "v"]], "batch"),
    ]
    text = drawn(np.arange(8.0).reshape(2, 2, 2), 0, axes)
    assert text.splitlines() == ["batch 0", "    x y", "  a 0 1", "cat 2 3", "batch 1", "    u v", "the 4 5", "dog 6 7"]
    assert drawn(np.array([1.0, 2.5]), 0, [Axis("token", ["the", "cat"])]).splitlines() == ["the cat", "  1 2.5"]


def test_of_a_large_tensor_one_matrix_at_a_time():
    filters = np.arange(150.0).reshape(6, 1, 5, 5)
    text = drawn(filters, 2, [Axis("filter"), Axis("channel"), Axis("row"), Axis("column")])
    assert "6×1×5×5  from 0 to 149" in text
    assert "matrix 3 of 6" in text
    assert "filter 2" in text
    assert " ".join(text.splitlines()[-1].split()) == "70 71 72 73 74"
    assert "filter 0" in drawn(filters, 6, [Axis("filter"), *[Axis()] * 3])  # from the start again


def test_what_is_cut_off_is_said():
    assert "only rows 0 to 23 of 30, columns 0 to 39 of 50" in drawn(np.ones((30, 50)))
    assert "in lines of 40" in drawn(np.ones(100))
    assert "only" not in drawn(np.ones((9, 9)))


def test_colours_of_cells_and_their_scale():
    values = np.linspace(-1, 1, 400).reshape(20, 20)
    values[0, 0] = np.nan
    text, scale = cells(values, 1.0)
    assert text.plain.count("!") == 1
    assert [len(line) for line in text.plain.splitlines()] == [40] * 20
    colours = [str(span.style.bgcolor.triplet.hex) for span in text.spans if not isinstance(span.style, str)]
    assert int(colours[0][5:], 16) > 150  # blue below zero
    assert int(colours[-1][1:3], 16) > 200  # orange above
    assert "-1 " in scale.plain
    assert scale.plain.endswith(" 1, middle 0")
