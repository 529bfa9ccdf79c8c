"""Products of matrices: matmul, the linear layer, and LoRA's."""
# mypy: allow-untyped-defs, allow-untyped-calls

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- matmul --------------------------------------------------------------------------------------


def matmul(a, b):
    """c = a b, the product of two matrices.    a (I, J), b (J, K) -> c (I, K)

    backward(dy) gets the gradient by c, (I, K), and returns da (I, J) and db (J, K).
    """
    c = a @ b

    def backward(dy):
        da = dy @ b.T
        db = a.T @ dy
        return da, db

    return c, backward


def matmul_cases(draw):
    yield Case("(2, 3) by (3, 4)", {"a": draw.normal(2, 3), "b": draw.normal(3, 4)})
    yield Case("square matrices", {"a": draw.normal(3, 3), "b": draw.normal(3, 3)})
    yield Case("a row by a matrix", {"a": draw.normal(1, 4), "b": draw.normal(4, 2)})
    yield Case("a column by a row", {"a": draw.normal(3, 1), "b": draw.normal(1, 2)})


MATMUL = Exercise(
    matmul,
    "matmul: the product that all the time is spent in",
    "Baydin et al. 2018, Automatic Differentiation in Machine Learning, section 3.2, with "
    "matrices.",
    ("a", "b"),
    matmul_cases,
    (
        Slip("da = dy @ b.T", "da = dy @ b",
             "You did not transpose b: da_ij = Σ_k dc_ik b_jk runs along b's rows, so it is dc "
             "bᵀ."),
        Slip("db = a.T @ dy", "db = a @ dy",
             "You did not transpose a: db_jk = Σ_i a_ij dc_ik runs along a's columns, so it is aᵀ "
             "dc."),
        Slip("da = dy @ b.T", "da = b.T @ dy",
             "You put the factors in the wrong order: b stood on the right, so it stays on the "
             "right, dc bᵀ."),
        Slip("db = a.T @ dy", "db = dy @ a.T",
             "You put the factors in the wrong order: a stood on the left, so it stays on the "
             "left, aᵀ dc."),
        Slip("db = a.T @ dy", "db = dy.T @ a",
             "You have it transposed: dcᵀ a has the shape (K, J), and b is (J, K); it is aᵀ dc."),
    ),
    (
        "Write c_ik = Σ_j a_ij b_jk. Which entries of c does one a_ij reach?",
        "da_ij = Σ_k dc_ik b_jk. Now read that as a product of two matrices.",
        "Let the shapes lead: da is (I, J), made of dc (I, K) and b (J, K, once it is transposed).",
    ),
    "matmul",
    lambda functional, a, b: a @ b,
)  # fmt: skip

# ---- linear --------------------------------------------------------------------------------------


def linear(x, weight, bias):
    """y = x Wᵀ + b, a layer of neurons: each row of the weight is one.    x (N, I), W (O, I), b (O,) -> y (N, O)

    backward(dy) gets dy (N, O) and returns dx (N, I), dweight (O, I) and dbias (O,).
    """
    y = x @ weight.T + bias

    def backward(dy):
        dx = dy @ weight
        dweight = dy.T @ x
        dbias = dy.sum(axis=0)
        return dx, dweight, dbias

    return y, backward


def linear_cases(draw):
    def layer(n, i, o):
        return {"x": draw.normal(n, i), "weight": draw.normal(o, i), "bias": draw.normal(o)}

    yield Case("four rows, 3 features to 2", layer(4, 3, 2))
    yield Case("all sizes alike", layer(3, 3, 3))
    yield Case("one row", layer(1, 3, 2))
    yield Case("one neuron", layer(4, 3, 1))


