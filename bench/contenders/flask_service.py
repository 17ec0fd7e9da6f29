"""The service that Keyturn replaces: a Flask blueprint over SQLAlchemy, keys in one SQL table.

Minimal, but what a competent team would run: one indexed look-up per check, one transaction per
change. `create_app(url)` makes the application; `python flask_service.py URL PORT` serves it.
"""

import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import ParamSpec

from flask import Blueprint, Flask, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import JSON, Boolean, DateTime, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

ROLES = {"admin", "creator", "user"}
TTL_DAYS = 15
P = ParamSpec("P")

blueprint = Blueprint("apikey", __name__)
sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


class Base(DeclarativeBase):
    """Declarative base."""


class ApiKey(Base):
    """A key; `expire` is UTC."""

    __tablename__ = "api_key"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    alias: Mapped[str] = mapped_column(String(128), unique=True, index=True)
    name: Mapped[str] = mapped_column(String(256))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    expire: Mapped[datetime] = mapped_column(DateTime)


def now() -> datetime:
    """Return UTC, naive, as SQLite stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


def presented() -> str:
    """Return the key of the request, from either header."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")


def admin_required(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let a request in whose key exists, is active, has not expired and has the role `admin`."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        key = presented()
        if not key:
            return jsonify(error="API key is missing"), 401
        with sessions() as session:
            found = session.get(ApiKey, key)
        if found is None or not found.is_active or found.expire <= now():
            return jsonify(error="invalid or expired API key"), 401
        if "admin" not in found.roles:
            return jsonify(error="admin role required"), 403
        return view(*args, **kwargs)

    return checked


@blueprint.post("/api/apikey")
@admin_required
def create_or_renew() -> ResponseReturnValue:
    """Create a key for an alias, or renew the one it has."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not body:
        return jsonify(error="invalid or missing JSON body"), 400
    if not body.get("alias"):
        return jsonify(error="alias is required"), 400
    if not body.get("name"):
        return jsonify(error="Name is required"), 400
    roles = body.get("roles", [])
    if not isinstance(roles, list) or not ROLES.issuperset(roles):
        return jsonify(error=f"roles must be a subset of {sorted(ROLES)}"), 400
    with sessions.begin() as session:
        found = session.scalar(select(ApiKey).where(ApiKey.alias == str(body["alias"])))
        renewed = found is not None
        if found is None:
            found = ApiKey(key=secrets.token_hex(32), alias=str(body["alias"]))
            session.add(found)
        found.name, found.roles, found.is_active = body["name"], roles, True
        found.expire = now() + timedelta(days=body.get("ttl_days", TTL_DAYS))
    return jsonify(described(found)), 200 if renewed else 201


@blueprint.delete("/api/apikey/<key>")
@admin_required
def revoke(key: str) -> ResponseReturnValue:
    """Revoke a key; its row stays."""
    with sessions.begin() as session:
        found = session.get(ApiKey, key)
        if found is None or not found.is_active:
            return jsonify(error="API key not found"), 404
        found.is_active = False
    return jsonify(message="API key revoked successfully")


def described(key: ApiKey) -> dict[str, object]:
    """Return what a key is answered as."""
    return {
        "key": key.key,
        "alias": key.alias,
        "name": key.name,
        "roles": key.roles,
        "is_active": key.is_active,
        "expire": key.expire.isoformat(),
    }


def create_app(url: str) -> Flask:
    """Make the application over the database `url`, and its table where there is none."""
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    sessions.configure(bind=engine)
    app = Flask(__name__)
    app.register_blueprint(blueprint)
    return app


def first_admin() -> str:
    """Make an admin key and return it."""
    key = secrets.token_hex(32)
    with sessions.begin() as session:
        session.add(
            ApiKey(
                key=key,
                alias=f"admin-{key[:8]}",
                name="Admin",
                roles=["admin"],
                expire=now() + timedelta(days=365),
            )
        )
    return key


if __name__ == "__main__":
    import logging

    from waitress.server import create_server

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # four threads, four clients
    application = create_app(sys.argv[1])
    server = create_server(application, host="127.0.0.1", port=0, threads=4)
    print(server.effective_port, first_admin(), flush=True)
    server.run()
