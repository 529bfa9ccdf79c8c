"""Files of every format that is read, damaged at random: what is read is compared with what the whole file gives.

It is the same, or refused by one clear error; or it is other content, where no checksum guards it.
"""

import json
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from papers.bert.config import MINILM
from papers.bert.model import SentenceEncoder
from papers.bert.text.wordpiece import learn as learn_words
from papers.bert.weights import sentences
from papers.llama.config import VARIANTS
from papers.llama.model import build
from papers.llama.weights.pretrained import Pretrained, open_folder
from papers.llama.weights.tokenizer import learn, tokenizer
from papers.lora.config import VARIANTS as LORA
from papers.lora.model import build as build_lora
from papers.lora.weights import adapter
from reference.lora import model as reference_lora
from reference.lora.weights import adapter as reference_adapter
from tests.engine.test_checkpoint_training import Run
from tests.faults import damage
from tests.faults.alike import alike
from tests.faults.part import OTHER, REFUSED, RIGHT, Outcome
from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.lab import generation, registry
from tinygrad_lab.random import generator

CLEAR = (CheckpointError, ValueError, KeyError)  # and none of their kinds: a UnicodeDecodeError names no file
LONGEST = 500  # characters of a message, without the folder's name
SECONDS = 5  # of a processor; a second on a quiet machine without the checks of types

Content = dict[str, Any]
ARRAYS = frozenset({"arrays"})  # what our own format has checksums of; its JSON has none


