"""Pictures: arrays in, Axes out, one file a subject. Only what is in here imports matplotlib."""

from minillama.system.extras import needing

with needing("course", "minillama.plots"):
    from minillama.plots.attention import attention_map, head_grid
    from minillama.plots.bars import distribution_bars
    from minillama.plots.curves import loss_curve, save_loss_curve
    from minillama.plots.decoding import computed_scores
    from minillama.plots.effects import intervals
    from minillama.plots.flow_attention import attention_flow, cache_flow, heads_flow
    from minillama.plots.flow_block import block_flow, swiglu_flow
    from minillama.plots.flow_sampling import sampling_flow
    from minillama.plots.functions import function_curves, function_maps
    from minillama.plots.heads import head_groups
    from minillama.plots.layers import component_bars, stream_sizes
    from minillama.plots.lines import line_chart
    from minillama.plots.llama_map import llama_map
    from minillama.plots.neurons import neuron_text
    from minillama.plots.parts import loss_bars, memory_bars, stacked_shares
    from minillama.plots.pieces import token_pieces
    from minillama.plots.positions import loss_by_position, rope_clocks, rotation_plane
    from minillama.plots.sampling import nuclei, nucleus, spread, trade_off
    from minillama.plots.seeds import seed_curves
    from minillama.plots.show import show
    from minillama.plots.tables import number_table
    from minillama.plots.tokens import token_colors
    from minillama.plots.training import training_panels

__all__ = [
    "attention_flow",
    "attention_map",
    "block_flow",
    "cache_flow",
    "component_bars",
    "computed_scores",
    "distribution_bars",
    "function_curves",
    "function_maps",
    "head_grid",
    "head_groups",
    "heads_flow",
    "intervals",
    "line_chart",
    "llama_map",
    "loss_bars",
    "loss_by_position",
    "loss_curve",
    "memory_bars",
    "neuron_text",
    "nuclei",
    "nucleus",
    "number_table",
    "rope_clocks",
    "rotation_plane",
    "sampling_flow",
    "save_loss_curve",
    "seed_curves",
    "show",
    "spread",
    "stacked_shares",
    "stream_sizes",
    "swiglu_flow",
    "token_colors",
    "token_pieces",
    "trade_off",
    "training_panels",
]
