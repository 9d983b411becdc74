"""The kinds of story: each module tells one, from its hook (weight, key, en, pt) to the mood at its end."""
