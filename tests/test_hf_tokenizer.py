"""A model's tokenizer at Hugging Face: ours written for their tools, and theirs read by us."""

import json
import subprocess
import sys

import pytest
import tokenizers
import torch
import transformers
from hypothesis import example, given
from hypothesis import strategies as st
from test_tokenizer import TEXTS, any_text, ids_lists, tricky_text
from tokenizers import decoders, models, pre_tokenizers, trainers

import minillama
from minillama.cli import main
from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.tokenizer import MARKERS, Tokenizer
from minillama.weights import load_tokenizer, save_model
from minillama.weights.json_tokenizer import JsonTokenizer
from minillama.weights.sentencepiece_json import tokenizer_json

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

ODD = [
    "",
    " ",
    "  ",
    "   \n",
    "\n",
    "\t\r\n",
    "a",
    " a",
    "a ",
    "  two before and two after  ",
    "one  two   three    four     five      six",
    "Once upon a time there was a kind girl named Lily.",
    "从前，有一个善良的女孩，名字叫小红。",
    " 小红有三只猫。 ",
    "小红 has 12 猫, 1234567890 of them",
    "<s>",
    "</s>",
    "<s>Mia</s>",
    "<unk> <s> </s> <pad>",
    "<|user|> hello <|end|>",
    "<|system|><|assistant|>",
    "<0x41> <0x0A>",
    "▁ and a▁b",
    "龙 and 😀 and 👩\u200d👧",
    "e\u0301 and \u00e9, ﬁ and fi, Å and Å",
    "\ufeff with a mark, \u200b without width, \u3000wide",
    "\u2028 line \u2029 paragraph \x00 zero \x7f",
    "⁇ \u2585 \ufffd",
    "don't, can't , won't . isn't ?",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bababababab",
    "def f(x):\n    return {'a': [1, 2]}\n\n\n",
    "“谢谢你！”……——《书》",
    "\U0010ffff\U0001f1e8\U0001f1f3",
]
MODEL = ModelConfig.preset("tiny", n_layers=1, dim=16, n_heads=2, hidden_dim=16, max_seq_len=64)


def small_model(vocab_size, **fields):
    config = ModelConfig.from_dict(MODEL.to_dict() | {"vocab_size": vocab_size} | fields)
    model = Llama(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


@pytest.fixture(scope="module", params=["toytown", "bpe", "spaces", "char"])
def ours(request) -> Tokenizer:
    if request.param == "toytown":
        return load_tokenizer("toytown")
    if request.param == "spaces":  # pieces of spaces only, and of one letter many times
        code = ["def f(x):\n" + " " * n + "return aaaa" + "a" * n for n in range(12)]
        return Tokenizer.train(code * 5, vocab_size=320)
    vocab = {"vocab_size": 400} if request.param == "bpe" else {}
    return Tokenizer.train(TEXTS, kind=request.param, **vocab)


@pytest.fixture(scope="module")
def folder(ours, tmp_path_factory):
    """A model in Hugging Face's format with this tokenizer."""
    path = tmp_path_factory.mktemp("hf") / "model"
    save_model(small_model(ours.vocab_size), path, "hf", ours)
    return path


@pytest.fixture(scope="module")
def theirs(folder):
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def rust(ours):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(ours)))
    tokenizer.encode_special_tokens = True
    return tokenizer


# Ours for their tools


def test_auto_tokenizer_gives_our_ids(ours, theirs):
    assert len(ODD) >= 30
    for text in ODD:
        assert theirs(text)["input_ids"] == ours.encode(text, bos=True), text
        assert theirs.encode(text, add_special_tokens=False) == ours.encode(text), text
    assert theirs(ODD)["input_ids"] == ours.encode_batch(ODD, bos=True)


def test_auto_tokenizer_gives_our_text(ours, theirs):
    for text in ODD:
        ids = ours.encode(text, bos=True, eos=True)
        # The space before a text is left where it is, so that a part can follow another one.
        space = " " if text and ours.pieces(ours.encode("a"))[0].startswith("▁") else ""
        assert theirs.decode(ids, skip_special_tokens=True) == space + ours.decode(ids), text


def test_auto_tokenizer_knows_what_ours_knows(ours, theirs):
    assert len(theirs) == theirs.vocab_size == ours.vocab_size
    assert (theirs.bos_token_id, theirs.eos_token_id) == (1, 2) == (ours.bos_id, ours.eos_id)
    assert theirs.convert_ids_to_tokens(range(ours.vocab_size)) == ours.pieces(
        range(ours.vocab_size)
    )
    assert theirs.model_max_length == 64
    # A chat template of somebody's can still have its markers, by asking for them.
    ids = theirs.encode("<|user|>", add_special_tokens=False, split_special_tokens=False)
    assert ids == [ours.marker_ids["<|user|>"]]
    assert set(theirs("a b")) == {"input_ids", "attention_mask"}


