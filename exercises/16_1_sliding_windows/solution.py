"""The end decides everything: the inputs are the `context` positions that end before its last token."""


def plan_windows(length: int, context: int, stride: int) -> list[tuple[int, int, int]]:
    windows = []
    first, end = 0, min(context, length)
    while first < length:
        windows.append((max(-1, end - 1 - context), first, end))
        first, end = end, min(end + stride, length)
    return windows
