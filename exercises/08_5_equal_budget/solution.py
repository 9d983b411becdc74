"""Count both, and divide. The bias of w_down has `dim` entries in both layers, so it drops out."""


def gated_width(dim: int, plain_width: int, bias: bool = False) -> int:
    plain_unit = 2 * dim + bias  # a row of w_up, a column of w_down, and the unit's bias
    gated_unit = 3 * dim + 2 * bias  # one row more, and one bias more
    return plain_width * plain_unit // gated_unit
