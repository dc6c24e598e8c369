"""What is read from HLO is what was asked for."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from effjax.inspect.collectives import Collective, collective_rows, collectives, count_kinds

LINES = """
HloModule jit_f

%body (p: f32[4]) -> f32[4] {
  %r = f32[4]{0} all-reduce(%p), channel_id=1, replica_groups=[2,4]<=[8], to_apply=%add
}

ENTRY %main (a: f32[8]) -> f32[8] {
  %w = (s32[], f32[4]) while(%t), body=%body, backend_config={"known_trip_count":{"n":"3"}}
  %g = (bf16[2,4]{1,0}, bf16[8,4]{1,0}) all-gather-start(%a), replica_groups={{0,1,2,3},{4,5,6,7}}
  %gd = bf16[8,4]{1,0} all-gather-done(%g)
  %s = f32[2]{0} reduce-scatter(%a), replica_groups=mesh['x'=2,'y'=4], device_ids=([8]) {'y'}
  %p = u8[16]{0} collective-permute(%a), source_target_pairs={{0,1},{1,0}}
  %one = f32[9]{0} all-reduce(%a), replica_groups=[8,1]<=[8]
}
"""


def test_lines_of_every_form():
    assert collectives(LINES, 8) == [
        Collective("all-reduce", ("f32[4]",), 16, 4, times=3),
        Collective("all-gather", ("bf16[8,4]",), 64, 4),
        Collective("reduce-scatter", ("f32[2]",), 8, 4),
        Collective("collective-permute", ("u8[16]",), 16, 8),
    ]
    assert [c.sent for c in collectives(LINES, 8)] == [3 * 1.5 * 16, 0.75 * 64, 24, 16]
    assert collective_rows(collectives(LINES, 8))[1] == ("all-reduce over 4", "3", "48 B", "72 B")


def test_a_program_over_a_mesh():
    mesh = jax.make_mesh((2, 4), ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)
    rows = NamedSharding(mesh, PartitionSpec(("data", "fsdp")))
    owned = NamedSharding(mesh, PartitionSpec("fsdp"))
    copied = NamedSharding(mesh, PartitionSpec())

    def step(x, w):
        return (x @ jax.lax.with_sharding_constraint(w, copied)).sum()

    x = jax.ShapeDtypeStruct((16, 64), jnp.float32, sharding=rows)
    w = jax.ShapeDtypeStruct((64, 32), jnp.float32, sharding=owned)
    found = collectives(jax.jit(step, out_shardings=copied).lower(x, w).compile().as_text(), 8)
    assert count_kinds(found) == {"all-gather": 1, "all-reduce": 1}
    gather = next(c for c in found if c.kind == "all-gather")
    assert (gather.devices, gather.bytes) == (4, 64 * 32 * 4)
    assert gather.sent == pytest.approx(0.75 * gather.bytes)
