import dataclasses
import math

import pytest
import torch
from transformers import LlamaForCausalLM

from minillama.beam import beam_search
from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.sampling import generate
from minillama.weights import save_model

CONFIG = ModelConfig(
    dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=48, vocab_size=23, max_seq_len=40
)
PROMPTS = [[1], [1, 5, 9], [3, 3, 7, 2]]


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture(scope="module")
def theirs(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf")
    save_model(model, folder, format="hf")
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.parametrize("length_penalty", [-0.5, 0.0, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("stop", [[], [4], [4, 9, 11]])
def test_it_finds_what_transformers_finds(model, theirs, stop, length_penalty):
    for prompt in PROMPTS:
        for n_beams in [2, 5]:
            output = theirs.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                do_sample=False,
                num_beams=n_beams,
                num_return_sequences=n_beams,
                max_new_tokens=12,
                length_penalty=length_penalty,
                early_stopping="never",
                eos_token_id=stop or None,
                pad_token_id=0,
                return_dict_in_generate=True,
                output_scores=True,
            )
            texts = [up_to(stop, row[len(prompt) :]) for row in output.sequences.tolist()]
            options = {"max_new_tokens": 12, "length_penalty": length_penalty, "stop": stop}
            found = beam_search(model, prompt, n_beams, **options)
            assert [text for text, _ in found] == texts
            scores = torch.tensor([score for _, score in found])
            torch.testing.assert_close(scores, output.sequences_scores, rtol=1e-4, atol=1e-4)


def up_to(stop, tokens):
    end = next((i + 1 for i, token in enumerate(tokens) if token in stop), len(tokens))
    return tokens[:end]


def test_one_beam_is_greedy(model):
    for prompt in PROMPTS:
        greedy = list(generate(model, prompt, max_new_tokens=20, temperature=0))
        [(text, score)] = beam_search(model, prompt, 1, max_new_tokens=20, length_penalty=0)
        assert text == greedy
        with torch.no_grad():
            logits = model(torch.tensor([prompt + text]))[0].double()
        steps = logits[len(prompt) - 1 : -1].log_softmax(-1)
        assert math.isclose(score, steps[range(20), text].sum(), rel_tol=1e-5)


def test_it_ends_with_the_context_or_at_once(model):
    [(text, _)] = beam_search(model, [1] * 35, 1)
    assert len(text) == 5
    assert beam_search(model, [1] * 40, 3) == [([], 0.0)]
    assert beam_search(model, [1], 3, max_new_tokens=0) == [([], 0.0)]


def test_it_stops_when_nothing_better_can_come(model):
    calls = []
    hook = model.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))
    beam_search(model, [1], 3, max_new_tokens=20, length_penalty=0)
    assert calls == [(1, 1)] + [(3, 1)] * 19
    calls.clear()
    stop = set(range(12))
    beam_search(model, [1], 3, max_new_tokens=20, length_penalty=0, stop=stop)
    hook.remove()
    assert len(calls) < 20


def test_a_vocabulary_smaller_than_the_beams():
    few = Llama(dataclasses.replace(CONFIG, vocab_size=3))
    found = beam_search(few, [0], 50, max_new_tokens=2)
    assert sorted(text for text, _ in found) == [[a, b] for a in range(3) for b in range(3)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n_beams": 0}, "n_beams >= 1 and .*, not 0 and 1.0"),
        ({"max_new_tokens": -1}, "max_new_tokens must be 0 or more"),
        ({"length_penalty": math.nan}, "a length_penalty from -10 to 10, not 2 and nan"),
        ({"length_penalty": 1e308}, "a length_penalty from -10 to 10"),
        ({"length_penalty": -1e308}, "a length_penalty from -10 to 10"),
        ({"length_penalty": -(10**400)}, "a length_penalty from -10 to 10"),
        ({"tokens": []}, "the prompt is empty"),
        ({"tokens": [23]}, "ids from 23 to 23"),
    ],
)
def test_bad_input_is_refused(model, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        beam_search(model, **({"tokens": [1], "n_beams": 2} | options))


def test_a_model_that_diverged_is_named():
    model = Llama(CONFIG)
    model.norm.weight.data.fill_(math.nan)
    with pytest.raises(ValueError, match="its weights are damaged or diverged"):
        beam_search(model, [1], 2)
