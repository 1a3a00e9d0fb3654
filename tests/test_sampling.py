import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from damaging import assert_a_sentence
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import (
    LlamaForCausalLM,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from minillama.config import ModelConfig, Sampling
from minillama.inference import engine
from minillama.inference.engine import generate_batch
from minillama.model import Llama
from minillama.sampling import generate
from minillama.transforms import (
    apply_min_p,
    apply_no_repeat_ngram,
    apply_repetition_penalty,
    apply_temperature,
    apply_top_k,
    apply_top_p,
    draw,
    next_token_probabilities,
)
from minillama.weights import save_model

CONFIG = ModelConfig(
    dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=48, vocab_size=61, max_seq_len=40
)
NAMES = {"no_repeat_ngram": "no_repeat_ngram_size"}  # what transformers calls differently
PROMPTS = [[1, 5, 9, 5], [1], [1, 7, 7, 8, 9, 10, 60], [1, 2]]
OPTIONS = [
    {"temperature": 0},
    {},
    {"temperature": 0.7},
    {"top_k": 5},
    {"top_p": 0.6},
    {"min_p": 0.2},
    {"repetition_penalty": 1.3},
    {"no_repeat_ngram": 2},
    {"temperature": 0, "no_repeat_ngram": 1},
    {
        "temperature": 1.5,
        "top_k": 20,
        "top_p": 0.9,
        "min_p": 0.05,
        "repetition_penalty": 0.8,
        "no_repeat_ngram": 3,
    },
]


@pytest.fixture(scope="module")
def model() -> Llama:
    """A model with random weights, large enough that it is far from indifferent."""
    torch.manual_seed(0)
    model = Llama(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


# The transforms, against transformers; the course's checks have them by hand (test_checks.py)


def their_penalty(logits, tokens, penalty):
    return RepetitionPenaltyLogitsProcessor(penalty)(tokens, logits.clone())


def seen_mask(tokens, vocab_size):
    return torch.zeros(len(tokens), vocab_size, dtype=torch.bool).scatter(1, tokens, True)


def test_transforms_agree_with_transformers():
    logits, tokens = 3 * torch.randn(20, 50), torch.randint(50, (20, 8))
    ours = apply_repetition_penalty(logits, seen_mask(tokens, 50), 1.7)
    assert torch.equal(ours, their_penalty(logits, tokens, 1.7))
    theirs = TemperatureLogitsWarper(0.6)(tokens, logits)
    assert torch.equal(apply_temperature(logits, 0.6), theirs)
    for k in [1, 7, 50, 90]:
        assert torch.equal(apply_top_k(logits, k), TopKLogitsWarper(k)(tokens, logits))
    for p in [0.01, 0.5, 0.9, 0.999]:
        assert torch.equal(apply_top_p(logits, p), TopPLogitsWarper(p)(tokens, logits))
        assert torch.equal(apply_min_p(logits, p), MinPLogitsWarper(p)(tokens, logits))
    texts = torch.randint(4, (20, 30))
    for size in [1, 2, 3, 5]:
        ours = apply_no_repeat_ngram(logits, texts.tolist(), size)
        assert torch.equal(ours, NoRepeatNGramLogitsProcessor(size)(texts, logits))


@pytest.mark.parametrize("options", [o for o in OPTIONS if o.get("temperature") != 0])
def test_the_order_is_that_of_transformers(options, model, tmp_path):
    """Theirs are lined up by `generate` itself, from a config with the options of that name."""
    logits, tokens = 3 * torch.randn(20, 50), torch.randint(50, (20, 8))
    save_model(model, tmp_path, format="hf")
    theirs = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    config = theirs.generation_config
    config.update(do_sample=True, top_k=0, eos_token_id=None)
    config.update(**{NAMES.get(name, name): value for name, value in options.items()})
    theirs._prepare_special_tokens(config, kwargs_has_attention_mask=True)
    processors = theirs._get_logits_processor(config, input_ids_seq_length=8)
    expected = processors(tokens, logits.clone()).softmax(-1)
    ours = next_token_probabilities(logits, tokens.tolist(), Sampling(**options))
    torch.testing.assert_close(ours, expected)


EDGES = [5e-324, 1e-310, 1e-45, 1e-16, 1e-15, 0.0, -0.0, 1, 1e15, 1e39, 1e308, 10**400, -1]
numbers = st.sampled_from([*EDGES, math.inf, math.nan]) | st.floats() | st.floats(0, 1)
FRACTIONS = ["temperature", "top_p", "min_p", "repetition_penalty"]
COUNTS = ["top_k", "no_repeat_ngram"]
options_of_anything = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(FRACTIONS, numbers) | dict.fromkeys(COUNTS, st.integers(-1))
)


@example(options={"temperature": 1e-310}, dtype=torch.float64)
@example(options={"temperature": 1e39, "no_repeat_ngram": 1}, dtype=torch.float32)
@example(options={"top_p": 1e-320}, dtype=torch.float32)
@example(options={"repetition_penalty": 1e-320}, dtype=torch.float64)
@example(options={"repetition_penalty": 1e-15, "temperature": 1e-15}, dtype=torch.float32)
@example(options={"repetition_penalty": 1e15, "temperature": 1e-15}, dtype=torch.float32)
@given(options=options_of_anything, dtype=st.sampled_from([torch.float32, torch.float64]))
def test_any_numbers_give_probabilities_or_a_sentence(options, dtype):
    try:
        sampling = Sampling(**options)
    except ValueError as error:
        assert_a_sentence(error)
        return
    texts = [[0, 1, 2, 3], [4, 5, 4], [*range(10)]]
    logits = torch.linspace(-100, 100, 30, dtype=dtype).view(3, 10)
    probabilities = next_token_probabilities(logits, texts, sampling)
    assert (probabilities >= 0).all()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3, dtype=dtype))


