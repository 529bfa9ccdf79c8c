"""What the study of LoRA compares: ranks and sets of matrices, and other ways to adapt a model."""

from typing import Any

RANKS = (1, 2, 4, 8, 64)  # table 6, on queries and values
DEFAULT = "r = 4"  # the arm that stands for LoRA beside the other methods
COMPARED = ("r = 8", "r = 64")  # whose subspaces figure 3 compares
# Table 5's sets of matrices, as many trained numbers each; "q, v" is DEFAULT.  The MLP, whose matrices have other
# shapes, is not in that table.  Keys and outputs alone, which no claim rests on, are left out for the time they take.
TARGETS: dict[str, dict[str, Any]] = {
    "q": {"targets": "q_proj", "rank": 8},
    "v": {"targets": "v_proj", "rank": 8},
    "q, k, v, o": {"targets": "q_proj,k_proj,v_proj,out_proj", "rank": 2},
    "MLP": {"targets": "up_proj,down_proj", "rank": 2},
}
METHODS = ("full", "bias", "head")  # that are not LoRA
ARMS: dict[str, dict[str, Any]] = {
    **{method: {} for method in METHODS},
    **{f"r = {rank}": {"rank": rank} for rank in RANKS},
    **TARGETS,
}
PUBLISHED = ("full", *(f"r = {rank}" for rank in RANKS))  # the arms that a published model is adapted with too
FORGETTING = (*METHODS, DEFAULT)  # the arms that are asked what is left of the source text
WITNESSED = ("full", DEFAULT, "r = 64")  # what PyTorch trains too, under seeds of its own


def method(arm: str) -> str:
    """What an arm trains."""
    return arm if arm in METHODS else "lora"
