from tests.races.places import alias, on_dynamodb_local, on_moto, place

__all__ = ["alias", "on_dynamodb_local", "on_moto", "place"]
