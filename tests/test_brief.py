"""The small training in one call."""

import pytest
import torch

from minillama.config import ModelConfig
from minillama.data import Documents
from minillama.model import Llama
from minillama.training.brief import train_briefly


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    return Llama(ModelConfig.preset("tiny", vocab_size=20, **shape))


def test_it_learns_and_tells_the_loss_of_every_step(model):
    documents = Documents.from_ids([[1, 5, 9, 2], [1, 7, 8, 2]])
    losses = train_briefly(model, documents, steps=60, lr=3e-2)
    assert losses.shape == (60,)
    assert losses[0] == pytest.approx(3.0, abs=0.2)  # ln 20, for a guess among all tokens
    # Only the second token is open: one of three losses is ln 2 at best.
    assert losses[-1] == pytest.approx(0.231, abs=0.05)


def test_documents_in_a_row_do_not_see_each_other(model):
    seen = []
    model.register_forward_pre_hook(
        lambda _, args, named: seen.append(named["mask"]), with_kwargs=True
    )
    train_briefly(model, Documents.from_ids([[1, 5, 2], [1, 7, 2]]), steps=1, batch_size=1)
    assert not seen[0][0, 0, 2, 0] and seen[0][0, 0, 1, 0]
