"""The token playground without a page: what it writes into it, and its still."""

import html
import re

import pytest
from clock import seconds

import minillama
from minillama import widgets
from minillama.tokenizer import Tokenizer
from minillama.widgets.token_playground import MOST

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def tokenizer():
    return minillama.load("toytown")[1]


def part(playground, name):
    [found] = [w for w in playground.view.children if f"minillama-token-{name}" in w._dom_classes]
    return found.value


def shown(playground):
    """(piece, id) of every token that is drawn."""
    boxes = re.findall(
        r">([^<>]+)<br><span style=\"font-size: 10px\">(\d+)</span>", part(playground, "pieces")
    )
    return [(html.unescape(piece), int(i)) for piece, i in boxes]


def test_it_shows_the_pieces_and_ids_of_what_is_typed(tokenizer):
    playground = widgets.token_playground(tokenizer, text="a red ball")
    for text in ["a red ball", "红色的球", "  two ", "Lily, 12!\n龘é"]:
        playground.text.value = text
        ids = tokenizer.encode(text)
        pieces = [piece.replace("▁", "·") for piece in tokenizer.pieces(ids)]
        assert playground.ids == ids
        assert shown(playground) == list(zip(pieces, ids, strict=True))


def test_it_counts(tokenizer):
    playground = widgets.token_playground(tokenizer, text="a 猫")
    n = len(tokenizer.encode("a 猫"))
    words = f"{n} tokens, 3 characters, 5 bytes: {n / 3:.2f} tokens per character"
    assert part(playground, "counts") == words
    playground.text.value = ""
    assert part(playground, "counts") == "0 tokens, 0 characters, 0 bytes"
    assert shown(playground) == []
    playground.text.value = "a"
    assert part(playground, "counts").startswith("1 token, 1 character, 1 byte: 1.00 ")


def test_the_bytes_of_one_character_are_framed_together(tokenizer):
    playground = widgets.token_playground(tokenizer, text="龘\té\U0001f408")
    frames = re.findall(
        r'<span title="([^"]*): (\d) bytes?" style="display: inline-flex',
        part(playground, "pieces"),
    )
    assert frames == [("龘", "3"), ("→", "1"), ("é", "2"), ("\U0001f408", "4")]
    playground.text.value = "\x07"
    assert '<span title="U+0007: 1 byte"' in part(playground, "pieces")
    pieces = [piece for piece, _ in shown(playground)]
    assert pieces == ["·", "<0x07>"]


def test_what_is_typed_is_text_and_not_html(tokenizer):
    playground = widgets.token_playground(tokenizer, text="<b>&amp;</b> \"'")
    page = part(playground, "pieces")
    assert "<b>" not in page and "</b>" not in page
    page = re.sub(r'<span title="[^"<>]*" style="[^"<>]*">', "", page)
    page = re.sub(r'<(/?span|br|/?div)( style="[^"<>]*")?>', "", page)
    assert not re.search(r"[<>\"']", page)


def test_a_character_tokenizer_and_any_text_is_drawn():
    tokenizer = Tokenizer.train(["<s> a<b"], kind="char")
    playground = widgets.token_playground(tokenizer, text="a<b c")
    assert [piece for piece, _ in shown(playground)][:3] == ["a", "<", "b"]


def test_half_a_surrogate_pair_is_a_sentence_in_the_view(tokenizer):
    playground = widgets.token_playground(tokenizer)
    playground.text.value = "a\ud83d"
    assert "half of a surrogate pair" in part(playground, "counts")
    assert playground.ids == [] and part(playground, "pieces") == ""
    playground.text.value = "a"
    assert len(shown(playground)) == 1


def test_a_long_text_is_cut_and_drawn_at_once(tokenizer):
    playground = widgets.token_playground(tokenizer)
    text = "a red ball. " * 5000

    def draw():
        playground.text.value = ""
        playground.text.value = text

    assert seconds(draw) < 10 * seconds(tokenizer.encode, text)
    assert len(shown(playground)) == MOST
    assert f"… and {len(playground.ids) - MOST:,} more" in part(playground, "pieces")


def test_its_still_is_the_tokens_with_words(tokenizer):
    playground = widgets.token_playground(tokenizer, text="a red ball")
    data, _ = playground._repr_mimebundle_()
    assert data.keys() == {VIEW, "text/html", "text/plain"}
    assert part(playground, "counts") in data["text/html"]
    assert part(playground, "pieces") in data["text/html"]
    assert data["text/plain"].startswith("'a red ball': 3 tokens, 10 characters, 10 bytes: 0.30")
    playground.text.value = "a"
    assert playground.still()[0]["text/plain"].startswith("'a': 1 token")
