"""The exercises: format, checker, diagnosis, progress. exercises/README.md says how to write one.

In a notebook:

    from minillama.book import exercises

    exercises.show("05.1")              # the task
    exercises.check("05.1", my_norm)    # what is right, or which mistake it is
    exercises.hint("05.1")              # the next hint

On the command line: `minillama exercise list|start|check|watch|hint|solution|reset`.
"""

from .catalogue import Exercise, ExerciseError, Task, all_exercises, find_exercise
from .holes import Hole, Raises
from .notebook import check, hint, show

__all__ = [
    "Exercise",
    "ExerciseError",
    "Hole",
    "Raises",
    "Task",
    "all_exercises",
    "check",
    "find_exercise",
    "hint",
    "show",
]
