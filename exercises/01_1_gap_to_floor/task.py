"""The gap to the floor.

Exercise 01.1 · 01_the_whole_tour · easy · 10 minutes

The tour reads a model's loss against the floor: what the model needs to predict the held-out stories,
less what the stories themselves cost under the grammar that wrote them, per token. Write that number. It is
the one that the tour prints at its end, and chapter after chapter comes back to it.
"""

import numpy as np
from jaxtyping import Float, Int


def gap_to_floor(
    model_nats: Float[np.ndarray, " N"],
    story_nats: Float[np.ndarray, " N"],
    tokens: Int[np.ndarray, " N"],
) -> float:
    """Return how far a model is above the floor, in nats per token.

    All stories together are one long text: the gap is the nats that the model spends on it beyond the nats
    that it costs, divided by the number of its tokens.

    Parameters
    ----------
    model_nats : float array of shape (N,)
        For each of N stories, the model's -log p(story) in nats.
    story_nats : float array of shape (N,)
        For each story, the grammar's own -log p(story) in nats.
    tokens : int array of shape (N,)
        For each story, how many tokens the model predicted. Stories differ in length.

    Returns
    -------
    float
        Nats per token; negative if the model happens to beat the grammar on these stories.

    Examples
    --------
    Two stories cost the model 9 + 7 = 16 nats, the grammar 8 + 5 = 13, over 4 + 2 = 6 tokens:

    >>> gap_to_floor(np.array([9.0, 7.0]), np.array([8.0, 5.0]), np.array([4, 2]))
    0.5
    """
    raise NotImplementedError
