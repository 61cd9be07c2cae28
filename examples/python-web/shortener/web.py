"""The web application; gunicorn serves it."""
import os
from pathlib import Path

from flask import Flask, jsonify, redirect, render_template_string, request

from .links import BadAddress, Links

PAGE = """<!doctype html>
<title>Short links</title>
<h1>Short links</h1>
<form method="post" action="/"><input name="url" size="50" placeholder="https://…"> <button>Shorten</button></form>
<table>{% for link in links %}
<tr><td><a href="/{{ link.name }}">{{ link.name }}</a></td><td>{{ link.url }}</td><td>{{ link.hits }}</td></tr>{% endfor %}
</table>
"""


def make_app(database: str) -> Flask:
    app = Flask(__name__)
    links = Links(database)

    @app.get("/")
    def page():
        return render_template_string(PAGE, links=links.all())

    @app.post("/")
    def add_from_page():
        links.add(request.form.get("url", ""))
        return redirect("/", code=303)

    @app.post("/api/links")
    def add():
        url = (request.get_json(silent=True) or {}).get("url", "")
        return jsonify(name=links.add(url), url=url), 201

    @app.get("/api/links")
    def all_links():
        return jsonify(links.all())

    @app.get("/health")
    def health():
        return jsonify(status="ok", links=len(links.all()))

    @app.get("/<name>")
    def follow(name: str):
        url = links.follow(name)
        return redirect(url) if url else (jsonify(error=f"nothing is called {name}"), 404)

    @app.errorhandler(BadAddress)
    def bad_address(problem: BadAddress):
        return jsonify(error=str(problem)), 400

    return app


def from_environment() -> Flask:
    directory = Path(os.environ.get("DATA", "/data"))
    directory.mkdir(parents=True, exist_ok=True)
    return make_app(str(directory / "links.db"))
