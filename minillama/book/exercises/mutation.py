"""Solutions changed in one place, to see whether an exercise's checks notice.

A mutant is the solution with one operator, constant or axis changed, or one condition turned round. Text,
annotations, default values and what is raised are left alone. ``python -m minillama.book.exercises.mutation
05.1`` lists the mutants that the checks of 05.1 let pass.
"""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from . import report
from .catalogue import Exercise, all_exercises, find_exercise
from .diagnose import diagnose
from .holes import Function, Hole

OTHERS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


@dataclass(frozen=True)
class Mutant:
    """A changed solution.

    Parameters
    ----------
    name : str
        "cumulative > u -> cumulative >= u": the changed expression before and after, with a number
        behind it where the same change can be made in several places.
    function : callable
    """

    name: str
    function: Function


def mutants(exercise: Exercise, hole: Hole) -> list[Mutant]:
    """Return every mutant of the hole's solution.

    Changed are the hole's function and the helpers beside it in solution.py, in turn, but not the
    functions of other holes; of a solution in the package, the function alone.
    """
    module = exercise.solution_module(hole)
    solution = exercise.solution(hole)
    tree = ast.parse(textwrap.dedent(inspect.getsource(solution if hole.solution else module)))
    others = {task.name for task in exercise.tasks} - {hole.name}
    found: list[Mutant] = []
    for name, changed in _changed_trees(tree, _used(tree, solution.__name__) - others):
        again = sum(mutant.name.partition(" #")[0] == name for mutant in found)
        numbered = f"{name} #{again + 1}" if again else name
        found.append(Mutant(numbered, _function(changed, module, solution.__name__)))
    return found


def survivors(exercise: Exercise, hole: Hole) -> tuple[list[str], int]:
    """Return the names of the mutants that pass all checks, and how many mutants there are."""
    begun = time.monotonic()
    diagnose(hole, exercise.solution(hole))
    limit = 0.5 + 10 * (time.monotonic() - begun)  # a mutant may loop for ever
    made = mutants(exercise, hole)
    return [m.name for m in made if diagnose(hole, m.function, limit).status == report.RIGHT], len(made)


def _function(tree: ast.Module, module: ModuleType, name: str) -> Function:
    """Execute a changed tree among the module's own names and return the function."""
    names = dict(vars(module))
    lazy = __future__.annotations.compiler_flag  # a module may import names for its annotations alone
    exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec", lazy, dont_inherit=True), names)
    function: Function = names[name]
    return function


def _used(tree: ast.Module, name: str) -> set[str]:
    """Return the definitions of a file that a function needs, itself included."""
    definitions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    used: set[str] = set()
    waiting = [name]
    while waiting:
        used.add(now := waiting.pop())
        named = {node.id for node in ast.walk(definitions[now]) if isinstance(node, ast.Name)}
        waiting += (named & set(definitions)) - used
    return used


def _changed_trees(tree: ast.Module, names: set[str]) -> Iterator[tuple[str, ast.Module]]:
    """Yield each change's name and the tree with that change."""
    for place, (node, _) in enumerate(_places(tree, names)):
        for variant in range(len(_changes(node))):
            changed = copy.deepcopy(tree)
            target, around = list(_places(changed, names))[place]
            before = ast.unparse(around)
            _changes(target)[variant]()
            yield f"{before} -> {ast.unparse(around)}", changed


def _places(tree: ast.Module, names: set[str]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield the nodes that can be changed, each with the expression or statement to name it by."""
    for definition in tree.body:
        if isinstance(definition, ast.FunctionDef | ast.ClassDef) and definition.name in names:
            yield from _walk(definition, definition)


def _walk(node: ast.AST, around: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Walk down a definition, past what is no code: text, annotations, defaults, decorators, raises."""
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.arguments):
        return
    number = _number(node) is not None
    if not number and (isinstance(node, ast.expr | ast.keyword) or _is_simple(node)):
        around = node
    if _changes(node):
        yield node, around
    if number:
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, around)


def _is_simple(node: ast.AST) -> bool:
    """Say whether a node is a statement with no others inside."""
    return isinstance(node, ast.stmt) and not hasattr(node, "body")


def _changes(node: ast.AST) -> list[Callable[[], None]]:
    """Return the changes that can be made to a node, as functions that make them in place."""
    if (number := _number(node)) is not None:
        return [lambda: _set_number(node, number)]
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OTHERS:
        return [lambda: setattr(node, "op", OTHERS[type(node.op)]())]
    if isinstance(node, ast.Compare):
        return [lambda i=i: _set_comparison(node, i) for i in range(len(node.ops))]  # type: ignore[misc]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [lambda: setattr(node, "op", ast.UAdd())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))]
    return []


def _set_comparison(node: ast.Compare, i: int) -> None:
    """Change one of the signs of a comparison."""
    other = OTHERS[type(node.ops[i])]()
    assert isinstance(other, ast.cmpop)
    node.ops[i] = other


def _number(node: ast.AST) -> bool | int | float | None:
    """Return a constant's value, if it is a number; -1 counts as one constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return node.value
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    ):
        inside = _number(node.operand)
        return None if inside is None else -inside
    return None


def _set_number(node: ast.AST, value: bool | int | float) -> None:
    """Change a constant: True to False, 1 to 2, -1 to 0 (an axis to another), 0.5 to 1.0, 0.0 to 1.0."""
    if isinstance(value, bool):
        other: bool | int | float = not value
    elif isinstance(value, int):
        other = value + 1
    else:
        other = value * 2 or 1.0
    constant = node.operand if isinstance(node, ast.UnaryOp) else node
    assert isinstance(constant, ast.Constant)
    if isinstance(node, ast.UnaryOp):
        constant.value = abs(other)
    else:
        constant.value = other


def main() -> None:
    """List the surviving mutants of the exercises named, or of all."""
    exercises = [find_exercise(id) for id in sys.argv[1:]] or all_exercises()
    made = alive = 0
    for exercise in exercises:
        for hole in exercise.holes():
            names, total = survivors(exercise, hole)
            made, alive = made + total, alive + len(names)
            print(f"{exercise.id} {hole.name}: {total - len(names)} of {total} mutants rejected")
            for name in names:
                unexplained = "NOT EXPLAINED: add a case that rejects it, or say why it is right"
                print(f"  {name}\n      {hole.survivors.get(name, unexplained)}")
    print(f"{made - alive} of {made} rejected, {(made - alive) / made:.1%}")


if __name__ == "__main__":
    main()