@dataclass(frozen=True)
class Format:
    """Files that belong together, and what reads them.

    Attributes:
        write: puts whole ones into a folder.
        read: reads them; what it has read, by name.
        guarded: the names of what has a checksum in the files, and so is the same or refused.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], Content]
    guarded: frozenset[str] = frozenset()

    def compared(self, folder: Path, whole: Content) -> str:
        """Read a folder, and say in a word how that differs from what the undamaged one gives.

        A file that has lost both marks in its metadata says no more that it is ours, and has checksums.
        """
        found = self.read(folder)
        other = {name for name in whole if not alike(found[name], whole[name])}
        if (missed := sorted(other & self.guarded)) and _says_that_it_is_ours(folder):
            return f"other {', '.join(missed)} in spite of the checksums"
        return OTHER if other else RIGHT


def _says_that_it_is_ours(folder: Path) -> bool:
    contents = [path.read_bytes() for path in folder.rglob("*.safetensors")]
    return any(mark in content for content in contents for mark in (b'"tinygrad_lab"', b'"written_by"'))


# ---- formats ---------------------------------------------------------------------------------------------------------


def write_arrays(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((4, 3)).astype(np.float32)
    arrays = {"a": table, "b": table, "n": np.arange(5), "none": np.zeros((0, 2)), "one": np.array(1.5)}
    checkpoint.save(folder / "file.safetensors", arrays, {"epoch": 3, "names": ["a", "b"]})


def read_arrays(folder: Path) -> Content:
    arrays, about = checkpoint.load(folder / "file.safetensors")
    return {"arrays": arrays, "about": about}


def write_run(folder: Path) -> None:
    run = Run("AdamW")
    run.train(3)
    run.save(folder / "run.safetensors", position={"epoch": 1}, config={"layers": 2, "sizes": (3, 4)})


def read_run(folder: Path) -> Content:
    """A run that is refused is where it stood, and one that is taken up goes on."""
    run = Run("AdamW", seed=5)
    run.train(1)
    before = run.everything()
    try:
        position = run.load(folder / "run.safetensors")
    except CheckpointError:
        assert run.everything() == before, "a run was changed and then refused"
        raise
    found = {"arrays": arrays_of(run), "about": (position, run.everything())}
    run.train(1)
    return found


def arrays_of(run: Run) -> Content:
    """Copies of weights and slots; what the optimiser counts stands in JSON."""
    state = run.optimizer.state_dict()["state"]
    slots = {f"{n} {name}": v for n, each in state.items() for name, v in each.items()}
    arrays = slots | run.model.state_dict()
    return {name: a.copy() for name, a in arrays.items() if isinstance(a, np.ndarray)}


LLAMA = replace(VARIANTS["llama"]["tiny"], vocab_size=300, kv_heads=1, context=32, variant="llama")


def write_llama(folder: Path) -> None:
    state = build(LLAMA, generator(0)).state_dict()
    halves = [dict(list(state.items())[::2]), dict(list(state.items())[1::2])]
    for number, half in enumerate(halves):
        checkpoint.save(folder / f"model-{number}.safetensors", {name: array.copy() for name, array in half.items()})
    places = {name: f"model-{number}.safetensors" for number, half in enumerate(halves) for name in half}
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 500.0}
    config = {
        "model_type": "llama", "vocab_size": 300, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "intermediate_size": 12, "max_position_embeddings": 32, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False, "hidden_act": "silu", "head_dim": 4, "attention_bias": False,
        "rope_parameters": rope | {"original_max_position_embeddings": 16}, "eos_token_id": [1, 2],
    }  # fmt: skip
    settings = {
        "bos_token": "a", "eos_token": {"content": "b", "special": True}, "add_bos_token": True,
        "chat_template": [{"name": "default", "template": "{{ messages }}"}, {"name": "rag", "template": "x"}],
    }  # fmt: skip
    write_json(folder, "model.safetensors.index.json", {"metadata": {"total_size": 1}, "weight_map": places})
    write_json(folder, "config.json", config)
    write_json(folder, "tokenizer_config.json", settings)
    write_json(folder, "generation_config.json", {"eos_token_id": 7, "do_sample": True})
    (folder / "tokenizer.json").write_text(learn("to be or not to be " * 3, 270))


def read_llama(folder: Path) -> Content:
    found = content_of(open_folder(folder))
    assert {array.dtype for array in found["weights"].values()} == {np.dtype(np.float32)}
    return found


def content_of(found: Pretrained) -> Content:
    """All of a published model; its tokenizer has to know a text."""
    weights = dict(found.tensors)
    known = tokenizer(found.vocabularies)
    known.decode(known.prompt("to be").tolist())
    return {"weights": weights, "about": (vars(found.config), found.vocabularies)}


BERT = {
    "vocab_size": 60, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.3,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip


def write_bert(folder: Path) -> None:
    state = SentenceEncoder(replace(MINILM, **BERT, length=12)).state_dict()
    checkpoint.save(folder / "model.safetensors", state)
    write_json(folder, "config.json", BERT | {"model_type": "bert", "hidden_act": "gelu", "is_decoder": False})
    write_json(folder, "sentence_bert_config.json", {"max_seq_length": 12})
    (folder / "tokenizer.json").write_text(learn_words(["the sky is blue", "a man eats a meal"] * 4, 60))


def read_bert(folder: Path) -> Content:
    found = sentences.read_pretrained(folder)
    batch = sentences.batch_of(["the sky"], found.tokenizer, found.config.length)
    return {"arrays": found.weights, "about": (vars(found.config), found.tokenizer.to_str(), batch)}


def write_adapter(folder: Path) -> None:
    adapter.save_adapter(folder, build_lora(LORA["lora"]["tiny"], generator(3)))


def read_adapter(folder: Path) -> Content:
    model = build_lora(LORA["full"]["tiny"], generator(0))
    adapter.load_adapter(folder, model)
    return {"arrays": adapter.adapter_state(model), "about": adapter.adapter_config(model)}


def read_adapter_in_torch(folder: Path) -> Content:
    model = reference_lora.build(LORA["full"]["tiny"])
    reference_adapter.load_adapter(folder, model)
    weights = {name: tensor.clone() for name, tensor in reference_adapter.adapter_state(model).items()}
    return {"weights": weights, "about": reference_adapter.adapter_config(model)}


def write_trained(folder: Path) -> None:
    """A run of LLaMA as ``train`` leaves it, for ``generate``."""
    config = replace(VARIANTS["llama"]["small"], hidden_size=8, layers=1, heads=2, kv_heads=2, feed_forward=12)
    state = build(config, generator(0)).state_dict()
    run = {
        "config": vars(config), "position": {"vocabularies": {}, "epoch": 1}, "slots": [],
        "optimizer": {"class": "AdamW", "groups": [], "counters": {}}, "scheduler": None, "generators": {},
    }  # fmt: skip
    checkpoint.save(folder / "run.safetensors", state, {"training": run})


def read_trained(folder: Path) -> Content:
    found = generation.from_checkpoint(registry.find("llama"), folder / "run.safetensors")
    about = vars(found.config), found.vocabularies, found.prompts
    return {"arrays": dict(found.tensors), "about": about}


def write_json(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value))


FORMATS = {
    "checkpoint": Format(write_arrays, read_arrays, ARRAYS),
    "training run": Format(write_run, read_run, ARRAYS),
    "trained model": Format(write_trained, read_trained, ARRAYS),
    "LLaMA folder": Format(write_llama, read_llama),
    "BERT folder": Format(write_bert, read_bert, ARRAYS),
    "adapter": Format(write_adapter, read_adapter, ARRAYS),
    "adapter, PyTorch": Format(write_adapter, read_adapter_in_torch),
}


# ---- damaging --------------------------------------------------------------------------------------------------------


def damaged(name: str, content: bytes, rng: random.Random) -> bytes:
    """The file's bytes with something wrong in them, by what it is."""
    if rng.random() < 0.4:
        return damage.of_bytes(content, rng)
    if name.endswith(".json"):
        return damage.of_json(content, rng)
    return damage.of_safetensors(content, rng) if name.endswith(".safetensors") else damage.of_bytes(content, rng)


