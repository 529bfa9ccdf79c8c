"""Modules behave as torch's: names and order of the state, attributes, modes; loading is all or nothing."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.tensor import Tensor


class Engine:
    """The engine's names for what the nets below need."""

    Module = Module

    @staticmethod
    def parameter(*shape: int) -> Parameter:
        return Parameter(np.zeros(shape, np.float32))

    @staticmethod
    def tensor(*shape: int) -> Tensor:
        return Tensor(np.zeros(shape, np.float32))


class Torch:
    Module = torch.nn.Module

    @staticmethod
    def parameter(*shape: int) -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.zeros(shape))

    @staticmethod
    def tensor(*shape: int) -> torch.Tensor:
        return torch.zeros(shape)


def leaf(side: Any, bias: bool = True) -> Any:
    class Leaf(side.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", side.tensor(3))
            self.weight = side.parameter(3, 2)
            if bias:
                self.bias = side.parameter(3)
            else:
                self.register_parameter("bias", None)
            self.register_buffer("cache", side.tensor(1), persistent=False)
            self.register_buffer("nothing", None)

    return Leaf()


def nested(side: Any) -> Any:
    """Everything that decides names and order: nesting, sharing, tying, replacing, deleting, late assignment."""

    class Tree(side.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left = leaf(side)
            self.scale = side.parameter(1)
            self.right = leaf(side, bias=False)
            self.shared = self.left
            self.right.tied = self.left.weight
            self.left.weight = self.left.weight  # assigned again: keeps its place
            self.right.mean = side.tensor(3)
            self.gone = leaf(side)
            self.absent = leaf(side)
            self.left.extra = side.parameter(2)

    class Root(side.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tree = Tree()
            self.first = side.parameter(4)

    root = Root()
    del root.tree.gone
    root.tree.absent = None
    root.tree.right.weight = None
    root.tree.right.weight = side.parameter(3, 2)
    del root.tree.left.bias
    root.tree.left.bias = side.parameter(3)
    return root


def names_of(root: Any) -> dict[str, list[str]]:
    return {
        "state": list(root.state_dict()),
        "parameters": [name for name, _ in root.named_parameters()],
        "buffers": [name for name, _ in root.named_buffers()],
        "modules": [name for name, _ in root.named_modules()],
        "children": [name for name, _ in root.tree.right.named_children()],
    }


def test_names_and_their_order_are_torchs() -> None:
    assert names_of(nested(Engine)) == names_of(nested(Torch))


def test_repr_is_torchs() -> None:
    def described(side: Any) -> Any:
        class Inner(side.Module):
            def extra_repr(self) -> str:
                return "width=3"

        class Outer(side.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = Inner()
                self.plain = side.Module()

        class Both(Outer):
            def __init__(self) -> None:
                super().__init__()
                self.outer = Outer()

            def extra_repr(self) -> str:
                return "depth=2"

        return Both()

    assert repr(described(Engine)) == repr(described(Torch))


# ---- attributes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [Parameter([1.0]), Module(), 3])
def test_assignment_before_init_is_refused(value: object) -> None:
    class Early(Module):
        def __init__(self) -> None:
            self.width = value

    with pytest.raises(AttributeError, match=r"Early: call super\(\).__init__\(\) before assigning 'width'"):
        Early()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("weight", Tensor([1.0]), "Parameter"), ("weight", 3, "Parameter"), ("mean", 3, "Tensor"), ("child", 3, "Module")],
)
def test_a_registered_name_refuses_another_kind(name: str, value: object, kind: str) -> None:
    module = leaf(Engine)
    module.child = leaf(Engine)
    before = list(module.state_dict())
    with pytest.raises(TypeError, match=rf"Leaf\.{name} must stay a {kind}, got {type(value).__name__}.*del {name}"):
        setattr(module, name, value)
    assert list(module.state_dict()) == before
    delattr(module, name)
    setattr(module, name, value)
    assert getattr(module, name) is value
    assert name not in module.state_dict()


def test_a_parameter_or_module_replaces_anything() -> None:
    module = leaf(Engine)
    module.mean = Parameter([1.0])
    assert [name for name, _ in module.named_parameters()] == ["weight", "bias", "mean"]
    assert "mean" not in dict(module.named_buffers())
    module.weight = leaf(Engine)
    assert [name for name, _ in module.named_children()] == ["weight"]
    assert "weight" not in dict(module.named_parameters())


def test_deleted_attributes_are_gone() -> None:
    module = leaf(Engine)
    del module.weight
    assert not hasattr(module, "weight")
    with pytest.raises(AttributeError, match="weight"):
        del module.weight


def test_register_buffer_does_not_hide_an_attribute() -> None:
    module = leaf(Engine)
    with pytest.raises(KeyError, match="Leaf already has an attribute 'weight'"):
        module.register_buffer("weight", Tensor([1.0]))
    module.register_buffer("cache", Tensor([1.0]))  # again, now as part of the state
    assert "cache" in module.state_dict()


def test_deep_copies_are_independent() -> None:
    root = nested(Engine)
    other = copy.deepcopy(root)
    assert other.tree.right.tied is other.tree.left.weight
    other.tree.left.weight._data[...] = 1
    assert not root.tree.left.weight.numpy().any()
    assert other.state_dict()["tree.right.tied"].all()


# ---- state ----------------------------------------------------------------------------------------------------------


def test_state_dict_shows_the_live_values_read_only() -> None:
    module = leaf(Engine)
    state = module.state_dict()
    module.weight._data[...] = 5
    assert (state["weight"] == 5).all()
    with pytest.raises(ValueError, match="read-only"):
        state["weight"][...] = 1


def test_load_state_dict_copies_in_place_and_is_counted() -> None:
    module = leaf(Engine)
    array, version = module.weight._data, module.weight._version[0]
    given = {name: np.full(a.shape, 2.0) for name, a in module.state_dict().items()}
    module.load_state_dict(given)
    assert module.weight._data is array
    assert module.weight.dtype == np.float32
    assert module.weight._version[0] > version
    assert (array == 2).all()
    assert (module.mean.numpy() == 2).all()
    given["weight"][...] = 7
    assert (array == 2).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weight": None, "mean": None}, KeyError, r"missing \['weight', 'mean'\], unexpected \[\]"),
        ({"more": np.ones(1), "bais": np.ones(3)}, KeyError, r"missing \[\], unexpected \['more', 'bais'\]"),
        ({"bias": np.ones(4)}, ValueError, r"bias has shape \(4,\), the model needs \(3,\)"),
        ({"mean": np.ones((3, 1))}, ValueError, r"mean has shape \(3, 1\), the model needs \(3,\)"),
        ({"mean": np.ones(3, complex)}, ValueError, "mean is complex128, the model needs float32"),
    ],
)
def test_loading_is_all_or_nothing(change: dict, error: type[Exception], message: str) -> None:
    module = leaf(Engine)
    given = {name: np.ones(a.shape) for name, a in module.state_dict().items()} | change
    given = {name: array for name, array in given.items() if array is not None}
    with pytest.raises(error, match=message):
        module.load_state_dict(given)
    assert not any(array.any() for array in module.state_dict().values())


