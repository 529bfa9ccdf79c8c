"""One version everywhere; and the workflow that publishes the site, pinned, with no more rights than it needs."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import yaml

import tinygrad_lab
from tests.lab.command import run
from tinygrad_lab.lab.cli import cli

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def read(name: str) -> str:
    """A file at the top of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_there_is_one_version() -> None:
    version = tinygrad_lab.__version__
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == version
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.M)[1] == version
    assert run("--version").out == f"tinygrad-lab, version {version}\n"


def test_actions_are_pinned_to_a_commit_and_say_its_version() -> None:
    used = [line.strip() for line in TEXT.splitlines() if "uses:" in line]
    assert len(used) == 4
    for line in used:
        assert re.search(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_rights_are_those_that_publishing_needs() -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOBS["build"]["permissions"] == {"contents": "read"}
    assert JOBS["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert JOBS["publish"]["needs"] == "build"
    assert JOBS["publish"]["environment"]["name"] == "github-pages"


def test_what_is_built_is_what_is_published() -> None:
    commands = [shlex.split(line) for step in STEPS for line in step.get("run", "").splitlines()]
    (command,) = [words for words in commands if words[0] == "tinygrad-lab"]
    cli.commands[command[1]].make_context(command[1], command[2:], parent=click.Context(cli))
    folder = command[command.index("--out") + 1]
    (upload,) = [step for step in STEPS if "upload-pages-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == folder


def test_the_version_of_torch_is_the_projects() -> None:
    (install,) = [step["run"] for step in STEPS if "torch" in step.get("run", "")]
    pattern = re.search(r"sed -n 's/(.*)/\\1/p'", install)[1].replace(r"\(", "(").replace(r"\)", ")")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(pattern, pyproject) == re.findall(r'"(torch==[\d.]+)"', pyproject) != []
