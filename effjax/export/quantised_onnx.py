"""A quantised network in ONNX: integers in the file, and nodes that say how they are rounded.

Inputs of layers go through QuantizeLinear and DequantizeLinear (the "QDQ" form), kernels are
integers behind DequantizeLinear. Two operations of our own stand for these while jax2onnx
translates the network; its plugins, below, write the nodes. Kernels of 4 bits or fewer take half a
byte in the file; a Cast makes them 8 bits when the file is loaded, so that they run as those do.

ONNX Runtime turns such a product of matrices into one of integers. It wants both roundings right
before the product: `arrange` moves changes of layout in front of them.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive

from effjax.compress.quantised import Quantised, bits_of, quantised_kernel
from effjax.trained.network import Trained

# changes of layout; what is rounded to one grid may be rounded before or after them
LAYOUT = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")
ZERO = 128  # the unsigned integer that stands for 0: the same grid as signed ones around 0
ROUND, DEQUANTISE = "effjax_round", "effjax_dequantise"

round_p = Primitive(ROUND)
dequantise_p = Primitive(DEQUANTISE)


@round_p.def_abstract_eval
def _rounded(x: Any, scale: Any, *, bits: int) -> Any:
    return x


@dequantise_p.def_abstract_eval
def _dequantised(integers: Any, scale: Any, *, bits: int) -> Any:
    return scale.update(shape=integers.shape)


class Marked(Quantised):
    """As `Quantised`, by the two operations."""

    def round_kernel(self, kernel: jax.Array, bits: int) -> jax.Array:
        with jax.ensure_compile_time_eval():
            array = quantised_kernel(kernel, bits)
            integers = np.asarray(array.qvalue.astype(jnp.int8))
            scale = np.asarray(array.scale).ravel()
        return dequantise_p.bind(jnp.asarray(integers), jnp.asarray(scale), bits=bits)

    def round_input(self, x: jax.Array, limit: jax.Array, bits: int) -> jax.Array:
        tiny = np.finfo(np.float32).tiny
        # qwix's grid: the last level reaches half a step further
        scale = np.maximum(np.asarray(limit), tiny) / np.float32(2 ** (bits - 1) - 0.5)
        return round_p.bind(x, jnp.asarray(scale), bits=bits)


def marked(trained: Trained) -> Trained:
    """The same network, of operations that become ONNX's; one in floating point as it is."""
    bits = bits_of(trained.model)
    if bits is None:
        return trained
    _register()
    model = trained.model.clone(interceptor=Marked(bits))
    return dataclasses.replace(trained, model=model)


@functools.cache
def _register() -> None:
    """Tells jax2onnx how the two operations are written."""
    import onnx_ir as ir
    from jax2onnx.plugins.plugin_system import PrimitiveLeafPlugin, register_primitive

    about = {"context": "effjax", "testcases": []}

    def typed(value: Any, like: Any, kind: Any) -> Any:
        value.type = ir.TensorType(kind)
        value.shape = like.shape
        return value

    @register_primitive(jaxpr_primitive=ROUND, component="round", **about)
    class Round(PrimitiveLeafPlugin):
        def lower(self, ctx: Any, eqn: Any) -> None:
            x, scale = (ctx.get_value_for_var(variable) for variable in eqn.invars)
            out = ctx.get_value_for_var(eqn.outvars[0])
            zero = ctx.builder.add_initializer_from_array(
                ctx.fresh_name("zero"), np.full((), ZERO, np.uint8)
            )
            integers = ctx.builder.QuantizeLinear(
                x, scale, zero, _outputs=[ctx.fresh_name("integers")]
            )
            typed(integers, out, ir.DataType.UINT8)
            back = ctx.builder.DequantizeLinear(
                integers, scale, zero, _outputs=[ctx.fresh_name("rounded")]
            )
            ctx.bind_value_for_var(eqn.outvars[0], typed(back, out, ir.DataType.FLOAT))

    @register_primitive(jaxpr_primitive=DEQUANTISE, component="dequantise", **about)
    class Dequantise(PrimitiveLeafPlugin):
        def lower(self, ctx: Any, eqn: Any) -> None:
            integers, scale = (ctx.get_value_for_var(variable) for variable in eqn.invars)
            out = ctx.get_value_for_var(eqn.outvars[0])
            name = "int4_kernel" if eqn.params["bits"] <= 4 else "int8_kernel"
            last = len(eqn.outvars[0].aval.shape) - 1
            kernel = ctx.builder.DequantizeLinear(
                integers, scale, axis=last, _outputs=[ctx.fresh_name(name)]
            )
            ctx.bind_value_for_var(eqn.outvars[0], typed(kernel, out, ir.DataType.FLOAT))


def arrange(network: Any) -> None:
    """Changes of layout in front of the roundings, kernels folded, 4 bits in half a byte."""
    graph = Graph(network.graph)
    graph.gemms_to_products()
    for node in list(network.graph.node):
        if node.op_type != "DequantizeLinear":
            continue
        if node.input[0] in graph.constants:
            while graph.fold_layout_of_kernel(node):
                pass
            if node.output[0] in graph.of_four_bits:
                graph.pack(node)
        else:
            while graph.move_layout_before(node):
                pass
    graph.finish()


