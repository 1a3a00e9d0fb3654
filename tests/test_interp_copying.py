"""Made-up names in stories: which pieces could be copied, from where, and by which heads."""

import pytest
import torch

import minillama
from minillama import toytown
from minillama.interp.copying import attention_to_sources, losses_by_mention, made_up_names
from minillama.system.assets import asset_path


@pytest.fixture(scope="module")
def model_and_tokenizer():
    return minillama.load("toytown-tiny")


@pytest.fixture(scope="module")
def names(model_and_tokenizer):
    stories = [toytown.story(i, split="valid", language="en") for i in range(12)]
    return stories, made_up_names(stories, model_and_tokenizer[1])


def test_the_marked_pieces_are_the_rest_of_each_made_up_name(names, model_and_tokenizer):
    stories, found = names
    tokenizer = model_and_tokenizer[1]
    ordinary = {name for gender in toytown.english.NAMES.values() for name in gender}
    for row, story in enumerate(stories):
        pieces = tokenizer.pieces(found.ids[row].clamp(min=0).tolist())
        mentions = [e.text for e in story.entities if e.kind == "PERSON" and e.text not in ordinary]
        marked = found.first[row] | found.later[row]
        assert not (found.first[row] & found.later[row]).any()
        spelled = ["".join(tokenizer.pieces(tokenizer.encode(f" {n}"))[2:]) for n in mentions]
        assert "".join(p for p, m in zip(pieces, marked, strict=True) if m) == "".join(spelled)
        first = ["".join(tokenizer.pieces(tokenizer.encode(f" {n}"))[2:]) for n in set(mentions)]
        lengths = sum(map(len, first))
        assert lengths == sum(len(p) for p, m in zip(pieces, found.first[row], strict=True) if m)


def test_a_piece_is_copied_from_the_same_piece_earlier(names):
    _, found = names
    assert found.later.sum() > 50
    for row, target, source in found.sources.nonzero().tolist():
        assert source < target
        assert found.ids[row, source] == found.ids[row, target]
        assert found.first[row, source] or found.later[row, source]
    assert found.lengths.tolist() == [(row >= 0).sum() for row in found.ids]


def test_losses_are_those_of_each_story_alone(names, model_and_tokenizer):
    _, found = names
    model = model_and_tokenizer[0].float()
    nats = []
    for row, length in enumerate(found.lengths.tolist()):
        ids = found.ids[row, :length]
        with torch.no_grad():
            log_probs = model(ids[None, :-1])[0].log_softmax(-1)
        nats.append(-log_probs[torch.arange(length - 1), ids[1:]])
    losses = losses_by_mention(model, found)
    assert losses["all tokens"] == pytest.approx(float(torch.cat(nats).mean()), rel=1e-4)
    later = [n[found.later[row, 1 : len(n) + 1]] for row, n in enumerate(nats)]
    mean = float(torch.cat(later).mean())
    assert losses["names, later mentions"] == pytest.approx(mean, rel=1e-3)


def test_it_is_trained_heads_that_look_at_what_to_copy(names, model_and_tokenizer):
    _, found = names
    trained = attention_to_sources(model_and_tokenizer[0].float(), found)
    folder = min((asset_path("models/toytown-tiny") / "kept").iterdir())
    begun = attention_to_sources(minillama.load(folder)[0].float(), found)
    assert trained.shape == begun.shape == (2, 4)
    assert begun.max() < 0.1 < 0.5 < trained.max() <= 1
