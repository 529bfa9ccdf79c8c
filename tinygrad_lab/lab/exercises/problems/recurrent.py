"""Through time: the LSTM and the selective scan."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- lstm ----------------------------------------------------------------------------------------


def lstm(x, weight_ih, weight_hh, bias):
    """A layer of H LSTM cells over T steps, from h = c = 0.

    x (T, I), W_ih (4 H, I), W_hh (4 H, H), b (4 H,) -> y (T, H)

        a_t = W_ih x_t + W_hh h_{t-1} + b,  four blocks of H in the order i, f, g, o
        i, f, o = σ(a_i), σ(a_f), σ(a_o);  g = tanh(a_g)
        c_t = f c_{t-1} + i g,   h_t = o tanh(c_t),   y_t = h_t

    backward(dy) gets dy (T, H) and returns dx, dweight_ih, dweight_hh and dbias. ``steps`` has what each step used.
    """
    width = weight_hh.shape[1]
    h, c = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    y, steps = np.zeros((len(x), width), x.dtype), []
    for t in range(len(x)):
        a = weight_ih @ x[t] + weight_hh @ h + bias
        i, f, o = (1 / (1 + np.exp(-a[k * width : (k + 1) * width])) for k in (0, 1, 3))
        g = np.tanh(a[2 * width : 3 * width])
        h_before, c_before = h, c
        c = f * c_before + i * g
        h = o * np.tanh(c)
        y[t] = h
        steps.append((i, f, g, o, h_before, c_before, c))

    def backward(dy):
        dx, dweight_ih, dweight_hh, dbias = (np.zeros_like(each) for each in (x, weight_ih, weight_hh, bias))
        dh, dc = np.zeros(width, x.dtype), np.zeros(width, x.dtype)  # what comes from the next step
        for t in reversed(range(len(x))):
            i, f, g, o, h_before, c_before, c = steps[t]
            dh = dh + dy[t]
            dc = dc + dh * o * (1 - np.tanh(c) ** 2)
            di, df, dg, do = dc * g, dc * c_before, dc * i, dh * np.tanh(c)
            da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
            dx[t] = weight_ih.T @ da
            dweight_ih += np.outer(da, x[t])
            dweight_hh += np.outer(da, h_before)
            dbias += da
            dh = weight_hh.T @ da
            dc = dc * f
        return dx, dweight_ih, dweight_hh, dbias

    return y, backward


def lstm_cases(draw):
    def layer(t, i, h, size=1.0):
        return {"x": draw.normal(t, i), "weight_ih": size * draw.normal(4 * h, i),
                "weight_hh": size * draw.normal(4 * h, h), "bias": draw.normal(4 * h)}  # fmt: skip

    yield Case("four steps, two cells", layer(4, 3, 2))
    yield Case("one step", layer(1, 3, 2))
    yield Case("one cell that sees one number", layer(5, 1, 1))
    yield Case("as many inputs as cells, gates nearly shut or open", layer(3, 2, 2, 3.0))


def engine_lstm(functional, x, weight_ih, weight_hh, bias):
    state = x[:1, None, :1] * 0 + np.zeros((1, 1, weight_hh.shape[1]), x.dtype)
    output, _, _ = functional.lstm(x[:, None], state[0], state[0], weight_ih, weight_hh, bias)
    return output[:, 0]


def torch_lstm(torch, x, weight_ih, weight_hh, bias):
    width = weight_hh.shape[1]
    h = c = x.new_zeros(width)
    outputs = []
    for x_t in x:
        a = weight_ih @ x_t + weight_hh @ h + bias
        i, f, g, o = (a[k * width : (k + 1) * width] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs)


LSTM = Exercise(
    lstm,
    "LSTM through time: two things come back from the next step",
    "Hochreiter, Schmidhuber 1997; with the forget gate of Gers, Schmidhuber, Cummins 2000.",
    ("x", "weight_ih", "weight_hh", "bias"),
    lstm_cases,
    (
        Slip("dweight_hh += np.outer(da, h_before)", "dweight_hh = np.outer(da, h_before)",
             "You forgot to accumulate dweight_hh through time: every step used W_hh, and each "
             "use adds its gradient (+=)."),
        Slip("dweight_ih += np.outer(da, x[t])", "dweight_ih = np.outer(da, x[t])",
             "You forgot to accumulate dweight_ih through time: every step used W_ih, and each "
             "use adds its gradient (+=)."),
        Slip("dbias += da", "dbias = da",
             "You forgot to accumulate dbias through time: every step used the bias, and each use "
             "adds its gradient (+=)."),
        Slip("            dc = dc * f\n", "            dc = 0 * dc\n",
             "You dropped what comes to c from the next step: c_{t+1} = f c_t + ..., so dc goes "
             "on, times f, and adds to what h_t sends."),
        Slip("            dc = dc * f\n", "",
             "You forgot the forget gate on the way back: c_{t-1} was multiplied by f, so dc is "
             "too."),
        Slip("            dh = weight_hh.T @ da\n", "            dh = 0 * dh\n",
             "You dropped what comes to h from the next step: h_t went into its gates, so W_hhᵀ "
             "da is added to dy."),
        Slip("di, df, dg, do = dc * g, dc * c_before, dc * i, dh * np.tanh(c)",
             "df, di, dg, do = dc * g, dc * c_before, dc * i, dh * np.tanh(c)",
             "You swapped the gates i and f: i multiplied g, f multiplied c_{t-1}."),
        Slip("[di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]",
             "[di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)]",
             "You stacked the blocks in another order than i, f, g, o, in which the forward cuts "
             "them."),
        Slip("[di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]", "[di, df, dg, do]",
             "You went past the gates' nonlinearities: from i, f, o back to a there is σ' = y(1 − "
             "y), from g tanh'."),
        Slip("dg * (1 - g**2)", "dg * g * (1 - g)",
             "You used the sigmoid's slope for g: it is a tanh, with 1 − g²."),
        Slip("dh * o * (1 - np.tanh(c) ** 2)", "dh * o",
             "You went past tanh(c): h = o tanh(c), so what comes to c is multiplied by 1 − "
             "tanh²(c)."),
        Slip("dh * o * (1 - np.tanh(c) ** 2)", "dh * o * (1 - c**2)",
             "You used c instead of tanh(c): the slope of tanh is one minus the square of its "
             "output."),
        Slip("dh * np.tanh(c)", "dh * c",
             "You used c instead of tanh(c) in the output gate's gradient: h = o tanh(c)."),
        Slip("np.outer(da, h_before)", "np.outer(da, y[t])",
             "You multiplied by h_t: W_hh was multiplied by the state before the step, h_{t-1}."),
    ),
    (
        "Do one step on paper first: dh and dc come in; the gates' gradients, and dh, dc of the "
        "step before, go out.",
        "dc gets a second term from h = o tanh(c). c_t and h_t are both used by the step after: "
        "keep dh and dc in the loop, which runs backwards.",
        "Stack the four da in the order i, f, g, o; then it is a linear layer, whose weights add "
        "up over all steps.",
    ),
    "lstm",
    engine_lstm,
    torch_lstm,
)  # fmt: skip

# ---- selective scan ------------------------------------------------------------------------------


def selective_scan(u, delta, A, B, C):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t,   y_t = Σ_n C_t h_t, from h = 0.

    u, Δ (T, E), Δ positive, A (E, N), negative, B, C (T, N); states h_t (E, N) -> y (T, E)

    backward(dy) gets dy (T, E) and returns du, ddelta, dA, dB and dC. ``states`` has h before each step and, last, the
    one after all of them.
    """
    states = [np.zeros_like(A)]
    for t in range(len(u)):
        decay = np.exp(delta[t][:, None] * A)
        states.append(decay * states[-1] + (delta[t] * u[t])[:, None] * B[t])
    y = np.stack([states[t + 1] @ C[t] for t in range(len(u))])

    def backward(dy):
        du, ddelta, dA, dB, dC = (np.zeros_like(each) for each in (u, delta, A, B, C))
        dh = np.zeros_like(A)  # what comes from the next step
        for t in reversed(range(len(u))):
            decay = np.exp(delta[t][:, None] * A)
            dC[t] = dy[t] @ states[t + 1]
            dh = dh + dy[t][:, None] * C[t]
            dexponent = dh * states[t] * decay
            dwritten = dh @ B[t]
            dA += dexponent * delta[t][:, None]
            ddelta[t] = (dexponent * A).sum(axis=1) + dwritten * u[t]
            du[t] = dwritten * delta[t]
            dB[t] = (delta[t] * u[t]) @ dh
            dh = dh * decay
        return du, ddelta, dA, dB, dC

    return y, backward


