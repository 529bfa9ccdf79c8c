"""Dates in many languages: readable without knowing the language, and no day in two splits."""

import datetime
import re
import sys
import unicodedata
from collections import Counter

import pytest

from tinygrad_lab.data import dates
from tinygrad_lab.data.dates import SPLITS, Form, days_of, forms, load_dates

DAY = datetime.date(2019, 3, 13)


@pytest.mark.parametrize(
    ("language", "pattern", "written"),
    [
        ("es", "d 'de' MMMM 'de' y", "13 de marzo de 2019"),
        ("de", "EEEE, d. MMMM y", "Mittwoch, 13. März 2019"),
        ("ru", "d MMMM y\u202f'г'.", "13 марта 2019 г."),  # a narrow space becomes a plain one
        ("zh", "y年M月d日EEEE", "2019年3月13日星期三"),
        ("sv", "y-MM-dd", "2019-03-13"),
        ("el", "d MMM y", "13 Μαρ 2019"),
    ],
)
def test_forms_are_written_as_people_do(language: str, pattern: str, written: str) -> None:
    form = Form(language, pattern)
    assert form in forms()
    assert form.write(DAY) == written


def test_many_languages_and_scripts_with_and_without_weekday() -> None:
    assert {form.language for form in forms()} == set(dates.LANGUAGES)
    assert len(dates.LANGUAGES) >= 40
    letters = [c for form in forms() for c in form.write(DAY) if c.isalpha()]
    scripts = {unicodedata.name(letter).split()[0] for letter in letters}
    assert len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "THAI", "HANGUL", "CJK", "GEORGIAN"}) == 9
    for language in dates.LANGUAGES:
        assert {form.weekday for form in forms() if form.language == language} == {True, False}


def test_every_date_can_be_read_without_knowing_the_language() -> None:
    """In one whole leap year no two days are written alike, in whichever languages."""
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=n) for n in range(366)]
    read: dict[str, datetime.date] = {}
    for form in forms():
        for day in days:
            assert read.setdefault(form.write(day), day) == day, form
    assert len(read) > 366 * 150


def test_ambiguous_forms_do_not_occur() -> None:
    written = [form.write(datetime.date(2019, 4, 3)) for form in forms()]
    assert not [text for text in written if re.search(r"\d+/\d+/\d{4}", text)]
    assert all("2019" in text for text in written)
    assert "03.04.2019" in written  # dots: the day comes first wherever they are used
    assert "2019/04/03" in written


def test_splits_share_no_day() -> None:
    days = {split: set(days_of(split)) for split in SPLITS}
    assert sum(map(len, days.values())) == len(set.union(*days.values())) == 73_049  # two centuries
    used = {split: {iso for _, iso in load_dates(split).pairs} for split in ("validation", "test")}
    assert used["test"].isdisjoint(used["validation"])
    assert {day.isoformat() for day in days["train"]} > {iso for _, iso in load_dates("train").pairs}


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_are_the_same_every_time(split: str) -> None:
    data = load_dates(split)
    assert len(data) == len(data.keys) == SPLITS[split]
    assert data.checksum == load_dates(split).checksum
    assert max(Counter(data.keys).values()) == 1  # no day twice while there are enough
    for written, iso in data.pairs[:50]:
        assert iso[:4] in written
        assert datetime.date.fromisoformat(iso)


def test_marks_of_direction_are_left_out() -> None:
    text = " ".join(written for written, _ in load_dates("test").pairs)
    assert not {c for c in text if unicodedata.category(c) in ("Cf", "Cc") or (c.isspace() and c != " ")}


def test_bad_split_and_missing_babel(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="split of dates must be one of train, validation, test, got 'dev'"):
        load_dates("dev")
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-lab\[lab\]'"):
        Form("en", "d").write(DAY)