@given(text=any_text | tricky_text | st.text(" a▁", max_size=30))
@example("     a    aa   aaa  aaaa")
def test_tokenizer_json_gives_our_ids_for_any_text(ours, rust, text):
    assert rust.encode(text, add_special_tokens=False).ids == ours.encode(text)


def test_it_stays_so_when_transformers_saves_it_again(theirs, ours, tmp_path):
    theirs.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in ODD:
        assert again(text)["input_ids"] == ours.encode(text, bos=True), text


def test_configs_name_begin_and_end(folder):
    for name in ("generation_config.json", "config.json"):
        values = json.loads((folder / name).read_text(encoding="utf-8"))
        assert (values["bos_token_id"], values["eos_token_id"]) == (1, 2)
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert (config["bos_token"], config["eos_token"], config["unk_token"]) == (
        "<s>",
        "</s>",
        "<unk>",
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert (model.generation_config.bos_token_id, model.generation_config.eos_token_id) == (1, 2)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline") / "toytown"
    convert("toytown", folder)
    return transformers.pipeline("text-generation", str(folder))


@pytest.mark.parametrize("prompt", ["Once upon a time", "从前，", "", "Mia found a "])
def test_their_pipeline_writes_what_we_write(prompt, pipeline):
    model, tokenizer = minillama.load("toytown")
    ids = tokenizer.encode(prompt, bos=True)
    new = minillama.generate(model, ids, temperature=0, max_new_tokens=60, stop=tokenizer.eos_ids)
    expected = prompt + "".join(tokenizer.stream(new, after=ids))
    [written] = pipeline(prompt, do_sample=False, max_new_tokens=60)
    text = written["generated_text"]
    assert (text if prompt else text.removeprefix(" ")) == expected


def test_what_tokenizer_json_cannot_say_is_refused(tmp_path):
    def trained(**options):
        import io

        import sentencepiece

        model = io.BytesIO()
        options = {"model_type": "bpe", "normalization_rule_name": "identity"} | options
        options = {"remove_extra_whitespaces": False, "vocab_size": 60} | options
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS), model_writer=model, minloglevel=2, **options
        )
        return Tokenizer(model.getvalue())

    for why, options in {
        "neither BPE nor of characters": {"model_type": "unigram"},
        "it normalizes characters": {"normalization_rule_name": "nmt_nfkc"},
        "it drops spaces": {"remove_extra_whitespaces": True},
        "it puts spaces behind words": {"treat_whitespace_as_suffix": True},
        "user-defined or unused pieces": {"user_defined_symbols": ["<x>"]},
    }.items():
        with pytest.raises(ValueError, match=f"cannot be written as an equal.*{why}") as caught:
            save_model(small_model(60), tmp_path / "model", "hf", trained(**options))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "model").exists()
    fine = trained(bos_id=-1)  # without bytes, and nothing begins a text
    save_model(small_model(60), tmp_path / "model", "hf", fine)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    for text in ODD:
        assert theirs(text)["input_ids"] == fine.encode(text, bos=True) == fine.encode(text), text


# Theirs for us


@pytest.fixture(scope="module")
def read(folder, tmp_path_factory):
    """Our tokenizer, read from its tokenizer.json alone."""
    path = tmp_path_factory.mktemp("json")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (path / name).write_bytes((folder / name).read_bytes())
    tokenizer = load_tokenizer(path)
    assert isinstance(tokenizer, JsonTokenizer)
    return tokenizer


@given(text=any_text | tricky_text, ids=ids_lists)
def test_a_tokenizer_json_alone_reads_as_the_same_tokenizer(ours, read, text, ids):
    assert read.encode(text, bos=True, eos=True) == ours.encode(text, bos=True, eos=True)
    assert read.encode_batch([text, "a"]) == ours.encode_batch([text, "a"])
    assert list(read.stream(ids)) == list(ours.stream(ids))
    assert read.pieces(ids) == ours.pieces(ids)


