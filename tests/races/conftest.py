from tests.dynamodb_local import dynamodb_local
from tests.races.places import alias, on_dynamodb_local, on_moto, place

__all__ = ["alias", "dynamodb_local", "on_dynamodb_local", "on_moto", "place"]
