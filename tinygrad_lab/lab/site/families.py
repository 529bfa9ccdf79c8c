"""What the families of papers have in common, in words; everything in numbers is counted from runs."""

from dataclasses import dataclass

from tinygrad_lab.paper import FAMILIES


@dataclass(frozen=True)
class Family:
    """What its networks hold in their tensors, and where those go."""

    represents: str
    moves: str


ABOUT = dict(
    zip(
        FAMILIES,
        (
            Family(
                "The input itself, in fewer numbers. What the middle layer holds has no meaning given from outside: it "
                "is whatever lets the second half undo the first.",
                "Straight through, narrower and narrower to the code and wider again. Every item goes its own way; "
                "nothing passes between the items of a batch.",
            ),
            Family(
                "Maps: a number for each place and each feature. A place of a later map sees more of the image and "
                "says less about where.",
                "From place to neighbouring place inside one kernel, the same kernel everywhere. Height and width "
                "shrink while channels grow, until no place is left and a linear layer reads off the classes.",
            ),
            Family(
                "Everything so far, in a state of fixed size. What the state has no room for is forgotten; attention "
                "over the states of a source is the way around that.",
                "From each step to the next one, so steps come one after the other, and a gradient goes back the same "
                "way. The weights are the same at every step, and gather a gradient from each of them.",
            ),
            Family(
                "Each token by a vector that all other tokens may change: position by position, and none of them is a "
                "bottleneck for the whole.",
                "Between all pairs of positions at once, in proportion to their match; inside a position through a "
                "wide layer and back. The residual stream carries a token's vector from the bottom to the top.",
            ),
            Family(
                "The same as the network they are put into. Dropout lets units stand for themselves; a low-rank "
                "adapter stands for what is to be changed.",
                "Along the host network, multiplied by noise on the way or with a narrow path beside each weight. In "
                "evaluation, or merged, nothing of it costs anything.",
            ),
            Family(
                "Everything so far in a state of fixed size, as a recurrent network does, but what a step does to the "
                "state is linear in the state.",
                "From step to step through the state; as that is linear, many steps can be put together and a sequence "
                "be gone through in chunks.",
            ),
        ),
        strict=True,
    )
)
