"""gunicorn's reading of a request that has arrived whole."""

from io import BytesIO
from typing import Any

from gunicorn.http.errors import NoMoreData

from order_service.interface.http.server.connection import Connection
from order_service.interface.http.server.refusals import BodyTooLong, HeadTooLong


def read(conn: Connection) -> Any:
    """gunicorn's request, with the body in memory. Raises errors that ``refusals`` answers."""
    arrived = conn.arriving
    try:
        request = next(conn.parser)
    except (NoMoreData, StopIteration):
        raise HeadTooLong if arrived.head_too_long else NoMoreData from None
    if arrived.head_too_long:
        raise HeadTooLong
    if arrived.chunks_too_long:
        raise BodyTooLong
    if not arrived.is_sound:
        request.force_close()
    if not arrived.body_left_unread:
        # Read here, so that a bad body is found before the application acts on the request.
        request.body = BytesIO(request.body.read())
        conn.require_agreement()
    return request
