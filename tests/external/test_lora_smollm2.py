"""LoRA on the published weights of SmolLM2-135M: ``make test-external``."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from papers.lora.weights.smollm2 import Recipe, experiment


def test_a_few_steps_lower_the_loss_and_the_merged_model_is_the_same(tmp_path: Path) -> None:
    recipe = Recipe(steps=4, batch_size=2, length=64, warmup=1, windows=4)
    found = experiment(recipe, tmp_path, log=lambda line: None)
    assert (found["parameters"], found["trained"]) == (134_515_008, 460_800)  # 30 blocks, (576 + 576 + 576 + 192) r
    assert found["after"] < found["before"] < 5
    assert found["merged"] == pytest.approx(found["after"], rel=1e-5)
    assert found["merged_difference"] < 1e-4
    assert found["unmerged_difference"] == 0
    stored = load_file(tmp_path / "adapter_model.safetensors")
    assert sum(array.size for array in stored.values()) == 460_800
    assert "base_model.model.model.layers.29.self_attn.v_proj.lora_B.weight" in stored
