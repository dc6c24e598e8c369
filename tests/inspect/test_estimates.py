"""A step's operations get the cycles, the bytes and the names that its HLO gives them."""

import pytest

from effjax.inspect.estimates import KINDS, estimates, module_of, total, unpriced_copies

TILED = "{1,0:T(8,128)(2,1)}"
ON_CHIP = "{1,0:T(8,128)(2,1)S(1)}"
A_TILE = 8 * 128 * 2  # bytes


def said(path: str, cycles: int) -> str:
    """What an instruction says of where it comes from and how long it takes."""
    config = f'backend_config={{"window_config":{{"estimated_cycles":"{cycles}"}}}}'
    return f'metadata={{op_name="jit(step)/{path}"}}, {config}'


BLOCK = "stages_0/blocks_1"
FC = said(f"jvp(Net)/Net.forward/{BLOCK}/mlp/fc1/fc1.product/dot_general", 100)
DW = said(f"transpose(jvp(Net))/{BLOCK}/dwconv/conv", 40)
BANDS = said(f"transpose(jvp(Net))/{BLOCK}/token_mixer/dwconv/dwconv.product/dot_general", 0)
LN = said(f"jvp(Net)/{BLOCK}/norm1/reduce_sum", 30)
ACT = said(f"transpose(jvp(Net))/{BLOCK}/act1/reduce_sum", 20)
TURN = said("jvp(Net)/stem/transpose", 10)
ADD = said("opt/add", 5)
TRIPS = 'backend_config={"known_trip_count":{"n":"3"}}'


TEXT = f"""
%product (a: bf16[8,128], b: bf16[8,128]) -> bf16[8,128] {{
  %a = bf16[8,128]{TILED} parameter(0)
  %b = bf16[8,128]{TILED} parameter(1)
  ROOT %c = bf16[8,128]{TILED} convolution(%a, %b), dim_labels=bf_io->bf
}}

%grouped (a.1: bf16[8,128]) -> bf16[8,128] {{
  %a.1 = bf16[8,128]{TILED} parameter(0)
  ROOT %c.1 = bf16[8,128]{TILED} convolution(%a.1, %a.1), feature_group_count=128
}}

%sums (a.2: bf16[8,128]) -> f32[8] {{
  %a.2 = bf16[8,128]{TILED} parameter(0)
  ROOT %r = f32[8]{{0:T(128)S(1)}} reduce(%a.2, %a.2), dimensions={{1}}
}}

%body (s: (s32[], bf16[8,128])) -> (s32[], bf16[8,128]) {{
  %s = (s32[], bf16[8,128]{ON_CHIP}) parameter(0)
  %v = bf16[8,128]{ON_CHIP} get-tuple-element(%s), index=1
  %twice = bf16[8,128]{ON_CHIP} add(%v, %v), {ADD}
}}

ENTRY %main (x: bf16[8,128]) -> bf16[8,128] {{
  %x = bf16[8,128]{TILED} parameter(0)
  %fetch = (bf16[8,128]{ON_CHIP}, bf16[8,128]{TILED}, u32[]{{:S(2)}}) copy-start(%x)
  %near = bf16[8,128]{ON_CHIP} copy-done(%fetch)
  %fc = bf16[8,128]{ON_CHIP} fusion(%near, %x), calls=%product, {FC}
  %dw = bf16[8,128]{TILED} fusion(%fc), calls=%grouped, {DW}
  %bands = bf16[8,128]{ON_CHIP} fusion(%fc), calls=%product, {BANDS}
  %ln = f32[8]{{0:T(128)S(1)}} fusion(%fc), calls=%sums, {LN}
  %act = f32[8]{{0:T(128)S(1)}} fusion(%fc), calls=%sums, {ACT}
  %turn = bf16[8,128]{{0,1:T(8,128)(2,1)S(1)}} copy(%fc), {TURN}
  %loop = (s32[], bf16[8,128]{ON_CHIP}) while(%x), condition=%c, body=%body, {TRIPS}
}}
"""


@pytest.fixture(scope="module")
def operations():
    return {operation.name: operation for operation in estimates(TEXT)}


@pytest.mark.parametrize(
    ("name", "kind", "direction", "module", "cycles", "tiles"),
    [
        ("fetch", "transfer", "update", "", 0, 1),  # a prefetch: read once, written on the chip
        ("fc", "matrix", "forward", "stages_0/blocks_1/mlp/fc1", 100, 1),  # one of two operands
        ("dw", "depthwise", "backward", "stages_0/blocks_1/dwconv", 40, 1),  # its result
        ("bands", "depthwise", "backward", "stages_0/blocks_1/token_mixer/dwconv", 0, 0),
        ("ln", "norm", "forward", "stages_0/blocks_1/norm1", 30, 0),
        ("act", "reduction", "backward", "stages_0/blocks_1/act1", 20, 0),
        ("turn", "layout", "forward", "stem", 10, 0),
        ("twice", "other", "update", "opt", 5, 0),
    ],
)
def test_each_operation(operations, name, kind, direction, module, cycles, tiles):
    found = operations[name]
    assert kind in KINDS
    assert (found.kind, found.direction, found.module) == (kind, direction, module)
    assert (found.cycles, found.bytes) == (cycles, tiles * A_TILE)


def test_a_loop_counts_as_often_as_it_runs(operations):
    assert operations["twice"].times == 3
    by_direction = total(list(operations.values()), lambda operation: operation.direction)
    assert by_direction == {
        "forward": (140, A_TILE),
        "backward": (60, A_TILE),
        "update": (15, A_TILE),
    }


def test_a_copy_at_100_cycles_a_window_is_given_the_price_of_others():
    """16 windows of 64 x 1,024 elements; of the two, the second has a price of its own."""
    windows = '"iteration_bounds":["4","1","4"]'
    copies = ""
    for number, cycles in enumerate((1600, 1700)):
        path = said("jvp(Net)/stem/transpose", cycles).replace(
            '"estimated', f'{windows},"estimated'
        )
        copies += f"  %flat.{number} = bf16[1024,1024]{ON_CHIP} copy(%fc), {path}\n"
    text = TEXT.replace("  %loop = ", copies + "  %loop = ")
    assert unpriced_copies(text) == (1, 15 * 1024 - 1600)
    assert unpriced_copies(TEXT) == (0, 0)


def test_a_module_has_no_transforms_methods_or_classes():
    op_name = "jit(step)/transpose(jvp(Net))/checkpoint/stages_1/Block._residual/branch_0_fun/mul"
    assert module_of(op_name) == "stages_1"
    assert module_of("") == ""


def test_hlo_of_another_compiler_is_refused():
    without = TEXT.replace("estimated_cycles", "other")
    with pytest.raises(ValueError, match="only XLA for TPUs"):
        estimates(without)
