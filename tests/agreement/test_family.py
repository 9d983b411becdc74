"""One model, three implementations: torch, NumPy and transformers, on small models of every LLaMA.

Each is drawn at random in the likeness of a published configuration: its ratio of query to key/value heads,
its theta, scaling and epsilon, its tied or untied head. Odd widths and lengths come by themselves.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.checkpoints.hf_names import to_hf
from minillama.config import LlamaConfig
from minillama.evaluation.peers import float64_throughout, transformers_twin
from minillama.model import Llama
from minillama.model.rope import rope_frequencies
from minillama.reference import ReferenceLlama, relative_error

PUBLISHED = [
    "llama-1-7b",  # epsilon 1e-6
    "llama-2-7b",  # every query head has its own keys
    "llama-2-70b",  # 8 query heads share one
    "llama-3-8b",  # theta 500,000
    "llama-3.1-8b",  # frequencies scaled by 8
    "llama-3.2-1b",  # scaled by 32, head tied
    "smollm2-135m",  # theta 100,000, head tied, 3 query heads share one
]


@st.composite
def likenesses(draw: st.DrawFn, name: str) -> LlamaConfig:
    """Small models that are like a published one in all but size."""
    base = LlamaConfig.named(name)
    n_kv_heads = draw(st.integers(1, 3))
    n_heads = n_kv_heads * (base.n_heads // base.n_kv_heads)
    head_dim = 2 * draw(st.integers(1, 5))
    scaling = base.rope_scaling
    if scaling is not None:  # beside its own 8,192, a context so short that slow, middle and fast pairs occur
        context = draw(st.sampled_from([16, scaling["original_max_position_embeddings"]]))
        scaling = scaling | {"original_max_position_embeddings": context}
    return base.replace(
        vocab_size=draw(st.integers(3, 50)),
        dim=n_heads * head_dim,
        n_layers=draw(st.integers(1, 3)),
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        hidden_dim=draw(st.integers(1, 40)),
        max_seq_len=32,
        rope_scaling=scaling,
    )


def drawn(cfg: LlamaConfig, seed: int, T: int) -> tuple[Llama, torch.Tensor, torch.Tensor]:
    """A model in float64 (norms not at one), two rows of tokens, and targets, some of them ignored."""
    generator = torch.Generator().manual_seed(seed)
    model = Llama(cfg).double()
    model.init_weights(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    tokens, targets = torch.randint(0, cfg.vocab_size, (2, 2, T), generator=generator)
    tokens[:, :2] = torch.tensor([0, 1])  # were all the same, nothing could be learnt from where to look
    targets[:, :-1][torch.rand(2, T - 1, generator=generator) < 0.2] = -100  # the last one counts
    return model, tokens, targets


def families(test):
    """Run a test on random likenesses of each published model: 25 of each."""

    @pytest.mark.parametrize("name", PUBLISHED)
    def for_each(name: str) -> None:
        @settings(max_examples=25)
        @given(cfg=likenesses(name), seed=st.integers(0, 2**32 - 1), T=st.integers(2, 32))
        def check(cfg: LlamaConfig, seed: int, T: int) -> None:
            test(cfg, *drawn(cfg, seed, T))

        check()

    for_each.__doc__ = test.__doc__
    return for_each


@families
def test_torch_equals_numpy(cfg, model, tokens, targets):
    """In float64: logits to 1e-10, the loss, and every gradient to 1e-9 of its own largest entry."""
    reference = ReferenceLlama(cfg, model.state_dict())
    loss, grads = reference.loss_and_grads(tokens.numpy(), targets.numpy())
    assert relative_error(model(tokens).detach().numpy(), reference.forward(tokens.numpy())) <= 1e-10
    ours = model.loss(tokens, targets)
    ours.backward()
    assert ours.item() == pytest.approx(loss, rel=1e-12)
    parameters = dict(model.named_parameters())
    assert parameters.keys() == grads.keys()
    for name, expected in grads.items():
        assert relative_error(parameters[name].grad.numpy(), expected) <= 1e-9, name


@families
def test_torch_equals_transformers_in_float32(cfg, model, tokens, targets):
    """Logits to 2e-5 of the largest: a few roundings of 6e-8 in each layer, which a softmax may amplify."""
    theirs = transformers_twin(cfg, model.state_dict()).float()
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert (model.float()(tokens) - expected).abs().max() <= 2e-5 * expected.abs().max()


@families
def test_torch_equals_transformers_in_float64(cfg, model, tokens, targets):
    """Also the gradients, by its own loss: the two share no code but PyTorch's."""
    with float64_throughout():
        theirs = transformers_twin(cfg, model.state_dict())
        logits = theirs(tokens).logits
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    model.loss(tokens, targets).backward()
    assert relative_error(model(tokens).detach().numpy(), logits.detach().numpy()) <= 1e-10
    expected = dict(theirs.named_parameters())
    for name, parameter in model.named_parameters():
        assert relative_error(parameter.grad.numpy(), expected[to_hf(name)].grad.numpy()) <= 1e-9, name


def test_the_scaling_of_llama_3_1_is_that_of_its_authors():
    """Meta's rule, pair by pair: wavelengths below 2,048 stay, those above 8,192 are stretched."""
    for name, factor in (
        ("llama-3.1-8b", 8),
        ("llama-3.1-405b", 8),
        ("llama-3.2-1b", 32),
        ("llama-3.2-3b", 32),
    ):
        cfg = LlamaConfig.named(name)
        plain = rope_frequencies(cfg.replace(rope_scaling=None)).numpy()
        found = rope_frequencies(cfg).numpy()
        for before, after in zip(plain, found, strict=True):
            wavelength = 2 * np.pi / before
            if wavelength < 8192 / 4:
                expected = before
            elif wavelength > 8192:
                expected = before / factor
            else:
                smooth = (8192 / wavelength - 1) / 3
                expected = (1 - smooth) * before / factor + smooth * before
            assert after == pytest.approx(expected, rel=1e-12)
        assert (found == plain).sum() > 10
        assert np.isclose(found, plain / factor).sum() > 5
