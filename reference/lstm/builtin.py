"""The same network with torch's own recurrent modules where it has them, for benchmarks and as a witness in tests."""

from torch import Tensor, nn

from .config import LSTMConfig
from .model import LSTM, RNN, Network, State
from .model import build as build_written_out


class TorchRNN(nn.RNN):
    """``nn.RNN`` with its one state in a tuple, as our layers have theirs."""

    def forward(  # type: ignore[override]
        self, sequence: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        output, h = super().forward(sequence, state[0] if state else None)
        return output, (h,)


def build(config: LSTMConfig) -> Network:
    """The network of ``config``, its layers torch.nn's with the same parameters; the cell of 1997 stays written out.

    The state of torch's layers has one more axis, of size 1; the network hands it through without looking.
    """
    network = build_written_out(config)
    for position, layer in enumerate(network.layers):
        if isinstance(layer, LSTM | RNN):
            module = nn.LSTM if isinstance(layer, LSTM) else TorchRNN
            torchs = module(layer.weight_ih_l0.shape[1], layer.hidden)
            torchs.load_state_dict(layer.state_dict())
            network.layers[position] = torchs
    return network
