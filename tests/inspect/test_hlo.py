"""What HLO text says is what is read from it."""

import pytest

from effjax.inspect.hlo import parse_arrays, parse_hlo

CONFIG = 'backend_config={"window_config":{"estimated_cycles":"77"}}'
TEXT = """
HloModule jit_step, is_scheduled=true

FileNames
1 "net.py"

%inner (p.0: bf16[8,64]) -> bf16[8,64] {
  %p.0 = bf16[8,64]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %n = bf16[8,64]{1,0:T(8,128)(2,1)S(1)} negate(%p.0), metadata={op_name="jit(step)/neg"}
}

ENTRY %main (x: bf16[8,64]) -> (bf16[8,64]) {
  %x = bf16[8,64]{1,0:T(8,128)(2,1)} parameter(0)
  %y = bf16[8,64]{1,0:T(8,128)(2,1)S(1)} fusion(%x), calls=%inner, CONFIG
  ROOT %t = (bf16[8,64]{1,0:T(8,128)(2,1)S(1)}) tuple(/*index=0*/%y)
}
""".replace("CONFIG", CONFIG)


def test_computations_and_instructions():
    program = parse_hlo(TEXT)
    assert program.entry == "main"
    assert list(program.computations) == ["inner", "main"]
    x, y, t = program.computations["main"]
    assert (y.opcode, y.operands, y.called, y.cycles) == ("fusion", ("x",), ("inner",), 77)
    assert (x.cycles, t.operands) == (None, ("y",))
    assert program.computations["inner"][1].op_name == "jit(step)/neg"


@pytest.mark.parametrize(
    ("text", "shape", "size", "space"),
    [
        # 64 channels take the 128 lanes of a tile
        ("bf16[8,64]{1,0:T(8,128)(2,1)}", (8, 64), 8 * 128 * 2, 0),
        # turned around, 8 rows fill a tile's 8 and the 128 lanes hold them: 64 x 128
        ("f32[8,64]{0,1:T(8,128)S(1)}", (8, 64), 64 * 128 * 4, 1),
        ("f32[300]{0:T(256)}", (300,), 512 * 4, 0),
        ("pred[3]", (3,), 3, 0),
        ("f32[]{:T(128)}", (), 4, 0),
        ("u32[]{:S(2)}", (), 4, 2),
    ],
)
def test_an_array_fills_its_tiles(text, shape, size, space):
    (array,) = parse_arrays(text)
    assert (array.shape, array.bytes, array.space) == (shape, size, space)


def test_a_text_without_a_program_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        parse_hlo("HloModule empty")
