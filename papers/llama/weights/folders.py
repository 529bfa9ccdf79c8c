"""What a folder of Hugging Face's says about text: its tokenizer, its chat template, and the tokens that end a text.

Each stands in one of several places, by the age of the library that wrote the folder:

    chat template      chat_template.jinja; else in tokenizer_config.json, alone or in a list of named ones; others in
                       additional_chat_templates/
    end tokens         generation_config.json, else config.json: a number or a list; and tokenizer_config.json: the
                       token's text, alone or as an object
    first token        added by tokenizer.json's own rule, or as tokenizer_config.json says
"""

import json
from pathlib import Path
from typing import Any

from tinygrad_lab.data.libraries import open_tokenizer
from tinygrad_lab.documents import Document, check_unicode, read_document, read_text, shown

from .tokenizer import put_around

TOKENIZER = 1 << 26  # bytes of tokenizer.json: the largest vocabularies take half of it
TEMPLATE = 200_000  # bytes of a chat template
ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


def folder_vocabularies(path: Path) -> dict[str, str]:
    """What ``papers.llama.inference`` has to know, by name: see ``Pretrained``.

    Raises:
        ValueError: a file that is missing or broken, or a field of a wrong kind.
    """
    text = read_text(path / "tokenizer.json", TOKENIZER)
    settings = _document(path / "tokenizer_config.json")
    special = special_tokens(settings)
    template = chat_template(path, settings)
    stops = set(end_tokens(path))
    if special or "add_bos_token" in settings.fields:
        pieces = open_tokenizer(text, str(path / "tokenizer.json"))
        text = with_its_rule(pieces, settings, special) or text
        end = pieces.token_to_id(special["eos_token"]) if "eos_token" in special else None
        stops |= set() if end is None else {end}
    return {"text": text} | conversation(template, sorted(stops), special)


def conversation(template: str | None, stops: list[int], special: dict[str, str]) -> dict[str, str]:
    """The entries of ``vocabularies`` besides "text"."""
    found = {"stop": json.dumps(stops[0] if len(stops) == 1 else stops)} if stops else {}
    return found | ({"chat": template, "special": json.dumps(special)} if template is not None else {})


def special_tokens(settings: Document) -> dict[str, str]:
    """Tokens with a part to play, by its name: each is a text, or an object that has it as its content."""
    found = {}
    for name in (f"{role}_token" for role in ROLES):
        token: Any = settings.get(name)
        if isinstance(token, dict):
            token = settings.section(name).text("content")
        if token is not None and not isinstance(token, str):
            raise settings.wrong(name, "a token")
        if token is not None:
            check_unicode(token, f"{settings.called}: {name}")
            found[name] = token
    return found


def with_its_rule(pieces: Any, settings: Document, special: dict[str, str]) -> str | None:
    """The tokenizer's JSON with the first and last token that its settings ask for; None where they do not."""
    if not {"add_bos_token", "add_eos_token"} & settings.fields.keys():
        return None
    wanted = {}
    for name in ("bos_token", "eos_token"):
        token = special.get(name) if settings.flag(f"add_{name}") else None
        wanted[name] = token if token is not None and pieces.token_to_id(token) is not None else None
    put_around(pieces, wanted["bos_token"], wanted["eos_token"])
    return str(pieces.to_str())


def chat_template(path: Path, settings: Document) -> str | None:
    """The template of a conversation: the only one, or the one that is called default.

    Raises:
        ValueError: several, of which none is the default; one that is no text, or too long.
    """
    templates = _templates_of_settings(settings) | {
        file.stem: read_text(file, TEMPLATE) for file in sorted((path / "additional_chat_templates").glob("*.jinja"))
    }
    if (path / "chat_template.jinja").exists():
        templates["default"] = read_text(path / "chat_template.jinja", TEMPLATE)
    if templates and "default" not in templates:
        raise ValueError(f"{path}: of its chat templates ({shown(sorted(templates))}) none is called default")
    return templates.get("default")


def _templates_of_settings(settings: Document) -> dict[str, str]:
    given: Any = settings.get("chat_template")
    if given is None:
        return {}
    named = {"default": given} if isinstance(given, str) else given
    if isinstance(named, list):
        if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in named):
            raise settings.wrong("chat_template", "a template or a list of named ones")
        named = {one["name"]: one.get("template") for one in named}
    if not isinstance(named, dict) or not all(isinstance(one, str) and len(one) <= TEMPLATE for one in named.values()):
        raise settings.wrong("chat_template", f"a template of at most {TEMPLATE:,} characters or a list of named ones")
    return named


def end_tokens(path: Path) -> list[int]:
    """The numbers of the tokens after which nothing comes, as the model's own files give them."""
    for name in ("generation_config.json", "config.json"):
        saved = _document(path / name)
        if saved.get("eos_token_id") is not None:
            return saved.numbers("eos_token_id")
    return []


def _document(path: Path) -> Document:
    """The fields of a file, none where it is not there."""
    return read_document(path, TOKENIZER) if path.exists() else Document({}, str(path))
