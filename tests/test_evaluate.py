import math

import numpy as np
import pytest
import torch

from minillama.config import ModelConfig
from minillama.data import Documents
from minillama.evaluate.losses import bits_per_byte, document_losses, perplexity
from minillama.model import Llama

CONFIG = ModelConfig(
    dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=48, vocab_size=61, max_seq_len=40
)


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def random_documents(lengths) -> Documents:
    rng = np.random.default_rng(0)
    return Documents.from_ids([rng.integers(61, size=n).tolist() for n in lengths])


@torch.no_grad()
def one_by_one(model, document) -> float:
    """-ln of the product of the probabilities of all tokens but the first."""
    tokens = torch.from_numpy(document.astype(np.int64))
    probabilities = model(tokens[None, :-1])[0].double().softmax(-1)
    return -sum(probabilities[t, token].log().item() for t, token in enumerate(tokens[1:]))


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_losses_are_those_of_each_document_alone_and_in_order(model, batch_size):
    documents = random_documents([7, 41, 2, 30, 7, 3, 12, 25, 41, 5])
    losses = document_losses(model, documents, batch_size)
    expected = [one_by_one(model, document) for document in documents]
    assert losses.tolist() == pytest.approx(expected, rel=1e-6)


def test_a_model_that_knows_nothing_needs_ln_of_the_vocabulary_for_each_token():
    model = Llama(CONFIG)
    model.output.weight.data.zero_()
    lengths = [5, 40, 1, 0, 2]
    losses = document_losses(model, random_documents(lengths))
    expected = [max(n - 1, 0) * math.log(61) for n in lengths]
    assert losses.tolist() == pytest.approx(expected, rel=1e-6)


def test_no_documents_have_no_losses(model):
    assert document_losses(model, random_documents([])).tolist() == []


def test_a_document_beyond_the_context_is_refused(model):
    assert len(document_losses(model, random_documents([41]))) == 1
    with pytest.raises(ValueError, match="document 1 has 42 tokens, but this model can score at m"):
        document_losses(model, random_documents([41, 42, 3]))


def test_losses_need_no_gradient_and_leave_the_mode_as_it_was(model):
    losses = document_losses(model, random_documents([5]))
    assert not losses.requires_grad
    assert torch.is_grad_enabled()
    losses -= 1  # an ordinary tensor, which an inference tensor would not be


def test_perplexity_of_a_fair_die_is_its_number_of_sides():
    assert perplexity(10 * math.log(6), 10) == pytest.approx(6)


def test_bits_per_byte_of_random_bytes_are_8():
    assert bits_per_byte(10 * math.log(256), 10) == pytest.approx(8)
