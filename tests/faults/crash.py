"""A process that dies, or fails, at any of its calls to AWS; how many those are, a whole run tells.

Before a call is after the one before it, as far as anybody else can see: so a process of n calls
has n + 1 moments to die at.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from tests.support_aws import Answer, Aws, Call, refused

T = TypeVar("T")

HOW = DIES, IS_REFUSED, IS_NOT_TOLD = "dies", "is refused", "is not told"
_WRITES = {"PutItem", "UpdateItem", "PutEvents", "PutSecretValue", "UpdateSecretVersionStage"}
_DENIED = refused("AccessDeniedException")  # which no SDK repeats


@dataclass
class Cut:
    """What a process meets on its way to AWS, after so many calls that were carried out.

    It dies: nobody hears the answer of the last one, and no other one reaches AWS. Or it lives on,
    and the next call is refused; or is carried out and said to have failed. Somebody looks at what
    is there after every write.
    """

    aws: Aws
    how: str
    calls: int
    look: Callable[[], object]
    made: int = 0
    seen: list[AssertionError] = field(default_factory=list)

    def __call__(self, call: Call) -> Answer:
        self.made += 1
        beyond = self.made - self.calls
        if self.how == DIES and beyond > 0:
            raise ConnectionResetError
        if self.how == IS_REFUSED and beyond == 1:
            return _DENIED(call)
        answer = call()
        try:
            if self.aws.done[-1][0] in _WRITES:
                self.look()
        except AssertionError as error:  # this is the server's thread
            self.seen.append(error)
        if self.how == DIES and beyond == 0:
            raise ConnectionResetError
        return _DENIED(call) if self.how == IS_NOT_TOLD and beyond == 1 else answer


def everywhere(
    aws: Aws,
    how: str,
    begin: Callable[[], T],
    act: Callable[[T], object],
    look: Callable[[T], object],
) -> Iterator[T]:
    """Cut a process short at each of its calls, and yield the scene it leaves.

    begin  makes the scene anew
    act    is the process
    look   raises AssertionError where what must hold at every moment does not
    """
    scene = begin()
    aws.forget()
    act(scene)
    calls = len(aws.calls)
    assert calls
    for number in range(calls + (how == DIES)):
        scene = begin()
        cut = Cut(aws, how, number, partial(look, scene))
        aws.always("*", cut)
        with suppress(Exception):
            act(scene)
        aws.heal()
        assert cut.made >= number + (how != DIES)
        assert not cut.seen, cut.seen
        look(scene)
        yield scene
