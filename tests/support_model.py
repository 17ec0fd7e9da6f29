"""What a key is, in as few lines as can say it: the model that tests hold the handlers to.

Strings are told apart by their generation; times are epoch seconds. A verb returns what comes of
it: an event's type, the code of a refusal, or nothing where nothing changes.
"""

from dataclasses import dataclass, field

from keyturn.keys import DAY

GRACE = DAY  # the deployment's


@dataclass
class Model:
    """One key; generation 0 is none. `old_ends` is the end of the string before the current one."""

    now: int = 0
    generation: int = 0
    version: int = 0
    ttl: int = 0
    period: int | None = None
    ends: int = 0
    old_ends: int = 0
    created_at: int = 0
    rotated_at: int = 0
    changed_at: int = 0
    is_active: bool = False
    is_leaked: bool = False
    done: list[str] = field(default_factory=list)

    def renew(self, ttl: int, period: int | None) -> str:
        if self.is_leaked:
            return "key_compromised"
        if period and ttl * DAY < period * DAY + GRACE:
            return "field_invalid"
        known = "Key Renewed" if self.is_active else "Key Reactivated"
        told = known if self.generation else "Key Created"
        self.created_at = self.created_at or self.now
        self.ttl, self.period, self.ends = ttl, period, self.now + ttl * DAY
        return self._change(told, generation=self.generation or 1, is_active=True)

    def rotate(self, id: str, grace: int, *, force: bool = False, asked: int | None = None) -> str:
        if id in self.done[-8:] or (asked is not None and asked < self.rotated_at):
            return ""
        old_ends = min(self.now + grace, self.ends)
        if self.is_leaked and asked is None:
            old_ends = self.now
        elif not self.is_active or self.now >= self.ends:
            return "key_inactive"
        elif self.old_ends > self.now and not force:
            return "grace_running"
        self.done.append(id)
        self.old_ends, self.ends = old_ends, self.now + self.ttl * DAY
        self.generation, self.rotated_at = self.generation + 1, self.now
        return self._change("Key Rotated", is_active=True, is_leaked=False)

    def revoke(self, *, leaked: bool) -> str:
        if not self.is_active:
            return "not_found"
        return self._change("Key Revoked", is_active=False, is_leaked=leaked)

    def leak(self, id: str, asked: int, action: str) -> str:
        if id in self.done[-8:]:
            return ""
        if asked < self.rotated_at:
            running = self.old_ends > self.now
            return self._change("Grace Ended", old_ends=self.now) if running else ""
        if action == "rotate" and self.is_active and self.now < self.ends:
            return self.rotate(id, 0, force=True)
        known = self.is_leaked
        return "" if known else self._change("Key Revoked", is_active=False, is_leaked=True)

    def judge(self, generation: int) -> str:
        if not self.generation - 2 < generation <= self.generation:
            return "not_found"
        ends = self.ends if generation == self.generation else min(self.ends, self.old_ends)
        return "revoked" if not self.is_active else "expired" if self.now >= ends else "valid"

    def rotation_due(self) -> int:
        """Return when the schedule rotates it; if it is in no state to, never."""
        if not self.period or not self.is_active or self.now >= self.ends:
            return self.now + 1
        return max((self.rotated_at or self.created_at) + self.period * DAY, self.old_ends)

    def _change(self, told: str, **fields: int) -> str:
        self.__dict__.update(fields, version=self.version + 1, changed_at=self.now)
        return told
