"""The input that the networks of this package have: one batch of pictures of one size."""

from modelfile import ModelSession, ModelShapeError


def batch_axis(session: ModelSession, picture: tuple[int, int, int], kind: str) -> int | None:
    """Make sure of a network's input.

    Args:
        session: The network.
        picture: `(C, height, width)` that its metadata asks for.
        kind: What the network is, for the sentence: `"a classifier"`.

    Returns:
        The batch axis, 1, or None where it is free.

    Raises:
        ModelShapeError: there is more than one input, or it is declared otherwise.
    """
    shapes = [spec.shape for spec in session.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ModelShapeError(
            f"{session.source} has the inputs {shapes}, but {kind} has one of "
            "(N, C, height, width); export it again."
        )
    batch, *rest = shapes[0]
    fits = all(a is None or a == b for a, b in zip(rest, picture, strict=True))
    if not fits or batch not in (None, 1):
        raise ModelShapeError(
            f"{session.source} declares an input of {shapes[0]}, but its metadata asks for "
            f"(N, {picture[0]}, {picture[1]}, {picture[2]}); export it again."
        )
    return batch
