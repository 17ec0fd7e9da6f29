"""What is the same for every operation."""

SERVERS = [
    {
        "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
        "description": "A deployed stack: its output Url.",
        "variables": {
            "api": {"default": "api-id"},
            "region": {"default": "us-east-1"},
            "stage": {"default": "v1"},
        },
    },
    {"url": "http://127.0.0.1:8000", "description": "What make run serves."},
]
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key string."},
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The key string. Where both are sent they must be the same.",
    },
}
HEADERS = {
    "Cache-Control": ("No answer is to be kept.", {"type": "string", "const": "no-store"}),
    "X-Request-Id": ("Names the request, in the log too.", {"type": "string", "minLength": 1}),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("The scheme to use.", {"type": "string", "const": "Bearer"}),
}
ALWAYS = frozenset({"Cache-Control", "X-Request-Id"})
ERROR = {
    "description": "Every error has this form. It never holds what was sent.",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "For a person."},
        "code": {"type": "string", "description": "For a program; stable."},
        "request_id": {"type": "string", "description": "The same as `X-Request-Id`."},
    },
    "required": ["error", "code", "request_id"],
}
