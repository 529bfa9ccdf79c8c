"""The autoencoders: sizes of the paper, what noise touches, the optimum of the linear one, the variational bound."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.autoencoder import model as engine
from papers.autoencoder.config import VARIANTS, AutoencoderConfig
from papers.autoencoder.data import dataset, evaluation_batches, example_batch, training_batches
from papers.autoencoder.study import probes
from papers.autoencoder.train import configure_optimizer, evaluate, train
from reference.autoencoder import model as reference
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.nn import init
from tinygrad_lab.random import generator, record_draws

TINY = {variant: sizes["tiny"] for variant, sizes in VARIANTS.items()}


def built(config: AutoencoderConfig) -> engine.AnyAutoencoder:
    return engine.build(config, generator(0)).double()


def images(config: AutoencoderConfig, count: int = 5, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).random((count, 1, config.image_size, config.image_size)))


def parameters(model: engine.AnyAutoencoder) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# ---- sizes ----------------------------------------------------------------------------------------------------------


def test_deep_network_has_the_layers_of_the_paper() -> None:
    model = engine.build(VARIANTS["deep"]["paper"], generator(0))
    weights = {name: p.shape for name, p in model.named_parameters() if name.endswith("weight")}
    assert list(weights.values()) == [
        (1000, 784), (500, 1000), (250, 500), (30, 250), (250, 30), (500, 250), (1000, 500), (784, 1000),
    ]  # fmt: skip
    assert parameters(model) == 2_837_314


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        ("linear", 784 * 30 + 30 + 30 * 784 + 784),
        ("denoising", 784 * 500 + 500 + 500 * 784 + 784),
        ("vae", 784 * 500 + 500 + 2 * (500 * 20 + 20) + 20 * 500 + 500 + 500 * 784 + 784),
        ("convolutional", 16 * 17 + 32 * 257 + 1568 * 30 + 30 + 30 * 1568 + 1568 + 32 * 256 + 16 + 257),
    ],
)
def test_parameters_of_the_others(variant: str, count: int) -> None:
    assert parameters(engine.build(VARIANTS[variant]["paper"], generator(0))) == count


@pytest.mark.parametrize("variant", VARIANTS)
@given(code_size=st.integers(1, 5), count=st.integers(1, 3))
def test_images_to_codes_and_back(variant: str, code_size: int, count: int) -> None:
    config = replace(TINY[variant], code_size=code_size)
    model, image = built(config), images(config, count)
    code = model.encode(image)
    assert code.shape == (count, code_size)
    assert model.decode(code).shape == image.shape
    assert model.reconstruct(model(image)).shape == image.shape


def test_convolutions_halve_twice_and_double_twice() -> None:
    model = engine.build(VARIANTS["convolutional"]["paper"], generator(0))
    shapes = []
    for layer in [*model.encoder, *model.decoder]:
        layer.register_forward_hook(lambda _m, _a, out: shapes.append(out.shape[1:]))
    with no_grad():
        model(Tensor(np.zeros((2, 1, 28, 28), np.float32)))
    assert shapes[::2] == [(16, 14, 14), (32, 7, 7), (16, 14, 14), (1, 28, 28)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_codes_are_linear_except_the_denoising_one(variant: str) -> None:
    """With large weights before the code it leaves [0, 1] on both sides, unless a logistic unit stands behind."""
    model = built(replace(TINY[variant], code_size=20))
    last = {"deep": "encoder.4", "vae": "mu", "convolutional": "to_code"}.get(variant, "encoder")
    layer = dict(model.named_modules())[last]
    with no_grad():
        layer.weight.mul_(100)
    code = model.encode(images(TINY[variant])).numpy()
    logistic = variant == "denoising"
    assert (code.min() < 0) != logistic
    assert (code.max() > 1) != logistic


# ---- losses ---------------------------------------------------------------------------------------------------------


def test_cross_entropy_is_summed_over_pixels_and_images() -> None:
    rng = np.random.default_rng(0)
    logits, x = rng.standard_normal((3, 1, 4, 4)), rng.random((3, 1, 4, 4))
    y = 1 / (1 + np.exp(-logits))
    expected = -(x * np.log(y) + (1 - x) * np.log(1 - y)).sum()
    assert engine.cross_entropy(Tensor(logits), Tensor(x)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_halves_of_a_batch_add_up_to_the_whole(variant: str) -> None:
    config = TINY[variant]
    model, image = built(config).eval(), images(config, 6)

    def part(rows: slice) -> float:
        return engine.loss(model, {"image": image[rows], "count": 6.0}).item()

    assert part(slice(0, 2)) + part(slice(2, 6)) == pytest.approx(part(slice(0, 6)), rel=1e-12)


def test_evaluation_measures_the_error_per_image_not_per_pixel() -> None:
    config = TINY["linear"]
    model = built(config)
    for parameter in model.parameters():
        init.zeros_(parameter)  # reconstructs 0
    image = images(config, 4)
    metrics = evaluate(model, [{"image": image[:3], "count": 3.0}, {"image": image[3:], "count": 1.0}])
    per_image = float((image.numpy() ** 2).sum()) / 4
    assert metrics == pytest.approx({"squared_error": per_image, "loss": per_image})


def test_evaluation_compares_pixels_and_is_free_of_noise() -> None:
    config = TINY["denoising"]
    model, image = built(config).train(), images(config, 4)
    batches = [{"image": image, "count": 4.0}]
    metrics = evaluate(model, batches)
    y = 1 / (1 + np.exp(-model.eval()(image).numpy()))
    assert metrics["squared_error"] == pytest.approx(((y - image.numpy()) ** 2).sum() / 4)
    assert evaluate(model.train(), batches) == metrics


# ---- the linear autoencoder and PCA ---------------------------------------------------------------------------------


def principal_components(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the top k directions, (k, n)."""
    mean = x.mean(axis=0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:k]


