"""The calls of oneDNN that chainrule makes through XLA, beside XLA's own forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.findings.finding import FUSION, Finding, Go, laid_out, normal, program
from chainrule.array.onednn import convolve_onednn, product_onednn, stacked_product_onednn

EIGEN = {FUSION: "LIBRARY_FUSION_TYPE_REDUCE"}


def convolution(images: tuple[int, ...], filters: int, groups: int = 1) -> Callable[[], tuple[Go, Go]]:
    def made() -> tuple[Go, Go]:
        import jax

        x, kernel = normal(*images), normal(3, 3, images[-1] // groups, filters)
        geometry = {
            "stride": (1, 1),
            "padding": ((1, 1), (1, 1)),
            "input_dilation": (1, 1),
            "dilation": (1, 1),
            "groups": groups,
        }

        def by_xla(x: Any, kernel: Any) -> Any:
            axes = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=axes, feature_group_count=groups
            )

        def by_onednn(x: Any, kernel: Any) -> Any:
            return convolve_onednn(x, kernel, (*images[:-1], filters), geometry)

        return program(by_xla, x, kernel, options=EIGEN), program(by_onednn, x, kernel)

    return made


def weight() -> tuple[Go, Go]:
    import jax

    x, g = normal(2048, 512), normal(2048, 128)
    plain = program(lambda x, g: laid_out(jax.numpy.matmul(g.T, x)).T, x, g)
    return plain, program(lambda x, g: product_onednn(x, g, (True, False)), x, g)


def heads() -> tuple[Go, Go]:
    import jax

    q, k = normal(16, 128, 4, 32), normal(16, 128, 4, 32)
    first, as_it_is = (0, 2, 1, 3), (0, 1, 2, 3)

    def moved(q: Any, k: Any) -> Any:
        return jax.numpy.matmul(q.transpose(first), k.transpose(0, 2, 3, 1))

    def in_place(q: Any, k: Any) -> Any:
        return stacked_product_onednn(q, k, (16, 4, 128, 128), (first, first, as_it_is), (False, True))

    return program(moved, q, k, options=EIGEN), program(in_place, q, k)


def kernel_gradient() -> tuple[Go, Go]:
    import jax

    x, g = normal(64, 32, 32, 16), normal(64, 32, 32, 16)
    np_ = jax.numpy

    def by_xla(x: Any, g: Any) -> Any:
        axes = jax.lax.ConvDimensionNumbers((3, 0, 1, 2), (3, 0, 1, 2), (2, 3, 0, 1))
        return jax.lax.conv_general_dilated(x, g, (1, 1), ((1, 1), (1, 1)), dimension_numbers=axes)

    def by_products(x: Any, g: Any) -> Any:
        """x three times beside itself, shifted along rows, and g, shifted along columns: one product has all."""
        x, g = np_.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), np_.pad(g, ((0, 0), (2, 2), (0, 0), (0, 0)))
        wide = sum(np_.pad(x[:, :, k : k + 32], ((0, 0),) * 3 + ((16 * k, 32 - 16 * k),)) for k in range(3))
        tall = sum(np_.pad(g[:, 2 - k : 36 - k], ((0, 0),) * 3 + ((16 * k, 32 - 16 * k),)) for k in range(3))
        y = product_onednn(np_.reshape(wide, (-1, 48)), np_.reshape(tall, (-1, 48)), (True, False))
        assert y is not None
        return np_.reshape(y, (3, 16, 3, 16)).transpose(2, 0, 1, 3)

    return program(by_xla, x, g, options=EIGEN), program(by_products, x, g, options=EIGEN)


FINDINGS = {
    "onednn-channels": Finding("3×3, (64, 32, 32, 16) → 16", "Eigen's", "oneDNN's", convolution((64, 32, 32, 16), 16)),
    "onednn-image": Finding("3×3, (32, 32, 32, 3) → 16", "Eigen's", "oneDNN's", convolution((32, 32, 32, 3), 16)),
    "onednn-groups": Finding(
        "3×3, (16, 32, 32, 32), a group for each channel", "XLA's", "oneDNN's", convolution((16, 32, 32, 32), 32, 32)
    ),
    "onednn-weight": Finding("(2048, 512)ᵀ · (2048, 128)", "(gᵀ · x)ᵀ", "oneDNN's xᵀ · g", weight),
    "onednn-heads": Finding("scores of (16, 128, 4, 32)", "heads moved first", "oneDNN's, in place", heads),
    "onednn-kernel": Finding(
        "gradient of a 3×3 kernel, (64, 32, 32, 16) → 16", "XLA's", "product of shifted copies", kernel_gradient, "vain"
    ),
}  # fmt: skip
