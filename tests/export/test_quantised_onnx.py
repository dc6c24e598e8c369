"""Networks of fewer bits in files for other programs."""

import dataclasses

import jax
import numpy as np
import pytest

from effjax.compress.calibrate import calibrate
from effjax.compress.quantised import LIMITS, Bits, quantise
from effjax.errors import UserError
from effjax.export.quantised_onnx import ZERO, arrange, marked
from tests.export.networks import needs, quietly

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


@pytest.fixture(scope="module")
def with_bits(tiny):
    """bits -> `tiny` with so many bits in its kernels, and 8 in what they take."""

    def make(bits: int):
        model = quantise(tiny.model, Bits(bits, 8))
        images = jax.random.normal(jax.random.key(0), (8, 32, 32, 3))
        limits = calibrate(model, tiny.variables, [images])
        variables = {**tiny.variables, LIMITS: limits}
        return dataclasses.replace(tiny, model=model, variables=variables)

    return make


def test_weights_alone_cannot_say_how_they_are_rounded(tiny, tmp_path):
    model = quantise(tiny.model, Bits())
    trained = dataclasses.replace(tiny, model=model)
    with pytest.raises(UserError, match="this network has fewer bits"):
        quietly(trained, "safetensors", tmp_path / "a.safetensors")


def test_a_network_in_floating_point_is_left_as_it_is(tiny):
    assert marked(tiny) is tiny


@pytest.mark.slow
def test_stablehlo_computes_the_same(with_bits, tmp_path):
    needs("stablehlo")
    found = quietly(with_bits(8), "stablehlo", tmp_path / "a.stablehlo")
    assert found["difference"] <= 1e-3 * max(1.0, found["largest"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("bits", [8, 4])
def test_onnx_runtime_multiplies_integers(bits, with_bits, tmp_path):
    needs("onnx")
    import onnx
    import onnxruntime

    file = tmp_path / "a.onnx"
    found = quietly(with_bits(bits), "onnx", file)
    assert found["difference"] <= 0.05 * found["largest"]
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    products = [node.op_type for node in graph.node]
    # of qkv, proj, two pointwise convolutions and the layers of MLPs and head
    assert products.count("MatMulIntegerToFloat") >= 8
    kernels = [constant.data_type for constant in onnx.load(file).graph.initializer]
    assert kernels.count(onnx.TensorProto.INT4 if bits == 4 else onnx.TensorProto.INT8) >= 12


def graph_of(nodes, constants, rank):
    """A network x -> y of the nodes."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def evaluate(network, x):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(network).run(None, {"x": x})[0]


def test_arranged_graphs_compute_the_same():
    """Layouts go in front of the roundings of an input, into a kernel, and Gemm is a product."""
    onnx = pytest.importorskip("onnx", reason="the export extra is not installed")
    node = onnx.helper.make_node
    rng = np.random.default_rng(0)
    constants = {
        "scale": np.float32(0.1),
        "zero": np.uint8(ZERO),
        "kernel": rng.integers(-8, 8, (1, 1, 3, 5), np.int8),
        "scales": rng.random(5).astype(np.float32),
        "rows": np.array([-1, 3]),
        "matrix": np.array([3, 5]),
        "nothing": np.float32(0.0),
    }
    nodes = [
        node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        node("DequantizeLinear", ["q", "scale", "zero"], ["dq"]),
        node("Transpose", ["dq"], ["turned"], perm=[1, 0, 2]),
        node("Reshape", ["turned", "rows"], ["flat"]),
        node("DequantizeLinear", ["kernel", "scales"], ["int4_kernel_0"], axis=3),
        node("Reshape", ["int4_kernel_0", "matrix"], ["w"]),
        node("Gemm", ["flat", "w", "nothing"], ["y"], beta=0.0),
    ]
    network = graph_of(nodes, constants, 2)
    x = rng.normal(size=(4, 2, 3)).astype(np.float32)
    expected = evaluate(network, x)
    arrange(network)
    kinds = [node.op_type for node in network.graph.node]
    of_input = ["Transpose", "Reshape", "QuantizeLinear", "DequantizeLinear"]
    of_kernel = ["Cast", "DequantizeLinear"]
    assert kinds == [*of_input, *of_kernel, "MatMul"]
    packed = {constant.name: constant for constant in network.graph.initializer}
    assert packed["kernel"].data_type == onnx.TensorProto.INT4
    assert list(packed["kernel"].dims) == [3, 5]
    assert "nothing" not in packed
    np.testing.assert_allclose(evaluate(network, x), expected, rtol=1e-6)
