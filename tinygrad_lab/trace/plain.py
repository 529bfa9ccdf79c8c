"""The rules' LaTeX in plain characters, for a terminal:  \\bar x = (1 - y^2) \\, \\bar y  ->  x̄ = (1 - y²) ȳ."""

import re
import unicodedata

SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "infty": "∞", "partial": "∂", "nabla": "∇", "top": "⊤",
    "sum": "Σ", "prod": "Π", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "in": "∈", "ni": "∋",
    "notin": "∉", "sim": "~", "approx": "≈", "equiv": "≡", "times": "×", "cdot": "·", "odot": "⊙", "otimes": "⊗",
    "oplus": "⊕", "circ": "∘", "star": "⋆", "pm": "±", "neg": "¬", "lnot": "¬", "land": "∧", "lor": "∨", "to": "→",
    "rightarrow": "→", "leftarrow": "←", "gets": "←", "mid": "|", "lVert": "‖", "rVert": "‖", "lvert": "|",
    "rvert": "|", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "dots": "…",
    "ldots": "…", "cdots": "⋯", "colon": ":", "#": "#", "{": "{", "}": "}", "%": "%", "&": "&", "_": "_", "|": "‖",
}  # fmt: skip
FUNCTIONS = ("arccos", "arcsin", "arctan", "argmax", "argmin", "cos", "cosh", "det", "diag", "erf", "exp", "ln", "log",
             "max", "min", "sin", "sinh", "tan", "tanh")  # fmt: skip
SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": "\u2003", "qquad": "\u2003\u2003", "\\": "\n"}
ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
SILENT = ("big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "left", "right", "textstyle", "displaystyle",
          "limits", "nolimits")  # fmt: skip
UPRIGHT = ("text", "mathrm", "mathbf", "mathcal", "mathbb", "operatorname", "mathrel", "mathit", "boldsymbol")
HIGH = str.maketrans("0123456789+-=()abcdefghijklmnoprstuvwxyz⊤β", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵝ")
LOW = str.maketrans("0123456789+-=()aehijklmnoprstuvxβ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦ")
HALVES = {"1/2": "½", "1/3": "⅓", "2/3": "⅔", "1/4": "¼", "3/4": "¾"}
TOKEN = re.compile(r"\\begin\{pmatrix\}|\\end\{pmatrix\}|\\[A-Za-z]+|\\.|[ ]+|.", re.S)
PIECES = {*SYMBOLS, *FUNCTIONS, *SPACES, *ACCENTS, *SILENT, *UPRIGHT, "frac", "tfrac", "dfrac", "sqrt", "overline"}


def plain(latex: str) -> str:
    """Write one line of characters for each line of LaTeX. A command that is not known stands there
    by its name.
    """
    text = _Reader(TOKEN.findall(latex)).until(None)
    for spaces, kept in ((r" +", " "), (r" *\n *", "\n"), (r" *\u2003 *", "   "), (r" (?=[²³⁴;])", "")):
        text = re.sub(spaces, kept, text)
    return unicodedata.normalize("NFC", text.strip())  # one character for ȳ where Unicode has one


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0

    def until(self, end: str | None) -> str:
        """Everything up to the token ``end``, which is taken too."""
        parts = []
        while self.place < len(self.tokens) and self.tokens[self.place] != end:
            parts.append(self.item())
        self.place += 1
        return "".join(parts)

    def item(self) -> str:
        """The next symbol, command with its arguments, or group."""
        token = self.tokens[self.place]
        self.place += 1
        if token == "{":
            return self.until("}")
        if token in "^_":
            return _shifted(self.argument(), *((HIGH, "^") if token == "^" else (LOW, "_")))
        if token == r"\begin{pmatrix}":
            return "[" + self.until(r"\end{pmatrix}").replace("\n", ";").strip() + "]"
        if token == "&":
            return " "
        return self.command(token[1:]) if token.startswith("\\") else token

    def argument(self) -> str:
        """What a command takes: the next item that is no space."""
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1
        return self.item() if self.place < len(self.tokens) else ""

    def command(self, name: str) -> str:
        if name in ("frac", "tfrac", "dfrac"):
            fraction = f"{_factor(self.argument())}/{_factor(self.argument())}"
            return HALVES.get(fraction, fraction)
        if name == "sqrt":
            return "√" + _factor(self.argument())
        if name == "overline":  # the rules write it for a mean, and a bar for a gradient
            return f"mean({self.argument()})"
        if name in ACCENTS:
            return self.argument() + ACCENTS[name]
        if name in UPRIGHT:
            return self.argument()
        if name in FUNCTIONS:
            return f" {name} "
        return "" if name in SILENT else SPACES.get(name, SYMBOLS.get(name, name))


def _shifted(text: str, alphabet: dict[int, int], mark: str) -> str:
    """Small raised or lowered characters where there are all of them, else in parentheses."""
    text = text.strip()
    small = text.translate(alphabet)
    if all(character != other for character, other in zip(text, small, strict=True)):
        return small
    return mark + (text if len(text) == 1 or re.fullmatch(r"\[.*\]", text) else f"({text})")


def _factor(text: str) -> str:
    """In parentheses if it is more than one thing."""
    text = text.strip()
    return text if re.fullmatch(r"[\w.√]+[\u0300-\u036f]?|\w[₀-₉ₐ-ₜᵢ]+", text) else f"({text})"
