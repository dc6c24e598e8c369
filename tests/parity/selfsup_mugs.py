"""Recorded values of Mugs: its losses, its memory, and a whole pass of student and teacher."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.blocks.positions import interpolate_tokens
from effjax.models.families.vit import ViT, ViTArchitecture
from effjax.tasks.pretraining.self_distillation import losses, memory
from effjax.tasks.pretraining.self_distillation.clipping import clip_each
from effjax.tasks.pretraining.self_distillation.heads import PairHead, PrototypeHead
from effjax.tasks.pretraining.self_distillation.relation import mean_patch, related
from tests.parity.selfsup_dino import HeadNames, by_crop, follow_centre, graded_step
from tests.parity.selfsup_weights import draw, norm, plain_rename

Spec = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
CASE = "mugs_model"
LARGE, SMALL = 224, 96  # sides of the crops
OFFSET = 0.1  # that Mugs adds to the side of a smaller grid


def compute_infonce(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    name = "mugs_infonce"
    case = spec["cases"][name]
    queue = jnp.asarray(inputs[f"{name}/queue0"]).T  # [K, D]
    pointer = jnp.zeros((), int)
    values, queues, pointers = [], [], []
    graded = graded_step(name, keys)
    for t in range(case["steps"]):
        student, teacher = (draw(spec, name, f"{who}{{t}}", t=t) for who in ("student", "teacher"))
        keys_of_step = by_crop(teacher, case["B"])

        def loss(rows, teacher=keys_of_step, queue=queue):
            pairs = losses.info_nce(by_crop(rows, case["B"]), teacher, queue, case["temperature"])
            return losses.mean_of_halves(pairs).mean()

        value, grad = jax.value_and_grad(loss)(jnp.asarray(student))
        if t == graded:
            yield f"{name}/grad_student{t}", grad
        queue, pointer = memory.write(queue, pointer, jnp.asarray(teacher), jnp.ones(len(teacher)))
        values.append(value)
        queues.append(queue.T)
        pointers.append(pointer)
    yield f"{name}/loss", values
    yield f"{name}/queue", queues
    yield f"{name}/pointer", np.asarray(pointers)


def compute_group(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    step = graded_step("mugs_group", keys)
    outputs = spec["cases"]["mugs_group"]["out"]
    yield from follow_centre("mugs_group", spec, outputs, step, losses.mean_of_halves)


def compute_memory(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    name = "mugs_memory"
    case = spec["cases"][name]
    entries = jnp.asarray(inputs[f"{name}/queue0"])
    pointer = jnp.zeros((), int)
    states, pointers = [], []
    for t in range(case["steps"]):
        rows = jnp.asarray(draw(spec, name, "x{t}", t=t))
        wanted = jnp.asarray(inputs[f"{name}/weak{t}"], float)
        start = pointer
        entries, _ = memory.write(entries, start, rows, wanted)
        count = wanted.sum().astype(int)
        moved = memory.published_pointer(start, count, case["K"])
        pointer = jnp.where(count > 0, moved, start)
        states.append(entries)
        pointers.append(pointer)
    yield f"{name}/queue", states
    yield f"{name}/pointer", np.asarray(pointers)
    numbers, found = memory.nearest(jnp.asarray(draw(spec, name, "query")), entries, case["top"])
    yield f"{name}/neighbours", np.asarray(numbers)
    yield f"{name}/found", found


def where(stem: str) -> str:
    """instance_head.projector.2 -> instance_head/projector/layers_1."""
    parts = stem.split(".")
    if parts[0].endswith("_head") and parts[-1].isdigit():
        return "/".join((*parts[:-1], f"layers_{int(parts[-1]) // 2}"))
    return plain_rename(stem)


class Side:
    """Student or teacher."""

    def __init__(self, spec: Spec, side: str):
        case = spec["cases"][CASE]
        self.case = case
        self.architecture = ViTArchitecture(
            case["embed"],
            case["heads"],
            case["depth"],
            patch_size=case["patch"],
            mlp_ratio=case["mlp_ratio"],
        )
        self.model = ViT(self.architecture, num_classes=0, dtype=jnp.float64)
        self.names = HeadNames(case["weights"], f"{CASE}/{side}/", where)
        self.params = self.names.params(spec["seed"])
        self.memory = jnp.asarray(draw(spec, CASE, f"{side}_memory"))

    def shapes(self, head: str) -> tuple[int, ...]:
        """Outputs of the layers of a head's projector and predictor."""
        layers = self.params[head]["projector"]
        return tuple(layers[name]["kernel"].shape[1] for name in sorted(layers))

    def features(self, params: Any, crops: list[jax.Array]) -> dict[str, jax.Array]:
        """Of crops of one size, crop by crop."""
        encoder = dict(params["backbone"])
        relation = encoder.pop("relation_blocks_0")
        images = jnp.concatenate(crops)
        side = images.shape[1] // self.case["patch"]
        whole = LARGE // self.case["patch"]
        if side != whole:
            grids = ((whole, whole), (side, side))
            encoder["pos_embed"] = interpolate_tokens(encoder["pos_embed"], *grids, OFFSET)
        found = self.model.apply({"params": encoder}, images, method="features")
        count = self.case["neighbours"]
        found["related"] = related(
            self.architecture, relation, encoder["norm"], found, self.memory, count
        )
        return found

    def __call__(self, params: Any, sizes: list[list[jax.Array]]) -> dict[str, jax.Array]:
        """The outputs of the three heads, and what the memory would get of the large crops."""
        found = [self.features(params, crops) for crops in sizes]
        token = jnp.concatenate([one["prelogits"] for one in found])
        group = jnp.concatenate([one["related"] for one in found])
        outputs = {"mean_patch": mean_patch(found[0])}
        for name, x in (("instance", token), ("local_group", group)):
            head = f"{name}_head"
            hidden, _, width = self.shapes(head)
            layer = PairHead(hidden, width, self.predictor_width(params[head]))
            predicts = "predictor" in params[head]
            method = "__call__" if predicts else "target"
            outputs[name] = layer.apply({"params": params[head]}, x, method=method)
        hidden, _, bottleneck = self.shapes("group_head")
        prototypes = PrototypeHead(hidden, bottleneck, len(params["group_head"]["prototypes"]))
        own = {"mlp": params["group_head"]["projector"], **params["group_head"]}
        outputs["group"] = prototypes.apply({"params": own}, token)
        return outputs

    def predictor_width(self, head: Any) -> int:
        if "predictor" not in head:
            return 1
        return head["predictor"]["layers_0"]["kernel"].shape[1]