@pytest.mark.parametrize("options", [{"temperature": 1e-15}, {"top_p": 1e-15}, {"min_p": 1}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_that_is_allowed_is_greedy(options, dtype):
    logits = torch.randn(3, 10, dtype=dtype)
    greedy = next_token_probabilities(logits, [[]] * 3, Sampling(temperature=0))
    assert torch.equal(next_token_probabilities(logits, [[]] * 3, Sampling(**options)), greedy)


# Drawing


def chi_square(counts, probabilities):
    """Pearson's statistic in standard deviations above its mean, for categories that can occur."""
    assert counts[probabilities == 0].sum() == 0
    counts, probabilities = counts[probabilities > 0], probabilities[probabilities > 0]
    expected = probabilities * counts.sum()
    degrees = len(counts) - 1
    return (((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees)


def test_no_point_of_the_line_is_a_token_of_probability_0(monkeypatch):
    probabilities = torch.tensor([[0.0, 0.0, 0.25, 0.0, 0.75, 0.0]])
    for point, token in [(0.0, 2), (0.25, 4), (1 - 2**-53, 4)]:
        point = torch.tensor([point], dtype=torch.float64)
        monkeypatch.setattr(torch, "rand", lambda *_, point=point, **__: point)
        assert draw(probabilities, [torch.Generator()]).tolist() == [token]


# Generating


def naive(model, tokens, n, seed, **options):
    """The same in the simplest way: no cache, no batch, one token after another by hand."""
    tokens, generator = list(tokens), torch.Generator().manual_seed(seed)
    start = len(tokens)
    for _ in range(n):
        with torch.no_grad():
            logits = model(torch.tensor([tokens]))[:, -1].double()
        point = torch.rand(1, generator=generator, dtype=torch.float64).item()
        token = 0
        for probability in next_token_probabilities(logits, [tokens], Sampling(**options))[
            0
        ].tolist():
            point -= probability
            if point < 0:
                break
            token += 1
        tokens.append(token)
    return tokens[start:]


@pytest.mark.parametrize("options", OPTIONS)
def test_loop_and_engine_write_what_the_naive_loop_gives(model, options):
    for seed, prompt in enumerate(PROMPTS):
        expected = naive(model, prompt, 12, seed, **options)
        for write in (generate, engine.generate):
            assert list(write(model, prompt, max_new_tokens=12, seed=seed, **options)) == expected


@pytest.mark.parametrize("options", OPTIONS)
def test_a_row_of_a_batch_is_what_its_prompt_gives_alone(model, options):
    steps = list(generate_batch(model, PROMPTS, max_new_tokens=20, seed=3, **options))
    for row, prompt in enumerate(PROMPTS):
        alone = list(generate(model, prompt, max_new_tokens=20, seed=3 + row, **options))
        assert [step[row] for step in steps] == alone


@pytest.mark.parametrize(("penalty", "ngram"), [(1.0, 0), (1.5, 0), (1.0, 2), (1.2, 3)])
def test_greedy_is_what_transformers_generates(model, tmp_path, penalty, ngram):
    save_model(model, tmp_path, format="hf")
    theirs = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    for prompt in PROMPTS:
        output = theirs.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=30,
            repetition_penalty=penalty,
            no_repeat_ngram_size=ngram,
            eos_token_id=None,
            pad_token_id=0,
        )
        options = {"temperature": 0, "repetition_penalty": penalty, "no_repeat_ngram": ngram}
        options["max_new_tokens"] = 30
        assert list(generate(model, prompt, **options)) == output[0, len(prompt) :].tolist()


def test_no_sequence_comes_twice_and_generation_goes_on_where_none_is_new(model):
    options = {"temperature": 0, "no_repeat_ngram": 2}
    text = [1, *generate(model, [1], **options)]
    pairs = list(pairwise(text))
    assert len({*pairs}) == len(pairs)
    free = [1, *generate(model, [1], temperature=0)]
    assert len({*pairwise(free)}) < len(pairs)
    few = Llama(dataclasses.replace(CONFIG, vocab_size=5))  # five tokens cannot make forty
    assert len(list(generate(few, [1], no_repeat_ngram=1, seed=0))) == 39


def test_tokens_are_as_frequent_as_the_model_finds_them_probable(model):
    prompt = [1, 5, 9]
    with torch.no_grad():
        logits = model(torch.tensor([prompt]))[0, -1].double()
    largest, ids = (logits / 1.5).topk(8)
    probabilities = torch.zeros(CONFIG.vocab_size, dtype=torch.float64)
    probabilities[ids] = largest.exp() / largest.exp().sum()
    options = {"max_new_tokens": 1, "temperature": 1.5, "top_k": 8}
    [tokens] = generate_batch(model, [prompt] * 3000, seed=0, **options)
    counts = torch.tensor(tokens).bincount(minlength=CONFIG.vocab_size)
    assert abs(chi_square(counts, probabilities)) < 3


@pytest.mark.parametrize("write", [generate, engine.generate])
def test_every_token_but_those_of_the_prompt_is_computed_alone(model, write):
    lengths = []
    hook = model.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    tokens = write(model, [1, 5, 9], max_new_tokens=4)
    assert lengths == []
    next(tokens)
    assert lengths == [3]  # nothing is computed before it is asked for
    list(tokens)
    hook.remove()
    assert lengths == [3, 1, 1, 1]


@pytest.mark.parametrize("write", [generate, engine.generate])
def test_the_same_seed_gives_the_same_tokens(model, write):
    def sample(seed):
        return list(write(model, [1], max_new_tokens=30, temperature=2.0, seed=seed))

    state = torch.get_rng_state()
    assert sample(5) == sample(5)
    assert len({tuple(sample(seed)) for seed in [5, 6, None, None]}) == 4
    assert torch.equal(torch.get_rng_state(), state)  # PyTorch's own randomness is left alone


@pytest.mark.parametrize("seed", [2**63, 2**64 - 1, 2**64, 2**65 + 3, -1, -(2**64) - 1])
def test_any_whole_number_is_a_seed(model, seed):
    rows = list(generate_batch(model, [[1], [1]], max_new_tokens=5, seed=seed))
    for row in range(2):
        for write in (generate, engine.generate):
            alone = list(write(model, [1], max_new_tokens=5, seed=seed + row))
            assert alone == [step[row] for step in rows]


@pytest.mark.parametrize("write", [generate, engine.generate])
def test_more_tokens_than_the_context_has_are_those_it_has(model, write):
    assert len(list(write(model, [1], max_new_tokens=10**30, seed=0))) == CONFIG.max_seq_len - 1


def test_a_stop_token_ends_its_row(model):
    free = list(generate_batch(model, PROMPTS, max_new_tokens=20, seed=0))
    stop = {free[4][0], free[9][1]}
    stopped = list(generate_batch(model, PROMPTS, max_new_tokens=20, seed=0, stop=stop))
    lengths = []
    for row in range(len(PROMPTS)):
        tokens = [step[row] for step in free]
        length = next((i for i, token in enumerate(tokens) if token in stop), 20)
        lengths.append(length)
        expected = tokens[:length] + [None] * (len(stopped) - length)
        assert [step[row] for step in stopped] == expected
    assert len(set(lengths)) > 1
    assert len(stopped) == max(lengths)
    for write in (generate, engine.generate):
        assert list(write(model, PROMPTS[0], seed=0, stop=[free[4][0]])) == [
            step[0] for step in free[: lengths[0]]
        ]


@pytest.mark.parametrize("generate", [generate, engine.generate])
def test_generation_ends_at_the_limits(model, generate):
    assert len(list(generate(model, [1], max_new_tokens=7))) == 7
    assert list(generate(model, [1], max_new_tokens=0)) == []
    assert len(list(generate(model, [1, 2, 3]))) == CONFIG.max_seq_len - 3
    assert list(generate(model, [1] * CONFIG.max_seq_len)) == []
    assert len(list(generate_batch(model, [[1], [1] * 30]))) == CONFIG.max_seq_len - 30


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"temperature": -0.1}, r"temperature must be 0 \(greedy\) or from .*, not -0.1"),
        ({"temperature": 1e-310}, r"or from 1e-15 to 1e\+15, not 1e-310"),
        ({"temperature": 10**400}, r"temperature must be .*, not 1000+\.\.\.0+"),
        ({"temperature": math.nan}, "temperature must be"),
        ({"top_p": 0.0}, r"top_p must be above 0 \(from 1e-15\) and at most 1"),
        ({"top_p": 1.1}, r"top_p must be above 0 .* and at most 1 \(all tokens\), not 1.1"),
        ({"top_k": -1}, "top_k must be 0"),
        ({"min_p": -0.1}, r"min_p must be from 0 \(all tokens\) to 1, not -0.1"),
        ({"min_p": 1.1}, "min_p must be from 0"),
        ({"no_repeat_ngram": -1}, r"no_repeat_ngram must be 0 \(any may repeat\) or more"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0"),
        ({"max_new_tokens": -1}, "max_new_tokens must be 0 or more"),
        ({"tokens": []}, "the prompt is empty"),
        ({"tokens": [1] * 41}, "the prompt has 41 tokens, but this model's context ends at 40"),
        ({"tokens": [1, 61]}, "ids from 1 to 61, but this model's run from 0 to 60"),
        ({"tokens": [-1, 1]}, "ids from -1 to 1"),
    ],
)
def test_bad_input_is_refused_at_once(model, options, complaint):
    for write in (generate, engine.generate):
        with pytest.raises(ValueError, match=complaint):
            write(model, **({"tokens": [1]} | options))  # without asking for a token
    options["prompts"] = [[1], options.pop("tokens", [1])]
    with pytest.raises(ValueError, match=complaint):
        generate_batch(model, **options)