def with_directions(config: AutoencoderConfig, image: Tensor, directions: np.ndarray, mix: np.ndarray) -> float:
    """Largest gradient entry of the linear autoencoder that projects on ``directions``, its code mixed by ``mix``."""
    mean = image.numpy().reshape(len(image), -1).mean(axis=0)
    model = built(config)
    encoder, decoder = mix @ directions, directions.T @ np.linalg.inv(mix)
    model.encoder.load_state_dict({"weight": encoder, "bias": -encoder @ mean})
    model.decoder.load_state_dict({"weight": decoder, "bias": mean})
    engine.loss(model, {"image": image, "count": float(len(image))}).backward()
    return max(float(np.abs(p.grad.numpy()).max()) for p in model.parameters())


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_pca_in_any_basis_is_a_stationary_point_of_the_linear_autoencoder(k: int, seed: int) -> None:
    config = replace(TINY["linear"], image_size=4, code_size=k)
    image = images(config, 40, seed)
    _, directions = principal_components(image.numpy().reshape(40, -1), k)
    mix = np.eye(k) + 0.3 * np.tril(np.random.default_rng(seed).standard_normal((k, k)), -1)
    assert with_directions(config, image, directions, mix) < 1e-10
    turned = directions.copy()
    turned[0, :2] += 0.3  # no longer an eigenvector of the covariance
    assert with_directions(config, image, turned, mix) > 1e-4


def test_training_the_linear_autoencoder_finds_the_subspace_of_pca() -> None:
    config = replace(TINY["linear"], image_size=4, code_size=2, learning_rate=0.05)
    rng = np.random.default_rng(0)
    spread = np.array([3.0, 2.0] + [0.1] * 14)
    x = (rng.standard_normal((64, 16)) * spread) @ np.linalg.qr(rng.standard_normal((16, 16)))[0] + 0.5
    mean, directions = principal_components(x, 2)
    best = float(((x - mean - (x - mean) @ directions.T @ directions) ** 2).sum()) / 64

    model, batch = built(config), {"image": Tensor(x.reshape(64, 1, 4, 4)), "count": 64.0}
    losses = list(train(model, *configure_optimizer(model, config, 400), [batch] * 400))
    assert best * (1 - 1e-9) <= losses[-1] < best * 1.01  # from above
    assert losses[0] > 2 * best
    spanned = np.linalg.qr(model.decoder.weight.numpy())[0]  # (16, 2)
    assert np.linalg.norm(directions @ spanned) ** 2 / 2 == pytest.approx(1.0, abs=1e-3)


@given(st.integers(0, 2**32 - 1))
def test_subspaces_overlap_in_any_basis_and_not_with_their_complement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((50, 16)) * np.linspace(2, 1, 16)
    pca = probes.Components(x.reshape(50, 1, 4, 4), 3)
    _, directions = principal_components(x, 16)
    mix = np.eye(3) + 0.3 * np.tril(rng.standard_normal((3, 3)), -1)
    assert probes.subspace_overlap(pca, directions[:3].T @ mix) == pytest.approx(1.0)
    assert probes.subspace_overlap(pca, directions[3:6].T @ mix) == pytest.approx(0.0, abs=1e-9)
    assert probes.subspace_overlap(pca, directions[[0, 1, 5]].T) == pytest.approx(2 / 3)


