"""What is taken for the body of a request."""

import json

import pytest
from flask import Flask, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from order_service.domain.errors import InvalidValue
from order_service.interface.http.bodies import json_body

JSON = "application/json"


@pytest.fixture
def app() -> Flask:
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 10_000
    return app


def refused(app: Flask, data: bytes | str, **options: str) -> InvalidValue:
    with (
        app.test_request_context(method="POST", data=data, content_type=JSON, **options),
        pytest.raises(InvalidValue) as invalid,
    ):
        json_body(request)
    return invalid.value


def test_a_body_that_is_a_json_object_is_read(app: Flask) -> None:
    with app.test_request_context(method="POST", json={"itemId": "a"}):
        assert json_body(request) == {"itemId": "a"}


@pytest.mark.parametrize(
    "data",
    [
        *("", "{", "[]", "null", "1", '"{}"', "[" * 9999, '{"a":' * 1999),
        *('{"a": NaN}', '{"a": -Infinity}', '{"a": ' + "9" * 5000 + "}", "{'a': 1}", '{"a": 1,}'),
        *(b"\xff", b'{"a": "\xed\xa0\x80"}', '{"a": 1}'.encode("utf-16"), "\0", "{}{}"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(data: bytes | str, app: Flask) -> None:
    error = refused(app, data)
    assert [field for field, _ in error.problems] == ["body"]


@pytest.mark.parametrize(
    "data", ['{"quantity":1,"quantity":100}', '{"a":[{"quantity":1,"b":2,"quantity":1}]}']
)
def test_a_body_with_a_name_given_twice_is_refused(data: str, app: Flask) -> None:
    error = refused(app, data)
    assert error.problems == (("quantity", "must be given once"),)


def test_a_long_name_that_is_given_twice_is_repeated_in_part_alone(app: Flask) -> None:
    name = "x" * 4000
    assert refused(app, f'{{"{name}":1,"{name}":1}}').problems == (
        (name[:40], "must be given once"),
    )


def test_a_body_may_have_one_name_in_each_of_its_objects(app: Flask) -> None:
    body = {"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}
    with app.test_request_context(method="POST", json=body):
        assert json_body(request) == body


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_a_content_type_other_than_json_is_refused(content_type: str, app: Flask) -> None:
    with (
        app.test_request_context(method="POST", data="{}", content_type=content_type),
        pytest.raises(UnsupportedMediaType),
    ):
        json_body(request)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "gzip,identity", "x"])
def test_a_packed_body_is_a_415(coding: str, app: Flask) -> None:
    with (
        app.test_request_context(
            method="POST", data="{}", content_type=JSON, headers={"Content-Encoding": coding}
        ),
        pytest.raises(HTTPException) as refusal,
    ):
        json_body(request)
    assert refusal.value.code == 415
    assert dict(refusal.value.get_headers())["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_a_body_whose_content_encoding_is_identity_is_read(coding: str, app: Flask) -> None:
    headers = {"Content-Encoding": coding}
    with app.test_request_context(method="POST", json={}, headers=headers):
        assert json_body(request) == {}


def test_a_body_over_the_limit_is_refused(app: Flask) -> None:
    data = json.dumps({}).ljust(10_001)
    with (
        app.test_request_context(method="POST", data=data, content_type=JSON),
        pytest.raises(RequestEntityTooLarge),
    ):
        json_body(request)
