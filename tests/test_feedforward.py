import math

import torch

from minillama.feedforward import SwiGLU


def test_equals_the_formula_by_loop():
    layer = SwiGLU(4, 6)
    x = torch.randn(2, 3, 4)
    gate, up, down = (w.weight.tolist() for w in (layer.w_gate, layer.w_up, layer.w_down))

    def dot(a, b):
        return sum(p * q for p, q in zip(a, b, strict=True))

    def one(vector):
        hidden = [
            dot(g, vector) / (1 + math.exp(-dot(g, vector))) * dot(u, vector)
            for g, u in zip(gate, up, strict=True)
        ]
        return [dot(row, hidden) for row in down]

    expected = torch.tensor([[one(vector) for vector in row] for row in x.tolist()])
    torch.testing.assert_close(layer(x), expected)


def test_three_matrices_and_no_biases():
    shapes = {name: tuple(p.shape) for name, p in SwiGLU(4, 6).named_parameters()}
    assert shapes == {"w_gate.weight": (6, 4), "w_up.weight": (6, 4), "w_down.weight": (4, 6)}
