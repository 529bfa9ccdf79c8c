"""The command line as a program: help is help, a failure is one line, and its exit code means one thing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.command import run
from tinygrad_lab.complaints import LONGEST, ended, one_line
from tinygrad_lab.cores import BOUND
from tinygrad_lab.lab import console, embedding, listing, training
from tinygrad_lab.lab.options import apart

FULL = Path("/dev/full")
WITHOUT_CLICK = "import sys; sys.modules['click'] = None; from tinygrad_lab.__main__ import main; main()"


def program(*words: str | bytes, **options: object) -> subprocess.CompletedProcess[str]:
    """tinygrad-lab in a process of its own."""
    call = [sys.executable, "-m", "tinygrad_lab", *words]
    return subprocess.run(call, **{"capture_output": True, "text": True, "check": False, **options})


def one_complaint(text: str) -> bool:
    return text.startswith("tinygrad-lab: ") and text.count("\n") == 1 and len(text) <= LONGEST + 1


# ---- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--help"], ["data"], ["data", "-h"], ["train", "-h"], ["step", "--help"]])
def test_help_is_help(words: list[str]) -> None:
    result = run(*words)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: tinygrad-lab")
    assert result.out.count("\n") > 5


def test_help_with_a_paper_has_its_fields_and_what_they_are() -> None:
    lines = [" ".join(line.split()) for line in run("train", "lenet", "--help").out.splitlines()]
    assert "Fields of lenet 1998 small:" in lines
    assert "--learning-rate FLOAT [default: 0.003]" in lines
    assert "--hidden NUMBERS [default: 1024,512]" not in run("train", "--help").out
    tiny = run("train", "autoencoder", "--size", "tiny", "--variant", "deep", "--help").out
    assert "Fields of autoencoder deep tiny:" in tiny
    assert "Fields of lenet 1998 paper:" in run("bench", "lenet", "lstm", "--size", "paper", "-h").out
    assert "--temperature FLOAT" in run("generate", "lstm", "--help").out


# ---- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["paper"], "No such command 'paper'"),
        (["papers", "--jso", "-"], "No such option"),
        (["papers", "more"], "unexpected extra argument"),
        (["train"], "Missing argument 'SLUG'"),
        (["train", "resnet", "--help"], "unknown paper 'resnet'"),
        (["train", "lenet", "--learning-rate", "nan"], "nan is not a finite number"),
        (["train", "lenet", "--learning-rate", "-inf"], "-inf is not a finite number"),
        (["train", "lenet", "--rubbish", "1e999"], "1e999 is not a finite number"),
        (["bench", "lenet", "--learning-rate", "inf"], "inf is not a finite number"),
        (["train", "lenet", "--epochs", "9" * 5000], "Invalid value for '--epochs'"),
        (["train", "lenet", "--seed", "-1"], "seed must be from 0 to 9223372036854775807, got -1"),
        (["parity", "lenet", "--seed", str(2**63)], "is not in the range"),
        (["papers", "--json", ""], "it needs a file's name"),
        (["generate", "lenet", "--help"], "lenet has nothing to generate"),
        (["step", "caf\udce9", "x=1"], "is not valid UTF-8"),
        (["embed", "caf\udce9"], "is not valid UTF-8"),
        (["generate", "lstm", "--prompt", "caf\udce9"], "is not valid UTF-8"),
        (["train", "\x1b[31mred\n" * 300], "\\x1b[31mred"),
    ],
)
def test_a_failure_is_one_line(words: list[str], said: str) -> None:
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert one_complaint(result.err), result.err
    assert said in result.err


def test_what_nobody_thought_of_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "describe", lambda paper: {}["slug"])
    result = run("papers")
    assert result.code == 2
    assert one_complaint(result.err)
    assert "KeyError: 'slug' (TINYGRAD_LAB_DEBUG=1 shows where)" in result.err
    monkeypatch.setenv("TINYGRAD_LAB_DEBUG", "1")
    assert "Traceback (most recent call last)" in run("papers").err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "p: stopped\n"),
        (BrokenPipeError(), 141, ""),
        (PermissionError(13, "Permission denied", "/cache/x"), 2, "p: /cache/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "p: input or output: No space left on device\n"),
        (ImportError("this needs rich: install it"), 2, "p: this needs rich: install it\n"),
        (MemoryError(), 2, "p: there is not enough memory\n"),
        (ValueError("epochs\nmust be more"), 2, "p: epochs must be more\n"),
        (ZeroDivisionError("by 0"), 2, "p: ZeroDivisionError: by 0 (TINYGRAD_LAB_DEBUG=1 shows where)\n"),
        (ModuleNotFoundError("no", name="babel.dates"), 2,
         "p: this needs the extra: pip install 'tinygrad-lab[lab]' (there is no babel here)\n"),
    ],
)  # fmt: skip
def test_codes(error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise error

    assert ended(fail, "p", ValueError) == code
    assert capsys.readouterr().err == said


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    line = one_line("a" * 1000 + "the end")
    assert len(line) == LONGEST
    assert line.startswith("aaa")
    assert line.endswith("the end")


# ---- where the output goes ------------------------------------------------------------------------------------------


def test_without_the_extra_its_name_is_said() -> None:
    result = subprocess.run([sys.executable, "-c", WITHOUT_CLICK], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    expected = (
        "tinygrad-lab: this needs the extra: "
        "pip install 'tinygrad-lab[cli]', with PyTorch 'tinygrad-lab[lab]' (there is no click here)\n"
    )
    assert result.stderr == expected


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", [["papers"], ["--help"], ["papers", "--json", "-"]])
def test_a_full_disk(words: list[str]) -> None:
    with FULL.open("w") as full:
        result = program(*words, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert result.returncode == 2
    assert result.stderr == "tinygrad-lab: input or output: No space left on device\n"


@pytest.mark.parametrize("words", [["papers"], ["step", "x*x", "x=2"], ["papers", "--json", "-"]])
def test_nobody_reads_any_more(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    result = program(*words, stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (141, "")


def test_a_bare_environment() -> None:
    """No HOME, a cache that cannot be written, a terminal that has ASCII only, bytes that are no text."""
    bare = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "XDG_CACHE_HOME": "/proc/nowhere",
        "PYTHONIOENCODING": "ascii",
    }
    result = program("papers", env=bare)
    assert (result.returncode, result.stderr) == (0, "")
    result = program("embed", b"caf\xe9", env=bare)
    assert result.returncode == 2
    assert one_complaint(result.stderr)
    result = program("data", "fetch", "fashion-mnist", env=bare)
    assert result.returncode == 2
    assert one_complaint(result.stderr)


def test_the_command_line_is_there_before_its_libraries() -> None:
    """Help must be quick: what only some command needs is imported by that command."""
    slow = "('torch', 'rich', 'textual', 'jinja2', 'babel', 'sklearn', 'matplotlib')"
    code = f"import sys, tinygrad_lab.lab.cli; print([name for name in {slow} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("option", ["--html", "--json"])
def test_a_folder_that_takes_no_files(option: str) -> None:
    result = run("step", "x*x", "x=2", option, "/proc/page")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"{option}: cannot write /proc/page" in result.err


def test_json_on_stdout_is_json_whatever_else_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def described(paper: object) -> dict[str, object]:
        print("a word in between")
        return {"worst": float("nan"), "range": (float("-inf"), float("inf")), "exact": 0.1}

    monkeypatch.setattr(listing, "describe", described)
    result = run("papers", "--json", "-")
    assert json.loads(result.out)[0] == {"worst": "NaN", "range": ["-Infinity", "Infinity"], "exact": 0.1}
    assert "a word in between" in result.err
    assert "NaN" in result.out


# ---- words of the user ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "options", "words"),
    [
        (["-log(p)", "p=.5"], [], ["-log(p)", "p=.5"]),
        (["-h*x", "--json", "-", "h=-1"], ["--json", "-"], ["-h*x", "h=-1"]),
        (["--json=-", "-x", "x=1", "--quiz"], ["--json=-", "--quiz"], ["-x", "x=1"]),
        (["--", "--quiz", "-h"], [], ["--quiz", "-h"]),
        (["--(x)", "--json"], ["--json"], ["--(x)"]),
        (["--qiz", "x"], ["--qiz"], ["x"]),
    ],
)
def test_words_may_begin_with_a_minus(args: list[str], options: list[str], words: list[str]) -> None:
    assert apart(args, {"--json": True, "--quiz": False, "-h": False}) == (options, words)


def test_expressions_and_sentences_may_begin_with_a_minus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("step", "-log(p)", "p=.5").out.startswith("-log(p)\n   0 forward   log")
    assert run("step", "-tanh(x)", "x=1").out == run("step", "--", "-tanh(x)", "x=1").out
    monkeypatch.setattr(embedding, "SentenceSpace", lambda side: (_ for _ in ()).throw(embedding.UsageError(side)))
    assert run("embed", "-x").err == run("embed", "--", "-x").err == "tinygrad-lab: numpy\n"
    assert run("embed", "-x", "--side", "torch").err == "tinygrad-lab: torch\n"


def test_brackets_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's name and a sentence are printed as they are, whatever they mean to the library that draws tables."""
    folder = tmp_path / "with [" / "] [bold] :smile:"
    result = run("train", "autoencoder", "--size", "tiny", "--epochs", "1", "--out", str(folder))
    assert result.code == 0
    assert str(folder / training.CHECKPOINT) in result.out
    console.stdout.print("[/] [red]")  # no error
    embedding.print_table(["[/]", "[bold]x"], embedding.np.eye(2), "numpy")


@pytest.mark.parametrize(("term", "full"), [("", False), ("dumb", False), ("unknown", False), ("xterm", True)])
def test_a_terminal_that_cannot_show_a_screen_gets_text(term: str, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_lab.lab.stepping import show

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(show.sys, "stdout", Terminal())
    monkeypatch.setattr(show.sys, "stdin", Terminal())
    monkeypatch.setenv("TERM", term)
    assert show.on_a_terminal() is full


def test_workers_are_bounded_for_one_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(BOUND, raising=False)
    seen = []
    monkeypatch.setattr(training.Training, "run", lambda self: seen.append(os.environ.get(BOUND)))
    monkeypatch.setattr(training, "print_report", lambda run: None)
    for number, words in enumerate((["--workers", "3"], [])):
        assert run("train", "lenet", "--size", "tiny", "--out", str(tmp_path / str(number)), *words).code == 0
    assert seen == ["3", None]


def test_a_bound_in_the_environment_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOUND, "many")
    result = run("train", "lenet")
    assert result.code == 2
    assert "TINYGRAD_LAB_WORKERS must be a whole number from 1, got 'many'" in result.err
