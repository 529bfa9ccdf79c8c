"""The tree of steps: modules in the order of their steps, a filter over it."""

from tinygrad_lab.lab.stepping.outline import Branch, branches, forward_of, matching, outline, walk
from tinygrad_lab.lab.stepping.target import trace_target


def test_lone_branches_join_their_parent() -> None:
    steps = matching(trace_target("transformer").trace, "decoder.layers.1.self_attn.out_proj forward linear")
    (branch,) = branches(steps)
    assert isinstance(branch, Branch)
    assert (branch.name, branch.count, branch.children) == ("decoder.layers.1.self_attn.out_proj", 1, steps)


def test_every_step_is_there_once_in_order_with_its_module() -> None:
    trace = trace_target("seq2seq_attention").trace
    path: list[str] = []
    found = []
    for depth, item in walk(outline(list(trace))):
        del path[depth:]
        if isinstance(item, Branch):
            path.append(item.name)
            assert item.count == sum(not isinstance(inner, Branch) for _, inner in walk(item.children))
        else:
            assert ".".join(path[1:]) == forward_of(item).module
            found.append(item.index)
    assert found == list(range(len(trace)))


def test_a_filter_looks_at_operations_modules_phases_and_values() -> None:
    trace = trace_target("lenet").trace
    assert [step.index for step in matching(trace, "C3 conv")] == [15, 83]
    assert [step.index for step in matching(trace, "c1.weight forward")] == [0]
    assert matching(trace, "") == list(trace)
    assert matching(trace, "nothing of the kind") == []
