"""What Lambda hands to an authorizer. Light: a cold start is measured with it."""

import os

KEY = os.environ.get("BENCH_KEY", "")
ID = os.environ.get("BENCH_ID", "")


class Context:
    """Lambda's context object, as far as anyone here looks at it."""

    function_name = "authorizer"
    function_version = "1"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:authorizer"
    aws_request_id = "8b2ce1d2-5c53-4f61-9a4c-8e1b1a6d2f3e"


def event(key: str) -> dict[str, object]:
    """Return a REST API's REQUEST authorizer event that presents `key`, as from a real client."""
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Authorization": f"Bearer {key}",
        "Host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "python-requests/2.32.5",
        "X-Amzn-Trace-Id": "Root=1-6922f0c5-3f1d2c4b5a69788796a5b4c3",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/GET/orders/42",
        "resource": "/orders/{id}",
        "path": "/orders/42",
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {},
        "multiValueQueryStringParameters": {},
        "pathParameters": {"id": "42"},
        "stageVariables": {},
        "requestContext": {
            "resourceId": "m3n4o5",
            "resourcePath": "/orders/{id}",
            "httpMethod": "GET",
            "extendedRequestId": "UOeQqHkzoAMFtuA=",
            "requestTime": "23/Nov/2026:12:00:00 +0000",
            "path": "/prod/orders/42",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": "a1b2c3d4e5",
            "requestTimeEpoch": 1795435200000,
            "requestId": "a6b5c4d3-e2f1-4a0b-9c8d-7e6f5a4b3c2d",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "python-requests/2.32.5"},
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "apiId": "a1b2c3d4e5",
        },
    }