def test_loading_not_strictly_takes_what_there_is() -> None:
    module = leaf(Engine)
    module.load_state_dict({"bias": np.ones(3), "elsewhere": np.ones(9)}, strict=False)
    assert module.bias.tolist() == [1, 1, 1]
    assert not module.weight.numpy().any()


def test_loading_returns_what_was_missing_and_unexpected_as_torch_does() -> None:
    ours, theirs = leaf(Engine), leaf(Torch)
    given = {"bias": np.ones(3, np.float32), "elsewhere": np.ones(9, np.float32)}
    mine = ours.load_state_dict(given, strict=False)
    other = theirs.load_state_dict({name: torch.tensor(array) for name, array in given.items()}, strict=False)
    assert (mine.missing_keys, mine.unexpected_keys) == (other.missing_keys, other.unexpected_keys)
    missing, unexpected = ours.load_state_dict(ours.state_dict())
    assert (missing, unexpected) == ([], [])


# ---- the tree -------------------------------------------------------------------------------------------------------


def test_modules_and_parameters_are_found_by_their_dotted_names() -> None:
    root = nested(Engine)
    for name, module in root.named_modules():
        assert root.get_submodule(name) is module
    for name, parameter in root.named_parameters():
        assert root.get_parameter(name) is parameter
    with pytest.raises(AttributeError, match=r"get_submodule: tree has no module 'middle', it has \['left', "):
        root.get_submodule("tree.middle.weight")
    with pytest.raises(AttributeError, match=r"get_parameter: tree\.left has no parameter 'wieght', it has"):
        root.get_parameter("tree.left.wieght")


def test_apply_visits_children_before_their_parent_as_in_torch() -> None:
    seen: dict[str, list[str]] = {}
    for side, root in (("ours", nested(Engine)), ("theirs", nested(Torch))):
        order: list[str] = []
        assert root.apply(lambda module, order=order: order.append(type(module).__name__)) is root
        seen[side] = order
    assert seen["ours"] == seen["theirs"]