def selective_scan_cases(draw):
    def scan(t, e, n, size=1.0):
        return {"u": draw.normal(t, e), "delta": size * draw.positive(t, e), "A": -draw.positive(e, n),
                "B": draw.normal(t, n), "C": draw.normal(t, n)}  # fmt: skip

    yield Case("four steps, three channels, two states", scan(4, 3, 2))
    yield Case("all sizes alike", scan(3, 3, 3))
    yield Case("one step", scan(1, 2, 3))
    yield Case("steps so long that nearly all is forgotten", scan(3, 2, 2, 8.0))


def engine_selective_scan(functional, u, delta, A, B, C):
    y, _ = functional.selective_scan(u[None], delta[None], A, B[None], C[None])
    return y[0]


def torch_selective_scan(torch, u, delta, A, B, C):
    h, rows = A * 0, []
    for t in range(len(u)):
        h = (delta[t][:, None] * A).exp() * h + (delta[t] * u[t])[:, None] * B[t]
        rows.append(h @ C[t])
    return torch.stack(rows)


SELECTIVE_SCAN = Exercise(
    selective_scan,
    "selective scan: Mamba's recurrence",
    "Gu, Dao 2023, Mamba, equation 2 and algorithm 2.",
    ("u", "delta", "A", "B", "C"),
    selective_scan_cases,
    (
        Slip("            dh = dh * decay\n", "            dh = 0 * dh\n",
             "You dropped what comes to the state from the next step: h_t went into h_{t+1}, so "
             "dh goes on, times the decay."),
        Slip("            dh = dh * decay\n", "",
             "You forgot the decay on the way back: h_{t-1} was multiplied by exp(Δ A), so dh is "
             "too."),
        Slip("dA += dexponent", "dA = dexponent",
             "You forgot to accumulate dA through time: every step used A, and each use adds its "
             "gradient (+=)."),
        Slip("(dexponent * A).sum(axis=1) + dwritten * u[t]", "(dexponent * A).sum(axis=1)",
             "You took Δ's part in the decay only: it also scales what is written, Δ B u, and "
             "both gradients add up."),
        Slip("(dexponent * A).sum(axis=1) + dwritten * u[t]", "dwritten * u[t]",
             "You took Δ's part in what is written only: it is in the exponent exp(Δ A) too, and "
             "both gradients add up."),
        Slip("dexponent = dh * states[t] * decay", "dexponent = dh * states[t]",
             "You forgot the exponential's own derivative: the decay is exp(Δ A), so its slope is "
             "the decay again."),
        Slip("dexponent = dh * states[t] * decay", "dexponent = dh * states[t + 1] * decay",
             "You multiplied by h_t: the decay acted on the state before the step, h_{t-1}."),
        Slip("dC[t] = dy[t] @ states[t + 1]", "dC[t] = dy[t] @ states[t]",
             "You multiplied by h_{t-1} in dC: C reads the state after the step, h_t."),
        Slip("du[t] = dwritten * delta[t]", "du[t] = dwritten",
             "You forgot Δ in du: what is written is Δ B u."),
    ),
    (
        "Go backwards in time and keep one thing in the loop: the whole gradient of h_t.",
        "dh_t = C_t dy_t + exp(Δ_{t+1} A) dh_{t+1}. From it everything else of the step follows.",
        "Give the exponent Δ A a gradient of its own: dh · h_{t-1} · exp(Δ A); it goes to A "
        "(summed over time) and to Δ, which is in Δ B u as well.",
    ),
    "selective_scan",
    engine_selective_scan,
    torch_selective_scan,
)  # fmt: skip
