"""How a quiz in the terminal goes: which questions were asked, and how many tries each one took."""

from dataclasses import dataclass, field


@dataclass
class Score:
    """Counts answers.

    Attributes:
        answers: by the place of a question, as a reader calls it: whether it was answered right at once.
        tries: how often the open question has been tried.
    """

    answers: dict[str, bool] = field(default_factory=dict)
    tries: int = 0

    def wrong(self) -> None:
        """Count an answer that was a number, but not the right one."""
        self.tries += 1

    def settled(self, place: str, shown: bool) -> None:
        """Count a question that is over: answered, or shown."""
        self.answers[place] = self.tries == 0 and not shown
        self.tries = 0

    def so_far(self) -> str:
        """Say in a few words how it stands."""
        return f"{sum(self.answers.values())} of {len(self.answers)} at once" if self.answers else ""

    def closing(self) -> str:
        """The score, and what to look at again."""
        again = [place for place, right in self.answers.items() if not right]
        return f"The quiz is over: {self.so_far()}." + (f" Look at these again: {', '.join(again)}." if again else "")
