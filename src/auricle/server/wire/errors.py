"""The form of an error's body, and the error that knows which fields are wrong."""

from typing import Any, Literal

from pydantic import Field

from auricle.errors import InvalidRequest
from auricle.server.wire.answer import Answer


class FieldProblem(Answer):
    """What is wrong with one field."""

    type: str = Field(description="Kind of problem, as pydantic names it.")
    loc: list[str | int] = Field(description="Where it is: `body`, the field, the item.")
    msg: str
    input: Any = Field(default=None, description="What was sent, shortened.")


class FieldProblems(Answer):
    """All fields that are wrong."""

    detail: list[FieldProblem]


class ErrorBody(Answer):
    """Every error but 401."""

    object: Literal["error"] = "error"
    message: str | FieldProblems = Field(
        description="A sentence; for wrong fields (422) their `detail`."
    )
    type: str
    param: str | None = Field(
        default=None, description="The field the error is about, if it is one."
    )
    code: str | None = Field(
        default=None, description="`1500` unknown model, `3051` invalid argument, or null."
    )
    raw_status_code: int


class UnauthorizedBody(Answer):
    """No key was sent, or a wrong one."""

    detail: Literal["Unauthorized"] = "Unauthorized"


class ValidationFailed(InvalidRequest):
    """Fields that are missing or wrong, each with its place."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__("; ".join(each.msg for each in problems))
        self.problems = problems
