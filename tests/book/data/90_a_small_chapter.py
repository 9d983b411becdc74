# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 90 · A small chapter
#
# **Question.** Does every kind of cell reach the page? Inline $\sqrt{x^2} = |x|$, money \$5, code `$HOME`, and
#
# $$ \operatorname{rms}(x) = \sqrt{\frac{1}{n} \sum_{i=1}^{n} x_i^2 + \epsilon}. $$
#
# - a list
# - with a formula $a < b$ in it
#
# | symbol | shape |
# |---|---|
# | $x$ | (B, T) |

# %%
# ruff: noqa: B018, E402, E501
import numpy as np

print("one", 2 / 3, "and <b>no HTML</b> and ``` and $raw$")

# %%
np.arange(3)

# %% [markdown]
# ## A figure
#
# It follows.

# %% tags=["figure"] alt="A line that rises from 0 to 4 like a parabola, with axes called x and x squared, [in brackets] and $x^2$"
import matplotlib.pyplot as plt

from minillama.book.plotting import use_style

use_style()
fig, ax = plt.subplots(figsize=(4, 2))
ax.plot([0, 1, 2], [0, 1, 4])
_ = ax.set(xlabel="x", ylabel="$x^2$")


# %% tags=["hide"]
def long_function(x):
    """Stand for code that is folded on the site."""
    return x


long_function("a value from folded code")

# %% tags=["raises-exception"]
1 / 0

# %% tags=["nbval-ignore-output"]
import time

print(f"{time.time():.3f}")

# %%
from IPython.display import HTML

HTML("<table><tr><td>cell with `ticks`</td></tr></table>")

# %% [markdown]
# ## Exercises
#
# None. See [the next chapter](90_a_small_chapter.md).
