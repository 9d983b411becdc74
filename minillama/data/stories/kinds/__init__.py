"""The kinds of story of level 3, one module each.

A module has a hook and a teller:

    HOOK = (weight, key, en, pt)          one sentence, by which the kind of story is told from all others
    tell(t, scene) -> "happy" | "sad"     four to ten sentences; how it ends picks the closing sentence

and on its way it notes facts (`t.note`) and asks what it has settled (`t.ask`). To add a kind: write the
module, name it in `level3.KINDS_OF_STORY` and give it a theme in `tasks.THEMES`. The tests find the rest:
a choice that is not prefix-free, a form that a word lacks, a story out of bounds.
"""
