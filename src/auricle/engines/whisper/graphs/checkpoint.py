"""The graphs of a checkpoint, from its weights or from the last start, ready to run."""

from functools import partial

from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.compiling import CompiledGraph, GraphOptions
from auricle.engines.whisper.graphs.decoder import build_decoder
from auricle.engines.whisper.graphs.encoder import build_convolutions, build_stage, n_stages
from auricle.engines.whisper.weights import WhisperWeights


def compiled_stages(
    weights: WhisperWeights, options: GraphOptions, graphs: GraphCache
) -> list[CompiledGraph]:
    """The encoder, ready to run."""
    int8, cross_type = options.int8_encoder, options.cross_type
    n = n_stages(weights.dims)
    limit = options.window_limit
    kind = f"encoder-{'int8' if int8 else 'f32'}-{cross_type.to_string()}-{limit}"
    stages = []
    for stage in range(n):
        build = partial(
            build_stage, weights, stage, int8=int8, cross_type=cross_type, window_limit=limit
        )
        graph = graphs.graph(f"{kind}-{stage + 1}of{n}", build, weights.dims.n_heads)
        stages.append(CompiledGraph(graph, options.encoder_properties()))
    return stages


def compiled_convolutions(
    weights: WhisperWeights, options: GraphOptions, graphs: GraphCache
) -> CompiledGraph:
    """What comes before the encoder's layers, ready to run."""
    build = partial(build_convolutions, weights)
    graph = graphs.graph("convolutions", build, weights.dims.n_heads)
    return CompiledGraph(graph, options.encoder_properties())


def compiled_decoder(
    weights: WhisperWeights, options: GraphOptions, graphs: GraphCache, n_windows: int
) -> CompiledGraph:
    """The decoder, ready to run."""
    int8, cross_type = options.int8_decoder, options.cross_type
    kind = f"decoder-{'int8' if int8 else 'f32'}-{cross_type.to_string()}-{n_windows}"
    build = partial(build_decoder, weights, int8=int8, cross_type=cross_type, n_windows=n_windows)
    graph = graphs.graph(kind, build, weights.dims.n_heads)
    return CompiledGraph(graph, options.decoder_properties())
