"""The stepper in a terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Input, OptionList, Static

from tinygrad_lab.lab.stepping import drawing, quiz
from tinygrad_lab.lab.stepping.target import Traced
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
    #steps { width: 40; border: none; border-right: solid $panel; }
    #title { padding: 0 1; background: $panel; width: 1fr; }
    #graph, #rule, #tensors, #source, #heading { padding: 0 2; margin-bottom: 1; height: auto; }
    #quiz { display: none; padding: 0 2; height: auto; border-top: solid $accent; }
    #answer { border: none; height: 1; padding: 0; background: $panel; }
    #quiz.asking { display: block; }
    #said { padding: 0 2; color: $accent; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "move(1)", "next", priority=True),  # also while an answer is asked for
        Binding("left", "move(-1)", "back", priority=True),
        Binding("space", "play", "play"),
        Binding("home", "jump(0)", "first", show=False),
        Binding("end", "jump(-1)", "last", show=False),
        Binding("o", "open", "open"),
        Binding("escape", "close", "out"),
        Binding("q", "quit", "quit"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, traced: Traced, quiz: bool = False) -> None:
        super().__init__()
        self.levels = [Level(traced.trace, traced.title)]
        self.sources: Mapping[str, str] = traced.sources
        self.asking = quiz
        self.answered: dict[int, int] = {}  # by id of a backward step: how many of its contributions are known
        self.playing: Timer | None = None

    def compose(self) -> Iterator[Widget]:
        yield Static(id="title", markup=False)
        with Horizontal():
            yield OptionList(id="steps", markup=False)
            with VerticalScroll(can_focus=False):
                for part in ("heading", "graph", "rule", "source", "tensors"):
                    yield Static(id=part, markup=False)
        with Vertical(id="quiz"):
            yield Static(id="question", markup=False)
            yield Input(id="answer", placeholder="a number; empty to be shown")
        yield Static(id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.enter()
        if self.asking and not self.question():
            self.say("→ goes on. On the way back you are asked for each gradient.")

    # ---- where one is -----------------------------------------------------------------------------------------------
    @property
    def level(self) -> Level:
        return self.levels[-1]

    @property
    def step(self) -> drawing.Step:
        return self.level.trace[self.level.position]

    @property
    def hidden(self) -> frozenset[int]:
        """Which contributions of the current step have not been answered yet."""
        if not self.asking or not isinstance(self.step, Backward):
            return frozenset()
        return frozenset(range(self.answered.get(id(self.step), 0), len(self.step.contributions)))

    def enter(self) -> None:
        """Show another trace: its list of steps, and the step one was at."""
        steps = self.query_one("#steps", OptionList)
        steps.clear_options()
        steps.add_options([_entry(step) for step in self.level.trace])
        steps.highlighted = self.level.position
        self.show()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index != self.level.position and event.option_index < len(self.level.trace):
            self.level.position = event.option_index
            self.say("")
            self.show()

    def show(self) -> None:
        """Draw the current step."""
        step, hidden = self.step, self.hidden
        way = " › ".join(level.title for level in self.levels)
        self.query_one("#title", Static).update(f"{way}    {step.index + 1} / {len(self.level.trace)}")
        self.query_one("#heading", Static).update(drawing.heading(step))
        self.query_one("#graph", Static).update(drawing.graph(step, self.level.trace, hidden))
        self.query_one("#rule", Static).update(drawing.rule(step, hidden))
        self.query_one("#tensors", Static).update(drawing.tensors(step, hidden))
        self.query_one("#source", Static).update(drawing.source(step, self.sources))
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
        if asked is None:
            self.query_one("#steps").focus()
            return
        self.stop()
        self.query_one("#question", Static).update(asked.text)
        self.query_one("#answer", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        asked = self.question()
        if asked is None:
            return
        text = event.value.strip()
        judged = quiz.judge(asked, text) if text else quiz.Judgement(True, f"It is {asked.answer:.4g}.")
        self.say(judged.says)
        if judged.right:
            self.answered[id(self.step)] = min(self.hidden) + 1
            event.input.clear()
            self.show()

    # ---- keys -------------------------------------------------------------------------------------------------------
    def action_move(self, by: int) -> None:
        place = self.level.position + by
        if 0 <= place < len(self.level.trace):
            self.query_one("#steps", OptionList).highlighted = place
        elif self.playing:
            self.stop()

    def action_jump(self, place: int) -> None:
        self.query_one("#steps", OptionList).highlighted = place % len(self.level.trace)

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
        forward = drawing.forward_of(self.step)
        if not can_open(forward):
            self.say(f"{forward.operation.name} is elementary, or draws random numbers: there is nothing to open.")
            return
        backward = (step for step in self.level.trace if isinstance(step, Backward) and step.forward is forward)
        incoming = next((step.incoming for step in backward), None)
        try:
            opened = inside(forward, incoming)
        except TooLargeError as error:
            self.say(str(error))
            return
        self.levels.append(Level(opened, forward.operation.name))
        self.say("")
        self.enter()

    def action_close(self) -> None:
        """Out of an opened operation; out of the answer, to move on without one."""
        if self.query_one("#answer").has_focus:
            self.query_one("#steps").focus()
        elif len(self.levels) > 1:
            self.levels.pop()
            self.enter()


def _entry(step: drawing.Step) -> Text:
    """A step in the list: its number, which way it goes, its operation and its module."""
    arrow = "←" if isinstance(step, Backward) else "→"
    return Text.assemble(f"{step.index:4d} {arrow} {step.operation.name} ", (drawing.forward_of(step).module, "dim"))


def run(traced: Traced, quiz: bool = False) -> None:
    """Show the screen until it is left."""
    Stepper(traced, quiz).run()
