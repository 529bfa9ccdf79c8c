"""A question as a model that was taught to chat expects it: the template that came with the model, filled in."""

from typing import Any


def asked(question: str, template: str) -> str:
    """The conversation so far, up to where the answer begins.

    Args:
        question: what the user says.
        template: in Jinja, as checkpoints carry it; run in a sandbox, since it is a stranger's program.

    Raises:
        ValueError: an empty question, or a template that is none.
        ImportError: Jinja is not installed.
    """
    if not question.strip():
        raise ValueError("the prompt must not be empty")
    library = _jinja()
    environment = library.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "user", "content": question}]
    try:
        return str(environment.from_string(template).render(messages=messages, add_generation_prompt=True))
    except library.TemplateError as error:
        raise ValueError(f"the chat template cannot be filled in: {error}") from error


def _jinja() -> Any:
    try:
        import jinja2
        import jinja2.sandbox
    except ImportError as error:
        raise ImportError("chat templates need Jinja: pip install tinygrad-lab[lab]") from error
    return jinja2
