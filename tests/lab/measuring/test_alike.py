"""Both sides are measured with the instructions that the processor has, or both with fewer."""

import json
import os
import subprocess
import sys

import pytest

from tinygrad_lab.lab.measuring.alike import one_sided

SHOW = """
import json, os, sys
from tinygrad_lab.lab.measuring.alike import on_equal_terms, set_aside
on_equal_terms()
print(json.dumps([sys.argv[1:], os.environ.get("OPENBLAS_CORETYPE"), set_aside()]))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, set()),
        ({"OMP_NUM_THREADS": "1"}, set()),
        ({"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1"}, {"OPENBLAS_CORETYPE"}),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, {"ATEN_CPU_CAPABILITY"}),
        ({"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"}, set()),
    ],
)
def test_settings_of_one_side_alone_are_found(environment: dict[str, str], expected: set[str]) -> None:
    assert set(one_sided(environment)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"OPENBLAS_CORETYPE": "Haswell"}, [["one", "two"], None, "OPENBLAS_CORETYPE=Haswell"]),
        (
            {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"},
            [["one", "two"], "Haswell", ""],
        ),
    ],
)
def test_a_process_begins_anew_without_them(settings: dict[str, str], expected: list[object]) -> None:
    others = {n: v for n, v in os.environ.items() if n not in one_sided(os.environ)}
    found = subprocess.run(
        [sys.executable, "-c", SHOW, "one", "two"],
        env={**others, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == expected