# ---- denoising ------------------------------------------------------------------------------------------------------


def test_masking_noise_zeroes_its_fraction_and_leaves_the_rest_alone() -> None:
    noise = seeded(engine.MaskingNoise, 0.25, seed=1)
    image = Tensor(np.random.default_rng(0).uniform(0.1, 1.0, (50, 1, 28, 28)))
    corrupted = noise(image).numpy()
    lost = corrupted == 0
    assert lost.mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(corrupted[~lost], image.numpy()[~lost])


def test_noise_is_new_in_each_training_pass_and_absent_in_evaluation() -> None:
    config = TINY["denoising"]
    model, image = built(config), images(config)
    first, second = model(image).numpy(), model(image).numpy()
    assert np.abs(first - second).max() > 1e-3
    model.eval()
    with record_draws() as draws:
        output = model(image)
    assert draws == []
    np.testing.assert_array_equal(output.numpy(), model.decode(model.encode(image)).numpy())


def test_denoising_target_is_the_clean_image() -> None:
    config = TINY["denoising"]
    model, image = built(config), images(config)
    with record_draws() as draws:
        value = engine.loss(model, {"image": image, "count": 5.0}).item()
    logits = model.decode(model.encode(Tensor(image.numpy() * draws[0])))
    assert (draws[0] == 0).any()
    assert value == pytest.approx(engine.cross_entropy(logits, image).item() / 5, rel=1e-12)


# ---- variational ----------------------------------------------------------------------------------------------------

moments = st.tuples(st.floats(-2, 2), st.floats(-2, 2))


@given(st.lists(moments, min_size=1, max_size=6))
def test_kl_equals_torch_distributions(pairs: list[tuple[float, float]]) -> None:
    mu, logvar = np.array(pairs).T[:, None, :]  # (1, k) each
    normal = torch.distributions.Normal(torch.from_numpy(mu), torch.from_numpy(np.exp(logvar / 2)))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum().item()
    assert engine.kl_divergence(Tensor(mu), Tensor(logvar)).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_kl_is_the_mean_of_log_q_minus_log_p_over_draws() -> None:
    mu, logvar, draws = np.array([[0.7, -1.2]]), np.array([[0.5, -0.8]]), 200_000
    sigma = np.exp(logvar / 2)
    eps = np.random.default_rng(0).standard_normal((draws, 2))
    difference = (-0.5 * eps**2 - np.log(sigma) + 0.5 * (mu + sigma * eps) ** 2).sum(axis=1)
    error = difference.std() / math.sqrt(draws)
    exact = engine.kl_divergence(Tensor(mu), Tensor(logvar)).item()
    assert abs(difference.mean() - exact) < 4 * error < 0.05


def test_gradients_pass_through_the_draw() -> None:
    """z = mu + sigma eps: dz/dmu = 1, dz/dlogvar = sigma eps / 2, with the eps of the forward pass."""
    model = built(TINY["vae"])
    rng = np.random.default_rng(0)
    mu, logvar = (Tensor(rng.standard_normal((4, 3)), requires_grad=True) for _ in range(2))
    weight = rng.standard_normal((4, 3))
    with record_draws() as draws:
        z = model.sample(mu, logvar)
    z.backward(weight)
    sigma = np.exp(logvar.numpy() / 2)
    np.testing.assert_allclose(z.numpy(), mu.numpy() + sigma * draws[0], rtol=1e-12)
    np.testing.assert_allclose(mu.grad.numpy(), weight, rtol=1e-12)
    np.testing.assert_allclose(logvar.grad.numpy(), weight * sigma * draws[0] / 2, rtol=1e-12)


def test_draws_have_the_posterior_s_moments() -> None:
    mu, logvar = Tensor(np.full((40_000, 1), 0.5)), Tensor(np.full((40_000, 1), math.log(4.0)))
    z = built(TINY["vae"]).sample(mu, logvar).numpy()
    assert z.mean() == pytest.approx(0.5, abs=0.05)
    assert z.std() == pytest.approx(2.0, rel=0.02)


def test_evaluation_uses_the_mean_and_draws_nothing() -> None:
    config = TINY["vae"]
    model, image = built(config).eval(), images(config)
    with record_draws() as draws:
        logits, mu, _ = model(image)
    assert draws == []
    np.testing.assert_array_equal(logits.numpy(), model.decode(mu).numpy())
    np.testing.assert_array_equal(model.encode(image).numpy(), mu.numpy())


