"""Let an application check its callers' API keys with Keyturn.

answers  what Keyturn says of a key, and what an application does about it
asking   ask whether a key may pass, and remember for a few seconds that it may
fastapi  a dependency of FastAPI
flask    a decorator for views of Flask
"""

from keyturn_client.answers import Caller, Refused, Unavailable, presented
from keyturn_client.asking import AsyncKeyturn, Keyturn

__all__ = ["AsyncKeyturn", "Caller", "Keyturn", "Refused", "Unavailable", "presented"]
