"""The least that Flask can be asked for."""

from flask import Flask

app = Flask("bare")


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}
