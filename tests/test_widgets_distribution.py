"""The distribution explorer without a page: its controls, what it computes, and its still."""

import base64
import re
from html import unescape

import matplotlib
import pytest
import torch

matplotlib.use("agg")
from matplotlib import pyplot

import minillama
from minillama import widgets
from minillama.config import Sampling
from minillama.transforms import next_token_probabilities


@pytest.fixture(scope="module")
def toytown():
    return minillama.load("toytown")


@pytest.fixture
def explore(toytown):
    return lambda **options: widgets.distribution_explorer(*toytown, **options)


def right(toytown, text, **options):
    model, tokenizer = toytown
    ids = tokenizer.encode(text, bos=True)
    with torch.no_grad():
        logits = model(torch.tensor([ids]))[:, -1].double()
    return logits.softmax(-1)[0], next_token_probabilities(logits, [ids], Sampling(**options))[0]


def test_it_shows_the_distribution_before_and_after(explore, toytown):
    text = "Lily had a red"
    view = explore(prompt=text, temperature=0.7, top_k=5, top_p=0.9, min_p=0.1)
    before, after = right(toytown, text, temperature=0.7, top_k=5, top_p=0.9, min_p=0.1)
    assert torch.equal(view.before, before) and torch.equal(view.after, after)
    for name, value in [("temperature", 1.5), ("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)]:
        getattr(view, name).value = value
    assert torch.equal(view.after, right(toytown, text, temperature=1.5)[1])
    shown = [float(p) for p in re.findall(r"</i>([\d.]+)", view._bars[0].value)]
    best = int(before.argmax())
    assert shown == pytest.approx([float(before[best]), float(view.after[best])], abs=6e-4)
    view.temperature.value = 0
    assert view.after.max() == 1 and "1 of 2,048 tokens" in view._note.value


def test_a_click_takes_a_token_and_undo_gives_it_back(explore, toytown):
    view = explore(prompt="Lily had a")
    assert view.undo_button.disabled
    name = view._buttons[2].description
    view._buttons[2].click()
    assert view.text == f"Lily had a{name.replace('·', ' ')}" and not view.undo_button.disabled
    assert torch.equal(view.before, right(toytown, view.text)[0])
    view.draw_button.click()
    view.undo_button.click()
    view.undo_button.click()
    view.undo()
    assert view.text == "Lily had a" and view.undo_button.disabled


def test_what_is_drawn_can_be_drawn_and_a_seed_repeats_it(explore):
    texts = []
    for seed in [1, 1, 2]:
        view = explore(top_k=3, seed=seed)
        for _ in range(12):
            allowed = view.after
            view.draw()
            assert allowed[view._taken[-1]] > 0
        texts.append(view.text)
    assert texts[0] == texts[1] != texts[2]


def test_a_new_prompt_begins_anew_and_a_space_at_its_end_is_left_to_the_model(explore, toytown):
    view = explore(prompt="Lily had a")
    view.draw()
    view.prompt.value = "从前 "
    assert view.text == "从前" and torch.equal(view.before, right(toytown, "从前")[0])
    view.prompt.value = ""
    assert view.text == "" and torch.equal(view.before, right(toytown, "")[0])


def test_a_long_text_is_read_from_its_end(explore):
    view = explore(prompt="Lily had a red ball. " * 200)
    view.draw()
    assert view.before.sum() == pytest.approx(1)


def test_text_is_shown_as_text(explore):
    view = explore(prompt="<b>&")
    assert "<b>&" in unescape(view._read.value) and "<b>&" not in view._read.value
    with pytest.raises(ValueError, match="ids from 2048 to 2048"):
        view.take(2048)


def test_its_still_is_the_two_distributions_with_words(explore):
    data, metadata = explore(prompt="Lily had a red", temperature=1.5).still()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"]
    assert data["text/plain"].startswith('What comes after "Lily had a red": ')
    assert "temperature 1.5, top_k 0, top_p 1, min_p 0" in data["text/plain"]
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    "options", [{"temperature": 2.5}, {"top_k": -1}, {"top_p": 0.0}, {"min_p": 0.6}]
)
def test_a_setting_out_of_range_is_refused(explore, options):
    [name] = options
    with pytest.raises(ValueError, match=f"{name} must be from"):
        explore(**options)