def test_a_tokenizer_json_alone_has_the_same_special_ids(ours, read):
    assert (read.vocab_size, read.bos_id, read.eos_id) == (ours.vocab_size, 1, 2)
    assert read.marker_ids == ours.marker_ids and set(ours.marker_ids) == set(MARKERS)
    assert read.eos_ids == ours.eos_ids == {2}
    assert read.decode(range(7)) == ours.decode(range(7))
    with pytest.raises(ValueError, match="is not among"):
        read.decode([ours.vocab_size])


def byte_level(folder, **config):
    """A tokenizer as Llama 3's, in a folder: bytes, no tokenizer.model, special ids at the end."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    tokenizer.add_tokens(["<tool>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"} | config
    config |= {"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tokenizer


def test_bytes_as_in_llama_3(tmp_path):
    byte_level(tmp_path)
    ours, theirs = load_tokenizer(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (ours.vocab_size, ours.bos_id, ours.eos_id) == (334, 330, 332)
    assert ours.pieces([330, 333]) == ["<|begin_of_text|>", "<tool>"]
    for text in [*ODD, "a <tool> b", "<|eot_id|> typed"]:
        if "▁" not in text:
            assert ours.decode(ours.encode(text)) == text
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), text
        assert not {330, 331, 332} & {*ours.encode(text)}, text
    assert ours.encode("a", bos=True, eos=True)[0::2] == [330, 332]
    assert [*ours.stream(ours.encode("Mia 😀"))][-1] == "😀"  # held back until it was whole
    prompt, rest = ours.encode("Mia"), ours.encode(" gives")
    assert "".join(ours.stream(rest, after=prompt)) == " gives"
    assert ours.decode(ours.encode("😀")[:-1]) == "\ufffd"


def test_a_config_of_tokens_with_flags_and_one_that_names_none(tmp_path):
    byte_level(tmp_path, bos_token={"content": "<|begin_of_text|>", "lstrip": False})
    assert load_tokenizer(tmp_path).bos_id == 330
    (tmp_path / "tokenizer_config.json").unlink()
    assert (load_tokenizer(tmp_path).bos_id, load_tokenizer(tmp_path).eos_ids) == (-1, set())
    ids = {"bos_token_id": 330, "eos_token_id": [331, 332]}
    (tmp_path / "config.json").write_text(json.dumps(ids), encoding="utf-8")
    tokenizer = load_tokenizer(tmp_path)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.eos_ids) == (330, 331, {331, 332})


def test_without_the_library_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    byte_level(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"needs the package tokenizers.*pip install") as caught:
        load_tokenizer(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "tokenizer.json"))


def test_what_we_write_needs_no_library(tmp_path):
    program = (
        "import sys; sys.modules['tokenizers'] = sys.modules['transformers'] = None\n"
        "from minillama.cli import main\n"
        f"assert main(['convert', 'toytown', {str(tmp_path / 'model')!r}]) == 0\n"
        f"import minillama; minillama.load({str(tmp_path / 'model')!r})"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a tokenizer of Hugging Face's"),
        (b"{}", "is not a tokenizer of Hugging Face's"),
        (b"\xff\xfe", "is damaged: it is not UTF-8"),
        (b'{"version": "1.0", "model": {"type": "BPE"}}', "is not a tokenizer of Hugging Face's"),
        (b'{"model": {"continuing_subword_prefix": "x"}}', "its pieces have a prefix or suffix"),
    ],
)
def test_a_damaged_tokenizer_json_is_refused(content, message, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_another_kind_is_refused(tmp_path):
    other = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    other.decoder = decoders.WordPiece()
    other.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="decodes by WordPiece, and minillama reads"):
        load_tokenizer(tmp_path)


# Conversions


def convert(*arguments):
    assert main(["convert", *map(str, arguments)]) == 0


def test_no_conversion_loses_a_tokenizer(tmp_path, capsys):
    source = tmp_path / "source"
    save_model(small_model(334), source, "hf")
    byte_level(source, chat_template="{{ messages }}")
    (source / "generation_config.json").write_text('{"eos_token_id": [331, 332]}')
    convert(source, tmp_path / "ours", "--format", "native")
    convert(tmp_path / "ours", tmp_path / "theirs")
    first = load_tokenizer(source)
    for name in ("ours", "theirs"):
        again = load_tokenizer(tmp_path / name)
        assert (again.bos_id, again.eos_id, again.eos_ids) == (330, 332, {331, 332})
        assert [again.encode(text) for text in ODD] == [first.encode(text) for text in ODD]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "theirs")
    assert theirs.chat_template == "{{ messages }}"
    assert "tokenizer" not in capsys.readouterr().out
    (source / "tokenizer.json").unlink()
    convert(source, tmp_path / "bare")
    assert "has no tokenizer that minillama reads" in capsys.readouterr().out


def test_several_ids_that_end_a_text_go_along(tmp_path):
    tokenizer = Tokenizer.train(TEXTS, vocab_size=300)
    save_model(small_model(300), tmp_path / "a", "hf", tokenizer)
    (tmp_path / "a" / "generation_config.json").write_text('{"eos_token_id": [6, 2]}')
    convert(tmp_path / "a", tmp_path / "b", "--format", "native")
    convert(tmp_path / "b", tmp_path / "c")
    for name in "abc":
        assert load_tokenizer(tmp_path / name).eos_ids == {2, 6}
    values = json.loads((tmp_path / "c" / "config.json").read_text(encoding="utf-8"))
    assert values["eos_token_id"] == [2, 6]


def test_a_new_tokenizer_replaces_all_of_the_old_one(tmp_path):
    byte_level(tmp_path)
    tokenizer = Tokenizer.train(TEXTS, vocab_size=300)
    save_model(small_model(300), tmp_path, "native", tokenizer)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.model",
    }


# What ends a text, and a vocabulary that is padded


def test_writing_stops_at_each_id_that_ends_a_text(tmp_path, capsys):
    tokenizer = Tokenizer.train(TEXTS, vocab_size=300)
    save_model(small_model(300), tmp_path, "hf", tokenizer)
    command = ["generate", "--model", str(tmp_path), "--prompt", "Mia", "--temperature", "0"]
    model, _ = minillama.load(tmp_path)
    ids = tokenizer.encode("Mia", bos=True)
    written = list(minillama.generate(model, ids, temperature=0, max_new_tokens=40))
    last = next(i for i in reversed(range(40)) if written[i] not in written[:i])
    assert last > 0
    for ends in ([2, written[last]], [written[last], 2], written[last]):
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
        main([*command, "--max-new-tokens", "40"])
        text = "".join(tokenizer.stream(written[:last], after=ids))
        assert capsys.readouterr().out == f"Mia{text}\n"


@pytest.mark.parametrize("ends", ["2", [2, "6"], [True], {"a": 1}])
def test_ends_that_are_no_ids_are_told(ends, tmp_path):
    tokenizer = Tokenizer.train(TEXTS, vocab_size=300)
    save_model(small_model(300), tmp_path, "hf", tokenizer)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    with pytest.raises(ValueError, match="eos_token_id must be an id or several, not"):
        load_tokenizer(tmp_path)


def test_an_end_without_a_piece_is_told(tmp_path):
    save_model(small_model(310), tmp_path, "hf", Tokenizer.train(TEXTS, vocab_size=300))
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 305}')
    with pytest.raises(ValueError, match=r"the id 305 ends a text, .* only 300 pieces: add the"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_padded_vocabulary_never_draws_what_has_no_piece(tied, tmp_path):
    tokenizer = Tokenizer.train(TEXTS, vocab_size=300)
    padded = small_model(320, tie_embeddings=tied)
    with torch.no_grad():
        padded.output.weight[300:] *= 100  # which would be drawn all the time
    save_model(padded, tmp_path, "hf", tokenizer)
    model, loaded = minillama.load(tmp_path)
    assert model.config.vocab_size == loaded.vocab_size == 300
    assert (model.output.weight is model.tok_embeddings.weight) == tied
    tokens = torch.tensor([tokenizer.encode("Mia", bos=True)])
    assert torch.equal(model(tokens), padded(tokens)[..., :300])
    for temperature in (0, 1):
        new = minillama.generate(model, tokens[0].tolist(), temperature=temperature, seed=0)
        loaded.decode(new)
    save_model(model, tmp_path / "again")
    assert minillama.load_model(tmp_path / "again").config.vocab_size == 300
    convert(tmp_path, tmp_path / "converted")  # which leaves the model as it is
    assert minillama.load_model(tmp_path / "converted").config.vocab_size == 320


def test_tokens_that_only_tokenizer_json_has_are_found_there(tmp_path):
    save_model(small_model(301), tmp_path, "hf", Tokenizer.train(TEXTS, vocab_size=300))
    path = tmp_path / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["added_tokens"].append(values["added_tokens"][0] | {"id": 300, "content": "<|im_end|>"})
    path.write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 300]}')
    model, tokenizer = minillama.load(tmp_path)
    assert model.config.vocab_size == tokenizer.vocab_size == 301
    assert tokenizer.pieces([300]) == ["<|im_end|>"] and tokenizer.eos_ids == {2, 300}