# ---- modes ----------------------------------------------------------------------------------------------------------


def test_train_and_eval_reach_all_below() -> None:
    root = nested(Engine)
    assert root.eval() is root
    assert not any(module.training for module in root.modules())
    root.tree.train()
    assert [module.training for module in root.modules()] == [False, True, True, True]


def test_to_converts_all_but_integers_and_keeps_ties() -> None:
    root = nested(Engine)
    root.register_buffer("count", Tensor(np.array(3)))
    root.first.grad = from_numpy(np.ones(4, np.float32))
    assert root.to(np.float64) is root
    assert {str(a.dtype) for name, a in root.state_dict().items() if name != "count"} == {"float64"}
    assert root.count.dtype == np.int64
    assert root.first.grad.dtype == np.float64
    assert root.tree.left.cache.dtype == np.float64
    assert root.tree.right.tied is root.tree.left.weight
    assert root.float().first.dtype == np.float32
    assert root.double().first.dtype == np.float64
    with pytest.raises(TypeError, match="dtype must be floating point, got int32"):
        root.to(np.int32)


def test_freezing_and_forgetting_gradients() -> None:
    module = leaf(Engine).requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    module.requires_grad_()
    assert all(parameter.requires_grad for parameter in module.parameters())
    module.weight.grad = from_numpy(np.ones((3, 2), np.float32))
    module.zero_grad()
    assert module.weight.grad is None


def test_forward_hooks_see_arguments_and_output_until_removed() -> None:
    class Double(Module):
        def forward(self, x: int, by: int = 2) -> int:
            return x * by

    seen: list[tuple] = []
    module = Double()
    handles = [module.register_forward_hook(lambda *call, n=n: seen.append((n, *call))) for n in (1, 2)]
    assert module(3, by=4) == 12
    assert seen == [(1, module, (3,), 12), (2, module, (3,), 12)]
    handles[0].remove()
    handles[0].remove()
    module(1)
    assert seen[2:] == [(2, module, (1,), 2)]


def test_a_hook_may_remove_itself() -> None:
    class Identity(Module):
        def forward(self, x: int) -> int:
            return x

    module, seen = Identity(), []
    handle = module.register_forward_hook(lambda *_: (seen.append("once"), handle.remove())[0])
    module.register_forward_hook(lambda *_: seen.append("always"))
    module(1)
    module(1)
    assert seen == ["once", "always", "always"]


def test_a_module_without_forward() -> None:
    with pytest.raises(TypeError, match=r"Module defines no forward\(\)"):
        Module()(1)


def test_what_a_hook_returns_replaces_the_output_for_the_next_hook_too() -> None:
    class Double(Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    module, seen = Double(), []
    module.register_forward_hook(lambda _module, _args, output: output + 1)
    module.register_forward_hook(lambda _module, _args, output: seen.append(output.item()))  # returns None
    x = Tensor([3.0], requires_grad=True)
    module(x).backward()
    assert seen == [7.0]
    assert module(x).item() == 7.0
    assert x.grad.tolist() == [2.0]


def test_gradients_can_be_zeroed_in_place() -> None:
    module = leaf(Engine)
    module.weight.grad = gradient = from_numpy(np.ones(module.weight.shape, np.float32))
    module.zero_grad(set_to_none=False)
    assert module.weight.grad is gradient
    assert not gradient.numpy().any()
    assert module.bias.grad is None
    module.zero_grad()
    assert module.weight.grad is None


def test_a_module_is_on_the_cpu_already() -> None:
    module = leaf(Engine)
    assert module.to("cpu") is module
    assert module.to("cpu", np.float64).weight.dtype == np.float64
    assert module.to(device="cpu", dtype=np.float32).cpu().weight.dtype == np.float32
    with pytest.raises(ValueError, match="device must be 'cpu', got 'cuda'"):
        module.to(device="cuda")


def test_a_handle_takes_off_its_own_hook_only() -> None:
    class Same(Module):
        def forward(self, x: int) -> int:
            return x

    module, seen = Same(), []
    first, second = (module.register_forward_hook(lambda *call: seen.append(1)) for _ in range(2))
    hook = module._hooks[0]
    third = module.register_forward_hook(hook)
    third.remove()
    third.remove()
    module(1)
    assert len(seen) == 2
    first.remove()
    second.remove()
    module(1)
    assert len(seen) == 2
