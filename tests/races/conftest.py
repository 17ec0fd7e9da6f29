from tests.dynamodb_local import dynamodb_local
from tests.races.places import alias, moto_server, on_dynamodb_local, on_moto, place

__all__ = ["alias", "dynamodb_local", "moto_server", "on_dynamodb_local", "on_moto", "place"]