def test_an_empty_batch_is_refused(model):
    with pytest.raises(ValueError, match="the prompt is empty"):
        generate_batch(model, [])


def test_a_model_that_diverged_is_named():
    model = Llama(CONFIG)
    model.norm.weight.data.fill_(math.nan)
    for write in (generate, engine.generate):
        with pytest.raises(ValueError, match="its weights are damaged or diverged"):
            next(write(model, [1]))


def test_gradients_are_off_only_while_generating(model):
    tokens = generate(model, [1], max_new_tokens=3)
    next(tokens)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_bfloat16_models_generate(model):
    half = Llama(CONFIG).to(torch.bfloat16)
    assert len(list(generate(half, [1, 2], max_new_tokens=5, seed=0, top_p=0.9))) == 5


def test_a_small_model_writes_on_one_thread_and_spares_the_callers_setting(model, monkeypatch):
    """Two threads were up to fifteen times slower where another program kept a processor busy."""
    used = []
    forward = Llama.forward
    monkeypatch.setattr(
        Llama,
        "forward",
        lambda *args: used.append(torch.get_num_threads()) or forward(*args),
    )
    torch.set_num_threads(2)
    for _ in engine.generate(model, [1, 2, 3], max_new_tokens=3, seed=0):
        assert torch.get_num_threads() == 2
    assert used == [1, 1, 1]
