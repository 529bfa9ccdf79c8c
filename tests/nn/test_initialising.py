"""Layers draw from the generator they are given, else from the block around them, else from a fresh one."""

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest

from tinygrad_lab import Tensor, nn, random
from tinygrad_lab.nn import init
from tinygrad_lab.random import generator

LAYERS: dict[str, Callable[..., nn.Module]] = {
    "Linear": lambda **given: nn.Linear(4, 3, **given),
    "Embedding": lambda **given: nn.Embedding(4, 3, **given),
    "Conv2d": lambda **given: nn.Conv2d(2, 3, 3, **given),
    "ConvTranspose2d": lambda **given: nn.ConvTranspose2d(2, 3, 3, **given),
    "LSTM": lambda **given: nn.LSTM(4, 3, 2, **given),
    "RNN": lambda **given: nn.RNN(4, 3, **given),
    "LSTMCell": lambda **given: nn.LSTMCell(4, 3, **given),
    "MultiheadAttention": lambda **given: nn.MultiheadAttention(4, 2, **given),
}
NOISE: dict[str, Callable[..., nn.Module]] = {
    "Dropout": lambda **given: nn.Dropout(0.5, **given),
    "GaussianDropout": lambda **given: nn.GaussianDropout(0.5, **given),
}


def values(layer: nn.Module) -> list[float]:
    return [float(value) for array in layer.state_dict().values() for value in array.ravel()]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_a_block_starts_as_one_that_is_given_the_generator(name: str) -> None:
    with random.initialising(generator(3)):
        ambient = LAYERS[name]()
    assert values(ambient) == values(LAYERS[name](generator=generator(3)))


@pytest.mark.parametrize("name", LAYERS)
def test_a_generator_that_is_given_wins(name: str) -> None:
    rng = generator(3)
    before = rng.bit_generator.state
    with random.initialising(rng):
        given = LAYERS[name](generator=generator(4))
    assert values(given) == values(LAYERS[name](generator=generator(4)))
    assert repr(rng.bit_generator.state) == repr(before)  # nothing was drawn from it


@pytest.mark.parametrize("name", NOISE)
def test_noise_comes_from_the_block_a_layer_was_made_in(name: str) -> None:
    x = Tensor(np.ones(64, np.float32))
    with random.initialising(generator(3)):
        ambient = NOISE[name]()
    with random.initialising(generator(4)):  # where it runs does not matter
        noisy = ambient(x)
    assert noisy.tolist() == NOISE[name](generator=generator(3))(x).tolist()


def test_layers_of_a_block_draw_one_after_the_other() -> None:
    rng = generator(3)
    with random.initialising(generator(3)):
        pair = [nn.Linear(4, 3), nn.Linear(4, 3)]
    assert [values(layer) for layer in pair] == [values(nn.Linear(4, 3, generator=rng)) for _ in range(2)]
    assert values(pair[0]) != values(pair[1])


def test_initial_values_follow_the_block() -> None:
    with random.initialising(generator(3)):
        drawn = init.normal_(Tensor(np.empty(5, np.float32)))
    assert drawn.tolist() == init.normal_(Tensor(np.empty(5, np.float32)), generator=generator(3)).tolist()


def test_the_block_outside_is_back_after_one_inside_even_if_that_failed() -> None:
    outer, inner = generator(1), generator(2)
    with random.initialising(outer):
        with random.initialising(inner):
            assert random.ambient() is inner
        assert random.ambient() is outer
        with pytest.raises(ValueError, match="inside"), random.initialising(inner):
            raise ValueError("inside")
        assert random.ambient() is outer
    assert random.ambient() not in (outer, inner)


def test_none_keeps_the_block_outside_or_makes_one_generator_for_all() -> None:
    outer = generator(1)
    with random.initialising(outer), random.initialising(None) as chosen:
        assert chosen is outer
    with random.initialising(None) as fresh:
        assert random.ambient() is fresh
        assert nn.Dropout().generator is nn.Dropout().generator is fresh


def test_outside_of_all_blocks_two_layers_differ() -> None:
    assert values(nn.Linear(4, 3)) != values(nn.Linear(4, 3))
    assert nn.Dropout().generator is not nn.Dropout().generator


def test_a_block_is_private_to_its_thread() -> None:
    rng = generator(1)
    seen: list[np.random.Generator] = []
    with random.initialising(rng):
        other = Thread(target=lambda: seen.append(random.ambient()))
        other.start()
        other.join()
        assert random.ambient() is rng
    assert len(seen) == 1
    assert seen[0] is not rng


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_seed_is_no_generator() -> None:
    said = r"initialising: needs a generator, as random.generator\(3\) makes one, got 3"
    with pytest.raises(TypeError, match=said), random.initialising(3):  # type: ignore[arg-type]
        pass