@contextmanager
def exchanged(path: Path, content: bytes) -> Iterator[None]:
    """Have a file be something else for a while."""
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)


def tried(read: Callable[[Path], str], folder: Path) -> Outcome:
    """What happens when the files of a folder are read by what says how that ended."""
    start = time.process_time()
    try:
        outcome = Outcome(read(folder))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = judged(error, folder)
    seconds = time.process_time() - start
    return outcome if seconds < SECONDS else Outcome("slow", f"{seconds:.1f} s")


def judged(error: BaseException, folder: Path) -> Outcome:
    """Whether an error is of the kinds that are promised, in one line of sensible length that names a file."""
    message = str(error.args[0]) if error.args else ""
    named = any(path.name in message for path in folder.iterdir()) or str(folder) in message
    short = len(message.replace(str(folder), "")) <= LONGEST and len(message.splitlines()) == 1
    if type(error) in CLEAR and short and named:
        return Outcome(REFUSED, message)
    return Outcome("unclear", "".join(traceback.format_exception(error))[-1500:])


def hunt(formats: dict[str, Format], cases: int, seed: int = 0) -> dict[str, list[Outcome]]:
    """What became of ``cases`` damaged files, by format."""
    found: dict[str, list[Outcome]] = {}
    for number, (name, form) in enumerate(formats.items()):
        share = cases // len(formats) + (number < cases % len(formats))
        with closing(damaging(name, form, random.Random(f"{seed} {name}"))) as outcomes:
            found[name] = list(islice(outcomes, share))
    return found


def tries(draw: random.Random) -> Iterator[Outcome]:
    """Of every format one, and again."""
    with ExitStack() as stack:
        each = [damaging(name, form, random.Random(draw.random())) for name, form in FORMATS.items()]
        for outcomes in cycle([stack.enter_context(closing(outcomes)) for outcomes in each]):
            yield next(outcomes)


def damaging(name: str, form: Format, rng: random.Random) -> Generator[Outcome, None, None]:
    """Files of a format, one damaged at a time; and what became of each."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        form.write(folder)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        begin = tried(lambda folder: form.compared(folder, form.read(folder)), folder)
        assert begin.kind == RIGHT, (name, begin)
        whole = form.read(folder)
        while True:
            yield one(form, whole, rng.choice(files), rng)


def one(form: Format, whole: Content, path: Path, rng: random.Random) -> Outcome:
    """What became of one, whose folder holds ``whole`` without the damage."""
    content = damaged(path.name, path.read_bytes(), rng)
    with exchanged(path, content):
        outcome = tried(partial(form.compared, whole=whole), path.parent)
    return outcome if outcome.about else replace(outcome, about=path.name)
