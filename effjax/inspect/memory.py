"""What a training step costs each device: bytes it holds and sends; of imagined devices too."""

import os
from collections.abc import Sequence

import jax

from effjax.errors import UserError
from effjax.inspect.collectives import collective_rows, collectives
from effjax.report import Display, format_bytes, format_count
from effjax.training.programs import bytes_a_device, compile_step
from effjax.training.setup import Setup


def pretend_devices(count: int) -> None:
    """Puts `count` CPU devices in the place of this machine's, if it has fewer.

    For looking at how a run would be laid out; to be called before anything was computed.
    """
    from jax.extend import backend

    if len(jax.devices()) >= count:
        return
    # the number of CPU devices is read when a backend starts, and asking for them has started it
    backend.clear_backends()
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", count)


def imagine_topology(name: str) -> Sequence[jax.Device]:
    """The chips of a TPU slice such as "v5e:4x4", to compile for; none need be here.

    Raises:
      UserError: no such topology, or libtpu is not installed.
    """
    from jax.experimental import topologies

    # compiling holds no chip, so that several processes may do it at once
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    # libtpu asks the machine what it is, and complains at length where it is no TPU VM
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-8")
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    try:
        topology = topologies.get_topology_desc(platform="tpu", topology_name=name)
        return topology.devices
    except Exception as error:  # libtpu raises its own kinds
        first_line = str(error).splitlines()[0]
        if "not installed" in first_line:
            raise UserError(
                f"--topology={name}: no compiler for TPUs here: pip install libtpu"
            ) from error
        raise UserError(
            f"--topology={name}: {first_line[:200]}\ngive one such as v5e:4x4 or v5p:2x2x4"
        ) from error


def show_cost(setup: Setup, display: Display) -> None:
    """Compiles the training step and shows its cost as tables."""
    display.table("run", run_rows(setup))
    first_variant = setup.task.variant(0)
    compiled = compile_step(setup, first_variant, setup.abstract)
    mesh = setup.runner.mesh
    kind = mesh.devices.flat[0].device_kind
    title = f"memory of each device, of {mesh.size} ({kind}), {layout_in_words(setup)}"
    display.line("")
    display.table(title, memory_rows(setup, compiled), right=(1,))
    if mesh.size > 1:
        display.line("")
        found = collectives(compiled.as_text(), mesh.size)
        header = ("collective", "a step", "arrays", "sent by each device")
        display.table("traffic of a step", collective_rows(found), header, right=(1, 2, 3))


def layout_in_words(setup: Setup) -> str:
    """How the state lies on the devices."""
    if setup.runner.batch_axis is not None:
        return "pmap: copies of the state"
    shape = setup.runner.mesh.shape
    if shape["fsdp"] == 1:
        return "mesh: copies of the state"
    return f"mesh of {shape['data']} x {shape['fsdp']}"


def run_rows(setup: Setup) -> list[tuple[str, str]]:
    """Steps, images, multiply-adds."""
    clock = setup.clock
    epochs = clock.total_steps * clock.batch_size / setup.source.num_examples
    length = f"{clock.total_steps:,} steps of {clock.batch_size} images, {epochs:.3g} epochs"
    rows = [("length", length)]
    facts = setup.task.facts(setup.abstract.params, setup.source.spec)
    for name, value in facts.items():
        if name == "macs":
            rows.append(("multiply-adds", f"{format_count(value)} an image"))
        else:
            rows.append((name, str(value)))
    return rows


def memory_rows(setup: Setup, compiled: jax.stages.Compiled) -> list[tuple[str, str]]:
    """What one device holds: of the state by its parts, and what XLA says of the step."""
    state = setup.abstract
    parts = {
        "parameters": state.params,
        # as large as the parameters: the same shapes and types
        "gradients (as the update takes them)": state.params,
        "optimizer state": state.opt_state,
        "model state": state.model_state,
        "moving average": state.ema,
    }
    rows = []
    for name, tree in parts.items():
        size = bytes_a_device(tree)
        if size:  # a network without batch norm has no model state
            rows.append((name, format_bytes(size)))
    memory = compiled.memory_analysis()
    if memory is None:
        rows.append(("step", "this backend does not say"))
        return rows
    inputs = memory.argument_size_in_bytes
    temporaries = memory.temp_size_in_bytes
    # the donated state is both input and output: counted once
    outputs = memory.output_size_in_bytes - memory.alias_size_in_bytes
    peak = inputs + temporaries + outputs
    rows += [
        ("state and batch", format_bytes(inputs)),
        ("temporaries, gradients included", format_bytes(temporaries)),
        ("whole step", format_bytes(peak)),
    ]
    return rows