def compute_model(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    case = spec["cases"][CASE]
    student, teacher = Side(spec, "student"), Side(spec, "teacher")

    def crops(kind: str, count: int) -> list[jax.Array]:
        return [jnp.asarray(draw(spec, CASE, f"{kind}{{i}}", i=i)) for i in range(count)]

    sizes = [crops("student_image", 2), crops("student_small", case["local"])]
    wanted = jax.jit(teacher)(teacher.params, [crops("teacher_image", 2)])
    rows = {name: by_crop(x, case["batch"]) for name, x in wanted.items()}
    queues = {
        "instance": jnp.asarray(inputs[f"{CASE}/instance_queue0"]).T,
        "local_group": jnp.asarray(inputs[f"{CASE}/local_queue0"]).T,
    }

    def loss(params: Any) -> tuple[jax.Array, Any]:
        said = student(params, sizes)
        values = []
        for name, queue in queues.items():
            of_crops = by_crop(said[name], case["batch"])
            pairs = losses.info_nce(of_crops, rows[name], queue, case["temperature"])
            values.append(losses.mean_of_halves(pairs).mean())
        logits = by_crop(said["group"], case["batch"]) / case["student_temperature"]
        shares = losses.sharpened(rows["group"], 0.0, case["teacher_temperature"])
        values.append(losses.mean_of_halves(losses.cross_entropies(logits, shares)).mean())
        return sum(values) / 3, (jnp.stack(values), said)

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, (values, said)), grads = step(student.params)
    for name, output in wanted.items():
        yield f"{CASE}/teacher/{name}", output
    for name, output in said.items():
        yield f"{CASE}/student/{name}", output
    yield f"{CASE}/loss", value
    yield f"{CASE}/losses", values
    everyone = jnp.ones(case["batch"])
    centre = losses.moved_centre(jnp.zeros(wanted["group"].shape[1]), rows["group"], everyone, 0.9)
    yield f"{CASE}/center", centre[None]
    found = student.names.by_name(grads)
    yield f"{CASE}/names", list(found)
    yield f"{CASE}/grad_l2", [norm(g) for g in found.values()]
    yield f"{CASE}/grad_sum", [g.sum() for g in found.values()]
    clipped = student.names.by_name(clip_each(grads, case["clip"]))
    yield f"{CASE}/clipped_l2", [norm(g) for g in clipped.values()]


MUGS = {
    "mugs_infonce/": compute_infonce,
    "mugs_group/": compute_group,
    "mugs_memory/": compute_memory,
    "mugs_model/": compute_model,
}
