"""The steps as a tree in the terminal: modules and operations, forwards and backwards."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from tinygrad_lab.lab.stepping.outline import Branch, Step, outline
from tinygrad_lab.trace import Backward

SMALL = 60  # steps of a tree that is open from the start


class StepTree(Tree[int], inherit_bindings=False):
    """A tree whose leaves are steps, known by their index."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "up", show=False),
        Binding("down", "cursor_down", "down", show=False),
        Binding("pageup", "page_up", "page up", show=False),
        Binding("pagedown", "page_down", "page down", show=False),
        Binding("enter", "select_cursor", "fold"),
    ]

    def __init__(self, id: str) -> None:
        super().__init__("steps", id=id)
        self.show_root = False
        self.guide_depth = 2
        self.leaves: dict[int, TreeNode[int]] = {}

    def fill(self, steps: Sequence[Step], all_open: bool = False) -> None:
        """Show these steps: those of a trace, or those that a filter left."""
        self.clear()
        self.leaves = {}
        for branch in outline(steps):
            self._add(self.root, branch, all_open or len(steps) <= SMALL).expand()

    def _add(self, parent: TreeNode[int], branch: Branch, all_open: bool) -> TreeNode[int]:
        node = parent.add(Text.assemble(branch.name, (f" {branch.count}", "dim")), expand=all_open)
        for child in branch.children:
            if isinstance(child, Branch):
                self._add(node, child, all_open)
            else:
                self.leaves[child.index] = node.add_leaf(_entry(child), child.index)
        return node

    def show(self, index: int) -> None:
        """Open the branches above a step and put the cursor on it; a step that was filtered out is not there."""
        leaf = self.leaves.get(index)
        if leaf is None:
            return
        parent = leaf.parent
        while parent is not None:
            parent.expand()
            parent = parent.parent
        if self.last_line >= 0:  # which lays the lines out anew
            self.move_cursor(leaf)
        self.call_after_refresh(self.scroll_to_node, leaf)


def _entry(step: Step) -> Text:
    """Write a step's number, which way it goes, and its operation."""
    return Text(f"{step.index + 1:4d} {'←' if isinstance(step, Backward) else '→'} {step.operation.name}")