def test_both_terms_of_the_bound_are_sums_over_their_dimensions() -> None:
    """Four times the pixels, or twice the code, of the same values multiply the term: neither is a mean."""
    model = built(TINY["vae"])
    rng = np.random.default_rng(0)
    logits, image = rng.standard_normal((2, 1, 4, 4)), rng.random((2, 1, 4, 4))
    mu, logvar = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))

    def terms(side: int, codes: int) -> dict[str, float]:
        wide = [Tensor(np.tile(a, (1, 1, side, side))) for a in (logits, image)]
        long = [Tensor(np.tile(a, (1, codes))) for a in (mu, logvar)]
        return {name: value.item() for name, value in model.losses((wide[0], *long), wide[1]).items()}

    once, more_pixels, more_code = terms(1, 1), terms(2, 1), terms(1, 2)
    assert once["loss"] == pytest.approx(once["reconstruction"] + once["kl"])
    assert more_pixels["reconstruction"] == pytest.approx(4 * once["reconstruction"])
    assert more_pixels["kl"] == pytest.approx(once["kl"])
    assert more_code["kl"] == pytest.approx(2 * once["kl"])


def test_loss_is_torch_s_bound() -> None:
    """Third witness: log-probabilities and the divergence from torch.distributions, the encoder's numbers ours."""
    config = TINY["vae"]
    model, image = built(config).eval(), images(config)
    logits, mu, logvar = (torch.from_numpy(part.numpy().copy()) for part in model(image))
    bernoulli = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    posterior = torch.distributions.Normal(mu, (logvar / 2).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum()
    expected = kl - bernoulli.log_prob(torch.from_numpy(image.numpy().copy())).sum()
    assert engine.loss(model, {"image": image, "count": 5.0}).item() == pytest.approx(expected.item() / 5, rel=1e-10)


# ---- data, both sides, bad input ------------------------------------------------------------------------------------


def test_batches_hold_pixels_between_0_and_1() -> None:
    config = replace(VARIANTS["deep"]["paper"], dataset="digits", batch_size=32)
    batch = next(iter(training_batches(config, generator(0))))
    assert batch["image"].shape == (32, 1, 28, 28)
    assert (batch["image"].min(), batch["image"].max()) == (0.0, 1.0)
    assert sum(b["count"] for b in evaluation_batches(config, "test")) == len(dataset(config, "test").labels)


def test_example_batches_are_images_too() -> None:
    image = example_batch(TINY["deep"], generator(0))["image"]
    assert image.shape == (4, 1, 8, 8)
    assert 0 <= image.min() < 0.1 < 0.9 < image.max() <= 1


def test_arrays_in_results_files_come_back() -> None:
    rng = np.random.default_rng(0)
    points, pixels = rng.standard_normal((5, 2)).astype(np.float32), rng.integers(0, 256, (3, 1, 4, 4))
    np.testing.assert_array_equal(probes.unpack(probes.pack(points)), points)
    np.testing.assert_array_equal(probes.unpack(probes.pack_pixels(pixels / 255)), pixels[:, 0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_reference_starts_from_the_same_distribution(variant: str) -> None:
    config = VARIANTS[variant]["paper"]
    torch.manual_seed(0)
    theirs = dict(reference.build(config).named_parameters())
    ours = dict(engine.build(config, generator(0)).named_parameters())
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        if parameter.numel() > 1000:
            assert parameter.numpy().std() == pytest.approx(theirs[name].detach().numpy().std(), rel=0.1), name


def test_deep_network_starts_with_gain_times_xavier() -> None:
    config = VARIANTS["deep"]["paper"]
    for gain in (4.0, 0.3):
        weight = engine.build(replace(config, gain=gain), generator(0)).encoder[0].weight.numpy()
        assert weight.std() == pytest.approx(gain * math.sqrt(2 / (784 + 1000)), rel=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code_size": 0}, "code_size must be at least 1, got 0"),
        ({"image_size": -1}, "image_size must be at least 1, got -1"),
        ({"hidden": (10, 0)}, "hidden and channels must be at least 1"),
        ({"corruption": 1.0}, r"corruption must be in \[0, 1\), got 1.0"),
        ({"variant": "convolutional", "image_size": 30}, "image_size must be a multiple of 4"),
    ],
)
def test_impossible_configurations_are_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(VARIANTS["deep"]["paper"], **changes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_of_another_size_are_refused(variant: str) -> None:
    config = TINY[variant]
    with pytest.raises((ValueError, TypeError), match="linear"):  # the second from the type checker that tests run with
        built(config)(images(replace(config, image_size=12)))
