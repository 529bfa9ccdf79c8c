"""The backward rules that the page shows, in Python's notation and by the operations' own parameter names.

``dNAME`` is a gradient; the output is y, or z where a parameter is called y.
"""

RULES = {
    "add": "dx = dz; dy = dz",
    "subtract": "dx = dz; dy = -dz",
    "multiply": "dx = dz * y; dy = dz * x",
    "divide": "dx = dz / y; dy = -dz * z / y",
    "power": "dx = dz * y * x**(y - 1); dy = dz * z * log(x)",
    "negative": "dx = -dz",
    "maximum": "dx = dz * ((x > y) + (x == y) / 2); dy = dz * ((y > x) + (x == y) / 2)",
    "minimum": "dx = dz * ((x < y) + (x == y) / 2); dy = dz * ((y < x) + (x == y) / 2)",
    "relu": "dinput = (input > 0) * dy",
    "leaky_relu": "dinput = where(input > 0, 1, negative_slope) * dy",
    "sigmoid": "dinput = y * (1 - y) * dy",
    "tanh": "dinput = (1 - y**2) * dy",
    "gelu": "dinput = (normal_cdf(input) + input * normal_pdf(input)) * dy",
    "silu": "s = sigmoid(input); dinput = (s + input * s * (1 - s)) * dy",
    "softplus": "dinput = sigmoid(beta * input) * dy",
    "exp": "dx = dz * z",
    "log": "dx = dz / x",
    "sqrt": "dx = dz / (2 * z)",
    "sin": "dx = dz * cos(x)",
    "cos": "dx = -dz * sin(x)",
    "abs": "dx = dz * sign(x)",
    "square": "dx = 2 * dz * x",
    "sum": "dinput = expand(dy)",
    "mean": "dinput = expand(dy) / count",
    "amax": "dinput = expand(dy) * (input == y) / sum(input == y)",
    "amin": "dinput = expand(dy) * (input == y) / sum(input == y)",
    "norm": "dinput = dy * input / y",
    "softmax": "dinput = y * (dy - sum(dy * y, dim))",
    "log_softmax": "dinput = dy - exp(y) * sum(dy, dim)",
    "matmul": "dinput = dy @ other.T; dother = input.T @ dy",
    "transpose": "dinput = dy.T",
    "linear": "dinput = dy @ weight; dweight = dy.T @ input; dbias = sum(dy, 0)",
    "mse_loss": "dinput = 2 * (input - target) / count * dy; dtarget = -dinput",
    "cross_entropy": "p = softmax(input); dinput = (p - onehot(target)) / count * dy",
}


def rules() -> dict[str, str]:
    """Return the rule of each operation that expressions have."""
    return RULES