class Graph:
    """An ONNX graph while it is rearranged.

    Attributes:
      constants: {name: initializer}.
      of_four_bits: names of dequantised kernels that have 4 bits or fewer.
    """

    def __init__(self, graph: Any):
        from onnx import helper, numpy_helper

        self.graph = graph
        self.helper = helper
        self.numpy_helper = numpy_helper
        self.constants = {constant.name: constant for constant in graph.initializer}
        self.nodes = list(graph.node)
        self.of_four_bits = {
            name for node in self.nodes for name in node.output if name.startswith("int4_kernel")
        }

    def gemms_to_products(self) -> None:
        """A Gemm that only multiplies becomes MatMul: ONNX Runtime has one of integers."""
        for node in self.nodes:
            if node.op_type != "Gemm":
                continue
            attributes = {}
            for entry in node.attribute:
                attributes[entry.name] = self.helper.get_attribute_value(entry)
            adds_nothing = len(node.input) == 2 or attributes.get("beta", 1.0) == 0.0
            is_turned = attributes.get("transA", 0) or attributes.get("transB", 0)
            if adds_nothing and not is_turned and attributes.get("alpha", 1.0) == 1.0:
                node.op_type = "MatMul"
                del node.attribute[:]
                del node.input[2:]

    def only_reader(self, name: str) -> Any | None:
        """The node that reads a value, if it is one alone and changes its layout."""
        readers = [node for node in self.nodes if name in node.input]
        is_output = any(value.name == name for value in self.graph.output)
        if len(readers) != 1 or is_output:
            return None
        (reader,) = readers
        return reader if reader.op_type in LAYOUT and reader.input[0] == name else None

    def move_layout_before(self, dequantise: Any) -> bool:
        """x -> Q -> DQ -> layout becomes x -> layout -> Q -> DQ; whether there was a layout."""
        layout = self.only_reader(dequantise.output[0])
        if layout is None:
            return False
        (quantise,) = [node for node in self.nodes if dequantise.input[0] in node.output]
        layout.input[0] = quantise.input[0]
        result = layout.output[0]
        layout.output[0] = f"{result}_float"
        quantise.input[0] = layout.output[0]
        dequantise.output[0] = result
        return True

    def fold_layout_of_kernel(self, dequantise: Any) -> bool:
        """integers -> DQ -> layout becomes other integers -> DQ; whether there was a layout."""
        layout = self.only_reader(dequantise.output[0])
        if layout is None:
            return False
        integers = self.constants[dequantise.input[0]]
        array = self.numpy_helper.to_array(integers)
        (axis,) = [entry for entry in dequantise.attribute if entry.name == "axis"]
        if layout.op_type == "Transpose":
            (order,) = [list(entry.ints) for entry in layout.attribute if entry.name == "perm"]
            array = array.transpose(order)
            axis.i = order.index(axis.i)
        elif layout.op_type == "Reshape" and layout.input[1] in self.constants:
            shape = self.numpy_helper.to_array(self.constants[layout.input[1]])
            reshaped = array.reshape(shape)
            is_last = axis.i == array.ndim - 1 and reshaped.shape[-1] == array.shape[-1]
            if not is_last:
                return False
            axis.i = reshaped.ndim - 1
            array = reshaped
        else:
            return False
        integers.CopyFrom(self.numpy_helper.from_array(np.ascontiguousarray(array), integers.name))
        if dequantise.output[0] in self.of_four_bits:
            self.of_four_bits.add(layout.output[0])
        dequantise.output[0] = layout.output[0]
        self.nodes.remove(layout)
        return True

    def pack(self, dequantise: Any) -> None:
        """Puts a kernel of 4 bits into half a byte each, and a Cast to 8 bits behind it."""
        from onnx import TensorProto

        integers = self.constants[dequantise.input[0]]
        array = self.numpy_helper.to_array(integers)
        packed = self.helper.make_tensor(
            integers.name, TensorProto.INT4, array.shape, array.ravel().tolist()
        )
        integers.CopyFrom(packed)
        wider = f"{integers.name}_int8"
        cast = self.helper.make_node("Cast", [integers.name], [wider], to=TensorProto.INT8)
        dequantise.input[0] = wider
        self.nodes.append(cast)

    def finish(self) -> None:
        """Writes the nodes back, each behind what it reads."""
        made_by = {name: node for node in self.nodes for name in node.output}
        placed: dict[int, Any] = {}

        def place(node: Any) -> None:
            stack = [node]
            while stack:
                first = stack[-1]
                missing = [
                    made_by[name]
                    for name in first.input
                    if name in made_by and id(made_by[name]) not in placed
                ]
                if missing:
                    stack.extend(missing)
                    continue
                stack.pop()
                placed.setdefault(id(first), first)

        for node in self.nodes:
            place(node)
        ordered = [type(node).FromString(node.SerializeToString()) for node in placed.values()]
        del self.graph.node[:]
        self.graph.node.extend(ordered)
        # shapes of values that have moved are found anew by whoever loads the file
        del self.graph.value_info[:]
        read = {name for node in ordered for name in node.input}
        kept = [constant for constant in self.graph.initializer if constant.name in read]
        kept = [type(constant).FromString(constant.SerializeToString()) for constant in kept]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
