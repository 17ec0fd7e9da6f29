"""keyshield on SQLite: `verify_key`, in process, with its default hasher (Argon2).

Twice: as it comes, and with its cache, in which a revocation made by another process is not seen
for five minutes. Its deliberate pause of 0.1 to 0.3 s per call is left out: it costs no CPU.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta

from aiocache import BaseCache, SimpleMemoryCache
from keyshield import ApiKeyService
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.repositories.sql import SqlAlchemyApiKeyRepository
from keyshield.services.cached import CachedApiKeyService
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['BENCH_FOLDER']}/{os.getpid()}.db")
sessions = async_sessionmaker(engine, expire_on_commit=False)
hasher = Argon2ApiKeyHasher(pepper="bench")
memory = SimpleMemoryCache()
loop = asyncio.new_event_loop()


def service(session: AsyncSession, cache: BaseCache | None = None) -> ApiKeyService:
    """Return a service over this session, without its pause."""
    repository = SqlAlchemyApiKeyRepository(session)
    if cache is None:
        return ApiKeyService(repository, hasher, min_delay=0, max_delay=0)
    return CachedApiKeyService(repository, hasher, cache, min_delay=0, max_delay=0)


async def create() -> str:
    """Make the table and a key."""
    async with sessions() as session:
        await SqlAlchemyApiKeyRepository(session).ensure_table(engine)
        _, key = await service(session).create(
            name="billing", scopes=["admin"], expires_at=datetime.now(UTC) + timedelta(days=365)
        )
        await session.commit()
        return key


KEY = loop.run_until_complete(create())


async def ask(times: int, cache: BaseCache | None) -> None:
    """Verify in a session and a transaction per call, as its own web connectors do."""
    for _ in range(times):
        async with sessions.begin() as session:
            await service(session, cache).verify_key(KEY, ["admin"])


def plain(times: int) -> None:
    """Verify with the hash."""
    loop.run_until_complete(ask(times, None))


def cached(times: int) -> None:
    """Verify with the cache."""
    loop.run_until_complete(ask(times, memory))


CASES = {"keyshield": plain, "keyshield_cached": cached}
