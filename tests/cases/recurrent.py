"""Cases of tinygrad_lab.ops.lstm, ops.gru and ops.rnn: against torch's fused layers; the cell of 1997, which torch
lacks, step by step."""

from hypothesis import strategies as st

from tests.cases.case import case, in_some_layout, integers, normal, sizes
from tinygrad_lab.ops.gru import gru
from tinygrad_lab.ops.lstm import lstm, lstm_1997
from tinygrad_lab.ops.rnn import rnn


def layer(draw, blocks: int, states: int):
    """Input, initial states, weights and perhaps biases of one layer."""
    steps, batch, features, units = (draw(sizes) for _ in range(4))
    rows = blocks * units
    parameters = [normal(draw, (rows, features)), normal(draw, (rows, units))]
    if draw(st.booleans()):
        parameters += [normal(draw, (rows,)), normal(draw, (rows,))]
    initial = [normal(draw, (batch, units)) for _ in range(states)]
    return (normal(draw, (steps, batch, features)), *initial, *parameters)


def ragged(draw, args):
    """The same layer with true lengths from 1 to T."""
    steps, batch, _ = args[0].shape
    return {"lengths": in_some_layout(draw, integers(draw, (batch,), 1, steps + 1))}


def in_torch(run):
    """A twin of an operation: ``run(torch, mode, packed_or_padded, states, parameters)`` on each sequence by itself."""

    def twin(torch, input, *rest, lengths=None, reverse=False, **options):
        ends = [len(input)] * input.shape[1] if lengths is None else lengths.tolist()
        alone = [run(torch, input[:end, b : b + 1], b, reverse, *rest, **options) for b, end in enumerate(ends)]
        outputs = [torch.nn.functional.pad(out, (0, 0, 0, 0, 0, len(input) - len(out))) for out, *_ in alone]
        return torch.cat(outputs, 1), *(torch.cat(last, 0) for last in zip(*(rest for _, *rest in alone), strict=True))

    return twin


def torch_layer(name: str, states: int):
    """torch's own fused layer, which has a reverse direction only next to a forward one: so the steps are flipped."""

    def run(torch, input, b, reverse, *rest, nonlinearity="tanh"):
        initial, parameters = [state[b : b + 1][None] for state in rest[:states]], rest[states:]
        layer = getattr(torch._VF, f"{name}_{nonlinearity}" if name == "rnn" else name)
        steps = input.flip(0) if reverse else input
        settings = (len(parameters) > 2, 1, 0.0, False, False, False)
        output, *last = layer(steps, initial if states == 2 else initial[0], parameters, *settings)
        return output.flip(0) if reverse else output, *(state[0] for state in last)

    return in_torch(run)


def cell_of_1997(torch, input, b, reverse, h, c, weight_ih, weight_hh, *biases):
    """The equations of 1997 with the squashings as written there."""
    h, c, output = h[b : b + 1], c[b : b + 1], []
    for x in input.flip(0) if reverse else input:
        a = x @ weight_ih.T + h @ weight_hh.T + sum(biases)
        i, g, o = a.chunk(3, 1)
        c = c + i.sigmoid() * (4 * g.sigmoid() - 2)
        h = o.sigmoid() * (2 * c.sigmoid() - 1)
        output.append(h)
    return torch.stack(output[::-1] if reverse else output), h, c


@case(lstm, torch_layer("lstm", 2))
@case(lstm.info.definition, torch_layer("lstm", 2), name="lstm's definition")
def forget_gate(draw):
    return layer(draw, 4, 2), {"reverse": draw(st.booleans())}


@case(lstm, torch_layer("lstm", 2), name="lstm of several lengths")
def forget_gate_ragged(draw):
    args = layer(draw, 4, 2)
    return args, {"reverse": draw(st.booleans()), **ragged(draw, args)}


@case(lstm_1997, in_torch(cell_of_1997))
def no_forget_gate(draw):
    return layer(draw, 3, 2), {"reverse": draw(st.booleans())}


@case(lstm_1997, in_torch(cell_of_1997), name="lstm_1997 of several lengths")
def no_forget_gate_ragged(draw):
    args = layer(draw, 3, 2)
    return args, {"reverse": draw(st.booleans()), **ragged(draw, args)}


@case(rnn, torch_layer("rnn", 1), smooth=False)  # relu
def either_nonlinearity(draw):
    return layer(draw, 1, 1), {"reverse": draw(st.booleans()), "nonlinearity": draw(st.sampled_from(["tanh", "relu"]))}


@case(rnn, torch_layer("rnn", 1), name="rnn of several lengths")
def tanh_ragged(draw):
    args = layer(draw, 1, 1)
    return args, {"reverse": draw(st.booleans()), **ragged(draw, args)}


@case(gru, torch_layer("gru", 1))
@case(gru.info.definition, torch_layer("gru", 1), name="gru's definition")
def reset_and_update_gate(draw):
    return layer(draw, 3, 1), {"reverse": draw(st.booleans())}


@case(gru, torch_layer("gru", 1), name="gru of several lengths")
def reset_and_update_gate_ragged(draw):
    args = layer(draw, 3, 1)
    return args, {"reverse": draw(st.booleans()), **ragged(draw, args)}
