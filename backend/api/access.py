"""Which scope each route takes: one rule for a router, another for a single route where it differs.

    app.include_router(cameras.router, dependencies=[bearer, needs(Scope.READ, change=Scope.CAMERAS)])

    @router.post("/check", dependencies=[needs(Scope.READ)])

The rule nearest to the route counts. A route without one is refused to everybody, and a test fails for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends
from fastapi.params import Depends as Dependency
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope as RequestScope

from backend.domain.access import Scope

_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Needs:
    """The scopes that looking and changing take."""

    look: Scope
    change: Scope

    async def __call__(self) -> None:
        """Do nothing: `security.BearerAuth` reads the rule and asks, before the body is read."""

    def by_method(self, method: str) -> Scope:
        """The scope that a request of this method takes."""
        return self.look if method in _LOOKING else self.change


def needs(look: Scope, change: Scope | None = None) -> Any:
    """The rule of a router or a route: `look` for GET, `change` for everything else, which without it is the same."""
    return Depends(Needs(look, change or look))


@dataclass(frozen=True, slots=True)
class Rule:
    """A route and what it takes."""

    path: str
    """With its parameters in braces."""
    methods: frozenset[str]
    needs: Needs | None
    """None where somebody forgot it."""
    pattern: "re.Pattern[str]"


class RouteTable:
    """The routes of an application, by path and method."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        """Read the routes, which must all be there."""
        contexts = [context for context in iter_route_contexts(routes) if getattr(context, "path_regex", None)]
        self.rules = tuple(
            Rule(
                path=context.path_format or "",
                methods=frozenset(context.methods or ()),
                needs=_rule_of(getattr(context, "dependencies", ())),
                pattern=context.path_regex,
            )
            for context in contexts
        )

    def rule_of(self, scope: RequestScope) -> Rule | None:
        """The route that a request goes to; None where there is none, or none of that method."""
        if scope["type"] != "http":
            return None
        path, method = scope["path"], scope["method"]
        return next((rule for rule in self.rules if method in rule.methods and rule.pattern.match(path)), None)


def allowed_methods(rules: Sequence[Rule], path: str) -> list[str]:
    """Every method that some route of that path takes."""
    # A path that is written out is not meant as somebody's id, though a route with an id would take it.
    same = [rule for rule in rules if rule.path == path] or [rule for rule in rules if rule.pattern.match(path)]
    return sorted({method for rule in same for method in rule.methods})


def _rule_of(dependencies: Sequence[Dependency]) -> Needs | None:
    rules = [dependency.dependency for dependency in dependencies if isinstance(dependency.dependency, Needs)]
    return rules[-1] if rules else None
