"""The one error that every checkpoint reader raises."""


class CheckpointError(ValueError):
    """A checkpoint is missing, broken or of another shape; the text says which file, what and where."""
