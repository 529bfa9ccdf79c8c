"""The stepper in a terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Input, Static, Tree

from tinygrad_lab.lab.stepping import drawing, quiz
from tinygrad_lab.lab.stepping.outline import Step, forward_of, matching
from tinygrad_lab.lab.stepping.score import Score
from tinygrad_lab.lab.stepping.target import Traced
from tinygrad_lab.lab.stepping.tree import StepTree
from tinygrad_lab.trace import Backward, Trace
from tinygrad_lab.trace.inside import can_open, inside
from tinygrad_lab.trace.record import TooLargeError

PACE = 0.7  # seconds a step while playing


@dataclass
class Level:
    """A trace on the way into opened operations, and where one stands in it."""

    trace: Trace
    title: str
    position: int = 0


class Stepper(App[None]):
    """Steps on the left; around the current one its graph, rule, tensors and source line on the right.

    Args:
        traced: what to show.
        quiz: whether each gradient is asked for before it is shown.
    """

    CSS = """
    #left { width: 2fr; max-width: 44; border-right: solid $panel; }
    #right { width: 3fr; }
    #steps { height: 1fr; }
    #filter { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    #filter.asking { display: block; }
    #title { padding: 0 1; background: $panel; width: 1fr; }
    #graph, #rule, #tensors, #source, #heading { padding: 0 2; margin-bottom: 1; height: auto; }
    #quiz { display: none; padding: 0 2; height: auto; border-top: solid $accent; }
    #answer { border: none; height: 1; padding: 0; background: $panel; }
    #quiz.asking { display: block; }
    #said { padding: 0 2; color: $accent; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "move(1)", "next", priority=True),
        Binding("left", "move(-1)", "back", priority=True),
        Binding("space", "play", "play"),
        Binding("home", "jump(0)", "first", show=False),
        Binding("end", "jump(-1)", "last", show=False),
        Binding("b", "other_way", "forward/backward"),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("left_square_bracket", "slice(-1)", "matrix", key_display="["),
        Binding("right_square_bracket", "slice(1)", "matrix", key_display="]"),
        Binding("o", "open", "open"),
        Binding("escape", "close", "out"),
        Binding("q", "quit", "quit"),
    ]
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = "#steps"

    def __init__(self, traced: Traced, quiz: bool = False) -> None:
        super().__init__()
        self.levels = [Level(traced.trace, traced.title)]
        self.sources: Mapping[str, str] = traced.sources
        self.asking = quiz
        self.answered: dict[int, int] = {}  # by id of a backward step: how many of its contributions are known
        self.opened: dict[int, Trace] = {}  # by id of a forward step: kept, so that no id comes twice
        self.score = Score()
        self.matrix = 0  # which one of a larger tensor's is shown
        self.playing: Timer | None = None

    def compose(self) -> Iterator[Widget]:
        yield Static(id="title", markup=False)
        with Horizontal():
            with Vertical(id="left"):
                yield Input(id="filter", placeholder="operation, module or value; Esc: all steps")
                yield StepTree(id="steps")
            with VerticalScroll(id="right", can_focus=False):
                for part in ("heading", "graph", "rule", "source", "tensors"):
                    yield Static(id=part, markup=False)
        with Vertical(id="quiz"):
            yield Static(id="question", markup=False)
            yield Input(id="answer", placeholder="a number; empty to be shown; Esc, then → goes on without")
        yield Static(id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.call_after_refresh(self.begin)  # the tree scrolls to a step once it has a size

    def begin(self) -> None:
        self.enter()
        if self.asking and not self.question():
            self.say("→ goes on. On the way back you are asked for each gradient.")

    # ---- where one is -----------------------------------------------------------------------------------------------
    @property
    def level(self) -> Level:
        return self.levels[-1]

    @property
    def step(self) -> Step:
        return self.level.trace[self.level.position]

    @property
    def steps(self) -> StepTree:
        return self.query_one("#steps", StepTree)

    @property
    def answer(self) -> Input:
        return self.query_one("#answer", Input)

    @property
    def hidden(self) -> frozenset[int]:
        """Return which contributions of the current step have not been answered yet."""
        if not self.asking or not isinstance(self.step, Backward):
            return frozenset()
        return frozenset(range(self.answered.get(id(self.step), 0), len(self.step.contributions)))

    def enter(self) -> None:
        """Show another trace: its steps, and the one that one was at."""
        field = self.query_one("#filter", Input)
        field.clear()
        field.remove_class("asking")
        self.steps.fill(list(self.level.trace))
        self.show()

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[int]) -> None:
        place = event.node.data
        if event.node is self.steps.cursor_node and place is not None and place != self.level.position:
            self.go(place)

    def go(self, place: int) -> None:
        """Move to a step of this level."""
        self.level.position = place
        self.score.tries = 0
        self.answer.clear()
        self.say("")
        self.show()

    def show(self) -> None:
        """Draw the current step."""
        step, hidden = self.step, self.hidden
        way = " › ".join(level.title for level in self.levels)
        title = [way, f"{step.index + 1} / {len(self.level.trace)}", self.score.so_far()]
        self.query_one("#title", Static).update("    ".join(part for part in title if part))
        self.query_one("#heading", Static).update(drawing.heading(step))
        self.query_one("#graph", Static).update(drawing.graph(step, self.level.trace, hidden))
        self.query_one("#rule", Static).update(drawing.rule(step, hidden))
        self.query_one("#tensors", Static).update(drawing.tensors(step, hidden, self.matrix))
        self.query_one("#source", Static).update(drawing.source(step, self.sources))
        self.steps.show(step.index)
        self.ask()

    def say(self, text: str) -> None:
        self.query_one("#said", Static).update(text)

    # ---- the quiz ---------------------------------------------------------------------------------------------------
    def question(self) -> quiz.Question | None:
        """What is asked now: about the first hidden contribution that can be asked for; others are shown."""
        step = self.step
        while isinstance(step, Backward) and self.hidden:
            place = min(self.hidden)
            asked = quiz.question(step, step.contributions[place])
            if asked is not None:
                return asked
            self.answered[id(step)] = place + 1
        return None

    def ask(self) -> None:
        asked = self.question()
        self.query_one("#quiz").set_class(asked is not None, "asking")
        if asked is not None:
            self.stop()
            self.query_one("#question", Static).update(asked.text)
            self.answer.focus()
        elif self.answer.has_focus:
            self.steps.focus()
        if asked is None and self.score.answers and self._at_the_end():
            self.say(self.score.closing())

    def _at_the_end(self) -> bool:
        return len(self.levels) == 1 and self.level.position == len(self.level.trace) - 1

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self.steps.focus()
            return
        asked = self.question()
        if asked is None:
            return
        text = event.value.strip()
        judged = quiz.judge(asked, text) if text else quiz.Judgement(True, f"It is {asked.answer:.4g}.")
        event.input.clear()
        self.say(judged.says)
        if judged.right is False:
            self.score.wrong()
        if judged.right:
            self.answered[id(self.step)] = min(self.hidden) + 1
            self.score.settled(f"{asked.entry} at {self._address()}", shown=not text)
            self.show()
            if self._at_the_end() and self.question() is None:
                self.say(f"{judged.says} {self.score.closing()}")

    def _address(self) -> str:
        return "/".join(str(level.position + 1) for level in self.levels)

    # ---- keys -------------------------------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002  # Textual's
        """Leave arrows and letters to the field that is being typed in."""
        return action in ("close", "quit") or not isinstance(self.focused, Input)

    def action_move(self, by: int) -> None:
        place = self.level.position + by
        if 0 <= place < len(self.level.trace):
            self.go(place)
        elif self.playing:
            self.stop()

    def action_jump(self, place: int) -> None:
        self.go(place % len(self.level.trace))

    def action_other_way(self) -> None:
        """Go from a forward step to its backward one, or back."""
        forward = forward_of(self.step)
        other = [step for step in self.level.trace if forward_of(step) is forward and step is not self.step]
        if other:
            self.go(other[0].index)
        else:
            self.say("No gradient comes back through this step.")

    def action_slice(self, by: int) -> None:
        """Show another matrix of the larger tensors."""
        self.matrix = max(0, self.matrix + by)
        self.query_one("#tensors", Static).update(drawing.tensors(self.step, self.hidden, self.matrix))

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("asking")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter" and event.input.has_class("asking"):
            self.steps.fill(matching(self.level.trace, event.value), all_open=bool(event.value))
            self.steps.show(self.step.index)

    def action_play(self) -> None:
        if self.playing:
            self.stop()
        else:
            self.playing = self.set_interval(PACE, lambda: self.action_move(1))

    def stop(self) -> None:
        if self.playing:
            self.playing.stop()
            self.playing = None

    def action_open(self) -> None:
        """Step into a fused operation: its definition, on this step's numbers."""
        forward = forward_of(self.step)
        if not can_open(forward):
            self.say(f"{forward.operation.name} is elementary, or draws random numbers: there is nothing to open.")
            return
        backward = (step for step in self.level.trace if isinstance(step, Backward) and step.forward is forward)
        incoming = next((step.incoming for step in backward), None)
        try:
            if id(forward) not in self.opened:
                self.opened[id(forward)] = inside(forward, incoming)
        except TooLargeError as error:
            self.say(str(error))
            return
        self.levels.append(Level(self.opened[id(forward)], forward.operation.name))
        self.say("")
        self.enter()

    def action_close(self) -> None:
        """Leave a field without an answer, the filter, or an opened operation."""
        field = self.query_one("#filter", Input)
        if self.answer.has_focus:
            self.steps.focus()
        elif field.has_class("asking"):
            field.clear()
            field.remove_class("asking")
            self.steps.fill(list(self.level.trace))
            self.steps.show(self.step.index)
            self.steps.focus()
        elif len(self.levels) > 1:
            self.levels.pop()
            self.enter()


def run(traced: Traced, quiz: bool = False) -> None:
    """Show the screen until it is left."""
    Stepper(traced, quiz).run()