LINEAR = Exercise(
    linear,
    "linear: a layer's two products and one sum",
    "Rumelhart, Hinton, Williams 1986; here as torch.nn.functional.linear has it.",
    ("x", "weight", "bias"),
    linear_cases,
    (
        Slip("dx = dy @ weight", "dx = dy @ weight.T",
             "You transposed the weight once too often: forwards it is x Wᵀ, so backwards it is "
             "dy W."),
        Slip("dweight = dy.T @ x", "dweight = x.T @ dy",
             "You have the weight's gradient transposed: W is (O, I), so its gradient is dyᵀ x, "
             "not xᵀ dy."),
        Slip("dweight = dy.T @ x", "dweight = dy.T @ x / len(x)",
             "You divided by the number of rows: that belongs to the mean in the loss, and is in "
             "dy already."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy",
             "You forgot the sum over the rows: the bias was used once for every row, and each "
             "use sends a gradient."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.sum(axis=1)",
             "You summed over the wrong axis: the bias was copied along the rows (axis 0), so sum "
             "along them."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.sum()",
             "You summed over everything: each neuron has a bias of its own, so sum over the rows "
             "only (axis 0)."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.mean(axis=0)",
             "You took the mean over the rows: contributions of several uses add up, nothing "
             "divides them."),
    ),
    (
        "It is a matmul by Wᵀ and an add_bias: solve those two first.",
        "dx has x's shape (N, I): which product of dy (N, O) and W (O, I) has it?",
        "dweight (O, I) is made of dy and x, dy transposed; dbias is dy summed over the rows.",
    ),
    "linear",
    lambda functional, x, weight, bias: functional.linear(x, weight, bias),
)  # fmt: skip

# ---- lora ----------------------------------------------------------------------------------------


def lora(x, weight, A, B, scaling):
    """h = x W0ᵀ + s (x Aᵀ) Bᵀ: a frozen weight and an update of low rank.

    x (N, K), W0 (D, K), A (r, K), B (D, r), s a number -> h (N, D)

    W0 is frozen: backward(dy) gets dy (N, D) and returns dx (N, K), dA (r, K) and dB (D, r) only.
    """
    low = x @ A.T
    h = x @ weight.T + scaling * (low @ B.T)

    def backward(dy):
        dlow = scaling * (dy @ B)
        dB = scaling * (dy.T @ low)
        dA = dlow.T @ x
        dx = dy @ weight + dlow @ A
        return dx, dA, dB

    return h, backward


def lora_cases(draw):
    def layer(n, k, d, r, scaling=2.0):
        return {"x": draw.normal(n, k), "weight": draw.normal(d, k), "A": draw.normal(r, k),
                "B": draw.normal(d, r), "scaling": scaling}  # fmt: skip

    yield Case("five rows, rank 2", layer(5, 4, 3, 2))
    yield Case("all sizes alike", layer(3, 3, 3, 3))
    yield Case("rank 1", layer(3, 4, 3, 1, 8.0))
    yield Case("the update at its start, B = 0", {**layer(3, 4, 3, 2), "B": 0 * draw.normal(3, 2)})


LORA = Exercise(
    lora,
    "LoRA's linear layer: two ways through, one of them frozen",
    "Hu et al. 2021, LoRA, section 4.1.",
    ("x", "A", "B"),
    lora_cases,
    (
        Slip("dx = dy @ weight + dlow @ A", "dx = dy @ weight",
             "You sent dx back through the frozen weight only: x goes through A and B as well, "
             "and both ways add up."),
        Slip("dx = dy @ weight + dlow @ A", "dx = dlow @ A",
             "You left out the frozen weight in dx: frozen means that W0 gets no gradient, not "
             "that none passes."),
        Slip("dB = scaling * (dy.T @ low)", "dB = dy.T @ low",
             "You forgot the scale s in dB: the forward multiplies the update by it, so the "
             "backward does too."),
        Slip("dlow = scaling * (dy @ B)", "dlow = dy @ B",
             "You forgot the scale s on the way to A: the forward multiplies the update by it, so "
             "the backward does too."),
        Slip("dB = scaling * (dy.T @ low)", "dB = scaling * (low.T @ dy)",
             "You have dB transposed: B is (D, r), so its gradient is s dyᵀ (x Aᵀ)."),
        Slip("dA = dlow.T @ x", "dA = low.T @ x",
             "You used the forward's value where its gradient belongs: dA is dlowᵀ x, with dlow = "
             "s dy B."),
    ),
    (
        "Give x Aᵀ a name, low, and write the three gradients of the two linear layers with it.",
        "x is used twice, so dx is a sum of two terms. What comes back to low is s dy B.",
        "dB comes from dy and low, dA from dlow and x; s is in both. W0 gets nothing, and passes "
        "on dy W0.",
    ),
    "linear",
    lambda functional, x, weight, A, B, scaling: functional.linear(x, weight)
    + functional.linear(functional.linear(x, A), B) * scaling,
)  # fmt: skip
