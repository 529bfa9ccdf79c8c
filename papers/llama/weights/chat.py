"""A question as a model that was taught to chat expects it: the template that came with the model, filled in."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_lab.documents import check_unicode

OUTPUT = 1_000_000  # characters that a template may write
SECONDS = 5  # of a processor's time
PATIENCE = 60  # seconds of the clock, on a busy machine
MEMORY = 1 << 30  # bytes of its process
SHOWN = 200  # characters of a template's own message
RENDERING = Path(__file__).with_name("rendering.py")


def asked(question: str, template: str, special: Mapping[str, str] | None = None) -> str:
    """The conversation so far, up to where the answer begins.

    Args:
        question: what the user says.
        template: in Jinja, as checkpoints carry it; run in a process of its own, since it is a stranger's program.
        special: tokens that the template may name: bos_token and the like.

    Raises:
        ValueError: an empty question, or a template that is none, refuses the question, or takes too long or too much.
        ImportError: Jinja is not installed.
    """
    if not question.strip():
        raise ValueError("the prompt must not be empty")
    check_unicode(question, "the prompt")
    messages = [{"role": "user", "content": question}]
    about = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": True}
    outcome = _rendered(template, about | dict(special or {}))
    if "text" not in outcome:
        message = " ".join(outcome["error"].split())
        raise ValueError(f"the chat template cannot be filled in: {message[:SHOWN]}")
    return str(outcome["text"])


def _rendered(template: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """What the other process says: the text or an error."""
    if importlib.util.find_spec("jinja2") is None:
        raise ImportError("chat templates need Jinja: pip install 'tinygrad-lab[cli]'")
    wanted = {"template": template, "variables": variables, "output": OUTPUT, "seconds": SECONDS, "memory": MEMORY}
    command = [sys.executable, "-P", str(RENDERING)]
    try:
        done = subprocess.run(
            command, input=json.dumps(wanted), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it takes longer than {PATIENCE} seconds"}
    if done.returncode != 0:
        return {"error": f"it takes more than {SECONDS} seconds or too much memory"}
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome
