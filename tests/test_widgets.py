"""Widgets without a page: what their controls do, what they write into it, and their stills."""

import base64
import re
import threading
import time
from html import escape

import matplotlib
import pytest
import torch
from clock import seconds
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

matplotlib.use("agg")
from matplotlib import pyplot

import minillama
from minillama import widgets
from minillama.system.notebooks import execute, write_notebook

VIEW = "application/vnd.jupyter.widget-view+json"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def toytown():
    return minillama.load("toytown")


# The attention explorer.


def random_maps(layers=2, heads=3, time=7, seed=0):
    scores = torch.randn(layers, heads, time, time, generator=torch.manual_seed(seed)) * 2
    later = torch.ones(time, time, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(-1)


TOKENS = ["<s>", "▁a", "▁red", "▁ball", "\n", "<u>&", "猫"]


def explore(**options):
    return widgets.attention_explorer(random_maps(), TOKENS, **options)


def page_of(explorer):
    """What the explorer has written into the page."""
    [value] = [part.value for part in explorer.view.children[1].children[1:]]
    return value


def shares(page, state):
    """Percent by token, from the rule for this state of the page."""
    [rule] = re.findall(rf"{re.escape(state)}\{{([^{{}}]*)\}}", page)
    return {int(k): int(v) for k, v in re.findall(r"--w(\d+):(\d+);", rule)}


def right_shares(weights):
    return {i: round(100 * w) for i, w in enumerate(weights.tolist()) if round(100 * w)}


def pointed_at(token):
    return f":has(button:nth-child({token + 1}):hover)"


NONE_POINTED_AT = ":not(:has(button:hover))"


def test_each_token_has_its_weights_in_the_page_for_the_layer_and_head_chosen():
    maps, explorer = random_maps(), explore(layer=1, head=2)
    for layer, head in [(1, 2), (1, 0), (0, 0)]:
        explorer.layer.value, explorer.head.value = layer, head
        page = page_of(explorer)
        for token in range(len(TOKENS)):
            right = right_shares(maps[layer, head, token])
            assert shares(page, pointed_at(token)) == right
            button = f"button:nth-child({token + 1}){{--w:var(--w{token},0)}}"
            assert button in page


def test_the_chosen_token_is_outlined_and_shown_while_none_is_pointed_at():
    maps, explorer = random_maps(), explore()
    assert explorer.token.value == len(TOKENS) - 1
    for token in (6, 2, 0):
        explorer.token.value = token
        page = page_of(explorer)
        assert shares(page, NONE_POINTED_AT) == right_shares(maps[0, 0, token])
        [outlined] = re.findall(r"nth-child\((\d+)\)\.jupyter-button\{outline", page)
        assert int(outlined) == token + 1
        shown = re.findall(rf"{re.escape(NONE_POINTED_AT)} \.minillama-top-(\d+)\{{display", page)
        assert shown == [str(token)]


def test_the_three_largest_weights_are_listed_with_numbers_in_the_page_and_to_a_screen_reader():
    maps, explorer = random_maps(), explore(layer=1)
    names = ["<s>", "·a", "·red", "·ball", "↵", "<u>&", "猫"]
    for head in (0, 1):
        explorer.head.value = head
        for token in (0, 3, 6):
            weights, keys = maps[1, head, token].topk(3)
            listed = [
                (f"{weight:.2f}", names[key])
                for weight, key in zip(weights.tolist(), keys.tolist(), strict=True)
                if weight >= 0.005
            ]
            [panel] = re.findall(
                rf'<div class="minillama-top minillama-top-{token}">(.*?)</div>', page_of(explorer)
            )
            rows = re.findall(r"<br>([\d.]+) <i[^>]*></i> ([^<]*)", panel)
            unescaped = [(n, w.replace("&lt;", "<").replace("&gt;", ">")) for n, w in rows]
            assert [(n, w.replace("&amp;", "&")) for n, w in unescaped] == listed
            words = ", ".join(f"{name} {number}" for number, name in listed)
            assert explorer.token.tooltips[token] == f"looks at {words}"


def test_the_list_keeps_the_height_of_its_longest_so_that_the_page_stays():
    page = page_of(explore())
    [rule] = re.findall(r"\.minillama-top \{([^{}]*)\}", page)
    line, least = (re.search(rf"{n}-height: ([\d.]+)", rule)[1] for n in ("line", "min"))
    lines = max(panel.count("<br>") for panel in re.findall("<div.*?</div>", page)) + 1
    assert float(least) == lines * float(line) == 6
    assert "white-space: nowrap" in rule  # each is one line


def test_tokens_are_text_and_not_html():
    explorer = explore()
    assert "&lt;u&gt;&amp;" in page_of(explorer)
    assert "<s>" not in page_of(explorer) and "<u>" not in page_of(explorer)
    assert [label for label, _ in explorer.token.options][4:] == ["↵", "<u>&", "猫"]


def test_explorers_on_one_page_do_not_mix():
    one, other = explore(), explore()
    scopes = [set(e.view._dom_classes) - {"minillama-explorer"} for e in (one, other)]
    assert all(len(scope) == 1 for scope in scopes) and scopes[0] != scopes[1]
    for explorer, [scope] in zip((one, other), scopes, strict=True):
        style = re.search("<style>(.*)</style>", page_of(explorer), re.DOTALL)[1]
        selectors = re.findall(r"([^{}]+)\{", style)
        assert len(selectors) > 20
        assert all(s.strip().startswith(f".{scope}") for s in selectors)


def test_forty_tokens_are_light_and_drawn_at_once():
    maps, pieces = random_maps(time=40), ["▁word"] * 40
    explorer = widgets.attention_explorer(maps, pieces)
    assert len(page_of(explorer).encode()) < 60_000

    def draw():
        explorer.head.value = (explorer.head.value + 1) % 3

    assert seconds(draw) < seconds(widgets.attention_explorer, maps, pieces)


def test_controls_have_labels():
    explorer = explore()
    assert [c.description for c in (explorer.layer, explorer.head, explorer.token)] == [
        "layer",
        "head",
        "token",
    ]
    assert (explorer.layer.max, explorer.head.max) == (1, 2)
    lone = widgets.attention_explorer(torch.ones(1, 1, 1, 1), ["▁a"])
    assert lone.layer.disabled and lone.head.disabled


def test_an_explorers_still_is_the_map_with_words():
    explorer = explore(layer=1, head=2, token=0)
    figures = pyplot.get_fignums()
    data, metadata = explorer._repr_mimebundle_()
    assert data.keys() == {VIEW, "image/png", "text/plain"}
    assert data[VIEW]["model_id"] == explorer.view.model_id
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    words = 'Attention of layer 1, head 2 over 7 tokens. Token 0, "<s>", looks most at "<s>".'
    assert data["text/plain"] == metadata["image/png"]["alt"] == words
    assert pyplot.get_fignums() == figures
    explorer.head.value = 0
    assert explorer.still()[0]["image/png"] != data["image/png"]


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="there are 6 tokens, but weights for 7"):
        widgets.attention_explorer(random_maps(), TOKENS[:6])
    for choice, words in [
        ({"layer": 2}, "layer must be from 0 to 1, not 2"),
        ({"head": -1}, "head must be from 0 to 2, not -1"),
        ({"token": 7}, "token must be from 0 to 6, not 7"),
    ]:
        with pytest.raises(ValueError, match=words):
            explore(**choice)
    with pytest.raises(ValueError, match="between 0 and 1"):
        widgets.attention_explorer(random_maps() - 0.1, TOKENS)
    # Without the tests' own check of shapes, as in a notebook.
    init = widgets.AttentionExplorer.__init__.__wrapped__
    with pytest.raises(ValueError, match=r"\(2, 1, 3, 7, 7\).*maps\[:, 0\]"):
        init(object.__new__(widgets.AttentionExplorer), random_maps()[:, None], TOKENS)


# The playground.


@pytest.fixture
def play(toytown):
    made = []

    def make(**options):
        made.append(widgets.playground(*toytown, **{"length": 20, "seed": 1} | options))
        return made[-1]

    yield make
    for playground in made:
        playground.stop()
        playground.wait()


def right_text(toytown, prompt, **options):
    """What `generate` writes, with the prompt."""
    model, tokenizer = toytown
    ids = tokenizer.encode(prompt, bos=True)
    options = {"max_new_tokens": 20, "temperature": 0.8, "seed": 1} | options
    new = minillama.generate(model, ids, stop={tokenizer.eos_id}, **options)
    return prompt + "".join(tokenizer.stream(new, after=ids))


def buttons(playground):
    """Which can be pressed: Write, Stop."""
    return not playground.write_button.disabled, not playground.stop_button.disabled


def html_of(playground, part):
    """What stands in the part of the view with this class."""
    parts = [playground.view]
    while parts:
        widget = parts.pop()
        if f"minillama-{part}" in widget._dom_classes:
            return widget.value
        parts += getattr(widget, "children", ())


class Slow:
    """Generation that makes a token each time it is allowed to."""

    def __init__(self, ids):
        self.ids, self.allowed, self.asked = ids, threading.Semaphore(0), 0

    def __call__(self, model, prompt, **options):
        for token in self.ids:
            self.asked += 1
            assert self.allowed.acquire(timeout=60)
            yield token

    def reach(self, asked):
        end = time.monotonic() + 60
        while self.asked < asked:
            assert time.monotonic() < end
            time.sleep(0.001)


@pytest.fixture
def slowly(monkeypatch):
    """Replace generation by a Slow one of these ids."""

    def replace(ids):
        slow = Slow(ids)
        monkeypatch.setattr("minillama.widgets.writing.generate", slow)
        return slow

    return replace


def test_it_writes_what_generate_writes(play, toytown):
    playground = play()
    assert (playground.text, buttons(playground)) == ("", (True, False))
    playground.write()
    playground.wait()
    assert playground.text == right_text(toytown, "Once upon a time")
    assert buttons(playground) == (True, False)
    assert re.search(
        r"^As long as asked for: 20 tokens, \d+ a second\. Seed 1 ", html_of(playground, "status")
    )
    playground.temperature.value, playground.top_p.value = 0, 0.5
    playground.length.value, playground.seed.value = 500, "7"
    playground.prompt.value = "In a little town"
    playground.write_button.click()
    playground.wait()
    right = right_text(toytown, "In a little town", temperature=0, max_new_tokens=500)
    assert playground.text == right
    assert html_of(playground, "status").startswith("The end: ")


def test_a_context_that_is_full_is_told(play):
    playground = play(prompt="a red ball " * 168, length=500)
    playground.write()
    playground.wait()
    assert html_of(playground, "status").startswith("As long as the model can read: ")


def test_without_a_seed_there_is_a_new_one_each_time_which_is_named(play):
    playground = play(seed=None, length=60)
    torch.manual_seed(5)
    texts = []
    for _ in range(2):
        playground.write()
        playground.wait()
        texts.append(playground.text)
    assert texts[0] != texts[1]
    assert torch.initial_seed() == 5
    playground.seed.value = re.search(r"Seed (\d+)", html_of(playground, "status"))[1]
    playground.write()
    playground.wait()
    assert playground.text == texts[1]


def test_a_seed_for_one_text_leaves_the_control_as_it_is(play, toytown):
    playground = play(seed=None)
    for seed in (1, 7, 1):
        playground.write(seed=seed)
        playground.wait()
        assert playground.text == right_text(toytown, "Once upon a time", seed=seed)
        assert f"Seed {seed} writes it again" in html_of(playground, "status")
        assert playground.seed.value == ""
    playground.length.value = 60
    texts = set()
    for _ in range(3):
        playground.write_button.click()
        playground.wait()
        texts.add(playground.text)
    assert len(texts) > 1
    pinned = play(seed=7)
    pinned.write(seed=1)
    pinned.wait()
    pinned.write()
    pinned.wait()
    assert pinned.text == right_text(toytown, "Once upon a time", seed=7)


def test_the_language_sets_a_prompt_that_fits_it(play):
    playground = play(prompt="My own")
    assert (playground.language.value, playground.prompt.value) == ("English", "My own")
    playground.language.value = "中文"
    assert playground.prompt.value == "从前"
    playground.language.value = "English"
    assert playground.prompt.value == "Once upon a time"
    assert play(prompt="从前，有一只猫").language.value == "中文"


def test_a_space_at_the_end_of_the_prompt_is_left_to_the_model(play, toytown):
    playground = play(prompt="Once upon a time ")
    playground.write()
    playground.wait()
    assert playground.text == right_text(toytown, "Once upon a time")


def test_enter_in_the_prompt_writes(play):
    playground = play()
    playground.prompt._handle_custom_msg({"event": "submit"}, [])
    playground.wait()
    assert len(playground.text) > len("Once upon a time")


def test_stop_ends_it_within_one_token(play, toytown, slowly):
    tokenizer = toytown[1]
    slow = slowly(tokenizer.encode("there was a kind girl and a dog"))
    playground = play()
    playground.write()
    assert buttons(playground) == (False, True)
    for _ in range(3):
        slow.allowed.release()
    slow.reach(4)
    with pytest.raises(TimeoutError, match=r"still writing after 0\.01 seconds"):
        playground.wait(0.01)
    playground.stop_button.click()
    slow.allowed.release()
    playground.wait()
    assert slow.asked == 4
    assert playground.text == "Once upon a time there was a"
    assert html_of(playground, "status").startswith("Stopped: 3 tokens")
    assert buttons(playground) == (True, False)


def test_a_stop_within_a_character_leaves_no_half_of_it(play, toytown, slowly):
    ids = toytown[1].encode("龘")
    assert len(ids) > 3  # its bytes
    slow = slowly(ids[-3:])
    playground = play()
    playground.write()
    slow.allowed.release()
    slow.reach(2)
    playground.stop()
    slow.allowed.release()
    playground.wait()
    assert playground.text == "Once upon a time"


def test_to_write_again_stops_what_is_being_written(play, toytown, slowly):
    slow = slowly(toytown[1].encode("there was a kind girl"))
    playground = play()
    playground.write()
    slow.reach(1)
    first = playground._writing
    threading.Timer(0.3, slow.allowed.release).start()
    again = slowly(toytown[1].encode("a dog"))
    for _ in range(10):
        again.allowed.release()
    playground.write()
    assert first.done and slow.asked == 1
    playground.wait()
    assert playground.text == "Once upon a time a dog"
    assert "a dog" in html_of(playground, "text")


def test_what_goes_wrong_is_a_sentence_in_the_view(play, toytown, slowly):
    playground = play(prompt="a red ball " * 200)
    playground.write()
    playground.wait()
    assert html_of(playground, "status").startswith("<b>The prompt has 601 tokens, but this model")
    assert buttons(playground) == (True, False)
    playground.prompt.value = "Once"
    for seed in ("<i>", "-1", "1.5", "9" * 19):
        playground.seed.value = seed
        playground.write()
        playground.wait()
        assert "The seed must be a whole number" in html_of(playground, "status")
        assert "<i>" not in html_of(playground, "status")
        assert playground.text == "Once"
    playground.seed.value = " 1 "
    playground.write()
    playground.wait()
    assert playground.text == right_text(toytown, "Once")


def test_text_is_shown_as_text(play, toytown, slowly):
    slow = slowly(toytown[1].encode("<script>x</script>\n\n<img src=x> & \n"))
    for _ in range(100):
        slow.allowed.release()
    playground = play(prompt="<b>x</b>")
    playground.write()
    playground.wait()
    assert playground.text.endswith("<script>x</script>\n\n<img src=x> & \n")
    data, _ = playground.still()
    for html in (html_of(playground, "text"), data["text/html"]):
        assert "&lt;b&gt;x&lt;/b&gt;" in html and "&lt;script&gt;x&lt;/script&gt;" in html
        assert not re.search(r"<(script|img|b>x)", html)
    assert "</p><p>&lt;img src=x&gt; &amp; <br></p>" in data["text/html"]


def test_its_still_is_the_text(play):
    playground = play(prompt="Once upon a time")
    data, metadata = playground._repr_mimebundle_()
    assert data.keys() == {VIEW, "text/html", "text/plain"} and metadata == {}
    assert data["text/plain"] == "A playground for prompts such as: Once upon a time"
    playground.write()
    playground.wait()
    data, _ = playground._repr_mimebundle_()
    assert data[VIEW]["model_id"] == playground.view.model_id
    assert data["text/plain"] == playground.text
    assert data["text/html"].startswith("<p><b>Once upon a time</b> ")
    assert "temperature 0.8, top_p 1, at most 20 tokens" in data["text/html"]


def test_every_control_has_a_label(play):
    playground = play()
    for name in ("prompt", "language", "temperature", "top_p", "length", "seed"):
        assert getattr(playground, name).description == name
    assert playground.write_button.description == "Write"
    assert playground.stop_button.description == "Stop"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 2}, r"temperature must be from 0\.0 to 1\.5, not 2"),
        ({"top_p": 0}, r"top_p must be from 0\.05 to 1\.0, not 0"),
        ({"length": 0}, "length must be from 1 to 512, not 0"),
        ({"length": 513}, "length must be from 1 to 512, not 513"),
    ],
)
def test_a_setting_out_of_range_is_refused(play, options, words):
    with pytest.raises(ValueError, match=words):
        play(**options)


# Both, in a notebook without a page.

CELLS = (
    """\
import numpy as np
import torch

torch.set_num_threads(1)
import minillama
from minillama import widgets

playground = widgets.playground(*minillama.load("toytown"), length=10, seed=1)
playground.write()
playground.wait()
playground""",
    """\
explorer = widgets.attention_explorer(np.tri(3)[None, None] / 3, ["a", "b", "c"])
explorer.token.value = 1
explorer""",
)


def test_a_stored_notebook_and_its_page_hold_the_stills(tmp_path, toytown):
    path = tmp_path / "views.ipynb"
    write_notebook(path, new_notebook(cells=[new_code_cell(source) for source in CELLS]))
    stored = execute(path)
    outputs = [cell.outputs for cell in stored.cells]
    assert [len(of_cell) for of_cell in outputs] == [1, 1]  # one bundle each, and no stderr
    text = right_text(toytown, "Once upon a time", max_new_tokens=10)
    assert outputs[0][0].data.keys() == {"text/html", "text/plain"}
    assert outputs[0][0].data["text/plain"] == text
    assert outputs[1][0].data.keys() == {"image/png", "text/plain"}
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(stored)
    assert text.removeprefix("Once upon a time") in page
    [image] = re.findall(r"<img[^>]*>", page)
    assert "data:image/png" in image and "Attention of layer 0, head 0 over 3" in image


# Sliders above a picture.


def wave(length, colour="black", n=1):
    ax = pyplot.subplots()[1]
    ax.plot([0, length], [0, n], color=colour)
    return ax, f'a line of length {length:g}, "{colour}", {n}'


def test_sliders_draw_what_their_controls_say_and_keep_it_as_the_still():
    view = widgets.sliders(
        wave, {"length": 1.0}, length=(0.0, 2.0), colour=["black", "red"], n=(1, 9, 2)
    )
    assert {name: control.value for name, control in view.controls.items()} == {
        "length": 1.0,
        "colour": "black",
        "n": 1,
    }
    page = view.view.children[1]
    seen = [page.value]
    for name, value in [("length", 1.5), ("colour", "red"), ("n", 3)]:
        view.controls[name].value = value
        seen.append(page.value)
    assert len(set(seen)) == 4, "each change draws another picture"
    alt = 'a line of length 1.5, "red", 3'
    assert f'alt="{escape(alt)}"' in page.value
    data, metadata = view._repr_mimebundle_()
    assert data["text/plain"] == alt == metadata["image/png"]["alt"]
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    assert not pyplot.get_fignums(), "every figure is closed"


@pytest.mark.parametrize(
    "choices, words",
    [
        ({}, "at least one choice"),
        ({"length": (3,)}, "list of choices, or"),
        ({"length": (1, 2, 3, 4)}, "list of choices, or"),
        ({"length": []}, "list of choices, or"),
        ({"length": (2, 1)}, "from less to more"),
        ({"length": (0, 1), "start": {"length": 2}}, "from less to more"),
        ({"length": ["a"], "start": {"length": "b"}}, "none of"),
        ({"length": (0, 1), "start": {"width": 1}}, "width, which is no control"),
    ],
)
def test_sliders_refuse_what_is_no_choice(choices, words):
    with pytest.raises(ValueError, match=words):
        widgets.sliders(wave, **choices)
